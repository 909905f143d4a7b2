/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counterfactual: the smallest changes of the evidence of a message that would have changed what was done with it.
 *
 * Each is found by trying: evidence is changed in one respect (a list that does not answer, a signature that holds,
 * some points of the filter), and judged again. So what is said is true of judge(), not of a model of it. Pure, as
 * judge() is. All in the arena.
 */
#ifndef VOUCH_VERDICT_COUNTERFACTUAL_H
#define VOUCH_VERDICT_COUNTERFACTUAL_H

#include "verdict/judge.h"

struct counterfactual {
    struct evidence evidence; /* changed; shares what is not with the original */
    enum action action;       /* what judge() makes of it: never the action of the original */
    enum trust_class trust;
    int score;
    int cost;                 /* how large a change it is; of a kind with points in hundredths */
    struct bytes text;        /* "With 2.3 points less from the content filter it would have been accepted." */
};

/* The smallest first, at most `most`, in *count: of a message that was not accepted those first that lead to
 * something milder. OK, also if there is none; TEMP at the arena's cap. `verdict` is what judge() made of it. */
enum result counterfactual_find(struct arena *arena, const struct policy *policy, const struct evidence *evidence,
                                const struct verdict *verdict, struct counterfactual *out, size_t most,
                                size_t *count) must_check;

#endif
