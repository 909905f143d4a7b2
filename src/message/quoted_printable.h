/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * quoted_printable: the encodings of message bodies written (rfc2045:6.7, 6.8);
 * message/mime_decode.h reads them. Lines have at most 76 columns. No line begins with "--", which
 * could be taken for a delimiter of a multipart, with "From " or with a dot.
 */
#ifndef VOUCH_MESSAGE_QUOTED_PRINTABLE_H
#define VOUCH_MESSAGE_QUOTED_PRINTABLE_H

#include "base/buf.h"

/* CRLF in the text stays a line end; CR and LF alone are encoded. */
void quoted_printable_write(struct buf *out, struct bytes text);
/* How many octets that would be. */
size_t quoted_printable_size(struct bytes text);

/* Lines of base64 with CRLF between them, none behind the last. */
void base64_write_lines(struct buf *out, struct bytes octets);
size_t base64_lines_size(struct bytes octets);

#endif
