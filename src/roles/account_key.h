/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * account_key: the names of an account's counters, the same at the edge (edge_account.c) and in the store
 * (store_counts.c).
 *
 * `released` is the time at which the account was released last (0: never was held), as STORE_HOLD answers
 * it: whoever is released begins with counters of zero, and a key of before is not asked for any more.
 */
#ifndef VOUCH_ROLES_ACCOUNT_KEY_H
#define VOUCH_ROLES_ACCOUNT_KEY_H

#include "base/arena.h"

/* Recipients of accepted mail: what unknown ones are a share of. */
#define ACCOUNT_KEY_TRIED "recipients tried"

/* A key of PROTOCOL_FINGERPRINT_SIZE octets in the arena; `detail` (may be empty) tells counters of one kind
 * apart, or is a member of a set. The case of `account` does not matter. False: out of memory. */
bool account_key(struct arena *arena, const char *what, struct bytes account, uint64_t released,
                 struct bytes detail, struct bytes *out) must_check;

#endif
