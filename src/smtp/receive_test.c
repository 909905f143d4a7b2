/* SPDX-License-Identifier: BSD-2-Clause */
/* Message data: limits, smuggling, BDAT. */
#include "smtp/scenario_test.h"

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

scenario_test(who_tries_recipients_one_after_the_other_is_cut_off)
{
    scenario_defaults(&s);
    s.server.limits.junk_commands = 3;
    scenario_greet(&s);
    talk(&s, "MAIL FROM:<>\r\nRCPT TO:<unknown@here.example>\r\n", "250 |550 ");
    talk(&s, "RCPT TO:<unknown@here.example>\r\n", "550 ");
    talk(&s, "RCPT TO:<b@here.example>\r\n", "250 ");
    talk(&s, "RCPT TO:<unknown@here.example>\r\n", "421 4.7.0");
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
    talk(&s, "RSET\r\nMAIL FROM:<>\r\nRCPT TO:<b@here.example>\r\nDATA\r\n", "250 |250 |250 |354 ");
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

/* ---- smuggling ---- */

static const struct bytes false_ends[] = {
    BYTES_INIT("\n.\n"),         BYTES_INIT("\n.\r"),   BYTES_INIT("\r.\n"),
    BYTES_INIT("\r.\r"),         BYTES_INIT("\n.\r\n"), BYTES_INIT("\r.\r\n"),
    BYTES_INIT("\r\n.\n"),       BYTES_INIT("\r\n.\r"), BYTES_INIT("\r\n.\r\r\n"),
    BYTES_INIT("\r\r\n.\r\r\n"),
};

static void smuggle(struct bytes end, enum smtp_line_ends line_ends, const char *expected)
{
    scenario_defaults(&s);
    s.server.bare_line_ends = line_ends;
    scenario_data(&s);
    put(&s, BYTES("A: b\r\n\r\nfirst"));
    put(&s, end);
    talk(&s,
         "MAIL FROM:<evil@sender.example>\r\nRCPT TO:<b@here.example>\r\nDATA\r\n"
         "smuggled\r\n.\r\n",
         expected);
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
    talk(&s, "BDAT 8\r\nA: b\r\n\r\nBDAT 5\r\n.\r\nx\rBDAT 3 LAST\r\n\ny\n",
         "250 |250 |550 5.6.11");
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
    for (unsigned i = 0; i <= s.server.limits.bad_commands; i++) /* under way already, rfc3030:2 */
        talk(&s, "BDAT 2\r\nxx", "503 5.5.1");
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
    expect_end(&s, 3 * MINUTE, "421 4.4.2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(too_long_lines_are_skipped_to_their_end),
        cmocka_unit_test(a_line_of_exactly_the_limit_is_taken),
        cmocka_unit_test(a_line_without_end_is_not_read_for_ever),
        cmocka_unit_test(too_many_errors_end_the_session_with_421),
        cmocka_unit_test(too_many_junk_commands_end_the_session_and_mail_forgives_them),
        cmocka_unit_test(who_tries_recipients_one_after_the_other_is_cut_off),
        cmocka_unit_test(an_oversized_message_is_read_to_its_end_then_552_rfc1870_6),
        cmocka_unit_test(a_message_of_exactly_the_limit_is_taken),
        cmocka_unit_test(text_lines_up_to_the_limit_are_taken),
        cmocka_unit_test(a_message_that_circles_is_refused_rfc5321_6_3),
        cmocka_unit_test(memory_is_capped_with_452_and_the_session_lives),
        cmocka_unit_test(hello_after_hello_does_not_exhaust_the_session_silently),
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
