/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * structured: the lexical tokens that structured header fields share (rfc5322:3.2): white space and
 * comments, atoms, quoted strings.
 *
 * Works on a cursor over a field's value, folded or unfolded; a token that is not well formed makes
 * the cursor fail. Octets above 127 are part of atoms and strings (RFC 6532); whether they are
 * valid UTF-8 is the caller's question, because display names of old programs are not. Nothing
 * recurses, every octet is looked at once.
 */
#ifndef VOUCH_MESSAGE_STRUCTURED_H
#define VOUCH_MESSAGE_STRUCTURED_H

#include "base/arena.h"
#include "base/cursor.h"

/* Comments nested deeper are refused. */
enum { COMMENT_DEPTH_MAX = 50 };

/* Where decoded text goes: decoding never lengthens, so `size` is that of the input. */
struct octets {
    uint8_t *ptr;
    size_t used, size;
};
/* False at the arena's cap. */
bool octets_create(struct arena *arena, size_t size, struct octets *out) must_check;
void octets_add(struct octets *octets, struct bytes bytes);
void octets_add_byte(struct octets *octets, uint8_t byte);
/* What was added since `used` was `start`. */
struct bytes octets_since(const struct octets *octets, size_t start);

bool structured_is_atext(uint8_t c); /* rfc5322:3.2.3 and rfc6532:3.2 */
bool structured_is_token(uint8_t c); /* rfc2045:5.1, with the same extension */

bool structured_is_dot_atom(struct bytes text); /* atom *("." atom), rfc5322:3.2.3 */

/* Skips white space, folding and comments (CFWS). *comment (may be NULL) becomes the inside of the
 * last comment, as written, and stays as it is if there is none. */
void structured_skip(struct cursor *c, struct bytes *comment);
/* A quoted string: its content, without quotes, backslashes and folding, is appended to `out`.
 * Control characters in it are refused, quoted or not (rfc5322:4.1 allowed them once). */
void structured_quoted_string(struct cursor *c, struct octets *out);
/* The content of a comment without backslashes and folding, control characters dropped, white space
 * trimmed; in the arena (or the empty slice). */
struct bytes structured_comment_text(struct arena *arena, struct bytes comment);

#endif
