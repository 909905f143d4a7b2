/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edge_nolist: listeners that take no mail, to see how clients choose among MX hosts (rfc5321:5.1: by preference,
 * and the next one when that fails).
 *
 *   refuse   plays the best MX: 421, and whoever is a mail server tries the next one
 *   trap     plays the worst MX, which nobody needs who tried the others: RCPT is put off (450)
 *
 * Who was where is remembered in the store by network, since a retry may come from a neighbour: at the one that
 * refuses for an hour, at the trap and elsewhere for a day. At the other listeners that becomes evidence
 * (CHECK_NOLIST). Only where such a listener is configured is anything asked, in the question for the connection.
 */
#ifndef VOUCH_ROLES_EDGE_NOLIST_H
#define VOUCH_ROLES_EDGE_NOLIST_H

#include "roles/edge_rates_private.h"

/* Of the session's listener. */
enum config_nolisting edge_nolist_kind(const struct smtp_session *session);

/* The listener that refuses: remembers the client and sets *reply. `state` is NULL for who is exempt. */
void edge_nolist_refuse(struct edge *edge, struct smtp_session *session, struct edge_rates_session *state,
                        struct smtp_reply *reply);

/* What is to be asked at the others, and what the answer means. */
struct edge_nolist_answer {
    uint64_t first[RATES_SLOTS], others[RATES_SLOTS], trapped[RATES_SLOTS];
};
void edge_nolist_ask(const struct smtp_session *session, const struct edge_rates_session *state,
                     struct rates_question *question, struct edge_nolist_answer *answer);
void edge_nolist_take(const struct smtp_session *session, struct edge_rates_session *state,
                      const struct edge_nolist_answer *answer);

/* RCPT at the trap. */
void edge_nolist_put_off(struct edge *edge, struct smtp_session *session, struct edge_rates_session *state,
                         struct smtp_reply *reply);

/* False: out of memory. */
bool edge_nolist_add(struct edge_mail *mail, const struct edge_rates_session *state) must_check;

#endif
