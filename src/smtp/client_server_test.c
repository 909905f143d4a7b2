/* SPDX-License-Identifier: BSD-2-Clause */
/* The client against our own server. */
#include "smtp/client.h"
#include "smtp/scenario_test.h"

static struct arena *arena;
static struct client *client;
static struct client_reply said, replies[100];
static struct error error;
static struct tls_server *tls_server;
static struct tls_client *tls_client;

static void start(const struct client_options *wish)
{
    struct client_options options = *wish;
    options.hostname = "client.example";
    arena = arena_create(1 << 20);
    assert_true(pipe_create(&s.pipe, &s.client, &s.server_end));
    fiber_group_open(&s.group);
    assert_true(fiber_group_start(&s.group, "server", serve, &s));
    assert_int_equal(client_open(s.client, &options, arena, &client, &said, &error), OK);
}

static void finish(void)
{
    client_close(client);
    assert_int_equal(fiber_group_wait(&s.group, loop_deadline(HOUR)), 0);
    fiber_group_close(&s.group);
    assert_true(s.ended);
    assert_string_equal(s.record.closed, "quit");
    assert_int_equal(s.record.session.bad_commands, 0);
    assert_false(s.record.session.illegal_pipelining);
    assert_false(s.record.session.lenient_syntax);
    assert_false(s.record.session.early_talker);
    arena_destroy(arena);
}

static void send_one(const struct client_envelope *envelope, const struct client_recipient *to,
                     size_t count, struct bytes text)
{
    enum result result =
        client_send(client, envelope, to, count, &text, 1, arena, replies, &error);
    if (result != OK)
        fail_msg("%s", error.text);
}

static const struct client_recipient recipients[] = {
    {.mailbox = BYTES_INIT("b@here.example")},
    {.mailbox = BYTES_INIT("unknown@here.example")},
    {.mailbox = BYTES_INIT("full@here.example")},
    {.mailbox = BYTES_INIT("c@here.example")},
};

static void messages_arrive(const struct client_options *options)
{
    static const char text[] = "Subject: x\r\n\r\n.\r\n..\r\n.x\r\nlast\r\n";
    struct client_envelope envelope = {.sender = BYTES("a@sender.example")};
    start(options);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(client_is_usable(client));
        send_one(&envelope, recipients, countof(recipients), bytes_of(text));
        assert_int_equal(replies[0].code, 250);
        assert_int_equal(replies[1].code, 550);
        assert_string_equal(replies[1].enhanced, "5.1.1");
        assert_int_equal(replies[2].code, 452);
        assert_int_equal(replies[3].code, 250);
        assert_string_equal(s.record.recipients, "b@here.example c@here.example ");
        assert_string_equal(s.record.content, text);
        assert_int_equal(s.record.transaction.declared_size, sizeof(text) - 1);
        assert_int_equal(s.record.transaction.chunked, !options->without_chunking);
        /* And one that nobody takes. */
        send_one(&envelope, &recipients[1], 1, bytes_of(text));
        assert_int_equal(replies[0].code, 550);
    }
    assert_int_equal(s.record.messages, 3);
    finish();
}

scenario_test(messages_arrive_in_every_way)
{
    static const struct client_options ways[] = {
        {.lmtp = false},
        {.without_pipelining = true},
        {.without_chunking = true},
        {.without_pipelining = true, .without_chunking = true},
    };
    for (size_t i = 0; i < countof(ways); i++) {
        for (size_t fragment = 0; fragment < 3; fragment++) {
            scenario_defaults(&s);
            s.pipe.fragment = fragment;
            s.pipe.delay = (int64_t)fragment * 50 * MILLISECOND;
            messages_arrive(&ways[i]);
        }
    }
}

scenario_test(the_server_reads_what_the_client_writes_of_the_envelope_rfc3461_4_rfc4405_4)
{
    struct client_recipient to = {.mailbox = BYTES("b@here.example"),
                                  .notify = SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_FAILURE,
                                  .original = BYTES("rfc822;o+x=y@there.example")};
    struct client_envelope envelope = {.sender = BYTES("a@sender.example"),
                                       .envelope_id = BYTES("id = +1"),
                                       .return_headers = true,
                                       .submitter = BYTES("s+t@sender.example")};
    scenario_defaults(&s);
    s.server.offer_dsn = s.server.offer_submitter = true;
    start(&(struct client_options){0});
    send_one(&envelope, &to, 1, BYTES("Subject: \xc3\xa9\r\n\r\nx\r\n"));
    assert_int_equal(replies[0].code, 250);
    assert_int_equal(s.record.notify, SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_FAILURE);
    assert_string_equal(s.record.original, "o+x=y@there.example");
    assert_string_equal(s.record.original_type, "rfc822");
    assert_string_equal(s.record.envelope_id, "id = +1");
    assert_string_equal(s.record.submitter, "s+t@sender.example");
    assert_true(s.record.transaction.return_headers);
    assert_int_equal(s.record.transaction.body, SMTP_BODY_8BITMIME);
    assert_false(s.record.transaction.smtputf8);
    /* And with an address that is not ASCII (rfc6531:3.4). */
    to = (struct client_recipient){.mailbox = BYTES("j\xc3\xb6@here.example")};
    send_one(&envelope, &to, 1, BYTES("x\r\n"));
    assert_int_equal(replies[0].code, 250);
    assert_true(s.record.transaction.smtputf8);
    assert_string_equal(s.record.recipients, "j\xc3\xb6@here.example ");
    finish();
}

scenario_test(what_is_too_large_is_not_sent_rfc1870_6_1)
{
    static char text[60001];
    struct client_envelope envelope = {.sender = BYTES("a@sender.example")};
    memset(text, 'x', 60000);
    scenario_defaults(&s);
    start(&(struct client_options){0});
    send_one(&envelope, recipients, 1, bytes_of(text));
    assert_int_equal(replies[0].code, 552);
    assert_true(replies[0].local);
    text[59998] = '\0'; /* with CRLF just as much as may be */
    send_one(&envelope, recipients, 1, bytes_of(text));
    assert_int_equal(replies[0].code, 250);
    assert_int_equal(s.record.content_length, 60000);
    finish();
}

static enum result upgrade(void *context, struct transport *plain, int64_t deadline,
                           struct transport **out, struct error *why)
{
    struct tls_info info;
    return tls_connect(tls_client, plain, "mx.example", *(bool *)context, deadline, out, &info, why);
}

scenario_test(a_message_goes_over_starttls_rfc3207)
{
    bool verify = false;
    struct client_envelope envelope = {.sender = BYTES("a@sender.example"), .require_tls = true};
    scenario_defaults(&s);
    tls_server = tls_server_create(&error);
    tls_client = tls_client_create(NULL, &error);
    assert_true(tls_server && tls_client);
    assert_int_equal(tls_server_add_self_signed(tls_server, "mx.example", NULL, NULL, &error), OK);
    s.server.tls = tls_server;
    s.server.offer_requiretls = true;
    start(&(struct client_options){0});
    assert_true(client_extensions(client)->starttls);
    send_one(&envelope, recipients, 1, BYTES("x\r\n"));
    assert_string_equal(replies[0].enhanced, "5.7.30"); /* rfc8689:4.2.1: not without TLS */
    assert_int_equal(client_start_tls(client, upgrade, &verify, arena, &said, &error), OK);
    assert_false(client_extensions(client)->starttls);
    for (int i = 0; i < 2; i++) {
        assert_true(client_is_usable(client)); /* session tickets are no words of the server */
        send_one(&envelope, recipients, 4, BYTES("Subject: x\r\n\r\nx\r\n"));
        assert_int_equal(replies[0].code, 250);
        assert_true(s.record.session.tls);
        assert_true(s.record.transaction.require_tls);
    }
    finish();
    /* A certificate that cannot be verified is no reason to go on, where it must be. */
    verify = true;
    s.ended = false;
    start(&(struct client_options){0});
    assert_int_equal(client_start_tls(client, upgrade, &verify, arena, &said, &error), PERM);
    assert_int_equal(said.code, 0);
    assert_false(client_is_usable(client));
    client_close(client);
    assert_int_equal(fiber_group_wait(&s.group, loop_deadline(HOUR)), 0);
    fiber_group_close(&s.group);
    arena_destroy(arena);
    tls_server_destroy(tls_server);
    tls_client_destroy(tls_client);
}

static void on_auth(void *context, struct smtp_session *session, struct smtp_auth *auth,
                    struct smtp_reply *answer)
{
    struct bytes response = auth->initial;
    if (!auth->initial_present &&
        smtp_auth_challenge(auth, BYTES("Username:"), &response, NULL) != OK)
        return;
    if (bytes_is(auth->mechanism, "LOGIN")) {
        if (!bytes_is(response, "tim") ||
            smtp_auth_challenge(auth, BYTES("Password:"), &response, NULL) != OK)
            return;
        if (!bytes_is(response, "secret")) {
            smtp_reply_set(answer, session->arena, 535, "5.7.8", "No");
            return;
        }
    } else if (!bytes_equal(response, BYTES("\0tim\0secret"))) {
        smtp_reply_set(answer, session->arena, 535, "5.7.8", "No");
        return;
    }
    auth->account = BYTES("tim");
    smtp_reply_set(answer, session->arena, 235, "2.7.0", "Welcome");
}

scenario_test(the_server_lets_the_client_in_rfc4954)
{
    struct client_credentials tim = {.user = BYTES("tim"), .password = BYTES("wrong")};
    scenario_defaults(&s);
    s.server.auth_mechanisms = "PLAIN LOGIN";
    s.server.auth_without_tls = true;
    s.server.handler.auth = on_auth;
    start(&(struct client_options){.encrypted = true}); /* as the client believes */
    assert_int_equal(client_extensions(client)->mechanisms, CLIENT_PLAIN | CLIENT_LOGIN);
    assert_int_equal(client_authenticate(client, &tim, arena, &said, &error), PERM);
    assert_int_equal(said.code, 535);
    assert_true(client_is_usable(client));
    tim.mechanisms = CLIENT_LOGIN;
    assert_int_equal(client_authenticate(client, &tim, arena, &said, &error), PERM);
    tim.password = BYTES("secret");
    assert_int_equal(client_authenticate(client, &tim, arena, &said, &error), OK);
    struct client_envelope envelope = {.sender = BYTES("a@sender.example"), .auth_unknown = true};
    send_one(&envelope, recipients, 1, BYTES("x\r\n"));
    assert_int_equal(replies[0].code, 250);
    assert_true(bytes_is(s.record.session.account, "tim"));
    assert_true(s.record.transaction.null_auth);
    client_close(client);
    assert_int_equal(fiber_group_wait(&s.group, loop_deadline(HOUR)), 0);
    fiber_group_close(&s.group);
    arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_arrive_in_every_way),
        cmocka_unit_test(the_server_reads_what_the_client_writes_of_the_envelope_rfc3461_4_rfc4405_4),
        cmocka_unit_test(what_is_too_large_is_not_sent_rfc1870_6_1),
        cmocka_unit_test(a_message_goes_over_starttls_rfc3207),
        cmocka_unit_test(the_server_lets_the_client_in_rfc4954),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
