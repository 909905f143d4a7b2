/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/cursor.h"

bool cursor_at_end(const struct cursor *c)
{
    return c->failed || c->position >= c->input.len;
}

struct bytes cursor_rest(const struct cursor *c)
{
    return c->failed ? (struct bytes){NULL, 0} : bytes_skip(c->input, c->position);
}

void cursor_fail(struct cursor *c)
{
    c->failed = true;
}

int cursor_peek(const struct cursor *c)
{
    return cursor_peek_at(c, 0);
}

int cursor_peek_at(const struct cursor *c, size_t ahead)
{
    if (c->failed || ahead >= c->input.len - c->position)
        return -1;
    return c->input.ptr[c->position + ahead];
}

struct bytes cursor_take(struct cursor *c, size_t count)
{
    if (c->failed || count > c->input.len - c->position) {
        c->failed = true;
        return (struct bytes){NULL, 0};
    }
    struct bytes taken = bytes_slice(c->input, c->position, c->position + count);
    c->position += count;
    return taken;
}

static uint64_t take_integer(struct cursor *c, size_t octets)
{
    struct bytes taken = cursor_take(c, octets);
    uint64_t value = 0;
    for (size_t i = 0; i < taken.len; i++)
        value = value << 8 | taken.ptr[i];
    return value;
}

uint8_t cursor_u8(struct cursor *c)
{
    return (uint8_t)take_integer(c, 1);
}

uint16_t cursor_u16(struct cursor *c)
{
    return (uint16_t)take_integer(c, 2);
}

uint32_t cursor_u32(struct cursor *c)
{
    return (uint32_t)take_integer(c, 4);
}

uint64_t cursor_u64(struct cursor *c)
{
    return take_integer(c, 8);
}

bool cursor_accept(struct cursor *c, uint8_t byte)
{
    if (cursor_peek(c) != byte)
        return false;
    c->position++;
    return true;
}

bool cursor_accept_nocase(struct cursor *c, struct bytes word)
{
    if (!bytes_starts_with_nocase(cursor_rest(c), word))
        return false;
    c->position += word.len;
    return true;
}

struct bytes cursor_take_while(struct cursor *c, bool (*member)(uint8_t))
{
    size_t start = c->position;
    if (c->failed)
        return (struct bytes){NULL, 0};
    while (c->position < c->input.len && member(c->input.ptr[c->position]))
        c->position++;
    return bytes_slice(c->input, start, c->position);
}

struct bytes cursor_take_until(struct cursor *c, uint8_t stop)
{
    struct bytes rest = cursor_rest(c);
    size_t at = bytes_find_byte(rest, stop);
    struct bytes taken = bytes_first(rest, at);
    c->position += taken.len;
    return taken;
}

void cursor_expect(struct cursor *c, uint8_t byte)
{
    if (!cursor_accept(c, byte))
        c->failed = true;
}
