/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * group: structured concurrency. Children are started in a group; the group's scope does not end
 * before they have.
 *
 *   struct fiber_group group;
 *   fiber_group_open(&group);
 *   fiber_group_start(&group, "spf", check_spf, &spf);
 *   fiber_group_start(&group, "dkim", check_dkim, &dkim);
 *   int error = fiber_group_wait(&group, deadline);
 *   fiber_group_close(&group); -- cancels what still runs and waits for it
 */
#ifndef VOUCH_FIBER_GROUP_H
#define VOUCH_FIBER_GROUP_H

#include "fiber/fiber.h"

struct fiber_group {
    struct fiber *members; /* intrusive list */
    size_t count;
    struct fiber *waiter;
    bool closing;
};

void fiber_group_open(struct fiber_group *group);
/* `name` must outlive the fiber (a literal). False when fiber_max is reached or memory is out;
 * then nothing was started. The child first runs when the current fiber next waits. */
bool fiber_group_start(struct fiber_group *group, const char *name, fiber_function *function,
                       void *argument) must_check;
/* Until all members ended: 0. ETIMEDOUT or ECANCELED: some still run (cancelling the waiter does
 * not cancel the members; fiber_group_close() does). */
int fiber_group_wait(struct fiber_group *group, int64_t deadline);
/* Every present member's waits return ECANCELED from now on. Does not wait. */
void fiber_group_cancel(struct fiber_group *group);
/* Cancels, then waits until all have ended, whatever it takes (even if the caller is cancelled). A
 * member that is started meanwhile is born cancelled. */
void fiber_group_close(struct fiber_group *group);

#endif
