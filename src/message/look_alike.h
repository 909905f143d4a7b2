/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * look_alike: header fields of an incoming message that pretend to be ours or our kind's, and that
 * must not reach whoever trusts what we add (rfc8601:5, rfc5321:4.4).
 *
 * A whole message is judged first, then written without the fields found: nothing is counted or
 * deleted by index (CVE-2022-48521). The delivered copy only: signatures are verified before.
 *
 * Always removed: Authentication-Results with our authserv-id, or with none that can be made out (a
 * reader less strict than we are might make out ours), or of another version than 1; Received-SPF,
 * X-Spam-*, X-Vouch-*, BIMI-Location, BIMI-Indicator. On final delivery also every Return-Path, and
 * the Delivered-To fields above the first field that is no trace field.
 */
#ifndef VOUCH_MESSAGE_LOOK_ALIKE_H
#define VOUCH_MESSAGE_LOOK_ALIKE_H

#include "base/buf.h"
#include "message/message.h"

struct look_alike_rules {
    struct bytes authserv_id;    /* ours; empty removes every Authentication-Results */
    const struct bytes *aliases; /* further names of ours, compared the same way */
    size_t alias_count;
    const struct bytes *names; /* further fields to remove; a final '*' takes all that begin so */
    size_t name_count;
    bool final_delivery;
};

struct look_alikes {
    bool *removed; /* one for each field of the message */
    size_t count;
};

/* OK, or TEMP at the arena's cap. */
enum result look_alike_find(struct arena *arena, const struct message *message,
                            const struct look_alike_rules *rules, struct look_alikes *out,
                            struct error *error) must_check;

/* Appends the fields that stay, and the empty line. The empty line is ours to write: where a
 * malformed line ended the header (message.malformed), a more patient reader would find fields
 * below it that nobody has judged. The body follows as it is. */
void look_alike_write_kept(struct buf *out, const struct message *message,
                           const struct look_alikes *found);

#endif
