/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/store.h"

#include "base/log.h"
#include "roles/folder.h"
#include "roles/memfd.h"
#include "roles/parcel.h"
#include "roles/store_control.h"
#include "roles/store_known.h"
#include "roles/store_train.h"
#include "roles/store_queue.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS = 4 };
#define COURIER_TIMEOUT (50 * SECOND)

/* The courier */

/* The newest one; while that is being restarted, or turned out not to work, the one before it. */
static struct ipc_channel *pick(struct ipc_channel *const channels[2], unsigned newest)
{
    for (unsigned i = 0; i < 2; i++) {
        struct ipc_channel *channel = channels[(newest + i) % 2];
        if (channel && ipc_channel_is_open(channel))
            return channel;
    }
    return NULL;
}

static struct ipc_channel *await(struct ipc_channel *const channels[2], const unsigned *newest,
                                 struct fiber_signal *changed, int64_t deadline)
{
    struct ipc_channel *found;
    while (!(found = pick(channels, *newest)))
        if (fiber_signal_wait(changed, deadline) != 0)
            return NULL;
    return found;
}

struct ipc_channel *store_courier(struct store *store, int64_t deadline)
{
    return await(store->couriers, &store->newest_courier, &store->courier_changed, deadline);
}

struct ipc_channel *store_keys(struct store *store, int64_t deadline)
{
    return await(store->keys, &store->newest_keys, &store->keys_changed, deadline);
}

enum result store_lmtp(struct store *store, struct arena *arena, const struct config_endpoint *endpoint,
                       struct bytes sender, bool smtputf8, struct bytes *recipients, size_t count,
                       struct bytes content, struct protocol_reply *replies, struct error *error)
{
    struct courier_request asked = {.endpoint = *endpoint,
                                    .sender = sender,
                                    .smtputf8 = smtputf8,
                                    .recipients = recipients,
                                    .recipient_count = count,
                                    .content = content};
    int fd = -1;
    size_t octets = content.len + sender.len;
    for (size_t i = 0; i < count; i++)
        octets += recipients[i].len + 4;
    if (content.ptr && octets > PROTOCOL_INLINE_MAX) {
        fd = memfd_of(content);
        asked.in_descriptor = true;
        if (fd < 0)
            return error_set(error, TEMP, "out of memory");
    }
    struct buf payload;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    courier_request_write(&payload, &asked);
    struct ipc_message request = {content.ptr ? COURIER_DELIVER : COURIER_VERIFY,
                                  buf_bytes(&payload),
                                  {fd, -1, -1, -1}},
                       answer;
    int64_t deadline = loop_deadline(COURIER_TIMEOUT);
    struct ipc_channel *courier = store_courier(store, deadline);
    enum result result = payload.failed ? error_set(error, TEMP, "out of memory")
                         : !courier     ? error_set(error, TEMP, "the courier does not answer")
                                        : role_call(courier, arena, &request, &answer, deadline, error);
    if (result == OK && !courier_answer_read(answer.payload, replies, count))
        result = error_set(error, TEMP, "the server cannot be reached");
    if (fd >= 0)
        close(fd);
    buf_free(&payload);
    return result;
}

/* Questions of the edges */

static struct protocol_reply say(unsigned code, const char *enhanced, struct bytes text)
{
    return (struct protocol_reply){code, bytes_of(enhanced), text};
}

static struct protocol_reply ask_quota(struct store *store, struct arena *arena,
                                       const struct recipient_question *question,
                                       const struct destination *destination)
{
    struct error error;
    enum result result = quota_check(store->quota, destination->maildir, destination->quota,
                                     question->size, &error);
    if (result == OK)
        return say(250, "2.1.5", BYTES("Ok"));
    return say(result == NONE ? 451 : 452, result == NONE ? "4.3.0" : "4.2.2",
               arena_printf(arena, "%s", error.text));
}

static struct protocol_reply ask_lmtp(struct store *store, struct arena *arena,
                                      const struct recipient_question *question,
                                      const struct destination *destination)
{
    struct protocol_reply reply;
    struct error error;
    struct bytes recipient = destination->address;
    if (store_lmtp(store, arena, &destination->lmtp, question->sender, false, &recipient, 1,
                   (struct bytes){NULL, 0}, &reply, &error) == OK)
        return reply.code / 100 == 2 ? say(250, "2.1.5", BYTES("Ok")) : store_reply_for_client(&reply);
    log_warning("recipient", "LMTP for " BYTES_FMT ": %s", BYTES_ARG(recipient), error.text);
    return say(451, "4.4.1", BYTES("The mailbox server cannot be reached. Please try again later."));
}

/* An alias is welcome if one of its mailboxes is: what the others do not take goes to spool or
 * quarantine. If none is, the last one's refusal is told. */
static struct protocol_reply ask_destinations(struct store *store, struct arena *arena,
                                              const struct recipient_question *question,
                                              const struct recipient_lookup *found)
{
    struct protocol_reply reply = found->trap ? say(250, "2.1.5", BYTES("Ok"))
                                              : say(451, "4.3.0", BYTES("This recipient leads nowhere now."));
    for (size_t i = 0; i < found->destination_count; i++) {
        const struct destination *destination = &found->destinations[i];
        if (destination->kind == CONFIG_DELIVER_REMOTE)
            /* The next host says what it thinks of it when it is there. */
            reply = say(250, "2.1.5", BYTES("Ok"));
        else
            reply = destination->kind == CONFIG_DELIVER_MAILDIR
                        ? ask_quota(store, arena, question, destination)
                        : ask_lmtp(store, arena, question, destination);
        if (reply.code / 100 == 2)
            break;
    }
    return reply;
}

static enum recipient_kind kind_of(const struct recipient_lookup *found)
{
    if (found->status == RECIPIENT_FOREIGN)
        return RECIPIENT_KIND_REMOTE;
    if (found->status == RECIPIENT_LIST)
        return RECIPIENT_KIND_LIST;
    for (size_t i = 0; i < found->destination_count; i++)
        if (found->destinations[i].kind == CONFIG_DELIVER_REMOTE)
            return found->relay ? RECIPIENT_KIND_RELAY : RECIPIENT_KIND_FORWARD;
    return RECIPIENT_KIND_LOCAL;
}

static void answer_recipient(struct store *store, struct ipc_request *request)
{
    struct recipient_question question;
    struct recipient_lookup found;
    struct recipient_answer answer = {.policy = BYTES("")};
    struct arena *arena = request->arena;
    if (!recipient_question_read(request->message.payload, &question))
        return;
    struct recipients *recipients = recipients_hold(store->recipients);
    if (recipients_lookup(recipients, arena, question.local, question.domain, &found) != OK)
        answer.reply = say(452, "4.3.1", BYTES("Out of memory. Please try again later."));
    else if (found.status == RECIPIENT_LIST || (found.status == RECIPIENT_FOREIGN && question.submitted))
        answer.reply = say(250, "2.1.5", BYTES("Ok"));
    else if (found.status == RECIPIENT_FOREIGN)
        answer.reply = say(550, "5.7.1",
                           arena_printf(arena, "We do not relay mail to " BYTES_FMT ".",
                                        BYTES_ARG(question.domain)));
    else if (found.status == RECIPIENT_UNKNOWN)
        answer.reply = say(550, "5.1.1",
                           arena_printf(arena, "There is no mailbox " BYTES_FMT "@" BYTES_FMT " here.",
                                        BYTES_ARG(question.local), BYTES_ARG(question.domain)));
    else if (found.status == RECIPIENT_ASK && found.relay)
        answer.reply = store_ask_primary(store, arena, &question);
    else if (found.status == RECIPIENT_ASK && found.exempt)
        /* Always works (rfc5321:4.5.1): what the server does not take lands in a mailbox of ours. */
        answer.reply = say(250, "2.1.5", BYTES("Ok"));
    else
        answer.reply = ask_destinations(store, arena, &question, &found);
    answer.policy = found.policy;
    answer.exempt = found.exempt;
    answer.trap = found.trap;
    answer.kind = kind_of(&found);
    answer.list = found.list;
    struct buf payload;
    buf_init(&payload, IPC_PAYLOAD_MAX);
    recipient_answer_write(&payload, &answer);
    recipients_free(recipients);
    role_reply(request, &payload);
}

static void answer_attempt(struct store *store, struct ipc_request *request)
{
    struct attempt_question question;
    uint64_t count = 0;
    /* No answer says that nothing was counted. */
    if (!attempt_question_read(request->message.payload, &question) ||
        store_count(store, &question.key, 1, question.window, &count) != OK)
        return;
    struct buf payload;
    buf_init(&payload, 64);
    ipc_add_u64(&payload, count - 1);
    role_reply(request, &payload);
}

static void take_record(struct store *store, struct ipc_request *request)
{
    struct ledger_record record;
    struct bytes payload;
    if (!parcel_unpack(&request->message, request->arena, &payload))
        return;
    struct cursor cursor = cursor_over(payload);
    if (ledger_record_take(&cursor, request->arena, &record))
        store_record(store, &record, BYTES(""));
}

static void serve_edge(void *context, struct ipc_request *request)
{
    struct store *store = context;
    switch (request->message.type) {
    case STORE_RECIPIENT:
        answer_recipient(store, request);
        break;
    case STORE_DELIVER:
        store_deliver(store, request);
        break;
    case STORE_RECORD:
        take_record(store, request);
        break;
    case STORE_ATTEMPT:
        answer_attempt(store, request);
        break;
    case STORE_COUNT:
        store_answer_counts(store, request);
        break;
    case STORE_HOLD:
        store_answer_hold(store, request);
        break;
    case STORE_OWNER:
        store_answer_owner(store, request);
        break;
    case STORE_MODEL:
        store_answer_model(store, request);
        break;
    case TRAIN_WORK:
        store_answer_train_work(store, request);
        break;
    case TRAIN_FEATURES:
        store_answer_train_features(store, request);
        break;
    case KNOWN_ASK:
        store_answer_known(store, request);
        break;
    default:
        log_warning("ipc", "an edge sent message type %u", request->message.type);
    }
    ipc_request_free(request);
}

/* The role */

static char *data_path(struct store *store, const char *name)
{
    struct bytes path =
        arena_printf(store->role->arena, "%s/%s", store->role->config.data_directory, name);
    return arena_string(store->role->arena, path);
}

static enum result make_folder(const struct store *store, const char *path, struct error *error)
{
    return folder_make(path, role_drops_user(store->role) ? store->role->config.user : NULL, error);
}

static enum result make_bases(struct store *store, struct error *error)
{
    const struct config *config = &store->role->config;
    enum result result = make_folder(store, config->data_directory, error);
    for (size_t i = 0; i < config->domain_count && result == OK; i++) {
        char *base = store_maildir_base(store->role->arena, &config->domains[i]);
        if (base)
            result = make_folder(store, base, error);
    }
    return result;
}

/* As the account that will work with them, so that their files are its own. */
static enum result open_state(struct store *store, struct error *error)
{
    bool drops = role_drops_user(store->role);
    char *ledger = data_path(store, "ledger.sqlite");
    if (!ledger)
        return error_set(error, TEMP, "out of memory");
    enum result result = drops ? folder_act_as(store->role->config.user, error) : OK;
    if (result != OK)
        return result;
    result = store_state_open(store, error);
    if (result == OK)
        result = ledger_open(ledger, LEDGER_WRITE, &store->ledger, error);
    if (result == OK)
        result = store_spool_open(store, error);
    if (result == OK)
        result = store_queue_open(store, error);
    if (result == OK)
        result = store_train_open(store, error);
    enum result back = drops ? folder_act_as_root(error) : OK;
    return result == OK ? back : result;
}

static enum result store_prepare(struct role *role, struct error *error)
{
    struct store *store = arena_new(role->arena, struct store);
    if (!store)
        return error_set(error, TEMP, "out of memory");
    role->state = store;
    store->role = role;
    store->durable = durable_kernel();
    store->commit_last = &store->commit_first;
    store->ledger_last = &store->ledger_first;
    fiber_group_open(&store->work);
    fiber_group_open(&store->committer);
    store->quota = quota_create();
    store->spool = data_path(store, "spool");
    store->quarantine = data_path(store, "quarantine");
    store->postmaster = data_path(store, "postmaster");
    if (!store->quota || !store->spool || !store->quarantine || !store->postmaster)
        return error_set(error, TEMP, "out of memory");
    enum result result = store_load_recipients(store, &role->config, error);
    if (result == OK)
        result = make_bases(store, error);
    if (result == OK)
        result = store_state_read(store, error);
    if (result == OK)
        result = open_state(store, error);
    return result;
}

static void store_listener(struct role *role, unsigned index, int fd)
{
    struct store *store = role->state;
    store->control = index == CONTROL_SOCKET_INDEX ? arena_new(role->arena, struct control_server) : NULL;
    if (store->control)
        store_control_start(store, store->control, fd);
    else
        close(fd);
}

static void store_peer(struct role *role, enum role_kind kind, unsigned index, int fd)
{
    struct store *store = role->state;
    char name[32];
    snprintf(name, sizeof(name), "%s %u", role_kind_name(kind), index);
    if (kind == ROLE_COURIER) {
        store->newest_courier = index % 2;
        role_hold_newest(role, &store->couriers[index % 2], fd, name);
        fiber_signal_all(&store->courier_changed);
        return;
    }
    if (kind == ROLE_KEYS) {
        store->newest_keys = index % 2;
        role_hold_newest(role, &store->keys[index % 2], fd, name);
        fiber_signal_all(&store->keys_changed);
        return;
    }
    struct ipc_channel *channel = ipc_channel_open(fd, name);
    if (channel)
        role_serve(role, channel, serve_edge, store);
    else
        close(fd);
}

static void start(struct store *store, struct fiber_group *group, const char *name,
                  fiber_function *function)
{
    if (!fiber_group_start(group, name, function, store))
        panic("cannot start the %s fiber", name);
}

static void store_run(struct role *role)
{
    struct store *store = role->state;
    start(store, &store->committer, "commit", store_commit_fiber);
    start(store, &store->work, "ledger", store_ledger_fiber);
    start(store, &store->work, "spool", store_spool_fiber);
    start(store, &store->work, "watch", store_watch_fiber);
    counters_start(store->counters);
    store_queue_start(store);
    while (!role->stopping)
        fiber_signal_wait(&role->changed, NO_DEADLINE);
    /* The edges are gone by now; what they still asked for is served first. */
    fiber_group_close(&role->fibers);
    store->finishing = true;
    fiber_signal_all(&store->ledger_wanted);
    fiber_signal_all(&store->spool_wanted);
    store_train_stop(store);
    store_queue_stop(store);
    fiber_group_close(&store->work);
    fiber_group_close(&store->committer);
    store_queue_close(store);
    store_train_close(store);
    store_spool_close(store);
    ledger_close(store->ledger);
    counters_close(store->counters);
    quota_free(store->quota);
    recipients_free(store->recipients);
    arena_destroy(store->config_before);
    arena_destroy(store->config_now);
}

const struct role_definition store_role = {
    .kind = ROLE_STORE,
    .workers = WORKERS,
    .prepare = store_prepare,
    .sandbox = store_state_sandbox,
    .listener = store_listener,
    .peer = store_peer,
    .run = store_run,
    .reload = store_reload,
};
