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

enum { DKIM_SIGNATURES_MAX = 10 };

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
 * policy     it is good, but l= leaves the body open, or its key is shorter than rsa_bits_least
 * neutral    algorithm, canonicalization or query method are not known here (rfc8601:2.7.1)
 * permerror  it breaks a rule, has expired, uses rsa-sha1 or a key under 1024 bits (rfc8301:3),
 *            or there is no usable key (rfc6376:6.1: PERMFAIL before anything is verified)
 * temperror  DNS failed, or memory ran out
 */
void dkim_verify(struct dns *dns, struct arena *arena, const struct message *message,
                 const struct dkim_options *options, struct dkim_results *results);

#endif
