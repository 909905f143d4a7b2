/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/store_control.h"

#include "base/log.h"
#include "fiber/offload.h"
#include "roles/folder.h"
#include "roles/store_known.h"
#include "roles/store_quarantine.h"
#include "roles/store_queue_private.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* What the gateway says is given to the caller. */
static void set_text(struct control_call_state *call, struct control_answer *answer, enum result result,
                     const struct error *error)
{
    answer->result = result;
    answer->text = arena_printf(call->arena, "%s", error->text);
}

static struct store_queue_filter filter_of(const struct control_filter *filter)
{
    return (struct store_queue_filter){.sender = filter->sender,
                                       .recipient = filter->recipient,
                                       .account = filter->account,
                                       .reason = filter->reason,
                                       .older_than = filter->older_than,
                                       .younger_than = filter->younger_than,
                                       .held_only = filter->held_only,
                                       .limit = filter->limit};
}

/* Looking */

struct selecting {
    struct control_call_state *call;
    uint64_t count;
    bool gone; /* the client, or its patience with reading */
};

static struct control_entry entry_of(const struct store_queue_row *row)
{
    static const enum control_state states[] = {[STORE_QUEUE_ACTIVE] = CONTROL_ACTIVE,
                                                [STORE_QUEUE_WAITING] = CONTROL_WAITING,
                                                [STORE_QUEUE_HELD] = CONTROL_HELD};
    return (struct control_entry){.envelope = *row->envelope,
                                  .state = states[row->state],
                                  .account_held = row->account_held,
                                  .next_try = row->next_try > 0 ? row->next_try : 0};
}

static bool emit_row(void *context, const struct store_queue_row *row)
{
    struct selecting *selecting = context;
    struct control_entry entry = entry_of(row);
    selecting->gone = !control_emit(selecting->call, &entry);
    selecting->count++;
    return !selecting->gone;
}

/* Once for each id, or once. */
static void select_messages(struct store *store, struct control_call_state *call,
                            const struct control_command *command, struct control_answer *answer)
{
    struct selecting selecting = {.call = call};
    struct store_queue_filter filter = filter_of(&command->filter);
    size_t rounds = command->filter.id_count ? command->filter.id_count : 1;
    for (size_t i = 0; i < rounds && !selecting.gone; i++) {
        struct error error = {{0}};
        if (command->filter.id_count)
            filter.id = command->filter.ids[i];
        if (command->filter.limit)
            filter.limit = command->filter.limit - (size_t)selecting.count;
        enum result result = store_queue_select(store, &filter, emit_row, &selecting, &error);
        if (result == TEMP || result == PERM) {
            set_text(call, answer, result, &error);
            return;
        }
        if (command->filter.limit && selecting.count >= command->filter.limit)
            break;
    }
    answer->count = selecting.count;
}

static void act(struct store *store, struct control_call_state *call,
                const struct control_command *command, struct control_answer *answer)
{
    static const enum store_queue_action actions[CONTROL_ACTIONS] = {
        [CONTROL_HOLD] = STORE_QUEUE_HOLD,   [CONTROL_RELEASE] = STORE_QUEUE_RELEASE,
        [CONTROL_RETRY] = STORE_QUEUE_RETRY, [CONTROL_DROP] = STORE_QUEUE_DROP,
        [CONTROL_BOUNCE] = STORE_QUEUE_BOUNCE};
    struct store_queue_filter filter = filter_of(&command->filter);
    size_t rounds = command->filter.id_count ? command->filter.id_count : 1;
    for (size_t i = 0; i < rounds; i++) {
        struct error error = {{0}};
        size_t count = 0;
        if (command->filter.id_count)
            filter.id = command->filter.ids[i];
        enum result result = store_queue_act(store, &filter, actions[command->action], command->text,
                                             &count, &error);
        answer->count += count;
        if (result == TEMP || result == PERM) {
            set_text(call, answer, result, &error);
            break;
        }
    }
    log_info("control", "queue %s: %llu messages", control_action_name(command->action),
             (unsigned long long)answer->count);
}

static void tell_stats(struct store *store, struct control_call_state *call, struct control_answer *answer)
{
    struct store_queue_stats stats;
    struct error error = {{0}};
    enum result result =
        store_queue_stats(store, call->arena, CONTROL_DESTINATIONS_MAX, &stats, &error);
    struct control_destination *destinations =
        result == OK ? arena_alloc_array(call->arena, stats.listed, sizeof(*destinations)) : NULL;
    if (!destinations) {
        set_text(call, answer, result == OK ? TEMP : result, &error);
        return;
    }
    for (size_t i = 0; i < stats.listed; i++) {
        const struct store_queue_destination *from = &stats.destinations[i];
        destinations[i] = (struct control_destination){.name = from->name,
                                                       .reason = from->reason,
                                                       .messages = from->messages,
                                                       .running = from->running,
                                                       .concurrency = from->concurrency,
                                                       .failures = from->failures,
                                                       .oldest = from->oldest,
                                                       .next_try = from->next_try};
    }
    answer->stats = (struct control_stats){.messages = stats.messages,
                                           .held = stats.held,
                                           .octets = stats.octets,
                                           .tasks = stats.tasks,
                                           .running = stats.running,
                                           .sessions = stats.sessions,
                                           .destination_count = stats.destination_count,
                                           .body_octets = stats.figures.body_octets,
                                           .journal_octets = stats.figures.journal_octets,
                                           .journal_live_octets = stats.figures.journal_live_octets,
                                           .memory_octets = stats.figures.memory_octets,
                                           .oldest = stats.oldest,
                                           .destinations = destinations,
                                           .listed = stats.listed};
}

/* One message */

struct copying {
    struct queue *queue;
    const struct queue_hold *hold;
    int fd;
    enum result result;
    struct error error;
};

static bool write_piece(void *context, struct bytes piece)
{
    const struct copying *copying = context;
    while (piece.len) {
        ssize_t written = write(copying->fd, piece.ptr, piece.len);
        if (written <= 0)
            return false;
        piece = bytes_skip(piece, (size_t)written);
    }
    return true;
}

static void copy_content(void *argument)
{
    struct copying *copying = argument;
    copying->result =
        queue_stream_content(copying->queue, copying->hold, write_piece, copying, &copying->error);
}

static bool keep_entry(void *context, const struct store_queue_row *row)
{
    struct control_entry *entry = context;
    *entry = entry_of(row);
    return false;
}

/* The state of the row, and the envelope as it lies on the disk, which lives as long as the arena. */
static enum result read_message(struct store_queue *queue, struct control_call_state *call, uint32_t number,
                                struct control_entry *entry, int *content_fd, struct error *error)
{
    struct queue_hold hold;
    enum result result = queue_hold(queue->queue, number, &hold, error);
    if (result != OK)
        return result;
    result = queue_read_envelope(queue->queue, &hold, call->arena, &entry->envelope, error);
    *content_fd = result == OK ? memfd_create("message", MFD_CLOEXEC) : -1;
    if (*content_fd >= 0) {
        struct copying copying = {.queue = queue->queue, .hold = &hold, .fd = *content_fd};
        offload(copy_content, &copying);
        result = copying.result;
        if (result != OK)
            *error = copying.error;
    } else if (result == OK) {
        result = error_set(error, TEMP, "out of memory");
    }
    queue_release(queue->queue, &hold);
    return result;
}

static void tell_message(struct store *store, struct control_call_state *call,
                         const struct control_command *command, struct control_answer *answer,
                         int *content_fd)
{
    struct error error = {{0}};
    struct store_queue_filter filter = {.id = command->filter.ids[0]};
    struct control_entry *entry = arena_new(call->arena, struct control_entry);
    if (!entry) {
        answer->result = TEMP;
        return;
    }
    enum result result = store_queue_select(store, &filter, keep_entry, entry, &error);
    uint32_t number = result == OK ? queue_find(store->queue->queue, filter.id) : QUEUE_NO_ITEM;
    if (result == OK && number == QUEUE_NO_ITEM)
        result = error_set(&error, NONE, "there is no such message in the queue");
    if (result == OK)
        result = read_message(store->queue, call, number, entry, content_fd, &error);
    if (result != OK) {
        set_text(call, answer, result, &error);
        return;
    }
    answer->entries = entry;
    answer->entry_count = 1;
}

/* Accounts */

struct counting {
    uint64_t count;
};

static bool count_row(void *context, const struct store_queue_row *row)
{
    struct counting *counting = context;
    (void)row;
    counting->count++;
    return true;
}

static void release_account(struct store *store, struct control_call_state *call,
                            const struct control_command *command, struct control_answer *answer)
{
    struct error error = {{0}};
    struct counting waiting = {0};
    struct store_queue_filter filter = {.account = command->account};
    if (store_queue_select(store, &filter, count_row, &waiting, &error) == OK)
        answer->count = waiting.count;
    enum result result = store_account_release(store, command->account, &error);
    if (result == NONE && !error.text[0])
        (void)error_set(&error, NONE, "the account is not held");
    if (result == OK)
        log_info("control", "account " BYTES_FMT " released", BYTES_ARG(command->account));
    else
        set_text(call, answer, result, &error);
}

static void list_accounts(struct store *store, struct control_call_state *call,
                          struct control_answer *answer)
{
    struct map *held = store->queue->held_accounts;
    size_t at = 0;
    struct bytes key;
    void *value;
    answer->names = arena_alloc_array(call->arena, map_count(held), sizeof(struct bytes));
    while (answer->names && map_next(held, &at, &key, &value))
        answer->names[answer->name_count++] = arena_copy(call->arena, key);
}

/* All of it */

void store_control_answer(void *context, struct control_call_state *call,
                          const struct control_command *command, struct control_answer *answer,
                          int *content_fd)
{
    struct store *store = context;
    if (store->finishing || !store->queue) {
        answer->result = TEMP;
        answer->text = BYTES("the gateway is stopping");
        return;
    }
    switch (command->verb) {
    case CONTROL_QUEUE_SELECT:
        select_messages(store, call, command, answer);
        break;
    case CONTROL_QUEUE_ACT:
        act(store, call, command, answer);
        break;
    case CONTROL_QUEUE_STATS:
        tell_stats(store, call, answer);
        break;
    case CONTROL_QUEUE_CONTENT:
        tell_message(store, call, command, answer, content_fd);
        break;
    case CONTROL_TRAIN:
        store_control_train(store, call, command, answer);
        break;
    case CONTROL_ACCOUNT_RELEASE:
        release_account(store, call, command, answer);
        break;
    case CONTROL_ACCOUNT_LIST:
        list_accounts(store, call, answer);
        break;
    case CONTROL_CONTACT_LIST:
    case CONTROL_CONTACT_ADD:
    case CONTROL_CONTACT_REMOVE:
    case CONTROL_GREYLIST_LIST:
    case CONTROL_GREYLIST_RELEASE:
    case CONTROL_REPUTATION_SHOW:
    case CONTROL_REPUTATION_FORGET:
    case CONTROL_REPUTATION_COMPLAIN:
        store_control_known(store, call, command, answer);
        break;
    case CONTROL_QUARANTINE_LIST:
    case CONTROL_QUARANTINE_SHOW:
    case CONTROL_QUARANTINE_RELEASE:
    case CONTROL_QUARANTINE_TRAIN:
    case CONTROL_QUARANTINE_PURGE:
        store_control_quarantine(store, call, command, answer, content_fd);
        break;
    default: /* CONTROL_PING: that it is answered is the answer */
        break;
    }
}

void store_control_start(struct store *store, struct control_server *server, int fd)
{
    uid_t uid = geteuid();
    gid_t gid;
    struct error error;
    if (role_drops_user(store->role) &&
        folder_account(store->role->config.user, &uid, &gid, &error) != OK)
        uid = 0;
    *server = (struct control_server){
        .group = &store->role->fibers, .account = uid, .for_group = store->role->config.control_group[0] != '\0',
        .context = store, .answer = store_control_answer};
    if (!control_server_start(server, fd))
        log_error("control", "the control socket cannot be served");
    if (!fiber_group_start(&store->role->fibers, "quarantine", store_quarantine_fiber, store))
        log_error("quarantine", "nothing will be thrown away: out of memory");
}
