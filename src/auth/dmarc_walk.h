/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmarc_walk: DMARC records in DNS, and the tree walk over them (rfc9989:4.10).
 *
 * A discovery serves one message: it asks each name once, whatever walks cross it, and remembers
 * the questions in order for the explanation. All lives in its arena.
 */
#ifndef VOUCH_AUTH_DMARC_WALK_H
#define VOUCH_AUTH_DMARC_WALK_H

#include "auth/dmarc.h"

enum {
    DMARC_WALK_MAX = 8,         /* queries a walk (rfc9989:4.10) */
    DMARC_IDENTIFIERS_MAX = 10, /* DKIM identifiers looked at, besides that of SPF */
    DMARC_LOOKUPS_MAX = DMARC_WALK_MAX * (DMARC_IDENTIFIERS_MAX + 2) + 1
};

enum dmarc_lookup_status {
    DMARC_LOOKUP_NOTHING, /* no DMARC record */
    DMARC_LOOKUP_SEVERAL, /* more than one: as good as none */
    DMARC_LOOKUP_RECORD,
    DMARC_LOOKUP_FAILED   /* DNS */
};

struct dmarc_lookup {
    struct bytes domain; /* without "_dmarc." */
    enum dmarc_lookup_status status;
    struct bytes text;
    struct dmarc_record record;
    bool unusable;       /* a record, but no policy can be taken from it; see `problem` */
    struct bytes problem;
    struct dmarc_step step;
};

struct dmarc_discovery {
    struct dns *dns;
    struct arena *arena;
    int64_t deadline;
    struct dmarc_lookup *lookups[DMARC_LOOKUPS_MAX];
    size_t count;
};

void dmarc_discovery_init(struct dmarc_discovery *discovery, struct dns *dns, struct arena *arena,
                          int64_t deadline);

/* The record at one domain. Never NULL but at the arena's cap or the bound on look-ups. */
struct dmarc_lookup *dmarc_lookup(struct dmarc_discovery *discovery, struct bytes domain);

struct dmarc_walk {
    struct dmarc_lookup *lookups[DMARC_WALK_MAX]; /* from the longest name to the shortest */
    size_t count;
};

/* TEMP when a question failed: what was found before it is no answer then. */
enum result dmarc_walk(struct dmarc_discovery *discovery, struct bytes start,
                       struct dmarc_walk *out) must_check;
/* rfc9989:4.10.2; a part of `start`. `source` becomes how it was found. */
struct bytes dmarc_walk_organization(const struct dmarc_walk *walk, struct bytes start,
                                     enum dmarc_organization_source *source);

/* A name in the one form in which names are compared here: A-labels, lower case, no trailing dot.
 * Empty if it is no valid name. */
struct bytes dmarc_normalize(struct arena *arena, struct bytes name);

#endif
