/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_report_send: a notification written, signed and sent on its way: into a mailbox of ours, or into
 * the queue.
 */
#ifndef VOUCH_ROLES_STORE_REPORT_SEND_H
#define VOUCH_ROLES_STORE_REPORT_SEND_H

#include "message/dsn.h"
#include "roles/store_queue_private.h"

/*
 * Fills in everything of `dsn` but its recipients and sends it to the message's return path. OK: it is
 * delivered, queued, or, where that is impossible for good, in quarantine. TEMP: not now. Waits.
 */
enum result report_send(struct store_queue *queue, struct live *live, struct arena *arena,
                        struct dsn *dsn, struct error *error) must_check;

#endif
