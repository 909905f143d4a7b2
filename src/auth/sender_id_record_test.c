/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/sender_id_record.h"

#include "base/result.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct sender_id_version read_version(const char *text)
{
    struct sender_id_version version;
    if (!sender_id_version_read(bytes_of(text), &version))
        fail_msg("no version section: %s", text);
    return version;
}

static void refuse(const char *text)
{
    struct sender_id_version version;
    if (sender_id_version_read(bytes_of(text), &version))
        fail_msg("taken for a version section: %s", text);
}

static void the_version_section_ends_before_the_terms_rfc4406_3_1(void **state)
{
    struct sender_id_version version = read_version("spf2.0/mfrom,pra +mx -all");
    assert_true(version.spf2 && version.mfrom && version.pra);
    assert_int_equal(version.len, 16);
    version = read_version("spf2.0/pra");
    assert_true(version.spf2 && !version.mfrom && version.pra);
    assert_int_equal(version.len, 10);
    version = read_version("v=spf1 -all");
    assert_true(!version.spf2 && version.mfrom && version.pra);
    assert_int_equal(version.len, 6);
    assert_int_equal(read_version("V=SPF1").len, 6);
}

static void scopes_match_whole_and_in_any_case_rfc4406_4_4_step_3(void **state)
{
    struct sender_id_version version = read_version("spf2.0/mfrom,prattle,fubar");
    assert_true(version.mfrom && !version.pra);
    version = read_version("spf2.0/mfrom,pra,fubar");
    assert_true(version.mfrom && version.pra);
    version = read_version("SPF2.0/PRA");
    assert_true(!version.mfrom && version.pra);
    version = read_version("spf2.0/pr,mfro,x-1_2.y -all");
    assert_true(version.spf2 && !version.mfrom && !version.pra);
    version = read_version("spf2.0/pra,pra");
    assert_true(version.pra);
}

static void the_minor_version_is_well_formed_and_else_ignored_rfc4406_4_4_step_2(void **state)
{
    assert_true(read_version("spf2.1/pra").pra);
    assert_true(read_version("spf2.00042/pra").pra);
    refuse("spf2./pra");
    refuse("spf2/pra");
    refuse("spf2.x/pra");
    refuse("spf2.0x/pra");
    refuse("spf2.-1/pra");
}

static void what_has_no_proper_version_or_scope_is_refused_rfc4406_3_1(void **state)
{
    static const char *const texts[] = {
        "",
        "spf",
        "spf2.0",
        "spf2.0 -all",
        "spf2.0/",
        "spf2.0/ pra",
        "spf2.0/,pra",
        "spf2.0/pra,",
        "spf2.0/pra, mfrom",
        "spf2.0/pra,,mfrom",
        "spf2.0/1pra",
        "spf2.0/-pra",
        "spf2.0/pra\t-all",
        "spf2.0/pra;-all",
        "spf2.0/pra/mfrom",
        " spf2.0/pra",
        "spf3.0/pra",
        "v=spf2.0/pra",
        "v=spf1/pra",
        "v=spf10",
    };
    for (size_t i = 0; i < countof(texts); i++)
        refuse(texts[i]);
}

static struct sender_id_choice choose(enum spf_scope scope, const char *a, const char *b,
                                      const char *c)
{
    struct sender_id_choice choice = {0};
    sender_id_choose(&choice, bytes_of(a), scope);
    sender_id_choose(&choice, bytes_of(b), scope);
    sender_id_choose(&choice, bytes_of(c), scope);
    return choice;
}

/* Whatever the order of the records. */
static void expect(enum spf_scope scope, const char *a, const char *b, const char *c, size_t count,
                   const char *record)
{
    const char *const orders[][3] = {{a, b, c}, {a, c, b}, {b, a, c},
                                     {b, c, a}, {c, a, b}, {c, b, a}};
    for (size_t i = 0; i < countof(orders); i++) {
        struct sender_id_choice got = choose(scope, orders[i][0], orders[i][1], orders[i][2]);
        assert_int_equal(got.count, count);
        if (record)
            assert_true(bytes_is(got.record, record));
    }
}

static void spf2_with_the_scope_takes_precedence_rfc4406_4_4_step_4(void **state)
{
    expect(SPF_SCOPE_PRA, "v=spf1 +all", "spf2.0/pra -all", "other", 1, "spf2.0/pra -all");
    expect(SPF_SCOPE_MFROM, "v=spf1 +all", "spf2.0/mfrom -all", "spf2.0/pra", 1,
           "spf2.0/mfrom -all");
    /* So v=spf1 records beside it do not count at all, however many. */
    expect(SPF_SCOPE_PRA, "v=spf1 +all", "spf2.0/pra -all", "v=spf1 -all", 1, "spf2.0/pra -all");
}

static void without_the_scope_v_spf1_is_selected_rfc4406_4_4_step_4(void **state)
{
    expect(SPF_SCOPE_PRA, "v=spf1 +all", "spf2.0/mfrom -all", "other", 1, "v=spf1 +all");
    expect(SPF_SCOPE_MFROM, "v=spf1 +all", "spf2.0/pra -all", "spf2.0/pra", 1, "v=spf1 +all");
}

static void without_either_none_is_selected_rfc4406_4_4_step_5(void **state)
{
    expect(SPF_SCOPE_PRA, "spf2.0/mfrom", "spf2.0/x", "v=spf2", 0, NULL);
}

static void several_records_that_match_are_counted_rfc4406_4_4(void **state)
{
    expect(SPF_SCOPE_PRA, "spf2.0/pra", "spf2.0/mfrom,pra", "v=spf1", 2, NULL);
    expect(SPF_SCOPE_PRA, "v=spf1", "v=spf1", "spf2.0/mfrom", 2, NULL);
}

static void spf_itself_knows_no_spf2_rfc7208_4_5(void **state)
{
    expect(SPF_SCOPE_NONE, "spf2.0/mfrom,pra -all", "v=spf1 +all", "", 1, "v=spf1 +all");
    expect(SPF_SCOPE_NONE, "spf2.0/mfrom,pra -all", "", "", 0, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_version_section_ends_before_the_terms_rfc4406_3_1),
        cmocka_unit_test(scopes_match_whole_and_in_any_case_rfc4406_4_4_step_3),
        cmocka_unit_test(the_minor_version_is_well_formed_and_else_ignored_rfc4406_4_4_step_2),
        cmocka_unit_test(what_has_no_proper_version_or_scope_is_refused_rfc4406_3_1),
        cmocka_unit_test(spf2_with_the_scope_takes_precedence_rfc4406_4_4_step_4),
        cmocka_unit_test(without_the_scope_v_spf1_is_selected_rfc4406_4_4_step_4),
        cmocka_unit_test(without_either_none_is_selected_rfc4406_4_4_step_5),
        cmocka_unit_test(several_records_that_match_are_counted_rfc4406_4_4),
        cmocka_unit_test(spf_itself_knows_no_spf2_rfc7208_4_5),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
