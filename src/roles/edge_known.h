/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edge_known: what the site knows of a message's sender, as evidence (history of his identities, contacts, greylist,
 * traps), and what is to be remembered of the message once it is judged. The store has all of it: one question
 * before judge(), and a blob in the record that goes to the store anyhow.
 *
 * A store that does not answer in time hinders no mail: then CHECK_HISTORY, and CHECK_GREYLIST where it was wanted,
 * are AUTH_TEMPERROR.
 */
#ifndef VOUCH_ROLES_EDGE_KNOWN_H
#define VOUCH_ROLES_EDGE_KNOWN_H

#include "roles/edge_mail.h"
#include "roles/known_protocol.h"

/* What RCPT found out. */
struct edge_known {
    bool greylist;              /* the policy may put strangers off, or its shadow */
    bool greylist_counts;       /* the policy itself; what only the shadow would do is not remembered */
    int64_t greylist_delay;     /* microseconds */
    const struct bytes *traps;  /* recipients that are traps */
    size_t trap_count;
    unsigned unknown;           /* recipients of the transaction that do not exist */
};

/*
 * Asks, and adds CHECK_TRAP, CHECK_NAMESERVERS, CHECK_HISTORY, CHECK_CONTACT and CHECK_GREYLIST. After
 * gather_message(), with evidence.recipients set. Waits for DNS and the store, two seconds at most for each.
 * CHECK_CONTACT speaks of the address in From, whoever wrote it there: judge() must look at the authentication, too.
 * TEMP: out of memory.
 */
enum result edge_known(struct edge_mail *mail, const struct edge_known *known) must_check;

/* What the store has to remember of this message, for ledger_record.outcome; empty: nothing. Also for mail of
 * accounts (contacts). Waits for nothing. False: out of memory. */
bool edge_known_outcome(struct edge_mail *mail, const struct edge_known *known, const struct verdict *verdict,
                        struct bytes *out) must_check;

/* Whether what goes to a trap is learned as spam, and its sender remembered: not if it is of ourselves or of whom we
 * trust, and no report or answer of a machine, which goes to whomever somebody else wrote into his mail. */
bool edge_known_trap_teaches(const struct edge_mail *mail);

/* edge_known_identities.c: the identities that speak for a message, aligned ones first; at most
 * KNOWN_IDENTITIES_MAX. They live in the gather's arena. */
size_t edge_known_identities(const struct gather *gather, struct history_identity *out);
/* Adds the client's network to `count` of them, in the place of the last if there is no other; how many there are
 * then. */
size_t edge_known_network(const struct gather *gather, struct history_identity *out, size_t count);
/* CHECK_NAMESERVERS of the first of them that is a domain. TEMP: out of memory. */
enum result edge_known_ask_nameservers(struct gather *gather, struct history_nameservers *out) must_check;
/* What that found, from the evidence. */
void edge_known_nameservers(const struct gather *gather, struct history_nameservers *out);

#endif
