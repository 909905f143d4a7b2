/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/tap.h"

#include <errno.h>
#include <stdlib.h>

struct tap {
    struct transport transport; /* first */
    struct transport *inner;
};

static int tap_wait(struct transport *transport, int64_t deadline)
{
    struct transport *inner = ((struct tap *)transport)->inner;
    return inner ? inner->operations->wait(inner, deadline) : -ENOTCONN;
}

static ssize_t tap_read(struct transport *transport, uint8_t *to, size_t size, int64_t deadline)
{
    struct transport *inner = ((struct tap *)transport)->inner;
    return inner ? inner->operations->read(inner, to, size, deadline) : -ENOTCONN;
}

static ssize_t tap_write(struct transport *transport, struct bytes from, int64_t deadline)
{
    struct transport *inner = ((struct tap *)transport)->inner;
    return inner ? inner->operations->write(inner, from, deadline) : -ENOTCONN;
}

static void tap_close(struct transport *transport)
{
    struct transport *inner = ((struct tap *)transport)->inner;
    if (inner)
        inner->operations->close(inner);
    free(transport);
}

static const struct transport_operations operations = {tap_wait, tap_read, tap_write, tap_close};

struct transport *tap_over(struct transport *inner)
{
    struct tap *tap = malloc(sizeof(*tap));
    if (!tap)
        return NULL;
    *tap = (struct tap){{&operations}, inner};
    return &tap->transport;
}

struct transport *tap_take(struct transport *transport)
{
    struct tap *tap = (struct tap *)transport;
    struct transport *inner = tap->inner;
    tap->inner = NULL;
    return inner;
}
