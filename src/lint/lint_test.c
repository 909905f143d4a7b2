/* SPDX-License-Identifier: BSD-2-Clause */
#include "lint/lint.h"

#include "lint/lint_report.h"
#include "lint/zone_fixture.h"

#define ED25519_KEY "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define RSA_KEY                                                                                    \
    "v=DKIM1; p="                                                                                  \
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAoW2oiEV2hMZg1ze0abaCJyzWVmF1Tol0f1zw"             \
    "wfe/mX/xtfKXpz6jl1aCkm1Ox9DZ79ocF2poJKoxkWLv73dwgJrOh5iLPOzovYrxz5WFtEBV1WK/jhiS"             \
    "gs09lnzgBvtUA7B0V/xwNI/VPqqnwHfAgx5CqEXjK1YBd/oPYkNoxnr1yA/vf0Dpw+/TRJ+sXX9OqskF"             \
    "EEMXL5oUIr1SKE9NezZ3gS1duCUIUGyf0IDcgCCBnd2lMljA2uC27a1tLbqULYkxdvWtkGf8hVO/DMgf"             \
    "/ElUuwlAmHjRja/MjwovrZU5bi5H3xasbz6lqMAHnmlK4neN8czGK81wq3fAx41ShwIDAQAB"                    

static const char zone_text[] =
    "both.example MX 0 .\nboth.example MX 10 mx.both.example\nmx.both.example A 9.9.9.1\n"
    "web.example A 9.9.9.2\nweb.example TXT \"v=spf1 a -all\"\n"
    "_dmarc.web.example TXT \"v=DMARC1; p=reject\"\n_dmarc.web.example TXT \"v=DMARC1; p=none\"\n"
    "weak.example MX 10 mx.weak.example\nmx.weak.example A 9.9.9.3\n"
    "weak.example TXT \"v=spf1 ip4:9.9.9.3\"\n"
    "weak.example TXT \"spf2.0/pra -all\"\nweak.example TXT \"spf2.0/mfrom,pra ?all\"\n"
    "_dmarc.weak.example TXT \"v=DMARC1; p=reject; sp=none; t=y; rua=mailto:a@weak.example\"\n"
    "_25._tcp.mx.weak.example TLSA 03010100112233445566778899aabbccddeeff"
    "00112233445566778899aabbccddeeff\n"
    "sub.weak.example MX 10 mx.weak.example\n"
    "evil.example TXT \"v=spf1 \\027[2Jx -all\"\n"
    "evil.example A 9.9.9.4\n"
    "keys.example A 9.9.9.5\nedonly.example A 9.9.9.6\n"
    "ed1._domainkey.keys.example TXT \"" ED25519_KEY "\"\n"
    "rsa1._domainkey.keys.example TXT \"" RSA_KEY "\"\n"
    "ed25519._domainkey.edonly.example TXT \"" ED25519_KEY "\"\n"
    "above.refused A 9.9.9.7\n_dmarc.refused FAIL\n"
    "_dmarc.above.refused TXT \"v=DMARC1; p=reject; sp=none; rua=mailto:r@other.example\"\n"
    "weird.example A 9.9.9.8\n"
    "_dmarc.weird.example TXT \"v=DMARC1; p=rejct; rua=dmarc@weird.example; pct=50\"\n"
    "shut.example A 9.9.9.9\nshut.example TXT \"v=spf1 -all\"\n";

struct scene {
    struct lint lint;
    struct lint_request request;
};

static int set_up(void **state)
{
    static struct scene scene;
    scene = (struct scene){0};
    open_zone(zone_text);
    *state = &scene;
    return 0;
}

static void run(void *argument)
{
    struct scene *scene = argument;
    scene->request.deadline = loop_deadline(10 * SECOND);
    lint_run(&scene->lint, zone_dns(zone), arena, &scene->request);
}

static void lint_domain(struct scene *scene, const char *domain)
{
    scene->request.domain = bytes_of(domain);
    loop_run(loop, run, scene);
}

/* The severity of the finding of the topic that holds the words; -1: there is none. */
static int severity_of(const struct scene *scene, enum lint_topic topic, const char *words)
{
    const struct section *section = &scene->lint.sections[topic];
    for (size_t i = 0; i < section->finding_count; i++)
        if (bytes_find(section->findings[i].text, bytes_of(words)) != BYTES_NOT_FOUND)
            return (int)section->findings[i].severity;
    return -1;
}

static void a_null_mx_stands_alone_rfc7505_3(void **state)
{
    struct scene *scene = *state;
    lint_domain(scene, "both.example");
    assert_int_equal(severity_of(scene, LINT_MX, "beside other MX records"), SEVERITY_ERROR);
}

static void without_mx_the_address_takes_mail_rfc5321_5_1(void **state)
{
    struct scene *scene = *state;
    lint_domain(scene, "web.example");
    assert_int_equal(severity_of(scene, LINT_MX, "no MX record"), SEVERITY_WARNING);
}

static void several_dmarc_records_are_none_rfc9989_4_10(void **state)
{
    struct scene *scene = *state;
    lint_domain(scene, "web.example");
    assert_int_equal(severity_of(scene, LINT_DMARC, "several DMARC records"), SEVERITY_ERROR);
}

static void weak_policies_are_found(void **state)
{
    struct scene *scene = *state;
    lint_domain(scene, "weak.example");
    assert_int_equal(severity_of(scene, LINT_DMARC, "sp=none"), SEVERITY_WARNING);
    assert_int_equal(severity_of(scene, LINT_DMARC, "t=y"), SEVERITY_WARNING);
    assert_int_equal(severity_of(scene, LINT_SPF, "no end"), SEVERITY_WARNING);
    assert_int_equal(severity_of(scene, LINT_SENDER_ID, "the same scope"), SEVERITY_ERROR);
    assert_int_equal(severity_of(scene, LINT_REVERSE, "has no name (PTR)"), SEVERITY_WARNING);
    /* A subdomain has the policy of sp=. */
    lint_domain(scene, "sub.weak.example");
    assert_int_equal(severity_of(scene, LINT_DMARC, "The policy is none"), SEVERITY_WARNING);
}

static void what_the_administrator_named_does_send(void **state)
{
    struct scene *scene = *state;
    static const uint8_t octets[4] = {9, 9, 9, 3};
    struct ip ip = ip_from_v4(octets);
    scene->request.addresses = &ip;
    scene->request.address_count = 1;
    lint_domain(scene, "weak.example");
    assert_int_equal(severity_of(scene, LINT_REVERSE, "has no name (PTR)"), SEVERITY_ERROR);
    scene->request.address_count = 0;
}

static void tlsa_records_count_only_when_signed_rfc7672_2_2(void **state)
{
    struct scene *scene = *state;
    lint_domain(scene, "weak.example");
    assert_int_equal(severity_of(scene, LINT_TLSA, "signed by DNSSEC"), SEVERITY_WARNING);
    zone_set_authenticated(zone, true);
    lint_domain(scene, "weak.example");
    assert_int_equal(severity_of(scene, LINT_TLSA, "signed by DNSSEC"), -1);
    assert_int_equal(severity_of(scene, LINT_TLSA, "Every MX host has"), SEVERITY_FINE);
}

static void nothing_of_a_record_reaches_the_terminal_raw(void **state)
{
    struct scene *scene = *state;
    struct buf out;
    buf_init(&out, 1 << 22);
    lint_domain(scene, "evil.example");
    lint_write_text(&out, &scene->lint, false);
    assert_true(bytes_find(buf_bytes(&out), BYTES("v=spf1 ?[2Jx -all")) != BYTES_NOT_FOUND);
    assert_true(bytes_find_byte(buf_bytes(&out), 27) == BYTES_NOT_FOUND);
    buf_free(&out);
}

static void failures_are_counted_and_nothing_is_claimed(void **state)
{
    struct scene *scene = *state;
    zone_add_failure(zone, BYTES("web.example"), 0);
    lint_domain(scene, "web.example");
    assert_true(lint_failures(&scene->lint) > 0);
    assert_int_equal(severity_of(scene, LINT_MX, "no MX record"), -1);
    assert_int_equal(severity_of(scene, LINT_SPF, "no SPF record"), -1);
}

static void an_rsa_key_anywhere_makes_up_for_ed25519_rfc8463_3(void **state)
{
    struct scene *scene = *state;
    static const struct bytes both[] = {BYTES_INIT("ed1"), BYTES_INIT("rsa1")};
    scene->request.selectors = both;
    scene->request.selector_count = 2;
    lint_domain(scene, "keys.example");
    assert_int_equal(severity_of(scene, LINT_DKIM, "Ed25519"), -1);
    scene->request.selector_count = 1;
    lint_domain(scene, "keys.example");
    assert_int_equal(severity_of(scene, LINT_DKIM, "Ed25519"), SEVERITY_ADVICE);
    scene->request.selector_count = 0;
    lint_domain(scene, "edonly.example");
    assert_int_equal(severity_of(scene, LINT_DKIM, "Ed25519"), SEVERITY_ADVICE);
}

static void the_keys_of_this_host_are_looked_at(void **state)
{
    struct scene *scene = *state;
    static const struct lint_selector local[] = {{BYTES_INIT("rsa1"), true},
                                                 {BYTES_INIT("absent"), true},
                                                 {BYTES_INIT("unpublished"), false}};
    scene->request.local_selectors = local;
    scene->request.local_selector_count = 3;
    lint_domain(scene, "keys.example");
    assert_int_equal(severity_of(scene, LINT_DKIM, "this host signs with it"), SEVERITY_ERROR);
    assert_int_equal(severity_of(scene, LINT_DKIM, "No key was found"), -1);
    assert_int_equal(scene->lint.sections[LINT_DKIM].finding_count, 1);
}

static void a_record_of_the_domain_counts_whatever_fails_above_it(void **state)
{
    struct scene *scene = *state;
    lint_domain(scene, "above.refused");
    const struct section *section = &scene->lint.sections[LINT_DMARC];
    bool named = false;
    for (size_t i = 0; i < section->finding_count; i++)
        named |= bytes_is(section->findings[i].subject, "_dmarc.refused");
    assert_true(named);
    assert_int_equal(severity_of(scene, LINT_DMARC, "sp=none"), SEVERITY_WARNING);
    /* Whether it is the same organization is not known. */
    assert_int_equal(severity_of(scene, LINT_DMARC, "has not agreed"), -1);
    assert_int_equal(severity_of(scene, LINT_DMARC, "There is no DMARC record"), -1);
    assert_true(lint_failures(&scene->lint) > 0);
}

static void every_finding_about_a_record_has_the_same_correction(void **state)
{
    struct scene *scene = *state;
    lint_domain(scene, "weird.example");
    const struct section *section = &scene->lint.sections[LINT_DMARC];
    assert_true(section->finding_count >= 4);
    for (size_t i = 0; i < section->finding_count; i++)
        assert_true(bytes_is(section->findings[i].fix,
                             "_dmarc.weird.example. IN TXT \"v=DMARC1; p=reject; "
                             "rua=mailto:dmarc@weird.example\""));
}

/* A resolver that cannot be reached. */
static const struct dns_answer *no_answer(struct dns *dns, struct arena *memory, struct bytes name,
                                          enum dns_type type, int64_t deadline)
{
    static const struct dns_answer failed = {.status = DNS_FAILED, .problem = "connection refused"};
    return &failed;
}

static void run_alone(void *argument)
{
    struct scene *scene = argument;
    struct dns silent = {.query = no_answer};
    scene->request.deadline = loop_deadline(10 * SECOND);
    lint_run(&scene->lint, &silent, arena, &scene->request);
}

static size_t count_findings(const struct scene *scene)
{
    size_t count = 0;
    for (size_t i = 0; i < LINT_TOPICS; i++)
        count += scene->lint.sections[i].finding_count;
    return count;
}

static void a_resolver_that_does_not_answer_is_told_once(void **state)
{
    struct scene *scene = *state;
    scene->request.domain = BYTES("web.example");
    loop_run(loop, run_alone, scene);
    assert_int_equal(severity_of(scene, LINT_MX, "resolver answered none"), SEVERITY_WARNING);
    assert_int_equal(count_findings(scene), 1);
    assert_true(lint_failures(&scene->lint) > 0);
}

static void of_a_domain_that_does_not_exist_that_is_all(void **state)
{
    struct scene *scene = *state;
    lint_domain(scene, "nothing.example");
    assert_int_equal(severity_of(scene, LINT_MX, "does not exist"), SEVERITY_ERROR);
    assert_int_equal(count_findings(scene), 1);
}

static void one_name_that_fails_is_told_once(void **state)
{
    struct scene *scene = *state;
    zone_add_failure(zone, BYTES("weak.example"), DNS_TXT);
    lint_domain(scene, "weak.example");
    size_t count = 0;
    for (size_t i = 0; i < LINT_TOPICS; i++)
        for (size_t j = 0; j < scene->lint.sections[i].finding_count; j++)
            count += scene->lint.sections[i].findings[j].dns_failure;
    assert_int_equal(count, 1);
    assert_true(lint_failures(&scene->lint) > 1);
}

static void nothing_that_sends_needs_no_opting_out_rfc4406_3_4(void **state)
{
    struct scene *scene = *state;
    lint_domain(scene, "shut.example");
    assert_int_equal(severity_of(scene, LINT_SENDER_ID, "opts out"), -1);
    lint_domain(scene, "web.example");
    assert_int_equal(severity_of(scene, LINT_SENDER_ID, "opts out"), SEVERITY_ADVICE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_null_mx_stands_alone_rfc7505_3, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_mx_the_address_takes_mail_rfc5321_5_1, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(several_dmarc_records_are_none_rfc9989_4_10, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(weak_policies_are_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_administrator_named_does_send, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tlsa_records_count_only_when_signed_rfc7672_2_2, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nothing_of_a_record_reaches_the_terminal_raw, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_rsa_key_anywhere_makes_up_for_ed25519_rfc8463_3, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_keys_of_this_host_are_looked_at, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_record_of_the_domain_counts_whatever_fails_above_it,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_finding_about_a_record_has_the_same_correction,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_resolver_that_does_not_answer_is_told_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(of_a_domain_that_does_not_exist_that_is_all, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(one_name_that_fails_is_told_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_that_sends_needs_no_opting_out_rfc4406_3_4, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(failures_are_counted_and_nothing_is_claimed, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
