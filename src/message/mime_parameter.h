/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mime_parameter: the values of Content-Type and Content-Disposition: a word and parameters (rfc2045:5.1,
 * rfc2183:2), with the continuations and charsets of RFC 2231 and, in names of files, the encoded words
 * that RFC 2047 forbids there and mail programs write all the same.
 *
 * Read as leniently as mail programs read: unquoted values may hold anything up to the next semicolon,
 * semicolons may be doubled or (before the first parameter) missing, strings need not be closed. What
 * breaks the grammar sets `malformed`. Slices live in the field or in the arena.
 */
#ifndef VOUCH_MESSAGE_MIME_PARAMETER_H
#define VOUCH_MESSAGE_MIME_PARAMETER_H

#include "base/arena.h"

/* Further ones, RFC 2231 sections counted singly, are not read, and make the value malformed. */
enum { MIME_PARAMETERS_MAX = 64 };

struct mime_parameter {
    struct bytes name;     /* lower case, without the asterisks of RFC 2231 */
    struct bytes value;    /* unquoted, sections joined, per cent signs decoded; any octets */
    struct bytes charset;  /* as RFC 2231 gave it; empty if it did not */
    struct bytes language;
    bool extended;         /* RFC 2231 was used */
};

struct mime_value {
    struct bytes word; /* "text/plain", "attachment": lower case, without comments and blanks */
    struct mime_parameter *parameters;
    size_t count;
    bool malformed;
};

/* A field's value, folded or not. False at the arena's cap. */
bool mime_value_parse(struct arena *arena, struct bytes field, struct mime_value *out) must_check;

/* The parameter of that name (lower case); the extended form where both are there (as rfc6266:4.3), else
 * the first. NULL if there is none. */
const struct mime_parameter *mime_parameter(const struct mime_value *value, const char *name);

/* Text of a charset. Where `utf8` is set it has been converted. */
struct mime_text {
    struct bytes octets;
    struct bytes charset; /* as named; empty if nothing said */
    bool utf8;            /* the octets are valid UTF-8 */
};

/* The text of a parameter, encoded words (rfc2047) in it decoded; us-ascii, utf-8 and iso-8859-1 come as
 * UTF-8, other charsets as they are. False at the arena's cap. */
bool mime_parameter_text(struct arena *arena, const struct mime_parameter *parameter,
                         struct mime_text *out) must_check;

/* The same for any unstructured text with encoded words, a Subject for instance. Of several charsets that
 * are not converted the first is named. */
bool mime_words_decode(struct arena *arena, struct bytes text, struct mime_text *out) must_check;

#endif
