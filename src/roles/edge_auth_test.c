/* SPDX-License-Identifier: BSD-2-Clause */
/* Clients that log in and clients that guess, with a store and a verifier that are played here. */
#include "roles/edge_auth.h"

#include "base/encode.h"
#include "base/log.h"
#include "roles/keys_protocol.h"
#include "smtp/scenario_test.h"

enum { COUNTERS_MAX = 256, FAILURES = 3 };

static struct edge edge;
static struct role role;
static struct ipc_channel *ends[4];
static struct fiber_group channels;
static struct {
    uint8_t key[PROTOCOL_FINGERPRINT_SIZE];
    uint64_t value;
} counters[COUNTERS_MAX];
static size_t counter_count;
static unsigned verified, abandoned;
static bool store_away, verifier_busy, challenges;
static char log_text[65536];
static const char mechanisms[] = "PLAIN LOGIN";

/* ---- the others ---- */

static uint64_t *counter(struct bytes key)
{
    assert_int_equal(key.len, PROTOCOL_FINGERPRINT_SIZE);
    for (size_t i = 0; i < counter_count; i++)
        if (memcmp(counters[i].key, key.ptr, key.len) == 0)
            return &counters[i].value;
    assert_true(counter_count < COUNTERS_MAX);
    memcpy(counters[counter_count].key, key.ptr, key.len);
    return &counters[counter_count++].value;
}

static void send_answer(struct ipc_request *request, struct buf *payload)
{
    struct ipc_message message = {request->message.type, buf_bytes(payload), {-1, -1, -1, -1}};
    ipc_reply(request, &message);
    buf_free(payload);
}

static void play_store(void *context, struct ipc_request *request)
{
    struct count_question question;
    uint64_t values[PROTOCOL_COUNTS_MAX];
    struct buf payload;
    buf_init(&payload, 4096);
    if (!store_away) {
        assert_int_equal(request->message.type, STORE_COUNT);
        assert_true(count_question_read(request->message.payload, &question));
        for (size_t i = 0; i < question.count; i++) {
            uint64_t *value = counter(question.items[i].key);
            *value += question.items[i].kind == COUNT_ADD ? question.items[i].delta : 0;
            values[i] = *value;
        }
        count_answer_write(&payload, values, question.count);
        send_answer(request, &payload);
    }
    ipc_request_free(request);
}

/* Everybody's password is "good". */
static void play_verifier(void *context, struct ipc_request *request)
{
    static struct keys_sasl_question question;
    static struct keys_sasl_answer answer;
    struct buf payload;
    assert_true(keys_sasl_question_read(request->message.payload, &question));
    answer = (struct keys_sasl_answer){.status = KEYS_SASL_REFUSED, .reason = BYTES("wrong password")};
    verified++;
    abandoned += question.abandon;
    size_t end = bytes_rfind_byte(question.data, '\0');
    if (verifier_busy)
        answer.status = KEYS_SASL_TEMPORARY;
    else if (challenges && !question.conversation)
        answer = (struct keys_sasl_answer){.status = KEYS_SASL_CHALLENGE, .conversation = 7};
    else if (!bytes_is(bytes_skip(question.data, end + 1), "good"))
        ;
    else
        answer = (struct keys_sasl_answer){.status = KEYS_SASL_DONE,
                                           .account = bytes_slice(question.data, 1, end),
                                           .send_as = {BYTES("sales@example.org")},
                                           .send_as_count = 1};
    buf_init(&payload, 4096);
    keys_sasl_answer_write(&payload, &answer);
    send_answer(request, &payload);
    ipc_request_free(request);
}

static void run_calls(void *argument)
{
    (void)!ipc_run(argument, &channels, NULL, NULL, NULL);
}

static void run_store(void *argument)
{
    (void)!ipc_run(argument, &channels, play_store, NULL, NULL);
}

static void run_verifier(void *argument)
{
    (void)!ipc_run(argument, &channels, play_verifier, NULL, NULL);
}

static void keep_log(void *context, enum log_level level, struct bytes line)
{
    size_t used = strlen(log_text);
    snprintf(log_text + used, sizeof(log_text) - used, BYTES_FMT "\n", BYTES_ARG(line));
}

/* ---- the edge ---- */

static void connected(void *context, struct smtp_session *session, struct smtp_reply *reply)
{
    session->context = arena_new(session->arena, struct edge_session);
}

static void mail(void *context, struct smtp_session *session, struct smtp_reply *reply)
{
    const struct edge_session *kept = session->context;
    assert_non_null(kept->account);
    assert_true(bytes_equal(kept->account->name, session->account));
    smtp_reply_set(reply, session->arena, 250, "2.1.0", BYTES_FMT " " BYTES_FMT " %zu",
                   BYTES_ARG(kept->account->name), BYTES_ARG(kept->account->identity.account),
                   kept->account->identity.entry_count);
}

static void closed(void *context, struct smtp_session *session, const char *why)
{
    struct edge_session *kept = session->context;
    if (kept && kept->account)
        edge_account_leave(context, kept->account);
}

static void open_pair(struct ipc_channel **here, struct ipc_channel **there, void (*play)(void *))
{
    int pair[2];
    assert_int_equal(ipc_pair(pair), 0);
    *here = ipc_channel_open(pair[0], "there");
    *there = ipc_channel_open(pair[1], "here");
    assert_true(*here && *there);
    assert_true(fiber_group_start(&channels, "calls", run_calls, *here));
    assert_true(fiber_group_start(&channels, "played", play, *there));
}

static void prepare(void)
{
    memset(&edge, 0, sizeof(edge));
    memset(&role, 0, sizeof(role));
    counter_count = verified = abandoned = 0;
    memset(counters, 0, sizeof(counters));
    store_away = verifier_busy = challenges = false;
    log_text[0] = '\0';
    log_set_sink(keep_log, NULL, LOG_FORMAT_PLAIN, LOG_LEVEL_INFO);
    static char file[] = "accounts";
    role.config.accounts.file = file;
    role.config.accounts.failures = FAILURES;
    role.config.accounts.failure_window = HOUR;
    role.config.accounts.failure_delay = SECOND;
    role.config.submission.connections = 2;
    edge.role = &role;
    edge.accounts = map_create();
    fiber_group_open(&channels);
    open_pair(&ends[0], &ends[1], run_store);
    open_pair(&ends[2], &ends[3], run_verifier);
    edge.store = ends[0];
    edge.keys = ends[2];
}

static void clean_up(void)
{
    for (size_t i = 0; i < countof(ends); i++)
        ipc_channel_close(ends[i]);
    fiber_group_close(&channels);
    assert_int_equal(map_count(edge.accounts), 0);
    map_destroy(edge.accounts, NULL);
}

/* A session from that address, up to EHLO. */
static void open_session(struct scenario *session, const char *address)
{
    char line[100];
    scenario_defaults(session);
    session->server.proxy_protocol = true;
    session->server.auth_mechanisms = mechanisms;
    session->server.auth_without_tls = true;
    session->server.handler = (struct smtp_handler){.context = &edge,
                                                    .connected = connected,
                                                    .auth = edge_auth,
                                                    .forget = edge_auth_forget,
                                                    .mail = mail,
                                                    .closed = closed};
    scenario_start(session);
    snprintf(line, sizeof(line), "PROXY TCP4 %s 198.51.100.2 40000 587\r\n", address);
    put(session, bytes_of(line));
    expect(session, "220 ");
    talk(session, "EHLO client.example\r\n", "250 ");
}

static void finish(struct scenario *session)
{
    talk(session, "QUIT\r\n", "221 ");
    scenario_end(session);
}

static void say_plain(struct scenario *session, const char *name, const char *password)
{
    struct arena *arena = arena_create(65536);
    struct buf line;
    buf_init(&line, 4096);
    buf_add_string(&line, "AUTH PLAIN ");
    base64_encode(&line, arena_printf(arena, "%c%s%c%s", 0, name, 0, password));
    buf_add_string(&line, "\r\n");
    put(session, buf_bytes(&line));
    buf_free(&line);
    arena_destroy(arena);
}

/* One attempt in a session of its own; the time it took. */
static int64_t attempt(const char *address, const char *name, const char *password, const char *reply_)
{
    open_session(&s, address);
    int64_t from = loop_now();
    say_plain(&s, name, password);
    expect(&s, reply_);
    int64_t took = loop_now() - from;
    scenario_end(&s);
    return took;
}

#define ANNA "anna@example.org"
#define HOME "192.0.2.1"

scenario_test(who_has_the_password_is_let_in_with_his_identity)
{
    prepare();
    open_session(&s, HOME);
    say_plain(&s, ANNA, "good");
    expect(&s, "235 2.7.0");
    talk(&s, "MAIL FROM:<" ANNA ">\r\n", "250 2.1.0 " ANNA " " ANNA " 1");
    finish(&s);
    assert_non_null(strstr(log_text, "result=ok"));
    open_session(&s, HOME);
    say_plain(&s, "printer", "good");
    expect(&s, "235 2.7.0");
    talk(&s, "MAIL FROM:<" ANNA ">\r\n", "250 2.1.0 printer  1");
    finish(&s);
    clean_up();
}

scenario_test(each_failure_costs_twice_the_time_of_the_one_before)
{
    prepare();
    role.config.accounts.failures = 100;
    int64_t expected[] = {1, 2, 4, 8, 16, 30, 30};
    for (size_t i = 0; i < countof(expected); i++)
        assert_int_equal(attempt(HOME, ANNA, "bad word", "535 5.7.8"), expected[i] * SECOND);
    assert_non_null(strstr(log_text, "wrong password"));
    assert_null(strstr(log_text, "bad word"));
    /* In time, and with nothing forgotten. */
    assert_int_equal(attempt(HOME, ANNA, "good", "235 "), 0);
    assert_int_equal(attempt(HOME, ANNA, "bad", "535 "), 30 * SECOND);
    clean_up();
}

scenario_test(a_network_that_fails_too_often_is_not_verified_any_more)
{
    prepare();
    for (int i = 0; i < FAILURES; i++)
        attempt(i % 2 ? "192.0.2.77" : HOME, i ? "nobody" : ANNA, "bad", "535 ");
    unsigned before = verified;
    attempt("192.0.2.200", ANNA, "good", "421 4.7.0");
    assert_int_equal(verified, before);
    /* Others are not concerned. */
    attempt("198.51.100.9", ANNA, "good", "235 ");
    clean_up();
}

/* As many guesses as are refused, from as many networks as they need. */
static void besiege(unsigned failures)
{
    char address[32];
    for (unsigned i = 0; i < failures; i++) {
        snprintf(address, sizeof(address), "10.0.%u.1", i);
        attempt(address, ANNA, "bad", "535 ");
    }
}

scenario_test(the_user_gets_in_from_where_he_was_while_others_guess)
{
    prepare();
    assert_int_equal(attempt(HOME, ANNA, "good", "235 "), 0);
    besiege(5 * FAILURES);
    /* A stranger's place waits, also with the password. */
    assert_true(attempt("203.0.113.5", ANNA, "good", "235 ") >= 16 * SECOND);
    assert_int_equal(attempt(HOME, ANNA, "good", "235 "), 0);
    /* Also when his own network is full of failures. */
    for (int i = 0; i < FAILURES; i++)
        attempt("192.0.2.9", "nobody", "bad", "535 ");
    attempt("192.0.2.9", "bert", "good", "421 ");
    assert_int_equal(attempt(HOME, ANNA, "good", "235 "), 0);
    clean_up();
}

/* A neighbour, or a machine behind the same address, is in the network that is trusted. */
scenario_test(guesses_from_the_users_own_network_are_slow_and_come_to_an_end)
{
    prepare();
    role.config.accounts.failures = 2;
    attempt(HOME, ANNA, "good", "235 ");
    for (unsigned i = 0; i < 50; i++) {
        attempt("192.0.2.99", ANNA, "bad", "535 ");
        /* The user himself waits, at most as long as any delay. */
        if (i == 10)
            assert_true(attempt(HOME, ANNA, "good", "235 ") >= 16 * SECOND);
    }
    unsigned before = verified;
    attempt("192.0.2.99", ANNA, "bad", "454 4.7.0");
    attempt(HOME, ANNA, "good", "454 4.7.0");
    assert_int_equal(verified, before);
    /* Not from elsewhere, nor for others there once the network has gone quiet. */
    counter_count = 0;
    memset(counters, 0, sizeof(counters));
    assert_int_equal(attempt(HOME, ANNA, "good", "235 "), 0);
    clean_up();
}

scenario_test(an_account_under_heavy_attack_is_closed_to_strange_networks_only)
{
    prepare();
    role.config.accounts.failures = 1;
    attempt(HOME, ANNA, "good", "235 ");
    besiege(25);
    unsigned before = verified;
    attempt("203.0.113.5", ANNA, "good", "454 4.7.0");
    /* In whatever way the name is written. */
    attempt("203.0.113.6", "AN\xc2\xadNA@example.org", "good", "454 4.7.0");
    assert_int_equal(verified, before);
    assert_int_equal(attempt(HOME, ANNA, "good", "235 "), 0);
    attempt("203.0.113.5", "bert@example.org", "good", "235 ");
    clean_up();
}

scenario_test(without_its_counters_nothing_is_verified)
{
    prepare();
    store_away = true;
    attempt(HOME, ANNA, "good", "454 4.7.0");
    assert_int_equal(verified, 0);
    store_away = false;
    verifier_busy = true;
    attempt(HOME, ANNA, "good", "454 4.7.0");
    verifier_busy = false;
    edge.keys = NULL;
    attempt(HOME, ANNA, "good", "454 4.7.0");
    clean_up();
}

scenario_test(a_cancelled_exchange_is_abandoned)
{
    prepare();
    challenges = true;
    open_session(&s, HOME);
    talk(&s, "AUTH LOGIN\r\n", "334 ");
    talk(&s, "*\r\n", "501 5.7.0");
    finish(&s);
    assert_int_equal(abandoned, 1);
    clean_up();
}

scenario_test(an_account_has_so_many_sessions_at_once)
{
    static struct scenario others[2];
    prepare();
    for (size_t i = 0; i < countof(others); i++) {
        open_session(&others[i], HOME);
        say_plain(&others[i], i ? ANNA : "ANNA@example.org", "good");
        expect(&others[i], "235 ");
    }
    attempt(HOME, ANNA, "good", "421 4.7.0");
    finish(&others[0]);
    attempt(HOME, ANNA, "good", "235 ");
    finish(&others[1]);
    clean_up();
}

static void mechanisms_are_those_that_somebody_can_verify(void **state)
{
    static char text[] = "x", empty[] = "", plain[] = "plain", scram[] = "SCRAM-SHA-256";
    static char *listed[] = {plain, scram};
    struct arena *arena = arena_create(65536);
    struct config config = {.accounts = {.file = empty, .dovecot = empty, .pam = empty,
                                         .client_authorities = empty}};
    assert_null(edge_auth_mechanisms(arena, &config));
    config.accounts.pam = text;
    assert_string_equal(edge_auth_mechanisms(arena, &config), "PLAIN LOGIN");
    config.accounts.mechanisms.items = listed;
    config.accounts.mechanisms.count = 2;
    assert_string_equal(edge_auth_mechanisms(arena, &config), "PLAIN");
    config.accounts.file = text;
    assert_string_equal(edge_auth_mechanisms(arena, &config), "PLAIN SCRAM-SHA-256");
    config.accounts.mechanisms.count = 0;
    config.accounts.client_authorities = text;
    assert_string_equal(edge_auth_mechanisms(arena, &config),
                        "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN EXTERNAL");
    arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_has_the_password_is_let_in_with_his_identity),
        cmocka_unit_test(each_failure_costs_twice_the_time_of_the_one_before),
        cmocka_unit_test(a_network_that_fails_too_often_is_not_verified_any_more),
        cmocka_unit_test(the_user_gets_in_from_where_he_was_while_others_guess),
        cmocka_unit_test(guesses_from_the_users_own_network_are_slow_and_come_to_an_end),
        cmocka_unit_test(an_account_under_heavy_attack_is_closed_to_strange_networks_only),
        cmocka_unit_test(without_its_counters_nothing_is_verified),
        cmocka_unit_test(a_cancelled_exchange_is_abandoned),
        cmocka_unit_test(an_account_has_so_many_sessions_at_once),
        cmocka_unit_test(mechanisms_are_those_that_somebody_can_verify),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
