/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/map.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/*
 * Open addressing with linear probing; a removed entry leaves a tombstone until the next growth.
 * A slot is free when key is NULL and value is NULL, a tombstone when only the key is NULL.
 */
struct slot {
    uint8_t *key;
    size_t key_len;
    uint64_t hash;
    void *value;
};

struct map {
    struct slot *slots;
    size_t capacity; /* a power of two */
    size_t count;
    size_t occupied; /* count and tombstones */
};

static uint8_t tombstone;

static inline uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1], v[1] = rotate(v[1], 13), v[1] ^= v[0], v[0] = rotate(v[0], 32);
    v[2] += v[3], v[3] = rotate(v[3], 16), v[3] ^= v[2];
    v[0] += v[3], v[3] = rotate(v[3], 21), v[3] ^= v[0];
    v[2] += v[1], v[1] = rotate(v[1], 17), v[1] ^= v[2], v[2] = rotate(v[2], 32);
}

uint64_t map_hash(struct bytes data)
{
    static uint64_t key[2];
    static bool keyed;
    if (!keyed) {
        if (getrandom(key, sizeof(key), 0) != sizeof(key))
            panic("getrandom failed");
        keyed = true;
    }
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
                     key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
    size_t whole = data.len / 8;
    for (size_t i = 0; i < whole; i++) {
        uint64_t m;
        memcpy(&m, data.ptr + i * 8, 8);
        v[3] ^= m;
        sip_round(v);
        v[0] ^= m;
    }
    uint64_t last = (uint64_t)data.len << 56;
    if (data.len % 8)
        memcpy(&last, data.ptr + whole * 8, data.len % 8);
    last |= (uint64_t)data.len << 56;
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct map *map_create(void)
{
    struct map *map = calloc(1, sizeof(*map));
    if (!map)
        return NULL;
    map->capacity = 8;
    map->slots = calloc(map->capacity, sizeof(*map->slots));
    if (!map->slots) {
        free(map);
        return NULL;
    }
    return map;
}

void map_destroy(struct map *map, void (*release)(void *))
{
    if (!map)
        return;
    for (size_t i = 0; i < map->capacity; i++) {
        if (!map->slots[i].key)
            continue;
        if (release)
            release(map->slots[i].value);
        free(map->slots[i].key);
    }
    free(map->slots);
    free(map);
}

static struct slot *find(const struct map *map, struct bytes key, uint64_t hash)
{
    for (size_t i = hash & (map->capacity - 1);; i = (i + 1) & (map->capacity - 1)) {
        struct slot *slot = &map->slots[i];
        if (!slot->key && !slot->value)
            return NULL;
        if (slot->key && slot->hash == hash && slot->key_len == key.len &&
            memcmp(slot->key, key.ptr ? key.ptr : slot->key, key.len) == 0)
            return slot;
    }
}

void *map_get(const struct map *map, struct bytes key)
{
    struct slot *slot = find(map, key, map_hash(key));
    return slot ? slot->value : NULL;
}

static struct slot *free_slot(struct slot *slots, size_t capacity, uint64_t hash)
{
    size_t i = hash & (capacity - 1);
    while (slots[i].key)
        i = (i + 1) & (capacity - 1);
    return &slots[i];
}

static bool make_room(struct map *map)
{
    if ((map->occupied + 1) * 4 <= map->capacity * 3)
        return true;
    size_t capacity = map->count * 2 >= map->capacity ? map->capacity * 2 : map->capacity;
    struct slot *slots = calloc(capacity, sizeof(*slots));
    if (!slots)
        return false;
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].key)
            *free_slot(slots, capacity, map->slots[i].hash) = map->slots[i];
    free(map->slots);
    map->slots = slots;
    map->capacity = capacity;
    map->occupied = map->count;
    return true;
}

bool map_put(struct map *map, struct bytes key, void *value, void **old)
{
    uint64_t hash = map_hash(key);
    struct slot *slot = find(map, key, hash);
    if (old)
        *old = slot ? slot->value : NULL;
    if (slot) {
        slot->value = value;
        return true;
    }
    if (!make_room(map))
        return false;
    uint8_t *copy = malloc(key.len + 1);
    if (!copy)
        return false;
    if (key.len)
        memcpy(copy, key.ptr, key.len);
    slot = free_slot(map->slots, map->capacity, hash);
    if (slot->value != &tombstone)
        map->occupied++;
    *slot = (struct slot){copy, key.len, hash, value};
    map->count++;
    return true;
}

void *map_remove(struct map *map, struct bytes key)
{
    struct slot *slot = find(map, key, map_hash(key));
    if (!slot)
        return NULL;
    void *value = slot->value;
    free(slot->key);
    *slot = (struct slot){.value = &tombstone};
    map->count--;
    return value;
}

size_t map_count(const struct map *map)
{
    return map->count;
}

bool map_next(const struct map *map, size_t *position, struct bytes *key, void **value)
{
    for (; *position < map->capacity; ++*position) {
        struct slot *slot = &map->slots[*position];
        if (!slot->key)
            continue;
        *key = bytes_from(slot->key, slot->key_len);
        *value = slot->value;
        ++*position;
        return true;
    }
    return false;
}
