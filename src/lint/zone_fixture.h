/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone_fixture: what the tests that ask a zone share. The clock stands still unless something waits.
 * Included by test programs only.
 */
#ifndef VOUCH_LINT_ZONE_FIXTURE_H
#define VOUCH_LINT_ZONE_FIXTURE_H

#include "base/clock.h"
#include "dns/zone.h"
#include "fiber/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct loop *loop;
static struct zone *zone;
static struct arena *arena;

static inline void open_zone(const char *text)
{
    struct error error;
    struct loop_options options = {.fake_clock = true};
    loop = loop_create(&options);
    zone = zone_create();
    arena = arena_create(256 << 20);
    if (zone_load(zone, bytes_of(text), &error) != OK)
        fail_msg("%s", error.text);
}

static inline int tear_down(void **state)
{
    arena_destroy(arena);
    zone_destroy(zone);
    loop_destroy(loop);
    return 0;
}

#endif
