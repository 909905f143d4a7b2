/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/spf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct spf_request request_from(const char *ip)
{
    struct spf_request request = {
        .helo = BYTES("foo.example.com"),
        .sender = BYTES("myname@example.com"),
        .receiver = BYTES("mybox.example.org"),
    };
    assert_true(ip_parse(bytes_of(ip), &request.ip));
    return request;
}

static void assert_written(const struct spf_request *request, const struct spf_result *result,
                           const char *identity, const char *expected)
{
    struct buf out;
    buf_init(&out, 65536);
    spf_write_received(&out, request, result, identity);
    assert_false(out.failed);
    for (size_t i = 0, column = 0; i < out.len; i++) {
        column = out.ptr[i] == '\n' ? 0 : column + 1;
        assert_true(column <= 79); /* with CR */
    }
    if (!bytes_is(buf_bytes(&out), expected))
        fail_msg(BYTES_FMT, BYTES_ARG(buf_bytes(&out)));
    buf_free(&out);
}

static void a_pass_has_all_keys_rfc7208_9_1(void **state)
{
    struct spf_request request = request_from("192.0.2.1");
    struct spf_result result = {
        .result = AUTH_PASS, .domain = BYTES("example.com"), .mechanism = BYTES("ip4:192.0.2.1")};
    assert_written(&request, &result, "mailfrom",
                   "Received-SPF: pass (mybox.example.org: domain of example.com designates as\r\n"
                   " permitted sender 192.0.2.1) receiver=mybox.example.org; identity=mailfrom;\r\n"
                   " client-ip=192.0.2.1; helo=foo.example.com;\r\n"
                   " envelope-from=\"myname@example.com\"; mechanism=\"ip4:192.0.2.1\";\r\n");
}

static void helo_and_errors_have_their_own_keys_rfc7208_9_1(void **state)
{
    struct spf_request request = request_from("2001:db8::1");
    struct spf_result result = {.result = AUTH_PERMERROR,
                                .domain = BYTES("example.com"),
                                .problem = BYTES("syntax error in \"a:\"")};
    request.receiver = BYTES("");
    assert_written(
        &request, &result, "helo",
        "Received-SPF: permerror (unknown: permanent error in the policy of example.com\r\n"
        " for 2001:db8::1) identity=helo; client-ip=\"2001:db8::1\";\r\n"
        " helo=foo.example.com; problem=\"syntax error in \\\"a:\\\"\";\r\n");
}

static void nothing_of_a_peer_gets_out_of_its_quotes_rfc7208_9_1(void **state)
{
    struct spf_request request = request_from("192.0.2.1");
    struct spf_result result = {.result = AUTH_FAIL,
                                .domain = BYTES("a) (b\\\r\nX: y"),
                                .mechanism = BYTES("-exists:\"\\%{l}")};
    request.helo = BYTES("x;\r\nBcc: \"\\\x80\0");
    request.sender = BYTES("\"a\\\" b\"@example.com");
    assert_written(&request, &result, "mailfrom",
                   "Received-SPF: fail (mybox.example.org: domain of a? ?b???X: y does not\r\n"
                   " designate as permitted sender 192.0.2.1) receiver=mybox.example.org;\r\n"
                   " identity=mailfrom; client-ip=192.0.2.1; helo=\"x;??Bcc: \\\"\\\\??\";\r\n"
                   " envelope-from=\"\\\"a\\\\\\\" b\\\"@example.com\"; "
                   "mechanism=\"-exists:\\\"\\\\%{l}\";\r\n");
}

static void every_line_is_short_enough_rfc5322_2_1_1(void **state)
{
    static char text[20000];
    memset(text, '"', sizeof(text));
    struct bytes many = bytes_from(text, sizeof(text));
    struct spf_request request = {
        .ip = {.family = 4}, .helo = many, .sender = many, .receiver = many};
    struct spf_result result = {
        .result = AUTH_TEMPERROR, .domain = many, .mechanism = many, .problem = many};
    struct buf out;
    buf_init(&out, 65536);
    spf_write_received(&out, &request, &result, "mailfrom");
    size_t column = 0, longest = 0;
    for (size_t i = 0; i < out.len; i++) {
        column = out.ptr[i] == '\n' ? 0 : column + 1;
        longest = column > longest ? column : longest;
    }
    assert_true(longest < 998);
    assert_true(out.len < 5000);
    buf_free(&out);
}

static void results_of_other_methods_do_no_harm(void **state)
{
    struct spf_request request = request_from("192.0.2.1");
    for (int i = AUTH_NONE; i <= AUTH_UNKNOWN; i++) {
        struct spf_result result = {.result = (enum auth_result)i};
        struct buf out;
        buf_init(&out, 65536);
        spf_write_received(&out, &request, &result, "mailfrom");
        assert_true(bytes_ends_with(buf_bytes(&out), BYTES(";\r\n")));
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pass_has_all_keys_rfc7208_9_1),
        cmocka_unit_test(helo_and_errors_have_their_own_keys_rfc7208_9_1),
        cmocka_unit_test(nothing_of_a_peer_gets_out_of_its_quotes_rfc7208_9_1),
        cmocka_unit_test(every_line_is_short_enough_rfc5322_2_1_1),
        cmocka_unit_test(results_of_other_methods_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
