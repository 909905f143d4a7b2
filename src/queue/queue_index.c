/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The items and their index by id: slabs of items that never move, and a table of their numbers with
 * open addressing. The keys are numbers that we gave out ourselves, so that the hash need not be secret.
 */
#include "queue/queue_private.h"

#include "base/ascii.h"

#include <stdlib.h>
#include <string.h>

enum { SLAB_ITEMS = 1024, SLOTS_MIN = 1024, NO_FREE = UINT32_MAX };

static const char id_digits[] = "0123456789abcdfghjklmnpqrstvwxyz";
enum { OWN_ID_LENGTH = 13, ID_DIGIT_BITS = 5 };

/* An id of our own form is a 64-bit number in 13 digits of 5 bits; others are hashed (FNV-1a). */
uint64_t queue_key(struct bytes id, bool *hashed)
{
    uint64_t key = 0;
    *hashed = id.len != OWN_ID_LENGTH;
    for (size_t i = 0; i < id.len && !*hashed; i++) {
        const char *digit = id.ptr[i] ? strchr(id_digits, id.ptr[i]) : NULL;
        if (!digit || (i == 0 && digit - id_digits > 15))
            *hashed = true;
        else
            key = key << ID_DIGIT_BITS | (uint64_t)(digit - id_digits);
    }
    if (!*hashed)
        return key;
    key = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < id.len; i++)
        key = (key ^ id.ptr[i]) * UINT64_C(0x100000001b3);
    return key;
}

bool queue_item_id(const struct queue_item *item, char id[14])
{
    uint64_t key = item->key;
    id[0] = '\0';
    if (item->flags & QUEUE_ITEM_HASHED)
        return false;
    for (int i = OWN_ID_LENGTH - 1; i >= 0; i--, key >>= ID_DIGIT_BITS)
        id[i] = id_digits[key & 31];
    id[OWN_ID_LENGTH] = '\0';
    return true;
}

uint32_t queue_account_hash(struct bytes account)
{
    uint32_t hash = 0x811c9dc5;
    for (size_t i = 0; i < account.len; i++)
        hash = (hash ^ ascii_lower(account.ptr[i])) * 0x01000193;
    return account.len && hash == 0 ? 1 : account.len ? hash : 0;
}

struct queue_item *queue_slot(struct queue *queue, uint32_t number)
{
    return number < queue->item_end ? &queue->slabs[number / SLAB_ITEMS][number % SLAB_ITEMS] : NULL;
}

static uint32_t slot_of(const struct queue *queue, uint64_t key)
{
    key ^= key >> 31;
    key *= UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(key >> 32) & queue->slot_mask;
}

static uint64_t key_in(const struct queue *queue, uint32_t slot)
{
    uint32_t number = queue->slots[slot];
    return queue->slabs[number / SLAB_ITEMS][number % SLAB_ITEMS].key;
}

/* The slot with this key, or the empty one where it would be. */
static uint32_t probe(const struct queue *queue, uint64_t key)
{
    uint32_t slot = slot_of(queue, key);
    while (queue->slots[slot] != QUEUE_NO_ITEM && key_in(queue, slot) != key)
        slot = (slot + 1) & queue->slot_mask;
    return slot;
}

uint32_t queue_index_find(const struct queue *queue, uint64_t key)
{
    return queue->slots ? queue->slots[probe(queue, key)] : QUEUE_NO_ITEM;
}

static bool grow_slots(struct queue *queue)
{
    uint64_t count = queue->slots ? (uint64_t)queue->slot_mask + 1 : 0;
    if (count && (uint64_t)queue->used_slots * 4 < count * 3)
        return true;
    uint64_t more = count ? 2 * count : SLOTS_MIN;
    uint32_t *old = queue->slots, *slots = malloc(more * sizeof(*slots));
    if (!slots)
        return false;
    memset(slots, 0xff, more * sizeof(*slots));
    queue->slots = slots;
    queue->slot_mask = (uint32_t)(more - 1);
    for (uint64_t i = 0; i < count; i++)
        if (old[i] != QUEUE_NO_ITEM)
            slots[probe(queue, queue_slot(queue, old[i])->key)] = old[i];
    free(old);
    return true;
}

static bool grow_slabs(struct queue *queue)
{
    if (queue->item_end / SLAB_ITEMS < queue->slab_count)
        return true;
    if (queue->slab_count == queue->slab_capacity) {
        size_t capacity = queue->slab_capacity ? 2 * queue->slab_capacity : 16;
        struct queue_item **slabs = realloc(queue->slabs, capacity * sizeof(*slabs));
        if (!slabs)
            return false;
        queue->slabs = slabs;
        queue->slab_capacity = capacity;
    }
    struct queue_item *slab = calloc(SLAB_ITEMS, sizeof(*slab));
    if (slab)
        queue->slabs[queue->slab_count++] = slab;
    return slab != NULL;
}

uint32_t queue_index_add(struct queue *queue, uint64_t key)
{
    if (!grow_slots(queue))
        return QUEUE_NO_ITEM;
    uint32_t number = queue->free_item;
    if (number == NO_FREE) {
        if (queue->item_end == QUEUE_NO_ITEM - 1 || !grow_slabs(queue))
            return QUEUE_NO_ITEM;
        number = queue->item_end++;
    } else {
        queue->free_item = (uint32_t)queue_slot(queue, number)->key;
    }
    struct queue_item *item = queue_slot(queue, number);
    *item = (struct queue_item){.key = key};
    queue->slots[probe(queue, key)] = number;
    queue->used_slots++;
    return number;
}

/* Items behind the gap move up when their way from their own slot leads over it: so no marks of what
 * was deleted are needed, and the table never fills with them. */
static void close_gap(struct queue *queue, uint32_t gap)
{
    uint32_t mask = queue->slot_mask;
    for (uint32_t slot = (gap + 1) & mask; queue->slots[slot] != QUEUE_NO_ITEM;
         slot = (slot + 1) & mask) {
        uint32_t home = slot_of(queue, key_in(queue, slot));
        if (((slot - home) & mask) < ((slot - gap) & mask))
            continue;
        queue->slots[gap] = queue->slots[slot];
        gap = slot;
    }
    queue->slots[gap] = QUEUE_NO_ITEM;
}

void queue_index_remove(struct queue *queue, uint32_t number)
{
    struct queue_item *item = queue_slot(queue, number);
    uint32_t slot = probe(queue, item->key);
    require(queue->slots[slot] == number);
    close_gap(queue, slot);
    queue->used_slots--;
    *item = (struct queue_item){.key = queue->free_item};
    queue->free_item = number;
}

void queue_index_free(struct queue *queue)
{
    for (size_t i = 0; i < queue->slab_count; i++)
        free(queue->slabs[i]);
    free(queue->slabs);
    free(queue->slots);
}
