/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters_engine: what the files of the counters share. Nobody else includes it.
 *
 * counters.c          the front; what an operation does to a counter
 * counters_lmdb.c     this machine's counters
 * counters_pending.c  what Redis does not have yet, beside them
 * counters_redis.c    counters that Redis keeps, and this machine's as their copy
 * counters_redis_scan.c
 * counters_catch_up.c the connection to Redis, and what it is owed
 * counters_wire.c     questions and answers of Redis
 */
#ifndef VOUCH_STATE_COUNTERS_ENGINE_H
#define VOUCH_STATE_COUNTERS_ENGINE_H

#include "state/counters.h"

#include <lmdb.h>

/* One as LMDB holds it: the value of its key is this struct as it lies in memory. */
struct counter {
    uint64_t value;
    int64_t expires_at;
};

struct counters_lmdb {
    MDB_env *environment;
    MDB_dbi table;
    uint8_t swept[COUNTER_KEY_MAX]; /* where the last expiry stopped */
    size_t swept_len;
};

struct counter_scan {
    struct bytes prefix, after;
    unsigned most;
    int64_t now;
    bool (*each)(void *context, struct bytes key, uint64_t value, int64_t expires_at);
    void *context;
};

struct counters_engine {
    enum result (*run)(struct counters *counters, struct counter_operation *operations, size_t count, int64_t now,
                       struct error *error);
    enum result (*scan)(struct counters *counters, const struct counter_scan *scan, struct error *error);
};

struct counters_shared;

struct counters {
    const struct counters_engine *engine;
    struct counters_lmdb local;
    struct counters_shared *shared; /* NULL: this machine's alone */
};

/* What comes of `operation` where `counter` stands, which becomes what stands there then. `alive` in: whether it
 * was there before; out: whether it is after. With `only_says` nothing is done. False: nothing changed. */
bool counter_apply(struct counter_operation *operation, bool only_says, int64_t now, struct counter *counter,
                   bool *alive);
/* Whether operation `index` is only to say what is there. Those before it were done. */
bool counter_only_says(const struct counter_operation *operations, size_t index);
bool counter_is_change(const struct counter_operation *operation);
bool counters_change(const struct counter_operation *operations, size_t count);
bool counters_exceed(const struct counter_operation *operations, size_t count);

/* Keys of our own beside the counters begin with this, and sort after all of them. */
enum { COUNTERS_OWN = 0xff };

extern const struct counters_engine counters_lmdb_engine, counters_redis_engine;

enum result counters_lmdb_open(struct counters_lmdb *local, const char *directory, size_t size_max,
                               struct error *error) must_check;
void counters_lmdb_close(struct counters_lmdb *local);
enum result counters_lmdb_error(struct error *error, int code, const char *doing);
MDB_val counters_lmdb_key(struct bytes key);
/* In a transaction of the caller's. 0 or LMDB's code. */
int counters_lmdb_apply(struct counters_lmdb *local, MDB_txn *transaction, struct counter_operation *operations,
                        size_t count, int64_t now);
/* What stands under each key becomes what `operations` say came of them. Does nothing where all stands so. */
enum result counters_lmdb_mirror(struct counters_lmdb *local, const struct counter_operation *operations, size_t count,
                                 int64_t now, struct error *error) must_check;
enum result counters_lmdb_expire(struct counters_lmdb *local, int64_t now, unsigned most, struct error *error)
    must_check;
size_t counters_lmdb_size(const struct counters_lmdb *local);

/* Ends the fibers, and frees. */
void counters_shared_close(struct counters_shared *shared);

#endif
