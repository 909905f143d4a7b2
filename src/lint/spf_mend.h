/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_mend: an SPF record as it was probably meant.
 *
 * A pure function of what was found. The text is in the arena; it always parses, and says no more
 * than the record did, but for mistyped mechanisms that are plainly meant ("ip:", "ipv4:").
 */
#ifndef VOUCH_LINT_SPF_MEND_H
#define VOUCH_LINT_SPF_MEND_H

#include "lint/spf_tree.h"

/* Of the root of a tree, or of any text: terms that break the syntax are mended or dropped, ptr,
 * includes that have no record, what stands behind all and a redirect beside it are dropped, "+all"
 * and "?all" become "~all", and so does a missing end. `node` may be NULL, then only the text is
 * looked at. Empty at the arena's cap. */
struct bytes spf_mend(struct arena *arena, struct bytes text, const struct spf_tree_node *node);

/* The same, and as many terms written as addresses as are needed to ask the DNS with at most
 * `limit` terms: own "a" terms first, then the costliest includes. With what cannot be resolved it
 * may remain over the limit. */
struct bytes spf_mend_flatten(struct arena *arena, struct bytes text,
                              const struct spf_tree_node *node, unsigned limit);

/* One record out of several: the terms of all, once each. */
struct bytes spf_mend_join(struct arena *arena, const struct bytes *texts, size_t count);

#endif
