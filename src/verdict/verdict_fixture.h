/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verdict_fixture: a message as tests of judge() need it: evidence built from a few words, a policy, and what came
 * of it. Included by tests only; everything lives in `arena`, which set_up() makes.
 */
#ifndef VOUCH_VERDICT_VERDICT_FIXTURE_H
#define VOUCH_VERDICT_VERDICT_FIXTURE_H

#include "verdict/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define FIXTURE_UNUSED __attribute__((unused))
#define NOW INT64_C(1795000000)
#define DAYS INT64_C(86400)

static struct arena *arena;
static struct evidence evidence;
static struct policy policy;
static struct verdict verdict;
static struct bytes recipients[2];

static int set_up(void **state)
{
    (void)state;
    arena = arena_create(4 << 20);
    recipients[0] = BYTES("alice@here.example");
    recipients[1] = BYTES("bob@here.example");
    evidence = (struct evidence){.id = BYTES("test"),
                                 .mail_from = BYTES("a@sender.example"),
                                 .header_from = BYTES("author@author.example"),
                                 .recipients = recipients,
                                 .recipient_count = 1,
                                 .received_at = NOW};
    assert_true(ip_parse(BYTES("192.0.2.1"), &evidence.client));
    policy = (struct policy){.name = BYTES("default"),
                             .dmarc = JUDGE_DMARC_ON,
                             .reject_bad_from = true,
                             .junk_folder = true,
                             .temporary_attempts = 3,
                             .junk_score = 500,
                             .reject_score = 1500,
                             .skip_filter = true,
                             .virus = ACTION_REJECT,
                             .attachment = ACTION_REJECT,
                             .unscanned_tempfails = true,
                             .phishing = 300,
                             .greylist_delay = 300,
                             .probation = 7 * DAYS,
                             .least = 10};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(arena);
    return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* add(CHECK_X, AUTH_Y, "name", "value", ..., NULL): properties of type "vouch". */
FIXTURE_UNUSED static struct evidence_item *add(enum check check, enum auth_result result, ...)
{
    struct evidence_item *item = evidence_add(arena, &evidence, check, result);
    va_list args;
    assert_non_null(item);
    va_start(args, result);
    for (const char *name = va_arg(args, const char *); name; name = va_arg(args, const char *))
        assert_true(evidence_property(arena, item, "vouch", name, bytes_of(va_arg(args, const char *))));
    va_end(args);
    return item;
}

FIXTURE_UNUSED static void add_dkim(enum auth_result result, const char *domain)
{
    struct evidence_item *item = add(CHECK_DKIM, result, NULL);
    assert_true(evidence_property(arena, item, "header", "d", bytes_of(domain)));
}

FIXTURE_UNUSED static void add_dmarc(enum auth_result result, const char *effective)
{
    struct evidence_item *item = add(CHECK_DMARC, result, "effective", effective, NULL);
    assert_true(evidence_property(arena, item, "header", "from", BYTES("author.example")));
}

FIXTURE_UNUSED static void add_spf(enum auth_result result, const char *domain)
{
    add(CHECK_SPF, result, "domain", domain, NULL);
}

FIXTURE_UNUSED static void add_filter(const char *points)
{
    add(CHECK_FILTER, points[0] == '-' ? AUTH_PASS : AUTH_FAIL, "points", points, NULL);
}

FIXTURE_UNUSED static void add_contact(const char *recipient, const char *answered)
{
    add(CHECK_CONTACT, AUTH_PASS, "recipient", recipient, "answered", answered, NULL);
}

FIXTURE_UNUSED static void judge_it(void)
{
    assert_int_equal(judge(arena, &policy, &evidence, &verdict), OK);
}

FIXTURE_UNUSED static void judged(enum action action, enum trust_class trust)
{
    judge_it();
    assert_string_equal(action_name(verdict.action), action_name(action));
    assert_string_equal(trust_class_name(verdict.trust), trust_class_name(trust));
}

FIXTURE_UNUSED static void replied(enum action action, unsigned code, const char *enhanced)
{
    judge_it();
    assert_string_equal(action_name(verdict.action), action_name(action));
    assert_int_equal(verdict.code, code);
    assert_string_equal(verdict.enhanced, enhanced);
}

/* The points under a name; 0 if there are none. */
FIXTURE_UNUSED static int points_for(const char *name)
{
    int sum = 0;
    judge_it();
    for (size_t i = 0; i < verdict.contribution_count; i++)
        if (bytes_is(verdict.contributions[i].name, name))
            sum += verdict.contributions[i].points;
    return sum;
}

/* Forgets all evidence but the envelope. */
FIXTURE_UNUSED static void start_over(void)
{
    evidence.item_count = 0;
}

FIXTURE_UNUSED static bool text_says(struct bytes text, const char *words)
{
    return bytes_find(text, bytes_of(words)) != BYTES_NOT_FOUND;
}

#endif
