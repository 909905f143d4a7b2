/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the fibers run: a short essay.
 *
 * The shape. Mail is a conversation in which the program mostly waits: for the next command, for
 * DNS, for a disk. Written with callbacks such a conversation falls into pieces; written with
 * threads it costs a stack, a scheduler and locks for each. Here each conversation is a fiber: a
 * function with a stack of its own (stack.c), which switch_*.S leaves and enters again with a dozen
 * instructions. All fibers of a thread share it and give it up only where they wait, so what
 * happens between two waits is atomic, and nothing needs a lock.
 *
 * One turn of the loop is: ask epoll what happened; read the clock; let the timers ring that are
 * due; run what became ready. Fibers never switch to each other, only to the loop and back. This
 * costs a second switch of a few nanoseconds and buys that there is one place where fibers come
 * from and go to, one place that frees their stacks, and a call depth that does not grow.
 *
 * One primitive. Every wait in the program is fiber_park(), which ends in one of three ways: a
 * wake, a deadline, a cancellation. Whoever comes first takes the fiber out of the timer heap and
 * puts it at the end of the run queue; whoever comes later finds it no longer parked and does
 * nothing. That is why a fiber that is woken twice runs once, and why every other kind of wait
 * (groups, signals, descriptors, jobs) is a loop around a condition of its own. A waiter that must
 * not lose what it was given (a semaphore's unit) finds it written in the condition, whatever ended
 * its park.
 *
 * Cancelling is a flag and a wake. The fiber unwinds by itself as its waits fail, closes its groups
 * on the way (which cancels their members, and so on downwards), and ends. No fiber is ever dropped
 * with its stack full of things to release. A shield makes the flag invisible for a while.
 *
 * Descriptors are registered with epoll once, in both directions, edge-triggered: no system call
 * when a wait begins or ends. The price is that an edge must be remembered until somebody asks
 * (descriptor.c). Dispatching a batch of events only sets flags and wakes fibers; none runs before
 * the whole batch has been seen, and structs of descriptors closed meanwhile are freed at the next
 * batch. So an event never meets a struct that is gone.
 *
 * Ready fibers run before the system is asked for more, but not for ever: after RUN_MAX of them the
 * loop looks at epoll and the clock again, without blocking. Otherwise two fibers that keep waking
 * each other would shut out the network. When each finished fiber wakes one other (which is the
 * usual shape of a look-up) this saves a system call for each.
 *
 * Time is read once a turn, so that all that happens in a turn happens at one moment, and deadlines
 * that were computed in it agree. A fake clock stands still while there is anything to do (a fiber
 * that can run, an event, a job on the pool) and then jumps to the next timer: a scenario of five
 * days of retries runs in milliseconds, and in the same order each time, because timers of the same
 * moment ring in the order they were set.
 *
 * Memory. A parked fiber costs the uppermost page of its stack, where its struct lies too. What
 * deeper calls have touched is given back when the fiber rests for long (fiber_trim_resting). An
 * idle stream holds no buffers (stream.c).
 */
#include "fiber/loop.h"

#include "fiber/private.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 256, RUN_MAX = 64, FIBER_MAX = 16384 };
/* The fake clock's first moment is not 0, so that 0 is a deadline in the past, as on a real one. */
#define FAKE_START SECOND

_Thread_local struct loop *loop_of_thread;

static int64_t read_clock(clockid_t id)
{
    struct timespec time;
    if (clock_gettime(id, &time))
        panic("clock_gettime: %d", errno);
    return (int64_t)time.tv_sec * SECOND + time.tv_nsec / 1000;
}

struct loop *loop_create(const struct loop_options *options)
{
    require(!loop_of_thread);
    struct loop *loop = calloc(1, sizeof(*loop));
    if (!loop)
        return NULL;
    loop->fiber_max = options->fiber_max ? options->fiber_max : FIBER_MAX;
    loop->fake = options->fake_clock;
    loop->fake_epoch = options->fake_epoch * SECOND - FAKE_START;
    loop->now = loop->fake ? FAKE_START : read_clock(CLOCK_MONOTONIC);
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll < 0)
        goto no_epoll;
    if (options->workers && !pool_start(loop, options->workers))
        goto no_pool;
    loop_of_thread = loop;
    return loop;
no_pool:
    close(loop->epoll);
no_epoll:
    free(loop);
    return NULL;
}

void loop_destroy(struct loop *loop)
{
    if (!loop)
        return;
    require(loop == loop_of_thread && !loop->running && !loop->fiber_count);
    pool_stop(loop);
    descriptor_free_closed(loop);
    buffer_cache_clear(loop);
    stack_cache_clear(&loop->stacks);
    timer_heap_free(&loop->timers);
    close(loop->epoll);
    free(loop);
    loop_of_thread = NULL;
}

bool loop_watch(struct loop *loop, int fd, uint32_t events, struct watch *watch)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event))
        return false;
    loop->watches++;
    return true;
}

void loop_unwatch(struct loop *loop, int fd)
{
    /* Explicitly: closing removes it only if no copy of the descriptor lives in another process. */
    if (epoll_ctl(loop->epoll, EPOLL_CTL_DEL, fd, NULL) && errno != EBADF)
        panic("epoll_ctl: %d", errno);
    loop->watches--;
}

/* How long epoll may sleep, in milliseconds; rounded up, or it would be asked again too early. */
static int patience(const struct loop *loop)
{
    if (loop->run_first)
        return 0;
    if (loop->fake && loop->jobs)
        return -1;
    int64_t until = timer_next(&loop->timers);
    if (loop->fake)
        return until == NO_DEADLINE ? -1 : 0;
    if (loop->trim_wanted && loop->trim_at < until)
        until = loop->trim_at;
    if (until == NO_DEADLINE)
        return -1;
    if (until <= loop->now)
        return 0;
    int64_t wait = (until - loop->now - 1) / MILLISECOND + 1;
    return wait > INT_MAX ? INT_MAX : (int)wait;
}

static size_t poll_events(struct loop *loop)
{
    int timeout = patience(loop);
    if (timeout < 0 && !loop->watches && !loop->jobs)
        panic("deadlock: %zu fibers wait and nothing can wake them", loop->fiber_count);
    struct epoll_event events[BATCH];
    int count = epoll_wait(loop->epoll, events, BATCH, timeout);
    if (count < 0 && errno != EINTR)
        panic("epoll_wait: %d", errno);
    for (int i = 0; i < count; i++) {
        struct watch *watch = events[i].data.ptr;
        watch->ready(watch, events[i].events);
    }
    return count < 0 ? 0 : (size_t)count;
}

static void tell_time(struct loop *loop, size_t events)
{
    if (!loop->fake) {
        loop->now = read_clock(CLOCK_MONOTONIC);
        return;
    }
    int64_t next = timer_next(&loop->timers);
    bool idle = !events && !loop->run_first && !loop->jobs;
    if (idle && next != NO_DEADLINE && next > loop->now)
        loop->now = next;
}

static void ring_timers(struct loop *loop)
{
    struct timer *timer;
    while ((timer = timer_take(&loop->timers, loop->now)))
        fiber_time_out(timer);
}

/* True when `main` has ended. */
static bool run_ready(struct loop *loop, const struct fiber *main)
{
    for (unsigned i = 0; loop->run_first && i < RUN_MAX; i++) {
        struct fiber *fiber = loop->run_first;
        loop->run_first = fiber->run_next;
        if (!loop->run_first)
            loop->run_last = NULL;
        if (!fiber_resume(fiber) && fiber == main)
            return true;
    }
    return false;
}

static void turn(struct loop *loop)
{
    descriptor_free_closed(loop);
    size_t events = poll_events(loop);
    tell_time(loop, events);
    ring_timers(loop);
    if (!loop->fake)
        fiber_trim_resting(loop);
}

bool loop_run_if_possible(struct loop *loop, void (*function)(void *), void *argument)
{
    require(loop == loop_of_thread && !loop->running);
    struct fiber *main = fiber_create(loop, "main", function, argument);
    if (!main)
        return false;
    loop->running = true;
    if (!loop->fake)
        loop->now = read_clock(CLOCK_MONOTONIC);
    while (!run_ready(loop, main))
        turn(loop);
    loop->running = false;
    if (loop->fiber_count)
        panic("%zu fibers outlived their scope, %s for one", loop->fiber_count, loop->alive->name);
    return true;
}

void loop_run(struct loop *loop, void (*function)(void *), void *argument)
{
    if (!loop_run_if_possible(loop, function, argument))
        panic("no memory for the first fiber");
}

int64_t loop_now(void)
{
    return loop_of_thread ? loop_of_thread->now : read_clock(CLOCK_MONOTONIC);
}

int64_t loop_now_fresh(void)
{
    return loop_of_thread && loop_of_thread->fake ? loop_of_thread->now
                                                  : read_clock(CLOCK_MONOTONIC);
}

int64_t loop_epoch_microseconds(void)
{
    struct loop *loop = loop_of_thread;
    return loop && loop->fake ? loop->fake_epoch + loop->now : read_clock(CLOCK_REALTIME);
}

int64_t loop_epoch(void)
{
    int64_t microseconds = loop_epoch_microseconds();
    /* Down, also before 1970. */
    return microseconds / SECOND - (microseconds % SECOND < 0);
}

int64_t loop_deadline(int64_t duration)
{
    int64_t now = loop_now();
    return duration > NO_DEADLINE - now ? NO_DEADLINE : now + duration;
}

void loop_fake_epoch_jump(int64_t seconds)
{
    struct loop *loop = loop_current();
    require(loop->fake);
    loop->fake_epoch += seconds * SECOND;
}
