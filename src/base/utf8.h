/* SPDX-License-Identifier: BSD-2-Clause */
/* utf8: validity of UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF). */
#ifndef VOUCH_BASE_UTF8_H
#define VOUCH_BASE_UTF8_H

#include "base/bytes.h"

/* Length (1 to 4) of the valid sequence at the start, 0 if there is none. */
size_t utf8_sequence(struct bytes bytes);
/* The same for a character that can be shown to people: 0 also for controls (those of ISO 8859 too, which
 * terminals obey), separators of lines, and what turns the direction of the text behind it, with which
 * a stranger's text could look like another line or read backwards. */
size_t utf8_printable(struct bytes bytes);
/* The number of a character that utf8_sequence() has measured. */
uint32_t utf8_code_point(struct bytes character);
/* The octets of a character, at most U+10FFFF: how many. */
size_t utf8_encode(uint32_t point, uint8_t out[4]);
bool utf8_is_valid(struct bytes bytes);
bool utf8_is_ascii(struct bytes bytes); /* no octet above 127 */

#endif
