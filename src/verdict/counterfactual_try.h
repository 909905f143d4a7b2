/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counterfactual_try: one change of the evidence, tried. Private to counterfactual.c.
 *
 *     struct evidence *changed = trial_begin(trial);
 *     ... change it ...
 *     trial_end(trial, changed, cost, "Had %s been otherwise", what);
 *
 * trial_begin() forgets a change that was begun and not ended. NULL (and trial->exhausted) at the arena's cap; all
 * functions take NULL.
 */
#ifndef VOUCH_VERDICT_COUNTERFACTUAL_TRY_H
#define VOUCH_VERDICT_COUNTERFACTUAL_TRY_H

#include "verdict/counterfactual.h"

struct trial {
    struct arena *arena;
    const struct policy *policy;
    const struct evidence *evidence;
    const struct verdict *verdict;
    struct counterfactual *found; /* in order, room for `most` */
    size_t count, most;
    bool begun, exhausted;
    struct arena_mark mark;       /* before the change in hand */
};

/* A copy with items of its own. */
struct evidence *trial_begin(struct trial *trial);
/* The first item of a check, to be changed; NULL if there is none. */
struct evidence_item *trial_item(struct evidence *evidence, enum check check);
struct evidence_item *trial_add(struct trial *trial, struct evidence *evidence, enum check check,
                                enum auth_result result);
/* A property of type "vouch". */
void trial_set(struct trial *trial, struct evidence_item *item, const char *name, struct bytes value);
/* Judges it, and keeps it if something else would be done, and if it is among the smallest. */
void trial_end(struct trial *trial, struct evidence *changed, int cost, const char *format, ...) printf_like(4, 5);

#endif
