/* SPDX-License-Identifier: BSD-2-Clause */
/* key_fetch: the key records of a message's signatures, asked for all at once. */
#ifndef VOUCH_AUTH_KEY_FETCH_H
#define VOUCH_AUTH_KEY_FETCH_H

#include "dns/dns.h"

enum {
    KEY_RECORDS_MAX = 8, /* looked at, of those at one name (rfc6376:6.1.2 step 4) */
    KEYS_TRIED_MAX = 3   /* public-key operations for one signature */
};

struct key_fetch {
    struct bytes name; /* to be asked; empty: not wanted */
    const struct dns_answer *answer;
};

/* Asks each name once, however many signatures want it. Waits. False at the arena's cap: then there are no
 * answers. Compares each name with each, as few as one message has. */
bool key_fetch(struct dns *dns, struct arena *arena, struct key_fetch *keys, size_t count,
               int64_t deadline) must_check;

#endif
