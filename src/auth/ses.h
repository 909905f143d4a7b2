/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ses: Signed Envelope Sender: envelope senders of our own that carry a number and a signature.
 *
 *     SES=sig=local@domain
 *
 * SES never got past drafts, and nobody is known to run it; the layout below is that of pysrs, the last
 * program that had it, and is spelled out because there is nothing alive to compare it with. sig is one
 * whole number, written in base 38 with the digits A-Z 0-9 _ - (A is 0), the most significant digit
 * first, without leading zeros (a leading "A" is refused here). Its bits, from the highest:
 *
 *     message id    up to 64 bits, as many as it has
 *     time code     6 bits: the tick modulo 63; or 63, which says that the signature is fixed
 *     hash          80 bits: the first 10 octets of the HMAC-SHA1
 *
 * A tick is a quarter of a day since 1970. The hash is over the tick (0 if fixed) and the message id,
 * each as 64 bits big-endian, then local, "@" and the domain in lower case. sig is read without case;
 * the local part must come back as it was sent. A signature is valid for 40 ticks (10 days); a fixed
 * one for ever (its hash is verified all the same). A local part that needs quotes has them around
 * the whole new one, and is hashed without them.
 *
 * A message id must not be used twice in one tick. Counting validations (three are usual) needs memory,
 * and so is the caller's: struct ses_address has what to count by. Pure functions, memory and results
 * as in auth/srs.h.
 */
#ifndef VOUCH_AUTH_SES_H
#define VOUCH_AUTH_SES_H

#include "auth/secrets.h"

enum { SES_TICK_SECONDS = 21600, SES_LIFE_TICKS = 40, SES_VALIDATIONS = 3 };

struct ses_options {
    struct secrets secrets;
    int64_t now;         /* epoch seconds */
    uint64_t message_id; /* for signing */
    bool fixed;          /* sign without a time */
};

struct ses_address {
    struct bytes address; /* without the signature */
    uint64_t message_id;
    uint64_t tick;        /* in which it was signed; 0 if fixed */
    bool fixed;
};

/* NONE: the null sender, or signed already. PERM: no address, or its local part would be longer than
 * SIGNED_ADDRESS_LOCAL_MAX with the signature. There must be a secret. */
enum result ses_encode(struct arena *arena, const struct ses_options *options,
                       struct bytes address, struct bytes *out, struct error *error) must_check;

/* NONE: it has no signature. PERM: malformed, forged, expired. A tick of difference between two
 * clocks of ours is allowed. */
enum result ses_decode(struct arena *arena, const struct ses_options *options,
                       struct bytes address, struct ses_address *out, struct error *error)
    must_check;

#endif
