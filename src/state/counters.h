/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters: small numbers with an expiry under octet-string keys: earlier attempts, greylists, rates,
 * history and contacts.
 *
 * In LMDB, which is this machine's alone, or in a Redis that several gateways share (counters_share). While that
 * one is away each gateway goes on with what it knows, keeps what it counted in LMDB, and adds it once Redis is
 * back (counters_redis.c says how often at most). Callers see no difference but one: with Redis the functions
 * below that say so may wait as a fiber, at most for the timeout, so other fibers run meanwhile; what must not
 * be torn apart belongs in one counters_run().
 *
 * Updates survive the crash of a process at once, a power loss only after counters_sync(). Functions may block
 * for microseconds (memory map) or, for sync, on the disk. One process at a time writes to a folder.
 * Keys: 1 to COUNTER_KEY_MAX octets, the first not 0xff; longer ones are hashed by the caller.
 */
#ifndef VOUCH_STATE_COUNTERS_H
#define VOUCH_STATE_COUNTERS_H

#include "base/bytes.h"
#include "base/ip.h"
#include "base/result.h"

struct counters;

enum { COUNTER_KEY_MAX = 500, COUNTER_OPERATIONS_MAX = 256, COUNTER_SCAN_MAX = 10000 };
/* Values saturate here, and at zero. */
#define COUNTER_VALUE_MAX ((INT64_C(1) << 53) - 1)

/* `directory` must exist. `size_max` in octets (the map; sparse). PERM: the file is damaged. */
enum result counters_open(const char *directory, size_t size_max, struct counters **out,
                          struct error *error) must_check;
/* Within the fiber that may wait for the end of the connection, if shared. NULL is fine. */
void counters_close(struct counters *counters);

enum counter_operation_kind {
    COUNTER_GET,    /* only says */
    COUNTER_ADD,    /* adds `delta`, which may be negative; an absent one starts at 0 */
    COUNTER_FIRST,  /* gives it the value `delta` if it is absent, and says the value that it has */
    COUNTER_SET,    /* gives it the value `delta` and the expiry, whatever was there */
    COUNTER_REMOVE,
    COUNTER_OPERATION_KINDS
};

/* Absent: never written, removed, or expired (expires_at <= now). */
struct counter_operation {
    enum counter_operation_kind kind;
    /* Done only if the key of the operation before this one in the array was absent when that one came to it; else
     * this one only says, as GET does. So [FIRST member, ADD set if_new] counts different members. */
    bool if_new;
    bool extend;           /* ADD: one that is alive gets the later of its expiry and `expires_at`; else keeps its */
    struct bytes key;
    int64_t delta;
    int64_t expires_at;    /* epoch seconds, of what is new or set */
    uint64_t most;         /* 0: no limit; see counters_run() */
    /* What came of it: */
    bool found;            /* it was there before */
    uint64_t value;        /* after it; 0 when absent then (REMOVE: what it was) */
    int64_t ends_at;       /* its expiry after it; 0 when absent then */
};

/*
 * Does all operations in their order, each seeing what those before it did, as one: nobody sees half of them, and
 * after a crash there are all or none. At most COUNTER_OPERATIONS_MAX.
 * NONE: an operation would come to more than its `most`. Then nothing was done at all, and `value` says what each
 * would have come to.
 * TEMP: trouble with the disk; nothing was done. With Redis it may wait; Redis away is no error.
 */
enum result counters_run(struct counters *counters, struct counter_operation *operations, size_t count, int64_t now,
                         struct error *error) must_check;

/* The same, but for what is this machine's alone: not shared in any case, and never waits. Its keys are no other
 * function's but counters_expire()'s. */
enum result counters_run_here(struct counters *counters, struct counter_operation *operations, size_t count,
                              int64_t now, struct error *error) must_check;

/*
 * Calls `each` for no more than `most` (at most COUNTER_SCAN_MAX) keys that begin with `prefix`, sort after `after`
 * (empty: from the first) and are alive, in the order of their octets, until it returns false. `each` must not wait
 * nor call functions of counters; the key is valid during the call. For commands of an administrator: with Redis
 * each call looks at all keys that Redis has, and may wait often.
 */
enum result counters_scan(struct counters *counters, struct bytes prefix, struct bytes after, unsigned most,
                          int64_t now,
                          bool (*each)(void *context, struct bytes key, uint64_t value, int64_t expires_at),
                          void *context, struct error *error) must_check;

/* counters_run() with one ADD, or GET: OK, or NONE if absent. With Redis they may wait. */
enum result counters_add(struct counters *counters, struct bytes key, uint64_t delta, int64_t now,
                         int64_t expires_at, uint64_t *value, struct error *error) must_check;
enum result counters_get(struct counters *counters, struct bytes key, int64_t now, uint64_t *value,
                         struct error *error) must_check;

/* Removes expired keys of this machine, looking at no more than `most` keys from where the last call stopped. */
enum result counters_expire(struct counters *counters, int64_t now, unsigned most,
                            struct error *error) must_check;
/* How many keys this machine has, expired ones that were not removed yet among them; 0 on disk trouble. Cheap. */
size_t counters_size(struct counters *counters);
/* May run on another thread than the rest. */
enum result counters_sync(struct counters *counters, struct error *error) must_check;

/* Shared with other gateways, in Redis. */

struct counters_redis_options {
    struct ip ip;
    uint16_t port;
    const char *path;      /* of a Unix socket; NULL: TCP */
    struct bytes user;     /* empty: the default one */
    struct bytes password; /* empty: none */
    struct bytes prefix;   /* of all keys */
    int64_t timeout;       /* microseconds that a question may take; then this machine answers it */
};

/* Before the first use. Copies what it needs; connects to nothing yet. TEMP: out of memory, or the disk. */
enum result counters_share(struct counters *counters, const struct counters_redis_options *options,
                           struct error *error) must_check;
/* Starts the fibers that keep the connection: in the role's loop, once the sandbox is closed. Nothing happens where
 * counters are not shared. */
void counters_start(struct counters *counters);

struct counters_status {
    bool shared;           /* a Redis is configured */
    bool up;               /* … and answers, and has all that was owed to it */
    uint64_t lost;         /* how often it was lost since the start */
    uint64_t local;        /* questions that this machine answered instead since then */
    uint64_t caught_up;    /* keys whose changes were added afterwards */
    uint64_t dropped;      /* keys whose changes were given up, as there were too many */
    size_t owed;           /* keys with changes that Redis does not have yet */
};
struct counters_status counters_status(const struct counters *counters);

#endif
