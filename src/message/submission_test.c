/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/submission.h"

#include "message/test.h"

static struct error problem;
static struct submission mended;

static struct submission_options options(void)
{
    return (struct submission_options){.id = BYTES("1.abc"),
                                       .host = BYTES("mail.example.org"),
                                       .date = 880127706,
                                       .zone = -360,
                                       .sender = BYTES("alice@example.org"),
                                       .look_alikes = {.authserv_id = BYTES("mx.example.org")}};
}

static enum result check_with(const struct submission_options *with, struct bytes text,
                              struct bytes *out)
{
    struct message message;
    assert_int_equal(message_parse(arena, text, &message, NULL), OK);
    enum result result = submission_check(arena, &message, with, &mended, &problem);
    if (result == OK) {
        struct buf buf;
        buf_init(&buf, 2 * text.len + 1000);
        submission_write(&buf, &message, with, &mended);
        assert_false(buf.failed);
        *out = arena_copy(arena, buf_bytes(&buf));
        buf_free(&buf);
    }
    return result;
}

static struct bytes mend(const char *text)
{
    struct submission_options with = options();
    struct bytes out;
    if (check_with(&with, bytes_of(text), &out) != OK)
        fail_msg("refused: %s", problem.text);
    return out;
}

static void assert_refused(struct bytes text, const char *why)
{
    struct submission_options with = options();
    struct bytes out;
    assert_int_equal(check_with(&with, text, &out), PERM);
    assert_string_equal(mended.enhanced, "5.6.0");
    if (!strstr(problem.text, why))
        fail_msg("\"%s\" does not say \"%s\"", problem.text, why);
}

#define WHOLE                                                                                      \
    "From: Alice <alice@example.org>\r\nDate: Fri, 21 Nov 1997 09:55:06 -0600\r\n"                 \
    "Message-ID: <1@example.org>\r\n"

static void a_message_that_is_whole_keeps_every_octet(void **state)
{
    const char *text = WHOLE "To: \r\nX:  odd \tspacing\r\n\r\nbody\r\n.\r\n";
    assert_bytes(mend(text), text);
    assert_int_equal(mended.changes, 0);
    assert_int_equal(mended.notes, 0);
    assert_bytes(mended.message_id, "<1@example.org>");
}

static void date_and_message_id_are_added_where_they_are_missing_rfc6409_8_2_and_8_3(void **state)
{
    assert_bytes(mend("From: alice@example.org\r\n\r\nx\r\n"),
                 "Date: Fri, 21 Nov 1997 09:55:06 -0600\r\n"
                 "Message-ID: <1.abc@mail.example.org>\r\n"
                 "From: alice@example.org\r\n\r\nx\r\n");
    assert_int_equal(mended.changes, SUBMISSION_DATE | SUBMISSION_MESSAGE_ID);
    assert_bytes(mended.message_id, "<1.abc@mail.example.org>");
}

static void empty_ones_are_as_good_as_missing(void **state)
{
    assert_bytes(mend("Message-id: \r\nFrom: alice@example.org\r\nDate:\r\n\r\nx\r\n"),
                 "Date: Fri, 21 Nov 1997 09:55:06 -0600\r\n"
                 "Message-ID: <1.abc@mail.example.org>\r\n"
                 "From: alice@example.org\r\n\r\nx\r\n");
}

static void blind_copies_stay_blind_rfc5322_3_6_3(void **state)
{
    assert_bytes(mend("bcc: a@example.org,\r\n b@example.org\r\n" WHOLE
                      "Resent-BCC : c@example.org\r\nBcc: \r\n\r\nx"),
                 WHOLE "\r\nx");
    assert_int_equal(mended.changes, SUBMISSION_BCC);
}

static void fields_that_only_servers_write_are_removed(void **state)
{
    assert_bytes(mend("Return-Path: <x@example.org>\r\n" WHOLE "X-Vouch-Evidence: pass\r\n"
                      "X-Spam-Status: No\r\nSubject: y\r\nDelivered-To: a@example.org\r\n"
                      "Authentication-Results: mx.example.org; dkim=pass\r\n\r\nx"),
                 WHOLE "Subject: y\r\n\r\nx");
    assert_int_equal(mended.changes, SUBMISSION_LOOK_ALIKE);
}

static void sender_is_set_on_request_rfc6409_8_1(void **state)
{
    struct submission_options with = options();
    struct bytes out;
    with.set_sender = true;
    assert_int_equal(check_with(&with, BYTES(WHOLE "Sender: boss@example.org\r\n\r\nx"), &out), OK);
    assert_bytes(out, "Sender: alice@example.org\r\n" WHOLE "\r\nx");
    assert_int_equal(mended.changes, SUBMISSION_SENDER);
}

static void several_authors_get_a_sender_rfc5322_3_6_2(void **state)
{
    const char *text = "From: a@example.org, b@example.org\r\nDate: x\r\nMessage-ID: y\r\n\r\n";
    struct bytes out = mend(text);
    assert_true(bytes_starts_with(out, BYTES("Sender: alice@example.org\r\nFrom: a@")));
    struct submission_options with = options();
    with.sender = (struct bytes){NULL, 0};
    assert_int_equal(check_with(&with, bytes_of(text), &out), PERM);
    mend("From: a@example.org, b@example.org\r\nSender: a@example.org\r\n\r\n");
    assert_int_equal(mended.changes & SUBMISSION_SENDER, 0);
}

static void there_must_be_one_from_field_with_an_author_rfc5322_3_6(void **state)
{
    assert_refused(BYTES("Subject: x\r\n\r\n"), "no From");
    assert_refused(BYTES("From: a@example.org\r\nFrom: b@example.org\r\n\r\n"), "several From");
    assert_refused(BYTES("From: a@example.org\r\nfrom : b@example.org\r\n\r\n"), "several From");
    assert_refused(BYTES("From: nobody\r\n\r\n"), "cannot be read");
    assert_refused(BYTES("From:\r\n\r\n"), "cannot be read");
    assert_refused(BYTES("From: undisclosed:;\r\n\r\n"), "no address");
    assert_refused(
        BYTES("From: a@example.org\r\nSender: a@example.org\r\nSender: b@example.org\r\n\r\n"),
        "several Sender");
}

static void nul_and_odd_line_ends_are_refused_rfc5322_2_2(void **state)
{
    assert_refused(BYTES(WHOLE "\r\na\0b\r\n"), "NUL");
    assert_refused(BYTES(WHOLE "\r\na\nb\r\n"), "CRLF");
    assert_refused(BYTES(WHOLE "\r\na\rb\r\n"), "CRLF");
    assert_refused(BYTES(WHOLE "X: a\nBcc: b\r\n\r\n"), "CRLF");
}

static void long_header_lines_are_folded_at_blanks_rfc5322_2_1_1(void **state)
{
    struct submission_options with = options();
    struct bytes out, line, words = repeat("word ", 500);
    struct bytes text = arena_printf(arena, WHOLE "Subject: " BYTES_FMT "end\r\nX: y\r\n\r\nbody",
                                     BYTES_ARG(words));
    assert_int_equal(check_with(&with, text, &out), OK);
    assert_int_equal(mended.changes, SUBMISSION_FOLDED);
    struct message message;
    assert_int_equal(message_parse(arena, out, &message, NULL), OK);
    assert_int_equal(message.field_count, 5);
    assert_bytes(message.body, "body");
    for (struct bytes rest = message.header; bytes_split(&rest, '\n', &line);)
        assert_true(line.len <= 999);
    struct bytes value = header_unfold(arena, message_field(&message, "Subject", 0)->value);
    assert_true(bytes_starts_with(value, words) && value.len == words.len + 3);
}

static void long_header_lines_without_a_blank_are_refused(void **state)
{
    assert_refused(
        arena_printf(arena, WHOLE "Subject: " BYTES_FMT "\r\n\r\n", BYTES_ARG(repeat("x", 1500))),
        "998");
}

static void what_the_caller_has_to_care_for_is_noted(void **state)
{
    struct submission_options with = options();
    struct bytes out, text = arena_printf(arena,
                                          WHOLE "Subject: caf\xc3\xa9\r\nTo: a@b\r\nTo: c@d\r\n"
                                                "no field\r\ncaf\xc3\xa9 " BYTES_FMT,
                                          BYTES_ARG(repeat("x", 999)));
    assert_int_equal(check_with(&with, text, &out), OK);
    assert_int_equal(mended.notes, SUBMISSION_HEADER_8BIT | SUBMISSION_BODY_8BIT |
                                       SUBMISSION_LONG_LINES | SUBMISSION_DUPLICATES |
                                       SUBMISSION_MALFORMED);
    /* What a patient reader would take for fields below the broken line is body now. */
    assert_true(bytes_find(out, BYTES("To: c@d\r\n\r\nno field\r\n")) != BYTES_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_that_is_whole_keeps_every_octet),
        cmocka_unit_test(date_and_message_id_are_added_where_they_are_missing_rfc6409_8_2_and_8_3),
        cmocka_unit_test(empty_ones_are_as_good_as_missing),
        cmocka_unit_test(blind_copies_stay_blind_rfc5322_3_6_3),
        cmocka_unit_test(fields_that_only_servers_write_are_removed),
        cmocka_unit_test(sender_is_set_on_request_rfc6409_8_1),
        cmocka_unit_test(several_authors_get_a_sender_rfc5322_3_6_2),
        cmocka_unit_test(there_must_be_one_from_field_with_an_author_rfc5322_3_6),
        cmocka_unit_test(nul_and_odd_line_ends_are_refused_rfc5322_2_2),
        cmocka_unit_test(long_header_lines_are_folded_at_blanks_rfc5322_2_1_1),
        cmocka_unit_test(long_header_lines_without_a_blank_are_refused),
        cmocka_unit_test(what_the_caller_has_to_care_for_is_noted),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
