/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/header.h"

#include "message/message.h"
#include "message/test.h"

static struct buf out;

static struct bytes write_text(const char *name, struct bytes text)
{
    buf_free(&out);
    buf_init(&out, 1 << 20);
    header_write(&out, name, text);
    assert_false(out.failed);
    return buf_bytes(&out);
}

static void a_short_field_is_one_line(void **state)
{
    assert_bytes(write_text("Subject", BYTES("hello")), "Subject: hello\r\n");
    assert_bytes(write_text("Subject", BYTES(" \r\n ")), "Subject:\r\n");
}

static void a_long_field_is_folded_before_column_78_rfc5322_2_1_1(void **state)
{
    struct bytes text = bytes_trim(repeat("word ", 100));
    struct bytes field = write_text("Subject", text);
    assert_one_field(field, 78);
    /* Unfolding gives the same text again. */
    struct bytes value = bytes_skip(bytes_first(field, field.len - 2), 8);
    assert_true(bytes_equal(header_unfold(arena, value), text));
    assert_int_equal(field.len, 8 + 1 + text.len + 2 + 2 * 6);
}

static void the_column_78_itself_is_used(void **state)
{
    char text[100];
    memset(text, 'x', sizeof(text));
    text[30] = ' ';
    /* "Subject: " and 69 octets are 78. */
    assert_null(memchr(write_text("Subject", bytes_from(text, 69)).ptr, '\n', 77));
    assert_non_null(memchr(write_text("Subject", bytes_from(text, 70)).ptr, '\n', 77));
}

static void what_has_no_spaces_is_not_folded(void **state)
{
    struct bytes field = write_text("A", repeat("x", 200));
    /* The only place is before the word. */
    assert_true(bytes_starts_with(field, BYTES("A:\r\n x")));
}

static void control_characters_and_bad_utf8_are_replaced(void **state)
{
    assert_bytes(write_text("A", BYTES("x\r\nBcc: y\0z\x7f\t.")), "A: x\?\?Bcc: y?z?\t.\r\n");
    assert_bytes(write_text("A", BYTES("j\xc3\xb6rg \xf6 \xed\xa0\x80")),
                 "A: j\xc3\xb6rg ? \?\?\?\r\n");
}

static void no_fold_leaves_a_blank_line_rfc5322_3_2_2(void **state)
{
    struct bytes text = arena_printf(arena, BYTES_FMT "       \t    " BYTES_FMT,
                                     BYTES_ARG(repeat("x", 75)), BYTES_ARG(repeat("y", 75)));
    assert_one_field(write_text("A", text), 998);
}

static void quoted_strings_and_comments_escape_what_would_end_them(void **state)
{
    struct header_writer w;
    buf_free(&out);
    buf_init(&out, 1000);
    header_begin(&w, &out, "A");
    header_space(&w);
    header_put_quoted(&w, BYTES("a\"b\\c(d)"));
    header_space(&w);
    header_put_comment(&w, BYTES("a\"b\\c(d)"));
    header_end(&w);
    assert_bytes(buf_bytes(&out), "A: \"a\\\"b\\\\c(d)\" (a\"b\\\\c\\(d\\))\r\n");
}

static void a_full_buffer_shows(void **state)
{
    struct buf small;
    for (size_t max = 0; max < 300; max++) {
        buf_init(&small, max);
        header_write(&small, "Subject",
                     BYTES("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbb "
                           "cccccccccccccccccccccccccccccccc ddddddddddddddddddddddddd"));
        assert_int_equal(small.failed, max < 9 + 121 + 2 + 2);
        buf_free(&small);
    }
}

static void field_names_are_graphic_and_have_no_colon(void **state)
{
    assert_true(header_name_is_valid(BYTES("X-Spam!")));
    assert_false(header_name_is_valid(BYTES("")));
    assert_false(header_name_is_valid(BYTES("a b")));
    assert_false(header_name_is_valid(BYTES("a:")));
    assert_false(header_name_is_valid(BYTES("a\xc3")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_field_is_one_line),
        cmocka_unit_test(a_long_field_is_folded_before_column_78_rfc5322_2_1_1),
        cmocka_unit_test(the_column_78_itself_is_used),
        cmocka_unit_test(what_has_no_spaces_is_not_folded),
        cmocka_unit_test(control_characters_and_bad_utf8_are_replaced),
        cmocka_unit_test(no_fold_leaves_a_blank_line_rfc5322_3_2_2),
        cmocka_unit_test(quoted_strings_and_comments_escape_what_would_end_them),
        cmocka_unit_test(a_full_buffer_shows),
        cmocka_unit_test(field_names_are_graphic_and_have_no_colon),
    };
    int failed = cmocka_run_group_tests(tests, create_arena, destroy_arena);
    buf_free(&out);
    return failed;
}
