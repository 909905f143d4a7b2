/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_policies: the MTA-STS policies that couriers have fetched, for those to come.
 *
 * Who hides the record of a domain must not win by waiting for a restart (rfc8461:10.2). Each request to the
 * courier has what is known of its domain; what the courier fetches anew comes back with the answer. Kept in
 * memory, and on disk in DIRECTORY/mta-sts, which is replaced a while after a change: a crash costs the last of
 * them. Bounded in number and size; what was not used for longest goes first.
 */
#ifndef VOUCH_ROLES_STORE_POLICIES_H
#define VOUCH_ROLES_STORE_POLICIES_H

#include "outbound/send.h"
#include "roles/store.h"

/* In prepare(); reads what was kept; a file that cannot be read is passed over. Needs store->queue. */
enum result store_policies_open(struct store *store, struct error *error) must_check;
void store_policies_fiber(void *store);
void store_policies_close(struct store *store);

/* In the arena; text empty: none is known. */
struct send_policy store_policy_find(struct store *store, struct arena *arena, struct bytes domain);
/* Copies. Empty, or out of bounds: nothing happens. */
void store_policy_keep(struct store *store, struct bytes domain, const struct send_policy *policy);

#endif
