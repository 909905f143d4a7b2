/* SPDX-License-Identifier: BSD-2-Clause */
#include "lint/spf_tree.h"

#include "lint/spf_mend.h"
#include "lint/zone_fixture.h"

static const char zone_text[] =
    "a.example TXT \"v=spf1 a mx include:b.example include:c.example ip4:192.0.2.0/24 -all\"\n"
    "a.example A 192.0.2.1\n"
    "b.example TXT \"v=spf1 exists:%{i}.x.example a:gone.example redirect=d.example\"\n"
    "c.example TXT \"v=spf1 ip4:198.51.100.1 include:e.example ~all\"\n"
    "d.example TXT \"v=spf1 ?all\"\n"
    "e.example TXT \"v=spf1 ip6:2001:db8::/32 -all\"\n"
    "loop.example TXT \"v=spf1 include:loop2.example -all\"\n"
    "loop2.example TXT \"v=spf1 include:LOOP.example -all\"\n"
    "end.example TXT \"v=spf1 -all a:behind.example include:behind.example\"\n"
    "many.example TXT \"v=spf1 a:h.example include:c.example -all\"\n"
    "h.example A 192.0.2.7\n";

struct scene {
    struct spf_tree tree;
    const char *domain;
};

static void build(void *argument)
{
    struct scene *scene = argument;
    spf_tree_build(&scene->tree, zone_dns(zone), arena, bytes_of(scene->domain),
                   loop_deadline(10 * SECOND));
}

static int set_up(void **state)
{
    static struct scene scene;
    scene = (struct scene){0};
    open_zone(zone_text);
    *state = &scene;
    return 0;
}

static const struct spf_tree_node *tree_of(struct scene *scene, const char *domain)
{
    scene->domain = domain;
    loop_run(loop, build, scene);
    return scene->tree.root;
}

static void terms_of_all_records_are_counted_rfc7208_4_6_4(void **state)
{
    const struct spf_tree_node *root = tree_of(*state, "a.example");
    assert_int_equal(root->state, SPF_TREE_RECORD);
    assert_int_equal(root->term_count, 4);
    /* a, mx, include b (exists, a, redirect), include c (include e) */
    assert_int_equal(root->cost, 4 + 3 + 1);
    assert_int_equal(root->void4, 2); /* mx, a:gone */
    assert_int_equal(root->void6, 3); /* and a.example has no AAAA */
    assert_int_equal(root->terms[2].child->cost, 3);
}

static void loops_end(void **state)
{
    const struct spf_tree_node *root = tree_of(*state, "loop.example");
    assert_int_equal(root->state, SPF_TREE_RECORD);
    assert_int_equal(root->terms[0].child->terms[0].child->state, SPF_TREE_LOOP);
}

static void what_stands_behind_all_is_not_asked_for_rfc7208_5_1(void **state)
{
    assert_int_equal(tree_of(*state, "end.example")->cost, 0);
}

static void the_default_is_that_of_a_redirect_rfc7208_6_1(void **state)
{
    assert_int_equal(spf_tree_default(tree_of(*state, "a.example")), '-');
    assert_int_equal(spf_tree_default(tree_of(*state, "b.example")), '?');
    assert_int_equal(spf_tree_default(tree_of(*state, "none.example")), 0);
}

static void only_plain_networks_can_be_flattened(void **state)
{
    struct buf out;
    size_t count = 0;
    buf_init(&out, 4096);
    assert_true(spf_tree_flatten(tree_of(*state, "c.example"), &out, &count));
    assert_true(bytes_is(buf_bytes(&out), " ip4:198.51.100.1 ip6:2001:db8::/32"));
    assert_int_equal(count, 2);
    assert_false(spf_tree_flatten(tree_of(*state, "b.example"), &out, &count));
    assert_false(spf_tree_flatten(tree_of(*state, "many.example"), &out, &count));
    buf_free(&out);
}

static void own_hosts_are_flattened_first(void **state)
{
    struct scene *scene = *state;
    const struct spf_tree_node *root = tree_of(scene, "many.example");
    assert_int_equal(root->cost, 3);
    assert_true(bytes_is(spf_mend_flatten(arena, root->text, root, 2),
                         "v=spf1 ip4:192.0.2.7 include:c.example -all"));
    assert_true(bytes_is(spf_mend_flatten(arena, root->text, root, 0),
                         "v=spf1 ip4:192.0.2.7 ip4:198.51.100.1 ip6:2001:db8::/32 -all"));
    assert_true(bytes_is(spf_mend_flatten(arena, root->text, root, 3),
                         "v=spf1 a:h.example include:c.example -all"));
}

static void mended_as(const char *text, const char *wanted)
{
    struct bytes mended = spf_mend(arena, bytes_of(text), NULL);
    struct spf_record record;
    if (!bytes_is(mended, wanted))
        print_message("# \"" BYTES_FMT "\"\n", BYTES_ARG(mended));
    assert_true(bytes_is(mended, wanted));
    assert_int_equal(spf_record_parse(arena, mended, &record, NULL, NULL), OK);
}

static void records_are_mended_as_they_were_meant(void **state)
{
    mended_as("v=spf1 ip:192.0.2.1 -all", "v=spf1 ip4:192.0.2.1 -all");
    mended_as("v=spf1 ip4:2001:db8::1, 192.0.2.0/24 ~all",
              "v=spf1 ip6:2001:db8::1 ip4:192.0.2.0/24 ~all");
    mended_as("v=spf1 mx +all", "v=spf1 mx ~all");
    mended_as("v=spf1 mx ?all", "v=spf1 mx ~all");
    mended_as("v=spf1 mx", "v=spf1 mx ~all");
    mended_as("v=spf1 mx ptr MX -all a redirect=x.example", "v=spf1 mx -all");
    mended_as("v=spf1 redirect:x.example", "v=spf1 redirect=x.example");
    mended_as("v=spf1 nonsense: v=spf1 a -all", "v=spf1 a -all");
    mended_as("v=spf1", "v=spf1 ~all");
}

static void several_records_are_joined(void **state)
{
    const struct bytes texts[] = {BYTES("v=spf1 a mx -all"),
                                  BYTES("v=spf1 mx include:b.example ~all")};
    assert_true(bytes_is(spf_mend_join(arena, texts, 2), "v=spf1 a mx include:b.example -all"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(terms_of_all_records_are_counted_rfc7208_4_6_4, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(loops_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_stands_behind_all_is_not_asked_for_rfc7208_5_1, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_default_is_that_of_a_redirect_rfc7208_6_1, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(only_plain_networks_can_be_flattened, set_up, tear_down),
        cmocka_unit_test_setup_teardown(own_hosts_are_flattened_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(records_are_mended_as_they_were_meant, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_records_are_joined, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
