/* SPDX-License-Identifier: BSD-2-Clause */
/* The TXT record of a domain's rating. What comes before it does not change a rating that is whole. */
#include "base/arena.h"
#include "reputation/rating.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_from(size ? data : (const uint8_t *)"", size);
    struct rating rating = {RATING_UNKNOWN, 0}, again;
    struct arena *arena = arena_create(1 << 20);
    bool found = rating_parse(text, &rating);
    if (found) {
        require(rating.value <= RATING_BEST);
        require(rating.status == RATING_UNKNOWN || rating.status == RATING_GOOD || rating.status == RATING_BAD);
        require(bytes_find_nocase(text, BYTES("status")) != BYTES_NOT_FOUND);
        struct bytes lower = arena_lower(arena, text);
        require(rating_parse(lower, &again) && again.status == rating.status && again.value == rating.value);
        struct bytes written = arena_printf(arena, "Status: %s Rating: %u", rating_status_name(rating.status),
                                            rating.value);
        require(rating_parse(written, &again) && again.status == rating.status && again.value == rating.value);
    }
    arena_destroy(arena);
    return 0;
}
