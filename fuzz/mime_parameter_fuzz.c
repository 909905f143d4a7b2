/* SPDX-License-Identifier: BSD-2-Clause */
/* The value of a Content-Type or Content-Disposition field; and encoded words. */
#include "base/utf8.h"
#include "message/mime_parameter.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct mime_text text, struct bytes input)
{
    require(text.octets.len <= 2 * input.len);
    require(!text.utf8 || utf8_is_valid(text.octets));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(1 << 22);
    struct bytes input = bytes_from(size ? data : (const uint8_t *)"", size);
    struct mime_value value;
    struct mime_text text;
    size_t total = 0;
    if (mime_value_parse(arena, input, &value)) {
        require(value.count <= MIME_PARAMETERS_MAX && value.word.len <= input.len);
        for (size_t i = 0; i < value.count; i++) {
            const struct mime_parameter *parameter = &value.parameters[i];
            total += parameter->name.len + parameter->value.len + 1; /* "=" at least */
            require(parameter->name.len);
            if (parameter->extended)
                total--;
            if (mime_parameter_text(arena, parameter, &text))
                check_text(text, parameter->value);
        }
        require(total <= size + value.count);
    }
    if (mime_words_decode(arena, input, &text))
        check_text(text, input);
    arena_destroy(arena);
    return 0;
}
