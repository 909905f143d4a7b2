/* SPDX-License-Identifier: BSD-2-Clause */
/* tap: a transport that passes all on to another one, which can be taken back from under its owner. */
#ifndef VOUCH_CMD_TAP_H
#define VOUCH_CMD_TAP_H

#include "fiber/stream.h"

/* Takes over `inner`. NULL when memory is out (it is then still the caller's). */
struct transport *tap_over(struct transport *inner);
/* The inner one is the caller's again; the tap reads and writes nothing any more, but must still be
 * closed by its owner. NULL if it has been taken. */
struct transport *tap_take(struct transport *tap);

#endif
