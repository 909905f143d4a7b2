/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * recorder: remembers every question of one message with its answer, for the ledger.
 *
 * The same question asked again gets the same answer, so that all checks of a message see one DNS
 * and a replay sees it too. A message may ask a bounded number of distinct questions; past that
 * they fail. Items and answers live in the recorder's arena, whatever arena the question was asked
 * with. Give it one that nobody rewinds while the message lasts. Nothing needs releasing.
 */
#ifndef VOUCH_DNS_RECORDER_H
#define VOUCH_DNS_RECORDER_H

#include "dns/dns.h"

enum { DNS_RECORDER_LOOKUPS = 200 };

struct dns_lookup {
    struct bytes name; /* lower-cased */
    enum dns_type type;
    const struct dns_answer *answer; /* NULL while it is under way */
};

struct dns_recorder {
    struct dns dns; /* first: ask through &recorder.dns */
    struct dns *below;
    struct arena *arena;
    struct dns_lookup *lookups; /* in the order in which they were first asked */
    size_t count, capacity;
    size_t limit;   /* DNS_RECORDER_LOOKUPS; may be changed after dns_recorder_init() */
    size_t refused; /* questions past the limit */
};

void dns_recorder_init(struct dns_recorder *recorder, struct dns *below, struct arena *arena);

#endif
