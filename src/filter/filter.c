/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Three online logistic regressions over binary features, averaged and calibrated.
 *
 * The sum of the weights is divided by the root of the number of features, so that long messages are not
 * surer than short ones; steps become smaller for features that were corrected often (AdaGrad), so that what
 * is new is learned at once and what is known stays; what was right by a margin teaches nothing.
 */
#include "base/utf8.h"
#include "filter/feature.h"
#include "filter/model.h"

#include <math.h>
#include <string.h>

enum { AHEAD = 12, AGE_MESSAGES = 1024 };

static const double rate = 40, margin = 0.1, damping = 4;
static const double score_max = 20, log_odds_max = 14;
/* The view that is best by itself counts twice. */
static const double shares[FILTER_COMPONENTS] = {
    [FILTER_HEADER] = 0.25, [FILTER_GRAMS] = 0.5, [FILTER_WORDS] = 0.25};
/* The bounds of the calibration keep it sane where only mistakes are ever taught. */
static const double scale_start = 1.8, scale_min = 1, scale_max = 3, offset_max = 1, scale_rate = 0.05;

static double bounded(double value, double limit)
{
    if (!(value > -limit))
        return value == value ? -limit : 0;
    return value < limit ? value : limit;
}

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

struct view {
    double score, norm; /* norm: one over the root of how many features there are */
};

/* What each view thinks, in one pass with the memory asked for ahead. */
static double look(const struct filter_model *model, const struct filter_features *features, struct view *views,
                   size_t *known)
{
    const struct filter_feature *list = features->list;
    float sums[FILTER_COMPONENTS] = {0};
    size_t counts[FILTER_COMPONENTS] = {0}, count = features->count, found = 0;
    uint64_t places[AHEAD];
    for (size_t i = 0; i < count + AHEAD; i++) {
        uint64_t *place = &places[i % AHEAD];
        if (i >= AHEAD && i - AHEAD < count && list[i - AHEAD].component < FILTER_COMPONENTS) {
            unsigned c = list[i - AHEAD].component;
            const struct model_slot *slot = model_find(model, *place);
            counts[c]++;
            if (slot) {
                sums[c] += model_weight(slot);
                found++;
            }
        }
        if (i < count) {
            *place = model_place(model, list[i].hash);
            __builtin_prefetch(model_bucket_at(model, *place));
        }
    }
    double score = 0;
    for (unsigned c = 0; c < FILTER_COMPONENTS; c++) {
        views[c].norm = 1 / sqrt((double)counts[c] + 1);
        views[c].score = bounded((double)sums[c] * views[c].norm, score_max);
        score += shares[c] * views[c].score;
    }
    if (known)
        *known = found;
    return score;
}

/* ---- calibration: log-odds = scale * score + offset, learned from what was thought before learning ---- */

struct calibration {
    double scale, offset, seen;
};

static struct calibration calibration_load(const struct filter_model *model)
{
    const struct model_head *head = model_head(model);
    uint64_t words = model_load(&head->scale);
    struct calibration c = {
        .scale = scale_start + (double)model_float((uint32_t)words, (float)scale_max),
        .offset = (double)model_float((uint32_t)(words >> 32), (float)offset_max),
        .seen = (double)model_float((uint32_t)model_load(&head->scale_seen), 1e9f),
    };
    c.scale = c.scale < scale_min ? scale_min : c.scale > scale_max ? scale_max : c.scale;
    c.seen = c.seen < 0 ? 0 : c.seen;
    return c;
}

static void calibration_learn(struct filter_model *model, double score, bool spam)
{
    struct calibration c = calibration_load(model);
    double wrong = (spam ? 1 : 0) - logistic(c.scale * score + c.offset);
    double x = bounded(score, 4);
    c.seen += wrong * wrong * (1 + x * x);
    double step = scale_rate / sqrt(1 + c.seen);
    c.scale += step * wrong * x;
    c.scale = c.scale < scale_min ? scale_min : c.scale > scale_max ? scale_max : c.scale;
    c.offset = bounded(c.offset + step * wrong, offset_max);
    struct model_head *head = model->writable;
    model_store(&head->scale, (uint64_t)model_bits((float)c.offset) << 32 | model_bits((float)(c.scale - scale_start)));
    model_store(&head->scale_seen, model_bits((float)c.seen));
}

/* ---- opinions ---- */

static bool has_opinion(uint64_t ham, uint64_t spam)
{
    return ham >= FILTER_TRAINED_MIN && spam >= FILTER_TRAINED_MIN;
}

static void set_log_odds(struct filter_result *out, double log_odds)
{
    out->log_odds = bounded(log_odds, log_odds_max);
    out->points = out->log_odds * 5 / log(10);
    out->probability = logistic(out->log_odds);
}

static void clue_text(const struct filter_features *features, const struct filter_feature *feature, char *out)
{
    char *end = out + FILTER_CLUE_TEXT - 1;
    struct bytes prefix = bytes_of(feature_prefix_name(feature->prefix));
    if (features->message && feature->field < features->message->field_count)
        prefix = bytes_first(features->message->fields[feature->field].name, FILTER_CLUE_TEXT / 2);
    struct bytes parts[] = {prefix, prefix.len && feature->length ? BYTES(": ") : BYTES(""),
                            bytes_from(feature->text, feature->length)};
    for (size_t i = 0; i < countof(parts); i++)
        for (struct bytes rest = parts[i]; rest.len && out < end;) {
            size_t length = utf8_printable(rest);
            if (length > (size_t)(end - out))
                break;
            if (length)
                memcpy(out, rest.ptr, length);
            else
                *out = rest.ptr[0] == '\n' ? ' ' : '?';
            out += length ? length : 1;
            rest = bytes_skip(rest, length ? length : 1);
        }
    *out = '\0';
}

struct strongest {
    size_t index[FILTER_CLUES];
    double weight[FILTER_CLUES];
    size_t count;
};

static void strongest_add(struct strongest *s, size_t index, double weight)
{
    if (s->count == FILTER_CLUES && fabs(weight) <= fabs(s->weight[s->count - 1]))
        return;
    size_t at = s->count < FILTER_CLUES ? s->count++ : FILTER_CLUES - 1;
    while (at > 0 && fabs(s->weight[at - 1]) < fabs(weight)) {
        s->weight[at] = s->weight[at - 1];
        s->index[at] = s->index[at - 1];
        at--;
    }
    s->weight[at] = weight;
    s->index[at] = index;
}

static void add_clues(const struct filter_model *model, const struct filter_features *features,
                      const struct view *views, double scale, struct filter_result *out)
{
    struct strongest strongest = {.count = 0};
    for (size_t i = 0; i < features->count; i++) {
        const struct filter_feature *feature = &features->list[i];
        if (feature->component >= FILTER_COMPONENTS)
            continue;
        const struct model_slot *slot = model_find(model, model_place(model, feature->hash));
        double share = scale * shares[feature->component] * views[feature->component].norm;
        if (slot && model_weight(slot) != 0)
            strongest_add(&strongest, i, (double)model_weight(slot) * share);
    }
    for (size_t i = 0; i < strongest.count; i++) {
        const struct filter_feature *feature = &features->list[strongest.index[i]];
        const struct model_slot *slot = model_find(model, model_place(model, feature->hash));
        struct filter_clue *clue = &out->clues[out->clue_count];
        if (!slot) /* it was just forgotten */
            continue;
        struct model_value value = model_value(slot);
        clue_text(features, feature, clue->text);
        clue->weight = strongest.weight[i];
        clue->ham = value.ham;
        clue->spam = value.spam;
        out->clue_count++;
    }
}

void filter_classify(const struct filter_model *model, const struct filter_features *features, enum filter_want want,
                     struct filter_result *out)
{
    struct filter_counts counts = filter_model_counts(model);
    struct calibration calibration = calibration_load(model);
    struct view views[FILTER_COMPONENTS];
    *out = (struct filter_result){.ham = counts.ham, .spam = counts.spam, .features = features->count};
    double score = look(model, features, views, &out->known);
    for (unsigned i = 0; i < FILTER_COMPONENTS; i++)
        out->component[i] = views[i].score;
    out->raw = bounded(calibration.scale * score + calibration.offset, log_odds_max);
    out->opinion = has_opinion(counts.ham, counts.spam);
    set_log_odds(out, out->opinion ? out->raw : 0);
    if (want == FILTER_WITH_CLUES && out->opinion)
        add_clues(model, features, views, calibration.scale, out);
}

static void merge_clues(const struct filter_result *a, double share, struct filter_result *out)
{
    for (size_t i = 0; i < a->clue_count; i++) {
        struct filter_clue clue = a->clues[i];
        clue.weight *= share;
        size_t at = out->clue_count;
        if (at == FILTER_CLUES && fabs(out->clues[at - 1].weight) >= fabs(clue.weight))
            continue;
        if (at < FILTER_CLUES)
            out->clue_count++;
        else
            at--;
        for (; at > 0 && fabs(out->clues[at - 1].weight) < fabs(clue.weight); at--)
            out->clues[at] = out->clues[at - 1];
        out->clues[at] = clue;
    }
}

void filter_combine(const struct filter_result *domain, const struct filter_result *shared, struct filter_result *out)
{
    enum { EQUAL = 200 }; /* messages of its rarer class at which a domain's model counts as much as the shared one */
    if (!domain->opinion || !shared->opinion) {
        const struct filter_result *one = domain->opinion ? domain : shared;
        if (out != one)
            *out = *one;
        return;
    }
    double least = (double)(domain->ham < domain->spam ? domain->ham : domain->spam);
    double share = least / (least + EQUAL);
    struct filter_result both = {.opinion = true,
                                 .raw = share * domain->raw + (1 - share) * shared->raw,
                                 .ham = domain->ham + shared->ham,
                                 .spam = domain->spam + shared->spam,
                                 .features = shared->features,
                                 .known = domain->known > shared->known ? domain->known : shared->known};
    for (unsigned c = 0; c < FILTER_COMPONENTS; c++)
        both.component[c] = share * domain->component[c] + (1 - share) * shared->component[c];
    set_log_odds(&both, share * domain->log_odds + (1 - share) * shared->log_odds);
    merge_clues(domain, share, &both);
    merge_clues(shared, 1 - share, &both);
    *out = both;
}

/* ---- training ---- */

/* How far the weights are to go, before damping. Unlearning leads back to no opinion, never beyond. */
static double wanted(double score, bool spam, bool undo)
{
    double p = logistic(score), right = spam ? 1 : 0;
    if (undo)
        return (spam ? p > 0.5 : p < 0.5) ? 0.5 - p : 0;
    return fabs(right - p) < margin ? 0 : right - p;
}

/* How much a feature that was corrected so often is moved. */
static double damped(const struct model_value *value)
{
    return rate / sqrt(1 + damping * (double)value->corrections);
}

/* Steps that lead back end where there is no opinion: those that would go beyond are shortened. */
static void shorten(const struct filter_model *model, const struct filter_features *features, const struct view *views,
                    double *errors)
{
    double moved[FILTER_COMPONENTS] = {0};
    for (size_t i = 0; i < features->count; i++) {
        unsigned c = features->list[i].component;
        const struct model_slot *slot = model_find(model, model_place(model, features->list[i].hash));
        if (!slot || c >= FILTER_COMPONENTS)
            continue;
        struct model_value value = model_value(slot);
        moved[c] += fabs(errors[c]) * damped(&value) * views[c].norm * views[c].norm;
    }
    for (unsigned c = 0; c < FILTER_COMPONENTS; c++)
        if (moved[c] > fabs(views[c].score))
            errors[c] *= fabs(views[c].score) / moved[c];
}

static void count(struct model_value *value, bool spam, bool undo)
{
    uint32_t *n = spam ? &value->spam : &value->ham;
    if (!undo)
        *n += *n < 0xffff;
    else
        *n -= *n > 0;
}

/* Moves the weights as far as each view is wrong. What is only repeated, or undone, makes no room for itself. */
static void move_weights(struct filter_model *model, const struct filter_features *features, bool spam, bool undo,
                         bool counted, const struct view *views, uint8_t age)
{
    double errors[FILTER_COMPONENTS];
    for (unsigned c = 0; c < FILTER_COMPONENTS; c++)
        errors[c] = wanted(views[c].score, spam, undo);
    if (undo)
        shorten(model, features, views, errors);
    for (size_t i = 0; i < features->count; i++) {
        unsigned c = features->list[i].component;
        uint64_t place = model_place(model, features->list[i].hash);
        if (c >= FILTER_COMPONENTS || ((undo || !counted) && !model_find(model, place)))
            continue;
        struct model_slot *slot = model_take(model, place, age);
        struct model_value value = model_value(slot);
        if (!undo)
            value.corrections += (float)(errors[c] * errors[c]);
        value.weight += (float)(errors[c] * views[c].norm * damped(&value));
        if (counted)
            count(&value, spam, undo);
        model_put(slot, place, age, &value);
    }
}

void filter_train(struct filter_model *model, const struct filter_features *features, bool spam, bool undo)
{
    struct model_head *head = model->writable;
    if (!head)
        return;
    struct filter_counts counts = filter_model_counts(model);
    struct view views[FILTER_COMPONENTS];
    double score = look(model, features, views, NULL);
    if (!undo && has_opinion(counts.ham, counts.spam))
        calibration_learn(model, score, spam);
    move_weights(model, features, spam, undo, true, views, (uint8_t)(counts.trained / AGE_MESSAGES));
    uint64_t *n = spam ? &head->spam : &head->ham, before = spam ? counts.spam : counts.ham;
    model_store(n, undo ? before - (before > 0) : before + 1);
    model_store(&head->trained, counts.trained + 1);
}

void filter_rehearse(struct filter_model *model, const struct filter_features *features, bool spam)
{
    struct model_head *head = model->writable;
    if (!head)
        return;
    struct filter_counts counts = filter_model_counts(model);
    struct view views[FILTER_COMPONENTS];
    look(model, features, views, NULL);
    move_weights(model, features, spam, false, false, views, (uint8_t)(counts.trained / AGE_MESSAGES));
    model_store(&head->trained, counts.trained + 1);
}
