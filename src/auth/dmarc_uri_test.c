/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/dmarc_uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct arena *arena;
static struct dmarc_uri_list list;

static int set_up(void **state)
{
    arena = arena_create(1 << 20);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    arena_destroy(arena);
    return 0;
}

static enum result parse(const char *text)
{
    arena_reset(arena);
    return dmarc_uri_list_parse(arena, bytes_of(text), &list);
}

static void assert_bytes(struct bytes got, const char *expected)
{
    if (!bytes_is(got, expected))
        fail_msg("\"" BYTES_FMT "\" is not \"%s\"", BYTES_ARG(got), expected);
}

static void a_list_is_read_in_its_order_rfc9989_4_6(void **state)
{
    assert_int_equal(parse("mailto:a@b.example , MailTo:c@D.example!10m,https://x.example/r?q=1"), OK);
    assert_int_equal(list.count, 3);
    assert_int_equal(list.invalid + list.ignored, 0);
    assert_true(list.items[0].mailto && list.items[1].mailto && !list.items[2].mailto);
    assert_bytes(list.items[0].text, "mailto:a@b.example");
    assert_bytes(list.items[0].mailbox, "a@b.example");
    assert_bytes(list.items[1].text, "MailTo:c@D.example");
    assert_bytes(list.items[1].host, "d.example");
    assert_bytes(list.items[2].host, "x.example");
    assert_int_equal(list.items[2].mailbox.len, 0);
    assert_false(list.items[0].limited);
    assert_true(list.items[1].limited);
}

static void sizes_are_counted_in_powers_of_two_rfc7489_6_4(void **state)
{
    static const struct {
        const char *size;
        uint64_t octets;
    } cases[] = {{"0", 0},
                 {"50", 50},
                 {"1k", 1024},
                 {"10M", 10485760},
                 {"2g", UINT64_C(2147483648)},
                 {"3t", UINT64_C(3298534883328)},
                 {"18446744073709551615", UINT64_MAX},
                 {"18446744073709551615t", UINT64_MAX},
                 {"16777216t", UINT64_MAX}, /* 2^64 */
                 {"16777215t", UINT64_C(16777215) << 40}};
    char text[100];
    for (size_t i = 0; i < countof(cases); i++) {
        snprintf(text, sizeof(text), "mailto:a@b.example!%s", cases[i].size);
        assert_int_equal(parse(text), OK);
        assert_true(list.items[0].size_max == cases[i].octets);
    }
}

static void what_is_no_uri_is_left_out_and_the_others_stay(void **state)
{
    static const char *const broken[] = {
        "", "a@b.example", "mailto:", ":a@b", "mail to:a@b", "1x:y", "mailto:a b", "!10m",
        "mailto:<a@b>", "mailto:a@b!", "mailto:a@b!k", "mailto:a@b!1x", "mailto:a@b!1kk",
        "mailto:a@b!-1", "mailto:a@b!1!2", "mailto:a@b!18446744073709551616", "mailto:a%4", "x:%zz",
        "mailto:a@b\x01", "mailto:\xc3\xbc@b"};
    char text[100];
    for (size_t i = 0; i < countof(broken); i++) {
        assert_int_equal(parse(broken[i]), NONE);
        assert_int_equal(list.invalid, i != 0);
        assert_false(dmarc_uri_is_valid(bytes_of(broken[i])));
        snprintf(text, sizeof(text), "%s,mailto:good@b.example", broken[i]);
        assert_int_equal(parse(text), OK);
        assert_int_equal(list.count, 1);
        assert_bytes(list.items[0].mailbox, "good@b.example");
    }
}

static void addresses_are_decoded_rfc6068_2(void **state)
{
    assert_int_equal(parse("mailto:%22a%2Cb%22@b.example?subject=x,mailto:a%20b@c.example,"
                           "mailto:x@xn--bcher-kva.EXAMPLE.,mailto:a@[192.0.2.1],mailto:a,"
                           "mailto:a@b.example%2Cc@d.example,mailto:a%00b@c.example,mailto:?to=a@b.c"),
                     OK);
    assert_int_equal(list.count, 8);
    assert_bytes(list.items[0].mailbox, "\"a,b\"@b.example");
    for (size_t i = 1; i < 8; i++)
        if (i != 2)
            assert_int_equal(list.items[i].mailbox.len + list.items[i].host.len, 0);
    assert_true(list.items[7].mailto);
}

static void hosts_of_other_schemes_are_found_rfc3986_3_2(void **state)
{
    assert_int_equal(parse("https://user:pass@Host.example:8443/a@b,http://h.example?x@y,ftp://h,"
                           "https://[::1]/,urn:x:y,https:///x"),
                     OK);
    assert_bytes(list.items[0].host, "host.example");
    assert_bytes(list.items[1].host, "h.example");
    assert_bytes(list.items[2].host, "h");
    for (size_t i = 3; i < 6; i++)
        assert_int_equal(list.items[i].host.len, 0);
}

static void a_list_is_bounded(void **state)
{
    char text[(DMARC_URIS_MAX + 3) * 4 + 5] = "";
    for (size_t i = 0; i < DMARC_URIS_MAX + 3; i++)
        memcpy(text + i * 4, "x:y,", 4);
    memcpy(text + sizeof(text) - 5, "junk", 5);
    assert_int_equal(parse(text), OK);
    assert_int_equal(list.count, DMARC_URIS_MAX);
    assert_int_equal(list.ignored, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_read_in_its_order_rfc9989_4_6),
        cmocka_unit_test(sizes_are_counted_in_powers_of_two_rfc7489_6_4),
        cmocka_unit_test(what_is_no_uri_is_left_out_and_the_others_stay),
        cmocka_unit_test(addresses_are_decoded_rfc6068_2),
        cmocka_unit_test(hosts_of_other_schemes_are_found_rfc3986_3_2),
        cmocka_unit_test(a_list_is_bounded),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
