/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * private: what the files of src/fiber share. Nobody else includes it.
 */
#ifndef VOUCH_FIBER_PRIVATE_H
#define VOUCH_FIBER_PRIVATE_H

#include "fiber/fiber.h"
#include "fiber/group.h"
#include "fiber/loop.h"
#include "fiber/stack.h"
#include "fiber/switch.h"
#include "fiber/timer.h"

struct descriptor;
struct pool;

enum fiber_state { FIBER_READY, FIBER_RUNNING, FIBER_PARKED, FIBER_ENDED };

/* Lies at the upper end of its own stack. */
struct fiber {
    struct context context;
    struct loop *loop;
    struct stack *stack;
    struct timer timer;
    struct fiber *run_next;
    int result; /* what the park that is under way will return */
    enum fiber_state state;
    unsigned shields;
    bool cancelled;
    bool trimmed; /* the pages below were returned and not used since */
    bool resting; /* parked since the trimmer last came by */
    fiber_function *function;
    void *argument;
    const char *name;
    struct fiber_group *group;
    struct fiber *next, *previous;             /* members of the group */
    struct fiber *alive_next, *alive_previous; /* all of the loop */
    void *fake_stack;                          /* AddressSanitizer's */
};

/* A piece of memory of STREAM_BUFFER octets. */
struct buffer {
    struct buffer *next;
};

struct buffer_cache {
    struct buffer *first;
    size_t count;
};

/* What an event of epoll leads to. */
struct watch {
    void (*ready)(struct watch *watch, uint32_t events);
};

struct loop {
    struct context context; /* of loop_run() while a fiber runs */
    struct fiber *current;
    struct fiber *run_first, *run_last;
    struct timer_heap timers;

    int64_t now;
    int64_t fake_epoch; /* microseconds since 1970 at fake time 0 */
    bool fake, running;

    int epoll;
    size_t watches;            /* that can wake something */
    struct descriptor *closed; /* freed after the batch */

    size_t fiber_count, fiber_max;
    struct fiber *alive;
    struct fiber *trim_hand;
    int64_t trim_at;
    bool trim_wanted;

    struct stack_cache stacks;
    struct buffer_cache buffers;
    struct pool *pool;
    size_t jobs; /* offloaded and not back */

    void *fake_stack; /* AddressSanitizer's, of loop_run() */
    const void *stack_low;
    size_t stack_size;
};

extern _Thread_local struct loop *loop_of_thread;

static inline struct loop *loop_current(void)
{
    require(loop_of_thread);
    return loop_of_thread;
}

/* The running fiber; panics outside of one. */
static inline struct fiber *fiber_self(void)
{
    require(loop_of_thread && loop_of_thread->current);
    return loop_of_thread->current;
}

static inline bool fiber_gives_up(const struct fiber *fiber)
{
    return fiber->cancelled && !fiber->shields;
}

/* NULL when fiber_max is reached or memory is out. It is ready to run. */
struct fiber *fiber_create(struct loop *loop, const char *name, fiber_function *function,
                           void *argument);
/* Runs it until it waits or ends; false: it has ended and is gone. */
bool fiber_resume(struct fiber *fiber);
void fiber_cancel(struct fiber *fiber);
/* Its timer rang. */
void fiber_time_out(struct timer *timer);
/* Returns unused stack of fibers that have rested for a while. */
void fiber_trim_resting(struct loop *loop);

/* Called by the loop when a member has ended. */
void fiber_group_leave(struct fiber_group *group, struct fiber *fiber);

/* False with errno. */
bool loop_watch(struct loop *loop, int fd, uint32_t events, struct watch *watch) must_check;
void loop_unwatch(struct loop *loop, int fd);

void descriptor_free_closed(struct loop *loop);
/* Whether an event said that the peer will send no more. */
bool descriptor_hung_up(const struct descriptor *descriptor);
/* Whether an edge came that no wait has reported. */
bool descriptor_has_edge(const struct descriptor *descriptor);

/* NULL when memory is out. */
uint8_t *buffer_take(struct loop *loop);
void buffer_give(struct loop *loop, uint8_t *memory);
void buffer_cache_clear(struct loop *loop);

/* False with nothing started. */
bool pool_start(struct loop *loop, unsigned workers) must_check;
void pool_stop(struct loop *loop);

#endif
