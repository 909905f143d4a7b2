/* SPDX-License-Identifier: BSD-2-Clause */
/* digest: SHA-256 over several parts, as a key that a stranger cannot make collide. */
#ifndef VOUCH_ROLES_DIGEST_H
#define VOUCH_ROLES_DIGEST_H

#include "base/arena.h"

enum { DIGEST_SIZE = 32 };

/* In the arena. Where one part ends and the next begins counts. False: out of memory. */
bool digest_parts(struct arena *arena, const struct bytes *parts, size_t count,
                  struct bytes *out) must_check;

#endif
