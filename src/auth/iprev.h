/* SPDX-License-Identifier: BSD-2-Clause */
/* iprev: forward-confirmed reverse DNS of the client (rfc8601:3). Waits for DNS. */
#ifndef VOUCH_AUTH_IPREV_H
#define VOUCH_AUTH_IPREV_H

#include "dns/dns.h"
#include "message/auth_results.h"

struct iprev_result {
    enum auth_result result; /* pass fail temperror permerror (rfc8601:2.7.3) */
    struct bytes name;       /* the confirmed name (pass), else the first PTR name if any */
    struct bytes problem;
};

void iprev_check(struct dns *dns, struct arena *arena, const struct ip *ip, int64_t deadline,
                 struct iprev_result *result);

#endif
