/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reply: an SMTP reply as the lines that go over the wire (rfc5321:4.2, rfc2034).
 *
 * Pure. What leaves is always well-formed: a code of three digits, printable ASCII only, no line
 * over 512 octets, an enhanced code whose class agrees with the reply code, and none where RFC 2034
 * has none. Appending fails only as the buf does.
 */
#ifndef VOUCH_SMTP_REPLY_H
#define VOUCH_SMTP_REPLY_H

#include "base/buf.h"

struct smtp_reply; /* smtp/server.h */

enum {
    SMTP_REPLY_LINE_MAX = 512, /* with CRLF (rfc5321:4.5.3.1.5) */
    SMTP_REPLY_TEXT_MAX = 4096 /* longer texts are cut off */
};

/* Appends the reply: one line, or several where the text does not fit in one (cut at spaces). An
 * impossible code becomes 451. */
void smtp_reply_write(struct buf *out, const struct smtp_reply *reply);

/* Appends one line of a reply whose lines the caller knows (EHLO): "250-text" or "250 text". */
void smtp_reply_write_line(struct buf *out, unsigned code, bool last, struct bytes text);

#endif
