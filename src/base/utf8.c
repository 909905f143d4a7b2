/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/utf8.h"

#include <string.h>

#include "base/ascii.h"

size_t utf8_sequence(struct bytes bytes)
{
    if (bytes.len == 0)
        return 0;
    uint8_t first = bytes.ptr[0];
    if (first < 0x80)
        return 1;
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || bytes.len < length)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((bytes.ptr[i] & 0xc0) != 0x80)
            return 0;
    uint8_t second = bytes.ptr[1];
    bool bad = (first == 0xe0 && second < 0xa0) ||  /* overlong */
               (first == 0xed && second >= 0xa0) || /* surrogate */
               (first == 0xf0 && second < 0x90) ||  /* overlong */
               (first == 0xf4 && second >= 0x90);   /* above U+10FFFF */
    return bad ? 0 : length;
}

/* U+0080 to U+009F, U+061C, U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069. */
static bool is_disguise(struct bytes character)
{
    const uint8_t *c = character.ptr;
    if (character.len == 2)
        return (c[0] == 0xc2 && c[1] < 0xa0) || (c[0] == 0xd8 && c[1] == 0x9c);
    if (character.len != 3 || c[0] != 0xe2)
        return false;
    return (c[1] == 0x80 && (c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xa8 && c[2] <= 0xae))) ||
           (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9);
}

size_t utf8_printable(struct bytes bytes)
{
    size_t length = utf8_sequence(bytes);
    bool hidden = length == 1 ? ascii_is_control(bytes.ptr[0]) : is_disguise(bytes_first(bytes, length));
    return hidden ? 0 : length;
}

uint32_t utf8_code_point(struct bytes character)
{
    static const uint8_t masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t point = character.ptr[0] & masks[character.len];
    for (size_t i = 1; i < character.len; i++)
        point = point << 6 | (character.ptr[i] & 0x3f);
    return point;
}

size_t utf8_encode(uint32_t point, uint8_t out[4])
{
    static const uint8_t marks[] = {0, 0xc0, 0xe0, 0xf0};
    unsigned more = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    out[0] = (uint8_t)(marks[more] | point >> (6 * more));
    for (unsigned i = 1; i <= more; i++)
        out[i] = (uint8_t)(0x80 | (point >> (6 * (more - i)) & 0x3f));
    return more + 1;
}

bool utf8_is_valid(struct bytes bytes)
{
    while (bytes.len) {
        size_t length = utf8_sequence(bytes);
        if (!length)
            return false;
        bytes = bytes_skip(bytes, length);
    }
    return true;
}

bool utf8_is_ascii(struct bytes text)
{
    size_t i = 0;
    /* By words: whole messages are looked at. */
    for (uint64_t word; text.len - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, text.ptr + i, sizeof(word));
        if (word & UINT64_C(0x8080808080808080))
            return false;
    }
    for (; i < text.len; i++)
        if (text.ptr[i] & 0x80)
            return false;
    return true;
}
