/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop: one thread's event loop; fibers run on it.
 *
 * epoll (every descriptor registered once, edge-triggered in and out), a timer heap, an eventfd for
 * the worker pool, and a clock that can be faked. A thread has at most one loop; the functions
 * below that take none speak of the current thread's. Everything in src/fiber is single-threaded
 * except the inside of an offloaded function.
 */
#ifndef VOUCH_FIBER_LOOP_H
#define VOUCH_FIBER_LOOP_H

#include "base/clock.h"
#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>

struct loop;

struct loop_options {
    /* Fake clock: time stands still while any fiber can run, any descriptor is ready or any
     * offloaded job is under way; then it jumps to the next timer. */
    bool fake_clock;
    int64_t fake_epoch; /* seconds since 1970 at which the fake clock starts */
    unsigned workers;   /* threads of the pool, started at once (before any sandbox); 0: offload()
                           runs the function inline */
    size_t fiber_max;   /* most fibers alive at once; 0: 16384 */
};

/* NULL when the system refuses (memory, descriptors). Becomes the current thread's loop. */
struct loop *loop_create(const struct loop_options *options);
/* All fibers must have ended. */
void loop_destroy(struct loop *loop);

/* Runs `main` as the first fiber; returns when it has returned (and its scope's groups with it). */
void loop_run(struct loop *loop, void (*main)(void *), void *argument);
/* The same, but false instead of a panic when there is no memory for the first fiber. */
bool loop_run_if_possible(struct loop *loop, void (*main)(void *), void *argument) must_check;

/* Monotonic microseconds; cheap (read once per turn of the loop). */
int64_t loop_now(void);
/* The same, but freshly read (for measuring inside one turn). */
int64_t loop_now_fresh(void);
/* Microseconds / seconds since 1970. */
int64_t loop_epoch_microseconds(void);
int64_t loop_epoch(void);
/* loop_now() + duration, saturating at NO_DEADLINE. */
int64_t loop_deadline(int64_t duration);

/* Moves a fake clock's epoch without its monotonic time: somebody set the clock. */
void loop_fake_epoch_jump(int64_t seconds);

#endif
