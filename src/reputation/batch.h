/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * batch: operations on counters that are gathered in an arena and then done in one go.
 *
 * Adding gives an index, which stays right when the list grows (pointers into it do not). When memory is out nothing
 * is added, `failed` stays true, and running it is TEMP. Keys are copied; those that are too long for a counter
 * keep their beginning and end in a digest of all of it, so that they can still be listed by prefix.
 */
#ifndef VOUCH_REPUTATION_BATCH_H
#define VOUCH_REPUTATION_BATCH_H

#include "base/arena.h"
#include "state/counters.h"

struct batch {
    struct arena *arena;
    struct counter_operation *operations;
    size_t count, capacity;
    bool failed;
};

struct batch batch_in(struct arena *arena);

/* The key that these parts make, one behind the other; ptr is NULL when memory is out. */
struct bytes batch_key(struct arena *arena, const struct bytes *parts, size_t count);
/* The same with another bound (at least 64): for what becomes part of a key. */
struct bytes batch_key_within(struct arena *arena, const struct bytes *parts, size_t count, size_t most);

/* `key` as batch_key() made it; an empty one fails. */
size_t batch_get(struct batch *batch, struct bytes key);
/* One that is alive lives on until `expires_at`, if that is later. */
size_t batch_add(struct batch *batch, struct bytes key, int64_t delta, int64_t expires_at);
size_t batch_first(struct batch *batch, struct bytes key, int64_t value, int64_t expires_at);
size_t batch_set(struct batch *batch, struct bytes key, int64_t value, int64_t expires_at);
size_t batch_remove(struct batch *batch, struct bytes key);
/* Any other. */
size_t batch_append(struct batch *batch, const struct counter_operation *operation);

/* Never NULL: an operation that found nothing where it failed. */
const struct counter_operation *batch_at(const struct batch *batch, size_t index);

/* Does all of it; more than COUNTER_OPERATIONS_MAX in several runs, each of them as one. */
enum result batch_run(struct batch *batch, struct counters *counters, int64_t now, struct error *error) must_check;

#endif
