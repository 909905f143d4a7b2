/* SPDX-License-Identifier: BSD-2-Clause */
/* test: what the unit tests of this folder share. An arena that lives as long as the program's
 * group of tests, and comparison of slices that shows both. */
#ifndef VOUCH_MESSAGE_TEST_H
#define VOUCH_MESSAGE_TEST_H

#include "base/arena.h"
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static inline int create_arena(void **state)
{
    (void)state;
    arena = arena_create(64 << 20);
    return arena ? 0 : -1;
}

static inline int destroy_arena(void **state)
{
    (void)state;
    arena_destroy(arena);
    return 0;
}

static inline void assert_bytes(struct bytes actual, const char *expected)
{
    if (!bytes_is(actual, expected))
        fail_msg("\"" BYTES_FMT "\" is not \"%s\"", BYTES_ARG(actual), expected);
}

static inline struct bytes repeat(const char *text, size_t count)
{
    size_t length = strlen(text);
    uint8_t *copy = arena_alloc(arena, length * count);
    assert_non_null(copy);
    for (size_t i = 0; i < count; i++)
        memcpy(copy + i * length, text, length);
    return bytes_from(copy, length * count);
}

/* No line is longer than `max`, none is empty or blank, all end in CRLF, and no other control
 * character than those stands in it: one header field, as it may be sent. */
static inline void assert_one_field(struct bytes field, size_t max)
{
    struct bytes line, rest = field;
    bool first = true;
    assert_true(bytes_ends_with(field, BYTES("\r\n")));
    rest.len -= 2;
    while (bytes_split(&rest, '\n', &line)) {
        if (rest.ptr) {
            assert_true(bytes_ends_with(line, BYTES("\r")));
            line.len--;
        }
        if (line.len > max)
            fail_msg("%zu octets: " BYTES_FMT, line.len, BYTES_ARG(line));
        assert_int_not_equal(bytes_trim(line).len, 0);
        assert_true(first || line.ptr[0] == ' ' || line.ptr[0] == '\t');
        for (size_t i = 0; i < line.len; i++)
            assert_true((line.ptr[i] >= 0x20 && line.ptr[i] != 0x7f) || line.ptr[i] == '\t');
        first = false;
    }
}

#endif
