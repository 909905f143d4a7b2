/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/dmarc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct arena *arena;
static struct dmarc_record record;
static struct error error;

static enum result parse(const char *text)
{
    arena_reset(arena);
    return dmarc_record_parse(arena, bytes_of(text), &record, &error);
}

static int set_up(void **state)
{
    arena = arena_create(1 << 20);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    arena_destroy(arena);
    return 0;
}

static void the_version_comes_first_and_exactly_rfc9989_4_7(void **state)
{
    static const char *const not_ours[] = {
        "", "v=DMARC", "v=DMARC2; p=none", "v=dmarc1; p=none", "v=DMARC1.0; p=none",
        "v=DMARC10; p=none", "v=DMARC1 p=none", "p=none; v=DMARC1", " v=DMARC1; p=none",
        "v=spf1 -all", "vv=DMARC1; p=none", ";v=DMARC1; p=none", "v=DMARC1, p=none",
        "v=\"DMARC1\"; p=none",
    };
    static const char *const ours[] = {
        "v=DMARC1;p=none", "v=DMARC1; p=none", "v = DMARC1 ; p = none ;", "v\t=\tDMARC1\t;\tp=none",
        "V=DMARC1; p=none",
    };
    for (size_t i = 0; i < countof(not_ours); i++)
        assert_int_equal(parse(not_ours[i]), NONE);
    for (size_t i = 0; i < countof(ours); i++)
        assert_int_equal(parse(ours[i]), OK);
}

static void absent_tags_have_their_defaults_rfc9989_4_7(void **state)
{
    assert_int_equal(parse("v=DMARC1; p=quarantine"), OK);
    assert_int_equal(record.policy, DMARC_POLICY_QUARANTINE);
    assert_int_equal(record.subdomain_policy, DMARC_POLICY_QUARANTINE);
    assert_int_equal(record.absent_policy, DMARC_POLICY_QUARANTINE);
    assert_false(record.has_subdomain_policy || record.has_absent_policy);
    assert_false(record.strict_dkim || record.strict_spf || record.testing);
    assert_int_equal(record.psd, 'u');
    assert_int_equal(record.percent, 100);
    assert_int_equal(record.rua.len + record.ruf.len + record.fo.len, 0);
}

static void all_tags_are_read_rfc9989_4_7(void **state)
{
    assert_int_equal(parse("v=DMARC1; P=Reject; sp=QUARANTINE; np=none; adkim=s; aspf=S; psd=n; "
                           "t=y; pct=7; fo=1:d; rua=mailto:a@b.example!10m,mailto:c@d.example ; "
                           "ruf=mailto:e@f.example"),
                     OK);
    assert_int_equal(record.policy, DMARC_POLICY_REJECT);
    assert_int_equal(record.subdomain_policy, DMARC_POLICY_QUARANTINE);
    assert_int_equal(record.absent_policy, DMARC_POLICY_NONE);
    assert_true(record.has_subdomain_policy && record.has_absent_policy);
    assert_true(record.strict_dkim && record.strict_spf && record.testing);
    assert_int_equal(record.psd, 'n');
    assert_int_equal(record.percent, 7);
    assert_true(bytes_is(record.rua, "mailto:a@b.example!10m,mailto:c@d.example"));
    assert_true(bytes_is(record.ruf, "mailto:e@f.example"));
    assert_true(bytes_is(record.fo, "1:d"));
}

static void failure_options_are_read_where_reports_are_wanted_rfc9989_4_7(void **state)
{
    static const struct {
        const char *fo;
        unsigned options;
    } cases[] = {{"0", DMARC_FAILURE_ALL},
                 {"1", DMARC_FAILURE_ANY},
                 {"1:d:s", DMARC_FAILURE_ANY | DMARC_FAILURE_DKIM | DMARC_FAILURE_SPF},
                 {"d", DMARC_FAILURE_DKIM},
                 {"S : 0", DMARC_FAILURE_SPF | DMARC_FAILURE_ALL},
                 {"0:1", DMARC_FAILURE_ALL}, /* syntax errors: the default (rfc9989:4.8) */
                 {"d:d", DMARC_FAILURE_ALL},
                 {"x", DMARC_FAILURE_ALL},
                 {"d:", DMARC_FAILURE_ALL},
                 {"dd", DMARC_FAILURE_ALL},
                 {"", DMARC_FAILURE_ALL}};
    char text[200];
    for (size_t i = 0; i < countof(cases); i++) {
        snprintf(text, sizeof(text), "v=DMARC1; p=none; ruf=mailto:a@b.example; fo=%s", cases[i].fo);
        assert_int_equal(parse(text), OK);
        assert_int_equal(record.failure_options, cases[i].options);
    }
    assert_int_equal(parse("v=DMARC1; p=none; fo=d"), OK);
    assert_int_equal(record.failure_options, DMARC_FAILURE_ALL);
    assert_int_equal(parse("v=DMARC1; p=none; ruf=mailto:a@b.example"), OK);
    assert_int_equal(record.failure_options, DMARC_FAILURE_ALL);
}

static void interval_format_and_percentage_are_read_rfc7489_6_3(void **state)
{
    static const struct {
        const char *tags;
        unsigned interval, percent;
        bool afrf;
    } cases[] = {{"", 86400, 100, true},
                 {"; ri=3600; pct=0; rf=afrf", 3600, 0, true},
                 {"; ri=4294967295; pct=007; rf=iodef : AFRF", 4294967295, 7, true},
                 {"; ri=4294967296; pct=101; rf=iodef", 86400, 100, false},
                 {"; ri=1h; pct=-1; rf=", 86400, 100, false},
                 {"; ri=; pct=; rf=afrfx", 86400, 100, false},
                 {"; pct=0100", 86400, 100, true}, /* 1*3DIGIT */
                 {"; pct=50%", 86400, 100, true}};
    char text[200];
    for (size_t i = 0; i < countof(cases); i++) {
        snprintf(text, sizeof(text), "v=DMARC1; p=none%s", cases[i].tags);
        assert_int_equal(parse(text), OK);
        assert_int_equal(record.interval, cases[i].interval);
        assert_int_equal(record.percent, cases[i].percent);
        assert_int_equal(record.wants_afrf, cases[i].afrf);
    }
}

static void np_defaults_to_sp_rfc9989_4_7(void **state)
{
    assert_int_equal(parse("v=DMARC1; p=none; sp=reject"), OK);
    assert_int_equal(record.absent_policy, DMARC_POLICY_REJECT);
    assert_false(record.has_absent_policy);
}

static void without_a_usable_policy_only_reports_are_left_rfc9989_4_10_1(void **state)
{
    static const char *const broken[] = {"", "p=", "p=nope;", "sp=reject;", "p=reject; sp=x;",
                                         "p=reject; np=;", "p=none quarantine;"};
    for (size_t i = 0; i < countof(broken); i++) {
        char text[200];
        snprintf(text, sizeof(text), "v=DMARC1; %s", broken[i]);
        assert_int_equal(parse(text), PERM);
        assert_true(strlen(error.text));
        snprintf(text, sizeof(text), "v=DMARC1; %s; rua=mailto:a@b.example; adkim=s", broken[i]);
        assert_int_equal(parse(text), OK);
        assert_int_equal(record.policy, DMARC_POLICY_NONE);
        assert_int_equal(record.subdomain_policy, DMARC_POLICY_NONE);
        assert_int_equal(record.absent_policy, DMARC_POLICY_NONE);
        assert_true(record.strict_dkim);
    }
}

static void only_a_valid_report_address_saves_such_a_record_rfc9989_4_10_1(void **state)
{
    static const char *const bad[] = {"", "a@b.example", "mailto:", ":a@b", "mail to:a@b", "1x:y",
                                      "mailto:a b", "!10m", "mailto:<a@b>"};
    static const char *const good[] = {"mailto:a@b.example", "mailto:a@b.example!10m",
                                       "junk, mailto:a@b.example", "https://x.example/r?a=1",
                                       "mailto:a@b.example,"};
    char text[200];
    for (size_t i = 0; i < countof(bad); i++) {
        snprintf(text, sizeof(text), "v=DMARC1; rua=%s", bad[i]);
        assert_int_equal(parse(text), PERM);
    }
    for (size_t i = 0; i < countof(good); i++) {
        snprintf(text, sizeof(text), "v=DMARC1; rua=%s", good[i]);
        assert_int_equal(parse(text), OK);
    }
}

static void syntax_errors_behind_the_version_are_ignored_rfc9989_4_8(void **state)
{
    assert_int_equal(parse("v=DMARC1;;; nonsense; x=1; p=reject; =; p=none; adkim=q; aspf=; psd=z; "
                           "t=maybe; pct=101; sp"),
                     OK);
    assert_int_equal(record.policy, DMARC_POLICY_REJECT);
    assert_false(record.strict_dkim || record.strict_spf || record.testing);
    assert_int_equal(record.psd, 'u');
    assert_int_equal(record.percent, 100);
    assert_int_equal(parse("v=DMARC1; p=re\x01ject; p=quarantine"), OK);
    assert_int_equal(record.policy, DMARC_POLICY_QUARANTINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_version_comes_first_and_exactly_rfc9989_4_7),
        cmocka_unit_test(absent_tags_have_their_defaults_rfc9989_4_7),
        cmocka_unit_test(all_tags_are_read_rfc9989_4_7),
        cmocka_unit_test(failure_options_are_read_where_reports_are_wanted_rfc9989_4_7),
        cmocka_unit_test(interval_format_and_percentage_are_read_rfc7489_6_3),
        cmocka_unit_test(np_defaults_to_sp_rfc9989_4_7),
        cmocka_unit_test(without_a_usable_policy_only_reports_are_left_rfc9989_4_10_1),
        cmocka_unit_test(only_a_valid_report_address_saves_such_a_record_rfc9989_4_10_1),
        cmocka_unit_test(syntax_errors_behind_the_version_are_ignored_rfc9989_4_8),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
