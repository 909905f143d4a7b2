/* SPDX-License-Identifier: BSD-2-Clause */
/* What only has to be counted is collected for a moment and told to the store in one go. */
#include "roles/edge_rates_private.h"

#include "base/log.h"

#include <errno.h>
#include <string.h>

#define COLLECT (20 * MILLISECOND)

enum { TELL_ARENA = 64 * 1024 };

static void take(struct edge_rates *rates, struct rates_question *question)
{
    question->counts.count = 0;
    while (rates->told_count && question->counts.count < PROTOCOL_COUNTS_MAX) {
        const struct rates_told *told = &rates->told[rates->told_first];
        size_t at = question->counts.count++;
        memcpy(question->keys[at], told->key, RATES_KEY_SIZE);
        question->values[at] = NULL;
        question->counts.items[at] = (struct count_item){.kind = COUNT_ADD,
                                                         .key = bytes_from(question->keys[at], RATES_KEY_SIZE),
                                                         .delta = told->delta,
                                                         .window = told->window};
        rates->told_first = (rates->told_first + 1) % RATES_TOLD_MAX;
        rates->told_count--;
    }
}

static void tell(void *argument)
{
    struct edge_rates *rates = argument;
    struct arena *arena = arena_create(TELL_ARENA);
    static struct rates_question question; /* there is one fiber of this kind */
    while (arena && (rates->told_count || rates->untold) && fiber_sleep(COLLECT) != ECANCELED) {
        rates_tell_closed(rates);
        for (bool more = true; more; more = rates->told_count >= PROTOCOL_COUNTS_MAX) {
            take(rates, &question);
            if (!rates_ask(rates->edge, arena, &question))
                log_debug("rates", "%zu counts are lost", question.counts.count);
            arena_reset(arena);
        }
    }
    arena_destroy(arena);
    rates->telling = false;
}

void rates_tell(struct edge_rates *rates, const struct rates_place_key *place, enum rates_counter counter,
                uint64_t slot, uint64_t delta, int64_t window)
{
    if (!delta || rates->told_count >= RATES_TOLD_MAX)
        return;
    struct rates_told *told = &rates->told[(rates->told_first + rates->told_count++) % RATES_TOLD_MAX];
    rates_key(place, counter, slot, told->key);
    told->delta = delta;
    told->window = window;
    rates_tell_soon(rates);
}

void rates_tell_soon(struct edge_rates *rates)
{
    if (!rates->telling)
        rates->telling = fiber_group_start(&rates->tellers, "counts", tell, rates);
}
