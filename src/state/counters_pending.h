/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters_pending: what Redis is owed, beside the counters in LMDB. Nobody else includes it.
 *
 * Two kinds of things. Batches that were sent and not answered are kept as they are with their turn. Changes that
 * were never sent are owed: one record a key, into which each further change is merged, so that an outage of days
 * costs no more than one of minutes. Both are bounded: what is owed beyond PENDING_OWED_MAX keys is dropped and
 * counted (the newest: what was there first has gathered more).
 *
 * Functions with a transaction do their part in it, and `pending` is only right if that is committed: give them a
 * copy, and take it over afterwards.
 */
#ifndef VOUCH_STATE_COUNTERS_PENDING_H
#define VOUCH_STATE_COUNTERS_PENDING_H

#include "base/arena.h"
#include "state/counters_engine.h"

enum { TURN_OWNER_SIZE = 16, PENDING_OWED_MAX = 500000, PENDING_KEPT_MAX = 20000 };

/* Whose and which batch. */
struct counters_turn {
    uint8_t owner[TURN_OWNER_SIZE];
    uint64_t number;
};

struct counters_pending {
    size_t owed, kept; /* keys, batches */
    uint64_t dropped;
};

struct counters_batch {
    struct counters_turn turn;
    struct counter_operation operations[COUNTER_OPERATIONS_MAX];
    size_t count;
};

/* Counts what is there. */
enum result counters_pending_open(struct counters_lmdb *local, struct counters_pending *pending, struct error *error)
    must_check;
/* The operations were done here and are owed. 0 or LMDB's code. */
int counters_pending_owe(struct counters_lmdb *local, MDB_txn *transaction, struct counters_pending *pending,
                         const struct counter_operation *operations, size_t count, int64_t now);
/* They were sent in this turn, and no answer came. */
int counters_pending_keep(struct counters_lmdb *local, MDB_txn *transaction, struct counters_pending *pending,
                          const struct counters_turn *turn, const struct counter_operation *operations, size_t count);

/* The first batch that is kept, its keys in the arena. NONE: there is none. */
enum result counters_pending_next(struct counters_lmdb *local, struct arena *arena, struct counters_batch *batch,
                                  struct error *error) must_check;
/* Makes a batch with this turn, kept, of the first of what is owed (none, if all that expired). NONE: nothing is. */
enum result counters_pending_gather(struct counters_lmdb *local, struct counters_pending *pending,
                                    const struct counters_turn *turn, int64_t now, struct error *error) must_check;
/* The batch was answered: it is not kept any longer. */
enum result counters_pending_settle(struct counters_lmdb *local, struct counters_pending *pending,
                                    const struct counters_turn *turn, struct error *error) must_check;

#endif
