/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/overlay.h"

#include "base/clock.h"
#include "dns/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct zone *zone;
    struct arena *arena, *asker;
    struct dns_overlay overlay;
};

static int set_up(void **state)
{
    static struct fixture f;
    f.zone = zone_create();
    f.arena = arena_create(1 << 20);
    f.asker = arena_create(1 << 20);
    dns_overlay_init(&f.overlay, zone_dns(f.zone), f.arena);
    struct error error;
    assert_int_equal(zone_load(f.zone,
                               BYTES("a.example TXT \"v=spf1 -all\"\n"
                                     "a.example TXT \"v=spf10 is another\"\n"
                                     "a.example TXT \"google-site-verification=1\"\n"
                                     "a.example A 192.0.2.1\n"
                                     "broken.example FAIL\n"
                                     "alias.example CNAME a.example\n"),
                               &error),
                     OK);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    arena_destroy(f->asker);
    arena_destroy(f->arena);
    zone_destroy(f->zone);
    return 0;
}

static const struct dns_answer *ask(struct fixture *f, const char *name, enum dns_type type)
{
    return dns_query(&f->overlay.dns, f->asker, bytes_of(name), type, NO_DEADLINE);
}

static bool holds(const struct dns_answer *answer, const char *text)
{
    for (size_t i = 0; i < answer->count; i++)
        if (bytes_is(answer->records[i].text, text))
            return true;
    return false;
}

static void set(struct fixture *f, const char *name, const char *version, const char *text)
{
    struct bytes value = text ? bytes_of(text) : (struct bytes){NULL, 0};
    assert_true(dns_overlay_set_txt(&f->overlay, bytes_of(name), bytes_of(version), value));
}

static void only_records_of_the_version_are_replaced(void **state)
{
    struct fixture *f = *state;
    set(f, "A.example.", "v=spf1", "v=spf1 mx ~all");
    const struct dns_answer *answer = ask(f, "a.EXAMPLE", DNS_TXT);
    assert_int_equal(answer->status, DNS_FOUND);
    assert_int_equal(answer->count, 3);
    assert_true(holds(answer, "v=spf1 mx ~all"));
    assert_true(holds(answer, "v=spf10 is another"));
    assert_true(holds(answer, "google-site-verification=1"));
}

static void what_was_set_is_replaced_by_what_is_set_later(void **state)
{
    struct fixture *f = *state;
    set(f, "a.example", "v=spf1", "v=spf1 mx ~all");
    set(f, "a.example", "v=spf1", "v=spf1 a ~all");
    set(f, "a.example", "spf2.0", "spf2.0/pra ?all");
    const struct dns_answer *answer = ask(f, "a.example", DNS_TXT);
    assert_int_equal(answer->count, 4);
    assert_true(holds(answer, "v=spf1 a ~all"));
    assert_true(holds(answer, "spf2.0/pra ?all"));
}

static void no_text_takes_records_away(void **state)
{
    struct fixture *f = *state;
    set(f, "a.example", "v=spf1", NULL);
    assert_int_equal(ask(f, "a.example", DNS_TXT)->count, 2);
    set(f, "a.example", "", NULL);
    assert_int_equal(ask(f, "a.example", DNS_TXT)->status, DNS_NO_DATA);
    assert_int_equal(ask(f, "a.example", DNS_A)->count, 1);
}

static void a_name_that_is_not_there_exists_with_a_record(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "new.example", DNS_A)->status, DNS_NO_NAME);
    set(f, "new.example", "v=spf1", "v=spf1 -all");
    assert_int_equal(ask(f, "new.example", DNS_A)->status, DNS_NO_DATA);
    const struct dns_answer *answer = ask(f, "new.example", DNS_TXT);
    assert_int_equal(answer->status, DNS_FOUND);
    assert_true(bytes_is(answer->canonical, "new.example"));
    assert_int_equal(ask(f, "other.example", DNS_TXT)->status, DNS_NO_NAME);
}

static void a_failure_below_leaves_what_was_set(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "broken.example", DNS_TXT)->status, DNS_FAILED);
    set(f, "broken.example", "v=spf1", "v=spf1 -all");
    assert_int_equal(ask(f, "broken.example", DNS_TXT)->count, 1);
    assert_int_equal(ask(f, "broken.example", DNS_A)->status, DNS_FAILED);
}

static void an_alias_target_has_the_other_records(void **state)
{
    struct fixture *f = *state;
    set(f, "alias.example", "v=spf1", "v=spf1 a -all");
    const struct dns_answer *answer = ask(f, "alias.example", DNS_TXT);
    assert_int_equal(answer->count, 3);
    assert_false(holds(answer, "v=spf1 -all"));
    assert_true(bytes_is(answer->canonical, "a.example"));
    assert_true(holds(ask(f, "a.example", DNS_TXT), "v=spf1 -all"));
}

static void answers_do_not_depend_on_the_overlay(void **state)
{
    struct fixture *f = *state;
    set(f, "a.example", "v=spf1", "v=spf1 a -all");
    const struct dns_answer *answer = ask(f, "a.example", DNS_TXT);
    arena_reset(f->arena);
    assert_true(holds(answer, "v=spf1 a -all"));
    f->overlay.texts = NULL;
}

static void at_the_cap_it_says_so(void **state)
{
    struct fixture *f = *state;
    struct arena *small = arena_create(64);
    struct dns_overlay overlay;
    static const char text[8192] = "v=spf1";
    dns_overlay_init(&overlay, zone_dns(f->zone), small);
    assert_false(dns_overlay_set_txt(&overlay, BYTES("a.example"), BYTES("v=spf1"),
                                     bytes_from(text, sizeof(text))));
    arena_destroy(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_records_of_the_version_are_replaced, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_was_set_is_replaced_by_what_is_set_later, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(no_text_takes_records_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_that_is_not_there_exists_with_a_record, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_failure_below_leaves_what_was_set, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_alias_target_has_the_other_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_do_not_depend_on_the_overlay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(at_the_cap_it_says_so, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
