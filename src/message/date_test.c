/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/date.h"

#include "message/test.h"

static void assert_written(int64_t epoch, int zone, const char *expected)
{
    struct buf out;
    buf_init(&out, 100);
    date_write(&out, epoch, zone);
    assert_bytes(buf_bytes(&out), expected);
    buf_free(&out);
}

static void assert_read(const char *text, int64_t epoch, int zone)
{
    struct date date;
    struct error error = {0};
    if (date_parse(bytes_of(text), &date, &error) != OK)
        fail_msg("%s: %s", text, error.text);
    if (date.epoch != epoch || date.zone != zone)
        fail_msg("%s: %lld %d", text, (long long)date.epoch, date.zone);
}

static void assert_refused(const char *text)
{
    struct date date;
    if (date_parse(bytes_of(text), &date, NULL) != PERM)
        fail_msg("\"%s\" was taken", text);
}

/* The reference values are those of GNU date. */
static void dates_are_written_with_name_of_day_and_offset(void **state)
{
    assert_written(880127706, -360, "Fri, 21 Nov 1997 09:55:06 -0600");
    assert_written(0, 0, "Thu, 1 Jan 1970 00:00:00 +0000");
    assert_written(-1, 0, "Wed, 31 Dec 1969 23:59:59 +0000");
    assert_written(951782400, 0, "Tue, 29 Feb 2000 00:00:00 +0000");
    assert_written(1709164800, 330, "Thu, 29 Feb 2024 05:30:00 +0530");
    assert_written(4107542399, 0, "Sun, 28 Feb 2100 23:59:59 +0000");
    assert_written(4107542400, 0, "Mon, 1 Mar 2100 00:00:00 +0000");
    assert_written(0, -90, "Wed, 31 Dec 1969 22:30:00 -0130");
}

static void times_out_of_reach_are_clamped(void **state)
{
    struct buf out;
    static const int64_t times[] = {INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < 2; i++) {
        struct date date;
        buf_init(&out, 100);
        date_write(&out, times[i], i ? 9000 : -9000);
        assert_int_equal(date_parse(buf_bytes(&out), &date, NULL), OK);
        buf_free(&out);
    }
}

static void dates_are_read(void **state)
{
    assert_read("Fri, 21 Nov 1997 09:55:06 -0600", 880127706, -360);
    assert_read(" Fri ,\r\n 21 Nov 1997 09:55 -0600 (CST) ", 880127700, -360);
    assert_read("21 nov 1997 09:55:06 -0600", 880127706, -360);
    assert_read("1 Jan 1970 00:00:60 +0000", 60, 0);
    /* rfc5322:A.5 */
    assert_read("Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n"
                "               -0330 (Newfoundland Time)",
                -27723480, -210);
}

static void obsolete_dates_are_read_rfc5322_4_3(void **state)
{
    assert_read("21 Nov 97 09:55:06 GMT", 880106106, 0);
    assert_read("Fri, 21 Nov 97 09(comment):   55  :  06 -0600", 880127706, -360);
    assert_read("1 Jan 49 00:00:00 EST", 2493090000, -300);
    assert_read("1 Jan 50 00:00:00 +0000", -631152000, 0);
    assert_read("1 Jan 100 00:00:00 +0000", 946684800, 0);
    assert_read("21 Nov 1997 09:55:06 PDT", 880131306, -420);
}

static void a_zone_without_meaning_is_utc_and_marked(void **state)
{
    static const char *const texts[] = {
        "21 Nov 1997 09:55:06 -0000",
        "21 Nov 1997 09:55:06 A",
        "21 Nov 1997 09:55:06 CEST",
        "21 Nov 1997 09:55:06",
    };
    struct date date;
    for (size_t i = 0; i < countof(texts); i++) {
        assert_int_equal(date_parse(bytes_of(texts[i]), &date, NULL), OK);
        assert_true(date.zone_unknown);
        assert_int_equal(date.epoch, 880106106);
    }
    assert_int_equal(date_parse(BYTES("21 Nov 1997 09:55:06 +0000"), &date, NULL), OK);
    assert_false(date.zone_unknown);
    assert_false(date.obsolete);
}

static void what_is_no_date_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "x",
        "Fri",
        "21",
        "21 Nov",
        "21 Nov 1997",
        "32 Nov 1997 09:55 +0000",
        "31 Nov 1997 09:55 +0000",
        "29 Feb 1997 09:55 +0000",
        "29 Feb 1900 09:55 +0000",
        "0 Nov 1997 09:55 +0000",
        "21 Nux 1997 09:55 +0000",
        "21 Nov 1997 24:00 +0000",
        "21 Nov 1997 09:60 +0000",
        "21 Nov 1997 09:55:61 +0000",
        "21 Nov 1997 09:55 +000",
        "21 Nov 1997 09:55 +00000",
        "21 Nov 1997 09:55 +0060",
        "21 Nov 19970 09:55 +0000",
        "21 Nov 1997 9:5 +0000",
        "21 Nov 1997 09:55 +0000 x",
        "Foo, 21 Nov 1997 09:55 +0000",
        "21 Nov 1997 09:55 +0000 (",
        "99999999999999999999 Nov 1997 09:55 +0000",
    };
    for (size_t i = 0; i < countof(texts); i++)
        assert_refused(texts[i]);
}

static void days_of_four_centuries_come_back(void **state)
{
    struct buf out;
    buf_init(&out, 100);
    for (int64_t day = -80000; day < 80000; day += 7) {
        struct date date;
        buf_clear(&out);
        date_write(&out, day * 86400 + 4711, -90);
        assert_int_equal(date_parse(buf_bytes(&out), &date, NULL), OK);
        assert_int_equal(date.epoch, day * 86400 + 4711);
    }
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_written_with_name_of_day_and_offset),
        cmocka_unit_test(times_out_of_reach_are_clamped),
        cmocka_unit_test(dates_are_read),
        cmocka_unit_test(obsolete_dates_are_read_rfc5322_4_3),
        cmocka_unit_test(a_zone_without_meaning_is_utc_and_marked),
        cmocka_unit_test(what_is_no_date_is_refused),
        cmocka_unit_test(days_of_four_centuries_come_back),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
