/* SPDX-License-Identifier: BSD-2-Clause */
/* What lists in DNS and ratings say becomes evidence; each part of a gather that they need is made by hand. */
#include "roles/gather_reputation.h"

#include "dns/zone.h"
#include "roles/gather_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LISTS_MAX = 4 };

struct fixture {
    void (*scenario)(struct fixture *f);
    struct zone *zone;
    struct arena *arena;
    struct config config;
    struct config_dnslist lists[LISTS_MAX];
    struct config_rating rating;
    struct gather gather;
    struct dkim_signature_result signatures[2];
    struct readable readable;
    struct readable_link links[4];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->zone = zone_create();
    f->arena = arena_create(32 << 20);
    f->config.dnslists = f->lists;
    f->config.reputation.timeout = 5 * SECOND;
    f->config.reputation.urls = 20;
    f->readable.links = f->links;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    arena_destroy(f->arena);
    zone_destroy(f->zone);
    free(f);
    return 0;
}

static void run_scenario(void *argument)
{
    struct fixture *f = argument;
    dns_recorder_init(&f->gather.recorder, zone_dns(f->zone), f->arena);
    fiber_group_open(&f->gather.checks);
    f->scenario(f);
    gather_reputation_end(&f->gather);
    fiber_group_close(&f->gather.checks);
}

static void prepare(struct fixture *f)
{
    f->gather = (struct gather){.config = &f->config, .arena = f->arena};
    f->gather.dkim.signatures = f->signatures;
    assert_true(ip_parse(BYTES("192.0.2.7"), &f->gather.evidence.client));
}

static void run(void **state, void (*scenario)(struct fixture *f))
{
    struct fixture *f = *state;
    struct loop_options options = {.fake_clock = true, .fake_epoch = 1700000000};
    struct loop *loop = loop_create(&options);
    assert_non_null(loop);
    f->scenario = scenario;
    loop_run(loop, run_scenario, f);
    loop_destroy(loop);
}

static struct config_dnslist *add_list(struct fixture *f, unsigned uses, int weight)
{
    static char names[LISTS_MAX][8], zones[LISTS_MAX][24];
    size_t i = f->config.dnslist_count++;
    snprintf(names[i], sizeof(names[i]), "l%zu", i);
    snprintf(zones[i], sizeof(zones[i]), "l%zu.example", i);
    f->lists[i] = (struct config_dnslist){
        .name = names[i], .zone = zones[i], .uses = uses, .weight = weight, .ipv6 = true, .registrable = true};
    return &f->lists[i];
}

static void load(struct fixture *f, const char *text)
{
    struct error error;
    if (zone_load(f->zone, bytes_of(text), &error) != OK)
        fail_msg("%s", error.text);
}

static void go(struct fixture *f)
{
    assert_true(gather_reputation_begin(&f->gather));
    assert_true(gather_reputation_message(&f->gather, &f->readable, true));
    assert_true(gather_reputation_items(&f->gather));
}

static const struct evidence_item *item_of(const struct fixture *f, enum check check, const char *use)
{
    for (size_t i = 0; i < f->gather.evidence.item_count; i++) {
        const struct evidence_item *item = &f->gather.evidence.items[i];
        if (item->check == check && bytes_is(evidence_value(item, "vouch", "use"), use))
            return item;
    }
    fail_msg("there is no item %s of %s", check_name(check), use);
    return NULL;
}

static void expect(const struct evidence_item *item, const char *type, const char *name, const char *value)
{
    struct bytes found = evidence_value(item, type, name);
    if (!bytes_is(found, value))
        fail_msg("%s.%s is \"" BYTES_FMT "\", not \"%s\"", type, name, BYTES_ARG(found), value);
}

static void find_the_client(struct fixture *f)
{
    load(f, "7.2.0.192.l0.example A 127.0.0.2\n7.2.0.192.l0.example A 127.0.0.4\n"
            "7.2.0.192.l0.example TXT \"sends spam\"\n");
    go(f);
    assert_int_equal(f->gather.evidence.item_count, 2);
    const struct evidence_item *item = &f->gather.evidence.items[0];
    assert_int_equal(item->check, CHECK_DNSBL);
    assert_int_equal(item->result, AUTH_FAIL);
    expect(item, "vouch", "list", "l0");
    expect(item, "vouch", "use", "client");
    expect(item, "vouch", "subject", "192.0.2.7");
    expect(item, "vouch", "code", "127.0.0.2");
    expect(item, "vouch", "text", "sends spam");
    expect(item, "vouch", "early", "");
    expect(item + 1, "vouch", "code", "127.0.0.4");
    assert_true(bytes_is(item->reason, "192.0.2.7 is listed by l0 (127.0.0.2): sends spam"));
    /* The answers that it rests on are kept. */
    assert_int_equal(f->gather.recorder.count, 2);
    assert_true(bytes_is(f->gather.recorder.lookups[0].name, "7.2.0.192.l0.example"));
}

static void each_answer_of_a_list_is_an_item(void **state)
{
    prepare(*state);
    add_list(*state, CONFIG_DNSLIST_CLIENT, 300);
    run(state, find_the_client);
}

static void find_white_client(struct fixture *f)
{
    load(f, "7.2.0.192.l0.example A 127.0.5.2\n7.2.0.192.l0.example TXT \"fine\"\n");
    zone_set_authenticated(f->zone, true);
    go(f);
    const struct evidence_item *item = item_of(f, CHECK_DNSWL, "client");
    assert_int_equal(item->result, AUTH_PASS);
    expect(item, "dns", "zone", "l0.example");
    expect(item, "policy", "ip", "127.0.5.2");
    expect(item, "policy", "txt", "fine");
    expect(item, "dns", "sec", "yes");
    /* The other list does not have it. */
    item = evidence_find(&f->gather.evidence, CHECK_DNSWL, 1);
    assert_int_equal(item->result, AUTH_NONE);
    expect(item, "dns", "zone", "l1.example");
}

static void lists_that_speak_for_a_client_are_reported_rfc8904_2(void **state)
{
    prepare(*state);
    add_list(*state, CONFIG_DNSLIST_CLIENT, -300);
    add_list(*state, CONFIG_DNSLIST_CLIENT, -300);
    run(state, find_white_client);
}

static void find_mixed_client(struct fixture *f)
{
    load(f, "7.2.0.192.l0.example A 127.0.0.2\n7.2.0.192.l0.example A 127.0.0.9\n"
            "7.2.0.192.l1.example A 127.0.0.2\n7.2.0.192.l1.example A 127.0.0.9\n");
    go(f);
    assert_int_equal(f->gather.evidence.item_count, 4);
    for (size_t i = 0; i < 4; i++) {
        const struct evidence_item *item = &f->gather.evidence.items[i];
        bool good = bytes_is(evidence_value(item, "vouch", "code"), "127.0.0.9");
        assert_int_equal(item->check, good ? CHECK_DNSWL : CHECK_DNSBL);
        assert_int_equal(item->result, good ? AUTH_PASS : AUTH_FAIL);
        /* Nobody says that the resolver validates. */
        expect(item, "dns", "sec", "");
    }
}

static void an_answer_speaks_as_its_code_does_not_as_the_list(void **state)
{
    static char good[] = "127.0.0.9=-2", bad[] = "127.0.0.2=2", *to_good[] = {good}, *to_bad[] = {bad};
    struct fixture *f = *state;
    prepare(f);
    add_list(f, CONFIG_DNSLIST_CLIENT, 300);
    add_list(f, CONFIG_DNSLIST_CLIENT, -300);
    f->lists[0].codes = (struct config_strings){to_good, 1};
    f->lists[1].codes = (struct config_strings){to_bad, 1};
    run(state, find_mixed_client);
}

static void find_unsigned(struct fixture *f)
{
    load(f, "7.2.0.192.l0.example A 127.0.5.2\n");
    go(f);
    expect(item_of(f, CHECK_DNSWL, "client"), "dns", "sec", "no");
}

static void a_validating_resolver_may_say_that_a_list_is_unsigned_rfc8904_2(void **state)
{
    struct fixture *f = *state;
    prepare(f);
    f->config.dns.trust_ad = true;
    add_list(f, CONFIG_DNSLIST_CLIENT, -300);
    run(state, find_unsigned);
}

static void find_names(struct fixture *f)
{
    load(f, "helo.example.l0.example A 127.0.0.2\nsender.example.l0.example A 127.0.0.2\n"
            "author.example.l0.example A 127.0.0.2\nsigner.example.l0.example A 127.0.0.2\n"
            "named.example.l0.example A 127.0.0.2\nbad.example.l0.example A 127.0.0.2\n");
    go(f);
    assert_int_equal(f->gather.evidence.item_count, 6);
    expect(item_of(f, CHECK_RHSBL, "helo"), "vouch", "subject", "helo.example");
    expect(item_of(f, CHECK_RHSBL, "helo"), "vouch", "authenticated", "");
    expect(item_of(f, CHECK_RHSBL, "sender"), "vouch", "subject", "sender.example");
    expect(item_of(f, CHECK_RHSBL, "sender"), "vouch", "authenticated", "yes");
    expect(item_of(f, CHECK_RHSBL, "from"), "vouch", "subject", "author.example");
    expect(item_of(f, CHECK_RHSBL, "from"), "vouch", "authenticated", "");
    expect(item_of(f, CHECK_RHSBL, "dkim"), "vouch", "subject", "signer.example");
    expect(item_of(f, CHECK_RHSBL, "name"), "vouch", "subject", "named.example");
    assert_null(evidence_find(&f->gather.evidence, CHECK_URIBL, 0));
}

static void names_are_asked_about_where_they_stand(void **state)
{
    struct fixture *f = *state;
    prepare(f);
    add_list(f, CONFIG_DNSLIST_NAME | CONFIG_DNSLIST_HELO | CONFIG_DNSLIST_SENDER | CONFIG_DNSLIST_FROM |
                    CONFIG_DNSLIST_DKIM, 300);
    f->gather.evidence.helo = BYTES("mail.helo.example");
    f->gather.evidence.mail_from = BYTES("a@b.Sender.example");
    f->gather.spf = (struct spf_result){.result = AUTH_PASS, .domain = BYTES("b.sender.example")};
    f->gather.from.domain = f->gather.from.domains[0] = BYTES("author.example");
    f->gather.from.domain_count = 1;
    f->gather.dkim.count = 2;
    f->signatures[0] = (struct dkim_signature_result){.result = AUTH_PASS, .domain = BYTES("signer.example")};
    f->signatures[1] = (struct dkim_signature_result){.result = AUTH_FAIL, .domain = BYTES("bad.example")};
    f->config.authentication.iprev = true;
    f->gather.iprev = (struct iprev_result){.result = AUTH_PASS, .name = BYTES("mx.named.example")};
    run(state, find_names);
}

static void find_hosts(struct fixture *f)
{
    load(f, "spam.example.l0.example A 127.0.0.2\nwww.spam.example A 203.0.113.5\n"
            "5.113.0.203.l1.example A 127.0.0.2\n9.2.0.192.l1.example A 127.0.0.3\n");
    go(f);
    expect(item_of(f, CHECK_URIBL, "url"), "vouch", "subject", "spam.example");
    const struct evidence_item *item = item_of(f, CHECK_URIBL, "url-address");
    expect(item, "vouch", "list", "l1");
    size_t addresses = 0, shorteners = 0;
    for (size_t i = 0; i < f->gather.evidence.item_count; i++) {
        item = &f->gather.evidence.items[i];
        addresses += bytes_is(evidence_value(item, "vouch", "use"), "url-address");
        shorteners += bytes_is(evidence_value(item, "vouch", "kind"), "shortener") && item->result == AUTH_NEUTRAL;
    }
    assert_int_equal(addresses, 2);
    assert_int_equal(shorteners, 1);
}

static void hosts_of_the_body_are_asked_about_and_their_addresses(void **state)
{
    struct fixture *f = *state;
    prepare(f);
    add_list(f, CONFIG_DNSLIST_URL, 300);
    add_list(f, CONFIG_DNSLIST_URL_ADDRESS, 300);
    f->links[0] = (struct readable_link){
        .url = BYTES("http://www.spam.example/"), .scheme = BYTES("http"), .host = BYTES("www.spam.example")};
    f->links[1] = (struct readable_link){
        .url = BYTES("http://192.0.2.9/"), .scheme = BYTES("http"), .host = BYTES("192.0.2.9")};
    f->links[2] = (struct readable_link){
        .url = BYTES("https://bit.ly/x"), .scheme = BYTES("https"), .host = BYTES("bit.ly")};
    f->readable.link_count = 3;
    run(state, find_hosts);
}

static void fail_and_err(struct fixture *f)
{
    load(f, "7.2.0.192.l0.example FAIL\nsender.example.l0.example FAIL\n"
            "7.2.0.192.l1.example A 127.255.255.254\n7.2.0.192.l2.example DELAY 9s\n");
    go(f);
    assert_int_equal(f->gather.evidence.item_count, 4);
    assert_int_equal(item_of(f, CHECK_DNSBL, "client")->result, AUTH_TEMPERROR);
    assert_int_equal(item_of(f, CHECK_RHSBL, "sender")->result, AUTH_TEMPERROR);
    assert_int_equal(evidence_find(&f->gather.evidence, CHECK_DNSBL, 1)->result, AUTH_PERMERROR);
    expect(&f->gather.evidence.items[3], "vouch", "list", "l2");
    assert_int_equal(f->gather.evidence.items[3].result, AUTH_TEMPERROR);
    for (size_t i = 0; i < 4; i++)
        assert_true(f->gather.evidence.items[i].reason.len > 0);
}

static void a_list_that_fails_says_so_once_for_each_check(void **state)
{
    struct fixture *f = *state;
    prepare(f);
    f->gather.evidence.mail_from = BYTES("a@sender.example");
    add_list(f, CONFIG_DNSLIST_CLIENT | CONFIG_DNSLIST_SENDER, 300);
    add_list(f, CONFIG_DNSLIST_CLIENT, 300);
    add_list(f, CONFIG_DNSLIST_CLIENT, 300);
    run(state, fail_and_err);
}

static void decide_early(struct fixture *f)
{
    load(f, "7.2.0.192.l0.example A 127.0.0.2\n7.2.0.192.l0.example TXT \"open relay\"\n"
            "7.2.0.192.l1.example DELAY 9s\n");
    int64_t started = loop_now();
    assert_true(gather_reputation_begin(&f->gather));
    const struct gather_early *early = gather_early_listed(&f->gather);
    assert_non_null(early);
    assert_true(loop_now() - started < SECOND); /* the other list does not decide */
    assert_int_equal(early->points, 300);
    assert_true(bytes_is(early->reply, "Client host [192.0.2.7] is listed in l0.example: open relay"));
    assert_ptr_equal(gather_early_listed(&f->gather), early);
}

static void a_list_that_decides_early_refuses_the_client_with_its_reason(void **state)
{
    struct fixture *f = *state;
    prepare(f);
    add_list(f, CONFIG_DNSLIST_CLIENT, 300)->early = 1;
    add_list(f, CONFIG_DNSLIST_CLIENT, 300);
    run(state, decide_early);
}

static void decide_nothing(struct fixture *f)
{
    load(f, "7.2.0.192.l0.example A 127.0.0.2\n7.2.0.192.l1.example A 127.0.0.10\n7.2.0.192.l2.example DELAY 9s\n"
            "7.2.0.192.l2.example A 127.0.0.2\n");
    int64_t started = loop_now();
    assert_null(gather_early_listed(&f->gather)); /* not begun */
    assert_true(gather_reputation_begin(&f->gather));
    assert_null(gather_early_listed(&f->gather));
    assert_true(loop_now() - started <= GATHER_EARLY_WAIT + SECOND / 10);
    assert_null(gather_early_listed(&f->gather)); /* the next recipient does not wait again */
    assert_true(loop_now() - started <= GATHER_EARLY_WAIT + SECOND / 10);
}

static void neither_good_nor_late_nor_switched_off_answers_refuse_early(void **state)
{
    static char off[] = "127.0.0.10=off", *codes[] = {off};
    struct fixture *f = *state;
    prepare(f);
    add_list(f, CONFIG_DNSLIST_CLIENT, -300)->early = 1;
    add_list(f, CONFIG_DNSLIST_CLIENT, 300)->early = 1;
    f->lists[1].codes = (struct config_strings){codes, 1};
    add_list(f, CONFIG_DNSLIST_CLIENT, 300)->early = 1;
    run(state, decide_nothing);
}

static void rate_domains(struct fixture *f)
{
    load(f, "author.example.r.example TXT \"Status: bad Rating: 5\"\n"
            "signer.example.r.example TXT \"Status: good Rating: 90\"\nsender.example.r.example FAIL\n");
    go(f);
    assert_int_equal(f->gather.evidence.item_count, 3);
    const struct evidence_item *item = evidence_find(&f->gather.evidence, CHECK_RATING, 0);
    assert_int_equal(item->result, AUTH_PASS);
    expect(item, "vouch", "list", "r");
    expect(item, "vouch", "domain", "signer.example");
    expect(item, "vouch", "status", "good");
    expect(item, "vouch", "rating", "90");
    expect(item, "vouch", "authenticated", "yes");
    assert_int_equal(item[1].result, AUTH_TEMPERROR);
    assert_int_equal(item[2].result, AUTH_FAIL);
    expect(item + 2, "vouch", "authenticated", "");
}

static void domains_are_rated_each_once(void **state)
{
    static char name[] = "r", zone[] = "r.example";
    struct fixture *f = *state;
    prepare(f);
    f->rating = (struct config_rating){.name = name, .zone = zone};
    f->config.ratings = &f->rating;
    f->config.rating_count = 1;
    f->gather.evidence.mail_from = BYTES("a@sender.example");
    f->gather.spf = (struct spf_result){.result = AUTH_PASS, .domain = BYTES("sender.example")};
    f->gather.from.domain = BYTES("news.author.example");
    f->gather.dkim.count = 2;
    f->signatures[0] = (struct dkim_signature_result){.result = AUTH_PASS, .domain = BYTES("a.signer.example")};
    f->signatures[1] = (struct dkim_signature_result){.result = AUTH_PASS, .domain = BYTES("signer.example")};
    run(state, rate_domains);
}

static void classify_name(struct fixture *f)
{
    go(f);
    const struct evidence_item *item = evidence_find(&f->gather.evidence, CHECK_RDNS, 0);
    assert_int_equal(item->result, AUTH_POLICY);
    expect(item, "vouch", "class", "generic");
    expect(item, "vouch", "name", "192-0-2-7.dsl.isp.example");
    expect(item, "vouch", "why", "the address 192-0-2-7");
}

static void the_class_of_the_clients_name_is_evidence(void **state)
{
    struct fixture *f = *state;
    prepare(f);
    f->config.authentication.iprev = true;
    f->gather.iprev = (struct iprev_result){.result = AUTH_PASS, .name = BYTES("192-0-2-7.dsl.isp.example")};
    run(state, classify_name);
}

static void ask_for_account(struct fixture *f)
{
    go(f);
    assert_int_equal(f->gather.evidence.item_count, 0);
    assert_int_equal(zone_question_count(f->zone), 0);
}

static void own_users_are_looked_up_on_no_list(void **state)
{
    struct fixture *f = *state;
    prepare(f);
    add_list(f, CONFIG_DNSLIST_CLIENT, 300);
    f->config.authentication.iprev = true;
    f->gather.envelope.account = BYTES("anna@example.org");
    run(state, ask_for_account);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_answer_of_a_list_is_an_item),
        TEST(lists_that_speak_for_a_client_are_reported_rfc8904_2),
        TEST(an_answer_speaks_as_its_code_does_not_as_the_list),
        TEST(a_validating_resolver_may_say_that_a_list_is_unsigned_rfc8904_2),
        TEST(names_are_asked_about_where_they_stand),
        TEST(hosts_of_the_body_are_asked_about_and_their_addresses),
        TEST(a_list_that_fails_says_so_once_for_each_check),
        TEST(a_list_that_decides_early_refuses_the_client_with_its_reason),
        TEST(neither_good_nor_late_nor_switched_off_answers_refuse_early),
        TEST(domains_are_rated_each_once),
        TEST(the_class_of_the_clients_name_is_evidence),
        TEST(own_users_are_looked_up_on_no_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
