/* SPDX-License-Identifier: BSD-2-Clause */
/* utf8: validity of UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF). */
#ifndef VOUCH_BASE_UTF8_H
#define VOUCH_BASE_UTF8_H

#include "base/bytes.h"

/* Length (1 to 4) of the valid sequence at the start, 0 if there is none. */
size_t utf8_sequence(struct bytes bytes);
bool utf8_is_valid(struct bytes bytes);
bool utf8_is_ascii(struct bytes bytes); /* no octet above 127 */

#endif
