/* SPDX-License-Identifier: BSD-2-Clause */
#include "lint/dmarc_mend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct arena *arena;

static int set_up(void **state)
{
    arena = arena_create(1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    arena_destroy(arena);
    return 0;
}

static void expect(const char *text, const char *mended)
{
    struct bytes found = dmarc_mend(arena, bytes_of(text), BYTES("my.example"), false);
    struct dmarc_record record;
    if (!bytes_is(found, mended))
        fail_msg("%s becomes " BYTES_FMT ", not %s", text, BYTES_ARG(found), mended);
    assert_int_equal(dmarc_record_parse(arena, found, &record, NULL), OK);
}

static void misspelt_policies_are_the_nearest_ones(void **state)
{
    expect("v=DMARC1; p=rejct; rua=dmarc@my.example; pct=50",
           "v=DMARC1; p=reject; rua=mailto:dmarc@my.example");
    expect("v=DMARC1; p=Quarentine; sp=rejected; rua=mailto:d@my.example",
           "v=DMARC1; p=quarantine; sp=reject; rua=mailto:d@my.example");
    expect("v=DMARC1; p=block; np=block", "v=DMARC1; p=none; rua=mailto:dmarc@my.example");
}

static void a_policy_is_raised_only_when_somebody_got_reports(void **state)
{
    expect("v=DMARC1; p=none", "v=DMARC1; p=none; rua=mailto:dmarc@my.example");
    expect("v=DMARC1; p=none; rua=d@my.example", "v=DMARC1; p=none; rua=mailto:d@my.example");
    expect("v=DMARC1; p=none; rua=mailto:d@my.example",
           "v=DMARC1; p=quarantine; rua=mailto:d@my.example");
    struct bytes text = BYTES("v=DMARC1; p=reject; sp=none; rua=mailto:d@my.example");
    assert_true(bytes_is(dmarc_mend(arena, text, BYTES("my.example"), true),
                         "v=DMARC1; p=reject; rua=mailto:d@my.example"));
}

static void what_nobody_reads_goes_and_the_rest_stays_rfc9989_4_7(void **state)
{
    expect("v=DMARC1; p=reject; rf=afrf; ri=60; bogus=1; junk; rua=mailto:a@x.example!10m, "
           "https://x.example/, mailto://b@x.example; ruf=f@x.example; fo=1:d; adkim=strict; "
           "aspf=q; t=y; adkim=r",
           "v=DMARC1; p=reject; rua=mailto:a@x.example,mailto:b@x.example; "
           "ruf=mailto:f@x.example; fo=1:d; adkim=s; t=y");
    expect("v=DMARC1; p=reject; rua=nobody; ruf=@; fo=1",
           "v=DMARC1; p=reject; rua=mailto:dmarc@my.example");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(misspelt_policies_are_the_nearest_ones, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_policy_is_raised_only_when_somebody_got_reports, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_nobody_reads_goes_and_the_rest_stays_rfc9989_4_7,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
