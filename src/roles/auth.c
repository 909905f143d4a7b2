/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/auth.h"

#include "auth/key_directory.h"
#include "base/domain.h"
#include "base/log.h"
#include "fiber/loop.h"
#include "fiber/offload.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define CONVERSATION_TIME (15 * MINUTE)
#define SWEEP_INTERVAL (1 * MINUTE)
#define DOVECOT_PATIENCE (25 * SECOND)
#define PAM_PATIENCE (10 * SECOND)
/* Modules know at once that there is no such account, and take longer for a wrong password. */
#define PAM_REFUSAL_TIME (500 * MILLISECOND)

/* PAM's modules may take long, and each at work has a thread. */
enum { WORKERS = 4, PAM_AT_ONCE = 4, PAM_WAITING_MAX = 100, CONVERSATIONS_MAX = 1024 };

/* Its number cannot be guessed, and only the channel that began it may go on with it. It is out of the table
 * during a step, so that no two steps of it run at once. */
struct conversation {
    uint64_t id;
    const struct ipc_channel *channel;
    int64_t until;
    struct auth_dovecot *dovecot; /* else PAM */
    struct auth_pam pam;
};

struct auth {
    struct role *role;
    const char *dovecot, *service; /* NULL: not this one */
    struct conversation *table[CONVERSATIONS_MAX];
    struct offload_line verifying;
};

static void end_conversation(struct conversation *conversation)
{
    if (!conversation)
        return;
    auth_dovecot_close(conversation->dovecot);
    auth_pam_forget(&conversation->pam);
    free(conversation);
}

static struct conversation *resume(struct auth *auth, const struct ipc_channel *channel, uint64_t id)
{
    for (size_t i = 0; i < CONVERSATIONS_MAX; i++) {
        struct conversation *conversation = auth->table[i];
        if (!conversation || conversation->id != id || conversation->channel != channel)
            continue;
        auth->table[i] = NULL;
        return conversation;
    }
    return NULL;
}

/* When there are too many, the oldest goes: an honest one lasts seconds. */
static void keep(struct auth *auth, struct conversation *conversation)
{
    size_t at = 0;
    for (size_t i = 0; i < CONVERSATIONS_MAX && auth->table[at]; i++)
        if (!auth->table[i] || auth->table[i]->until < auth->table[at]->until)
            at = i;
    end_conversation(auth->table[at]);
    auth->table[at] = conversation;
}

static void sweep(struct auth *auth, int64_t now)
{
    for (size_t i = 0; i < CONVERSATIONS_MAX; i++) {
        if (auth->table[i] && auth->table[i]->until <= now) {
            end_conversation(auth->table[i]);
            auth->table[i] = NULL;
        }
    }
}

/* What may be sent as: the account's own name where it is a mailbox; a name alone has that mailbox in each
 * domain of ours. */
static bool add_addresses(struct auth *auth, struct arena *arena, struct keys_sasl_answer *answer)
{
    const struct config *config = &auth->role->config;
    struct error error;
    if (account_check_name(answer->account, &error) != OK) {
        *answer = (struct keys_sasl_answer){.status = KEYS_SASL_REFUSED,
                                            .reason = arena_copy(arena, bytes_of(error.text))};
        return answer->reason.ptr;
    }
    if (bytes_find_byte(answer->account, '@') != BYTES_NOT_FOUND) {
        answer->send_as[answer->send_as_count++] = answer->account;
        return true;
    }
    for (size_t i = 0; i < config->domain_count; i++) {
        for (size_t k = 0; k < config->domains[i].names.count; k++) {
            struct bytes entry = arena_printf(arena, BYTES_FMT "@%s", BYTES_ARG(answer->account),
                                              config->domains[i].names.items[k]);
            if (!entry.ptr)
                return false;
            if (answer->send_as_count < KEYS_SASL_SEND_AS_MAX)
                answer->send_as[answer->send_as_count++] = entry;
        }
    }
    return true;
}

/* Dovecot */

static void step_dovecot(struct auth *auth, struct conversation *conversation, struct arena *arena,
                         const struct keys_sasl_question *asked, struct keys_sasl_answer *answer)
{
    int64_t deadline = loop_deadline(DOVECOT_PATIENCE);
    if (!conversation->dovecot) {
        auth_dovecot_begin(auth->dovecot, arena, asked, deadline, answer, &conversation->dovecot);
        return;
    }
    auth_dovecot_continue(conversation->dovecot, arena, asked->data, deadline, answer);
    if (answer->status != KEYS_SASL_CHALLENGE)
        conversation->dovecot = NULL;
}

/* PAM */

struct job {
    struct auth_pam_check check;
    bool restricted;
};

static void verify(void *argument)
{
    struct job *job = argument;
    job->restricted = auth_sandbox_thread();
    if (job->restricted)
        auth_pam_verify(&job->check);
}

/* Accounts of a system have no domain; who types his whole address in a domain of ours means himself. */
static void strip_domain(const struct config *config, char *name)
{
    struct bytes text = bytes_of(name);
    size_t at = bytes_rfind_byte(text, '@');
    if (at != BYTES_NOT_FOUND && config_is_our_domain(config, bytes_skip(text, at + 1)))
        name[at] = 0;
}

static void verify_pam(struct auth *auth, struct conversation *conversation, struct arena *arena,
                       const char *client, struct keys_sasl_answer *answer)
{
    struct bytes claimed = arena_copy(arena, bytes_of(conversation->pam.name));
    struct job *job = arena_new(arena, struct job);
    int64_t begun = loop_now();
    *answer = (struct keys_sasl_answer){.status = KEYS_SASL_TEMPORARY, .account = claimed};
    if (!job || !claimed.ptr)
        return;
    strip_domain(&auth->role->config, conversation->pam.name);
    job->check = (struct auth_pam_check){.service = auth->service, .client = client, .pam = &conversation->pam};
    if (!offload_in_turn(&auth->verifying, verify, job)) {
        answer->reason = BYTES("too many passwords are being verified");
    } else if (!job->restricted) {
        answer->reason = BYTES("a thread could not be restricted");
        log_error("auth", "a thread could not be restricted, so it verifies no password");
    } else {
        answer->status = job->check.status;
        answer->reason = bytes_of(job->check.reason);
        if (answer->status == KEYS_SASL_DONE)
            answer->account = bytes_of(job->check.name);
    }
    if (answer->status == KEYS_SASL_REFUSED && loop_now() < begun + PAM_REFUSAL_TIME)
        fiber_sleep(begun + PAM_REFUSAL_TIME - loop_now());
}

static void step_pam(struct auth *auth, struct conversation *conversation, struct arena *arena,
                     const struct keys_sasl_question *asked, struct keys_sasl_answer *answer)
{
    struct bytes challenge;
    char client[IP_TEXT_SIZE + 1];
    *answer = (struct keys_sasl_answer){
        .status = auth_pam_step(&conversation->pam, asked->data_present, asked->data, &challenge)};
    if (answer->status == KEYS_SASL_CHALLENGE)
        answer->data = challenge;
    else if (answer->status == KEYS_SASL_REFUSED)
        answer->reason = BYTES("no name or password that an account could have");
    else if (answer->status == KEYS_SASL_DONE)
        verify_pam(auth, conversation, arena,
                   bytes_to_cstring(asked->client, client, sizeof(client)) ? client : NULL, answer);
}

/* Requests */

static struct conversation *begin(struct auth *auth, const struct ipc_channel *channel,
                                  const struct keys_sasl_question *asked, struct keys_sasl_answer *answer)
{
    *answer = (struct keys_sasl_answer){.status = KEYS_SASL_REFUSED, .reason = BYTES("unknown mechanism")};
    if (auth->service && !auth_pam_knows(asked->mechanism))
        return NULL;
    *answer = (struct keys_sasl_answer){.status = KEYS_SASL_TEMPORARY, .reason = BYTES("out of memory")};
    struct conversation *conversation = calloc(1, sizeof(*conversation));
    if (!conversation)
        return NULL;
    conversation->channel = channel;
    conversation->until = loop_deadline(CONVERSATION_TIME);
    conversation->pam.login = bytes_is(asked->mechanism, "LOGIN");
    if (getrandom(&conversation->id, sizeof(conversation->id), 0) == sizeof(conversation->id) &&
        conversation->id)
        return conversation;
    end_conversation(conversation);
    return NULL;
}

static void reply(struct ipc_request *request, const struct keys_sasl_answer *answer)
{
    struct buf payload;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    keys_sasl_answer_write(&payload, answer);
    role_reply(request, &payload);
}

static void converse(struct auth *auth, struct ipc_request *request, struct conversation *conversation,
                     const struct keys_sasl_question *asked, struct keys_sasl_answer *answer)
{
    if (auth->dovecot)
        step_dovecot(auth, conversation, request->arena, asked, answer);
    else
        step_pam(auth, conversation, request->arena, asked, answer);
    if (answer->status == KEYS_SASL_DONE && !add_addresses(auth, request->arena, answer))
        *answer = (struct keys_sasl_answer){.status = KEYS_SASL_TEMPORARY, .reason = BYTES("out of memory")};
    if (answer->status == KEYS_SASL_CHALLENGE) {
        answer->conversation = conversation->id;
        keep(auth, conversation);
    }
    reply(request, answer);
    if (answer->status != KEYS_SASL_CHALLENGE)
        end_conversation(conversation);
}

static bool answer_request(struct auth *auth, struct ipc_request *request)
{
    struct keys_sasl_question *asked = arena_new(request->arena, struct keys_sasl_question);
    struct keys_sasl_answer *answer = arena_new(request->arena, struct keys_sasl_answer);
    struct bytes payload = request->message.payload;
    struct conversation *conversation;
    if (!asked || !answer)
        return true; /* refused by being freed */
    if (!keys_sasl_question_read(payload, asked))
        return false;
    if (asked->conversation) {
        *answer = (struct keys_sasl_answer){.status = KEYS_SASL_REFUSED,
                                            .reason = BYTES("there is no such conversation any more")};
        conversation = resume(auth, request->channel, asked->conversation);
    } else {
        conversation = begin(auth, request->channel, asked, answer);
    }
    if (conversation && asked->abandon) {
        end_conversation(conversation);
        conversation = NULL;
        *answer = (struct keys_sasl_answer){.status = KEYS_SASL_REFUSED, .reason = BYTES("abandoned")};
    }
    if (conversation)
        converse(auth, request, conversation, asked, answer);
    else
        reply(request, answer);
    /* It held the password. */
    key_cleanse(payload);
    return true;
}

static void serve_edge(void *context, struct ipc_request *request)
{
    role_close_descriptors(request->message.descriptors, true);
    if (request->message.type != KEYS_SASL || !answer_request(context, request))
        log_warning("auth", "a malformed request of type %u", request->message.type);
    ipc_request_free(request);
}

/* The role */

static enum result auth_prepare(struct role *role, struct error *error)
{
    const struct config *config = &role->config;
    struct auth *auth = arena_new(role->arena, struct auth);
    if (!auth)
        return error_set(error, TEMP, "out of memory");
    role->state = auth;
    auth->role = role;
    auth->verifying = (struct offload_line){
        .turns = {.available = PAM_AT_ONCE}, .most = PAM_WAITING_MAX, .patience = PAM_PATIENCE};
    if (config->accounts.dovecot && *config->accounts.dovecot) {
        auth->dovecot = config->accounts.dovecot;
        return OK;
    }
    if (!config->accounts.pam || !*config->accounts.pam)
        return error_set(error, PERM, "auth: the configuration names neither Dovecot's socket nor a PAM service");
    auth->service = config->accounts.pam;
    enum result result = auth_pam_find_service(auth->service, error);
    return result == OK ? auth_sandbox_prepare(error) : result;
}

static void auth_sandbox(struct role *role, struct sandbox *sandbox)
{
    const struct auth *auth = role->state;
    struct error error;
    /* Sockets lie in the file system, and so do PAM's modules. */
    sandbox->chroot_to = NULL;
    if (auth->dovecot) {
        sandbox->may_connect_unix = true;
        return;
    }
    sandbox->may_spawn = true;
    if (sandbox->user && auth_sandbox_become(sandbox->user, &error) != OK) {
        /* Nothing works here as root. */
        log_error("start", "%s", error.text);
        _exit(1);
    }
    sandbox->user = NULL;
}

static void auth_peer(struct role *role, enum role_kind kind, unsigned index, int fd)
{
    (void)index;
    struct ipc_channel *channel = ipc_channel_open(fd, role_kind_name(kind));
    if (channel)
        role_serve(role, channel, kind == ROLE_EDGE ? serve_edge : NULL, role->state);
    else
        close(fd);
}

/* What sandbox_enter() has no words for. */
static bool restrict_further(const struct auth *auth)
{
    struct error error;
    if (!auth->service)
        return true;
    enum result result = auth_sandbox_calls(&error);
    if (result == OK && !auth_sandbox_thread())
        result = error_set(&error, PERM, "auth: sandbox: Landlock refuses");
    if (result != OK)
        log_error("start", "%s", error.text);
    return result == OK;
}

static void auth_run(struct role *role)
{
    struct auth *auth = role->state;
    if (!restrict_further(auth))
        _exit(1);
    while (!role->stopping) {
        fiber_signal_wait(&role->changed, loop_deadline(SWEEP_INTERVAL));
        sweep(auth, loop_now());
    }
    fiber_group_close(&role->fibers);
    sweep(auth, INT64_MAX);
}

const struct role_definition auth_role = {
    .kind = ROLE_AUTH,
    .workers = WORKERS,
    .prepare = auth_prepare,
    .sandbox = auth_sandbox,
    .peer = auth_peer,
    .run = auth_run,
};
