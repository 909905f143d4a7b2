/* SPDX-License-Identifier: BSD-2-Clause */
/* encode: base64 (RFC 4648), hexadecimal, and xtext (rfc3461:4), to and from octets. */
#ifndef VOUCH_BASE_ENCODE_H
#define VOUCH_BASE_ENCODE_H

#include "base/arena.h"
#include "base/buf.h"

void base64_encode(struct buf *out, struct bytes in);
/* SP, HTAB, CR and LF between digits are skipped (folded DKIM tags); padding may be missing only if
 * nothing follows. False on any other octet, wrong padding, or at the
 * arena's cap. */
bool base64_decode(struct arena *arena, struct bytes in, struct bytes *out) must_check;

void hex_encode(struct buf *out, struct bytes in); /* lower case */
bool hex_decode(struct arena *arena, struct bytes in, struct bytes *out) must_check;

void xtext_encode(struct buf *out, struct bytes in);
/* False on a bare '=', '+' without two upper-case hexadecimal digits, SP or non-ASCII (rfc3461:4). */
bool xtext_decode(struct arena *arena, struct bytes in, struct bytes *out) must_check;

#endif
