/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/spf_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void assert_bytes(struct bytes got, const char *expected)
{
    assert_true(bytes_is(got, expected));
}

static int set_up(void **state)
{
    *state = arena_create(1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    arena_destroy(*state);
    return 0;
}

static struct spf_record parse(void **state, const char *text)
{
    struct spf_record record;
    struct error error;
    if (spf_record_parse(*state, bytes_of(text), &record, NULL, &error) != OK)
        fail_msg("%s: %s", text, error.text);
    return record;
}

static void the_version_is_whole_and_in_any_case_rfc7208_4_5(void **state)
{
    assert_true(spf_record_has_version(BYTES("v=spf1")));
    assert_true(spf_record_has_version(BYTES("V=SpF1 ")));
    assert_false(spf_record_has_version(BYTES("v=spf10")));
    assert_false(spf_record_has_version(BYTES("v=spf1\tall")));
    assert_false(spf_record_has_version(BYTES(" v=spf1")));
    assert_false(spf_record_has_version(BYTES("v=spf")));
    assert_false(spf_record_has_version(BYTES("")));
    assert_false(spf_record_has_version(BYTES("spf2.0/pra")));
}

static void every_mechanism_is_read(void **state)
{
    struct spf_record r = parse(state, "v=spf1 +A -mx:b.example/24//64 ~ptr ?ip4:192.0.2.128/25"
                                       "  IP6:2001:db8::/32 exists:%{i}.x.example"
                                       " include:c.example aLL  ");
    assert_int_equal(r.directive_count, 8);
    const struct spf_directive *d = r.directives;
    assert_int_equal(d[0].mechanism, SPF_A);
    assert_int_equal(d[0].qualifier, '+');
    assert_int_equal(d[0].prefix4, 32);
    assert_int_equal(d[0].prefix6, 128);
    assert_bytes(d[0].text, "+A");
    assert_bytes(d[0].domain_spec, "");
    assert_int_equal(d[1].mechanism, SPF_MX);
    assert_int_equal(d[1].qualifier, '-');
    assert_bytes(d[1].domain_spec, "b.example");
    assert_int_equal(d[1].prefix4, 24);
    assert_int_equal(d[1].prefix6, 64);
    assert_int_equal(d[2].mechanism, SPF_PTR);
    assert_int_equal(d[2].qualifier, '~');
    assert_int_equal(d[3].mechanism, SPF_IP4);
    assert_int_equal(d[3].qualifier, '?');
    assert_int_equal(d[3].prefix4, 25);
    assert_memory_equal(d[3].network, "\xc0\x00\x02\x80", 4);
    assert_int_equal(d[4].mechanism, SPF_IP6);
    assert_int_equal(d[4].qualifier, '+');
    assert_int_equal(d[4].prefix6, 32);
    assert_memory_equal(d[4].network, "\x20\x01\x0d\xb8\0\0", 6);
    assert_bytes(d[5].domain_spec, "%{i}.x.example");
    assert_bytes(d[6].domain_spec, "c.example");
    assert_int_equal(d[7].mechanism, SPF_ALL);
}

static void prefix_lengths_are_split_from_odd_names_rfc7208_5_6(void **state)
{
    struct spf_record r = parse(state, "v=spf1 a:x/1.example/8 a:a//b.example//0 a//7 a/0//128");
    assert_bytes(r.directives[0].domain_spec, "x/1.example");
    assert_int_equal(r.directives[0].prefix4, 8);
    assert_bytes(r.directives[1].domain_spec, "a//b.example");
    assert_int_equal(r.directives[1].prefix4, 32);
    assert_int_equal(r.directives[1].prefix6, 0);
    assert_int_equal(r.directives[2].prefix6, 7);
    assert_int_equal(r.directives[3].prefix4, 0);
    assert_int_equal(r.directives[3].prefix6, 128);
}

static void a_mapped_network_stays_ipv6_rfc7208_5(void **state)
{
    struct spf_record r = parse(state, "v=spf1 ip6:::ffff:192.0.2.1/120");
    assert_memory_equal(r.directives[0].network, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1", 16);
    assert_int_equal(r.directives[0].prefix6, 120);
}

static void modifiers_are_found_anywhere_and_unknown_ones_passed_over_rfc7208_6(void **state)
{
    struct spf_record r = parse(state, "v=spf1 redirect=a.example mx EXP=b.example x-y.z_1=%{d}:/ "
                                       "x= all=no moo=1 moo=2");
    assert_int_equal(r.directive_count, 1);
    assert_bytes(r.redirect, "a.example");
    assert_bytes(r.redirect_text, "redirect=a.example");
    assert_bytes(r.explanation, "b.example");
    assert_bytes(r.explanation_text, "EXP=b.example");
}

static void an_empty_record_has_no_terms(void **state)
{
    assert_int_equal(parse(state, "v=spf1").directive_count, 0);
    assert_int_equal(parse(state, "v=spf1    ").directive_count, 0);
}

static void syntax_errors_are_found_and_named_rfc7208_4_6(void **state)
{
    static const char *const bad[] = {
        "all:x.example",
        "all/8",
        "all.",
        "-",
        "+-all",
        "include",
        "include:",
        "include:a.b/24",
        "include/24",
        "include:org",
        "a:",
        "a:/24",
        "a/",
        "a//",
        "a/33",
        "a/-1",
        "a/024",
        "a//129",
        "a/24/64",
        "a///64",
        "a/24//",
        "a:b.example:8",
        "a:192.0.2.1",
        "a//24//24",
        "a/4294967328",
        "mx:",
        "mx/33",
        "ptr/0",
        "ptr:",
        "ptr:a.b/8",
        "exists",
        "exists:",
        "exists/8",
        "ip4",
        "ip4:",
        "ip4:1.2.3",
        "ip4:1.2.3.4.5",
        "ip4:1.2.3.256",
        "ip4:01.2.3.4",
        "ip4:1.2.3.4/33",
        "ip4:1.2.3.4/",
        "ip4:1.2.3.4//32",
        "ip4:1.2.3.4/032",
        "ip4:1.2.3.4:80",
        "ip4/8",
        "ip4:a.example",
        "ip4:::1",
        "ip4:1..2.3",
        "ip6",
        "ip6:",
        "ip6:1.2.3.4",
        "ip6:::1/129",
        "ip6:::1//64",
        "ip6:::1%eth0",
        "ip6:1:2",
        "ip6:::1::",
        "moo",
        "moo:x",
        "moo/1",
        "=all",
        "1up=x",
        "-redirect=a.b",
        "redirect=",
        "redirect:a.b",
        "redirect=org",
        "redirect=a.b redirect=a.b",
        "exp=",
        "exp=a.b exp=c.d",
        "exp=-all",
        "x=%a",
        "x=%{q}",
        "x=\x80",
        "a\tmx",
        "a\rmx",
        "\x80mx",
        "a:%{c}.b",
        "exists:%{r}.b",
        "redirect=%{t}",
        "exp=%{r}.b",
        "mo o:",
        "a:b.example\x01",
        "?",
        "a-b",
        "ip 4:1.2.3.4",
    };
    for (size_t i = 0; i < countof(bad); i++) {
        struct arena *arena = *state;
        struct bytes text = arena_printf(arena, "v=spf1 ip4:192.0.2.1 %s -all", bad[i]), where;
        struct spf_record record;
        struct error error = {""};
        if (spf_record_parse(arena, text, &record, &where, &error) != PERM)
            fail_msg("accepted: %s", bad[i]);
        assert_true(where.len && error.text[0]);
        assert_true(where.ptr >= text.ptr + 21 && where.ptr + where.len <= text.ptr + text.len - 5);
    }
}

static void nul_is_a_syntax_error(void **state)
{
    struct spf_record record;
    struct bytes where;
    assert_int_equal(spf_record_parse(*state, BYTES("v=spf1 a:b.example\0"), &record, &where, NULL),
                     PERM);
    assert_int_equal(where.len, 12);
    assert_int_equal(spf_record_parse(*state, BYTES("v=spf1 all\0"), &record, NULL, NULL), PERM);
}

static void an_address_in_the_place_of_a_name_is_explained(void **state)
{
    struct spf_record record;
    struct error error;
    assert_int_equal(spf_record_parse(*state, BYTES("v=spf1 a:192.0.2.1"), &record, NULL, &error),
                     PERM);
    assert_non_null(strstr(error.text, "use ip4"));
}

static void terms_are_bounded(void **state)
{
    static char text[8 + 2 * SPF_RECORD_TERMS_MAX + 2] = "v=spf1";
    struct spf_record record;
    for (size_t i = 0; i < SPF_RECORD_TERMS_MAX; i++)
        memcpy(text + 6 + 2 * i, " a", 2);
    assert_int_equal(spf_record_parse(*state, bytes_of(text), &record, NULL, NULL), OK);
    assert_int_equal(record.directive_count, SPF_RECORD_TERMS_MAX);
    memcpy(text + 6 + 2 * SPF_RECORD_TERMS_MAX, " a", 2);
    assert_int_equal(spf_record_parse(*state, bytes_of(text), &record, NULL, NULL), PERM);
}

static void spaces_alone_are_not_terms(void **state)
{
    static char text[5000];
    struct spf_record record;
    memset(text, ' ', sizeof(text));
    memcpy(text, "v=spf1", 6);
    memcpy(text + sizeof(text) - 4, "-all", 4);
    assert_int_equal(spf_record_parse(*state, bytes_from(text, sizeof(text)), &record, NULL, NULL),
                     OK);
    assert_int_equal(record.directive_count, 1);
}

static void no_memory_is_a_temporary_failure(void **state)
{
    struct arena *arena = arena_create(16);
    struct spf_record record;
    assert_int_equal(spf_record_parse(arena, BYTES("v=spf1 a mx -all"), &record, NULL, NULL), TEMP);
    arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_version_is_whole_and_in_any_case_rfc7208_4_5),
        cmocka_unit_test(every_mechanism_is_read),
        cmocka_unit_test(prefix_lengths_are_split_from_odd_names_rfc7208_5_6),
        cmocka_unit_test(a_mapped_network_stays_ipv6_rfc7208_5),
        cmocka_unit_test(modifiers_are_found_anywhere_and_unknown_ones_passed_over_rfc7208_6),
        cmocka_unit_test(an_empty_record_has_no_terms),
        cmocka_unit_test(syntax_errors_are_found_and_named_rfc7208_4_6),
        cmocka_unit_test(nul_is_a_syntax_error),
        cmocka_unit_test(an_address_in_the_place_of_a_name_is_explained),
        cmocka_unit_test(terms_are_bounded),
        cmocka_unit_test(spaces_alone_are_not_terms),
        cmocka_unit_test(no_memory_is_a_temporary_failure),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
