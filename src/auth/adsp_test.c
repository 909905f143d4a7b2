/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/adsp.h"

#include "base/clock.h"
#include "dns/recorder.h"
#include "dns/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct zone *zone;
static struct arena *arena;
static struct dkim_signature_result signatures[2];
static struct dkim_results dkim;
static struct dns_recorder recorder;
static struct adsp_result result;

static int set_up(void **state)
{
    zone = zone_create();
    arena = arena_create(1 << 20);
    dkim = (struct dkim_results){.signatures = signatures};
    return 0;
}

static int tear_down(void **state)
{
    zone_destroy(zone);
    arena_destroy(arena);
    return 0;
}

static void add(const char *text)
{
    struct error error;
    if (zone_load(zone, bytes_of(text), &error) != OK)
        fail_msg("%s", error.text);
}

static void sign(enum auth_result outcome, const char *domain)
{
    signatures[dkim.count++] =
        (struct dkim_signature_result){.result = outcome, .domain = bytes_of(domain)};
}

static void expect(const char *domain, enum auth_result expected)
{
    dns_recorder_init(&recorder, zone_dns(zone), arena);
    adsp_check(&recorder.dns, arena, bytes_of(domain), &dkim, NO_DEADLINE, &result);
    if (result.result != expected)
        fail_msg("%s: %s (" BYTES_FMT "), expected %s", domain, auth_result_name(result.result),
                 BYTES_ARG(result.problem), auth_result_name(expected));
    assert_int_equal(result.problem.len == 0, expected == AUTH_PASS);
}

/* The results of all records that are valid, for a domain without signatures. */
static void expect_record(const char *record, enum auth_result expected)
{
    tear_down(NULL);
    set_up(NULL);
    add("d.example MX 10 mx.d.example\n");
    assert_true(zone_add(zone, BYTES("_adsp._domainkey.d.example"), DNS_TXT, 60, bytes_of(record)));
    expect("d.example", expected);
}

static void the_examples_of_rfc5617_a_give_their_results(void **state)
{
    add("aaa.example A 192.0.2.1\n_adsp._domainkey.aaa.example TXT \"dkim=all\"\n"
        "bbb.example MX 10 mail.bbb.example\nmail.bbb.example A 192.0.2.2\n");
    expect("aaa.example", AUTH_FAIL);
    assert_true(result.found);
    assert_int_equal(result.practice, ADSP_ALL);
    assert_true(bytes_is(result.record, "dkim=all"));
    expect("bbb.example", AUTH_NONE);
    assert_false(result.found);
    assert_int_equal(result.practice, ADSP_UNKNOWN);
    expect("ccc.example", AUTH_NXDOMAIN);
    assert_int_equal(recorder.count, 1);
}

static void practices_give_the_results_of_rfc5617_5_4(void **state)
{
    expect_record("dkim=unknown", AUTH_UNKNOWN);
    assert_int_equal(result.practice, ADSP_UNKNOWN);
    assert_true(result.found);
    expect_record("dkim=all", AUTH_FAIL);
    expect_record("dkim=discardable", AUTH_DISCARD);
    assert_string_equal(adsp_practice_name(result.practice), "discardable");
}

static void other_practices_are_unknown_rfc5617_4_2_1(void **state)
{
    expect_record("dkim=strict", AUTH_UNKNOWN);
    assert_true(result.found);
    expect_record("dkim=all-1", AUTH_UNKNOWN);
    expect_record("dkim=ALL", AUTH_FAIL); /* a literal of ABNF has no case (rfc5234:2.3) */
}

static void the_syntax_is_a_tag_list_that_begins_with_dkim_rfc5617_4_2_1(void **state)
{
    static const char *const good[] = {"dkim=all;", "dkim = all ; t=s", "dkim\t=\tall",
                                       "dkim=all; x=a b c", "dkim=all;r=;q=1"};
    static const char *const bad[] = {
        " dkim=all",
        "DKIM=all",
        "Dkim=all",
        "t=s; dkim=all",
        "dkim",
        "dkim=",
        "dkim=;",
        "dkim=all all",
        "dkim=-all",
        "dkim=all-",
        "dkim=1all",
        "dkim=a_l",
        "dkimx=all",
        "dkim-x=all",
        "dkim=all; dkim=all",
        "dkim=all; t=s; t=s",
        "dkim=all; junk",
        "dkim=all;; t=s",
        "v=spf1 -all",
        "",
        "dkim=all\r\n",
        "dkim=all;\r\n t=s",
        "dkim=all; 1=2",
        "v=DKIM1; p=",
    };
    for (size_t i = 0; i < countof(good); i++)
        expect_record(good[i], AUTH_FAIL);
    for (size_t i = 0; i < countof(bad); i++) {
        expect_record(bad[i], AUTH_NONE); /* as if it were not there (rfc5617:4.1) */
        assert_false(result.found);
        assert_int_equal(result.record.len, 0);
    }
}

static void unrecognized_tags_are_ignored_rfc5617_4_2_1(void **state)
{
    expect_record("dkim=discardable; future=dkim all; x_1=", AUTH_DISCARD);
}

static void character_strings_are_joined_rfc5617_4_1(void **state)
{
    add("d.example A 192.0.2.1\n_adsp._domainkey.d.example TXT \"dkim=disc\" \"ardable\"\n");
    expect("d.example", AUTH_DISCARD);
}

static void a_domain_without_records_of_the_type_exists_rfc5617_4_3(void **state)
{
    add("d.example TXT hello\n_adsp._domainkey.d.example TXT dkim=all\n");
    expect("d.example", AUTH_FAIL);
}

static void the_scope_is_decided_before_the_record_rfc5617_4_3(void **state)
{
    add("_adsp._domainkey.d.example TXT dkim=discardable\n");
    expect("d.example", AUTH_NXDOMAIN);
    assert_int_equal(recorder.count, 1);
    assert_false(result.found);
}

static void an_author_domain_signature_satisfies_all_practices_rfc5617_5_4(void **state)
{
    add("d.example A 192.0.2.1\n_adsp._domainkey.d.example TXT dkim=discardable\n");
    sign(AUTH_FAIL, "d.example");
    sign(AUTH_PASS, "D.Example");
    expect("d.example", AUTH_PASS);
    assert_int_equal(recorder.count, 0);
}

static void only_the_very_domain_counts_rfc5617_2_7(void **state)
{
    static const char *const others[] = {"example", "mail.d.example", "dd.example", "d.example.x"};
    add("d.example A 192.0.2.1\n_adsp._domainkey.d.example TXT dkim=all\n");
    for (size_t i = 0; i < countof(others); i++) {
        dkim.count = 0;
        sign(AUTH_PASS, others[i]);
        expect("d.example", AUTH_FAIL);
    }
}

static void only_valid_signatures_count_rfc5617_2_2(void **state)
{
    static const enum auth_result others[] = {AUTH_NONE,   AUTH_FAIL,      AUTH_NEUTRAL,
                                              AUTH_POLICY, AUTH_TEMPERROR, AUTH_PERMERROR};
    add("d.example A 192.0.2.1\n_adsp._domainkey.d.example TXT dkim=all\n");
    for (size_t i = 0; i < countof(others); i++) {
        dkim.count = 0;
        sign(others[i], "d.example");
        expect("d.example", AUTH_FAIL);
    }
    dkim.count = 0;
    sign(AUTH_PASS, "d.example");
    signatures[0].key_testing = true; /* no different from unsigned mail (rfc6376:3.6.1) */
    expect("d.example", AUTH_FAIL);
}

static void parents_and_children_have_nothing_to_do_with_it_rfc5617_3_1(void **state)
{
    add("d.example A 192.0.2.1\n_adsp._domainkey.d.example TXT dkim=all\nsub.d.example A "
        "192.0.2.1\n"
        "_adsp._domainkey.x.sub.d.example TXT dkim=all\n");
    expect("sub.d.example", AUTH_NONE);
}

static void several_records_have_no_meaning_rfc5617_4_3(void **state)
{
    add("d.example A 192.0.2.1\n_adsp._domainkey.d.example TXT dkim=all\n"
        "_adsp._domainkey.d.example TXT dkim=discardable\n");
    expect("d.example", AUTH_PERMERROR);
    assert_false(result.found);
    assert_int_equal(result.practice, ADSP_UNKNOWN);
}

static void records_of_a_wildcard_are_ignored_rfc5617_6_3(void **state)
{
    add("d.example A 192.0.2.1\n_adsp._domainkey.d.example TXT \"v=spf1 -all\"\n");
    expect("d.example", AUTH_NONE);
    add("_adsp._domainkey.d.example TXT dkim=all\n");
    expect("d.example", AUTH_FAIL);
}

static void dns_failures_are_not_the_absence_of_a_record_rfc5617_6_2(void **state)
{
    add("d.example A 192.0.2.1\n_adsp._domainkey.d.example FAIL\n");
    expect("d.example", AUTH_TEMPERROR);
    add("e.example MX FAIL\n_adsp._domainkey.e.example TXT dkim=all\n");
    expect("e.example", AUTH_TEMPERROR);
    assert_false(result.found);
}

static void without_signatures_or_a_domain_there_is_still_an_answer(void **state)
{
    add("d.example A 192.0.2.1\n_adsp._domainkey.d.example TXT dkim=all\n");
    adsp_check(zone_dns(zone), arena, BYTES("d.example."), NULL, NO_DEADLINE, &result);
    assert_int_equal(result.result, AUTH_FAIL);
    expect("", AUTH_PERMERROR);
    expect("[192.0.2.1]", AUTH_PERMERROR);
}

static void a_name_too_long_for_the_prefix_has_no_record(void **state)
{
    char name[246];
    for (size_t i = 0; i < sizeof(name) - 1; i++)
        name[i] = i % 50 == 49 ? '.' : 'a';
    name[sizeof(name) - 1] = 0;
    assert_true(zone_add(zone, bytes_of(name), DNS_A, 60, BYTES("192.0.2.1")));
    expect(name, AUTH_NONE);
}

#define case_of(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(the_examples_of_rfc5617_a_give_their_results),
        case_of(practices_give_the_results_of_rfc5617_5_4),
        case_of(other_practices_are_unknown_rfc5617_4_2_1),
        case_of(the_syntax_is_a_tag_list_that_begins_with_dkim_rfc5617_4_2_1),
        case_of(unrecognized_tags_are_ignored_rfc5617_4_2_1),
        case_of(character_strings_are_joined_rfc5617_4_1),
        case_of(a_domain_without_records_of_the_type_exists_rfc5617_4_3),
        case_of(the_scope_is_decided_before_the_record_rfc5617_4_3),
        case_of(an_author_domain_signature_satisfies_all_practices_rfc5617_5_4),
        case_of(only_the_very_domain_counts_rfc5617_2_7),
        case_of(only_valid_signatures_count_rfc5617_2_2),
        case_of(parents_and_children_have_nothing_to_do_with_it_rfc5617_3_1),
        case_of(several_records_have_no_meaning_rfc5617_4_3),
        case_of(records_of_a_wildcard_are_ignored_rfc5617_6_3),
        case_of(dns_failures_are_not_the_absence_of_a_record_rfc5617_6_2),
        case_of(without_signatures_or_a_domain_there_is_still_an_answer),
        case_of(a_name_too_long_for_the_prefix_has_no_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
