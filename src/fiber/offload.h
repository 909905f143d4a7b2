/* SPDX-License-Identifier: BSD-2-Clause */
/* offload: runs a blocking function on the loop's worker pool while the fiber waits. */
#ifndef VOUCH_FIBER_OFFLOAD_H
#define VOUCH_FIBER_OFFLOAD_H

#include "fiber/fiber.h"

/* Returns when `function(argument)` has returned on a worker. Cannot be cancelled or timed out:
 * what `argument` points to is in use until then. Without workers it runs inline. */
void offload(void (*function)(void *), void *argument);

#endif
