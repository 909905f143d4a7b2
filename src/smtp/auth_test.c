/* SPDX-License-Identifier: BSD-2-Clause */
/* AUTH (RFC 4954) on the server's side, with a handler that knows one user. */
#include "smtp/scenario_test.h"

#include "base/encode.h"

/* "\0anna\0secret" and "\0anna\0wrong" */
#define GOOD "AGFubmEAc2VjcmV0"
#define BAD "AGFubmEAd3Jvbmc="

static struct {
    unsigned asked, forgotten;
    bool initial_present;
    size_t initial_length;
    enum result last; /* of the last challenge */
    bool lies;        /* says 235 without an account */
} seen;

static bool is_good(struct bytes message)
{
    return bytes_equal(message, BYTES("\0anna\0secret"));
}

/* PLAIN in one step; LOGIN in two; CRAM-MD5 without end. */
static enum result run_mechanism(struct smtp_auth *auth, struct bytes *message)
{
    struct error error;
    *message = auth->initial;
    if (bytes_is(auth->mechanism, "PLAIN"))
        return auth->initial_present ? OK : smtp_auth_challenge(auth, BYTES(""), message, &error);
    if (bytes_is(auth->mechanism, "LOGIN")) {
        enum result result = smtp_auth_challenge(auth, BYTES("Username:"), message, &error);
        return result == OK ? smtp_auth_challenge(auth, BYTES("Password:"), message, &error) : result;
    }
    enum result result = OK;
    while (result == OK)
        result = smtp_auth_challenge(auth, BYTES("again"), message, &error);
    return result;
}

static void on_auth(void *context, struct smtp_session *session, struct smtp_auth *auth,
                    struct smtp_reply *reply)
{
    struct bytes message;
    seen.asked++;
    seen.initial_present = auth->initial_present;
    seen.initial_length = auth->initial.len;
    assert_int_equal(reply->code, 454);
    assert_int_equal(auth->account.len, 0);
    seen.last = run_mechanism(auth, &message);
    if (seen.lies || (seen.last == OK && is_good(message)))
        smtp_reply_set(reply, session->arena, 235, "2.7.0", "Welcome");
    else
        smtp_reply_set(reply, session->arena, 535, "5.7.8", "Authentication credentials invalid");
    /* Also where the exchange has failed: it must not count. */
    if (!seen.lies)
        auth->account = BYTES("anna@here.example");
}

static void on_forget(void *context, struct smtp_session *session)
{
    seen.forgotten++;
}

static void prepare(void)
{
    memset(&seen, 0, sizeof(seen));
    scenario_defaults(&s);
    s.server.handler.auth = on_auth;
    s.server.handler.forget = on_forget;
    s.server.auth_mechanisms = "SCRAM-SHA-256-PLUS PLAIN LOGIN CRAM-MD5 EXTERNAL";
    s.server.auth_without_tls = true;
}

static void end_with_quit(void)
{
    talk(&s, "QUIT\r\n", "221 ");
    expect_closed(&s);
    scenario_end(&s);
}

/* The whole reply to EHLO. */
static const char *hello(void)
{
    static char text[2048];
    size_t used = 0;
    put(&s, BYTES("EHLO client.example\r\n"));
    for (bool last = false; !last;) {
        struct bytes line;
        assert_int_equal(stream_read_line(s.stream, 600, &line, loop_deadline(DAY)), 0);
        last = line.ptr[3] == ' ';
        assert_true(used + line.len < sizeof(text));
        memcpy(text + used, line.ptr, line.len);
        used += line.len;
    }
    text[used] = '\0';
    return text;
}

static void log_in(void)
{
    talk(&s, "AUTH PLAIN " GOOD "\r\n", "235 2.7.0");
}

scenario_test(ehlo_names_the_mechanisms_that_can_work_rfc4954_3)
{
    prepare();
    scenario_greet(&s);
    const char *text = hello();
    /* Without TLS there is nothing to bind to, and no certificate. */
    assert_non_null(strstr(text, "250-AUTH PLAIN LOGIN CRAM-MD5\r\n"));
    talk(&s, "AUTH EXTERNAL =\r\nAUTH SCRAM-SHA-256-PLUS\r\nAUTH SCRAM-SHA-256\r\n",
         "504 5.5.4|504 5.5.4|504 5.5.4");
    talk(&s, "AUTH\r\nAUTH NTLM\r\n", "501 5.5.4|504 5.5.4");
    assert_int_equal(seen.asked, 0);
    end_with_quit();
}

scenario_test(in_the_clear_nothing_is_offered_and_nothing_taken_rfc4954_4)
{
    prepare();
    s.server.auth_without_tls = false;
    scenario_greet(&s);
    assert_null(strstr(hello(), "AUTH"));
    talk(&s, "AUTH PLAIN " GOOD "\r\n", "538 5.7.11");
    assert_int_equal(seen.asked, 0);
    end_with_quit();
}

scenario_test(without_mechanisms_there_is_no_auth)
{
    prepare();
    s.server.auth_mechanisms = "";
    scenario_greet(&s);
    assert_null(strstr(hello(), "AUTH"));
    talk(&s, "AUTH PLAIN " GOOD "\r\n", "502 5.5.1");
    end_with_quit();
}

scenario_test(an_initial_response_saves_a_round_trip_rfc4954_4)
{
    prepare();
    scenario_greet(&s);
    talk(&s, "auth plain " GOOD "\r\n", "235 2.7.0");
    assert_true(seen.initial_present && seen.initial_length == 12);
    talk(&s, "MAIL FROM:<a@here.example>\r\n", "250 ");
    end_with_quit();
}

scenario_test(without_one_the_challenge_is_empty_but_for_its_blank_rfc4954_4)
{
    prepare();
    scenario_greet(&s);
    put(&s, BYTES("AUTH PLAIN\r\n"));
    struct bytes line;
    assert_int_equal(stream_read_line(s.stream, 600, &line, loop_deadline(DAY)), 0);
    assert_true(bytes_is(line, "334 \r\n"));
    assert_false(seen.initial_present);
    talk(&s, GOOD "\r\n", "235 2.7.0");
    end_with_quit();
}

scenario_test(an_equals_sign_is_a_response_of_no_octets_rfc4954_4)
{
    prepare();
    scenario_greet(&s);
    talk(&s, "AUTH PLAIN =\r\n", "535 5.7.8");
    assert_true(seen.initial_present && seen.initial_length == 0);
    talk(&s, "AUTH CRAM-MD5 =\r\n", "501 5.7.0");
    talk(&s, "AUTH CRAM-MD5 " GOOD "\r\n", "501 5.7.0");
    assert_int_equal(seen.asked, 1);
    end_with_quit();
}

scenario_test(challenges_are_base64_and_so_are_responses)
{
    prepare();
    scenario_greet(&s);
    talk(&s, "AUTH LOGIN\r\n", "334 VXNlcm5hbWU6");
    talk(&s, "YW5uYQ==\r\n", "334 UGFzc3dvcmQ6");
    talk(&s, GOOD "\r\n", "235 2.7.0");
    end_with_quit();
}

scenario_test(a_star_cancels_rfc4954_4)
{
    prepare();
    scenario_greet(&s);
    talk(&s, "AUTH LOGIN\r\n", "334 ");
    talk(&s, "*\r\n", "501 5.7.0");
    assert_int_equal(seen.last, NONE);
    /* Nothing of it stays, though the handler had set an account (CVE-2011-1720). */
    talk(&s, "AUTH PLAIN " BAD "\r\n", "535 5.7.8");
    log_in();
    end_with_quit();
}

scenario_test(what_is_not_base64_is_refused_rfc4954_4)
{
    static const char *const wrong[] = {"=AAA", "AAA=BBB=", "AGFubmEAc2VjcmV", "AGFu\tYmEA",
                                        "A*BC", "\xc3\xa9zz", "===="};
    prepare();
    scenario_greet(&s);
    for (size_t i = 0; i < countof(wrong); i++) {
        talk(&s, "AUTH PLAIN\r\n", "334 ");
        put(&s, bytes_of(wrong[i]));
        talk(&s, "\r\n", "501 5.5.2");
        assert_int_equal(seen.last, PERM);
    }
    talk(&s, "AUTH PLAIN =AAA\r\n", "501 5.5.2");
    talk(&s, "AUTH PLAIN AAA= BBB\r\n", "501 5.5.2");
    log_in();
    end_with_quit();
}

scenario_test(a_response_may_be_long_but_not_endless_rfc4954_4)
{
    static char line[14000];
    prepare();
    scenario_greet(&s);
    memset(line, 'A', sizeof(line));
    talk(&s, "AUTH PLAIN\r\n", "334 ");
    memcpy(line + 12280, "\r\n", 3);
    talk(&s, line, "535 5.7.8");
    memset(line, 'A', sizeof(line));
    talk(&s, "AUTH PLAIN\r\n", "334 ");
    memcpy(line + 13000, "\r\n", 3);
    talk(&s, line, "500 5.5.6");
    assert_int_equal(seen.last, PERM);
    log_in();
    end_with_quit();
}

scenario_test(an_exchange_ends)
{
    prepare();
    scenario_greet(&s);
    talk(&s, "AUTH CRAM-MD5\r\n", "334 ");
    for (unsigned i = 0; i < 15; i++)
        talk(&s, "AAAA\r\n", "334 ");
    talk(&s, "AAAA\r\n", "501 5.5.2");
    end_with_quit();
}

scenario_test(auth_has_its_place_rfc4954_4)
{
    prepare();
    scenario_start(&s);
    expect(&s, "220 ");
    talk(&s, "AUTH PLAIN " GOOD "\r\n", "503 5.5.1");
    talk(&s, "HELO client.example\r\nAUTH PLAIN " GOOD "\r\n", "250 |503 5.5.1");
    talk(&s, "EHLO client.example\r\n", "250 ");
    talk(&s, "MAIL FROM:<a@here.example>\r\n", "250 ");
    talk(&s, "AUTH PLAIN " GOOD "\r\n", "503 5.5.1");
    assert_int_equal(seen.asked, 0);
    talk(&s, "RSET\r\n", "250 ");
    log_in();
    talk(&s, "AUTH PLAIN " GOOD "\r\n", "503 5.5.1");
    /* No security layer: the session goes on as it was. */
    talk(&s, "EHLO client.example\r\nAUTH PLAIN " GOOD "\r\n", "250 |503 5.5.1");
    assert_int_equal(seen.asked, 1);
    end_with_quit();
}

scenario_test(mail_waits_for_auth_where_it_must_rfc4954_6)
{
    prepare();
    s.server.require_auth = true;
    scenario_greet(&s);
    talk(&s, "MAIL FROM:<a@here.example>\r\n", "530 5.7.0");
    talk(&s, "AUTH PLAIN " BAD "\r\nMAIL FROM:<a@here.example>\r\n", "535 5.7.8|530 5.7.0");
    log_in();
    talk(&s, "MAIL FROM:<a@here.example> AUTH=<>\r\nRCPT TO:<b@here.example>\r\nDATA\r\n",
         "250 |250 |354 ");
    talk(&s, "x\r\n.\r\n", "250 ");
    assert_true(s.record.session.account.len > 0);
    end_with_quit();
}

scenario_test(a_handler_that_names_no_account_lets_nobody_in)
{
    prepare();
    s.server.require_auth = true;
    scenario_greet(&s);
    seen.lies = true;
    talk(&s, "AUTH PLAIN " GOOD "\r\nMAIL FROM:<a@here.example>\r\n", "454 4.7.0|530 5.7.0");
    end_with_quit();
}

scenario_test(guessing_ends_the_session)
{
    prepare();
    s.server.limits.bad_commands = 3;
    scenario_greet(&s);
    talk(&s, "AUTH PLAIN " BAD "\r\n", "535 5.7.8");
    talk(&s, "AUTH PLAIN " BAD "\r\n", "535 5.7.8");
    talk(&s, "AUTH PLAIN " BAD "\r\n", "535 5.7.8|421 ");
    expect_closed(&s);
    scenario_end(&s);
}

scenario_test(who_does_not_answer_is_not_waited_for)
{
    prepare();
    scenario_greet(&s);
    talk(&s, "AUTH PLAIN\r\n", "334 ");
    expect_end(&s, 5 * MINUTE, "421 4.4.2");
    assert_int_equal(seen.last, TEMP);
}

scenario_test(who_hangs_up_has_not_logged_in)
{
    prepare();
    scenario_greet(&s);
    talk(&s, "AUTH PLAIN\r\n", "334 ");
    scenario_hang_up(&s);
    scenario_end(&s);
    assert_int_equal(seen.last, TEMP);
    assert_int_equal(s.record.session.account.len, 0);
}

scenario_test(auth_is_the_last_of_its_group_rfc4954_4)
{
    prepare();
    scenario_greet(&s);
    talk(&s, "AUTH PLAIN\r\n" GOOD "\r\nMAIL FROM:<a@here.example>\r\n", "334 |235 |250 ");
    end_with_quit();
    assert_true(s.record.session.illegal_pipelining);
    prepare();
    scenario_greet(&s);
    talk(&s, "NOOP\r\n", "250 ");
    talk(&s, "RSET\r\nAUTH PLAIN\r\n", "250 |334 ");
    talk(&s, GOOD "\r\n", "235 ");
    end_with_quit();
    assert_false(s.record.session.illegal_pipelining);
}

scenario_test(requiretls_needs_tls_rfc8689_2)
{
    prepare();
    s.server.offer_requiretls = true;
    scenario_greet(&s);
    assert_null(strstr(hello(), "REQUIRETLS"));
    talk(&s, "MAIL FROM:<a@here.example> REQUIRETLS\r\n", "555 5.5.4");
    end_with_quit();
}

/* ---- over TLS ---- */

static struct tls_server *tls_server;
static struct tls_client *tls_client;

static void prepare_tls(void)
{
    struct error error;
    prepare();
    tls_server = tls_server_create(&error);
    tls_client = tls_client_create(NULL, &error);
    assert_true(tls_server && tls_client);
    assert_int_equal(tls_server_add_self_signed(tls_server, "mx.example", NULL, NULL, &error), OK);
    s.server.tls = tls_server;
    s.server.offer_requiretls = true;
}

static void start_tls(void)
{
    struct transport *encrypted;
    struct tls_info info;
    struct error error;
    talk(&s, "STARTTLS\r\n", "220 2.0.0");
    struct transport *plain = stream_transport(s.stream);
    stream_replace_transport(s.stream, NULL);
    assert_int_equal(tls_connect(tls_client, plain, "mx.example", false, loop_deadline(MINUTE),
                                 &encrypted, &info, &error), OK);
    stream_replace_transport(s.stream, encrypted);
}

static void clean_up_tls(void)
{
    tls_server_destroy(tls_server);
    tls_client_destroy(tls_client);
}

scenario_test(starttls_comes_first_rfc3207)
{
    prepare_tls();
    s.server.auth_without_tls = false;
    s.server.require_auth = true;
    scenario_greet(&s);
    talk(&s, "MAIL FROM:<a@here.example>\r\n", "530 5.7.0 Must issue a STARTTLS");
    start_tls();
    const char *text = hello();
    assert_non_null(strstr(text, "AUTH SCRAM-SHA-256-PLUS PLAIN LOGIN CRAM-MD5\r\n"));
    assert_non_null(strstr(text, "REQUIRETLS\r\n"));
    talk(&s, "MAIL FROM:<a@here.example>\r\n", "530 5.7.0 Authentication");
    log_in();
    talk(&s, "MAIL FROM:<a@here.example> REQUIRETLS=x\r\n", "501 5.5.4");
    talk(&s, "MAIL FROM:<a@here.example> REQUIRETLS\r\n", "250 ");
    end_with_quit();
    clean_up_tls();
}

scenario_test(starttls_forgets_who_has_logged_in_rfc3207_4_2)
{
    prepare_tls();
    s.server.require_auth = true;
    scenario_greet(&s);
    log_in();
    start_tls();
    hello();
    assert_int_equal(seen.forgotten, 1);
    talk(&s, "MAIL FROM:<a@here.example>\r\n", "530 5.7.0");
    log_in();
    talk(&s, "MAIL FROM:<a@here.example>\r\n", "250 ");
    end_with_quit();
    clean_up_tls();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ehlo_names_the_mechanisms_that_can_work_rfc4954_3),
        cmocka_unit_test(in_the_clear_nothing_is_offered_and_nothing_taken_rfc4954_4),
        cmocka_unit_test(without_mechanisms_there_is_no_auth),
        cmocka_unit_test(an_initial_response_saves_a_round_trip_rfc4954_4),
        cmocka_unit_test(without_one_the_challenge_is_empty_but_for_its_blank_rfc4954_4),
        cmocka_unit_test(an_equals_sign_is_a_response_of_no_octets_rfc4954_4),
        cmocka_unit_test(challenges_are_base64_and_so_are_responses),
        cmocka_unit_test(a_star_cancels_rfc4954_4),
        cmocka_unit_test(what_is_not_base64_is_refused_rfc4954_4),
        cmocka_unit_test(a_response_may_be_long_but_not_endless_rfc4954_4),
        cmocka_unit_test(an_exchange_ends),
        cmocka_unit_test(auth_has_its_place_rfc4954_4),
        cmocka_unit_test(mail_waits_for_auth_where_it_must_rfc4954_6),
        cmocka_unit_test(a_handler_that_names_no_account_lets_nobody_in),
        cmocka_unit_test(guessing_ends_the_session),
        cmocka_unit_test(who_does_not_answer_is_not_waited_for),
        cmocka_unit_test(who_hangs_up_has_not_logged_in),
        cmocka_unit_test(auth_is_the_last_of_its_group_rfc4954_4),
        cmocka_unit_test(requiretls_needs_tls_rfc8689_2),
        cmocka_unit_test(starttls_comes_first_rfc3207),
        cmocka_unit_test(starttls_forgets_who_has_logged_in_rfc3207_4_2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
