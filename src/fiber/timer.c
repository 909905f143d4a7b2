/* SPDX-License-Identifier: BSD-2-Clause */
#include "fiber/timer.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 64 };

bool timer_heap_reserve(struct timer_heap *heap, size_t count)
{
    if (count < heap->capacity)
        return true;
    size_t capacity = heap->capacity ? heap->capacity * 2 : FIRST_CAPACITY;
    while (capacity <= count)
        capacity *= 2;
    struct timer_entry *entries = reallocarray(heap->entries, capacity, sizeof(*entries));
    if (!entries)
        return false;
    heap->entries = entries;
    heap->capacity = capacity;
    return true;
}

void timer_heap_free(struct timer_heap *heap)
{
    free(heap->entries);
    *heap = (struct timer_heap){0};
}

static bool before(const struct timer_entry *a, const struct timer_entry *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void put(struct timer_heap *heap, size_t place, struct timer_entry entry)
{
    heap->entries[place] = entry;
    entry.timer->place = place;
}

static void rise(struct timer_heap *heap, size_t place, struct timer_entry entry)
{
    while (place > 1 && before(&entry, &heap->entries[place / 2])) {
        put(heap, place, heap->entries[place / 2]);
        place /= 2;
    }
    put(heap, place, entry);
}

static void sink(struct timer_heap *heap, size_t place, struct timer_entry entry)
{
    for (size_t child; (child = place * 2) <= heap->count; place = child) {
        if (child < heap->count && before(&heap->entries[child + 1], &heap->entries[child]))
            child++;
        if (!before(&heap->entries[child], &entry))
            break;
        put(heap, place, heap->entries[child]);
    }
    put(heap, place, entry);
}

void timer_set(struct timer_heap *heap, struct timer *timer, int64_t at)
{
    require(!timer->place && heap->count + 1 < heap->capacity);
    rise(heap, ++heap->count, (struct timer_entry){at, heap->order++, timer});
}

void timer_remove(struct timer_heap *heap, struct timer *timer)
{
    size_t place = timer->place;
    if (!place)
        return;
    timer->place = 0;
    struct timer_entry last = heap->entries[heap->count--];
    if (last.timer == timer)
        return;
    if (place > 1 && before(&last, &heap->entries[place / 2]))
        rise(heap, place, last);
    else
        sink(heap, place, last);
}

int64_t timer_next(const struct timer_heap *heap)
{
    return heap->count ? heap->entries[1].at : INT64_MAX;
}

struct timer *timer_take(struct timer_heap *heap, int64_t now)
{
    if (!heap->count || heap->entries[1].at > now)
        return NULL;
    struct timer *timer = heap->entries[1].timer;
    timer_remove(heap, timer);
    return timer;
}
