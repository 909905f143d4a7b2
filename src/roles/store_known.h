/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_known: what the store keeps of senders, in the counters: history of identities, contacts of our users, the
 * greylist, who wrote to traps. What edges ask and tell is in roles/known_protocol.h.
 *
 * store_known.c         questions of edges
 * store_known_outcome.c what came of messages, in batches with the ledger
 * store_known_report.c  reports of users, complaints
 * store_known_control.c commands of the administrator
 *
 * With counters that several gateways share, all of these may wait.
 */
#ifndef VOUCH_ROLES_STORE_KNOWN_H
#define VOUCH_ROLES_STORE_KNOWN_H

#include "roles/control_server.h"
#include "roles/known_protocol.h"
#include "roles/store.h"
#include "roles/train.h"
#include "verdict/evidence.h"

/* The configuration's, in seconds. */
struct known_rules {
    bool history, contacts, traps;
    bool crowded;   /* there is no room for what was never seen before */
    struct history_rules of_history;
    struct greylist_rules of_greylist;
    int64_t contacts_keep;
};
struct known_rules known_rules_from(const struct config *config);
/* The same, and whether the counters have room. */
struct known_rules store_known_rules(const struct store *store);

/* Answers a question from the counters, reading only. `recipients` says which mailbox an address leads to; NULL: each
 * is its own. TEMP: the counters cannot be read, or out of memory. */
enum result known_ask(struct counters *counters, const struct known_rules *rules, const struct recipients *recipients,
                      struct arena *arena, const struct known_question *question, int64_t now,
                      struct known_answer *answer, struct error *error) must_check;
/* KNOWN_ASK. */
void store_answer_known(struct store *store, struct ipc_request *request);

/* What contacts belong to: the one mailbox of ours that the address leads to, or itself. Empty: it is no address. */
struct bytes known_owner(const struct recipients *recipients, struct arena *arena, struct bytes address);

/* Adds what came of messages: blobs of known_outcome_write(); what cannot be read is skipped. */
enum result known_apply(struct counters *counters, const struct known_rules *rules,
                        const struct recipients *recipients, struct arena *arena, const struct bytes *blobs,
                        size_t count, int64_t now, struct error *error) must_check;
/* The same for the store; trouble is logged. Never called before a reply. */
void store_known_outcomes(struct store *store, const struct bytes *blobs, size_t count);
void store_known_outcome(struct store *store, struct bytes blob);

/* The identities that a message's evidence was asked about (CHECK_HISTORY), at most KNOWN_IDENTITIES_MAX. */
size_t known_identities(const struct evidence *evidence, struct history_identity *out);

/* A user says that a message is junk, or is not; FORGET takes back what he said. `reporter` is an account. */
enum result known_report(struct counters *counters, const struct known_rules *rules, struct arena *arena,
                         struct bytes reporter, struct bytes id, const struct history_identity *identities,
                         size_t count, enum train_class class, int64_t now, struct error *error) must_check;
/* The same by the id of a message that the ledger has, if the reporter was among its recipients. Begins a fiber and
 * returns at once; what hinders it is logged. */
void store_known_report(struct store *store, struct bytes reporter, struct bytes id, enum train_class class);

/* A complaint about an identity; `source` says who complains (it is capped). */
enum result known_complain(struct counters *counters, const struct known_rules *rules, struct arena *arena,
                           const struct history_identity *identity, struct bytes source, int64_t now,
                           struct error *error) must_check;

/* The verbs of contacts, greylist and reputation. Lists are answer->names, a line each, its words parted by TAB. */
void store_control_known(struct store *store, struct control_call_state *call,
                         const struct control_command *command, struct control_answer *answer);

#endif
