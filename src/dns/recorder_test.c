/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/recorder.h"

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
    struct arena *arena, *other;
    struct dns_recorder recorder;
};

static int set_up(void **state)
{
    static struct fixture f;
    f.zone = zone_create();
    f.arena = arena_create(1 << 20);
    f.other = arena_create(1 << 20);
    dns_recorder_init(&f.recorder, zone_dns(f.zone), f.arena);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    arena_destroy(f->other);
    arena_destroy(f->arena);
    zone_destroy(f->zone);
    return 0;
}

static const struct dns_answer *ask(struct fixture *f, const char *name, enum dns_type type)
{
    return dns_query(&f->recorder.dns, f->other, bytes_of(name), type, NO_DEADLINE);
}

static void each_distinct_question_is_remembered_in_order(void **state)
{
    struct fixture *f = *state;
    assert_true(zone_add(f->zone, BYTES("a.example"), DNS_A, 60, BYTES("192.0.2.1")));
    const struct dns_answer *first = ask(f, "A.example", DNS_A);
    ask(f, "b.example", DNS_A);
    ask(f, "a.example", DNS_TXT);
    assert_ptr_equal(ask(f, "a.EXAMPLE", DNS_A), first);
    assert_int_equal(f->recorder.count, 3);
    assert_int_equal(zone_question_count(f->zone), 3);
    assert_true(bytes_is(f->recorder.lookups[0].name, "a.example"));
    assert_true(bytes_is(f->recorder.lookups[1].name, "b.example"));
    assert_int_equal(f->recorder.lookups[2].type, DNS_TXT);
    arena_reset(f->other); /* what is recorded does not depend on the asker's arena */
    assert_int_equal(f->recorder.lookups[0].answer->records[0].ip.octets[3], 1);
    assert_int_equal(f->recorder.lookups[1].answer->status, DNS_NO_NAME);
    assert_int_equal(f->recorder.lookups[2].answer->status, DNS_NO_DATA);
}

static void past_the_limit_questions_fail_but_known_ones_do_not(void **state)
{
    struct fixture *f = *state;
    char name[32];
    for (int i = 0; i < 250; i++) {
        snprintf(name, sizeof(name), "n%d.example", i);
        const struct dns_answer *answer = ask(f, name, DNS_A);
        assert_int_equal(answer->status, i < 200 ? DNS_NO_NAME : DNS_FAILED);
    }
    assert_string_equal(ask(f, "x.example", DNS_A)->problem,
                        "too many DNS look-ups for one message");
    assert_int_equal(ask(f, "n199.example", DNS_A)->status, DNS_NO_NAME);
    assert_int_equal(zone_question_count(f->zone), 200);
    assert_int_equal(f->recorder.count, 200);
    assert_int_equal(f->recorder.refused, 51);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_distinct_question_is_remembered_in_order, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(past_the_limit_questions_fail_but_known_ones_do_not, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
