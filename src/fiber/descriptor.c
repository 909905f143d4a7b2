/* SPDX-License-Identifier: BSD-2-Clause */
#include "fiber/descriptor.h"

#include "fiber/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { READING, WRITING };
static const int64_t rewatch_pause = 100 * MILLISECOND;

/* On the stack of the fiber that waits, which never touches the descriptor once `closed` is set. */
struct wait {
    struct fiber *fiber;
    bool closed;
};

struct descriptor {
    struct watch watch; /* first: the watch is the descriptor */
    struct loop *loop;
    struct wait *waits[2];
    bool edges[2]; /* came since the last wait that reported one */
    bool hung_up;  /* the peer will send no more */
    bool listener;
    bool watched; /* a listener is not while nobody waits for it */
    int fd;
    struct descriptor *closed_next;
};

static void signal_edge(struct descriptor *descriptor, int direction)
{
    descriptor->edges[direction] = true;
    if (descriptor->waits[direction])
        fiber_wake(descriptor->waits[direction]->fiber);
}

static void ready(struct watch *watch, uint32_t events)
{
    struct descriptor *descriptor = (struct descriptor *)(void *)watch;
    /* An unconnected TCP socket hangs up in both directions and can still connect. */
    if (events & EPOLLRDHUP || (events & EPOLLHUP && !(events & EPOLLOUT)))
        descriptor->hung_up = true;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        signal_edge(descriptor, READING);
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        signal_edge(descriptor, WRITING);
}

static void unwatch(struct descriptor *descriptor)
{
    if (!descriptor->watched)
        return;
    descriptor->watched = false;
    loop_unwatch(descriptor->loop, descriptor->fd);
}

/* Level-triggered, it would be reported in each turn in which nobody accepts (because the limit of
 * sessions is reached, say), and the loop would spin. EPOLLEXCLUSIVE forbids to modify, so it goes
 * and comes back with the next wait. Another process gets the connections meanwhile. */
static void listener_ready(struct watch *watch, uint32_t events)
{
    struct descriptor *descriptor = (struct descriptor *)(void *)watch;
    signal_edge(descriptor, READING);
    if (!descriptor->waits[READING])
        unwatch(descriptor);
}

static bool set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && (flags & O_NONBLOCK || !fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}

static bool start_watching(struct descriptor *descriptor)
{
    uint32_t events = descriptor->listener ? EPOLLIN | EPOLLEXCLUSIVE
                                           : EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    descriptor->watched =
        loop_watch(descriptor->loop, descriptor->fd, events, &descriptor->watch);
    return descriptor->watched;
}

static struct descriptor *open_as(int fd, bool listener)
{
    struct descriptor *descriptor = calloc(1, sizeof(*descriptor));
    if (!descriptor)
        return NULL;
    descriptor->watch.ready = listener ? listener_ready : ready;
    descriptor->loop = loop_current();
    descriptor->listener = listener;
    descriptor->fd = fd;
    if (!set_nonblocking(fd) || !start_watching(descriptor)) {
        int error = errno;
        free(descriptor);
        errno = error;
        return NULL;
    }
    return descriptor;
}

struct descriptor *descriptor_open(int fd)
{
    return open_as(fd, false);
}

struct descriptor *descriptor_open_listener(int fd)
{
    return open_as(fd, true);
}

static void end_waits(struct descriptor *descriptor)
{
    for (int direction = READING; direction <= WRITING; direction++) {
        struct wait *wait = descriptor->waits[direction];
        if (!wait)
            continue;
        wait->closed = true;
        descriptor->waits[direction] = NULL;
        fiber_wake(wait->fiber);
    }
}

int descriptor_release(struct descriptor *descriptor)
{
    int fd = descriptor->fd;
    unwatch(descriptor);
    end_waits(descriptor);
    descriptor->fd = -1;
    descriptor->closed_next = descriptor->loop->closed;
    descriptor->loop->closed = descriptor;
    return fd;
}

void descriptor_close(struct descriptor *descriptor)
{
    if (descriptor)
        close(descriptor_release(descriptor));
}

void descriptor_free_closed(struct loop *loop)
{
    while (loop->closed) {
        struct descriptor *descriptor = loop->closed;
        loop->closed = descriptor->closed_next;
        free(descriptor);
    }
}

int descriptor_fd(const struct descriptor *descriptor)
{
    return descriptor->fd;
}

bool descriptor_hung_up(const struct descriptor *descriptor)
{
    return descriptor->hung_up;
}

bool descriptor_has_edge(const struct descriptor *descriptor)
{
    return descriptor->edges[READING];
}

/* A listener may have to be registered again, which can fail for want of kernel memory: that is not
 * for the acceptor to know; it waits a little and tries again. */
static int park(struct descriptor *descriptor, int64_t deadline)
{
    if (descriptor->watched || start_watching(descriptor))
        return fiber_park(deadline);
    int64_t retry = loop_deadline(rewatch_pause);
    if (deadline <= retry)
        return fiber_park(deadline);
    int error = fiber_park(retry);
    return error == ETIMEDOUT ? 0 : error;
}

static int wait_for(struct descriptor *descriptor, int direction, int64_t deadline)
{
    struct wait wait = {.fiber = fiber_self()};
    if (fiber_gives_up(wait.fiber))
        return ECANCELED;
    if (descriptor->waits[direction])
        panic("%s waits for a descriptor that %s waits for", wait.fiber->name,
              descriptor->waits[direction]->fiber->name);
    int error = 0;
    descriptor->waits[direction] = &wait;
    while (!wait.closed && !descriptor->edges[direction] && !error)
        error = park(descriptor, deadline);
    if (wait.closed)
        return ECANCELED;
    descriptor->waits[direction] = NULL;
    if (error)
        return error;
    descriptor->edges[direction] = false;
    return 0;
}

int descriptor_wait_readable(struct descriptor *descriptor, int64_t deadline)
{
    return wait_for(descriptor, READING, deadline);
}

int descriptor_wait_writable(struct descriptor *descriptor, int64_t deadline)
{
    require(!descriptor->listener);
    return wait_for(descriptor, WRITING, deadline);
}
