/* SPDX-License-Identifier: BSD-2-Clause */
#include "filter/features_wire.h"

#include "base/cursor.h"
#include "filter/feature.h"

enum { FEATURE_SIZE = 9 }; /* hash and component */

void filter_features_write(struct buf *out, const struct filter_features *features)
{
    for (size_t i = 0; i < features->count; i++) {
        const struct filter_feature *feature = &features->list[i];
        for (int shift = 56; shift >= 0; shift -= 8)
            buf_add_byte(out, (uint8_t)(feature->hash >> shift));
        buf_add_byte(out, feature->component);
    }
}

bool filter_features_read(struct arena *arena, struct bytes octets, struct filter_features *out)
{
    size_t count = octets.len / FEATURE_SIZE;
    struct cursor cursor = cursor_over(octets);
    *out = (struct filter_features){.text = BYTES("")};
    if (octets.len % FEATURE_SIZE || count > (size_t)FILTER_COMPONENTS * FEATURE_COUNT_MAX)
        return false;
    out->list = arena_alloc_array(arena, count, sizeof(*out->list));
    if (!out->list)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct filter_feature *feature = &out->list[out->count++];
        *feature = (struct filter_feature){.hash = cursor_u64(&cursor), .text = (const uint8_t *)"",
                                           .field = FEATURE_NO_FIELD, .component = cursor_u8(&cursor)};
        if (feature->component >= FILTER_COMPONENTS)
            return false;
    }
    return !cursor.failed;
}
