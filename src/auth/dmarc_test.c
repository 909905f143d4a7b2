/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/dmarc.h"
#include "dns/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct fixture {
    struct zone *zone;
    struct arena *arena;
    struct spf_result spf;
    struct dkim_signature_result signatures[10];
    struct dkim_results dkim;
    struct dmarc_request request;
    struct dmarc_result result;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->zone = zone_create();
    f->arena = arena_create(1 << 20);
    f->dkim.signatures = f->signatures;
    f->request = (struct dmarc_request){.author_domain = BYTES("example.org"),
                                        .spf = &f->spf,
                                        .dkim = &f->dkim,
                                        .deadline = INT64_MAX};
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

static void spf(struct fixture *f, enum auth_result result, const char *domain)
{
    f->spf.result = result;
    f->spf.domain = bytes_of(domain);
}

static void dkim(struct fixture *f, enum auth_result result, const char *domain)
{
    f->signatures[f->dkim.count++] =
        (struct dkim_signature_result){.result = result, .domain = bytes_of(domain)};
}

static void check(struct fixture *f, const char *author)
{
    f->request.author_domain = bytes_of(author);
    dmarc_check(zone_dns(f->zone), f->arena, &f->request, &f->result);
}

static void expect(struct fixture *f, const char *author, const char *result)
{
    check(f, author);
    assert_string_equal(auth_result_name(f->result.result), result);
}

static void expect_policy(struct fixture *f, const char *author, const char *policy)
{
    expect(f, author, "fail");
    assert_string_equal(dmarc_policy_name(f->result.policy), policy);
}

static void assert_bytes(struct bytes got, const char *expected)
{
    if (!bytes_is(got, expected))
        fail_msg("\"" BYTES_FMT "\" is not \"%s\"", BYTES_ARG(got), expected);
}

static size_t questions(struct fixture *f, const char *author)
{
    size_t before = zone_question_count(f->zone);
    check(f, author);
    return zone_question_count(f->zone) - before;
}

/* ---- Policy discovery ---- */

static void no_record_anywhere_is_none_rfc9989_4_10_1(void **state)
{
    struct fixture *f = *state;
    spf(f, AUTH_PASS, "example.org");
    expect(f, "mail.example.org", "none");
    assert_true(f->result.problem.len);
    assert_int_equal(f->result.step_count, 3);
    assert_bytes(f->result.steps[0].name, "_dmarc.mail.example.org");
    assert_bytes(f->result.steps[2].name, "_dmarc.org");
    assert_bytes(f->result.steps[2].answer, "no record");
    assert_int_equal(f->result.effective, DMARC_POLICY_NONE);
}

static void the_author_domains_own_record_comes_first_rfc9989_4_10_1(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.example.org TXT \"v=DMARC1; p=none\"\n"
            "_dmarc.mail.example.org TXT \"v=DMARC1; p=reject; sp=none; np=none\"\n");
    expect_policy(f, "mail.example.org", "reject");
    assert_bytes(f->result.policy_domain, "mail.example.org");
    assert_bytes(f->result.record_text, "v=DMARC1; p=reject; sp=none; np=none");
    assert_true(f->result.steps[0].used);
}

static void otherwise_that_of_the_organizational_domain_rfc9989_4_10_1(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.example.org TXT \"v=DMARC1; p=none; sp=quarantine\"\n"
            "_dmarc.b.example.org TXT \"v=DMARC1; p=reject\"\n"
            "a.b.example.org A 192.0.2.1\n");
    /* The organizational domain is the shortest name with a record, not the next one up. */
    expect_policy(f, "a.b.example.org", "quarantine");
    assert_bytes(f->result.policy_domain, "example.org");
    assert_bytes(f->result.organizational_domain, "example.org");
    assert_true(f->result.steps[2].used && !f->result.steps[1].used);
}

static void otherwise_that_of_the_public_suffix_rfc9989_4_10_1(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.bank TXT \"v=DMARC1; p=none; sp=quarantine; np=reject; psd=y\"\n"
            "x.bank A 192.0.2.1\n");
    expect_policy(f, "x.bank", "quarantine");
    assert_bytes(f->result.policy_domain, "bank");
    assert_bytes(f->result.organizational_domain, "x.bank");
    expect_policy(f, "absent.bank", "reject");
    expect_policy(f, "mail.absent.bank", "reject");
    assert_bytes(f->result.organizational_domain, "absent.bank");
    expect_policy(f, "bank", "none");
}

static void a_public_suffix_says_nothing_where_the_organization_speaks_rfc9989_4_10_1(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.bank TXT \"v=DMARC1; p=reject; psd=y\"\n"
            "_dmarc.x.bank TXT \"v=DMARC1; p=none\"\n");
    expect_policy(f, "mail.x.bank", "none");
    assert_bytes(f->result.policy_domain, "x.bank");
}

static void np_is_for_names_that_do_not_exist_rfc9989_3_2_13(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.example.org TXT \"v=DMARC1; p=none; sp=quarantine; np=reject\"\n"
            "mx.example.org MX 10 mail.example.net\n"
            "broken.example.org FAIL\n");
    zone_add_name(f->zone, BYTES("empty.example.org"));
    expect_policy(f, "absent.example.org", "reject");
    assert_bytes(f->result.steps[f->result.step_count - 1].answer, "the domain does not exist");
    expect_policy(f, "mx.example.org", "quarantine");
    expect_policy(f, "empty.example.org", "quarantine"); /* NODATA: it exists (RFC 8020) */
    expect_policy(f, "example.org", "none");
    expect(f, "broken.example.org", "temperror");
    spf(f, AUTH_PASS, "broken.example.org");
    expect(f, "broken.example.org", "pass");
}

static void records_of_other_kinds_do_not_count_and_several_are_none_rfc9989_4_10(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.example.org TXT \"v=spf1 -all\"\n"
            "_dmarc.example.org TXT \"v=DMARC1; p=reject\"\n"
            "_dmarc.example.org TXT \"hello\"\n"
            "_dmarc.two.example.org TXT \"v=DMARC1; p=none\"\n"
            "_dmarc.two.example.org TXT \"v=DMARC1; p=none\"\n");
    expect_policy(f, "example.org", "reject");
    expect_policy(f, "two.example.org", "reject");
    assert_bytes(f->result.steps[0].answer, "several DMARC records, all ignored");
    assert_bytes(f->result.policy_domain, "example.org");
}

static void an_unusable_record_is_a_permanent_error_and_hides_what_is_above(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.example.org TXT \"v=DMARC1; p=reject\"\n"
            "_dmarc.bad.example.org TXT \"v=DMARC1; p=nonsense\"\n"
            "_dmarc.rua.example.org TXT \"v=DMARC1; p=nonsense; rua=mailto:a@b.example\"\n");
    expect(f, "bad.example.org", "permerror");
    assert_true(f->result.problem.len);
    assert_int_equal(f->result.effective, DMARC_POLICY_NONE);
    expect_policy(f, "rua.example.org", "none");
}

static void a_walk_asks_at_most_eight_questions_rfc9989_4_10(void **state)
{
    struct fixture *f = *state;
    static const char *const expected[] = {
        "_dmarc.a.b.c.d.e.f.g.h.i.j.mail.example.com", "_dmarc.g.h.i.j.mail.example.com",
        "_dmarc.h.i.j.mail.example.com", "_dmarc.i.j.mail.example.com", "_dmarc.j.mail.example.com",
        "_dmarc.mail.example.com", "_dmarc.example.com", "_dmarc.com"};
    assert_int_equal(questions(f, "a.b.c.d.e.f.g.h.i.j.mail.example.com"), 8);
    assert_int_equal(f->result.step_count, 8);
    for (size_t i = 0; i < 8; i++)
        assert_bytes(f->result.steps[i].name, expected[i]);
    assert_int_equal(questions(f, "1.2.3.4.5.6.7.8"), 8);
    assert_int_equal(questions(f, "1.2.3.4.5.6.7"), 7);
    assert_int_equal(questions(f, "1.2.3.4.5.6.7.8.9"), 8);
    assert_bytes(f->result.steps[1].name, "_dmarc.3.4.5.6.7.8.9");
    assert_int_equal(questions(f, "com"), 1);
}

static void psd_ends_the_walk_rfc9989_4_10(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.b.c.example TXT \"v=DMARC1; p=reject; psd=n\"\n"
            "_dmarc.y.example TXT \"v=DMARC1; p=reject; psd=y\"\n"
            "_dmarc.example FAIL\n");
    expect_policy(f, "a.b.c.example", "reject");
    assert_int_equal(f->result.step_count, 2);
    assert_bytes(f->result.organizational_domain, "b.c.example");
    expect_policy(f, "m.n.y.example", "reject");
    assert_bytes(f->result.organizational_domain, "n.y.example");
}

static void dns_failures_are_temporary_errors_rfc9989_5_3_6(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.example.org FAIL\n"
            "_dmarc.own.example.org TXT \"v=DMARC1; p=reject\"\n");
    spf(f, AUTH_PASS, "example.net");
    expect(f, "example.org", "temperror");
    expect(f, "a.example.org", "temperror");
    assert_int_equal(f->result.effective, DMARC_POLICY_NONE);
    /* The own record is there; whose organization it is cannot be told, so neither can alignment.
     * */
    expect(f, "own.example.org", "temperror");
    spf(f, AUTH_FAIL, "example.net");
    expect(f, "own.example.org", "fail");
    spf(f, AUTH_PASS, "own.example.org");
    expect(f, "own.example.org", "pass");
}

static void t_lowers_the_policy_by_one_step_rfc9989_4_7(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.r.example TXT \"v=DMARC1; p=reject; t=y; pct=10\"\n"
            "_dmarc.q.example TXT \"v=DMARC1; p=quarantine; t=y\"\n"
            "_dmarc.n.example TXT \"v=DMARC1; p=none; t=y\"\n");
    expect_policy(f, "r.example", "reject");
    assert_int_equal(f->result.effective, DMARC_POLICY_QUARANTINE);
    assert_int_equal(f->result.record.percent, 100); /* pct is gone */
    expect_policy(f, "q.example", "quarantine");
    assert_int_equal(f->result.effective, DMARC_POLICY_NONE);
    expect_policy(f, "n.example", "none");
    assert_int_equal(f->result.effective, DMARC_POLICY_NONE);
}

static void the_source_of_a_policy_is_told_rfc9989_4_10_1(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.bank TXT \"v=DMARC1; p=none; np=reject; psd=y\"\n"
            "_dmarc.x.example TXT \"v=DMARC1; p=quarantine; sp=reject\"\n"
            "_dmarc.n.example TXT \"v=DMARC1; p=quarantine; psd=n\"\n"
            "x.bank A 192.0.2.1\na.x.example A 192.0.2.1\n");
    static const struct {
        const char *author, *tag;
        enum dmarc_policy_source policy;
        enum dmarc_organization_source organization;
    } cases[] = {
        {"x.example", "p", DMARC_FROM_AUTHOR, DMARC_ORGANIZATION_SHORTEST},
        {"a.x.example", "sp", DMARC_FROM_ORGANIZATION, DMARC_ORGANIZATION_SHORTEST},
        {"a.n.example", "p", DMARC_FROM_ORGANIZATION, DMARC_ORGANIZATION_PSD_N},
        {"x.bank", "p", DMARC_FROM_PUBLIC_SUFFIX, DMARC_ORGANIZATION_BELOW_PSD},
        {"absent.bank", "np", DMARC_FROM_PUBLIC_SUFFIX, DMARC_ORGANIZATION_BELOW_PSD},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        f->request.author_domain = bytes_of(cases[i].author);
        assert_int_equal(dmarc_discover(zone_dns(f->zone), f->arena, &f->request, &f->result), OK);
        assert_string_equal(f->result.policy_tag, cases[i].tag);
        assert_int_equal(f->result.policy_source, cases[i].policy);
        assert_int_equal(f->result.organization_source, cases[i].organization);
    }
    check(f, "x.example");
    assert_int_equal(f->result.organization_source, DMARC_ORGANIZATION_NOT_SOUGHT);
}

static void discovery_needs_no_message_rfc9989_4_10_1(void **state)
{
    struct fixture *f = *state;
    struct dns *dns = zone_dns(f->zone);
    f->request.spf = NULL;
    f->request.dkim = NULL;
    zone(f, "_dmarc.example.org TXT \"v=DMARC1; p=reject; t=y\"\n"
            "_dmarc.bad.example TXT \"v=DMARC1; p=x\"\n"
            "_dmarc.broken.example FAIL\n"
            "_dmarc.below.failing TXT \"v=DMARC1; p=reject\"\n_dmarc.failing FAIL\n");
    f->request.author_domain = BYTES("Mail.example.org");
    assert_int_equal(dmarc_discover(dns, f->arena, &f->request, &f->result), OK);
    assert_int_equal(f->result.policy, DMARC_POLICY_REJECT);
    assert_int_equal(f->result.effective, DMARC_POLICY_QUARANTINE);
    assert_bytes(f->result.organizational_domain, "example.org");
    assert_int_equal(f->result.identifier_count, 0);
    static const struct {
        const char *name;
        enum result result;
    } others[] = {{"example.net", NONE}, {"bad.example", PERM}, {"broken.example", TEMP},
                  {"a..b", PERM}, {"below.failing", TEMP}};
    for (size_t i = 0; i < countof(others); i++) {
        f->request.author_domain = bytes_of(others[i].name);
        assert_int_equal(dmarc_discover(dns, f->arena, &f->request, &f->result), others[i].result);
        assert_true(f->result.problem.len > 0);
    }
}

/* ---- Alignment ---- */

static void what_became_of_each_identifier_is_told_rfc9989_5_3_4(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.example.org TXT \"v=DMARC1; p=reject; adkim=s\"\n");
    spf(f, AUTH_PASS, "Mail.example.org");
    dkim(f, AUTH_FAIL, "example.org");
    dkim(f, AUTH_PASS, "mail.example.org");
    dkim(f, AUTH_PASS, "example.org");
    dkim(f, AUTH_PASS, "example.net");
    check(f, "example.org");
    assert_int_equal(f->result.identifier_count, 5);
    const struct dmarc_identifier *list = f->result.identifiers;
    assert_string_equal(list[0].method, "spf");
    assert_int_equal(list[0].alignment, DMARC_ALIGNED);
    assert_bytes(list[0].organization, "example.org");
    assert_false(list[0].strict);
    assert_int_equal(list[1].alignment, DMARC_NOT_LOOKED_AT);
    assert_int_equal(list[2].alignment, DMARC_NOT_ALIGNED);
    assert_true(list[2].strict);
    assert_int_equal(list[3].alignment, DMARC_ALIGNED);
    assert_int_equal(list[4].alignment, DMARC_NOT_LOOKED_AT);
    assert_int_equal(f->result.dkim_index, 2);
}

static void a_signature_of_a_key_in_testing_is_no_identifier_rfc6376_3_6_1(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.example.org TXT \"v=DMARC1; p=reject\"\n");
    dkim(f, AUTH_POLICY, "example.org");
    f->signatures[0].key_testing = true;
    expect(f, "example.org", "fail");
    f->signatures[0].result = AUTH_NEUTRAL;
    expect(f, "example.org", "fail");
}

static void relaxed_alignment_is_a_common_organizational_domain_rfc9989_4_10_2(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.example.org TXT \"v=DMARC1; p=reject\"\n");
    spf(f, AUTH_PASS, "bounce.mail.example.org");
    expect(f, "news.example.org", "pass");
    assert_true(f->result.spf_aligned && !f->result.dkim_aligned);
    spf(f, AUTH_PASS, "example.net");
    expect(f, "news.example.org", "fail");
    spf(f, AUTH_PASS, "badexample.org");
    expect(f, "news.example.org", "fail");
    spf(f, AUTH_PASS, "org");
    expect(f, "news.example.org", "fail");
    dkim(f, AUTH_PASS, "example.net");
    dkim(f, AUTH_FAIL, "example.org");
    dkim(f, AUTH_PASS, "example.org");
    expect(f, "news.example.org", "pass");
    assert_true(f->result.dkim_aligned && !f->result.spf_aligned);
    assert_int_equal(f->result.dkim_index, 2);
}

static void strict_alignment_is_the_same_name_rfc9989_4_4(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.example.org TXT \"v=DMARC1; p=reject; aspf=s; adkim=r\"\n"
            "_dmarc.s.example TXT \"v=DMARC1; p=reject; adkim=s\"\n");
    spf(f, AUTH_PASS, "mail.example.org");
    expect(f, "example.org", "fail");
    spf(f, AUTH_PASS, "example.org");
    expect(f, "example.org", "pass");
    spf(f, AUTH_NONE, "");
    dkim(f, AUTH_PASS, "mail.example.org");
    expect(f, "example.org", "pass");
    f->dkim.count = 0;
    dkim(f, AUTH_PASS, "mail.s.example");
    expect(f, "s.example", "fail");
    assert_int_equal(questions(f, "s.example"), 1);
}

static void only_pass_makes_an_identifier_rfc9989_4_3(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.example.org TXT \"v=DMARC1; p=reject\"\n");
    for (int result = AUTH_NONE; result <= AUTH_UNKNOWN; result++) {
        f->dkim.count = 0;
        spf(f, result, "example.org");
        check(f, "example.org");
        assert_int_equal(f->result.spf_aligned, result == AUTH_PASS);
        spf(f, AUTH_NONE, "");
        dkim(f, result, "example.org");
        check(f, "example.org");
        assert_int_equal(f->result.dkim_aligned, result == AUTH_PASS);
    }
    f->request.spf = NULL;
    f->request.dkim = NULL;
    expect(f, "example.org", "fail");
}

static void each_identifier_has_its_own_organizational_domain_rfc9989_4_10_2(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.example.org TXT \"v=DMARC1; p=reject\"\n"
            "_dmarc.tenant.example.org TXT \"v=DMARC1; p=none; psd=n\"\n"
            "_dmarc.hosts.example.org TXT \"v=DMARC1; p=none; psd=y\"\n");
    /* Below the author's organization by name, but another organization by its own record. */
    spf(f, AUTH_PASS, "mail.tenant.example.org");
    expect(f, "example.org", "fail");
    spf(f, AUTH_PASS, "a.hosts.example.org");
    expect(f, "example.org", "fail");
    /* And the other way round. */
    spf(f, AUTH_PASS, "example.org");
    expect(f, "mail.tenant.example.org", "fail");
    spf(f, AUTH_PASS, "other.tenant.example.org");
    expect(f, "mail.tenant.example.org", "pass");
    spf(f, AUTH_PASS, "x.a.hosts.example.org");
    expect(f, "y.a.hosts.example.org", "pass");
    spf(f, AUTH_PASS, "b.hosts.example.org");
    expect(f, "a.hosts.example.org", "fail");
}

static void a_strangers_broken_dns_cannot_turn_a_forgery_into_a_temporary_error(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.example.org TXT \"v=DMARC1; p=reject\"\n"
            "_dmarc.evil.example FAIL\n");
    dkim(f, AUTH_PASS, "evil.example");
    dkim(f, AUTH_TEMPERROR, "evil.example");
    spf(f, AUTH_TEMPERROR, "evil.example");
    expect(f, "example.org", "fail");
    assert_int_equal(f->result.policy, DMARC_POLICY_REJECT);
}

static void a_method_that_failed_temporarily_leaves_it_open_rfc9989_5_3_6(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.example.org TXT \"v=DMARC1; p=reject\"\n");
    spf(f, AUTH_TEMPERROR, "mail.example.org");
    expect(f, "example.org", "temperror");
    dkim(f, AUTH_PASS, "example.org");
    expect(f, "example.org", "pass");
    spf(f, AUTH_FAIL, "mail.example.org");
    f->dkim.count = 0;
    dkim(f, AUTH_TEMPERROR, "example.org");
    expect(f, "example.org", "temperror");
}

static void case_dots_and_u_labels_do_not_matter_rfc9989_5_3_1(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.example.org TXT \"v=DMARC1; p=reject; aspf=s; adkim=s\"\n"
            "_dmarc.xn--bcher-kva.example TXT \"v=DMARC1; p=reject; adkim=s\"\n");
    spf(f, AUTH_PASS, "eXample.ORG.");
    expect(f, "EXAMPLE.org", "pass");
    assert_bytes(f->result.author_domain, "example.org");
    expect(f, "example.ORG.", "pass");
    spf(f, AUTH_PASS, "example.org");
    expect(f, "Example.Org.", "pass");
    dkim(f, AUTH_PASS, "XN--Bcher-KVA.example");
    expect(f, "b\xc3\xbc" "cher.example", "pass");
    assert_bytes(f->result.author_domain, "xn--bcher-kva.example");
}

static void what_is_no_domain_is_never_aligned(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"", ".", "..", "example..org", ".example.org",
                                        "example.org..", "example.net(.example.org",
                                        "a b.example.org", "example.org\\000.example.net",
                                        "@example.org", "[192.0.2.1]"};
    zone(f, "_dmarc.example.org TXT \"v=DMARC1; p=reject\"\n");
    for (size_t i = 0; i < countof(names); i++) {
        spf(f, AUTH_PASS, names[i]);
        expect(f, "example.org", "fail");
        expect(f, names[i], "permerror");
    }
    spf(f, AUTH_PASS, "");
    f->spf.domain = BYTES("example.org\0.example.net");
    expect(f, "example.org", "fail");
}

static void names_are_asked_once_however_many_walks_cross_them(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.example.org TXT \"v=DMARC1; p=reject\"\n");
    for (int i = 0; i < 10; i++)
        dkim(f, AUTH_PASS, i % 2 ? "a.b.example.org" : "c.b.example.org");
    spf(f, AUTH_PASS, "d.b.example.org");
    f->result.dkim_aligned = false;
    /* author (2), example.org and org; b, a and c or d below it. */
    size_t count = questions(f, "news.example.org");
    assert_in_range(count, 5, 6);
    assert_string_equal(auth_result_name(f->result.result), "pass");
}

static void the_organization_is_not_looked_for_where_nothing_needs_it_rfc9989_4_10_2(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.mail.example.org TXT \"v=DMARC1; p=reject\"\n");
    dkim(f, AUTH_PASS, "mail.example.org");
    assert_int_equal(questions(f, "mail.example.org"), 1);
    assert_true(f->result.dkim_aligned);
    f->signatures[0].result = AUTH_FAIL;
    assert_int_equal(questions(f, "mail.example.org"), 1);
}

/* ---- The organizational domain by itself ---- */

static void assert_organization(struct fixture *f, const char *name, const char *expected)
{
    struct bytes out = BYTES("");
    assert_int_equal(dmarc_organizational_domain(zone_dns(f->zone), f->arena, bytes_of(name),
                                                 DMARC_TREE_WALK, INT64_MAX, &out),
                     OK);
    assert_bytes(out, expected);
}

static void the_examples_of_the_rfc_come_out_as_it_says_rfc9989_4_10_2(void **state)
{
    struct fixture *f = *state;
    assert_organization(f, "a.mail.example.com", "a.mail.example.com");
    zone(f, "_dmarc.mail.example.com TXT \"v=DMARC1; p=none\"\n"
            "_dmarc.example.com TXT \"v=DMARC1; p=none\"\n"
            "_dmarc.mail.example.net TXT \"v=DMARC1; p=none; psd=n\"\n"
            "_dmarc.example.net TXT \"v=DMARC1; p=none\"\n"
            "_dmarc.test TXT \"v=DMARC1; p=none; psd=y\"\n");
    assert_organization(f, "a.mail.example.com", "example.com");
    assert_organization(f, "a.mail.example.net", "mail.example.net");
    assert_organization(f, "a.mail.example.test", "example.test");
    assert_organization(f, "test", "test");
    struct bytes out;
    assert_int_equal(dmarc_organizational_domain(zone_dns(f->zone), f->arena, BYTES("a..b"),
                                                 DMARC_TREE_WALK, INT64_MAX, &out),
                     PERM);
    zone(f, "_dmarc.com FAIL\n");
    assert_int_equal(dmarc_organizational_domain(zone_dns(f->zone), f->arena, BYTES("example.com"),
                                                 DMARC_TREE_WALK, INT64_MAX, &out),
                     TEMP);
}

static void a_suffix_far_below_a_long_name_counts_its_labels_rfc9989_4_10_2(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.4.5.6.7.8.9.10 TXT \"v=DMARC1; p=none; psd=y\"\n");
    assert_organization(f, "x.1.2.3.4.5.6.7.8.9.10", "3.4.5.6.7.8.9.10");
}

/* ---- RFC 7489 ---- */

static void the_suffix_list_decides_under_rfc7489_3_2(void **state)
{
    struct fixture *f = *state;
    f->request.mode = DMARC_SUFFIX_LIST;
    zone(f, "_dmarc.example.co.uk TXT \"v=DMARC1; p=reject; sp=quarantine; np=none; t=y; "
            "psd=n; pct=30\"\n"
            "_dmarc.co.uk TXT \"v=DMARC1; p=reject\"\n");
    spf(f, AUTH_PASS, "other.co.uk");
    expect_policy(f, "mail.example.co.uk", "quarantine");
    assert_int_equal(f->result.effective, DMARC_POLICY_QUARANTINE); /* t= is not known yet */
    assert_int_equal(f->result.record.percent, 30);
    assert_bytes(f->result.organizational_domain, "example.co.uk");
    assert_int_equal(f->result.step_count, 2);
    spf(f, AUTH_PASS, "a.b.example.co.uk");
    expect(f, "mail.example.co.uk", "pass");
    expect(f, "example.co.uk", "pass");
    expect(f, "another.co.uk", "none");
}

static void several_records_end_discovery_under_rfc7489_6_6_3(void **state)
{
    struct fixture *f = *state;
    f->request.mode = DMARC_SUFFIX_LIST;
    zone(f, "_dmarc.example.org TXT \"v=DMARC1; p=reject\"\n"
            "_dmarc.a.example.org TXT \"v=DMARC1; p=reject\"\n"
            "_dmarc.a.example.org TXT \"v=DMARC1; p=none\"\n");
    expect(f, "a.example.org", "none");
    expect_policy(f, "b.example.org", "reject");
}

static void pct_lowers_the_policy_of_the_rest_by_one_step_rfc7489_6_6_4(void **state)
{
    struct dmarc_result result = {.effective = DMARC_POLICY_REJECT, .percent = 30};
    unsigned rejected = 0;
    for (uint32_t chance = 0; chance < 100; chance++) {
        enum dmarc_policy policy = dmarc_sample(&result, chance);
        rejected += policy == DMARC_POLICY_REJECT;
        assert_true(policy >= DMARC_POLICY_QUARANTINE);
    }
    assert_int_equal(rejected, 30);
    assert_int_equal(dmarc_sample(&result, 29), DMARC_POLICY_REJECT);
    assert_int_equal(dmarc_sample(&result, 30), DMARC_POLICY_QUARANTINE);
    result.effective = DMARC_POLICY_QUARANTINE;
    assert_int_equal(dmarc_sample(&result, 29), DMARC_POLICY_QUARANTINE);
    assert_int_equal(dmarc_sample(&result, 99), DMARC_POLICY_NONE);
    result.effective = DMARC_POLICY_NONE;
    assert_int_equal(dmarc_sample(&result, 99), DMARC_POLICY_NONE);
    result = (struct dmarc_result){.effective = DMARC_POLICY_REJECT, .percent = 0};
    assert_int_equal(dmarc_sample(&result, 0), DMARC_POLICY_QUARANTINE);
    result.percent = 100;
    assert_int_equal(dmarc_sample(&result, 99), DMARC_POLICY_REJECT);
}

static void each_generation_has_its_own_tags_rfc9989_4_7(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.example.org TXT \"v=DMARC1; p=reject; pct=7; ri=60; rf=x; np=none; t=y\"\n");
    expect_policy(f, "absent.example.org", "none");
    assert_int_equal(f->result.percent, 100);
    assert_int_equal(f->result.record.interval, 86400);
    assert_true(f->result.record.wants_afrf);
    f->request.mode = DMARC_SUFFIX_LIST;
    expect_policy(f, "absent.example.org", "reject");
    assert_int_equal(f->result.effective, DMARC_POLICY_REJECT);
    assert_int_equal(f->result.percent, 7);
    assert_int_equal(f->result.record.interval, 60);
    assert_false(f->result.record.wants_afrf);
    assert_int_equal(f->result.organization_source, DMARC_ORGANIZATION_LIST);
    expect(f, "org", "none");
    assert_int_equal(f->result.organization_source, DMARC_ORGANIZATION_SUFFIX);
}

static void an_exhausted_arena_never_makes_a_fail(void **state)
{
    struct fixture *f = *state;
    zone(f, "_dmarc.example.org TXT \"v=DMARC1; p=reject\"\n");
    spf(f, AUTH_PASS, "mail.example.org");
    f->request.author_domain = BYTES("news.example.org");
    for (size_t cap = 64; cap < 16384; cap += 64) {
        struct arena *small = arena_create(cap);
        dmarc_check(zone_dns(f->zone), small, &f->request, &f->result);
        assert_true(f->result.result == AUTH_PASS || f->result.result == AUTH_TEMPERROR);
        arena_destroy(small);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_record_anywhere_is_none_rfc9989_4_10_1),
        TEST(the_author_domains_own_record_comes_first_rfc9989_4_10_1),
        TEST(otherwise_that_of_the_organizational_domain_rfc9989_4_10_1),
        TEST(otherwise_that_of_the_public_suffix_rfc9989_4_10_1),
        TEST(a_public_suffix_says_nothing_where_the_organization_speaks_rfc9989_4_10_1),
        TEST(np_is_for_names_that_do_not_exist_rfc9989_3_2_13),
        TEST(records_of_other_kinds_do_not_count_and_several_are_none_rfc9989_4_10),
        TEST(an_unusable_record_is_a_permanent_error_and_hides_what_is_above),
        TEST(a_walk_asks_at_most_eight_questions_rfc9989_4_10),
        TEST(psd_ends_the_walk_rfc9989_4_10),
        TEST(dns_failures_are_temporary_errors_rfc9989_5_3_6),
        TEST(t_lowers_the_policy_by_one_step_rfc9989_4_7),
        TEST(the_source_of_a_policy_is_told_rfc9989_4_10_1),
        TEST(discovery_needs_no_message_rfc9989_4_10_1),
        TEST(what_became_of_each_identifier_is_told_rfc9989_5_3_4),
        TEST(a_signature_of_a_key_in_testing_is_no_identifier_rfc6376_3_6_1),
        TEST(relaxed_alignment_is_a_common_organizational_domain_rfc9989_4_10_2),
        TEST(strict_alignment_is_the_same_name_rfc9989_4_4),
        TEST(only_pass_makes_an_identifier_rfc9989_4_3),
        TEST(each_identifier_has_its_own_organizational_domain_rfc9989_4_10_2),
        TEST(a_strangers_broken_dns_cannot_turn_a_forgery_into_a_temporary_error),
        TEST(a_method_that_failed_temporarily_leaves_it_open_rfc9989_5_3_6),
        TEST(case_dots_and_u_labels_do_not_matter_rfc9989_5_3_1),
        TEST(what_is_no_domain_is_never_aligned),
        TEST(names_are_asked_once_however_many_walks_cross_them),
        TEST(the_organization_is_not_looked_for_where_nothing_needs_it_rfc9989_4_10_2),
        TEST(the_examples_of_the_rfc_come_out_as_it_says_rfc9989_4_10_2),
        TEST(a_suffix_far_below_a_long_name_counts_its_labels_rfc9989_4_10_2),
        TEST(the_suffix_list_decides_under_rfc7489_3_2),
        TEST(several_records_end_discovery_under_rfc7489_6_6_3),
        TEST(pct_lowers_the_policy_of_the_rest_by_one_step_rfc7489_6_6_4),
        TEST(each_generation_has_its_own_tags_rfc9989_4_7),
        TEST(an_exhausted_arena_never_makes_a_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
