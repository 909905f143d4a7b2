/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/report.h"

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

#define REQUIRED "Feedback-Type: auth-failure\r\nUser-Agent: a/1\r\nVersion: 1\r\n"

static struct failure_report read_fields(const char *fields)
{
    struct failure_report report;
    struct error error;
    if (failure_report_read_fields(arena, bytes_of(fields), &report, &error) != OK)
        fail_msg("%s", error.text);
    return report;
}

static void assert_refused(const char *fields, const char *why)
{
    struct failure_report report;
    struct error error = {""};
    enum result result = failure_report_read_fields(arena, bytes_of(fields), &report, &error);
    if (result != PERM || !strstr(error.text, why))
        fail_msg("%s: \"%s\", not \"%s\"", result_name(result), error.text, why);
}

/* rfc5965:3.1; Incidents are 1 unless said (rfc5965:3.2). */
static void type_and_version_must_be_there(void **state)
{
    struct failure_report report = read_fields(REQUIRED);
    assert_true(bytes_is(report.feedback_type, "auth-failure"));
    assert_int_equal(report.version, 1);
    assert_int_equal(report.incidents, 1);
    assert_int_equal(report.source.family, 0);
    assert_false(report.has_arrival);
    assert_refused("Feedback-Type: abuse\r\n", "no Version");
    assert_refused("Version: 1\r\n", "no Feedback-Type");
    assert_refused("Version: one\r\nFeedback-Type: abuse\r\n", "Version");
    assert_refused("", "no Version");
    assert_refused(REQUIRED "not a field\r\n", "no field");
}

static void numbers_and_addresses_are_checked(void **state)
{
    struct failure_report report = read_fields(REQUIRED "Source-IP: 192.0.2.1 (mail.example)\r\n"
                                                        "Source-Port: 2525\r\nIncidents: 12\r\n");
    assert_int_equal(report.source.family, 4);
    assert_int_equal(report.source_port, 2525);
    assert_int_equal(report.incidents, 12);
    assert_int_equal(read_fields(REQUIRED "Source-IP: [IPv6:2001:db8::1]\r\n").source.family, 6);
    assert_refused(REQUIRED "Source-IP: somewhere\r\n", "Source-IP is no address");
    assert_refused(REQUIRED "Source-Port: 65536\r\n", "Source-Port");
    assert_refused(REQUIRED "Source-Port: 0\r\n", "Source-Port");
    assert_refused(REQUIRED "Incidents: -1\r\n", "Incidents");
}

static void fields_that_may_stand_several_times_are_lists(void **state)
{
    struct failure_report report =
        read_fields(REQUIRED "Reported-URI: http://a.example/\r\nAuth-Failure: DMARC (p=reject)\r\n"
                             "Reported-URI: mailto:b@c.example\r\nOriginal-Rcpt-To: <d@e.example>\r\n");
    assert_int_equal(report.reported_uri.count, 2);
    assert_true(bytes_is(report.reported_uri.values[1], "mailto:b@c.example"));
    assert_int_equal(report.auth_failure.count, 1);
    assert_true(bytes_is(report.auth_failure.values[0], "dmarc"));
    struct buf many;
    buf_init(&many, 64 * 1024);
    buf_add_string(&many, REQUIRED);
    for (int i = 0; i <= FAILURE_VALUES_MAX; i++)
        buf_add_string(&many, "Reported-URI: http://a.example/\r\n");
    buf_add_byte(&many, '\0');
    assert_refused((const char *)many.ptr, "more than 100 fields Reported-URI");
    buf_free(&many);
}

static void a_date_that_is_none_is_kept_as_text(void **state)
{
    struct failure_report report = read_fields(REQUIRED "Arrival-Date: Sat, 08 Oct 2011 20:15:58 +0000\r\n");
    assert_true(report.has_arrival);
    assert_int_equal(report.arrival, 1318104958);
    report = read_fields(REQUIRED "Received-Date: yesterday\r\n");
    assert_false(report.has_arrival);
    assert_true(bytes_is(report.arrival_date, "yesterday"));
}

static enum result read_mail(const char *text, struct report *report)
{
    struct error error;
    return report_read(arena, bytes_of(text), report, &error);
}

#define HEAD                                                                                       \
    "Subject: FW: hello\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n" \
    "--b\nContent-Type: text/plain\n\nfor people\n"                                                \
    "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: auth-failure\nVersion: 1\n\n"

static void the_message_or_its_header_comes_with_the_report(void **state)
{
    struct report report;
    assert_int_equal(read_mail(HEAD "--b\nContent-Type: message/rfc822\n\nSubject: hello\n\nbody\n--b--\n",
                               &report),
                     OK);
    assert_int_equal(report.kind, REPORT_FAILURE);
    assert_true(report.failure.has_message && !report.failure.headers_only);
    assert_true(bytes_is(report.failure.message, "Subject: hello\r\n\r\nbody"));
    assert_int_equal(read_mail(HEAD "--b\nContent-Type: text/rfc822-headers\n"
                                    "Content-Transfer-Encoding: quoted-printable\n\nSubject: h=C3=A9\n\n--b--\n",
                               &report),
                     OK);
    assert_true(report.failure.has_message && report.failure.headers_only);
    assert_true(bytes_is(report.failure.message, "Subject: h\xc3\xa9\r\n"));
    assert_int_equal(read_mail(HEAD "--b--\n", &report), OK);
    assert_false(report.failure.has_message);
}

static void a_feedback_report_outside_a_multipart_report_is_none(void **state)
{
    struct report report;
    assert_int_equal(read_mail("Content-Type: multipart/mixed; boundary=b\n\n--b\n"
                               "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n\n"
                               "--b--\n",
                               &report),
                     PERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(type_and_version_must_be_there),
        cmocka_unit_test(numbers_and_addresses_are_checked),
        cmocka_unit_test(fields_that_may_stand_several_times_are_lists),
        cmocka_unit_test(a_date_that_is_none_is_kept_as_text),
        cmocka_unit_test(the_message_or_its_header_comes_with_the_report),
        cmocka_unit_test(a_feedback_report_outside_a_multipart_report_is_none),
    };
    return cmocka_run_group_tests_name("failure_report", tests, open_arena, close_arena);
}
