/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mta_sts_cache: MTA-STS policies of domains, fetched as they are needed and remembered for as long as
 * they say (rfc8461:3.3, 5.1).
 *
 * A policy stays in force until it expires, whatever becomes of its record or its web server: who can
 * make those vanish must not win. It is fetched anew when the record's id changes, and once a day at
 * use. Fetches that failed are not repeated for five minutes. The cache is bounded in entries and
 * octets; what was not used lately goes first. Fibers that want what is being fetched wait for it.
 */
#ifndef VOUCH_OUTBOUND_MTA_STS_CACHE_H
#define VOUCH_OUTBOUND_MTA_STS_CACHE_H

#include "dns/dns.h"
#include "outbound/https.h"
#include "outbound/mta_sts.h"
#include "outbound/send.h"

struct mta_sts_cache;

/* GETs the policy of a domain (rfc8461:3.3). Results as of https_get_with(). */
typedef enum result mta_sts_fetch(void *context, struct arena *arena, struct bytes domain,
                                  int64_t deadline, struct https_response *out,
                                  enum tls_failure *failure, struct error *error);

struct mta_sts_cache_options {
    struct dns *dns;
    mta_sts_fetch *fetch;
    void *context;
    size_t entries; /* 0: 10,000 */
    size_t memory;  /* octets of all entries; 0: 16 MiB */
};

/* NULL when memory is out. */
struct mta_sts_cache *mta_sts_cache_create(const struct mta_sts_cache_options *options);
/* No fiber may be inside. NULL is fine. */
void mta_sts_cache_destroy(struct mta_sts_cache *cache);
size_t mta_sts_cache_count(const struct mta_sts_cache *cache);

struct mta_sts_found {
    const struct mta_sts_policy *policy; /* in the arena; mode testing or enforce */
    struct bytes text;                   /* its lines joined by LF, unknown ones left out */
    struct send_policy fresh;            /* if it was fetched now, whatever its mode (in the arena) */
    const char *problem;                 /* result type of rfc8460:4.3.2.2, if a fetch was tried now and
                                            failed (an older policy may be in force all the same) */
    struct error error;
};
/* What an earlier process has fetched; nothing happens if it is expired or unreadable, or a policy is known. */
void mta_sts_cache_learn(struct mta_sts_cache *cache, struct bytes domain, const struct send_policy *policy);
/* OK: a policy is in force. NONE: none is. `domain` in lower case. Waits at most to the deadline. */
enum result mta_sts_cache_find(struct mta_sts_cache *cache, struct arena *arena, struct bytes domain,
                               int64_t deadline, struct mta_sts_found *out) must_check;

#endif
