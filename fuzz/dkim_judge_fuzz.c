/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is said about a published key record: what cannot be used for verification is never called good, and
 * what can be is never called an error of the record itself.
 */
#include "auth/dkim_judge.h"
#include "auth/dkim_key.h"
#include "base/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 22);
    struct bytes text = bytes_from(size ? data : (const uint8_t *)"", size);
    struct dkim_judgement judgement;
    const struct dkim_key *key;
    dkim_judge_record(arena, text, NULL, &judgement);
    require(judgement.count <= DKIM_FINDINGS_MAX);
    for (size_t i = 0; i < judgement.count; i++)
        require(judgement.findings[i].text.len);
    if (dkim_key_find(text, &key, NULL) != OK)
        require(dkim_judge_worst(&judgement) == DKIM_ERROR);
    dkim_key_cache_clear();
    arena_destroy(arena);
    return 0;
}
