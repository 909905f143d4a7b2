/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/verdict_fixture.h"

/* Thresholds */

static void each_threshold_acts_from_its_points_on(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        int junk, quarantine, reject;
        enum action action;
    } cases[] = {
        {"4.99", 500, 0, 1500, ACTION_ACCEPT},    {"5", 500, 0, 1500, ACTION_JUNK},
        {"5", 500, 500, 0, ACTION_QUARANTINE},    {"4.99", 500, 500, 500, ACTION_ACCEPT},
        {"5", 500, 500, 500, ACTION_REJECT},      {"12", 500, 1201, 1201, ACTION_JUNK},
        {"12", 500, 0, 0, ACTION_JUNK},           {"12", 10000, 0, 0, ACTION_ACCEPT},
        {"-1", -100, 0, 0, ACTION_JUNK},          {"-1.01", -100, 0, 0, ACTION_ACCEPT},
        {"7", 800, 700, 0, ACTION_QUARANTINE},    {"12", 2000, 0, 1200, ACTION_REJECT},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        start_over();
        policy.junk_score = cases[i].junk;
        policy.quarantine_score = cases[i].quarantine;
        policy.reject_score = cases[i].reject;
        add_filter(cases[i].filter);
        judge_it();
        if (verdict.action != cases[i].action)
            fail_msg("case %zu: %s", i, action_name(verdict.action));
    }
}

static void without_a_junk_folder_junk_is_marked(void **state)
{
    (void)state;
    policy.junk_folder = false;
    add_filter("6");
    replied(ACTION_ACCEPT, 250, "2.0.0");
    assert_true(verdict_is_junk(&verdict));
    start_over();
    add_filter("1");
    judge_it();
    assert_false(verdict_is_junk(&verdict));
}

static void a_refusal_by_score_says_why_and_whom_to_ask(void **state)
{
    (void)state;
    struct policy_list list = {.name = BYTES("zen"), .points = 900};
    policy.lists = &list;
    policy.list_count = 1;
    add_filter("11");
    add_spf(AUTH_SOFTFAIL, "x.example");
    add(CHECK_DNSBL, AUTH_FAIL, "list", "zen", "use", "client", "subject", "192.0.2.1", "code", "127.0.0.2", "text",
        "open relay", NULL);
    replied(ACTION_REJECT, 550, "5.7.1");
    assert_true(bytes_is(verdict.text, "This message looks like junk: what it says resembles junk; 192.0.2.1 is listed "
                                       "by zen (127.0.0.2): open relay; SPF for x.example: softfail. If it is none, "
                                       "please write to postmaster here and name this id:"));
}

static void a_refusal_does_not_tell_how_to_get_through(void **state)
{
    (void)state;
    struct policy_rule rule = {.name = BYTES("secret-rule"), .points = 1000, .action = ACTION_ACCEPT};
    policy.rules = &rule;
    policy.rule_count = 1;
    add_filter("12");
    add(CHECK_RULE, AUTH_FAIL, "rule", "secret-rule", NULL);
    add(CHECK_HISTORY, AUTH_NEUTRAL, "kind", "network", "identity", "192.0.2.0/24", "junk", "1234", NULL);
    replied(ACTION_REJECT, 550, "5.7.1");
    assert_false(text_says(verdict.text, "secret"));
    assert_false(text_says(verdict.text, "1234"));
}

static void first_class_mail_is_not_refused_by_score(void **state)
{
    (void)state;
    policy.reject_score = 600;
    policy.skip_filter = false;
    add_dkim(AUTH_PASS, "author.example");
    add_contact("alice@here.example", "no");
    add_filter("12");
    add(CHECK_VIRUS, AUTH_FAIL, "name", "x", NULL);
    policy.virus = ACTION_ACCEPT;
    judged(ACTION_JUNK, TRUST_FIRST);
    assert_true(verdict.score >= 600);
    evidence.items[1].result = AUTH_FAIL;
    judged(ACTION_REJECT, TRUST_BUSINESS);
}

/* Content */

static void a_virus_is_refused_even_of_a_friend(void **state)
{
    (void)state;
    add_dkim(AUTH_PASS, "author.example");
    add_contact("alice@here.example", "yes");
    add(CHECK_VIRUS, AUTH_FAIL, "name", "Eicar", NULL);
    replied(ACTION_REJECT, 550, "5.7.1");
    assert_int_equal(verdict.trust, TRUST_FIRST);
    assert_true(text_says(verdict.text, "Eicar"));
    policy.virus = ACTION_QUARANTINE;
    replied(ACTION_QUARANTINE, 250, "2.0.0");
    policy.virus = ACTION_JUNK;
    replied(ACTION_JUNK, 250, "2.0.0");
    policy.virus = ACTION_ACCEPT;
    judge_it();
    assert_int_equal(points_for("VIRUS"), 1000);
    evidence.items[2].result = AUTH_PASS;
    replied(ACTION_ACCEPT, 250, "2.0.0");
}

static void a_forgery_with_a_virus_is_a_forgery(void **state)
{
    (void)state;
    add_dmarc(AUTH_FAIL, "reject");
    add(CHECK_VIRUS, AUTH_FAIL, "name", "Eicar", NULL);
    replied(ACTION_REJECT, 550, "5.7.26");
    assert_int_equal(verdict.trust, TRUST_FORGED);
}

static void mail_waits_for_the_scanner_if_so_configured(void **state)
{
    (void)state;
    add(CHECK_VIRUS, AUTH_TEMPERROR, NULL);
    replied(ACTION_TEMPFAIL, 451, "4.3.0");
    policy.unscanned_tempfails = false;
    replied(ACTION_ACCEPT, 250, "2.0.0");
}

static void what_is_refused_anyway_does_not_wait_for_the_scanner(void **state)
{
    (void)state;
    add(CHECK_VIRUS, AUTH_TEMPERROR, NULL);
    add_dmarc(AUTH_FAIL, "reject");
    replied(ACTION_REJECT, 550, "5.7.26");
}

static void unwanted_attachments_are_known_by_extension_or_nature(void **state)
{
    (void)state;
    struct bytes unwanted[] = {BYTES("iso"), BYTES("executable")};
    policy.attachments = unwanted;
    policy.attachment_count = 2;
    static const struct {
        const char *extension, *is;
        bool refused;
    } cases[] = {{"ISO", "", true},
                 {"exe", "disguised executable", true},
                 {"exe", "", false},
                 {"pdf", "executables", false},
                 {"pdf", "encrypted", false}};
    for (size_t i = 0; i < countof(cases); i++) {
        start_over();
        add(CHECK_ATTACHMENT, AUTH_NEUTRAL, "name", "x.pdf", "extension", cases[i].extension, "is", cases[i].is, NULL);
        judge_it();
        assert_int_equal(verdict.action, cases[i].refused ? ACTION_REJECT : ACTION_ACCEPT);
    }
    policy.attachment = ACTION_ACCEPT;
    evidence.items[0].properties[1].value = BYTES("iso");
    judge_it();
    assert_int_equal(points_for("ATTACHMENT"), 200);
}

static void what_cannot_be_looked_into_is_junk_where_content_would_matter(void **state)
{
    (void)state;
    struct bytes unwanted[] = {BYTES("exe")};
    struct policy_rule rules[] = {{.name = BYTES("a"), .action = ACTION_ACCEPT}};
    add(CHECK_ATTACHMENT, AUTH_TEMPERROR, NULL);
    judged(ACTION_ACCEPT, TRUST_THIRD);
    policy.rules = rules;
    policy.rule_count = 1;
    judged(ACTION_ACCEPT, TRUST_THIRD);
    rules[0].action = ACTION_REJECT;
    replied(ACTION_JUNK, 250, "2.0.0");
    policy.rule_count = 0;
    policy.attachments = unwanted;
    policy.attachment_count = 1;
    replied(ACTION_JUNK, 250, "2.0.0");
    policy.attachment = ACTION_ACCEPT;
    judged(ACTION_ACCEPT, TRUST_THIRD);
    policy.attachment = ACTION_REJECT;
    add(CHECK_ATTACHMENT, AUTH_NEUTRAL, "name", "x.exe", "extension", "exe", NULL);
    replied(ACTION_REJECT, 550, "5.7.1");
}

static void a_policy_may_take_smaller_messages_only(void **state)
{
    (void)state;
    evidence.size = 1001;
    judged(ACTION_ACCEPT, TRUST_THIRD);
    policy.message_size = 1000;
    replied(ACTION_REJECT, 552, "5.3.4");
    evidence.size = 1000;
    judged(ACTION_ACCEPT, TRUST_THIRD);
}

static void rules_act_by_themselves_where_they_say_so(void **state)
{
    (void)state;
    struct policy_rule rules[] = {{.name = BYTES("lottery"), .points = 100, .action = ACTION_REJECT,
                                   .text = BYTES("We do not take part in lotteries.")},
                                  {.name = BYTES("lottery"), .points = 900, .action = ACTION_ACCEPT}};
    policy.rules = rules;
    policy.rule_count = 2;
    add(CHECK_RULE, AUTH_FAIL, "rule", "lottery", NULL);
    replied(ACTION_REJECT, 550, "5.7.1");
    assert_true(bytes_is(verdict.text, "We do not take part in lotteries."));
    assert_int_equal(points_for("LOTTERY"), 100); /* the first of a name counts */
    static const enum action actions[] = {ACTION_JUNK, ACTION_QUARANTINE, ACTION_DISCARD, ACTION_ACCEPT};
    for (size_t i = 0; i < countof(actions); i++) {
        rules[0].action = actions[i];
        replied(actions[i], 250, "2.0.0");
    }
}

static void nothing_is_discarded_but_by_a_rule_that_says_so(void **state)
{
    (void)state;
    static const enum check checks[] = {CHECK_VIRUS, CHECK_TRAP, CHECK_DMARC, CHECK_RULE, CHECK_FILTER, CHECK_DNSBL};
    policy.virus = policy.attachment = ACTION_QUARANTINE;
    for (size_t i = 0; i < countof(checks); i++)
        add(checks[i], AUTH_FAIL, "effective", "reject", "rule", "x", "points", "99", NULL);
    judge_it();
    assert_true(verdict.action != ACTION_DISCARD);
}

static void a_refusal_outranks_a_discard_which_outranks_quarantine(void **state)
{
    (void)state;
    struct policy_rule rules[] = {{.name = BYTES("a"), .action = ACTION_DISCARD},
                                  {.name = BYTES("b"), .action = ACTION_QUARANTINE},
                                  {.name = BYTES("c"), .action = ACTION_REJECT}};
    policy.rules = rules;
    policy.rule_count = 3;
    add(CHECK_RULE, AUTH_FAIL, "rule", "b", NULL);
    replied(ACTION_QUARANTINE, 250, "2.0.0");
    add(CHECK_RULE, AUTH_FAIL, "rule", "a", NULL);
    replied(ACTION_DISCARD, 250, "2.0.0");
    add(CHECK_RULE, AUTH_FAIL, "rule", "c", NULL);
    replied(ACTION_REJECT, 550, "5.7.1");
    assert_int_equal(verdict.reasons[0].effect, REASON_DECIDES);
    for (size_t i = 1; i < verdict.reason_count; i++)
        assert_true(verdict.reasons[i].effect != REASON_DECIDES);
}

/* Accountability */

static void consumers_need_a_domain_that_answers_if_so_configured(void **state)
{
    (void)state;
    add(CHECK_RDNS, AUTH_POLICY, "class", "generic", "name", "dsl-1-2-3-4.isp.example", NULL);
    judged(ACTION_ACCEPT, TRUST_THIRD);
    policy.generic_name_rejects = true;
    replied(ACTION_REJECT, 550, "5.7.25");
    evidence.items[0].result = AUTH_NONE;
    replied(ACTION_REJECT, 550, "5.7.25");
    evidence.items[0].result = AUTH_FAIL;
    judged(ACTION_ACCEPT, TRUST_THIRD);
    evidence.items[0].result = AUTH_POLICY;
    add_spf(AUTH_PASS, "sender.example");
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
    start_over();
    add(CHECK_RDNS, AUTH_POLICY, "class", "generic", NULL);
    add_dkim(AUTH_PASS, "sender.example");
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
}

static void forwarders_may_have_consumers_names(void **state)
{
    (void)state;
    struct ip_network network;
    policy.generic_name_rejects = true;
    add(CHECK_RDNS, AUTH_POLICY, "class", "generic", NULL);
    replied(ACTION_REJECT, 550, "5.7.25");
    assert_true(ip_network_parse(BYTES("192.0.2.1"), &network));
    policy.trusted_forwarders = &network;
    policy.trusted_forwarder_count = 1;
    judged(ACTION_ACCEPT, TRUST_THIRD);
    policy.trusted_forwarder_count = 0;
    add(CHECK_FORWARDER, AUTH_PASS, "name", "school", NULL);
    judged(ACTION_ACCEPT, TRUST_THIRD);
}

static void a_part_that_the_scanner_did_not_see_is_told(void **state)
{
    (void)state;
    add(CHECK_VIRUS, AUTH_NEUTRAL, NULL)->reason = BYTES("25 of 30 MB were scanned");
    replied(ACTION_ACCEPT, 250, "2.0.0");
    bool told = false;
    for (size_t i = 0; i < verdict.reason_count; i++)
        told |= verdict.reasons[i].check == CHECK_VIRUS && text_says(verdict.reasons[i].text, "25 of 30 MB");
    assert_true(told);
    assert_int_equal(verdict.score, 0);
}

static void accountability_waits_for_dns(void **state)
{
    (void)state;
    policy.generic_name_rejects = true;
    add(CHECK_RDNS, AUTH_POLICY, "class", "generic", NULL);
    add_spf(AUTH_TEMPERROR, "sender.example");
    replied(ACTION_TEMPFAIL, 451, "4.7.24");
    add(CHECK_ATTEMPT, AUTH_NONE, "count", "3", NULL);
    judged(ACTION_ACCEPT, TRUST_THIRD);
}

/* Traps */

static void mail_for_traps_alone_is_taken(void **state)
{
    (void)state;
    policy.default_reject = true;
    policy.greylist = JUDGE_GREYLIST_ON;
    add(CHECK_TRAP, AUTH_FAIL, "recipient", "Alice@here.example", NULL);
    add(CHECK_GREYLIST, AUTH_NEUTRAL, "state", "new", NULL);
    add_dmarc(AUTH_FAIL, "quarantine");
    add_filter("12");
    judged(ACTION_ACCEPT, TRUST_FORGED);
    assert_true(verdict.score >= 1500);
    add(CHECK_VIRUS, AUTH_FAIL, "name", "x", NULL);
    replied(ACTION_REJECT, 550, "5.7.1");
    start_over();
    add(CHECK_TRAP, AUTH_FAIL, "recipient", "alice@here.example", NULL);
    judged(ACTION_ACCEPT, TRUST_THIRD);
}

static void mail_for_a_trap_and_somebody_is_junk(void **state)
{
    (void)state;
    evidence.recipient_count = 2;
    add(CHECK_TRAP, AUTH_FAIL, "recipient", "alice@here.example", NULL);
    judged(ACTION_JUNK, TRUST_THIRD);
}

static void mail_for_two_traps_is_taken_and_for_a_person_besides_is_judged(void **state)
{
    (void)state;
    evidence.recipient_count = 2;
    add(CHECK_TRAP, AUTH_FAIL, "recipient", "alice@here.example", NULL);
    add(CHECK_TRAP, AUTH_FAIL, "recipient", "bob@here.example", NULL);
    judged(ACTION_ACCEPT, TRUST_THIRD);
    struct bytes three[] = {recipients[0], recipients[1], BYTES("carol@here.example")};
    evidence.recipients = three;
    evidence.recipient_count = 3;
    judged(ACTION_JUNK, TRUST_THIRD);
    assert_int_equal(points_for("TRAP"), 1000);
}

/* default-reject */

static void default_reject_takes_first_class_mail_and_contacts_of_all(void **state)
{
    (void)state;
    policy.default_reject = true;
    replied(ACTION_REJECT, 550, "5.7.1");
    add_contact("alice@here.example", "no");
    replied(ACTION_REJECT, 550, "5.7.1"); /* anybody can write a name */
    add_dkim(AUTH_PASS, "author.example");
    judged(ACTION_ACCEPT, TRUST_FIRST);
    /* A contact with a bad past is not first-class, but known. */
    add(CHECK_HISTORY, AUTH_NEUTRAL, "kind", "dkim", "aligned", "yes", "spam", "50", NULL);
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
    evidence.recipient_count = 2;
    replied(ACTION_REJECT, 550, "5.7.1");
    add_contact("bob@here.example", "no");
    judged(ACTION_ACCEPT, TRUST_BUSINESS);
    start_over();
    add_dkim(AUTH_PASS, "author.example");
    replied(ACTION_REJECT, 550, "5.7.1"); /* business-class is not enough */
    evidence.exempt = true;
    replied(ACTION_ACCEPT, 250, "2.0.0");
}

static void default_reject_takes_reports_to_return_paths_of_ours(void **state)
{
    (void)state;
    policy.default_reject = true;
    add(CHECK_RETURN_PATH, AUTH_PASS, "kind", "BATV", NULL);
    replied(ACTION_REJECT, 550, "5.7.1");
    evidence.mail_from = BYTES("");
    judged(ACTION_ACCEPT, TRUST_THIRD);
}

/* Greylisting (RFC 6647) */

static void greylisting_by_state_and_age(void **state)
{
    (void)state;
    static const struct {
        const char *state, *age;
        bool put_off;
    } cases[] = {{"new", "", true},      {"waiting", "0", true},    {"waiting", "299", true}, {"waiting", "300", false},
                 {"waiting", "9999", false}, {"passed", "", false}, {"white", "", false},     {"", "", false},
                 {"waiting", "soon", false}};
    for (size_t i = 0; i < countof(cases); i++) {
        start_over();
        policy.greylist = JUDGE_GREYLIST_ON;
        add(CHECK_GREYLIST, AUTH_NEUTRAL, "state", cases[i].state, "age", cases[i].age, NULL);
        judge_it();
        if ((verdict.action == ACTION_TEMPFAIL) != cases[i].put_off)
            fail_msg("case %zu", i);
        policy.greylist = JUDGE_GREYLIST_OFF;
        judged(ACTION_ACCEPT, TRUST_THIRD);
    }
    start_over();
    policy.greylist = JUDGE_GREYLIST_ON;
    judged(ACTION_ACCEPT, TRUST_THIRD); /* the store did not answer */
    add(CHECK_GREYLIST, AUTH_NEUTRAL, "state", "waiting", "age", "100", NULL);
    replied(ACTION_TEMPFAIL, 450, "4.7.1");
    assert_true(text_says(verdict.text, "in 200 seconds"));
}

static void auto_greylisting_spares_whom_something_good_is_known_of(void **state)
{
    (void)state;
    policy.greylist = JUDGE_GREYLIST_AUTO;
    add(CHECK_GREYLIST, AUTH_NEUTRAL, "state", "new", NULL);
    add_filter("-5"); /* what it says is nothing known of the sender */
    replied(ACTION_TEMPFAIL, 450, "4.7.1");
    add_dkim(AUTH_PASS, "author.example");
    replied(ACTION_TEMPFAIL, 450, "4.7.1");
    add_contact("*", "no");
    replied(ACTION_ACCEPT, 250, "2.0.0");
    evidence.items[evidence.item_count - 1].result = AUTH_NONE;
    policy.greylist = JUDGE_GREYLIST_ON;
    replied(ACTION_TEMPFAIL, 450, "4.7.1");
    add_contact("alice@here.example", "no");
    replied(ACTION_ACCEPT, 250, "2.0.0");
    assert_int_equal(verdict.trust, TRUST_FIRST);
}

static void put_off_again(void)
{
    start_over();
    add(CHECK_GREYLIST, AUTH_NEUTRAL, "state", "new", NULL);
    replied(ACTION_TEMPFAIL, 450, "4.7.1");
}

static void contacts_forwarders_and_answers_are_not_put_off(void **state)
{
    (void)state;
    struct ip_network network;
    policy.greylist = JUDGE_GREYLIST_ON;
    put_off_again();
    add_contact("*", "no"); /* whoever wrote it: a forger would gain nothing but time */
    judged(ACTION_ACCEPT, TRUST_THIRD);
    put_off_again();
    add(CHECK_FORWARDER, AUTH_PASS, "name", "school", NULL);
    judged(ACTION_ACCEPT, TRUST_THIRD);
    put_off_again();
    add(CHECK_RETURN_PATH, AUTH_PASS, "kind", "SES", NULL);
    replied(ACTION_TEMPFAIL, 450, "4.7.1");
    evidence.mail_from = BYTES("");
    judged(ACTION_ACCEPT, TRUST_THIRD);
    put_off_again();
    assert_true(ip_network_parse(BYTES("192.0.2.0/24"), &network));
    policy.trusted_forwarders = &network;
    policy.trusted_forwarder_count = 1;
    judged(ACTION_ACCEPT, TRUST_THIRD);
}

static void a_refusal_outranks_greylisting_which_outranks_junk(void **state)
{
    (void)state;
    policy.greylist = JUDGE_GREYLIST_ON;
    add(CHECK_GREYLIST, AUTH_NEUTRAL, "state", "new", NULL);
    add_filter("6");
    replied(ACTION_TEMPFAIL, 450, "4.7.1");
    add(CHECK_TRAP, AUTH_FAIL, "recent", "yes", NULL);
    add(CHECK_HELO, AUTH_FAIL, "false", "yes", NULL);
    add(CHECK_NOLIST, AUTH_FAIL, NULL);
    replied(ACTION_REJECT, 550, "5.7.1");
}

/* Who is not looked at */

static void exempt_and_own_mail_is_neither_scored_nor_refused(void **state)
{
    (void)state;
    policy.default_reject = policy.generic_name_rejects = true;
    policy.greylist = JUDGE_GREYLIST_ON;
    add(CHECK_GREYLIST, AUTH_NEUTRAL, "state", "new", NULL);
    add(CHECK_VIRUS, AUTH_FAIL, "name", "x", NULL);
    add(CHECK_RDNS, AUTH_NONE, NULL);
    add_dmarc(AUTH_FAIL, "reject");
    add_filter("12");
    evidence.exempt = true;
    for (int i = 0; i < 3; i++) {
        judge_it();
        assert_int_equal(verdict.action, ACTION_ACCEPT);
        assert_true(verdict.judged && !verdict.scored);
        assert_int_equal(verdict.score, 0);
        assert_int_equal(verdict.contribution_count, 0);
        evidence.exempt = false;
        evidence.own_network = i == 0;
        evidence.account = i == 1 ? BYTES("alice") : BYTES("");
    }
    evidence.own_network = false;
    evidence.account = BYTES("");
    replied(ACTION_REJECT, 550, "5.7.26");
}

/* Shadow */

/* Of so much evidence that the reasons do not fit into a shadow's memory. */
static void a_shadow_without_memory_changes_nothing(void **state)
{
    (void)state;
    enum { MANY = 30000 };
    struct policy strict = policy;
    struct arena *large = arena_create(256 << 20);
    char reason[300];
    memset(reason, 'x', sizeof(reason));
    strict.name = BYTES("strict");
    strict.junk_score = -1000;
    for (int i = 0; i < MANY; i++)
        evidence_add(large, &evidence, CHECK_SESSION, AUTH_NEUTRAL)->reason = bytes_from(reason, sizeof(reason));
    assert_int_equal(judge_live(large, &policy, &strict, &evidence, &verdict), OK);
    assert_int_equal(verdict.action, ACTION_ACCEPT);
    assert_int_equal(verdict.code, 250);
    assert_int_equal(verdict.shadow.policy.len, 0);
    assert_false(arena_exhausted(large));
    /* With less it disagrees. */
    evidence.item_count = 10;
    assert_int_equal(judge_live(large, &policy, &strict, &evidence, &verdict), OK);
    assert_true(bytes_is(verdict.shadow.policy, "strict"));
    arena_destroy(large);
    evidence.items = NULL;
}

static void a_shadow_tells_of_other_actions_only(void **state)
{
    (void)state;
    struct policy strict = policy;
    strict.name = BYTES("strict");
    strict.junk_score = 300;
    add_filter("4");
    assert_int_equal(judge_live(arena, &policy, &strict, &evidence, &verdict), OK);
    assert_int_equal(verdict.action, ACTION_ACCEPT);
    assert_true(bytes_is(verdict.shadow.policy, "strict"));
    assert_int_equal(verdict.shadow.action, ACTION_JUNK);
    assert_int_equal(verdict.shadow.score, 400);
    strict.junk_score = 401;
    assert_int_equal(judge_live(arena, &policy, &strict, &evidence, &verdict), OK);
    assert_int_equal(verdict.shadow.policy.len, 0);
    assert_int_equal(judge_live(arena, &policy, NULL, &evidence, &verdict), OK);
    assert_int_equal(verdict.shadow.policy.len, 0);
}

/* Replays */

static struct bytes as_json(const struct verdict *what)
{
    struct buf buf;
    buf_init(&buf, 1 << 20);
    struct json json = json_into(&buf);
    verdict_write(&json, what);
    assert_false(buf.failed);
    struct bytes copy = arena_copy(arena, buf_bytes(&buf));
    buf_free(&buf);
    return copy;
}

static void judging_twice_gives_the_same_octets(void **state)
{
    (void)state;
    add_filter("7.77");
    add_spf(AUTH_SOFTFAIL, "x.example");
    add(CHECK_HISTORY, AUTH_NEUTRAL, "kind", "network", "identity", "192.0.2.0/24", "spam", "12.34", NULL);
    judge_it();
    struct bytes first = as_json(&verdict);
    judge_it();
    assert_true(bytes_equal(first, as_json(&verdict)));
}

/* What the ledger keeps is UTF-8; what was judged when the mail came must have been the same. */
static void a_replay_of_octets_that_are_no_utf8_gives_the_same_octets(void **state)
{
    (void)state;
    struct evidence again;
    struct error error;
    struct buf buf;
    struct policy_list list = {.name = BYTES("zen"), .points = 900};
    policy.lists = &list;
    policy.list_count = 1;
    evidence.header_from = BYTES("\xff\xfe@\xc3\x28.example");
    add(CHECK_FROM, AUTH_PASS, "domain", "\xff\xfe.example", NULL);
    add(CHECK_DNSBL, AUTH_FAIL, "list", "zen", "use", "client", "subject", "192.0.2.1", "text", "\x80\x81 junk", NULL);
    add_dkim(AUTH_PASS, "\xfd.example");
    add_filter("9");
    assert_int_equal(judge_live(arena, &policy, NULL, &evidence, &verdict), OK);
    struct bytes first = as_json(&verdict);
    buf_init(&buf, 1 << 20);
    struct json json = json_into(&buf);
    evidence_write(&json, &evidence);
    assert_int_equal(evidence_read(arena, buf_bytes(&buf), &again, &error), OK);
    buf_free(&buf);
    assert_int_equal(judge(arena, &policy, &again, &verdict), OK);
    assert_true(bytes_equal(first, as_json(&verdict)));
}

static void a_verdict_of_an_older_release_is_read_without_a_score(void **state)
{
    (void)state;
    struct verdict old;
    struct error error;
    assert_int_equal(verdict_read(arena, BYTES("{\"action\":\"junk\",\"trust\":\"forged\",\"code\":250,\"enhanced\":"
                                               "\"2.0.0\",\"text\":\"x\",\"reasons\":[]}"),
                                  &old, &error),
                     OK);
    assert_false(old.judged || old.scored);
    assert_int_equal(old.contribution_count, 0);
    assert_int_equal(old.shadow.policy.len, 0);
}

static void a_verdict_reads_back_as_it_was(void **state)
{
    (void)state;
    struct verdict back;
    struct error error;
    struct policy strict = policy;
    strict.name = BYTES("strict");
    strict.junk_score = 300;
    policy.quarantine_score = 700;
    add_filter("4.5");
    add_dkim(AUTH_PASS, "author.example");
    assert_int_equal(judge_live(arena, &policy, &strict, &evidence, &verdict), OK);
    struct bytes text = as_json(&verdict);
    assert_int_equal(verdict_read(arena, text, &back, &error), OK);
    assert_true(bytes_equal(text, as_json(&back)));
    assert_int_equal(back.contributions[0].item, CONTRIBUTION_NO_ITEM);
    assert_int_equal(back.score, verdict.score);
    assert_int_equal(back.shadow.action, ACTION_JUNK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_threshold_acts_from_its_points_on),
        CASE(without_a_junk_folder_junk_is_marked),
        CASE(a_refusal_by_score_says_why_and_whom_to_ask),
        CASE(a_refusal_does_not_tell_how_to_get_through),
        CASE(first_class_mail_is_not_refused_by_score),
        CASE(a_virus_is_refused_even_of_a_friend),
        CASE(a_forgery_with_a_virus_is_a_forgery),
        CASE(mail_waits_for_the_scanner_if_so_configured),
        CASE(what_is_refused_anyway_does_not_wait_for_the_scanner),
        CASE(unwanted_attachments_are_known_by_extension_or_nature),
        CASE(what_cannot_be_looked_into_is_junk_where_content_would_matter),
        CASE(a_policy_may_take_smaller_messages_only),
        CASE(rules_act_by_themselves_where_they_say_so),
        CASE(nothing_is_discarded_but_by_a_rule_that_says_so),
        CASE(a_refusal_outranks_a_discard_which_outranks_quarantine),
        CASE(consumers_need_a_domain_that_answers_if_so_configured),
        CASE(accountability_waits_for_dns),
        CASE(mail_for_traps_alone_is_taken),
        CASE(mail_for_a_trap_and_somebody_is_junk),
        CASE(mail_for_two_traps_is_taken_and_for_a_person_besides_is_judged),
        CASE(default_reject_takes_reports_to_return_paths_of_ours),
        CASE(forwarders_may_have_consumers_names),
        CASE(a_part_that_the_scanner_did_not_see_is_told),
        CASE(a_shadow_without_memory_changes_nothing),
        CASE(default_reject_takes_first_class_mail_and_contacts_of_all),
        CASE(greylisting_by_state_and_age),
        CASE(auto_greylisting_spares_whom_something_good_is_known_of),
        CASE(contacts_forwarders_and_answers_are_not_put_off),
        CASE(a_refusal_outranks_greylisting_which_outranks_junk),
        CASE(exempt_and_own_mail_is_neither_scored_nor_refused),
        CASE(a_shadow_tells_of_other_actions_only),
        CASE(judging_twice_gives_the_same_octets),
        CASE(a_replay_of_octets_that_are_no_utf8_gives_the_same_octets),
        CASE(a_verdict_of_an_older_release_is_read_without_a_score),
        CASE(a_verdict_reads_back_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
