/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/spf_fixture.h"

#include <stdio.h>
#include <string.h>

/* ---- Domains and records ---- */

static void what_is_no_domain_name_gives_none_rfc7208_4_3(void **state)
{
    struct fixture *f = *state;
    static const char *const senders[] = {
        "a@localhost",
        "a@",
        "a@.",
        "a@d..example",
        "a@.d.example",
        "a@[192.0.2.1]",
        "a@192.0.2.1",
        "a@d.example:25",
        "a@d .example",
        "no-at-sign",
        "@",
        "a@d.\x80xample",
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
    f->request.sender = BYTES("a@b\xc3\xbc"
                              "cher.example");
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
        {"v=spf1 +all", AUTH_FAIL},
        {"v=spf1 -all", AUTH_SOFTFAIL},
        {"v=spf1 ~all", AUTH_SOFTFAIL},
        {"v=spf1 ?all", AUTH_SOFTFAIL},
        {"v=spf1", AUTH_SOFTFAIL},
        {"v=spf1 moo", AUTH_PERMERROR},
        {"no record", AUTH_PERMERROR},
        {"v=spf1 a:dead.example", AUTH_TEMPERROR},
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
           "mail.bad-d.example A 192.0.2.1\nmail.bad-d.example A 192.0.2.3\n"
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
        "",
        "why.example FAIL\n",
        "why.example A 192.0.2.1\n",
        "why.example TXT \"one\"\nwhy.example TXT \"two\"\n",
        "why.example TXT \"%{x}\"\n",
        "why.example TXT \"caf\\195\\169\"\n",
        "why.example TXT \"a\\013\\010b\"\n",
        "why.example TXT \"100%\"\n",
        "why.example TXT \"\"\n",
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
    static const char *const no_names[] = {"",
                                           "localhost",
                                           "[192.0.2.1]",
                                           "192.0.2.1",
                                           "a@b.example",
                                           "[IPv6:2001:db8::1]",
                                           "bad name.example",
                                           "a..b"};
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
        case_of(the_null_sender_is_postmaster_at_helo_rfc7208_2_4),
        case_of(an_empty_local_part_is_postmaster_rfc7208_4_3),
        case_of(helo_is_checked_by_itself_rfc7208_2_3),
        case_of(check_host_takes_another_domain_than_the_senders_rfc7208_4_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
