/* SPDX-License-Identifier: BSD-2-Clause */
/* charset_private: what the parts of charset share; nobody else includes it. */
#ifndef VOUCH_MESSAGE_CHARSET_PRIVATE_H
#define VOUCH_MESSAGE_CHARSET_PRIVATE_H

#include "message/charset.h"

enum charset_kind {
    CHARSET_UTF8,
    CHARSET_SINGLE, /* an octet, a character */
    CHARSET_DOUBLE, /* ASCII, or two octets */
    CHARSET_UTF16_LE,
    CHARSET_UTF16_BE,
    CHARSET_UTF7,
    CHARSET_ISO2022_JP,
    CHARSET_ISO2022_KR,
    CHARSET_HZ
};

/* Code points of the pairs, by rows; 0 where there is none. */
struct charset_pairs {
    const char *source; /* the name that the C library has for it */
    uint16_t *points;
    uint8_t first_lead, last_lead, first_trail, last_trail;
    bool ready;
    bool trail_digits; /* GB18030: four octets, of which the second and last are digits, are a character too */
};

struct charset {
    const char *name; /* for us, and for the C library where it is a single-octet one */
    enum charset_kind kind;
    struct charset_pairs *pairs;
    uint16_t *high; /* CHARSET_SINGLE: of the octets 128 to 255 */
    bool ready;
};

enum { CHARSET_NO_CHARACTER = 0, CHARSET_REPLACEMENT = 0xfffd };

/* The code point, or CHARSET_NO_CHARACTER. */
uint16_t charset_pair(const struct charset_pairs *pairs, uint8_t lead, uint8_t trail);

/* The text decoded so far. */
struct charset_writer {
    struct buf *out;
    bool clean;
};
void charset_put(struct charset_writer *w, uint32_t point);
void charset_bad(struct charset_writer *w); /* U+FFFD, and not clean */

/* charset_escaped.c: those with shifts. */
void charset_decode_utf7(struct charset_writer *w, struct bytes text);
void charset_decode_iso2022(struct charset_writer *w, const struct charset *charset, struct bytes text);
void charset_decode_hz(struct charset_writer *w, const struct charset *charset, struct bytes text);

/* charset_table.c: all there are. */
struct charset *charset_all(size_t *count);
struct charset *charset_windows1252(void);
struct charset *charset_utf8(void);
/* The half-width katakana of JIS X 0201, 0xa1 to 0xdf. */
static inline uint16_t charset_katakana(uint8_t c)
{
    return c >= 0xa1 && c <= 0xdf ? (uint16_t)(0xff61 + (c - 0xa1)) : CHARSET_NO_CHARACTER;
}

#endif
