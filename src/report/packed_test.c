/* SPDX-License-Identifier: BSD-2-Clause */
/* Archives, and reports as they come: plain, packed, in mail. */
#include "report/packed.h"
#include "report/report.h"
#include "report/report_fixture.h"

#include "base/encode.h"

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
    arena = arena_create(256 << 20);
    return arena ? 0 : -1;
}

static int close_arena(void **state)
{
    arena_destroy(arena);
    return 0;
}

static struct bytes decoded(const char *base64)
{
    struct bytes out;
    assert_true(base64_decode(arena, bytes_of(base64), &out));
    return out;
}

static struct bytes unpacked(const char *base64)
{
    struct buf out;
    struct error error;
    buf_init(&out, PACKED_ROOM_MAX);
    if (packed_read(decoded(base64), &out, &error) != OK)
        fail_msg("%s", error.text);
    struct bytes content = arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    return content;
}

static void assert_refused(struct bytes content, const char *why)
{
    struct report report;
    struct error error = {""};
    enum result result = report_read(arena, content, &report, &error);
    if (result != PERM || !strstr(error.text, why))
        fail_msg("%s: \"%s\", not \"%s\"", result_name(result), error.text, why);
}

static void assert_example(struct bytes content, bool in_mail)
{
    struct report report;
    struct error error;
    if (report_read(arena, content, &report, &error) != OK)
        fail_msg("%s", error.text);
    assert_int_equal(report.kind, REPORT_AGGREGATE);
    assert_int_equal(report.in_mail, in_mail);
    assert_true(bytes_is(report.aggregate.org_name, "reporter.example"));
    assert_int_equal(report.aggregate.message_count, 2);
}

static void a_report_may_be_plain_or_packed(void **state)
{
    assert_example(unpacked(GZIP), false);
    assert_example(decoded(GZIP), false);
    assert_example(decoded(ZIP), false);
    assert_example(decoded(ZIP_STORED), false);
    assert_example(arena_printf(arena, "\xef\xbb\xbf\r\n" BYTES_FMT, BYTES_ARG(unpacked(GZIP))), false);
}

static void the_first_file_of_an_archive_counts(void **state)
{
    /* Behind a folder, an empty file, and one of those that some systems add. */
    assert_example(decoded(ZIP_FOLDER), false);
    assert_refused(decoded(ZIP_EMPTY), "there is no file");
}

static void archives_are_opened_one_level_deep(void **state)
{
    assert_refused(decoded(GZIP_TWICE), "an archive within an archive");
}

static void what_unpacks_to_a_hundred_times_its_size_is_refused(void **state)
{
    assert_refused(decoded(GZIP_BOMB), "more than 100 times");
}

static void damaged_and_strange_archives_are_refused(void **state)
{
    assert_refused(decoded(GZIP_CUT), "the archive is damaged");
    assert_refused(decoded(ZIP_ENCRYPTED), "encrypted");
    assert_refused(decoded(ZIP_BZIP2), "a compression that reports do not use");
    assert_refused(BYTES("PK\x03\x04"), "the archive is damaged");
}

static void other_things_are_refused(void **state)
{
    assert_refused(BYTES(""), "neither a report nor a mail");
    assert_refused(BYTES("hello"), "neither a report nor a mail");
    assert_refused(BYTES("\xff\xfe<\0f\0"), "UTF-16");
    assert_refused(BYTES("Subject: hello\r\n\r\nHello.\r\n"), "brings no report");
    uint8_t *large = arena_alloc(arena, REPORT_SIZE_MAX + 1);
    assert_non_null(large);
    assert_refused(bytes_from(large, REPORT_SIZE_MAX + 1), "octets");
}

static struct bytes mail(const char *type, const char *body)
{
    return arena_printf(arena,
                        "From: a@reporter.example\nContent-Type: multipart/mixed; boundary=b\n\n"
                        "--b\nContent-Type: text/plain\n\nThis is a report.\n"
                        "--b\n%s\n\n%s\n--b--\n",
                        type, body);
}

static void the_report_is_found_in_its_mail(void **state)
{
    const char *xml = arena_string(arena, unpacked(GZIP));
    assert_example(mail("Content-Type: text/xml", xml), true);
    assert_example(mail("Content-Type: application/gzip\nContent-Transfer-Encoding: base64", GZIP), true);
    /* The type says nothing, or the wrong thing: the octets count. */
    assert_example(mail("Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64", ZIP),
                   true);
    assert_example(mail("Content-Type: application/gzip\nContent-Transfer-Encoding: base64", ZIP), true);
    assert_example(mail("Content-Disposition: attachment; filename=\"a!b!1!2.xml\"", xml), true);
    /* The mail may be nothing but the report. */
    assert_example(arena_printf(arena, "Content-Type: application/zip\nContent-Transfer-Encoding: base64\n\n%s\n",
                                ZIP),
                   true);
    /* Text is for people. */
    assert_refused(mail("Content-Type: text/html", xml), "brings no report");
}

static void a_mail_with_a_bad_part_and_a_good_one_is_read(void **state)
{
    struct bytes both = arena_printf(
        arena,
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: application/xml\n\n<html/>\n"
        "--b\nContent-Type: application/zip\nContent-Transfer-Encoding: base64\n\n%s\n--b--\n",
        ZIP);
    assert_example(both, true);
    assert_refused(mail("Content-Type: application/xml", "<html/>"), "its root is <html>");
}

/* A forwarded report is somebody else's. */
static void what_stands_in_a_forwarded_message_is_not_read(void **state)
{
    struct bytes inner = arena_printf(arena, "Content-Type: text/xml\n\n%s",
                                      arena_string(arena, unpacked(GZIP)));
    assert_refused(mail("Content-Type: message/rfc822", arena_string(arena, inner)), "brings no report");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_may_be_plain_or_packed),
        cmocka_unit_test(the_first_file_of_an_archive_counts),
        cmocka_unit_test(archives_are_opened_one_level_deep),
        cmocka_unit_test(what_unpacks_to_a_hundred_times_its_size_is_refused),
        cmocka_unit_test(damaged_and_strange_archives_are_refused),
        cmocka_unit_test(other_things_are_refused),
        cmocka_unit_test(the_report_is_found_in_its_mail),
        cmocka_unit_test(a_mail_with_a_bad_part_and_a_good_one_is_read),
        cmocka_unit_test(what_stands_in_a_forwarded_message_is_not_read),
    };
    return cmocka_run_group_tests_name("packed", tests, open_arena, close_arena);
}
