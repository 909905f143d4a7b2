/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a crash, a full disk and a failing disk leave of the queue. The history has additions, updates, removals,
 * notes, both kinds of winning space back and segments that are written over.
 */
#include "base/log.h"
#include "queue/queue_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static unsigned errors_logged;

static void count_errors(void *context, enum log_level level, struct bytes line)
{
    (void)context, (void)line;
    errors_logged += level == LOG_LEVEL_ERROR;
}

enum crash { CRASH, CRASH_PARTLY, CRASH_TORN, KILL, CRASHES };

static void pull_the_plug(struct history *h, enum crash crash, uint64_t seed)
{
    if (crash == CRASH)
        durable_fake_crash(h->fake);
    else if (crash == CRASH_PARTLY)
        durable_fake_crash_partly(h->fake, seed);
    else if (crash == CRASH_TORN)
        durable_fake_crash_torn(h->fake, seed);
    else
        durable_fake_kill(h->fake);
}

/* After the crash, a little more of the history, and another crash: what the first left must not show. */
static void go_on(struct history *h, enum crash crash, uint64_t seed)
{
    pull_the_plug(h, crash, seed);
    history_reopen(h);
    for (int i = 0; i < 3 && !h->problem; i++)
        history_batch(h);
    if (!h->problem)
        history_verify(h, true);
    durable_fake_crash(h->fake);
    if (!h->problem)
        history_reopen(h);
}

/* Runs with the crash after `operations`; false: the history was over before. */
static bool crash_after(size_t operations, enum crash crash)
{
    struct history h;
    history_begin(&h);
    durable_fake_crash_after(h.fake, operations);
    bool opened = history_open(&h, NULL);
    size_t batches = 0;
    for (; opened && batches < BATCHES && !h.failed && !h.crashed && !h.problem; batches++)
        history_batch(&h);
    bool crashed = !opened || h.failed || h.crashed;
    go_on(&h, crash, operations * 31 + 5);
    history_end(&h);
    if (errors_logged)
        problem(&h, "the crash was taken for damage of the disk", 0, 0);
    if (h.problem)
        fail_msg("%s (kind %d, after operation %zu)", h.problem, crash, operations);
    return crashed;
}

static void a_crash_after_any_operation_loses_nothing_and_brings_nothing_back(void **state)
{
    (void)state;
    size_t operations = 0;
    bool more = true;
    errors_logged = 0;
    log_set_sink(count_errors, NULL, LOG_FORMAT_PLAIN, LOG_LEVEL_INFO);
    for (; more; operations++) {
        more = false;
        for (enum crash crash = CRASH; crash < CRASHES; crash++)
            more = crash_after(operations, crash) || more;
    }
    assert_true(operations > 200);
}

static void the_history_has_all_that_it_should(void **state)
{
    (void)state;
    struct history h;
    history_begin(&h);
    assert_true(history_open(&h, NULL));
    size_t spares = 0, bodies = 0, journals = 0;
    for (size_t i = 0; i < BATCHES; i++) {
        history_batch(&h);
        struct queue_figures figures = queue_figures(h.queue);
        spares += figures.spare_segments > 0;
        bodies = figures.body_segments > bodies ? figures.body_segments : bodies;
        journals = figures.journal_segments > journals ? figures.journal_segments : journals;
    }
    assert_int_equal(h.failed, 0);
    history_verify(&h, true);
    struct queue_figures figures = queue_figures(h.queue);
    print_message("# %zu changes, %zu octets moved, up to %zu bodies and %zu journals, spare in %zu batches\n",
                  h.done, (size_t)figures.moved_octets, bodies, journals, spares);
    assert_true(figures.moved_octets > 0);
    assert_true(spares > 0);
    assert_true(figures.journal_segments < journals + 1);
    history_end(&h);
    assert_null(h.problem);
}

static void a_disk_that_is_full_fails_only_what_did_not_fit(void **state)
{
    (void)state;
    size_t failures = 0;
    for (size_t room = 0; room < 60000; room += 487) {
        struct history h;
        history_begin(&h);
        assert_true(history_open(&h, NULL));
        durable_fake_fill_after(h.fake, room);
        history_run(&h);
        if (!h.problem)
            history_verify(&h, true);
        failures += h.failed;
        /* When there is room again everything works. */
        durable_fake_fill_after(h.fake, SIZE_MAX);
        h.failed = 0;
        for (int i = 0; i < 5 && !h.problem; i++)
            history_batch(&h);
        if (h.failed)
            problem(&h, "a batch failed although there is room", 0, 0);
        if (!h.problem)
            history_verify(&h, true);
        go_on(&h, CRASH, room);
        history_end(&h);
        if (h.problem)
            fail_msg("%s (room for %zu)", h.problem, room);
    }
    assert_true(failures > 1000);
}

static bool fail_at(size_t operation, enum crash crash)
{
    struct history h;
    history_begin(&h);
    assert_true(history_open(&h, NULL));
    size_t before = durable_fake_count(h.fake).operations;
    durable_fake_fail(h.fake, operation, EIO);
    history_run(&h);
    bool reached = durable_fake_count(h.fake).operations - before > operation;
    if (!h.problem)
        history_verify(&h, true);
    go_on(&h, crash, operation);
    history_end(&h);
    if (h.problem)
        fail_msg("%s (kind %d, error in operation %zu)", h.problem, crash, operation);
    return reached;
}

static void an_error_of_the_disk_in_any_operation_fails_that_batch_and_no_other(void **state)
{
    (void)state;
    for (size_t operation = 0; fail_at(operation, CRASH); operation++)
        (void)fail_at(operation, KILL);
}

/* The batch that fails right before the crash is not annulled by a later journal. */
static void an_error_and_then_a_crash_leave_a_state_that_may_be(void **state)
{
    (void)state;
    for (size_t operation = 0; operation < 300; operation++) {
        struct history h;
        history_begin(&h);
        assert_true(history_open(&h, NULL));
        durable_fake_fail(h.fake, operation, EIO);
        for (size_t i = 0; i < BATCHES && !h.failed && !h.problem; i++)
            history_batch(&h);
        if (!h.problem)
            history_verify(&h, true);
        go_on(&h, operation % 2 ? KILL : CRASH_TORN, operation);
        history_end(&h);
        if (h.problem)
            fail_msg("%s (error in operation %zu)", h.problem, operation);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_history_has_all_that_it_should),
        cmocka_unit_test(a_crash_after_any_operation_loses_nothing_and_brings_nothing_back),
        cmocka_unit_test(a_disk_that_is_full_fails_only_what_did_not_fit),
        cmocka_unit_test(an_error_of_the_disk_in_any_operation_fails_that_batch_and_no_other),
        cmocka_unit_test(an_error_and_then_a_crash_leave_a_state_that_may_be),
    };
    return cmocka_run_group_tests_name("queue_crash", tests, NULL, NULL);
}
