/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/mime.h"

#include "base/encode.h"
#include "message/test.h"

static struct mime parse_with(struct bytes raw, bool skip_bad_lines)
{
    struct message message;
    struct mime mime;
    struct mime_options options = {.skip_bad_lines = skip_bad_lines};
    assert_int_equal(message_parse(arena, raw, &message, NULL), OK);
    assert_int_equal(mime_parse(arena, &message, &options, &mime, NULL), OK);
    return mime;
}

static struct mime parse(const char *text)
{
    return parse_with(message_normalize(arena, bytes_of(text)), false);
}

/* The part with that number. */
static const struct mime_part *part_of(const struct mime *mime, const char *number)
{
    char space[MIME_NUMBER_MAX];
    for (const struct mime_part *part = mime->root; part; part = mime_next(part))
        if (part->kind != MIME_MULTIPART && bytes_is(mime_part_number(part, space), number))
            return part;
    fail_msg("there is no part %s", number);
    return NULL;
}

static void a_message_without_mime_is_one_text_rfc2045_5_2(void **state)
{
    struct mime mime = parse("Subject: x\n\nhello\n");
    assert_int_equal(mime.part_count, 1);
    assert_true(mime_is(mime.root, "text", "plain"));
    assert_false(mime.root->type_given);
    assert_bytes(mime.root->body, "hello\r\n");
    assert_int_equal(mime.flags, 0);
    assert_ptr_equal(part_of(&mime, "1"), mime.root);
}

static void parts_are_numbered_as_imap_does_rfc3501_6_4_5(void **state)
{
    struct mime mime = parse("Content-Type: multipart/mixed; boundary=o\n\n"
                             "--o\n\na\n"
                             "--o\nContent-Type: message/rfc822\n\nSubject: s\n"
                             "Content-Type: multipart/alternative; boundary=i\n\n--i\n\nb\n--i\n\nc\n--i--\n"
                             "--o\nContent-Type: message/rfc822\n\nSubject: t\n\nd\n--o--\n");
    assert_bytes(part_of(&mime, "1")->body, "a");
    assert_true(part_of(&mime, "2")->kind == MIME_MESSAGE);
    assert_bytes(part_of(&mime, "2.1")->body, "b");
    assert_bytes(part_of(&mime, "2.2")->body, "c");
    assert_bytes(part_of(&mime, "3.1")->body, "d");
    assert_int_equal(mime.flags, 0);
}

static void the_raw_part_is_what_a_signature_covers_rfc1847_2_1(void **state)
{
    struct mime mime = parse("Content-Type: multipart/signed; boundary=b\n\npreamble\n"
                             "--b  \nX: y\n\ntext \n\n--b\n\nsignature\n--b--\nepilogue\n");
    assert_bytes(mime.root->first_child->raw, "X: y\r\n\r\ntext \r\n");
    assert_bytes(mime.root->preamble, "preamble");
    assert_bytes(mime.root->epilogue, "epilogue\r\n");
}

static void a_boundary_may_begin_as_another_does(void **state)
{
    struct mime mime = parse("Content-Type: multipart/mixed; boundary=b\n\n"
                             "--b\nContent-Type: multipart/mixed; boundary=b-1\n\n"
                             "--b-1\n\none\n--b-1--\n--b\n\ntwo\n--bc\n--b--\n");
    assert_bytes(part_of(&mime, "1.1")->body, "one");
    assert_bytes(part_of(&mime, "2")->body, "two\r\n--bc");
}

static void an_outer_delimiter_ends_what_is_open(void **state)
{
    struct mime mime = parse("Content-Type: multipart/mixed; boundary=o\n\n"
                             "--o\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\none\n"
                             "--o\n\ntwo\n");
    assert_bytes(part_of(&mime, "1.1")->body, "one");
    assert_bytes(part_of(&mime, "2")->body, "two\r\n");
    assert_true(mime.root->flags & MIME_UNCLOSED);
    assert_true(mime.root->first_child->flags & MIME_UNCLOSED);
}

static void a_multipart_without_boundary_is_opaque(void **state)
{
    struct mime mime = parse("Content-Type: multipart/mixed\n\n--\n\nx\n");
    assert_int_equal(mime.part_count, 1);
    assert_true(mime.root->kind == MIME_LEAF && mime.root->flags & MIME_NO_BOUNDARY);
    mime = parse("Content-Type: multipart/mixed; boundary=\"\"\n\n--\n\nx\n");
    assert_true(mime.root->kind == MIME_LEAF && mime.root->flags & MIME_NO_BOUNDARY);
}

static void the_first_of_two_content_types_counts(void **state)
{
    struct mime mime = parse("Content-Type: text/html\nContent-Type: text/plain\n\nx\n");
    assert_true(mime_is(mime.root, "text", "html"));
    assert_true(mime.flags & MIME_DUPLICATE_FIELD);
}

static void an_unreadable_type_is_plain_text_rfc2045_5_2(void **state)
{
    struct mime mime = parse("Content-Type: nonsense; name=x\n\ny\n");
    assert_true(mime_is(mime.root, "text", "plain"));
    assert_true(mime.flags & MIME_BAD_TYPE);
    assert_bytes(mime.root->file_name.octets, "x");
}

static void a_bad_line_starts_the_body_or_is_passed_over(void **state)
{
    const char *text = "Subject: x\nno field\nContent-Type: text/html\n\ny\n";
    struct mime mime = parse(text);
    assert_bytes(mime.root->body, "no field\r\nContent-Type: text/html\r\n\r\ny\r\n");
    assert_true(mime.flags & MIME_BAD_LINE);
    mime = parse_with(message_normalize(arena, bytes_of(text)), true);
    assert_bytes(mime.root->body, "y\r\n");
    assert_true(mime_is(mime.root, "text", "html"));
}

static void an_encoded_message_is_looked_into(void **state)
{
    struct mime mime = parse("Content-Type: multipart/mixed; boundary=b\n\n--b\n"
                             "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"
                             "U3ViamVjdDogaGlkZGVuCgp0ZXh0Cg==\n--b--\n");
    const struct mime_part *inner = part_of(&mime, "1.1");
    assert_non_null(mime_field(inner, "subject"));
    assert_bytes(inner->body, "text\r\n");
    assert_true(mime.flags & MIME_ENCODED_COMPOSITE);
}

static void a_file_name_comes_from_either_field(void **state)
{
    struct mime mime = parse("Content-Type: application/pdf; name=\"=?utf-8?B?w7wucGRm?=\"\n"
                             "Content-Disposition: attachment; filename*=iso-8859-1''%fc.exe\n\nx\n");
    assert_bytes(mime.root->file_name.octets, "\xc3\xbc.exe");
    mime = parse("Content-Type: application/pdf; name=\"=?utf-8?B?w7wucGRm?=\"\n\nx\n");
    assert_bytes(mime.root->file_name.octets, "\xc3\xbc.pdf");
    assert_true(mime.root->file_name.utf8);
}

/* Multiparts in each other, each with a boundary of its own. */
static struct bytes nested(unsigned depth)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    for (unsigned i = 0; i < depth; i++)
        buf_printf(&text, "Content-Type: multipart/mixed; boundary=b%u\r\n\r\n--b%u\r\n", i, i);
    buf_add_string(&text, "\r\ninnermost\r\n");
    struct bytes copy = arena_copy(arena, buf_bytes(&text));
    buf_free(&text);
    return copy;
}

static void nesting_ends_at_the_limit_and_the_rest_is_opaque(void **state)
{
    struct mime mime = parse_with(nested(MIME_DEPTH_MAX), false);
    assert_int_equal(mime.flags & MIME_TOO_DEEP, 0);
    assert_int_equal(mime.part_count, MIME_DEPTH_MAX + 1);
    mime = parse_with(nested(MIME_DEPTH_MAX + 20), false);
    assert_true(mime.flags & MIME_TOO_DEEP);
    assert_int_equal(mime.part_count, MIME_DEPTH_MAX + 1);
    const struct mime_part *last = mime.root;
    while (mime_next(last))
        last = mime_next(last);
    assert_true(bytes_ends_with(last->body, BYTES("innermost\r\n")));
}

static void parts_beyond_the_limit_stay_in_the_last(void **state)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_add_string(&text, "Content-Type: multipart/mixed; boundary=b\r\n");
    for (unsigned i = 0; i < MIME_PARTS_MAX + 10; i++)
        buf_add_string(&text, "\r\n--b\r\n\r\nx");
    buf_add_string(&text, "\r\nlast");
    struct mime mime = parse_with(buf_bytes(&text), false);
    assert_true(mime.flags & MIME_TOO_MANY_PARTS);
    assert_int_equal(mime.part_count, MIME_PARTS_MAX);
    assert_true(bytes_ends_with(mime.root->last_child->body, BYTES("last")));
    buf_free(&text);
}

static void a_boundary_beyond_70_octets_is_used_and_flagged_rfc2046_5_1_1(void **state)
{
    struct bytes boundary = repeat("0123456789", 8);
    struct bytes raw = arena_printf(arena, "Content-Type: multipart/mixed; boundary=" BYTES_FMT
                                    "\r\n\r\n--" BYTES_FMT "\r\n\r\nx\r\n",
                                    BYTES_ARG(boundary), BYTES_ARG(boundary));
    struct mime mime = parse_with(raw, false);
    assert_int_equal(mime.part_count, 2);
    assert_true(mime.flags & MIME_LONG_BOUNDARY);
}

/* Quoted-printable text without a "=" is the same at each level: twenty times the text, if all were
 * decoded. */
static void messages_in_messages_cannot_multiply(void **state)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    for (unsigned i = 0; i < 20; i++)
        buf_add_string(&text, "Content-Type: message/rfc822\r\n"
                              "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
    buf_add(&text, repeat("text text\r\n", 2000));
    struct mime mime = parse_with(buf_bytes(&text), false);
    assert_true(mime.flags & MIME_TOO_LARGE);
    assert_int_equal(mime.part_count, 3);
    buf_free(&text);
}

static void a_message_encoded_three_times_is_read(void **state)
{
    struct buf text, next;
    buf_init(&text, 1 << 20);
    buf_init(&next, 1 << 20);
    buf_add(&text, repeat("hidden\n", 1000));
    for (unsigned i = 0; i < 3; i++) {
        buf_clear(&next);
        buf_add_string(&next, "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n");
        base64_encode(&next, buf_bytes(&text));
        buf_clear(&text);
        buf_add(&text, buf_bytes(&next));
    }
    struct mime mime = parse_with(message_normalize(arena, buf_bytes(&text)), false);
    assert_int_equal(mime.part_count, 4);
    assert_int_equal(mime.flags & MIME_TOO_LARGE, 0);
    buf_free(&text);
    buf_free(&next);
}

static void the_arenas_cap_is_temporary(void **state)
{
    struct arena *small = arena_create(4096);
    struct message message;
    struct mime mime;
    struct error error;
    assert_int_equal(message_parse(arena, nested(40), &message, NULL), OK);
    assert_int_equal(mime_parse(small, &message, NULL, &mime, &error), TEMP);
    arena_destroy(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_without_mime_is_one_text_rfc2045_5_2),
        cmocka_unit_test(parts_are_numbered_as_imap_does_rfc3501_6_4_5),
        cmocka_unit_test(the_raw_part_is_what_a_signature_covers_rfc1847_2_1),
        cmocka_unit_test(a_boundary_may_begin_as_another_does),
        cmocka_unit_test(an_outer_delimiter_ends_what_is_open),
        cmocka_unit_test(a_multipart_without_boundary_is_opaque),
        cmocka_unit_test(the_first_of_two_content_types_counts),
        cmocka_unit_test(an_unreadable_type_is_plain_text_rfc2045_5_2),
        cmocka_unit_test(a_bad_line_starts_the_body_or_is_passed_over),
        cmocka_unit_test(an_encoded_message_is_looked_into),
        cmocka_unit_test(a_file_name_comes_from_either_field),
        cmocka_unit_test(nesting_ends_at_the_limit_and_the_rest_is_opaque),
        cmocka_unit_test(parts_beyond_the_limit_stay_in_the_last),
        cmocka_unit_test(a_boundary_beyond_70_octets_is_used_and_flagged_rfc2046_5_1_1),
        cmocka_unit_test(messages_in_messages_cannot_multiply),
        cmocka_unit_test(a_message_encoded_three_times_is_read),
        cmocka_unit_test(the_arenas_cap_is_temporary),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
