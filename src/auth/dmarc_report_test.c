/* SPDX-License-Identifier: BSD-2-Clause */
/* Sections of RFC 9990 are those that RFC 7489 has as 7.1. */
#include "auth/dmarc_report.h"
#include "dns/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct fixture {
    struct zone *zone;
    struct arena *arena;
    struct dmarc_destination destination;
    enum dmarc_report_kind kind;
    enum dmarc_mode mode;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->zone = zone_create();
    f->arena = arena_create(1 << 20);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    zone_destroy(f->zone);
    arena_destroy(f->arena);
    free(f);
    return 0;
}

static void zone(struct fixture *f, const char *text)
{
    struct error error;
    if (zone_load(f->zone, bytes_of(text), &error) != OK)
        fail_msg("%s", error.text);
}

static void expect(struct fixture *f, const char *domain, const char *uri, const char *status)
{
    struct dmarc_uri_list list;
    assert_int_equal(dmarc_uri_list_parse(f->arena, bytes_of(uri), &list), OK);
    dmarc_report_destination_check(zone_dns(f->zone), f->arena, bytes_of(domain), &list.items[0],
                                   f->kind, f->mode, INT64_MAX, &f->destination);
    assert_string_equal(dmarc_destination_status_name(f->destination.status), status);
    bool is_problem = f->destination.status >= DMARC_DESTINATION_REFUSED;
    assert_int_equal(f->destination.problem.len > 0, is_problem);
}

static void assert_bytes(struct bytes got, const char *expected)
{
    if (!bytes_is(got, expected))
        fail_msg("\"" BYTES_FMT "\" is not \"%s\"", BYTES_ARG(got), expected);
}

static void the_example_is_asked_as_it_says_rfc7489_7_1(void **state)
{
    struct fixture *f = *state;
    f->mode = DMARC_SUFFIX_LIST;
    expect(f, "blue.example.com", "mailto:reports@red.example.net", "refused");
    assert_bytes(f->destination.question, "blue.example.com._report._dmarc.red.example.net");
    zone(f, "blue.example.com._report._dmarc.red.example.net TXT \"v=DMARC1\"\n");
    expect(f, "blue.example.com", "mailto:reports@red.example.net", "confirmed");
    assert_bytes(f->destination.record, "v=DMARC1");
}

static void destinations_of_the_same_organization_are_not_asked_rfc7489_7_1(void **state)
{
    struct fixture *f = *state;
    f->mode = DMARC_SUFFIX_LIST;
    expect(f, "blue.example.com", "mailto:reports@red.Example.com", "own");
    assert_int_equal(zone_question_count(f->zone), 0);
    f->mode = DMARC_TREE_WALK;
    /* Without a record above them the two are organizations of their own. */
    expect(f, "blue.example.com", "mailto:reports@red.example.com", "refused");
    zone(f, "_dmarc.example.com TXT \"v=DMARC1; p=none\"\n");
    expect(f, "blue.example.com", "mailto:reports@red.example.com", "own");
    assert_int_equal(f->destination.question.len, 0);
}

static void only_records_of_this_version_confirm_rfc7489_7_1(void **state)
{
    struct fixture *f = *state;
    zone(f, "a.example._report._dmarc.b.test TXT \"v=spf1 -all\"\n"
            "a.example._report._dmarc.b.test TXT \"p=none; v=DMARC1\"\n"
            "a.example._report._dmarc.b.test TXT \"v=DMARC2\"\n");
    expect(f, "a.example", "mailto:r@b.test", "refused");
    zone(f, "a.example._report._dmarc.b.test TXT \"v=DMARC1;\"\n"
            "a.example._report._dmarc.b.test TXT \"v=DMARC1; p=nonsense\"\n");
    expect(f, "a.example", "mailto:r@b.test", "confirmed");
}

static void an_override_stays_at_its_host_rfc7489_7_1(void **state)
{
    struct fixture *f = *state;
    zone(f, "a.example._report._dmarc.b.test TXT \"v=DMARC1; rua=mailto:new@B.test,mailto:c@b.test\"\n"
            "a.example._report._dmarc.c.test TXT \"v=DMARC1; rua=mailto:x@c.test,mailto:x@d.test\"\n"
            "a.example._report._dmarc.d.test TXT \"v=DMARC1; rua=junk\"\n"
            "a.example._report._dmarc.e.test TXT \"v=DMARC1; rua=mailto:r@sub.e.test\"\n");
    expect(f, "a.example", "mailto:old@b.test", "moved");
    assert_int_equal(f->destination.replacement.count, 2);
    assert_bytes(f->destination.replacement.items[0].mailbox, "new@B.test");
    expect(f, "a.example", "mailto:r@c.test", "refused");
    expect(f, "a.example", "mailto:r@d.test", "confirmed");
    expect(f, "a.example", "mailto:r@e.test", "refused");
    f->kind = DMARC_REPORT_FAILURE;
    expect(f, "a.example", "mailto:old@b.test", "confirmed"); /* it says nothing of ruf= */
}

static void dns_failures_leave_it_open_rfc7489_7_1(void **state)
{
    struct fixture *f = *state;
    zone(f, "a.example._report._dmarc.b.test FAIL\n_dmarc.c.test FAIL\n");
    expect(f, "a.example", "mailto:r@b.test", "unknown");
    expect(f, "a.example", "mailto:r@c.test", "unknown");
    struct arena *small = arena_create(64);
    struct dmarc_uri uri = {.mailto = true, .mailbox = BYTES("r@d.test"), .host = BYTES("d.test")};
    dmarc_report_destination_check(zone_dns(f->zone), small, BYTES("a.example"), &uri, f->kind,
                                   f->mode, INT64_MAX, &f->destination);
    assert_int_equal(f->destination.status, DMARC_DESTINATION_UNKNOWN);
    arena_destroy(small);
}

static void what_cannot_be_asked_or_sent_to_is_refused_rfc9990(void **state)
{
    struct fixture *f = *state;
    char domain[254];
    memset(domain, 'a', sizeof(domain));
    for (size_t i = 60; i < 240; i += 61)
        domain[i] = '.';
    domain[230] = 0;
    expect(f, domain, "mailto:r@destination.test", "refused");
    assert_true(bytes_find(f->destination.problem, BYTES("too long")) != BYTES_NOT_FOUND);
    expect(f, "a.example", "https://b.test/", "refused");
    expect(f, "a.example", "mailto:nobody", "refused");
    expect(f, "a..example", "mailto:r@b.test", "refused");
    assert_int_equal(dmarc_report_question(f->arena, BYTES("a.example"), BYTES("")).len, 0);
    assert_bytes(dmarc_report_question(f->arena, BYTES("B\xc3\xbc" "cher.example"), BYTES("b.test")),
                 "xn--bcher-kva.example._report._dmarc.b.test");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_example_is_asked_as_it_says_rfc7489_7_1),
        TEST(destinations_of_the_same_organization_are_not_asked_rfc7489_7_1),
        TEST(only_records_of_this_version_confirm_rfc7489_7_1),
        TEST(an_override_stays_at_its_host_rfc7489_7_1),
        TEST(dns_failures_leave_it_open_rfc7489_7_1),
        TEST(what_cannot_be_asked_or_sent_to_is_refused_rfc9990),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
