/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backoff: how long to wait after so many failures in a row, and the randomness for it.
 *
 * Each wait is 1.8 times the one before it up to a most, and 20% more or less by chance, so that what
 * failed together does not come back together. Pure: the state of chance is the caller's.
 */
#ifndef VOUCH_QUEUE_BACKOFF_H
#define VOUCH_QUEUE_BACKOFF_H

#include <stdint.h>

/* Not for secrets. Any seed is fine. */
struct backoff_chance {
    uint64_t state;
};
/* 0 … below - 1; 0 of 0. */
uint32_t backoff_draw(struct backoff_chance *chance, uint32_t below);

/* `failures` from 1 (0 counts as 1). In the unit of `first` and `most`; at least 1. */
int64_t backoff_delay(int64_t first, int64_t most, unsigned failures, struct backoff_chance *chance);
/* The same duration 20% more or less. */
int64_t backoff_jitter(int64_t duration, struct backoff_chance *chance);

#endif
