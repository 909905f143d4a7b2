/* SPDX-License-Identifier: BSD-2-Clause */
/* saslprep: names and passwords in the form in which they are compared and hashed (RFC 4013). */
#ifndef VOUCH_AUTH_SASLPREP_H
#define VOUCH_AUTH_SASLPREP_H

#include "base/arena.h"

enum { SASLPREP_MAX = 1024 };

/* ASCII without controls is its own prepared form. PERM: not UTF-8, longer than SASLPREP_MAX, or with
 * a character that is forbidden there; TEMP at the arena's cap. What comes out may be empty. */
enum result saslprep(struct arena *arena, struct bytes text, struct bytes *out,
                     struct error *error) must_check;

#endif
