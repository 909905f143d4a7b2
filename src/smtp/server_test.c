/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/scenario_test.h"

#include <unistd.h>

/* cmocka's assertions jump: off a fiber's stack to the main one's, which ends the whole program's
 * sanity but still says what failed; so a failure here is the end of the run. */

static struct scenario s; /* one at a time */

/* ---- ordinary mail ---- */

scenario_test(a_message_arrives_with_its_envelope)
{
    scenario_defaults(&s);
    scenario_greet(&s);
    talk(&s, "MAIL FROM:<a@sender.example> SIZE=100 BODY=8BITMIME AUTH=<>\r\n", "250 2.1.0");
    talk(&s, "RCPT TO:<B+x@Here.example>\r\n", "250 2.1.5");
    talk(&s, "rcpt to:<postmaster>\r\n", "250 2.1.5");
    talk(&s, "DATA\r\n", "354 ");
    talk(&s, "Subject: x\r\n\r\n..dot\r\n.\r\n", "250 2.0.0");
    assert_string_equal(s.record.sender, "a@sender.example");
    assert_string_equal(s.record.recipients, "B+x@Here.example postmaster ");
    assert_string_equal(s.record.content, "Subject: x\r\n\r\n.dot\r\n");
    assert_int_equal(s.record.transaction.declared_size, 100);
    assert_int_equal(s.record.transaction.body, SMTP_BODY_8BITMIME);
    assert_true(s.record.transaction.null_auth);
    assert_false(s.record.transaction.chunked);
    assert_int_equal(s.record.content_fd, -1);
    assert_int_equal(s.record.resets, 1);
    talk(&s, "MAIL FROM:<>\r\nRCPT TO:<c@here.example>\r\nQUIT\r\n", "250 |250 |221 2.0.0");
    expect_closed(&s);
    scenario_end(&s);
    assert_string_equal(s.record.closed, "quit");
    assert_int_equal(s.record.resets, 2);
    assert_int_equal(s.record.session.messages, 1);
    assert_false(s.record.session.early_talker);
    assert_false(s.record.session.illegal_pipelining);
    assert_false(s.record.session.lenient_syntax);
}

/* The whole EHLO reply. */
static void read_hello(char *to, size_t size)
{
    struct bytes line;
    size_t used = 0;
    do {
        assert_int_equal(stream_read_line(s.stream, 512, &line, loop_deadline(MINUTE)), 0);
        used += (size_t)snprintf(to + used, size - used, BYTES_FMT, BYTES_ARG(line));
    } while (line.ptr[3] == '-');
}

scenario_test(ehlo_offers_what_there_is)
{
    char text[1000];
    scenario_defaults(&s);
    scenario_start(&s);
    expect(&s, "220 ");
    put(&s, BYTES("EHLO client.example\r\n"));
    read_hello(text, sizeof(text));
    assert_string_equal(text, "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 60000\r\n"
                              "250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n"
                              "250-LIMITS RCPTMAX=100\r\n250 ENHANCEDSTATUSCODES\r\n");
    talk(&s, "HELO client.example\r\n", "250 mx.example");
    scenario_end(&s);
    s.record.offer_dsn = true;
    scenario_start(&s);
    expect(&s, "220 ");
    put(&s, BYTES("EHLO client.example\r\n"));
    read_hello(text, sizeof(text));
    assert_non_null(strstr(text, "250-DSN\r\n"));
    scenario_end(&s);
}

scenario_test(replies_to_a_pipelined_group_come_in_one_write_rfc2920_3_2)
{
    uint8_t octets[4096];
    scenario_defaults(&s);
    scenario_greet(&s);
    put(&s, BYTES("MAIL FROM:<a@sender.example>\r\nRCPT TO:<b@here.example>\r\n"
                  "RCPT TO:<unknown@here.example>\r\nRCPT TO:<c@here.example>\r\nDATA\r\n"));
    struct transport *transport = stream_transport(s.stream);
    ssize_t count =
        transport->operations->read(transport, octets, sizeof(octets), loop_deadline(MINUTE));
    assert_true(count > 0);
    struct bytes rest = bytes_from(octets, (size_t)count), line;
    size_t lines = 0;
    while (bytes_split(&rest, '\n', &line))
        lines += line.len > 0;
    assert_int_equal(lines, 5);
    talk(&s, "x\r\n.\r\nMAIL FROM:<>\r\nRSET\r\n", "250 2.0.0|250 2.1.0|250 2.0.0");
    assert_string_equal(s.record.recipients, "b@here.example c@here.example ");
    scenario_end(&s);
    assert_false(s.record.session.illegal_pipelining);
    assert_int_equal(s.record.session.rejected_recipients, 1);
}

scenario_test(every_fragmentation_gives_the_same_session)
{
    for (size_t fragment = 1; fragment < 40; fragment += 3) {
        scenario_defaults(&s);
        s.pipe.fragment = fragment;
        scenario_greet(&s);
        talk(&s, "MAIL FROM:<a@sender.example>\r\nRCPT TO:<b@here.example>\r\nDATA\r\n",
             "250 |250 |354 ");
        talk(&s, "A: b\r\n\r\n..\r\n...\r\nx.\r\n.\r\nQUIT\r\n", "250 2.0.0|221 ");
        assert_string_equal(s.record.content, "A: b\r\n\r\n.\r\n..\r\nx.\r\n");
        scenario_end(&s);
    }
}

scenario_test(many_recipients_keep_their_order)
{
    scenario_defaults(&s);
    s.server.limits.recipients = 1000;
    s.server.limits.memory_per_session = 512 * 1024;
    scenario_greet(&s);
    talk(&s, "MAIL FROM:<>\r\n", "250 ");
    for (int i = 0; i < 1000; i++) {
        char line[64];
        snprintf(line, sizeof(line), "RCPT TO:<r%d@here.example>\r\n", i);
        talk(&s, line, "250 2.1.5");
    }
    talk(&s, "RCPT TO:<more@here.example>\r\n", "452 4.5.3");
    talk(&s, "DATA\r\n", "354 ");
    talk(&s, ".\r\n", "250 ");
    assert_int_equal(s.record.transaction.recipient_count, 1000);
    assert_memory_equal(s.record.recipients, "r0@here.example r1@here.example ", 32);
    assert_int_equal(s.record.content_length, 0);
    scenario_end(&s);
}

scenario_test(large_content_is_contiguous_and_in_a_memfd)
{
    scenario_defaults(&s);
    scenario_data(&s);
    static char text[50001];
    for (size_t i = 0; i < 50000; i += 50)
        snprintf(text + i, 51, "%048zu\r\n", i);
    put(&s, bytes_from(text, 50000));
    talk(&s, ".\r\n", "250 ");
    assert_int_equal(s.record.content_length, 50000);
    assert_memory_equal(s.record.content, text, 50000);
    assert_true(s.record.content_fd >= 0);
    /* Closed with the transaction. */
    assert_int_equal(lseek(s.record.content_fd, 0, SEEK_CUR), -1);
    scenario_end(&s);
}

/* ---- order and syntax ---- */

scenario_test(commands_out_of_order_get_503_rfc5321_4_1_4)
{
    scenario_defaults(&s);
    scenario_start(&s);
    expect(&s, "220 ");
    talk(&s, "MAIL FROM:<>\r\n", "503 5.5.1");
    talk(&s, "EHLO client.example\r\n", "250 ");
    talk(&s, "RCPT TO:<b@here.example>\r\n", "503 5.5.1");
    talk(&s, "DATA\r\n", "503 5.5.1");
    talk(&s, "MAIL FROM:<>\r\n", "250 ");
    talk(&s, "MAIL FROM:<>\r\n", "503 5.5.1");
    talk(&s, "DATA\r\n", "554 5.5.1");
    talk(&s, "RCPT TO:<unknown@here.example>\r\n", "550 5.1.1");
    talk(&s, "RCPT TO:<full@here.example>\r\n", "452 4.2.2");
    talk(&s, "DATA\r\n", "554 5.5.1");
    talk(&s, "RSET\r\n", "250 2.0.0");
    talk(&s, "RCPT TO:<b@here.example>\r\n", "503 5.5.1");
    talk(&s, "MAIL FROM:<>\r\n", "250 ");
    talk(&s, "EHLO client.example\r\n", "250 "); /* resets, rfc5321:4.1.4 */
    talk(&s, "RCPT TO:<b@here.example>\r\n", "503 5.5.1");
    talk(&s, "EHLO refused.example\r\n", "550 5.7.1");
    talk(&s, "MAIL FROM:<>\r\n", "503 5.5.1");
    talk(&s, "HELO client.example\r\n", "250 ");
    talk(&s, "MAIL FROM:<refused@sender.example>\r\n", "550 5.7.1");
    talk(&s, "RCPT TO:<b@here.example>\r\n", "503 5.5.1");
    scenario_end(&s);
    assert_int_equal(s.record.resets, 3);
}

scenario_test(bad_commands_get_the_codes_of_rfc5321_4_2)
{
    scenario_defaults(&s);
    s.server.limits.bad_commands = 0;
    scenario_greet(&s);
    talk(&s, "WHATISTHIS\r\n", "500 5.5.1");
    talk(&s, "\r\n", "500 5.5.1");
    talk(&s, "NOOP\n", "500 5.5.2");
    talk_bytes(&s, BYTES("NO\0OP\r\n"), "500 5.5.2");
    talk(&s, "MAIL FROM: <>\r\n", "501 5.1.7");
    talk(&s, "MAIL FROM:<a@b@c>\r\n", "501 5.1.7");
    talk(&s, "MAIL LALA:<>\r\n", "501 5.5.4");
    talk(&s, "MAIL FROM:<> WHAT=1\r\n", "555 5.5.4");
    talk(&s, "MAIL FROM:<> RET=FULL\r\n", "555 5.5.4"); /* DSN is not offered */
    talk(&s, "MAIL FROM:<> REQUIRETLS\r\n", "555 5.5.4");
    talk(&s, "MAIL FROM:<> SIZE=1x\r\n", "501 5.5.4");
    talk(&s, "MAIL FROM:<> SIZE\r\n", "501 5.5.4");
    talk(&s, "MAIL FROM:<> BODY=BINARYMIME\r\n", "501 5.5.4");
    talk(&s, "MAIL FROM:<> SMTPUTF8=yes\r\n", "501 5.5.4");
    talk(&s, "MAIL FROM:<> AUTH=+zz\r\n", "501 5.5.4");
    talk(&s, "MAIL FROM:<>\r\n", "250 ");
    talk(&s, "RCPT TO:<>\r\n", "501 5.1.3");
    talk(&s, "RCPT TO:<b@here.example> NOTIFY=NEVER\r\n", "555 5.5.4");
    talk(&s, "AUTH PLAIN\r\n", "502 5.5.1");
    talk(&s, "STARTTLS\r\n", "502 5.5.1");
    talk(&s, "EXPN list\r\n", "550 5.7.2");
    talk(&s, "VRFY b\r\n", "252 2.0.0");
    talk(&s, "HELP\r\n", "214 2.0.0");
    talk(&s, "NOOP whatever\r\n", "250 2.0.0");
    scenario_end(&s);
}

scenario_test(parameters_need_ehlo_unless_lenient)
{
    scenario_defaults(&s);
    scenario_start(&s);
    expect(&s, "220 ");
    talk(&s, "HELO client.example\r\n", "250 ");
    talk(&s, "MAIL FROM:<> SIZE=1\r\n", "555 5.5.4");
    scenario_end(&s);
    s.server.lenient = true;
    scenario_start(&s);
    expect(&s, "220 ");
    talk(&s, "HELO client.example\r\n", "250 ");
    talk(&s, "MAIL FROM: <> SIZE=1\r\n", "250 ");
    scenario_end(&s);
    assert_true(s.record.session.lenient_syntax);
}

scenario_test(dsn_parameters_are_decoded_where_dsn_is_offered_rfc3461_4)
{
    scenario_defaults(&s);
    s.server.limits.bad_commands = 0;
    s.server.offer_dsn = true;
    scenario_greet(&s);
    talk(&s, "MAIL FROM:<a@sender.example> RET=HALF\r\n", "501 5.5.4");
    talk(&s, "MAIL FROM:<a@sender.example> ENVID=+0A\r\n", "501 5.5.4");
    talk(&s, "MAIL FROM:<a@sender.example> RET=HDRS ENVID=Q+2B1 AUTH=e+3Dmc2@sender.example\r\n",
         "250 ");
    talk(&s, "RCPT TO:<b@here.example> NOTIFY=NEVER,DELAY\r\n", "501 5.5.4");
    talk(&s, "RCPT TO:<b@here.example> NOTIFY=SUCCESS,,DELAY\r\n", "501 5.5.4");
    talk(&s, "RCPT TO:<b@here.example> NOTIFY=SOMETIMES\r\n", "501 5.5.4");
    talk(&s, "RCPT TO:<b@here.example> ORCPT=b@here.example\r\n", "501 5.5.4");
    talk(&s, "RCPT TO:<b@here.example> ORCPT=rfc822;a+0D+0Ab\r\n", "501 5.5.4");
    talk(&s, "RCPT TO:<b@here.example> NOTIFY=success,Delay ORCPT=rfc822;B+2Bx@old.example\r\n",
         "250 ");
    talk(&s, "DATA\r\n", "354 ");
    talk(&s, ".\r\n", "250 ");
    assert_int_equal(s.record.notify, SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_DELAY);
    assert_string_equal(s.record.original, "B+x@old.example");
    assert_string_equal(s.record.original_type, "rfc822");
    assert_string_equal(s.record.envelope_id, "Q+1");
    assert_string_equal(s.record.auth, "e=mc2@sender.example");
    assert_true(s.record.transaction.return_headers);
    assert_false(s.record.transaction.null_auth);
    scenario_end(&s);
}

scenario_test(non_ascii_addresses_need_smtputf8_rfc6531_3_5)
{
    scenario_defaults(&s);
    scenario_greet(&s);
    talk(&s, "MAIL FROM:<j\xc3\xb6rg@sender.example>\r\n", "553 5.6.7");
    talk(&s, "MAIL FROM:<a@sender.example>\r\n", "250 ");
    talk(&s, "RCPT TO:<j\xc3\xb6rg@here.example>\r\n", "553 5.6.7");
    talk(&s, "RSET\r\n", "250 ");
    talk(&s, "MAIL FROM:<j\xc3\xb6rg@sender.example> SMTPUTF8\r\n", "250 ");
    talk(&s, "RCPT TO:<j\xc3\xb6rg@here.example>\r\n", "250 ");
    talk(&s, "RCPT TO:<j\xff@here.example>\r\n", "500 5.5.2");
    scenario_end(&s);
}

scenario_test(http_is_sent_away)
{
    scenario_defaults(&s);
    scenario_start(&s);
    talk(&s, "GET / HTTP/1.1\r\nHost: mx.example\r\n\r\n", "220 |502 5.7.0");
    expect_closed(&s);
    scenario_end(&s);
    assert_string_equal(s.record.closed, "not SMTP");
}

/* ---- limits ---- */

scenario_test(too_long_lines_are_skipped_to_their_end)
{
    static char line[40000];
    scenario_defaults(&s);
    scenario_greet(&s);
    memset(line, 'A', sizeof(line));
    memcpy(line, "NOOP ", 5);
    memcpy(line + sizeof(line) - 2, "\r\n", 2);
    talk_bytes(&s, bytes_from(line, sizeof(line)), "500 5.5.2");
    talk(&s, "NOOP\r\n", "250 ");
    /* Exactly the limit is good, one more is not. */
    talk_bytes(&s, bytes_from(line, 2046), "");
    scenario_end(&s);
}

scenario_test(a_line_of_exactly_the_limit_is_taken)
{
    static char line[2049];
    scenario_defaults(&s);
    scenario_greet(&s);
    memset(line, 'A', sizeof(line));
    memcpy(line, "NOOP ", 5);
    memcpy(line + 2046, "\r\n", 2);
    talk_bytes(&s, bytes_from(line, 2048), "250 ");
    line[2046] = 'A';
    memcpy(line + 2047, "\r\n", 2);
    talk_bytes(&s, bytes_from(line, 2049), "500 5.5.2");
    scenario_end(&s);
}

scenario_test(a_line_without_end_is_not_read_for_ever)
{
    static char octets[16384];
    scenario_defaults(&s);
    scenario_greet(&s);
    memset(octets, 'A', sizeof(octets));
    for (int i = 0; i < 80; i++)
        if (stream_write(s.stream, bytes_from(octets, sizeof(octets)), loop_deadline(MINUTE)))
            break;
    expect(&s, "421 4.7.0");
    scenario_end(&s);
    assert_string_equal(s.record.closed, "line too long");
}

scenario_test(too_many_errors_end_the_session_with_421)
{
    scenario_defaults(&s);
    s.server.limits.bad_commands = 3;
    scenario_greet(&s);
    talk(&s, "FOO\r\nBAR\r\n", "500 |500 ");
    talk(&s, "BAZ\r\n", "421 4.7.0");
    expect_closed(&s);
    scenario_end(&s);
    assert_string_equal(s.record.closed, "too many errors");
    assert_int_equal(s.record.session.bad_commands, 3);
}

scenario_test(too_many_junk_commands_end_the_session_and_mail_forgives_them)
{
    scenario_defaults(&s);
    s.server.limits.junk_commands = 4;
    scenario_data(&s);
    talk(&s, ".\r\n", "250 ");
    talk(&s, "NOOP\r\nRSET\r\nVRFY x\r\n", "250 |250 |252 ");
    talk(&s, "MAIL FROM:<>\r\nRCPT TO:<b@here.example>\r\nDATA\r\n", "250 |250 |354 ");
    talk(&s, ".\r\n", "250 ");
    talk(&s, "HELP\r\nEHLO a.example\r\nNOOP\r\nNOOP\r\n", "214 |250 |250 |421 4.7.0");
    expect_closed(&s);
    scenario_end(&s);
}

scenario_test(an_oversized_message_is_read_to_its_end_then_552_rfc1870_6)
{
    static char text[70000];
    scenario_defaults(&s);
    scenario_greet(&s);
    talk(&s, "MAIL FROM:<> SIZE=60001\r\n", "552 5.3.4");
    talk(&s, "MAIL FROM:<> SIZE=99999999999999999999\r\n", "552 5.3.4");
    talk(&s, "MAIL FROM:<> SIZE=999999999999999999999\r\n", "501 5.5.4");
    talk(&s, "MAIL FROM:<> SIZE=60000\r\nRCPT TO:<b@here.example>\r\nDATA\r\n", "250 |250 |354 ");
    memset(text, 'x', sizeof(text));
    memcpy(text + sizeof(text) - 12, "\r\nHELP\r\n.\r\n", 11);
    put(&s, bytes_from(text, sizeof(text) - 1));
    expect(&s, "552 5.3.4");
    expect_silence(&s, MINUTE);
    assert_int_equal(s.record.messages, 0);
    talk(&s, "MAIL FROM:<>\r\n", "250 ");
    scenario_end(&s);
}

scenario_test(a_message_of_exactly_the_limit_is_taken)
{
    static char text[60003];
    scenario_defaults(&s);
    scenario_data(&s);
    memset(text, 'x', sizeof(text));
    memcpy(text + 59998, "\r\n.\r\n", 5);
    talk_bytes(&s, bytes_from(text, 60003), "250 ");
    assert_int_equal(s.record.content_length, 60000);
    scenario_end(&s);
}

scenario_test(text_lines_up_to_the_limit_are_taken)
{
    static char text[3000];
    scenario_defaults(&s);
    s.server.limits.text_line = 2000;
    scenario_data(&s);
    memset(text, 'x', sizeof(text));
    memcpy(text + 2000, "\r\n.\r\n", 5);
    talk_bytes(&s, bytes_from(text, 2005), "250 ");
    talk(&s, "MAIL FROM:<>\r\nRCPT TO:<b@here.example>\r\nDATA\r\n", "250 |250 |354 ");
    memset(text, 'x', sizeof(text));
    memcpy(text + 2001, "\r\n.\r\n", 5);
    talk_bytes(&s, bytes_from(text, 2006), "554 5.6.0");
    scenario_end(&s);
    assert_int_equal(s.record.messages, 1);
}

scenario_test(a_message_that_circles_is_refused_rfc5321_6_3)
{
    scenario_defaults(&s);
    s.server.limits.received_fields = 3;
    scenario_data(&s);
    talk(&s, "Received: 1\r\nReceived: 2\r\nReceived: 3\r\n\r\nReceived: 4\r\n.\r\n", "250 ");
    talk(&s, "MAIL FROM:<>\r\nRCPT TO:<b@here.example>\r\nDATA\r\n", "250 |250 |354 ");
    talk(&s, "Received: 1\r\nReceived: 2\r\nReceived: 3\r\nReceived: 4\r\n\r\n.\r\n", "554 5.4.6");
    scenario_end(&s);
    assert_int_equal(s.record.messages, 1);
}

scenario_test(memory_is_capped_with_452_and_the_session_lives)
{
    scenario_defaults(&s);
    s.server.limits.recipients = 0;
    s.server.limits.memory_per_session = 16 * 1024;
    scenario_greet(&s);
    talk(&s, "MAIL FROM:<>\r\n", "250 ");
    const char *got = "250";
    for (int i = 0; i < 1000 && memcmp(got, "250", 3) == 0; i++) {
        put(&s, BYTES("RCPT TO:<somebody.with.a.long.name@here.example>\r\n"));
        got = reply(&s);
    }
    assert_memory_equal(got, "452 4.3.1", 9);
    talk(&s, "RSET\r\n", "250 ");
    talk(&s, "MAIL FROM:<>\r\nRCPT TO:<hungry@here.example>\r\n", "250 |452 4.3.1");
    talk(&s, "RSET\r\nMAIL FROM:<>\r\nRCPT TO:<b@here.example>\r\nDATA\r\n",
         "250 |250 |250 |354 ");
    s.record.message_fills_arena = true;
    talk(&s, ".\r\n", "452 4.3.1");
    talk(&s, "QUIT\r\n", "221 ");
    scenario_end(&s);
}

scenario_test(hello_after_hello_does_not_exhaust_the_session_silently)
{
    scenario_defaults(&s);
    s.server.limits.junk_commands = 0;
    s.server.limits.memory_per_session = 16 * 1024;
    scenario_start(&s);
    expect(&s, "220 ");
    char label[61] = "", line[300];
    memset(label, 'a', 60);
    snprintf(line, sizeof(line), "EHLO %s.%s.example\r\n", label, label);
    const char *got = "250";
    for (int i = 0; i < 1000 && memcmp(got, "250", 3) == 0; i++) {
        put(&s, bytes_of(line));
        got = reply(&s);
    }
    assert_memory_equal(got, "421 4.3.1", 9);
    expect_closed(&s);
    scenario_end(&s);
}

/* ---- time ---- */

static void expect_421_after(int64_t duration, const char *prefix)
{
    int64_t from = loop_now();
    expect(&s, prefix);
    assert_int_equal(loop_now() - from, duration);
    expect_closed(&s);
    scenario_end(&s);
}

scenario_test(a_silent_client_gets_421_rfc5321_4_5_3_2_7)
{
    scenario_defaults(&s);
    scenario_greet(&s);
    expect_421_after(5 * MINUTE, "421 4.4.2");
    assert_string_equal(s.record.closed, "time-out");
}

scenario_test(octets_that_drip_do_not_prolong_a_command)
{
    scenario_defaults(&s);
    scenario_greet(&s);
    for (int i = 0; i < 4; i++) {
        put(&s, BYTES("N"));
        fiber_sleep(MINUTE);
    }
    expect_421_after(MINUTE, "421 4.4.2");
}

scenario_test(a_client_that_stops_within_data_gets_421)
{
    scenario_defaults(&s);
    scenario_data(&s);
    put(&s, BYTES("Subject: x\r\n"));
    expect_421_after(3 * MINUTE, "421 4.4.2");
    assert_int_equal(s.record.messages, 0);
    assert_int_equal(s.record.resets, 1);
}

scenario_test(a_session_has_a_deadline_whatever_it_does)
{
    scenario_defaults(&s);
    s.server.limits.session_timeout = 10 * MINUTE;
    scenario_data(&s);
    for (int i = 0; i < 9; i++) {
        fiber_sleep(MINUTE);
        put(&s, BYTES("x\r\n"));
    }
    expect_421_after(MINUTE, "421 4.4.2");
    assert_string_equal(s.record.closed, "session time-out");
}

scenario_test(a_handler_that_takes_too_long_is_cancelled_and_451_said)
{
    scenario_defaults(&s);
    s.record.message_takes = HOUR;
    scenario_data(&s);
    int64_t from = loop_now();
    talk(&s, ".\r\n", "451 4.4.7");
    assert_int_equal(loop_now() - from, MINUTE);
    assert_int_equal(s.record.message_wait, ECANCELED);
    s.record.message_takes = 59 * SECOND;
    talk(&s, "MAIL FROM:<>\r\nRCPT TO:<b@here.example>\r\nDATA\r\n", "250 |250 |354 ");
    talk(&s, ".\r\n", "250 2.0.0");
    assert_int_equal(s.record.message_wait, 0);
    s.record.message_takes = HOUR;
    s.record.message_knows_better = true;
    talk(&s, "MAIL FROM:<>\r\nRCPT TO:<b@here.example>\r\nDATA\r\n", "250 |250 |354 ");
    talk(&s, ".\r\n", "250 2.0.0 Taken, only late");
    scenario_end(&s);
}

scenario_test(a_client_that_does_not_read_is_given_up)
{
    scenario_defaults(&s);
    s.pipe.capacity = 1024;
    s.server.limits.junk_commands = 0;
    scenario_start(&s);
    for (int i = 0; i < 2000; i++)
        if (stream_write(s.stream, BYTES("HELP\r\n"), loop_deadline(HOUR)))
            break;
    (void)!stream_flush(s.stream, loop_deadline(HOUR));
    scenario_end(&s);
    assert_string_equal(s.record.closed, "connection lost");
}

/* ---- the end of the program ---- */

scenario_test(at_shutdown_the_next_command_gets_421)
{
    scenario_defaults(&s);
    scenario_greet(&s);
    s.stopping = true;
    talk(&s, "MAIL FROM:<>\r\n", "421 4.3.2");
    expect_closed(&s);
    scenario_end(&s);
    assert_string_equal(s.record.closed, "stopping");
}

scenario_test(a_cancelled_idle_session_says_421)
{
    scenario_defaults(&s);
    scenario_greet(&s);
    fiber_group_cancel(&s.group);
    expect(&s, "421 4.3.2");
    expect_closed(&s);
    scenario_end(&s);
}

scenario_test(a_session_in_data_is_finished_before_it_stops)
{
    scenario_defaults(&s);
    s.record.message_takes = SECOND;
    scenario_data(&s);
    put(&s, BYTES("A: b\r\n"));
    fiber_sleep(SECOND);
    s.stopping = true;
    fiber_group_cancel(&s.group);
    fiber_sleep(SECOND);
    talk(&s, "\r\nbody\r\n.\r\n", "250 2.0.0|421 4.3.2");
    expect_closed(&s);
    scenario_end(&s);
    assert_int_equal(s.record.message_wait, 0);
    assert_string_equal(s.record.content, "A: b\r\n\r\nbody\r\n");
}

scenario_test(a_session_between_chunks_is_finished_before_it_stops)
{
    scenario_defaults(&s);
    scenario_greet(&s);
    talk(&s, "MAIL FROM:<>\r\nRCPT TO:<b@here.example>\r\nBDAT 3\r\na\r\n", "250 |250 |250 ");
    s.stopping = true;
    fiber_group_cancel(&s.group);
    talk(&s, "BDAT 3 LAST\r\nb\r\n", "250 2.0.0|421 4.3.2");
    expect_closed(&s);
    scenario_end(&s);
    assert_string_equal(s.record.content, "a\r\nb\r\n");
}

scenario_test(a_lost_connection_ends_the_transaction)
{
    scenario_defaults(&s);
    scenario_data(&s);
    put(&s, BYTES("A: b\r\n\r\n.\r"));
    scenario_hang_up(&s);
    scenario_end(&s);
    assert_int_equal(s.record.messages, 0);
    assert_int_equal(s.record.resets, 1);
    assert_string_equal(s.record.closed, "disconnected");
}

/* ---- behaviour as evidence ---- */

scenario_test(who_talks_before_the_greeting_is_known_and_waits_all_the_same)
{
    scenario_defaults(&s);
    s.server.limits.greeting_delay = 5 * SECOND;
    scenario_start(&s);
    int64_t from = loop_now();
    talk(&s, "EHLO client.example\r\n", "220 |250 ");
    assert_int_equal(loop_now() - from, 5 * SECOND);
    talk(&s, "QUIT\r\n", "221 ");
    scenario_end(&s);
    assert_true(s.record.session.early_talker);

    scenario_start(&s);
    from = loop_now();
    expect(&s, "220 ");
    assert_int_equal(loop_now() - from, 5 * SECOND);
    scenario_end(&s);
    assert_false(s.record.session.early_talker);

    s.record.skip_delay = true;
    scenario_start(&s);
    from = loop_now();
    expect(&s, "220 ");
    assert_int_equal(loop_now() - from, 0);
    scenario_end(&s);
}

scenario_test(illegal_pipelining_is_known_rfc2920_3_1)
{
    static const char *const groups[] = {
        "EHLO client.example\r\nMAIL FROM:<>\r\n",
        "EHLO client.example\r\nNOOP\r\nRSET\r\n",
        "HELO client.example\r\nMAIL FROM:<>\r\n",
    };
    for (size_t i = 0; i < countof(groups); i++) {
        scenario_defaults(&s);
        scenario_start(&s);
        expect(&s, "220 ");
        put(&s, bytes_of(groups[i]));
        talk(&s, "QUIT\r\n", "250 |250 ");
        scenario_end(&s);
        assert_true(s.record.session.illegal_pipelining);
    }
    scenario_defaults(&s);
    scenario_greet(&s);
    talk(&s, "MAIL FROM:<>\r\nRCPT TO:<b@here.example>\r\nDATA\r\nA: b\r\n\r\n.\r\nQUIT\r\n",
         "250 |250 |354 |250 |221 ");
    scenario_end(&s);
    assert_true(s.record.session.illegal_pipelining);
}

scenario_test(who_is_refused_at_connect_may_only_quit_rfc5321_3_1)
{
    scenario_defaults(&s);
    s.record.refuse_connect = 554;
    scenario_start(&s);
    expect(&s, "554 5.7.1");
    talk(&s, "EHLO client.example\r\n", "503 5.5.1");
    talk(&s, "QUIT\r\n", "221 ");
    scenario_end(&s);
    s.record.close_at_connect = true;
    scenario_start(&s);
    expect(&s, "554 5.7.1");
    expect_closed(&s);
    scenario_end(&s);
    s.record.refuse_connect = 0;
}

scenario_test(a_handlers_421_ends_the_session)
{
    scenario_defaults(&s);
    scenario_greet(&s);
    talk(&s, "MAIL FROM:<>\r\nRCPT TO:<farewell@here.example>\r\n", "250 |421 4.7.0");
    expect_closed(&s);
    scenario_end(&s);
}

/* ---- smuggling ---- */

static const struct bytes false_ends[] = {
    BYTES_INIT("\n.\n"),       BYTES_INIT("\n.\r"),       BYTES_INIT("\r.\n"),
    BYTES_INIT("\r.\r"),       BYTES_INIT("\n.\r\n"),     BYTES_INIT("\r.\r\n"),
    BYTES_INIT("\r\n.\n"),     BYTES_INIT("\r\n.\r"),     BYTES_INIT("\r\n.\r\r\n"),
    BYTES_INIT("\r\r\n.\r\r\n"),
};

static void smuggle(struct bytes end, enum smtp_line_ends line_ends, const char *expected)
{
    scenario_defaults(&s);
    s.server.bare_line_ends = line_ends;
    scenario_data(&s);
    put(&s, BYTES("A: b\r\n\r\nfirst"));
    put(&s, end);
    talk(&s, "MAIL FROM:<evil@sender.example>\r\nRCPT TO:<b@here.example>\r\nDATA\r\n"
             "smuggled\r\n.\r\n", expected);
    expect_silence(&s, MINUTE);
    talk(&s, "QUIT\r\n", "221 ");
    scenario_end(&s);
    assert_string_equal(s.record.sender, line_ends == SMTP_BARE_REJECT ? "" : "a@sender.example");
}

scenario_test(no_false_end_of_data_smuggles_a_message)
{
    for (size_t i = 0; i < countof(false_ends); i++) {
        smuggle(false_ends[i], SMTP_BARE_REJECT, "550 5.6.11");
        smuggle(false_ends[i], SMTP_BARE_NORMALIZE, "250 2.0.0");
        assert_true(s.record.transaction.bare_line_ends);
        assert_int_equal(s.record.messages, 1);
        assert_non_null(strstr(s.record.content, "\r\nsmuggled\r\n"));
        for (const char *at = s.record.content; *at; at++) {
            assert_true(*at != '\n' || at[-1] == '\r');
            assert_true(*at != '\r' || at[1] == '\n');
        }
    }
}

scenario_test(a_dot_alone_between_bare_line_ends_stays_in_the_text)
{
    scenario_defaults(&s);
    s.server.bare_line_ends = SMTP_BARE_NORMALIZE;
    scenario_data(&s);
    talk(&s, "A: b\r\n\r\nx\n.\ny\r\n.\r\n", "250 ");
    assert_string_equal(s.record.content, "A: b\r\n\r\nx\r\n.\r\ny\r\n");
    scenario_end(&s);
}

scenario_test(nul_does_not_make_an_end_of_data)
{
    scenario_defaults(&s);
    scenario_data(&s);
    talk_bytes(&s, BYTES("A: b\r\n\0.\r\nMAIL FROM:<evil@x.example>\r\n.\0\r\n.\r\n"), "250 ");
    expect_silence(&s, MINUTE);
    scenario_end(&s);
    assert_int_equal(s.record.messages, 1);
}

/* ---- BDAT ---- */

static void bdat_start(void)
{
    scenario_defaults(&s);
    scenario_greet(&s);
    talk(&s, "MAIL FROM:<>\r\nRCPT TO:<b@here.example>\r\n", "250 |250 ");
}

scenario_test(chunks_make_a_message_rfc3030_4)
{
    bdat_start();
    talk(&s, "BDAT 8\r\nA: b\r\n\r\nBDAT 5\r\n.\r\nx\rBDAT 3 LAST\r\n\ny\n", "250 |250 |550 5.6.11");
    talk(&s, "MAIL FROM:<>\r\nRCPT TO:<b@here.example>\r\n", "250 |250 ");
    talk(&s, "BDAT 8\r\nA: b\r\n\r\nBDAT 5\r\n.\r\nx\rBDAT 1\r\n\nBDAT 4 LAST\r\n..\r\n",
         "250 |250 |250 |250 ");
    assert_string_equal(s.record.content, "A: b\r\n\r\n.\r\nx\r\n..\r\n");
    assert_true(s.record.transaction.chunked);
    talk(&s, "MAIL FROM:<>\r\nRCPT TO:<b@here.example>\r\nBDAT 1\r\nxBDAT 0 LAST\r\n",
         "250 |250 |250 |250 ");
    assert_string_equal(s.record.content, "x\r\n");
    talk(&s, "QUIT\r\n", "221 ");
    scenario_end(&s);
    assert_int_equal(s.record.messages, 2);
    assert_false(s.record.session.illegal_pipelining);
}

scenario_test(a_refused_chunk_is_consumed_rfc3030_2)
{
    scenario_defaults(&s);
    scenario_greet(&s);
    talk(&s, "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", "503 5.5.1|250 ");
    talk(&s, "MAIL FROM:<>\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", "250 |554 5.5.1|250 ");
    talk(&s, "RCPT TO:<unknown@here.example>\r\nBDAT 6\r\nQUIT\r\nNOOP\r\n", "550 |554 5.5.1|250 ");
    s.record.refuse_data = true;
    talk(&s, "RCPT TO:<b@here.example>\r\nBDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n",
         "250 |550 5.7.1|503 |250 ");
    s.record.refuse_data = false;
    talk(&s, "RSET\r\nMAIL FROM:<>\r\nRCPT TO:<b@here.example>\r\n", "250 |250 |250 ");
    talk(&s, "BDAT 6 LAST\r\nA: b\r\nBDAT 6 LAST\r\nQUIT\r\n", "250 |503 5.5.1");
    scenario_end(&s);
    assert_int_equal(s.record.messages, 1);
}

scenario_test(data_and_bdat_do_not_mix_rfc3030_2)
{
    bdat_start();
    talk(&s, "BDAT 1\r\nx", "250 ");
    talk(&s, "DATA\r\n", "503 5.5.1");
    talk(&s, "RCPT TO:<c@here.example>\r\n", "503 5.5.1");
    talk(&s, "MAIL FROM:<>\r\n", "503 5.5.1");
    talk(&s, "RSET\r\n", "250 ");
    talk(&s, "BDAT 1 LAST\r\nx", "503 5.5.1");
    scenario_end(&s);
    assert_int_equal(s.record.messages, 0);
}

scenario_test(too_large_chunks_are_consumed_then_552)
{
    static char text[40000];
    memset(text, 'x', sizeof(text));
    for (size_t i = 998; i < sizeof(text); i += 1000)
        memcpy(text + i, "\r\n", 2);
    bdat_start();
    for (int i = 0; i < 2; i++) {
        put(&s, BYTES("BDAT 40000\r\n"));
        talk_bytes(&s, bytes_from(text, sizeof(text)), i ? "552 5.3.4" : "250 ");
    }
    talk(&s, "BDAT 2 LAST\r\nxxNOOP\r\n", "503 5.5.1|250 ");
    talk(&s, "RSET\r\nMAIL FROM:<>\r\n", "250 |250 ");
    scenario_end(&s);
    assert_int_equal(s.record.messages, 0);
}

scenario_test(bare_line_ends_in_chunks_are_found_across_them)
{
    bdat_start();
    talk(&s, "BDAT 9\r\nA: b\r\n\r\nxBDAT 1\r\n\n", "250 |550 5.6.11");
    talk(&s, "RSET\r\nMAIL FROM:<>\r\nRCPT TO:<b@here.example>\r\n", "250 |250 |250 ");
    talk(&s, "BDAT 2 LAST\r\nx\r", "550 5.6.11");
    scenario_end(&s);
    assert_int_equal(s.record.messages, 0);
}

scenario_test(a_chunk_size_that_cannot_be_read_ends_the_session)
{
    bdat_start();
    talk(&s, "BDAT 99999999999999999999 LAST\r\nMAIL FROM:<>\r\n", "501 5.5.4");
    expect_closed(&s);
    scenario_end(&s);
    assert_string_equal(s.record.closed, "unreadable BDAT");
}

scenario_test(a_client_that_hangs_up_within_a_chunk_is_cleaned_up_after)
{
    bdat_start();
    put(&s, BYTES("BDAT 5000 LAST\r\nhalf"));
    fiber_sleep(SECOND);
    scenario_hang_up(&s);
    scenario_end(&s);
    assert_int_equal(s.record.messages, 0);
    bdat_start();
    put(&s, BYTES("BDAT 5000 LAST\r\nhalf"));
    expect_421_after(3 * MINUTE, "421 4.4.2");
}

/* ---- PROXY protocol ---- */

static void proxy_start(struct bytes header)
{
    scenario_defaults(&s);
    s.server.proxy_protocol = true;
    s.server.limits.greeting_delay = SECOND;
    scenario_start(&s);
    put(&s, header);
}

static void assert_ip(const struct ip *ip, const char *expected)
{
    char text[IP_TEXT_SIZE];
    assert_string_equal(ip_format(ip, text), expected);
}

scenario_test(the_proxy_header_replaces_the_ends)
{
    proxy_start(BYTES("PROXY TCP4 203.0.113.9 203.0.113.25 4711 2525\r\n"));
    expect(&s, "220 ");
    talk(&s, "QUIT\r\n", "221 ");
    scenario_end(&s);
    assert_ip(&s.record.session.client, "203.0.113.9");
    assert_ip(&s.record.session.local, "203.0.113.25");
    assert_ip(&s.record.session.proxy, "192.0.2.1");
    assert_int_equal(s.record.session.client_port, 4711);
    assert_int_equal(s.record.session.local_port, 2525);
    assert_false(s.record.session.early_talker);
    proxy_start(BYTES("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"));
    expect(&s, "220 ");
    scenario_end(&s);
    assert_ip(&s.record.session.client, "192.0.2.1");
    assert_int_equal(s.record.session.proxy.family, 0);
}

scenario_test(without_a_proxy_header_there_is_no_session)
{
    proxy_start(BYTES("EHLO client.example\r\n"));
    expect_closed(&s);
    scenario_end(&s);
    proxy_start(BYTES("PROXY TC"));
    int64_t from = loop_now();
    expect_closed(&s);
    assert_int_equal(loop_now() - from, 10 * SECOND);
    scenario_end(&s);
    assert_string_equal(s.record.closed, "no PROXY header");
}

/* ---- TLS ---- */

static struct tls_server *tls_server;
static struct tls_client *tls_client;

static void tls_start(void)
{
    struct error error;
    tls_server = tls_server_create(&error);
    tls_client = tls_client_create("/dev/null", &error);
    if (!tls_client)
        tls_client = tls_client_create(NULL, &error);
    assert_non_null(tls_client);
    assert_int_equal(tls_server_add_self_signed(tls_server, "mx.example", NULL, NULL, &error), OK);
    scenario_defaults(&s);
    s.server.tls = tls_server;
}

static void tls_stop(void)
{
    tls_server_destroy(tls_server);
    tls_client_destroy(tls_client);
}

/* The client's side of the handshake; replaces the stream's transport. */
static enum result tls_handshake_client(int64_t timeout)
{
    struct transport *plain = stream_transport(s.stream), *encrypted;
    struct tls_info info;
    struct error error;
    stream_replace_transport(s.stream, NULL);
    enum result result = tls_connect(tls_client, plain, "mx.example", false,
                                     loop_deadline(timeout), &encrypted, &info, &error);
    if (result == OK)
        stream_replace_transport(s.stream, encrypted);
    return result;
}

scenario_test(starttls_forgets_what_was_said_before_rfc3207_4_2)
{
    tls_start();
    scenario_greet(&s);
    talk(&s, "MAIL FROM:<plain@sender.example>\r\n", "250 ");
    talk(&s, "STARTTLS now\r\n", "501 5.5.4");
    talk(&s, "STARTTLS\r\n", "220 2.0.0");
    assert_int_equal(tls_handshake_client(MINUTE), OK);
    talk(&s, "RCPT TO:<b@here.example>\r\n", "503 5.5.1");
    talk(&s, "MAIL FROM:<>\r\n", "503 5.5.1");
    talk(&s, "EHLO client.example\r\n", "250 ");
    talk(&s, "STARTTLS\r\n", "503 5.5.1");
    talk(&s, "MAIL FROM:<a@sender.example>\r\nRCPT TO:<b@here.example>\r\nDATA\r\n",
         "250 |250 |354 ");
    talk(&s, "A: b\r\n.\r\nQUIT\r\n", "250 |221 ");
    expect_closed(&s);
    scenario_end(&s);
    assert_true(s.record.session.tls);
    assert_int_equal(s.record.resets, 2);
    assert_string_equal(s.record.sender, "a@sender.example");
    tls_stop();
}

scenario_test(plaintext_behind_starttls_is_dropped_cve_2011_0411)
{
    tls_start();
    scenario_greet(&s);
    talk(&s, "STARTTLS\r\nEHLO evil.example\r\nMAIL FROM:<evil@sender.example>\r\n", "220 2.0.0");
    assert_int_equal(tls_handshake_client(MINUTE), OK);
    expect_silence(&s, MINUTE);
    talk(&s, "NOOP\r\n", "250 ");
    talk(&s, "EHLO client.example\r\n", "250 ");
    talk(&s, "QUIT\r\n", "221 ");
    scenario_end(&s);
    assert_true(s.record.session.illegal_pipelining);
    tls_stop();
}

scenario_test(a_handshake_has_a_deadline)
{
    tls_start();
    scenario_greet(&s);
    talk(&s, "STARTTLS\r\n", "220 2.0.0");
    int64_t from = loop_now();
    expect_closed(&s);
    assert_int_equal(loop_now() - from, 5 * MINUTE);
    scenario_end(&s);
    assert_non_null(strstr(s.record.closed, "time-out"));
    tls_stop();
}

scenario_test(implicit_tls_follows_the_proxy_header_in_one_piece)
{
    tls_start();
    s.server.implicit_tls = true;
    s.server.proxy_protocol = true;
    s.pipe.delay = SECOND; /* header and first TLS record travel together */
    scenario_start(&s);
    assert_int_equal(stream_write(s.stream, BYTES("PROXY TCP4 203.0.113.9 203.0.113.25 1 2\r\n"),
                                  NO_DEADLINE), 0);
    assert_int_equal(tls_handshake_client(MINUTE), OK);
    expect(&s, "220 ");
    talk(&s, "EHLO client.example\r\n", "250 ");
    scenario_end(&s);
    assert_true(s.record.session.tls);
    assert_ip(&s.record.session.client, "203.0.113.9");
    tls_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_arrives_with_its_envelope),
        cmocka_unit_test(ehlo_offers_what_there_is),
        cmocka_unit_test(replies_to_a_pipelined_group_come_in_one_write_rfc2920_3_2),
        cmocka_unit_test(every_fragmentation_gives_the_same_session),
        cmocka_unit_test(many_recipients_keep_their_order),
        cmocka_unit_test(large_content_is_contiguous_and_in_a_memfd),
        cmocka_unit_test(commands_out_of_order_get_503_rfc5321_4_1_4),
        cmocka_unit_test(bad_commands_get_the_codes_of_rfc5321_4_2),
        cmocka_unit_test(parameters_need_ehlo_unless_lenient),
        cmocka_unit_test(dsn_parameters_are_decoded_where_dsn_is_offered_rfc3461_4),
        cmocka_unit_test(non_ascii_addresses_need_smtputf8_rfc6531_3_5),
        cmocka_unit_test(http_is_sent_away),
        cmocka_unit_test(too_long_lines_are_skipped_to_their_end),
        cmocka_unit_test(a_line_of_exactly_the_limit_is_taken),
        cmocka_unit_test(a_line_without_end_is_not_read_for_ever),
        cmocka_unit_test(too_many_errors_end_the_session_with_421),
        cmocka_unit_test(too_many_junk_commands_end_the_session_and_mail_forgives_them),
        cmocka_unit_test(an_oversized_message_is_read_to_its_end_then_552_rfc1870_6),
        cmocka_unit_test(a_message_of_exactly_the_limit_is_taken),
        cmocka_unit_test(text_lines_up_to_the_limit_are_taken),
        cmocka_unit_test(a_message_that_circles_is_refused_rfc5321_6_3),
        cmocka_unit_test(memory_is_capped_with_452_and_the_session_lives),
        cmocka_unit_test(hello_after_hello_does_not_exhaust_the_session_silently),
        cmocka_unit_test(a_silent_client_gets_421_rfc5321_4_5_3_2_7),
        cmocka_unit_test(octets_that_drip_do_not_prolong_a_command),
        cmocka_unit_test(a_client_that_stops_within_data_gets_421),
        cmocka_unit_test(a_session_has_a_deadline_whatever_it_does),
        cmocka_unit_test(a_handler_that_takes_too_long_is_cancelled_and_451_said),
        cmocka_unit_test(a_client_that_does_not_read_is_given_up),
        cmocka_unit_test(at_shutdown_the_next_command_gets_421),
        cmocka_unit_test(a_cancelled_idle_session_says_421),
        cmocka_unit_test(a_session_in_data_is_finished_before_it_stops),
        cmocka_unit_test(a_session_between_chunks_is_finished_before_it_stops),
        cmocka_unit_test(a_lost_connection_ends_the_transaction),
        cmocka_unit_test(who_talks_before_the_greeting_is_known_and_waits_all_the_same),
        cmocka_unit_test(illegal_pipelining_is_known_rfc2920_3_1),
        cmocka_unit_test(who_is_refused_at_connect_may_only_quit_rfc5321_3_1),
        cmocka_unit_test(a_handlers_421_ends_the_session),
        cmocka_unit_test(no_false_end_of_data_smuggles_a_message),
        cmocka_unit_test(a_dot_alone_between_bare_line_ends_stays_in_the_text),
        cmocka_unit_test(nul_does_not_make_an_end_of_data),
        cmocka_unit_test(chunks_make_a_message_rfc3030_4),
        cmocka_unit_test(a_refused_chunk_is_consumed_rfc3030_2),
        cmocka_unit_test(data_and_bdat_do_not_mix_rfc3030_2),
        cmocka_unit_test(too_large_chunks_are_consumed_then_552),
        cmocka_unit_test(bare_line_ends_in_chunks_are_found_across_them),
        cmocka_unit_test(a_chunk_size_that_cannot_be_read_ends_the_session),
        cmocka_unit_test(a_client_that_hangs_up_within_a_chunk_is_cleaned_up_after),
        cmocka_unit_test(the_proxy_header_replaces_the_ends),
        cmocka_unit_test(without_a_proxy_header_there_is_no_session),
        cmocka_unit_test(starttls_forgets_what_was_said_before_rfc3207_4_2),
        cmocka_unit_test(plaintext_behind_starttls_is_dropped_cve_2011_0411),
        cmocka_unit_test(a_handshake_has_a_deadline),
        cmocka_unit_test(implicit_tls_follows_the_proxy_header_in_one_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
