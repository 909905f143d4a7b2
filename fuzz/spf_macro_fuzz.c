/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The macros of SPF: whatever the text and the values, output stays in its bounds and explanations
 * are printable. Lines of the input: text, sender, HELO, validated name, domain.
 */
#include "auth/spf_macro.h"

#include "base/ascii.h"
#include "base/result.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bytes client_name(void *context)
{
    return *(struct bytes *)context;
}

static void expand_name(const struct spf_macro_values *values, struct bytes text)
{
    uint8_t out[SPF_NAME_MAX + 1];
    out[SPF_NAME_MAX] = 0xa5;
    struct bytes name = spf_macro_expand_name(values, text, out);
    require(name.len <= SPF_NAME_MAX && out[SPF_NAME_MAX] == 0xa5);
    /* Cutting removes whole labels: what is left of an uncut name begins where a label began. */
    if (name.len && bytes_find_byte(text, '%') == BYTES_NOT_FOUND && name.ptr > text.ptr)
        require(name.ptr[-1] == '.');
}

static void expand_text(const struct spf_macro_values *values, struct bytes text)
{
    uint8_t out[500], small[7];
    size_t len = spf_macro_expand_text(values, text, out, sizeof(out));
    require(len <= sizeof(out));
    for (size_t i = 0; i < len; i++)
        require(ascii_is_print(out[i]));
    size_t less = spf_macro_expand_text(values, text, small, sizeof(small));
    require(less == (len < sizeof(small) ? len : sizeof(small)));
    require(memcmp(out, small, less) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_from(size ? data : (const uint8_t *)"", size), lines[5];
    for (size_t i = 0; i < countof(lines); i++)
        if (!bytes_split(&rest, '\n', &lines[i]))
            lines[i] = BYTES("");
    size_t at = bytes_rfind_byte(lines[1], '@');
    struct spf_macro_values values = {
        .sender = lines[1],
        .local_part = bytes_first(lines[1], at),
        .sender_domain = at == BYTES_NOT_FOUND ? BYTES("") : bytes_skip(lines[1], at + 1),
        .helo = lines[2],
        .domain = lines[4],
        .now = (int64_t)size << 40,
        .validated_name = client_name,
        .context = &lines[3],
    };
    values.ip = size % 2
                    ? ip_from_v4((const uint8_t[]){255, 99, 0, (uint8_t)size})
                    : ip_from_v6((const uint8_t[16]){0x20, 1, 0xd, 0xb8, [15] = (uint8_t)size});
    if (spf_domain_spec_is_valid(lines[0]))
        require(spf_macro_is_valid(lines[0], SPF_MACRO_STRING));
    if (spf_macro_is_valid(lines[0], SPF_MACRO_STRING))
        require(spf_macro_is_valid(lines[0], SPF_EXPLAIN_STRING));
    expand_name(&values, lines[0]);
    expand_text(&values, lines[0]);
    return 0;
}
