/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_report: who is told what became of a message in the queue (rfc3461:5.2, rfc5321:6.1).
 *
 * A sender is told only if the return path is his own: he is an account or a machine of ours, or SPF
 * or an aligned signature passed for it. A null return path is never written to. What fails and cannot be
 * told goes to quarantine, and postmaster is told.
 */
#ifndef VOUCH_ROLES_STORE_REPORT_H
#define VOUCH_ROLES_STORE_REPORT_H

#include "roles/store_queue_private.h"

/* Whether the return path may be written to at all. */
bool report_is_allowed(const struct queue_envelope *envelope);
/* Whether a failure, a delay, a success of this recipient is to be told to the sender. */
bool report_wants_failure(const struct queue_envelope *envelope, const struct queue_recipient *recipient);
bool report_wants_delay(const struct store *store, const struct queue_envelope *envelope,
                        const struct queue_recipient *recipient);
bool report_wants_success(const struct queue_envelope *envelope, const struct queue_recipient *recipient);
/* Seconds in the queue after which a delay is told. */
int64_t report_delay_after(const struct store *store, const struct queue_envelope *envelope);

/*
 * Reports what is wanted (bounce_wanted, relayed) of recipients of a message that are not done, in one
 * notification, and marks them as done; where it cannot be done now (TEMP) they stay as they are. With
 * `delays` those that wait are told of as well, and marked. Waits.
 */
enum result store_report(struct store_queue *queue, struct live *live, bool delays,
                         struct error *error) must_check;

#endif
