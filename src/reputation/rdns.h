/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rdns: what kind of name a client has in the reverse DNS: one that somebody gave it, or one that its provider
 * made from its address for whoever happens to have that.
 *
 * A name is generic if it says the client's address (decimal, forwards or backwards, padded or not; two octets
 * that stand together are enough; hexadecimal; groups or nibbles of IPv6), or says what only consumers' lines
 * are called (dsl, dyn, dhcp, pool …). Names of servers (mail, mx, smtp, mta, out, relay …) are not generic, even
 * with the address in them, unless they say both; the registrable part is not looked at for words. "static" with
 * the address in it is generic: the line is not dynamic, but nobody answers for it by name yet.
 *
 * Pure; time is linear in the name's length, which is bounded by the DNS.
 */
#ifndef VOUCH_REPUTATION_RDNS_H
#define VOUCH_REPUTATION_RDNS_H

#include "base/ip.h"
#include "message/auth_results.h"

enum rdns_class {
    RDNS_UNKNOWN,     /* the DNS did not answer */
    RDNS_NONE,        /* there is no name */
    RDNS_UNCONFIRMED, /* there is one, but it does not lead back */
    RDNS_GENERIC,     /* confirmed or not */
    RDNS_CONFIRMED
};
const char *rdns_class_name(enum rdns_class class); /* "unknown", "none", "unconfirmed", "generic", "confirmed" */

enum { RDNS_WHY_SIZE = 80, RDNS_NAME_MAX = 253 };

struct rdns_result {
    enum rdns_class class;
    char why[RDNS_WHY_SIZE]; /* of RDNS_GENERIC: "the address 192-0-2-1", "the word dsl"; printable */
};

/* `iprev` is the result of auth/iprev.h, `name` its name (may be empty). */
void rdns_classify(const struct ip *ip, enum auth_result iprev, struct bytes name, struct rdns_result *result);

/* Whether a name by itself is generic for that address; also for names in HELO. `why` may be NULL. */
bool rdns_is_generic(const struct ip *ip, struct bytes name, char why[RDNS_WHY_SIZE]);

#endif
