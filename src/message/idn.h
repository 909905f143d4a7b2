/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idn: internationalized domain names (RFC 5890): from U-labels (UTF-8) to A-labels ("xn--…").
 *
 * The mapping is that of UTS 46 (non-transitional), as browsers and mail programs use it, so that
 * the name that is checked is the name that the reader's program would go to. Names longer than
 * IDN_INPUT_MAX are refused before any work.
 */
#ifndef VOUCH_MESSAGE_IDN_H
#define VOUCH_MESSAGE_IDN_H

#include "base/arena.h"

enum { IDN_INPUT_MAX = 1020 }; /* 255 characters of four octets */

/* The lower-cased A-label form in the arena. A plain ASCII name is only lower-cased and must be
 * domain_is_valid(). PERM if it is no valid name, TEMP at the arena's cap. */
enum result idn_to_ascii(struct arena *arena, struct bytes domain, struct bytes *out,
                         struct error *error) must_check;

/* Whether both are the same name, each in either form, case-insensitive. False if one is no valid
 * name, unless they are octet for octet the same. */
bool idn_equal(struct bytes a, struct bytes b);

#endif
