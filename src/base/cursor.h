/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cursor: reads a slice from front to back with a sticky error.
 *
 * Parse straight through and ask `failed` once at the end: after a failure every read gives zero or
 * the empty slice and takes nothing. Nothing is copied; the slices returned point into the input.
 */
#ifndef VOUCH_BASE_CURSOR_H
#define VOUCH_BASE_CURSOR_H

#include "base/bytes.h"

struct cursor {
    struct bytes input;
    size_t position;
    bool failed;
};

static inline struct cursor cursor_over(struct bytes input)
{
    return (struct cursor){.input = input};
}

bool cursor_at_end(const struct cursor *c);          /* also true after a failure */
struct bytes cursor_rest(const struct cursor *c);    /* what has not been read */
void cursor_fail(struct cursor *c);

/* The next octet without taking it, or -1 at the end. */
int cursor_peek(const struct cursor *c);
/* The octet `ahead` places further, or -1. */
int cursor_peek_at(const struct cursor *c, size_t ahead);

/* Binary, network byte order; fails at the end of input. */
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
struct bytes cursor_take(struct cursor *c, size_t count);

/* Text. These do not fail, they report. */
bool cursor_accept(struct cursor *c, uint8_t byte);            /* takes it if it is next */
bool cursor_accept_nocase(struct cursor *c, struct bytes word); /* takes it if it is next */
/* Takes octets as long as `member` holds; may be empty. */
struct bytes cursor_take_while(struct cursor *c, bool (*member)(uint8_t));
/* Takes up to (not including) `stop`, or to the end. */
struct bytes cursor_take_until(struct cursor *c, uint8_t stop);
/* Fails unless `byte` is next; takes it. */
void cursor_expect(struct cursor *c, uint8_t byte);

#endif
