/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/cache.h"

#include "base/clock.h"
#include "dns/zone.h"
#include "fiber/group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct zone *zone;
    struct dns *cache;
    struct arena *arena;
    struct dns_cache_options options;
    int64_t now;
};

static int64_t injected_now(void *context)
{
    return ((struct fixture *)context)->now;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.zone = zone_create(), .arena = arena_create(64 << 20), .now = DAY};
    fixture.options = (struct dns_cache_options){.now = injected_now, .context = &fixture};
    fixture.cache = dns_cache_create(zone_dns(fixture.zone), &fixture.options);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    dns_cache_destroy(f->cache); /* before the arena, which holds answers of it */
    arena_destroy(f->arena);
    zone_destroy(f->zone);
    return 0;
}

static void recreate(struct fixture *f)
{
    dns_cache_destroy(f->cache);
    f->cache = dns_cache_create(zone_dns(f->zone), &f->options);
}

static void load(struct fixture *f, const char *text)
{
    struct error error;
    if (zone_load(f->zone, bytes_of(text), &error) != OK)
        fail_msg("%s", error.text);
}

static const struct dns_answer *ask(struct fixture *f, const char *name, enum dns_type type)
{
    return dns_query(f->cache, f->arena, bytes_of(name), type, NO_DEADLINE);
}

static void pass_seconds(struct fixture *f, int64_t seconds)
{
    f->now += seconds * SECOND;
}

static void an_answer_is_asked_for_once_until_its_ttl_ends(void **state)
{
    struct fixture *f = *state;
    load(f, "a.example A ttl=60 192.0.2.1\n");
    assert_int_equal(ask(f, "a.example", DNS_A)->ttl, 60);
    pass_seconds(f, 59);
    const struct dns_answer *hit = ask(f, "A.eXample.", DNS_A);
    assert_int_equal(hit->ttl, 1);
    assert_int_equal(hit->count, 1);
    assert_int_equal(hit->records[0].ip.octets[3], 1);
    assert_true(bytes_is(hit->canonical, "a.example"));
    assert_int_equal(zone_question_count(f->zone), 1);
    pass_seconds(f, 1);
    ask(f, "a.example", DNS_A);
    assert_int_equal(zone_question_count(f->zone), 2);
    assert_int_equal(dns_cache_counts(f->cache).hits, 1);
    assert_int_equal(dns_cache_counts(f->cache).misses, 2);
    assert_int_equal(dns_cache_counts(f->cache).entries, 1);
}

static void types_and_names_are_told_apart(void **state)
{
    struct fixture *f = *state;
    load(
        f,
        "a.example A 192.0.2.1\na.example TXT text\nb.example A 192.0.2.2\n"
        "abcdefgh.example A 192.0.2.3\n@bcdefgh.example A 192.0.2.4\n`bcdefgh.example A 192.0.2.5\n"
        "[bcdefgh.example A 192.0.2.6\n{bcdefgh.example A 192.0.2.7\n");
    static const struct {
        const char *name;
        int last;
    } cases[] = {{"a.example", 1},        {"b.example", 2},        {"ABCDEFGH.example", 3},
                 {"@bcdefgh.example", 4}, {"`bcdefgh.example", 5}, {"[bcdefgh.example", 6},
                 {"{bcdefgh.example", 7}};
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < countof(cases); i++)
            assert_int_equal(ask(f, cases[i].name, DNS_A)->records[0].ip.octets[3], cases[i].last);
    assert_true(bytes_is(ask(f, "a.example", DNS_TXT)->records[0].text, "text"));
    assert_int_equal(zone_question_count(f->zone), countof(cases) + 1);
}

static void lifetimes_have_bounds(void **state)
{
    struct fixture *f = *state;
    load(f, "zero.example A ttl=0 192.0.2.1\nlong.example A ttl=8640000 192.0.2.1\n");
    assert_int_equal(ask(f, "zero.example", DNS_A)->ttl, 5);
    assert_int_equal(ask(f, "long.example", DNS_A)->ttl, 86400);
    pass_seconds(f, 86400);
    ask(f, "long.example", DNS_A);
    assert_int_equal(zone_question_count(f->zone), 3);
}

static void absence_is_remembered_for_a_while_only(void **state)
{
    struct fixture *f = *state;
    f->options.negative_max = 20;
    recreate(f);
    load(f, "a.example A 192.0.2.1\n");
    assert_int_equal(ask(f, "none.example", DNS_A)->status, DNS_NO_NAME);
    assert_int_equal(ask(f, "a.example", DNS_MX)->status, DNS_NO_DATA);
    pass_seconds(f, 19);
    assert_int_equal(ask(f, "none.example", DNS_A)->status, DNS_NO_NAME);
    assert_int_equal(ask(f, "a.example", DNS_MX)->status, DNS_NO_DATA);
    assert_int_equal(zone_question_count(f->zone), 2);
    pass_seconds(f, 1);
    ask(f, "none.example", DNS_A);
    assert_int_equal(zone_question_count(f->zone), 3);
}

static void failures_are_remembered_5_to_30_seconds_rfc9520(void **state)
{
    struct fixture *f = *state;
    load(f, "bad.example FAIL\n");
    static const int lifetimes[] = {5, 10, 20, 30, 30};
    for (size_t i = 0; i < countof(lifetimes); i++) {
        const struct dns_answer *first = ask(f, "bad.example", DNS_A);
        assert_int_equal(first->status, DNS_FAILED);
        assert_int_equal(first->ttl, lifetimes[i]);
        pass_seconds(f, lifetimes[i] - 1);
        assert_string_equal(ask(f, "bad.example", DNS_A)->problem, "timed out");
        assert_int_equal(zone_question_count(f->zone), i + 1);
        pass_seconds(f, 1);
    }
}

static void entries_are_bounded_and_the_used_ones_stay(void **state)
{
    struct fixture *f = *state;
    f->options.entries = 100;
    recreate(f);
    for (int i = 0; i < 1000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "n%d.example", i);
        ask(f, name, DNS_A);
        ask(f, "popular.example", DNS_A);
    }
    assert_int_equal(dns_cache_counts(f->cache).entries, 100);
    assert_int_equal(dns_cache_counts(f->cache).evicted, 1001 - 100);
    assert_int_equal(zone_question_count(f->zone), 1001);
}

static void memory_is_bounded(void **state)
{
    struct fixture *f = *state;
    f->options.memory = 100000;
    recreate(f);
    char text[1000];
    memset(text, 'x', sizeof(text));
    for (int i = 0; i < 500; i++) {
        char name[32];
        snprintf(name, sizeof(name), "n%d.example", i);
        assert_true(zone_add(f->zone, bytes_of(name), DNS_TXT, 60, bytes_from(text, sizeof(text))));
        ask(f, name, DNS_TXT);
        assert_true(dns_cache_counts(f->cache).memory <= 100000);
    }
    assert_in_range(dns_cache_counts(f->cache).entries, 70, 100);
    /* An answer that would take a good part of it is not kept, but given. */
    char large[20000];
    memset(large, 'y', sizeof(large));
    assert_true(
        zone_add(f->zone, BYTES("l.example"), DNS_TXT, 60, bytes_from(large, sizeof(large))));
    size_t before = zone_question_count(f->zone);
    assert_int_equal(ask(f, "l.example", DNS_TXT)->records[0].text.len, sizeof(large));
    assert_int_equal(ask(f, "l.example", DNS_TXT)->records[0].text.len, sizeof(large));
    assert_int_equal(zone_question_count(f->zone), before + 2);
}

static void an_answer_outlives_its_entry(void **state)
{
    struct fixture *f = *state;
    load(f, "a.example TXT ttl=60 some-text-to-hold\n");
    const struct dns_answer *held = ask(f, "a.example", DNS_TXT);
    pass_seconds(f, 61);
    ask(f, "a.example", DNS_TXT);
    assert_true(bytes_is(held->records[0].text, "some-text-to-hold"));
    dns_cache_destroy(f->cache);
    f->cache = NULL;
    assert_true(bytes_is(held->records[0].text, "some-text-to-hold"));
}

static void a_full_arena_is_a_failure_and_leaks_nothing(void **state)
{
    struct fixture *f = *state;
    load(f, "a.example A 192.0.2.1\n");
    for (size_t cap = 0; cap < 1200; cap += 8) {
        struct arena *small = arena_create(cap);
        const struct dns_answer *a =
            dns_query(f->cache, small, BYTES("a.example"), DNS_A, NO_DEADLINE);
        assert_true(a->status == DNS_FOUND || (a->status == DNS_FAILED && arena_exhausted(small)));
        arena_destroy(small);
    }
}

/* --- with fibers, on a fake clock --- */

struct asker {
    struct fixture *fixture;
    const char *name;
    int64_t deadline; /* from now */
    struct arena *arena;
    enum dns_status status;
    int64_t took;
};

static void run_asker(void *argument)
{
    struct asker *asker = argument;
    int64_t began = loop_now();
    asker->status = dns_query(asker->fixture->cache, asker->arena, bytes_of(asker->name), DNS_A,
                              loop_deadline(asker->deadline))
                        ->status;
    asker->took = loop_now() - began;
}

struct scene {
    struct fixture *fixture;
    struct asker askers[20];
    size_t count;
    size_t cancel_after; /* the first so many are in a group that is cancelled after one second */
};

static void run_scene(void *argument)
{
    struct scene *scene = argument;
    struct fiber_group hasty, patient;
    fiber_group_open(&hasty);
    fiber_group_open(&patient);
    for (size_t i = 0; i < scene->count; i++) {
        struct fiber_group *group = i < scene->cancel_after ? &hasty : &patient;
        scene->askers[i].fixture = scene->fixture;
        scene->askers[i].arena = arena_create(1 << 16);
        assert_true(fiber_group_start(group, "asker", run_asker, &scene->askers[i]));
    }
    if (scene->cancel_after) {
        fiber_sleep(SECOND);
        fiber_group_close(&hasty);
    }
    fiber_group_wait(&patient, NO_DEADLINE);
    fiber_group_close(&hasty);
    fiber_group_close(&patient);
    for (size_t i = 0; i < scene->count; i++)
        arena_destroy(scene->askers[i].arena);
}

static void play(struct fixture *f, struct scene *scene)
{
    f->options.now = NULL; /* the loop's */
    recreate(f);
    scene->fixture = f;
    struct loop *loop = loop_create(&(struct loop_options){.fake_clock = true});
    loop_run(loop, run_scene, scene);
    loop_destroy(loop);
}

static void fibers_with_the_same_question_wait_for_one_answer(void **state)
{
    struct fixture *f = *state;
    load(f, "slow.example A 192.0.2.1\nslow.example DELAY 2s\nother.example A 192.0.2.1\n");
    struct scene scene = {.count = 20};
    for (size_t i = 0; i < 20; i++)
        scene.askers[i] =
            (struct asker){.name = i == 7 ? "other.example" : "slow.example", .deadline = MINUTE};
    play(f, &scene);
    assert_int_equal(zone_question_count(f->zone), 2);
    assert_int_equal(dns_cache_counts(f->cache).joined, 18);
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(scene.askers[i].status, DNS_FOUND);
        assert_int_equal(scene.askers[i].took, i == 7 ? 0 : 2 * SECOND);
    }
}

static void each_waits_until_his_own_deadline_only(void **state)
{
    struct fixture *f = *state;
    load(f, "slow.example A 192.0.2.1\nslow.example DELAY 5s\n");
    struct scene scene = {.count = 2};
    scene.askers[0] = (struct asker){.name = "slow.example", .deadline = MINUTE};
    scene.askers[1] = (struct asker){.name = "slow.example", .deadline = SECOND};
    play(f, &scene);
    assert_int_equal(scene.askers[0].status, DNS_FOUND);
    assert_int_equal(scene.askers[1].status, DNS_FAILED);
    assert_int_equal(scene.askers[1].took, SECOND);
}

static void another_asks_when_the_first_was_in_too_much_of_a_hurry(void **state)
{
    struct fixture *f = *state;
    load(f, "slow.example A 192.0.2.1\nslow.example DELAY 2s\n");
    struct scene scene = {.count = 3};
    scene.askers[0] = (struct asker){.name = "slow.example", .deadline = 100 * MILLISECOND};
    scene.askers[1] = (struct asker){.name = "slow.example", .deadline = MINUTE};
    scene.askers[2] = (struct asker){.name = "slow.example", .deadline = MINUTE};
    play(f, &scene);
    assert_int_equal(scene.askers[0].status, DNS_FAILED);
    assert_int_equal(scene.askers[1].status, DNS_FOUND);
    assert_int_equal(scene.askers[2].status, DNS_FOUND);
    assert_int_equal(zone_question_count(f->zone), 2);
}

static void another_asks_when_the_first_was_cancelled(void **state)
{
    struct fixture *f = *state;
    load(f, "slow.example A 192.0.2.1\nslow.example DELAY 2s\n");
    struct scene scene = {.count = 3, .cancel_after = 1};
    for (size_t i = 0; i < 3; i++)
        scene.askers[i] = (struct asker){.name = "slow.example", .deadline = MINUTE};
    play(f, &scene);
    assert_int_equal(scene.askers[0].status, DNS_FAILED);
    assert_int_equal(scene.askers[0].took, SECOND);
    assert_int_equal(scene.askers[1].status, DNS_FOUND);
    assert_int_equal(scene.askers[1].took, 3 * SECOND);
    assert_int_equal(scene.askers[2].status, DNS_FOUND);
    assert_int_equal(zone_question_count(f->zone), 2);
}

static void a_server_that_stays_silent_is_a_failure_for_all_who_wait(void **state)
{
    struct fixture *f = *state;
    load(f, "slow.example A 192.0.2.1\nslow.example DELAY 1m\n");
    struct scene scene = {.count = 2};
    scene.askers[0] = (struct asker){.name = "slow.example", .deadline = 10 * SECOND};
    scene.askers[1] = (struct asker){.name = "slow.example", .deadline = 20 * SECOND};
    play(f, &scene);
    assert_int_equal(scene.askers[1].status, DNS_FAILED);
    assert_int_equal(scene.askers[1].took, 10 * SECOND);
    assert_int_equal(zone_question_count(f->zone), 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_answer_is_asked_for_once_until_its_ttl_ends),
        TEST(types_and_names_are_told_apart),
        TEST(lifetimes_have_bounds),
        TEST(absence_is_remembered_for_a_while_only),
        TEST(failures_are_remembered_5_to_30_seconds_rfc9520),
        TEST(entries_are_bounded_and_the_used_ones_stay),
        TEST(memory_is_bounded),
        TEST(an_answer_outlives_its_entry),
        TEST(a_full_arena_is_a_failure_and_leaks_nothing),
        TEST(fibers_with_the_same_question_wait_for_one_answer),
        TEST(each_waits_until_his_own_deadline_only),
        TEST(another_asks_when_the_first_was_in_too_much_of_a_hurry),
        TEST(another_asks_when_the_first_was_cancelled),
        TEST(a_server_that_stays_silent_is_a_failure_for_all_who_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
