/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mime: the structure of a message (RFC 2045, 2046): a tree of parts over its octets.
 *
 * Slices point into the message, which must outlive the tree, so that signatures see the exact octets;
 * only what stands in an encoded message/rfc822 is decoded, into the arena. Every input gives a tree:
 * what breaks the rules is read as mail programs read it, and marked by flags. Each line is looked at
 * once, against the boundaries that are open at it, so time is linear; parts, depth, fields and decoded
 * octets are limited, and what lies beyond a limit stays in the part before it, unread and flagged.
 *
 * Delimiter lines. A line that is "--", the boundary, perhaps "--", and blanks is a delimiter of the
 * innermost multipart of which that is true. Failing that, one that has other text behind the boundary
 * and a blank, or behind the closing "--", is taken too (rfc2046:5.1.1: comparing the beginning is
 * enough); one that only begins with the boundary ("--abc-1" for "abc") is text, because boundaries of
 * nested multiparts are often made so. A delimiter of an outer multipart ends those within it.
 */
#ifndef VOUCH_MESSAGE_MIME_H
#define VOUCH_MESSAGE_MIME_H

#include "message/message.h"
#include "message/mime_decode.h"
#include "message/mime_parameter.h"

enum {
    MIME_DEPTH_MAX = 50,
    MIME_PARTS_MAX = 1000,
    MIME_FIELDS_MAX = 20000,         /* of all parts together */
    MIME_BOUNDARY_WANTED = 70,       /* rfc2046:5.1.1; longer ones are flagged, and used */
    MIME_BOUNDARY_MAX = 16 * 1024,   /* longer ones are not: the part is opaque */
    MIME_NUMBER_MAX = 5 * (MIME_DEPTH_MAX + 2)
};

enum mime_flag {
    MIME_TOO_DEEP = 1 << 0,        /* it may hold parts that were not looked for */
    MIME_TOO_MANY_PARTS = 1 << 1,
    MIME_TOO_MANY_FIELDS = 1 << 2, /* some of its fields are not listed */
    MIME_TOO_LARGE = 1 << 3,       /* an encoded message that was not decoded, or a header beyond limits */
    MIME_NO_BOUNDARY = 1 << 4,     /* multipart without a boundary that could be used: opaque */
    MIME_LONG_BOUNDARY = 1 << 5,
    MIME_NO_PARTS = 1 << 6,        /* multipart in which no part begins */
    MIME_UNCLOSED = 1 << 7,        /* multipart without its closing delimiter */
    MIME_TRAILING_TEXT = 1 << 8,   /* text behind the boundary in a delimiter line */
    MIME_BAD_LINE = 1 << 9,        /* a line of the header is neither field nor continuation */
    MIME_HEADER_CUT = 1 << 10,     /* no empty line ends the header */
    MIME_DUPLICATE_FIELD = 1 << 11, /* Content-Type, -Transfer-Encoding or -Disposition: the first counts */
    MIME_BAD_TYPE = 1 << 12,       /* Content-Type cannot be read: text/plain (rfc2045:5.2) */
    MIME_BAD_PARAMETER = 1 << 13,
    MIME_BAD_ENCODING = 1 << 14,   /* Content-Transfer-Encoding is not known */
    MIME_ENCODED_COMPOSITE = 1 << 15, /* encoded multipart or message (forbidden by rfc2045:6.4) */
    MIME_BAD_DATA = 1 << 16        /* an encoded message in which the encoding is broken */
};
const char *mime_flag_text(enum mime_flag flag); /* a few words */

enum mime_kind {
    MIME_LEAF,
    MIME_MULTIPART, /* children: its parts */
    MIME_MESSAGE    /* message/rfc822 or /global; one child: the message in it */
};

struct mime_part {
    struct mime_part *parent, *first_child, *last_child, *next;
    unsigned depth;    /* 0: the message itself */
    unsigned index;    /* among its siblings, from 1 */
    enum mime_kind kind;
    unsigned flags;    /* of enum mime_flag */

    struct bytes raw;      /* header and body: what a signature covers (rfc1847:2.1) */
    struct bytes header;   /* all fields, without the empty line */
    struct bytes body;     /* without the line end that belongs to the next delimiter */
    struct bytes preamble, epilogue; /* MIME_MULTIPART */
    struct header_field *fields;
    size_t field_count;

    struct bytes type, subtype; /* lower case; the default where no field gives them (rfc2045:5.2) */
    bool type_given;
    struct mime_value content_type, disposition; /* `word` empty where there is no such field */
    enum mime_encoding encoding;
    struct bytes boundary;
    struct mime_text file_name; /* Content-Disposition's, else Content-Type's; octets empty if none */
};

struct mime {
    struct mime_part *root;
    size_t part_count;
    unsigned flags; /* of all parts */
};

struct mime_options {
    /* A line in a header that is no field is passed over. Otherwise the body begins there, as in
     * message_parse(). */
    bool skip_bad_lines;
};

/* `options` may be NULL. OK, or TEMP at the arena's cap. */
enum result mime_parse(struct arena *arena, const struct message *message,
                       const struct mime_options *options, struct mime *out,
                       struct error *error) must_check;

/* The next part in the order of the message, parents before their children; NULL behind the last. */
struct mime_part *mime_next(const struct mime_part *part);
/* The same, without what stands in message/rfc822 parts: those are other people's messages. */
struct mime_part *mime_next_own(const struct mime_part *part);
/* The first field of that name, or NULL. */
const struct header_field *mime_field(const struct mime_part *part, const char *name);
bool mime_is(const struct mime_part *part, const char *type, const char *subtype);
/* The value of a parameter of Content-Type; empty if there is none. */
struct bytes mime_type_parameter(const struct mime_part *part, const char *name);
/* Its number as IMAP counts (rfc3501:6.4.5), "1.2"; "" for a message that is a multipart. */
struct bytes mime_part_number(const struct mime_part *part, char space[MIME_NUMBER_MAX]);
/* Appends the body of a leaf, decoded. The buffer fails at its maximum; what fits is not in it then.
 * False if the encoding was broken somewhere. */
bool mime_part_decode(const struct mime_part *part, struct buf *out);

#endif
