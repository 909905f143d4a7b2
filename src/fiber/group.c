/* SPDX-License-Identifier: BSD-2-Clause */
#include "fiber/group.h"

#include "fiber/private.h"

#include <errno.h>

void fiber_group_open(struct fiber_group *group)
{
    *group = (struct fiber_group){0};
}

bool fiber_group_start(struct fiber_group *group, const char *name, fiber_function *function,
                       void *argument)
{
    struct fiber *fiber = fiber_create(loop_current(), name, function, argument);
    if (!fiber)
        return false;
    fiber->group = group;
    fiber->cancelled = group->closing;
    fiber->next = group->members;
    if (group->members)
        group->members->previous = fiber;
    group->members = fiber;
    group->count++;
    return true;
}

void fiber_group_leave(struct fiber_group *group, struct fiber *fiber)
{
    if (fiber->previous)
        fiber->previous->next = fiber->next;
    else
        group->members = fiber->next;
    if (fiber->next)
        fiber->next->previous = fiber->previous;
    /* The group may be gone as soon as the waiter runs: nothing touches it after this. */
    if (--group->count == 0 && group->waiter)
        fiber_wake(group->waiter);
}

int fiber_group_wait(struct fiber_group *group, int64_t deadline)
{
    struct fiber *self = fiber_self();
    require(!group->waiter);
    if (fiber_gives_up(self))
        return ECANCELED;
    int error = 0;
    group->waiter = self;
    while (group->count && !error)
        error = fiber_park(deadline);
    group->waiter = NULL;
    return group->count ? error : 0;
}

void fiber_group_cancel(struct fiber_group *group)
{
    for (struct fiber *fiber = group->members; fiber; fiber = fiber->next)
        fiber_cancel(fiber);
}

void fiber_group_close(struct fiber_group *group)
{
    if (!group->count)
        return;
    group->closing = true;
    fiber_group_cancel(group);
    fiber_shield();
    while (group->count)
        fiber_group_wait(group, NO_DEADLINE);
    fiber_unshield();
    group->closing = false;
}
