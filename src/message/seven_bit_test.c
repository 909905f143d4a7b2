/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/seven_bit.h"

#include "message/mime.h"
#include "message/test.h"

static struct error problem;

static enum result convert(struct bytes text, struct bytes *out)
{
    struct message message;
    struct buf buf;
    assert_int_equal(message_parse(arena, text, &message, NULL), OK);
    buf_init(&buf, 2 * text.len + 256 * 1024);
    enum result result = seven_bit_convert(arena, &message, &buf, &problem);
    assert_true(result == OK || buf.len == 0);
    *out = arena_copy(arena, buf_bytes(&buf));
    buf_free(&buf);
    return result;
}

static struct mime parse(struct bytes text)
{
    struct message message;
    struct mime mime;
    assert_int_equal(message_parse(arena, text, &message, NULL), OK);
    assert_int_equal(mime_parse(arena, &message, NULL, &mime, NULL), OK);
    return mime;
}

static struct bytes decoded(const struct mime_part *part)
{
    struct buf out;
    buf_init(&out, part->body.len + 16);
    mime_part_decode(part, &out);
    struct bytes copy = arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    return copy;
}

/* Converts, and compares all parts. */
static struct bytes assert_converted(struct bytes text)
{
    struct bytes out;
    if (convert(text, &out) != OK)
        fail_msg("not converted: %s", problem.text);
    assert_false(seven_bit_is_needed(out));
    struct mime before = parse(text), after = parse(out);
    assert_int_equal(before.part_count, after.part_count);
    const struct mime_part *b = after.root;
    for (const struct mime_part *a = before.root; a; a = mime_next(a), b = mime_next(b)) {
        assert_int_equal(a->kind, b->kind);
        assert_true(bytes_equal(a->type, b->type) && bytes_equal(a->subtype, b->subtype));
        if (a->kind == MIME_LEAF)
            assert_true(bytes_equal(decoded(a), decoded(b)));
    }
    return out;
}

static struct bytes assert_text(const char *text)
{
    return assert_converted(bytes_of(text));
}

static void assert_refused(const char *text, const char *why)
{
    struct bytes out;
    assert_int_equal(convert(bytes_of(text), &out), PERM);
    if (!strstr(problem.text, why))
        fail_msg("\"%s\" does not say \"%s\"", problem.text, why);
}

static bool has(struct bytes text, const char *needle)
{
    return bytes_find(text, bytes_of(needle)) != BYTES_NOT_FOUND;
}

static void what_is_7_bit_already_is_left_alone(void **state)
{
    struct bytes out;
    assert_int_equal(convert(BYTES("Subject: x\r\n\r\nplain\r\n"), &out), NONE);
    assert_int_equal(convert(BYTES("Content-Transfer-Encoding: 8bit\r\n\r\nplain\r\n"), &out),
                     NONE);
    assert_int_equal(convert(BYTES("DKIM-Signature: x\r\n\r\nplain\r\n"), &out), NONE);
}

static void
the_need_is_octets_above_127_nul_odd_line_ends_and_lines_over_998_rfc5321_4_5_3_1_6(void **state)
{
    assert_false(seven_bit_is_needed(BYTES("a\r\nb")));
    assert_true(seven_bit_is_needed(BYTES("a\r\nb\x80")));
    assert_true(seven_bit_is_needed(BYTES("a\0b")));
    assert_true(seven_bit_is_needed(BYTES("a\nb")));
    assert_true(seven_bit_is_needed(BYTES("a\rb")));
    assert_true(seven_bit_is_needed(BYTES("a\r")));
    assert_false(seven_bit_is_needed(repeat("x", 998)));
    assert_true(seven_bit_is_needed(repeat("x", 999)));
    struct bytes line = arena_printf(arena, BYTES_FMT "\r\ny", BYTES_ARG(repeat("x", 998)));
    assert_false(seven_bit_is_needed(line));
    line = arena_printf(arena, BYTES_FMT "\r\ny", BYTES_ARG(repeat("x", 999)));
    assert_true(seven_bit_is_needed(line));
}

static void text_with_few_odd_octets_becomes_quoted_printable(void **state)
{
    struct bytes out =
        assert_text("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                    "Content-Transfer-Encoding: 8bit\r\nX: y\r\n\r\n"
                    "Gr\xc3\xbc\xc3\x9f\x65 aus K\xc3\xb6ln\r\n");
    assert_bytes(out, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                      "Content-Transfer-Encoding: quoted-printable\r\nX: y\r\n\r\n"
                      "Gr=C3=BC=C3=9Fe aus K=C3=B6ln\r\n");
}

static void text_of_nothing_else_becomes_base64_which_is_shorter(void **state)
{
    struct bytes body = repeat("\xd0\xb6", 60);
    struct bytes out = assert_converted(
        arena_printf(arena, "Content-Type: text/plain; charset=utf-8\r\n\r\n" BYTES_FMT "\r\n",
                     BYTES_ARG(body)));
    assert_true(has(out, "Content-Transfer-Encoding: base64\r\n"));
    assert_true(has(out, "MIME-Version: 1.0\r\n"));
}

static void what_is_no_text_becomes_base64(void **state)
{
    struct bytes out = assert_text("Content-Type: application/pdf\r\n"
                                   "Content-Transfer-Encoding: binary\r\n\r\n%PDF a\xff\nb\r\n");
    assert_true(has(out, "Content-Transfer-Encoding: base64\r\n"));
    assert_false(has(out, "binary"));
}

static void text_without_a_type_gets_one_that_is_true_rfc2045_5_2_rfc1428(void **state)
{
    struct bytes out = assert_text("Subject: x\r\n\r\ncaf\xc3\xa9\r\n");
    assert_true(has(out, "Content-Type: text/plain; charset=utf-8\r\n"));
    out = assert_text("Subject: x\r\n\r\ncaf\xe9\r\n");
    assert_true(has(out, "Content-Type: text/plain; charset=unknown-8bit\r\n"));
    out = assert_text("Content-Type: text/plain\r\n\r\ncaf\xe9\r\n");
    assert_false(has(out, "charset"));
}

static void long_lines_are_broken(void **state)
{
    struct bytes line = repeat("word ", 300);
    struct bytes out = assert_converted(
        arena_printf(arena, "Subject: x\r\n\r\n" BYTES_FMT "\r\n", BYTES_ARG(line)));
    assert_true(has(out, "quoted-printable"));
    assert_false(has(out, "Content-Type"));
}

static void only_the_parts_that_need_it_are_encoded(void **state)
{
    struct bytes out = assert_text(
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\npreamble\r\n--b\r\n\r\nplain text \r\n--b\r\n"
        "Content-Type: text/html; charset=utf-8\r\n\r\n<p>\xc3\xa9\r\n--b\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\nsays 8bit, is not\r\n--b--\r\nepilogue\r\n");
    assert_bytes(
        out, "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
             "Content-Transfer-Encoding: 7bit\r\n\r\npreamble\r\n--b\r\n\r\nplain text \r\n--b\r\n"
             "Content-Type: text/html; charset=utf-8\r\n"
             "Content-Transfer-Encoding: quoted-printable\r\n\r\n<p>=C3=A9\r\n--b\r\n"
             "Content-Transfer-Encoding: 7bit\r\n\r\nsays 8bit, is not\r\n--b--\r\nepilogue\r\n");
}

static void a_message_within_is_converted_inside_rfc2045_6_4(void **state)
{
    struct bytes out = assert_text(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\nSubject: inner\r\n\r\ncaf\xc3\xa9\r\n--b--\r\n");
    assert_true(has(out, "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
                         "Subject: inner\r\n"));
    assert_true(has(out, "caf=C3=A9\r\n--b--"));
}

static void a_preamble_that_is_not_7_bit_is_dropped_rfc2046_5_1_1(void **state)
{
    struct bytes out = assert_text("Content-Type: multipart/mixed; boundary=b\r\n\r\n\xd0\xb6\r\n"
                                   "--b\r\n\r\ntext\r\n--b--\r\n\xd0\xb6\r\n");
    assert_true(bytes_ends_with(out, BYTES("\r\n\r\n\r\n--b\r\n\r\ntext\r\n--b--\r\n")));
}

static void encodings_that_are_broken_are_mended(void **state)
{
    struct bytes out = assert_text("Content-Type: text/plain; charset=utf-8\r\n"
                                   "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
                                   "=C3=A9 and \xc3\xa9\r\n");
    assert_true(has(out, "=C3=A9 and =C3=A9\r\n"));
}

static void what_somebody_signed_is_never_converted(void **state)
{
    assert_refused("DKIM-Signature: v=1\r\n\r\n\xff\r\n", "signed");
    assert_refused("DomainKey-Signature: a=x\r\n\r\n\xff\r\n", "signed");
    assert_refused("ARC-Seal: i=1\r\n\r\n\xff\r\n", "signed");
    assert_refused("ARC-Message-Signature: i=1\r\n\r\n\xff\r\n", "signed");
    assert_refused("Content-Type: application/pkcs7-mime\r\n\r\n\xff\r\n", "signed");
    assert_refused("Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\xff\r\n--b--\r\n",
                   "signed");
    assert_refused("Content-Type: message/rfc822\r\n\r\nDKIM-Signature: v=1\r\n\r\n\xff\r\n",
                   "a part is signed");
}

static void a_signed_part_keeps_its_octets_beside_one_that_is_converted_rfc1847_2_1(void **state)
{
    const char *part = "Content-Type: multipart/signed; boundary=s\r\n"
                       "Content-Transfer-Encoding: 8bit\r\n\r\n--s\r\n\r\nsigned \r\n--s\r\n"
                       "Content-Type: application/pgp-signature\r\n\r\nx\r\n--s--\r\n";
    struct bytes out = assert_converted(
        arena_printf(arena,
                     "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n%s\r\n--b\r\n\r\n"
                     "caf\xc3\xa9\r\n--b--\r\n",
                     part));
    assert_true(has(out, part));
}

static void headers_and_types_that_cannot_be_encoded_are_refused(void **state)
{
    assert_refused("Subject: caf\xc3\xa9\r\n\r\nx\r\n", "SMTPUTF8");
    assert_refused(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX: \xc3\xa9\r\n\r\nx\r\n"
        "--b--\r\n",
        "SMTPUTF8");
    assert_refused("Content-Type: message/delivery-status\r\n\r\n\xff: x\r\n",
                   "must not be encoded");
    assert_refused("Content-Type: multipart/mixed\r\n\r\n\xff\r\n", "must not be encoded");
    assert_refused("Content-Type: multipart/mixed; boundary=b\r\n\r\n\xff\r\n", "no parts");
    assert_refused("Content-Transfer-Encoding: x-uuencode\r\n\r\n\xff\r\n", "not known");
}

static void line_ends_at_the_very_end_stay_what_they_were(void **state)
{
    assert_text("Content-Type: text/plain\r\n\r\ncaf\xe9");
    assert_text("Content-Type: text/plain\r\n\r\ncaf\xe9\r\n\r\n");
    assert_text("Content-Type: text/plain\r\n\r\n\xe9\xe9\xe9\xe9\xe9\xe9");
    assert_text("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ncaf\xe9");
}

static void a_header_that_a_delimiter_cuts_off_stays_a_header(void **state)
{
    assert_text("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
                "Content-Transfer-Encoding: 8bit\r\n--b\r\n\r\ncaf\xe9\r\n--b--\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_7_bit_already_is_left_alone),
        cmocka_unit_test(
            the_need_is_octets_above_127_nul_odd_line_ends_and_lines_over_998_rfc5321_4_5_3_1_6),
        cmocka_unit_test(text_with_few_odd_octets_becomes_quoted_printable),
        cmocka_unit_test(text_of_nothing_else_becomes_base64_which_is_shorter),
        cmocka_unit_test(what_is_no_text_becomes_base64),
        cmocka_unit_test(text_without_a_type_gets_one_that_is_true_rfc2045_5_2_rfc1428),
        cmocka_unit_test(long_lines_are_broken),
        cmocka_unit_test(only_the_parts_that_need_it_are_encoded),
        cmocka_unit_test(a_message_within_is_converted_inside_rfc2045_6_4),
        cmocka_unit_test(a_preamble_that_is_not_7_bit_is_dropped_rfc2046_5_1_1),
        cmocka_unit_test(encodings_that_are_broken_are_mended),
        cmocka_unit_test(what_somebody_signed_is_never_converted),
        cmocka_unit_test(a_signed_part_keeps_its_octets_beside_one_that_is_converted_rfc1847_2_1),
        cmocka_unit_test(headers_and_types_that_cannot_be_encoded_are_refused),
        cmocka_unit_test(line_ends_at_the_very_end_stay_what_they_were),
        cmocka_unit_test(a_header_that_a_delimiter_cuts_off_stays_a_header),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
