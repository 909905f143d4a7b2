/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dnsl_round: everything that the lists are asked about one message, in parallel, up to a deadline.
 *
 * Each list has a few fibers of its own that take its questions one after the other, so that a slow list keeps
 * nobody waiting but itself. Without fibers (dnsl_round_begin() outside of one) questions are answered at once.
 * All of it lives in memory of its own below the arena given; what does not fit is left out and `left_out`
 * counts it. Ask through a DNS that no other check depends on for its look-ups.
 */
#ifndef VOUCH_REPUTATION_DNSL_ROUND_H
#define VOUCH_REPUTATION_DNSL_ROUND_H

#include "fiber/group.h"
#include "fiber/sync.h"
#include "reputation/dnsl_health.h"

enum {
    DNSL_LANE_FIBERS = 8,        /* questions to one list at a time */
    DNSL_QUESTIONS_MAX = 1000,   /* of a message, to all lists */
    DNSL_HOST_ADDRESSES = 4,     /* of a host that are asked about */
    DNSL_HOSTS_MAX = 200,        /* whose addresses are looked up */
    DNSL_ROUND_MEMORY = 2 << 20  /* octets */
};

struct dnsl_question {
    size_t list;                 /* index in the configuration */
    enum config_dnslist_use use;
    struct dnsl_subject subject;
    struct bytes host;           /* of an address that a host has: the host; else empty */
    bool done;                   /* else it was not answered in time: result says so */
    struct dnsl_result result;   /* DNSL_ERROR, too, if the list is switched off */
    int64_t elapsed;             /* microseconds */
    struct dnsl_question *next;  /* in the order in which they were asked */
    struct dnsl_question *next_of_list;
};

struct dnsl_lane;
struct dnsl_host;

struct dnsl_round {
    struct arena *arena;
    struct dnsl_health *health;
    struct dns *dns;
    int64_t deadline;            /* may be moved on while it goes */
    struct dnsl_lane *lanes;     /* one for each list */
    struct dnsl_question *first, *last;
    size_t count, left_out;
    struct dnsl_host *hosts, *last_host, *next_host;
    size_t host_count, host_fibers;
    struct fiber_group group;
    struct fiber_signal progress;
};

/* `health` and `dns` must outlive it. NULL at the arena's cap. */
struct dnsl_round *dnsl_round_begin(struct arena *arena, struct dnsl_health *health, struct dns *dns,
                                    int64_t deadline);

/* Asks each list that has that use about the subject. A name is copied and lower-cased; it should be of A-labels.
 * Addresses of IPv6 are only for lists that want them; addresses that are nobody's for none. What was asked
 * already is not asked again. */
void dnsl_round_add(struct dnsl_round *round, enum config_dnslist_use use, const struct dnsl_subject *subject);
/* The same for a name as the lists want it: by its registrable part, or whole, too. */
void dnsl_round_add_name(struct dnsl_round *round, enum config_dnslist_use use, struct bytes name);
/* Looks the host's addresses up and asks about each (CONFIG_DNSLIST_URL_ADDRESS). */
void dnsl_round_add_host(struct dnsl_round *round, struct bytes host);

/* Whether some list has one of these uses. */
bool dnsl_round_wants(const struct dnsl_round *round, unsigned uses);

/* Until all questions have their answers, or the deadline. False: some have not. */
bool dnsl_round_wait(struct dnsl_round *round, int64_t deadline);
/* Until all questions of that use to lists that decide early have. */
bool dnsl_round_wait_early(struct dnsl_round *round, enum config_dnslist_use use, int64_t deadline);

/* Cancels what still runs. May be called more than once; NULL is fine. */
void dnsl_round_end(struct dnsl_round *round);

#endif
