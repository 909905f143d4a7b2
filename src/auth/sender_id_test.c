/* SPDX-License-Identifier: BSD-2-Clause */
/* What Sender ID adds to SPF's evaluation, which has tests of its own. */
#include "auth/sender_id.h"

#include "auth/spf_fixture.h"

static struct sender_id_result pra_of(struct fixture *f, const char *ip, const char *mailbox)
{
    struct sender_id_result result;
    assert_true(ip_parse(bytes_of(ip), &f->request.ip));
    sender_id_check(zone_dns(f->zone), f->arena, &f->request, SENDER_ID_PRA, bytes_of(mailbox),
                    &result);
    return result;
}

static struct sender_id_result mfrom_of(struct fixture *f, const char *ip, const char *mailbox)
{
    struct sender_id_result result;
    assert_true(ip_parse(bytes_of(ip), &f->request.ip));
    sender_id_check(zone_dns(f->zone), f->arena, &f->request, SENDER_ID_MFROM, bytes_of(mailbox),
                    &result);
    return result;
}

static void assert_result(struct sender_id_result got, enum auth_result expected)
{
    if (got.result != expected)
        fail_msg("%s (" BYTES_FMT "), expected %s", auth_result_name(got.result),
                 BYTES_ARG(got.problem), auth_result_name(expected));
}

static void each_scope_has_its_record_rfc4406_4_4(void **state)
{
    struct fixture *f = *state;
    publish(f, "spf2.0/pra ip4:192.0.2.1 -all");
    publish(f, "spf2.0/mfrom ip4:192.0.2.2 -all");
    publish(f, "v=spf1 ip4:192.0.2.3 -all");
    struct sender_id_result r = pra_of(f, "192.0.2.1", "a@d.example");
    assert_result(r, AUTH_PASS);
    assert_false(r.fell_back);
    assert_bytes(r.record, "spf2.0/pra ip4:192.0.2.1 -all");
    assert_bytes(r.domain, "d.example");
    assert_bytes(r.mechanism, "ip4:192.0.2.1");
    assert_result(mfrom_of(f, "192.0.2.1", "a@d.example"), AUTH_FAIL);
    assert_result(mfrom_of(f, "192.0.2.2", "a@d.example"), AUTH_PASS);
    /* SPF itself looks at neither. */
    f->request.sender = BYTES("a@d.example");
    expect(f, "192.0.2.1", AUTH_FAIL);
    expect(f, "192.0.2.3", AUTH_PASS);
}

static void v_spf1_stands_for_both_scopes_rfc4406_3_4(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 ip4:192.0.2.1 -all");
    struct sender_id_result r = pra_of(f, "192.0.2.1", "a@d.example");
    assert_result(r, AUTH_PASS);
    assert_true(r.fell_back);
    r = mfrom_of(f, "192.0.2.9", "a@d.example");
    assert_result(r, AUTH_FAIL);
    assert_true(r.fell_back);
}

static void a_domain_opts_out_of_the_pra_check_rfc4406_3_4(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 -all");
    publish(f, "spf2.0/pra ?all");
    struct sender_id_result r = pra_of(f, "192.0.2.1", "a@d.example");
    assert_result(r, AUTH_NEUTRAL);
    assert_bytes(r.mechanism, "?all");
    add(f, "e.example TXT \"v=spf1 -all\"\ne.example TXT \"spf2.0/pra\"\n");
    r = pra_of(f, "192.0.2.1", "a@e.example");
    assert_result(r, AUTH_NEUTRAL);
    assert_bytes(r.mechanism, "default");
    assert_result(mfrom_of(f, "192.0.2.1", "a@e.example"), AUTH_FAIL);
}

static void several_records_of_a_scope_are_an_error_rfc4406_4_4(void **state)
{
    struct fixture *f = *state;
    publish(f, "spf2.0/pra +all");
    publish(f, "spf2.0/mfrom,pra +all");
    struct sender_id_result r = pra_of(f, "192.0.2.1", "a@d.example");
    assert_result(r, AUTH_PERMERROR);
    assert_contains(r.problem, "2 spf2.0 records of one scope");
    assert_result(mfrom_of(f, "192.0.2.1", "a@d.example"), AUTH_PASS);
}

static void no_record_of_the_scope_is_none_rfc4406_4_4_step_5(void **state)
{
    struct fixture *f = *state;
    publish(f, "spf2.0/mfrom -all");
    struct sender_id_result r = pra_of(f, "192.0.2.1", "a@d.example");
    assert_result(r, AUTH_NONE);
    assert_contains(r.problem, "no Sender ID or SPF record");
    assert_false(r.fell_back);
    assert_int_equal(r.record.len, 0);
}

static void a_missing_domain_fails_the_pra_only_rfc4406_4_3(void **state)
{
    struct fixture *f = *state;
    struct sender_id_result r = pra_of(f, "192.0.2.1", "a@no.example");
    assert_result(r, AUTH_FAIL);
    assert_contains(r.problem, "does not exist");
    assert_int_equal(r.mechanism.len, 0);
    r = mfrom_of(f, "192.0.2.1", "a@no.example");
    assert_result(r, AUTH_NONE);
    assert_contains(r.problem, "does not exist");
    zone_add_name(f->zone, BYTES("there.example"));
    assert_result(pra_of(f, "192.0.2.1", "a@there.example"), AUTH_NONE);
    f->request.sender = BYTES("a@no.example");
    expect(f, "192.0.2.1", AUTH_NONE);
}

static void check_host_of_an_include_fails_for_a_missing_domain_rfc4406_4_3(void **state)
{
    struct fixture *f = *state;
    publish(f, "spf2.0/mfrom,pra include:no.example ?all");
    struct sender_id_result r = pra_of(f, "192.0.2.1", "a@d.example");
    assert_result(r, AUTH_NEUTRAL); /* the fail of an include is no match (rfc7208:5.2) */
    assert_int_equal(r.problem.len, 0);
    assert_result(mfrom_of(f, "192.0.2.1", "a@d.example"), AUTH_PERMERROR);
    add(f, "r.example TXT \"spf2.0/mfrom,pra redirect=no.example\"\n");
    r = pra_of(f, "192.0.2.1", "a@r.example");
    assert_result(r, AUTH_FAIL);
    assert_bytes(r.mechanism, "redirect=no.example");
    assert_contains(r.problem, "no.example does not exist");
    assert_result(mfrom_of(f, "192.0.2.1", "a@r.example"), AUTH_PERMERROR);
}

static void included_records_are_selected_by_scope_rfc4406_4_1(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 include:i.example -all");
    add(f, "i.example TXT \"spf2.0/pra ip4:192.0.2.1\"\n"
           "i.example TXT \"v=spf1 ip4:192.0.2.2\"\n");
    assert_result(pra_of(f, "192.0.2.1", "a@d.example"), AUTH_PASS);
    assert_result(pra_of(f, "192.0.2.2", "a@d.example"), AUTH_FAIL);
    assert_result(mfrom_of(f, "192.0.2.2", "a@d.example"), AUTH_PASS);
    add(f, "e.example TXT \"v=spf1 include:m.example -all\"\n"
           "m.example TXT \"spf2.0/mfrom +all\"\n");
    assert_result(pra_of(f, "192.0.2.1", "a@e.example"), AUTH_PERMERROR);
}

static void redirected_records_are_selected_by_scope_rfc4406_4_1(void **state)
{
    struct fixture *f = *state;
    publish(f, "spf2.0/pra redirect=i.example");
    add(f, "i.example TXT \"spf2.0/mfrom +all\"\ni.example TXT \"v=spf1 -all\"\n");
    struct sender_id_result r = pra_of(f, "192.0.2.1", "a@d.example");
    assert_result(r, AUTH_FAIL);
    assert_false(r.fell_back); /* which is said of the record chosen for the identity's domain */
    assert_bytes(r.record, "spf2.0/pra redirect=i.example");
}

static void redirect_and_exp_stand_anywhere_once_rfc4406_3_3(void **state)
{
    struct fixture *f = *state;
    publish(f, "spf2.0/pra exp=x.example unknown=1 ip4:192.0.2.1 unknown=2 unknown=3 -all");
    add(f, "x.example TXT \"no mail for %{s} from %{i}\"\n");
    struct sender_id_result r = pra_of(f, "192.0.2.9", "a@d.example");
    assert_result(r, AUTH_FAIL);
    assert_bytes(r.explanation, "no mail for a@d.example from 192.0.2.9");
    add(f, "e.example TXT \"spf2.0/pra exp=x.example exp=x.example -all\"\n"
           "g.example TXT \"spf2.0/pra redirect=x.example redirect=x.example\"\n");
    assert_result(pra_of(f, "192.0.2.9", "a@e.example"), AUTH_PERMERROR);
    assert_result(pra_of(f, "192.0.2.9", "a@g.example"), AUTH_PERMERROR);
}

static void the_limits_are_those_of_spf_rfc7208_4_6_4(void **state)
{
    struct fixture *f = *state;
    publish(f, "spf2.0/pra a:a.example a:a.example a:a.example a:a.example a:a.example a:a.example "
               "a:a.example a:a.example a:a.example a:a.example a:a.example -all");
    add(f, "a.example A 192.0.2.7\n");
    struct sender_id_result r = pra_of(f, "192.0.2.1", "a@d.example");
    assert_result(r, AUTH_PERMERROR);
    assert_int_equal(r.terms, 10);
    assert_contains(r.problem, "more than 10 terms");
}

static void dns_trouble_is_a_temporary_error_rfc4406_4_2(void **state)
{
    struct fixture *f = *state;
    zone_add_failure(f->zone, BYTES("d.example"), DNS_TXT);
    assert_result(pra_of(f, "192.0.2.1", "a@d.example"), AUTH_TEMPERROR);
}

static void without_an_address_there_is_nothing_to_check_rfc4406_4(void **state)
{
    struct fixture *f = *state;
    add(f, "mail.client.example TXT \"spf2.0/mfrom,pra exp=x.example -all\"\n"
           "x.example TXT \"not %{s}\"\n");
    struct sender_id_result r = pra_of(f, "192.0.2.1", "");
    assert_result(r, AUTH_NONE);
    assert_contains(r.problem, "no Purported Responsible Address");
    /* A null reverse-path is postmaster at the HELO name (rfc7208:2.4). */
    r = mfrom_of(f, "192.0.2.1", "");
    assert_result(r, AUTH_FAIL);
    assert_bytes(r.domain, "mail.client.example");
    assert_bytes(r.explanation, "not postmaster@mail.client.example");
    assert_result(pra_of(f, "192.0.2.1", "a@localhost"), AUTH_NONE);
    assert_result(pra_of(f, "192.0.2.1", "a@[192.0.2.1]"), AUTH_NONE);
}

static void at_signs_in_quotes_belong_to_the_local_part(void **state)
{
    struct fixture *f = *state;
    publish(f, "spf2.0/pra ip4:192.0.2.1 -all");
    assert_result(pra_of(f, "192.0.2.1", "\"a@b\"@d.example"), AUTH_PASS);
}

static void the_trace_shows_the_record_that_was_chosen(void **state)
{
    struct fixture *f = *state;
    publish(f, "v=spf1 +all");
    publish(f, "spf2.0/pra -all");
    f->request.trace = true;
    struct sender_id_result r = pra_of(f, "192.0.2.1", "a@d.example");
    assert_int_equal(r.step_count, 2);
    assert_bytes(r.steps[0].found, "spf2.0/pra -all");
    assert_bytes(r.steps[1].term, "-all");
    assert_string_equal(sender_id_scope_name(SENDER_ID_PRA), "pra");
    assert_string_equal(sender_id_scope_name(SENDER_ID_MFROM), "mfrom");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(each_scope_has_its_record_rfc4406_4_4),
        case_of(v_spf1_stands_for_both_scopes_rfc4406_3_4),
        case_of(a_domain_opts_out_of_the_pra_check_rfc4406_3_4),
        case_of(several_records_of_a_scope_are_an_error_rfc4406_4_4),
        case_of(no_record_of_the_scope_is_none_rfc4406_4_4_step_5),
        case_of(a_missing_domain_fails_the_pra_only_rfc4406_4_3),
        case_of(check_host_of_an_include_fails_for_a_missing_domain_rfc4406_4_3),
        case_of(included_records_are_selected_by_scope_rfc4406_4_1),
        case_of(redirected_records_are_selected_by_scope_rfc4406_4_1),
        case_of(redirect_and_exp_stand_anywhere_once_rfc4406_3_3),
        case_of(the_limits_are_those_of_spf_rfc7208_4_6_4),
        case_of(dns_trouble_is_a_temporary_error_rfc4406_4_2),
        case_of(without_an_address_there_is_nothing_to_check_rfc4406_4),
        case_of(at_signs_in_quotes_belong_to_the_local_part),
        case_of(the_trace_shows_the_record_that_was_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
