/* SPDX-License-Identifier: BSD-2-Clause */
/* offload: runs a blocking function on the loop's worker pool while the fiber waits. */
#ifndef VOUCH_FIBER_OFFLOAD_H
#define VOUCH_FIBER_OFFLOAD_H

#include "fiber/sync.h"

/* Returns when `function(argument)` has returned on a worker. Cannot be cancelled or timed out:
 * what `argument` points to is in use until then. Without workers it runs inline. */
void offload(void (*function)(void *), void *argument);

/* Costly jobs of one kind, which must not take all workers: some at once, others wait their turn. */
struct offload_line {
    struct fiber_semaphore turns; /* available: how many at once */
    size_t waiting, most;         /* how many wait now, and may */
    int64_t patience;             /* of each for its turn */
};
/* offload() in its turn. False: `function` did not run, for too many wait, the turn did not come in time, or
 * the fiber was cancelled. */
bool offload_in_turn(struct offload_line *line, void (*function)(void *), void *argument) must_check;

#endif
