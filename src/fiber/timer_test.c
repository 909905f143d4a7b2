/* SPDX-License-Identifier: BSD-2-Clause */
#include "fiber/fixture.h"

#include "fiber/timer.h"

enum { MANY = 2000 };

static struct timer timers[MANY];
static int64_t moments[MANY];
static struct timer_heap heap;

static uint32_t random_state = 1;

static uint32_t draw(uint32_t below)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % below;
}

static int clear(void **state)
{
    timer_heap_free(&heap);
    return 0;
}

static void set(size_t index, int64_t at)
{
    assert_true(timer_heap_reserve(&heap, heap.count + 1));
    moments[index] = at;
    timer_set(&heap, &timers[index], at);
}

static void timers_ring_in_order_of_their_moments(void **state)
{
    for (size_t i = 0; i < MANY; i++)
        set(i, draw(500));
    int64_t before = -1;
    size_t count = 0;
    for (struct timer *timer; (timer = timer_take(&heap, 1000)); count++) {
        int64_t at = moments[timer - timers];
        assert_true(at >= before);
        assert_int_equal(timer->place, 0);
        before = at;
    }
    assert_int_equal(count, MANY);
}

static void timers_of_one_moment_ring_in_the_order_they_were_set(void **state)
{
    for (size_t i = 0; i < MANY; i++)
        set(i, 7);
    for (size_t i = 0; i < MANY; i++)
        assert_ptr_equal(timer_take(&heap, 7), &timers[i]);
}

static void a_removed_timer_never_rings(void **state)
{
    bool present[MANY];
    for (size_t i = 0; i < MANY; i++) {
        set(i, draw(500));
        present[i] = true;
    }
    for (size_t i = 0; i < MANY; i++) {
        size_t victim = draw(MANY);
        timer_remove(&heap, &timers[victim]);
        present[victim] = false;
    }
    int64_t before = -1;
    for (struct timer *timer; (timer = timer_take(&heap, 500));) {
        size_t index = (size_t)(timer - timers);
        assert_true(present[index]);
        assert_true(moments[index] >= before);
        before = moments[index];
        present[index] = false;
    }
    for (size_t i = 0; i < MANY; i++)
        assert_false(present[i]);
}

static void a_timer_does_not_ring_early(void **state)
{
    set(0, 10);
    assert_null(timer_take(&heap, 9));
    assert_int_equal(timer_next(&heap), 10);
    assert_ptr_equal(timer_take(&heap, 10), &timers[0]);
    assert_true(timer_next(&heap) == INT64_MAX);
}

static void removing_a_timer_that_is_not_set_does_nothing(void **state)
{
    set(0, 10);
    timer_remove(&heap, &timers[1]);
    timer_remove(&heap, &timers[0]);
    timer_remove(&heap, &timers[0]);
    assert_int_equal(heap.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(timers_ring_in_order_of_their_moments, clear),
        cmocka_unit_test_teardown(timers_of_one_moment_ring_in_the_order_they_were_set, clear),
        cmocka_unit_test_teardown(a_removed_timer_never_rings, clear),
        cmocka_unit_test_teardown(a_timer_does_not_ring_early, clear),
        cmocka_unit_test_teardown(removing_a_timer_that_is_not_set_does_nothing, clear),
    };
    return cmocka_run_group_tests_name("fiber/timer", tests, NULL, NULL);
}
