/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spool: mail that was answered 250 but could not be delivered to one of its recipients yet.
 *
 * It can only be mail for a mailbox of ours whose delivery failed while another recipient's did not.
 * The spool is a Maildir of its own (so it is written by the same batches, just as durable): each
 * file in new/ is one recipient's copy, with one line of its own before the message. Quarantine uses
 * the same form.
 */
#ifndef VOUCH_DELIVER_SPOOL_H
#define VOUCH_DELIVER_SPOOL_H

#include "base/arena.h"
#include "base/buf.h"
#include "deliver/mail_folder.h"

struct spool_entry {
    struct bytes id;         /* of the message */
    struct bytes sender;     /* MAIL FROM; empty: <> */
    struct bytes recipient;  /* as the client gave it */
    struct bytes mailbox;    /* where it has to go: user@domain of our files */
    enum mail_folder folder;
    bool smtputf8;           /* it came with SMTPUTF8 */
    int64_t spooled_at;      /* epoch seconds */
    struct bytes reason;     /* why it lies here */
    /* What the sender is told in the end; files of earlier versions say nothing of it: */
    bool tell;               /* the return path is the sender's own: he may be told that it failed */
    unsigned notify;         /* of enum smtp_notify; 0: not asked */
    bool require_tls;        /* rfc8689 */
    struct bytes original;   /* ORCPT with its type, or empty */
    struct bytes envelope_id; /* ENVID, or empty */
    /* In quarantine; the same is true of these: */
    struct bytes forward_sender; /* MAIL FROM for a next hop; empty: nothing is known of it */
    uint64_t prefix_octets;  /* of the message: header fields of ours, before what came */
};

/* Appends the line that stands before the message. */
void spool_write_line(struct buf *out, const struct spool_entry *entry);
/* Splits a file into entry and message. PERM if it is not ours; TEMP at the arena's cap. */
enum result spool_parse(struct arena *arena, struct bytes file, struct spool_entry *entry,
                        struct bytes *message, struct error *error) must_check;

/* Calls `each(context, file name)` for every file in `directory`/new. Blocks. */
enum result spool_list(const char *directory, void (*each)(void *context, const char *name),
                       void *context, struct error *error) must_check;

#endif
