/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim: verification of DomainKeys Identified Mail signatures (RFC 6376, 8301, 8463, 8553).
 *
 * Everything returned lives in the arena or points into the message. Waits for DNS (all keys at
 * once).
 */
#ifndef VOUCH_AUTH_DKIM_H
#define VOUCH_AUTH_DKIM_H

#include "dns/dns.h"
#include "message/auth_results.h"
#include "message/message.h"

enum {
    DKIM_SIGNATURES_MAX = 10,
    DKIM_CLOCK_SKEW = 15 * 60 /* seconds that a signer's clock may be ahead of ours unnoticed */
};

struct dkim_signature_result {
    enum auth_result result;  /* pass fail policy neutral temperror permerror */
    struct bytes problem;     /* why not pass: a sentence; empty for pass */
    struct bytes domain;      /* d=, lower-cased */
    struct bytes selector;    /* s= */
    struct bytes identity;    /* i= (default @d) */
    struct bytes algorithm;   /* a= */
    struct bytes signature;   /* b= as written, for header.b (first characters) and replay counts */
    struct bytes header_list; /* h= as written */
    unsigned key_bits;        /* 0 if no key was read */
    bool key_testing;         /* t=y in the key record (rfc6376:3.6.1) */
    bool body_length_used;    /* l= stands in it */
    bool expired;
    bool from_future;         /* t= lies in the future: a note, see dkim_verify() */
    int64_t made, expires;    /* t=, x=; 0: not given */
};

struct dkim_results {
    struct dkim_signature_result *signatures; /* in header order */
    size_t count;
    size_t ignored; /* signatures beyond DKIM_SIGNATURES_MAX */
};

struct dkim_options {
    int64_t now;             /* epoch seconds, for x= and t= */
    int64_t deadline;        /* loop time for all keys together */
    unsigned rsa_bits_least; /* 0: 1024 (rfc8301:3.2); a good signature below it is policy */
    /* Looks at rsa-sha1 and short RSA keys too, which RFC 8301 retired, and at v=0.5 of the drafts;
     * what verifies with the former is policy, never pass. To study old mail, not for live mail. */
    bool historic;
};

/*
 * pass       the signature is good
 * fail       body or header do not fit it
 * policy     it is good, but l= leaves the body open, its key is in testing (t=y), or its key is
 *            shorter than rsa_bits_least
 * neutral    algorithm, canonicalization or query method are not known here (rfc8601:2.7.1); or body
 *            or header do not fit a signature whose key is in testing
 * permerror  it breaks a rule, has expired, uses rsa-sha1 or a key under 1024 bits (rfc8301:3),
 *            or there is no usable key (rfc6376:6.1: PERMFAIL before anything is verified)
 * temperror  DNS failed, or memory ran out
 *
 * A key record with t=y forbids to treat its messages differently from unsigned ones, whether they
 * verify or not (rfc6376:3.6.1). "none" would deny that there is a signature, and "pass" and "fail"
 * are what others act upon; so one that fits is policy, since an aspect of it is not acceptable here,
 * and one that does not is neutral, the result for what no other name covers (rfc8601:2.7.1). Neither
 * is an authenticated identifier, for DMARC or for anything else.
 *
 * rfc6376:3.5 lets a verifier ignore signatures whose t= lies in the future. They are not ignored
 * here: a clock that is wrong makes a signature no weaker, and refusing it would cost mail. More than
 * DKIM_CLOCK_SKEW ahead is noted in `from_future`.
 */
void dkim_verify(struct dns *dns, struct arena *arena, const struct message *message,
                 const struct dkim_options *options, struct dkim_results *results);

#endif
