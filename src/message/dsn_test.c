/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/dsn.h"

#include "message/dsn_private.h"
#include "message/mime.h"
#include "message/seven_bit.h"
#include "message/test.h"

static struct error problem;

static struct dsn_recipient unknown_user(void)
{
    return (struct dsn_recipient){.final = BYTES("user@example.net"),
                                  .original = BYTES("rfc822;User+x@example.com"),
                                  .action = DSN_FAILED,
                                  .status = BYTES("5.1.1"),
                                  .diagnostic = BYTES("550 5.1.1 No such user here"),
                                  .smtp = true,
                                  .remote_mta = BYTES("mx.example.net"),
                                  .last_attempt = 1700003600};
}

static struct dsn notification(struct dsn_recipient *recipients, size_t count)
{
    return (struct dsn){
        .reporting_mta = BYTES("mx.example.org"),
        .from_name = BYTES("Mail Delivery System"),
        .from = BYTES("postmaster@example.org"),
        .to = BYTES("sender@example.com"),
        .id = BYTES("20231114.4f2a.17"),
        .date = 1700003700,
        .zone = 60,
        .arrival = 1700000000,
        .envelope_id = BYTES("QQ314159"),
        .header = BYTES("From: sender@example.com\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
                        "Message-ID: <abc@example.com>\r\n"
                        "Date: Tue, 14 Nov 2023 23:13:20 +0100\r\n"),
        .recipients = recipients,
        .recipient_count = count};
}

static struct bytes written(const struct dsn *dsn)
{
    struct buf out;
    buf_init(&out, 4 << 20);
    if (dsn_write(arena, dsn, &out, &problem) != OK)
        fail_msg("not written: %s", problem.text);
    struct bytes copy = arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    return copy;
}

static struct message parsed(struct bytes text)
{
    struct message message;
    assert_int_equal(message_parse(arena, text, &message, NULL), OK);
    return message;
}

static struct mime parts(const struct message *message)
{
    struct mime mime;
    assert_int_equal(mime_parse(arena, message, NULL, &mime, NULL), OK);
    return mime;
}

static struct bytes content(const struct mime_part *part)
{
    struct buf out;
    buf_init(&out, part->body.len + 16);
    assert_true(mime_part_decode(part, &out));
    struct bytes copy = arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    return copy;
}

static bool has(struct bytes text, const char *needle)
{
    return bytes_find(text, bytes_of(needle)) != BYTES_NOT_FOUND;
}

static void assert_has(struct bytes text, const char *needle)
{
    if (!has(text, needle))
        fail_msg("\"%s\" is not in:\n" BYTES_FMT, needle, BYTES_ARG(text));
}

/* The three parts of a notification, of which nothing is broken. */
static void read_parts(struct bytes text, struct bytes out[3])
{
    struct message message = parsed(text);
    struct mime mime = parts(&message);
    assert_false(message.malformed);
    assert_true(mime_is(mime.root, "multipart", "report"));
    assert_int_equal(mime.part_count, 4);
    assert_int_equal(mime.flags & ~(unsigned)MIME_ENCODED_COMPOSITE, 0);
    const struct mime_part *part = mime.root->first_child;
    for (int i = 0; i < 3; i++, part = part->next)
        out[i] = content(part);
}

static const struct mime_part *part_of(struct bytes text, unsigned index)
{
    struct message message = parsed(text);
    const struct mime_part *part = parts(&message).root->first_child;
    while (index--)
        part = part->next;
    return part;
}

static void assert_field(const struct message *message, const char *name, const char *value)
{
    const struct header_field *field = message_field(message, name, 0);
    assert_non_null(field);
    assert_bytes(bytes_trim(field->value), value);
}

static void the_header_says_what_it_is_rfc3464_2_rfc3834_5_2(void **state)
{
    struct dsn_recipient recipient = unknown_user();
    struct dsn dsn = notification(&recipient, 1);
    struct message message = parsed(written(&dsn));
    assert_field(&message, "From", "\"Mail Delivery System\" <postmaster@example.org>");
    assert_field(&message, "To", "<sender@example.com>");
    assert_field(&message, "Subject", "Your message was not delivered");
    assert_field(&message, "Date", "Wed, 15 Nov 2023 00:15:00 +0100");
    assert_field(&message, "Message-ID", "<20231114.4f2a.17@mx.example.org>");
    assert_field(&message, "In-Reply-To", "<abc@example.com>");
    assert_field(&message, "Auto-Submitted", "auto-replied");
    assert_field(&message, "MIME-Version", "1.0");
    assert_null(message_field(&message, "Return-Path", 0));
}

static void a_person_is_told_what_happened_why_and_what_to_do(void **state)
{
    struct bytes text[3];
    struct dsn_recipient recipient = unknown_user();
    struct dsn dsn = notification(&recipient, 1);
    read_parts(written(&dsn), text);
    assert_has(text[0], "mx.example.org");
    assert_has(text[0], "Subject: Gr\xc3\xbc\xc3\x9f\x65\r\n");
    assert_has(text[0],
               "could not be delivered to this recipient:\r\n\r\n  <user@example.net>\r\n");
    assert_has(text[0], "    There is no such address there.\r\n");
    assert_has(text[0], "    Check the address for mistakes");
    assert_has(text[0],
               "The server mx.example.net said:\r\n\r\n        550 5.1.1 No such user here\r\n");
    assert_has(text[0], "will not be tried again");
}

static void the_fields_for_programs_are_those_of_rfc3464_2_2_and_2_3(void **state)
{
    struct bytes text[3];
    struct dsn_recipient recipient = unknown_user();
    struct dsn dsn = notification(&recipient, 1);
    struct bytes whole = written(&dsn);
    read_parts(whole, text);
    assert_bytes(text[1], "Original-Envelope-Id: QQ314159\r\n"
                          "Reporting-MTA: dns; mx.example.org\r\n"
                          "Arrival-Date: Tue, 14 Nov 2023 23:13:20 +0100\r\n"
                          "\r\n"
                          "Original-Recipient: rfc822; User+x@example.com\r\n"
                          "Final-Recipient: rfc822; user@example.net\r\n"
                          "Action: failed\r\n"
                          "Status: 5.1.1\r\n"
                          "Remote-MTA: dns; mx.example.net\r\n"
                          "Diagnostic-Code: smtp; 550 5.1.1 No such user here\r\n"
                          "Last-Attempt-Date: Wed, 15 Nov 2023 00:13:20 +0100\r\n");
    assert_true(mime_is(part_of(whole, 1), "message", "delivery-status"));
    assert_null(mime_field(part_of(whole, 1), "Content-Transfer-Encoding"));
    assert_bytes(text[2], "From: sender@example.com\r\n"
                          "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
                          "Message-ID: <abc@example.com>\r\n"
                          "Date: Tue, 14 Nov 2023 23:13:20 +0100\r\n");
    assert_true(mime_is(part_of(whole, 2), "text", "rfc822-headers"));
}

static void what_the_sender_did_not_give_does_not_appear_rfc3461_6_3(void **state)
{
    struct bytes text[3];
    struct dsn_recipient recipient = {.final = BYTES("u@example.net"), .action = DSN_DELIVERED};
    struct dsn dsn = notification(&recipient, 1);
    dsn.envelope_id = (struct bytes){NULL, 0};
    dsn.arrival = 0;
    read_parts(written(&dsn), text);
    assert_bytes(text[1], "Reporting-MTA: dns; mx.example.org\r\n\r\n"
                          "Final-Recipient: rfc822; u@example.net\r\n"
                          "Action: delivered\r\nStatus: 2.0.0\r\n");
}

static struct bytes status_of(struct dsn_recipient recipient)
{
    struct bytes text[3];
    struct dsn dsn = notification(&recipient, 1);
    read_parts(written(&dsn), text);
    size_t at = bytes_find(text[1], BYTES("Status: "));
    struct bytes rest = bytes_skip(text[1], at + 8);
    return bytes_first(rest, bytes_find(rest, BYTES("\r\n")));
}

static void a_status_that_is_none_is_found_or_made_up_rfc3461_6_3_g(void **state)
{
    struct dsn_recipient recipient = unknown_user();
    recipient.status = BYTES("bad");
    assert_bytes(status_of(recipient), "5.1.1");
    recipient.diagnostic = BYTES("550 go away");
    assert_bytes(status_of(recipient), "5.0.0");
    recipient.action = DSN_DELAYED;
    assert_bytes(status_of(recipient), "4.0.0");
    recipient.action = DSN_FAILED;
    recipient.diagnostic = BYTES("451-4.7.1 slow\n451 4.7.1 down");
    assert_bytes(status_of(recipient), "4.7.1");
}

static void a_reply_of_several_lines_keeps_them_rfc3461_9_2(void **state)
{
    struct bytes text[3];
    struct dsn_recipient recipient = unknown_user();
    recipient.diagnostic = BYTES("550-mailbox unavailable\r\n550 user has moved");
    struct dsn dsn = notification(&recipient, 1);
    read_parts(written(&dsn), text);
    assert_has(text[1],
               "Diagnostic-Code: smtp; 550-mailbox unavailable\r\n 550 user has moved\r\n");
    assert_has(text[0], "        550-mailbox unavailable\r\n        550 user has moved\r\n");
}

static void a_finding_of_our_own_is_not_called_smtp_rfc3464_2_3_6(void **state)
{
    struct bytes text[3];
    struct dsn_recipient recipient = unknown_user();
    recipient.smtp = false;
    recipient.remote_mta = (struct bytes){NULL, 0};
    recipient.diagnostic = BYTES("no server of example.net answers");
    struct dsn dsn = notification(&recipient, 1);
    read_parts(written(&dsn), text);
    assert_has(text[1], "Diagnostic-Code: x-vouch; no server of example.net answers\r\n");
    assert_false(has(text[1], "Remote-MTA"));
    assert_has(text[0], "In detail:");
}

static void a_delay_says_until_when_and_that_nothing_need_be_done_rfc3464_2_3_9(void **state)
{
    struct bytes text[3];
    struct dsn_recipient recipient = unknown_user();
    recipient.action = DSN_DELAYED;
    recipient.status = BYTES("4.4.1");
    recipient.retry_until = 1700432000;
    struct dsn dsn = notification(&recipient, 1);
    struct bytes whole = written(&dsn);
    struct message message = parsed(whole);
    assert_field(&message, "Subject", "Your message is delayed");
    read_parts(whole, text);
    assert_has(text[1], "Will-Retry-Until: Sun, 19 Nov 2023 23:13:20 +0100\r\n");
    assert_has(text[0], "You need not do anything");
    assert_has(text[0], "It will be tried again until");
    assert_false(has(text[0], "will not be tried again"));
    recipient.action = DSN_FAILED;
    read_parts(written(&dsn), text);
    assert_false(has(text[1], "Will-Retry-Until"));
}

static void the_subject_tells_if_only_some_failed(void **state)
{
    struct dsn_recipient recipients[2] = {unknown_user(), unknown_user()};
    recipients[1].action = DSN_DELIVERED;
    recipients[1].status = BYTES("2.1.5");
    struct dsn dsn = notification(recipients, 2);
    assert_string_equal(dsn_subject(&dsn), "Your message was not delivered to everyone");
    recipients[0].action = DSN_DELIVERED;
    assert_string_equal(dsn_subject(&dsn), "Your message was delivered");
    recipients[0].action = DSN_RELAYED;
    assert_string_equal(dsn_subject(&dsn), "Your message was handed over");
}

static void the_body_of_the_message_is_never_returned(void **state)
{
    struct dsn_recipient recipient = unknown_user();
    struct dsn dsn = notification(&recipient, 1);
    dsn.header = BYTES("Subject: x\r\n\r\nthe body\r\n");
    assert_false(has(written(&dsn), "the body"));
    dsn.header = BYTES("\r\nthe body\r\n");
    assert_false(has(written(&dsn), "the body"));
}

static void the_header_returned_is_cut_between_fields_at_64_kib(void **state)
{
    struct bytes text[3];
    struct dsn_recipient recipient = unknown_user();
    struct dsn dsn = notification(&recipient, 1);
    dsn.header = repeat("X-Field: of some length\r\n and more\r\n", 4000);
    read_parts(written(&dsn), text);
    assert_true(text[2].len <= DSN_HEADER_MAX && text[2].len > DSN_HEADER_MAX - 100);
    assert_true(bytes_ends_with(text[2], BYTES("\r\n and more\r\n")));
}

static void every_line_is_ascii_and_short_enough_whatever_is_reported(void **state)
{
    struct dsn_recipient recipient = unknown_user();
    struct dsn dsn = notification(&recipient, 1);
    dsn.header =
        arena_printf(arena, "Subject: caf\xe9 " BYTES_FMT "\r\n", BYTES_ARG(repeat("x", 2000)));
    recipient.diagnostic =
        arena_printf(arena, "550 " BYTES_FMT "\xc3\xa9\xff\x1b[2J", BYTES_ARG(repeat("word", 700)));
    recipient.final =
        arena_printf(arena, BYTES_FMT "@example.net", BYTES_ARG(repeat("\xc3\xa9", 240)));
    for (int i = 0; i < 2; i++) {
        struct bytes text[3], whole = written(&dsn);
        assert_false(seven_bit_is_needed(whole));
        assert_true(bytes_find_byte(whole, 0x1b) == BYTES_NOT_FOUND);
        read_parts(whole, text);
        dsn.smtputf8 = true;
    }
}

static void hostile_text_adds_no_field_part_or_line(void **state)
{
    struct dsn_recipient recipient = unknown_user();
    struct dsn dsn = notification(&recipient, 1);
    struct bytes text[3];
    recipient.diagnostic =
        BYTES("550 x\r\n\r\n--=_20231114.4f2a.17\r\nContent-Type: text/html\r\n\r\n"
              "Final-Recipient: rfc822;victim@example.org\n\xe2\x80\xae");
    recipient.remote_mta = BYTES("mx\r\nAction: delivered");
    recipient.final = BYTES("a\r\n\r\n--=_20231114.4f2a.17--@x");
    recipient.original = BYTES("rfc822;a\r\nStatus: 2.0.0");
    recipient.status = BYTES("5.1.1\r\nX: y");
    dsn.envelope_id = BYTES("id\r\n\r\nFinal-Recipient: rfc822;v@example.org");
    dsn.header = BYTES("Subject: x\r\n--=_20231114.4f2a.17: y\r\n--=_20231114.4f2a.17--: z\r\n");
    struct bytes whole = written(&dsn);
    read_parts(whole, text);
    struct dsn read;
    struct message message = parsed(whole);
    assert_int_equal(dsn_read(arena, &message, &read, NULL), OK);
    assert_int_equal(read.recipient_count, 1);
    assert_int_equal(read.recipients[0].action, DSN_FAILED);
    assert_bytes(read.recipients[0].status, "5.0.0");
    assert_bytes(read.header,
                 "Subject: x\r\n--=_20231114.4f2a.17: y\r\n--=_20231114.4f2a.17--: z\r\n");
    assert_false(has(text[0], "\xe2\x80\xae"));
}

static void a_message_with_smtputf8_is_reported_in_the_new_types_rfc6533_4(void **state)
{
    struct bytes text[3];
    struct dsn_recipient recipient = unknown_user();
    struct dsn dsn = notification(&recipient, 1);
    recipient.final = BYTES("caf\xc3\xa9@example.net");
    recipient.original = BYTES("utf-8;caf\\x{E9}@example.net");
    dsn.header = BYTES("Subject: caf\xc3\xa9\r\n");
    dsn.smtputf8 = true;
    struct bytes whole = written(&dsn);
    read_parts(whole, text);
    assert_true(mime_is(part_of(whole, 1), "message", "global-delivery-status"));
    assert_true(mime_is(part_of(whole, 2), "message", "global-headers"));
    assert_has(text[1], "Original-Recipient: utf-8; caf\xc3\xa9@example.net\r\n");
    assert_has(text[1], "Final-Recipient: utf-8; caf\xc3\xa9@example.net\r\n");
    assert_bytes(text[2], "Subject: caf\xc3\xa9\r\n");
    dsn.smtputf8 = false;
    whole = written(&dsn);
    read_parts(whole, text);
    assert_true(mime_is(part_of(whole, 1), "message", "delivery-status"));
    assert_true(mime_is(part_of(whole, 2), "text", "rfc822-headers"));
    assert_has(text[1], "Final-Recipient: utf-8; caf\\x{E9}@example.net\r\n");
}

static void unitext_is_undone_where_it_is_well_formed_rfc6533_3(void **state)
{
    struct bytes out;
    assert_true(unitext_read(arena, BYTES("a\\x{2B}\\x{E9}\\x{20AC}\\x{1F600}b"), &out));
    assert_bytes(out, "a+\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"
                      "b");
    assert_true(unitext_read(arena, BYTES("\\x{D800}\\x{110000}\\x{G}\\x{E9"), &out));
    assert_bytes(out, "\\x{D800}\\x{110000}\\x{G}\\x{E9");
}

static void what_was_written_reads_as_the_same(void **state)
{
    struct dsn_recipient recipients[2] = {unknown_user(), unknown_user()};
    struct dsn dsn = notification(recipients, 2), read;
    recipients[1].action = DSN_DELAYED;
    recipients[1].status = BYTES("4.4.1");
    recipients[1].retry_until = 1700432000;
    recipients[1].smtp = false;
    struct message message = parsed(written(&dsn));
    assert_int_equal(dsn_read(arena, &message, &read, NULL), OK);
    assert_bytes(read.reporting_mta, "mx.example.org");
    assert_bytes(read.envelope_id, "QQ314159");
    assert_int_equal(read.arrival, 1700000000);
    assert_true(bytes_equal(read.header, dsn.header));
    assert_int_equal(read.recipient_count, 2);
    assert_bytes(read.recipients[0].final, "user@example.net");
    assert_bytes(read.recipients[0].original, "rfc822; User+x@example.com");
    assert_bytes(read.recipients[0].diagnostic, "550 5.1.1 No such user here");
    assert_bytes(read.recipients[0].remote_mta, "mx.example.net");
    assert_true(read.recipients[0].smtp);
    assert_int_equal(read.recipients[0].last_attempt, 1700003600);
    assert_int_equal(read.recipients[1].action, DSN_DELAYED);
    assert_int_equal(read.recipients[1].retry_until, 1700432000);
    assert_false(read.recipients[1].smtp);
}

static enum message_report kind_of(const char *text)
{
    enum message_report kind;
    struct message message = parsed(bytes_of(text));
    assert_int_equal(message_report_read(arena, &message, &kind, NULL), OK);
    return kind;
}

#define REPORT(type, parts)                                                                        \
    "Content-Type: multipart/report; report-type=" type "; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n"  \
    "--b\r\n" parts "\r\n--b--\r\n"

static void a_report_is_one_whose_type_and_parts_agree_rfc6522_3(void **state)
{
    assert_int_equal(
        kind_of(REPORT("delivery-status",
                       "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns;x\r\n\r\n"
                       "Final-Recipient: RFC822;<a@b.example>\r\nAction: failed")),
        REPORT_DELIVERY);
    assert_int_equal(
        kind_of(REPORT("\"Delivery-Status\"",
                       "Content-Type: message/global-delivery-status\r\n"
                       "Content-Transfer-Encoding: base64\r\n\r\n"
                       "RmluYWwtUmVjaXBpZW50OiByZmM4MjI7IGFAYi5leGFtcGxlDQpBY3Rpb246IGZhaWxlZA0K")),
        REPORT_DELIVERY);
    assert_int_equal(kind_of(REPORT("disposition-notification",
                                    "Content-Type: message/disposition-notification\r\n\r\nx: y")),
                     REPORT_DISPOSITION);
    assert_int_equal(
        kind_of(REPORT("feedback-report", "Content-Type: message/feedback-report\r\n\r\nx: y")),
        REPORT_FEEDBACK);
}

static void what_only_looks_like_a_report_is_none(void **state)
{
    assert_int_equal(kind_of("Subject: Undelivered Mail Returned to Sender\r\n\r\nx"), REPORT_NONE);
    assert_int_equal(kind_of(REPORT("delivery-status", "Content-Type: text/plain\r\n\r\nx")),
                     REPORT_NONE);
    assert_int_equal(
        kind_of(REPORT("delivery-status", "Content-Type: message/delivery-status\r\n\r\nspam")),
        REPORT_NONE);
    assert_int_equal(
        kind_of(REPORT("delivery-status", "Content-Type: message/delivery-status\r\n\r\n"
                                          "Final-Recipient: rfc822;a@b.example\r\nAction: win")),
        REPORT_NONE);
    assert_int_equal(kind_of(REPORT("delivery-status",
                                    "Content-Type: message/disposition-notification\r\n\r\nx: y")),
                     REPORT_NONE);
    assert_int_equal(
        kind_of("Content-Type: multipart/mixed; report-type=delivery-status; boundary=b\r\n"
                "\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
                "Final-Recipient: rfc822;a@b.example\r\nAction: failed\r\n--b--\r\n"),
        REPORT_NONE);
}

static void reports_of_others_are_read_as_they_are_written_in_the_wild(void **state)
{
    struct dsn read;
    struct message message = parsed(BYTES(
        "Content-Type: multipart/report; boundary=b; "
        "Report-Type=delivery-status\r\n\r\n--b\r\n\r\nx\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\n\r\nReporting-MTA: "
        "dns;mx.example\r\n\r\n\r\n"
        "Action: Failed (it did)\r\nFinal-recipient: LOCAL;a@b.example\r\n\r\n"
        "garbage\r\n\r\n"
        "Final-Recipient: rfc822 ;\r\n <c@d.example>\r\nAction: delayed\r\nStatus: 4.4.1 (slow)\r\n"
        "Diagnostic-Code: SMTP; 421\r\n try later\r\n"
        "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nbody\r\n--b--\r\n"));
    assert_int_equal(dsn_read(arena, &message, &read, NULL), OK);
    assert_int_equal(read.recipient_count, 2);
    assert_bytes(read.recipients[0].final, "a@b.example");
    assert_int_equal(read.recipients[0].status.len, 0);
    assert_bytes(read.recipients[1].final, "c@d.example");
    assert_bytes(read.recipients[1].status, "4.4.1");
    assert_bytes(read.recipients[1].diagnostic, "421 try later");
    assert_true(read.recipients[1].smtp);
    assert_bytes(read.header, "Subject: x\r\n");
}

static void what_cannot_be_a_notification_is_refused(void **state)
{
    struct dsn_recipient recipient = unknown_user();
    struct buf out;
    buf_init(&out, 1 << 20);
    struct dsn dsn = notification(&recipient, 0);
    assert_int_equal(dsn_write(arena, &dsn, &out, NULL), PERM);
    dsn = notification(&recipient, 1);
    dsn.to = (struct bytes){NULL, 0};
    assert_int_equal(dsn_write(arena, &dsn, &out, NULL), PERM);
    dsn = notification(&recipient, 1);
    dsn.id = BYTES("a\"b");
    assert_int_equal(dsn_write(arena, &dsn, &out, NULL), PERM);
    dsn = notification(&recipient, 1);
    dsn.from = BYTES("a@b\r\nX: y");
    assert_int_equal(dsn_write(arena, &dsn, &out, NULL), PERM);
    assert_int_equal(out.len, 0);
    buf_free(&out);
}

static void a_full_buffer_is_a_temporary_failure_and_leaves_nothing(void **state)
{
    struct dsn_recipient recipient = unknown_user();
    struct dsn dsn = notification(&recipient, 1);
    struct buf out;
    buf_init(&out, 1000);
    assert_int_equal(dsn_write(arena, &dsn, &out, NULL), TEMP);
    assert_int_equal(out.len, 0);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_says_what_it_is_rfc3464_2_rfc3834_5_2),
        cmocka_unit_test(a_person_is_told_what_happened_why_and_what_to_do),
        cmocka_unit_test(the_fields_for_programs_are_those_of_rfc3464_2_2_and_2_3),
        cmocka_unit_test(what_the_sender_did_not_give_does_not_appear_rfc3461_6_3),
        cmocka_unit_test(a_status_that_is_none_is_found_or_made_up_rfc3461_6_3_g),
        cmocka_unit_test(a_reply_of_several_lines_keeps_them_rfc3461_9_2),
        cmocka_unit_test(a_finding_of_our_own_is_not_called_smtp_rfc3464_2_3_6),
        cmocka_unit_test(a_delay_says_until_when_and_that_nothing_need_be_done_rfc3464_2_3_9),
        cmocka_unit_test(the_subject_tells_if_only_some_failed),
        cmocka_unit_test(the_body_of_the_message_is_never_returned),
        cmocka_unit_test(the_header_returned_is_cut_between_fields_at_64_kib),
        cmocka_unit_test(every_line_is_ascii_and_short_enough_whatever_is_reported),
        cmocka_unit_test(hostile_text_adds_no_field_part_or_line),
        cmocka_unit_test(a_message_with_smtputf8_is_reported_in_the_new_types_rfc6533_4),
        cmocka_unit_test(unitext_is_undone_where_it_is_well_formed_rfc6533_3),
        cmocka_unit_test(what_was_written_reads_as_the_same),
        cmocka_unit_test(a_report_is_one_whose_type_and_parts_agree_rfc6522_3),
        cmocka_unit_test(what_only_looks_like_a_report_is_none),
        cmocka_unit_test(reports_of_others_are_read_as_they_are_written_in_the_wild),
        cmocka_unit_test(what_cannot_be_a_notification_is_refused),
        cmocka_unit_test(a_full_buffer_is_a_temporary_failure_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
