/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/counterfactual_try.h"

#include "verdict/court.h"

#include <string.h>

/* More than any change costs: what leads the wrong way comes last. */
enum { WRONG_WAY = 1000000 };

struct evidence *trial_begin(struct trial *trial)
{
    const struct evidence *evidence = trial->evidence;
    if (trial->begun)
        arena_rewind(trial->arena, trial->mark);
    trial->mark = arena_mark(trial->arena);
    trial->begun = true;
    struct evidence *changed = arena_new(trial->arena, struct evidence);
    struct evidence_item *items = arena_alloc_array(trial->arena, evidence->item_count + 1, sizeof(*items));
    if (!changed || !items) {
        trial->exhausted = true;
        return NULL;
    }
    *changed = *evidence;
    if (evidence->item_count)
        memcpy(items, evidence->items, evidence->item_count * sizeof(*items));
    changed->items = items;
    changed->item_capacity = evidence->item_count + 1;
    return changed;
}

struct evidence_item *trial_item(struct evidence *evidence, enum check check)
{
    for (size_t i = 0; evidence && i < evidence->item_count; i++)
        if (evidence->items[i].check == check)
            return &evidence->items[i];
    return NULL;
}

struct evidence_item *trial_add(struct trial *trial, struct evidence *evidence, enum check check,
                                enum auth_result result)
{
    struct evidence_item *item = evidence ? evidence_add(trial->arena, evidence, check, result) : NULL;
    trial->exhausted |= evidence && !item;
    return item;
}

void trial_set(struct trial *trial, struct evidence_item *item, const char *name, struct bytes value)
{
    if (!item)
        return;
    /* The original's properties stay as they are. */
    size_t count = item->property_count, room = (count / 4 + 1) * 4;
    struct auth_property *properties = arena_alloc_array(trial->arena, room, sizeof(*properties));
    struct bytes copy = arena_copy(trial->arena, value);
    if (!properties || !copy.ptr) {
        trial->exhausted = true;
        return;
    }
    if (count)
        memcpy(properties, item->properties, count * sizeof(*properties));
    item->properties = properties;
    for (size_t i = 0; i < count; i++) {
        if (bytes_is(properties[i].type, "vouch") && bytes_is(properties[i].name, name)) {
            properties[i].value = copy;
            return;
        }
    }
    properties[item->property_count++] = (struct auth_property){BYTES("vouch"), bytes_of(name), copy};
}

static const char *outcome(enum action action)
{
    static const char *const words[] = {
        [ACTION_ACCEPT] = "been accepted",       [ACTION_JUNK] = "been filed as junk",
        [ACTION_QUARANTINE] = "gone to quarantine", [ACTION_DISCARD] = "been discarded",
        [ACTION_TEMPFAIL] = "been put off",      [ACTION_REJECT] = "been refused",
    };
    return words[action];
}

static void keep(struct trial *trial, const struct counterfactual *new)
{
    size_t place = trial->count;
    while (place > 0 && trial->found[place - 1].cost > new->cost)
        place--;
    if (place == trial->most)
        return;
    size_t last = trial->count < trial->most ? trial->count++ : trial->most - 1;
    for (size_t i = last; i > place; i--)
        trial->found[i] = trial->found[i - 1];
    trial->found[place] = *new;
    /* What is kept lies behind the mark. */
    trial->begun = false;
}

void trial_end(struct trial *trial, struct evidence *changed, int cost, const char *format, ...)
{
    struct verdict verdict;
    if (!changed || trial->exhausted)
        return;
    if (judge(trial->arena, trial->policy, changed, &verdict) != OK) {
        trial->exhausted = true;
        return;
    }
    enum action before = trial->verdict->action;
    if (verdict.action == before)
        return;
    bool milder = court_severity(verdict.action) < court_severity(before);
    va_list args;
    va_start(args, format);
    struct bytes what = arena_vprintf(trial->arena, format, args);
    va_end(args);
    struct counterfactual new = {.evidence = *changed,
                                 .action = verdict.action,
                                 .trust = verdict.trust,
                                 .score = verdict.score,
                                 .cost = cost + (before != ACTION_ACCEPT && !milder ? WRONG_WAY : 0)};
    new.text = arena_printf(trial->arena, BYTES_FMT ", it would have %s.", BYTES_ARG(what), outcome(verdict.action));
    if (!new.text.ptr) {
        trial->exhausted = true;
        return;
    }
    keep(trial, &new);
}
