/* SPDX-License-Identifier: BSD-2-Clause */
/* store_deliver: one message on its way, private to the files that deliver it (store_deliver.c, store_find.c). */
#ifndef VOUCH_ROLES_STORE_DELIVER_H
#define VOUCH_ROLES_STORE_DELIVER_H

#include "roles/store.h"

/* What one recipient of the request leads to. */
struct lead {
    size_t targets;      /* how many; 0: nothing, or a list */
    size_t first;        /* index of the first of its destinations */
    const struct delivery_recipient *given; /* as its destinations have it */
};

struct delivering {
    struct delivering *next; /* in store->under_way */
    struct ipc_channel *channel;
    int64_t begun;           /* loop time */
    int64_t answer_by;       /* loop time; later the peer has given up on us */
    struct store *store;
    struct arena *arena;
    struct delivery_request *request;
    struct store_message message;
    struct destination *destinations;
    /* For each destination: the recipient that led there, as its copy is to be asked for: where it led to
     * several, nobody is asked for a notification of success (rfc3461:5.2.7.3). NULL: a list. */
    const struct delivery_recipient **given;
    bool *relayed;       /* for each: in a domain that we are backup MX for */
    enum result *gone;   /* for each: not OK: it is no more since the client was told that it is welcome */
    struct lead *leads;  /* for each recipient of the request */
    struct store_outcome *outcomes;
    bool *taken;         /* under way or done, maybe by an earlier attempt of the same mail */
    size_t count, capacity;
    size_t before;       /* of them: delivered by an earlier attempt */
    struct recipients *recipients; /* held */
    size_t octets;       /* of store->content_octets */
};

/* store_find.c: all destinations, each once however many recipients lead there; none: a list without members.
 * False: out of memory. */
bool store_find_destinations(struct delivering *delivering) must_check;
/* Whether the author may write to the list that it is for; true if it is for none. */
bool store_may_post(const struct delivering *delivering, struct protocol_reply *refusal) must_check;

#endif
