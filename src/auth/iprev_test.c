/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/iprev.h"

#include "base/clock.h"
#include "dns/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const char zone_text[] =
    "1.2.0.192.in-addr.arpa PTR Other.example\n"
    "1.2.0.192.in-addr.arpa PTR mail.example\n"
    "other.example A 192.0.2.99\n"
    "mail.example A 192.0.2.98\n"
    "mail.example A 192.0.2.1\n"
    "2.2.0.192.in-addr.arpa PTR other.example\n"
    "3.2.0.192.in-addr.arpa PTR none.example\n"
    "4.2.0.192.in-addr.arpa FAIL\n"
    "5.2.0.192.in-addr.arpa PTR dead.example\n"
    "5.2.0.192.in-addr.arpa PTR other.example\n"
    "dead.example FAIL\n"
    "6.2.0.192.in-addr.arpa PTR dead.example\n"
    "6.2.0.192.in-addr.arpa PTR six.example\n"
    "six.example A 192.0.2.6\n"
    "7.2.0.192.in-addr.arpa\n"
    "8.2.0.192.in-addr.arpa PTR bad\\032name.example\n"
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa PTR mail6.example\n"
    "mail6.example AAAA 2001:db8::1\n"
    "mail6.example A 192.0.2.1\n";

static void assert_result(const char *text, enum auth_result expected, const char *name)
{
    struct zone *zone = zone_create();
    struct arena *arena = arena_create(1 << 20);
    struct error error;
    struct ip ip = {0};
    if (zone_load(zone, bytes_of(zone_text), &error) != OK)
        fail_msg("%s", error.text);
    for (int i = 0; i < 11; i++) {
        char host[32];
        snprintf(host, sizeof(host), "h%d.example", i);
        assert_true(zone_add(zone, BYTES("9.2.0.192.in-addr.arpa"), DNS_PTR, 1, bytes_of(host)));
    }
    assert_true(zone_add(zone, BYTES("h10.example"), DNS_A, 1, BYTES("192.0.2.9")));
    if (text[0])
        assert_true(ip_parse(bytes_of(text), &ip));
    struct iprev_result result;
    iprev_check(zone_dns(zone), arena, &ip, NO_DEADLINE, &result);
    if (result.result != expected || !bytes_is(result.name, name) ||
        (result.problem.len == 0) != (expected == AUTH_PASS))
        fail_msg("%s: %s " BYTES_FMT, text, auth_result_name(result.result),
                 BYTES_ARG(result.name));
    arena_destroy(arena);
    zone_destroy(zone);
}

static void a_name_that_leads_back_passes_rfc8601_3(void **state)
{
    assert_result("192.0.2.1", AUTH_PASS, "mail.example");
    assert_result("2001:db8::1", AUTH_PASS, "mail6.example");
    assert_result("192.0.2.6", AUTH_PASS, "six.example"); /* another name failed in DNS */
}

static void names_that_lead_elsewhere_or_nowhere_fail_rfc8601_2_7_3(void **state)
{
    assert_result("192.0.2.2", AUTH_FAIL, "other.example");
    assert_result("192.0.2.3", AUTH_FAIL, "none.example");
    assert_result("192.0.2.8", AUTH_FAIL, "");
}

static void dns_errors_are_temporary_rfc8601_2_7_3(void **state)
{
    assert_result("192.0.2.4", AUTH_TEMPERROR, "");
    assert_result("192.0.2.5", AUTH_TEMPERROR, "dead.example");
}

static void an_address_without_a_name_is_permerror_rfc8601_2_7_3(void **state)
{
    assert_result("192.0.2.7", AUTH_PERMERROR, "");
    assert_result("192.0.2.100", AUTH_PERMERROR, "");
    assert_result("", AUTH_PERMERROR, "");
}

static void only_ten_names_are_looked_up_rfc8601_3(void **state)
{
    assert_result("192.0.2.9", AUTH_FAIL, "h0.example");
}

static void reverse_names_are_written_rfc3596_2_5(void **state)
{
    uint8_t out[IPREV_NAME_MAX];
    struct ip ip = ip_from_v4((const uint8_t[]){255, 0, 10, 7});
    assert_true(bytes_is(iprev_reverse_name(&ip, out), "7.10.0.255.in-addr.arpa"));
    assert_true(ip_parse(BYTES("2001:db8::567:89ab"), &ip));
    assert_true(
        bytes_is(iprev_reverse_name(&ip, out),
                 "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"));
    ip.family = 0;
    assert_int_equal(iprev_reverse_name(&ip, out).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_that_leads_back_passes_rfc8601_3),
        cmocka_unit_test(names_that_lead_elsewhere_or_nowhere_fail_rfc8601_2_7_3),
        cmocka_unit_test(dns_errors_are_temporary_rfc8601_2_7_3),
        cmocka_unit_test(an_address_without_a_name_is_permerror_rfc8601_2_7_3),
        cmocka_unit_test(only_ten_names_are_looked_up_rfc8601_3),
        cmocka_unit_test(reverse_names_are_written_rfc3596_2_5),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
