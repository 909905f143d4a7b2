/* SPDX-License-Identifier: BSD-2-Clause */
/* A second policy that judges the same evidence without consequence. */
#include "verdict/judge.h"

enum { SHADOW_MEMORY = 4 * 1024 * 1024, SHADOW_TEXT_MAX = 2000 };

/* In memory of its own: what it takes must not be missing to the message. */
enum result shadow_compare(struct arena *arena, const struct policy *shadow, const struct evidence *evidence,
                           struct verdict *verdict)
{
    struct verdict other;
    struct arena *scratch = arena_create(SHADOW_MEMORY);
    verdict->shadow = (struct shadow){.policy = BYTES("")};
    if (scratch && judge(scratch, shadow, evidence, &other) == OK && other.action != verdict->action) {
        struct bytes text = arena_copy(arena, bytes_first(other.text, SHADOW_TEXT_MAX));
        if (text.ptr)
            verdict->shadow = (struct shadow){.policy = shadow->name,
                                              .action = other.action,
                                              .trust = other.trust,
                                              .score = other.score,
                                              .text = text};
    }
    arena_destroy(scratch);
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
