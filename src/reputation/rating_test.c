/* SPDX-License-Identifier: BSD-2-Clause */
#include "reputation/rating.h"

#include "base/clock.h"
#include "dns/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void records_are_read_however_they_are_written(void **state)
{
    static const struct {
        const char *text;
        enum rating_status status;
        unsigned value;
    } cases[] = {
        {"Status: good Rating: 80", RATING_GOOD, 80},
        {"Status: bad Rating: 7", RATING_BAD, 7},
        {"Status: unknown", RATING_UNKNOWN, 50},
        {"status:GOOD", RATING_GOOD, 100},
        {"STATUS = bad;", RATING_BAD, 0},
        {"Rating: 33, Status: good", RATING_GOOD, 33},
        {"v=rating1; Status: good; Rating: 12%; since: 2001", RATING_GOOD, 12},
        {"Status:good\r\nRating:80/100\r\n", RATING_GOOD, 80},
        {"Status: good Rating: 99.9", RATING_GOOD, 99},
        {"Status: good Rating: 1000000000000000000000", RATING_GOOD, 100},
        {"Status: good Rating: -5", RATING_GOOD, 0},
        {"Status: good Rating: +5", RATING_GOOD, 5},
        {"Status: good Rating: much", RATING_GOOD, 100},
        {"Status: good Rating: 5 Rating: 90", RATING_GOOD, 5},
        {"Status: good Status: good", RATING_GOOD, 100},
        {"Status: new Status: bad", RATING_BAD, 0},
        {":: Status  :  good", RATING_GOOD, 100},
    };
    struct rating rating;
    for (size_t i = 0; i < countof(cases); i++) {
        if (!rating_parse(bytes_of(cases[i].text), &rating))
            fail_msg("%s", cases[i].text);
        if (rating.status != cases[i].status || rating.value != cases[i].value)
            fail_msg("%s: %s %u", cases[i].text, rating_status_name(rating.status), rating.value);
    }
}

static void what_says_nothing_or_both_is_no_rating(void **state)
{
    static const char *const texts[] = {
        "", "Status", "Status:", "Rating: 80", "good", "Status: excellent", "Status good", "MyStatus: good",
        "Status: good Status: bad", "Status: goodbad", "v=spf1 -all", ":", "\xff\xfe\x80",
    };
    struct rating rating;
    for (size_t i = 0; i < countof(texts); i++)
        if (rating_parse(bytes_of(texts[i]), &rating))
            fail_msg("%s", texts[i]);
}

static const char zone_text[] = "good.example.r.example TXT \"Status: good Rating: 80\"\n"
                                "bad.example.r.example TXT \"Status: bad\"\n"
                                "odd.example.r.example TXT \"hello\"\n"
                                "two.example.r.example TXT \"hello\"\n"
                                "two.example.r.example TXT \"Status: good\"\n"
                                "both.example.r.example TXT \"Status: good\"\n"
                                "both.example.r.example TXT \"Status: bad\"\n"
                                "unknown.example.r.example TXT \"Status: unknown\"\n"
                                "slow.example.r.example FAIL\n";

static void the_record_is_asked_for_at_the_domain(void **state)
{
    static const struct {
        const char *domain;
        enum auth_result result;
    } cases[] = {
        {"good.example", AUTH_PASS},     {"bad.example", AUTH_FAIL},        {"odd.example", AUTH_PERMERROR},
        {"two.example", AUTH_PASS},      {"both.example", AUTH_PERMERROR},  {"unknown.example", AUTH_NEUTRAL},
        {"slow.example", AUTH_TEMPERROR}, {"nobody.example", AUTH_NONE},    {"", AUTH_NONE},
        {"a b.example", AUTH_NONE},
    };
    struct zone *zone = zone_create();
    struct arena *arena = arena_create(1 << 20);
    assert_int_equal(zone_load(zone, bytes_of(zone_text), NULL), OK);
    for (size_t i = 0; i < countof(cases); i++) {
        struct rating_result result;
        rating_check(zone_dns(zone), arena, BYTES("r.example"), bytes_of(cases[i].domain), NO_DEADLINE, &result);
        if (result.result != cases[i].result)
            fail_msg("%s: %s", cases[i].domain, auth_result_name(result.result));
        bool read = result.result == AUTH_PASS || result.result == AUTH_FAIL || result.result == AUTH_NEUTRAL;
        assert_int_equal(result.problem.len == 0, read);
    }
    arena_destroy(arena);
    zone_destroy(zone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_read_however_they_are_written),
        cmocka_unit_test(what_says_nothing_or_both_is_no_rating),
        cmocka_unit_test(the_record_is_asked_for_at_the_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
