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
/* False when memory is out. */
bool pipe_create(const struct pipe_options *options, struct transport **a, struct transport **b) must_check;

#endif
