/* SPDX-License-Identifier: BSD-2-Clause */
#include "fiber/fiber.h"

#include "fiber/private.h"
#include "fiber/sanitizer.h"

#include <errno.h>
#include <string.h>

/* From the line that its stack's colour gives it. */
enum { LINE = 64 };

static void make_ready(struct fiber *fiber, int result)
{
    struct loop *loop = fiber->loop;
    timer_remove(&loop->timers, &fiber->timer);
    fiber->result = result;
    fiber->state = FIBER_READY;
    fiber->run_next = NULL;
    if (loop->run_last)
        loop->run_last->run_next = fiber;
    else
        loop->run_first = fiber;
    loop->run_last = fiber;
}

/* From the fiber to the loop. A fiber that has ended leaves no fake frames behind. */
static void leave(struct fiber *fiber)
{
    struct loop *loop = fiber->loop;
    void **save = fiber->state == FIBER_ENDED ? NULL : &fiber->fake_stack;
    SANITIZER_LEAVE(save, loop->stack_low, loop->stack_size);
    switch_to(&fiber->context, &loop->context);
    SANITIZER_ARRIVE(fiber->fake_stack, &loop->stack_low, &loop->stack_size);
}

static void entry(void *argument)
{
    struct fiber *fiber = argument;
    SANITIZER_ARRIVE(NULL, &fiber->loop->stack_low, &fiber->loop->stack_size);
    fiber->function(fiber->argument);
    require(!fiber->shields);
    fiber->state = FIBER_ENDED;
    leave(fiber);
    panic("fiber %s went on after its end", fiber->name);
}

static struct fiber *place(struct stack *stack)
{
    uintptr_t top = (uintptr_t)stack - stack->colour * LINE;
    return (struct fiber *)((top - sizeof(struct fiber)) / LINE * LINE);
}

struct fiber *fiber_create(struct loop *loop, const char *name, fiber_function *function,
                           void *argument)
{
    if (loop->fiber_count == loop->fiber_max ||
        !timer_heap_reserve(&loop->timers, loop->fiber_count + 1))
        return NULL;
    struct stack *stack = stack_take(&loop->stacks);
    if (!stack)
        return NULL;
    struct fiber *fiber = place(stack);
    *fiber = (struct fiber){
        .loop = loop,
        .stack = stack,
        .function = function,
        .argument = argument,
        .name = name,
        .alive_next = loop->alive,
    };
    uint8_t *low = stack_low(stack);
    switch_prepare(&fiber->context, low, (size_t)((uint8_t *)fiber - low), entry, fiber);
    if (loop->alive)
        loop->alive->alive_previous = fiber;
    loop->alive = fiber;
    loop->fiber_count++;
    make_ready(fiber, 0);
    return fiber;
}

static void destroy(struct fiber *fiber)
{
    struct loop *loop = fiber->loop;
    if (loop->trim_hand == fiber)
        loop->trim_hand = fiber->alive_next;
    if (fiber->alive_previous)
        fiber->alive_previous->alive_next = fiber->alive_next;
    else
        loop->alive = fiber->alive_next;
    if (fiber->alive_next)
        fiber->alive_next->alive_previous = fiber->alive_previous;
    loop->fiber_count--;
    stack_give(&loop->stacks, fiber->stack);
}

bool fiber_resume(struct fiber *fiber)
{
    struct loop *loop = fiber->loop;
    fiber->state = FIBER_RUNNING;
    fiber->resting = fiber->trimmed = false;
    loop->trim_wanted = true;
    loop->current = fiber;
    uint8_t *low = stack_low(fiber->stack);
    SANITIZER_LEAVE(&loop->fake_stack, low, (size_t)((uint8_t *)fiber - low));
    switch_to(&loop->context, &fiber->context);
    SANITIZER_ARRIVE(loop->fake_stack, NULL, NULL);
    loop->current = NULL;
    if (fiber->state != FIBER_ENDED)
        return true;
    if (fiber->group)
        fiber_group_leave(fiber->group, fiber);
    destroy(fiber);
    return false;
}

struct fiber *fiber_current(void)
{
    return loop_of_thread ? loop_of_thread->current : NULL;
}

const char *fiber_name(const struct fiber *fiber)
{
    return fiber->name;
}

size_t fiber_count(void)
{
    return loop_current()->fiber_count;
}

int fiber_park(int64_t deadline)
{
    struct fiber *fiber = fiber_self();
    struct loop *loop = fiber->loop;
    if (fiber_gives_up(fiber))
        return ECANCELED;
    if (deadline <= loop->now)
        return ETIMEDOUT;
    if (deadline != NO_DEADLINE)
        timer_set(&loop->timers, &fiber->timer, deadline);
    fiber->state = FIBER_PARKED;
    leave(fiber);
    return fiber->result;
}

void fiber_wake(struct fiber *fiber)
{
    if (fiber->state == FIBER_PARKED)
        make_ready(fiber, 0);
}

void fiber_time_out(struct timer *timer)
{
    struct fiber *fiber = (struct fiber *)((uint8_t *)timer - offsetof(struct fiber, timer));
    make_ready(fiber, ETIMEDOUT);
}

void fiber_cancel(struct fiber *fiber)
{
    fiber->cancelled = true;
    if (fiber->state == FIBER_PARKED && !fiber->shields)
        make_ready(fiber, ECANCELED);
}

bool fiber_is_cancelled(void)
{
    struct fiber *fiber = fiber_current();
    return fiber && fiber->cancelled;
}

void fiber_shield(void)
{
    fiber_self()->shields++;
}

void fiber_unshield(void)
{
    struct fiber *fiber = fiber_self();
    require(fiber->shields);
    fiber->shields--;
}

int fiber_yield(void)
{
    struct fiber *fiber = fiber_self();
    if (fiber_gives_up(fiber))
        return ECANCELED;
    make_ready(fiber, 0);
    leave(fiber);
    return fiber_gives_up(fiber) ? ECANCELED : 0;
}

int fiber_sleep_until(int64_t at)
{
    if (at <= loop_now())
        return fiber_yield();
    for (;;) {
        int error = fiber_park(at);
        if (error == ETIMEDOUT)
            return 0;
        if (error)
            return error;
        /* Somebody's stray wake. */
    }
}

int fiber_sleep(int64_t microseconds)
{
    return fiber_sleep_until(loop_deadline(microseconds));
}

/*
 * A session that waits minutes for its client may have been deep in a look-up or a handshake
 * before, and all the pages it touched then would stay its own. So every now and then a hand goes
 * over the fibers; one that has not run since the hand last came by gives back what lies below its
 * stack pointer. The red zone (128 octets that leaf functions use below it) is not in use in a
 * parked fiber, but costs nothing to leave.
 */
enum { TRIM_BATCH = 1024, RED_ZONE = 128 };
static const int64_t trim_pause = SECOND;

static void trim(struct fiber *fiber)
{
#ifndef FIBER_UCONTEXT
    stack_trim(fiber->stack, (uint8_t *)fiber->context.stack_pointer - RED_ZONE);
#endif
    fiber->trimmed = true;
}

void fiber_trim_resting(struct loop *loop)
{
    if (loop->now < loop->trim_at)
        return;
    loop->trim_at = loop->now + trim_pause;
    struct fiber *fiber = loop->trim_hand;
    if (!fiber) {
        fiber = loop->alive;
        loop->trim_wanted = false;
    }
    for (unsigned i = 0; fiber && i < TRIM_BATCH; i++, fiber = fiber->alive_next) {
        if (fiber->state != FIBER_PARKED || fiber->trimmed)
            continue;
        if (fiber->resting)
            trim(fiber);
        else
            fiber->resting = loop->trim_wanted = true;
    }
    loop->trim_hand = fiber;
    if (fiber)
        loop->trim_wanted = true;
}
