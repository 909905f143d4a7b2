/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock: units of time, and nothing that reads one.
 *
 * Two kinds of time are kept apart by name: `_at`/`deadline` are monotonic microseconds of the loop
 * (fiber/loop.h: loop_now), `epoch` is seconds since 1970 (loop_epoch). Pure code is given the time.
 */
#ifndef VOUCH_BASE_CLOCK_H
#define VOUCH_BASE_CLOCK_H

#include <stdint.h>

#define MILLISECOND INT64_C(1000)
#define SECOND (1000 * MILLISECOND)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define NO_DEADLINE INT64_MAX

#endif
