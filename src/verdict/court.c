/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/court.h"

#include "base/ascii.h"

#include <stdio.h>

static struct bytes print(struct court *court, const char *format, va_list args)
{
    struct bytes text = arena_vprintf(court->arena, format, args);
    court->exhausted |= !text.ptr;
    return text;
}

static void add_reason(struct court *court, enum check check, enum reason_effect effect, struct bytes text)
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
    verdict->reasons[verdict->reason_count++] = (struct reason){check, effect, text};
    if (effect != REASON_DECIDES)
        return;
    /* The reason that decides stands first: that is the one people want to read. */
    struct reason decisive = verdict->reasons[verdict->reason_count - 1];
    for (size_t i = verdict->reason_count - 1; i > 0; i--)
        verdict->reasons[i] = verdict->reasons[i - 1];
    verdict->reasons[0] = decisive;
}

void court_reason(struct court *court, enum check check, enum reason_effect effect,
                  const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct bytes text = print(court, format, args);
    va_end(args);
    add_reason(court, check, effect, text);
}

static void settle(struct court *court, enum action action, unsigned code, const char *enhanced,
                   enum check check, struct bytes text)
{
    struct verdict *verdict = court->verdict;
    if (verdict->reason_count && verdict->reasons[0].effect == REASON_DECIDES)
        verdict->reasons[0].effect = verdict->action == ACTION_ACCEPT ? REASON_NOTES : REASON_AGAINST;
    verdict->action = action;
    verdict->code = code;
    snprintf(verdict->enhanced, sizeof(verdict->enhanced), "%s", enhanced);
    verdict->text = text;
    add_reason(court, check, REASON_DECIDES, text);
}

void court_decide(struct court *court, enum action action, unsigned code, const char *enhanced,
                  enum check check, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    settle(court, action, code, enhanced, check, print(court, format, args));
    va_end(args);
}

/* A message that is put off may come again and be refused then, so that loses nothing; what a rule discards was
 * named by the administrator; a refusal is final, and the sender knows. */
int court_severity(enum action action)
{
    static const int order[] = {
        [ACTION_ACCEPT] = 0,   [ACTION_JUNK] = 1,    [ACTION_QUARANTINE] = 2,
        [ACTION_TEMPFAIL] = 3, [ACTION_DISCARD] = 4, [ACTION_REJECT] = 5,
    };
    return order[action];
}

static void raise_to(struct court *court, enum action action, unsigned code, const char *enhanced,
                     enum check check, struct bytes text)
{
    if (court_severity(action) > court_severity(court->verdict->action))
        settle(court, action, code, enhanced, check, text);
    else
        add_reason(court, check, REASON_AGAINST, text);
}

void court_raise(struct court *court, enum action action, unsigned code, const char *enhanced,
                 enum check check, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    raise_to(court, action, code, enhanced, check, print(court, format, args));
    va_end(args);
}

void court_apply(struct court *court, enum action action, const char *enhanced, enum check check,
                 const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct bytes text = print(court, format, args);
    va_end(args);
    unsigned code = action == ACTION_REJECT ? 550 : action == ACTION_TEMPFAIL ? 451 : 250;
    if (action == ACTION_JUNK && !court->policy->junk_folder)
        action = ACTION_ACCEPT;
    raise_to(court, action, code, code == 550 ? enhanced : code == 451 ? "4.7.1" : "2.0.0", check, text);
}

void court_class(struct court *court, enum trust_class trust, const char *format, ...)
{
    if (court->classed)
        return;
    va_list args;
    va_start(args, format);
    court->verdict->trust_reason = print(court, format, args);
    va_end(args);
    court->verdict->trust = trust;
    court->classed = true;
}

/* "DNSBL" and "zen.example" give DNSBL_ZEN_EXAMPLE. */
static struct bytes make_name(struct court *court, const char *name, struct bytes detail)
{
    enum { DETAIL_MOST = 60 };
    struct bytes first = bytes_of(name);
    detail = bytes_first(detail, DETAIL_MOST);
    size_t length = first.len + (first.len && detail.len) + detail.len;
    uint8_t *out = arena_alloc(court->arena, length ? length : 1);
    if (!out)
        return (struct bytes){0};
    for (size_t i = 0; i < length; i++) {
        uint8_t c = i < first.len                          ? first.ptr[i]
                    : i < length - detail.len              ? '_'
                                                           : detail.ptr[i - (length - detail.len)];
        c = ascii_upper(c);
        out[i] = ascii_is_digit(c) || (c >= 'A' && c <= 'Z') ? c : '_';
    }
    return bytes_from(out, length);
}

void court_contribute(struct court *court, enum check check, const struct evidence_item *item, int points,
                      const char *name, struct bytes detail, const char *format, ...)
{
    struct verdict *verdict = court->verdict;
    if (points == 0 || verdict->contribution_count == CONTRIBUTIONS_MAX)
        return;
    if (verdict->contribution_count == court->contribution_capacity) {
        size_t capacity = court->contribution_capacity ? court->contribution_capacity * 2 : 8;
        struct contribution *list = arena_alloc_array(court->arena, capacity, sizeof(*list));
        if (!list) {
            court->exhausted = true;
            return;
        }
        for (size_t i = 0; i < verdict->contribution_count; i++)
            list[i] = verdict->contributions[i];
        verdict->contributions = list;
        court->contribution_capacity = capacity;
    }
    va_list args;
    va_start(args, format);
    struct bytes text = print(court, format, args);
    va_end(args);
    verdict->contributions[verdict->contribution_count++] = (struct contribution){
        .check = check,
        .item = item ? (size_t)(item - court->evidence->items) : CONTRIBUTION_NO_ITEM,
        .points = points,
        .name = make_name(court, name, detail),
        .text = text,
    };
    verdict->score += points;
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

struct bytes court_value(const struct evidence_item *item, const char *name)
{
    return evidence_value(item, "vouch", name);
}

bool court_says(const struct evidence_item *item, const char *name, const char *value)
{
    return bytes_is(court_value(item, name), value);
}

bool court_answers_us(const struct court *court)
{
    const struct evidence *evidence = court->evidence;
    size_t tagged = 0;
    for (size_t i = 0; i < evidence->item_count; i++)
        tagged += evidence->items[i].check == CHECK_RETURN_PATH && evidence->items[i].result == AUTH_PASS;
    return !evidence->mail_from.len && tagged > 0 && tagged >= evidence->recipient_count;
}
