/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * transport: asks recursive resolvers over the network, through c-ares.
 *
 * UDP with EDNS (1232 octets), TCP when an answer is truncated. Create it before the sandbox
 * closes: later it opens sockets but no files. Fibers only may ask; there is no fiber of its own:
 * of those that wait one drives the sockets for all. Nothing is remembered here: put a cache before
 * it.
 */
#ifndef VOUCH_DNS_TRANSPORT_H
#define VOUCH_DNS_TRANSPORT_H

#include "dns/dns.h"

struct dns_server {
    struct ip ip;
    uint16_t port; /* 0: 53 */
};

struct dns_transport_options {
    const struct dns_server *servers; /* asked in this order */
    size_t server_count;              /* 0: as /etc/resolv.conf says (without it 127.0.0.1) */
    int64_t timeout;   /* microseconds before the first attempt is given up, doubled with each round
                          over the servers; 0: 2 s */
    unsigned attempts; /* rounds; 0: 3 */
    bool trust_ad;     /* believe AD of all servers; otherwise only if every one is on this host */
};

/* NULL: `error` says why. */
struct dns *dns_transport_create(const struct dns_transport_options *options, struct error *error);
/* No query may be under way; the loop must still exist if any was asked. NULL is fine. */
void dns_transport_destroy(struct dns *transport);

struct dns_transport_counts {
    uint64_t asked, failed; /* failed: time-outs, unreadable replies, SERVFAIL, … */
    size_t under_way;       /* those that nobody waits for any more included */
};
struct dns_transport_counts dns_transport_counts(const struct dns *transport);

#endif
