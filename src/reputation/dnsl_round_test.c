/* SPDX-License-Identifier: BSD-2-Clause */
/* Rounds of questions, and the health of lists (dnsl_health.h), on a clock that stands still. */
#include "reputation/dnsl_round.h"

#include "base/log.h"
#include "dns/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A zone behind a resolver that, as a real one, takes a moment, and has no answer for who asks too late. */
struct punctual {
    struct dns dns;
    struct dns *below;
};

static const struct dns_answer *ask_later(struct dns *dns, struct arena *arena, struct bytes name,
                                          enum dns_type type, int64_t deadline)
{
    struct punctual *punctual = (struct punctual *)dns;
    static const struct dns_answer late = {.status = DNS_FAILED, .problem = "timed out"};
    if (deadline <= loop_now() || fiber_sleep(MILLISECOND) != 0)
        return &late;
    return punctual->below->query(punctual->below, arena, name, type, deadline);
}

enum { LISTS_MAX = 4 };

struct fixture {
    void (*scenario)(struct fixture *f);
    struct zone *zone;
    struct punctual punctual;
    struct arena *arena;
    struct config config;
    struct config_dnslist lists[LISTS_MAX];
    char names[LISTS_MAX][8], zones[LISTS_MAX][24];
    struct dnsl_health *health;
    struct dnsl_round *round;
    char log[4000];
};

static void keep_line(void *context, enum log_level level, struct bytes line)
{
    struct fixture *f = context;
    size_t len = strlen(f->log);
    snprintf(f->log + len, sizeof(f->log) - len, BYTES_FMT "\n", BYTES_ARG(line));
}

static size_t times(const struct fixture *f, const char *text)
{
    size_t count = 0;
    for (const char *at = f->log; (at = strstr(at, text)); at++)
        count++;
    return count;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->zone = zone_create();
    f->punctual = (struct punctual){{ask_later}, zone_dns(f->zone)};
    f->arena = arena_create(32 << 20);
    f->config.dnslists = f->lists;
    log_set_sink(keep_line, f, LOG_FORMAT_PLAIN, LOG_LEVEL_INFO);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    log_set_sink(NULL, NULL, LOG_FORMAT_PLAIN, LOG_LEVEL_ERROR);
    arena_destroy(f->arena);
    zone_destroy(f->zone);
    free(f);
    return 0;
}

static struct config_dnslist *add_list(struct fixture *f, unsigned uses)
{
    size_t i = f->config.dnslist_count++;
    snprintf(f->names[i], sizeof(f->names[i]), "l%zu", i);
    snprintf(f->zones[i], sizeof(f->zones[i]), "l%zu.example", i);
    f->lists[i] = (struct config_dnslist){.name = f->names[i], .zone = f->zones[i], .uses = uses, .weight = 300,
                                          .ipv6 = true, .registrable = true, .test = true};
    return &f->lists[i];
}

static void load(struct fixture *f, const char *text)
{
    struct error error;
    if (zone_load(f->zone, bytes_of(text), &error) != OK)
        fail_msg("%s", error.text);
}

#define TEST_V4 "2.0.0.127.l0.example A 127.0.0.2\n"
#define TEST_V6                                                                                                     \
    "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.l0.example A 127.0.0.2\n"
#define TEST_NAMES "test.l0.example A 127.0.0.2\n"

static void run_scenario(void *argument)
{
    struct fixture *f = argument;
    f->scenario(f);
    dnsl_round_end(f->round);
}

static void run(void **state, void (*scenario)(struct fixture *f))
{
    struct fixture *f = *state;
    struct loop_options options = {.fake_clock = true, .fake_epoch = 1700000000};
    struct loop *loop = loop_create(&options);
    assert_non_null(loop);
    f->scenario = scenario;
    f->health = dnsl_health_create(f->arena, &f->config);
    loop_run(loop, run_scenario, f);
    loop_destroy(loop);
}

static void begin(struct fixture *f)
{
    dnsl_round_end(f->round);
    f->round = dnsl_round_begin(f->arena, f->health, &f->punctual.dns, loop_deadline(5 * SECOND));
    assert_non_null(f->round);
}

static void ask_ip(struct fixture *f, enum config_dnslist_use use, const char *text)
{
    struct dnsl_subject subject = {.name = BYTES("")};
    assert_true(ip_parse(bytes_of(text), &subject.ip));
    dnsl_round_add(f->round, use, &subject);
}

static const struct dnsl_question *only(const struct fixture *f)
{
    assert_int_equal(f->round->count, 1);
    return f->round->first;
}

static const struct dnsl_question *ask_one(struct fixture *f, const char *ip)
{
    begin(f);
    ask_ip(f, CONFIG_DNSLIST_CLIENT, ip);
    assert_true(dnsl_round_wait(f->round, loop_deadline(MINUTE)));
    return only(f);
}

/* Health */

static enum dnsl_state test_list(struct fixture *f, enum dnsl_part part)
{
    struct bytes why;
    enum dnsl_state state =
        dnsl_health_test(f->health, 0, part, &f->punctual.dns, loop_deadline(DNSL_TEST_TIMEOUT), &why);
    assert_int_equal(why.len == 0, state == DNSL_WORKS);
    return state;
}

static void test_all_parts(struct fixture *f)
{
    load(f, TEST_V4 TEST_V6 TEST_NAMES);
    for (int part = 0; part < DNSL_PARTS; part++)
        assert_int_equal(test_list(f, (enum dnsl_part)part), DNSL_WORKS);
    assert_int_equal(times(f, "switched off"), 0);
}

static void a_list_that_has_its_test_entries_works_rfc5782_5(void **state)
{
    add_list(*state, CONFIG_DNSLIST_CLIENT | CONFIG_DNSLIST_FROM);
    run(state, test_all_parts);
}

static void test_broken(struct fixture *f)
{
    load(f, TEST_V4 "1.0.0.127.l0.example A 127.0.0.2\n"
            TEST_NAMES "invalid.l0.example A 127.0.0.2\n");
    assert_int_equal(test_list(f, DNSL_V4), DNSL_OFF);    /* lists everything */
    assert_int_equal(test_list(f, DNSL_V6), DNSL_OFF);    /* lists nothing */
    assert_int_equal(test_list(f, DNSL_NAMES), DNSL_OFF);
    assert_int_equal(times(f, "switched off"), 3);
    assert_int_equal(times(f, "seems to list everything"), 2);
    assert_int_equal(times(f, "seems to list nothing"), 1);
    assert_int_equal(test_list(f, DNSL_V4), DNSL_OFF);
    assert_int_equal(times(f, "switched off"), 3); /* said once */
}

static void a_list_that_lists_everything_or_nothing_is_switched_off_and_reported_once_rfc5782_5(void **state)
{
    add_list(*state, CONFIG_DNSLIST_CLIENT | CONFIG_DNSLIST_FROM);
    run(state, test_broken);
}

static void mend(struct fixture *f)
{
    assert_int_equal(test_list(f, DNSL_V4), DNSL_OFF);
    load(f, TEST_V4);
    assert_int_equal(test_list(f, DNSL_V4), DNSL_WORKS);
    assert_int_equal(times(f, ") works again"), 1);
}

static void a_list_that_works_again_is_switched_on(void **state)
{
    add_list(*state, CONFIG_DNSLIST_CLIENT);
    run(state, mend);
}

static void test_with_an_error_code(struct fixture *f)
{
    load(f, "2.0.0.127.l0.example A 127.255.255.254\n");
    assert_int_equal(test_list(f, DNSL_V4), DNSL_OFF);
    assert_int_equal(times(f, "127.255.255.254"), 1);
}

static void a_list_that_answers_its_test_with_an_error_is_switched_off(void **state)
{
    add_list(*state, CONFIG_DNSLIST_CLIENT);
    run(state, test_with_an_error_code);
}

static void test_without_dns(struct fixture *f)
{
    load(f, "2.0.0.127.l0.example FAIL\n");
    assert_int_equal(test_list(f, DNSL_V4), DNSL_UNTESTED);
    assert_int_equal(times(f, "switched off"), 0);
}

static void a_test_that_dns_did_not_answer_proves_nothing(void **state)
{
    add_list(*state, CONFIG_DNSLIST_CLIENT);
    run(state, test_without_dns);
}

static void repeat_tests(void *argument)
{
    struct fixture *f = argument;
    dnsl_health_run(f->health, &f->punctual.dns);
}

static enum dnsl_state state_of(const struct fixture *f)
{
    return dnsl_health_state(f->health, 0, DNSL_V4, NULL);
}

static void let_tests_repeat(struct fixture *f)
{
    struct fiber_group group;
    fiber_group_open(&group);
    assert_true(fiber_group_start(&group, "tests", repeat_tests, f));
    fiber_sleep(SECOND);
    assert_int_equal(state_of(f), DNSL_OFF);
    load(f, TEST_V4);
    fiber_sleep(4 * MINUTE);
    assert_int_equal(state_of(f), DNSL_OFF);
    fiber_sleep(2 * MINUTE); /* soon after a failure */
    assert_int_equal(state_of(f), DNSL_WORKS);
    load(f, "1.0.0.127.l0.example A 127.0.0.2\n");
    fiber_sleep(50 * MINUTE);
    assert_int_equal(state_of(f), DNSL_WORKS);
    fiber_sleep(15 * MINUTE); /* hourly */
    assert_int_equal(state_of(f), DNSL_OFF);
    fiber_group_close(&group);
}

static void tests_are_repeated_hourly_and_soon_after_a_failure(void **state)
{
    add_list(*state, CONFIG_DNSLIST_CLIENT)->ipv6 = false;
    run(state, let_tests_repeat);
}

/* Rounds */

static void ask_about_the_listed(struct fixture *f)
{
    load(f, TEST_V4 "7.2.0.192.l0.example A 127.0.0.4\n7.2.0.192.l0.example TXT \"spam\"\n");
    const struct dnsl_question *question = ask_one(f, "192.0.2.7");
    assert_true(question->done);
    assert_int_equal(question->result.status, DNSL_LISTED);
    assert_true(bytes_is(question->result.text, "spam"));
    assert_int_equal(ask_one(f, "192.0.2.8")->result.status, DNSL_NOT_LISTED);
}

static void a_list_is_tested_when_it_is_first_needed(void **state)
{
    add_list(*state, CONFIG_DNSLIST_CLIENT);
    run(state, ask_about_the_listed);
}

static void ask_a_broken_list(struct fixture *f)
{
    load(f, TEST_V4 "1.0.0.127.l0.example A 127.0.0.2\n7.2.0.192.l0.example A 127.0.0.4\n");
    assert_int_equal(ask_one(f, "192.0.2.7")->result.status, DNSL_ERROR);
    size_t before = zone_question_count(f->zone);
    assert_int_equal(ask_one(f, "192.0.2.7")->result.status, DNSL_ERROR);
    assert_int_equal(zone_question_count(f->zone), before); /* and is not asked any more */
}

static void what_a_list_says_that_lists_everything_does_not_count_rfc5782_5(void **state)
{
    add_list(*state, CONFIG_DNSLIST_CLIENT);
    run(state, ask_a_broken_list);
}

static void ask_an_untested_list(struct fixture *f)
{
    load(f, "2.0.0.127.l0.example FAIL\n7.2.0.192.l0.example A 127.0.0.4\n");
    const struct dnsl_question *question = ask_one(f, "192.0.2.7");
    assert_int_equal(question->result.status, DNSL_FAILED);
    assert_int_equal(question->result.code_count, 0);
}

static void a_list_that_could_not_be_tested_does_not_count(void **state)
{
    add_list(*state, CONFIG_DNSLIST_CLIENT);
    run(state, ask_an_untested_list);
}

static void a_list_that_is_not_to_be_tested_counts_at_once(void **state)
{
    add_list(*state, CONFIG_DNSLIST_CLIENT)->test = false;
    run(state, ask_about_the_listed);
}

static void ask_in_parallel(struct fixture *f)
{
    load(f, TEST_V4 "7.2.0.192.l0.example A 127.0.0.4\n7.2.0.192.l1.example DELAY 3s\n"
            "7.2.0.192.l1.example A 127.0.0.2\n7.2.0.192.l2.example DELAY 9s\n7.2.0.192.l2.example A 127.0.0.2\n");
    int64_t started = loop_now();
    begin(f);
    ask_ip(f, CONFIG_DNSLIST_CLIENT, "192.0.2.7");
    assert_true(dnsl_round_wait_early(f->round, CONFIG_DNSLIST_CLIENT, loop_deadline(MINUTE)));
    assert_true(loop_now() - started < SECOND);
    assert_true(f->round->first->done);
    dnsl_round_wait(f->round, f->round->deadline + SECOND);
    assert_true(loop_now() - started <= 6 * SECOND);
    const struct dnsl_question *second = f->round->first->next, *third = second->next;
    assert_int_equal(second->result.status, DNSL_LISTED);
    assert_int_equal(third->result.status, DNSL_FAILED);
}

static void lists_are_asked_at_once_and_early_ones_are_not_waited_for_longer_than_they_need(void **state)
{
    struct fixture *f = *state;
    add_list(f, CONFIG_DNSLIST_CLIENT)->early = 1;
    add_list(f, CONFIG_DNSLIST_CLIENT)->test = false;
    add_list(f, CONFIG_DNSLIST_CLIENT)->test = false;
    run(state, ask_in_parallel);
}

static void ask_the_dead(struct fixture *f)
{
    char ip[32];
    for (int i = 1; i <= DNSL_DEAD_AFTER; i++) {
        snprintf(ip, sizeof(ip), "%d.2.0.192.l0.example", i);
        zone_add_failure(f->zone, bytes_of(ip), DNS_A);
        snprintf(ip, sizeof(ip), "192.0.2.%d", i);
        assert_int_equal(ask_one(f, ip)->result.status, DNSL_FAILED);
    }
    assert_int_equal(times(f, "does not answer"), 1);
    size_t before = zone_question_count(f->zone);
    assert_int_equal(ask_one(f, "192.0.2.77")->result.status, DNSL_FAILED);
    assert_int_equal(zone_question_count(f->zone), before);
    fiber_sleep(DNSL_PAUSE + SECOND); /* then one message tries it */
    assert_int_equal(ask_one(f, "192.0.2.1")->result.status, DNSL_FAILED);
    assert_true(zone_question_count(f->zone) > before);
    before = zone_question_count(f->zone);
    fiber_sleep(DNSL_PAUSE + SECOND); /* the next pause is longer */
    assert_int_equal(ask_one(f, "192.0.2.77")->result.status, DNSL_FAILED);
    assert_int_equal(zone_question_count(f->zone), before);
    fiber_sleep(DNSL_PAUSE);
    assert_int_equal(ask_one(f, "192.0.2.77")->result.status, DNSL_NOT_LISTED);
    assert_int_equal(times(f, "answers again"), 1);
    assert_int_equal(ask_one(f, "192.0.2.78")->result.status, DNSL_NOT_LISTED);
}

static void mail_does_not_wait_for_a_list_that_has_not_answered_five_messages(void **state)
{
    add_list(*state, CONFIG_DNSLIST_CLIENT);
    run(state, ask_the_dead);
}

static void fail_often_in_one_message(struct fixture *f)
{
    char name[40];
    begin(f);
    for (int i = 1; i <= 3 * DNSL_DEAD_AFTER; i++) {
        snprintf(name, sizeof(name), "n%d.example.l0.example", i);
        zone_add_failure(f->zone, bytes_of(name), DNS_A);
        snprintf(name, sizeof(name), "n%d.example", i);
        dnsl_round_add_name(f->round, CONFIG_DNSLIST_URL, bytes_of(name));
    }
    assert_true(dnsl_round_wait(f->round, loop_deadline(MINUTE)));
    assert_int_equal(f->round->count, 3 * DNSL_DEAD_AFTER);
    begin(f);
    dnsl_round_add_name(f->round, CONFIG_DNSLIST_URL, BYTES("fine.example"));
    assert_true(dnsl_round_wait(f->round, loop_deadline(MINUTE)));
    assert_int_equal(only(f)->result.status, DNSL_NOT_LISTED);
}

static void one_message_with_odd_names_does_not_silence_a_list(void **state)
{
    add_list(*state, CONFIG_DNSLIST_URL);
    run(state, fail_often_in_one_message);
}

static void ask_what_each_list_wants(struct fixture *f)
{
    begin(f);
    ask_ip(f, CONFIG_DNSLIST_CLIENT, "2001:db8::1");
    ask_ip(f, CONFIG_DNSLIST_CLIENT, "127.0.0.1");
    ask_ip(f, CONFIG_DNSLIST_CLIENT, "10.0.0.1");
    dnsl_round_add_name(f->round, CONFIG_DNSLIST_FROM, BYTES("A.B.Example.ORG."));
    dnsl_round_add_name(f->round, CONFIG_DNSLIST_FROM, BYTES("c.example.org"));
    dnsl_round_add_name(f->round, CONFIG_DNSLIST_FROM, BYTES("localhost"));
    dnsl_round_add_name(f->round, CONFIG_DNSLIST_SENDER, BYTES("example.org"));
    assert_true(dnsl_round_wait(f->round, loop_deadline(MINUTE)));
    struct {
        size_t list;
        const char *name;
    } expected[] = {
        {0, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.l0.example"},
        {2, "example.org.l2.example"},
        {3, "example.org.l3.example"},
        {3, "a.b.example.org.l3.example"},
        {3, "c.example.org.l3.example"},
    };
    const struct dnsl_question *question = f->round->first;
    for (size_t i = 0; i < countof(expected); i++, question = question->next) {
        assert_non_null(question);
        assert_int_equal(question->list, expected[i].list);
        if (!bytes_is(question->result.name, expected[i].name))
            fail_msg(BYTES_FMT, BYTES_ARG(question->result.name));
    }
    assert_null(question);
}

static void lists_are_asked_only_what_they_are_for(void **state)
{
    struct fixture *f = *state;
    add_list(f, CONFIG_DNSLIST_CLIENT);
    add_list(f, CONFIG_DNSLIST_CLIENT)->ipv6 = false;
    add_list(f, CONFIG_DNSLIST_FROM);
    add_list(f, CONFIG_DNSLIST_FROM)->registrable = false;
    run(state, ask_what_each_list_wants);
}

static void resolve_hosts(struct fixture *f)
{
    load(f, TEST_V4 TEST_V6 "www.spam.example A 192.0.2.7\nwww.spam.example A 10.0.0.1\n"
            "www.spam.example AAAA 2001:db8::7\nwww.more.example A 192.0.2.7\n"
            "7.2.0.192.l0.example A 127.0.0.4\n");
    begin(f);
    dnsl_round_add_host(f->round, BYTES("www.spam.example"));
    dnsl_round_add_host(f->round, BYTES("www.more.example"));
    dnsl_round_add_host(f->round, BYTES("www.spam.example"));
    assert_true(dnsl_round_wait(f->round, loop_deadline(MINUTE)));
    assert_int_equal(f->round->count, 2);
    assert_int_equal(f->round->first->result.status, DNSL_LISTED);
    assert_true(bytes_is(f->round->first->host, "www.spam.example"));
    assert_int_equal(f->round->first->next->subject.ip.family, 6);
}

static void addresses_of_hosts_are_asked_about(void **state)
{
    add_list(*state, CONFIG_DNSLIST_URL_ADDRESS);
    run(state, resolve_hosts);
}

static void ask_too_much(struct fixture *f)
{
    char name[40];
    begin(f);
    for (int i = 0; i < 2 * DNSL_QUESTIONS_MAX; i++) {
        snprintf(name, sizeof(name), "n%d.example", i);
        dnsl_round_add_name(f->round, CONFIG_DNSLIST_URL, bytes_of(name));
    }
    assert_true(dnsl_round_wait(f->round, loop_deadline(HOUR)));
    assert_int_equal(f->round->count, DNSL_QUESTIONS_MAX);
    assert_int_equal(f->round->left_out, DNSL_QUESTIONS_MAX);
}

static void a_message_can_ask_only_so_much(void **state)
{
    add_list(*state, CONFIG_DNSLIST_URL);
    run(state, ask_too_much);
}

static void end_early(struct fixture *f)
{
    load(f, "7.2.0.192.l0.example DELAY 3s\n7.2.0.192.l0.example A 127.0.0.2\n");
    begin(f);
    ask_ip(f, CONFIG_DNSLIST_CLIENT, "192.0.2.7");
    fiber_sleep(SECOND);
    int64_t now = loop_now();
    dnsl_round_end(f->round);
    assert_int_equal(loop_now(), now);
    dnsl_round_end(f->round);
    dnsl_round_end(NULL);
    assert_int_equal(state_of(f), DNSL_UNTESTED);
}

static void a_round_can_end_at_any_time(void **state)
{
    add_list(*state, CONFIG_DNSLIST_CLIENT);
    run(state, end_early);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_list_that_has_its_test_entries_works_rfc5782_5),
        TEST(a_list_that_lists_everything_or_nothing_is_switched_off_and_reported_once_rfc5782_5),
        TEST(a_list_that_works_again_is_switched_on),
        TEST(a_list_that_answers_its_test_with_an_error_is_switched_off),
        TEST(a_test_that_dns_did_not_answer_proves_nothing),
        TEST(tests_are_repeated_hourly_and_soon_after_a_failure),
        TEST(a_list_is_tested_when_it_is_first_needed),
        TEST(what_a_list_says_that_lists_everything_does_not_count_rfc5782_5),
        TEST(a_list_that_could_not_be_tested_does_not_count),
        TEST(a_list_that_is_not_to_be_tested_counts_at_once),
        TEST(lists_are_asked_at_once_and_early_ones_are_not_waited_for_longer_than_they_need),
        TEST(mail_does_not_wait_for_a_list_that_has_not_answered_five_messages),
        TEST(one_message_with_odd_names_does_not_silence_a_list),
        TEST(lists_are_asked_only_what_they_are_for),
        TEST(addresses_of_hosts_are_asked_about),
        TEST(a_message_can_ask_only_so_much),
        TEST(a_round_can_end_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
