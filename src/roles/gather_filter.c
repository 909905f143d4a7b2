/* SPDX-License-Identifier: BSD-2-Clause */
/* What the statistical filter says, as evidence. */
#include "roles/gather_parts.h"
#include "roles/items.h"

#include "filter/filter.h"

#include <math.h>

enum { POINTS_MOST = 2000, CLUES_TEXT = 500, CLUES_SHOWN = 10 };

static struct bytes points_text(struct arena *arena, double points)
{
    double hundredths = round(points * 100);
    int whole = hundredths > POINTS_MOST ? POINTS_MOST : hundredths < -POINTS_MOST ? -POINTS_MOST : (int)hundredths;
    unsigned size = (unsigned)(whole < 0 ? -whole : whole);
    return arena_printf(arena, "%s%u.%02u", whole < 0 ? "-" : "", size / 100, size % 100);
}

static struct bytes clues_text(struct arena *arena, const struct filter_result *found)
{
    struct buf text;
    buf_init(&text, CLUES_TEXT);
    for (size_t i = 0; i < found->clue_count && i < CLUES_SHOWN; i++) {
        struct bytes clue = arena_printf(arena, "%s%s %+.1f", text.len ? "; " : "", found->clues[i].text,
                                         found->clues[i].weight);
        if (text.len + clue.len > CLUES_TEXT)
            break;
        buf_add(&text, clue);
    }
    struct bytes copy = arena_copy(arena, buf_bytes(&text));
    buf_free(&text);
    return copy;
}

/* A model that was trained with too little has nothing to say. */
static bool classify(const struct gather *gather, const struct filter_model *model,
                     const struct filter_features *features, struct filter_result *out)
{
    unsigned least = gather->config->filter.least;
    *out = (struct filter_result){.probability = 0.5};
    if (!model)
        return false;
    filter_classify(model, features, FILTER_WITH_CLUES, out);
    if (out->ham < least || out->spam < least)
        out->opinion = false;
    return out->opinion;
}

static bool add_item(struct gather *gather, const struct filter_result *found, const char *model, int64_t started)
{
    struct arena *arena = gather->arena;
    enum auth_result result = !found->opinion ? AUTH_NONE : found->points > 0 ? AUTH_FAIL : AUTH_PASS;
    struct evidence_item *item = evidence_add(arena, &gather->evidence, CHECK_FILTER, result);
    if (!item)
        return false;
    item->elapsed = loop_now_fresh() - started;
    if (!found->opinion)
        item->reason = BYTES("the filter has learned too little to have an opinion");
    return item_add(arena, item, "vouch", "model", bytes_of(model)) &&
           item_add(arena, item, "vouch", "ham", arena_printf(arena, "%llu", (unsigned long long)found->ham)) &&
           item_add(arena, item, "vouch", "spam", arena_printf(arena, "%llu", (unsigned long long)found->spam)) &&
           (!found->opinion || (item_add(arena, item, "vouch", "points", points_text(arena, found->points)) &&
                                item_add(arena, item, "vouch", "clues", clues_text(arena, found))));
}

/* What nobody asks for is not made. */
static bool is_trained(const struct gather *gather, const struct filter_model *model)
{
    struct filter_counts counts = model ? filter_model_counts(model) : (struct filter_counts){.ham = 0};
    return counts.ham >= gather->config->filter.least && counts.spam >= gather->config->filter.least;
}

static bool add_skipped(struct gather *gather, struct bytes why)
{
    struct evidence_item *item = evidence_add(gather->arena, &gather->evidence, CHECK_FILTER, AUTH_NEUTRAL);
    if (item)
        item->reason = why;
    return item != NULL;
}

bool gather_filter(struct gather *gather, const struct filter_model *shared, const struct filter_model *domain)
{
    int64_t started = loop_now_fresh();
    struct filter_features features;
    struct filter_result of_shared, of_domain, both;
    if (!gather->config->filter.on || (!shared && !domain))
        return true;
    if (!is_trained(gather, shared) && !is_trained(gather, domain)) {
        struct filter_counts counts = filter_model_counts(shared ? shared : domain);
        of_shared = (struct filter_result){.ham = counts.ham, .spam = counts.spam};
        return add_item(gather, &of_shared, shared ? "shared" : "domain", started);
    }
    if (gather->message.raw.len > gather->config->filter.limit)
        return add_skipped(gather, BYTES("the message is larger than the filter reads"));
    const struct readable *readable = gather_readable(gather);
    if (!readable || filter_features_make(gather->structure.arena, &gather->message, readable, &features, NULL) != OK)
        return add_skipped(gather, BYTES("the message has more in it than the filter reads"));
    bool has_shared = classify(gather, shared, &features, &of_shared);
    bool has_domain = classify(gather, domain, &features, &of_domain);
    if (has_shared && has_domain) {
        filter_combine(&of_domain, &of_shared, &both);
        return add_item(gather, &both, "both", started);
    }
    return add_item(gather, has_domain ? &of_domain : &of_shared, has_domain ? "domain" : "shared", started);
}
