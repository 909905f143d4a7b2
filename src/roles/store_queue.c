/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/store_queue_private.h"

#include "base/ascii.h"
#include "base/log.h"
#include "message/idn.h"
#include "message/mailbox.h"
#include "outbound/route.h"
#include "roles/store_policies.h"
#include "roles/store_report.h"
#include "roles/store_tls_report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FINISH_TIME (5 * SECOND)
#define START_AGAIN SECOND
enum {
    VISIT_ARENA = 2 * QUEUE_ENVELOPE_MAX,
    ROUTE_NAME_MAX = 255,
    REASON_MAX = 200,
    COPIES_MAX = 4000,
    ACCOUNT_KEY_ROOM = 400,
    READ_AT_ONCE = 200 /* envelopes */
};

/* Destinations */

struct bytes queue_domain(struct arena *arena, struct bytes address)
{
    struct bytes domain = mailbox_domain_or_all(address), ascii;
    for (size_t i = 0; i < domain.len; i++)
        if (domain.ptr[i] >= 0x80)
            /* What is no name is the courier's to refuse. */
            return idn_to_ascii(arena, domain, &ascii, NULL) == OK ? ascii : arena_copy(arena, domain);
    return arena_lower(arena, domain);
}

/* What may go unprotected (TLS-Required: No) does not wait with what may not: rfc8689:5. */
static uint32_t destination_of_domain(struct store_queue *queue, struct bytes domain, bool tls_optional)
{
    char name[ROUTE_NAME_MAX + 1], own[SCHEDULE_NAME_MAX + 1];
    int64_t now = loop_now();
    struct route route = route_find(&queue->store->role->config, domain, false);
    bool shared = route.host_count && !route.relay && route.name[0] && strlen(route.name) < 200;
    if (shared) {
        snprintf(name, sizeof(name), "route %s", route.name);
        domain = bytes_of(name);
    }
    if (tls_optional) {
        domain = bytes_first(domain, SCHEDULE_NAME_MAX - strlen(QUEUE_TLS_OPTIONAL));
        snprintf(own, sizeof(own), BYTES_FMT QUEUE_TLS_OPTIONAL, BYTES_ARG(domain));
        domain = bytes_of(own);
    }
    uint32_t destination = schedule_destination(queue->schedule, bytes_first(domain, SCHEDULE_NAME_MAX),
                                                route.concurrency, route.rate, now);
    if (destination != SCHEDULE_NONE && route.relay)
        schedule_only_directly(queue->schedule, destination);
    return destination;
}

uint32_t queue_destination(struct store_queue *queue, struct bytes address, bool tls_optional)
{
    uint8_t lower[SCHEDULE_NAME_MAX];
    struct bytes domain = mailbox_domain_or_all(address);
    bool plain = domain.len <= sizeof(lower);
    for (size_t i = 0; i < domain.len && plain; i++) {
        uint8_t c = domain.ptr[i];
        plain = c < 0x80;
        lower[i] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
    }
    if (plain)
        return destination_of_domain(queue, bytes_from(lower, domain.len), tls_optional);
    struct arena *arena = arena_create(64 * 1024);
    uint32_t destination =
        arena ? destination_of_domain(queue, queue_domain(arena, address), tls_optional) : SCHEDULE_NONE;
    arena_destroy(arena);
    return destination;
}

struct schedule_options queue_schedule_options(const struct store *store)
{
    const struct config *config = &store->role->config;
    return (struct schedule_options){
        .retry_first = config->queue.retry_first,
        .retry_most = config->queue.retry_most,
        .sessions = config->queue.sessions,
        .concurrency = config->queue.concurrency,
        .rate = config->queue.rate,
        .fallback = config->queue.fallback_relay.count > 0,
        .seed = (uint64_t)loop_epoch_microseconds(),
    };
}

bool queue_watches(const struct store *store, const struct queue_envelope *envelope)
{
    for (size_t i = 0; i < envelope->recipient_count; i++)
        if (report_wants_delay(store, envelope, &envelope->recipients[i]))
            return true;
    return false;
}

void queue_wake(struct store_queue *queue)
{
    fiber_signal_one(&queue->wanted);
}

/* Scheduling */

struct wanted {
    uint32_t destination;
    unsigned attempts;
    int64_t next_try;
};

static int by_destination(const void *a, const void *b)
{
    const struct wanted *left = a, *right = b;
    return left->destination < right->destination ? -1 : left->destination > right->destination;
}

/* Times on disk are the calendar's, which somebody may have set: no wait is longer than the longest. */
static int64_t due_of(const struct store_queue *queue, int64_t next_try)
{
    int64_t most = queue->store->role->config.queue.retry_most / SECOND * 5 / 4;
    int64_t wait = next_try - loop_epoch();
    return loop_now() + (wait < 0 ? 0 : wait > most ? most : wait) * SECOND;
}

static bool add_task(struct store_queue *queue, uint32_t number, const struct wanted *wanted,
                     unsigned held, bool watched, bool loaded)
{
    struct schedule_adding adding = {
        .message = number,
        .destination = wanted->destination,
        .attempts = wanted->attempts,
        .due = due_of(queue, wanted->next_try),
        .held = held,
        .watched = watched,
        .loaded = loaded,
    };
    return schedule_add(queue->schedule, &adding, loop_now());
}

static struct wanted wanted_of(struct store_queue *queue, const struct queue_recipient *recipient,
                               bool tls_optional)
{
    bool report = recipient->bounce_wanted || recipient->relayed;
    return (struct wanted){
        .destination = report ? schedule_destination(queue->schedule, BYTES(QUEUE_REPORTS), 0, 0, loop_now())
                              : queue_destination(queue, recipient->address, tls_optional),
        .attempts = recipient->attempts,
        .next_try = recipient->next_try,
    };
}

/* The same account, however its name is written, has one key; `room` is of ACCOUNT_KEY_ROOM. */
static struct bytes key_of(struct bytes account, uint8_t *room)
{
    account = bytes_first(account, ACCOUNT_KEY_ROOM);
    for (size_t i = 0; i < account.len; i++)
        room[i] = ascii_lower(account.ptr[i]);
    return bytes_from(room, account.len);
}

static const char *why_held(const struct store_queue *queue, struct bytes account)
{
    uint8_t room[ACCOUNT_KEY_ROOM];
    return account.len ? map_get(queue->held_accounts, key_of(account, room)) : NULL;
}

unsigned queue_holds(const struct store_queue *queue, const struct queue_envelope *envelope)
{
    bool account = why_held(queue, envelope->account) != NULL;
    return (envelope->held ? SCHEDULE_HOLD_MESSAGE : 0) | (account ? SCHEDULE_HOLD_ACCOUNT : 0);
}

bool queue_schedule_message(struct store_queue *queue, uint32_t number,
                            const struct queue_envelope *envelope, bool loaded)
{
    struct wanted few[8], *all = few;
    size_t count = envelope->recipient_count;
    bool fine = true, watched = queue_watches(queue->store, envelope);
    unsigned held = queue_holds(queue, envelope);
    if (count > countof(few) && !(all = calloc(count, sizeof(*all))))
        return false;
    for (size_t i = 0; i < count && fine; i++) {
        all[i] = wanted_of(queue, &envelope->recipients[i], envelope->tls_optional);
        fine = all[i].destination != SCHEDULE_NONE;
    }
    if (fine && count > 1)
        qsort(all, count, sizeof(*all), by_destination);
    for (size_t i = 0; i < count && fine;) {
        struct wanted task = all[i];
        for (i++; i < count && all[i].destination == task.destination; i++) {
            if (all[i].attempts > task.attempts)
                task.attempts = all[i].attempts;
            if (all[i].next_try < task.next_try)
                task.next_try = all[i].next_try;
        }
        fine = add_task(queue, number, &task, held, watched, loaded);
    }
    if (all != few)
        free(all);
    return fine;
}

/* Adding */

static bool fill_change(struct queue_change *change, const struct bytes *parts, size_t count)
{
    if (count > countof(change->content))
        return false;
    for (size_t i = 0; i < count; i++)
        change->content[i] = parts[i];
    return true;
}

enum result store_queue_add(struct store *store, struct arena *arena,
                            const struct queue_envelope *envelope, const struct bytes *parts,
                            size_t part_count, struct error *error)
{
    struct store_queue *queue = store->queue;
    struct queue_envelope stamped = *envelope;
    struct queue_change change = {.kind = QUEUE_ADD, .envelope = &stamped};
    (void)arena;
    stamped.queued_at = loop_epoch();
    if (!stamped.expires_at)
        stamped.expires_at = stamped.queued_at + store->role->config.queue.lifetime / SECOND;
    if (!queue || !envelope->recipient_count || !fill_change(&change, parts, part_count))
        return error_set(error, TEMP, "this cannot be queued");
    queue_commit_change(queue, &change);
    if (change.result != OK) {
        if (error)
            *error = change.error;
        return change.result == NONE ? NONE : TEMP;
    }
    /* It is durable: what cannot be scheduled now will be at the next start. */
    if (!queue_schedule_message(queue, change.number, &stamped, false))
        log_error("queue", "id=" BYTES_FMT " waits for a restart: out of memory", BYTES_ARG(stamped.id));
    queue_wake(queue);
    return OK;
}

/* ida … idz, idaa … idzz, idaaa …; what has no room stays as it is, which is taken. */
static struct bytes copy_id(char id[QUEUE_ID_MAX + 1], struct bytes original, unsigned number)
{
    char letters[8];
    size_t at = sizeof(letters);
    letters[--at] = '\0';
    for (number++; number; number = (number - 1) / 26)
        letters[--at] = (char)('a' + (number - 1) % 26);
    if (original.len + strlen(letters + at) > QUEUE_ID_MAX)
        return original;
    int length = snprintf(id, QUEUE_ID_MAX + 1, BYTES_FMT "%s", BYTES_ARG(original), letters + at);
    return bytes_from(id, (size_t)length);
}

enum result store_queue_add_copy(struct store *store, struct arena *arena,
                                 const struct queue_envelope *envelope, const struct bytes *parts,
                                 size_t part_count, struct error *error)
{
    struct queue_envelope copy = *envelope;
    enum result result = store_queue_add(store, arena, &copy, parts, part_count, error);
    for (unsigned number = 0; result == NONE && number < COPIES_MAX; number++) {
        char id[QUEUE_ID_MAX + 1];
        copy.id = copy_id(id, envelope->id, number);
        /* Only one that is free is worth a wait. */
        if (!store->queue || queue_find(store->queue->queue, copy.id) == QUEUE_NO_ITEM)
            result = store_queue_add(store, arena, &copy, parts, part_count, error);
    }
    return result;
}

/* Opening */

static void found_message(void *context, uint32_t number, const struct queue_envelope *envelope)
{
    struct store_queue *queue = context;
    if (!queue_schedule_message(queue, number, envelope, true))
        log_error("queue", "id=" BYTES_FMT " is not tried: out of memory", BYTES_ARG(envelope->id));
}

static void found_destination(struct store_queue *queue, struct bytes name, struct bytes value)
{
    char text[64];
    unsigned failures = 0;
    long long until = 0;
    if (!bytes_to_cstring(value, text, sizeof(text)) || sscanf(text, "%u %lld", &failures, &until) != 2)
        return;
    uint32_t destination = schedule_find(queue->schedule, name);
    if (destination == SCHEDULE_NONE)
        destination = schedule_destination(queue->schedule, name, 0, 0, loop_now());
    if (destination != SCHEDULE_NONE)
        schedule_restore(queue->schedule, destination, failures,
                         bytes_ends_with(value, BYTES(" insecure")), due_of(queue, until), loop_now());
}

static bool hold(struct store_queue *queue, struct bytes account, struct bytes reason)
{
    char *text = calloc(1, REASON_MAX + 1);
    void *old = NULL;
    uint8_t room[ACCOUNT_KEY_ROOM];
    struct bytes cut = bytes_first(reason, REASON_MAX);
    if (!text || !map_put(queue->held_accounts, key_of(account, room), text, &old)) {
        free(text);
        return false;
    }
    if (cut.len)
        memcpy(text, cut.ptr, cut.len);
    free(old);
    return true;
}

static void found_note(void *context, struct bytes key, struct bytes value)
{
    struct store_queue *queue = context;
    if (bytes_starts_with(key, BYTES("destination ")))
        found_destination(queue, bytes_skip(key, 12), value);
    else if (bytes_starts_with(key, BYTES("account ")) &&
             !hold(queue, bytes_skip(key, 8), bytes_skip(value, 1)))
        log_error("queue", "an account's hold is forgotten: out of memory");
}

/* Whose a message is: the index has only a hash of it, which others' may share. False: it cannot be read, and
 * stays as it is. */
static bool settle_hold(struct store_queue *queue, uint32_t number, struct arena *arena)
{
    struct queue_hold reading;
    struct queue_envelope envelope;
    struct error error;
    if (queue_hold(queue->queue, number, &reading, &error) != OK)
        return false;
    struct arena_mark mark = arena_mark(arena);
    bool known = queue_read_envelope(queue->queue, &reading, arena, &envelope, &error) == OK;
    queue_release(queue->queue, &reading);
    if (known)
        schedule_hold(queue->schedule, number, SCHEDULE_HOLD_ACCOUNT,
                      (queue_holds(queue, &envelope) & SCHEDULE_HOLD_ACCOUNT) != 0, loop_now());
    arena_rewind(arena, mark);
    return known;
}

/* All that may be of the account: held or not, as it is now. In between others work, if `waits`. */
static void settle_holds(struct store_queue *queue, struct bytes account, bool waits)
{
    struct arena *arena = arena_create(VISIT_ARENA);
    uint32_t hash = queue_account_hash(account);
    size_t read = 0;
    for (uint32_t n = QUEUE_NO_ITEM; (n = queue_next(queue->queue, n)) != QUEUE_NO_ITEM;) {
        if (queue_item(queue->queue, n)->account != hash)
            continue;
        /* Held, it cannot leave by mistake; released, its job says what is wrong with it. */
        if (!arena || !settle_hold(queue, n, arena))
            schedule_hold(queue->schedule, n, SCHEDULE_HOLD_ACCOUNT, why_held(queue, account) != NULL,
                          loop_now());
        if (waits && ++read % READ_AT_ONCE == 0)
            fiber_yield();
    }
    arena_destroy(arena);
}

/* What was noted of destinations that no message waits for is old news. And holds, which may be read
 * after the messages. */
static void tidy(struct store_queue *queue)
{
    for (uint32_t i = 0; i < schedule_table_size(queue->schedule); i++) {
        struct schedule_status status;
        if (!schedule_status(queue->schedule, i, &status) || status.tasks ||
            (!status.failures && !status.insecure))
            continue;
        schedule_restore(queue->schedule, i, 0, false, 0, loop_now());
        queue_note_destination(queue, i);
    }
    size_t position = 0;
    struct bytes account;
    void *reason;
    while (map_next(queue->held_accounts, &position, &account, &reason))
        settle_holds(queue, account, false);
}

static enum result make(struct store *store, struct error *error)
{
    struct store_queue *queue = calloc(1, sizeof(*queue));
    if (!queue)
        return error_set(error, TEMP, "out of memory");
    struct schedule_options options = queue_schedule_options(store);
    store->queue = queue;
    queue->store = store;
    queue->schedule = schedule_create(&options);
    queue->lives = map_create();
    queue->held_accounts = map_create();
    queue->send = store_queue_send;
    queue->send_context = store;
    queue->commit_last = &queue->commit_first;
    queue->swept = QUEUE_NO_ITEM;
    fiber_group_open(&queue->jobs);
    fiber_group_open(&queue->sweeps);
    return queue->schedule && queue->lives && queue->held_accounts
               ? OK
               : error_set(error, TEMP, "out of memory");
}

enum result store_queue_open(struct store *store, struct error *error)
{
    enum result result = make(store, error);
    struct arena *arena = result == OK ? arena_create(VISIT_ARENA) : NULL;
    struct store_queue *queue = store->queue;
    struct queue_options options = {0};
    struct queue_visitor visitor = {queue, found_message, found_note, arena};
    if (result == OK && !arena)
        result = error_set(error, TEMP, "out of memory");
    if (result == OK)
        result = queue_open(store->durable, store->role->config.data_directory, &options, &visitor,
                            &queue->queue, error);
    arena_destroy(arena);
    if (result == OK)
        result = store_tls_open(store, error);
    if (result == OK)
        result = store_policies_open(store, error);
    if (result != OK) {
        store_queue_close(store);
        return result;
    }
    tidy(queue);
    log_info("queue", "%zu messages wait for %zu destinations", queue_count(queue->queue),
             schedule_figures(queue->schedule).destinations);
    return OK;
}

void store_queue_close(struct store *store)
{
    struct store_queue *queue = store->queue;
    if (!queue)
        return;
    store_tls_close(store);
    store_policies_close(store);
    queue_close(queue->queue);
    schedule_destroy(queue->schedule);
    map_destroy(queue->lives, NULL);
    map_destroy(queue->held_accounts, free);
    free(queue);
    store->queue = NULL;
}

void store_queue_reload(struct store *store)
{
    struct schedule_options options = queue_schedule_options(store);
    schedule_configure(store->queue->schedule, &options, loop_now());
    queue_wake(store->queue);
}

/* Running */

static void begin(struct store_queue *queue, const struct schedule_job *job)
{
    struct queue_job *running = calloc(1, sizeof(*running));
    if (running)
        *running = (struct queue_job){queue, *job};
    if (running && fiber_group_start(&queue->jobs, "attempt", queue_job_run, running))
        return;
    free(running);
    schedule_judge(queue->schedule, job, SCHEDULE_UNTRIED, loop_now());
    schedule_keep(queue->schedule, job->task, job->attempts, loop_deadline(START_AGAIN), loop_now());
}

static void dispatch(void *argument)
{
    struct store_queue *queue = argument;
    struct schedule_job job;
    while (!queue->stopping) {
        while (schedule_next(queue->schedule, loop_now(), &job))
            begin(queue, &job);
        if (fiber_signal_wait(&queue->wanted, schedule_wake_at(queue->schedule, loop_now())) == ECANCELED)
            return;
    }
}

static void start(struct fiber_group *group, const char *name, fiber_function *function, void *argument)
{
    if (!fiber_group_start(group, name, function, argument))
        panic("cannot start the %s fiber", name);
}

void store_queue_start(struct store *store)
{
    struct store_queue *queue = store->queue;
    start(&store->committer, "queue commit", queue_commit_fiber, queue);
    start(&store->work, "queue", dispatch, queue);
    start(&store->work, "queue sweep", queue_sweep_fiber, queue);
    start(&store->work, "tls report", store_tls_fiber, store);
    start(&store->work, "policies", store_policies_fiber, store);
}

void store_queue_stop(struct store *store)
{
    struct store_queue *queue = store->queue;
    if (!queue)
        return;
    queue->stopping = true;
    queue_wake(queue);
    fiber_group_wait(&queue->jobs, loop_deadline(FINISH_TIME));
    fiber_group_close(&queue->jobs);
    fiber_group_close(&queue->sweeps);
}

/* Accounts */

/* At once, by the hash alone; who is not meant is let go a moment later. */
static void hold_messages(struct store_queue *queue, struct bytes account)
{
    uint32_t hash = queue_account_hash(account);
    for (uint32_t n = QUEUE_NO_ITEM; (n = queue_next(queue->queue, n)) != QUEUE_NO_ITEM;)
        if (queue_item(queue->queue, n)->account == hash)
            schedule_hold(queue->schedule, n, SCHEDULE_HOLD_ACCOUNT, true, loop_now());
}

enum result store_queue_hold_account(struct store *store, struct bytes account, bool held,
                                     struct bytes reason, struct error *error)
{
    struct store_queue *queue = store->queue;
    char key[512], value[REASON_MAX + 2];
    uint8_t room[ACCOUNT_KEY_ROOM];
    if (!account.len || account.len > ACCOUNT_KEY_ROOM)
        return error_set(error, PERM, "this is no account");
    account = key_of(account, room);
    int key_length = snprintf(key, sizeof(key), "account " BYTES_FMT, BYTES_ARG(account));
    int length = snprintf(value, sizeof(value), "+" BYTES_FMT, BYTES_ARG(bytes_first(reason, REASON_MAX)));
    if (held && !hold(queue, account, reason))
        return error_set(error, TEMP, "out of memory");
    if (!held)
        free(map_remove(queue->held_accounts, account));
    if (held)
        hold_messages(queue, account);
    struct queue_change change = {.kind = QUEUE_NOTE,
                                  .key = bytes_from(key, (size_t)key_length),
                                  .value = bytes_from(value, held ? (size_t)length : 0)};
    queue_commit_change(queue, &change);
    settle_holds(queue, account, true);
    queue_wake(queue);
    if (error)
        *error = change.error;
    return change.result;
}

bool store_queue_account_is_held(const struct store *store, struct bytes account, struct bytes *reason)
{
    const char *text = store->queue ? why_held(store->queue, account) : NULL;
    if (text && reason)
        *reason = bytes_of(text);
    return text != NULL;
}
