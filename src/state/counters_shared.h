/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters_shared: what the files of counters in Redis share. Nobody else includes it.
 *
 * EXACTLY ONCE. A batch that changes something carries the name of this process (drawn at its start) and its turn,
 * which rises. The script in Redis does it only if the turn is higher than the last one that it did for that name,
 * and remembers the turn in the same step. When a connection breaks, nobody knows which of the batches under way
 * were done; each is kept with its turn (in LMDB, in the transaction that does it to the copy here), and sent again,
 * in order, before anything new. Whichever of its two arrivals comes first is done, the other is not, however late it
 * comes; and as a Redis that restarts from an older file has the older turn with the older numbers, it takes just
 * what it lacks of these. What is counted while Redis is away was never sent; it is added up key by key and becomes
 * a batch with a turn of its own when it is sent.
 *
 * What is left: if this process dies between question and answer (a timeout at most) that batch is not sent again.
 * And a batch with a limit whose answer did not come in time is decided by what this machine knows: one that it
 * refuses may have been counted by Redis all the same.
 */
#ifndef VOUCH_STATE_COUNTERS_SHARED_H
#define VOUCH_STATE_COUNTERS_SHARED_H

#include "fiber/group.h"
#include "fiber/sync.h"
#include "state/counters_engine.h"
#include "state/counters_pending.h"
#include "state/redis.h"

enum { SCRIPT_NAME_SIZE = 40 }; /* SHA-1 in hex */

struct counters_shared {
    struct counters *counters;
    struct redis *redis;
    char *path;
    struct bytes user, password, prefix; /* of our own */
    char place[80];              /* for the log */
    int64_t timeout;
    char script[SCRIPT_NAME_SIZE + 1];
    struct counters_turn turn;   /* of the batch that was sent last */
    struct counters_pending pending;
    struct counters_status status;
    struct fiber_group group;
    struct fiber_signal stop, answered;
    size_t asking;               /* fibers that wait for an answer, or write down that none came */
    bool started, up, stopping;
    bool mirror_failed;          /* said once */
};

/* counters_wire.c */

extern const char counters_script[];

enum wire_outcome {
    WIRE_DONE,
    WIRE_EXCEEDS, /* a limit: nothing was done */
    WIRE_AGAIN    /* it was done before: says nothing of the values */
};

/* The question for a batch; turn->number 0: it changes nothing. `storage` holds its words. False: out of memory. */
bool counters_wire_ask(const struct counters_shared *shared, const struct counters_turn *turn,
                       const struct counter_operation *operations, size_t count, int64_t now, struct buf *storage,
                       struct redis_command *command) must_check;
/* Reads the answer into the operations. False: it is none. */
bool counters_wire_read(const struct redis_reply *reply, struct counter_operation *operations, size_t count,
                        enum wire_outcome *outcome) must_check;
/* "prefix*", as SCAN has patterns. */
void counters_wire_pattern(const struct counters_shared *shared, struct bytes prefix, struct buf *out);
/* A key of Redis as a key of ours; false: it is none. */
bool counters_wire_key(const struct counters_shared *shared, struct bytes name, struct bytes *key);

/* Does a batch in Redis; called by a fiber that may wait. *refused: TEMP because Redis said that it does not do it;
 * else it may have been done. */
enum result counters_shared_ask(struct counters_shared *shared, const struct counters_turn *turn,
                                struct counter_operation *operations, size_t count, int64_t now, int64_t deadline,
                                enum wire_outcome *outcome, bool *refused, struct error *error) must_check;
/* The copy here follows what Redis said. */
void counters_shared_mirror(struct counters_shared *shared, const struct counter_operation *operations, size_t count,
                            int64_t now);

enum result counters_redis_scan(struct counters *counters, const struct counter_scan *scan, struct error *error)
    must_check;

/* counters_catch_up.c: the fiber that keeps the connection. */
void counters_keep_connected(void *shared);

#endif
