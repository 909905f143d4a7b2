/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * batv: Bounce Address Tag Validation (draft-levine-smtp-batv), its scheme "prvs": envelope senders of our
 * own that carry a signature, so that bounces of mail that we never sent can be told.
 *
 *     prvs=KDDDSSSSSS=local@domain
 *
 * K is a digit that names the key, DDD the day (since 1970, modulo 1000) on which the tag ends to be
 * valid, a week after it was made, and SSSSSS the first three octets, in hexadecimal, of the HMAC-SHA1
 * over K, DDD and the address without the tag. The address is hashed in lower case, for bounces come
 * back with its case changed; a hash over the address as it is written is accepted as well, since other
 * programs that share the secret make it so. (Early drafts wrote the parts in another order. That is not
 * read.)
 *
 * When to ask is the caller's business: only mail with the null sender, and only delivery reports, go
 * to tagged addresses. Pure functions, memory and results as in auth/srs.h.
 */
#ifndef VOUCH_AUTH_BATV_H
#define VOUCH_AUTH_BATV_H

#include "auth/secrets.h"

enum { BATV_DAYS = 7, BATV_DAYS_MAX = 400 };

struct batv_options {
    struct secrets secrets;
    unsigned key;  /* 0 to 9: written as K. Verifying tries all secrets under any K */
    unsigned days; /* of life; 0: BATV_DAYS */
    int64_t now;   /* epoch seconds */
};

/* PERM if an option is out of bounds. The others require what this has found good. */
enum result batv_check_options(const struct batv_options *options, struct error *error) must_check;

/* NONE: the null sender, or tagged already. PERM: no address, or its local part would be longer than
 * SIGNED_ADDRESS_LOCAL_MAX with the tag. */
enum result batv_encode(struct arena *arena, const struct batv_options *options,
                        struct bytes address, struct bytes *out, struct error *error) must_check;

/* The address without its tag. NONE: it has none. PERM: malformed, forged, expired. A day of
 * difference between two clocks of ours is allowed. */
enum result batv_decode(struct arena *arena, const struct batv_options *options,
                        struct bytes address, struct bytes *out, struct error *error) must_check;

#endif
