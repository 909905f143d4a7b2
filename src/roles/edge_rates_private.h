/* SPDX-License-Identifier: BSD-2-Clause */
/* edge_rates_private: what the files of edge_rates share. */
#ifndef VOUCH_ROLES_EDGE_RATES_PRIVATE_H
#define VOUCH_ROLES_EDGE_RATES_PRIVATE_H

#include "roles/edge_rates.h"

enum { RATES_TOLD_MAX = 8192 };

/* What the store is to be told. */
struct rates_told {
    uint8_t key[RATES_KEY_SIZE];
    uint64_t delta;
    int64_t window;
};

struct edge_rates {
    struct edge *edge;
    bool nolist;              /* some listener is there to see how clients choose */
    unsigned edges;           /* that count together */
    struct map *connections;  /* address or network -> struct rates_connection */
    size_t many;              /* of these with `many` */
    struct rates_connection *untold; /* of which some were closed a moment ago */
    struct rates_told *told;  /* RATES_TOLD_MAX of them, a ring */
    size_t told_first, told_count;
    bool telling, renewing;   /* the fibers run */
    struct fiber_group tellers, renewers;
};

/* edge_rates_ask.c: one question with many keys. */
struct rates_question {
    struct count_question counts;
    uint8_t keys[PROTOCOL_COUNTS_MAX][RATES_KEY_SIZE];
    uint64_t *values[PROTOCOL_COUNTS_MAX];
};
/* The answer will be in *value (may be NULL), which becomes 0 now. Beyond the room it is left out. */
void rates_add(struct rates_question *question, enum count_kind kind, const struct rates_place_key *place,
               enum rates_counter counter, uint64_t slot, uint64_t delta, int64_t window, uint64_t *value);
/* True without asking if there is nothing to ask. False: no answer; all values are 0. */
bool rates_ask(struct edge *edge, struct arena *arena, struct rates_question *question);

/* edge_rates_tell.c: is added in a moment, together with others. */
void rates_tell(struct edge_rates *rates, const struct rates_place_key *place, enum rates_counter counter,
                uint64_t slot, uint64_t delta, int64_t window);
/* … and what rates_tell_closed() has. */
void rates_tell_soon(struct edge_rates *rates);

/* edge_rates_connections.c: one session more of an address or network, of which there may be `most`; it is to be
 * left in any case. NULL: not counted. `asked`: it was part of a question, so that the store may know of it. */
struct rates_connection *rates_enter(struct edge_rates *rates, const struct ip *client, bool of_network,
                                     const struct rates_place_key *place, unsigned most);
void rates_leave(struct edge_rates *rates, struct rates_connection *connection, bool asked);
/* What was closed since this was called last goes to rates_tell(). */
void rates_tell_closed(struct edge_rates *rates);
size_t rates_connection_count(const struct rates_connection *connection); /* with this edge; NULL: 0 */
struct rates_connection_totals {
    uint64_t opened, closed;
};
void rates_ask_connection(struct edge_rates *rates, struct rates_connection *connection, unsigned most,
                          struct rates_question *question, struct rates_connection_totals *totals);
/* True: with all edges there are more than `most`. */
bool rates_too_many(const struct rates_connection_totals *totals, unsigned most);

/* edge_rates_text.c */
/* "10 minutes" */
struct bytes rates_period(struct arena *arena, int64_t time);
struct bytes rates_address_text(struct arena *arena, const struct ip *client);
/* "192.0.2.0/24" */
struct bytes rates_network_text(struct arena *arena, const struct ip *client);
/* "Too many <what>: <most> in <window> are allowed. Please try again later." */
struct bytes rates_sentence(struct arena *arena, const char *what, struct bytes whose, uint64_t most, int64_t window);

#endif
