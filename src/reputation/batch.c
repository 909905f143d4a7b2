/* SPDX-License-Identifier: BSD-2-Clause */
#include "reputation/batch.h"

#include <openssl/evp.h>
#include <string.h>

enum { KEY_PARTS_MAX = 64 * 1024, DIGEST_USED = 16, TAIL = 1 + DIGEST_USED * 2, FIRST_CAPACITY = 64 };

struct batch batch_in(struct arena *arena)
{
    return (struct batch){.arena = arena};
}

/* The end is replaced by '#' and a digest of the whole, in hexadecimal digits. */
static bool shorten(uint8_t *key, size_t length, size_t most)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_Digest(key, length, digest, &size, EVP_sha256(), NULL) != 1 || size < DIGEST_USED)
        return false;
    uint8_t *tail = key + most - TAIL;
    *tail++ = '#';
    for (size_t i = 0; i < DIGEST_USED; i++) {
        *tail++ = (uint8_t)digits[digest[i] >> 4];
        *tail++ = (uint8_t)digits[digest[i] & 15];
    }
    return true;
}

struct bytes batch_key_within(struct arena *arena, const struct bytes *parts, size_t count, size_t most)
{
    size_t length = 0, at = 0;
    for (size_t i = 0; i < count; i++)
        length += parts[i].len < KEY_PARTS_MAX ? parts[i].len : KEY_PARTS_MAX;
    uint8_t *key = arena_alloc(arena, length);
    if (!key || !length)
        return (struct bytes){NULL, 0};
    for (size_t i = 0; i < count; i++) {
        size_t part = parts[i].len < KEY_PARTS_MAX ? parts[i].len : KEY_PARTS_MAX;
        if (part)
            memcpy(key + at, parts[i].ptr, part);
        at += part;
    }
    if (length <= most)
        return bytes_from(key, length);
    return shorten(key, length, most) ? bytes_from(key, most) : (struct bytes){NULL, 0};
}

struct bytes batch_key(struct arena *arena, const struct bytes *parts, size_t count)
{
    return batch_key_within(arena, parts, count, COUNTER_KEY_MAX);
}

size_t batch_append(struct batch *batch, const struct counter_operation *operation)
{
    if (batch->count == batch->capacity) {
        size_t capacity = batch->capacity ? batch->capacity * 2 : FIRST_CAPACITY;
        struct counter_operation *more = arena_alloc_array(batch->arena, capacity, sizeof(*more));
        if (!more) {
            batch->failed = true;
            return SIZE_MAX;
        }
        if (batch->count)
            memcpy(more, batch->operations, batch->count * sizeof(*more));
        batch->operations = more;
        batch->capacity = capacity;
    }
    if (!operation->key.len || operation->key.len > COUNTER_KEY_MAX) {
        batch->failed = true;
        return SIZE_MAX;
    }
    batch->operations[batch->count] = *operation;
    return batch->count++;
}

size_t batch_get(struct batch *batch, struct bytes key)
{
    return batch_append(batch, &(struct counter_operation){.kind = COUNTER_GET, .key = key});
}

size_t batch_add(struct batch *batch, struct bytes key, int64_t delta, int64_t expires_at)
{
    return batch_append(batch, &(struct counter_operation){.kind = COUNTER_ADD,
                                                           .extend = true,
                                                           .key = key,
                                                           .delta = delta,
                                                           .expires_at = expires_at});
}

size_t batch_first(struct batch *batch, struct bytes key, int64_t value, int64_t expires_at)
{
    return batch_append(batch, &(struct counter_operation){
                                   .kind = COUNTER_FIRST, .key = key, .delta = value, .expires_at = expires_at});
}

size_t batch_set(struct batch *batch, struct bytes key, int64_t value, int64_t expires_at)
{
    return batch_append(batch, &(struct counter_operation){
                                   .kind = COUNTER_SET, .key = key, .delta = value, .expires_at = expires_at});
}

size_t batch_remove(struct batch *batch, struct bytes key)
{
    return batch_append(batch, &(struct counter_operation){.kind = COUNTER_REMOVE, .key = key});
}

const struct counter_operation *batch_at(const struct batch *batch, size_t index)
{
    static const struct counter_operation nothing;
    return index < batch->count ? &batch->operations[index] : &nothing;
}

enum result batch_run(struct batch *batch, struct counters *counters, int64_t now, struct error *error)
{
    if (batch->failed)
        return error_set(error, TEMP, "out of memory");
    for (size_t at = 0; at < batch->count;) {
        size_t count = batch->count - at;
        if (count > COUNTER_OPERATIONS_MAX)
            count = COUNTER_OPERATIONS_MAX;
        /* What hangs on the operation before it stays with it. */
        while (at + count < batch->count && count > 1 && batch->operations[at + count].if_new)
            count--;
        enum result result = counters_run(counters, batch->operations + at, count, now, error);
        if (result != OK)
            return result;
        at += count;
    }
    return OK;
}
