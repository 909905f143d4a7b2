/* SPDX-License-Identifier: BSD-2-Clause */
/* Whatever answers at clamd's address: only "stream: OK" is clean, and what is said of it is printable and bounded. */
#include "roles/clamd.h"

#include "base/ascii.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct bytes text, size_t most)
{
    require(text.len <= most);
    for (size_t i = 0; i < text.len; i++)
        require(ascii_is_print(text.ptr[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 20);
    struct bytes reply = bytes_first(bytes_from(data, size), CLAMD_REPLY_MAX);
    struct clamd_result result;
    clamd_reply_read(arena, reply, &result);
    require((result.status == CLAMD_CLEAN) == bytes_is(bytes_trim(reply), "stream: OK"));
    require((result.status == CLAMD_FOUND) == (result.name.len > 0));
    require((result.status == CLAMD_FAILED) == (result.problem.len > 0));
    if (result.status == CLAMD_FOUND)
        require(bytes_starts_with(bytes_trim(reply), BYTES("stream: ")) &&
                bytes_ends_with(bytes_trim(reply), BYTES(" FOUND")));
    check(result.name, CLAMD_NAME_MAX);
    check(result.problem, CLAMD_NAME_MAX + 20);
    arena_destroy(arena);
    return 0;
}
