/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather_reputation: what lists in DNS say about a client before its message is there, for the reply to RCPT.
 * What they say later is evidence like all else (gather_reputation.c).
 */
#ifndef VOUCH_ROLES_GATHER_REPUTATION_H
#define VOUCH_ROLES_GATHER_REPUTATION_H

#include "reputation/dnsl_health.h"
#include "roles/gather.h"

/* How long RCPT waits for the lists that decide early, counted from MAIL. */
#define GATHER_EARLY_WAIT (2 * SECOND)

struct gather_early {
    const struct dnsl_list *list;
    struct ip code;            /* the strongest answer */
    int points;                /* hundredths, above 0 */
    struct bytes reason;       /* the list's own, printable ASCII; may be empty */
    struct bytes reply;        /* for a 550 5.7.1: a sentence with the list and its reason, printable ASCII */
};

/* The strongest answer about the client of a list with early = reject; NULL: no such list has it, or none has said
 * so in time. Waits at most until GATHER_EARLY_WAIT after the transaction began, however often it is asked. */
const struct gather_early *gather_early_listed(struct gather *gather);

#endif
