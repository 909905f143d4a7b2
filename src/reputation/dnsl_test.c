/* SPDX-License-Identifier: BSD-2-Clause */
#include "reputation/dnsl.h"

#include "base/clock.h"
#include "dns/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char zone_text[] =
    "99.2.0.192.bad.example A 127.0.0.2\n"
    "99.2.0.192.bad.example TXT \"Dynamic address, see http://bad.example?192.0.2.99\"\n"
    "98.2.0.192.bad.example A 127.0.1.1\n98.2.0.192.bad.example A 127.0.1.2\n98.2.0.192.bad.example A 127.0.1.1\n"
    "97.2.0.192.bad.example A 127.255.255.254\n97.2.0.192.bad.example TXT \"Error: open resolver\"\n"
    "96.2.0.192.bad.example A 127.0.0.2\n96.2.0.192.bad.example A 127.255.255.252\n"
    "95.2.0.192.bad.example A 203.0.113.80\n"
    "94.2.0.192.bad.example A 127.0.0.1\n"
    "93.2.0.192.bad.example FAIL\n"
    "92.2.0.192.bad.example A 127.0.0.10\n92.2.0.192.bad.example TXT \"policy\"\n"
    "91.2.0.192.bad.example TXT \"no address, no listing\"\n"
    "90.2.0.192.bad.example A 127.0.0.2\n90.2.0.192.bad.example TXT FAIL\n"
    "89.2.0.192.bad.example A 127.0.0.2\n"
    "89.2.0.192.bad.example TXT \"one\\013\\010two\\000\\255\\027[31m\"\n"
    "89.2.0.192.bad.example TXT \"three\"\n"
    "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bad.example A 127.0.0.2\n"
    "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bad.example A 127.0.0.2\n"
    "2.0.0.127.bad.example A 127.0.0.2\n"
    "invalid.edu.bad.example A 127.0.0.2\n"
    "invalid.edu.bad.example TXT \"Host name used in phish\"\n";

static char texts[][24] = {"127.0.0.10=off", "127.0.1.0/24=2.5", "127.0.0.0/24&4=7", "127.0.0.0/24&6=1"};
static char *codes[] = {texts[0], texts[1], texts[2], texts[3]};

struct fixture {
    struct zone *zone;
    struct arena *arena;
    struct config_dnslist config;
    struct dnsl_list list;
    struct dnsl_result result;
    char name[8], zone_name[16];
};

static int set_up(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    *f = (struct fixture){.zone = zone_create(), .arena = arena_create(1 << 20), .name = "bad",
                          .zone_name = "bad.example"};
    f->config = (struct config_dnslist){.name = f->name, .zone = f->zone_name, .weight = 300, .codes = {codes, 4}};
    *state = f;
    return zone_load(f->zone, bytes_of(zone_text), NULL) == OK && dnsl_list_read(f->arena, &f->config, &f->list)
               ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    zone_destroy(f->zone);
    arena_destroy(f->arena);
    return 0;
}

static enum dnsl_status ask(struct fixture *f, const char *subject)
{
    struct dnsl_subject about = {.name = bytes_of(subject)};
    struct ip ip;
    if (ip_parse(bytes_of(subject), &ip))
        about.ip = ip;
    dnsl_ask(zone_dns(f->zone), f->arena, &f->list, &about, NO_DEADLINE, &f->result);
    assert_int_equal(f->result.code_count > 0, f->result.status == DNSL_LISTED);
    assert_int_equal(f->result.problem.len > 0,
                     f->result.status == DNSL_ERROR || f->result.status == DNSL_FAILED);
    return f->result.status;
}

static void addresses_are_asked_reversed_rfc5782_2_1(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "192.0.2.99"), DNSL_LISTED);
    assert_true(bytes_is(f->result.name, "99.2.0.192.bad.example"));
    assert_true(bytes_is(f->result.text, "Dynamic address, see http://bad.example?192.0.2.99"));
    assert_int_equal(ask(f, "192.0.2.1"), DNSL_NOT_LISTED);
    assert_null(f->result.text_answer);
}

static void ipv6_is_asked_as_32_nibbles_rfc5782_2_4(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "2001:db8:1:2:3:4:567:89ab"), DNSL_LISTED);
    assert_int_equal(ask(f, "2001:db8:1:2:3:4:567:89ac"), DNSL_NOT_LISTED);
    /* A mapped address is an IPv4 address, but the test entry is asked as it is (rfc5782:5). */
    assert_int_equal(ask(f, "::ffff:192.0.2.99"), DNSL_LISTED);
    assert_true(bytes_starts_with(f->result.name, BYTES("99.2.0.192.")));
    struct dnsl_subject mapped = {.ip = {6, {[10] = 0xff, [11] = 0xff, [12] = 0x7f, [15] = 2}}};
    dnsl_ask(zone_dns(f->zone), f->arena, &f->list, &mapped, NO_DEADLINE, &f->result);
    assert_int_equal(f->result.status, DNSL_LISTED);
    assert_true(bytes_starts_with(f->result.name, BYTES("2.0.0.0.0.0.f.7.f.f.f.f.0.")));
}

static void names_stand_before_the_zone_rfc5782_3(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "invalid.edu"), DNSL_LISTED);
    assert_true(bytes_is(f->result.text, "Host name used in phish"));
    assert_int_equal(ask(f, "valid.edu"), DNSL_NOT_LISTED);
}

static void what_is_no_name_is_not_asked(void **state)
{
    struct fixture *f = *state;
    char longest[250];
    size_t before = zone_question_count(f->zone);
    memset(longest, 'a', sizeof(longest) - 1);
    for (size_t i = 9; i < sizeof(longest) - 1; i += 10)
        longest[i] = '.';
    longest[sizeof(longest) - 2] = 'a';
    longest[sizeof(longest) - 1] = 0;
    const char *const names[] = {"", ".", "a..b", "a b.example", "-a.example", "b\xc3\xbc.example", longest};
    for (size_t i = 0; i < countof(names); i++)
        assert_int_equal(ask(f, names[i]), DNSL_NOT_LISTED);
    assert_int_equal(zone_question_count(f->zone), before);
}

static void several_answers_are_kept_once_each_rfc5782_2_3(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "192.0.2.98"), DNSL_LISTED);
    assert_int_equal(f->result.code_count, 2);
    assert_int_equal(f->result.codes[0].octets[3], 1);
    assert_int_equal(f->result.codes[1].octets[3], 2);
}

static void error_codes_never_count(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "192.0.2.97"), DNSL_ERROR);
    assert_true(bytes_find(f->result.problem, BYTES("127.255.255.254")) != BYTES_NOT_FOUND);
    assert_null(f->result.text_answer);
    /* Nor what stands beside one. */
    assert_int_equal(ask(f, "192.0.2.96"), DNSL_ERROR);
}

static void answers_outside_of_127_are_no_listing_rfc5782_2_3(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "192.0.2.95"), DNSL_ERROR);
}

static void the_first_address_counts_only_where_a_code_says_so(void **state)
{
    struct fixture *f = *state;
    char one[] = "127.0.0.1=-3", many[] = "127.0.0.0/24=3", *white[] = {one}, *all[] = {many};
    assert_int_equal(ask(f, "192.0.2.94"), DNSL_ERROR);
    f->config.codes = (struct config_strings){all, 1};
    assert_true(dnsl_list_read(f->arena, &f->config, &f->list));
    assert_int_equal(ask(f, "192.0.2.94"), DNSL_ERROR);
    f->config.codes = (struct config_strings){white, 1};
    assert_true(dnsl_list_read(f->arena, &f->config, &f->list));
    assert_int_equal(ask(f, "192.0.2.94"), DNSL_LISTED);
}

static void failure_is_not_absence(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "192.0.2.93"), DNSL_FAILED);
}

static void only_the_address_record_makes_a_listing_rfc5782_2_1(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "192.0.2.91"), DNSL_NOT_LISTED);
    /* And without its reason it holds. */
    assert_int_equal(ask(f, "192.0.2.90"), DNSL_LISTED);
    assert_int_equal(f->result.text.len, 0);
}

static void the_reason_is_asked_only_for_what_counts(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "192.0.2.92"), DNSL_LISTED);
    assert_null(f->result.text_answer);
}

static void reasons_are_printable_and_bounded(void **state)
{
    struct fixture *f = *state;
    char text[2000];
    assert_int_equal(ask(f, "192.0.2.89"), DNSL_LISTED);
    if (!bytes_is(f->result.text, "one two ? [31m / three"))
        fail_msg(BYTES_FMT, BYTES_ARG(f->result.text));
    memset(text, 'x', sizeof(text));
    assert_int_equal(dnsl_printable(f->arena, bytes_from(text, sizeof(text)), DNSL_TEXT_MAX).len, DNSL_TEXT_MAX);
    assert_true(bytes_is(dnsl_printable(f->arena, BYTES("  a \t\r\n b\xc3\xbc\xff \n"), 100), "a b\xc3\xbc?"));
    assert_true(bytes_is(dnsl_printable(f->arena, BYTES("ab\xc3\xbc"), 3), "ab"));
}

static void the_first_code_that_fits_counts(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *code;
        bool counts;
        int points;
    } cases[] = {
        {"127.0.0.10", false, 0}, {"127.0.1.7", true, 250}, {"127.0.0.4", true, 700}, {"127.0.0.6", true, 700},
        {"127.0.0.2", true, 100},  {"127.0.0.1", true, 300}, {"127.9.9.9", true, 300},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        struct ip code;
        int points;
        assert_true(ip_parse(bytes_of(cases[i].code), &code));
        assert_int_equal(dnsl_points(&f->list, &code, &points), cases[i].counts);
        assert_int_equal(points, cases[i].points);
    }
}

static void addresses_that_are_nobodys_are_on_no_list(void **state)
{
    static const char *const not[] = {"127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.7.7", "169.254.0.1",
                                      "100.64.0.1", "224.0.0.1", "255.255.255.255", "0.0.0.0", "::1", "::",
                                      "fe80::1", "fd00::1", "ff02::1"};
    static const char *const is[] = {"192.0.2.1", "172.32.0.1", "100.128.0.1", "2001:db8::1", "223.255.255.255"};
    struct ip ip;
    for (size_t i = 0; i < countof(not); i++) {
        assert_true(ip_parse(bytes_of(not[i]), &ip));
        if (dnsl_is_askable(&ip))
            fail_msg("%s", not[i]);
    }
    for (size_t i = 0; i < countof(is); i++) {
        assert_true(ip_parse(bytes_of(is[i]), &ip));
        if (!dnsl_is_askable(&ip))
            fail_msg("%s", is[i]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(addresses_are_asked_reversed_rfc5782_2_1),
        TEST(ipv6_is_asked_as_32_nibbles_rfc5782_2_4),
        TEST(names_stand_before_the_zone_rfc5782_3),
        TEST(what_is_no_name_is_not_asked),
        TEST(several_answers_are_kept_once_each_rfc5782_2_3),
        TEST(error_codes_never_count),
        TEST(answers_outside_of_127_are_no_listing_rfc5782_2_3),
        TEST(the_first_address_counts_only_where_a_code_says_so),
        TEST(failure_is_not_absence),
        TEST(only_the_address_record_makes_a_listing_rfc5782_2_1),
        TEST(the_reason_is_asked_only_for_what_counts),
        TEST(reasons_are_printable_and_bounded),
        TEST(the_first_code_that_fits_counts),
        TEST(addresses_that_are_nobodys_are_on_no_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
