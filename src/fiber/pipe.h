/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pipe: a pair of transports joined in memory, for scenarios: works under a fake clock, can be made
 * slow, fragmented or broken.
 */
#ifndef VOUCH_FIBER_PIPE_H
#define VOUCH_FIBER_PIPE_H

#include "fiber/stream.h"

struct pipe_options {
    size_t fragment;  /* at most so many octets a read; 0: no limit */
    size_t capacity;  /* octets in flight each way before write() waits; 0: 64 KiB */
    int64_t delay;    /* microseconds before octets written can be read */
};
/* False when memory is out. `options` may be NULL. The pair is freed when both ends are closed;
 * what was written before a close can still be read, then comes the end of the stream. */
bool pipe_create(const struct pipe_options *options, struct transport **a,
                 struct transport **b) must_check;
/* The connection of this transport is reset: both ends get -ECONNRESET from now on, and what was in
 * flight is lost. */
void pipe_break(struct transport *transport);

#endif
