/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/helo.h"

#include "base/clock.h"
#include "dns/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char zone_text[] = "mail.client.example A 192.0.2.99\n"
                                "mail.client.example A 192.0.2.1\n"
                                "mail.client.example AAAA 2001:db8::1\n"
                                "dash_board.client.example A 192.0.2.1\n"
                                "alias.client.example CNAME mail.client.example\n"
                                "six.client.example AAAA 2001:db8::1\n"
                                "far.client.example A 192.0.2.77\n"
                                "text.client.example TXT hello\n"
                                "slow.client.example FAIL\n"
                                "mx.here.example A 198.51.100.1\n"
                                "mx.here.example A 198.51.100.2\n"
                                "down.here.example FAIL\n";

static const struct bytes own_names[] = {BYTES_INIT("mx.here.example"),
                                         BYTES_INIT("down.here.example."), BYTES_INIT("here")};

static struct zone *zone;
static struct arena *arena;
static struct helo_result result;

static int set_up(void **state)
{
    zone = zone_create();
    arena = arena_create(1 << 20);
    return zone_load(zone, bytes_of(zone_text), NULL) == OK ? 0 : -1;
}

static int tear_down(void **state)
{
    zone_destroy(zone);
    arena_destroy(arena);
    return 0;
}

static void check(const char *ip, struct bytes helo)
{
    struct helo_request request = {.helo = helo,
                                   .own_names = own_names,
                                   .own_name_count = countof(own_names),
                                   .deadline = NO_DEADLINE};
    if (ip[0])
        assert_true(ip_parse(bytes_of(ip), &request.client));
    assert_true(ip_parse(BYTES("198.51.100.1"), &request.own_address));
    helo_check(zone_dns(zone), arena, &request, &result);
}

static void expect(const char *ip, const char *helo, enum auth_result expected)
{
    check(ip, bytes_of(helo));
    if (result.result != expected)
        fail_msg("%s %s: %s, expected %s", ip, helo, auth_result_name(result.result),
                 auth_result_name(expected));
    if ((result.problem.len == 0) != (expected == AUTH_PASS))
        fail_msg("%s %s: \"" BYTES_FMT "\"", ip, helo, BYTES_ARG(result.problem));
}

static void kinds_are_told_apart(void **state)
{
    static const struct {
        const char *helo;
        enum helo_kind kind;
    } cases[] = {
        {"mail.example", HELO_NAME},
        {"mail.example.", HELO_NAME},
        {"a_b.example", HELO_NAME},
        {"_a.example", HELO_NAME},
        {"1.2.3.a4", HELO_NAME},
        {"xn--bcher-kva.example", HELO_NAME},
        {"[192.0.2.1]", HELO_LITERAL},
        {"[IPv6:2001:db8::1]", HELO_LITERAL},
        {"[ipv6:::1]", HELO_LITERAL},
        {"mail", HELO_UNQUALIFIED},
        {"localhost", HELO_UNQUALIFIED},
        {"localhost.localdomain", HELO_UNQUALIFIED},
        {"my-pc.local", HELO_UNQUALIFIED},
        {"", HELO_MALFORMED},
        {".", HELO_MALFORMED},
        {"192.0.2.1", HELO_MALFORMED},
        {"2001:db8::1", HELO_MALFORMED},
        {"IPv6:2001:db8::1", HELO_MALFORMED},
        {"1.2.3", HELO_MALFORMED},
        {"mail..example", HELO_MALFORMED},
        {".mail.example", HELO_MALFORMED},
        {"mail.example..", HELO_MALFORMED},
        {"-mail.example", HELO_MALFORMED},
        {"mail .example", HELO_MALFORMED},
        {"user@mail.example", HELO_MALFORMED},
        {"b\xc3\xbc"
         "cher.example",
         HELO_MALFORMED},
        {"[mail.example]", HELO_MALFORMED},
    };
    struct ip ip;
    for (size_t i = 0; i < countof(cases); i++)
        if (helo_kind_of(bytes_of(cases[i].helo), &ip) != cases[i].kind)
            fail_msg("\"%s\" is not %s", cases[i].helo, helo_kind_name(cases[i].kind));
    assert_int_equal(helo_kind_of(BYTES("mail.example\0"), &ip), HELO_MALFORMED);
}

static void the_longest_name_is_253_octets_rfc1035_2_3_4(void **state)
{
    char name[300];
    struct ip ip;
    memset(name, 'a', sizeof(name));
    for (size_t i = 9; i < sizeof(name); i += 10)
        name[i] = '.';
    assert_int_equal(helo_kind_of(bytes_from(name, 253), &ip), HELO_NAME);
    assert_int_equal(helo_kind_of(bytes_from(name, 254), &ip), HELO_MALFORMED);
}

static void a_name_that_resolves_to_the_client_passes(void **state)
{
    expect("192.0.2.1", "mail.client.example", AUTH_PASS);
    expect("192.0.2.1", "MAIL.Client.Example", AUTH_PASS);
    expect("192.0.2.1", "mail.client.example.", AUTH_PASS);
    expect("192.0.2.1", "alias.client.example", AUTH_PASS);
    expect("192.0.2.1", "dash_board.client.example", AUTH_PASS);
    expect("2001:db8::1", "mail.client.example", AUTH_PASS);
    expect("::ffff:192.0.2.1", "mail.client.example", AUTH_PASS);
    assert_false(result.own);
    assert_int_equal(result.kind, HELO_NAME);
}

static void a_name_that_resolves_elsewhere_fails(void **state)
{
    expect("192.0.2.1", "far.client.example", AUTH_FAIL);
    expect("2001:db8::2", "mail.client.example", AUTH_FAIL);
    assert_false(result.own);
}

static void a_name_without_addresses_says_nothing(void **state)
{
    expect("192.0.2.1", "nowhere.client.example", AUTH_NONE);
    expect("192.0.2.1", "text.client.example", AUTH_NONE);
    /* Only the client's family is asked for. */
    expect("192.0.2.1", "six.client.example", AUTH_NONE);
}

static void a_failing_dns_is_a_temporary_error(void **state)
{
    expect("192.0.2.1", "slow.client.example", AUTH_TEMPERROR);
}

static void one_question_is_asked_at_most(void **state)
{
    static const char *const silent[] = {"mail", "192.0.2.1", "[192.0.2.1]", "localhost", ""};
    size_t before = zone_question_count(zone);
    expect("192.0.2.1", "mail.client.example", AUTH_PASS);
    assert_int_equal(zone_question_count(zone), before + 1);
    for (size_t i = 0; i < countof(silent); i++)
        check("192.0.2.1", bytes_of(silent[i]));
    assert_int_equal(zone_question_count(zone), before + 1);
}

static void a_literal_is_the_clients_address_rfc5321_4_1_3(void **state)
{
    expect("192.0.2.1", "[192.0.2.1]", AUTH_PASS);
    expect("192.0.2.1", "[192.000.002.001]", AUTH_PASS); /* three decimal digits are legal */
    expect("2001:db8::1", "[IPv6:2001:db8::1]", AUTH_PASS);
    expect("2001:db8::1", "[ipv6:2001:DB8:0:0:0:0:0:1]", AUTH_PASS);
    expect("192.0.2.1", "[IPv6:::ffff:192.0.2.1]", AUTH_PASS);
    expect("192.0.2.1", "[192.0.2.2]", AUTH_FAIL);
    expect("2001:db8::1", "[192.0.2.1]", AUTH_FAIL);
    assert_false(result.own);
}

static void a_malformed_literal_is_an_error_rfc5321_4_1_3(void **state)
{
    static const char *const bad[] = {
        "[192.0.2.1",        "192.0.2.1]",       "[192.0.2]",  "[192.0.2.1.5]",
        "[192.0.2.256]",     "[192.0.2.0001]",   "[192.0.2.]", "[ 192.0.2.1]",
        "[2001:db8::1]",     "[IPv6:192.0.2.1]", "[IPv6:]",    "[IPv6:1:::2]",
        "[IPv6:2001:db8::1", "[X400:something]", "[]",         "[",
        "[[192.0.2.1]]",     "[192.0.2.1]x",
    };
    for (size_t i = 0; i < countof(bad); i++) {
        expect("192.0.2.1", bad[i], AUTH_PERMERROR);
        assert_int_equal(result.kind, HELO_MALFORMED);
    }
}

static void malformed_names_and_bare_addresses_are_errors(void **state)
{
    expect("192.0.2.1", "192.0.2.1", AUTH_PERMERROR);
    expect("2001:db8::1", "2001:db8::1", AUTH_PERMERROR);
    expect("192.0.2.1", "", AUTH_PERMERROR);
    expect("192.0.2.1", "mail..client.example", AUTH_PERMERROR);
}

static void unqualified_names_say_nothing(void **state)
{
    expect("192.0.2.1", "mail", AUTH_NEUTRAL);
    expect("192.0.2.1", "localhost", AUTH_NEUTRAL);
    assert_int_equal(result.kind, HELO_UNQUALIFIED);
    assert_false(result.own);
}

static void our_own_name_fails_for_a_stranger(void **state)
{
    static const char *const names[] = {"mx.here.example", "MX.HERE.EXAMPLE.", "down.here.example",
                                        "here", "[198.51.100.1]"};
    for (size_t i = 0; i < countof(names); i++) {
        expect("192.0.2.1", names[i], AUTH_FAIL);
        if (!result.own)
            fail_msg("%s", names[i]);
    }
    expect("192.0.2.1", "other.here.example", AUTH_NONE);
    assert_false(result.own);
}

static void we_ourselves_may_use_our_own_name(void **state)
{
    expect("198.51.100.1", "mx.here.example", AUTH_PASS); /* the listener's address */
    expect("127.0.0.1", "mx.here.example", AUTH_PASS);
    expect("::1", "down.here.example", AUTH_PASS);
    expect("198.51.100.1", "[198.51.100.1]", AUTH_PASS);
    expect("198.51.100.2", "mx.here.example", AUTH_PASS); /* another address of the same name */
    assert_false(result.own);
    assert_false(result.ourselves); /* here the DNS told */
    expect("127.0.0.1", "mx.here.example", AUTH_PASS);
    assert_true(result.ourselves);
    expect("198.51.100.3", "mx.here.example", AUTH_FAIL);
    assert_true(result.own);
}

static void without_an_address_there_is_no_result(void **state)
{
    expect("", "mail.client.example", AUTH_NONE);
    expect("", "[192.0.2.1]", AUTH_NONE);
}

static void problems_hold_no_control_characters(void **state)
{
    check("192.0.2.1", BYTES("a\r\nb\0c.example"));
    assert_int_equal(result.result, AUTH_PERMERROR);
    for (size_t i = 0; i < result.problem.len; i++)
        assert_true(result.problem.ptr[i] >= ' ');
}

#define case_of(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        case_of(kinds_are_told_apart),
        case_of(the_longest_name_is_253_octets_rfc1035_2_3_4),
        case_of(a_name_that_resolves_to_the_client_passes),
        case_of(a_name_that_resolves_elsewhere_fails),
        case_of(a_name_without_addresses_says_nothing),
        case_of(a_failing_dns_is_a_temporary_error),
        case_of(one_question_is_asked_at_most),
        case_of(a_literal_is_the_clients_address_rfc5321_4_1_3),
        case_of(a_malformed_literal_is_an_error_rfc5321_4_1_3),
        case_of(malformed_names_and_bare_addresses_are_errors),
        case_of(unqualified_names_say_nothing),
        case_of(our_own_name_fails_for_a_stranger),
        case_of(we_ourselves_may_use_our_own_name),
        case_of(without_an_address_there_is_no_result),
        case_of(problems_hold_no_control_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
