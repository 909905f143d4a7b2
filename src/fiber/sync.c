/* SPDX-License-Identifier: BSD-2-Clause */
#include "fiber/sync.h"

#include "fiber/private.h"

#include <errno.h>

/* On the stack of the fiber that waits. */
struct sync_waiter {
    struct sync_waiter *next, *previous;
    struct fiber *fiber;
    bool signalled; /* and then no longer in the list */
};

/* Not inlined: the compiler would take the address on a fiber's stack for one that dangles. */
static __attribute__((noinline)) void append(struct fiber_signal *signal,
                                             struct sync_waiter *waiter)
{
    waiter->previous = signal->last;
    if (signal->last)
        signal->last->next = waiter;
    else
        signal->first = waiter;
    signal->last = waiter;
}

static void take_out(struct fiber_signal *signal, struct sync_waiter *waiter)
{
    if (waiter->previous)
        waiter->previous->next = waiter->next;
    else
        signal->first = waiter->next;
    if (waiter->next)
        waiter->next->previous = waiter->previous;
    else
        signal->last = waiter->previous;
}

int fiber_signal_wait(struct fiber_signal *signal, int64_t deadline)
{
    struct sync_waiter waiter = {.fiber = fiber_self()};
    append(signal, &waiter);
    int error = 0;
    while (!waiter.signalled && !error)
        error = fiber_park(deadline);
    /* A signal that came together with the deadline or a cancellation was meant for this waiter and
     * for no other: to report the error would lose it. The next wait reports the cancellation. */
    if (waiter.signalled)
        return 0;
    take_out(signal, &waiter);
    return error;
}

void fiber_signal_one(struct fiber_signal *signal)
{
    struct sync_waiter *waiter = signal->first;
    if (!waiter)
        return;
    take_out(signal, waiter);
    waiter->signalled = true;
    fiber_wake(waiter->fiber);
}

void fiber_signal_all(struct fiber_signal *signal)
{
    /* Nobody runs, so nobody can wait again, before this returns. */
    while (signal->first)
        fiber_signal_one(signal);
}

int fiber_semaphore_take(struct fiber_semaphore *semaphore, int64_t deadline)
{
    if (fiber_gives_up(fiber_self()))
        return ECANCELED;
    /* Then nobody waits: units are handed to waiters and only counted when there is none. */
    if (semaphore->available) {
        semaphore->available--;
        return 0;
    }
    return fiber_signal_wait(&semaphore->waiters, deadline);
}

void fiber_semaphore_give(struct fiber_semaphore *semaphore)
{
    /* Handed to the first in the queue, past `available`: no newcomer can be quicker. */
    if (semaphore->waiters.first)
        fiber_signal_one(&semaphore->waiters);
    else
        semaphore->available++;
}
