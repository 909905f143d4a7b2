/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * srs: the Sender Rewriting Scheme: a forwarder's own envelope sender, from which it can tell to whom
 * a bounce belongs.
 *
 *     SRS0=HHHH=TT=host=local@us             stands for local@host
 *     SRS1=HHHH=B==HHHH=TT=host=local@us     stands for SRS0=HHHH=TT=host=local@B
 *
 * TT is the day modulo 1024 in two digits of base 32 (A-Z, 2-7). HHHH is the beginning of the HMAC-SHA1
 * in base 64, over TT, host and local in SRS0, and over B and what follows the word SRS0 at B in SRS1,
 * all lower-cased and without anything between. It is compared without case, for there are mail
 * servers that change the case of local parts. The character behind SRS0 or SRS1 may be "=", "+" or
 * "-", all others are "=". A local part that needs quotes has them around the whole new one.
 *
 * Pure functions of secrets, address and time. What is returned lives in the arena. Addresses are
 * mailboxes without brackets.
 *
 * OK    rewritten
 * NONE  there is nothing to rewrite; the error says why as well
 * PERM  it must not be rewritten: malformed, too long, forged, expired; the error says what
 * TEMP  the arena's cap
 */
#ifndef VOUCH_AUTH_SRS_H
#define VOUCH_AUTH_SRS_H

#include "auth/secrets.h"

enum {
    SRS_HASH_LENGTH = 4,      /* when none is given */
    SRS_HASH_LENGTH_MAX = 27, /* digits of base 64 that a SHA-1 has */
    SRS_AGE_LIMIT = 21,       /* days */
    SRS_AGE_LIMIT_MAX = 500   /* the day is known modulo 1024, and half of that is the future */
};

struct srs_options {
    struct secrets secrets;
    struct bytes domain;               /* ours, in which the new addresses lie */
    const struct bytes *local_domains; /* further ones of ours, whose senders are left alone */
    size_t local_domain_count;
    uint8_t separator;    /* behind SRS0 and SRS1; 0: '=' */
    unsigned hash_length; /* 0: the default */
    unsigned hash_least;  /* the shortest hash that decoding takes; 0: hash_length */
    unsigned age_limit;   /* days; 0: the default */
    int64_t now;          /* epoch seconds */
};

/* PERM if an option is out of bounds. The others require what this has found good. */
enum result srs_check_options(const struct srs_options *options, struct error *error) must_check;

/* The sender under which `address` is forwarded. NONE: it stays as it is, being null ("" or "<>") or
 * of a domain of ours. PERM: it is no address, is an SRS address of our own already, or the new local
 * part would be longer than SIGNED_ADDRESS_LOCAL_MAX. */
enum result srs_encode(struct arena *arena, const struct srs_options *options,
                       struct bytes address, struct bytes *out, struct error *error) must_check;

/* Where mail to `address` belongs. NONE: it is no SRS address, or is one of another domain. A day of
 * difference between two clocks of ours is allowed. */
enum result srs_decode(struct arena *arena, const struct srs_options *options,
                       struct bytes address, struct bytes *out, struct error *error) must_check;

#endif
