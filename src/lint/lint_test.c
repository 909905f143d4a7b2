/* SPDX-License-Identifier: BSD-2-Clause */
#include "lint/lint.h"

#include "lint/lint_report.h"
#include "lint/zone_fixture.h"

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
    "evil.example A 9.9.9.4\n";

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
        cmocka_unit_test_setup_teardown(failures_are_counted_and_nothing_is_claimed, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
