/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/proxy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define V2 "\r\n\r\n\0\r\nQUIT\n"

static enum smtp_proxy_result parse(struct bytes input)
{
    struct smtp_proxy proxy;
    return smtp_proxy_parse(input, &proxy);
}

static void assert_ip(const struct ip *ip, const char *expected)
{
    char text[IP_TEXT_SIZE];
    assert_string_equal(ip_format(ip, text), expected);
}

static void version_1_names_both_ends(void **state)
{
    struct smtp_proxy proxy;
    struct bytes input = BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\r\nEHLO");
    assert_int_equal(smtp_proxy_parse(input, &proxy), SMTP_PROXY_OK);
    assert_ip(&proxy.source, "192.0.2.1");
    assert_ip(&proxy.destination, "198.51.100.2");
    assert_int_equal(proxy.source_port, 56324);
    assert_int_equal(proxy.destination_port, 25);
    assert_int_equal(proxy.length, input.len - 4);
    input = BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n");
    assert_int_equal(smtp_proxy_parse(input, &proxy), SMTP_PROXY_OK);
    assert_ip(&proxy.source, "2001:db8::1");
    input = BYTES("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n");
    assert_int_equal(smtp_proxy_parse(input, &proxy), SMTP_PROXY_OK);
    assert_true(proxy.local);
}

static void version_1_is_taken_strictly(void **state)
{
    static const struct bytes bad[] = {
        BYTES_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\n"),
        BYTES_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 56324 25 1\r\n"),
        BYTES_INIT("PROXY TCP4 192.0.2.1  198.51.100.2 56324 25\r\n"),
        BYTES_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 56324 65536\r\n"),
        BYTES_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 56324 025\r\n"),
        BYTES_INIT("PROXY TCP4 2001:db8::1 198.51.100.2 56324 25\r\n"),
        BYTES_INIT("PROXY TCP6 192.0.2.1 198.51.100.2 56324 25\r\n"),
        BYTES_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 56324\r\n"),
        BYTES_INIT("PROXY \r\n"),
        BYTES_INIT("PROXY TCP5 192.0.2.1 198.51.100.2 56324 25\r\n"),
        BYTES_INIT("proxy TCP4 192.0.2.1 198.51.100.2 56324 25\r\n"),
        BYTES_INIT("EHLO client.example\r\n"),
        BYTES_INIT("PROXY UNKNOWN 0123456789012345678901234567890123456789012345678901234567890123"
                   "45678901234567890123456789012345678901234567890123456789"),
    };
    for (size_t i = 0; i < countof(bad); i++)
        assert_int_equal(parse(bad[i]), SMTP_PROXY_BAD);
}

static void every_proper_beginning_wants_more_and_no_octet_too_many(void **state)
{
    static const struct bytes whole[] = {
        BYTES_INIT("PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\r\n"),
        BYTES_INIT(V2 "\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\4\0\x19"),
    };
    for (size_t i = 0; i < countof(whole); i++) {
        for (size_t length = 0; length < whole[i].len; length++) {
            struct bytes part = bytes_first(whole[i], length);
            assert_int_equal(parse(part), SMTP_PROXY_MORE);
            assert_in_range(smtp_proxy_wanted(part), 1, whole[i].len - length);
        }
        assert_int_equal(parse(whole[i]), SMTP_PROXY_OK);
    }
}

static void version_2_names_both_ends(void **state)
{
    struct smtp_proxy proxy;
    struct bytes input = BYTES(V2 "\x21\x11\0\x10\xc0\0\2\1\xc6\x33\x64\2\xdc\4\0\x19\3\0\1xEHLO");
    assert_int_equal(smtp_proxy_parse(input, &proxy), SMTP_PROXY_OK);
    assert_int_equal(proxy.length, 32);
    assert_ip(&proxy.source, "192.0.2.1");
    assert_int_equal(proxy.source_port, 56324);
    assert_ip(&proxy.destination, "198.51.100.2");
    assert_int_equal(proxy.destination_port, 25);
    input = BYTES(V2 "\x20\0\0\0");
    assert_int_equal(smtp_proxy_parse(input, &proxy), SMTP_PROXY_OK);
    assert_true(proxy.local);
}

static void version_2_is_taken_strictly(void **state)
{
    static const struct bytes bad[] = {
        BYTES_INIT(V2 "\x11\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\4\0\x19"), /* version 1 */
        BYTES_INIT(V2 "\x22\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\4\0\x19"), /* no such command */
        BYTES_INIT(V2 "\x21\x12\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\4\0\x19"), /* UDP */
        BYTES_INIT(V2 "\x21\x11\0\x0b\xc0\0\2\1\xc6\x33\x64\2\xdc\4\0"),     /* too short */
        BYTES_INIT(V2 "\x21\x21\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\4\0\x19"), /* IPv6, 12 octets */
        BYTES_INIT(V2 "\x21\x11\xff\xff"),                                   /* absurd length */
    };
    for (size_t i = 0; i < countof(bad); i++)
        assert_int_equal(parse(bad[i]), SMTP_PROXY_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1_names_both_ends),
        cmocka_unit_test(version_1_is_taken_strictly),
        cmocka_unit_test(every_proper_beginning_wants_more_and_no_octet_too_many),
        cmocka_unit_test(version_2_names_both_ends),
        cmocka_unit_test(version_2_is_taken_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
