/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/points.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void numbers_are_read_in_hundredths(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
        int64_t value;
    } cases[] = {
        {"4.37", true, 437},    {"-2", true, -200},  {"+0.5", true, 50},
        {"0", true, 0},         {"12.", true, 1200}, {".5", true, 50},
        {"1.999", true, 199},   {"", false, 0},      {"-", false, 0},
        {".", false, 0},        {"1,5", false, 0},   {"1.2.3", false, 0},
        {"inf", false, 0},      {"1e5", false, 0},   {"99999999999999999999999999", true, INT64_C(1000000000000000)},
        {"-99999999999999999999999999.99", true, INT64_C(-1000000000000000)},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t value = 77;
        assert_int_equal(points_read(bytes_of(cases[i].text), &value), cases[i].good);
        assert_int_equal(value, cases[i].value);
    }
}

static void points_are_written_without_idle_zeros(void **state)
{
    (void)state;
    char out[POINTS_TEXT_SIZE];
    assert_string_equal(points_format(437, out), "+4.37");
    assert_string_equal(points_format(-250, out), "-2.5");
    assert_string_equal(points_format(0, out), "0");
    assert_string_equal(points_plain(1500, out), "15");
    assert_string_equal(points_plain(-5, out), "-0.05");
    assert_string_equal(points_percent(9901, out), "99.01");
    assert_string_equal(points_percent(5, out), "0.05");
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    char out[POINTS_TEXT_SIZE];
    for (int points = -2500; points <= 2500; points += 7) {
        int64_t back;
        assert_true(points_read(bytes_of(points_format(points, out)), &back));
        assert_int_equal(back, points);
    }
}

static void odds_are_five_points_for_a_factor_of_ten(void **state)
{
    (void)state;
    assert_int_equal(points_of_odds(10, 1), 500);
    assert_int_equal(points_of_odds(1, 1000), -1500);
    assert_int_equal(points_of_odds(7, 7), 0);
    assert_int_equal(points_of_odds(0, 0), 0);
    for (unsigned long long a = 1; a < 2000000000000ULL; a = a * 3 + 1)
        for (unsigned long long b = 1; b < 2000000000000ULL; b = b * 5 + 2)
            assert_true(abs(points_of_odds(a, b) - (int)lround(500 * log10((double)a / (double)b))) <= 1);
    assert_int_equal(points_of_odds(UINT64_MAX, 1), (int)lround(500 * 64 * log10(2)));
}

static void a_probability_is_that_of_the_logistic_function(void **state)
{
    (void)state;
    assert_int_equal(points_probability(0), 5000);
    assert_int_equal(points_probability(500), 9091);
    assert_int_equal(points_probability(1000), 9901);
    assert_int_equal(points_probability(-500), 909);
    for (int score = -1900; score <= 1900; score++) {
        double exact = 10000 / (1 + pow(10, -score / 500.0));
        assert_true(fabs(points_probability(score) - exact) <= 0.51);
        assert_int_equal(points_probability(score) + points_probability(-score), 10000);
        assert_true(points_probability(score) >= points_probability(score - 1));
    }
}

static void nothing_is_certain(void **state)
{
    (void)state;
    static const int extremes[] = {2500, 100000, INT32_MAX, -2500, -100000, INT32_MIN};
    for (size_t i = 0; i < sizeof(extremes) / sizeof(extremes[0]); i++)
        assert_int_equal(points_probability(extremes[i]), extremes[i] > 0 ? 9999 : 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_in_hundredths),
        cmocka_unit_test(points_are_written_without_idle_zeros),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(odds_are_five_points_for_a_factor_of_ten),
        cmocka_unit_test(a_probability_is_that_of_the_logistic_function),
        cmocka_unit_test(nothing_is_certain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
