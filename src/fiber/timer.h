/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer: moments at which waiting fibers give up, in a binary heap.
 *
 * Private to src/fiber. A timer is embedded in what waits and knows its place in the heap, so that
 * setting and removing cost O(log n). Timers of the same moment ring in the order they were set.
 * Room is reserved when a fiber is made: setting a timer never fails.
 */
#ifndef VOUCH_FIBER_TIMER_H
#define VOUCH_FIBER_TIMER_H

#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer {
    size_t place; /* in the heap, from 1; 0: not set */
};

struct timer_entry {
    int64_t at;
    uint64_t order;
    struct timer *timer;
};

/* A zeroed struct is valid. */
struct timer_heap {
    struct timer_entry *entries; /* [0] is unused */
    size_t count, capacity;
    uint64_t order;
};

bool timer_heap_reserve(struct timer_heap *heap, size_t count) must_check;
void timer_heap_free(struct timer_heap *heap);

/* The timer must not be set. */
void timer_set(struct timer_heap *heap, struct timer *timer, int64_t at);
/* Fine if it is not set. */
void timer_remove(struct timer_heap *heap, struct timer *timer);

/* The earliest moment, or INT64_MAX. */
int64_t timer_next(const struct timer_heap *heap);
/* Takes the earliest timer out if its moment is not after `now`; else NULL. */
struct timer *timer_take(struct timer_heap *heap, int64_t now);

#endif
