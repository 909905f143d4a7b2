/* SPDX-License-Identifier: BSD-2-Clause */
#include "lint/wizard.h"

#include "lint/zone_fixture.h"


static const char zone_text[] = "shop.example MX 10 mx.shop.example\n"
                                "mx.shop.example A 192.0.2.1\n"
                                "big.example TXT \"v=spf1 ip4:198.51.100.0/24 -all\"\n"
                                "open.example TXT \"v=spf1 +all\"\n"
                                "down.example FAIL\n";

struct scene {
    struct wizard_answers answers;
    struct wizard_plan plan;
    struct error error;
    enum result result;
    size_t wrong;
};

static int set_up(void **state)
{
    static struct scene scene;
    scene = (struct scene){0};
    open_zone(zone_text);
    *state = &scene;
    return 0;
}

static void make(void *argument)
{
    struct scene *scene = argument;
    scene->result = wizard_plan_make(&scene->plan, zone_dns(zone), arena,
                                     &scene->answers, loop_deadline(10 * SECOND), &scene->error);
    if (scene->result == OK)
        scene->result = wizard_try(&scene->plan, false, &scene->wrong);
}

static enum result plan(struct scene *scene, const char *text)
{
    scene->answers = (struct wizard_answers){.source_count = 0};
    enum result result =
        wizard_answers_parse(arena, bytes_of(text), &scene->answers, &scene->error);
    if (result != OK)
        return result;
    loop_run(loop, make, scene);
    return scene->result;
}

static struct bytes text_of(const struct scene *scene, const char *name)
{
    for (size_t i = 0; i < scene->plan.record_count; i++)
        if (bytes_is(scene->plan.records[i].name, name))
            return scene->plan.records[i].text;
    return BYTES("");
}

static void the_record_lets_in_what_was_named_and_nobody_else(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(plan(scene, "domain = Shop.Example.\nown-mx = yes\n# a comment\n"
                                 "provider=big.example\nhost = 203.0.113.0/28\n"
                                 "forwarded-users = no\n"),
                     OK);
    assert_true(bytes_is(text_of(scene, "shop.example"),
                         "v=spf1 ip4:203.0.113.0/28 mx include:big.example -all"));
    assert_true(bytes_is(text_of(scene, "mx.shop.example"), "v=spf1 a -all"));
    assert_int_equal(scene->plan.terms, 2);
    assert_int_equal(scene->wrong, 0);
    assert_true(scene->plan.trial_count >= 5);
}

static void a_trial_that_goes_wrong_is_counted(void **state)
{
    struct scene *scene = *state;
    /* The stranger of the trials is in this network. */
    assert_int_equal(plan(scene, "domain=shop.example\nhost=203.0.113.0/24\n"), OK);
    assert_int_equal(scene->wrong, 1);
}

static void an_include_that_lets_everybody_in_is_refused(void **state)
{
    assert_int_equal(plan(*state, "domain=shop.example\nprovider=open.example\n"), PERM);
    assert_int_equal(plan(*state, "domain=shop.example\nprovider=none.example\n"), PERM);
    assert_int_equal(plan(*state, "domain=shop.example\nprovider=down.example\n"), TEMP);
}

static void answers_that_contradict_are_refused(void **state)
{
    assert_int_equal(plan(*state, "domain=shop.example\nnever-sends=yes\nown-mx=yes\n"), PERM);
    assert_int_equal(plan(*state, "domain=shop.example\n"), PERM);
    assert_int_equal(plan(*state, "own-mx=yes\n"), PERM);
}

static void wrong_lines_are_named(void **state)
{
    struct scene *scene = *state;
    assert_int_equal(plan(scene, "domain=shop.example\n\nnonsense\n"), PERM);
    assert_non_null(strstr(scene->error.text, "line 3"));
    assert_int_equal(plan(scene, "domain=shop.example\nown-mx=maybe\n"), PERM);
    assert_int_equal(plan(scene, "host=localhost\n"), PERM);
    assert_int_equal(plan(scene, "esp=big.example\n"), PERM);
    assert_int_equal(plan(scene, "esp=E=big.example,bounces=b.shop.example\n"), PERM);
    assert_int_equal(plan(scene, "esp=E=\n"), PERM);
    /* Mistyped addresses are no names. */
    assert_int_equal(plan(scene, "domain=shop.example\nhost=300.1.1.1\n"), PERM);
    assert_non_null(strstr(scene->error.text, "no IP address"));
    assert_int_equal(plan(scene, "domain=shop.example\nhost=192.0.2.0/33\n"), PERM);
    assert_int_equal(plan(scene, "domain=shop.example\nrelay=2001:db8::g\n"), PERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_record_lets_in_what_was_named_and_nobody_else, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_trial_that_goes_wrong_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_include_that_lets_everybody_in_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(answers_that_contradict_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_lines_are_named, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
