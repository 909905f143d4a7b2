/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mx: the hosts that take mail for a domain, and their addresses, in the order to try them
 * (rfc5321:5.1).
 *
 * What is found lives in the arena given. The zones are strangers': work and memory are bounded.
 */
#ifndef VOUCH_OUTBOUND_MX_H
#define VOUCH_OUTBOUND_MX_H

#include "config/config.h"
#include "dns/dns.h"

enum { MX_HOSTS_MAX = 10, MX_ADDRESSES_MAX = 20 };

struct mx_host {
    struct bytes name;      /* lower case; of a literal its address */
    struct bytes canonical; /* after CNAMEs */
    uint16_t preference;
    uint16_t port;
    bool literal;           /* an address and not a name */
    bool failed;            /* an address look-up failed (it may have addresses all the same) */
    bool secure;            /* all its addresses were authenticated (rfc7672:2.2.2) */
    struct ip addresses[MX_ADDRESSES_MAX]; /* IPv6 and IPv4 by turns */
    size_t address_count;
};

struct mx_list {
    struct bytes canonical; /* the domain after CNAMEs */
    bool implicit;          /* no MX record: the domain itself (rfc5321:5.1) */
    bool secure;            /* MX records (or that there are none) authenticated */
    struct mx_host hosts[MX_HOSTS_MAX]; /* those that have addresses, best first */
    size_t count;
};

struct mx_options {
    struct dns *dns;
    uint16_t port;                /* 25 */
    bool ipv4, ipv6;
    uint32_t (*random)(void *context, uint32_t below); /* which of equals goes first */
    void *context;
    struct bytes hostname;        /* ourselves by name … */
    const struct ip *own;         /* … and by address */
    size_t own_count;
    bool allow_private;           /* hosts at loopback and private addresses count (tests) */
};

/* Why a domain cannot be reached, to be said of its recipients. */
struct mx_problem {
    const char *enhanced; /* "5.1.10" */
    bool null_mx;
    struct error error;
};

/*
 * OK: the list has at least one host. TEMP: the DNS did not answer. PERM: there is no such domain
 * (5.1.2), it takes no mail (null MX, 5.1.10; rfc7505), we are its best host ourselves (5.4.6), or its
 * records lead nowhere, or nowhere public (5.4.4; outbound/address.h). `domain` may be an address literal
 * (rfc5321:4.1.3), for which the same holds.
 */
enum result mx_find(const struct mx_options *options, struct arena *arena, struct bytes domain,
                    int64_t deadline, struct mx_list *out, struct mx_problem *problem) must_check;

/* The same for hosts that the configuration names, in its order. Loopback and private addresses are fine
 * here. */
enum result mx_resolve(const struct mx_options *options, struct arena *arena,
                       const struct config_host *hosts, size_t count, int64_t deadline,
                       struct mx_list *out, struct mx_problem *problem) must_check;

/* "[192.0.2.1]", "[IPv6:2001:db8::1]". */
bool mx_parse_literal(struct bytes text, struct ip *out);

#endif
