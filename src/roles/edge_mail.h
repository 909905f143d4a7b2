/* SPDX-License-Identifier: BSD-2-Clause */
/* edge_mail: private to the files of a mail transaction at the edge (edge_mail.c and its parts). */
#ifndef VOUCH_ROLES_EDGE_MAIL_H
#define VOUCH_ROLES_EDGE_MAIL_H

#include "roles/edge.h"
#include "roles/gather.h"
#include "roles/protocol.h"
#include "verdict/judge.h"

struct edge_mail {
    struct edge *edge;
    struct gather gather;
    struct bytes policy;       /* of the first recipient: one policy class a transaction */
    bool exempt;
    const struct config_signing *seal; /* who seals it (ARC), or NULL; of the first recipient, too */
    struct bytes seal_domain;
    struct bytes *counted;     /* to be counted with the record: state/counters.h keys of 32 octets */
    size_t counted_count;
    int64_t started;           /* MAIL */
    int64_t received;          /* the end of the data */
};

void edge_out_of_memory(struct smtp_session *session, struct smtp_reply *reply);
void edge_set_reply(struct smtp_reply *reply, struct arena *arena,
                    const struct protocol_reply *from);
/* Asks the store; false (and a 451) when it does not answer. */
bool edge_ask_store(struct edge *edge, struct arena *arena, const struct ipc_message *request,
                    struct ipc_message *answer, int64_t deadline, struct smtp_reply *reply);

/* edge_counts.c: what earlier mail tells, from the store's counters: attempts after DNS failed, stamps
 * that were spent, signatures that were seen. False when memory is out. */
bool edge_add_attempts(struct edge_mail *mail, const struct smtp_session *session,
                       const struct config_policy *policy) must_check;
bool edge_add_spent(struct edge_mail *mail, const struct smtp_session *session) must_check;
bool edge_add_replays(struct edge_mail *mail) must_check;

/* edge_deliver.c */
bool edge_fingerprint(struct edge_mail *mail, const struct smtp_session *session,
                      struct bytes *out) must_check;
void edge_deliver(struct edge_mail *mail, struct smtp_session *session,
                  const struct verdict *verdict, const struct ledger_record *record,
                  struct smtp_reply *reply, struct bytes *summary);

/* edge_sign.c: appends signatures and seals, to stand before the message. OK; TEMP: *reply is set. */
enum result edge_sign(struct edge_mail *mail, struct buf *out, struct smtp_reply *reply) must_check;

/* edge_log.c */
void edge_log_message(const struct edge_mail *mail, const struct smtp_session *session,
                      const struct verdict *verdict, const struct smtp_reply *reply,
                      struct bytes summary);

#endif
