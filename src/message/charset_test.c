/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/charset.h"

#include "message/test.h"

#include "base/utf8.h"

static int prepare(void **state)
{
    charset_prepare();
    return create_arena(state);
}

static struct bytes decode(const char *label, struct bytes text, bool *clean)
{
    const struct charset *charset = charset_find(bytes_of(label));
    struct buf out;
    if (!charset)
        fail_msg("%s is not known", label);
    buf_init(&out, 3 * text.len + 16);
    *clean = charset_decode(charset, text, &out);
    assert_false(out.failed);
    struct bytes copy = arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    return copy;
}

static void assert_decodes(const char *label, struct bytes text, const char *expected)
{
    bool clean;
    assert_bytes(decode(label, text, &clean), expected);
    assert_true(clean);
}

static void assert_damaged(const char *label, struct bytes text, const char *expected)
{
    bool clean;
    assert_bytes(decode(label, text, &clean), expected);
    assert_false(clean);
}

static void latin1_is_read_as_windows_1252(void **state)
{
    (void)state;
    assert_decodes("iso-8859-1", BYTES("caf\xe9 \x80 \x93x\x94"), "café € “x”");
    assert_decodes("us-ascii", BYTES("plain"), "plain");
    assert_ptr_equal(charset_find(BYTES("latin1")), charset_find(BYTES("Windows-1252")));
}

static void names_are_found_however_they_are_written(void **state)
{
    (void)state;
    assert_ptr_equal(charset_find(BYTES("UTF8")), charset_find(BYTES("utf-8")));
    assert_ptr_equal(charset_find(BYTES("ISO_8859-2")), charset_find(BYTES("iso8859-2")));
    assert_ptr_equal(charset_find(BYTES("ks_c_5601-1987")), charset_find(BYTES("EUC-KR")));
    assert_null(charset_find(BYTES("x-no-such-thing")));
    assert_null(charset_find(BYTES("")));
    assert_null(charset_find(BYTES("ISO-2022-CN-EXT"))); /* not on the list */
}

static void single_octet_charsets(void **state)
{
    (void)state;
    assert_decodes("koi8-r", BYTES("\xd0\xd2\xc9\xd7\xc5\xd4"), "привет");
    assert_decodes("windows-1251", BYTES("\xef\xf0\xe8\xe2\xe5\xf2, x"), "привет, x");
    assert_decodes("iso-8859-2", BYTES("\xb1\xe6\xea"), "ąćę");
    assert_decodes("iso-8859-9", BYTES("\xfe\xf0\xfd"), "şğı");
    assert_decodes("iso-8859-15", BYTES("\xa4"), "€");
    assert_decodes("windows-1253", BYTES("\xe3\xe5\xe9\xdc"), "γειά");
    assert_decodes("windows-1256", BYTES("\xe3\xd1"), "مر");
    assert_decodes("tis-620", BYTES("\xca\xc7"), "สว");
    assert_damaged("windows-1253", BYTES("a\xd2z"), "a\xef\xbf\xbdz");
}

static void double_octet_charsets(void **state)
{
    (void)state;
    assert_decodes("gb2312", BYTES("\xc4\xe3\xba\xc3 ok"), "你好 ok");
    assert_decodes("big5", BYTES("\xa7\x41\xa6\x6e"), "你好");
    assert_decodes("euc-kr", BYTES("\xc7\xd1\xb1\xdb"), "한글");
    assert_decodes("shift_jis", BYTES("\x93\xfa\x96\x7b\xb1"), "日本ｱ");
    assert_decodes("euc-jp", BYTES("\xc6\xfc\xcb\xdc\x8e\xb1"), "日本ｱ");
    assert_decodes("gb18030", BYTES("\x95\x32\x82\x36"), "\xf0\xa0\x80\x80"); /* U+20000 */
    assert_damaged("gbk", BYTES("a\xff"), "a\xef\xbf\xbd");
    assert_damaged("big5", BYTES("\xa7"), "\xef\xbf\xbd");
}

static void charsets_with_shifts(void **state)
{
    (void)state;
    assert_decodes("iso-2022-jp", BYTES("\x1b$BF|K\\\x1b(B ok"), "日本 ok");
    assert_decodes("iso-2022-jp", BYTES("\x1b(I1\x1b(B"), "ｱ");
    assert_decodes("iso-2022-kr", BYTES("\x1b$)C\x0eGQ1[\x0f ok"), "한글 ok");
    assert_decodes("hz-gb-2312", BYTES("~{Dc:C~} ~~"), "你好 ~");
    assert_decodes("utf-7", BYTES("1 +- 1 +ZeVnLIqe-."), "1 + 1 日本語."); /* rfc2152 */
    assert_decodes("utf-7", BYTES("+2D3eAA-"), "\xf0\x9f\x98\x80");
    assert_damaged("utf-7", BYTES("+2D0-"), "\xef\xbf\xbd"); /* half a pair */
    assert_damaged("iso-2022-jp", BYTES("\x1bx"), "\xef\xbf\xbdx");
}

static void a_line_end_ends_a_shift_rfc1468(void **state)
{
    (void)state;
    assert_decodes("iso-2022-jp", BYTES("\x1b$BF|\nok"), "日\nok");
}

static void utf16_of_either_order(void **state)
{
    (void)state;
    assert_decodes("utf-16le", BYTES("a\0\x3d\xd8\0\xde"), "a\xf0\x9f\x98\x80");
    assert_decodes("utf-16be", BYTES("\0a\x20\xac"), "a€");
    assert_decodes("utf-16le",
                   BYTES("\xff\xfe"
                         "a\0"),
                   "a"); /* without its mark */
    assert_damaged("utf-16le",
                   BYTES("\x3d\xd8"
                         "a\0"),
                   "\xef\xbf\xbd"
                   "a");
    assert_damaged("utf-16be", BYTES("\0ab"), "a\xef\xbf\xbd");
    assert_string_equal(charset_name(charset_of_mark(BYTES("\xfe\xff\0a"))), "UTF-16BE");
}

static void octets_that_are_not_utf8_are_replaced_one_by_one(void **state)
{
    (void)state;
    assert_decodes("utf-8", BYTES("\xef\xbb\xbfgr\xc3\xbc\xc3\x9f"), "grüß");
    assert_damaged("utf-8", BYTES("a\xc3(\xff"), "a\xef\xbf\xbd(\xef\xbf\xbd");
    assert_damaged("utf-8", BYTES("\xc0\xaf\xed\xa0\x80"),
                   "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

static void a_text_without_label_is_utf8_if_it_can_be(void **state)
{
    (void)state;
    assert_true(charset_is_utf8(charset_guess(BYTES("gr\xc3\xbc"))));
    assert_string_equal(charset_name(charset_guess(BYTES("gr\xfc"))), "windows-1252");
}

/* Each charset, every octet and every pair: UTF-8 comes, no more than three octets for one. */
static void any_octets_of_any_charset_become_utf8_of_bounded_length(void **state)
{
    static const char *const labels[] = {"utf-8",       "utf-16",    "utf-7",        "gb18030",     "big5",
                                         "shift_jis",   "euc-jp",    "euc-kr",       "iso-2022-jp", "iso-2022-kr",
                                         "hz",          "koi8-u",    "windows-1258", "viscii",      "ibm866",
                                         "iso-8859-16", "macintosh", "windows-874"};
    uint8_t *all = malloc(2 << 16);
    (void)state;
    for (size_t i = 0; i < 1 << 16; i++) {
        all[2 * i] = (uint8_t)(i >> 8);
        all[2 * i + 1] = (uint8_t)i;
    }
    for (size_t i = 0; i < countof(labels); i++) {
        bool clean;
        assert_true(utf8_is_valid(decode(labels[i], bytes_from(all, 2 << 16), &clean)));
    }
    free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(latin1_is_read_as_windows_1252),
        cmocka_unit_test(names_are_found_however_they_are_written),
        cmocka_unit_test(single_octet_charsets),
        cmocka_unit_test(double_octet_charsets),
        cmocka_unit_test(charsets_with_shifts),
        cmocka_unit_test(a_line_end_ends_a_shift_rfc1468),
        cmocka_unit_test(utf16_of_either_order),
        cmocka_unit_test(octets_that_are_not_utf8_are_replaced_one_by_one),
        cmocka_unit_test(a_text_without_label_is_utf8_if_it_can_be),
        cmocka_unit_test(any_octets_of_any_charset_become_utf8_of_bounded_length),
    };
    return cmocka_run_group_tests(tests, prepare, destroy_arena);
}
