/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * charset: text of the charsets that mail comes in, to UTF-8.
 *
 * The tables of all but the simplest are drawn from the C library's converters once, by charset_prepare();
 * afterwards no octet of a stranger reaches those converters (which have had their faults), nothing is
 * opened, and there is no state that threads would have to share. Before charset_prepare() UTF-8, UTF-16,
 * UTF-7, US-ASCII, ISO-8859-1 and windows-1252 are known.
 *
 * What is called US-ASCII or ISO-8859-1 is read as windows-1252, and likewise the older of other pairs as
 * the newer that contains it (gb2312 as GB18030, shift_jis as CP932 …), as browsers do.
 */
#ifndef VOUCH_MESSAGE_CHARSET_H
#define VOUCH_MESSAGE_CHARSET_H

#include "base/buf.h"

struct charset;

/* Call once, before a sandbox closes and before threads. */
void charset_prepare(void);

/* By a name as written in Content-Type; NULL if it is not known. */
const struct charset *charset_find(struct bytes name);
/* What a text without (known) label is taken for: UTF-8 if it is valid, else windows-1252. */
const struct charset *charset_guess(struct bytes text);
/* The same for a text with a byte order mark; NULL if it has none. */
const struct charset *charset_of_mark(struct bytes text);

const char *charset_name(const struct charset *charset);
/* Its octets below 128 are ASCII, and stand for nothing else anywhere. */
bool charset_is_transparent(const struct charset *charset);
bool charset_is_utf8(const struct charset *charset);

/* Appends `text` as valid UTF-8, without a byte order mark; U+FFFD for octets that mean nothing. False if there
 * were such. The buffer fails at its maximum, and what fits is in it then. Three octets come of one at most. */
bool charset_decode(const struct charset *charset, struct bytes text, struct buf *out);

#endif
