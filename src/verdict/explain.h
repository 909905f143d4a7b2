/* SPDX-License-Identifier: BSD-2-Clause */
/* explain: evidence and verdict as text for people: a tree, in colour where the terminal has it. */
#ifndef VOUCH_VERDICT_EXPLAIN_H
#define VOUCH_VERDICT_EXPLAIN_H

#include "verdict/counterfactual.h"

/* Appends the whole story of a message. Control characters of the sender never reach the terminal. */
void explain_write(struct buf *out, const struct evidence *evidence, const struct verdict *verdict,
                   bool colour);

/* What would have changed the decision (counterfactual.h). */
void explain_write_changes(struct buf *out, const struct counterfactual *changes, size_t count);

/* Evidence as Authentication-Results: every check that RFC 8601 has a method for. */
enum result explain_auth_results(struct arena *arena, const struct evidence *evidence,
                                 struct bytes authserv_id, struct auth_results *out) must_check;
/* The same for ARC-Authentication-Results, together with what relays of ours before us found: a set has
 * all results from within the domain (rfc8617:4.1.1). */
enum result explain_sealed_results(struct arena *arena, const struct evidence *evidence,
                                   struct bytes authserv_id, struct auth_results *out) must_check;

#endif
