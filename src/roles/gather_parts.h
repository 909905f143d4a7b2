/* SPDX-License-Identifier: BSD-2-Clause */
/* gather_parts: private to the files of gather (gather.h). */
#ifndef VOUCH_ROLES_GATHER_PARTS_H
#define VOUCH_ROLES_GATHER_PARTS_H

#include "message/readable.h"
#include "roles/gather.h"

/* gather_checks.c: what switched on checks find goes into the gather. Each begins what it can and
 * leaves it to gather->checks; `_last` are those that need the results of the others. */
void gather_check_client(struct gather *gather);  /* iprev, helo, spf, forwarders */
void gather_check_message(struct gather *gather); /* all that need only the message */
void gather_check_last(struct gather *gather);    /* guess, adsp, vbr; waits for everything */
void gather_check_dmarc(struct gather *gather);

/* gather_content.c: S/MIME and OpenPGP, in memory of their own. */
void gather_check_content(struct gather *gather);

/* gather_structure.c */
void gather_structure_end(struct gather *gather);

/* gather_upstream.c: when a relay of ours handed the mail on: whom it had it from, and what it found.
 * False when memory is out. */
const struct config_upstream *gather_find_upstream(const struct config *config,
                                                   const struct ip *client);
bool gather_read_upstream(struct gather *gather) must_check;

/* gather_reputation.c: lists in DNS and ratings, with fibers, look-ups and memory of their own. Begins with the client,
 * HELO and sender, at MAIL; goes on with the author, good signatures, the client's name and the hosts in the body,
 * when DKIM has its results; adds the items after it waited, before gather_add_answers() and when SPF, HELO and iprev
 * have ended. False when memory is out. gather_reputation_end() cancels what still runs. */
bool gather_reputation_begin(struct gather *gather) must_check;
bool gather_reputation_message(struct gather *gather, const struct readable *readable, bool have_readable) must_check;
bool gather_reputation_items(struct gather *gather) must_check;
void gather_reputation_end(struct gather *gather);

/* gather_items.c and gather_answers.c: false when memory is out. */
bool gather_add_items(struct gather *gather) must_check;
bool gather_add_answers(struct gather *gather) must_check;

#endif
