/* SPDX-License-Identifier: BSD-2-Clause */
#include "fiber/fixture.h"

#include <errno.h>

static void sleep_for(void *argument)
{
    (void)fiber_sleep(*(int64_t *)argument);
}

static void wait_with_deadline(void *argument)
{
    int64_t brief = SECOND, late = HOUR;
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "brief", sleep_for, &brief);
    fixture_start(&group, "long", sleep_for, &late);
    int64_t start = loop_now();
    assert_int_equal(fiber_group_wait(&group, loop_deadline(MINUTE)), ETIMEDOUT);
    assert_int_equal(loop_now() - start, MINUTE);
    assert_int_equal(group.count, 1);
    fiber_group_close(&group);
    assert_int_equal(loop_now() - start, MINUTE);
    assert_int_equal(group.count, 0);
    assert_int_equal(fiber_count(), 1);
}

static void a_wait_ends_at_its_deadline_and_close_cancels_the_rest(void **state)
{
    fixture_run(wait_with_deadline, NULL);
}

static void wait_for_all(void *argument)
{
    int64_t durations[] = {SECOND, 3 * SECOND, 2 * SECOND};
    struct fiber_group group;
    fiber_group_open(&group);
    for (size_t i = 0; i < countof(durations); i++)
        fixture_start(&group, "sleeper", sleep_for, &durations[i]);
    int64_t start = loop_now();
    assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), 0);
    assert_int_equal(loop_now() - start, 3 * SECOND);
    assert_int_equal(fiber_group_wait(&group, 0), 0); /* empty: at once */
    fiber_group_close(&group);
    fiber_group_close(&group);
}

static void a_wait_ends_when_all_members_have(void **state)
{
    fixture_run(wait_for_all, NULL);
}

/* A tree of groups. */

enum { DEPTH = 5, BRANCHES = 3 };

struct tree {
    size_t started, unwound;
};

struct node {
    struct tree *tree;
    unsigned depth;
};

static void grow(void *argument)
{
    struct node *node = argument, below = {node->tree, node->depth - 1};
    struct fiber_group group;
    node->tree->started++;
    fiber_group_open(&group);
    for (unsigned i = 0; below.depth && i < BRANCHES; i++)
        fixture_start(&group, "node", grow, &below);
    int error = node->depth > 1 ? fiber_group_wait(&group, NO_DEADLINE) : fiber_sleep(DAY);
    fiber_group_close(&group);
    node->tree->unwound += error == ECANCELED;
}

static void cancel_the_root(void *argument)
{
    struct tree tree = {0};
    struct node root = {&tree, DEPTH};
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "root", grow, &root);
    assert_int_equal(fiber_sleep(SECOND), 0);
    assert_int_equal(tree.started, 1 + 3 + 9 + 27 + 81);
    int64_t start = loop_now();
    fiber_group_close(&group);
    assert_int_equal(tree.unwound, tree.started);
    assert_int_equal(fiber_count(), 1);
    assert_int_equal(loop_now(), start);
}

static void cancelling_a_fiber_unwinds_the_groups_below_it(void **state)
{
    fixture_run(cancel_the_root, NULL);
}

static void finish_under_shield(void *argument)
{
    fiber_shield();
    assert_int_equal(fiber_sleep(10 * SECOND), 0);
    fiber_unshield();
    *(bool *)argument = true;
}

static void close_while_cancelled(void *argument)
{
    bool *finished = argument;
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "stubborn", finish_under_shield, finished);
    assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), ECANCELED);
    assert_false(*finished);
    fiber_group_close(&group);
    assert_true(*finished);
}

static void cancel_the_closer(void *argument)
{
    bool finished = false;
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "closer", close_while_cancelled, &finished);
    assert_int_equal(fiber_sleep(SECOND), 0);
    fiber_group_close(&group);
    assert_true(finished);
}

static void close_waits_even_if_its_caller_is_cancelled(void **state)
{
    fixture_run(cancel_the_closer, NULL);
}

static void only_wait(void *argument)
{
    struct fiber_group *group = argument;
    assert_int_equal(fiber_group_wait(group, NO_DEADLINE), ECANCELED);
}

static void cancel_only_the_waiter(void *argument)
{
    int64_t duration = 10 * SECOND;
    struct fiber_group members, waiters;
    fiber_group_open(&members);
    fiber_group_open(&waiters);
    fixture_start(&members, "member", sleep_for, &duration);
    fixture_start(&waiters, "waiter", only_wait, &members);
    int64_t start = loop_now();
    assert_int_equal(fiber_yield(), 0);
    fiber_group_close(&waiters);
    assert_int_equal(members.count, 1);
    assert_int_equal(fiber_group_wait(&members, NO_DEADLINE), 0);
    assert_int_equal(loop_now() - start, duration);
    fiber_group_close(&members);
}

static void cancelling_a_waiter_leaves_the_members_alone(void **state)
{
    fixture_run(cancel_only_the_waiter, NULL);
}

static void end_and_start_another(void *argument)
{
    struct fiber_group *group = argument;
    static unsigned left = 3;
    if (left--)
        fixture_start(group, "next", end_and_start_another, group);
}

static void members_start_members(void *argument)
{
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "first", end_and_start_another, &group);
    assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), 0);
    assert_int_equal(fiber_count(), 1);
    fiber_group_close(&group);
}

static void a_member_may_start_members(void **state)
{
    fixture_run(members_start_members, NULL);
}

static void start_while_closing(void *argument)
{
    static int64_t duration = DAY;
    struct fiber_group *group = argument;
    assert_int_equal(fiber_sleep(DAY), ECANCELED);
    fixture_start(group, "late", sleep_for, &duration);
}

static void close_with_latecomers(void *argument)
{
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "starter", start_while_closing, &group);
    assert_int_equal(fiber_yield(), 0);
    int64_t start = loop_now();
    fiber_group_close(&group);
    assert_int_equal(loop_now(), start);
}

static void who_starts_while_the_group_closes_is_cancelled_too(void **state)
{
    fixture_run(close_with_latecomers, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_ends_at_its_deadline_and_close_cancels_the_rest),
        cmocka_unit_test(a_wait_ends_when_all_members_have),
        cmocka_unit_test(cancelling_a_fiber_unwinds_the_groups_below_it),
        cmocka_unit_test(close_waits_even_if_its_caller_is_cancelled),
        cmocka_unit_test(cancelling_a_waiter_leaves_the_members_alone),
        cmocka_unit_test(a_member_may_start_members),
        cmocka_unit_test(who_starts_while_the_group_closes_is_cancelled_too),
    };
    return cmocka_run_group_tests_name("fiber/group", tests, NULL, NULL);
}
