/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an edge makes of what is known of a sender: the identities of a message, evidence when the store is silent,
 * and what it tells the store of a message that was judged.
 */
#include "roles/edge_known.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct role role;
static struct edge edge;
static struct edge_mail mail;
static struct arena *arena;
static struct dkim_signature_result signatures[4];
static struct bytes recipients[] = {BYTES_INIT("anna@here.example"), BYTES_INIT("bert@here.example")};

static const char config_text[] = "hostname = mx.here.example\nlistener smtp { address = [127.0.0.1:25] }\n";

static const struct dns_answer *no_answer(struct dns *dns, struct arena *memory, struct bytes name,
                                          enum dns_type type, int64_t deadline)
{
    static const struct dns_answer failed = {.status = DNS_FAILED, .problem = "nobody is there"};
    static struct dns_record records[2];
    static const struct dns_answer found = {.status = DNS_FOUND, .count = 2, .records = records};
    (void)dns;
    (void)memory;
    (void)deadline;
    records[0].name = BYTES("ns2.example.org");
    records[1].name = BYTES("ns1.example.org");
    return type == DNS_NS && bytes_is(name, "example.org") ? &found : &failed;
}

/* A message of carl@mail.example.org to two of ours, unauthenticated so far. */
static void make_mail(void)
{
    static struct dns dns = {.query = no_answer};
    struct buf errors;
    arena = arena_create(16 << 20);
    role = (struct role){.arena = arena};
    edge = (struct edge){.role = &role};
    mail = (struct edge_mail){.edge = &edge};
    buf_init(&errors, 4096);
    require(config_parse(arena, bytes_of(config_text), NULL, &role.config, &errors) == OK);
    buf_free(&errors);
    struct gather *gather = &mail.gather;
    gather->config = &role.config;
    gather->arena = arena;
    gather->forwarder_found = NONE;
    dns_recorder_init(&gather->recorder, &dns, arena);
    memset(signatures, 0, sizeof(signatures));
    gather->dkim.signatures = signatures;
    gather->from = (struct from_field){
        .status = FROM_OK, .address = BYTES("carl@mail.example.org"), .domain = BYTES("mail.example.org")};
    gather->evidence = (struct evidence){.id = BYTES("id"),
                                         .client = {4, {192, 0, 2, 1}},
                                         .mail_from = BYTES("carl@mail.example.org"),
                                         .header_from = BYTES("carl@mail.example.org"),
                                         .recipients = recipients,
                                         .recipient_count = 2};
}

static void sign(const char *domain, enum auth_result result)
{
    signatures[mail.gather.dkim.count++] =
        (struct dkim_signature_result){.result = result, .domain = bytes_of(domain)};
}

static void pass_spf(const char *domain)
{
    mail.gather.spf = (struct spf_result){.result = AUTH_PASS, .domain = bytes_of(domain)};
}

/* Stories run as the main fiber of a loop with a fake clock. */
static void run(void (*story)(void *))
{
    struct loop_options options = {.fake_clock = true, .fake_epoch = 1795297381};
    struct loop *loop = loop_create(&options);
    assert_non_null(loop);
    loop_run(loop, story, NULL);
    loop_destroy(loop);
    arena_destroy(arena);
}

static bool is(struct bytes value, const char *text)
{
    return bytes_is(value, text);
}

static void name_identities(void *unused)
{
    struct history_identity found[KNOWN_IDENTITIES_MAX];
    (void)unused;
    make_mail();
    require(edge_known_identities(&mail.gather, found) == 1);
    require(found[0].kind == HISTORY_NETWORK && is(found[0].name, "192.0.2.0/24") && !found[0].aligned);
    sign("esp.example", AUTH_PASS);
    sign("News.Example.org", AUTH_PASS);
    sign("example.org", AUTH_PASS);
    sign("broken.example", AUTH_FAIL);
    pass_spf("bounces.esp.example");
    require(edge_known_identities(&mail.gather, found) == 3);
    require(found[0].kind == HISTORY_DKIM && is(found[0].name, "example.org") && found[0].aligned);
    require(found[1].kind == HISTORY_SPF && is(found[1].name, "esp.example") && !found[1].aligned);
    require(found[2].kind == HISTORY_DKIM && is(found[2].name, "esp.example") && !found[2].aligned);
    /* Who lets everybody pass answers for nobody. */
    mail.gather.spf.mechanism = BYTES("+all");
    require(edge_known_identities(&mail.gather, found) == 2 && found[1].kind == HISTORY_DKIM);
    mail.gather.spf.mechanism = BYTES("mx");
    /* Without an author nothing is his. */
    mail.gather.from = (struct from_field){.status = FROM_ABSENT};
    require(edge_known_identities(&mail.gather, found) == 3 && !found[0].aligned);
}

static void identities_are_organizations_aligned_ones_first_or_the_network(void **state)
{
    (void)state;
    run(name_identities);
}

static void ask_nobody(void *unused)
{
    struct edge_known known = {.greylist = true, .greylist_delay = 300 * SECOND, .traps = &recipients[1],
                               .trap_count = 1};
    struct history_nameservers servers;
    (void)unused;
    make_mail();
    pass_spf("example.org");
    int64_t began = loop_now();
    require(edge_known(&mail, &known) == OK);
    require(loop_now() - began <= 4 * SECOND);
    const struct evidence *evidence = &mail.gather.evidence;
    const struct evidence_item *item = evidence_find(evidence, CHECK_HISTORY, 0);
    require(item && item->result == AUTH_TEMPERROR && is(evidence_value(item, "vouch", "identity"), "example.org"));
    require(is(evidence_value(item, "vouch", "kind"), "spf") && is(evidence_value(item, "vouch", "aligned"), "yes"));
    item = evidence_find(evidence, CHECK_GREYLIST, 0);
    require(item && item->result == AUTH_TEMPERROR);
    item = evidence_find(evidence, CHECK_TRAP, 0);
    require(item && item->result == AUTH_FAIL && is(evidence_value(item, "vouch", "recipient"), "bert@here.example"));
    item = evidence_find(evidence, CHECK_NAMESERVERS, 0);
    require(item && is(evidence_value(item, "vouch", "domain"), "example.org"));
    require(evidence_value(item, "vouch", "set").len == 16);
    require(!evidence_find(evidence, CHECK_CONTACT, 0));
    /* From the evidence come the same servers that were found. */
    edge_known_nameservers(&mail.gather, &servers);
    require(servers.count == 2 && is(servers.domain, "example.org"));
    struct history_nameservers expected = {.count = 0};
    history_add_nameserver(&expected, BYTES("ns2.example.org"));
    history_add_nameserver(&expected, BYTES("ns1.example.org"));
    require(memcmp(expected.hashes, servers.hashes, sizeof(uint16_t) * 2) == 0);
}

static void a_silent_store_is_a_temporary_error_and_holds_nothing_up(void **state)
{
    (void)state;
    run(ask_nobody);
}

/* A verdict with one reason and two contributions. */
struct judged {
    enum action action;
    enum trust_class trust;
    enum check decides;
    enum check check;
    int points;
    int of_history;
    enum known_class class;
    bool unscored;
};

static bool outcome_of(const struct judged *judged, const struct edge_known *known, struct known_outcome *out)
{
    struct reason reason = {.check = judged->decides, .effect = REASON_DECIDES};
    struct contribution contributions[] = {{.check = judged->check, .points = judged->points},
                                           {.check = CHECK_HISTORY, .points = judged->of_history}};
    struct verdict verdict = {.action = judged->action,
                              .trust = judged->trust,
                              .scored = !judged->unscored,
                              .junk_score = 500,
                              .score = judged->points + judged->of_history,
                              .reasons = &reason,
                              .reason_count = 1,
                              .contributions = contributions,
                              .contribution_count = 2};
    struct bytes blob;
    require(edge_known_outcome(&mail, known, &verdict, &blob));
    return blob.len && known_outcome_read(blob, out);
}

static bool class_is(struct verdict verdict, enum known_class class)
{
    static const struct edge_known known = {.unknown = 2};
    struct known_outcome outcome;
    struct bytes blob;
    require(edge_known_outcome(&mail, &known, &verdict, &blob) && blob.len && known_outcome_read(blob, &outcome));
    require(outcome.identity_count == 1 && outcome.unknown == 2 && !outcome.trap);
    return outcome.class == class;
}

/* What is accepted: only what the filter read and liked is ham. */
static void classify_accepted(void)
{
    struct contribution liked = {.check = CHECK_FILTER, .points = -100},
                        unsure = {.check = CHECK_FILTER, .points = -99},
                        authenticated = {.check = CHECK_DMARC, .points = -250};
    struct reason junk = {.check = CHECK_FILTER, .effect = REASON_AGAINST},
                  by_history = {.check = CHECK_HISTORY, .effect = REASON_AGAINST};
    struct verdict verdict = {.action = ACTION_ACCEPT, .scored = true, .junk_score = 500, .score = -100,
                              .contributions = &liked, .contribution_count = 1};
    require(class_is(verdict, KNOWN_HAM));
    verdict.trust = TRUST_FIRST;
    require(class_is(verdict, KNOWN_HAM));
    /* Exempt: nobody looked. */
    verdict.scored = false;
    require(class_is(verdict, KNOWN_PLAIN));
    verdict.scored = true;
    verdict.contributions = &unsure;
    require(class_is(verdict, KNOWN_PLAIN));
    /* First-class mail that the filter was not asked about, or any while it has learned nothing. */
    verdict.contributions = &authenticated;
    require(class_is(verdict, KNOWN_PLAIN));
    verdict.contribution_count = 0;
    require(class_is(verdict, KNOWN_PLAIN));
    /* junk-folder = no: accepted, and junk all the same. */
    verdict.score = 500;
    verdict.reasons = &junk;
    verdict.reason_count = 1;
    require(class_is(verdict, KNOWN_SPAM));
    verdict.reasons = &by_history;
    require(class_is(verdict, KNOWN_PLAIN));
}

static void classify(void *unused)
{
    static const struct { enum action action; enum check check; enum reason_effect effect; enum known_class class; }
        cases[] = {
            {ACTION_ACCEPT, CHECK_DMARC, REASON_FOR, KNOWN_PLAIN},
            {ACTION_ACCEPT, CHECK_HISTORY, REASON_DECIDES, KNOWN_PLAIN},
            {ACTION_ACCEPT, CHECK_CONTACT, REASON_DECIDES, KNOWN_PLAIN},
            {ACTION_JUNK, CHECK_FILTER, REASON_DECIDES, KNOWN_SPAM},
            {ACTION_REJECT, CHECK_DNSBL, REASON_DECIDES, KNOWN_SPAM},
            {ACTION_JUNK, CHECK_HISTORY, REASON_DECIDES, KNOWN_PLAIN},
            {ACTION_REJECT, CHECK_DMARC, REASON_DECIDES, KNOWN_PLAIN},
            {ACTION_REJECT, CHECK_ATTACHMENT, REASON_DECIDES, KNOWN_PLAIN},
            {ACTION_QUARANTINE, CHECK_VIRUS, REASON_DECIDES, KNOWN_SPAM},
        };
    static const struct judged judged_cases[] = {
        {ACTION_ACCEPT, TRUST_BUSINESS, CHECK_SESSION, CHECK_FILTER, -300, 0, KNOWN_HAM, false},
        {ACTION_ACCEPT, TRUST_THIRD, CHECK_SESSION, CHECK_FILTER, 199, -900, KNOWN_PLAIN, false},
        {ACTION_ACCEPT, TRUST_THIRD, CHECK_HISTORY, CHECK_FILTER, 700, -900, KNOWN_SPAM, false},
        {ACTION_ACCEPT, TRUST_FIRST, CHECK_HISTORY, CHECK_FILTER, 0, -900, KNOWN_PLAIN, false},
        {ACTION_JUNK, TRUST_THIRD, CHECK_FILTER, CHECK_FILTER, 600, 0, KNOWN_SPAM, false},
        /* Junk only because it was junk before. */
        {ACTION_JUNK, TRUST_BUSINESS, CHECK_HISTORY, CHECK_FILTER, 100, 900, KNOWN_PLAIN, false},
        {ACTION_JUNK, TRUST_BUSINESS, CHECK_FILTER, CHECK_FILTER, 199, 400, KNOWN_PLAIN, false},
        {ACTION_JUNK, TRUST_BUSINESS, CHECK_FILTER, CHECK_FILTER, 300, 250, KNOWN_SPAM, false},
        {ACTION_REJECT, TRUST_FORGED, CHECK_DMARC, CHECK_FILTER, 300, 0, KNOWN_PLAIN, false},
        {ACTION_QUARANTINE, TRUST_THIRD, CHECK_VIRUS, CHECK_FILTER, 0, 0, KNOWN_SPAM, false},
        /* For postmaster: nobody looked. */
        {ACTION_ACCEPT, TRUST_THIRD, CHECK_SESSION, CHECK_FILTER, -300, 0, KNOWN_PLAIN, true},
    };
    struct edge_known known = {.unknown = 2};
    struct judged judged = {.action = ACTION_DISCARD, .decides = CHECK_TRAP};
    struct known_outcome outcome;
    (void)unused;
    make_mail();
    pass_spf("example.org");
    for (size_t i = 0; i < countof(cases); i++) {
        struct reason reason = {.check = cases[i].check, .effect = cases[i].effect};
        struct verdict verdict = {.action = cases[i].action, .scored = true, .junk_score = 500, .reasons = &reason,
                                  .reason_count = 1};
        require(class_is(verdict, cases[i].class));
    }
    /* What teaches says enough together, whatever else was stronger. */
    struct contribution several[] = {{.check = CHECK_SESSION, .points = 250}, {.check = CHECK_URIBL, .points = 150},
                                     {.check = CHECK_FILTER, .points = 150}};
    struct reason strongest = {.check = CHECK_SESSION, .effect = REASON_DECIDES};
    struct verdict junk = {.action = ACTION_JUNK, .scored = true, .junk_score = 300, .score = 450,
                           .reasons = &strongest, .reason_count = 1, .contributions = several,
                           .contribution_count = 3};
    require(class_is(junk, KNOWN_SPAM));
    several[1].points = 49;
    require(class_is(junk, KNOWN_PLAIN));
    for (size_t i = 0; i < countof(judged_cases); i++)
        require(outcome_of(&judged_cases[i], &known, &outcome) && outcome.class == judged_cases[i].class);
    classify_accepted();
    known.traps = recipients;
    known.trap_count = 1;
    require(outcome_of(&judged, &known, &outcome));
    require(outcome.trap && outcome.class == KNOWN_SPAM);
    /* What is put off comes again, and what comes from our own network is nobody's. */
    judged.action = ACTION_TEMPFAIL;
    require(!outcome_of(&judged, &known, &outcome));
    judged.action = ACTION_ACCEPT;
    mail.gather.evidence.own_network = true;
    require(!outcome_of(&judged, &known, &outcome));
}

/* Who signed it did not choose its recipients: for them the network answers. */
static void blame(void *unused)
{
    struct edge_known known = {.traps = recipients, .trap_count = 1};
    struct judged judged = {.action = ACTION_DISCARD, .decides = CHECK_TRAP};
    struct known_outcome outcome;
    (void)unused;
    make_mail();
    sign("example.org", AUTH_PASS);
    require(outcome_of(&judged, &known, &outcome) && outcome.trap && outcome.identity_count == 2);
    require(outcome.identities[0].kind == HISTORY_DKIM && outcome.identities[1].kind == HISTORY_NETWORK);
    pass_spf("example.org");
    require(outcome_of(&judged, &known, &outcome) && outcome.identity_count == 2);
    require(outcome.identities[1].kind == HISTORY_SPF);
}

static void for_traps_of_what_is_only_signed_the_network_answers(void **state)
{
    (void)state;
    run(blame);
}

static void only_what_does_not_confirm_itself_is_ham_or_spam(void **state)
{
    (void)state;
    run(classify);
}

static void set_greylist_state(const char *name)
{
    mail.gather.evidence.item_count = 0;
    struct evidence_item *item = evidence_add(arena, &mail.gather.evidence, CHECK_GREYLIST, AUTH_NEUTRAL);
    require(item && evidence_property(arena, item, "vouch", "state", bytes_of(name)));
}

static void greylist(void *unused)
{
    static const struct { const char *state; enum action action; enum known_greylist is; } cases[] = {
        {"new", ACTION_TEMPFAIL, KNOWN_GREYLIST_TRY},     {"waiting", ACTION_TEMPFAIL, KNOWN_GREYLIST_NONE},
        {"passed", ACTION_ACCEPT, KNOWN_GREYLIST_PASS},   {"white", ACTION_ACCEPT, KNOWN_GREYLIST_PASS},
        {"passed", ACTION_JUNK, KNOWN_GREYLIST_JUNK},     {"passed", ACTION_REJECT, KNOWN_GREYLIST_NONE},
        {"new", ACTION_ACCEPT, KNOWN_GREYLIST_NONE},
    };
    struct edge_known known = {.greylist = true, .greylist_counts = true};
    (void)unused;
    make_mail();
    for (size_t i = 0; i < countof(cases); i++) {
        struct known_outcome outcome = {.greylist = KNOWN_GREYLIST_NONE};
        set_greylist_state(cases[i].state);
        struct judged judged = {.action = cases[i].action, .decides = CHECK_GREYLIST};
        bool told = outcome_of(&judged, &known, &outcome);
        require((told ? outcome.greylist : KNOWN_GREYLIST_NONE) == cases[i].is);
        if (cases[i].is != KNOWN_GREYLIST_NONE)
            require(is(outcome.recipient, "anna@here.example") && is(outcome.mail_from, "carl@mail.example.org") &&
                    outcome.client.family == 4 && !outcome.greylist_domain.len);
    }
    pass_spf("mail.example.org");
    struct known_outcome outcome;
    set_greylist_state("new");
    struct judged judged = {.action = ACTION_TEMPFAIL, .decides = CHECK_GREYLIST};
    require(outcome_of(&judged, &known, &outcome));
    require(is(outcome.greylist_domain, "example.org") && outcome.identity_count == 0);
}

static void the_greylist_hears_of_first_tries_and_of_what_passed(void **state)
{
    (void)state;
    run(greylist);
}

static void parse(const char *text)
{
    require(message_parse(arena, bytes_of(text), &mail.gather.message, NULL) == OK);
}

static void learn(void *unused)
{
    static const struct { const char *header; bool learned; } cases[] = {
        {"Subject: hello", true},
        {"Auto-Submitted: no", true},
        {"Auto-Submitted: auto-replied", false},
        {"Auto-Submitted: vacation", false},
        {"Precedence: bulk", false},
        {"Content-Type: multipart/report; report-type=disposition-notification; boundary=x", false},
        {"Content-Type: message/disposition-notification", false},
        {"Content-Type: text/calendar; method=REPLY", false},
        {"Content-Type: text/calendar; method=REQUEST", true},
        {"Content-Type: text/plain", true},
        {"List-Id: <x.here.example>", false},
    };
    struct edge_account account = {.name = BYTES("anna@here.example")};
    struct edge_known known = {.unknown = 0};
    struct judged judged = {.action = ACTION_ACCEPT, .decides = CHECK_SESSION};
    struct known_outcome outcome;
    (void)unused;
    make_mail();
    mail.account = &account;
    for (size_t i = 0; i < countof(cases); i++) {
        struct bytes text = arena_printf(arena, "From: anna@here.example\r\n%s\r\n\r\nhello\r\n", cases[i].header);
        parse(arena_string(arena, text));
        require(outcome_of(&judged, &known, &outcome) == cases[i].learned);
        if (cases[i].learned)
            require(outcome.learned_count == 1 && is(outcome.learned[0], "bert@here.example") &&
                    is(outcome.owner, "anna@here.example") && !outcome.identity_count);
    }
    parse("From: anna@here.example\r\nSubject: Unsubscribe\r\n\r\n\r\n");
    require(!outcome_of(&judged, &known, &outcome));
    parse("From: anna@here.example\r\nSubject: unsubscribe\r\n\r\nHow do I do that?\r\n");
    require(outcome_of(&judged, &known, &outcome));
    parse("From: anna@here.example\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n--x\r\n\r\nyes\r\n"
          "--x\r\nContent-Type: text/calendar; charset=utf-8; method=\"reply\"\r\n\r\nBEGIN\r\n--x--\r\n");
    require(!outcome_of(&judged, &known, &outcome));
    parse("From: anna@here.example\r\n\r\nhello\r\n");
    judged.action = ACTION_REJECT;
    require(!outcome_of(&judged, &known, &outcome));
    judged.action = ACTION_ACCEPT;
    account.machine = true;
    require(!outcome_of(&judged, &known, &outcome));
}

static void contacts_are_learned_of_what_a_person_writes(void **state)
{
    (void)state;
    run(learn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identities_are_organizations_aligned_ones_first_or_the_network),
        cmocka_unit_test(a_silent_store_is_a_temporary_error_and_holds_nothing_up),
        cmocka_unit_test(only_what_does_not_confirm_itself_is_ham_or_spam),
        cmocka_unit_test(for_traps_of_what_is_only_signed_the_network_answers),
        cmocka_unit_test(the_greylist_hears_of_first_tries_and_of_what_passed),
        cmocka_unit_test(contacts_are_learned_of_what_a_person_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
