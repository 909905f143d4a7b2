/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/zone.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct zone *zone;
    struct arena *arena;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture.zone = zone_create();
    fixture.arena = arena_create(1 << 20);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    zone_destroy(f->zone); /* before the arena: answers must not depend on the zone */
    arena_destroy(f->arena);
    return 0;
}

static void load(struct fixture *f, const char *text)
{
    struct error error;
    if (zone_load(f->zone, bytes_of(text), &error) != OK)
        fail_msg("%s", error.text);
}

static const struct dns_answer *ask(struct fixture *f, const char *name, enum dns_type type)
{
    return dns_query(zone_dns(f->zone), f->arena, bytes_of(name), type, NO_DEADLINE);
}

#define assert_bytes(bytes, string) assert_true(bytes_is((bytes), (string)))

static void records_of_every_kind_are_answered(void **state)
{
    struct fixture *f = *state;
    load(f, "# a comment\n"
            "example.org A 192.0.2.1\n"
            "Example.ORG A ttl=60 192.0.2.2   # another\n"
            "example.org AAAA 2001:db8::1\r\n"
            "example.org MX 10 Mail.example.org.\n"
            "example.org MX 20 b.example.org\n"
            "null.example MX 0 .\n"
            "1.2.0.192.in-addr.arpa PTR mail.example.org\n"
            "_25._tcp.mail.example.org TLSA 03010100ff\n"
            "example.org TXT v=spf1 a -all\n"
            "example.org TXT \"v=DKIM1; # not a comment \" \"p=\\\"x\\065\\\\\"\n"
            "example.org TXT \"FAIL\"\n");
    const struct dns_answer *a = ask(f, "EXAMPLE.org", DNS_A);
    assert_int_equal(a->status, DNS_FOUND);
    assert_int_equal(a->count, 2);
    assert_int_equal(a->ttl, 60);
    assert_int_equal(a->records[1].ip.octets[3], 2);
    assert_bytes(a->canonical, "example.org");
    assert_null(a->problem);
    assert_int_equal(ask(f, "example.org", DNS_AAAA)->records[0].ip.family, 6);
    a = ask(f, "example.org", DNS_MX);
    assert_int_equal(a->records[0].preference, 10);
    assert_bytes(a->records[0].name, "mail.example.org");
    assert_bytes(a->records[1].name, "b.example.org");
    assert_int_equal(ask(f, "null.example", DNS_MX)->records[0].name.len, 0);
    assert_bytes(ask(f, "1.2.0.192.in-addr.arpa", DNS_PTR)->records[0].name, "mail.example.org");
    a = ask(f, "_25._tcp.mail.example.org", DNS_TLSA);
    assert_true(bytes_equal(a->records[0].data, BYTES("\x03\x01\x01\x00\xff")));
    a = ask(f, "example.org", DNS_TXT);
    assert_int_equal(a->count, 3);
    assert_bytes(a->records[0].text, "v=spf1 a -all");
    assert_bytes(a->records[1].text, "v=DKIM1; # not a comment p=\"xA\\");
    assert_bytes(a->records[2].text, "FAIL");
}

static void absence_of_type_and_of_name_differ(void **state)
{
    struct fixture *f = *state;
    load(f, "a.example A 192.0.2.1\nonly.example\n");
    zone_add_name(f->zone, BYTES("too.example"));
    assert_int_equal(ask(f, "a.example", DNS_TXT)->status, DNS_NO_DATA);
    assert_int_equal(ask(f, "only.example", DNS_A)->status, DNS_NO_DATA);
    assert_int_equal(ask(f, "too.example", DNS_A)->status, DNS_NO_DATA);
    assert_int_equal(ask(f, "example", DNS_A)->status, DNS_NO_NAME);
    assert_int_equal(ask(f, "b.example", DNS_A)->status, DNS_NO_NAME);
    assert_int_equal(ask(f, "b.example", DNS_A)->count, 0);
}

static void failures_are_by_name_or_by_type(void **state)
{
    struct fixture *f = *state;
    load(f, "a.example FAIL\na.example A 192.0.2.1\nb.example TXT FAIL\nb.example A 192.0.2.1\n");
    assert_int_equal(ask(f, "a.example", DNS_A)->status, DNS_FAILED);
    assert_non_null(ask(f, "a.example", DNS_A)->problem);
    assert_int_equal(ask(f, "b.example", DNS_TXT)->status, DNS_FAILED);
    assert_int_equal(ask(f, "b.example", DNS_A)->status, DNS_FOUND);
    assert_int_equal(ask(f, "b.example", DNS_MX)->status, DNS_NO_DATA);
}

static void aliases_are_followed_and_loops_fail(void **state)
{
    struct fixture *f = *state;
    load(f, "www.example CNAME ttl=30 host.example\nhost.example A 192.0.2.1\n"
            "gone.example CNAME nowhere.example\nloop.example CNAME loop.example\n"
            "bad.example CNAME broken.example\nbroken.example FAIL\n");
    const struct dns_answer *a = ask(f, "www.example", DNS_A);
    assert_int_equal(a->status, DNS_FOUND);
    assert_int_equal(a->ttl, 30);
    assert_bytes(a->canonical, "host.example");
    assert_int_equal(ask(f, "www.example", DNS_TXT)->status, DNS_NO_DATA);
    assert_int_equal(ask(f, "www.example", DNS_CNAME)->status, DNS_FOUND);
    assert_int_equal(ask(f, "gone.example", DNS_A)->status, DNS_NO_NAME);
    assert_int_equal(ask(f, "loop.example", DNS_A)->status, DNS_FAILED);
    assert_int_equal(ask(f, "bad.example", DNS_A)->status, DNS_FAILED);
}

static void invalid_names_do_not_exist_and_are_not_asked(void **state)
{
    struct fixture *f = *state;
    char label[65 + 9], name[300];
    memset(label, 'a', sizeof(label));
    memcpy(label + 64, ".example", 9);
    assert_int_equal(ask(f, label, DNS_A)->status, DNS_NO_NAME);
    assert_int_equal(ask(f, "", DNS_A)->status, DNS_NO_NAME);
    assert_int_equal(ask(f, "a..b", DNS_A)->status, DNS_NO_NAME);
    assert_int_equal(ask(f, ".a", DNS_A)->status, DNS_NO_NAME);
    for (size_t i = 0; i < 254; i++)
        name[i] = i % 2 ? '.' : 'a';
    name[253] = 'a', name[254] = 0;
    assert_int_equal(ask(f, name, DNS_A)->status, DNS_NO_NAME);
    assert_int_equal(zone_question_count(f->zone), 0);
    name[253] = 0; /* 253 octets are allowed */
    ask(f, name, DNS_A);
    ask(f, label + 1, DNS_A); /* and so are 63 in a label */
    assert_int_equal(zone_question_count(f->zone), 2);
}

static void a_trailing_dot_makes_no_difference(void **state)
{
    struct fixture *f = *state;
    load(f, "a.example. A 192.0.2.1\n");
    assert_int_equal(ask(f, "a.example.", DNS_A)->status, DNS_FOUND);
    assert_int_equal(ask(f, "a.example", DNS_A)->status, DNS_FOUND);
}

static void answers_are_authenticated_when_told_so(void **state)
{
    struct fixture *f = *state;
    load(f, "a.example A 192.0.2.1\n");
    assert_false(ask(f, "a.example", DNS_A)->authenticated);
    zone_set_authenticated(f->zone, true);
    assert_true(ask(f, "a.example", DNS_A)->authenticated);
    assert_true(ask(f, "b.example", DNS_A)->authenticated);
}

static void malformed_lines_are_refused_with_their_number(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {
        "a.example A 1.2.3",     "a.example NOSUCH x",          "a.example A",
        "a.example MX mail",     "a.example MX 70000 x",        "a.example TXT \"open",
        "a.example TXT \"a\" b", "a.example DELAY soon",        "a..b A 192.0.2.1",
        "a.example TLSA 0",      "a.example A ttl=x 192.0.2.1", "a.example TXT \"\\300\"",
        "a.example CNAME b..c",
    };
    for (size_t i = 0; i < countof(bad); i++) {
        char text[200];
        snprintf(text, sizeof(text), "good.example A 192.0.2.1\n%s\n", bad[i]);
        struct error error = {""};
        if (zone_load(f->zone, bytes_of(text), &error) != PERM)
            fail_msg("accepted: %s", bad[i]);
        assert_memory_equal(error.text, "line 2:", 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(records_of_every_kind_are_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(absence_of_type_and_of_name_differ, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failures_are_by_name_or_by_type, set_up, tear_down),
        cmocka_unit_test_setup_teardown(aliases_are_followed_and_loops_fail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(invalid_names_do_not_exist_and_are_not_asked, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_trailing_dot_makes_no_difference, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_are_authenticated_when_told_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(malformed_lines_are_refused_with_their_number, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
