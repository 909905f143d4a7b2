/* SPDX-License-Identifier: BSD-2-Clause */
/* No standard describes the best guess; the rules are in spf.h. */
#include "auth/spf_fixture.h"

static void guess(struct fixture *f, const char *ip, enum auth_result expected)
{
    f->request.ip = (struct ip){0};
    if (ip[0])
        assert_true(ip_parse(bytes_of(ip), &f->request.ip));
    spf_check_guess(zone_dns(f->zone), f->arena, &f->request, &f->result);
    if (f->result.result != expected)
        fail_msg("%s: %s (" BYTES_FMT "), expected %s", ip, auth_result_name(f->result.result),
                 BYTES_ARG(f->result.problem), auth_result_name(expected));
}

static void neighbours_of_its_hosts_pass(void **state)
{
    struct fixture *f = *state;
    add(f, "d.example A 192.0.2.1\nd.example MX 10 mx.d.example\nmx.d.example A 198.51.100.1\n"
           "d.example AAAA 2001:db8::1\n");
    guess(f, "192.0.2.200", AUTH_PASS);
    assert_bytes(f->result.mechanism, "a/24");
    guess(f, "198.51.100.99", AUTH_PASS);
    assert_bytes(f->result.mechanism, "mx/24");
    guess(f, "192.0.3.1", AUTH_NEUTRAL);
    assert_bytes(f->result.mechanism, "default");
    assert_bytes(f->result.record, "v=spf1 a/24 mx/24 ptr");
    assert_bytes(f->result.domain, "d.example");
}

/* /24 is of IPv4; half the IPv6 Internet would be in such a network. */
static void ipv6_hosts_are_matched_whole(void **state)
{
    struct fixture *f = *state;
    add(f, "d.example AAAA 2001:db8::1\n");
    guess(f, "2001:db8::1", AUTH_PASS);
    guess(f, "2001:db8::2", AUTH_NEUTRAL);
}

static void hosts_with_a_confirmed_name_below_pass(void **state)
{
    struct fixture *f = *state;
    add(f, "d.example TXT other\n1.2.0.192.in-addr.arpa PTR dsl1.d.example\n"
           "dsl1.d.example A 192.0.2.1\n2.2.0.192.in-addr.arpa PTR liar.d.example\n"
           "liar.d.example A 192.0.2.77\n3.2.0.192.in-addr.arpa PTR not-d.example\n"
           "not-d.example A 192.0.2.3\n");
    guess(f, "192.0.2.1", AUTH_PASS);
    assert_bytes(f->result.mechanism, "ptr");
    guess(f, "192.0.2.2", AUTH_NEUTRAL);
    guess(f, "192.0.2.3", AUTH_NEUTRAL);
}

static void errors_of_the_guess_are_neutral(void **state)
{
    struct fixture *f = *state;
    /* a, mx and ptr find nothing: three void look-ups. */
    guess(f, "192.0.2.1", AUTH_NEUTRAL);
    assert_int_equal(f->result.problem.len, 0);
    for (int i = 0; i < 11; i++) {
        char host[] = "10 mx0.d.example";
        host[5] = (char)('a' + i);
        assert_true(zone_add(f->zone, BYTES("d.example"), DNS_MX, 60, bytes_of(host)));
    }
    guess(f, "192.0.2.1", AUTH_NEUTRAL);
}

static void a_failing_dns_stays_a_temporary_error(void **state)
{
    struct fixture *f = *state;
    add(f, "d.example A FAIL\n");
    guess(f, "192.0.2.1", AUTH_TEMPERROR);
    assert_true(f->result.problem.len);
}

static void no_guess_is_made_for_top_level_names(void **state)
{
    static const char *const names[] = {"user@com",   "user@com.",    "user@co.uk",
                                        "user@CO.UK", "user@example", "user@"};
    struct fixture *f = *state;
    add(f, "com A 192.0.2.1\nco.uk A 192.0.2.1\nexample A 192.0.2.1\n"
           "1.2.0.192.in-addr.arpa PTR a.co.uk\na.co.uk A 192.0.2.1\n");
    size_t before = zone_question_count(f->zone);
    for (size_t i = 0; i < countof(names); i++) {
        f->request.sender = bytes_of(names[i]);
        guess(f, "192.0.2.1", AUTH_NONE);
        assert_true(f->result.problem.len);
    }
    assert_int_equal(zone_question_count(f->zone), before);
}

static void the_null_sender_is_the_helo_name(void **state)
{
    struct fixture *f = *state;
    f->request.sender = BYTES("");
    add(f, "mail.client.example A 192.0.2.1\n");
    guess(f, "192.0.2.1", AUTH_PASS);
    assert_bytes(f->result.domain, "mail.client.example");
    f->request.helo = BYTES("[192.0.2.1]");
    guess(f, "192.0.2.1", AUTH_NONE);
}

static void unicode_domains_are_asked_as_a_labels(void **state)
{
    struct fixture *f = *state;
    f->request.sender = BYTES("a@b\xc3\xbc"
                              "cher.example");
    add(f, "xn--bcher-kva.example A 192.0.2.1\n");
    guess(f, "192.0.2.1", AUTH_PASS);
}

/* Nothing of the sender's is evaluated, whatever he publishes. */
static void the_published_text_is_not_asked_for(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 -all exp=why.example");
    add(f, "d.example A 192.0.2.1\nwhy.example TXT no\n");
    size_t before = zone_question_count(f->zone);
    guess(f, "192.0.2.1", AUTH_PASS);
    assert_int_equal(zone_question_count(f->zone), before + 1);
    assert_int_equal(f->result.explanation.len, 0);
}

static void without_an_address_there_is_no_guess(void **state)
{
    guess(*state, "", AUTH_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(neighbours_of_its_hosts_pass),
        case_of(ipv6_hosts_are_matched_whole),
        case_of(hosts_with_a_confirmed_name_below_pass),
        case_of(errors_of_the_guess_are_neutral),
        case_of(a_failing_dns_stays_a_temporary_error),
        case_of(no_guess_is_made_for_top_level_names),
        case_of(the_null_sender_is_the_helo_name),
        case_of(unicode_domains_are_asked_as_a_labels),
        case_of(the_published_text_is_not_asked_for),
        case_of(without_an_address_there_is_no_guess),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
