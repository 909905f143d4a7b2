/* SPDX-License-Identifier: BSD-2-Clause */
/* Counters that several gateways share. Redis has the numbers; LMDB a copy of what was seen of them, which answers
 * while Redis does not. */
#include "state/counters_shared.h"

#include "base/log.h"
#include "fiber/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUESTION_OCTETS_MAX = COUNTER_OPERATIONS_MAX * (COUNTER_KEY_MAX + 300) };
enum { SCAN_AT_ONCE = 500, SCAN_ROUNDS_MAX = 200000, CURSOR_MAX = 20 };

/* Asking */

static enum result understand(struct counters_shared *shared, const struct redis_reply *reply,
                              struct counter_operation *operations, size_t count, enum wire_outcome *outcome,
                              bool *refused, struct error *error)
{
    if (reply->kind == REDIS_ERROR) {
        *refused = true;
        error_set(error, TEMP, BYTES_FMT, BYTES_ARG(bytes_first(reply->text, 120)));
    } else if (counters_wire_read(reply, operations, count, outcome)) {
        return OK;
    } else {
        error_set(error, TEMP, "its answer is none");
    }
    /* Also after a refusal: batches behind this one may have been done, and the next may fare as this one did. */
    redis_break(shared->redis, error->text);
    return TEMP;
}

enum result counters_shared_ask(struct counters_shared *shared, const struct counters_turn *turn,
                                struct counter_operation *operations, size_t count, int64_t now, int64_t deadline,
                                enum wire_outcome *outcome, bool *refused, struct error *error)
{
    struct redis_command command;
    struct redis_reply *reply;
    struct buf storage;
    struct error reason;
    *refused = false;
    buf_init(&storage, QUESTION_OCTETS_MAX);
    enum result result = counters_wire_ask(shared, turn, operations, count, now, &storage, &command)
                             ? redis_call(shared->redis, &command, deadline, &reply, &reason)
                             : error_set(&reason, TEMP, "out of memory");
    buf_free(&storage);
    if (result == OK) {
        result = understand(shared, reply, operations, count, outcome, refused, &reason);
        redis_reply_free(reply);
    }
    if (result != OK && error)
        *error = reason;
    return result;
}

void counters_shared_mirror(struct counters_shared *shared, const struct counter_operation *operations, size_t count,
                            int64_t now)
{
    struct error error;
    enum result result = counters_lmdb_mirror(&shared->counters->local, operations, count, now, &error);
    if (result != OK && !shared->mirror_failed)
        log_warning("counters", "the copy of what Redis has cannot be written: %s", error.text);
    shared->mirror_failed = result != OK;
}

/* Alone */

enum debt { OWE_NOTHING, OWE_CHANGES, OWE_BATCH };

static int note_debt(struct counters_shared *shared, MDB_txn *transaction, struct counters_pending *pending,
                     const struct counters_turn *turn, enum debt debt, const struct counter_operation *operations,
                     size_t count, int64_t now)
{
    struct counters_lmdb *local = &shared->counters->local;
    if (debt == OWE_CHANGES)
        return counters_pending_owe(local, transaction, pending, operations, count, now);
    if (debt == OWE_BATCH)
        return counters_pending_keep(local, transaction, pending, turn, operations, count);
    return 0;
}

static void take_over(struct counters_shared *shared, const struct counters_pending *pending)
{
    if (pending->dropped && !shared->pending.dropped)
        log_warning("counters", "Redis is owed more than can be kept: what other keys count from now on is lost to it");
    shared->status.dropped += pending->dropped - shared->pending.dropped;
    shared->pending = *pending;
}

/* By this machine, and Redis hears of it later: one transaction for both. */
static enum result change_alone(struct counters_shared *shared, const struct counters_turn *turn, enum debt debt,
                                struct counter_operation *operations, size_t count, int64_t now, struct error *error)
{
    struct counters_lmdb *local = &shared->counters->local;
    struct counters_pending pending = shared->pending;
    MDB_txn *transaction;
    int code = mdb_txn_begin(local->environment, NULL, 0, &transaction);
    if (code)
        return counters_lmdb_error(error, code, "cannot begin");
    code = counters_lmdb_apply(local, transaction, operations, count, now);
    bool exceeds = !code && counters_exceed(operations, count);
    if (!code && !exceeds)
        code = note_debt(shared, transaction, &pending, turn, debt, operations, count, now);
    if (code || exceeds) {
        mdb_txn_abort(transaction);
        return code ? counters_lmdb_error(error, code, "cannot read or write") : NONE;
    }
    code = mdb_txn_commit(transaction);
    if (code)
        return counters_lmdb_error(error, code, "cannot commit");
    take_over(shared, &pending);
    return OK;
}

static enum result run_alone(struct counters_shared *shared, const struct counters_turn *turn, enum debt debt,
                             struct counter_operation *operations, size_t count, int64_t now, struct error *error)
{
    shared->status.local++;
    if (counters_change(operations, count))
        return change_alone(shared, turn, debt, operations, count, now, error);
    return counters_lmdb_engine.run(shared->counters, operations, count, now, error);
}

/* With Redis */

static enum result run_together(struct counters_shared *shared, struct counter_operation *operations, size_t count,
                                int64_t now, struct error *error)
{
    struct counters_turn turn = shared->turn;
    enum wire_outcome outcome;
    bool refused;
    turn.number = counters_change(operations, count) ? ++shared->turn.number : 0;
    enum result result = counters_shared_ask(shared, &turn, operations, count, now, loop_deadline(shared->timeout),
                                             &outcome, &refused, NULL);
    if (result != OK)
        return run_alone(shared, &turn, refused ? OWE_CHANGES : OWE_BATCH, operations, count, now, error);
    if (outcome == WIRE_AGAIN)
        return run_alone(shared, &turn, OWE_NOTHING, operations, count, now, error);
    if (outcome == WIRE_EXCEEDS)
        return NONE;
    counters_shared_mirror(shared, operations, count, now);
    return OK;
}

static enum result redis_run(struct counters *counters, struct counter_operation *operations, size_t count,
                             int64_t now, struct error *error)
{
    struct counters_shared *shared = counters->shared;
    if (!shared->up || !redis_is_open(shared->redis))
        return run_alone(shared, NULL, OWE_CHANGES, operations, count, now, error);
    shared->asking++;
    enum result result = run_together(shared, operations, count, now, error);
    if (--shared->asking == 0)
        fiber_signal_all(&shared->answered);
    return result;
}

/* Scan */

/* The first keys in order, of more that come in none. */
struct first_keys {
    struct bytes *keys; /* each on the heap */
    size_t count, most;
};

static int compare_keys(const void *a, const void *b)
{
    return bytes_compare(*(const struct bytes *)a, *(const struct bytes *)b);
}

static void free_keys(struct first_keys *first, size_t from)
{
    for (size_t i = from; i < first->count; i++)
        free((void *)(uintptr_t)first->keys[i].ptr);
    first->count = from < first->count ? from : first->count;
}

/* SCAN may name a key twice. */
static void trim_keys(struct first_keys *first)
{
    size_t kept = 0;
    qsort(first->keys, first->count, sizeof(*first->keys), compare_keys);
    for (size_t i = 0; i < first->count; i++) {
        if (kept && bytes_equal(first->keys[kept - 1], first->keys[i]))
            free((void *)(uintptr_t)first->keys[i].ptr);
        else
            first->keys[kept++] = first->keys[i];
    }
    first->count = kept;
    free_keys(first, first->most);
}

static bool add_key(struct first_keys *first, struct bytes key)
{
    if (first->count == 2 * first->most)
        trim_keys(first);
    uint8_t *copy = malloc(key.len);
    if (!copy)
        return false;
    memcpy(copy, key.ptr, key.len);
    first->keys[first->count++] = bytes_from(copy, key.len);
    return true;
}

static bool take_keys(const struct counters_shared *shared, const struct counter_scan *scan,
                      const struct redis_reply *list, struct first_keys *first)
{
    for (size_t i = 0; i < list->count; i++) {
        struct bytes key;
        if (list->elements[i]->kind != REDIS_TEXT)
            return false;
        if (counters_wire_key(shared, list->elements[i]->text, &key) && bytes_starts_with(key, scan->prefix) &&
            (!scan->after.len || bytes_compare(key, scan->after) > 0) && !add_key(first, key))
            return false;
    }
    return true;
}

/* One question; the cursor "0" again: that was all. */
static enum result scan_step(struct counters_shared *shared, const struct counter_scan *scan, struct bytes pattern,
                             char cursor[CURSOR_MAX + 1], struct first_keys *first)
{
    struct redis_command command;
    struct redis_reply *reply;
    char most[16];
    snprintf(most, sizeof(most), "%d", SCAN_AT_ONCE);
    redis_command_begin(&command, "SCAN");
    redis_command_add(&command, bytes_of(cursor));
    redis_command_add(&command, BYTES("MATCH"));
    redis_command_add(&command, pattern);
    redis_command_add(&command, BYTES("COUNT"));
    redis_command_add(&command, bytes_of(most));
    if (redis_ask(shared->redis, &command, loop_deadline(shared->timeout), &reply, NULL) != OK)
        return TEMP;
    bool fine = reply->kind == REDIS_ARRAY && reply->count == 2 && reply->elements[0]->kind == REDIS_TEXT &&
                reply->elements[1]->kind == REDIS_ARRAY &&
                bytes_to_cstring(reply->elements[0]->text, cursor, CURSOR_MAX + 1) &&
                take_keys(shared, scan, reply->elements[1], first);
    redis_reply_free(reply);
    return fine ? OK : TEMP;
}

static enum result scan_keys(struct counters_shared *shared, const struct counter_scan *scan, struct first_keys *first)
{
    char cursor[CURSOR_MAX + 1] = "0";
    struct buf pattern;
    enum result result = OK;
    buf_init(&pattern, 4096);
    counters_wire_pattern(shared, scan->prefix, &pattern);
    bool more = !pattern.failed;
    for (unsigned i = 0; more && result == OK; i++) {
        result = i < SCAN_ROUNDS_MAX && !fiber_is_cancelled()
                     ? scan_step(shared, scan, buf_bytes(&pattern), cursor, first)
                     : TEMP;
        more = strcmp(cursor, "0") != 0;
    }
    buf_free(&pattern);
    return result;
}

/* What is told, and how much of it. */
struct telling {
    const struct counter_scan *scan;
    unsigned told;
    bool enough;
};

static void tell(struct telling *telling, const struct counter_operation *operations, size_t count)
{
    const struct counter_scan *scan = telling->scan;
    for (size_t i = 0; i < count && !telling->enough; i++) {
        const struct counter_operation *operation = &operations[i];
        if (operation->found)
            telling->enough = !scan->each(scan->context, operation->key, operation->value, operation->ends_at) ||
                              ++telling->told == scan->most;
    }
}

/* Their values, in batches. */
static enum result tell_keys(struct counters_shared *shared, const struct first_keys *first, struct telling *telling,
                             struct error *error)
{
    for (size_t from = 0; from < first->count && !telling->enough; from += COUNTER_OPERATIONS_MAX) {
        struct counter_operation operations[COUNTER_OPERATIONS_MAX];
        size_t count = first->count - from < COUNTER_OPERATIONS_MAX ? first->count - from : COUNTER_OPERATIONS_MAX;
        for (size_t i = 0; i < count; i++)
            operations[i] = (struct counter_operation){.kind = COUNTER_GET, .key = first->keys[from + i]};
        enum result result = redis_run(shared->counters, operations, count, telling->scan->now, error);
        if (result != OK)
            return result;
        tell(telling, operations, count);
    }
    return OK;
}

/* Again and again, as some of the first keys may have expired. */
static enum result scan_all(struct counters_shared *shared, const struct counter_scan *scan, struct first_keys *first,
                            struct error *error)
{
    struct telling telling = {.scan = scan};
    uint8_t last[COUNTER_KEY_MAX];
    struct counter_scan rest = *scan;
    for (bool more = true; more && !telling.enough;) {
        if (scan_keys(shared, &rest, first) != OK) {
            rest.most = scan->most - telling.told;
            return counters_lmdb_engine.scan(shared->counters, &rest, error);
        }
        trim_keys(first);
        enum result result = tell_keys(shared, first, &telling, error);
        if (result != OK)
            return result;
        more = first->count == first->most;
        if (more) {
            struct bytes key = first->keys[first->count - 1];
            memcpy(last, key.ptr, key.len);
            rest.after = bytes_from(last, key.len);
        }
        free_keys(first, 0);
    }
    return OK;
}

static enum result redis_scan(struct counters *counters, const struct counter_scan *scan, struct error *error)
{
    struct counters_shared *shared = counters->shared;
    struct first_keys first = {.most = scan->most};
    if (!shared->up || !redis_is_open(shared->redis))
        return counters_lmdb_engine.scan(counters, scan, error);
    first.keys = calloc(2 * (size_t)scan->most, sizeof(*first.keys));
    if (!first.keys)
        return error_set(error, TEMP, "counters: out of memory");
    shared->asking++;
    enum result result = scan_all(shared, scan, &first, error);
    if (--shared->asking == 0)
        fiber_signal_all(&shared->answered);
    free_keys(&first, 0);
    free(first.keys);
    return result;
}

const struct counters_engine counters_redis_engine = {.run = redis_run, .scan = redis_scan};

/* Beginning and end */

static void free_bytes(struct bytes *bytes)
{
    if (bytes->ptr)
        explicit_bzero((void *)(uintptr_t)bytes->ptr, bytes->len);
    free((void *)(uintptr_t)bytes->ptr);
}

static void free_shared(struct counters_shared *shared)
{
    redis_free(shared->redis);
    free_bytes(&shared->user);
    free_bytes(&shared->password);
    free_bytes(&shared->prefix);
    free(shared->path);
    free(shared);
}

static bool copy_bytes(struct bytes from, struct bytes *to)
{
    uint8_t *copy = malloc(from.len + 1);
    if (!copy)
        return false;
    if (from.len)
        memcpy(copy, from.ptr, from.len);
    *to = bytes_from(copy, from.len);
    return true;
}

static void name_place(struct counters_shared *shared, const struct counters_redis_options *options)
{
    char ip[IP_TEXT_SIZE];
    if (options->path)
        snprintf(shared->place, sizeof(shared->place), "%s", options->path);
    else
        snprintf(shared->place, sizeof(shared->place), "%s port %u", ip_format(&options->ip, ip), options->port);
}

static bool fill_shared(struct counters_shared *shared, const struct counters_redis_options *options)
{
    if (!copy_bytes(options->user, &shared->user) || !copy_bytes(options->password, &shared->password) ||
        !copy_bytes(options->prefix, &shared->prefix))
        return false;
    shared->path = options->path ? strdup(options->path) : NULL;
    if (options->path && !shared->path)
        return false;
    name_place(shared, options);
    shared->timeout = options->timeout;
    shared->status.shared = true;
    struct redis_address address = {options->ip, options->port, shared->path};
    shared->redis = redis_create(&address);
    return shared->redis != NULL;
}

enum result counters_share(struct counters *counters, const struct counters_redis_options *options,
                           struct error *error)
{
    require(!counters->shared && options->prefix.len <= COUNTER_KEY_MAX);
    struct counters_shared *shared = calloc(1, sizeof(*shared));
    enum result result = shared && fill_shared(shared, options)
                             ? counters_pending_open(&counters->local, &shared->pending, error)
                             : error_set(error, TEMP, "counters: out of memory");
    if (result != OK) {
        if (shared)
            free_shared(shared);
        return result;
    }
    shared->counters = counters;
    fiber_group_open(&shared->group);
    counters->shared = shared;
    counters->engine = &counters_redis_engine;
    return OK;
}

void counters_start(struct counters *counters)
{
    struct counters_shared *shared = counters->shared;
    if (!shared || shared->started)
        return;
    shared->started = fiber_group_start(&shared->group, "counters", counters_keep_connected, shared);
    if (!shared->started)
        log_error("counters", "no memory for the connection to Redis: this machine counts alone");
}

void counters_shared_close(struct counters_shared *shared)
{
    if (!shared)
        return;
    shared->stopping = true;
    if (shared->started) {
        redis_break(shared->redis, "closed");
        redis_stop_waiting(shared->redis);
        fiber_signal_all(&shared->stop);
        fiber_group_close(&shared->group);
    }
    free_shared(shared);
}

struct counters_status counters_status(const struct counters *counters)
{
    const struct counters_shared *shared = counters->shared;
    if (!shared)
        return (struct counters_status){0};
    struct counters_status status = shared->status;
    status.up = shared->up && redis_is_open(shared->redis);
    status.owed = shared->pending.owed + shared->pending.kept;
    return status;
}
