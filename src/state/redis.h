/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * redis: one connection to a Redis server, shared by many fibers.
 *
 * Each asks with redis_call() and waits for its own answer; questions are sent in the order of the calls, many in
 * one packet, and answers come in that order. A call whose deadline passes breaks the connection, since whatever
 * stands behind it in the line is late as well; so does an answer that is malformed, too large or asked for by
 * nobody. A connection that broke stays broken: whoever keeps it closes it and connects again.
 *
 * Everything the server says is treated as hostile: at most REDIS_REPLY_MAX octets and REDIS_ELEMENTS_MAX parts an
 * answer, arrays within arrays to REDIS_DEPTH_MAX.
 */
#ifndef VOUCH_STATE_REDIS_H
#define VOUCH_STATE_REDIS_H

#include "base/bytes.h"
#include "base/ip.h"
#include "base/result.h"

enum { REDIS_REPLY_MAX = 4 << 20, REDIS_ELEMENTS_MAX = 8192, REDIS_DEPTH_MAX = 3, REDIS_ARGUMENTS_MAX = 640 };

enum redis_kind { REDIS_NIL, REDIS_NUMBER, REDIS_TEXT, REDIS_STATUS, REDIS_ERROR, REDIS_ARRAY };

struct redis_reply {
    enum redis_kind kind;
    int64_t number;
    struct bytes text;             /* of TEXT, STATUS and ERROR; belongs to the reply */
    struct redis_reply **elements; /* of an ARRAY; none is NULL once the whole is read */
    size_t count;
};
void redis_reply_free(struct redis_reply *reply); /* NULL is fine */

/* Reads answers out of a stream of octets, for redis.c and the fuzzer. */
struct redis_reading;
struct redis_reading *redis_reading_create(void); /* NULL: out of memory */
void redis_reading_free(struct redis_reading *reading);
/* OK: *reply is the caller's; NONE: more octets are needed; PERM: no answer of Redis, or too large a one. */
enum result redis_reading_next(struct redis_reading *reading, struct redis_reply **reply, struct error *error)
    must_check;
/* False: out of memory, or too much that was not read. */
bool redis_reading_feed(struct redis_reading *reading, struct bytes octets) must_check;

/* The words of a question; slices are the caller's. */
struct redis_command {
    struct bytes words[REDIS_ARGUMENTS_MAX];
    size_t count;
};
void redis_command_begin(struct redis_command *command, const char *name);
void redis_command_add(struct redis_command *command, struct bytes word); /* panics beyond REDIS_ARGUMENTS_MAX */

struct redis_address {
    struct ip ip;
    uint16_t port;
    const char *path; /* NULL: TCP */
};

struct redis;
struct redis *redis_create(const struct redis_address *address); /* NULL: out of memory. Copies nothing. */
/* Closes it, too. Of a fiber, if it was ever opened. NULL is fine. */
void redis_free(struct redis *redis);

/* Connects; only when closed. TEMP: it cannot. */
enum result redis_open(struct redis *redis, int64_t deadline, struct error *error) must_check;
/* Nobody may be in a call. */
void redis_close(struct redis *redis);
bool redis_is_open(const struct redis *redis);
/* Every call fails from now on, those that wait at once. The first reason is kept. */
void redis_break(struct redis *redis, const char *reason);
const char *redis_reason(const struct redis *redis); /* why it broke */
/* Until it is broken, or until redis_stop_waiting(). */
void redis_wait_broken(struct redis *redis);
void redis_stop_waiting(struct redis *redis);

/*
 * Asks, and waits; a fiber's cancellation does not shorten that. OK: *reply (never NULL; it may be an ERROR) is the
 * caller's. TEMP: no answer, and nobody knows whether the question arrived.
 */
enum result redis_call(struct redis *redis, const struct redis_command *command, int64_t deadline,
                       struct redis_reply **reply, struct error *error) must_check;
/* The same, but an answer that is an error is TEMP with its text, and *reply is only set with OK. */
enum result redis_ask(struct redis *redis, const struct redis_command *command, int64_t deadline,
                      struct redis_reply **reply, struct error *error) must_check;

#endif
