/* SPDX-License-Identifier: BSD-2-Clause */
/* A second policy that judges the same evidence without consequence. */
#include "verdict/judge.h"

enum result shadow_compare(struct arena *arena, const struct policy *shadow, const struct evidence *evidence,
                           struct verdict *verdict)
{
    struct verdict other;
    verdict->shadow = (struct shadow){.policy = BYTES("")};
    if (judge(arena, shadow, evidence, &other) != OK)
        return TEMP;
    if (other.action != verdict->action)
        verdict->shadow = (struct shadow){.policy = shadow->name,
                                          .action = other.action,
                                          .trust = other.trust,
                                          .score = other.score,
                                          .text = other.text};
    return OK;
}

enum result judge_live(struct arena *arena, const struct policy *policy, const struct policy *shadow,
                       struct evidence *evidence, struct verdict *out)
{
    bool clean = evidence_clean(arena, evidence);
    enum result result = judge(arena, policy, evidence, out);
    if (!clean)
        result = TEMP;
    return result == OK && shadow ? shadow_compare(arena, shadow, evidence, out) : result;
}
