/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeps the connection to Redis, and gives it what it is owed before anything new. */
#include "state/counters_shared.h"

#include "base/log.h"
#include "fiber/loop.h"

#include <string.h>
#include <sys/random.h>

#define PAUSE_FIRST (100 * MILLISECOND)
#define PAUSE_MOST (30 * SECOND)
#define STABLE (5 * SECOND)
/* Nobody waits for these: a Redis that is busy loading its file gets time. */
#define BACKGROUND_TIMEOUT (5 * SECOND)

static enum result say(struct counters_shared *shared, struct redis_command *command, struct redis_reply **reply,
                       struct error *error)
{
    return redis_ask(shared->redis, command, loop_deadline(BACKGROUND_TIMEOUT), reply, error);
}

static enum result authenticate(struct counters_shared *shared, struct error *error)
{
    struct redis_command command;
    struct redis_reply *reply;
    if (!shared->password.len)
        return OK;
    redis_command_begin(&command, "AUTH");
    if (shared->user.len)
        redis_command_add(&command, shared->user);
    redis_command_add(&command, shared->password);
    enum result result = say(shared, &command, &reply, error);
    if (result == OK)
        redis_reply_free(reply);
    return result;
}

static bool is_script_name(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!strchr("0123456789abcdef", text.ptr[i]) || !text.ptr[i])
            return false;
    return text.len == SCRIPT_NAME_SIZE;
}

/* A Redis that forgets it later (SCRIPT FLUSH) refuses, which ends the connection, and the next begins here. */
static enum result load_script(struct counters_shared *shared, struct error *error)
{
    struct redis_command command;
    struct redis_reply *reply;
    redis_command_begin(&command, "SCRIPT");
    redis_command_add(&command, BYTES("LOAD"));
    redis_command_add(&command, bytes_of(counters_script));
    enum result result = say(shared, &command, &reply, error);
    if (result != OK)
        return result;
    if (reply->kind == REDIS_TEXT && is_script_name(reply->text))
        bytes_to_cstring(reply->text, shared->script, sizeof(shared->script));
    else
        result = error_set(error, TEMP, "its name for a script is none");
    redis_reply_free(reply);
    return result;
}

/* Catching up */

static enum result send_batch(struct counters_shared *shared, struct counters_batch *batch, struct error *error)
{
    enum wire_outcome outcome = WIRE_AGAIN;
    bool refused;
    int64_t now = loop_epoch();
    enum result result = OK;
    if (batch->count)
        result = counters_shared_ask(shared, &batch->turn, batch->operations, batch->count, now,
                                     loop_deadline(BACKGROUND_TIMEOUT), &outcome, &refused, error);
    if (result == OK)
        result = counters_pending_settle(&shared->counters->local, &shared->pending, &batch->turn, error);
    if (result != OK)
        return result;
    shared->status.caught_up += batch->count;
    if (outcome == WIRE_DONE)
        counters_shared_mirror(shared, batch->operations, batch->count, now);
    return OK;
}

/* NONE: nothing is owed any longer. */
static enum result catch_up_once(struct counters_shared *shared, struct arena *arena, struct error *error)
{
    struct counters_lmdb *local = &shared->counters->local;
    struct counters_batch *batch = arena_new(arena, struct counters_batch);
    if (!batch)
        return error_set(error, TEMP, "counters: out of memory");
    enum result result = counters_pending_next(local, arena, batch, error);
    if (result == OK)
        return arena_exhausted(arena) ? error_set(error, TEMP, "counters: out of memory")
                                      : send_batch(shared, batch, error);
    if (result != NONE)
        return result;
    struct counters_turn turn = shared->turn;
    turn.number = ++shared->turn.number;
    return counters_pending_gather(local, &shared->pending, &turn, loop_epoch(), error);
}

static enum result catch_up(struct counters_shared *shared, struct error *error)
{
    struct arena *arena = arena_create(1 << 20);
    enum result result = arena ? OK : error_set(error, TEMP, "counters: out of memory");
    while (result == OK && !shared->stopping) {
        result = catch_up_once(shared, arena, error);
        arena_reset(arena);
    }
    arena_destroy(arena);
    return result == NONE || shared->stopping ? OK : result;
}

/* The connection */

static enum result connect_and_catch_up(struct counters_shared *shared, struct error *error)
{
    enum result result = redis_open(shared->redis, loop_deadline(BACKGROUND_TIMEOUT), error);
    if (result == OK)
        result = authenticate(shared, error);
    if (result == OK)
        result = load_script(shared, error);
    if (result == OK)
        result = catch_up(shared, error);
    return result;
}

static void close_connection(struct counters_shared *shared)
{
    shared->up = false;
    redis_break(shared->redis, "closed");
    /* Who waited writes down now what is not known to be done: before that nothing may be sent again. */
    fiber_shield();
    while (shared->asking)
        fiber_signal_wait(&shared->answered, NO_DEADLINE);
    fiber_unshield();
    redis_close(shared->redis);
}

static void say_up(struct counters_shared *shared, bool was_away, uint64_t caught_up_before)
{
    if (was_away)
        log_info("counters", "Redis at %s is back, and was told %llu changes that it missed", shared->place,
                 (unsigned long long)(shared->status.caught_up - caught_up_before));
    else
        log_info("counters", "counters are shared by Redis at %s", shared->place);
}

static void say_away(const struct counters_shared *shared, const char *reason)
{
    log_warning("counters", "Redis at %s is away (%s): this machine goes on with what it knows, and tells Redis later",
                shared->place, reason);
}

/* Later processes sort after earlier ones, so that what those left is sent first. */
static void name_owner(struct counters_turn *turn)
{
    uint64_t started = (uint64_t)loop_epoch_microseconds();
    if (getrandom(turn->owner, TURN_OWNER_SIZE, 0) != TURN_OWNER_SIZE)
        panic("no random numbers");
    for (unsigned i = 0; i < 8; i++)
        turn->owner[i] = (uint8_t)(started >> (56 - 8 * i));
}

void counters_keep_connected(void *argument)
{
    struct counters_shared *shared = argument;
    struct error error;
    name_owner(&shared->turn);
    int64_t pause = PAUSE_FIRST;
    bool away = false;
    uint64_t caught_up = shared->status.caught_up;
    while (!shared->stopping) {
        enum result result = connect_and_catch_up(shared, &error);
        if (result == OK && !shared->stopping) {
            int64_t since = loop_now();
            shared->up = true;
            say_up(shared, away, caught_up);
            redis_wait_broken(shared->redis);
            away = false;
            shared->status.lost++;
            if (loop_now() - since >= STABLE)
                pause = PAUSE_FIRST;
            error_set(&error, TEMP, "%s", redis_reason(shared->redis));
            caught_up = shared->status.caught_up;
        }
        close_connection(shared);
        if (shared->stopping)
            break;
        if (!away)
            say_away(shared, error.text);
        away = true;
        fiber_signal_wait(&shared->stop, loop_deadline(pause));
        pause = pause * 2 < PAUSE_MOST ? pause * 2 : PAUSE_MOST;
    }
}
