/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unitext: the 7-bit form of a UTF-8 address (rfc6533:3): characters as "\x{HEXPOINT}".
 *
 * What is written goes to the caller's buf, what is read into the arena.
 */
#ifndef VOUCH_MESSAGE_UNITEXT_H
#define VOUCH_MESSAGE_UNITEXT_H

#include "base/arena.h"
#include "base/buf.h"

/* Octets that are not valid UTF-8 become "?". */
void unitext_write(struct buf *out, struct bytes address);
/* And back. What is no such form stays as it is. False: the arena is at its cap. */
bool unitext_read(struct arena *arena, struct bytes text, struct bytes *out) must_check;
/* The length of the "\x{HEXPOINT}" at the start, and its character in *point; 0 if there is none. */
size_t unitext_escape(struct bytes text, uint32_t *point);

#endif
