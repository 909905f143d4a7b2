/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fiber that calls puts its question at the end of what is to be sent, and itself at the end of the line. One
 * fiber sends whatever has gathered, another reads and wakes the first in the line.
 */
#include "state/redis.h"

#include "base/buf.h"
#include "fiber/group.h"
#include "fiber/stream.h"
#include "fiber/sync.h"
#include "os/socket.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNSENT_MAX = 16 << 20, REASON_SIZE = 200 };

/* On the stack of the fiber that waits. */
struct call {
    struct call *next;
    struct fiber_signal done;
    bool ended;                /* and then no longer in the line */
    struct redis_reply *reply; /* NULL: none came */
};

struct redis {
    struct redis_address address;
    struct stream *stream;         /* NULL: closed */
    struct redis_reading *reading;
    struct fiber_group fibers;
    struct buf unsent, sending;
    struct fiber_signal more, changed;
    struct call *first, **last;
    bool broken, not_waited_for;
    char reason[REASON_SIZE];
};

void redis_command_begin(struct redis_command *command, const char *name)
{
    command->count = 0;
    redis_command_add(command, bytes_of(name));
}

void redis_command_add(struct redis_command *command, struct bytes word)
{
    require(command->count < REDIS_ARGUMENTS_MAX);
    command->words[command->count++] = word;
}

struct redis *redis_create(const struct redis_address *address)
{
    struct redis *redis = calloc(1, sizeof(*redis));
    if (!redis)
        return NULL;
    redis->address = *address;
    redis->last = &redis->first;
    redis->broken = true;
    buf_init(&redis->unsent, UNSENT_MAX);
    buf_init(&redis->sending, UNSENT_MAX);
    return redis;
}

void redis_free(struct redis *redis)
{
    if (!redis)
        return;
    redis_close(redis);
    buf_free(&redis->unsent);
    buf_free(&redis->sending);
    free(redis);
}

bool redis_is_open(const struct redis *redis)
{
    return redis->stream && !redis->broken;
}

const char *redis_reason(const struct redis *redis)
{
    return redis->reason;
}

/* The line */

static void end_first(struct redis *redis, struct redis_reply *reply)
{
    struct call *call = redis->first;
    redis->first = call->next;
    if (!redis->first)
        redis->last = &redis->first;
    call->reply = reply;
    call->ended = true;
    fiber_signal_all(&call->done);
}

void redis_break(struct redis *redis, const char *reason)
{
    if (redis->broken)
        return;
    redis->broken = true;
    snprintf(redis->reason, sizeof(redis->reason), "%s", reason);
    while (redis->first)
        end_first(redis, NULL);
    fiber_group_cancel(&redis->fibers);
    fiber_signal_all(&redis->changed);
}

void redis_wait_broken(struct redis *redis)
{
    while (!redis->broken && !redis->not_waited_for && fiber_signal_wait(&redis->changed, NO_DEADLINE) == 0)
        ;
}

void redis_stop_waiting(struct redis *redis)
{
    redis->not_waited_for = true;
    fiber_signal_all(&redis->changed);
}

/* The two fibers */

static void send_questions(void *argument)
{
    struct redis *redis = argument;
    int failed = 0;
    while (!failed) {
        if (!redis->unsent.len) {
            if (fiber_signal_wait(&redis->more, NO_DEADLINE) != 0)
                return;
            continue;
        }
        struct buf filled = redis->unsent;
        redis->unsent = redis->sending;
        redis->sending = filled;
        failed = stream_write(redis->stream, buf_bytes(&redis->sending), NO_DEADLINE);
        if (!failed)
            failed = stream_flush(redis->stream, NO_DEADLINE);
        buf_clear(&redis->sending);
    }
    redis_break(redis, strerror(-failed));
}

/* NULL, or why the connection is of no use any more. */
static const char *take_answers(struct redis *redis, struct error *error)
{
    struct redis_reply *reply;
    struct bytes octets = stream_buffered(redis->stream);
    if (!redis_reading_feed(redis->reading, octets))
        return "its answer is too large";
    stream_consume(redis->stream, octets.len);
    for (;;) {
        enum result result = redis_reading_next(redis->reading, &reply, error);
        if (result != OK)
            return result == NONE ? NULL : error->text;
        if (!redis->first) {
            redis_reply_free(reply);
            return "it answers what nobody asked";
        }
        end_first(redis, reply);
    }
}

static void read_answers(void *argument)
{
    struct redis *redis = argument;
    struct error error;
    const char *reason = NULL;
    while (!reason) {
        int failed = stream_fill(redis->stream, NO_DEADLINE);
        if (failed)
            reason = failed == -EPIPE ? "it closed the connection" : strerror(-failed);
        else
            reason = take_answers(redis, &error);
    }
    redis_break(redis, reason);
}

/* Connection */

static enum result start(struct redis *redis, struct transport *transport, struct error *error)
{
    redis->stream = stream_create(transport);
    if (!redis->stream) {
        transport->operations->close(transport);
        return error_set(error, TEMP, "out of memory");
    }
    fiber_group_open(&redis->fibers);
    redis->broken = false;
    redis->reason[0] = '\0';
    redis->reading = redis_reading_create();
    if (redis->reading && fiber_group_start(&redis->fibers, "redis send", send_questions, redis) &&
        fiber_group_start(&redis->fibers, "redis read", read_answers, redis))
        return OK;
    redis_close(redis);
    return error_set(error, TEMP, "out of memory");
}

enum result redis_open(struct redis *redis, int64_t deadline, struct error *error)
{
    require(!redis->stream);
    struct transport *transport;
    const struct redis_address *address = &redis->address;
    int failed = address->path ? socket_connect_unix(address->path, deadline, &transport)
                               : socket_connect(&address->ip, address->port, NULL, deadline, &transport);
    return failed ? error_set(error, TEMP, "%s", strerror(-failed)) : start(redis, transport, error);
}

void redis_close(struct redis *redis)
{
    if (!redis->stream)
        return;
    redis_break(redis, "closed");
    fiber_group_close(&redis->fibers);
    stream_close(redis->stream);
    redis->stream = NULL;
    redis_reading_free(redis->reading);
    redis->reading = NULL;
    buf_clear(&redis->unsent);
    buf_clear(&redis->sending);
}

/* Calls */

static bool add_question(struct redis *redis, const struct redis_command *command)
{
    const char *words[REDIS_ARGUMENTS_MAX];
    size_t lengths[REDIS_ARGUMENTS_MAX];
    char *octets = NULL;
    for (size_t i = 0; i < command->count; i++) {
        words[i] = (const char *)command->words[i].ptr;
        lengths[i] = command->words[i].len;
    }
    int length = redisFormatCommandArgv(&octets, (int)command->count, words, lengths);
    if (length < 0)
        return false;
    buf_add(&redis->unsent, bytes_from(octets, (size_t)length));
    redisFreeCommand(octets);
    return !redis->unsent.failed;
}

enum result redis_call(struct redis *redis, const struct redis_command *command, int64_t deadline,
                       struct redis_reply **reply, struct error *error)
{
    struct call call = {0};
    if (!redis_is_open(redis))
        return error_set(error, TEMP, "%s", redis->reason[0] ? redis->reason : "not connected");
    if (!add_question(redis, command)) {
        redis_break(redis, "too many questions wait to be sent");
        return error_set(error, TEMP, "%s", redis->reason);
    }
    *redis->last = &call;
    redis->last = &call.next;
    fiber_signal_all(&redis->more);
    /* What was asked is asked: whoever asked must learn what came of it. */
    fiber_shield();
    while (!call.ended)
        if (fiber_signal_wait(&call.done, deadline) != 0)
            redis_break(redis, "no answer in time");
    fiber_unshield();
    *reply = call.reply;
    return call.reply ? OK : error_set(error, TEMP, "%s", redis->reason);
}

enum result redis_ask(struct redis *redis, const struct redis_command *command, int64_t deadline,
                      struct redis_reply **reply, struct error *error)
{
    struct redis_reply *found;
    enum result result = redis_call(redis, command, deadline, &found, error);
    if (result != OK)
        return result;
    if (found->kind != REDIS_ERROR) {
        *reply = found;
        return OK;
    }
    error_set(error, TEMP, BYTES_FMT, BYTES_ARG(bytes_first(found->text, REASON_SIZE)));
    redis_reply_free(found);
    return TEMP;
}
