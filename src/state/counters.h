/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters: small numbers with an expiry under octet-string keys, in LMDB: earlier attempts, later
 * greylists, rates and reputation.
 *
 * Updates survive the crash of a process at once, a power loss only after counters_sync(). Functions
 * may block for microseconds (memory map) or, for sync, on the disk. One writer at a time.
 */
#ifndef VOUCH_STATE_COUNTERS_H
#define VOUCH_STATE_COUNTERS_H

#include "base/bytes.h"
#include "base/result.h"

struct counters;

enum { COUNTER_KEY_MAX = 500 };

/* `directory` must exist. `size_max` in octets (the map; sparse). */
enum result counters_open(const char *directory, size_t size_max, struct counters **out,
                          struct error *error) must_check;
void counters_close(struct counters *counters); /* NULL is fine */

/*
 * Adds `delta` to the value of `key` and says in *value what it is now. A key that is absent or expired
 * (expires_at <= now) starts at zero and gets `expires_at` (epoch seconds); one that is alive keeps the
 * expiry that it has. Longer keys than COUNTER_KEY_MAX are hashed by the caller. TEMP on disk trouble.
 */
enum result counters_add(struct counters *counters, struct bytes key, uint64_t delta, int64_t now,
                         int64_t expires_at, uint64_t *value, struct error *error) must_check;
/* OK, or NONE if absent or expired. */
enum result counters_get(struct counters *counters, struct bytes key, int64_t now, uint64_t *value,
                         struct error *error) must_check;
/* Removes expired keys, looking at no more than `most` keys from where the last call stopped. */
enum result counters_expire(struct counters *counters, int64_t now, unsigned most,
                            struct error *error) must_check;
/* How many keys there are, expired ones that were not removed yet among them; 0 on disk trouble. Cheap. */
size_t counters_size(struct counters *counters);
enum result counters_sync(struct counters *counters, struct error *error) must_check;

#endif
