/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/verdict_fixture.h"

/* An identity with a past: first seen `days` ago. */
static void add_history(const char *kind, const char *aligned, int days, const char *messages, const char *ham,
                        const char *spam)
{
    char first[32];
    assert_true(bytes_to_cstring(arena_printf(arena, "%lld", (long long)(NOW - days * DAYS)), first, sizeof(first)));
    add(CHECK_HISTORY, AUTH_NEUTRAL, "kind", kind, "identity", "author.example", "aligned", aligned, "first", first,
        "messages", messages, "ham", ham, "spam", spam, NULL);
}

static void authenticate(void)
{
    add_dkim(AUTH_PASS, "author.example");
}

static void nobody_authenticated_is_third_class(void **state)
{
    (void)state;
    judged(ACTION_ACCEPT, TRUST_THIRD);
    add_dkim(AUTH_FAIL, "author.example");
    add_spf(AUTH_SOFTFAIL, "author.example");
    judged(ACTION_ACCEPT, TRUST_THIRD);
}

static void an_unknown_author_who_is_authenticated_is_business_class(void **state)
{
    (void)state;
    authenticate();
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
    start_over();
    add_dmarc(AUTH_PASS, "none");
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
    start_over();
    add_spf(AUTH_PASS, "stranger.example");
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
}

static void a_contact_of_a_recipient_is_first_class_if_authenticated(void **state)
{
    (void)state;
    add_contact("alice@here.example", "no");
    judged(ACTION_ACCEPT, TRUST_THIRD);
    add_spf(AUTH_PASS, "stranger.example");
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
    authenticate();
    judged(ACTION_ACCEPT, TRUST_FIRST);
    assert_true(text_says(verdict.trust_reason, "alice@here.example"));
}

static void a_contact_of_somebody_else_is_not_first_class(void **state)
{
    (void)state;
    authenticate();
    add_contact("*", "yes");
    add_contact("carol@here.example", "yes");
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
    assert_int_equal(points_for("CONTACT_OF_SITE"), -150);
    assert_int_equal(points_for("CONTACT"), 0);
}

static void a_good_past_of_the_author_is_first_class(void **state)
{
    (void)state;
    authenticate();
    add_history("dkim", "yes", 100, "50", "50", "1");
    judged(ACTION_ACCEPT, TRUST_FIRST);
    /* Of somebody else who signed it: he lifts nobody. */
    start_over();
    authenticate();
    add_history("dkim", "no", 100, "50", "50", "1");
    add_history("network", "no", 100, "50", "50", "1");
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
    /* And nobody authenticated. */
    start_over();
    add_history("network", "no", 100, "50", "50", "1");
    judged(ACTION_ACCEPT, TRUST_THIRD);
}

static void a_past_must_be_long_rich_and_clean(void **state)
{
    (void)state;
    static const struct {
        int days;
        const char *messages, *ham, *spam, *more, *value;
        enum trust_class trust;
    } cases[] = {
        {8, "10", "10", "0", "junk", "0", TRUST_FIRST},
        {6, "500", "500", "0", "junk", "0", TRUST_BUSINESS}, /* probation */
        {100, "9", "9", "0", "junk", "0", TRUST_BUSINESS},   /* too few */
        {100, "100", "100", "5", "junk", "0", TRUST_FIRST},
        {100, "100", "100", "6", "junk", "0", TRUST_BUSINESS},
        {100, "100", "100", "0", "junk", "1", TRUST_FIRST},
        {100, "100", "100", "0", "junk", "2", TRUST_BUSINESS},
        {100, "100", "100", "0", "complaints", "2", TRUST_BUSINESS},
        /* One of a thousand is an accident, and 1 of 100 is none. */
        {100, "1000", "1000", "0", "traps", "1", TRUST_FIRST},
        {100, "1000", "1000", "0", "traps", "5.01", TRUST_BUSINESS},
        {100, "100", "100", "0", "traps", "1", TRUST_BUSINESS},
        {100, "10000", "100", "0", "traps", "9", TRUST_FIRST},
        {100, "100000", "1000", "0", "unknown", "900", TRUST_FIRST},
        {100, "1000", "100", "0", "traps", "10", TRUST_THIRD},
        {100, "100", "10", "0", "unknown", "30", TRUST_THIRD},
        {100, "100", "100", "0", "unknown", "11", TRUST_BUSINESS},
        {100, "100", "50", "25", "junk", "0", TRUST_THIRD},
        {100, "2", "0", "2", "junk", "0", TRUST_BUSINESS}, /* two are no reputation */
        {1, "3", "0", "3", "junk", "0", TRUST_THIRD},      /* a bad one needs no probation */
        {1, "1", "0", "0", "traps", "1", TRUST_THIRD},
        /* Mail that nobody read is nobody's praise: the filter, or people, must have liked some. */
        {100, "1000", "0", "0", "junk", "0", TRUST_BUSINESS},
        {100, "1000", "2.99", "0", "junk", "0", TRUST_BUSINESS},
        {100, "1000", "3", "0", "junk", "0", TRUST_FIRST},
        {100, "1000", "0", "0", "notjunk", "1", TRUST_FIRST},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        start_over();
        authenticate();
        add_history("dkim", "yes", cases[i].days, cases[i].messages, cases[i].ham, cases[i].spam);
        assert_true(evidence_property(arena, &evidence.items[1], "vouch", cases[i].more, bytes_of(cases[i].value)));
        judge_it();
        if (verdict.trust != cases[i].trust)
            fail_msg("case %zu: %s", i, trust_class_name(verdict.trust));
    }
}

static void a_history_that_nobody_could_read_says_nothing(void **state)
{
    (void)state;
    authenticate();
    add(CHECK_HISTORY, AUTH_TEMPERROR, "kind", "dkim", "aligned", "yes", "traps", "9", NULL);
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
    assert_int_equal(points_for("HISTORY_DKIM"), 0);
}

static void a_bad_past_of_a_contact_leaves_him_in_between(void **state)
{
    (void)state;
    authenticate();
    add_contact("alice@here.example", "yes");
    add_history("dkim", "yes", 100, "50", "5", "50");
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
}

static void the_word_of_a_list_about_the_author_counts_as_reputation(void **state)
{
    (void)state;
    struct policy_list lists[] = {{.name = BYTES("good"), .points = -200}, {.name = BYTES("bad"), .points = 300}};
    policy.lists = lists;
    policy.list_count = 2;
    authenticate();
    add(CHECK_DNSWL, AUTH_PASS, "list", "good", "use", "from", "subject", "author.example", NULL);
    judged(ACTION_ACCEPT, TRUST_FIRST);
    start_over();
    authenticate();
    add_dkim(AUTH_PASS, "good.example");
    add(CHECK_DNSWL, AUTH_PASS, "list", "good", "use", "dkim", "subject", "good.example", NULL);
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
    start_over();
    authenticate();
    add(CHECK_RHSBL, AUTH_FAIL, "list", "bad", "use", "dkim", "subject", "author.example", NULL);
    judged(ACTION_ACCEPT, TRUST_THIRD);
    start_over();
    authenticate();
    add(CHECK_RHSBL, AUTH_FAIL, "list", "bad", "use", "dkim", "subject", "esp.example", NULL);
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
}

static void a_list_of_addresses_speaks_for_the_author_where_the_client_bears_his_name(void **state)
{
    (void)state;
    struct policy_list list = {.name = BYTES("wl"), .points = -300};
    policy.lists = &list;
    policy.list_count = 1;
    add(CHECK_DNSWL, AUTH_PASS, "list", "wl", "use", "client", "subject", "192.0.2.1", NULL);
    authenticate();
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
    /* Whoever sends for thousands may send for the author, too. */
    add_spf(AUTH_PASS, "author.example");
    add(CHECK_RDNS, AUTH_PASS, "name", "out.provider.example", NULL);
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
    assert_int_equal(points_for("DNSWL_WL"), -300);
    struct evidence_item *helo = add(CHECK_HELO, AUTH_FAIL, NULL);
    assert_true(evidence_property(arena, helo, "smtp", "helo", BYTES("mail.author.example")));
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
    helo->result = AUTH_PASS;
    judged(ACTION_ACCEPT, TRUST_FIRST);
    list.points = -299;
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
    list.points = -300;
    helo->result = AUTH_NONE;
    add(CHECK_IPREV, AUTH_PASS, "name", "mx.author.example", NULL);
    judged(ACTION_ACCEPT, TRUST_FIRST);
}

static void what_lets_everybody_pass_authenticates_nobody(void **state)
{
    (void)state;
    static const struct {
        const char *term;
        enum trust_class trust;
    } cases[] = {
        {"+all", TRUST_THIRD},  {"all", TRUST_THIRD},           {"+ALL", TRUST_THIRD},
        {"ip4:0.0.0.0/1", TRUST_THIRD}, {"ip6:2000::/3", TRUST_THIRD}, {"ip4:17.0.0.0/8", TRUST_BUSINESS},
        {"a:all", TRUST_BUSINESS}, {"ip4:192.0.2.1", TRUST_BUSINESS}, {"include:x.example", TRUST_BUSINESS},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        start_over();
        add(CHECK_SPF, AUTH_PASS, "domain", "author.example", "mechanism", cases[i].term, NULL);
        judged(ACTION_ACCEPT, cases[i].trust);
    }
    /* Neither does DMARC by it alone, and no contact is known by it. */
    start_over();
    add(CHECK_SPF, AUTH_PASS, "domain", "author.example", "mechanism", "+all", NULL);
    struct evidence_item *dmarc = add(CHECK_DMARC, AUTH_PASS, "effective", "none", "spf-aligned", "yes",
                                      "dkim-aligned", "no", NULL);
    add_contact("alice@here.example", "yes");
    judged(ACTION_ACCEPT, TRUST_THIRD);
    dmarc->properties[2].value = BYTES("author.example");
    judged(ACTION_ACCEPT, TRUST_FIRST);
}

static void a_domain_below_the_author_speaks_for_him_only_in_his_organization(void **state)
{
    (void)state;
    add_dkim(AUTH_PASS, "evil.author.example");
    add_contact("alice@here.example", "yes");
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
    add(CHECK_FROM, AUTH_PASS, "domain", "author.example", "organization", "author.example", NULL);
    judged(ACTION_ACCEPT, TRUST_FIRST);
    start_over();
    add_dkim(AUTH_PASS, "mail.author.example");
    add(CHECK_DMARC, AUTH_PASS, "effective", "none", "organizational-domain", "author.example", NULL);
    add_contact("alice@here.example", "yes");
    judged(ACTION_ACCEPT, TRUST_FIRST);
    /* Above him: whose domain it is, his is. */
    start_over();
    evidence.header_from = BYTES("a@news.author.example");
    authenticate();
    add_contact("alice@here.example", "yes");
    judged(ACTION_ACCEPT, TRUST_FIRST);
}

static void a_list_of_mixed_codes_speaks_as_the_code_does(void **state)
{
    (void)state;
    static struct policy_code code = {.points = -300};
    struct policy_list list = {.name = BYTES("mixed"), .points = 300, .codes = &code, .code_count = 1};
    assert_true(ip_network_parse(BYTES("127.0.0.9"), &code.network));
    policy.lists = &list;
    policy.list_count = 1;
    authenticate();
    add(CHECK_RDNS, AUTH_PASS, "name", "mail.author.example", NULL);
    struct evidence_item *item = add(CHECK_DNSBL, AUTH_FAIL, "list", "mixed", "use", "client", "subject", "192.0.2.1",
                                     "code", "127.0.0.9", NULL);
    judged(ACTION_ACCEPT, TRUST_FIRST);
    item->check = CHECK_DNSWL;
    item->result = AUTH_PASS;
    judged(ACTION_ACCEPT, TRUST_FIRST);
    code.points = 300;
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
}

static void a_rating_counts_as_reputation(void **state)
{
    (void)state;
    struct policy_rating rating = {.name = BYTES("r"), .good = -300, .bad = 400};
    policy.ratings = &rating;
    policy.rating_count = 1;
    authenticate();
    add(CHECK_RATING, AUTH_PASS, "list", "r", "domain", "author.example", "rating", "90", NULL);
    judged(ACTION_ACCEPT, TRUST_FIRST);
    evidence.items[1].properties[2].value = BYTES("50");
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
    evidence.items[1].result = AUTH_FAIL;
    judged(ACTION_ACCEPT, TRUST_THIRD);
    assert_int_equal(points_for("RATING_R"), 200);
}

static void what_dmarc_doubts_is_not_authenticated_by_anybody_else(void **state)
{
    (void)state;
    authenticate(); /* but DMARC, which knows better (strict alignment, say), fails */
    add_dmarc(AUTH_FAIL, "none");
    add_contact("alice@here.example", "yes");
    judged(ACTION_ACCEPT, TRUST_THIRD);
}

static void a_forgery_of_a_contact_is_refused_all_the_same(void **state)
{
    (void)state;
    add_dmarc(AUTH_FAIL, "reject");
    add_contact("alice@here.example", "yes");
    judged(ACTION_REJECT, TRUST_FORGED);
}

static void who_writes_to_traps_is_third_class(void **state)
{
    (void)state;
    authenticate();
    add(CHECK_TRAP, AUTH_FAIL, "recent", "yes", "identity", "author.example", "kind", "dkim", NULL);
    judged(ACTION_ACCEPT, TRUST_THIRD);
    assert_int_equal(points_for("TRAP_LATELY"), 400);
    /* Another customer of who sends it wrote to one. */
    start_over();
    authenticate();
    add_spf(AUTH_PASS, "esp.example");
    add(CHECK_TRAP, AUTH_FAIL, "recent", "yes", "identity", "esp.example", "kind", "spf", NULL);
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(nobody_authenticated_is_third_class),
        CASE(an_unknown_author_who_is_authenticated_is_business_class),
        CASE(a_contact_of_a_recipient_is_first_class_if_authenticated),
        CASE(a_contact_of_somebody_else_is_not_first_class),
        CASE(a_good_past_of_the_author_is_first_class),
        CASE(a_past_must_be_long_rich_and_clean),
        CASE(a_history_that_nobody_could_read_says_nothing),
        CASE(a_bad_past_of_a_contact_leaves_him_in_between),
        CASE(the_word_of_a_list_about_the_author_counts_as_reputation),
        CASE(a_list_of_addresses_speaks_for_the_author_where_the_client_bears_his_name),
        CASE(what_lets_everybody_pass_authenticates_nobody),
        CASE(a_domain_below_the_author_speaks_for_him_only_in_his_organization),
        CASE(a_list_of_mixed_codes_speaks_as_the_code_does),
        CASE(a_rating_counts_as_reputation),
        CASE(what_dmarc_doubts_is_not_authenticated_by_anybody_else),
        CASE(a_forgery_of_a_contact_is_refused_all_the_same),
        CASE(who_writes_to_traps_is_third_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
