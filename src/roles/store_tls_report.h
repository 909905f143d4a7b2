/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_tls_report: how sessions with other servers were encrypted, counted for the reports of RFC 8460:
 * for each UTC day the policies, the hosts and the kinds of failure (rfc8460:4.3).
 *
 * Kept in memory, and on disk in DIRECTORY/tls-report/DAY, which is replaced every few minutes: a crash
 * costs the last of them. Rows and policies of a day are bounded; what is beyond is counted in a row
 * without host.
 */
#ifndef VOUCH_ROLES_STORE_TLS_REPORT_H
#define VOUCH_ROLES_STORE_TLS_REPORT_H

#include "outbound/send.h"
#include "roles/store.h"

/* Nothing is counted where the configuration does not want it. */
void store_tls_count(struct store *store, const struct send_event *events, size_t count);

/* In prepare(); reads what was kept of today and yesterday. Needs store->queue. */
enum result store_tls_open(struct store *store, struct error *error) must_check;
void store_tls_fiber(void *store);
void store_tls_close(struct store *store);

struct tls_row {
    struct bytes policy_domain, policy_type;
    struct bytes policy_text; /* lines joined by LF */
    struct bytes host, address;
    struct bytes result;      /* empty: success */
    struct bytes reason;
    uint64_t count;
};
/* The rows of a UTC day, "2026-11-22"; false ends it. NONE: nothing is known of it. Does not wait. */
enum result store_tls_read(struct store *store, const char *day,
                           bool (*each)(void *context, const struct tls_row *row), void *context,
                           struct error *error) must_check;

#endif
