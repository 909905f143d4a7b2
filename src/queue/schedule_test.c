/* SPDX-License-Identifier: BSD-2-Clause */
/* The scheduler on invented time. */
#include "queue/backoff.h"
#include "queue/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct schedule_options usual = {.retry_first = 5 * MINUTE,
                                              .retry_most = 4 * HOUR,
                                              .sessions = 100,
                                              .concurrency = 20,
                                              .seed = 1};
static int64_t now;
static struct schedule *s;

static void set_up(const struct schedule_options *options)
{
    now = 77 * HOUR;
    s = schedule_create(options);
    assert_non_null(s);
}

static void tear_down(void)
{
    schedule_destroy(s);
    s = NULL;
}

static uint32_t place(const char *name)
{
    uint32_t index = schedule_destination(s, bytes_from(name, strlen(name)), 0, 0, now);
    assert_int_not_equal(index, SCHEDULE_NONE);
    return index;
}

static void add(uint32_t message, const char *name)
{
    struct schedule_adding adding = {.message = message, .destination = place(name), .due = now};
    assert_true(schedule_add(s, &adding, now));
}

static struct schedule_job next(void)
{
    struct schedule_job job;
    assert_true(schedule_next(s, now, &job));
    return job;
}

static bool nothing(void)
{
    struct schedule_job job;
    bool got = schedule_next(s, now, &job);
    if (got)
        fprintf(stderr, "unexpected: message %u\n", job.message);
    return !got;
}

/* Delivered: nothing is left of the task. */
static void deliver(const struct schedule_job *job)
{
    schedule_judge(s, job, SCHEDULE_ANSWERED, now);
    schedule_remove(s, job->task, now);
}

/* Put off; how long. */
static int64_t put_off(const struct schedule_job *job, enum schedule_outcome outcome)
{
    int64_t delay = schedule_judge(s, job, outcome, now);
    schedule_keep(s, job->task, job->attempts + (outcome != SCHEDULE_UNTRIED), now + delay, now);
    return delay;
}

static struct schedule_status status(const char *name)
{
    struct schedule_status out;
    assert_true(schedule_status(s, schedule_find(s, bytes_from(name, strlen(name))), &out));
    return out;
}

static void within(int64_t value, int64_t least, int64_t most)
{
    if (value < least || value > most)
        fail_msg("%lld s is not within %lld and %lld", (long long)(value / SECOND),
                 (long long)(least / SECOND), (long long)(most / SECOND));
}

static void a_wait_grows_by_1_8_with_jitter_up_to_the_most(void **state)
{
    (void)state;
    struct backoff_chance chance = {1};
    bool low = false, high = false;
    double expected = 300;
    for (unsigned failures = 1; failures < 20; failures++) {
        int64_t mean = (int64_t)(expected > 14400 ? 14400 : expected) * SECOND;
        for (int i = 0; i < 200; i++) {
            int64_t delay = backoff_delay(300 * SECOND, 14400 * SECOND, failures, &chance);
            within(delay, mean * 79 / 100, mean * 121 / 100);
            low |= delay < mean * 85 / 100;
            high |= delay > mean * 115 / 100;
        }
        expected *= 1.8;
    }
    assert_true(low && high);
}

static void new_mail_is_tried_at_once_and_done_with(void **state)
{
    (void)state;
    set_up(&usual);
    assert_true(nothing());
    assert_int_equal(schedule_wake_at(s, now), NO_DEADLINE);
    add(1, "a.example");
    assert_int_equal(schedule_wake_at(s, now), now);
    struct schedule_job job = next();
    assert_int_equal(job.message, 1);
    assert_int_equal(job.attempts, 0);
    assert_true(nothing());
    deliver(&job);
    assert_int_equal(schedule_figures(s).tasks, 0);
    assert_int_equal(schedule_first(s, 1), SCHEDULE_NONE);
    /* The destination is forgotten when it was idle for a while. */
    now += 6 * MINUTE;
    assert_true(nothing());
    assert_int_equal(schedule_figures(s).destinations, 0);
    tear_down();
}

static void what_is_refused_for_now_waits_alone_and_longer_each_time(void **state)
{
    (void)state;
    set_up(&usual);
    add(1, "a.example");
    struct schedule_job job = next();
    int64_t delay = put_off(&job, SCHEDULE_ANSWERED);
    within(delay, 4 * MINUTE, 6 * MINUTE);
    add(2, "a.example");
    job = next();
    assert_int_equal(job.message, 2);
    deliver(&job);
    now += delay - SECOND;
    assert_true(nothing());
    assert_true(schedule_wake_at(s, now) > now && schedule_wake_at(s, now) <= now + 2 * SECOND);
    now += 2 * SECOND;
    job = next();
    assert_int_equal(job.message, 1);
    assert_int_equal(job.attempts, 1);
    within(put_off(&job, SCHEDULE_ANSWERED), 7 * MINUTE, 11 * MINUTE);
    tear_down();
}

static void a_destination_that_is_not_reached_is_put_off_as_a_whole_and_probed_with_one(void **state)
{
    (void)state;
    set_up(&usual);
    for (uint32_t i = 0; i < 50; i++)
        add(i, "dead.example");
    struct schedule_job jobs[5];
    for (size_t i = 0; i < 5; i++)
        jobs[i] = next(); /* the first sessions with a stranger */
    assert_true(nothing());
    int64_t delay = put_off(&jobs[0], SCHEDULE_UNREACHABLE);
    within(delay, 4 * MINUTE, 6 * MINUTE);
    for (size_t i = 1; i < 5; i++)
        put_off(&jobs[i], SCHEDULE_UNREACHABLE);
    /* They all failed together: that is one failure. */
    assert_int_equal(status("dead.example").failures, 1);
    assert_true(nothing());
    now += delay + SECOND;
    struct schedule_job probe = next();
    assert_true(probe.probe);
    assert_true(nothing());
    now += SECOND;
    delay = put_off(&probe, SCHEDULE_UNREACHABLE);
    within(delay, 7 * MINUTE, 11 * MINUTE);
    /* New mail does not wake it. */
    add(100, "dead.example");
    assert_true(nothing());
    now += delay + SECOND;
    probe = next();
    deliver(&probe);
    /* Open again. */
    assert_int_equal(status("dead.example").failures, 0);
    for (size_t i = 0; i < 5; i++)
        next();
    assert_true(nothing());
    tear_down();
}

static void the_back_off_of_a_dead_destination_ends_at_the_most(void **state)
{
    (void)state;
    set_up(&usual);
    add(1, "dead.example");
    int64_t delay = 0;
    for (int i = 0; i < 40; i++) {
        struct schedule_job job = next();
        delay = put_off(&job, SCHEDULE_UNREACHABLE);
        now += delay + SECOND;
    }
    within(delay, 192 * MINUTE, 288 * MINUTE);
    tear_down();
}

static void a_busy_destination_gets_half_and_more_slowly_and_success_raises_it(void **state)
{
    (void)state;
    set_up(&usual);
    uint32_t message = 0;
    for (int i = 0; i < 500; i++)
        add(message++, "busy.example");
    struct schedule_job jobs[20];
    /* Up to the most that the configuration allows. */
    for (int round = 0; round < 400 && status("busy.example").limit < 20; round++) {
        struct schedule_job job = next();
        deliver(&job);
    }
    assert_int_equal(status("busy.example").limit, 20);
    for (int i = 0; i < 500; i++)
        add(message++, "busy.example");
    for (size_t i = 0; i < 20; i++)
        jobs[i] = next();
    assert_true(nothing());
    now += SECOND;
    put_off(&jobs[0], SCHEDULE_BUSY);
    assert_int_equal(status("busy.example").limit, 10);
    /* What had begun before says nothing new. */
    put_off(&jobs[1], SCHEDULE_BUSY);
    assert_int_equal(status("busy.example").limit, 10);
    for (size_t i = 2; i < 20; i++)
        deliver(&jobs[i]);
    struct schedule_job first = next();
    assert_true(nothing()); /* the pace */
    now += 2 * SECOND;
    struct schedule_job second = next();
    now += SECOND;
    put_off(&first, SCHEDULE_BUSY);
    put_off(&second, SCHEDULE_BUSY);
    assert_true(status("busy.example").limit >= 5 && status("busy.example").limit <= 7);
    /* Nobody is served any more: a pause. */
    assert_true(nothing());
    assert_true(status("busy.example").blocked_until > now + 20 * SECOND);
    now = status("busy.example").blocked_until;
    struct schedule_job job = next();
    deliver(&job);
    assert_true(status("busy.example").blocked_until <= now);
    tear_down();
}

static void all_sessions_are_bounded(void **state)
{
    (void)state;
    struct schedule_options few = usual;
    few.sessions = 3;
    set_up(&few);
    char name[32];
    for (uint32_t i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "d%u.example", i);
        add(i, name);
    }
    struct schedule_job first = next();
    next();
    next();
    assert_true(nothing());
    assert_int_equal(schedule_wake_at(s, now), NO_DEADLINE);
    deliver(&first);
    next();
    assert_true(nothing());
    tear_down();
}

static void a_flood_for_one_does_not_starve_the_others(void **state)
{
    (void)state;
    struct schedule_options few = usual;
    few.sessions = 1;
    set_up(&few);
    for (uint32_t i = 0; i < 1000; i++)
        add(i, "flood.example");
    add(2000, "a.example");
    add(2001, "b.example");
    unsigned turn = 0, seen = 0;
    while (seen < 2 && turn++ < 10) {
        struct schedule_job job = next();
        seen += job.message >= 2000;
        deliver(&job);
    }
    assert_int_equal(seen, 2);
    assert_true(turn <= 5);
    tear_down();
}

static void probes_leave_half_of_the_sessions(void **state)
{
    (void)state;
    struct schedule_options few = usual;
    few.sessions = 4;
    few.retry_most = few.retry_first;
    set_up(&few);
    char name[32];
    for (uint32_t i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "dead%u.example", i);
        add(i, name);
    }
    for (uint32_t i = 0; i < 20; i++) {
        struct schedule_job job = next();
        put_off(&job, SCHEDULE_UNREACHABLE);
    }
    now += HOUR;
    assert_true(next().probe);
    assert_true(next().probe);
    assert_true(nothing());
    add(100, "alive.example");
    assert_int_equal(next().message, 100);
    tear_down();
}

static void what_failed_before_a_restart_is_probed_until_its_destination_answers(void **state)
{
    (void)state;
    struct schedule_options options = usual;
    options.sessions = 8;
    set_up(&options);
    for (uint32_t i = 0; i < 30; i++) {
        char name[20];
        snprintf(name, sizeof(name), "dead%u.example", i % 10);
        struct schedule_adding adding = {
            .message = i, .destination = place(name), .attempts = 3, .due = now, .loaded = true};
        assert_true(schedule_add(s, &adding, now));
    }
    struct schedule_job probes[4];
    for (size_t i = 0; i < 4; i++) {
        probes[i] = next();
        assert_true(probes[i].probe);
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(probes[k].destination, probes[i].destination);
    }
    assert_true(nothing());
    add(100, "new.example");
    struct schedule_job fresh = next();
    assert_int_equal(fresh.message, 100);
    assert_false(fresh.probe);
    /* It answers: what waits for it is probed no more. */
    deliver(&probes[0]);
    for (size_t i = 0; i < 2; i++) {
        struct schedule_job job = next();
        while (job.destination != probes[0].destination) {
            assert_true(job.probe);
            job = next();
        }
        assert_false(job.probe);
    }
    tear_down();
}

static void new_mail_goes_before_what_was_put_off_but_not_always(void **state)
{
    (void)state;
    struct schedule_options few = usual;
    few.concurrency = 1;
    set_up(&few);
    for (uint32_t i = 0; i < 20; i++) {
        struct schedule_adding old = {
            .message = i, .destination = place("a.example"), .attempts = 1, .due = now};
        assert_true(schedule_add(s, &old, now));
    }
    for (uint32_t i = 100; i < 130; i++)
        add(i, "a.example");
    unsigned fresh = 0;
    for (int i = 0; i < 20; i++) {
        struct schedule_job job = next();
        fresh += job.message >= 100;
        if (i == 0)
            assert_true(job.message >= 100);
        deliver(&job);
    }
    assert_int_equal(fresh, 15);
    tear_down();
}

static void the_rate_of_a_destination_is_kept(void **state)
{
    (void)state;
    set_up(&usual);
    uint32_t index = schedule_destination(s, BYTES("slow.example"), 5, 60, now);
    for (uint32_t i = 0; i < 600; i++) {
        struct schedule_adding adding = {.message = i, .destination = index, .due = now};
        assert_true(schedule_add(s, &adding, now));
    }
    unsigned sent = 0;
    int64_t end = now + 2 * MINUTE;
    while (now < end) {
        struct schedule_job job;
        while (schedule_next(s, now, &job)) {
            sent++;
            deliver(&job);
        }
        int64_t at = schedule_wake_at(s, now);
        assert_true(at > now);
        now = at < end ? at : end;
    }
    assert_in_range(sent, 118, 132);
    tear_down();
}

static void held_mail_waits_until_it_is_released(void **state)
{
    (void)state;
    set_up(&usual);
    add(1, "a.example");
    add(1, "b.example");
    add(2, "a.example");
    schedule_hold(s, 1, SCHEDULE_HOLD_MESSAGE, true, now);
    schedule_hold(s, 1, SCHEDULE_HOLD_ACCOUNT, true, now);
    struct schedule_job job = next();
    assert_int_equal(job.message, 2);
    assert_true(nothing());
    schedule_hold(s, 1, SCHEDULE_HOLD_MESSAGE, false, now);
    assert_true(nothing());
    /* What is under way is held when it comes back. */
    schedule_hold(s, 2, SCHEDULE_HOLD_MESSAGE, true, now);
    put_off(&job, SCHEDULE_ANSWERED);
    now += HOUR;
    assert_true(nothing());
    schedule_hold(s, 1, SCHEDULE_HOLD_ACCOUNT, false, now);
    assert_int_equal(next().message, 1);
    assert_int_equal(next().message, 1);
    schedule_hold(s, 2, SCHEDULE_HOLD_MESSAGE, false, now);
    assert_int_equal(next().message, 2);
    tear_down();
}

static void a_retry_is_now_whatever_its_destination_is_doing(void **state)
{
    (void)state;
    set_up(&usual);
    for (uint32_t i = 0; i < 3; i++)
        add(i, "dead.example");
    for (int i = 0; i < 3; i++) {
        struct schedule_job job = next();
        put_off(&job, SCHEDULE_UNREACHABLE);
        now += HOUR;
    }
    add(10, "dead.example");
    struct schedule_job job = next();
    put_off(&job, SCHEDULE_UNREACHABLE);
    assert_true(nothing());
    schedule_retry(s, 2, now);
    assert_int_equal(next().message, 2);
    tear_down();
}

/* Who can make the secure way fail must not get the mail by one that is less so. */
static void mail_that_no_server_was_secure_enough_for_takes_no_detour(void **state)
{
    (void)state;
    struct schedule_options other = usual;
    other.fallback = true;
    set_up(&other);
    add(1, "false.example");
    add(2, "false.example");
    struct schedule_job job = next();
    within(put_off(&job, SCHEDULE_INSECURE), 4 * MINUTE, 6 * MINUTE);
    assert_true(nothing());
    add(3, "false.example");
    assert_true(nothing());
    now += HOUR;
    job = next();
    assert_true(job.probe && !job.fallback);
    /* Now it is not even there: that changes nothing. */
    put_off(&job, SCHEDULE_UNREACHABLE);
    assert_true(nothing());
    /* What was known before the start still counts. */
    struct schedule_status status;
    uint32_t index = place("false.example");
    assert_true(schedule_status(s, index, &status) && status.insecure);
    now += DAY;
    for (int i = 0; i < 3; i++) {
        job = next();
        assert_false(job.fallback);
        deliver(&job);
    }
    /* All that had failed for this reason is gone. */
    assert_true(schedule_status(s, index, &status) && !status.insecure);
    add(4, "false.example");
    job = next();
    assert_int_equal(put_off(&job, SCHEDULE_UNREACHABLE), 0);
    job = next();
    assert_true(job.fallback);
    /* That the detour is not secure enough says nothing of the straight way. */
    put_off(&job, SCHEDULE_INSECURE);
    assert_true(schedule_status(s, index, &status) && !status.insecure);
    add(5, "known.example");
    schedule_restore(s, place("known.example"), 2, true, now + HOUR, now);
    assert_true(nothing());
    tear_down();
}

static void a_detour_takes_what_failed_once(void **state)
{
    (void)state;
    struct schedule_options other = usual;
    other.fallback = true;
    set_up(&other);
    add(1, "dead.example");
    struct schedule_job job = next();
    assert_false(job.fallback);
    assert_int_equal(put_off(&job, SCHEDULE_UNREACHABLE), 0);
    job = next();
    assert_int_equal(job.message, 1);
    assert_true(job.fallback && !job.probe);
    deliver(&job);
    /* While it is not reached, all goes that way at once. */
    for (uint32_t i = 2; i < 10; i++)
        add(i, "dead.example");
    for (uint32_t i = 2; i < 10; i++) {
        job = next();
        assert_true(job.fallback);
        deliver(&job);
    }
    /* Then it is probed again. */
    now += HOUR;
    add(20, "dead.example");
    job = next();
    assert_true(job.probe && !job.fallback);
    deliver(&job);
    /* Where the detour is dead as well both wait. */
    add(21, "dead.example");
    job = next();
    put_off(&job, SCHEDULE_UNREACHABLE);
    job = next();
    within(put_off(&job, SCHEDULE_UNREACHABLE), 4 * MINUTE, 6 * MINUTE);
    assert_true(nothing());
    assert_true(schedule_wake_at(s, now) > now + MINUTE);
    /* None where there is none. */
    uint32_t index = place("direct.example");
    schedule_only_directly(s, index);
    add(30, "direct.example");
    job = next();
    within(put_off(&job, SCHEDULE_UNREACHABLE), 4 * MINUTE, 6 * MINUTE);
    assert_true(nothing());
    tear_down();
}

static void what_was_known_before_a_restart_is_kept_to(void **state)
{
    (void)state;
    set_up(&usual);
    struct schedule_adding adding = {
        .message = 1, .destination = place("dead.example"), .due = now, .loaded = true};
    assert_true(schedule_add(s, &adding, now));
    schedule_restore(s, place("dead.example"), 6, false, now + HOUR, now);
    assert_true(nothing());
    assert_int_equal(schedule_task(s, schedule_first(s, 1)).tries, 6);
    now += HOUR;
    struct schedule_job job = next();
    assert_true(job.probe);
    /* The back-off goes on from where it was. */
    within(put_off(&job, SCHEDULE_UNREACHABLE), 2 * HOUR, 5 * HOUR);
    /* Mail that came later has not had those failures. */
    add(2, "dead.example");
    assert_int_equal(schedule_task(s, schedule_first(s, 2)).tries, 0);
    tear_down();
}

static void what_is_taken_is_nobody_elses(void **state)
{
    (void)state;
    set_up(&usual);
    add(1, "a.example");
    uint32_t task = schedule_first(s, 1);
    assert_true(schedule_take(s, task, now));
    assert_false(schedule_take(s, task, now));
    assert_true(nothing());
    schedule_keep(s, task, 0, now, now);
    assert_int_equal(next().message, 1);
    tear_down();
}

static void a_million_for_a_dead_destination_costs_one_timer_and_little_memory(void **state)
{
    (void)state;
    enum { MANY = 1000000 };
    set_up(&usual);
    uint32_t dead = place("dead.example");
    schedule_restore(s, dead, 3, false, now + HOUR, now);
    for (uint32_t i = 0; i < MANY; i++) {
        struct schedule_adding adding = {.message = i, .destination = dead, .due = now};
        assert_true(schedule_add(s, &adding, now));
    }
    struct schedule_figures figures = schedule_figures(s);
    print_message("# %zu octets a task\n", figures.memory_octets / MANY);
    assert_true(figures.memory_octets / MANY <= 50);
    for (int i = 0; i < 100; i++) {
        assert_true(nothing());
        now = schedule_wake_at(s, now);
        struct schedule_job job = next();
        assert_true(nothing());
        put_off(&job, SCHEDULE_UNREACHABLE);
    }
    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t task = schedule_first(s, i);
        if (i % 2 && schedule_take(s, task, now))
            schedule_keep(s, task, 1, now + (int64_t)(i * 7919u % 100000) * SECOND, now);
    }
    for (uint32_t i = 0; i < MANY; i++)
        schedule_remove(s, schedule_first(s, i), now);
    assert_int_equal(schedule_figures(s).tasks, 0);
    tear_down();
}

/* Whatever happens, nothing is lost, sessions are counted right, and nothing is tried before its time. */
static void random_lives_keep_their_promises(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        enum { MESSAGES = 400, JOBS = 64 };
        struct backoff_chance chance = {seed};
        struct schedule_options options = usual;
        options.sessions = 1 + backoff_draw(&chance, 20);
        options.fallback = backoff_draw(&chance, 2);
        options.rate = backoff_draw(&chance, 2) * 100;
        options.seed = seed;
        set_up(&options);
        struct schedule_job jobs[JOBS];
        size_t running = 0, left = 0;
        int64_t due[MESSAGES] = {0};
        bool held[MESSAGES] = {false};
        char name[32];
        for (uint32_t i = 0; i < MESSAGES; i++) {
            snprintf(name, sizeof(name), "d%u.example", backoff_draw(&chance, 12));
            add(i, name);
            left++;
        }
        for (unsigned steps = 0; left && steps < 200000; steps++) {
            struct schedule_job job;
            if (running < JOBS && schedule_next(s, now, &job)) {
                assert_true(due[job.message] <= now + SECOND);
                assert_false(held[job.message]);
                jobs[running++] = job;
                assert_true(running <= options.sessions);
                continue;
            }
            uint32_t message = backoff_draw(&chance, MESSAGES);
            if (backoff_draw(&chance, 50) == 0 && schedule_first(s, message) != SCHEDULE_NONE) {
                held[message] = !held[message];
                schedule_hold(s, message, SCHEDULE_HOLD_MESSAGE, held[message], now);
                if (!held[message])
                    due[message] = 0;
            }
            if (running) {
                size_t i = backoff_draw(&chance, (uint32_t)running);
                job = jobs[i];
                jobs[i] = jobs[--running];
                uint32_t what = backoff_draw(&chance, 6);
                if (what < 2) {
                    deliver(&job);
                    left--;
                } else {
                    enum schedule_outcome outcome = (enum schedule_outcome)(what - 2);
                    due[job.message] = now + put_off(&job, outcome == 4 ? SCHEDULE_UNTRIED : outcome);
                }
                now += SECOND / 10;
                continue;
            }
            int64_t at = schedule_wake_at(s, now);
            if (at == NO_DEADLINE) {
                /* All that is left is held. */
                for (uint32_t i = 0; i < MESSAGES; i++) {
                    held[i] = false;
                    due[i] = 0;
                    schedule_hold(s, i, SCHEDULE_HOLD_MESSAGE, false, now);
                }
                continue;
            }
            if (at > now)
                now = at;
        }
        assert_int_equal(left, 0);
        assert_int_equal(schedule_figures(s).tasks, 0);
        assert_int_equal(schedule_figures(s).running, 0);
        tear_down();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_grows_by_1_8_with_jitter_up_to_the_most),
        cmocka_unit_test(new_mail_is_tried_at_once_and_done_with),
        cmocka_unit_test(what_is_refused_for_now_waits_alone_and_longer_each_time),
        cmocka_unit_test(a_destination_that_is_not_reached_is_put_off_as_a_whole_and_probed_with_one),
        cmocka_unit_test(the_back_off_of_a_dead_destination_ends_at_the_most),
        cmocka_unit_test(a_busy_destination_gets_half_and_more_slowly_and_success_raises_it),
        cmocka_unit_test(all_sessions_are_bounded),
        cmocka_unit_test(a_flood_for_one_does_not_starve_the_others),
        cmocka_unit_test(probes_leave_half_of_the_sessions),
        cmocka_unit_test(what_failed_before_a_restart_is_probed_until_its_destination_answers),
        cmocka_unit_test(new_mail_goes_before_what_was_put_off_but_not_always),
        cmocka_unit_test(the_rate_of_a_destination_is_kept),
        cmocka_unit_test(held_mail_waits_until_it_is_released),
        cmocka_unit_test(a_retry_is_now_whatever_its_destination_is_doing),
        cmocka_unit_test(a_detour_takes_what_failed_once),
        cmocka_unit_test(mail_that_no_server_was_secure_enough_for_takes_no_detour),
        cmocka_unit_test(what_was_known_before_a_restart_is_kept_to),
        cmocka_unit_test(what_is_taken_is_nobody_elses),
        cmocka_unit_test(a_million_for_a_dead_destination_costs_one_timer_and_little_memory),
        cmocka_unit_test(random_lives_keep_their_promises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
