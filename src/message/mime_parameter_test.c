/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/mime_parameter.h"

#include "message/test.h"

static struct mime_value read_value(const char *field)
{
    struct mime_value value;
    assert_true(mime_value_parse(arena, bytes_of(field), &value));
    return value;
}

static void assert_parameter(const struct mime_value *value, const char *name, const char *expected)
{
    const struct mime_parameter *parameter = mime_parameter(value, name);
    assert_non_null(parameter);
    assert_bytes(parameter->value, expected);
}

static void assert_text(const char *field, const char *expected, bool utf8)
{
    struct mime_value value = read_value(field);
    struct mime_text text;
    assert_non_null(mime_parameter(&value, "filename"));
    assert_true(mime_parameter_text(arena, mime_parameter(&value, "filename"), &text));
    assert_bytes(text.octets, expected);
    assert_int_equal(text.utf8, utf8);
}

static void words_and_comments_rfc2045_5_1(void **state)
{
    struct mime_value value = read_value("Text / PLAIN (a comment) ; Charset=us-ascii (Plain text)");
    assert_bytes(value.word, "text/plain");
    assert_parameter(&value, "charset", "us-ascii");
    assert_false(value.malformed);
    value = read_value("multipart/mixed;\r\n boundary=\"a;\\\"b\\\\\";;x=1;");
    assert_parameter(&value, "boundary", "a;\"b\\");
    assert_parameter(&value, "x", "1");
    assert_false(value.malformed);
}

static void what_programs_write_beside_the_grammar(void **state)
{
    struct mime_value value = read_value("multipart/mixed boundary=\"x\" charset=\"y\"");
    assert_bytes(value.word, "multipart/mixed");
    assert_parameter(&value, "boundary", "x");
    assert_parameter(&value, "charset", "y");
    assert_true(value.malformed);
    value = read_value("attachment; filename=my file (1).pdf; size=3");
    assert_parameter(&value, "filename", "my file (1).pdf");
    assert_parameter(&value, "size", "3");
    value = read_value("multipart/mixed; boundary=\"never closed");
    assert_parameter(&value, "boundary", "never closed");
    assert_true(value.malformed);
    value = read_value("boundary=x; name=y");
    assert_bytes(value.word, "");
    assert_parameter(&value, "boundary", "x");
    value = read_value("text/plain; =x; ;; name; charset=z");
    assert_parameter(&value, "charset", "z");
    value = read_value("attachment; filename=\"C:\\dir\\file.txt\"");
    assert_parameter(&value, "filename", "C:\\dir\\file.txt");
}

static void continuations_join_in_any_order_rfc2231_3(void **state)
{
    struct mime_value value = read_value("message/external-body; URL*1=\"cs.utk.edu/x\"; URL*0=\"ftp://\"");
    assert_parameter(&value, "url", "ftp://cs.utk.edu/x");
    assert_int_equal(value.count, 1);
    assert_false(value.malformed);
}

static void a_gap_ends_a_continuation(void **state)
{
    struct mime_value value = read_value("attachment; filename*0=a; filename*2=c");
    assert_parameter(&value, "filename", "a");
    assert_true(value.malformed);
}

static void charset_and_language_rfc2231_4(void **state)
{
    struct mime_value value =
        read_value("application/x-stuff; title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A");
    assert_parameter(&value, "title", "This is ***fun***");
    assert_bytes(mime_parameter(&value, "title")->charset, "us-ascii");
    assert_bytes(mime_parameter(&value, "title")->language, "en-us");
    value = read_value("a/b; t*0*=us-ascii'en'A%20; t*1*=%2Ab; t*2=\"%20c\"");
    assert_parameter(&value, "t", "A *b%20c");
    value = read_value("a/b; t*=utf-8''100%; u*=novalue%20");
    assert_parameter(&value, "t", "100%");
    assert_parameter(&value, "u", "novalue ");
    assert_true(value.malformed);
}

static void the_extended_form_counts_before_the_plain(void **state)
{
    assert_text("attachment; filename=\"plain.txt\"; filename*=utf-8''real.exe", "real.exe", true);
    assert_text("attachment; filename*=utf-8''real.exe; filename=\"plain.txt\"", "real.exe", true);
}

static void file_names_of_real_mail_rfc2047(void **state)
{
    assert_text("attachment; filename=\"=?UTF-8?Q?gr=C3=BC?= =?utf-8?b?w58u?=exe\"", "gr\xc3\xbc\xc3\x9f.exe",
                true);
    assert_text("attachment; filename==?iso-8859-1?Q?a_=fc?=", "a \xc3\xbc", true);
    assert_text("attachment; filename=\"=?koi8-r?B?89DJ08/L?=\"", "\xf3\xd0\xc9\xd3\xcf\xcb", false);
    assert_text("attachment; filename=\"=?utf-8?x?no?= =?utf-8?q?open\"", "=?utf-8?x?no?= =?utf-8?q?open", true);
    assert_text("attachment; filename=\"=?utf-8?B?YWI?=\"", "ab", true); /* padding forgotten */
    assert_text("attachment; filename*=iso-8859-1''gr%FCn", "gr\xc3\xbcn", true);
    assert_text("attachment; filename*=utf-8''%ff", "\xff", false);
}

static void the_number_of_parameters_is_limited(void **state)
{
    struct mime_value value;
    struct bytes many = repeat("; a=b", 10000);
    assert_true(mime_value_parse(arena, many, &value));
    assert_int_equal(value.count, MIME_PARAMETERS_MAX);
    assert_true(value.malformed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_comments_rfc2045_5_1),
        cmocka_unit_test(what_programs_write_beside_the_grammar),
        cmocka_unit_test(continuations_join_in_any_order_rfc2231_3),
        cmocka_unit_test(a_gap_ends_a_continuation),
        cmocka_unit_test(charset_and_language_rfc2231_4),
        cmocka_unit_test(the_extended_form_counts_before_the_plain),
        cmocka_unit_test(file_names_of_real_mail_rfc2047),
        cmocka_unit_test(the_number_of_parameters_is_limited),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
