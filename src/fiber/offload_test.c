/* SPDX-License-Identifier: BSD-2-Clause */
#include "fiber/fixture.h"

#include "fiber/offload.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

struct job {
    pthread_t thread;
    struct fiber *fiber;
    bool done;
};

static void note_thread(void *argument)
{
    struct job *job = argument;
    job->thread = pthread_self();
    job->fiber = fiber_current();
    job->done = true;
}

static void run_one(void *argument)
{
    bool expect_worker = *(bool *)argument;
    struct job job = {0};
    offload(note_thread, &job);
    assert_true(job.done);
    assert_int_equal(!pthread_equal(job.thread, pthread_self()), expect_worker);
    if (expect_worker)
        assert_null(job.fiber);
}

static void a_job_runs_on_a_worker(void **state)
{
    bool expect_worker = true;
    fixture_run_with((struct loop_options){.workers = 2}, run_one, &expect_worker);
    fixture_run_with((struct loop_options){.workers = 2, .fake_clock = true}, run_one,
                     &expect_worker);
}

static void without_workers_a_job_runs_inline(void **state)
{
    bool expect_worker = false;
    fixture_run(run_one, &expect_worker);
    run_one(&expect_worker); /* outside of any fiber */
}

/* A job that ends only when the other fibers have run meanwhile. */
static atomic_bool released;

static void wait_for_release(void *argument)
{
    while (!released)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void offload_it(void *argument)
{
    int64_t start = loop_now();
    offload(wait_for_release, NULL);
    *(int64_t *)argument = loop_now() - start;
}

static void run_beside_a_job(void *argument)
{
    int64_t took = -1;
    released = false;
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "job", offload_it, &took);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(fiber_yield(), 0);
    assert_int_equal(took, -1);
    released = true;
    /* The clock is fake: a job takes no time, so this cannot time out. */
    assert_int_equal(fiber_group_wait(&group, loop_deadline(1)), 0);
    assert_int_equal(took, 0);
    fiber_group_close(&group);
}

static void fibers_run_while_a_job_does_and_fake_time_stands_still(void **state)
{
    fixture_run_with((struct loop_options){.workers = 1, .fake_clock = true}, run_beside_a_job,
                     NULL);
}

static void release_then_close(void *argument)
{
    int64_t took = -1;
    released = false;
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "job", offload_it, &took);
    assert_int_equal(fiber_yield(), 0);
    fiber_group_cancel(&group);
    assert_int_equal(fiber_yield(), 0);
    assert_int_equal(took, -1); /* still out: its argument is in use */
    released = true;
    fiber_group_close(&group);
    assert_int_equal(took, 0);
}

static void cancelling_a_fiber_waits_for_its_job(void **state)
{
    fixture_run_with((struct loop_options){.workers = 1, .fake_clock = true}, release_then_close,
                     NULL);
}

enum { JOBS = 2000 };
static atomic_uint done_count;

static void count_job(void *argument)
{
    done_count++;
}

static void offload_count(void *argument)
{
    offload(count_job, NULL);
    ++*(unsigned *)argument;
}

static void run_many(void *argument)
{
    unsigned back = 0;
    done_count = 0;
    struct fiber_group group;
    fiber_group_open(&group);
    for (unsigned i = 0; i < JOBS; i++)
        fixture_start(&group, "job", offload_count, &back);
    assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), 0);
    assert_int_equal(done_count, JOBS);
    assert_int_equal(back, JOBS);
    fiber_group_close(&group);
}

static void no_job_is_lost(void **state)
{
    fixture_run_with((struct loop_options){.workers = 4}, run_many, NULL);
}

/* A job that waits its turn in a line of one, behind another that has it. */
struct in_line {
    struct offload_line *line;
    bool ran;
};

static void go_in_turn(void *argument)
{
    struct in_line *in_line = argument;
    in_line->ran = offload_in_turn(in_line->line, wait_for_release, NULL);
}

static void run_a_line(void *argument)
{
    struct offload_line line = {.turns = {.available = 1}, .most = 1, .patience = SECOND};
    struct in_line first = {&line, false}, second = {&line, false};
    struct fiber_group group;
    released = false;
    fiber_group_open(&group);
    fixture_start(&group, "first", go_in_turn, &first);
    assert_int_equal(fiber_yield(), 0);
    fixture_start(&group, "second", go_in_turn, &second);
    assert_int_equal(fiber_yield(), 0);
    assert_int_equal(line.waiting, 1);
    assert_false(offload_in_turn(&line, wait_for_release, NULL)); /* at once: one waits already */
    released = true;
    assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), 0);
    assert_true(first.ran && second.ran);
    assert_int_equal(line.waiting, 0);
    assert_int_equal(line.turns.available, 1);
    line.turns.available = 0;
    assert_false(offload_in_turn(&line, wait_for_release, NULL)); /* after its patience */
    assert_int_equal(line.waiting, 0);
    fiber_group_close(&group);
}

static void costly_jobs_wait_their_turn_and_not_too_many(void **state)
{
    fixture_run_with((struct loop_options){.workers = 2, .fake_clock = true}, run_a_line, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_runs_on_a_worker),
        cmocka_unit_test(without_workers_a_job_runs_inline),
        cmocka_unit_test(fibers_run_while_a_job_does_and_fake_time_stands_still),
        cmocka_unit_test(cancelling_a_fiber_waits_for_its_job),
        cmocka_unit_test(no_job_is_lost),
        cmocka_unit_test(costly_jobs_wait_their_turn_and_not_too_many),
    };
    return cmocka_run_group_tests_name("fiber/offload", tests, NULL, NULL);
}
