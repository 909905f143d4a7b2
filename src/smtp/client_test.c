/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening, replies, time-outs, STARTTLS. */
#include "smtp/client_fixture.h"

/* ---- greeting and EHLO ---- */

static void greeting_fails(const char *script, enum result result, unsigned code, const char *text)
{
    start(script);
    enum result got = open_client();
    if (got != result || s.reply.code != code || !strstr(s.error.text, text))
        fail_msg("got %s, %u, \"%s\" for %s", result_name(got), s.reply.code, s.error.text, script);
    assert_null(s.client);
    finish();
}

fiber_test(greetings_are_told_apart_rfc5321_3_1)
{
    greeting_fails("S: 554 5.7.1 no\nC: QUIT", PERM, 554, "SMTP: 554 5.7.1 no");
    greeting_fails("S: 521 no mail here\nC: QUIT", PERM, 521, "521");
    greeting_fails("S: 421 4.3.2 not now", TEMP, 421, "421 4.3.2 not now");
    greeting_fails("S: 450 4.3.2 not now\nC: QUIT", TEMP, 450, "450");
    greeting_fails("S: 250 hello", TEMP, 0, "greeting is none");
    greeting_fails("S: 354 hello", TEMP, 0, "greeting is none");
    greeting_fails("", TEMP, 0, "hung up");
}

fiber_test(what_is_no_reply_ends_the_connection_rfc5321_4_2)
{
    static const char *const lines[] = {"hello", "220_x",  "2200 x", "199 x", "600 x", "22 x",
                                        "",      " 220 x", "2x0 x",  "000 x", "-20 x"};
    for (size_t i = 0; i < countof(lines); i++) {
        char script[64];
        snprintf(script, sizeof(script), "S: %s", lines[i]);
        greeting_fails(script, TEMP, 0, "no reply");
    }
    greeting_fails("S: 220-x\nS: 250 y", TEMP, 0, "different codes");
    greeting_fails("S: 220 x\nC: EHLO mx.example\nS: 354 go", TEMP, 0, "does not fit");
}

fiber_test(helo_is_tried_where_ehlo_is_unknown_rfc5321_3_2)
{
    start("S: 220 old.test\nC: EHLO mx.example\nS: 500-what\nS: 500 STARTTLS\nC: HELO mx.example\n"
          "S: 250 old.test\nC: QUIT");
    assert_int_equal(open_client(), OK);
    assert_false(client_extensions(s.client)->esmtp);
    assert_false(client_extensions(s.client)->starttls);
    assert_true(bytes_is(client_greeting(s.client), "old.test"));
    finish();
    greeting_fails("S: 220 x\nC: EHLO mx.example\nS: 550 5.7.1 go away\nC: HELO mx.example\n"
                   "S: 550 5.7.1 I said so\nC: QUIT",
                   PERM, 550, "I said so");
    greeting_fails("S: 220 x\nC: EHLO mx.example\nS: 450 4.7.1 later\nC: QUIT", TEMP, 450, "later");
    s.options.lmtp = true;
    greeting_fails("S: 220 x\nC: LHLO mx.example\nS: 500 5.5.1 what\nC: QUIT", PERM, 500,
                   "LMTP: 500 5.5.1");
}

fiber_test(what_ehlo_offers_is_read)
{
    open_with("S: 220 x\nC: EHLO mx.example\nS: 250-PIPELINING says hello\nS: 250-size 35882577\n"
              "S: 250-8bitmime\nS: 250-SMTPUTF8\nS: 250-CHUNKING\nS: 250-DSN\nS: 250-STARTTLS\n"
              "S: 250-REQUIRETLS\nS: 250-SUBMITTER\nS: 250-ENHANCEDSTATUSCODES\n"
              "S: 250-AUTH GSSAPI PLAIN cram-md5 SCRAM-SHA-256\nS: 250-AUTH=LOGIN PLAIN\n"
              "S: 250-LIMITS MAILMAX=5 RCPTMAX=100 RCPTDOMAINMAX=1 OTHER=7 X\nS: 250-DSNX\n"
              "S: 250 XDSN\nC: QUIT");
    const struct client_extensions *e = client_extensions(s.client);
    assert_true(e->esmtp && e->size && e->eight_bit && e->smtputf8 && e->chunking && e->dsn &&
                e->starttls && e->require_tls && e->submitter && e->enhanced_status_codes && e->auth);
    assert_false(e->pipelining); /* the first line is the server's name */
    assert_int_equal(e->size_max, 35882577);
    assert_int_equal(e->mechanisms,
                     CLIENT_PLAIN | CLIENT_CRAM_MD5 | CLIENT_SCRAM_SHA_256 | CLIENT_LOGIN);
    assert_int_equal(e->mail_max, 5); /* rfc9422 */
    assert_int_equal(e->recipient_max, 100);
    assert_int_equal(e->domain_max, 1);
    finish();
    open_with("S: 220 x\nC: EHLO mx.example\nS: 250-x\nS: 250-SIZE\nS: 250-LIMITS RCPTMAX=x MAILMAX=\n"
              "S: 250-LIMITS\nS: 250-AUTH\nS: 250-\nS: 250 SIZEX 7\nC: QUIT");
    e = client_extensions(s.client);
    assert_true(e->size && e->auth && !e->size_max && !e->mail_max && !e->recipient_max);
    assert_int_equal(e->mechanisms, 0);
    finish();
    open_with("S: 220 x\nC: EHLO mx.example\nS: 250-x\nS: 250 SIZE 99999999999999999999\nC: QUIT");
    assert_int_equal(client_extensions(s.client)->size_max, 0);
    finish();
}

/* ---- hostile replies ---- */

fiber_test(a_line_without_end_is_bounded)
{
    s.pipe.capacity = 512;
    greeting_fails("B: 5000", TEMP, 0, "too long");
}

static void endless_lines(void *argument)
{
    while (!stream_write(s.server, BYTES("220-again and again\r\n"), loop_deadline(SECOND)))
        ;
    stream_close(s.server);
}

fiber_test(a_reply_without_end_is_bounded)
{
    start_with(endless_lines);
    assert_int_equal(open_client(), TEMP);
    assert_non_null(strstr(s.error.text, "too many lines"));
    finish();
}

fiber_test(a_reply_that_drips_is_bounded_in_time)
{
    int64_t from = loop_now();
    greeting_fails("D: 1000", TEMP, 0, "time-out");
    assert_true(loop_now() - from <= 6 * MINUTE); /* of rfc5321:4.5.3.2.1 five */
}

fiber_test(what_a_server_says_is_cleaned_and_cut)
{
    static char script[4000] = "S: 554 5.1.1 a\x01\xc3\xa9\x7f\r ";
    size_t length = strlen(script);
    memset(script + length, 'y', 1500);
    start(script);
    assert_int_equal(open_client(), PERM);
    assert_memory_equal(s.reply.text.ptr, "a????? yyy", 10);
    assert_true(s.reply.text.len <= 1024);
    finish();
}

fiber_test(an_enhanced_code_of_another_class_is_none_rfc2034_4)
{
    static const struct {
        const char *said, *enhanced, *text;
    } cases[] = {
        {"554 5.7.1 no", "5.7.1", "no"},
        {"554 4.7.1 no", "", "4.7.1 no"},
        {"554 2.0.0 no", "", "2.0.0 no"},
        {"554 5.7 no", "", "5.7 no"},
        {"554 5.7.1no", "", "5.7.1no"},
        {"554 5.7777.1 no", "", "5.7777.1 no"},
        {"554 5.777.999", "5.777.999", ""},
        {"554-5.7.1 one\nS: 554 5.7.2 two", "5.7.1", "one two"},
        {"554-one\nS: 554-5.7.2 two\nS: 554", "5.7.2", "one two"},
        {"554", "", ""},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        char script[80];
        snprintf(script, sizeof(script), "S: %s\nC: QUIT", cases[i].said);
        start(script);
        assert_int_equal(open_client(), PERM);
        assert_string_equal(s.reply.enhanced, cases[i].enhanced);
        if (!bytes_is(s.reply.text, cases[i].text))
            fail_msg("\"" BYTES_FMT "\" for %s", BYTES_ARG(s.reply.text), cases[i].said);
        finish();
    }
}

fiber_test(a_server_that_speaks_unasked_is_left)
{
    open_with("S: 220 x\nC: EHLO mx.example\nS: 250 x\nS: 250 2.1.0 whatever you say");
    assert_int_equal(mail("a@b.example"), TEMP);
    assert_int_equal(s.reply.code, 0);
    assert_non_null(strstr(s.error.text, "unasked"));
    assert_false(client_is_usable(s.client));
    finish();
}

fiber_test(a_421_ends_the_connection_and_is_kept_rfc5321_3_8)
{
    open_with(GREETING "C: MAIL FROM:<a@b.example>\nS: 421 4.3.2 closing");
    assert_int_equal(mail("a@b.example"), TEMP);
    assert_int_equal(s.reply.code, 421);
    assert_false(client_is_usable(s.client));
    assert_int_equal(mail("a@b.example"), TEMP);
    assert_int_equal(s.reply.code, 0);
    finish();
    open_with(GREETING "W: 10\nS: 421 4.3.2 idle for too long");
    assert_true(client_is_usable(s.client));
    fiber_sleep(MINUTE);
    assert_false(client_is_usable(s.client));
    finish();
    /* Also one that came before the command is its answer. */
    open_with(GREETING "W: 10\nS: 421 4.3.2 idle for too long");
    fiber_sleep(MINUTE);
    assert_int_equal(mail("a@b.example"), TEMP);
    assert_int_equal(s.reply.code, 421);
    finish();
}

fiber_test(a_connection_that_ended_quietly_is_noticed)
{
    open_with(GREETING "W: 10");
    assert_true(client_is_usable(s.client));
    fiber_sleep(MINUTE);
    assert_false(client_is_usable(s.client));
    finish();
}

fiber_test(mailmax_ends_the_use_of_a_connection_rfc9422)
{
    open_with("S: 220 x\nC: EHLO mx.example\nS: 250-x\nS: 250 LIMITS MAILMAX=2\n" ENVELOPE
              "C: RSET\nS: 250 ok\n" ENVELOPE "C: QUIT");
    for (int i = 0; i < 2; i++) {
        assert_true(client_is_usable(s.client));
        assert_int_equal(mail("a@b.example"), OK);
        assert_int_equal(recipient("c@d.example"), OK);
    }
    assert_false(client_is_usable(s.client));
    finish();
}

/* ---- time-outs ---- */

static enum result all_steps(void)
{
    enum result result = open_client();
    if (result == OK)
        result = mail("a@b.example");
    if (result == OK)
        result = recipient("c@d.example");
    return result == OK ? data("x\r\n") : result;
}

fiber_test(every_step_has_a_deadline_rfc5321_4_5_3_2)
{
    static const struct {
        const char *script;
        int64_t patience;
    } cases[] = {
        {"", 5 * MINUTE},
        {"S: 220 x\nC: EHLO mx.example", 5 * MINUTE},
        {GREETING "C: MAIL FROM:<a@b.example>", 5 * MINUTE},
        {GREETING "C: MAIL FROM:<a@b.example>\nS: 250 ok\nC: RCPT TO:<c@d.example>", 5 * MINUTE},
        {GREETING ENVELOPE "C: DATA", 2 * MINUTE},
        {GREETING ENVELOPE "C: DATA\nS: 354 go\nC: x\nC: .", 10 * MINUTE},
    };
    s.hold_open = true;
    for (size_t i = 0; i < countof(cases); i++) {
        start(cases[i].script);
        int64_t from = loop_now();
        assert_int_equal(all_steps(), TEMP);
        assert_non_null(strstr(s.error.text, "time-out"));
        assert_int_equal(loop_now() - from, cases[i].patience);
        finish();
        /* The caller's own deadline comes first. */
        start(cases[i].script);
        from = loop_now();
        s.options.deadline = loop_deadline(30 * SECOND);
        assert_int_equal(all_steps(), TEMP);
        assert_int_equal(loop_now() - from, 30 * SECOND);
        s.options.deadline = 0;
        finish();
    }
}

fiber_test(time_outs_can_be_set)
{
    s.options.timeouts = (struct client_timeouts){.greeting = 7 * SECOND};
    s.hold_open = true;
    int64_t from = loop_now();
    start("");
    assert_int_equal(open_client(), TEMP);
    assert_int_equal(loop_now() - from, 7 * SECOND);
    finish();
}

fiber_test(a_server_that_does_not_read_is_given_up)
{
    static char text[100001];
    memset(text, 'x', 100000);
    s.pipe.capacity = 1024;
    s.hold_open = true;
    open_with(GREETING ENVELOPE "C: DATA\nS: 354 go");
    assert_int_equal(mail("a@b.example"), OK);
    assert_int_equal(recipient("c@d.example"), OK);
    int64_t from = loop_now();
    assert_int_equal(data(text), TEMP);
    assert_int_equal(loop_now() - from, 3 * MINUTE);
    assert_int_equal(s.replies[0].code, 0);
    assert_false(client_is_in_doubt(s.client));
    finish();
}

/* ---- STARTTLS ---- */

struct upgrade {
    enum result result;
    unsigned asked;
};

/* As if the handshake had been. */
static enum result upgrade(void *context, struct transport *plain, int64_t deadline,
                           struct transport **out, struct error *error)
{
    struct upgrade *u = context;
    u->asked++;
    if (u->result != OK) {
        plain->operations->close(plain);
        return error_set(error, u->result, "no handshake");
    }
    *out = plain;
    return OK;
}

#define TLS_GREETING                                                                               \
    "S: 220 x\nC: EHLO mx.example\nS: 250-x\nS: 250-SIZE 100\nS: 250-AUTH PLAIN\n"                  \
    "S: 250 STARTTLS\nC: STARTTLS\n"

fiber_test(after_starttls_all_is_asked_again_rfc3207_4_2)
{
    struct upgrade u = {0};
    open_with(TLS_GREETING "S: 220 go\nC: EHLO mx.example\nS: 250-x\nS: 250-STARTTLS\nS: 250 DSN\n"
                           "C: QUIT");
    assert_true(client_extensions(s.client)->starttls);
    assert_false(client_is_encrypted(s.client));
    assert_int_equal(client_start_tls(s.client, upgrade, &u, s.arena, &s.reply, &s.error), OK);
    assert_int_equal(u.asked, 1);
    const struct client_extensions *e = client_extensions(s.client);
    assert_true(e->dsn);
    assert_false(e->size || e->auth || e->mechanisms || e->size_max || e->starttls);
    assert_true(client_is_encrypted(s.client));
    assert_int_equal(client_start_tls(s.client, upgrade, &u, s.arena, &s.reply, &s.error), PERM);
    assert_true(s.reply.local);
    assert_int_equal(u.asked, 1);
    finish();
}

fiber_test(what_comes_before_the_handshake_is_an_attack_cve_2011_0411)
{
    struct upgrade u = {0};
    open_with(TLS_GREETING "S: 220 go\nS: 250-x\nS: 250 AUTH PLAIN");
    assert_int_equal(client_start_tls(s.client, upgrade, &u, s.arena, &s.reply, &s.error), TEMP);
    assert_int_equal(s.reply.code, 0);
    assert_int_equal(u.asked, 0);
    assert_false(client_is_usable(s.client));
    assert_non_null(strstr(s.error.text, "handshake"));
    finish();
}

fiber_test(a_refused_starttls_leaves_the_connection_as_it_was_rfc3207_4)
{
    struct upgrade u = {0};
    open_with(TLS_GREETING "S: 454 4.7.0 not now\nC: MAIL FROM:<a@b.example>\nS: 250 ok\nC: QUIT");
    assert_int_equal(client_start_tls(s.client, upgrade, &u, s.arena, &s.reply, &s.error), TEMP);
    assert_int_equal(s.reply.code, 454);
    assert_int_equal(u.asked, 0);
    assert_int_equal(mail("a@b.example"), OK);
    finish();
    open_with(GREETING "C: QUIT");
    assert_int_equal(client_start_tls(s.client, upgrade, &u, s.arena, &s.reply, &s.error), PERM);
    assert_true(s.reply.local && client_is_usable(s.client));
    finish();
    open_with(TLS_GREETING "S: 250 whatever");
    assert_int_equal(client_start_tls(s.client, upgrade, &u, s.arena, &s.reply, &s.error), TEMP);
    assert_int_equal(s.reply.code, 0);
    assert_int_equal(u.asked, 0);
    finish();
}

fiber_test(a_failed_handshake_ends_the_connection)
{
    struct upgrade u = {.result = PERM};
    open_with(TLS_GREETING "S: 220 go");
    assert_int_equal(client_start_tls(s.client, upgrade, &u, s.arena, &s.reply, &s.error), PERM);
    assert_int_equal(s.reply.code, 0);
    assert_string_equal(s.error.text, "no handshake");
    assert_false(client_is_usable(s.client));
    assert_int_equal(mail("a@b.example"), TEMP);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greetings_are_told_apart_rfc5321_3_1),
        cmocka_unit_test(what_is_no_reply_ends_the_connection_rfc5321_4_2),
        cmocka_unit_test(helo_is_tried_where_ehlo_is_unknown_rfc5321_3_2),
        cmocka_unit_test(what_ehlo_offers_is_read),
        cmocka_unit_test(a_line_without_end_is_bounded),
        cmocka_unit_test(a_reply_without_end_is_bounded),
        cmocka_unit_test(a_reply_that_drips_is_bounded_in_time),
        cmocka_unit_test(what_a_server_says_is_cleaned_and_cut),
        cmocka_unit_test(an_enhanced_code_of_another_class_is_none_rfc2034_4),
        cmocka_unit_test(a_server_that_speaks_unasked_is_left),
        cmocka_unit_test(a_421_ends_the_connection_and_is_kept_rfc5321_3_8),
        cmocka_unit_test(a_connection_that_ended_quietly_is_noticed),
        cmocka_unit_test(mailmax_ends_the_use_of_a_connection_rfc9422),
        cmocka_unit_test(every_step_has_a_deadline_rfc5321_4_5_3_2),
        cmocka_unit_test(time_outs_can_be_set),
        cmocka_unit_test(a_server_that_does_not_read_is_given_up),
        cmocka_unit_test(after_starttls_all_is_asked_again_rfc3207_4_2),
        cmocka_unit_test(what_comes_before_the_handshake_is_an_attack_cve_2011_0411),
        cmocka_unit_test(a_refused_starttls_leaves_the_connection_as_it_was_rfc3207_4),
        cmocka_unit_test(a_failed_handshake_ends_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
