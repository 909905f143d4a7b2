/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iprev: forward-confirmed reverse DNS of the client (rfc8601:3). Waits for DNS.
 *
 * What is returned lives in the arena. Failures are results: they never keep mail from flowing.
 */
#ifndef VOUCH_AUTH_IPREV_H
#define VOUCH_AUTH_IPREV_H

#include "dns/dns.h"
#include "message/auth_results.h"

struct iprev_result {
    enum auth_result result; /* pass fail temperror permerror (rfc8601:2.7.3) */
    struct bytes name;       /* the confirmed name (pass), else the first PTR name if any; names
                                that are no host's name are passed over */
    struct bytes problem;    /* why not pass: a sentence; empty for pass */
};

void iprev_check(struct dns *dns, struct arena *arena, const struct ip *ip, int64_t deadline,
                 struct iprev_result *result);

enum { IPREV_NAMES_MAX = 10, IPREV_NAME_MAX = 80 };

/* The name to ask for the PTR records of `ip`: "1.2.0.192.in-addr.arpa" (rfc1035:3.5) or the 32
 * nibbles below ip6.arpa (rfc3596:2.5); empty without an address. Returned is a part of `out`. */
struct bytes iprev_reverse_name(const struct ip *ip, uint8_t out[IPREV_NAME_MAX]);

#endif
