/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * message: an Internet message (RFC 5322) split into header fields and body, without copying.
 *
 * Everything points into the raw text, which must outlive it. Lines end in CRLF; a message that came
 * over SMTP has no others, one read from a file is converted first (message_normalize()).
 */
#ifndef VOUCH_MESSAGE_MESSAGE_H
#define VOUCH_MESSAGE_MESSAGE_H

#include "base/arena.h"

struct header_field {
    struct bytes raw;   /* whole field with its folding and its final CRLF (which only the last field
                           of a message that was cut off there can lack) */
    struct bytes name;  /* as written, without trailing WSP and colon */
    struct bytes value; /* behind the colon, folding inside, without the final CRLF */
};

struct message {
    struct bytes raw;
    struct bytes header; /* all fields, without the empty line */
    struct bytes body;   /* behind the empty line; empty if there is none */
    struct header_field *fields;
    size_t field_count;
    bool malformed;      /* some line in the header was neither field nor continuation; the header
                            ends there and the line belongs to the body */
};

/* Limits of one header; a message beyond them is PERM. */
enum { HEADER_FIELD_MAX = 100 * 1024, HEADER_MAX = 1024 * 1024, HEADER_FIELDS_MAX = 1000 };

/* OK; PERM beyond the limits; TEMP at the arena's cap. */
enum result message_parse(struct arena *arena, struct bytes raw, struct message *out,
                          struct error *error) must_check;

/* Copies text with LF, CR, CRLF or mixed line ends into CRLF form, and drops a leading mbox "From " line.
 * Empty with ptr NULL at the arena's cap. */
struct bytes message_normalize(struct arena *arena, struct bytes text);

/* The first field of that name (case-insensitive) at or after index `from`; NULL if none. Its index is
 * field - message->fields. */
const struct header_field *message_field(const struct message *message, const char *name,
                                         size_t from);
size_t message_field_count(const struct message *message, const char *name);

/* The value unfolded (CRLF before WSP removed) and trimmed; points into the message where no
 * unfolding was needed, else into the arena. */
struct bytes header_unfold(struct arena *arena, struct bytes value);

#endif
