/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/html_text_entity.h"

#include "base/ascii.h"
#include "base/utf8.h"

#include <string.h>

/* What a number stands for (13.2.5.80). */
static uint32_t character(uint32_t number)
{
    static const uint16_t windows1252[32] = {
        0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
        0x2039, 0x0152, 0x8d,   0x017d, 0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
        0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,   0x017e, 0x0178,
    };
    if (number == 0 || number > 0x10ffff || (number >= 0xd800 && number <= 0xdfff))
        return 0xfffd;
    return number >= 0x80 && number < 0xa0 ? windows1252[number - 0x80] : number;
}

static size_t read_number(struct bytes text, uint32_t *point)
{
    bool hexadecimal = text.len > 2 && ascii_lower(text.ptr[2]) == 'x';
    size_t start = hexadecimal ? 3 : 2, at = start;
    uint32_t number = 0;
    for (; at < text.len; at++) {
        int digit = ascii_hex_value(text.ptr[at]);
        if (digit < 0 || (!hexadecimal && digit > 9))
            break;
        if (number <= 0x10ffff) /* any number of digits may follow */
            number = number * (hexadecimal ? 16 : 10) + (uint32_t)digit;
    }
    if (at == start)
        return 0;
    *point = character(number);
    return at < text.len && text.ptr[at] == ';' ? at + 1 : at;
}

static const struct html_entity *find(struct bytes name)
{
    size_t low = 0, high = html_entity_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(name.ptr, html_entities[middle].name, name.len);
        if (order == 0)
            order = html_entities[middle].name[name.len] ? -1 : 0;
        if (order == 0)
            return &html_entities[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* The longest old name at the start; they need no semicolon. */
static size_t read_bare(struct bytes name, struct bytes text, bool attribute, uint32_t *point)
{
    enum { SHORTEST = 2, LONGEST = 6 };
    for (size_t length = name.len < LONGEST ? name.len : LONGEST; length >= SHORTEST; length--) {
        const struct html_entity *entity = find(bytes_first(name, length));
        if (!entity || !entity->bare)
            continue;
        uint8_t next = 1 + length < text.len ? text.ptr[1 + length] : 0;
        if (attribute && (next == '=' || ascii_is_alnum(next)))
            return 0;
        *point = entity->point;
        return 1 + length;
    }
    return 0;
}

size_t html_entity_read(struct bytes text, bool attribute, uint32_t *point)
{
    if (text.len < 2)
        return 0;
    if (text.ptr[1] == '#')
        return read_number(text, point);
    if (bytes_starts_with(text, BYTES("&nbsp;"))) { /* half of all */
        *point = 0xa0;
        return 6;
    }
    size_t end = 1;
    while (end < text.len && end <= HTML_ENTITY_MAX && ascii_is_alnum(text.ptr[end]))
        end++;
    struct bytes name = bytes_slice(text, 1, end);
    if (name.len < 2)
        return 0;
    if (end < text.len && text.ptr[end] == ';') {
        const struct html_entity *entity = find(name);
        if (entity) {
            *point = entity->point;
            return end + 1;
        }
    }
    return read_bare(name, text, attribute, point);
}

struct bytes html_entity_decode(struct bytes value, uint8_t *space, size_t max)
{
    size_t used = 0, ampersand = bytes_find_byte(value, '&');
    if (ampersand == BYTES_NOT_FOUND)
        return bytes_first(value, max);
    while (value.len && used + 4 <= max) {
        uint32_t point;
        struct bytes run = bytes_first(bytes_first(value, ampersand), max - used - 4);
        memcpy(space + used, run.ptr, run.len);
        used += run.len;
        value = bytes_skip(value, run.len);
        if (value.len == 0 || value.ptr[0] != '&')
            break;
        size_t length = html_entity_read(value, true, &point);
        if (length)
            used += utf8_encode(point, space + used);
        else
            space[used++] = '&';
        value = bytes_skip(value, length ? length : 1);
        ampersand = bytes_find_byte(value, '&');
    }
    return bytes_from(space, used);
}
