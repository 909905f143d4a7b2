/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers of Redis, by the reader of libhiredis. It has no bound of its own on the parts of an array or the length of
 * what it waits for, and makes the parts by functions of the caller: those here, which have. */
#include "state/redis.h"

#include <hiredis/hiredis.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct redis_reading {
    redisReader *reader;
    size_t parts;   /* of the answer that is being read */
    size_t unread;  /* octets that were fed since the last whole answer */
};

void redis_reply_free(struct redis_reply *reply)
{
    if (!reply)
        return;
    for (size_t i = 0; i < reply->count; i++) /* no deeper than REDIS_DEPTH_MAX */
        redis_reply_free(reply->elements[i]);
    free(reply->elements);
    free(reply);
}

static unsigned depth_of(const redisReadTask *task)
{
    unsigned depth = 1;
    while ((task = task->parent) != NULL)
        depth++;
    return depth;
}

/* With room for a text behind it; a part of the array that is being read. NULL: too many, or out of memory. */
static struct redis_reply *make(const redisReadTask *task, size_t text)
{
    struct redis_reading *reading = task->privdata;
    if (reading->parts >= REDIS_ELEMENTS_MAX || depth_of(task) > REDIS_DEPTH_MAX || text > REDIS_REPLY_MAX)
        return NULL;
    struct redis_reply *reply = calloc(1, sizeof(*reply) + text);
    if (!reply)
        return NULL;
    reading->parts++;
    if (task->parent) {
        struct redis_reply *array = task->parent->obj;
        array->elements[task->idx] = reply;
    }
    return reply;
}

static enum redis_kind kind_of(int type)
{
    switch (type) {
    case REDIS_REPLY_ERROR:
        return REDIS_ERROR;
    case REDIS_REPLY_STATUS:
        return REDIS_STATUS;
    default:
        return REDIS_TEXT;
    }
}

static void *make_text(const redisReadTask *task, char *octets, size_t length)
{
    struct redis_reply *reply = make(task, length);
    if (!reply)
        return NULL;
    uint8_t *text = (uint8_t *)(reply + 1);
    if (length)
        memcpy(text, octets, length);
    reply->kind = kind_of(task->type);
    reply->text = bytes_from(text, length);
    return reply;
}

static void *make_array_of(const redisReadTask *task, size_t count)
{
    struct redis_reply *reply = count <= REDIS_ELEMENTS_MAX ? make(task, 0) : NULL;
    if (!reply)
        return NULL;
    reply->kind = REDIS_ARRAY;
    reply->elements = calloc(count ? count : 1, sizeof(struct redis_reply *));
    if (reply->elements) {
        reply->count = count;
        return reply;
    }
    if (task->parent)
        ((struct redis_reply *)task->parent->obj)->elements[task->idx] = NULL;
    free(reply);
    return NULL;
}

static void *make_number(const redisReadTask *task, long long number)
{
    struct redis_reply *reply = make(task, 0);
    if (!reply)
        return NULL;
    reply->kind = REDIS_NUMBER;
    reply->number = number;
    return reply;
}

static void *make_nil(const redisReadTask *task)
{
    struct redis_reply *reply = make(task, 0);
    if (reply)
        reply->kind = REDIS_NIL;
    return reply;
}

static void release(void *reply)
{
    redis_reply_free(reply);
}

#if HIREDIS_MAJOR >= 1
static void *make_array(const redisReadTask *task, size_t count)
{
    return make_array_of(task, count);
}

/* Of the third protocol, which nobody asks for. */
static void *make_double(const redisReadTask *task, double number, char *text, size_t length)
{
    (void)number;
    return make_text(task, text, length);
}

static void *make_bool(const redisReadTask *task, int value)
{
    return make_number(task, value);
}
#else
static void *make_array(const redisReadTask *task, int count)
{
    return count < 0 ? NULL : make_array_of(task, (size_t)count);
}
#endif

static redisReplyObjectFunctions functions = {
    .createString = make_text,
    .createArray = make_array,
    .createInteger = make_number,
    .createNil = make_nil,
    .freeObject = release,
#if HIREDIS_MAJOR >= 1
    .createDouble = make_double,
    .createBool = make_bool,
#endif
};

struct redis_reading *redis_reading_create(void)
{
    struct redis_reading *reading = calloc(1, sizeof(*reading));
    if (!reading)
        return NULL;
    reading->reader = redisReaderCreateWithFunctions(&functions);
    if (!reading->reader) {
        free(reading);
        return NULL;
    }
    reading->reader->privdata = reading;
    return reading;
}

void redis_reading_free(struct redis_reading *reading)
{
    if (!reading)
        return;
    redisReaderFree(reading->reader);
    free(reading);
}

bool redis_reading_feed(struct redis_reading *reading, struct bytes octets)
{
    if (octets.len > REDIS_REPLY_MAX - reading->unread)
        return false;
    reading->unread += octets.len;
    return redisReaderFeed(reading->reader, (const char *)octets.ptr, octets.len) == REDIS_OK;
}

enum result redis_reading_next(struct redis_reading *reading, struct redis_reply **reply, struct error *error)
{
    void *found = NULL;
    if (redisReaderGetReply(reading->reader, &found) != REDIS_OK)
        return error_set(error, PERM, "it says what is no answer, or too much (%s)", reading->reader->errstr);
    if (!found)
        return NONE;
    reading->parts = 0;
    reading->unread = reading->reader->len - reading->reader->pos;
    *reply = found;
    return OK;
}
