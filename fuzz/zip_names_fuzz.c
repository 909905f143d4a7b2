/* SPDX-License-Identifier: BSD-2-Clause */
/* A file that may be a ZIP archive: its end is the whole, or what is behind the first octet's measure. */
#include "base/utf8.h"
#include "message/zip_names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_with(struct bytes head, struct bytes tail, size_t before, size_t max)
{
    struct arena *arena = arena_create(1 << 20);
    struct zip_names zip;
    if (zip_names_read(arena, head, tail, before, max, &zip) == OK) {
        require(zip.count <= max);
        for (size_t i = 0; i < zip.count; i++) {
            require(zip.members[i].name.ptr && utf8_is_valid(zip.members[i].name));
            require(zip.encrypted || !zip.members[i].encrypted);
            require(zip.nested || !zip.members[i].archive);
        }
    }
    arena_destroy(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes file = bytes_from(size ? data : (const uint8_t *)"", size);
    read_with(file, file, 0, 200);
    read_with(bytes_first(file, size / 2), bytes_skip(file, size / 2), size / 2, 3);
    return 0;
}
