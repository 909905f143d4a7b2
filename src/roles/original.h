/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * original: a message that lies in a mailbox, as it was when it came to us: without what we and the mailbox's
 * server have put before it. The filter learns that, as that is what it is asked about.
 */
#ifndef VOUCH_ROLES_ORIGINAL_H
#define VOUCH_ROLES_ORIGINAL_H

#include "message/message.h"

struct original {
    struct message message;  /* what came; its text lies in the arena, lines end in CRLF */
    struct bytes id;         /* under which our ledger has it; empty if it did not come by us */
    struct bytes identity;   /* DIGEST_SIZE octets: of Message-ID, From, Date and Subject, and of the body's
                              * beginning: the same however it was handed on */
};

/* The id in the value of an X-Vouch-Verdict field: "accept; class=…; id=…"; or empty. */
struct bytes original_id(struct bytes verdict);

/* `hostname` is ours: the Received field that bears it ends what we added. A message that has none is taken as
 * it is, but for the marks of filters and mailboxes. OK; PERM if it is no mail, or its header is beyond limits;
 * TEMP at the arena's cap. */
enum result original_find(struct arena *arena, struct bytes content, struct bytes hostname,
                          struct original *out, struct error *error) must_check;

#endif
