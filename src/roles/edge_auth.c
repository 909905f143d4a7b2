/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/edge_auth.h"

#include "auth/sasl.h"
#include "auth/saslprep.h"
#include "base/log.h"
#include "roles/digest.h"
#include "roles/keys_client.h"

#include <string.h>

/* A hashed password may wait for others (keys_sasl.c), and Dovecot delays its own refusals. */
#define VERIFIER_TIME (40 * SECOND)
#define STORE_TIME (10 * SECOND)
#define DELAY_MAX (30 * SECOND)
#define TRUST_TIME (30 * DAY)

enum {
    ARENA_MAX = 512 * 1024,
    ATTACKED_TIMES = 5,  /* so many times the failures of one network, and an account is under attack … */
    CLOSED_TIMES = 25,   /* … and so many times, closed to strange networks */
    NAME_MAX_OCTETS = 256
};

/* One AUTH. */
struct login {
    struct edge *edge;
    struct smtp_session *session;
    struct smtp_auth *auth;
    struct arena *arena;      /* of this exchange */
    struct smtp_reply *reply;
    struct bytes claimed;     /* the account's name as the client gives it; empty: not known yet */
    bool admitted;            /* the counters have been asked */
    bool counted;             /* passwords may be guessed: not with a certificate */
    struct bytes network_key, account_key, trust_key;
    struct bytes pair_key;    /* failures of this account from this network */
    struct keys_sasl_question question;
    struct keys_sasl_answer answer;
};

/* ---- mechanisms ---- */

static bool uses_file(const struct config *config)
{
    return config->accounts.file && *config->accounts.file;
}

/* Only the accounts file has keys, secrets and certificates; PAM and Dovecot's protocol are asked with a
 * password. */
static bool is_possible(const struct config *config, struct bytes name)
{
    if (bytes_is(name, "PLAIN") || bytes_is(name, "LOGIN"))
        return true;
    return uses_file(config) && sasl_mechanism_is_known(name);
}

static void add_mechanism(struct buf *out, const struct config *config, const char *name)
{
    char upper[32] = {0};
    for (size_t i = 0; name[i] && i < sizeof(upper) - 1; i++)
        upper[i] = name[i] >= 'a' && name[i] <= 'z' ? (char)(name[i] - 'a' + 'A') : name[i];
    if (is_possible(config, bytes_of(upper)))
        buf_printf(out, "%s%s", out->len ? " " : "", upper);
}

const char *edge_auth_mechanisms(struct arena *arena, const struct config *config)
{
    static const char *const usual[] = {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"};
    const struct config_strings *listed = &config->accounts.mechanisms;
    bool others = (config->accounts.dovecot && *config->accounts.dovecot) ||
                  (config->accounts.pam && *config->accounts.pam);
    struct buf text;
    if (!uses_file(config) && !others)
        return NULL;
    buf_init(&text, 512);
    for (size_t i = 0; i < listed->count; i++)
        add_mechanism(&text, config, listed->items[i]);
    for (size_t i = 0; !listed->count && i < countof(usual); i++)
        add_mechanism(&text, config, usual[i]);
    if (!listed->count && config->accounts.client_authorities && *config->accounts.client_authorities)
        add_mechanism(&text, config, "EXTERNAL");
    const char *string = text.failed ? NULL : arena_string(arena, buf_bytes(&text));
    buf_free(&text);
    return string;
}

/* ---- counters ---- */

static bool make_key(struct login *login, const char *what, struct bytes member, struct bytes *out)
{
    struct ip network =
        ip_masked(&login->session->client, login->session->client.family == 4 ? 24 : 64);
    struct bytes place = bytes_from(&network.octets, sizeof(network.octets));
    struct bytes parts[] = {BYTES("auth"), bytes_of(what), arena_lower(login->arena, member),
                            bytes_is(BYTES("account"), what) ? BYTES("") : place};
    return digest_parts(login->arena, parts, countof(parts), out);
}

/* By the prepared name: else one could be written in many ways, each with a counter of its own. */
static bool make_keys(struct login *login)
{
    struct bytes name;
    if (saslprep(login->arena, login->claimed, &name, NULL) != OK)
        name = login->claimed;
    return make_key(login, "network", BYTES(""), &login->network_key) &&
           make_key(login, "account", name, &login->account_key) &&
           make_key(login, "trust", name, &login->trust_key) &&
           make_key(login, "pair", name, &login->pair_key);
}

/* False: the store does not answer. */
static bool count(struct login *login, const struct count_question *question, uint64_t *values)
{
    struct buf payload;
    int64_t deadline = loop_deadline(STORE_TIME);
    struct ipc_channel *store = edge_store(login->edge, deadline);
    struct error why;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    count_question_write(&payload, question);
    struct ipc_message request = {STORE_COUNT, buf_bytes(&payload), {-1, -1, -1, -1}}, answer;
    bool fine = store && !payload.failed &&
                role_call(store, login->arena, &request, &answer, deadline, &why) == OK &&
                count_answer_read(answer.payload, values, question->count);
    buf_free(&payload);
    return fine;
}

static struct count_item item(enum count_kind kind, struct bytes key, int64_t window)
{
    return (struct count_item){.kind = kind, .key = key, .delta = kind == COUNT_ADD, .window = window};
}

/* What the failures of before mean for this attempt. */
struct standing {
    uint64_t by_network, by_account;
    uint64_t by_pair; /* of the account from this network */
    bool trusted; /* the account has been used from this network */
};

static bool ask_standing(struct login *login, struct standing *out)
{
    int64_t window = login->edge->role->config.accounts.failure_window;
    struct count_question question = {
        .items = {item(COUNT_GET, login->network_key, window), item(COUNT_GET, login->account_key, window),
                  item(COUNT_GET, login->pair_key, window), item(COUNT_GET, login->trust_key, TRUST_TIME)},
        .count = 4,
    };
    uint64_t values[PROTOCOL_COUNTS_MAX];
    if (!count(login, &question, values))
        return false;
    *out = (struct standing){values[0], values[1], values[2], values[3] > 0};
    return true;
}

/* The time that the `number`-th failure costs: one unit, two, four … */
static int64_t delay_of(const struct login *login, uint64_t number)
{
    int64_t delay = login->edge->role->config.accounts.failure_delay;
    for (uint64_t i = 1; i < number && delay < DELAY_MAX; i++)
        delay *= 2;
    return delay < DELAY_MAX ? delay : DELAY_MAX;
}

/* ---- replies and the log ---- */

static void write_log(const struct login *login, const char *result, struct bytes account,
                      struct bytes reason)
{
    struct log_line line;
    char client[IP_TEXT_SIZE];
    bool good = strcmp(result, "ok") == 0;
    log_begin(&line, good ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "auth");
    log_string(&line, "client", ip_format(&login->session->client, client));
    log_bytes(&line, "account", bytes_first(account, NAME_MAX_OCTETS));
    log_bytes(&line, "mechanism", login->auth->mechanism);
    log_string(&line, "result", result);
    if (reason.len)
        log_bytes(&line, "reason", reason);
    log_end(&line);
}

static void refuse(struct login *login, unsigned code, const char *enhanced, const char *text,
                   const char *reason)
{
    smtp_reply_set(login->reply, login->session->arena, code, enhanced, "%s", text);
    write_log(login, code < 500 ? "temporary" : "refused", login->claimed, bytes_of(reason));
}

static void put_off(struct login *login, const char *reason)
{
    refuse(login, 454, "4.7.0", "Temporary authentication failure, please try again later", reason);
}

/* ---- before anything is verified ---- */

/* Where its user has been, an account is not closed because others guess elsewhere. His neighbours may guess,
 * too: that makes it slow, and far past any mistake of his own it is closed here as well. */
static bool judge_trusted(struct login *login, const struct standing *standing, uint64_t most)
{
    if (standing->by_pair >= CLOSED_TIMES * most) {
        refuse(login, 454, "4.7.0", "Too many failed logins to this account, please try again later",
               "the account is under attack from a network of its own");
        return false;
    }
    if (standing->by_pair >= most)
        fiber_sleep(delay_of(login, standing->by_pair / most));
    return true;
}

static bool judge_standing(struct login *login, const struct standing *standing)
{
    uint64_t most = login->edge->role->config.accounts.failures;
    if (!most)
        return true;
    if (standing->trusted)
        return judge_trusted(login, standing, most);
    if (standing->by_network >= most) {
        refuse(login, 421, "4.7.0", "Too many failed logins from your network, please try again later",
               "too many failures of this network");
        login->reply->close = true;
        return false;
    }
    if (standing->by_account >= CLOSED_TIMES * most) {
        refuse(login, 454, "4.7.0", "Too many failed logins to this account, please try again later",
               "the account is under attack, and this network is new to it");
        return false;
    }
    /* From a new place he waits while others try his account. */
    if (standing->by_account >= ATTACKED_TIMES * most)
        fiber_sleep(delay_of(login, standing->by_account / most));
    return true;
}

/* Asks the counters as soon as the name is known, which is with the first message of the client in every
 * mechanism. A limit that a crash of the store lifts is none. */
static bool admit(struct login *login, bool present, struct bytes message)
{
    struct standing standing;
    if (login->admitted || !present)
        return true;
    login->admitted = true;
    struct bytes name = bytes_first(sasl_peek_name(login->auth->mechanism, message), NAME_MAX_OCTETS);
    login->claimed = arena_copy(login->arena, name);
    if (!login->counted)
        return true;
    if (login->claimed.ptr && make_keys(login) && ask_standing(login, &standing))
        return judge_standing(login, &standing);
    put_off(login, "the store does not answer");
    return false;
}

/* ---- the verifier ---- */

static void add_bindings(struct login *login)
{
    struct keys_sasl_question *question = &login->question;
    struct transport *transport = stream_transport(login->session->stream);
    uint8_t octets[TLS_BINDING_MAX];
    size_t length;
    if (!login->session->tls)
        return;
    if (tls_channel_binding(transport, TLS_BINDING_EXPORTER, octets, &length) == OK)
        question->exporter = arena_copy(login->arena, bytes_from(octets, length));
    if (tls_channel_binding(transport, TLS_BINDING_SERVER_END_POINT, octets, &length) == OK)
        question->end_point = arena_copy(login->arena, bytes_from(octets, length));
}

static void add_certificate(struct login *login)
{
    struct keys_sasl_question *question = &login->question;
    struct tls_client_names *names = arena_new(login->arena, struct tls_client_names);
    if (!names || !bytes_is(login->auth->mechanism, "EXTERNAL") ||
        tls_client_names(stream_transport(login->session->stream), login->arena, names) != OK)
        return;
    for (size_t i = 0; i < names->email_count && question->email_count < KEYS_SASL_NAMES_MAX; i++)
        if (names->emails[i].len <= KEYS_SASL_NAME_MAX)
            question->emails[question->email_count++] = names->emails[i];
}

static void begin_question(struct login *login)
{
    const struct smtp_session *session = login->session;
    char client[IP_TEXT_SIZE], local[IP_TEXT_SIZE];
    login->question = (struct keys_sasl_question){
        .mechanism = login->auth->mechanism,
        .tls = session->tls,
        .client = arena_copy(login->arena, bytes_of(ip_format(&session->client, client))),
        .local = arena_copy(login->arena, bytes_of(ip_format(&session->local, local))),
        .client_port = session->client_port,
        .local_port = session->local_port,
        .data_present = login->auth->initial_present,
        .data = login->auth->initial,
    };
    add_bindings(login);
    add_certificate(login);
}

/* The channel to whom knows the accounts, waiting for him while he is being restarted. */
static struct ipc_channel *find_verifier(struct edge *edge, int64_t deadline)
{
    if (uses_file(&edge->role->config))
        return edge_keys(edge, deadline);
    return edge_auth_role(edge, deadline);
}

static bool ask_verifier(struct login *login, struct ipc_channel *verifier)
{
    struct error why;
    if (keys_sasl(verifier, login->arena, &login->question, loop_deadline(VERIFIER_TIME), &login->answer,
                  &why) == OK)
        return true;
    put_off(login, why.text);
    return false;
}

/* The client has given up in the midst of it: nothing of the exchange stays. */
static void abandon(struct login *login, struct ipc_channel *verifier)
{
    login->question = (struct keys_sasl_question){.conversation = login->answer.conversation,
                                                  .abandon = true};
    fiber_shield();
    (void)!keys_sasl(verifier, login->arena, &login->question, loop_deadline(SECOND), &login->answer, NULL);
    fiber_unshield();
}

/* Question and answer until there is a result. False: the reply is set, or is not ours. */
static bool converse(struct login *login)
{
    struct keys_sasl_question *question = &login->question;
    struct keys_sasl_answer *answer = &login->answer;
    struct ipc_channel *verifier = find_verifier(login->edge, loop_deadline(STORE_TIME));
    begin_question(login);
    for (;;) {
        struct bytes response;
        if (!admit(login, question->data_present, question->data) || !ask_verifier(login, verifier))
            return false;
        if (answer->status != KEYS_SASL_CHALLENGE)
            return true;
        if (smtp_auth_challenge(login->auth, answer->data, &response, NULL) != OK) {
            abandon(login, verifier);
            return false;
        }
        *question = (struct keys_sasl_question){
            .conversation = answer->conversation, .data_present = true, .data = response};
    }
}

/* ---- results ---- */

/* Delays the reply. When the store is away the delay is the longest. */
static void count_failure(struct login *login)
{
    int64_t window = login->edge->role->config.accounts.failure_window;
    struct count_question question = {.items = {item(COUNT_ADD, login->network_key, window)}, .count = 1};
    uint64_t values[PROTOCOL_COUNTS_MAX];
    if (!login->counted || !login->network_key.len)
        return;
    if (login->claimed.len) {
        question.items[question.count++] = item(COUNT_ADD, login->account_key, window);
        question.items[question.count++] = item(COUNT_ADD, login->pair_key, window);
    }
    fiber_sleep(count(login, &question, values) ? delay_of(login, values[0]) : DELAY_MAX);
}

static void fail(struct login *login)
{
    const struct keys_sasl_answer *answer = &login->answer;
    bool malformed = answer->status == KEYS_SASL_MALFORMED;
    if (answer->status == KEYS_SASL_TEMPORARY) {
        smtp_reply_set(login->reply, login->session->arena, 454, "4.7.0",
                       "Temporary authentication failure, please try again later");
        write_log(login, "temporary", login->claimed, answer->reason);
        return;
    }
    /* Before the wait: whoever reads the log sees it when it happens. */
    write_log(login, malformed ? "malformed" : "refused", login->claimed, answer->reason);
    if (malformed)
        smtp_reply_set(login->reply, login->session->arena, 501, "5.5.2",
                       "This is not what the mechanism demands");
    else
        smtp_reply_set(login->reply, login->session->arena, 535, "5.7.8",
                       "Authentication credentials invalid");
    count_failure(login);
}

/* All of it lives as long as the session. */
static struct edge_account *make_account(struct login *login)
{
    const struct keys_sasl_answer *answer = &login->answer;
    struct arena *arena = login->session->arena;
    struct edge_account *account = arena_new(arena, struct edge_account);
    struct bytes *entries = arena_alloc_array(arena, answer->send_as_count, sizeof(*entries));
    bool fine = account && entries;
    for (size_t i = 0; i < answer->send_as_count && fine; i++) {
        entries[i] = arena_copy(arena, answer->send_as[i]);
        fine = entries[i].ptr != NULL;
    }
    if (!fine)
        return NULL;
    account->name = arena_copy(arena, answer->account);
    account->identity = (struct identity){
        /* A name without a domain is no address, and has only those of send-as. */
        .account = bytes_find_byte(account->name, '@') == BYTES_NOT_FOUND ? BYTES("") : account->name,
        .entries = entries,
        .entry_count = answer->send_as_count,
        .delimiter = '+',
    };
    return account->name.ptr ? account : NULL;
}

/* The network is one of the account's from now on. */
static void trust_network(struct login *login)
{
    struct count_question question = {.items = {item(COUNT_ADD, login->trust_key, TRUST_TIME)}, .count = 1};
    uint64_t values[PROTOCOL_COUNTS_MAX];
    if (login->counted && login->trust_key.len)
        (void)!count(login, &question, values);
}

static void succeed(struct login *login)
{
    struct edge_session *kept = login->session->context;
    struct edge_account *account = kept ? make_account(login) : NULL;
    if (!account) {
        put_off(login, "out of memory");
        return;
    }
    trust_network(login);
    if (!edge_account_enter(login->edge, account)) {
        edge_account_leave(login->edge, account);
        refuse(login, 421, "4.7.0", "Too many sessions of this account, please try again later",
               "too many sessions of the account");
        login->reply->close = true;
        return;
    }
    if (kept->account)
        edge_account_leave(login->edge, kept->account);
    kept->account = account;
    login->auth->account = account->name;
    smtp_reply_set(login->reply, login->session->arena, 235, "2.7.0", "Authentication successful");
    write_log(login, "ok", account->name, BYTES(""));
}

void edge_auth(void *context, struct smtp_session *session, struct smtp_auth *auth,
               struct smtp_reply *reply)
{
    struct arena *arena = arena_create(ARENA_MAX);
    struct login *login = arena ? arena_new(arena, struct login) : NULL;
    if (login) {
        login->edge = context;
        login->session = session;
        login->auth = auth;
        login->arena = arena;
        login->reply = reply;
        login->claimed = BYTES("");
        /* A certificate cannot be guessed. */
        login->counted = !bytes_is(auth->mechanism, "EXTERNAL");
        if (converse(login)) {
            if (login->answer.status == KEYS_SASL_DONE)
                succeed(login);
            else
                fail(login);
        }
    }
    arena_destroy(arena);
}

void edge_auth_forget(void *context, struct smtp_session *session)
{
    struct edge_session *kept = session->context;
    if (!kept || !kept->account)
        return;
    edge_account_leave(context, kept->account);
    kept->account = session->submission ? NULL : edge_machine(context, session);
}
