/* SPDX-License-Identifier: BSD-2-Clause */
#include "reputation/history.h"
#include "reputation/trap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DAYS INT64_C(86400)
/* The middle of a stretch, and of no day in particular. */
#define START INT64_C(1795297381)

static const struct history_rules rules = {.half_life = 60 * DAYS, .silence = 180 * DAYS};
static const struct history_identity example = {.kind = HISTORY_DKIM, .name = BYTES_INIT("example.org")};

static char folder[64];
static struct counters *counters;
static struct arena *arena;

static int set_up(void **state)
{
    struct error error;
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/vouch-history-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(counters_open(folder, 64 << 20, &counters, &error), OK);
    arena = arena_create(64 << 20);
    return 0;
}

static int tear_down(void **state)
{
    char path[128];
    (void)state;
    counters_close(counters);
    arena_destroy(arena);
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    for (size_t i = 0; i < countof(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
    return 0;
}

static struct history read_at(int64_t now, const struct history_nameservers *servers)
{
    struct batch batch = batch_in(arena);
    struct history history;
    size_t index = history_ask(&batch, &rules, &example, now);
    assert_int_equal(batch_run(&batch, counters, now, NULL), OK);
    history_read(&batch, index, &rules, &example, servers, now, &history);
    return history;
}

static void count_messages(int64_t now, enum history_count what, unsigned times,
                           const struct history_nameservers *servers)
{
    for (unsigned i = 0; i < times; i++) {
        struct batch batch = batch_in(arena);
        struct history before = read_at(now, servers);
        uint64_t amounts[HISTORY_COUNTS] = {[HISTORY_MESSAGES] = HISTORY_ONE};
        if (what != HISTORY_MESSAGES)
            amounts[what] = HISTORY_ONE;
        history_write(&batch, &rules, &example, servers, &before, amounts, now);
        assert_int_equal(batch_run(&batch, counters, now, NULL), OK);
    }
}

static uint64_t report(int64_t now, const char *reporter, const char *id, bool junk)
{
    struct batch asked = batch_in(arena), out = batch_in(arena);
    struct history_report given = {
        .identity = example, .reporter = bytes_of(reporter), .message = bytes_of(id), .junk = junk};
    size_t index = history_report_ask(&asked, &rules, &given, now);
    assert_int_equal(batch_run(&asked, counters, now, NULL), OK);
    uint64_t weight = history_report_write(&asked, index, &out, &rules, &given, now);
    assert_int_equal(batch_run(&out, counters, now, NULL), OK);
    return weight;
}

static void know(int64_t now, const char *reporter)
{
    struct batch batch = batch_in(arena);
    history_reporter_seen(&batch, bytes_of(reporter), now);
    assert_int_equal(batch_run(&batch, counters, now, NULL), OK);
}

static void a_number_is_halved_by_each_half_life(void **state)
{
    (void)state;
    /* 1000 hams, at START; by then so many hundredths are left. Powers of two, worked out by hand. */
    static const struct { int64_t days; uint64_t hundredths, tolerance; } cases[] = {
        {0, 100000, 0}, {30, 70711, 150}, {60, 50000, 150}, {120, 25000, 80}, {180, 12500, 40},
    };
    count_messages(START, HISTORY_HAM, 1, NULL);
    struct batch batch = batch_in(arena);
    batch_add(&batch, history_counter_key(arena, &rules, &example, HISTORY_HAM, history_stretch(&rules, START)),
              history_scaled(&rules, 999 * HISTORY_ONE, START), START + 400 * DAYS);
    assert_int_equal(batch_run(&batch, counters, START, NULL), OK);
    for (size_t i = 0; i < countof(cases); i++) {
        struct history history = read_at(START + cases[i].days * DAYS, NULL);
        assert_in_range(history.counts[HISTORY_HAM], cases[i].hundredths - cases[i].tolerance,
                        cases[i].hundredths + cases[i].tolerance);
    }
}

static void a_number_fades_alike_over_the_border_of_a_stretch(void **state)
{
    (void)state;
    int64_t border = (history_stretch(&rules, START) + 1) * HISTORY_STRETCH * rules.half_life;
    count_messages(border - DAYS, HISTORY_SPAM, 8, NULL);
    uint64_t before = read_at(border - 1, NULL).counts[HISTORY_SPAM];
    uint64_t after = read_at(border + 1, NULL).counts[HISTORY_SPAM];
    assert_in_range(before, after, after + 3);
    count_messages(border + 1, HISTORY_SPAM, 2, NULL);
    assert_in_range(read_at(border + 1, NULL).counts[HISTORY_SPAM], after + 199, after + 201);
    assert_in_range(read_at(border + 1 + 60 * DAYS, NULL).counts[HISTORY_SPAM], (after + 200) / 2 - 5,
                    (after + 200) / 2 + 5);
}

static void a_first_message_sets_first_and_last(void **state)
{
    (void)state;
    struct history history = read_at(START, NULL);
    assert_int_equal(history.first, 0);
    assert_int_equal(history.last, 0);
    assert_false(history.reset);
    count_messages(START, HISTORY_MESSAGES, 1, NULL);
    count_messages(START + DAYS, HISTORY_MESSAGES, 1, NULL);
    history = read_at(START + 2 * DAYS, NULL);
    assert_int_equal(history.first, START);
    assert_int_equal(history.last, START + DAYS);
}

static void who_came_once_only_is_forgotten_after_sixty_days(void **state)
{
    (void)state;
    count_messages(START, HISTORY_MESSAGES, 1, NULL);
    assert_int_equal(read_at(START + 59 * DAYS, NULL).first, START);
    struct history history = read_at(START + 61 * DAYS, NULL);
    assert_int_equal(history.first, 0);
    assert_int_equal(history.counts[HISTORY_MESSAGES], 0);
}

static void an_identity_begins_anew_after_silence(void **state)
{
    (void)state;
    count_messages(START, HISTORY_SPAM, 5, NULL);
    struct history history = read_at(START + 179 * DAYS, NULL);
    assert_int_equal(history.first, START);
    assert_false(history.reset);
    history = read_at(START + 181 * DAYS, NULL);
    assert_true(history.reset);
    assert_int_equal(history.first, 0);
    assert_int_equal(history.counts[HISTORY_SPAM], 0);
    count_messages(START + 181 * DAYS, HISTORY_HAM, 1, NULL);
    history = read_at(START + 182 * DAYS, NULL);
    assert_true(history.reset);
    assert_int_equal(history.first, START + 181 * DAYS);
    assert_int_equal(history.counts[HISTORY_SPAM], 0);
    assert_in_range(history.counts[HISTORY_HAM], 98, 100);
}

static struct history_nameservers servers_of(const char *a, const char *b)
{
    struct history_nameservers servers = {.domain = BYTES("example.org")};
    history_add_nameserver(&servers, bytes_of(a));
    if (b)
        history_add_nameserver(&servers, bytes_of(b));
    return servers;
}

static void an_identity_begins_anew_when_all_name_servers_changed(void **state)
{
    (void)state;
    struct history_nameservers first = servers_of("ns1.a.example", "ns2.a.example");
    struct history_nameservers moved = servers_of("NS2.A.example.", "ns1.b.example");
    struct history_nameservers sold = servers_of("ns.park.example", "ns2.park.example");
    count_messages(START, HISTORY_HAM, 3, &first);
    struct history history = read_at(START + DAYS, &moved);
    assert_false(history.reset);
    assert_in_range(history.counts[HISTORY_HAM], 290, 300);
    /* A step at a time it may move as far as it likes. */
    count_messages(START + DAYS, HISTORY_HAM, 1, &moved);
    assert_false(read_at(START + 2 * DAYS, &moved).reset);
    history = read_at(START + 2 * DAYS, &sold);
    assert_true(history.reset && history.resets);
    assert_int_equal(history.counts[HISTORY_HAM], 0);
    count_messages(START + 2 * DAYS, HISTORY_HAM, 1, &sold);
    history = read_at(START + 3 * DAYS, &sold);
    assert_true(history.reset);
    assert_false(history.resets);
    assert_int_equal(history.first, START + 2 * DAYS);
    assert_in_range(history.counts[HISTORY_HAM], 95, 100);
}

static void name_servers_of_another_domain_or_none_say_nothing(void **state)
{
    (void)state;
    struct history_nameservers first = servers_of("ns1.a.example", NULL), other = servers_of("x.example", NULL);
    struct history_nameservers none = {.domain = BYTES("example.org")};
    count_messages(START, HISTORY_HAM, 1, &first);
    other.domain = BYTES("elsewhere.example");
    assert_false(read_at(START, &other).reset);
    assert_false(read_at(START, &none).reset);
    assert_false(read_at(START, NULL).reset);
}

static void own_verdicts_together_weigh_no_more_than_their_bound(void **state)
{
    (void)state;
    static const struct { uint64_t ham, spam, weighs_ham, weighs_spam; } cases[] = {
        {0, 0, 0, 0}, {500, 100, 500, 100}, {2000, 0, 2000, 0}, {2001, 0, 2000, 0},
        {100000, 100000, 1000, 1000}, {75000000, 25000000, 1500, 500}, {0, 900000, 0, 2000},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        struct history history = {.counts = {[HISTORY_HAM] = cases[i].ham, [HISTORY_SPAM] = cases[i].spam}};
        uint64_t ham, spam;
        history_verdicts(&history, &ham, &spam);
        assert_int_equal(ham, cases[i].weighs_ham);
        assert_int_equal(spam, cases[i].weighs_spam);
    }
}

static void a_reporters_weight_grows_with_age_and_agreement_within_bounds(void **state)
{
    (void)state;
    static const struct { int64_t days; uint64_t agreed, disagreed, weight; } cases[] = {
        {0, 0, 0, 50}, {-5, 0, 0, 50}, {15, 0, 0, 75}, {30, 0, 0, 100}, {3000, 0, 0, 100},
        {30, 10, 0, 150}, {30, 20, 0, 200}, {30, 1000000, 0, 200}, {30, 0, 5, 50}, {30, 0, 1000000, 10},
        {0, 0, 20, 10}, {30, 20, 20, 10},
    };
    for (size_t i = 0; i < countof(cases); i++)
        assert_int_equal(history_reporter_weight(cases[i].days * DAYS, cases[i].agreed, cases[i].disagreed),
                         cases[i].weight);
}

static void one_reporter_cannot_move_an_identity(void **state)
{
    (void)state;
    char id[16];
    know(START - 400 * DAYS, "anna@here.example");
    for (int i = 0; i < 500; i++) {
        snprintf(id, sizeof(id), "m%d", i);
        report(START + i * DAYS, "anna@here.example", id, true);
        struct history history = read_at(START + i * DAYS, NULL);
        assert_in_range(history_reports(&history, HISTORY_JUNK), 1, HISTORY_ALONE_MOST);
        /* What he says alone is bounded even where others join him later. */
        assert_in_range(history.counts[HISTORY_JUNK], 1, 2 * HISTORY_REPORTER_MOST + 5);
    }
}

static void several_reporters_together_move_it(void **state)
{
    (void)state;
    static const char *const reporters[] = {"anna@here.example", "bert@here.example", "cleo@here.example"};
    for (size_t i = 0; i < countof(reporters); i++) {
        know(START - 40 * DAYS, reporters[i]);
        assert_int_equal(report(START, reporters[i], "one", true), 100);
    }
    struct history history = read_at(START, NULL);
    assert_int_equal(history_reports(&history, HISTORY_JUNK), 300);
    assert_int_equal(history.counts[HISTORY_JUNK_REPORTERS], 300);
    assert_int_equal(history_reports(&history, HISTORY_NOTJUNK), 0);
}

static void a_message_counts_once_and_can_be_taken_back(void **state)
{
    (void)state;
    assert_int_equal(report(START, "anna@here.example", "one", true), 50);
    assert_int_equal(report(START + 1, "anna@here.example", "one", true), 0);
    struct history history = read_at(START + 2, NULL);
    assert_int_equal(history.counts[HISTORY_JUNK], 50);
    assert_int_equal(report(START + 3, "anna@here.example", "one", false), 50);
    history = read_at(START + 4, NULL);
    assert_int_equal(history.counts[HISTORY_JUNK], 0);
    assert_int_equal(history.counts[HISTORY_JUNK_REPORTERS], 0);
    assert_int_equal(history.counts[HISTORY_NOTJUNK], 50);
    assert_int_equal(history.counts[HISTORY_NOTJUNK_REPORTERS], 100);
}

static void who_says_what_others_say_weighs_more(void **state)
{
    (void)state;
    static const char *const others[] = {"a@here.example", "b@here.example", "c@here.example"};
    know(START - 40 * DAYS, "d@here.example");
    know(START - 40 * DAYS, "e@here.example");
    for (size_t i = 0; i < countof(others); i++)
        report(START, others[i], "x", true);
    assert_int_equal(report(START, "d@here.example", "y", true), 100);
    assert_int_equal(report(START, "e@here.example", "y", false), 100);
    assert_int_equal(report(START, "d@here.example", "z", true), 100);
    /* By then others are of two minds (1.5 against 1), so the third report was compared with nothing. */
    struct history_identity other = {.kind = HISTORY_SPF, .name = BYTES("other.example")};
    struct history_report given = {.identity = other, .message = BYTES("w"), .junk = true};
    static const struct { const char *reporter; uint64_t weight; } cases[] = {
        {"d@here.example", 105}, {"e@here.example", 90}};
    for (size_t i = 0; i < countof(cases); i++) {
        struct batch asked = batch_in(arena), out = batch_in(arena);
        given.reporter = bytes_of(cases[i].reporter);
        size_t index = history_report_ask(&asked, &rules, &given, START);
        assert_int_equal(batch_run(&asked, counters, START, NULL), OK);
        assert_int_equal(history_report_write(&asked, index, &out, &rules, &given, START), cases[i].weight);
    }
}

static void a_complainer_is_capped(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct batch asked = batch_in(arena), out = batch_in(arena);
        size_t index = history_complaint_ask(&asked, &example, BYTES("isp.example"));
        assert_int_equal(batch_run(&asked, counters, START, NULL), OK);
        history_complaint_write(&asked, index, &out, &rules, &example, BYTES("isp.example"), START);
        assert_int_equal(batch_run(&out, counters, START, NULL), OK);
    }
    assert_int_equal(read_at(START, NULL).counts[HISTORY_COMPLAINTS], HISTORY_COMPLAINER_MOST);
}

static void forgetting_leaves_nothing(void **state)
{
    (void)state;
    struct history_nameservers servers = servers_of("ns1.a.example", NULL);
    struct batch batch = batch_in(arena);
    count_messages(START, HISTORY_SPAM, 3, &servers);
    report(START, "anna@here.example", "one", true);
    history_forget(&batch, &rules, &example, START);
    assert_int_equal(batch_run(&batch, counters, START, NULL), OK);
    struct history history = read_at(START, NULL), nothing = {0};
    assert_memory_equal(&history, &nothing, sizeof(history));
}

static void a_trap_lists_for_seven_days_but_not_who_sends_much_besides(void **state)
{
    (void)state;
    static const struct { int64_t later; uint64_t messages; bool listed; } cases[] = {
        {0, 0, true}, {6 * DAYS, 100, true}, {8 * DAYS, 0, false}, {0, 5000, true}, {0, 5001, false}};
    struct batch batch = batch_in(arena);
    trap_write(&batch, &example, START);
    assert_int_equal(batch_run(&batch, counters, START, NULL), OK);
    for (size_t i = 0; i < countof(cases); i++) {
        struct batch asked = batch_in(arena);
        struct history history = {.counts = {[HISTORY_MESSAGES] = cases[i].messages}};
        size_t index = trap_ask(&asked, &example);
        assert_int_equal(batch_run(&asked, counters, START + cases[i].later, NULL), OK);
        assert_int_equal(trap_read(&asked, index, &history), cases[i].listed);
    }
}

static void keys_that_are_too_long_stay_apart_and_keep_their_beginning(void **state)
{
    (void)state;
    uint8_t text[700];
    memset(text, 'a', sizeof(text));
    struct bytes parts[] = {BYTES("contact:"), bytes_from(text, sizeof(text))};
    struct bytes one = batch_key(arena, parts, 2);
    text[699] = 'b';
    struct bytes other = batch_key(arena, parts, 2);
    assert_int_equal(one.len, COUNTER_KEY_MAX);
    assert_int_equal(other.len, COUNTER_KEY_MAX);
    assert_false(bytes_equal(one, other));
    assert_true(bytes_starts_with(one, BYTES("contact:aaaa")));
}

static void networks_are_named_by_their_prefix(void **state)
{
    (void)state;
    static const struct { const char *client, *name; } cases[] = {
        {"192.0.2.77", "192.0.2.0/24"}, {"2001:db8:1:2::3", "2001:db8:1::/48"}};
    struct ip ip;
    for (size_t i = 0; i < countof(cases); i++) {
        assert_true(ip_parse(bytes_of(cases[i].client), &ip));
        assert_true(bytes_is(history_network(arena, &ip, HISTORY_NETWORK_V4, HISTORY_NETWORK_V6), cases[i].name));
    }
    ip = (struct ip){0};
    assert_int_equal(history_network(arena, &ip, 24, 48).len, 0);
}

static void numbers_are_written_without_idle_digits(void **state)
{
    (void)state;
    static const struct { uint64_t number; const char *text; } cases[] = {
        {0, "0"}, {5, "0.05"}, {50, "0.5"}, {100, "1"}, {1234, "12.34"}, {1230, "12.3"}};
    for (size_t i = 0; i < countof(cases); i++)
        assert_true(bytes_is(history_number(arena, cases[i].number), cases[i].text));
}

#define with_counters(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_counters(a_number_is_halved_by_each_half_life),
        with_counters(a_number_fades_alike_over_the_border_of_a_stretch),
        with_counters(a_first_message_sets_first_and_last),
        with_counters(who_came_once_only_is_forgotten_after_sixty_days),
        with_counters(an_identity_begins_anew_after_silence),
        with_counters(an_identity_begins_anew_when_all_name_servers_changed),
        with_counters(name_servers_of_another_domain_or_none_say_nothing),
        cmocka_unit_test(own_verdicts_together_weigh_no_more_than_their_bound),
        cmocka_unit_test(a_reporters_weight_grows_with_age_and_agreement_within_bounds),
        with_counters(one_reporter_cannot_move_an_identity),
        with_counters(several_reporters_together_move_it),
        with_counters(a_message_counts_once_and_can_be_taken_back),
        with_counters(who_says_what_others_say_weighs_more),
        with_counters(a_complainer_is_capped),
        with_counters(forgetting_leaves_nothing),
        with_counters(a_trap_lists_for_seven_days_but_not_who_sends_much_besides),
        with_counters(keys_that_are_too_long_stay_apart_and_keep_their_beginning),
        with_counters(networks_are_named_by_their_prefix),
        with_counters(numbers_are_written_without_idle_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
