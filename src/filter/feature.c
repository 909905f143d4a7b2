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

void feature_add(struct feature_set *set, uint64_t hash, struct bytes text)
{
    /* The same word means another thing to another view, and so has a weight of its own there. */
    hash = feature_mix(hash + (set->component + 1) * 0x9e3779b97f4a7c15u);
    hash += !hash;
    size_t at = hash & set->mask;
    while (set->table[at]) {
        if (set->table[at] == hash)
            return;
        at = (at + 1) & set->mask;
    }
    if (set->count == set->capacity)
        return;
    set->table[at] = hash;
    set->list[set->count++] = (struct filter_feature){
        .hash = hash,
        .text = text.ptr,
        .length = (uint16_t)(text.len < UINT16_MAX ? text.len : UINT16_MAX),
        .field = set->field,
        .component = (uint8_t)set->component,
        .prefix = set->prefix,
    };
}

/* No more features than this can come out: at most one for each octet that is read, and some. */
static size_t estimate(const struct message *message, const struct readable *readable)
{
    size_t header = message->header.len < FEATURE_HEADER_MAX ? message->header.len : FEATURE_HEADER_MAX;
    size_t text = readable->text.len < FEATURE_WORDS_TEXT ? readable->text.len : FEATURE_WORDS_TEXT;
    size_t source = readable->flags & READABLE_HTML ? FEATURE_SOURCE_MAX : 0;
    size_t links = readable->link_count < FEATURE_LINKS_MAX ? readable->link_count : FEATURE_LINKS_MAX;
    size_t total = header / 3 + text + text / 2 + source + links * 32 + 512;
    return total < FEATURE_COUNT_MAX ? total : FEATURE_COUNT_MAX;
}

enum result filter_features_make(struct arena *arena, const struct message *message,
                                 const struct readable *readable, struct filter_features *out,
                                 struct error *error)
{
    struct feature_set set = {.field = FEATURE_NO_FIELD, .capacity = estimate(message, readable)};
    size_t size = 1024;
    while (size < set.capacity + set.capacity / 2)
        size *= 2;
    *out = (struct filter_features){.message = message};
    set.mask = size - 1;
    set.list = arena_alloc_array(arena, set.capacity, sizeof(*set.list));
    set.table = arena_alloc_array(arena, size, sizeof(*set.table));
    if (!set.list || !set.table)
        return error_set(error, TEMP, "no memory for the features of a message");
    set.component = FILTER_HEADER;
    feature_header(&set, arena, message);
    feature_structure(&set, arena, readable);
    set.component = FILTER_GRAMS;
    feature_grams(&set, arena, readable);
    set.component = FILTER_WORDS;
    feature_words(&set, readable);
    out->list = set.list;
    out->count = set.count;
    if (arena_exhausted(arena))
        return error_set(error, TEMP, "no memory for the features of a message");
    return OK;
}
