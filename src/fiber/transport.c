/* SPDX-License-Identifier: BSD-2-Clause */
/* The plain transport: a socket (or pipe) as it is. */
#include "fiber/private.h"
#include "fiber/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DRAIN_SIZE = 4096, DRAIN_MAX = 16 };

struct plain {
    struct transport transport; /* first */
    struct descriptor *descriptor;
    /* False: a read would find nothing, so wait first. Known after a short read, which saves the
     * one that says EAGAIN (epoll(7), "edge-triggered"). */
    bool may_have_input;
    bool not_socket;
};

static struct plain *plain_of(struct transport *transport)
{
    return (struct plain *)(void *)transport;
}

static bool would_block(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK;
}

/* Asks the system, without waiting. A descriptor at its end has something to say, too. */
static bool has_input(struct plain *plain)
{
    uint8_t octet;
    int fd = descriptor_fd(plain->descriptor);
    if (!plain->not_socket) {
        if (recv(fd, &octet, sizeof(octet), MSG_PEEK | MSG_DONTWAIT) >= 0)
            return true;
        if (errno != ENOTSOCK)
            return !would_block(errno) && errno != EINTR;
        plain->not_socket = true;
    }
    int count = 0;
    return descriptor_hung_up(plain->descriptor) || (!ioctl(fd, FIONREAD, &count) && count > 0);
}

static int plain_wait(struct transport *transport, int64_t deadline)
{
    struct plain *plain = plain_of(transport);
    if (deadline <= loop_now()) {
        plain->may_have_input = has_input(plain);
        return plain->may_have_input ? 0 : -ETIMEDOUT;
    }
    if (plain->may_have_input)
        return 0;
    int error = descriptor_wait_readable(plain->descriptor, deadline);
    if (error)
        return -error;
    plain->may_have_input = true;
    return 0;
}

static ssize_t plain_read(struct transport *transport, uint8_t *to, size_t size, int64_t deadline)
{
    struct plain *plain = plain_of(transport);
    for (;;) {
        if (!plain->may_have_input) {
            int error = descriptor_wait_readable(plain->descriptor, deadline);
            if (error)
                return -error;
        }
        plain->may_have_input = true;
        ssize_t count = read(descriptor_fd(plain->descriptor), to, size);
        if (count >= 0) {
            /* The end comes without a new edge if it came together with the last octets. */
            plain->may_have_input =
                count == (ssize_t)size || descriptor_hung_up(plain->descriptor);
            return count;
        }
        if (would_block(errno))
            plain->may_have_input = false;
        else if (errno != EINTR)
            return -errno;
    }
}

static ssize_t send_some(struct plain *plain, struct bytes from)
{
    int fd = descriptor_fd(plain->descriptor);
    if (!plain->not_socket) {
        ssize_t count = send(fd, from.ptr, from.len, MSG_NOSIGNAL);
        if (count >= 0 || errno != ENOTSOCK)
            return count;
        plain->not_socket = true;
    }
    return write(fd, from.ptr, from.len);
}

static ssize_t plain_write(struct transport *transport, struct bytes from, int64_t deadline)
{
    struct plain *plain = plain_of(transport);
    for (;;) {
        ssize_t count = send_some(plain, from);
        if (count >= 0)
            return count;
        if (errno == EINTR)
            continue;
        if (!would_block(errno))
            return -errno;
        int error = descriptor_wait_writable(plain->descriptor, deadline);
        if (error)
            return -error;
    }
}

/* Closing a TCP socket with unread input resets the connection, and the reset may overtake our last
 * reply. What is already there is taken out first; the peer gets no say in how long that takes. */
static void drain(struct plain *plain)
{
    uint8_t unread[DRAIN_SIZE];
    int fd = descriptor_fd(plain->descriptor);
    if (!plain->may_have_input && !descriptor_has_edge(plain->descriptor))
        return;
    for (unsigned i = 0; i < DRAIN_MAX; i++)
        if (read(fd, unread, sizeof(unread)) <= 0)
            break;
}

static void plain_close(struct transport *transport)
{
    struct plain *plain = plain_of(transport);
    drain(plain);
    descriptor_close(plain->descriptor);
    free(plain);
}

static const struct transport_operations plain_operations = {
    .wait = plain_wait,
    .read = plain_read,
    .write = plain_write,
    .close = plain_close,
};

struct transport *transport_over(struct descriptor *descriptor)
{
    struct plain *plain = calloc(1, sizeof(*plain));
    if (!plain)
        return NULL;
    plain->transport.operations = &plain_operations;
    plain->descriptor = descriptor;
    return &plain->transport;
}

struct descriptor *transport_descriptor(struct transport *transport)
{
    return transport && transport->operations == &plain_operations
               ? plain_of(transport)->descriptor
               : NULL;
}
