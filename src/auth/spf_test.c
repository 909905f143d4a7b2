/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/spf.h"

#include "base/clock.h"
#include "dns/zone.h"
#include "fiber/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_bytes(struct bytes got, const char *expected)
{
    if (!bytes_is(got, expected))
        fail_msg("\"" BYTES_FMT "\" is not \"%s\"", BYTES_ARG(got), expected);
}

static void assert_contains(struct bytes got, const char *part)
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

static int set_up(void **state)
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

static int tear_down(void **state)
{
    struct fixture *f = *state;
    zone_destroy(f->zone);
    arena_destroy(f->arena);
    return 0;
}

static void add(struct fixture *f, const char *text)
{
    struct error error;
    if (zone_load(f->zone, bytes_of(text), &error) != OK)
        fail_msg("%s", error.text);
}

/* Gives d.example this record. */
static void publish(struct fixture *f, const char *record)
{
    if (!zone_add(f->zone, BYTES("d.example"), DNS_TXT, 300, bytes_of(record)))
        fail_msg("bad record");
}

static enum auth_result check(struct fixture *f, const char *ip)
{
    assert_true(ip_parse(bytes_of(ip), &f->request.ip));
    spf_check_mail_from(zone_dns(f->zone), f->arena, &f->request, &f->result);
    return f->result.result;
}

static void expect(struct fixture *f, const char *ip, enum auth_result expected)
{
    enum auth_result got = check(f, ip);
    if (got != expected)
        fail_msg("%s: %s (" BYTES_FMT "), expected %s", ip, auth_result_name(got),
                 BYTES_ARG(f->result.problem), auth_result_name(expected));
}

/* ---- Domains and records ---- */

static void what_is_no_domain_name_gives_none_rfc7208_4_3(void **state)
{
    struct fixture *f = *state;
    static const char *const senders[] = {
        "a@localhost", "a@", "a@.", "a@d..example", "a@.d.example", "a@[192.0.2.1]",
        "a@192.0.2.1", "a@d.example:25", "a@d .example", "no-at-sign", "@", "a@d.\x80xample",
        "a@a123456789012345678901234567890123456789012345678901234567890123.example",
    };
    for (size_t i = 0; i < countof(senders); i++) {
        f->request.sender = bytes_of(senders[i]);
        expect(f, "192.0.2.1", AUTH_NONE);
        assert_true(f->result.problem.len);
        assert_int_equal(f->result.record.len, 0);
        assert_int_equal(f->result.mechanism.len, 0);
    }
    assert_int_equal(zone_question_count(f->zone), 0);
}

static void odd_but_legal_names_are_asked_rfc7208_4_3(void **state)
{
    struct fixture *f = *state;
    add(f, "_x-.-y.example TXT \"v=spf1 +all\"\n");
    f->request.sender = BYTES("a@_X-.-Y.Example.");
    expect(f, "192.0.2.1", AUTH_PASS);
    assert_bytes(f->result.domain, "_X-.-Y.Example");
}

static void the_domain_follows_the_last_at_sign(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 exists:%{l}.%{o} -all");
    add(f, "\\\"a\\@b\\\".d.example A 127.0.0.2\n");
    f->request.sender = BYTES("\"a@b\"@d.example");
    check(f, "192.0.2.1");
    assert_bytes(f->result.domain, "d.example");
}

static void unicode_domains_are_asked_as_a_labels_rfc7208_4_3(void **state)
{
    struct fixture *f = *state;
    add(f, "xn--bcher-kva.example TXT \"v=spf1 exists:%{o}.ok.example -all\"\n"
           "xn--bcher-kva.example.ok.example A 127.0.0.2\n");
    f->request.sender = BYTES("a@b\xc3\xbc" "cher.example");
    expect(f, "192.0.2.1", AUTH_PASS);
    assert_bytes(f->result.domain, "xn--bcher-kva.example");
}

static void a_local_part_in_utf8_matches_nothing(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 exists:%{l}.d.example ~all");
    f->request.sender = BYTES("\xc3\xbc@d.example");
    expect(f, "192.0.2.1", AUTH_SOFTFAIL);
    assert_int_equal(zone_question_count(f->zone), 1);
}

static void missing_records_give_none_rfc7208_4_5(void **state)
{
    struct fixture *f = *state;
    expect(f, "192.0.2.1", AUTH_NONE);
    assert_contains(f->result.problem, "does not exist");
    publish(f, "v=spf10 +all");
    publish(f, "something else \xff");
    publish(f, "v=spf2 +all");
    expect(f, "192.0.2.1", AUTH_NONE);
    assert_contains(f->result.problem, "no SPF record");
}

static void several_records_are_an_error_rfc7208_4_5(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 +all");
    publish(f, "V=SPF1");
    expect(f, "192.0.2.1", AUTH_PERMERROR);
    assert_contains(f->result.problem, "2 SPF records");
}

static void type_spf_is_not_asked_rfc7208_3_1(void **state)
{
    struct fixture *f = *state;
    add(f, "d.example SPF \"v=spf1 +all\"\n");
    expect(f, "192.0.2.1", AUTH_NONE);
    assert_int_equal(zone_question_count(f->zone), 1);
}

static void a_failing_dns_is_a_temporary_error_rfc7208_4_4(void **state)
{
    struct fixture *f = *state;
    zone_add_failure(f->zone, BYTES("d.example"), DNS_TXT);
    expect(f, "192.0.2.1", AUTH_TEMPERROR);
    assert_contains(f->result.problem, "d.example TXT");
}

static void syntax_errors_decide_before_any_evaluation_rfc7208_4_6(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 ip4:192.0.2.1 a mx -all moo");
    expect(f, "192.0.2.1", AUTH_PERMERROR);
    assert_bytes(f->result.mechanism, "moo");
    assert_contains(f->result.problem, "d.example: syntax error in \"moo\"");
    assert_int_equal(zone_question_count(f->zone), 1);
    assert_int_equal(f->result.terms, 0);
}

/* ---- Results ---- */

static void qualifiers_give_the_results_rfc7208_4_6_2(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 ip4:192.0.2.1 +ip4:192.0.2.2 -ip4:192.0.2.3 ~ip4:192.0.2.4 ?ip4:192.0.2.5");
    expect(f, "192.0.2.1", AUTH_PASS);
    assert_bytes(f->result.mechanism, "ip4:192.0.2.1");
    assert_bytes(f->result.problem, "");
    expect(f, "192.0.2.2", AUTH_PASS);
    expect(f, "192.0.2.3", AUTH_FAIL);
    assert_bytes(f->result.mechanism, "-ip4:192.0.2.3");
    assert_bytes(f->result.explanation, "");
    expect(f, "192.0.2.4", AUTH_SOFTFAIL);
    expect(f, "192.0.2.5", AUTH_NEUTRAL);
    assert_bytes(f->result.mechanism, "?ip4:192.0.2.5");
    expect(f, "192.0.2.6", AUTH_NEUTRAL); /* rfc7208:4.7 */
    assert_bytes(f->result.mechanism, "default");
    assert_contains(f->result.record, "v=spf1 ip4:192.0.2.1 ");
}

static void an_empty_record_is_neutral_rfc7208_4_7(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1");
    expect(f, "192.0.2.1", AUTH_NEUTRAL);
    assert_bytes(f->result.mechanism, "default");
}

static void without_an_address_there_is_no_result(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 +all");
    f->request.ip = (struct ip){0};
    spf_check_mail_from(zone_dns(f->zone), f->arena, &f->request, &f->result);
    assert_int_equal(f->result.result, AUTH_NONE);
    assert_contains(f->result.problem, "no IP address");
}

/* ---- Mechanisms ---- */

static void networks_match_by_their_leading_bits_rfc7208_5_6(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 ip4:192.0.2.77/27 ip4:10.0.0.0/9 ip6:2001:db8:ffff::/33 ip6:fe80::1 -all");
    expect(f, "192.0.2.64", AUTH_PASS);
    expect(f, "192.0.2.95", AUTH_PASS);
    expect(f, "192.0.2.96", AUTH_FAIL);
    expect(f, "192.0.2.63", AUTH_FAIL);
    expect(f, "10.127.255.255", AUTH_PASS);
    expect(f, "10.128.0.0", AUTH_FAIL);
    expect(f, "2001:db8:8000::1", AUTH_PASS);
    expect(f, "2001:db8:7fff::1", AUTH_FAIL);
    expect(f, "fe80::1", AUTH_PASS);
    expect(f, "fe80::2", AUTH_FAIL);
}

static void mapped_clients_are_ipv4_rfc7208_5(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 ip6:::/0 ip6:::ffff:192.0.2.1 ~ip4:192.0.2.1 -all");
    expect(f, "::ffff:192.0.2.1", AUTH_SOFTFAIL);
    expect(f, "192.0.2.1", AUTH_SOFTFAIL);
    expect(f, "2001:db8::1", AUTH_PASS);
    /* Also when the caller failed to turn it into IPv4. */
    f->request.ip = (struct ip){.family = 6, .octets = {[10] = 0xff, 0xff, 192, 0, 2, 1}};
    spf_check_mail_from(zone_dns(f->zone), f->arena, &f->request, &f->result);
    assert_int_equal(f->result.result, AUTH_SOFTFAIL);
}

static void addresses_are_of_the_clients_family_rfc7208_5_3(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 a a:two.example/24//64 -all");
    add(f, "d.example A 192.0.2.1\nd.example A 192.0.2.2\nd.example AAAA 2001:db8::1\n"
           "two.example A 198.51.100.1\ntwo.example AAAA 2001:db8:2::1\n");
    expect(f, "192.0.2.2", AUTH_PASS);
    assert_bytes(f->result.mechanism, "a");
    expect(f, "192.0.2.3", AUTH_FAIL);
    expect(f, "2001:db8::1", AUTH_PASS);
    expect(f, "2001:db8::2", AUTH_FAIL);
    expect(f, "198.51.100.255", AUTH_PASS);
    expect(f, "2001:db8:2::ffff", AUTH_PASS);
    expect(f, "2001:db8:2:1::1", AUTH_FAIL);
}

static void prefix_zero_needs_a_record_all_the_same_rfc7208_5_3(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 a:v6.example/0 -all");
    add(f, "v6.example AAAA 2001:db8::1\n");
    expect(f, "192.0.2.1", AUTH_FAIL);
    add(f, "v6.example A 203.0.113.9\n");
    expect(f, "192.0.2.1", AUTH_PASS);
}

static void mx_hosts_are_looked_up_and_nothing_is_implied_rfc7208_5_4(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 mx mx:null.example mx:implicit.example -all");
    add(f, "d.example MX 10 mx1.d.example\nd.example MX 20 mx2.d.example\n"
           "mx1.d.example A 192.0.2.1\nmx2.d.example A 192.0.2.2\nmx2.d.example AAAA 2001:db8::2\n"
           "null.example MX 0 .\nimplicit.example A 192.0.2.9\n");
    expect(f, "192.0.2.1", AUTH_PASS);
    expect(f, "192.0.2.2", AUTH_PASS);
    expect(f, "2001:db8::2", AUTH_PASS);
    expect(f, "192.0.2.9", AUTH_FAIL);
    assert_int_equal(f->result.terms, 3);
    assert_int_equal(f->result.void_lookups, 1);
}

static void exists_asks_for_a_even_for_ipv6_rfc7208_5_7(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 exists:six.example ~exists:four.example -all");
    add(f, "six.example AAAA 2001:db8::1\nfour.example A 203.0.113.9\n");
    expect(f, "2001:db8::1", AUTH_SOFTFAIL);
    expect(f, "192.0.2.1", AUTH_SOFTFAIL);
}

static void include_results_are_those_of_the_table_rfc7208_5_2(void **state)
{
    static const struct {
        const char *record;
        enum auth_result result;
    } cases[] = {
        {"v=spf1 +all", AUTH_FAIL},      {"v=spf1 -all", AUTH_SOFTFAIL},
        {"v=spf1 ~all", AUTH_SOFTFAIL},  {"v=spf1 ?all", AUTH_SOFTFAIL},
        {"v=spf1", AUTH_SOFTFAIL},       {"v=spf1 moo", AUTH_PERMERROR},
        {"no record", AUTH_PERMERROR},   {"v=spf1 a:dead.example", AUTH_TEMPERROR},
        {"v=spf1 redirect=none.example", AUTH_PERMERROR},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        struct fixture *f = *state;
        publish(f, "v=spf1 -include:i.example ~all");
        add(f, "dead.example FAIL\n");
        assert_true(zone_add(f->zone, BYTES("i.example"), DNS_TXT, 1, bytes_of(cases[i].record)));
        expect(f, "192.0.2.1", cases[i].result);
        assert_bytes(f->result.mechanism,
                     cases[i].result == AUTH_SOFTFAIL ? "~all" : "-include:i.example");
        tear_down(state);
        set_up(state);
    }
}

static void an_included_record_has_its_own_domain_and_the_same_sender_rfc7208_5_2(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 include:i.example exists:%{d}.%{o}.after.example -all");
    add(f, "i.example TXT \"v=spf1 exists:%{d}.%{o}.%{s}.inside.example -all\"\n"
           "d.example.d.example.after.example A 127.0.0.2\n");
    expect(f, "192.0.2.1", AUTH_PASS);
    assert_bytes(f->result.mechanism, "exists:%{d}.%{o}.after.example");
}

static void ptr_needs_a_validated_name_within_the_target_rfc7208_5_5(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 ptr ptr:Other.Example -all");
    add(f, "1.2.0.192.in-addr.arpa PTR mail.bad-d.example\n"
           "1.2.0.192.in-addr.arpa PTR mail.d.example\nmail.d.example A 192.0.2.1\n"
           "mail.bad-d.example A 192.0.2.1\n"
           "2.2.0.192.in-addr.arpa PTR mail.d.example\n" /* does not lead back */
           "3.2.0.192.in-addr.arpa PTR mail.bad-d.example\n"
           "4.2.0.192.in-addr.arpa PTR other.example\nother.example A 192.0.2.4\n"
           "5.2.0.192.in-addr.arpa FAIL\n"
           "6.2.0.192.in-addr.arpa PTR lost.d.example\n6.2.0.192.in-addr.arpa PTR six.d.example\n"
           "lost.d.example FAIL\nsix.d.example A 192.0.2.6\n"
           "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR"
           " v6.d.example\nv6.d.example AAAA 2001:db8::1\n");
    expect(f, "192.0.2.1", AUTH_PASS);
    expect(f, "192.0.2.2", AUTH_FAIL);
    expect(f, "192.0.2.3", AUTH_FAIL);
    expect(f, "192.0.2.4", AUTH_PASS);
    assert_bytes(f->result.mechanism, "ptr:Other.Example");
    expect(f, "192.0.2.5", AUTH_FAIL); /* an error of the PTR question is no match */
    expect(f, "192.0.2.6", AUTH_PASS); /* an error of an address question skips the name */
    expect(f, "2001:db8::1", AUTH_PASS);
}

/* ---- Modifiers ---- */

static void redirect_changes_the_domain_rfc7208_6_1(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 redirect=%{l}.r.example ip4:192.0.2.1");
    add(f, "user.r.example TXT \"v=spf1 ?a redirect=s.example\"\nuser.r.example A 192.0.2.2\n"
           "s.example TXT \"v=spf1 exists:%{d}.%{o}.x.example ~all\"\n"
           "s.example.d.example.x.example A 127.0.0.2\n");
    expect(f, "192.0.2.1", AUTH_PASS);
    assert_int_equal(f->result.terms, 0);
    expect(f, "192.0.2.2", AUTH_NEUTRAL);
    assert_bytes(f->result.mechanism, "?a");
    expect(f, "192.0.2.3", AUTH_PASS);
    assert_int_equal(f->result.terms, 4);
    assert_bytes(f->result.domain, "d.example");
    assert_contains(f->result.record, "redirect=%{l}.r.example");
}

static void redirect_to_nothing_is_an_error_rfc7208_6_1(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 redirect=none.example");
    expect(f, "192.0.2.1", AUTH_PERMERROR);
    assert_bytes(f->result.mechanism, "redirect=none.example");
    f->request.sender = BYTES("user@e.example");
    add(f, "e.example TXT \"v=spf1 redirect=a..b.example\"\n");
    expect(f, "192.0.2.1", AUTH_PERMERROR);
    f->request.sender = BYTES("user@g.example");
    add(f, "g.example TXT \"v=spf1 redirect=%{d1}%%\"\n"); /* a single label */
    expect(f, "192.0.2.1", AUTH_PERMERROR);
}

static void redirect_is_ignored_beside_all_rfc7208_5_1(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 redirect=r.example ?all");
    add(f, "r.example FAIL\n");
    expect(f, "192.0.2.1", AUTH_NEUTRAL);
    assert_bytes(f->result.mechanism, "?all");
}

static void fail_is_explained_by_the_record_that_failed_rfc7208_6_2(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 include:i.example ip4:192.0.2.1 -ip4:192.0.2.2 exp=why.%{d} "
               "redirect=r.example");
    add(f, "i.example TXT \"v=spf1 -all exp=no.example\"\nno.example TXT \"wrong\"\n"
           "why.d.example TXT \"%{i} is not %{d}'s, %{r} at %{t}: http://%{d}/?%{S}\"\n"
           "r.example TXT \"v=spf1 -all exp=why.%{d}\"\nwhy.r.example TXT \"%{d} says \" \"no\"\n");
    expect(f, "192.0.2.2", AUTH_FAIL);
    assert_bytes(f->result.explanation,
                 "192.0.2.2 is not d.example's, mx.receiver.example at 1700000000: "
                 "http://d.example/?user%40d.example");
    expect(f, "192.0.2.3", AUTH_FAIL);
    assert_bytes(f->result.explanation, "r.example says no");
    expect(f, "192.0.2.1", AUTH_PASS);
    assert_bytes(f->result.explanation, "");
}

static void an_unusable_explanation_is_none_rfc7208_6_2(void **state)
{
    static const char *const zones[] = {
        "", "why.example FAIL\n", "why.example A 192.0.2.1\n",
        "why.example TXT \"one\"\nwhy.example TXT \"two\"\n", "why.example TXT \"%{x}\"\n",
        "why.example TXT \"caf\\195\\169\"\n", "why.example TXT \"a\\013\\010b\"\n",
        "why.example TXT \"100%\"\n", "why.example TXT \"\"\n",
    };
    for (size_t i = 0; i < countof(zones); i++) {
        struct fixture *f = *state;
        publish(f, "v=spf1 a:void1.example a:void2.example -all exp=why.example");
        add(f, zones[i]);
        expect(f, "192.0.2.1", AUTH_FAIL);
        assert_bytes(f->result.explanation, "");
        tear_down(state);
        set_up(state);
    }
}

static void explanations_are_printable_and_bounded_rfc7208_6_2(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 -all exp=why.example");
    add(f, "why.example TXT \"<%{h}> %{l}%{l}%{l}%{l}%{l}%{l}%{l}%{l}\"\n");
    f->request.helo = BYTES("x\r\n550 y\xff");
    char sender[120];
    memset(sender, 'a', sizeof(sender));
    memcpy(sender + 100, "@d.example", 11);
    f->request.sender = bytes_of(sender);
    expect(f, "192.0.2.1", AUTH_FAIL);
    assert_int_equal(f->result.explanation.len, SPF_EXPLANATION_MAX);
    assert_true(bytes_starts_with(f->result.explanation, BYTES("<x??550 y?> aaa")));
}

static void names_of_the_client_in_macros_are_validated_rfc7208_7_3(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 exp=why.example -all");
    add(f, "why.example TXT \"%{p}\"\n"
           "1.2.0.192.in-addr.arpa PTR far.example\n1.2.0.192.in-addr.arpa PTR liar.d.example\n"
           "1.2.0.192.in-addr.arpa PTR mail.d.example\n1.2.0.192.in-addr.arpa PTR d.example\n"
           "far.example A 192.0.2.1\nmail.d.example A 192.0.2.1\nd.example A 192.0.2.1\n"
           "2.2.0.192.in-addr.arpa PTR far2.example\n2.2.0.192.in-addr.arpa PTR liar.d.example\n"
           "2.2.0.192.in-addr.arpa PTR mail2.d.example\nfar2.example A 192.0.2.2\n"
           "mail2.d.example A 192.0.2.2\n"
           "3.2.0.192.in-addr.arpa PTR liar.d.example\n3.2.0.192.in-addr.arpa PTR far3.example\n"
           "far3.example A 192.0.2.3\n4.2.0.192.in-addr.arpa PTR liar.d.example\n"
           "5.2.0.192.in-addr.arpa FAIL\n");
    static const char *const expected[] = {"d.example", "mail2.d.example", "far3.example",
                                           "unknown",   "unknown",         "unknown"};
    for (size_t i = 0; i < countof(expected); i++) {
        char ip[16];
        snprintf(ip, sizeof(ip), "192.0.2.%zu", i + 1);
        expect(f, ip, AUTH_FAIL);
        assert_bytes(f->result.explanation, expected[i]);
        assert_int_equal(f->result.terms, 0);
    }
}

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
    static const char *const terms[] = {"a:found.example", "mx:found.example",
                                        "include:i.example"};
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
    publish(f, "v=spf1 a mx include:d.example -all");
    for (size_t cap = 64; cap < 4096; cap += 64) {
        struct arena *arena = arena_create(cap);
        assert_true(ip_parse(BYTES("192.0.2.1"), &f->request.ip));
        spf_check_mail_from(zone_dns(f->zone), arena, &f->request, &f->result);
        if (f->result.result != AUTH_PERMERROR)
            assert_int_equal(f->result.result, AUTH_TEMPERROR);
        arena_destroy(arena);
    }
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

/* ---- Identities (rfc7208:2.3, 2.4) ---- */

static void the_null_sender_is_postmaster_at_helo_rfc7208_2_4(void **state)
{
    struct fixture *f = *state;
    f->request.sender = BYTES("");
    add(f, "mail.client.example TXT \"v=spf1 exists:%{s}.%{l}.%{o}.%{h}.x.example -all\"\n"
           "postmaster\\@mail.client.example.postmaster.mail.client.example.mail.client.example"
           ".x.example A 127.0.0.2\n");
    expect(f, "192.0.2.1", AUTH_PASS);
    assert_bytes(f->result.domain, "mail.client.example");
    f->request.helo = BYTES("[192.0.2.1]");
    expect(f, "192.0.2.1", AUTH_NONE);
    f->request.helo = BYTES("");
    expect(f, "192.0.2.1", AUTH_NONE);
}

static void an_empty_local_part_is_postmaster_rfc7208_4_3(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 -all exp=why.example");
    add(f, "why.example TXT \"%{l} %{s}\"\n");
    f->request.sender = BYTES("@d.example");
    expect(f, "192.0.2.1", AUTH_FAIL);
    assert_bytes(f->result.explanation, "postmaster postmaster@d.example");
}

static void helo_is_checked_by_itself_rfc7208_2_3(void **state)
{
    static const char *const no_names[] = {"", "localhost", "[192.0.2.1]", "192.0.2.1", "a@b.example",
                                           "[IPv6:2001:db8::1]", "bad name.example", "a..b"};
    struct fixture *f = *state;
    publish(f, "v=spf1 +all");
    add(f, "mail.client.example TXT \"v=spf1 a -all exp=why.example\"\n"
           "mail.client.example A 192.0.2.1\nwhy.example TXT \"%{s} %{d} %{h}\"\n");
    assert_true(ip_parse(BYTES("192.0.2.1"), &f->request.ip));
    spf_check_helo(zone_dns(f->zone), f->arena, &f->request, &f->result);
    assert_int_equal(f->result.result, AUTH_PASS);
    assert_bytes(f->result.domain, "mail.client.example");
    assert_true(ip_parse(BYTES("192.0.2.2"), &f->request.ip));
    spf_check_helo(zone_dns(f->zone), f->arena, &f->request, &f->result);
    assert_int_equal(f->result.result, AUTH_FAIL);
    assert_bytes(f->result.explanation,
                 "postmaster@mail.client.example mail.client.example mail.client.example");
    size_t questions = zone_question_count(f->zone);
    for (size_t i = 0; i < countof(no_names); i++) {
        f->request.helo = bytes_of(no_names[i]);
        spf_check_helo(zone_dns(f->zone), f->arena, &f->request, &f->result);
        assert_int_equal(f->result.result, AUTH_NONE);
    }
    assert_int_equal(zone_question_count(f->zone), questions);
}

static void check_host_takes_another_domain_than_the_senders_rfc7208_4_1(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 exists:%{o}.%{d}.x.example -all");
    add(f, "other.example.d.example.x.example A 127.0.0.2\n");
    assert_true(ip_parse(BYTES("192.0.2.1"), &f->request.ip));
    spf_check_host(zone_dns(f->zone), f->arena, &f->request, BYTES("d.example"),
                   BYTES("a@other.example"), &f->result);
    assert_int_equal(f->result.result, AUTH_PASS);
}

/* ---- Trace ---- */

static void assert_step(const struct fixture *f, size_t index, unsigned depth, const char *term,
                        const char *name, const char *found, enum spf_step_outcome outcome)
{
    assert_true(index < f->result.step_count);
    const struct spf_step *step = &f->result.steps[index];
    assert_int_equal(step->depth, depth);
    assert_bytes(step->term, term);
    assert_bytes(step->name, name);
    assert_bytes(step->found, found);
    assert_int_equal(step->outcome, outcome);
}

static void a_trace_shows_each_step_in_order(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 ip4:203.0.113.1 include:i.example mx redirect=r.example");
    add(f, "i.example TXT \"v=spf1 a:%{d} -all\"\ni.example A 203.0.113.1\ni.example A 203.0.113.2\n"
           "r.example TXT \"v=spf1 -all exp=why.example\"\nwhy.example TXT \"No.\"\n");
    f->request.trace = true;
    expect(f, "192.0.2.1", AUTH_FAIL);
    assert_int_equal(f->result.step_count, 11);
    assert_int_equal(f->result.steps_omitted, 0);
    assert_step(f, 0, 0, "", "d.example",
                "v=spf1 ip4:203.0.113.1 include:i.example mx redirect=r.example", SPF_STEP_NONE);
    assert_step(f, 1, 0, "ip4:203.0.113.1", "", "", SPF_STEP_NO_MATCH);
    assert_step(f, 2, 0, "include:i.example", "i.example", "fail", SPF_STEP_NO_MATCH);
    assert_step(f, 3, 1, "", "i.example", "v=spf1 a:%{d} -all", SPF_STEP_NONE);
    assert_step(f, 4, 1, "a:%{d}", "i.example", "203.0.113.1 203.0.113.2", SPF_STEP_NO_MATCH);
    assert_step(f, 5, 1, "-all", "", "", SPF_STEP_MATCH);
    assert_step(f, 6, 0, "mx", "d.example", "no such record", SPF_STEP_NO_MATCH);
    assert_step(f, 7, 0, "redirect=r.example", "r.example", "", SPF_STEP_NONE);
    assert_step(f, 8, 0, "", "r.example", "v=spf1 -all exp=why.example", SPF_STEP_NONE);
    assert_step(f, 9, 0, "-all", "", "", SPF_STEP_MATCH);
    assert_step(f, 10, 0, "exp=why.example", "why.example", "No.", SPF_STEP_NONE);
}

static void a_trace_shows_errors_and_explanations(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 include:i.example -all");
    f->request.trace = true;
    expect(f, "192.0.2.1", AUTH_PERMERROR);
    assert_int_equal(f->result.step_count, 3);
    assert_step(f, 1, 0, "include:i.example", "i.example", "none", SPF_STEP_PERMERROR);
    assert_step(f, 2, 1, "", "i.example", "the domain i.example does not exist", SPF_STEP_NONE);
    f->request.sender = BYTES("a@e.example");
    add(f, "e.example TXT \"v=spf1 -all exp=why.example\"\nwhy.example TXT \"No, %{l}.\"\n");
    expect(f, "192.0.2.1", AUTH_FAIL);
    assert_int_equal(f->result.step_count, 3);
    assert_step(f, 2, 0, "exp=why.example", "why.example", "No, a.", SPF_STEP_NONE);
    f->request.sender = BYTES("a@bad.example");
    add(f, "bad.example TXT \"v=spf1 moo\"\n");
    expect(f, "192.0.2.1", AUTH_PERMERROR);
    assert_step(f, 0, 0, "", "bad.example", "v=spf1 moo", SPF_STEP_PERMERROR);
}

static void a_trace_is_bounded_and_only_made_when_wanted(void **state)
{
    struct fixture *f = *state;
    char text[6000] = "v=spf1";
    for (size_t i = 0; i < 300; i++)
        memcpy(text + 6 + 14 * i, " ip4:192.0.2.1", 15);
    publish(f, text);
    expect(f, "192.0.2.2", AUTH_NEUTRAL);
    assert_null(f->result.steps);
    assert_int_equal(f->result.step_count, 0);
    f->request.trace = true;
    expect(f, "192.0.2.2", AUTH_NEUTRAL);
    assert_int_equal(f->result.step_count, SPF_STEPS_MAX);
    assert_int_equal(f->result.steps_omitted, 301 - SPF_STEPS_MAX);
}

#define case_of(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(what_is_no_domain_name_gives_none_rfc7208_4_3),
        case_of(odd_but_legal_names_are_asked_rfc7208_4_3),
        case_of(the_domain_follows_the_last_at_sign),
        case_of(unicode_domains_are_asked_as_a_labels_rfc7208_4_3),
        case_of(a_local_part_in_utf8_matches_nothing),
        case_of(missing_records_give_none_rfc7208_4_5),
        case_of(several_records_are_an_error_rfc7208_4_5),
        case_of(type_spf_is_not_asked_rfc7208_3_1),
        case_of(a_failing_dns_is_a_temporary_error_rfc7208_4_4),
        case_of(syntax_errors_decide_before_any_evaluation_rfc7208_4_6),
        case_of(qualifiers_give_the_results_rfc7208_4_6_2),
        case_of(an_empty_record_is_neutral_rfc7208_4_7),
        case_of(without_an_address_there_is_no_result),
        case_of(networks_match_by_their_leading_bits_rfc7208_5_6),
        case_of(mapped_clients_are_ipv4_rfc7208_5),
        case_of(addresses_are_of_the_clients_family_rfc7208_5_3),
        case_of(prefix_zero_needs_a_record_all_the_same_rfc7208_5_3),
        case_of(mx_hosts_are_looked_up_and_nothing_is_implied_rfc7208_5_4),
        case_of(exists_asks_for_a_even_for_ipv6_rfc7208_5_7),
        case_of(include_results_are_those_of_the_table_rfc7208_5_2),
        case_of(an_included_record_has_its_own_domain_and_the_same_sender_rfc7208_5_2),
        case_of(ptr_needs_a_validated_name_within_the_target_rfc7208_5_5),
        case_of(redirect_changes_the_domain_rfc7208_6_1),
        case_of(redirect_to_nothing_is_an_error_rfc7208_6_1),
        case_of(redirect_is_ignored_beside_all_rfc7208_5_1),
        case_of(fail_is_explained_by_the_record_that_failed_rfc7208_6_2),
        case_of(an_unusable_explanation_is_none_rfc7208_6_2),
        case_of(explanations_are_printable_and_bounded_rfc7208_6_2),
        case_of(names_of_the_client_in_macros_are_validated_rfc7208_7_3),
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
        case_of(the_null_sender_is_postmaster_at_helo_rfc7208_2_4),
        case_of(an_empty_local_part_is_postmaster_rfc7208_4_3),
        case_of(helo_is_checked_by_itself_rfc7208_2_3),
        case_of(check_host_takes_another_domain_than_the_senders_rfc7208_4_1),
        case_of(a_trace_shows_each_step_in_order),
        case_of(a_trace_shows_errors_and_explanations),
        case_of(a_trace_is_bounded_and_only_made_when_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
