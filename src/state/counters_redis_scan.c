/* SPDX-License-Identifier: BSD-2-Clause */
/* Scans of counters in Redis. It names keys in no order, and some twice: all are looked at, and the first ones kept. */
#include "state/counters_shared.h"

#include "fiber/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCAN_AT_ONCE = 500, SCAN_ROUNDS_MAX = 200000, CURSOR_MAX = 20 };

/* The first keys in order, of more that come in none. */
struct first_keys {
    struct bytes *keys; /* each on the heap */
    size_t count, most;
};

static int compare_keys(const void *a, const void *b)
{
    return bytes_compare(*(const struct bytes *)a, *(const struct bytes *)b);
}

static void free_keys(struct first_keys *first, size_t from)
{
    for (size_t i = from; i < first->count; i++)
        free((void *)(uintptr_t)first->keys[i].ptr);
    first->count = from < first->count ? from : first->count;
}

/* SCAN may name a key twice. */
static void trim_keys(struct first_keys *first)
{
    size_t kept = 0;
    qsort(first->keys, first->count, sizeof(*first->keys), compare_keys);
    for (size_t i = 0; i < first->count; i++) {
        if (kept && bytes_equal(first->keys[kept - 1], first->keys[i]))
            free((void *)(uintptr_t)first->keys[i].ptr);
        else
            first->keys[kept++] = first->keys[i];
    }
    first->count = kept;
    free_keys(first, first->most);
}

static bool add_key(struct first_keys *first, struct bytes key)
{
    if (first->count == 2 * first->most)
        trim_keys(first);
    uint8_t *copy = malloc(key.len);
    if (!copy)
        return false;
    memcpy(copy, key.ptr, key.len);
    first->keys[first->count++] = bytes_from(copy, key.len);
    return true;
}

static bool take_keys(const struct counters_shared *shared, const struct counter_scan *scan,
                      const struct redis_reply *list, struct first_keys *first)
{
    for (size_t i = 0; i < list->count; i++) {
        struct bytes key;
        if (list->elements[i]->kind != REDIS_TEXT)
            return false;
        if (counters_wire_key(shared, list->elements[i]->text, &key) && bytes_starts_with(key, scan->prefix) &&
            (!scan->after.len || bytes_compare(key, scan->after) > 0) && !add_key(first, key))
            return false;
    }
    return true;
}

/* One question; the cursor "0" again: that was all. */
static enum result scan_step(struct counters_shared *shared, const struct counter_scan *scan, struct bytes pattern,
                             char cursor[CURSOR_MAX + 1], struct first_keys *first)
{
    struct redis_command command;
    struct redis_reply *reply;
    char most[16];
    snprintf(most, sizeof(most), "%d", SCAN_AT_ONCE);
    redis_command_begin(&command, "SCAN");
    redis_command_add(&command, bytes_of(cursor));
    redis_command_add(&command, BYTES("MATCH"));
    redis_command_add(&command, pattern);
    redis_command_add(&command, BYTES("COUNT"));
    redis_command_add(&command, bytes_of(most));
    if (redis_ask(shared->redis, &command, loop_deadline(shared->timeout), &reply, NULL) != OK)
        return TEMP;
    bool fine = reply->kind == REDIS_ARRAY && reply->count == 2 && reply->elements[0]->kind == REDIS_TEXT &&
                reply->elements[1]->kind == REDIS_ARRAY &&
                bytes_to_cstring(reply->elements[0]->text, cursor, CURSOR_MAX + 1) &&
                take_keys(shared, scan, reply->elements[1], first);
    redis_reply_free(reply);
    return fine ? OK : TEMP;
}

static enum result scan_keys(struct counters_shared *shared, const struct counter_scan *scan, struct first_keys *first)
{
    char cursor[CURSOR_MAX + 1] = "0";
    struct buf pattern;
    enum result result = OK;
    buf_init(&pattern, 4096);
    counters_wire_pattern(shared, scan->prefix, &pattern);
    bool more = !pattern.failed;
    for (unsigned i = 0; more && result == OK; i++) {
        result = i < SCAN_ROUNDS_MAX && !fiber_is_cancelled()
                     ? scan_step(shared, scan, buf_bytes(&pattern), cursor, first)
                     : TEMP;
        more = strcmp(cursor, "0") != 0;
    }
    buf_free(&pattern);
    return result;
}

/* What is told, and how much of it. */
struct telling {
    const struct counter_scan *scan;
    unsigned told;
    bool enough;
};

static void tell(struct telling *telling, const struct counter_operation *operations, size_t count)
{
    const struct counter_scan *scan = telling->scan;
    for (size_t i = 0; i < count && !telling->enough; i++) {
        const struct counter_operation *operation = &operations[i];
        if (operation->found)
            telling->enough = !scan->each(scan->context, operation->key, operation->value, operation->ends_at) ||
                              ++telling->told == scan->most;
    }
}

/* Their values, in batches. */
static enum result tell_keys(struct counters_shared *shared, const struct first_keys *first, struct telling *telling,
                             struct error *error)
{
    for (size_t from = 0; from < first->count && !telling->enough; from += COUNTER_OPERATIONS_MAX) {
        struct counter_operation operations[COUNTER_OPERATIONS_MAX];
        size_t count = first->count - from < COUNTER_OPERATIONS_MAX ? first->count - from : COUNTER_OPERATIONS_MAX;
        for (size_t i = 0; i < count; i++)
            operations[i] = (struct counter_operation){.kind = COUNTER_GET, .key = first->keys[from + i]};
        enum result result = counters_redis_engine.run(shared->counters, operations, count, telling->scan->now, error);
        if (result != OK)
            return result;
        tell(telling, operations, count);
    }
    return OK;
}

/* Again and again, as some of the first keys may have expired. */
static enum result scan_all(struct counters_shared *shared, const struct counter_scan *scan, struct first_keys *first,
                            struct error *error)
{
    struct telling telling = {.scan = scan};
    uint8_t last[COUNTER_KEY_MAX];
    struct counter_scan rest = *scan;
    for (bool more = true; more && !telling.enough;) {
        if (scan_keys(shared, &rest, first) != OK) {
            rest.most = scan->most - telling.told;
            return counters_lmdb_engine.scan(shared->counters, &rest, error);
        }
        trim_keys(first);
        enum result result = tell_keys(shared, first, &telling, error);
        if (result != OK)
            return result;
        more = first->count == first->most;
        if (more) {
            struct bytes key = first->keys[first->count - 1];
            memcpy(last, key.ptr, key.len);
            rest.after = bytes_from(last, key.len);
        }
        free_keys(first, 0);
    }
    return OK;
}

enum result counters_redis_scan(struct counters *counters, const struct counter_scan *scan, struct error *error)
{
    struct counters_shared *shared = counters->shared;
    struct first_keys first = {.most = scan->most};
    if (!shared->up || !redis_is_open(shared->redis))
        return counters_lmdb_engine.scan(counters, scan, error);
    first.keys = calloc(2 * (size_t)scan->most, sizeof(*first.keys));
    if (!first.keys)
        return error_set(error, TEMP, "counters: out of memory");
    shared->asking++;
    enum result result = scan_all(shared, scan, &first, error);
    if (--shared->asking == 0)
        fiber_signal_all(&shared->answered);
    free_keys(&first, 0);
    free(first.keys);
    return result;
}
