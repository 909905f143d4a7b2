/* SPDX-License-Identifier: BSD-2-Clause */
/* config_fixture: a configuration out of a text, for the tests of its sections. */
#ifndef VOUCH_CONFIG_CONFIG_FIXTURE_H
#define VOUCH_CONFIG_CONFIG_FIXTURE_H

#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HOST "hostname = mx.example.org\n"

static struct arena *arena;
static struct config config;

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(arena);
    arena = NULL;
    return 0;
}

static enum result parse(const char *text, struct buf *errors)
{
    arena = arena_create(1 << 24);
    assert_non_null(arena);
    buf_init(errors, 1 << 16);
    return config_parse(arena, bytes_of(text), NULL, &config, errors);
}

static void accept(const char *text)
{
    struct buf errors;
    enum result result = parse(text, &errors);
    if (result != OK)
        fprintf(stderr, BYTES_FMT, BYTES_ARG(buf_bytes(&errors)));
    buf_free(&errors);
    assert_int_equal(result, OK);
}

#endif
