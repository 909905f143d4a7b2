/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/status_code.h"

#include "message/test.h"

static void assert_code(const char *text, unsigned class, unsigned subject, unsigned detail)
{
    struct status_code code = {0};
    assert_int_equal(status_code_parse(bytes_of(text), &code), OK);
    assert_int_equal(code.class, class);
    assert_int_equal(code.subject, subject);
    assert_int_equal(code.detail, detail);
}

static void codes_are_three_numbers_without_leading_zeros_rfc3464_2_3_4(void **state)
{
    static const char *const bad[] = {"",       "5",      "5.1",     "5.1.",   "5..1",
                                      "3.1.1",  "51.1.1", "5.01.1",  "5.1.01", "5.1.1000",
                                      "5.1.1 ", " 5.1.1", "5.1.1.1", "5-1-1",  "5.1.x"};
    struct status_code code;
    assert_code("5.1.1", 5, 1, 1);
    assert_code("4.0.0", 4, 0, 0);
    assert_code("2.999.999", 2, 999, 999);
    for (size_t i = 0; i < countof(bad); i++)
        if (status_code_parse(bytes_of(bad[i]), &code) != NONE)
            fail_msg("taken: \"%s\"", bad[i]);
}

static void the_code_of_a_reply_is_found_behind_its_reply_code(void **state)
{
    struct status_code code;
    assert_int_equal(status_code_find(BYTES("550 5.1.1 no"), &code), OK);
    assert_int_equal(code.detail, 1);
    assert_int_equal(status_code_find(BYTES("550-5.7.26 no"), &code), OK);
    assert_int_equal(code.detail, 26);
    assert_int_equal(status_code_find(BYTES("4.4.7"), &code), OK);
    assert_int_equal(status_code_find(BYTES("550 no 5.1.1"), &code), NONE);
    assert_int_equal(status_code_find(BYTES("550 5.1.1.2 no"), &code), NONE);
    assert_int_equal(status_code_find(BYTES("550 192.0.2.1 no"), &code), NONE);
    assert_int_equal(status_code_find(BYTES("550"), &code), NONE);
}

static void every_code_has_a_sentence(void **state)
{
    for (unsigned class = 2; class <= 5; class ++)
        for (unsigned subject = 0; subject < 12; subject++)
            for (unsigned detail = 0; detail < 40; detail++) {
                struct status_meaning meaning =
                    status_code_meaning((struct status_code){class, subject, detail});
                assert_true(bytes_ends_with(bytes_of(meaning.sentence), BYTES(".")));
                assert_non_null(meaning.advice);
            }
}

static void the_commonest_are_told_apart(void **state)
{
    struct status_meaning unknown = status_code_meaning((struct status_code){5, 1, 1});
    struct status_meaning full = status_code_meaning((struct status_code){4, 2, 2});
    assert_non_null(strstr(unknown.sentence, "no such address"));
    assert_non_null(strstr(full.sentence, "full"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_three_numbers_without_leading_zeros_rfc3464_2_3_4),
        cmocka_unit_test(the_code_of_a_reply_is_found_behind_its_reply_code),
        cmocka_unit_test(every_code_has_a_sentence),
        cmocka_unit_test(the_commonest_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
