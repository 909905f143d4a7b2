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

const struct counters_engine counters_redis_engine = {.run = redis_run, .scan = counters_redis_scan};

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
