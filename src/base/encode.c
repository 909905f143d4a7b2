/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/encode.h"

#include "base/ascii.h"

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, struct bytes in)
{
    for (size_t i = 0; i < in.len; i += 3) {
        size_t have = in.len - i < 3 ? in.len - i : 3;
        uint32_t group = (uint32_t)in.ptr[i] << 16;
        if (have > 1)
            group |= (uint32_t)in.ptr[i + 1] << 8;
        if (have > 2)
            group |= in.ptr[i + 2];
        uint8_t text[4];
        for (int d = 0; d < 4; d++)
            text[d] = (uint8_t)base64_digits[group >> (18 - 6 * d) & 63];
        if (have < 3)
            text[3] = '=';
        if (have < 2)
            text[2] = '=';
        buf_add(out, bytes_from(text, 4));
    }
}

static int base64_value(uint8_t c)
{
    if (ascii_is_upper(c))
        return c - 'A';
    if (ascii_is_lower(c))
        return c - 'a' + 26;
    if (ascii_is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct arena *arena, struct bytes in, struct bytes *out)
{
    uint8_t *to = arena_alloc(arena, in.len / 4 * 3 + 3);
    if (!to)
        return false;
    size_t length = 0, digits = 0, padding = 0;
    uint32_t group = 0;
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.ptr[i];
        if (ascii_is_space(c))
            continue;
        if (c == '=') {
            padding++;
            continue;
        }
        int value = base64_value(c);
        if (value < 0 || padding)
            return false;
        group = group << 6 | (uint32_t)value;
        if (++digits % 4 == 0) {
            to[length++] = (uint8_t)(group >> 16);
            to[length++] = (uint8_t)(group >> 8);
            to[length++] = (uint8_t)group;
            group = 0;
        }
    }
    size_t left = digits % 4;
    if (left == 1 || (padding && (left == 0 || left + padding != 4)))
        return false;
    if (left >= 2)
        to[length++] = (uint8_t)(group >> (left == 2 ? 4 : 10));
    if (left == 3)
        to[length++] = (uint8_t)(group >> 2);
    *out = bytes_from(to, length);
    return true;
}

void hex_encode(struct buf *out, struct bytes in)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < in.len; i++) {
        buf_add_byte(out, (uint8_t)digits[in.ptr[i] >> 4]);
        buf_add_byte(out, (uint8_t)digits[in.ptr[i] & 15]);
    }
}

bool hex_decode(struct arena *arena, struct bytes in, struct bytes *out)
{
    if (in.len % 2)
        return false;
    uint8_t *to = arena_alloc(arena, in.len / 2);
    if (!to)
        return false;
    for (size_t i = 0; i < in.len; i += 2) {
        int high = ascii_hex_value(in.ptr[i]), low = ascii_hex_value(in.ptr[i + 1]);
        if (high < 0 || low < 0)
            return false;
        to[i / 2] = (uint8_t)(high << 4 | low);
    }
    *out = bytes_from(to, in.len / 2);
    return true;
}

void xtext_encode(struct buf *out, struct bytes in)
{
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.ptr[i];
        if (ascii_is_graph(c) && c != '+' && c != '=')
            buf_add_byte(out, c);
        else
            buf_printf(out, "+%02X", c);
    }
}

static int upper_hex_value(uint8_t c)
{
    return ascii_is_lower(c) ? -1 : ascii_hex_value(c);
}

bool xtext_decode(struct arena *arena, struct bytes in, struct bytes *out)
{
    uint8_t *to = arena_alloc(arena, in.len);
    size_t length = 0;
    if (!to)
        return false;
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.ptr[i];
        if (!ascii_is_graph(c) || c == '=')
            return false;
        if (c == '+') {
            if (in.len - i < 3)
                return false;
            int high = upper_hex_value(in.ptr[i + 1]), low = upper_hex_value(in.ptr[i + 2]);
            if (high < 0 || low < 0)
                return false;
            c = (uint8_t)(high << 4 | low);
            i += 2;
        }
        to[length++] = c;
    }
    *out = bytes_from(to, length);
    return true;
}
