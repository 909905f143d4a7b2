/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Passwords of the accounts file verified, and the courier's own passwords given to it.
 *
 * A conversation is found by a number that cannot be guessed and by the channel that began it. It is taken
 * out of the table for each step, so that no two steps of it run at once. When there are too many the oldest
 * goes: an honest one lasts seconds. Passwords are hashed on worker threads, a few at a time, so that
 * whoever tries many cannot keep signatures waiting.
 */
#include "auth/sasl.h"
#include "base/log.h"
#include "fiber/offload.h"
#include "roles/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define CONVERSATION_TIME (15 * MINUTE)
#define HASHING_PATIENCE (10 * SECOND)

enum {
    CONVERSATIONS_MAX = 2048,
    HASHING_AT_ONCE = 2,
    HASHING_WAITING_MAX = 200,
    PASSWORD_FILE_MAX = 4096,
    FAULTS_MAX = 16 * 1024
};

struct conversation {
    struct conversation *older, *newer;
    uint64_t id;
    struct ipc_channel *channel;
    int64_t until;
    struct sasl *sasl;
};

struct keys_route {
    struct bytes name, user, password;
};

struct keys_sasl {
    struct accounts *accounts;
    bool plus; /* a mechanism "-PLUS" is allowed */
    struct map *conversations;
    struct conversation *oldest, *newest;
    struct offload_line hashing;
    struct keys_route *routes;
    size_t route_count;
};

static struct bytes key_of(const uint64_t *id)
{
    return bytes_from(id, sizeof(*id));
}

/* ---- before the sandbox closes ---- */

static enum result load_accounts(struct keys *keys, struct error *error)
{
    const char *path = keys->role->config.accounts.file;
    struct buf faults;
    if (!path || !*path)
        return OK;
    buf_init(&faults, FAULTS_MAX);
    enum result result = accounts_load(path, &keys->sasl->accounts, &faults);
    if (result == NONE)
        result = error_set(error, PERM, "%s: there is no such file; `vouch user add` makes it", path);
    else if (result != OK)
        error_set(error, result, "accounts: " BYTES_FMT, BYTES_ARG(bytes_trim(buf_bytes(&faults))));
    buf_free(&faults);
    return result;
}

static enum result load_route(struct keys *keys, const struct config_route *route, struct error *error)
{
    struct keys_route *kept = &keys->sasl->routes[keys->sasl->route_count];
    struct bytes text;
    enum result result =
        key_file_read(keys->role->arena, route->password_file, PASSWORD_FILE_MAX, &text, error);
    if (result != OK)
        return result == NONE ? PERM : result;
    kept->name = bytes_of(route->name);
    kept->user = bytes_of(route->user);
    /* The line end is not part of it; blanks may be. */
    kept->password = bytes_ends_with(text, BYTES("\n")) ? bytes_first(text, text.len - 1) : text;
    if (bytes_ends_with(kept->password, BYTES("\r")))
        kept->password.len--;
    keys->sasl->route_count++;
    if (!kept->password.len || kept->password.len > KEYS_CREDENTIAL_MAX ||
        kept->user.len > KEYS_CREDENTIAL_MAX ||
        bytes_find_byte(kept->password, '\n') != BYTES_NOT_FOUND)
        return error_set(error, PERM, "%s: it must hold one line, the password of route %s",
                         route->password_file, route->name);
    return OK;
}

static enum result load_routes(struct keys *keys, struct error *error)
{
    const struct config *config = &keys->role->config;
    enum result result = OK;
    keys->sasl->routes =
        arena_alloc_array(keys->role->arena, config->route_count, sizeof(*keys->sasl->routes));
    if (!keys->sasl->routes)
        return error_set(error, TEMP, "out of memory for passwords");
    for (size_t i = 0; i < config->route_count && result == OK; i++)
        if (*config->routes[i].user)
            result = load_route(keys, &config->routes[i], error);
    return result;
}

/* One exchange of each kind: the libraries load lazily what they need, and later there are no files. */
static void warm_up(struct keys_sasl *state)
{
    static const struct bytes names[] = {BYTES_INIT("PLAIN"), BYTES_INIT("CRAM-MD5"),
                                         BYTES_INIT("SCRAM-SHA-256")};
    static const struct bytes messages[][3] = {
        {BYTES_INIT("\0nobody\0nothing")},
        {BYTES_INIT(""), BYTES_INIT("nobody 0123456789abcdef0123456789abcdef")},
        {BYTES_INIT("n,,n=nobody,r=x")},
    };
    for (size_t i = 0; i < countof(names); i++) {
        struct sasl_setup setup = {.accounts = state->accounts, .mechanism = names[i]};
        struct sasl *sasl = sasl_start(&setup);
        struct buf out;
        buf_init(&out, SASL_MESSAGE_MAX);
        for (size_t j = 0; sasl && messages[i][j].ptr && j < countof(messages[i]); j++)
            (void)!sasl_step(sasl, messages[i][j].len > 0, messages[i][j], &out);
        buf_free(&out);
        sasl_free(sasl);
    }
}

static bool allows_plus(const struct config *config)
{
    const struct config_strings *listed = &config->accounts.mechanisms;
    for (size_t i = 0; i < listed->count; i++)
        if (bytes_is_nocase(bytes_of(listed->items[i]), "SCRAM-SHA-256-PLUS"))
            return true;
    return listed->count == 0;
}

enum result keys_sasl_load(struct keys *keys, struct error *error)
{
    keys->sasl = arena_new(keys->role->arena, struct keys_sasl);
    if (!keys->sasl || !(keys->sasl->conversations = map_create()))
        return error_set(error, TEMP, "out of memory for accounts");
    keys->sasl->hashing = (struct offload_line){
        .turns = {.available = HASHING_AT_ONCE}, .most = HASHING_WAITING_MAX, .patience = HASHING_PATIENCE};
    keys->sasl->plus = allows_plus(&keys->role->config);
    enum result result = load_accounts(keys, error);
    if (result == OK && keys->sasl->accounts)
        warm_up(keys->sasl);
    return result == OK ? load_routes(keys, error) : result;
}

/* ---- conversations ---- */

static void detach(struct keys_sasl *state, struct conversation *c)
{
    map_remove(state->conversations, key_of(&c->id));
    *(c->older ? &c->older->newer : &state->oldest) = c->newer;
    *(c->newer ? &c->newer->older : &state->newest) = c->older;
    c->older = c->newer = NULL;
}

static bool attach(struct keys_sasl *state, struct conversation *c)
{
    if (!map_put(state->conversations, key_of(&c->id), c, NULL))
        return false;
    c->newer = NULL;
    c->older = state->newest;
    *(c->older ? &c->older->newer : &state->oldest) = c;
    state->newest = c;
    return true;
}

static void end_conversation(struct conversation *c)
{
    if (!c)
        return;
    sasl_free(c->sasl);
    free(c);
}

static void drop_oldest(struct keys_sasl *state)
{
    struct conversation *c = state->oldest;
    detach(state, c);
    end_conversation(c);
}

static void make_room(struct keys_sasl *state)
{
    while (state->oldest && (state->oldest->until <= loop_now() ||
                             map_count(state->conversations) >= CONVERSATIONS_MAX))
        drop_oldest(state);
}

static struct conversation *begin(struct keys *keys, struct ipc_channel *channel,
                                  const struct keys_sasl_question *asked)
{
    struct sasl_setup setup = {
        .accounts = keys->sasl->accounts,
        .mechanism = asked->mechanism,
        .hostname = bytes_of(keys->role->config.hostname),
        .offers_plus = keys->sasl->plus && (asked->exporter.len || asked->end_point.len),
        .exporter = asked->exporter,
        .end_point = asked->end_point,
        .emails = asked->emails,
        .email_count = asked->email_count,
    };
    struct conversation *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->channel = channel;
    c->until = loop_deadline(CONVERSATION_TIME);
    c->sasl = sasl_start(&setup);
    if (c->sasl && getrandom(&c->id, sizeof(c->id), 0) == sizeof(c->id) && c->id)
        return c;
    end_conversation(c);
    return NULL;
}

/* Out of the table; NULL if it is not there, too old, or another channel's. */
static struct conversation *resume(struct keys_sasl *state, const struct ipc_channel *channel,
                                   uint64_t id)
{
    struct conversation *c = map_get(state->conversations, key_of(&id));
    if (!c || c->channel != channel)
        return NULL;
    detach(state, c);
    if (c->until > loop_now())
        return c;
    end_conversation(c);
    return NULL;
}

/* ---- steps ---- */

struct step {
    struct sasl *sasl;
    const struct keys_sasl_question *asked;
    struct buf *out;
    enum sasl_status status;
};

static void take_step(void *argument)
{
    struct step *step = argument;
    step->status = sasl_step(step->sasl, step->asked->data_present, step->asked->data, step->out);
}

static void set_done(const struct account *account, struct keys_sasl_answer *answer)
{
    answer->account = account->name;
    for (size_t i = 0; i < account->send_as_count && i < KEYS_SASL_SEND_AS_MAX; i++)
        answer->send_as[answer->send_as_count++] = account->send_as[i];
}

static void run_step(struct keys_sasl *state, struct conversation *c,
                     const struct keys_sasl_question *asked, struct buf *out,
                     struct keys_sasl_answer *answer)
{
    struct step step = {c->sasl, asked, out, SASL_TEMPORARY};
    if (!sasl_is_costly(c->sasl))
        take_step(&step);
    else if (!offload_in_turn(&state->hashing, take_step, &step)) {
        answer->reason = BYTES("too many passwords are being verified");
        return;
    }
    static const enum keys_sasl_status statuses[] = {
        [SASL_DONE] = KEYS_SASL_DONE,           [SASL_CHALLENGE] = KEYS_SASL_CHALLENGE,
        [SASL_REFUSED] = KEYS_SASL_REFUSED,     [SASL_MALFORMED] = KEYS_SASL_MALFORMED,
        [SASL_TEMPORARY] = KEYS_SASL_TEMPORARY,
    };
    answer->status = statuses[step.status];
    answer->reason = bytes_of(sasl_reason(c->sasl));
    answer->account = sasl_claimed(c->sasl);
    if (step.status == SASL_DONE)
        set_done(sasl_account(c->sasl), answer);
    if (step.status == SASL_CHALLENGE) {
        answer->conversation = c->id;
        answer->data = buf_bytes(out);
    }
}

static void reply(struct ipc_request *request, const struct keys_sasl_answer *answer)
{
    struct buf payload;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    keys_sasl_answer_write(&payload, answer);
    role_reply(request, &payload);
}

/* The conversation goes back to the table where it goes on, and else ends. */
static void converse(struct keys *keys, struct ipc_request *request,
                     const struct keys_sasl_question *asked, struct conversation *c,
                     struct keys_sasl_answer *answer)
{
    struct buf out;
    buf_init(&out, SASL_MESSAGE_MAX);
    run_step(keys->sasl, c, asked, &out, answer);
    bool goes_on = answer->status == KEYS_SASL_CHALLENGE;
    if (goes_on) {
        make_room(keys->sasl);
        goes_on = attach(keys->sasl, c);
    }
    if (answer->status == KEYS_SASL_CHALLENGE && !goes_on)
        *answer = (struct keys_sasl_answer){.status = KEYS_SASL_TEMPORARY,
                                            .reason = BYTES("out of memory")};
    reply(request, answer);
    buf_free(&out);
    if (!goes_on)
        end_conversation(c);
}

bool keys_sasl_answer_request(struct keys *keys, struct ipc_request *request)
{
    struct keys_sasl_question *asked = arena_new(request->arena, struct keys_sasl_question);
    struct keys_sasl_answer *answer = arena_new(request->arena, struct keys_sasl_answer);
    struct bytes payload = request->message.payload;
    if (!asked || !answer)
        return true; /* refused by being freed */
    if (!keys_sasl_question_read(payload, asked))
        return false;
    *answer = (struct keys_sasl_answer){.status = KEYS_SASL_REFUSED};
    struct conversation *c = NULL;
    if (!keys->sasl->accounts) {
        answer->reason = BYTES("there is no accounts file");
    } else if (asked->conversation) {
        c = resume(keys->sasl, request->channel, asked->conversation);
        answer->reason = BYTES("there is no such conversation any more");
    } else if (!sasl_mechanism_is_known(asked->mechanism)) {
        answer->reason = BYTES("unknown mechanism");
    } else {
        c = begin(keys, request->channel, asked);
        answer->status = KEYS_SASL_TEMPORARY;
        answer->reason = BYTES("out of memory");
    }
    if (c && asked->abandon) {
        end_conversation(c);
        c = NULL;
        answer->reason = BYTES("abandoned");
    }
    if (c) {
        answer->status = KEYS_SASL_TEMPORARY;
        converse(keys, request, asked, c, answer);
    } else {
        reply(request, answer);
    }
    /* It held the password. */
    key_cleanse(payload);
    return true;
}

/* ---- the courier's passwords ---- */

bool keys_credentials_answer_request(struct keys *keys, struct ipc_request *request)
{
    struct bytes name;
    struct buf payload;
    struct keys_credentials found = {.found = false};
    if (!keys_credentials_question_read(request->message.payload, &name))
        return false;
    for (size_t i = 0; i < keys->sasl->route_count; i++)
        if (bytes_equal(keys->sasl->routes[i].name, name))
            found = (struct keys_credentials){true, keys->sasl->routes[i].user,
                                              keys->sasl->routes[i].password};
    buf_init(&payload, IPC_PAYLOAD_MAX);
    keys_credentials_answer_write(&payload, &found);
    struct ipc_message message = {KEYS_CREDENTIALS, buf_bytes(&payload), {-1, -1, -1, -1}};
    if (!payload.failed)
        ipc_reply(request, &message);
    if (payload.ptr)
        explicit_bzero(payload.ptr, payload.len);
    buf_free(&payload);
    return true;
}

void keys_sasl_unload(struct keys *keys)
{
    struct keys_sasl *state = keys->sasl;
    if (!state)
        return;
    while (state->oldest)
        drop_oldest(state);
    map_destroy(state->conversations, NULL);
    for (size_t i = 0; i < state->route_count; i++)
        key_cleanse(state->routes[i].password);
    accounts_free(state->accounts);
    keys->sasl = NULL;
}
