/* SPDX-License-Identifier: BSD-2-Clause */
/* spf_fixture: what the tests of SPF have in common: a zone, an arena, a request from d.example. */
#ifndef VOUCH_AUTH_SPF_FIXTURE_H
#define VOUCH_AUTH_SPF_FIXTURE_H

#include "auth/spf.h"

#include "base/clock.h"
#include "dns/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static inline void assert_bytes(struct bytes got, const char *expected)
{
    if (!bytes_is(got, expected))
        fail_msg("\"" BYTES_FMT "\" is not \"%s\"", BYTES_ARG(got), expected);
}

static inline void assert_contains(struct bytes got, const char *part)
{
    if (bytes_find(got, bytes_of(part)) == BYTES_NOT_FOUND)
        fail_msg("\"" BYTES_FMT "\" does not contain \"%s\"", BYTES_ARG(got), part);
}

struct fixture {
    struct zone *zone;
    struct arena *arena;
    struct spf_request request;
    struct spf_result result;
};

static inline int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.zone = zone_create(), .arena = arena_create(8 << 20)};
    fixture.request = (struct spf_request){
        .helo = BYTES("mail.client.example"),
        .sender = BYTES("user@d.example"),
        .receiver = BYTES("mx.receiver.example"),
        .now = 1700000000,
        .deadline = NO_DEADLINE,
    };
    *state = &fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    zone_destroy(f->zone);
    arena_destroy(f->arena);
    return 0;
}

static inline void add(struct fixture *f, const char *text)
{
    struct error error;
    if (zone_load(f->zone, bytes_of(text), &error) != OK)
        fail_msg("%s", error.text);
}

/* Gives d.example this record. */
static inline void publish(struct fixture *f, const char *record)
{
    if (!zone_add(f->zone, BYTES("d.example"), DNS_TXT, 300, bytes_of(record)))
        fail_msg("bad record");
}

static inline enum auth_result check(struct fixture *f, const char *ip)
{
    assert_true(ip_parse(bytes_of(ip), &f->request.ip));
    spf_check_mail_from(zone_dns(f->zone), f->arena, &f->request, &f->result);
    return f->result.result;
}

static inline void expect(struct fixture *f, const char *ip, enum auth_result expected)
{
    enum auth_result got = check(f, ip);
    if (got != expected)
        fail_msg("%s: %s (" BYTES_FMT "), expected %s", ip, auth_result_name(got),
                 BYTES_ARG(f->result.problem), auth_result_name(expected));
}

#define case_of(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
