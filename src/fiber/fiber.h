/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fiber: a function with a stack of its own that waits without blocking the thread.
 *
 * Fibers are started in groups only (group.h), so none outlives its scope. A fiber runs until it
 * waits; between two waits nothing else of this thread runs. Every wait takes a deadline (absolute,
 * loop_now() time; NO_DEADLINE if there is truly none) and returns 0, ETIMEDOUT, or ECANCELED when
 * the fiber was cancelled: from then on every wait returns ECANCELED at once, so that the fiber
 * unwinds. Stacks are 256 KiB with a 64 KiB guard, mapped on demand and cached.
 */
#ifndef VOUCH_FIBER_FIBER_H
#define VOUCH_FIBER_FIBER_H

#include "fiber/loop.h"

struct fiber;
typedef void fiber_function(void *argument);

/* NULL outside of a fiber. */
struct fiber *fiber_current(void);
const char *fiber_name(const struct fiber *fiber);

int fiber_sleep(int64_t microseconds);
int fiber_sleep_until(int64_t at);
/* Lets every other runnable fiber run first. */
int fiber_yield(void);
bool fiber_is_cancelled(void); /* also under a shield */

/*
 * The primitive under every wait: parks the current fiber until fiber_wake() or the deadline.
 * Returns 0 (woken), ETIMEDOUT or ECANCELED. A wake that comes before the park is not lost only if
 * the caller checks its condition between; nothing else runs in between, so it always can.
 */
int fiber_park(int64_t deadline);
void fiber_wake(struct fiber *fiber);

/*
 * While a shield is up a cancelled fiber's waits work normally (so that a close can be written, a
 * transaction finished). Nests.
 */
void fiber_shield(void);
void fiber_unshield(void);

size_t fiber_count(void); /* alive on this loop */

#endif
