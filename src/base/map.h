/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * map: octet string -> pointer, hashed with SipHash-1-3 under a random key.
 *
 * Peers choose many of our keys (domain names, addresses), so the hash must not be predictable.
 * Keys are copied, values belong to the caller. Insertion fails only when memory is out.
 */
#ifndef VOUCH_BASE_MAP_H
#define VOUCH_BASE_MAP_H

#include "base/bytes.h"
#include "base/result.h"

struct map;

struct map *map_create(void); /* NULL when memory is out */
/* `release` (may be NULL) is called for each value left. NULL map is fine. */
void map_destroy(struct map *map, void (*release)(void *));

void *map_get(const struct map *map, struct bytes key); /* NULL if absent */
/* Inserts or replaces; the value replaced (or NULL) comes back in *old (which may be NULL). */
bool map_put(struct map *map, struct bytes key, void *value, void **old) must_check;
void *map_remove(struct map *map, struct bytes key); /* the value, or NULL */
size_t map_count(const struct map *map);

/* Iteration, in no order: size_t i = 0; while (map_next(map, &i, &key, &value)). The current entry
 * may be removed during it; nothing may be inserted. */
bool map_next(const struct map *map, size_t *position, struct bytes *key, void **value);

/* SipHash-1-3 of `data` under a key drawn once per process. */
uint64_t map_hash(struct bytes data);

#endif
