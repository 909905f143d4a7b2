/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/message.h"

#include "message/test.h"

static struct message parse(const char *text)
{
    struct message message;
    struct error error;
    assert_int_equal(message_parse(arena, bytes_of(text), &message, &error), OK);
    return message;
}

static void a_message_is_split_into_fields_and_body(void **state)
{
    struct message m = parse("From: a@b\r\nSubject: x\r\n y\r\n\r\nbody\r\n");
    assert_int_equal(m.field_count, 2);
    assert_bytes(m.fields[1].raw, "Subject: x\r\n y\r\n");
    assert_bytes(m.fields[1].name, "Subject");
    assert_bytes(m.fields[1].value, " x\r\n y");
    assert_bytes(m.header, "From: a@b\r\nSubject: x\r\n y\r\n");
    assert_bytes(m.body, "body\r\n");
    assert_false(m.malformed);
}

static void blanks_before_the_colon_do_not_belong_to_the_name_rfc5322_4_5(void **state)
{
    struct message m = parse("Subject \t: x\r\n\r\n");
    assert_bytes(m.fields[0].name, "Subject");
    assert_bytes(m.fields[0].value, " x");
}

static void a_line_that_is_no_field_ends_the_header(void **state)
{
    struct message m = parse("A: 1\r\nno field\r\nB: 2\r\n\r\n");
    assert_int_equal(m.field_count, 1);
    assert_true(m.malformed);
    assert_bytes(m.body, "no field\r\nB: 2\r\n\r\n");
}

static void a_name_does_not_reach_into_the_next_line(void **state)
{
    struct message m = parse("A\r\n : 1\r\n\r\n");
    assert_int_equal(m.field_count, 0);
    assert_true(m.malformed);
}

static void a_continuation_cannot_begin_a_header(void **state)
{
    struct message m = parse(" A: 1\r\n\r\n");
    assert_int_equal(m.field_count, 0);
    assert_true(m.malformed);
}

static void a_lone_line_feed_ends_no_line(void **state)
{
    struct message m = parse("A: 1\nB: 2\r\n\r\nx");
    assert_int_equal(m.field_count, 1);
    assert_bytes(m.fields[0].value, " 1\nB: 2");
}

static void an_empty_message_has_no_fields_and_is_not_malformed(void **state)
{
    struct message m = parse("");
    assert_int_equal(m.field_count, 0);
    assert_false(m.malformed);
    m = parse("\r\nbody");
    assert_bytes(m.body, "body");
    m = parse("A: 1\r\n");
    assert_int_equal(m.field_count, 1);
    assert_int_equal(m.body.len, 0);
    assert_false(m.malformed);
}

static void the_last_field_may_be_cut_off(void **state)
{
    struct message m = parse("A: 1\r\nB: 2");
    assert_int_equal(m.field_count, 2);
    assert_bytes(m.fields[1].value, " 2");
}

static void a_field_name_holds_no_octet_above_127(void **state)
{
    assert_true(parse("S\xc3\xa9: 1\r\n\r\n").malformed);
}

static void fields_are_found_by_name_in_any_case(void **state)
{
    struct message m = parse("To: 1\r\nTO: 2\r\nfrom: 3\r\n\r\n");
    const struct header_field *first = message_field(&m, "to", 0);
    assert_ptr_equal(first, &m.fields[0]);
    assert_ptr_equal(message_field(&m, "to", 1), &m.fields[1]);
    assert_null(message_field(&m, "to", 2));
    assert_int_equal(message_field_count(&m, "tO"), 2);
    assert_null(message_field(&m, "t", 0));
}

static enum result parse_repeated(const char *text, size_t count)
{
    struct message message;
    return message_parse(arena, repeat(text, count), &message, NULL);
}

static void headers_beyond_the_limits_are_refused(void **state)
{
    assert_int_equal(parse_repeated("A: b\r\n", HEADER_FIELDS_MAX), OK);
    assert_int_equal(parse_repeated("A: b\r\n", HEADER_FIELDS_MAX + 1), PERM);
    assert_int_equal(parse_repeated("A:b", HEADER_FIELD_MAX / 3), OK);
    assert_int_equal(parse_repeated("A:b", HEADER_FIELD_MAX / 3 + 1), PERM);
    char field[3000];
    memset(field, 'x', sizeof(field));
    memcpy(field, "A:", 2);
    memcpy(field + sizeof(field) - 3, "\r\n", 3); /* its NUL too */
    assert_int_equal(parse_repeated(field, 300), OK);
    assert_int_equal(parse_repeated(field, 360), PERM);
}

static void a_full_arena_is_a_temporary_failure(void **state)
{
    struct arena *small = arena_create(64);
    struct message message;
    assert_int_equal(message_parse(small, BYTES("A: b\r\n\r\n"), &message, NULL), TEMP);
    assert_null(message_normalize(small, repeat("x", 100)).ptr);
    arena_destroy(small);
}

static void line_ends_of_all_kinds_become_crlf(void **state)
{
    assert_bytes(message_normalize(arena, BYTES("a\nb\r\nc\rd\n\n")), "a\r\nb\r\nc\r\nd\r\n\r\n");
    assert_bytes(message_normalize(arena, BYTES("a\r")), "a\r\n");
    assert_bytes(message_normalize(arena, BYTES("")), "");
}

static void a_leading_mbox_line_is_dropped_and_only_that(void **state)
{
    assert_bytes(message_normalize(arena, BYTES("From a Mon\nFrom: a\n")), "From: a\r\n");
    assert_bytes(message_normalize(arena, BYTES("From: a\nFrom b\n")), "From: a\r\nFrom b\r\n");
    assert_bytes(message_normalize(arena, BYTES("From a")), "");
    /* rfc5322:4.5.2: a field in the old manner. */
    assert_bytes(message_normalize(arena, BYTES("From : a@b.example\n")), "From : a@b.example\r\n");
}

static void unfolding_removes_line_ends_before_blanks(void **state)
{
    assert_bytes(header_unfold(arena, BYTES(" a\r\n b\r\n\tc ")), "a b\tc");
    assert_bytes(header_unfold(arena, BYTES(" \r\n a")), "a");
    assert_bytes(header_unfold(arena, BYTES("")), "");
}

static void unfolding_copies_only_what_was_folded(void **state)
{
    struct bytes value = BYTES("  plain  ");
    assert_ptr_equal(header_unfold(arena, value).ptr, value.ptr + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_split_into_fields_and_body),
        cmocka_unit_test(blanks_before_the_colon_do_not_belong_to_the_name_rfc5322_4_5),
        cmocka_unit_test(a_line_that_is_no_field_ends_the_header),
        cmocka_unit_test(a_name_does_not_reach_into_the_next_line),
        cmocka_unit_test(a_continuation_cannot_begin_a_header),
        cmocka_unit_test(a_lone_line_feed_ends_no_line),
        cmocka_unit_test(an_empty_message_has_no_fields_and_is_not_malformed),
        cmocka_unit_test(the_last_field_may_be_cut_off),
        cmocka_unit_test(a_field_name_holds_no_octet_above_127),
        cmocka_unit_test(fields_are_found_by_name_in_any_case),
        cmocka_unit_test(headers_beyond_the_limits_are_refused),
        cmocka_unit_test(a_full_arena_is_a_temporary_failure),
        cmocka_unit_test(line_ends_of_all_kinds_become_crlf),
        cmocka_unit_test(a_leading_mbox_line_is_dropped_and_only_that),
        cmocka_unit_test(unfolding_removes_line_ends_before_blanks),
        cmocka_unit_test(unfolding_copies_only_what_was_folded),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
