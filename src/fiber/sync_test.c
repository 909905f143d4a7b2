/* SPDX-License-Identifier: BSD-2-Clause */
#include "fiber/fixture.h"

#include "fiber/sync.h"

#include <errno.h>
#include <string.h>

struct waiter {
    struct fiber_signal *signal;
    struct fiber_semaphore *semaphore;
    int64_t deadline, hold;
    const char *name;
    char *order;
    int result;
};

static void note(struct waiter *waiter)
{
    size_t length = strlen(waiter->order);
    waiter->order[length] = waiter->name[0];
    waiter->order[length + 1] = 0;
}

static void wait_for_signal(void *argument)
{
    struct waiter *waiter = argument;
    waiter->result = fiber_signal_wait(waiter->signal, waiter->deadline);
    note(waiter);
}

static void signal_in_order(void *argument)
{
    char order[16] = "";
    struct fiber_signal signal = {0};
    struct waiter waiters[] = {{&signal, NULL, NO_DEADLINE, 0, "a", order, -1},
                               {&signal, NULL, loop_deadline(SECOND), 0, "b", order, -1},
                               {&signal, NULL, NO_DEADLINE, 0, "c", order, -1},
                               {&signal, NULL, NO_DEADLINE, 0, "d", order, -1}};
    struct fiber_group group;
    fiber_group_open(&group);
    for (size_t i = 0; i < countof(waiters); i++)
        fixture_start(&group, waiters[i].name, wait_for_signal, &waiters[i]);
    assert_int_equal(fiber_sleep(2 * SECOND), 0);
    assert_string_equal(order, "b");
    assert_int_equal(waiters[1].result, ETIMEDOUT);
    fiber_signal_one(&signal);
    assert_int_equal(fiber_yield(), 0);
    assert_string_equal(order, "ba");
    fiber_signal_all(&signal);
    assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), 0);
    assert_string_equal(order, "bacd");
    assert_int_equal(waiters[3].result, 0);
    assert_null(signal.first);
    assert_null(signal.last);
    fiber_signal_one(&signal); /* nobody there */
    fiber_group_close(&group);
}

static void waiters_are_woken_in_order(void **state)
{
    fixture_run(signal_in_order, NULL);
}

static void signal_and_cancel(void *argument)
{
    char order[16] = "";
    struct fiber_signal signal = {0};
    struct waiter first = {&signal, NULL, NO_DEADLINE, 0, "a", order, -1}, second = first;
    second.name = "b";
    struct fiber_group ours, other;
    fiber_group_open(&ours);
    fiber_group_open(&other);
    fixture_start(&ours, "first", wait_for_signal, &first);
    fixture_start(&other, "second", wait_for_signal, &second);
    assert_int_equal(fiber_yield(), 0);
    fiber_signal_one(&signal);
    fiber_group_cancel(&ours);
    assert_int_equal(fiber_group_wait(&ours, NO_DEADLINE), 0);
    assert_int_equal(first.result, 0); /* it was given the signal and says so */
    fiber_group_close(&other);
    assert_int_equal(second.result, ECANCELED);
    assert_null(signal.first);
    fiber_group_close(&ours);
}

static void a_signal_is_not_lost_to_a_cancellation(void **state)
{
    fixture_run(signal_and_cancel, NULL);
}

static void sleep_and_signal(void *argument)
{
    assert_int_equal(fiber_sleep(SECOND), 0);
    fiber_signal_one(argument);
}

static void signal_at_the_deadline(void *argument)
{
    char order[16] = "";
    struct fiber_signal signal = {0};
    struct waiter waiter = {&signal, NULL, loop_deadline(SECOND), 0, "w", order, -1};
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "signaller", sleep_and_signal, &signal);
    fixture_start(&group, "waiter", wait_for_signal, &waiter);
    assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), 0);
    /* Its timer rang in the same turn, but it took the signal away from all others. */
    assert_int_equal(waiter.result, 0);
    assert_null(signal.first);
    fiber_group_close(&group);
}

static void a_signal_is_not_lost_to_a_deadline_of_the_same_moment(void **state)
{
    fixture_run(signal_at_the_deadline, NULL);
}

/* Semaphores. */

static void hold_a_unit(void *argument)
{
    struct waiter *waiter = argument;
    waiter->result = fiber_semaphore_take(waiter->semaphore, waiter->deadline);
    if (waiter->result)
        return;
    note(waiter);
    (void)fiber_sleep(waiter->hold);
    fiber_semaphore_give(waiter->semaphore);
}

static void take_in_order(void *argument)
{
    char order[16] = "";
    struct fiber_semaphore semaphore = {.available = 2};
    struct waiter waiters[5];
    const char *names[] = {"a", "b", "c", "d", "e"};
    struct fiber_group group;
    fiber_group_open(&group);
    int64_t start = loop_now();
    for (size_t i = 0; i < countof(waiters); i++) {
        waiters[i] = (struct waiter){
            NULL, &semaphore, NO_DEADLINE, SECOND, names[i], order, -1};
        fixture_start(&group, names[i], hold_a_unit, &waiters[i]);
    }
    assert_int_equal(fiber_sleep(SECOND / 2), 0);
    assert_string_equal(order, "ab");
    assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), 0);
    assert_string_equal(order, "abcde");
    assert_int_equal(loop_now() - start, 3 * SECOND);
    assert_int_equal(semaphore.available, 2);
    fiber_group_close(&group);
}

static void a_semaphore_is_fair(void **state)
{
    fixture_run(take_in_order, NULL);
}

static void overtake(void *argument)
{
    char order[16] = "";
    struct fiber_semaphore semaphore = {0};
    struct waiter queued = {NULL, &semaphore, NO_DEADLINE, 0, "q", order, -1};
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "queued", hold_a_unit, &queued);
    assert_int_equal(fiber_yield(), 0);
    fiber_semaphore_give(&semaphore);
    /* The unit is on its way to the queued one, which has not run yet. */
    assert_int_equal(fiber_semaphore_take(&semaphore, 0), ETIMEDOUT);
    assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), 0);
    assert_int_equal(queued.result, 0);
    assert_int_equal(fiber_semaphore_take(&semaphore, 0), 0);
    fiber_group_close(&group);
}

static void a_newcomer_cannot_overtake_the_queue(void **state)
{
    fixture_run(overtake, NULL);
}

static void give_up_waiting(void *argument)
{
    char order[16] = "";
    struct fiber_semaphore semaphore = {0};
    struct waiter impatient = {NULL, &semaphore, loop_deadline(SECOND), 0, "i", order, -1};
    struct waiter cancelled = {NULL, &semaphore, NO_DEADLINE, 0, "c", order, -1};
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "impatient", hold_a_unit, &impatient);
    fixture_start(&group, "cancelled", hold_a_unit, &cancelled);
    assert_int_equal(fiber_sleep(2 * SECOND), 0);
    fiber_group_close(&group);
    assert_int_equal(impatient.result, ETIMEDOUT);
    assert_int_equal(cancelled.result, ECANCELED);
    fiber_semaphore_give(&semaphore);
    assert_int_equal(semaphore.available, 1);
}

static void who_gave_up_gets_no_unit(void **state)
{
    fixture_run(give_up_waiting, NULL);
}

static void give_and_cancel(void *argument)
{
    char order[16] = "";
    struct fiber_semaphore semaphore = {0};
    struct waiter waiter = {NULL, &semaphore, NO_DEADLINE, SECOND, "w", order, -1};
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "waiter", hold_a_unit, &waiter);
    assert_int_equal(fiber_yield(), 0);
    fiber_semaphore_give(&semaphore);
    fiber_group_close(&group);
    assert_int_equal(waiter.result, 0);
    assert_int_equal(semaphore.available, 1);
}

static void a_unit_given_to_a_cancelled_fiber_is_not_lost(void **state)
{
    fixture_run(give_and_cancel, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiters_are_woken_in_order),
        cmocka_unit_test(a_signal_is_not_lost_to_a_cancellation),
        cmocka_unit_test(a_signal_is_not_lost_to_a_deadline_of_the_same_moment),
        cmocka_unit_test(a_semaphore_is_fair),
        cmocka_unit_test(a_newcomer_cannot_overtake_the_queue),
        cmocka_unit_test(who_gave_up_gets_no_unit),
        cmocka_unit_test(a_unit_given_to_a_cancelled_fiber_is_not_lost),
    };
    return cmocka_run_group_tests_name("fiber/sync", tests, NULL, NULL);
}
