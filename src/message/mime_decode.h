/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mime_decode: content transfer encodings undone (rfc2045:6), as a stream in constant memory.
 *
 * Nothing is refused: what breaks the encoding is read as mail programs read it (foreign octets between
 * base64 digits are skipped, data behind padding is read on, a last group of fewer than four digits is
 * dropped, a "=" that escapes nothing stays) and `malformed` is set. Decoding never lengthens. Failure is
 * the buffer's (`failed`, its maximum).
 *
 *     struct mime_decoder decoder = mime_decoder_for(part->encoding);
 *     mime_decode(&decoder, piece, &out);   as often as there are pieces
 *     mime_decode_end(&decoder, &out);
 */
#ifndef VOUCH_MESSAGE_MIME_DECODE_H
#define VOUCH_MESSAGE_MIME_DECODE_H

#include "base/buf.h"

enum mime_encoding {
    MIME_IDENTITY, /* 7bit, 8bit, binary, or none given */
    MIME_QUOTED_PRINTABLE,
    MIME_BASE64,
    MIME_UNKNOWN_ENCODING /* left as it is (rfc2045:6.4) */
};

/* From a field's value; comments, case and what follows the token do not matter. */
enum mime_encoding mime_encoding_of(struct bytes value);
const char *mime_encoding_name(enum mime_encoding encoding);

/* A longer run of blanks stays even at the end of a line, where RFC 2045 drops it. */
enum { MIME_BLANKS_MAX = 128 };

struct mime_decoder {
    enum mime_encoding encoding;
    bool malformed;
    /* base64 */
    uint32_t bits;
    unsigned digits;
    bool padded;
    /* quoted-printable */
    unsigned state;
    uint8_t held; /* the first hexadecimal digit, as written */
    uint8_t blanks[MIME_BLANKS_MAX]; /* of which nobody knows yet whether the line ends behind them */
    unsigned blank_count;
};

struct mime_decoder mime_decoder_for(enum mime_encoding encoding);
void mime_decode(struct mime_decoder *decoder, struct bytes in, struct buf *out);
void mime_decode_end(struct mime_decoder *decoder, struct buf *out);

#endif
