/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_text: TXT records as they are pasted into zones (rfc1035:5.1, tinydns-data).
 *
 * A character-string of a TXT record holds 255 octets at most (rfc1035:3.3); longer texts become
 * several, which readers join without a blank (rfc7208:3.3).
 */
#ifndef VOUCH_LINT_RECORD_TEXT_H
#define VOUCH_LINT_RECORD_TEXT_H

#include "base/arena.h"
#include "base/buf.h"

enum { RECORD_STRING_MAX = 255 };

/* `name. IN TXT "…" "…"`, without a line end. */
void record_text_bind(struct buf *out, struct bytes name, struct bytes text);
/* `'name:text:TTL`; tinydns-data makes the strings itself. */
void record_text_tinydns(struct buf *out, struct bytes name, struct bytes text, unsigned ttl);

/* record_text_bind() into an arena; empty at its cap. */
struct bytes record_text_zone_line(struct arena *arena, struct bytes name, struct bytes text);

#endif
