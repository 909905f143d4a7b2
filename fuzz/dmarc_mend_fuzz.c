/* SPDX-License-Identifier: BSD-2-Clause */
/* A DMARC record as it was probably meant: whatever it was, what comes out is a usable one. */
#include "lint/dmarc_mend.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 22);
    struct dmarc_record before, after;
    struct error error;
    bool below = size && data[0] & 1;
    struct bytes text = bytes_from(size ? data + 1 : (const uint8_t *)"", size ? size - 1 : 0);
    struct bytes mended = dmarc_mend(arena, text, BYTES("my.example"), below);
    if (!mended.len) {
        require(size > 4096);
        arena_destroy(arena);
        return 0;
    }
    require(dmarc_record_parse(arena, mended, &after, &error) == OK);
    require(after.rua.len && bytes_starts_with(after.rua, BYTES("mailto:")));
    /* It never asks for less than the record did. */
    if (dmarc_record_parse(arena, text, &before, &error) == OK)
        require(after.policy >= before.policy && after.absent_policy >= before.absent_policy);
    arena_destroy(arena);
    return 0;
}
