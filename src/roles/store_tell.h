/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_tell: what the sender of a message is told of copies that came to rest here, or failed here.
 *
 * It goes through the queue, as a message of a header only whose recipients a report is wanted of: so it is
 * durable before the reply, survives a crash, and is written in one place (roles/store_report.h), which asks
 * for the origin and for what the sender wants to hear.
 */
#ifndef VOUCH_ROLES_STORE_TELL_H
#define VOUCH_ROLES_STORE_TELL_H

#include "queue/envelope.h"
#include "roles/store_deliver.h"

/* Whether the return path of the copies may be written to: it is the sender's own, or a list's. */
bool store_may_tell(const struct delivery_request *request);
/* How the queue calls the origin of the copies. */
enum queue_origin store_queue_origin(const struct delivery_request *request);

/* One report about all copies that failed for good; their outcomes are OK then, as they are settled. TEMP: it
 * could not be kept, and nothing was changed. There must be one, and store_may_tell(). Waits. */
enum result store_tell_failures(struct delivering *delivering, struct error *error) must_check;

/* Those who asked for it (rfc3461:5.2.3, 5.2.7) hear that their recipients have the message. Only who
 * submitted it here is offered that. What cannot be told is logged. Waits. */
void store_tell_success(struct delivering *delivering);

/* A copy of the spool: `outcome` of the last attempt. TEMP: it could not be kept. Waits. */
bool store_spooled_wants(const struct spool_entry *entry, const struct store_outcome *outcome);
enum result store_tell_spooled(struct store *store, struct arena *arena, const struct spool_entry *entry,
                               const struct store_message *message, const struct store_outcome *outcome,
                               bool relayed, struct error *error) must_check;

#endif
