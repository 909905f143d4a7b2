/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/verdict_fixture.h"

/* Each kind of evidence with what it counts, and with what it does not. */
static void each_finding_counts_and_its_absence_does_not(void **state)
{
    (void)state;
    static const struct {
        enum check check;
        enum auth_result result;
        const char *name, *value, *contribution;
        int points;
    } cases[] = {
        {CHECK_SPF, AUTH_FAIL, "domain", "x.example", "SPF_FAIL", 150},
        {CHECK_SPF, AUTH_SOFTFAIL, "domain", "x.example", "SPF_SOFTFAIL", 100},
        {CHECK_SPF, AUTH_PERMERROR, "domain", "x.example", "SPF_PERMERROR", 50},
        {CHECK_SPF, AUTH_NEUTRAL, "domain", "x.example", "SPF_NEUTRAL", 0},
        {CHECK_SPF, AUTH_NONE, "domain", "x.example", "SPF_NONE", 0},
        {CHECK_SPF_HELO, AUTH_FAIL, "domain", "x.example", "SPF_HELO_FAIL", 50},
        {CHECK_SPF_HELO, AUTH_PASS, "domain", "x.example", "SPF_HELO_FAIL", 0},
        {CHECK_DMARC, AUTH_PASS, "x", "y", "DMARC_PASS", -50},
        {CHECK_DMARC, AUTH_FAIL, "effective", "none", "DMARC_FAIL", 200},
        {CHECK_DMARC, AUTH_PERMERROR, "x", "y", "DMARC_PERMERROR", 30},
        {CHECK_DMARC, AUTH_NONE, "x", "y", "DMARC_FAIL", 0},
        {CHECK_ADSP, AUTH_FAIL, "x", "y", "ADSP_FAIL", 100},
        {CHECK_ADSP, AUTH_PASS, "x", "y", "ADSP_FAIL", 0},
        {CHECK_SENDER_ID, AUTH_FAIL, "domain", "x.example", "SENDER_ID_FAIL", 100},
        {CHECK_SENDER_ID, AUTH_SOFTFAIL, "domain", "x.example", "SENDER_ID_FAIL", 0},
        {CHECK_SUBMITTER, AUTH_FAIL, "x", "y", "SUBMITTER_FAIL", 100},
        {CHECK_RDNS, AUTH_PASS, "class", "confirmed", "RDNS_CONFIRMED", -20},
        {CHECK_RDNS, AUTH_POLICY, "class", "generic", "RDNS_GENERIC", 150},
        {CHECK_RDNS, AUTH_FAIL, "class", "unconfirmed", "RDNS_UNCONFIRMED", 100},
        {CHECK_RDNS, AUTH_NONE, "class", "none", "RDNS_NONE", 100},
        {CHECK_RDNS, AUTH_TEMPERROR, "x", "y", "RDNS_NONE", 0},
        {CHECK_IPREV, AUTH_PERMERROR, "x", "y", "RDNS_NONE", 100},
        {CHECK_IPREV, AUTH_FAIL, "x", "y", "RDNS_UNCONFIRMED", 100},
        {CHECK_IPREV, AUTH_PASS, "x", "y", "RDNS_NONE", 0},
        {CHECK_HELO, AUTH_FAIL, "false", "yes", "HELO_FALSE", 200},
        {CHECK_HELO, AUTH_FAIL, "false", "no", "HELO_FAIL", 50},
        {CHECK_HELO, AUTH_PERMERROR, "x", "y", "HELO_MALFORMED", 100},
        {CHECK_HELO, AUTH_PASS, "x", "y", "HELO_FAIL", 0},
        {CHECK_SESSION, AUTH_NEUTRAL, "kind", "early-talker", "SESSION_EARLY_TALKER", 150},
        {CHECK_SESSION, AUTH_NEUTRAL, "kind", "pipelining", "SESSION_PIPELINING", 200},
        {CHECK_SESSION, AUTH_NEUTRAL, "kind", "bare-line-ends", "SESSION_BARE_LINE_ENDS", 50},
        {CHECK_SESSION, AUTH_NEUTRAL, "kind", "something", "SESSION_SOMETHING", 0},
        {CHECK_NOLIST, AUTH_FAIL, "state", "trap", "NOLIST_TRAP", 300},
        {CHECK_NOLIST, AUTH_PASS, "state", "tried-next", "NOLIST_NEXT", -50},
        {CHECK_RATE, AUTH_POLICY, "limit", "messages", "RATE_MESSAGES", 50},
        {CHECK_TRAP, AUTH_FAIL, "recent", "yes", "TRAP_LATELY", 400},
        {CHECK_HASHCASH, AUTH_PASS, "x", "y", "HASHCASH", -150},
        {CHECK_HASHCASH, AUTH_POLICY, "x", "y", "HASHCASH", 0},
        {CHECK_FILTER, AUTH_FAIL, "points", "4.37", "FILTER", 437},
        {CHECK_FILTER, AUTH_PASS, "points", "-3.5", "FILTER", -350},
        {CHECK_FILTER, AUTH_FAIL, "points", "99", "FILTER", 1200},
        {CHECK_FILTER, AUTH_PASS, "points", "-99", "FILTER", -800},
        {CHECK_FILTER, AUTH_NONE, "points", "9", "FILTER", 0},
        {CHECK_FILTER, AUTH_FAIL, "points", "nan", "FILTER", 0},
        {CHECK_PHISHING, AUTH_FAIL, "kind", "display-name", "PHISHING_DISPLAY_NAME", 300},
        {CHECK_PHISHING, AUTH_FAIL, "kind", "homograph", "PHISHING_HOMOGRAPH", 600},
        {CHECK_PHISHING, AUTH_FAIL, "kind", "reply-to", "PHISHING_REPLY_TO", 150},
        {CHECK_VIRUS, AUTH_PASS, "x", "y", "VIRUS", 0},
        {CHECK_RULE, AUTH_FAIL, "rule", "unheard-of", "UNHEARD_OF", 0},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        start_over();
        add(cases[i].check, cases[i].result, cases[i].name, cases[i].value, NULL);
        int points = points_for(cases[i].contribution);
        if (points != cases[i].points)
            fail_msg("case %zu, %s: %d", i, cases[i].contribution, points);
    }
}

static void failures_that_dmarc_has_judged_do_not_count_again(void **state)
{
    (void)state;
    add_spf(AUTH_FAIL, "x.example");
    add_dkim(AUTH_FAIL, "x.example");
    assert_int_equal(points_for("SPF_FAIL"), 150);
    assert_int_equal(points_for("DKIM_FAIL"), 50);
    add_dmarc(AUTH_FAIL, "none");
    assert_int_equal(points_for("SPF_FAIL") + points_for("DKIM_FAIL"), 0);
    assert_int_equal(verdict.score, 200);
}

static void another_signature_that_holds_makes_good_for_a_broken_one(void **state)
{
    (void)state;
    add_dkim(AUTH_FAIL, "x.example");
    add_dkim(AUTH_PASS, "y.example");
    assert_int_equal(points_for("DKIM_FAIL"), 0);
}

/* Lists */

static struct policy_list zen(void)
{
    static struct policy_code codes[3];
    assert_true(ip_network_parse(BYTES("127.0.0.10"), &codes[0].network));
    codes[0].off = true;
    assert_true(ip_network_parse(BYTES("127.0.0.0/29"), &codes[1].network));
    codes[1].points = 400;
    assert_true(ip_network_parse(BYTES("127.0.1.0/24"), &codes[2].network));
    codes[2].bit = 4 | 8; /* one of them is enough */
    codes[2].points = 250;
    return (struct policy_list){.name = BYTES("zen"), .points = 300, .codes = codes, .code_count = 3};
}

static void add_listed(const char *use, const char *code)
{
    add(CHECK_DNSBL, AUTH_FAIL, "list", "zen", "use", use, "subject", "192.0.2.1", "code", code, "text", "see page",
        NULL);
}

static void codes_say_what_an_answer_counts(void **state)
{
    (void)state;
    struct policy_list list = zen();
    static const struct {
        const char *code;
        int points;
    } cases[] = {{"127.0.0.2", 400},  {"127.0.0.7", 400},  {"127.0.0.8", 300}, {"127.0.0.10", 0},
                 {"127.0.1.4", 250},  {"127.0.1.13", 250}, {"127.0.1.8", 250}, {"127.0.1.3", 300},
                 {"garbage", 300}};
    policy.lists = &list;
    policy.list_count = 1;
    for (size_t i = 0; i < countof(cases); i++) {
        start_over();
        add_listed("client", cases[i].code);
        assert_int_equal(points_for("DNSBL_ZEN"), cases[i].points);
    }
}

static void of_several_answers_of_a_list_the_strongest_counts_once_a_use(void **state)
{
    (void)state;
    struct policy_list list = zen();
    policy.lists = &list;
    policy.list_count = 1;
    add_listed("client", "127.0.1.4");
    add_listed("client", "127.0.0.2");
    add_listed("client", "127.0.0.3");
    assert_int_equal(points_for("DNSBL_ZEN"), 400);
    assert_int_equal(verdict.contribution_count, 1);
    assert_int_equal(verdict.contributions[0].item, 1);
    assert_true(text_says(verdict.contributions[0].text, "192.0.2.1 is listed by zen (127.0.0.2): see page"));
    add_listed("url-address", "127.0.0.2");
    assert_int_equal(points_for("DNSBL_ZEN"), 800);
}

static void lists_that_failed_or_are_not_configured_do_not_count(void **state)
{
    (void)state;
    struct policy_list list = zen();
    policy.lists = &list;
    policy.list_count = 1;
    add_listed("client", "127.0.0.2");
    evidence.items[0].result = AUTH_PERMERROR;
    assert_int_equal(points_for("DNSBL_ZEN"), 0);
    evidence.items[0].result = AUTH_TEMPERROR;
    assert_int_equal(points_for("DNSBL_ZEN"), 0);
    evidence.items[0].result = AUTH_FAIL;
    policy.list_count = 0;
    assert_int_equal(points_for("DNSBL_ZEN"), 0);
}

static void what_speaks_for_a_message_must_be_about_somebody_proven(void **state)
{
    (void)state;
    struct policy_list list = {.name = BYTES("wl"), .points = -200};
    policy.lists = &list;
    policy.list_count = 1;
    static const struct {
        const char *use, *subject;
        bool spf, dkim, helo;
        int points;
    } cases[] = {
        {"client", "192.0.2.1", false, false, false, -200},
        {"name", "mail.x.example", false, false, false, -200},
        {"helo", "mail.x.example", false, false, false, 0},
        {"helo", "mail.x.example", false, false, true, -200},
        {"from", "author.example", false, false, false, 0},
        {"from", "author.example", false, true, false, -200},
        {"sender", "author.example", false, true, false, 0},
        {"sender", "author.example", true, false, false, -200},
        {"sender", "other.example", true, false, false, 0},
        {"dkim", "other.example", false, true, false, 0},
        {"dkim", "author.example", false, true, false, -200},
        {"url", "author.example", true, true, true, 0},
        {"url-address", "192.0.2.7", true, true, true, 0},
        {"nonsense", "author.example", true, true, true, 0},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        start_over();
        if (cases[i].spf)
            add_spf(AUTH_PASS, "author.example");
        if (cases[i].dkim)
            add_dkim(AUTH_PASS, "author.example");
        add(CHECK_HELO, cases[i].helo ? AUTH_PASS : AUTH_FAIL, NULL);
        add(CHECK_DNSWL, AUTH_PASS, "list", "wl", "use", cases[i].use, "subject", cases[i].subject, NULL);
        int points = points_for("DNSWL_WL");
        if (points != cases[i].points)
            fail_msg("case %zu: %d", i, points);
    }
}

/* History */

static int history_points(const char *kind, const char *aligned, const char *ham, const char *spam, const char *what,
                          const char *value)
{
    char first[32], name[32];
    start_over();
    assert_true(bytes_to_cstring(arena_printf(arena, "%lld", (long long)(NOW - 100 * DAYS)), first, sizeof(first)));
    add_dkim(AUTH_PASS, "author.example");
    add(CHECK_HISTORY, AUTH_NEUTRAL, "kind", kind, "identity", "x.example", "aligned", aligned, "first", first,
        "messages", "100", "ham", ham, "spam", spam, what, value, NULL);
    assert_true(bytes_to_cstring(arena_printf(arena, "HISTORY_%s", kind), name, sizeof(name)));
    for (char *c = name; *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    return points_for(name);
}

static void a_history_counts_with_bounds(void **state)
{
    (void)state;
    assert_int_equal(history_points("dkim", "yes", "0", "0", "junk", "0"), 0);
    assert_int_equal(history_points("dkim", "yes", "10", "0", "junk", "0"), -239); /* 500 * log10(5/15) */
    assert_int_equal(history_points("dkim", "yes", "100", "0", "junk", "0"), -300);
    assert_int_equal(history_points("dkim", "yes", "100000", "0", "junk", "0"), -300);
    assert_int_equal(history_points("dkim", "yes", "100000", "0", "notjunk", "1000"), -600);
    assert_int_equal(history_points("dkim", "yes", "0", "100000", "junk", "0"), 300);
    assert_int_equal(history_points("dkim", "yes", "0", "100000", "complaints", "1000"), 600);
    assert_int_equal(history_points("dkim", "yes", "1000000000000000", "0", "traps", "1000000000000000"), 600);
}

static void what_people_say_outweighs_our_own_verdicts(void **state)
{
    (void)state;
    assert_true(history_points("dkim", "yes", "10000", "0", "junk", "100") > 0);
    assert_true(history_points("dkim", "yes", "0", "10000", "notjunk", "100") < 0);
}

static void others_hardly_lift_and_do_drag_down(void **state)
{
    (void)state;
    assert_int_equal(history_points("dkim", "no", "100000", "0", "junk", "0"), -100);
    assert_int_equal(history_points("network", "no", "100000", "0", "junk", "0"), -200);
    assert_int_equal(history_points("network", "no", "0", "100000", "junk", "1000"), 400);
}

static void a_new_sender_is_not_good_however_nice_he_is(void **state)
{
    (void)state;
    policy.probation = 101 * DAYS;
    assert_int_equal(history_points("dkim", "yes", "100", "0", "notjunk", "10"), 0);
    assert_true(history_points("dkim", "yes", "0", "100", "junk", "10") > 0);
}

static void the_authors_good_past_covers_for_the_network(void **state)
{
    (void)state;
    assert_int_equal(history_points("dkim", "yes", "100", "0", "junk", "0"), -300);
    add(CHECK_HISTORY, AUTH_NEUTRAL, "kind", "network", "identity", "192.0.2.0/24", "ham", "0", "spam", "500", NULL);
    assert_int_equal(points_for("HISTORY_NETWORK"), 0);
    start_over();
    add(CHECK_HISTORY, AUTH_NEUTRAL, "kind", "network", "identity", "192.0.2.0/24", "ham", "0", "spam", "500", NULL);
    assert_int_equal(points_for("HISTORY_NETWORK"), 300);
}

/* Classes and the filter */

static void first_class_mail_skips_the_filter_if_so_configured(void **state)
{
    (void)state;
    struct policy_rule rule = {.name = BYTES("shouting"), .points = 300, .action = ACTION_ACCEPT};
    policy.rules = &rule;
    policy.rule_count = 1;
    add_dkim(AUTH_PASS, "author.example");
    add_contact("alice@here.example", "no");
    add_filter("12");
    add(CHECK_RULE, AUTH_FAIL, "rule", "shouting", NULL);
    add(CHECK_PHISHING, AUTH_FAIL, "kind", "look-alike", NULL);
    judged(ACTION_ACCEPT, TRUST_FIRST);
    assert_int_equal(points_for("FILTER") + points_for("SHOUTING") + points_for("PHISHING_LOOK_ALIKE"), 0);
    policy.skip_filter = false;
    assert_int_equal(points_for("FILTER") + points_for("SHOUTING") + points_for("PHISHING_LOOK_ALIKE"), 1800);
    /* What a rule does, it does all the same. */
    policy.skip_filter = true;
    rule.action = ACTION_REJECT;
    judged(ACTION_REJECT, TRUST_FIRST);
}

static void a_report_to_a_return_path_of_ours_is_welcome(void **state)
{
    (void)state;
    add(CHECK_RETURN_PATH, AUTH_PASS, "kind", "BATV", NULL);
    assert_int_equal(points_for("RETURN_PATH"), 0); /* it has a sender */
    evidence.mail_from = BYTES("");
    assert_int_equal(points_for("RETURN_PATH"), -150);
    evidence.recipient_count = 2; /* the other is none */
    assert_int_equal(points_for("RETURN_PATH"), 0);
}

static void business_class_helps_against_the_filter(void **state)
{
    (void)state;
    add_filter("5.5");
    judged(ACTION_JUNK, TRUST_THIRD);
    add_dkim(AUTH_PASS, "author.example");
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
    assert_int_equal(points_for("BUSINESS_CLASS"), -100);
    /* Somebody else's signature does not. */
    start_over();
    add_filter("5.5");
    add_dkim(AUTH_PASS, "stranger.example");
    judged(ACTION_JUNK, TRUST_BUSINESS);
}

static void findings_of_one_kind_are_bounded_together(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        add(CHECK_PHISHING, AUTH_FAIL, "kind", "link-text", NULL);
        add(CHECK_RATE, AUTH_POLICY, "limit", "errors", NULL);
        add(CHECK_TRAP, AUTH_FAIL, "recent", "yes", "kind", "network", NULL);
    }
    assert_int_equal(points_for("PHISHING_LINK_TEXT"), 900);
    assert_int_equal(points_for("RATE_ERRORS"), 100);
    assert_int_equal(points_for("TRAP_LATELY"), 300);
}

static void the_score_is_the_sum_and_the_probability_belongs_to_it(void **state)
{
    (void)state;
    add_spf(AUTH_SOFTFAIL, "x.example");
    add(CHECK_RDNS, AUTH_NONE, NULL);
    add_filter("3");
    judge_it();
    int sum = 0;
    for (size_t i = 0; i < verdict.contribution_count; i++)
        sum += verdict.contributions[i].points;
    assert_int_equal(verdict.score, sum);
    assert_int_equal(verdict.score, 500);
    assert_int_equal(verdict.probability, 9091);
}

static void there_are_never_more_contributions_than_the_ledger_takes(void **state)
{
    (void)state;
    for (int i = 0; i < 3 * CONTRIBUTIONS_MAX; i++)
        add(CHECK_SESSION, AUTH_NEUTRAL, "kind", "errors", NULL);
    judge_it();
    assert_int_equal(verdict.contribution_count, CONTRIBUTIONS_MAX);
    assert_int_equal(verdict.score, CONTRIBUTIONS_MAX * 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_finding_counts_and_its_absence_does_not),
        CASE(failures_that_dmarc_has_judged_do_not_count_again),
        CASE(another_signature_that_holds_makes_good_for_a_broken_one),
        CASE(codes_say_what_an_answer_counts),
        CASE(of_several_answers_of_a_list_the_strongest_counts_once_a_use),
        CASE(lists_that_failed_or_are_not_configured_do_not_count),
        CASE(what_speaks_for_a_message_must_be_about_somebody_proven),
        CASE(a_history_counts_with_bounds),
        CASE(what_people_say_outweighs_our_own_verdicts),
        CASE(others_hardly_lift_and_do_drag_down),
        CASE(a_new_sender_is_not_good_however_nice_he_is),
        CASE(the_authors_good_past_covers_for_the_network),
        CASE(first_class_mail_skips_the_filter_if_so_configured),
        CASE(a_report_to_a_return_path_of_ours_is_welcome),
        CASE(business_class_helps_against_the_filter),
        CASE(findings_of_one_kind_are_bounded_together),
        CASE(the_score_is_the_sum_and_the_probability_belongs_to_it),
        CASE(there_are_never_more_contributions_than_the_ledger_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
