/* SPDX-License-Identifier: BSD-2-Clause */
/* The clock, real and fake, and what the loop promises about order. */
#include "fiber/fixture.h"

#include "fiber/loop.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static char order[64];

static void note(char letter)
{
    size_t length = strlen(order);
    assert_true(length + 1 < sizeof(order));
    order[length] = letter;
    order[length + 1] = 0;
}

struct sleeper {
    int64_t duration;
    char name;
};

static void sleep_and_note(void *argument)
{
    struct sleeper *sleeper = argument;
    int64_t start = loop_now();
    assert_int_equal(fiber_sleep(sleeper->duration), 0);
    assert_int_equal(loop_now() - start, sleeper->duration);
    note(sleeper->name);
}

static void sleep_in_parallel(void *argument)
{
    static struct sleeper sleepers[] = {{5 * DAY, 'e'}, {SECOND, 'b'}, {1, 'a'},
                                        {SECOND, 'c'},  {HOUR, 'd'}};
    struct fiber_group group;
    fiber_group_open(&group);
    for (size_t i = 0; i < countof(sleepers); i++)
        fixture_start(&group, "sleeper", sleep_and_note, &sleepers[i]);
    int64_t start = loop_now();
    assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), 0);
    assert_int_equal(loop_now() - start, 5 * DAY);
    fiber_group_close(&group);
}

static void fake_time_jumps_from_timer_to_timer_in_order(void **state)
{
    order[0] = 0;
    time_t before = time(NULL);
    fixture_run(sleep_in_parallel, NULL);
    assert_string_equal(order, "abcde");
    assert_true(time(NULL) - before < HOUR / SECOND);
}

static void spin(void *argument)
{
    bool *stop = argument;
    while (!*stop)
        assert_int_equal(fiber_yield(), 0);
}

static void sleep_a_little(void *argument)
{
    (void)fiber_sleep(10);
}

static void count_spins(void *argument)
{
    bool stop = false;
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "sleeper", sleep_a_little, NULL);
    fixture_start(&group, "spin", spin, &stop);
    int64_t start = loop_now();
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(fiber_yield(), 0);
    assert_int_equal(loop_now(), start);
    stop = true;
    assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), 0);
    assert_int_equal(loop_now() - start, 10);
    fiber_group_close(&group);
}

static void fake_time_stands_still_while_a_fiber_can_run(void **state)
{
    fixture_run(count_spins, NULL);
}

static void read_epoch(void *argument)
{
    assert_int_equal(loop_epoch(), 1767225600);
    int64_t start = loop_now();
    assert_int_equal(fiber_sleep(90 * SECOND), 0);
    assert_int_equal(loop_epoch(), 1767225690);
    loop_fake_epoch_jump(-3600);
    assert_int_equal(loop_epoch(), 1767225690 - 3600);
    assert_int_equal(loop_epoch_microseconds(), (1767225690 - 3600) * SECOND);
    assert_int_equal(loop_now() - start, 90 * SECOND);
    loop_fake_epoch_jump(-1767225690);
    assert_int_equal(loop_epoch(), -3600);
    assert_int_equal(fiber_sleep(1), 0);
    assert_int_equal(loop_epoch(), -3600);
}

static void setting_the_epoch_leaves_monotonic_time_alone(void **state)
{
    fixture_run(read_epoch, NULL);
}

static void check_deadlines(void *argument)
{
    assert_true(loop_deadline(NO_DEADLINE) == NO_DEADLINE);
    assert_true(loop_deadline(NO_DEADLINE - 1) == NO_DEADLINE);
    assert_int_equal(loop_deadline(0), loop_now());
    assert_int_equal(loop_deadline(5) - loop_now(), 5);
    assert_true(loop_now() > 0);
    assert_int_equal(loop_now_fresh(), loop_now());
}

static void deadlines_saturate(void **state)
{
    fixture_run(check_deadlines, NULL);
}

static void compare_real_clocks(void *argument)
{
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    assert_int_equal(fiber_sleep(20 * MILLISECOND), 0);
    int64_t now = loop_now(), fresh = loop_now_fresh();
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_true(now >= before.tv_sec * SECOND + before.tv_nsec / 1000 + 20 * MILLISECOND);
    assert_true(now <= fresh);
    assert_true(fresh <= after.tv_sec * SECOND + after.tv_nsec / 1000);
    /* The real-time clock may be set while we run, but not by much. */
    assert_true(loop_epoch() - time(NULL) <= 1 && time(NULL) - loop_epoch() <= 1);
}

static void real_sleep_is_never_short(void **state)
{
    fixture_run_real(compare_real_clocks, NULL);
}

static void child(void *argument)
{
    note(*(char *)argument);
}

static void start_and_yield(void *argument)
{
    struct fiber_group group;
    fiber_group_open(&group);
    char a = 'a', b = 'b';
    fixture_start(&group, "a", child, &a);
    fixture_start(&group, "b", child, &b);
    note('-');
    assert_int_equal(fiber_yield(), 0);
    note('+');
    fiber_group_close(&group);
}

static void a_child_first_runs_when_its_parent_waits(void **state)
{
    order[0] = 0;
    fixture_run(start_and_yield, NULL);
    assert_string_equal(order, "-ab+");
}

static void ends_at_once(void *argument)
{
    ++*(unsigned *)argument;
}

static void a_loop_can_run_again(void **state)
{
    unsigned count = 0;
    struct loop *loop = loop_create(&(struct loop_options){.fake_clock = true});
    assert_non_null(loop);
    for (unsigned i = 0; i < 3; i++)
        loop_run(loop, ends_at_once, &count);
    loop_destroy(loop);
    assert_int_equal(count, 3);
}

static void clocks_work_without_a_loop(void **state)
{
    int64_t before = loop_now();
    assert_true(before > 0);
    assert_true(loop_now_fresh() >= before);
    assert_true(loop_epoch() > 1700000000);
    assert_null(fiber_current());
    assert_false(fiber_is_cancelled());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fake_time_jumps_from_timer_to_timer_in_order),
        cmocka_unit_test(fake_time_stands_still_while_a_fiber_can_run),
        cmocka_unit_test(setting_the_epoch_leaves_monotonic_time_alone),
        cmocka_unit_test(deadlines_saturate),
        cmocka_unit_test(real_sleep_is_never_short),
        cmocka_unit_test(a_child_first_runs_when_its_parent_waits),
        cmocka_unit_test(a_loop_can_run_again),
        cmocka_unit_test(clocks_work_without_a_loop),
    };
    return cmocka_run_group_tests_name("fiber/loop", tests, NULL, NULL);
}
