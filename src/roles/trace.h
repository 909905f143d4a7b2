/* SPDX-License-Identifier: BSD-2-Clause */
/* trace: the header fields that we put on top of a message, and the message without its look-alikes. */
#ifndef VOUCH_ROLES_TRACE_H
#define VOUCH_ROLES_TRACE_H

#include "roles/gather.h"
#include "smtp/server.h"
#include "verdict/judge.h"

/* Authentication-Results, X-Vouch-Verdict, X-Vouch-Reason, what the score is made of (X-Vouch-Score, X-Spam-Flag,
 * X-Spam-Status, X-Spam-Score, X-Spam-Level), X-Vouch-Evidence, Received-SPF, Received: in this order from the
 * top. (Return-Path is added by whoever makes the final delivery: rfc5321:4.4.) TEMP at the arena's cap. */
enum result trace_write(struct buf *out, struct arena *arena, const struct config *config,
                        const struct smtp_session *session, const struct gather *gather,
                        const struct verdict *verdict) must_check;

/* The same for a copy that goes on to another site: what belongs to the delivery here is left out. */
enum result trace_write_remote(struct buf *out, struct arena *arena, const struct config *config,
                               const struct smtp_session *session, const struct gather *gather) must_check;

/* Appends the header fields that stay, the empty line and the body. */
enum result trace_write_message(struct buf *out, struct arena *arena, const struct config *config,
                                const struct message *message) must_check;

#endif
