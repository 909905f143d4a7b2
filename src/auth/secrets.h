/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * secrets: what addresses are signed with (SRS, BATV, SES): the first signs, any of them verifies.
 *
 * So a secret is changed by putting the new one in front and dropping the old one once no address
 * signed with it can come back. Secrets are octets without any form; slices are borrowed.
 */
#ifndef VOUCH_AUTH_SECRETS_H
#define VOUCH_AUTH_SECRETS_H

#include "base/arena.h"

enum { SECRETS_MAX = 32, SECRET_LENGTH_MAX = 1024, SECRETS_MAC_SIZE = 20 };

struct secrets {
    const struct bytes *items;
    size_t count;
};

/* The text of a file of secrets: one a line, without white space around it; blank lines and lines
 * that begin with "#" do not count. PERM if there is none, too many, or one that is too long; TEMP
 * at the arena's cap. The secrets lie in the arena. */
enum result secrets_parse(struct arena *arena, struct bytes text, struct secrets *out,
                          struct error *error) must_check;

/* HMAC-SHA1 over the parts, one behind the other. False if the library refuses or memory is out. */
bool secrets_mac(struct bytes secret, const struct bytes *parts, size_t count,
                 uint8_t out[SECRETS_MAC_SIZE]) must_check;

/* *good: whether `claimed` is how the HMAC under one of the secrets begins (not if it is empty).
 * Takes the same time whichever it is, and whatever differs. TEMP as secrets_mac()'s false. */
enum result secrets_verify(const struct secrets *secrets, const struct bytes *parts, size_t count,
                           struct bytes claimed, bool *good, struct error *error) must_check;

#endif
