/* SPDX-License-Identifier: BSD-2-Clause */
/* The destinations of the scheduler: their slab, the table of their names, rings and timers. */
#include "queue/schedule_private.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

struct destination *destination_at(const struct schedule *schedule, uint32_t index)
{
    struct destination *chunk = schedule->destinations.chunks[index / DESTINATION_CHUNK];
    return &chunk[index % DESTINATION_CHUNK];
}

/* Names */

static bool is_named(const struct destination *destination, struct bytes name)
{
    return destination->name[0] == name.len &&
           (name.len == 0 || memcmp(destination->name + 1, name.ptr, name.len) == 0);
}

uint32_t destination_find(const struct schedule *schedule, struct bytes name)
{
    if (!schedule->table_size)
        return SCHEDULE_NONE;
    uint32_t hash = (uint32_t)map_hash(name);
    for (size_t i = hash;; i++) {
        uint32_t index = schedule->table[i & (schedule->table_size - 1)];
        if (index == SCHEDULE_NONE)
            return SCHEDULE_NONE;
        const struct destination *destination = destination_at(schedule, index);
        if (destination->hash == hash && is_named(destination, name))
            return index;
    }
}

static void enter(struct schedule *schedule, uint32_t index)
{
    size_t mask = schedule->table_size - 1, i = destination_at(schedule, index)->hash & mask;
    while (schedule->table[i] != SCHEDULE_NONE)
        i = (i + 1) & mask;
    schedule->table[i] = index;
}

static bool make_room_in_table(struct schedule *schedule)
{
    if ((schedule->destination_count + 1) * 4 <= schedule->table_size * 3)
        return true;
    size_t size = schedule->table_size ? schedule->table_size * 2 : 64;
    uint32_t *table = malloc(size * sizeof(*table)), *old = schedule->table;
    size_t old_size = schedule->table_size;
    if (!table)
        return false;
    memset(table, 0xff, size * sizeof(*table));
    schedule->table = table;
    schedule->table_size = size;
    for (size_t i = 0; i < old_size; i++)
        if (old[i] != SCHEDULE_NONE)
            enter(schedule, old[i]);
    free(old);
    return true;
}

static bool make_room_for_timer(struct schedule *schedule)
{
    if (schedule->destination_count + 1 < schedule->timer_capacity)
        return true;
    size_t capacity = schedule->timer_capacity ? schedule->timer_capacity * 2 : 64;
    uint32_t *timers = realloc(schedule->timers, capacity * sizeof(*timers));
    if (!timers)
        return false;
    schedule->timers = timers;
    schedule->timer_capacity = capacity;
    return true;
}

/* Linear probing without tombstones: what follows moves up. */
static void leave_table(struct schedule *schedule, uint32_t index)
{
    size_t mask = schedule->table_size - 1, hole = destination_at(schedule, index)->hash & mask;
    while (schedule->table[hole] != index)
        hole = (hole + 1) & mask;
    for (size_t i = (hole + 1) & mask; schedule->table[i] != SCHEDULE_NONE; i = (i + 1) & mask) {
        size_t home = destination_at(schedule, schedule->table[i])->hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            schedule->table[hole] = schedule->table[i];
            hole = i;
        }
    }
    schedule->table[hole] = SCHEDULE_NONE;
}

static uint32_t take_slot(struct schedule *schedule)
{
    struct slab *slab = &schedule->destinations;
    uint32_t index = slab->free;
    if (index != SCHEDULE_NONE) {
        slab->free = destination_at(schedule, index)->first;
        return index;
    }
    if (!slab_reach(slab, slab->used / DESTINATION_CHUNK,
                    DESTINATION_CHUNK * sizeof(struct destination)))
        return SCHEDULE_NONE;
    return slab->used++;
}

uint32_t destination_make(struct schedule *schedule, struct bytes name)
{
    uint8_t *copy = name.len <= SCHEDULE_NAME_MAX ? malloc(1 + name.len) : NULL;
    uint32_t index = copy && make_room_in_table(schedule) && make_room_for_timer(schedule)
                         ? take_slot(schedule)
                         : SCHEDULE_NONE;
    if (index == SCHEDULE_NONE) {
        free(copy);
        return SCHEDULE_NONE;
    }
    copy[0] = (uint8_t)name.len;
    if (name.len)
        memcpy(copy + 1, name.ptr, name.len);
    *destination_at(schedule, index) = (struct destination){.name = copy,
                                                            .hash = (uint32_t)map_hash(name),
                                                            .first = SCHEDULE_NONE,
                                                            .last = SCHEDULE_NONE,
                                                            .put_off = SCHEDULE_NONE};
    enter(schedule, index);
    schedule->destination_count++;
    schedule->name_octets += 1 + name.len;
    return index;
}

void destination_free(struct schedule *schedule, uint32_t index)
{
    struct destination *destination = destination_at(schedule, index);
    leave_table(schedule, index);
    schedule->name_octets -= 1 + (size_t)destination->name[0];
    free(destination->name);
    destination->name = NULL;
    destination->first = schedule->destinations.free;
    schedule->destinations.free = index;
    schedule->destination_count--;
}

void destinations_destroy(struct schedule *schedule)
{
    for (uint32_t i = 0; i < schedule->destinations.used; i++)
        free(destination_at(schedule, i)->name);
    slab_destroy(&schedule->destinations);
    free(schedule->table);
    free(schedule->timers);
}

/* Rings */

void ring_join(struct schedule *schedule, uint32_t index, enum ring_kind ring)
{
    struct destination *destination = destination_at(schedule, index);
    if (destination->ring == ring)
        return;
    ring_leave(schedule, index);
    destination->ring = (uint8_t)ring;
    uint32_t first = schedule->rings[ring];
    if (first == SCHEDULE_NONE) {
        destination->ring_next = destination->ring_previous = index;
        schedule->rings[ring] = index;
        return;
    }
    /* Before the one whose turn it is: the last. */
    uint32_t last = destination_at(schedule, first)->ring_previous;
    destination->ring_next = first;
    destination->ring_previous = last;
    destination_at(schedule, last)->ring_next = index;
    destination_at(schedule, first)->ring_previous = index;
}

void ring_leave(struct schedule *schedule, uint32_t index)
{
    struct destination *destination = destination_at(schedule, index);
    if (destination->ring == RING_NONE)
        return;
    uint32_t *turn = &schedule->rings[destination->ring];
    if (destination->ring_next == index) {
        *turn = SCHEDULE_NONE;
    } else {
        destination_at(schedule, destination->ring_previous)->ring_next = destination->ring_next;
        destination_at(schedule, destination->ring_next)->ring_previous = destination->ring_previous;
        if (*turn == index)
            *turn = destination->ring_next;
    }
    destination->ring = RING_NONE;
}

/* Timers: a binary heap */

static int64_t wake_of(const struct schedule *schedule, size_t place)
{
    return destination_at(schedule, schedule->timers[place])->wake_at;
}

static void place_timer(struct schedule *schedule, size_t place, uint32_t index)
{
    schedule->timers[place] = index;
    destination_at(schedule, index)->timer = (uint32_t)place;
}

static void sift(struct schedule *schedule, size_t place, uint32_t index)
{
    int64_t at = destination_at(schedule, index)->wake_at;
    for (; place > 1 && wake_of(schedule, place / 2) > at; place /= 2)
        place_timer(schedule, place, schedule->timers[place / 2]);
    for (size_t child; (child = place * 2) <= schedule->timer_count; place = child) {
        if (child < schedule->timer_count && wake_of(schedule, child + 1) < wake_of(schedule, child))
            child++;
        if (wake_of(schedule, child) >= at)
            break;
        place_timer(schedule, place, schedule->timers[child]);
    }
    place_timer(schedule, place, index);
}

void timer_put(struct schedule *schedule, uint32_t index, int64_t at)
{
    struct destination *destination = destination_at(schedule, index);
    if (destination->timer && destination->wake_at == at)
        return;
    destination->wake_at = at;
    sift(schedule, destination->timer ? destination->timer : ++schedule->timer_count, index);
}

void timer_drop(struct schedule *schedule, uint32_t index)
{
    struct destination *destination = destination_at(schedule, index);
    size_t place = destination->timer;
    if (!place)
        return;
    destination->timer = 0;
    uint32_t last = schedule->timers[schedule->timer_count--];
    if (last != index)
        sift(schedule, place, last);
}
