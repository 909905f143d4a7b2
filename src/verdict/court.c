/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/court.h"

#include <stdio.h>

void court_reason(struct court *court, enum check check, enum reason_effect effect,
                  const char *format, ...)
{
    struct verdict *verdict = court->verdict;
    if (verdict->reason_count == court->reason_capacity) {
        size_t capacity = court->reason_capacity ? court->reason_capacity * 2 : 8;
        struct reason *reasons = arena_alloc_array(court->arena, capacity, sizeof(*reasons));
        if (!reasons) {
            court->exhausted = true;
            return;
        }
        for (size_t i = 0; i < verdict->reason_count; i++)
            reasons[i] = verdict->reasons[i];
        verdict->reasons = reasons;
        court->reason_capacity = capacity;
    }
    va_list args;
    va_start(args, format);
    struct bytes text = arena_vprintf(court->arena, format, args);
    va_end(args);
    court->exhausted |= !text.ptr;
    verdict->reasons[verdict->reason_count++] = (struct reason){check, effect, text};
    /* The reason that decides stands first: that is the one people want to read. */
    if (effect == REASON_DECIDES) {
        struct reason decisive = verdict->reasons[verdict->reason_count - 1];
        for (size_t i = verdict->reason_count - 1; i > 0; i--)
            verdict->reasons[i] = verdict->reasons[i - 1];
        verdict->reasons[0] = decisive;
    }
}

void court_decide(struct court *court, enum action action, unsigned code, const char *enhanced,
                  enum check check, const char *format, ...)
{
    struct verdict *verdict = court->verdict;
    va_list args;
    va_start(args, format);
    struct bytes text = arena_vprintf(court->arena, format, args);
    va_end(args);
    court->exhausted |= !text.ptr;
    verdict->action = action;
    verdict->code = code;
    snprintf(verdict->enhanced, sizeof(verdict->enhanced), "%s", enhanced);
    verdict->text = text;
    court_reason(court, check, REASON_DECIDES, BYTES_FMT, BYTES_ARG(text));
}

const struct evidence_item *court_item(const struct court *court, enum check check)
{
    return evidence_find(court->evidence, check, 0);
}

bool court_any(const struct court *court, enum check check, enum auth_result result)
{
    for (size_t i = 0; i < court->evidence->item_count; i++)
        if (court->evidence->items[i].check == check && court->evidence->items[i].result == result)
            return true;
    return false;
}

bool court_result(const struct evidence_item *item, enum auth_result result)
{
    return item && item->result == result;
}
