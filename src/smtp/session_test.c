/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands: their order and syntax, time-outs, shutdown, and conduct that is evidence. */
#include "smtp/scenario_test.h"

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
    talk(&s, "HELO client.example\r\n", "250 ");
    talk(&s, "MAIL FROM:<refused@sender.example>\r\n", "550 5.7.1");
    talk(&s, "RCPT TO:<b@here.example>\r\n", "503 5.5.1");
    scenario_end(&s);
    assert_int_equal(s.record.resets, 3);
}

/* No enhanced code in the reply: rfc2034:4. */
scenario_test(a_refused_ehlo_changes_nothing_rfc5321_4_1_4)
{
    scenario_defaults(&s);
    scenario_start(&s);
    expect(&s, "220 ");
    talk(&s, "EHLO refused.example\r\n", "550 Not you");
    talk(&s, "EHLO two names\r\n", "501 this is not");
    talk(&s, "MAIL FROM:<>\r\n", "503 5.5.1");
    talk(&s, "EHLO client.example\r\n", "250 ");
    talk(&s, "MAIL FROM:<>\r\n", "250 ");
    talk(&s, "EHLO refused.example\r\n", "550 Not you");
    talk(&s, "EHLO two names\r\n", "501 this is not");
    talk(&s, "RCPT TO:<b@here.example>\r\nDATA\r\n", "250 |354 ");
    talk(&s, "A: b\r\n.\r\nQUIT\r\n", "250 |221 ");
    scenario_end(&s);
    assert_true(s.record.session.esmtp);
}

scenario_test(the_last_reply_begins_with_our_name_rfc5321_4_2_2)
{
    scenario_defaults(&s);
    s.server.limits.bad_commands = 2;
    scenario_greet(&s);
    talk(&s, "QUIT\r\n", "221 2.0.0 mx.example ");
    scenario_end(&s);
    scenario_greet(&s);
    talk(&s, "BAR\r\nBAZ\r\n", "500 |421 4.7.0 mx.example ");
    scenario_end(&s);
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
    talk(&s, "MAIL FROM:<j\xc3\xb6rg@sender.example>\r\n", "550 5.6.7"); /* rfc6531:3.5 */
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

scenario_test(submitter_is_unknown_where_it_is_not_offered_rfc4405_3)
{
    scenario_defaults(&s);
    scenario_greet(&s);
    talk(&s, "MAIL FROM:<> SUBMITTER=a@sender.example\r\n", "555 5.5.4");
    talk(&s, "MAIL FROM:<>\r\n", "250 ");
    scenario_end(&s);
}

scenario_test(submitter_is_a_mailbox_in_xtext_rfc4405_4)
{
    scenario_defaults(&s);
    s.server.limits.bad_commands = 0;
    s.server.offer_submitter = true;
    scenario_greet(&s);
    talk(&s, "MAIL FROM:<> SUBMITTER\r\n", "501 5.5.4");
    talk(&s, "MAIL FROM:<> SUBMITTER=\r\n", "501 5.5.4");
    talk(&s, "MAIL FROM:<> SUBMITTER=<>\r\n", "501 5.5.4");
    talk(&s, "MAIL FROM:<> SUBMITTER=<a@sender.example>\r\n", "501 5.5.4");
    talk(&s, "MAIL FROM:<> SUBMITTER=nobody\r\n", "501 5.5.4");
    talk(&s, "MAIL FROM:<> SUBMITTER=a@\r\n", "501 5.5.4");
    talk(&s, "MAIL FROM:<> SUBMITTER=a+b@sender.example\r\n", "501 5.5.4");
    talk(&s, "MAIL FROM:<> SUBMITTER=a=b@sender.example\r\n", "501 5.5.4");
    talk(&s, "MAIL FROM:<> SUBMITTER=a+0D+0A@sender.example\r\n", "501 5.5.4");
    talk(&s, "MAIL FROM:<> SUBMITTER=a@sender.example+00\r\n", "501 5.5.4");
    talk(&s, "MAIL FROM:<> SUBMITTER=a@s.example,b@s.example\r\n", "501 5.5.4");
    talk(&s, "MAIL FROM:<> SUBMITTER=a@s.example SUBMITTER=a@s.example\r\n", "501 5.5.4");
    talk(&s, "MAIL FROM:<> SUBMITTER=+C3+BC@s.example\r\n", "501 5.5.4"); /* no SMTPUTF8 */
    talk(&s, "MAIL FROM:<>\r\nRCPT TO:<b@here.example> SUBMITTER=a@s.example\r\n", "250 |555 ");
    talk(&s, "RSET\r\n", "250 ");
    talk(&s, "MAIL FROM:<a@sender.example> SIZE=1 submitter=\"Jo+20+2B+3D\"@Sub.example\r\n",
         "250 ");
    talk(&s, "RCPT TO:<b@here.example>\r\nDATA\r\n", "250 |354 ");
    talk(&s, ".\r\n", "250 ");
    assert_true(s.record.transaction.submitter_given);
    assert_string_equal(s.record.submitter, "\"Jo +=\"@Sub.example");
    assert_string_equal(s.record.submitter_local, "Jo +=");
    assert_string_equal(s.record.submitter_domain, "Sub.example");
    assert_string_equal(s.record.sender, "a@sender.example"); /* rfc4405:4.2 */
    talk(&s, "MAIL FROM:<>\r\nRCPT TO:<b@here.example>\r\nDATA\r\n", "250 |250 |354 ");
    talk(&s, ".\r\n", "250 ");
    assert_false(s.record.transaction.submitter_given);
    assert_string_equal(s.record.submitter, "");
    scenario_end(&s);
}

scenario_test(a_submitter_in_utf8_needs_smtputf8_rfc6531_3_3)
{
    scenario_defaults(&s);
    s.server.offer_submitter = true;
    scenario_greet(&s);
    talk(&s, "MAIL FROM:<> SUBMITTER=+C3+BC@s.example SMTPUTF8\r\n", "250 ");
    talk(&s, "RCPT TO:<b@here.example>\r\nDATA\r\n", "250 |354 ");
    talk(&s, ".\r\n", "250 ");
    assert_string_equal(s.record.submitter_local, "\xc3\xbc");
    scenario_end(&s);
}

scenario_test(a_submitter_is_bounded)
{
    char line[1200], local[130 * 3 + 1] = "", domain[256] = "";
    for (int i = 0; i < 64; i++)
        snprintf(local + 3 * i, 4, "+2B");
    while (strlen(domain) < 240)
        snprintf(domain + strlen(domain), sizeof(domain) - strlen(domain), "%059d.", 0);
    scenario_defaults(&s);
    s.server.offer_submitter = true;
    scenario_greet(&s);
    /* The longest that rfc5321:4.5.3.1 has, all encoded that can be. */
    snprintf(line, sizeof(line), "MAIL FROM:<> SUBMITTER=%s@%sexample1234567\r\n", local, domain);
    talk(&s, line, "250 ");
    talk(&s, "RSET\r\n", "250 ");
    for (int i = 64; i < 130; i++)
        snprintf(local + 3 * i, 4, "+2B");
    snprintf(line, sizeof(line), "MAIL FROM:<> SUBMITTER=%s@%sexample1234567\r\n", local, domain);
    talk(&s, line, "501 5.5.4");
    scenario_end(&s);
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
    talk(&s, "MAIL FROM:<j\xc3\xb6rg@sender.example>\r\n", "550 5.6.7");
    talk(&s, "MAIL FROM:<a@sender.example>\r\n", "250 ");
    talk(&s, "RCPT TO:<j\xc3\xb6rg@here.example>\r\n", "553 5.6.7");
    talk(&s, "RSET\r\n", "250 ");
    talk(&s, "MAIL FROM:<j\xc3\xb6rg@sender.example> SMTPUTF8\r\n", "250 ");
    talk(&s, "RCPT TO:<j\xc3\xb6rg@here.example>\r\n", "250 ");
    talk(&s, "RCPT TO:<j\xff@here.example>\r\n", "501 5.5.4"); /* rfc5321:4.1.2 */
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

/* ---- time ---- */

scenario_test(a_silent_client_gets_421_rfc5321_4_5_3_2_7)
{
    scenario_defaults(&s);
    scenario_greet(&s);
    expect_end(&s, 5 * MINUTE, "421 4.4.2");
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
    expect_end(&s, MINUTE, "421 4.4.2");
}

scenario_test(a_client_that_stops_within_data_gets_421)
{
    scenario_defaults(&s);
    scenario_data(&s);
    put(&s, BYTES("Subject: x\r\n"));
    expect_end(&s, 3 * MINUTE, "421 4.4.2");
    assert_int_equal(s.record.messages, 0);
    assert_int_equal(s.record.resets, 1);
}

scenario_test(a_session_has_a_deadline_whatever_it_does)
{
    scenario_defaults(&s);
    s.server.limits.session_timeout = 10 * MINUTE;
    scenario_data(&s);
    for (int i = 0; i < 9 * 512; i++) {
        if (i % 512 == 0)
            fiber_sleep(MINUTE);
        put(&s, BYTES("x\r\n"));
    }
    expect_end(&s, MINUTE, "421 4.4.2");
    assert_string_equal(s.record.closed, "session time-out");
}

scenario_test(octets_that_drip_do_not_prolong_a_message)
{
    scenario_defaults(&s);
    scenario_data(&s);
    for (int i = 0; i < 2; i++) {
        fiber_sleep(MINUTE);
        put(&s, BYTES("x\r\n"));
    }
    expect_end(&s, MINUTE, "421 4.4.2");
    scenario_greet(&s);
    talk(&s, "MAIL FROM:<a@sender.example>\r\nRCPT TO:<b@here.example>\r\n", "250 |250 ");
    put(&s, BYTES("BDAT 50000\r\n"));
    for (int i = 0; i < 2; i++) {
        fiber_sleep(MINUTE);
        put(&s, BYTES("x\r\n"));
    }
    expect_end(&s, MINUTE, "421 4.4.2");
}

/* ---- what is left of a session as evidence ---- */

scenario_test(another_name_in_a_later_hello_is_noted)
{
    scenario_defaults(&s);
    scenario_greet(&s);
    talk(&s, "EHLO CLIENT.example\r\n", "250 ");
    talk(&s, "EHLO refused.example\r\n", "550 "); /* all stays as it was */
    talk(&s, "MAIL FROM:<>\r\nRCPT TO:<b@here.example>\r\nDATA\r\n", "250 |250 |354 ");
    talk(&s, ".\r\n", "250 ");
    assert_false(s.record.session.helo_changed);
    talk(&s, "HELO other.example\r\n", "250 ");
    talk(&s, "MAIL FROM:<>\r\nRCPT TO:<b@here.example>\r\nDATA\r\n", "250 |250 |354 ");
    talk(&s, ".\r\n", "250 ");
    assert_true(s.record.session.helo_changed);
    scenario_end(&s);
}

scenario_test(refusals_that_are_the_clients_own_fault_are_counted)
{
    scenario_defaults(&s);
    scenario_greet(&s);
    talk(&s, "NONSENSE\r\n", "500 ");
    talk(&s, "MAIL FROM:<refused@sender.example>\r\n", "550 ");
    talk(&s, "MAIL FROM:<>\r\nRCPT TO:<unknown@here.example>\r\n", "250 |550 ");
    talk(&s, "RCPT TO:<full@here.example>\r\n", "452 4.2.2");
    talk(&s, "RCPT TO:<hungry@here.example>\r\n", "452 4.3.1"); /* is ours */
    scenario_end(&s);
    assert_int_equal(s.record.session.errors, 4);
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

scenario_test(only_replies_to_grouped_commands_wait_rfc2920_3_2)
{
    scenario_defaults(&s);
    s.record.message_takes = SECOND;
    scenario_greet(&s);
    int64_t from = loop_now();
    talk(&s, "MAIL FROM:<>\r\nRCPT TO:<b@here.example>\r\nDATA\r\nA: b\r\n.\r\n",
         "250 |250 |354 ");
    assert_int_equal(loop_now() - from, 0);
    expect(&s, "250 2.0.0");
    from = loop_now();
    talk(&s, "NOOP\r\nMAIL FROM:<>\r\nRCPT TO:<b@here.example>\r\nBDAT 6 LAST\r\nA: b\r\n",
         "250 2.0.0");
    assert_int_equal(loop_now() - from, 0);
    expect(&s, "250 2.1.0|250 2.1.5|250 2.0.0");
    scenario_end(&s);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_out_of_order_get_503_rfc5321_4_1_4),
        cmocka_unit_test(a_refused_ehlo_changes_nothing_rfc5321_4_1_4),
        cmocka_unit_test(the_last_reply_begins_with_our_name_rfc5321_4_2_2),
        cmocka_unit_test(bad_commands_get_the_codes_of_rfc5321_4_2),
        cmocka_unit_test(parameters_need_ehlo_unless_lenient),
        cmocka_unit_test(submitter_is_unknown_where_it_is_not_offered_rfc4405_3),
        cmocka_unit_test(submitter_is_a_mailbox_in_xtext_rfc4405_4),
        cmocka_unit_test(a_submitter_in_utf8_needs_smtputf8_rfc6531_3_3),
        cmocka_unit_test(a_submitter_is_bounded),
        cmocka_unit_test(dsn_parameters_are_decoded_where_dsn_is_offered_rfc3461_4),
        cmocka_unit_test(non_ascii_addresses_need_smtputf8_rfc6531_3_5),
        cmocka_unit_test(http_is_sent_away),
        cmocka_unit_test(a_silent_client_gets_421_rfc5321_4_5_3_2_7),
        cmocka_unit_test(octets_that_drip_do_not_prolong_a_command),
        cmocka_unit_test(a_client_that_stops_within_data_gets_421),
        cmocka_unit_test(a_session_has_a_deadline_whatever_it_does),
        cmocka_unit_test(octets_that_drip_do_not_prolong_a_message),
        cmocka_unit_test(another_name_in_a_later_hello_is_noted),
        cmocka_unit_test(refusals_that_are_the_clients_own_fault_are_counted),
        cmocka_unit_test(a_handler_that_takes_too_long_is_cancelled_and_451_said),
        cmocka_unit_test(a_client_that_does_not_read_is_given_up),
        cmocka_unit_test(at_shutdown_the_next_command_gets_421),
        cmocka_unit_test(a_cancelled_idle_session_says_421),
        cmocka_unit_test(a_session_in_data_is_finished_before_it_stops),
        cmocka_unit_test(a_session_between_chunks_is_finished_before_it_stops),
        cmocka_unit_test(a_lost_connection_ends_the_transaction),
        cmocka_unit_test(who_talks_before_the_greeting_is_known_and_waits_all_the_same),
        cmocka_unit_test(illegal_pipelining_is_known_rfc2920_3_1),
        cmocka_unit_test(only_replies_to_grouped_commands_wait_rfc2920_3_2),
        cmocka_unit_test(who_is_refused_at_connect_may_only_quit_rfc5321_3_1),
        cmocka_unit_test(a_handlers_421_ends_the_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
