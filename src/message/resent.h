/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resent: the block of Resent fields (rfc5322:3.6.6) for mail that is forwarded, where the
 * administrator wants one: it names the forwarder to whoever looks for the responsible address (RFC
 * 4407).
 */
#ifndef VOUCH_MESSAGE_RESENT_H
#define VOUCH_MESSAGE_RESENT_H

#include "base/buf.h"
#include "message/message.h"

struct resent {
    struct bytes from; /* address of the forwarder */
    struct bytes name; /* display name; may be empty */
    struct bytes to;   /* address; may be empty */
    int64_t date;      /* epoch */
    int zone;          /* minutes east of UTC */
    struct bytes id;   /* left of the "@" of the Message-ID: unique */
    struct bytes host; /* right of it */
};

/* Appends the fields, to be put above all others. What cannot stand in them becomes '?'. */
void resent_write(struct buf *out, const struct resent *resent);

/* Whether a DKIM-Signature or ARC-Message-Signature names a Resent field in its h=: another of that
 * name could break it (rfc6376:5.4.2), so none must be added. */
bool resent_breaks_signature(const struct message *message);

#endif
