/* SPDX-License-Identifier: BSD-2-Clause */
#include "filter/feature.h"

#include <string.h>

const char *filter_component_name(enum filter_component component)
{
    static const char *const names[FILTER_COMPONENTS] = {"header", "grams", "words"};
    return component < FILTER_COMPONENTS ? names[component] : "?";
}

uint64_t feature_hash(struct bytes text, uint64_t seed)
{
    uint64_t hash = seed ^ text.len * 0x9e3779b97f4a7c15u;
    while (text.len >= 8) {
        uint64_t word;
        memcpy(&word, text.ptr, sizeof(word));
        hash = (hash ^ word) * 0xd6e8feb86659fd93u;
        hash ^= hash >> 32;
        text = bytes_skip(text, 8);
    }
    uint64_t word = 0;
    for (size_t i = 0; i < text.len; i++)
        word = word << 8 | text.ptr[i];
    return feature_mix(hash ^ word);
}

const char *feature_prefix_name(unsigned prefix)
{
    static const char *const names[] = {"", "subject", "link", "path", "structure"};
    return prefix < countof(names) ? names[prefix] : "";
}

void feature_add(struct feature_set *set, uint64_t hash, struct bytes text)
{
    /* The same word means another thing to another view, and so has a weight of its own there. */
    hash = (hash + set->salt) * 0xd6e8feb86659fd93u;
    hash ^= hash >> 32;
    size_t at = hash & set->mask;
    while (set->table[at]) {
        if (set->list[set->table[at] - 1].hash == hash)
            return;
        at = (at + 1) & set->mask;
    }
    if (set->count == set->limit)
        return;
    struct filter_feature *feature = &set->list[set->count++];
    set->table[at] = (uint16_t)set->count;
    feature->hash = hash;
    feature->text = text.ptr;
    feature->length = (uint8_t)(text.len < UINT8_MAX ? text.len : UINT8_MAX);
    feature->field = set->field;
    feature->component = (uint8_t)set->component;
    feature->prefix = (uint8_t)set->prefix;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Room for a view: more than ordinary text needs; text without any repetition is cut. */
static void begin(struct feature_set *set, enum filter_component component, size_t limit)
{
    set->component = component;
    set->salt = (component + 1) * 0x9e3779b97f4a7c15u;
    set->limit = set->count + limit;
}

enum result filter_features_make(struct arena *arena, const struct message *message,
                                 const struct readable *readable, struct filter_features *out,
                                 struct error *error)
{
    size_t text = least(readable->text.len, FEATURE_WORDS_TEXT);
    size_t links = least(readable->link_count, FEATURE_LINKS_MAX);
    size_t limits[FILTER_COMPONENTS] = {
        [FILTER_HEADER] = least(256 + message->header.len / 4, FEATURE_HEADER_COUNT),
        [FILTER_GRAMS] = least(512 + text / 2 + (readable->flags & READABLE_HTML ? FEATURE_SOURCE_MAX / 2 : 0),
                               FEATURE_GRAMS_COUNT),
        [FILTER_WORDS] = least(256 + text / 4 + links * 16, FEATURE_WORDS_COUNT),
    };
    size_t total = limits[FILTER_HEADER] + limits[FILTER_GRAMS] + limits[FILTER_WORDS], size = 1024;
    while (size < total + total / 2)
        size *= 2;
    struct feature_set set = {.field = FEATURE_NO_FIELD, .mask = size - 1};
    *out = (struct filter_features){.message = message};
    set.list = arena_alloc_array(arena, total, sizeof(*set.list));
    set.table = arena_alloc_array(arena, size, sizeof(*set.table));
    if (!set.list || !set.table)
        return error_set(error, TEMP, "no memory for the features of a message");
    begin(&set, FILTER_HEADER, limits[FILTER_HEADER]);
    feature_header(&set, arena, message);
    feature_structure(&set, arena, readable);
    begin(&set, FILTER_GRAMS, limits[FILTER_GRAMS]);
    feature_grams(&set, arena, readable);
    begin(&set, FILTER_WORDS, limits[FILTER_WORDS]);
    feature_words(&set, readable);
    out->list = set.list;
    out->count = set.count;
    if (arena_exhausted(arena))
        return error_set(error, TEMP, "no memory for the features of a message");
    return OK;
}
