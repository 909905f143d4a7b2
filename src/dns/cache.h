/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache: remembers the answers of any struct dns for their TTL.
 *
 * Positive, negative and failed answers are held, each as one immutable, reference-counted block. A
 * hit copies only the fixed part into the asker's arena (with the TTL that is left) and takes a
 * reference that the arena gives back; the cache may be destroyed before such arenas. Fibers that
 * ask what is being asked already wait for that answer. The size is bounded in entries and octets;
 * what was not used lately is dropped first. Hash keys are secret, so that no peer can choose
 * collisions.
 */
#ifndef VOUCH_DNS_CACHE_H
#define VOUCH_DNS_CACHE_H

#include "dns/dns.h"

/* Zero means the default. */
struct dns_cache_options {
    size_t entries;        /* 100,000 */
    size_t memory;         /* octets of all entries, 64 MiB */
    uint32_t ttl_min;      /* 5: also of negative answers without a SOA record */
    uint32_t ttl_max;      /* 86,400 */
    uint32_t negative_max; /* 3,600 (rfc2308:5) */
    uint32_t failure_min;  /* 5; doubles with each failure in a row (rfc2308:7, rfc9520) … */
    uint32_t failure_max;  /* … up to 30 */
    int64_t (*now)(void *context); /* microseconds; NULL: loop_now() */
    void *context;
};

struct dns_cache_counts {
    uint64_t hits, misses;
    uint64_t joined;  /* waited for the same question of another fiber */
    uint64_t evicted; /* dropped for room */
    size_t entries, memory;
};

/* `below` stays the caller's and must outlive the cache. `options` may be NULL. NULL when memory is
 * out. */
struct dns *dns_cache_create(struct dns *below, const struct dns_cache_options *options);
/* No query may be under way. NULL is fine. */
void dns_cache_destroy(struct dns *cache);
struct dns_cache_counts dns_cache_counts(const struct dns *cache);

#endif
