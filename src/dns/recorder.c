/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/recorder.h"

#include "dns/answer.h"

#include <string.h>

static struct dns_lookup *find(const struct dns_recorder *recorder, struct bytes name,
                               enum dns_type type)
{
    for (size_t i = 0; i < recorder->count; i++) {
        struct dns_lookup *lookup = &recorder->lookups[i];
        if (lookup->type == type && bytes_equal_nocase(lookup->name, name))
            return lookup;
    }
    return NULL;
}

/* Room for one more; what was outgrown stays in the arena. */
static bool grow(struct dns_recorder *recorder)
{
    if (recorder->count < recorder->capacity)
        return true;
    size_t capacity = recorder->capacity ? recorder->capacity * 2 : 16;
    struct dns_lookup *lookups =
        arena_alloc_array(recorder->arena, capacity, sizeof(struct dns_lookup));
    if (!lookups)
        return false;
    if (recorder->count)
        memcpy(lookups, recorder->lookups, recorder->count * sizeof(*lookups));
    recorder->lookups = lookups;
    recorder->capacity = capacity;
    return true;
}

static bool add(struct dns_recorder *recorder, struct bytes name, enum dns_type type)
{
    struct bytes lower = arena_lower(recorder->arena, name);
    if (!lower.ptr || !grow(recorder))
        return false;
    recorder->lookups[recorder->count++] = (struct dns_lookup){.name = lower, .type = type};
    return true;
}

static const struct dns_answer *query(struct dns *dns, struct arena *arena, struct bytes name,
                                      enum dns_type type, int64_t deadline)
{
    struct dns_recorder *recorder = (struct dns_recorder *)dns;
    const struct dns_lookup *known = find(recorder, name, type);
    if (known && known->answer)
        return known->answer;
    if (!known && recorder->count >= recorder->limit) {
        recorder->refused++;
        return answer_failed(arena, "too many DNS look-ups for one message");
    }
    if (!known && !add(recorder, name, type))
        return answer_out_of_memory();
    const struct dns_answer *answer =
        recorder->below->query(recorder->below, recorder->arena, name, type, deadline);
    /* While this fiber waited the array may have moved, and another fiber may have got an answer to
     * the same question: the first one stands. */
    struct dns_lookup *lookup = find(recorder, name, type);
    if (!lookup->answer)
        lookup->answer = answer;
    return lookup->answer;
}

void dns_recorder_init(struct dns_recorder *recorder, struct dns *below, struct arena *arena)
{
    *recorder = (struct dns_recorder){
        .dns = {query},
        .below = below,
        .arena = arena,
        .limit = DNS_RECORDER_LOOKUPS,
    };
}
