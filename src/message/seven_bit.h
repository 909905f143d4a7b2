/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seven_bit: a message made fit for servers without 8BITMIME (RFC 6152), and for those that cut off
 * lines of more than 998 octets: each part that needs it is encoded (rfc2045:6).
 *
 * Text takes quoted-printable unless base64 is shorter by a fifth, everything else base64. Content-
 * Transfer-Encoding is replaced or added; "8bit" and "binary" become "7bit" where nothing needed
 * encoding. A message without MIME fields gets them; text whose charset nothing names is called
 * utf-8 if it is that, else unknown-8bit (RFC 1428), since us-ascii it is not. An unsafe preamble
 * or epilogue is dropped: nobody is shown it (rfc2046:5.1.1). All other octets stay.
 *
 * Never converted is what somebody signed: a message with DKIM-Signature, DomainKey-Signature or
 * ARC fields, multipart/signed, application/pkcs7-mime; nor a header that is not ASCII (that needs
 * SMTPUTF8). Signed parts that are 7-bit already may stand beside parts that are converted.
 */
#ifndef VOUCH_MESSAGE_SEVEN_BIT_H
#define VOUCH_MESSAGE_SEVEN_BIT_H

#include "base/buf.h"
#include "message/message.h"

/* Whether the text has an octet above 127, a NUL, a CR or LF that is no CRLF, or a line of more
 * than 998 octets. */
bool seven_bit_is_needed(struct bytes text);

/* OK: appended to `out`. NONE: nothing has to be converted, and nothing was written. PERM: it must
 * not or cannot be converted, the error says why (5.6.3). TEMP: the arena's cap, or the buffer's
 * maximum; 2 * size + 256 KiB is always enough. On anything but OK `out` is as it was. */
enum result seven_bit_convert(struct arena *arena, const struct message *message, struct buf *out,
                              struct error *error) must_check;

#endif
