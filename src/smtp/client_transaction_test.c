/* SPDX-License-Identifier: BSD-2-Clause */
/* MAIL, RCPT, DATA and BDAT, pipelined and step by step, in SMTP and LMTP. */
#include "smtp/client_fixture.h"

/* ---- in SMTP ---- */

fiber_test(without_pipelining_each_command_waits_for_its_reply)
{
    open_with(GREETING "C: MAIL FROM:<a@b.example>\nQ: 2\nS: 250 ok\nC: RCPT TO:<c@d.example>\nQ: 2\n"
                       "S: 250 ok\nC: RCPT TO:<e@d.example>\nQ: 2\nS: 251 forwarded\nC: DATA\nQ: 2\n"
                       "S: 354 go\nC: A: b\nC: \nC: ..\nC: ..x\nC: .\nS: 250 2.0.0 queued\nC: QUIT");
    assert_int_equal(send_to("c@d.example e@d.example", NULL, "A: b\r\n\r\n.\r\n.x\r\n"), OK);
    expect_reply(0, 250, "2.0.0", false);
    expect_reply(1, 250, "2.0.0", false);
    assert_true(bytes_is(s.replies[1].text, "queued"));
    finish();
}

fiber_test(all_commands_go_together_where_pipelining_is_offered_rfc2920_3_1)
{
    open_with(PIPELINING_GREETING
              "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nC: RCPT TO:<no@d.example>\n"
              "C: RCPT TO:<e@d.example>\nC: DATA\nQ: 2\nS: 250 2.1.0 ok\nS: 250 2.1.5 ok\n"
              "S: 550-5.1.1 no such\nS: 550 5.1.1 user\nS: 250 2.1.5 ok\nS: 354 go\nC: x\nC: .\n"
              "S: 250 2.0.0 queued\nC: QUIT");
    assert_int_equal(send_to("c@d.example no@d.example e@d.example", NULL, "x"), OK);
    expect_reply(0, 250, "2.0.0", false);
    expect_reply(1, 550, "5.1.1", false);
    assert_true(bytes_is(s.replies[1].text, "no such user"));
    expect_reply(2, 250, "2.0.0", false);
    finish();
    s.options.without_pipelining = true;
    open_with(PIPELINING_GREETING "C: MAIL FROM:<a@b.example>\nQ: 2\nS: 550 5.7.1 no\nC: QUIT");
    assert_int_equal(send_to("c@d.example", NULL, "x"), OK);
    expect_reply(0, 550, "5.7.1", false);
    finish();
}

fiber_test(data_taken_for_nobody_ends_with_a_lone_dot_rfc2920_3_1)
{
    open_with(PIPELINING_GREETING
              "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nC: DATA\nS: 250 ok\n"
              "S: 450 4.2.1 busy\nS: 354 go\nC: .\nS: 554 5.5.1 no valid recipients\n"
              "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nC: DATA\nS: 250 ok\n"
              "S: 450 4.2.1 busy\nS: 503 5.5.1 no valid recipients\n"
              "C: RSET\nC: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nC: DATA\nS: 250 ok\n"
              "S: 250 ok\nS: 250 ok\nS: 354 go\nC: x\nC: .\nS: 250 2.0.0 ok\nC: QUIT");
    assert_int_equal(send_to("c@d.example", NULL, "x"), OK);
    expect_reply(0, 450, "4.2.1", false);
    assert_int_equal(send_to("c@d.example", NULL, "x"), OK);
    expect_reply(0, 450, "4.2.1", false);
    assert_true(client_is_usable(s.client));
    assert_int_equal(send_to("c@d.example", NULL, "x"), OK);
    expect_reply(0, 250, "2.0.0", false);
    finish();
}

fiber_test(a_refused_mail_is_the_last_word_to_all)
{
    open_with(PIPELINING_GREETING
              "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nC: RCPT TO:<e@d.example>\n"
              "C: DATA\nS: 550 5.7.1 not you\nS: 503 5.5.1 MAIL first\nS: 503 5.5.1 MAIL first\n"
              "S: 503 5.5.1 MAIL first\nC: QUIT");
    assert_int_equal(send_to("c@d.example e@d.example", NULL, "x"), OK);
    expect_reply(0, 550, "5.7.1", false);
    expect_reply(1, 550, "5.7.1", false);
    assert_true(client_is_usable(s.client));
    finish();
    /* And when it hangs up behind it, too. */
    open_with(PIPELINING_GREETING "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nC: DATA\n"
                                  "S: 550 5.7.1 not you");
    assert_int_equal(send_to("c@d.example", NULL, "x"), OK);
    expect_reply(0, 550, "5.7.1", false);
    assert_false(client_is_usable(s.client));
    finish();
    /* One that takes recipients without a sender is left alone. */
    open_with(PIPELINING_GREETING "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nC: DATA\n"
                                  "S: 550 5.7.1 not you\nS: 250 welcome\nS: 354 go");
    assert_int_equal(send_to("c@d.example", NULL, "x"), OK);
    expect_reply(0, 550, "5.7.1", false);
    assert_false(client_is_usable(s.client));
    finish();
}

fiber_test(a_refused_data_is_the_last_word_to_those_accepted)
{
    open_with(PIPELINING_GREETING
              "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nC: RCPT TO:<e@d.example>\n"
              "C: DATA\nS: 250 ok\nS: 550 5.1.1 no\nS: 250 ok\nS: 451 4.3.0 later\nC: QUIT");
    assert_int_equal(send_to("c@d.example e@d.example", NULL, "x"), OK);
    expect_reply(0, 550, "5.1.1", false);
    expect_reply(1, 451, "4.3.0", false);
    finish();
}

fiber_test(a_421_is_the_last_word_to_who_had_none_rfc5321_3_8)
{
    open_with(PIPELINING_GREETING
              "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nC: RCPT TO:<no@d.example>\n"
              "C: RCPT TO:<e@d.example>\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 550 5.1.1 no\n"
              "S: 421 4.3.2 closing\nS: 250 ok\nS: 354 go\nS: 250 2.0.0 all is well");
    assert_int_equal(send_to("c@d.example no@d.example e@d.example", NULL, "x"), OK);
    expect_reply(0, 421, "4.3.2", false);
    expect_reply(1, 550, "5.1.1", false);
    expect_reply(2, 421, "4.3.2", false);
    assert_false(client_is_usable(s.client));
    assert_int_equal(send_to("c@d.example", NULL, "x"), TEMP);
    expect_reply(0, 0, "", false);
    finish();
    open_with(PIPELINING_GREETING "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nC: DATA\n"
                                  "S: 250 ok\nS: 250 ok\nS: 354 go\nC: x\nC: .\nS: 421 4.3.2 closing");
    assert_int_equal(send_to("c@d.example", NULL, "x"), OK);
    expect_reply(0, 421, "4.3.2", false);
    assert_false(client_is_in_doubt(s.client));
    finish();
}

fiber_test(who_had_no_last_word_has_none_when_the_connection_is_lost)
{
    open_with(PIPELINING_GREETING
              "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nC: RCPT TO:<no@d.example>\n"
              "C: DATA\nS: 250 ok\nS: 250 2.1.5 ok\nS: 550 5.1.1 no");
    assert_int_equal(send_to("c@d.example no@d.example", NULL, "x"), TEMP);
    expect_reply(0, 0, "", false); /* not the 250 to his RCPT */
    expect_reply(1, 550, "5.1.1", false);
    assert_non_null(strstr(s.error.text, "hung up"));
    assert_false(client_is_in_doubt(s.client));
    finish();
    open_with(PIPELINING_GREETING "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nC: DATA\n"
                                  "S: 250 ok\nS: 250 ok\nS: 354 go\nC: x\nC: .");
    assert_int_equal(send_to("c@d.example", NULL, "x"), TEMP);
    expect_reply(0, 0, "", false);
    assert_true(client_is_in_doubt(s.client));
    finish();
}

fiber_test(a_reply_of_the_wrong_kind_ends_the_connection)
{
    static const char *const replies[] = {
        "S: 354 ok",
        "S: 250 ok\nS: 354 ok",
        "S: 250 ok\nS: 250 ok\nS: 250 go",
        "S: 250 ok\nS: 250 ok\nS: 354 go\nC: x\nC: .\nS: 354 more",
    };
    for (size_t i = 0; i < countof(replies); i++) {
        char script[400];
        snprintf(script, sizeof(script),
                 PIPELINING_GREETING
                 "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nC: DATA\n%s",
                 replies[i]);
        open_with(script);
        assert_int_equal(send_to("c@d.example", NULL, "x"), TEMP);
        expect_reply(0, 0, "", false);
        assert_non_null(strstr(s.error.text, "does not fit"));
        finish();
    }
}

/* Else the message would count as taken before it was sent. */
fiber_test(a_reply_to_the_content_cannot_come_before_it)
{
    open_with(PIPELINING_GREETING "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nC: DATA\n"
                                  "S: 250 ok\nS: 250 ok\nS: 354 go\nS: 250 2.0.0 taken");
    assert_int_equal(send_to("c@d.example", NULL, "x"), TEMP);
    expect_reply(0, 0, "", false);
    finish();
}

static char big[300001];

fiber_test(a_refusal_in_the_middle_of_the_content_is_kept)
{
    memset(big, 'x', 300000);
    s.pipe.capacity = 2000;
    open_with(PIPELINING_GREETING "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nC: DATA\n"
                                  "S: 250 ok\nS: 250 ok\nS: 354 go\nW: 5\nS: 552 5.3.4 too much");
    assert_int_equal(send_to("c@d.example", NULL, big), OK);
    expect_reply(0, 552, "5.3.4", false);
    assert_false(client_is_usable(s.client));
    finish();
    /* A positive one is a lie. */
    open_with(PIPELINING_GREETING "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nC: DATA\n"
                                  "S: 250 ok\nS: 250 ok\nS: 354 go\nW: 5\nS: 250 2.0.0 enough");
    assert_int_equal(send_to("c@d.example", NULL, big), TEMP);
    expect_reply(0, 0, "", false);
    finish();
}

fiber_test(too_many_recipients_are_temporary_rfc5321_4_5_3_1_10)
{
    open_with(PIPELINING_GREETING
              "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<1@d.example>\nC: RCPT TO:<2@d.example>\n"
              "C: RCPT TO:<3@d.example>\nC: RCPT TO:<4@d.example>\nC: DATA\nS: 250 ok\nS: 250 ok\n"
              "S: 552 too many recipients\nS: 552 5.5.3 too many\nS: 552 5.2.2 mailbox full\n"
              "S: 354 go\nC: x\nC: .\nS: 250 2.0.0 ok\nC: QUIT");
    assert_int_equal(send_to("1@d.example 2@d.example 3@d.example 4@d.example", NULL, "x"), OK);
    expect_reply(0, 250, "2.0.0", false);
    expect_reply(1, 452, "", false);
    expect_reply(2, 452, "4.5.3", false);
    expect_reply(3, 552, "5.2.2", false);
    finish();
    open_with(GREETING "C: MAIL FROM:<a@b.example>\nS: 250 ok\nC: RCPT TO:<c@d.example>\n"
                       "S: 552 too many\nC: QUIT");
    assert_int_equal(mail("a@b.example"), OK);
    assert_int_equal(recipient("c@d.example"), TEMP);
    assert_int_equal(s.reply.code, 452);
    finish();
}

/* Answers each command, reading nothing while it writes, with as much as lines may hold. */
static void talkative_server(void *argument)
{
    static char text[2000];
    struct bytes line;
    size_t count = 0;
    memset(text, 'y', 1500);
    send_line(BYTES("220 x"));
    stream_flush(s.server, loop_deadline(HOUR));
    while (!stream_read_line(s.server, 4096, &line, loop_deadline(HOUR))) {
        bool is_data = bytes_is(line, "DATA\r\n"), is_hello = bytes_starts_with(line, BYTES("EHLO"));
        bool is_refused = bytes_starts_with(line, BYTES("RCPT")) && ++count % 10 == 0;
        if (bytes_is(line, "QUIT\r\n"))
            break;
        snprintf(text, 12, "%s", is_data ? "354 go     " : is_refused ? "550 5.1.1  " : "250 2.1.5  ");
        text[11] = 'y';
        if ((!is_hello && !is_data && bytes_starts_with(line, BYTES("x"))))
            continue;
        if (!send_line(is_hello ? BYTES("250-x\r\n250 PIPELINING") : bytes_of(text)) ||
            stream_flush(s.server, loop_deadline(HOUR)))
            break;
    }
    stream_close(s.server);
}

fiber_test(a_thousand_recipients_and_long_replies_do_not_block_each_other_rfc2920_3_1)
{
    static char addresses[SCENE_REPLIES * 24];
    size_t used = 0;
    for (int i = 0; i < SCENE_REPLIES; i++)
        used += (size_t)snprintf(addresses + used, sizeof(addresses) - used, "%su%d@d.example",
                                 i ? " " : "", i);
    s.pipe.capacity = 4096; /* as small as windows are */
    start_with(talkative_server);
    assert_int_equal(open_client(), OK);
    int64_t from = loop_now();
    assert_int_equal(send_to(addresses, NULL, "x\r\n"), OK);
    assert_true(loop_now() - from < MINUTE);
    for (size_t i = 0; i < SCENE_REPLIES; i++)
        expect_reply(i, (i + 1) % 10 ? 250 : 550, (i + 1) % 10 ? "2.1.5" : "5.1.1", false);
    finish();
}

/* ---- BDAT ---- */

fiber_test(the_content_is_one_chunk_where_that_is_offered_rfc3030_2)
{
    open_with(CHUNKING_GREETING
              "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nQ: 2\nS: 250 ok\nS: 250 ok\n"
              "C: BDAT 15 LAST\nC: A: b\nC: \nC: .x\nC: y\nS: 250 2.0.0 ok\nC: QUIT");
    assert_int_equal(send_to("c@d.example", NULL, "A: b\r\n\r\n.x\r\ny"), OK);
    expect_reply(0, 250, "2.0.0", false);
    finish();
    open_with(CHUNKING_GREETING "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nS: 250 ok\n"
                                "S: 550 5.1.1 no\nC: QUIT");
    assert_int_equal(send_to("c@d.example", NULL, "x"), OK);
    expect_reply(0, 550, "5.1.1", false);
    finish();
    s.options.without_chunking = true;
    open_with(CHUNKING_GREETING "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nC: DATA\n"
                                "S: 250 ok\nS: 550 5.1.1 no\nS: 503 no\nC: QUIT");
    assert_int_equal(send_to("c@d.example", NULL, "x"), OK);
    finish();
}

/* Nobody knows what the server made of it. */
fiber_test(a_refused_bdat_is_reset_before_the_next_mail_rfc3030_2)
{
    static const char chunking[] =
        CHUNKING_GREETING
        "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nS: 250 ok\nS: 250 ok\n"
        "C: BDAT 3 LAST\nC: x\nS: 452 4.3.1 full\n"
        "C: RSET\nC: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nS: 250 ok\nS: 250 ok\n"
        "S: 250 ok\nC: BDAT 3 LAST\nC: y\nS: 250 2.0.0 ok\n"
        "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nS: 250 ok\nS: 550 no\nC: QUIT";
    open_with(chunking);
    assert_int_equal(send_to("c@d.example", NULL, "x"), OK);
    expect_reply(0, 452, "4.3.1", false);
    assert_int_equal(send_to("c@d.example", NULL, "y"), OK);
    expect_reply(0, 250, "2.0.0", false);
    assert_int_equal(send_to("c@d.example", NULL, "z"), OK); /* behind one that was taken: none */
    finish();
}

fiber_test(a_server_that_refuses_rset_is_left)
{
    open_with(GREETING ENVELOPE "C: RSET\nS: 521 no");
    assert_int_equal(mail("a@b.example"), OK);
    assert_int_equal(recipient("c@d.example"), OK);
    assert_int_equal(mail("a@b.example"), TEMP);
    assert_int_equal(s.reply.code, 0);
    assert_false(client_is_usable(s.client));
    finish();
}

fiber_test(replies_tell_what_they_were_said_to)
{
    static const struct {
        const char *script;
        enum client_stage stage;
    } cases[] = {
        {"S: 451 later\nS: 503 no\nS: 503 no\nC: QUIT", CLIENT_STAGE_MAIL},
        {"S: 250 ok\nS: 451 later\nS: 503 no\nC: QUIT", CLIENT_STAGE_RECIPIENT},
        {"S: 250 ok\nS: 250 ok\nS: 451 later\nC: QUIT", CLIENT_STAGE_DATA},
        {"S: 250 ok\nS: 250 ok\nS: 354 go\nC: x\nC: .\nS: 451 later\nC: QUIT", CLIENT_STAGE_CONTENT},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        char script[400];
        snprintf(script, sizeof(script),
                 PIPELINING_GREETING
                 "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nC: DATA\n%s",
                 cases[i].script);
        open_with(script);
        assert_int_equal(send_to("c@d.example", NULL, "x"), OK);
        expect_reply(0, 451, "", false);
        assert_int_equal(s.replies[0].stage, cases[i].stage);
        finish();
    }
}

/* ---- the envelope ---- */

#define ALL_GREETING                                                                               \
    "S: 220 x\nC: EHLO mx.example\nS: 250-x\nS: 250-8BITMIME\nS: 250-SMTPUTF8\nS: 250-DSN\n"        \
    "S: 250-AUTH PLAIN\nS: 250-SUBMITTER\nS: 250-REQUIRETLS\nS: 250 SIZE 5000\n"

fiber_test(parameters_are_sent_as_offered)
{
    struct client_envelope envelope = {.sender = BYTES("a@b.example"),
                                       .smtputf8 = true,
                                       .require_tls = true,
                                       .return_headers = true,
                                       .auth_unknown = true,
                                       .envelope_id = BYTES("id=1 +x"),
                                       .submitter = BYTES("s+t@b.example")};
    s.options.encrypted = true;
    open_with(ALL_GREETING
              "C: MAIL FROM:<a@b.example> SIZE=4 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=id+3D1+20+2Bx "
              "AUTH=<> SUBMITTER=s+2Bt@b.example REQUIRETLS\nS: 550 no\nC: QUIT");
    assert_int_equal(send_to("c@d.example", &envelope, "\xc3\xa9"), OK);
    expect_reply(0, 550, "", false);
    finish();
    /* And nothing of it where it is not. */
    s.options.encrypted = false;
    envelope.smtputf8 = envelope.require_tls = false;
    open_with(GREETING "C: MAIL FROM:<a@b.example>\nS: 550 no\nC: QUIT");
    assert_int_equal(send_to("c@d.example", &envelope, "e"), OK);
    finish();
}

static void rcpt_is(struct client_recipient recipient, const char *expected, bool smtputf8)
{
    struct client_envelope envelope = {.sender = BYTES("a@b.example"), .smtputf8 = smtputf8};
    char script[1500];
    snprintf(script, sizeof(script),
             ALL_GREETING "C: MAIL FROM:<a@b.example>%s\nS: 250 ok\nC: RCPT TO:%s\nS: 550 no\nC: QUIT",
             smtputf8 ? " SMTPUTF8" : "", expected);
    open_with(script);
    assert_int_equal(
        client_ask(s.client, &envelope, &recipient, 1, s.arena, s.replies, &s.error), OK);
    expect_reply(0, 550, "", false);
    finish();
}

fiber_test(dsn_parameters_are_encoded_rfc3461_4_rfc6533_3)
{
    struct client_recipient r = {.mailbox = BYTES("c@d.example")};
    rcpt_is(r, "<c@d.example>", false);
    r.notify = SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_DELAY;
    rcpt_is(r, "<c@d.example> NOTIFY=SUCCESS,DELAY", false);
    r.notify = SMTP_NOTIFY_FAILURE | SMTP_NOTIFY_NEVER;
    rcpt_is(r, "<c@d.example> NOTIFY=NEVER", false);
    r.notify = SMTP_NOTIFY_FAILURE;
    r.original = BYTES("rfc822;\"x +=\\y\"@d.example");
    rcpt_is(r, "<c@d.example> NOTIFY=FAILURE ORCPT=rfc822;\"x+20+2B+3D\\y\"@d.example", false);
    r.notify = 0;
    r.original = BYTES("rfc822;j\xc3\xb6rg+\xf0\x9f\x98\x80@d.example");
    rcpt_is(r, "<c@d.example> ORCPT=utf-8;j\\x{F6}rg\\x{2B}\\x{1F600}@d.example", false);
    rcpt_is(r, "<c@d.example> ORCPT=utf-8;j\xc3\xb6rg\\x{2B}\xf0\x9f\x98\x80@d.example", true);
    /* What came in the ASCII form is not encoded once more. */
    r.original = BYTES("utf-8;j\\x{F6}rg\\x{2B}\\x{1F600}@d.example");
    rcpt_is(r, "<c@d.example> ORCPT=utf-8;j\\x{F6}rg\\x{2B}\\x{1F600}@d.example", false);
    rcpt_is(r, "<c@d.example> ORCPT=utf-8;j\xc3\xb6rg\\x{2B}\xf0\x9f\x98\x80@d.example", true);
    r.original = BYTES("utf-8;\\x{5C}\\x{D800}\\x{110000}\\x{F\\x{}\\x{3D@d.example");
    rcpt_is(r, "<c@d.example> ORCPT=utf-8;\\x{5C}\\x{5C}x{D800}\\x{5C}x{110000}\\x{5C}x{F"
               "\\x{5C}x{}\\x{5C}x{3D@d.example", false);
    r.original = BYTES("utf-8;a=b@d.example");
    rcpt_is(r, "<c@d.example> ORCPT=utf-8;a\\x{3D}b@d.example", false);
    static const struct bytes bad[] = {BYTES_INIT("no type"),    BYTES_INIT("rfc822;"),
                                       BYTES_INIT(";x@y"),       BYTES_INIT("a b;x@y"),
                                       BYTES_INIT("rfc822;\xff"), BYTES_INIT("x400;\xc3\xa9")};
    for (size_t i = 0; i < countof(bad); i++) {
        r.original = bad[i];
        rcpt_is(r, "<c@d.example>", false);
    }
    static char longest[600] = "rfc822;";
    memset(longest + 7, 'x', 494);
    r.original = bytes_from(longest, 501); /* 500 are allowed (rfc3461:5.4) */
    rcpt_is(r, "<c@d.example>", false);
}

fiber_test(what_the_server_does_not_offer_is_refused_before_rfc6531_3_6_rfc6152_rfc8689)
{
    static const struct {
        struct client_envelope envelope;
        const char *to, *text;
        unsigned code;
        const char *enhanced;
    } cases[] = {
        {{.sender = BYTES_INIT("j\xc3\xb6@b.example")}, "c@d.example", "x", 553, "5.6.7"},
        {{.smtputf8 = true}, "c@d.example", "x", 554, "5.6.9"},
        {{.size = 0}, "j\xc3\xb6@d.example", "x", 553, "5.6.7"},
        {{.size = 0}, "c@d.example", "\xc3\xa9", 554, "5.6.3"},
        {{.eight_bit = true}, "c@d.example", NULL, 554, "5.6.3"},
        {{.require_tls = true}, "c@d.example", "x", 550, "5.7.30"},
        {{.size = 101}, "c@d.example", NULL, 552, "5.3.4"},
        {{.size = 0}, "c@d.example",
         "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890",
         552, "5.3.4"}, /* 100, and a CRLF is added */
        {{.size = 0}, "c@d.example", "a\nb\r\n", 554, "5.6.0"},
        {{.sender = BYTES_INIT("a>\r\nDATA")}, "c@d.example", "x", 553, "5.1.7"},
        {{.sender = BYTES_INIT("a b@b.example")}, "c@d.example", "x", 553, "5.1.7"},
        {{.sender = BYTES_INIT("a\xff@b.example")}, "c@d.example", "x", 553, "5.1.7"},
        {{.size = 0}, "x>", "x", 553, "5.1.3"},
        {{.size = 0}, "", "x", 553, "5.1.3"},
    };
    open_with("S: 220 x\nC: EHLO mx.example\nS: 250-x\nS: 250-REQUIRETLS\nS: 250-SMTPUTF\n"
              "S: 250 SIZE 100\nQ: 10\nC: QUIT");
    for (size_t i = 0; i < countof(cases); i++) {
        assert_int_equal(send_to(cases[i].to, &cases[i].envelope, cases[i].text), OK);
        expect_reply(0, cases[i].code, cases[i].enhanced, true);
        assert_true(s.replies[0].text.len > 0);
        assert_true(client_is_usable(s.client));
    }
    fiber_sleep(20 * SECOND);
    finish();
}

fiber_test(one_recipient_that_cannot_be_sent_does_not_harm_the_others)
{
    open_with(PIPELINING_GREETING
              "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nC: RCPT TO:<e@d.example>\n"
              "C: DATA\nS: 250 ok\nS: 550 5.1.1 no\nS: 250 ok\nS: 354 go\nC: x\nC: .\n"
              "S: 250 2.0.0 ok\nC: QUIT");
    assert_int_equal(send_to("j\xc3\xb6@d.example c@d.example x<y e@d.example", NULL, "x\r\n"), OK);
    expect_reply(0, 553, "5.6.7", true);
    expect_reply(1, 550, "5.1.1", false);
    expect_reply(2, 553, "5.1.3", true);
    expect_reply(3, 250, "2.0.0", false);
    finish();
}

fiber_test(replies_hold_utf8_only_where_it_was_agreed_rfc6531_3_7_4_1)
{
    open_with(ALL_GREETING "C: MAIL FROM:<a@b.example> SMTPUTF8\nS: 250 ok\n"
                           "C: RCPT TO:<j\xc3\xb6@d.example>\n"
                           "S: 550 5.1.1 j\xc3\xb6 \xff \xe2\x80\xae \x1b\n"
                           "C: RSET\nS: 250 ok\nC: MAIL FROM:<a@b.example>\nS: 550 5.7.1 j\xc3\xb6\nC: QUIT");
    assert_int_equal(send_to("j\xc3\xb6@d.example", NULL, NULL), OK);
    expect_reply(0, 550, "5.1.1", false);
    /* Not what is no UTF-8, nor what turns the text around. */
    assert_true(bytes_is(s.replies[0].text, "j\xc3\xb6 ? ??? ?"));
    assert_int_equal(client_reset(s.client, s.arena, &s.error), OK);
    assert_int_equal(send_to("c@d.example", NULL, NULL), OK);
    assert_true(bytes_is(s.replies[0].text, "j??"));
    finish();
}

fiber_test(quoted_local_parts_are_sent_as_they_are)
{
    open_with(GREETING "C: MAIL FROM:<\"a> \\\"b\"@b.example>\nS: 250 ok\nC: QUIT");
    assert_int_equal(mail("\"a> \\\"b\"@b.example"), OK);
    finish();
}

fiber_test(eight_bits_are_sent_unasked_only_where_the_caller_says_so)
{
    s.options.just_send_8bit = true;
    open_with(GREETING ENVELOPE "C: DATA\nS: 354 go\nC: \xc3\xa9\nC: .\nS: 250 2.0.0 ok\nC: QUIT");
    assert_int_equal(send_to("c@d.example", NULL, "\xc3\xa9"), OK);
    expect_reply(0, 250, "2.0.0", false);
    finish();
}

fiber_test(long_lines_go_out_as_they_are)
{
    static char script[60000];
    memset(big, 'x', 50000);
    big[50000] = '\0';
    big[0] = big[16384] = '.';
    snprintf(script, sizeof(script),
             GREETING ENVELOPE "C: DATA\nS: 354 go\nC: .%.16000s", big); /* it reads no longer ones */
    open_with(script);
    s.hold_open = false;
    struct bytes part = bytes_from(big, 15999), more = BYTES("x\r\n");
    struct bytes parts[] = {part, more};
    struct client_recipient to = {.mailbox = BYTES("c@d.example")};
    struct client_envelope envelope = {.sender = BYTES("a@b.example")};
    assert_int_equal(
        client_send(s.client, &envelope, &to, 1, parts, 2, s.arena, s.replies, &s.error), TEMP);
    finish();
}

/* ---- step by step, and LMTP ---- */

fiber_test(recipients_are_asked_long_before_the_content)
{
    open_with(PIPELINING_GREETING
              "C: MAIL FROM:<a@b.example>\nC: RCPT TO:<c@d.example>\nC: RCPT TO:<no@d.example>\nQ: 2\n"
              "S: 250 ok\nS: 250 2.1.5 ok\nS: 550 5.1.1 no\nW: 3000\nC: DATA\nS: 354 go\nC: x\nC: .\n"
              "S: 250 2.0.0 ok\nC: QUIT");
    assert_int_equal(send_to("c@d.example no@d.example", NULL, NULL), OK);
    expect_reply(0, 250, "2.1.5", false);
    expect_reply(1, 550, "5.1.1", false);
    assert_int_equal(client_recipient_count(s.client), 1);
    fiber_sleep(3000 * SECOND);
    assert_true(client_is_usable(s.client));
    assert_int_equal(data("x\r\n"), OK);
    expect_reply(0, 250, "2.0.0", false);
    assert_int_equal(data("x\r\n"), PERM); /* it is over */
    finish();
}

fiber_test(each_recipient_has_his_own_reply_in_lmtp_rfc2033_4_2)
{
    s.options.lmtp = true;
    open_with("S: 220 store.test LMTP\nC: LHLO mx.example\nS: 250-store.test\nS: 250-8BITMIME\n"
              "S: 250-SMTPUTF8\nS: 250 SIZE 5000\n"
              "C: MAIL FROM:<a@b.example> SIZE=1000 BODY=8BITMIME\nS: 250 2.1.0 ok\n"
              "C: RCPT TO:<c@d.example>\nS: 250 2.1.5 ok\n"
              "C: RCPT TO:<no@d.example>\nS: 550-5.1.1 no such\nS: 550 5.1.1 user\n"
              "C: RCPT TO:<e@d.example>\nS: 250 2.1.5 ok\nW: 3000\n"
              "C: DATA\nS: 354 go\nC: A: b\nC: \nC: ..x\nC: ...\nC: .\n"
              "S: 250 2.0.0 saved\nS: 452-4.2.2 he is\nS: 452 4.2.2 full\nC: QUIT");
    struct client_envelope envelope = {
        .sender = BYTES("a@b.example"), .size = 1000, .eight_bit = true};
    assert_int_equal(client_mail(s.client, &envelope, s.arena, &s.reply, &s.error), OK);
    assert_int_equal(recipient("c@d.example"), OK);
    assert_int_equal(recipient("no@d.example"), PERM);
    assert_int_equal(s.reply.code, 550);
    assert_true(bytes_is(s.reply.text, "no such user"));
    assert_int_equal(recipient("e@d.example"), OK);
    assert_int_equal(client_recipient_count(s.client), 2);
    fiber_sleep(3000 * SECOND);
    struct bytes parts[] = {BYTES("A: b\r\n"), BYTES("\r\n"), BYTES(".x\r"), BYTES("\n.."),
                            BYTES("\r\n")};
    assert_int_equal(client_data(s.client, parts, countof(parts), s.arena, s.replies, &s.error), OK);
    expect_reply(0, 250, "2.0.0", false);
    expect_reply(1, 452, "4.2.2", false);
    assert_true(bytes_is(s.replies[1].text, "he is full"));
    finish();
}

fiber_test(a_whole_transaction_in_lmtp_gives_each_reply_its_place)
{
    s.options.lmtp = true;
    open_with("S: 220 x\nC: LHLO mx.example\nS: 250-x\nS: 250 PIPELINING\nC: MAIL FROM:<a@b.example>\n"
              "C: RCPT TO:<1@d.example>\nC: RCPT TO:<2@d.example>\nC: RCPT TO:<3@d.example>\nC: DATA\n"
              "S: 250 ok\nS: 250 ok\nS: 550 5.1.1 no\nS: 250 ok\nS: 354 go\nC: x\nC: .\n"
              "S: 250 2.0.0 saved\nS: 452 4.2.2 full\nC: QUIT");
    assert_int_equal(send_to("1@d.example 2@d.example 3@d.example", NULL, "x"), OK);
    expect_reply(0, 250, "2.0.0", false);
    expect_reply(1, 550, "5.1.1", false);
    expect_reply(2, 452, "4.2.2", false);
    finish();
    /* How many replies would follow? (rfc2033:4.2) */
    open_with(LMTP_GREETING "C: MAIL FROM:<a@b.example>\nS: 250 ok\nC: RCPT TO:<c@d.example>\n"
                            "S: 550 5.1.1 no\nC: QUIT");
    assert_int_equal(send_to("c@d.example", NULL, "x"), OK);
    finish();
}

fiber_test(replies_that_came_count_when_the_server_hangs_up_rfc2033_5)
{
    s.options.lmtp = true;
    open_with(LMTP_GREETING
              "C: MAIL FROM:<a@b.example>\nS: 250 ok\nC: RCPT TO:<c@d.example>\nS: 250 ok\n"
              "C: RCPT TO:<e@d.example>\nS: 250 ok\nC: DATA\nS: 354 go\nC: x\nC: .\nS: 250 ok");
    assert_int_equal(send_to("c@d.example e@d.example", NULL, "x\r\n"), TEMP);
    expect_reply(0, 250, "", false);
    expect_reply(1, 0, "", false);
    assert_true(client_is_in_doubt(s.client));
    assert_false(client_is_usable(s.client));
    assert_int_equal(mail("a@b.example"), TEMP);
    finish();
}

fiber_test(a_connection_is_used_again)
{
    open_with(GREETING ENVELOPE "C: DATA\nS: 354 go\nC: x\nC: .\nS: 250 ok\n" ENVELOPE
                                "C: RSET\nS: 250 ok\n" ENVELOPE "C: RSET\nS: 250 ok\n" ENVELOPE
                                "C: DATA\nS: 451 4.3.0 later\nC: RSET\nS: 250 ok\n" ENVELOPE "C: QUIT");
    for (int i = 0; i < 5; i++) {
        assert_true(client_is_usable(s.client));
        assert_int_equal(mail("a@b.example"), OK);
        assert_int_equal(recipient("c@d.example"), OK);
        if (i == 0)
            assert_int_equal(data("x"), OK);
        if (i == 1)
            assert_int_equal(client_reset(s.client, s.arena, &s.error), OK);
        if (i == 3) {
            assert_int_equal(data("x\r\n"), OK);
            expect_reply(0, 451, "4.3.0", false);
            assert_true(client_is_usable(s.client));
        }
    }
    finish();
}

fiber_test(bare_line_ends_are_never_sent)
{
    static const char *const bare[] = {"a\nb\r\n", "a\rb\r\n", "a\r\n.\n", "a\r", "\n.\r\n",
                                       "a\r\r\n",  "\r",       "\n"};
    open_with(GREETING "Q: 1\nC: QUIT");
    for (size_t i = 0; i < countof(bare); i++) {
        assert_int_equal(send_to("c@d.example", NULL, bare[i]), OK);
        expect_reply(0, 554, "5.6.0", true);
    }
    /* Also where two parts meet. */
    struct client_recipient to = {.mailbox = BYTES("c@d.example")};
    struct client_envelope envelope = {.sender = BYTES("a@b.example")};
    struct bytes parts[] = {BYTES("a\r"), BYTES(""), BYTES("b\r\n")};
    assert_int_equal(
        client_send(s.client, &envelope, &to, 1, parts, 3, s.arena, s.replies, &s.error), OK);
    expect_reply(0, 554, "5.6.0", true);
    fiber_sleep(2 * SECOND);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_pipelining_each_command_waits_for_its_reply),
        cmocka_unit_test(all_commands_go_together_where_pipelining_is_offered_rfc2920_3_1),
        cmocka_unit_test(data_taken_for_nobody_ends_with_a_lone_dot_rfc2920_3_1),
        cmocka_unit_test(a_refused_mail_is_the_last_word_to_all),
        cmocka_unit_test(a_refused_data_is_the_last_word_to_those_accepted),
        cmocka_unit_test(a_421_is_the_last_word_to_who_had_none_rfc5321_3_8),
        cmocka_unit_test(who_had_no_last_word_has_none_when_the_connection_is_lost),
        cmocka_unit_test(a_reply_of_the_wrong_kind_ends_the_connection),
        cmocka_unit_test(a_reply_to_the_content_cannot_come_before_it),
        cmocka_unit_test(a_refusal_in_the_middle_of_the_content_is_kept),
        cmocka_unit_test(too_many_recipients_are_temporary_rfc5321_4_5_3_1_10),
        cmocka_unit_test(a_thousand_recipients_and_long_replies_do_not_block_each_other_rfc2920_3_1),
        cmocka_unit_test(the_content_is_one_chunk_where_that_is_offered_rfc3030_2),
        cmocka_unit_test(a_refused_bdat_is_reset_before_the_next_mail_rfc3030_2),
        cmocka_unit_test(a_server_that_refuses_rset_is_left),
        cmocka_unit_test(replies_tell_what_they_were_said_to),
        cmocka_unit_test(parameters_are_sent_as_offered),
        cmocka_unit_test(dsn_parameters_are_encoded_rfc3461_4_rfc6533_3),
        cmocka_unit_test(what_the_server_does_not_offer_is_refused_before_rfc6531_3_6_rfc6152_rfc8689),
        cmocka_unit_test(one_recipient_that_cannot_be_sent_does_not_harm_the_others),
        cmocka_unit_test(replies_hold_utf8_only_where_it_was_agreed_rfc6531_3_7_4_1),
        cmocka_unit_test(quoted_local_parts_are_sent_as_they_are),
        cmocka_unit_test(eight_bits_are_sent_unasked_only_where_the_caller_says_so),
        cmocka_unit_test(long_lines_go_out_as_they_are),
        cmocka_unit_test(recipients_are_asked_long_before_the_content),
        cmocka_unit_test(each_recipient_has_his_own_reply_in_lmtp_rfc2033_4_2),
        cmocka_unit_test(a_whole_transaction_in_lmtp_gives_each_reply_its_place),
        cmocka_unit_test(replies_that_came_count_when_the_server_hangs_up_rfc2033_5),
        cmocka_unit_test(a_connection_is_used_again),
        cmocka_unit_test(bare_line_ends_are_never_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
