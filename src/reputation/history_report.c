/* SPDX-License-Identifier: BSD-2-Clause */
/* What users and other operators say about an identity, and what their word weighs. */
#include "reputation/history.h"

enum {
    ASKED_SINCE,
    ASKED_AGREED,
    ASKED_DISAGREED,
    ASKED_SAID,       /* of this message */
    ASKED_USED,       /* of the reporter's allowance, for this direction */
    ASKED_COUNTED,    /* when he was counted among the reporters of this direction */
    ASKED_OTHER_USED, /* the same for the other direction */
    ASKED_OTHER_COUNTED,
    ASKED_HISTORY
};
enum {
    WEIGHT_NEW = 50,
    WEIGHT_LEAST = 10,
    WEIGHT_AGE_DAYS = 30,    /* in which a new reporter's weight grows to 1 */
    WEIGHT_AGREED = 5,
    WEIGHT_DISAGREED = 10,
    WEIGHT_WORDS_MOST = 20,
    CLEAR = HISTORY_ONE,     /* so much more of one than of the other says what others think */
    SAID_JUNK = 1,
    SAID_NOTJUNK = 2,
    SAID_WEIGHT_SHIFT = 2,
    SAID_TIME_SHIFT = 14
};

#define DAY_SECONDS INT64_C(86400)
#define SAID_KEPT (30 * DAY_SECONDS)
#define REPORTER_KEPT (730 * DAY_SECONDS)

uint64_t history_reporter_weight(int64_t age, uint64_t agreed, uint64_t disagreed)
{
    int64_t days = age < 0 ? 0 : age / DAY_SECONDS;
    if (days > WEIGHT_AGE_DAYS)
        days = WEIGHT_AGE_DAYS;
    if (agreed > WEIGHT_WORDS_MOST)
        agreed = WEIGHT_WORDS_MOST;
    if (disagreed > WEIGHT_WORDS_MOST)
        disagreed = WEIGHT_WORDS_MOST;
    int64_t weight = WEIGHT_NEW + days * (HISTORY_ONE - WEIGHT_NEW) / WEIGHT_AGE_DAYS +
                     (int64_t)agreed * WEIGHT_AGREED - (int64_t)disagreed * WEIGHT_DISAGREED;
    return weight < WEIGHT_LEAST ? WEIGHT_LEAST : (uint64_t)weight;
}

static struct bytes reporter_key(struct arena *arena, struct bytes reporter, const char *what)
{
    struct bytes parts[] = {BYTES("reporter:"), reporter, BYTES(":"), bytes_of(what)};
    return batch_key(arena, parts, countof(parts));
}

/* "report:junk:dkim:example.org" NUL "anna@example.net": addresses hold no NUL, so nothing runs together. */
static struct bytes pair_key(struct arena *arena, const char *what, const struct history_identity *identity,
                             struct bytes reporter, struct bytes message)
{
    struct bytes parts[] = {BYTES("report:"),
                            bytes_of(what),
                            BYTES(":"),
                            bytes_of(history_kind_name(identity->kind)),
                            BYTES(":"),
                            identity->name,
                            bytes_from("", 1),
                            reporter,
                            bytes_from("", 1),
                            message};
    return batch_key(arena, parts, countof(parts));
}

static struct bytes said_key(struct arena *arena, const struct history_report *report)
{
    return pair_key(arena, "said", &report->identity, report->reporter, report->message);
}

static struct bytes used_key(struct arena *arena, const struct history_report *report, bool junk)
{
    return pair_key(arena, junk ? "junk" : "notjunk", &report->identity, report->reporter, BYTES(""));
}

static struct bytes counted_key(struct arena *arena, const struct history_report *report, bool junk)
{
    return pair_key(arena, junk ? "junk-reporter" : "notjunk-reporter", &report->identity, report->reporter,
                    BYTES(""));
}

size_t history_report_ask(struct batch *batch, const struct history_rules *rules,
                          const struct history_report *report, int64_t now)
{
    struct arena *arena = batch->arena;
    size_t index = batch_get(batch, reporter_key(arena, report->reporter, "since"));
    batch_get(batch, reporter_key(arena, report->reporter, "agreed"));
    batch_get(batch, reporter_key(arena, report->reporter, "disagreed"));
    batch_get(batch, said_key(arena, report));
    for (int i = 0; i < 2; i++) {
        batch_get(batch, used_key(arena, report, i ? !report->junk : report->junk));
        batch_get(batch, counted_key(arena, report, i ? !report->junk : report->junk));
    }
    history_ask(batch, rules, &report->identity, now);
    return index;
}

static void add_count(struct batch *out, const struct history_rules *rules, const struct history_identity *identity,
                      enum history_count count, int64_t hundredths, int64_t t, int64_t now)
{
    int64_t stretch = history_stretch(rules, t);
    int64_t scaled = history_scaled(rules, (uint64_t)(hundredths < 0 ? -hundredths : hundredths), t);
    batch_add(out, history_counter_key(out->arena, rules, identity, count, stretch),
              hundredths < 0 ? -scaled : scaled, history_expiry(rules, stretch, now));
}

static enum history_count reporters_of(bool junk)
{
    return junk ? HISTORY_JUNK_REPORTERS : HISTORY_NOTJUNK_REPORTERS;
}

/* What he said of this message before is as if it had not been. */
static void take_back(const struct batch *asked, size_t index, struct batch *out,
                      const struct history_rules *rules, const struct history_report *report, int64_t now)
{
    const struct counter_operation *counted = batch_at(asked, index + ASKED_OTHER_COUNTED);
    uint64_t said = batch_at(asked, index + ASKED_SAID)->value;
    int64_t weight = (int64_t)(said >> SAID_WEIGHT_SHIFT & 0xfff), t = (int64_t)(said >> SAID_TIME_SHIFT);
    if (!weight)
        return;
    add_count(out, rules, &report->identity, report->junk ? HISTORY_NOTJUNK : HISTORY_JUNK, -weight, t, now);
    batch_add(out, used_key(out->arena, report, !report->junk), -weight, now);
    if (!counted->found || batch_at(asked, index + ASKED_OTHER_USED)->value > (uint64_t)weight)
        return;
    add_count(out, rules, &report->identity, reporters_of(!report->junk), -HISTORY_ONE, (int64_t)counted->value, now);
    batch_remove(out, counted_key(out->arena, report, !report->junk));
}

/* Among the reporters he counts as one, from the time of his last word on. */
static void count_reporter(struct batch *out, const struct history_rules *rules,
                           const struct history_report *report, const struct counter_operation *before, int64_t now)
{
    enum history_count count = reporters_of(report->junk);
    if (before->found)
        add_count(out, rules, &report->identity, count, -HISTORY_ONE, (int64_t)before->value, now);
    add_count(out, rules, &report->identity, count, HISTORY_ONE, now, now);
    batch_set(out, counted_key(out->arena, report, report->junk), now,
              now + 2 * HISTORY_STRETCH * rules->half_life);
}

/* Others have made up their minds about this identity, with or against him. */
static void compare(struct batch *out, const struct history_report *report, const struct history *history,
                    uint64_t own, int64_t now)
{
    uint64_t same = history->counts[report->junk ? HISTORY_JUNK : HISTORY_NOTJUNK];
    uint64_t other = history->counts[report->junk ? HISTORY_NOTJUNK : HISTORY_JUNK];
    same = same > own ? same - own : 0;
    if (same >= other + CLEAR)
        batch_add(out, reporter_key(out->arena, report->reporter, "agreed"), 1, now + REPORTER_KEPT);
    else if (other >= same + CLEAR)
        batch_add(out, reporter_key(out->arena, report->reporter, "disagreed"), 1, now + REPORTER_KEPT);
}

void history_reporter_seen(struct batch *batch, struct bytes reporter, int64_t now)
{
    batch_first(batch, reporter_key(batch->arena, reporter, "since"), now, now + REPORTER_KEPT);
}

uint64_t history_report_write(const struct batch *asked, size_t index, struct batch *out,
                              const struct history_rules *rules, const struct history_report *report, int64_t now)
{
    const struct counter_operation *since = batch_at(asked, index + ASKED_SINCE);
    const struct counter_operation *said = batch_at(asked, index + ASKED_SAID);
    struct history history;
    unsigned direction = report->junk ? SAID_JUNK : SAID_NOTJUNK;
    uint64_t used = batch_at(asked, index + ASKED_USED)->value;
    if (said->found && (said->value & 3) == direction)
        return 0;
    if (report->forget) {
        if (said->found)
            take_back(asked, index, out, rules, report, now);
        batch_remove(out, said_key(out->arena, report));
        return 0;
    }
    uint64_t weight = history_reporter_weight(since->found ? now - (int64_t)since->value : 0,
                                              batch_at(asked, index + ASKED_AGREED)->value,
                                              batch_at(asked, index + ASKED_DISAGREED)->value);
    uint64_t room = used < HISTORY_REPORTER_MOST ? HISTORY_REPORTER_MOST - used : 0;
    if (weight > room)
        weight = room;
    history_read(asked, index + ASKED_HISTORY, rules, &report->identity, NULL, now, &history);
    history_reporter_seen(out, report->reporter, now);
    if (said->found)
        take_back(asked, index, out, rules, report, now);
    else
        compare(out, report, &history, used, now);
    if (report->message.len)
        batch_set(out, said_key(out->arena, report),
                  (int64_t)(direction | weight << SAID_WEIGHT_SHIFT | (uint64_t)now << SAID_TIME_SHIFT),
                  now + SAID_KEPT);
    if (!weight)
        return 0;
    add_count(out, rules, &report->identity, report->junk ? HISTORY_JUNK : HISTORY_NOTJUNK, (int64_t)weight, now,
              now);
    count_reporter(out, rules, report, batch_at(asked, index + ASKED_COUNTED), now);
    batch_append(out, &(struct counter_operation){.kind = COUNTER_ADD,
                                                  .key = used_key(out->arena, report, report->junk),
                                                  .delta = (int64_t)weight,
                                                  .expires_at = now + rules->half_life});
    return weight;
}

/* Complaints */

static struct bytes complaint_key(struct arena *arena, const struct history_identity *identity, struct bytes source)
{
    return pair_key(arena, "complaint", identity, source, BYTES(""));
}

size_t history_complaint_ask(struct batch *batch, const struct history_identity *identity, struct bytes source)
{
    return batch_get(batch, complaint_key(batch->arena, identity, source));
}

uint64_t history_complaint_write(const struct batch *asked, size_t index, struct batch *out,
                                 const struct history_rules *rules, const struct history_identity *identity,
                                 struct bytes source, int64_t now)
{
    if (batch_at(asked, index)->value >= HISTORY_COMPLAINER_MOST)
        return 0;
    add_count(out, rules, identity, HISTORY_COMPLAINTS, HISTORY_ONE, now, now);
    batch_append(out, &(struct counter_operation){.kind = COUNTER_ADD,
                                                  .key = complaint_key(out->arena, identity, source),
                                                  .delta = HISTORY_ONE,
                                                  .expires_at = now + rules->half_life});
    return HISTORY_ONE;
}
