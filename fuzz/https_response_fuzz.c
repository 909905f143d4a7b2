/* SPDX-License-Identifier: BSD-2-Clause */
/* Answers of a web server: bounded, and what is complete stays so when more follows in chunks. */
#include "outbound/https.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 22);
    struct https_response response, shorter;
    struct error error = {"unset"};
    struct bytes text = bytes_from(size ? data : (const uint8_t *)"", size);
    enum result result = https_response_parse(arena, text, &response, &error);
    require(result == OK || strcmp(error.text, "unset") != 0);
    if (result == OK) {
        require(response.status >= 100 && response.status <= 599);
        require(response.body.len <= HTTPS_BODY_MAX && response.body.len <= size);
        require(bytes_find_byte(response.type, ';') == BYTES_NOT_FOUND);
    }
    /* What is cut off is never taken for something longer than the whole. */
    if (result == OK && size &&
        https_response_parse(arena, bytes_first(text, size - 1), &shorter, NULL) == OK)
        require(shorter.body.len <= response.body.len && shorter.status == response.status);
    arena_destroy(arena);
    return 0;
}
