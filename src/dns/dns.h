/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dns: one interface for all look-ups, with layers behind it.
 *
 *   transport (c-ares: dns/transport.h)  <-  cache (dns/cache.h)  <-  recorder (dns/recorder.h)
 *   zone (dns/zone.h): a fake that answers from text, for scenarios and replays
 *
 * An answer is immutable. It is held for the caller by `arena` (reference-counted, released when the
 * arena is); it must not be used after that. Names are compared without case; names in answers are
 * presentation form without the trailing dot, lower-cased, with \DDD for unusual octets.
 */
#ifndef VOUCH_DNS_DNS_H
#define VOUCH_DNS_DNS_H

#include "base/arena.h"
#include "base/ip.h"

enum dns_type {
    DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_SOA = 6, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16,
    DNS_AAAA = 28, DNS_DS = 43, DNS_TLSA = 52, DNS_SPF = 99
};

enum dns_status {
    DNS_FOUND,    /* at least one record of the type */
    DNS_NO_DATA,  /* the name exists, without records of the type (rfc2308:2.2) */
    DNS_NO_NAME,  /* NXDOMAIN (rfc2308:2.1) */
    DNS_FAILED    /* time-out, SERVFAIL, REFUSED, malformed answer: try again later */
};

struct dns_record {
    struct ip ip;         /* A, AAAA */
    uint16_t preference;  /* MX */
    struct bytes name;    /* MX, PTR, NS, CNAME: "" is the root (null MX) */
    struct bytes text;    /* TXT: all character-strings of the record joined without spaces */
    struct bytes data;    /* RDATA as it came (TLSA, SOA, …) */
};

struct dns_answer {
    enum dns_status status;
    bool authenticated;       /* AD from a resolver that the configuration trusts */
    uint32_t ttl;             /* seconds left; for negative answers from the SOA (rfc2308:5) */
    struct bytes canonical;   /* the owner of the records, after CNAMEs */
    size_t count;
    const struct dns_record *records;
    const char *problem;      /* DNS_FAILED: what happened, for people; else NULL */
};

struct dns {
    const struct dns_answer *(*query)(struct dns *dns, struct arena *arena, struct bytes name,
                                      enum dns_type type, int64_t deadline);
};

/* Never NULL. Invalid names (label over 63, over 253 octets, empty label) give DNS_NO_NAME without a
 * query. `deadline` in loop time; past it DNS_FAILED. Waits (fiber) unless cached. */
const struct dns_answer *dns_query(struct dns *dns, struct arena *arena, struct bytes name,
                                   enum dns_type type, int64_t deadline);

/* "A", "TXT", …; "TYPE65" for others. */
const char *dns_type_name(enum dns_type type, char out[16]);
bool dns_type_parse(struct bytes text, enum dns_type *out);
const char *dns_status_name(enum dns_status status); /* "found", "nodata", "nxdomain", "failed" */

#endif
