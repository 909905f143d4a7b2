/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync: what fibers of one loop wait on. No locks are needed between waits.
 *
 * signal: a condition without a mutex. Waiters are woken in order; check the condition again after.
 * semaphore: counts; fair.
 * Both are plain structs inside the caller's; a zeroed struct is valid.
 */
#ifndef VOUCH_FIBER_SYNC_H
#define VOUCH_FIBER_SYNC_H

#include "fiber/fiber.h"

struct sync_waiter;

struct fiber_signal {
    struct sync_waiter *first, *last;
};
int fiber_signal_wait(struct fiber_signal *signal, int64_t deadline);
void fiber_signal_one(struct fiber_signal *signal);
void fiber_signal_all(struct fiber_signal *signal);

struct fiber_semaphore {
    size_t available;
    struct fiber_signal waiters;
};
int fiber_semaphore_take(struct fiber_semaphore *semaphore, int64_t deadline);
void fiber_semaphore_give(struct fiber_semaphore *semaphore);

#endif
