/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/spf_fixture.h"

#include "fiber/loop.h"

#include <stdio.h>

/* ---- Limits (rfc7208:4.6.4) ---- */

/* "v=spf1" with `count` times "a:found.example" and a final "-all". */
static void publish_terms(struct fixture *f, const char *term, int count, const char *last)
{
    char text[2000];
    size_t len = (size_t)snprintf(text, sizeof(text), "v=spf1");
    for (int i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, " %s", term);
    snprintf(text + len, sizeof(text) - len, " %s", last);
    publish(f, text);
    add(f, "found.example A 203.0.113.9\nfound.example MX 0 found.example\n"
           "i.example TXT \"v=spf1 ?all\"\n");
}

static void ten_terms_may_ask_the_dns_and_no_eleventh_rfc7208_4_6_4(void **state)
{
    static const char *const terms[] = {"a:found.example", "mx:found.example", "include:i.example"};
    for (size_t i = 0; i < countof(terms); i++) {
        struct fixture *f = *state;
        publish_terms(f, terms[i], 10, "-all");
        expect(f, "192.0.2.1", AUTH_FAIL);
        assert_int_equal(f->result.terms, 10);
        tear_down(state);
        set_up(state);
        publish_terms(f, terms[i], 11, "-all");
        expect(f, "192.0.2.1", AUTH_PERMERROR);
        assert_contains(f->result.problem, "more than 10 terms");
        tear_down(state);
        set_up(state);
    }
}

static void terms_count_over_all_records_together_rfc7208_4_6_4(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 include:i.example include:j.example redirect=k.example");
    add(f, "found.example A 203.0.113.9\ni.example TXT \"v=spf1 a:found.example a:found.example\"\n"
           "j.example TXT \"v=spf1 a:found.example a:found.example a:found.example\"\n"
           "k.example TXT \"v=spf1 a:found.example a:found.example ~all\"\n");
    expect(f, "192.0.2.1", AUTH_SOFTFAIL);
    assert_int_equal(f->result.terms, 10);
    add(f, "l.example TXT \"v=spf1 a:found.example redirect=d.example\"\n");
    f->request.sender = BYTES("user@l.example");
    expect(f, "192.0.2.1", AUTH_PERMERROR);
}

static void ip_all_exp_and_unknown_terms_do_not_count_rfc7208_4_6_4(void **state)
{
    struct fixture *f = *state;
    publish_terms(f, "ip4:198.51.100.1 ip6:2001:db8::1 moo=x", 30, "-all exp=found.example");
    expect(f, "192.0.2.1", AUTH_FAIL);
    assert_int_equal(f->result.terms, 0);
}

static void the_p_macro_counts_as_a_term_rfc7208_4_6_4(void **state)
{
    struct fixture *f = *state;
    publish_terms(f, "a:found.example", 9, "exists:%{p}.example -all");
    expect(f, "192.0.2.1", AUTH_PERMERROR);
    assert_contains(f->result.problem, "more than 10 terms");
    f->request.sender = BYTES("user@e.example");
    add(f, "e.example TXT \"v=spf1 exists:%{p}.x.example -all\"\n");
    expect(f, "192.0.2.1", AUTH_FAIL);
    assert_int_equal(f->result.terms, 2);
}

static void loops_end_at_the_limit_rfc7208_4_6_4(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 redirect=d.example");
    expect(f, "192.0.2.1", AUTH_PERMERROR);
    add(f, "e.example TXT \"v=spf1 include:e.example\"\n");
    f->request.sender = BYTES("user@e.example");
    expect(f, "192.0.2.1", AUTH_PERMERROR);
    assert_int_equal(f->result.terms, 10);
}

static void includes_are_bounded_in_depth_even_with_more_terms(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 include:d.example");
    f->request.limits.terms = 1000;
    f->request.trace = true;
    expect(f, "192.0.2.1", AUTH_PERMERROR);
    assert_contains(f->result.problem, "more than 20 deep");
    assert_int_equal(f->result.terms, 21);
    f->request.limits.include_depth = 1000000;
    expect(f, "192.0.2.1", AUTH_PERMERROR);
    assert_int_equal(f->result.terms, SPF_INCLUDE_DEPTH_MAX + 1);
}

static void two_void_lookups_are_allowed_and_no_third_rfc7208_4_6_4(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 a:no.example mx:found.example ~all");
    add(f, "found.example A 203.0.113.9\n");
    expect(f, "192.0.2.1", AUTH_SOFTFAIL);
    assert_int_equal(f->result.void_lookups, 2);
    add(f, "e.example TXT \"v=spf1 a:no.example include:d.example exists:no.example ~all\"\n");
    f->request.sender = BYTES("user@e.example");
    expect(f, "192.0.2.1", AUTH_PERMERROR);
    assert_contains(f->result.problem, "more than 2 terms");
    f->request.limits.void_lookups = 4;
    expect(f, "192.0.2.1", AUTH_SOFTFAIL);
}

static void an_mx_term_without_any_address_is_one_void_lookup(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 mx mx:e.example -all");
    add(f, "d.example MX 1 no1.example\nd.example MX 2 no2.example\nd.example MX 3 no3.example\n"
           "e.example MX 1 no1.example\ne.example MX 2 yes.example\nyes.example A 203.0.113.9\n");
    expect(f, "192.0.2.1", AUTH_FAIL);
    assert_int_equal(f->result.void_lookups, 1);
}

static void the_explanation_is_outside_of_the_limits_rfc7208_4_6_4(void **state)
{
    struct fixture *f = *state;
    publish_terms(f, "a:found.example", 8, "a:no1.example a:no2.example -all exp=why.example");
    add(f, "why.example TXT \"%{p}\"\n");
    expect(f, "192.0.2.1", AUTH_FAIL);
    assert_bytes(f->result.explanation, "unknown");
    assert_int_equal(f->result.terms, 10);
    assert_int_equal(f->result.void_lookups, 2);
}

static void add_hosts(struct fixture *f, const char *owner, enum dns_type type, int count)
{
    for (int i = 0; i < count; i++) {
        char value[60], name[40];
        snprintf(name, sizeof(name), "h%d.d.example", i);
        snprintf(value, sizeof(value), "%s%s", type == DNS_MX ? "1 " : "", name);
        assert_true(zone_add(f->zone, bytes_of(owner), type, 1, bytes_of(value)));
        snprintf(value, sizeof(value), "192.0.2.%d", i + 1);
        assert_true(zone_add(f->zone, bytes_of(name), DNS_A, 1, bytes_of(value)));
    }
}

static void ten_mx_hosts_are_looked_up_and_eleven_are_an_error_rfc7208_4_6_4(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 mx -all");
    add_hosts(f, "d.example", DNS_MX, 10);
    expect(f, "192.0.2.10", AUTH_PASS);
    add(f, "d.example MX 99 other.example\n");
    expect(f, "192.0.2.1", AUTH_PERMERROR);
    assert_contains(f->result.problem, "more than 10 MX hosts");
    f->request.limits.mx_hosts = 11;
    expect(f, "192.0.2.1", AUTH_PASS);
}

static void ptr_names_beyond_the_tenth_are_ignored_rfc7208_4_6_4(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 ptr -all");
    add_hosts(f, "10.2.0.192.in-addr.arpa", DNS_PTR, 10);
    expect(f, "192.0.2.10", AUTH_PASS);
    add_hosts(f, "11.2.0.192.in-addr.arpa", DNS_PTR, 11);
    expect(f, "192.0.2.11", AUTH_FAIL);
    f->request.limits.ptr_names = 11;
    expect(f, "192.0.2.11", AUTH_PASS);
}

static void ptr_asks_each_question_once(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 ptr:d.example ptr:d.example ptr ptr:d.example exists:%{p}.%{p} -all");
    add_hosts(f, "99.2.0.192.in-addr.arpa", DNS_PTR, 40);
    expect(f, "192.0.2.99", AUTH_FAIL);
    /* The record, PTR, ten addresses, exists. */
    assert_int_equal(zone_question_count(f->zone), 1 + 1 + 10 + 1);
}

/* ---- Errors and time ---- */

static void dns_errors_of_mechanisms_are_temporary_rfc7208_5(void **state)
{
    static const char *const terms[] = {"a:dead.example", "mx:dead.example", "exists:dead.example",
                                        "mx:half.example", "include:dead.example"};
    for (size_t i = 0; i < countof(terms); i++) {
        struct fixture *f = *state;
        publish_terms(f, terms[i], 1, "-all");
        add(f, "dead.example FAIL\nhalf.example MX 0 dead.example\n");
        expect(f, "192.0.2.1", AUTH_TEMPERROR);
        assert_bytes(f->result.mechanism, terms[i]);
        assert_contains(f->result.problem, "dead.example");
        tear_down(state);
        set_up(state);
    }
}

static void a_match_before_the_error_stands(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 ip4:192.0.2.1 a:dead.example -all");
    add(f, "dead.example FAIL\n");
    expect(f, "192.0.2.1", AUTH_PASS);
}

static void no_memory_is_a_temporary_error(void **state)
{
    struct fixture *f = *state;
    size_t counts[AUTH_UNKNOWN + 1] = {0};
    /* A long name, so that there can be room for an answer but not for the name. */
    publish(f, "v=spf1 -exists:%{h}.%{h}.%{h}.%{h} +all");
    f->request.helo = BYTES("a234567890123456789012345678901234567890.a2345678901234567");
    add(f, "a234567890123456789012345678901234567890.a2345678901234567."
           "a234567890123456789012345678901234567890.a2345678901234567."
           "a234567890123456789012345678901234567890.a2345678901234567."
           "a234567890123456789012345678901234567890.a2345678901234567 A 127.0.0.2\n");
    assert_true(ip_parse(BYTES("192.0.2.1"), &f->request.ip));
    /* Memory ends somewhere else each time, and is never taken for a host that does not exist. */
    for (size_t used = 0; used < 3500; used += 16) {
        struct arena *arena = arena_create(4000);
        for (size_t i = 0; i < used; i += 16)
            assert_non_null(arena_alloc(arena, 16));
        spf_check_mail_from(zone_dns(f->zone), arena, &f->request, &f->result);
        counts[f->result.result]++;
        arena_destroy(arena);
    }
    assert_true(counts[AUTH_TEMPERROR] && counts[AUTH_FAIL]);
    assert_int_equal(counts[AUTH_PASS], 0);
}

static void run_until_time_is_up(void *argument)
{
    struct fixture *f = argument;
    int64_t start = loop_now();
    f->request.deadline = start + 20 * SECOND;
    expect(f, "192.0.2.1", AUTH_TEMPERROR);
    assert_true(loop_now() - start == 20 * SECOND);
}

/* Whichever question it runs out at; also at one whose failure alone would be no match. */
static void time_that_runs_out_is_a_temporary_error_rfc7208_4_6_4(void **state)
{
    static const char *const records[] = {
        "v=spf1 -a:slow1.example -a:slow2.example -a:slow3.example +all",
        "v=spf1 -a:slow1.example -include:slowest.example +all",
        "v=spf1 -mx:slow.mx.example +all",
        "v=spf1 ptr -all",
        "v=spf1 redirect=slowest.example",
    };
    for (size_t i = 0; i < countof(records); i++) {
        struct fixture *f = *state;
        struct loop *loop = loop_create(&(struct loop_options){.fake_clock = true});
        assert_non_null(loop);
        publish(f, records[i]);
        add(f, "slow1.example A 203.0.113.1\nslow1.example DELAY 9s\n"
               "slow2.example A 203.0.113.1\nslow2.example DELAY 9s\n"
               "slow3.example A 203.0.113.1\nslow3.example DELAY 9s\n"
               "slow.mx.example MX 0 slow1.example\nslow.mx.example MX 1 slow2.example\n"
               "slow.mx.example MX 2 slow3.example\nslowest.example DELAY 30s\n"
               "1.2.0.192.in-addr.arpa PTR mail.d.example\n1.2.0.192.in-addr.arpa DELAY 30s\n"
               "mail.d.example A 192.0.2.1\n");
        loop_run(loop, run_until_time_is_up, f);
        loop_destroy(loop);
        tear_down(state);
        set_up(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(ten_terms_may_ask_the_dns_and_no_eleventh_rfc7208_4_6_4),
        case_of(terms_count_over_all_records_together_rfc7208_4_6_4),
        case_of(ip_all_exp_and_unknown_terms_do_not_count_rfc7208_4_6_4),
        case_of(the_p_macro_counts_as_a_term_rfc7208_4_6_4),
        case_of(loops_end_at_the_limit_rfc7208_4_6_4),
        case_of(includes_are_bounded_in_depth_even_with_more_terms),
        case_of(two_void_lookups_are_allowed_and_no_third_rfc7208_4_6_4),
        case_of(an_mx_term_without_any_address_is_one_void_lookup),
        case_of(the_explanation_is_outside_of_the_limits_rfc7208_4_6_4),
        case_of(ten_mx_hosts_are_looked_up_and_eleven_are_an_error_rfc7208_4_6_4),
        case_of(ptr_names_beyond_the_tenth_are_ignored_rfc7208_4_6_4),
        case_of(ptr_asks_each_question_once),
        case_of(dns_errors_of_mechanisms_are_temporary_rfc7208_5),
        case_of(a_match_before_the_error_stands),
        case_of(no_memory_is_a_temporary_error),
        case_of(time_that_runs_out_is_a_temporary_error_rfc7208_4_6_4),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
