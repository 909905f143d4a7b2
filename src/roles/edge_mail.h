/* SPDX-License-Identifier: BSD-2-Clause */
/* edge_mail: private to the files of a mail transaction at the edge (edge_mail.c and its parts). */
#ifndef VOUCH_ROLES_EDGE_MAIL_H
#define VOUCH_ROLES_EDGE_MAIL_H

#include "roles/edge.h"
#include "roles/gather.h"
#include "roles/protocol.h"
#include "verdict/judge.h"

/* What RCPT found out: recipient->context. */
struct edge_recipient {
    bool elsewhere;                 /* not ours, but may be relayed to */
    bool trap;                      /* nobody */
    const struct config_list *list; /* a list of ours, or NULL */
};

struct edge_mail {
    struct edge *edge;
    struct gather gather;
    struct bytes policy;       /* of the first recipient: one policy class a transaction */
    bool exempt;
    struct bytes *traps;       /* recipients that are traps; known when the recipients are listed */
    size_t trap_count;
    unsigned unknown;          /* recipients of the transaction that do not exist */
    const struct config_signing *seal; /* who seals it (ARC), or NULL; of the first recipient, too */
    struct bytes seal_domain;
    struct edge_account *account; /* who submits it, or NULL */
    uint64_t released;         /* the account was, then (account_key.h) */
    struct identity identity;  /* the account's, with aliases that turned out to be its own */
    struct buf mended;         /* the message as it goes on, where it was changed */
    enum recipient_kind kind;  /* of the first recipient: a stranger's mail to lists and relayed domains goes
                                * alone */
    bool report_elsewhere;     /* the recipient in hand was an SRS address of ours */
    bool leaves;               /* a recipient is elsewhere, or a list */
    const struct config_list *list; /* that the copy in hand is for, or NULL */
    struct bytes *counted;     /* to be counted with the record: state/counters.h keys of 32 octets */
    size_t counted_count;
    int64_t started;           /* MAIL */
    int64_t received;          /* the end of the data */
};

void edge_out_of_memory(struct smtp_session *session, struct smtp_reply *reply);
/* The evidence gets the recipients of the transaction, and `traps` those that are. False: out of memory. */
bool edge_list_recipients(struct edge_mail *mail,
                          const struct smtp_transaction *transaction) must_check;
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

/* edge_content.c: what the message says, as evidence, unless it does not matter any more: `verdict` is what was
 * judged without it. False: out of memory. */
bool edge_examine_content(struct edge_mail *mail, const struct config_policy *policy,
                          const struct verdict *verdict) must_check;

/* edge_submit.c: mail of own accounts and hosts. At MAIL: may it send as that? False: *reply is set. */
bool edge_submit_mail(struct edge_mail *mail, struct smtp_session *session, struct smtp_reply *reply);
/* The message: identity, fix-ups, judgement. TEMP: *reply is set. */
enum result edge_submit_message(struct edge_mail *mail, struct smtp_session *session,
                                struct verdict *verdict, struct smtp_reply *reply) must_check;

/* The policy section that judges the mail. */
const struct config_policy *edge_policy(const struct edge_mail *mail);

/* STORE_OWNER: OK or NONE; TEMP: *reply is set. */
enum result edge_ask_owner(struct edge_mail *mail, const struct owner_question *question,
                           struct smtp_reply *reply) must_check;

/* edge_account.c: how much an account sends. False: *reply is set. */
bool edge_account_mail(struct edge_mail *mail, struct smtp_session *session, struct smtp_reply *reply);
bool edge_account_message(struct edge_mail *mail, struct smtp_session *session, struct smtp_reply *reply);
void edge_account_refused(struct edge_mail *mail, const struct smtp_recipient *recipient);

/* edge_remote.c: what the copies that leave us carry. */
struct edge_remote {
    struct bytes sender;       /* MAIL FROM for the next hop */
    enum delivery_origin origin;
    struct bytes author;       /* of the message, if authenticated; else empty */
};
/* OK; TEMP: *reply is set. */
enum result edge_remote(struct edge_mail *mail, const struct smtp_session *session,
                        struct edge_remote *out, struct smtp_reply *reply) must_check;
/* The author, where the domain of From answers for the message: DMARC, or what would be DMARC with a record; and
 * of an account's mail, if he is the account. Else empty. */
struct bytes edge_author(const struct edge_mail *mail);
/* Whether a list takes this message, before any copy leaves. False: *reply says why not. */
bool edge_list_admits(struct edge_mail *mail, const struct config_list *list, struct smtp_reply *reply);
/* Turns a message to a list into the list's: fields added, ours removed. False: *reply says why not. */
bool edge_list_message(struct edge_mail *mail, struct smtp_session *session, struct smtp_reply *reply);
/* The message from now on is what was written to mail->mended. False: *reply is set. */
bool edge_read_mended(struct edge_mail *mail, struct smtp_session *session, struct smtp_reply *reply);

/* edge_reports.c: the counter that holds since when a domain's return paths are tagged. */
bool edge_tagging_key(struct edge_mail *mail, struct bytes domain, struct bytes *out) must_check;
/* Reports that come back. At the end of the data: false if the message may not come to a
 * tagged address, or as a report to an address whose mail is always tagged. */
bool edge_reports_fit(struct edge_mail *mail, struct smtp_session *session, struct smtp_reply *reply);

/* Counters of the store. False: no answer. */
bool edge_count(struct edge_mail *mail, const struct count_question *question, uint64_t *values);

/* edge_deliver.c */
/* All copies: those for lists have a header and a signature of their own. */
void edge_deliver_copies(struct edge_mail *mail, struct smtp_session *session,
                         const struct verdict *verdict, const struct ledger_record *record,
                         struct smtp_reply *reply, struct bytes *summary);
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
