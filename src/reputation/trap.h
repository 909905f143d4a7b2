/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trap: who lately wrote to a trap: an address that nobody has given to anybody (`trap` in a recipients file).
 *
 * Identities (reputation/history.h) are listed for TRAP_DAYS after the last hit. One that sends much besides is not:
 * among the mail of a large provider there is always some to a trap, and that says nothing about the rest of it.
 */
#ifndef VOUCH_REPUTATION_TRAP_H
#define VOUCH_REPUTATION_TRAP_H

#include "reputation/history.h"

enum { TRAP_DAYS = 7, TRAP_SHARE = 50 };

size_t trap_ask(struct batch *batch, const struct history_identity *identity);
/* Whether it is listed: `history` says how much it sends besides. */
bool trap_read(const struct batch *batch, size_t asked, const struct history *history);
void trap_write(struct batch *batch, const struct history_identity *identity, int64_t now);
void trap_forget(struct batch *batch, const struct history_identity *identity);

#endif
