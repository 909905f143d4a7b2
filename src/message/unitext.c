/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/unitext.h"

#include "base/ascii.h"
#include "base/utf8.h"
#include "message/structured.h"

#include <string.h>

void unitext_write(struct buf *out, struct bytes address)
{
    while (address.len) {
        size_t length = utf8_sequence(address);
        if (!length) {
            buf_add_byte(out, '?');
            length = 1;
        } else if (length == 1 && ascii_is_graph(address.ptr[0]) &&
                   !strchr("\\+=", address.ptr[0])) {
            buf_add_byte(out, address.ptr[0]);
        } else {
            buf_printf(out, "\\x{%02X}", (unsigned)utf8_code_point(bytes_first(address, length)));
        }
        address = bytes_skip(address, length);
    }
}

size_t unitext_escape(struct bytes text, uint32_t *point)
{
    size_t i = 3;
    *point = 0;
    if (!bytes_starts_with_nocase(text, BYTES("\\x{")))
        return 0;
    while (i < text.len && i < 9 && ascii_hex_value(text.ptr[i]) >= 0)
        *point = *point << 4 | (uint32_t)ascii_hex_value(text.ptr[i++]);
    bool surrogate = *point >= 0xd800 && *point <= 0xdfff;
    if (i < 5 || i == text.len || text.ptr[i] != '}' || *point > 0x10ffff || surrogate)
        return 0;
    return i + 1;
}

bool unitext_read(struct arena *arena, struct bytes text, struct bytes *out)
{
    struct octets octets;
    uint32_t point;
    if (!octets_create(arena, text.len, &octets))
        return false;
    for (size_t i = 0; i < text.len;) {
        uint8_t character[4] = {text.ptr[i]};
        size_t length = unitext_escape(bytes_skip(text, i), &point);
        size_t count = length ? utf8_encode(point, character) : 1;
        for (size_t k = 0; k < count; k++)
            octets_add_byte(&octets, character[k]);
        i += length ? length : 1;
    }
    *out = octets_since(&octets, 0);
    return true;
}
