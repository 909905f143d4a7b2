/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/counterfactual.h"

#include "verdict/calibration.h"
#include "verdict/explain.h"
#include "verdict/verdict_fixture.h"

#include <math.h>

enum { MOST = 8 };
static struct counterfactual found[MOST];
static size_t count;

/* Each change that is told, fed to judge(), changes the action, as it says. */
static void find(void)
{
    struct verdict again;
    judge_it();
    assert_int_equal(counterfactual_find(arena, &policy, &evidence, &verdict, found, MOST, &count), OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(judge(arena, &policy, &found[i].evidence, &again), OK);
        assert_true(again.action != verdict.action);
        assert_int_equal(again.action, found[i].action);
        assert_int_equal(again.score, found[i].score);
        assert_true(i == 0 || found[i - 1].cost <= found[i].cost);
        assert_true(bytes_ends_with(found[i].text, BYTES(".")));
    }
}

static bool is_told(const char *words)
{
    for (size_t i = 0; i < count; i++)
        if (text_says(found[i].text, words))
            return true;
    return false;
}

static void the_smallest_is_the_filters_where_it_was_close(void **state)
{
    (void)state;
    add_filter("5.2");
    find();
    assert_true(bytes_is(found[0].text,
                         "With 0.21 points less from the content filter, it would have been accepted."));
    start_over();
    add_filter("4.9");
    find();
    assert_true(bytes_is(found[0].text,
                         "With 0.1 points more from the content filter, it would have been filed as junk."));
}

static void without_a_filter_it_says_what_the_filter_would_have_had_to_give(void **state)
{
    (void)state;
    add_spf(AUTH_SOFTFAIL, "x.example");
    find();
    assert_true(is_told("Had the content filter given it 4 points, it would have been filed as junk."));
    add(CHECK_FILTER, AUTH_NONE, NULL); /* it has learned too little */
    find();
    assert_true(is_told("Had the content filter given it 4 points, it would have been filed as junk."));
}

static void a_list_that_turned_the_scale_is_named_with_all_of_its_answers(void **state)
{
    (void)state;
    struct policy_list list = {.name = BYTES("zen"), .points = 300};
    policy.lists = &list;
    policy.list_count = 1;
    add_filter("11");
    add(CHECK_DNSBL, AUTH_FAIL, "list", "zen", "use", "client", "subject", "192.0.2.1", "code", "127.0.0.2", NULL);
    add(CHECK_DNSBL, AUTH_FAIL, "list", "zen", "use", "client", "subject", "192.0.2.1", "code", "127.0.0.4", NULL);
    add(CHECK_RDNS, AUTH_NONE, NULL);
    judged(ACTION_REJECT, TRUST_THIRD);
    find();
    assert_true(is_told("Had 192.0.2.1 not been listed by zen, it would have been filed as junk."));
}

static void a_forgery_names_the_signature_that_was_missing(void **state)
{
    (void)state;
    add_dkim(AUTH_FAIL, "author.example");
    add_spf(AUTH_FAIL, "stranger.example");
    add_dmarc(AUTH_FAIL, "reject");
    judged(ACTION_REJECT, TRUST_FORGED);
    find();
    assert_true(bytes_is(found[0].text, "Had DKIM passed for author.example, it would have been accepted."));
}

static void a_virus_a_size_an_attachment_and_a_rule_are_named(void **state)
{
    (void)state;
    struct bytes unwanted[] = {BYTES("exe")};
    struct policy_rule rule = {.name = BYTES("lottery"), .action = ACTION_REJECT};
    add(CHECK_VIRUS, AUTH_FAIL, "name", "x", NULL);
    find();
    assert_true(is_told("Had there been no virus in it, it would have been accepted."));
    start_over();
    policy.attachments = unwanted;
    policy.attachment_count = 1;
    add(CHECK_ATTACHMENT, AUTH_NEUTRAL, "name", "x.exe", "extension", "exe", NULL);
    find();
    assert_true(is_told("Without its attachments"));
    start_over();
    policy.rules = &rule;
    policy.rule_count = 1;
    add(CHECK_RULE, AUTH_FAIL, "rule", "lottery", NULL);
    find();
    assert_true(is_told("Had the rule lottery not matched"));
    start_over();
    policy.message_size = 1000;
    evidence.size = 2000;
    find();
    assert_true(text_says(found[0].text, "Had it been no larger than 1000 octets"));
}

static void who_was_put_off_hears_of_patience(void **state)
{
    (void)state;
    policy.greylist = JUDGE_GREYLIST_ON;
    add(CHECK_GREYLIST, AUTH_NEUTRAL, "state", "new", NULL);
    find();
    assert_true(bytes_is(found[0].text, "Had it been tried again after 300 seconds, it would have been accepted."));
    start_over();
    add_dmarc(AUTH_TEMPERROR, "none");
    find();
    assert_true(is_told("Had it been put off 3 times already, it would have been accepted."));
    assert_true(is_told("Had DNS answered well, it would have been accepted."));
}

static void default_reject_names_what_was_missing(void **state)
{
    (void)state;
    policy.default_reject = true;
    find();
    assert_true(is_told("Had it been signed by author.example (DKIM), and had the recipient written to the author"));
    add_dkim(AUTH_PASS, "author.example");
    find();
    assert_true(text_says(found[0].text, "Had the recipient written to the author before, it would have been acc"));
    assert_true(is_told("Had author.example sent 100 messages before that were good, it would have been accepted."));
}

static void what_is_milder_comes_first(void **state)
{
    (void)state;
    add_filter("11.9");
    add_spf(AUTH_FAIL, "x.example");
    policy.reject_score = 1345;
    judged(ACTION_JUNK, TRUST_THIRD);
    find();
    assert_true(count >= 2);
    for (size_t i = 0; i < count; i++)
        if (found[i].action == ACTION_REJECT)
            for (size_t k = i; k < count; k++)
                assert_true(found[k].action != ACTION_ACCEPT);
    assert_int_equal(found[0].action, ACTION_ACCEPT);
}

static void the_original_stays_as_it_was(void **state)
{
    (void)state;
    struct buf before, after;
    add_filter("6");
    add_dmarc(AUTH_FAIL, "none");
    add(CHECK_HISTORY, AUTH_NEUTRAL, "kind", "dkim", "identity", "author.example", "aligned", "yes", NULL);
    buf_init(&before, 1 << 20);
    buf_init(&after, 1 << 20);
    struct json json = json_into(&before);
    evidence_write(&json, &evidence);
    find();
    json = json_into(&after);
    evidence_write(&json, &evidence);
    assert_true(bytes_equal(buf_bytes(&before), buf_bytes(&after)));
    buf_free(&before);
    buf_free(&after);
}

static void exhausted_memory_is_an_error(void **state)
{
    (void)state;
    add_filter("6");
    judge_it();
    struct arena *small = arena_create(64);
    assert_int_equal(counterfactual_find(small, &policy, &evidence, &verdict, found, MOST, &count), TEMP);
    arena_destroy(small);
}

/* Evidence by chance, from a fixed seed: whatever is told must be true, and whoever was not accepted hears of
 * something. */
static uint64_t chance;

static unsigned pick(unsigned most)
{
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(chance >> 33) % most;
}

static const char *one_of(const char *const *words, unsigned words_count)
{
    return words[pick(words_count)];
}

static void add_by_chance(void)
{
    static const char *const uses[] = {"client", "name", "helo", "sender", "from", "dkim", "url"};
    static const char *const names[] = {"author.example", "stranger.example", "192.0.2.1"};
    static const char *const numbers[] = {"0", "1", "3.5", "12", "100", "-4", "7.77", "1e3"};
    static const char *const words[] = {"yes", "no", "new", "waiting", "passed", "network", "dkim", "homograph"};
    static const char *const effective[] = {"none", "quarantine", "reject"};
    static const char *const lists[] = {"zen", "wl", "rule", "unheard-of"};
    static const char *const whom[] = {"alice@here.example", "bob@here.example", "*"};
    enum check check = (enum check)pick(CHECK_COUNT_);
    struct evidence_item *item =
        add(check, (enum auth_result)pick(AUTH_UNKNOWN + 1), "use", one_of(uses, 7), "subject", one_of(names, 3),
            "list", one_of(lists, 4), "rule", one_of(lists, 4), "domain", one_of(names, 3), "points",
            one_of(numbers, 8), "state", one_of(words, 8), "kind", one_of(words, 8), "aligned",
            one_of(words, 2), "recent", one_of(words, 2), "false", one_of(words, 2), "ham", one_of(numbers, 8), "spam",
            one_of(numbers, 8), "junk", one_of(numbers, 8), "messages", one_of(numbers, 8), "first",
            one_of(numbers, 8), "count", one_of(numbers, 8), "age", one_of(numbers, 8), "effective",
            one_of(effective, 3), "recipient", one_of(whom, 3), "rating", one_of(numbers, 8), NULL);
    assert_true(evidence_property(arena, item, "header", "d", bytes_of(one_of(names, 3))));
    assert_true(evidence_property(arena, item, "header", "from", BYTES("author.example")));
}

static void whatever_is_told_is_true_of_any_evidence(void **state)
{
    (void)state;
    struct policy_list lists[] = {{.name = BYTES("zen"), .points = 400}, {.name = BYTES("wl"), .points = -400}};
    struct policy_rating rating = {.name = BYTES("zen"), .good = -300, .bad = 400};
    struct policy_rule rules[] = {{.name = BYTES("rule"), .points = 250, .action = ACTION_ACCEPT}};
    tear_down(NULL);
    for (unsigned round = 0; round < 1500; round++) {
        set_up(NULL);
        chance = round;
        policy.lists = lists;
        policy.list_count = 2;
        policy.ratings = &rating;
        policy.rating_count = 1;
        policy.rules = rules;
        policy.rule_count = 1;
        rules[0].action = (enum action)pick(ACTION_REJECT + 1);
        policy.quarantine_score = pick(2) ? 900 : 0;
        policy.default_reject = !pick(8);
        policy.greylist = (enum judge_greylist)pick(3);
        policy.spf_fail_rejects = pick(2);
        policy.junk_folder = pick(4);
        policy.virus = (enum action)pick(ACTION_QUARANTINE + 1);
        policy.generic_name_rejects = pick(2);
        policy.message_size = pick(4) ? 0 : 1000;
        policy.skip_filter = pick(2);
        evidence.recipient_count = 1 + pick(2);
        evidence.size = pick(2000);
        evidence.exempt = !pick(20);
        evidence.own_network = !pick(20);
        for (unsigned i = pick(12); i > 0; i--)
            add_by_chance();
        find();
        if (verdict.action != ACTION_ACCEPT)
            assert_true(count > 0 && found[0].action != verdict.action);
        tear_down(NULL);
    }
    set_up(NULL);
}

static void changes_are_shown_to_people(void **state)
{
    (void)state;
    struct buf out;
    add_filter("6");
    find();
    buf_init(&out, 1 << 16);
    explain_write_changes(&out, found, count);
    assert_true(text_says(buf_bytes(&out), "  - With 1.01 points less from the content filter"));
    buf_clear(&out);
    explain_write(&out, &evidence, &verdict, false);
    assert_true(text_says(buf_bytes(&out), "Score: 6 points, junk with 94.06 per cent (junk from 5, refused from 15)"));
    assert_true(text_says(buf_bytes(&out), "     +6  FILTER: what it says resembles junk"));
    assert_true(text_says(buf_bytes(&out), "Class: third-class. No domain answers for it."));
    buf_free(&out);
}

/* Calibration */

static void brier_is_the_mean_squared_error(void **state)
{
    (void)state;
    struct calibration calibration = {0};
    assert_true(calibration_brier(&calibration) == 0);
    calibration_add(&calibration, 0.9, true);
    calibration_add(&calibration, 0.2, false);
    calibration_add(&calibration, 1, false);
    assert_true(fabs(calibration_brier(&calibration) - (0.01 + 0.04 + 1) / 3) < 1e-9);
    assert_int_equal(calibration.bins[9].count, 2);
    assert_int_equal(calibration.bins[2].count, 1);
    calibration_add(&calibration, -5, false);
    calibration_add(&calibration, 0.0 / 0.0, false);
    calibration_add(&calibration, 7, true);
    assert_true(fabs(calibration_brier(&calibration) - (0.01 + 0.04 + 1) / 6) < 1e-9);
}

static void who_says_what_is_so_has_no_calibration_error(void **state)
{
    (void)state;
    struct calibration calibration = {0};
    for (int i = 0; i < 100; i++)
        calibration_add(&calibration, 0.25, i % 4 == 0);
    assert_true(calibration_error(&calibration) < 1e-9);
    for (int i = 0; i < 100; i++)
        calibration_add(&calibration, 0.95, false);
    assert_true(fabs(calibration_error(&calibration) - 0.475) < 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_smallest_is_the_filters_where_it_was_close),
        CASE(without_a_filter_it_says_what_the_filter_would_have_had_to_give),
        CASE(a_list_that_turned_the_scale_is_named_with_all_of_its_answers),
        CASE(a_forgery_names_the_signature_that_was_missing),
        CASE(a_virus_a_size_an_attachment_and_a_rule_are_named),
        CASE(who_was_put_off_hears_of_patience),
        CASE(default_reject_names_what_was_missing),
        CASE(what_is_milder_comes_first),
        CASE(the_original_stays_as_it_was),
        CASE(exhausted_memory_is_an_error),
        CASE(whatever_is_told_is_true_of_any_evidence),
        CASE(changes_are_shown_to_people),
        CASE(brier_is_the_mean_squared_error),
        CASE(who_says_what_is_so_has_no_calibration_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
