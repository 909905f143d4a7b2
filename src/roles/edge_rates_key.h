/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edge_rates_key: the names of a client's counters in the store. Pure, but for the digest.
 *
 * A place is whatever is counted: an address, its network, a HELO name, a domain, a recipient. It costs one
 * digest, from which the keys of all its counters follow: they differ in their last octets only.
 *
 * A counter expires some time after its first event, however often it is met since. What has to be known of the
 * last hour, whenever that began, is therefore counted by slots of half of it: each slot has a key of its own.
 */
#ifndef VOUCH_ROLES_EDGE_RATES_KEY_H
#define VOUCH_ROLES_EDGE_RATES_KEY_H

#include "base/arena.h"
#include "base/ip.h"

enum { RATES_KEY_SIZE = 32, RATES_SLOTS = 3 };

enum rates_place { RATES_ADDRESS, RATES_NETWORK, RATES_HELO, RATES_DOMAIN, RATES_RECIPIENT };

enum rates_counter {
    RATES_OPENED,       /* sessions, by slot (edge_rates_connections.c) */
    RATES_CLOSED,
    RATES_CONNECTIONS,
    RATES_MESSAGES,
    RATES_RECIPIENTS,
    RATES_OCTETS,
    RATES_ERRORS,
    RATES_UNKNOWN,      /* recipients */
    RATES_GOOD,         /* recipients of mail that was taken, of those who have errors or unknown recipients */
    RATES_TRIED_OTHERS, /* by slot: came to a listener that is not the trap (edge_nolist.c) */
    RATES_TRIED_FIRST,  /* by slot: came to the listener that refuses */
    RATES_TRAPPED       /* by slot: came to the trap, and to no other before */
};

struct rates_place_key {
    uint8_t octets[RATES_KEY_SIZE];
};

/* An address (of IPv6, too, the whole), and its network: /24 or /64. False: out of memory. */
bool rates_address(struct arena *arena, const struct ip *client, struct rates_place_key *out) must_check;
bool rates_network(struct arena *arena, const struct ip *client, struct rates_place_key *out) must_check;
/* A name or mailbox; case does not matter. */
bool rates_name(struct arena *arena, enum rates_place place, struct bytes name, struct rates_place_key *out)
    must_check;

/* The key of one of its counters, written to `out`; `slot` 0 where there are none. */
struct bytes rates_key(const struct rates_place_key *place, enum rates_counter counter, uint64_t slot,
                       uint8_t out[RATES_KEY_SIZE]);

/*
 * The slot of a time (epoch seconds) in which `span` (microseconds) is remembered. What was counted in it is found
 * for at least `span` and at most one and a half of it by looking at this slot and the RATES_SLOTS - 1 before.
 */
uint64_t rates_slot(int64_t epoch, int64_t span);
/* How long a counter of a slot must live. */
static inline int64_t rates_slot_window(int64_t span)
{
    return span / 2 * RATES_SLOTS;
}

#endif
