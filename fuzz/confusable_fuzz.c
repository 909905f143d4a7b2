/* SPDX-License-Identifier: BSD-2-Clause */
/* Skeletons are bounded and settled, names that were decoded are UTF-8, and nearness does not depend on the side. */
#include "filter/confusable.h"

#include "base/utf8.h"
#include "message/idn.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(16 << 20);
    struct bytes input = bytes_from(data, size), shown, word, a, b, ascii;
    struct skeleton skeleton;
    size_t position = 0, half = bytes_find_byte(input, '\n');
    confusable_skeleton(input, &skeleton);
    require(skeleton.len <= CONFUSABLE_MAX);
    require(confusable_to_unicode(arena, input, &shown));
    require(shown.len <= 4 * input.len);
    if (utf8_is_valid(input))
        require(utf8_is_valid(shown));
    while (confusable_mixed_word(input, &position, &word))
        require(word.len >= 4 && position <= input.len && utf8_is_valid(word));
    a = bytes_first(input, half);
    b = half == BYTES_NOT_FOUND ? BYTES("") : bytes_skip(input, half + 1);
    require(confusable_within_one(a, b) == confusable_within_one(b, a));
    require(confusable_within_one(a, a));
    confusable_mixes_scripts(input);
    /* What the library wrote is read back as what it meant: written again it is the same. */
    if (bytes_find_nocase(a, BYTES("xn--")) == BYTES_NOT_FOUND && idn_to_ascii(arena, a, &ascii, NULL) == OK) {
        struct bytes back, twice;
        require(confusable_to_unicode(arena, ascii, &back));
        if (idn_to_ascii(arena, back, &twice, NULL) == OK)
            require(bytes_equal(ascii, twice));
    }
    arena_destroy(arena);
    return 0;
}
