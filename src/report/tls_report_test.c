/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/tls_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static int open_arena(void **state)
{
    arena = arena_create(64 << 20);
    return arena ? 0 : -1;
}

static int close_arena(void **state)
{
    arena_destroy(arena);
    return 0;
}

static enum result read_policies(const char *policies, struct tls_report *report, struct error *error)
{
    struct bytes text = arena_printf(
        arena,
        "{\"organization-name\": \"a\", \"report-id\": \"1\", \"contact-info\": null, \"new\": [{}],"
        "\"date-range\": {\"start-datetime\": \"2026-11-21T00:00:00Z\","
        "\"end-datetime\": \"2026-11-21T23:59:59Z\"}, \"policies\": %s}",
        policies);
    *error = (struct error){""};
    return tls_report_read(arena, text, report, error);
}

static void assert_refused(const char *policies, const char *why)
{
    struct tls_report report;
    struct error error;
    enum result result = read_policies(policies, &report, &error);
    if (result != PERM || !strstr(error.text, why))
        fail_msg("%s: \"%s\", not \"%s\"", result_name(result), error.text, why);
}

static void everything_in_a_report_is_read(void **state)
{
    struct tls_report report;
    struct error error;
    if (read_policies("[{\"policy\": {\"policy-type\": \"sts\", \"policy-domain\": \"d.example\","
                      "\"policy-string\": [\"version: STSv1\", \"mode: enforce\"], \"mx-host\": \"*.d.example\"},"
                      "\"summary\": {\"total-successful-session-count\": 5, \"total-failure-session-count\": 2},"
                      "\"failure-details\": [{\"result-type\": \"certificate-expired\","
                      "\"sending-mta-ip\": \"2001:db8:0012::1\", \"failed-session-count\": 2}]}]",
                      &report, &error) != OK)
        fail_msg("%s", error.text);
    const struct tls_report_policy *policy = &report.policies[0];
    assert_int_equal(report.policy_count, 1);
    assert_int_equal(report.end - report.begin, 86399);
    assert_int_equal(policy->type, TLS_REPORT_STS);
    assert_int_equal(policy->string_count, 2);
    assert_int_equal(policy->mx_host_count, 1);
    assert_int_equal(policy->successful, 5);
    assert_int_equal(policy->failed, 2);
    assert_int_equal(policy->failure_count, 1);
    assert_int_equal(policy->failures[0].sending_mta.family, 6);
    assert_int_equal(policy->failures[0].receiving.family, 0);
}

static void what_is_no_count_or_address_is_refused(void **state)
{
#define SUMMARY(text) "[{\"policy\": {}, \"summary\": {\"total-successful-session-count\": " text "}}]"
#define FAILURE(text) "[{\"policy\": {}, \"summary\": {}, \"failure-details\": " text "}]"
    assert_refused(SUMMARY("-1"), "is no number of sessions");
    assert_refused(SUMMARY("1.5"), "is no number of sessions");
    assert_refused(SUMMARY("\"1\""), "is no number of sessions");
    assert_refused(SUMMARY("2000000001"), "is no number of sessions");
    assert_refused(SUMMARY("99999999999999999999"), "no JSON");
    assert_refused(FAILURE("{}"), "is no array");
    assert_refused(FAILURE("[1]"), "something else than objects");
    assert_refused(FAILURE("[{\"sending-mta-ip\": \"1.2.3\"}]"), "is no address");
    assert_refused(FAILURE("[{\"result-type\": 1}]"), "is no string");
    assert_refused("[{\"summary\": {}}]", "without a \"policy\"");
    assert_refused("[]", "no array with something in it");
    assert_refused("{}", "no array with something in it");
}

static void what_is_no_report_is_refused(void **state)
{
    static const char *const texts[] = {"", "[]", "{", "{\"a\": 1, \"a\": 2}", "{} x", "\"a\"",
                                        "{\"organization-name\": \"a\"}", "{\"a\": \"\\u0000\"}"};
    struct tls_report report;
    for (size_t i = 0; i < countof(texts); i++)
        assert_int_equal(tls_report_read(arena, bytes_of(texts[i]), &report, NULL), PERM);
}

/* Each takes the parser hundreds of octets. */
static void a_report_of_countless_empty_objects_is_refused_before_it_is_parsed(void **state)
{
    struct tls_report report;
    struct error error;
    size_t count = TLS_REPORT_CONTAINERS_MAX + 1;
    uint8_t *text = arena_alloc(arena, count * 3 + 1);
    assert_non_null(text);
    text[0] = '[';
    for (size_t i = 0; i < count; i++)
        memcpy(text + 1 + 3 * i, i + 1 < count ? "{}," : "{}]", 3);
    assert_int_equal(tls_report_read(arena, bytes_from(text, count * 3 + 1), &report, &error), PERM);
    assert_non_null(strstr(error.text, "too large"));
    memset(text, '[', count);
    assert_int_equal(tls_report_read(arena, bytes_from(text, 100000), &report, &error), PERM);
}

/* rfc3339:5.6 and 5.7, and what reporters write. */
static void times_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t epoch; /* -1: none */
    } cases[] = {{"1970-01-01T00:00:00Z", 0},
                 {"2016-04-01T23:59:59Z", 1459555199},
                 {"2016-04-01t23:59:59.999z", 1459555199},
                 {"2016-04-02T01:59:59+02:00", 1459555199},
                 {"2016-04-01 18:29:59-05:30", 1459555199},
                 {"2016-04-01T24:00:00Z", 1459555200},
                 {"2016-04-01T23:59:59", 1459555199},
                 {"2016-02-29T00:00:00Z", 1456704000},
                 {"2015-02-29T00:00:00Z", -1},
                 {"2016-13-01T00:00:00Z", -1},
                 {"2016-04-00T00:00:00Z", -1},
                 {"2016-04-01T24:00:01Z", -1},
                 {"2016-04-01T23:59:59.Z", -1},
                 {"2016-04-01T23:59Z", -1},
                 {"2016-04-01", -1},
                 {"2016-04-01T23:59:59Zx", -1},
                 {"2016-04-01T23:59:59+0200", -1}};
    for (size_t i = 0; i < countof(cases); i++) {
        int64_t epoch = -1;
        assert_int_equal(tls_report_read_time(bytes_of(cases[i].text), &epoch), cases[i].epoch >= 0);
        assert_int_equal(epoch, cases[i].epoch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_in_a_report_is_read),
        cmocka_unit_test(what_is_no_count_or_address_is_refused),
        cmocka_unit_test(what_is_no_report_is_refused),
        cmocka_unit_test(a_report_of_countless_empty_objects_is_refused_before_it_is_parsed),
        cmocka_unit_test(times_are_read),
    };
    return cmocka_run_group_tests_name("tls_report", tests, open_arena, close_arena);
}
