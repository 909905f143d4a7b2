/* SPDX-License-Identifier: BSD-2-Clause */
#include "fiber/fixture.h"

#include "fiber/private.h"
#include "fiber/sanitizer.h"
#include "fiber/sync.h"

#include <errno.h>
#include <fenv.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void know_oneself(void *argument)
{
    assert_non_null(fiber_current());
    assert_string_equal(fiber_name(fiber_current()), "main");
    assert_int_equal(fiber_count(), 1);
    assert_false(fiber_is_cancelled());
}

static void the_first_fiber_is_main(void **state)
{
    fixture_run(know_oneself, NULL);
}

/* Parks once, says how it ended. */
struct parker {
    struct fiber *fiber;
    int64_t deadline;
    int result, runs;
};

static void park_once(void *argument)
{
    struct parker *parker = argument;
    parker->fiber = fiber_current();
    parker->result = fiber_park(parker->deadline);
    parker->runs++;
}

static void wake_twice(void *argument)
{
    struct parker parker = {.deadline = NO_DEADLINE, .result = -1};
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "parker", park_once, &parker);
    assert_int_equal(fiber_yield(), 0);
    fiber_wake(parker.fiber);
    fiber_wake(parker.fiber);
    assert_int_equal(parker.runs, 0); /* a wake does not run it yet */
    assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), 0);
    assert_int_equal(parker.result, 0);
    assert_int_equal(parker.runs, 1);
    fiber_group_close(&group);
}

static void a_fiber_woken_twice_runs_once(void **state)
{
    fixture_run(wake_twice, NULL);
}

static void park_past_deadline(void *argument)
{
    int64_t start = loop_now();
    assert_int_equal(fiber_park(loop_deadline(SECOND)), ETIMEDOUT);
    assert_int_equal(loop_now() - start, SECOND);
    assert_int_equal(fiber_park(loop_now()), ETIMEDOUT);
    assert_int_equal(fiber_park(0), ETIMEDOUT);
    assert_int_equal(loop_now() - start, SECOND);
}

static void run_once(void *argument)
{
    *(bool *)argument = true;
}

static void park_in_the_past(void *argument)
{
    bool ran = false;
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "other", run_once, &ran);
    assert_int_equal(fiber_park(loop_now()), ETIMEDOUT);
    assert_false(ran);
    assert_int_equal(fiber_sleep(0), 0);
    assert_true(ran);
    fiber_group_close(&group);
}

static void a_deadline_in_the_past_lets_nobody_else_run_but_a_sleep_does(void **state)
{
    fixture_run(park_in_the_past, NULL);
}

static void a_park_ends_at_its_deadline(void **state)
{
    fixture_run(park_past_deadline, NULL);
}

static void wake_before_deadline(void *argument)
{
    struct parker parker = {.deadline = loop_deadline(SECOND), .result = -1};
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "parker", park_once, &parker);
    int64_t start = loop_now();
    assert_int_equal(fiber_sleep(SECOND / 2), 0);
    fiber_wake(parker.fiber);
    assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), 0);
    assert_int_equal(parker.result, 0);
    assert_int_equal(loop_now() - start, SECOND / 2);
    /* The deadline that was not needed does not ring later. */
    assert_int_equal(fiber_sleep(DAY), 0);
    assert_int_equal(parker.runs, 1);
    fiber_group_close(&group);
}

static void a_wake_disarms_the_deadline(void **state)
{
    fixture_run(wake_before_deadline, NULL);
}

static void sleep_with_stray_wakes(void *argument)
{
    int64_t *slept = argument;
    int64_t start = loop_now();
    assert_int_equal(fiber_sleep(10 * SECOND), 0);
    *slept = loop_now() - start;
}

struct stray {
    struct fiber *victim;
    int64_t slept;
};

static void sleeper(void *argument)
{
    struct stray *stray = argument;
    stray->victim = fiber_current();
    sleep_with_stray_wakes(&stray->slept);
}

static void wake_a_sleeper(void *argument)
{
    struct stray stray = {0};
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "sleeper", sleeper, &stray);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fiber_sleep(SECOND), 0);
        fiber_wake(stray.victim);
    }
    assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), 0);
    assert_int_equal(stray.slept, 10 * SECOND);
    fiber_group_close(&group);
}

static void a_stray_wake_does_not_shorten_a_sleep(void **state)
{
    fixture_run(wake_a_sleeper, NULL);
}

/* Cancellation. */

struct victim {
    int64_t deadline;
    bool shielded, reached_end;
    int results[4];
};

static void wait_and_unwind(void *argument)
{
    struct victim *victim = argument;
    victim->results[0] = fiber_park(victim->deadline);
    victim->results[1] = fiber_sleep(SECOND);
    victim->results[2] = fiber_yield();
    victim->results[3] = fiber_park(0);
    assert_true(fiber_is_cancelled());
    victim->reached_end = true;
}

static void cancel_parked(void *argument)
{
    struct victim victim = {.deadline = loop_deadline(HOUR)};
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "victim", wait_and_unwind, &victim);
    assert_int_equal(fiber_yield(), 0);
    int64_t start = loop_now();
    fiber_group_cancel(&group);
    assert_false(victim.reached_end);
    assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), 0);
    assert_true(victim.reached_end);
    for (size_t i = 0; i < countof(victim.results); i++)
        assert_int_equal(victim.results[i], ECANCELED);
    assert_int_equal(loop_now(), start);
    fiber_group_close(&group);
}

static void every_wait_of_a_cancelled_fiber_fails_and_it_unwinds(void **state)
{
    fixture_run(cancel_parked, NULL);
}

static void cancel_before_first_run(void *argument)
{
    struct victim victim = {.deadline = NO_DEADLINE};
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "victim", wait_and_unwind, &victim);
    fiber_group_close(&group);
    assert_true(victim.reached_end);
    assert_int_equal(victim.results[0], ECANCELED);
}

static void a_fiber_cancelled_before_its_start_still_runs_and_unwinds(void **state)
{
    fixture_run(cancel_before_first_run, NULL);
}

static void wait_under_shield(void *argument)
{
    struct victim *victim = argument;
    fiber_shield();
    fiber_shield();
    victim->results[0] = fiber_sleep(SECOND);
    victim->results[1] = fiber_park(loop_deadline(SECOND));
    fiber_unshield();
    victim->results[2] = fiber_sleep(SECOND);
    fiber_unshield();
    victim->results[3] = fiber_sleep(SECOND);
}

static void cancel_shielded(void *argument)
{
    struct victim victim = {0};
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "victim", wait_under_shield, &victim);
    assert_int_equal(fiber_yield(), 0);
    int64_t start = loop_now();
    fiber_group_close(&group);
    assert_int_equal(victim.results[0], 0);
    assert_int_equal(victim.results[1], ETIMEDOUT);
    assert_int_equal(victim.results[2], 0);
    assert_int_equal(victim.results[3], ECANCELED);
    assert_int_equal(loop_now() - start, 3 * SECOND);
}

static void waits_work_under_a_shield_which_nests(void **state)
{
    fixture_run(cancel_shielded, NULL);
}

/* Many. */

enum { MANY = 10000 };

struct crowd {
    struct fiber_signal gate;
    size_t waiting, passed;
};

static void pass_the_gate(void *argument)
{
    struct crowd *crowd = argument;
    crowd->waiting++;
    assert_int_equal(fiber_signal_wait(&crowd->gate, loop_deadline(DAY)), 0);
    crowd->passed++;
    assert_int_equal(fiber_sleep((int64_t)(crowd->passed % 100) * SECOND), 0);
}

static void gather(void *argument)
{
    struct crowd crowd = {0};
    struct fiber_group group;
    fiber_group_open(&group);
    for (size_t i = 0; i < MANY; i++)
        fixture_start(&group, "one", pass_the_gate, &crowd);
    assert_int_equal(fiber_sleep(SECOND), 0);
    assert_int_equal(crowd.waiting, MANY);
    assert_int_equal(fiber_count(), MANY + 1);
    fiber_signal_all(&crowd.gate);
    assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), 0);
    assert_int_equal(crowd.passed, MANY);
    assert_int_equal(fiber_count(), 1);
    fiber_group_close(&group);
}

static void ten_thousand_fibers_live_at_once(void **state)
{
    fixture_run(gather, NULL);
}

static void start_too_many(void *argument)
{
    struct crowd crowd = {0};
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "one", pass_the_gate, &crowd);
    fixture_start(&group, "two", pass_the_gate, &crowd);
    assert_false(fiber_group_start(&group, "three", pass_the_gate, &crowd));
    assert_int_equal(group.count, 2);
    assert_int_equal(fiber_yield(), 0);
    fiber_signal_one(&crowd.gate);
    assert_int_equal(fiber_sleep(2 * SECOND), 0);
    fixture_start(&group, "three", pass_the_gate, &crowd);
    assert_int_equal(fiber_yield(), 0);
    fiber_signal_all(&crowd.gate);
    fiber_group_wait(&group, NO_DEADLINE);
    fiber_group_close(&group);
}

static void no_more_fibers_start_than_allowed(void **state)
{
    fixture_run_with((struct loop_options){.fake_clock = true, .fiber_max = 3}, start_too_many,
                     NULL);
}

/* The stack and the registers. */

static __attribute__((noinline)) unsigned dig(unsigned depth)
{
    volatile uint8_t frame[1024];
    memset((void *)frame, (int)depth, sizeof(frame));
    unsigned sum = depth ? dig(depth - 1) : 0;
    return sum + frame[depth % sizeof(frame)];
}

static void dig_for_ever(void *argument)
{
    dig(1000000);
}

static void dig_on_a_fiber(void *argument)
{
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "digger", dig_for_ever, NULL);
    fiber_group_wait(&group, NO_DEADLINE);
    fiber_group_close(&group);
}

/* Whether `body` as the first fiber of a process of its own kills that process. */
static bool is_deadly(fiber_function *body, void *argument)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        /* cmocka's and AddressSanitizer's handlers would only tell stories. */
        signal(SIGSEGV, SIG_DFL);
        if (freopen("/dev/null", "w", stderr))
            fixture_run(body, argument);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static void a_stack_overflow_is_a_segmentation_fault(void **state)
{
    assert_true(is_deadly(dig_on_a_fiber, NULL));
}

static __attribute__((no_sanitize("address"))) void touch_below(void *argument)
{
    *(volatile uint8_t *)(stack_low(fiber_current()->stack) + *(ptrdiff_t *)argument) = 1;
}

static void the_guard_lies_right_below_the_stack_and_is_64_kib(void **state)
{
    ptrdiff_t first = 0, below = -1, last = -STACK_GUARD;
    assert_false(is_deadly(touch_below, &first));
    assert_true(is_deadly(touch_below, &below));
    assert_true(is_deadly(touch_below, &last));
}

static void use_the_stack(void *argument)
{
    unsigned *sum = argument;
    *sum = dig(100); /* some 100 to 130 KiB */
}

static void dig_deep(void *argument)
{
    unsigned sum = 0;
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "digger", use_the_stack, &sum);
    fiber_group_wait(&group, NO_DEADLINE);
    assert_int_equal(sum, 100 * 101 / 2);
    fiber_group_close(&group);
}

static void half_of_the_stack_can_be_used(void **state)
{
    fixture_run(dig_deep, NULL);
}

struct rounding {
    int mode;
    double third;
};

static double divide(void)
{
    volatile double one = 1, three = 3;
    return one / three;
}

static void round_my_way(void *argument)
{
    struct rounding *rounding = argument;
    fesetround(rounding->mode);
    assert_int_equal(fiber_yield(), 0);
    assert_int_equal(fegetround(), rounding->mode);
    rounding->third = divide();
}

static void round_both_ways(void *argument)
{
    struct rounding up = {FE_UPWARD, 0}, down = {FE_DOWNWARD, 0};
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "up", round_my_way, &up);
    fixture_start(&group, "down", round_my_way, &down);
    fiber_group_wait(&group, NO_DEADLINE);
    fiber_group_close(&group);
    assert_int_equal(fegetround(), FE_TONEAREST);
    /* Valgrind computes in its own mode. */
    if (!RUNNING_ON_VALGRIND)
        assert_true(up.third > down.third);
}

static void a_switch_keeps_each_fibers_rounding_mode(void **state)
{
    fixture_run(round_both_ways, NULL);
}

static void fill_stack(void *argument)
{
    char text[256];
    memset(text, *(char *)argument, sizeof(text));
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(fiber_yield(), 0);
        for (size_t j = 0; j < sizeof(text); j++)
            assert_int_equal(text[j], *(char *)argument);
    }
}

static void reuse_stacks(void *argument)
{
    for (unsigned round = 0; round < 3; round++) {
        static char letters[100];
        struct fiber_group group;
        fiber_group_open(&group);
        for (size_t i = 0; i < countof(letters); i++) {
            letters[i] = (char)i;
            fixture_start(&group, "filler", fill_stack, &letters[i]);
        }
        fiber_group_wait(&group, NO_DEADLINE);
        fiber_group_close(&group);
    }
}

static void stacks_are_separate_and_can_be_used_again(void **state)
{
    fixture_run(reuse_stacks, NULL);
}

static void keep_deep_values(struct fiber_signal *signal, unsigned depth)
{
    volatile uint8_t frame[4096];
    memset((void *)frame, (int)depth, sizeof(frame));
    if (depth)
        keep_deep_values(signal, depth - 1);
    else
        assert_int_equal(fiber_signal_wait(signal, NO_DEADLINE), 0);
    for (size_t i = 0; i < sizeof(frame); i++)
        assert_int_equal(frame[i], depth);
}

static void rest_deep(void *argument)
{
    keep_deep_values(argument, 20);
}

static void let_rest(void *argument)
{
    struct fiber_signal signal = {0};
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "resting", rest_deep, &signal);
    /* The trimmer needs two visits a second apart on the real clock. */
    assert_int_equal(fiber_sleep(3 * SECOND), 0);
    fiber_signal_one(&signal);
    fiber_group_wait(&group, NO_DEADLINE);
    fiber_group_close(&group);
}

static void trimming_a_resting_fiber_keeps_what_it_uses(void **state)
{
    fixture_run_real(let_rest, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_fiber_is_main),
        cmocka_unit_test(a_fiber_woken_twice_runs_once),
        cmocka_unit_test(a_park_ends_at_its_deadline),
        cmocka_unit_test(a_deadline_in_the_past_lets_nobody_else_run_but_a_sleep_does),
        cmocka_unit_test(a_wake_disarms_the_deadline),
        cmocka_unit_test(a_stray_wake_does_not_shorten_a_sleep),
        cmocka_unit_test(every_wait_of_a_cancelled_fiber_fails_and_it_unwinds),
        cmocka_unit_test(a_fiber_cancelled_before_its_start_still_runs_and_unwinds),
        cmocka_unit_test(waits_work_under_a_shield_which_nests),
        cmocka_unit_test(ten_thousand_fibers_live_at_once),
        cmocka_unit_test(no_more_fibers_start_than_allowed),
        cmocka_unit_test(a_stack_overflow_is_a_segmentation_fault),
        cmocka_unit_test(the_guard_lies_right_below_the_stack_and_is_64_kib),
        cmocka_unit_test(half_of_the_stack_can_be_used),
        cmocka_unit_test(a_switch_keeps_each_fibers_rounding_mode),
        cmocka_unit_test(stacks_are_separate_and_can_be_used_again),
        cmocka_unit_test(trimming_a_resting_fiber_keeps_what_it_uses),
    };
    return cmocka_run_group_tests_name("fiber/fiber", tests, NULL, NULL);
}
