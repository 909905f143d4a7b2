/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmarc_mend: a DMARC record as it was probably meant.
 *
 * A pure function of the text. The result is in the arena, always a usable record with somebody who
 * gets its reports; empty at the arena's cap.
 */
#ifndef VOUCH_LINT_DMARC_MEND_H
#define VOUCH_LINT_DMARC_MEND_H

#include "auth/dmarc.h"

/* The policy that a word is, or is a misspelling of; false if it is like none of them. */
bool dmarc_mend_policy(struct bytes word, enum dmarc_policy *out);

/*
 * Misspelt policies become the nearest ones; addresses of reports get their "mailto:", what is no
 * address goes, and without one left there is dmarc@DOMAIN; tags that are unknown, gone, malformed or
 * there twice go. A policy of none becomes quarantine if the record already had somebody who got the
 * reports, else it stays: reports come first. `below`: the domain in question lies below that of the
 * record, so an sp= of none goes.
 */
struct bytes dmarc_mend(struct arena *arena, struct bytes text, struct bytes domain, bool below);

#endif
