/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * domainkeys: verification of DomainKeys signatures (RFC 4870, historic): reported, never trusted,
 * since the only algorithm is rsa-sha1 (rfc8301:3.1).
 *
 * Of several signatures one is chosen by the rules of rfc4870:3.7.3, the others are ignored. Keys of
 * v=DKIM1 serve too, their g= with the wildcard of RFC 4871: signers shared keys between both
 * systems. A signature under a key in testing (t=y) is neither pass nor fail, because rfc4870:3.2.3
 * forbids to treat verified and unverified mail of such a domain differently.
 *
 * Everything returned lives in the arena or points into the message. Waits for DNS.
 */
#ifndef VOUCH_AUTH_DOMAINKEYS_H
#define VOUCH_AUTH_DOMAINKEYS_H

#include "dns/dns.h"
#include "message/auth_results.h"
#include "message/message.h"

/* The policy record of a sending domain (rfc4870:3.6). */
struct domainkeys_policy {
    bool found;
    bool signs_all;      /* o=- */
    bool testing;        /* t=y */
    struct bytes report; /* r= */
    struct bytes note;   /* n= */
    struct bytes record;
};

struct domainkeys_result {
    /* none       no signature
     * pass       good
     * fail       does not fit, or no signature where the domain signs all its mail
     * neutral    no signature of a kind that is known here; or it does not fit, but key or policy
     *            say that the domain is testing
     * policy     good, but the key is in testing or shorter than is accepted today
     * permerror  malformed, no key, or the sender is not under d=
     * temperror  DNS failed */
    enum auth_result result;
    struct bytes problem;      /* why not pass, a sentence */
    struct bytes sender;       /* mailbox of Sender, else of the first From (rfc4870:3.2.1 ff.) */
    struct bytes sender_field; /* "Sender" or "From" */
    struct bytes domain, selector;
    struct bytes signature;    /* b= as written */
    size_t signatures;         /* in the message, whether looked at or not */
    unsigned key_bits;
    bool key_testing;
    struct domainkeys_policy policy; /* asked for where there is no good signature */
};

/* How many signatures are looked at. */
enum { DOMAINKEYS_SIGNATURES_MAX = 10 };

void domainkeys_verify(struct dns *dns, struct arena *arena, const struct message *message,
                       int64_t deadline, struct domainkeys_result *result);

/* The text of a policy record. OK; PERM: no list of tags; TEMP: the arena's cap. */
enum result domainkeys_policy_parse(struct arena *arena, struct bytes text,
                                    struct domainkeys_policy *out, struct error *error) must_check;

#endif
