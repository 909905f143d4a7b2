/* SPDX-License-Identifier: BSD-2-Clause */
#include "lint/record_text.h"

#include "base/ascii.h"

static void add_string(struct buf *out, struct bytes part)
{
    buf_add_byte(out, '"');
    for (size_t i = 0; i < part.len; i++) {
        uint8_t c = part.ptr[i];
        if (!ascii_is_print(c))
            buf_printf(out, "\\%03u", (unsigned)c);
        else if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else
            buf_add_byte(out, c);
    }
    buf_add_byte(out, '"');
}

void record_text_bind(struct buf *out, struct bytes name, struct bytes text)
{
    buf_printf(out, BYTES_FMT ". IN TXT ", BYTES_ARG(name));
    do {
        add_string(out, bytes_first(text, RECORD_STRING_MAX));
        text = bytes_skip(text, RECORD_STRING_MAX);
        if (text.len)
            buf_add_byte(out, ' ');
    } while (text.len);
}

void record_text_tinydns(struct buf *out, struct bytes name, struct bytes text, unsigned ttl)
{
    buf_printf(out, "'" BYTES_FMT ":", BYTES_ARG(name));
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (!ascii_is_print(c) || c == ':' || c == '\\')
            buf_printf(out, "\\%03o", (unsigned)c);
        else
            buf_add_byte(out, c);
    }
    buf_printf(out, ":%u", ttl);
}

struct bytes record_text_zone_line(struct arena *arena, struct bytes name, struct bytes text)
{
    struct buf line;
    buf_init(&line, 256 * 1024);
    record_text_bind(&line, name, text);
    struct bytes kept = arena_copy(arena, buf_bytes(&line));
    buf_free(&line);
    return kept.ptr ? kept : BYTES("");
}
