/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edge_rates: how strangers' clients behave, counted in the store over all edges and restarts: connections,
 * messages, recipients, octets, errors, and unknown recipients (section "rates").
 *
 * Own networks, accounts, machines, upstream relays and trusted forwarders are exempt: for their sessions
 * edge_session.rates is NULL, and nothing here does anything. Of mail behind an upstream relay the client counts
 * that the relay names.
 *
 * What it costs: one question to the store for a connection (many keys at once), one for a message if a limit of
 * messages is set, one for an unknown recipient; none for what has no limit. What only has to be counted waits a
 * moment and goes along with others (edge_rates_tell.c). A store that does not answer limits nobody.
 *
 * Simultaneous connections are exact within an edge. Over all edges they are counted in the store for the clients
 * of which an edge has many, so a client may have up to a quarter more than allowed. An edge tells anew in each
 * slot of a minute how many it has: what an edge that died had told is forgotten then, so that no client stays
 * locked out (edge_rates_connections.c).
 */
#ifndef VOUCH_ROLES_EDGE_RATES_H
#define VOUCH_ROLES_EDGE_RATES_H

#include "roles/edge_mail.h"
#include "roles/edge_rates_key.h"

struct edge_rates;
struct rates_connection; /* edge_rates_connections.c */

enum edge_nolist_seen { NOLIST_NOTHING, NOLIST_TRIED_NEXT, NOLIST_CAME_BY_TRAP };

/* What is kept of a stranger's session: edge_session.rates. */
struct edge_rates_session {
    struct rates_place_key address, network;
    struct rates_connection *of_address, *of_network; /* NULL: not counted */
    bool marked;             /* there were errors or unknown recipients: what is good counts, too */
    unsigned told_errors;    /* of smtp_session.errors: what the store knows */
    unsigned unknown;        /* recipients of this session */
    unsigned good;           /* recipients of mail taken to inboxes that the store does not know of */
    uint8_t accepted[32];    /* a bit for each recipient that exists, by its hash */
    int64_t refused_until;   /* a limit of messages was met: MAIL is refused until then */
    struct bytes refusal;    /* and this is said */
    bool tried_others;       /* at the trap: it was at another listener before */
    bool told_trap;
    enum edge_nolist_seen nolist;
};

/* Whether an address is of our own networks, or of who forwards mail to us. */
bool rates_is_trusted(const struct config *config, const struct ip *client);

/* NULL: out of memory. */
struct edge_rates *edge_rates_create(struct edge *edge);
/* Tells the store what it does not know yet, if that takes no longer than a second. NULL is fine. */
void edge_rates_destroy(struct edge_rates *rates);

/* connected(), when the session's account is known: may refuse, and delay the greeting. */
void edge_rates_connected(struct edge *edge, struct smtp_session *session, struct smtp_reply *reply);
void edge_rates_closed(struct edge *edge, struct smtp_session *session);

/* MAIL, before anything else. True: this was all, *reply is what is to be said. */
bool edge_rates_mail(struct edge *edge, struct smtp_session *session, struct smtp_reply *reply);
/* RCPT, before anything else. False: *reply refuses. */
bool edge_rates_recipient(struct edge *edge, struct smtp_session *session, const struct smtp_recipient *recipient,
                          struct smtp_reply *reply);
/* RCPT, when its reply is known: harvesting makes it 421. */
void edge_rates_answered(struct edge *edge, struct smtp_session *session, const struct smtp_recipient *recipient,
                         struct smtp_reply *reply);
/* The message, when its evidence is gathered; adds CHECK_RATE for limits that are nearly met. False: *reply is set. */
bool edge_rates_message(struct edge_mail *mail, struct smtp_session *session, struct smtp_reply *reply);
/* The message was answered. */
void edge_rates_judged(struct edge_mail *mail, struct smtp_session *session, const struct verdict *verdict,
                       const struct smtp_reply *reply);

/* edge_session.c: the session's behaviour as evidence, one item for each kind, and CHECK_NOLIST. False: out of
 * memory. */
bool edge_add_session(struct edge_mail *mail, const struct smtp_session *session) must_check;

#endif
