/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone_fixture: a zone whose names can be signed or not, for the tests of this folder. Included by test
 * programs only.
 */
#ifndef VOUCH_OUTBOUND_ZONE_FIXTURE_H
#define VOUCH_OUTBOUND_ZONE_FIXTURE_H

#include "dns/zone.h"
#include "fiber/group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct zone *zone;
static struct arena *arena;

/* Answers as the zone does; what lies at or below `insecure` is not authenticated. */
static const char *insecure;
static const struct dns_answer *signed_query(struct dns *dns, struct arena *to, struct bytes name,
                                             enum dns_type type, int64_t deadline)
{
    const struct dns_answer *answer = dns_query(zone_dns(zone), to, name, type, deadline);
    (void)dns;
    size_t length = insecure ? strlen(insecure) : 0;
    if (!length || name.len < length ||
        !bytes_ends_with_nocase(name, bytes_of(insecure)))
        return answer;
    struct dns_answer *copy = arena_new(to, struct dns_answer);
    *copy = *answer;
    copy->authenticated = false;
    return copy;
}
static struct dns signed_dns = {signed_query};

static inline void open_zone(const char *text, bool authenticated)
{
    struct error error;
    zone = zone_create();
    arena = arena_create(64 << 20);
    insecure = NULL;
    if (zone_load(zone, bytes_of(text), &error) != OK)
        fail_msg("%s", error.text);
    zone_set_authenticated(zone, authenticated);
}

static inline void close_zone(void)
{
    zone_destroy(zone);
    arena_destroy(arena);
}

#define fiber_test(name)                                                                           \
    static void name##_body(void *argument);                                                       \
    static void name(void **state)                                                                 \
    {                                                                                              \
        struct loop_options of_loop = {.fake_clock = true, .fake_epoch = fixture_epoch()};         \
        struct loop *loop = loop_create(&of_loop);                                                 \
        assert_non_null(loop);                                                                     \
        loop_run(loop, name##_body, NULL);                                                         \
        loop_destroy(loop);                                                                        \
    }                                                                                              \
    static void name##_body(void *argument)

#endif
