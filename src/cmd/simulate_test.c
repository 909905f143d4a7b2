/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/moment.h"
#include "cmd/simulate.h"
#include "dns/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define LIVE "v=spf1 ip4:192.0.2.0/24 a:out.example.org -all"
#define LIVE_DMARC "v=DMARC1; p=none"

/* A ledger made by hand: messages are put into it as the gateway would have. */
struct fixture {
    char folder[64], file[128];
    struct arena *arena;
    struct ledger *ledger;
    struct zone *today;
    struct config config;
    struct simulate simulate;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct error error;
    struct buf errors;
    snprintf(f->folder, sizeof(f->folder), "/tmp/vouch-simulate-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->file, sizeof(f->file), "%s/ledger.sqlite", f->folder);
    f->arena = arena_create(64 << 20);
    f->today = zone_create();
    buf_init(&errors, 1 << 16);
    assert_int_equal(config_parse(f->arena, BYTES("hostname = mx.example.net\n"), NULL, &f->config, &errors), OK);
    buf_free(&errors);
    assert_int_equal(ledger_open(f->file, LEDGER_WRITE, &f->ledger, &error), OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[128];
    simulate_free(&f->simulate);
    ledger_close(f->ledger);
    arena_destroy(f->arena);
    zone_destroy(f->today);
    snprintf(command, sizeof(command), "rm -rf '%s'", f->folder);
    int status = system(command);
    free(f);
    return status;
}

static struct evidence mail(const char *id, const char *client, const char *sender)
{
    struct evidence evidence = {.id = bytes_of(id),
                                .received_at = 1700000000,
                                .helo = BYTES("pc.example.net"),
                                .mail_from = bytes_of(sender),
                                .header_from = BYTES("author@example.org")};
    if (*client)
        assert_true(ip_parse(bytes_of(client), &evidence.client));
    return evidence;
}

static void add_item(struct fixture *f, struct evidence *evidence, enum check check,
                     enum auth_result result, const char *type, const char *name, const char *value)
{
    struct evidence_item *item = evidence_add(f->arena, evidence, check, result);
    assert_non_null(item);
    assert_true(evidence_property(f->arena, item, type, name, bytes_of(value)));
}

/* NULL as record: none. */
static void add_dns(struct fixture *f, struct evidence *evidence, const char *name, const char *type,
                    const char *status, const char *record)
{
    enum { MOST = 16 };
    if (!evidence->dns)
        evidence->dns = arena_alloc_array(f->arena, MOST, sizeof(*evidence->dns));
    assert_true(evidence->dns && evidence->dns_count < MOST);
    struct evidence_dns *dns = &evidence->dns[evidence->dns_count++];
    *dns = (struct evidence_dns){
        .name = bytes_of(name), .type = bytes_of(type), .status = bytes_of(status), .ttl = 60};
    if (!record)
        return;
    dns->records = arena_new(f->arena, struct bytes);
    assert_non_null(dns->records);
    dns->records[dns->record_count++] = bytes_of(record);
}

static void put(struct fixture *f, const struct evidence *evidence)
{
    struct buf text;
    struct error error;
    char client[IP_TEXT_SIZE];
    buf_init(&text, 1 << 20);
    struct json json = json_into(&text);
    evidence_write(&json, evidence);
    struct ledger_entry entry = {
        .id = evidence->id,
        .received_at = evidence->received_at,
        .client = bytes_of(evidence->client.family ? ip_format(&evidence->client, client) : ""),
        .sender = evidence->mail_from,
        .header_from = evidence->header_from,
        .action = BYTES("accept"),
        .trust = BYTES("third-class"),
        .code = 250,
        .policy = BYTES("default"),
        .evidence = buf_bytes(&text),
        .verdict = BYTES("{}"),
        .delivery = BYTES("")};
    assert_int_equal(ledger_append(f->ledger, &entry, 1, &error), OK);
    buf_free(&text);
}

/* A message of <a@example.org> under the live record, with the result that it had then. */
static struct evidence plain_mail(struct fixture *f, const char *id, const char *client,
                                  enum auth_result result)
{
    struct evidence evidence = mail(id, client, "a@example.org");
    add_item(f, &evidence, CHECK_SPF, result, "vouch", "domain", "example.org");
    add_dns(f, &evidence, "example.org", "TXT", "found", LIVE);
    add_dns(f, &evidence, "out.example.org", "A", "found", "198.51.100.1");
    return evidence;
}

static void put_plain(struct fixture *f, const char *id, const char *client, enum auth_result result)
{
    struct evidence evidence = plain_mail(f, id, client, result);
    put(f, &evidence);
}

static void simulate(struct fixture *f, const struct simulate_kind *kind, const char *record,
                     struct dns *dns)
{
    struct error error;
    struct ledger_filter filter = {0};
    size_t limit = f->simulate.limit;
    simulate_free(&f->simulate);
    assert_int_equal(simulate_init(&f->simulate, kind, f->arena, BYTES("Example.ORG"),
                                   bytes_of(record), dns, &error), OK);
    f->simulate.config = &f->config;
    f->simulate.limit = limit;
    assert_int_equal(simulate_ledger(&f->simulate, f->ledger, &filter, &error), OK);
}

static void assert_tally(const struct fixture *f, size_t concerned, size_t changed, size_t unknown)
{
    assert_int_equal(f->simulate.total.concerned, concerned);
    assert_int_equal(f->simulate.total.changed, changed);
    assert_int_equal(f->simulate.total.unknown, unknown);
}

static const struct simulate_message *find_message(const struct fixture *f, const char *id)
{
    const struct simulate_message *at = f->simulate.messages;
    while (at && !bytes_is(at->id, id))
        at = at->next;
    return at;
}

static void assert_part(const struct fixture *f, const char *id, const char *what,
                        const char *before, const char *after)
{
    const struct simulate_message *message = find_message(f, id);
    assert_non_null(message);
    for (size_t i = 0; i < message->part_count; i++)
        if (strcmp(message->parts[i].what, what) == 0 && bytes_is(message->parts[i].before, before) &&
            bytes_is(message->parts[i].after, after))
            return;
    fail_msg("%s: no %s %s -> %s", id, what, before, after);
}

static void the_live_record_changes_nothing(void **state)
{
    struct fixture *f = *state;
    put_plain(f, "m1", "192.0.2.7", AUTH_PASS);
    put_plain(f, "m2", "198.51.100.1", AUTH_PASS);
    put_plain(f, "m3", "203.0.113.1", AUTH_FAIL);
    simulate(f, &simulate_spf, LIVE, NULL);
    assert_tally(f, 3, 0, 0);
    assert_int_equal(f->simulate.remembered, 3);
    assert_int_equal(f->simulate.differing, 0);
    assert_null(f->simulate.messages);
}

static void another_record_changes_what_it_must(void **state)
{
    struct fixture *f = *state;
    put_plain(f, "m1", "192.0.2.7", AUTH_PASS);
    put_plain(f, "m2", "198.51.100.1", AUTH_PASS);
    put_plain(f, "m3", "203.0.113.1", AUTH_FAIL);
    simulate(f, &simulate_spf, "v=spf1 a:out.example.org ~all", NULL);
    assert_tally(f, 3, 2, 0);
    assert_part(f, "m1", "MAIL FROM", "pass", "softfail");
    assert_part(f, "m3", "MAIL FROM", "fail", "softfail");
    assert_null(find_message(f, "m2"));
}

/* Its result hangs on nothing that the proposal changes. */
static void mail_of_others_is_not_concerned(void **state)
{
    struct fixture *f = *state;
    struct evidence other = mail("m1", "192.0.2.7", "a@sub.example.org");
    add_item(f, &other, CHECK_SPF, AUTH_PASS, "vouch", "domain", "sub.example.org");
    add_dns(f, &other, "sub.example.org", "TXT", "found", "v=spf1 ip4:192.0.2.7 -all");
    /* Somebody asked for it, but not SPF. */
    add_dns(f, &other, "example.org", "TXT", "found", LIVE);
    put(f, &other);
    simulate(f, &simulate_spf, "v=spf1 -all", NULL);
    assert_int_equal(f->simulate.remembered, 1);
    assert_tally(f, 0, 0, 0);
}

static void a_record_that_includes_it_is_concerned(void **state)
{
    struct fixture *f = *state;
    struct evidence other = mail("m1", "192.0.2.7", "a@customer.example");
    add_item(f, &other, CHECK_SPF, AUTH_PASS, "vouch", "domain", "customer.example");
    add_dns(f, &other, "customer.example", "TXT", "found", "v=spf1 include:example.org -all");
    add_dns(f, &other, "example.org", "TXT", "found", LIVE);
    put(f, &other);
    simulate(f, &simulate_spf, "v=spf1 -all", NULL);
    assert_tally(f, 1, 1, 0);
    assert_part(f, "m1", "MAIL FROM", "pass", "fail");
}

static void what_was_not_asked_cannot_be_told_offline(void **state)
{
    struct fixture *f = *state;
    put_plain(f, "m1", "203.0.113.1", AUTH_FAIL);
    simulate(f, &simulate_spf, "v=spf1 a:new.example.org -all", NULL);
    assert_tally(f, 1, 0, 1);
    assert_true(bytes_is(find_message(f, "m1")->unknown, "new.example.org A"));
    /* Before the question matters, the result stands. */
    simulate(f, &simulate_spf, "v=spf1 ip4:203.0.113.1 a:new.example.org -all", NULL);
    assert_tally(f, 1, 1, 0);
}

static void what_was_not_asked_is_asked_today_and_once(void **state)
{
    struct fixture *f = *state;
    put_plain(f, "m1", "203.0.113.1", AUTH_FAIL);
    put_plain(f, "m2", "203.0.113.2", AUTH_FAIL);
    assert_true(zone_add(f->today, BYTES("new.example.org"), DNS_A, 60, BYTES("203.0.113.2")));
    simulate(f, &simulate_spf, "v=spf1 a:new.example.org -all", zone_dns(f->today));
    assert_tally(f, 2, 1, 0);
    assert_part(f, "m2", "MAIL FROM", "fail", "pass");
    assert_int_equal(zone_question_count(f->today), 1);
}

static void what_was_asked_then_is_not_asked_today(void **state)
{
    struct fixture *f = *state;
    put_plain(f, "m1", "198.51.100.1", AUTH_PASS);
    assert_true(zone_add(f->today, BYTES("out.example.org"), DNS_A, 60, BYTES("192.0.2.99")));
    simulate(f, &simulate_spf, "v=spf1 a:out.example.org ~all", zone_dns(f->today));
    assert_tally(f, 1, 0, 0);
    assert_int_equal(zone_question_count(f->today), 0);
}

/* Nothing would have come through, whatever stood there. */
static void a_dns_failure_at_the_domain_stays_one(void **state)
{
    struct fixture *f = *state;
    struct evidence failed = mail("m1", "192.0.2.7", "a@example.org");
    add_item(f, &failed, CHECK_SPF, AUTH_TEMPERROR, "vouch", "domain", "example.org");
    add_dns(f, &failed, "example.org", "TXT", "failed", NULL);
    put(f, &failed);
    simulate(f, &simulate_spf, "v=spf1 -all", zone_dns(f->today));
    assert_tally(f, 1, 0, 0);
    assert_int_equal(f->simulate.differing, 0);
}

/* rfc7208:6.2: it explains the result, and is no part of it. */
static void an_explanation_that_nobody_asked_for_does_not_matter(void **state)
{
    struct fixture *f = *state;
    put_plain(f, "m1", "203.0.113.1", AUTH_FAIL);
    simulate(f, &simulate_spf, "v=spf1 exp=why.example.org ip4:192.0.2.0/24 -all", NULL);
    assert_tally(f, 1, 0, 0);
    assert_true(bytes_find(f->simulate.record, BYTES("exp=")) != BYTES_NOT_FOUND);
}

/* Two void look-ups are free, and a third is an error (rfc7208:4.6.4): this one is none. */
static void a_mapped_address_is_an_answer(void **state)
{
    struct fixture *f = *state;
    struct evidence mapped = mail("m1", "2001:db8::1", "a@example.org");
    add_item(f, &mapped, CHECK_SPF, AUTH_FAIL, "vouch", "domain", "example.org");
    add_dns(f, &mapped, "example.org", "TXT", "found",
            "v=spf1 a:one.example.org a:two.example.org a:three.example.org -all");
    add_dns(f, &mapped, "one.example.org", "AAAA", "nodata", NULL);
    add_dns(f, &mapped, "two.example.org", "AAAA", "nxdomain", NULL);
    add_dns(f, &mapped, "three.example.org", "AAAA", "found", "192.0.2.1");
    put(f, &mapped);
    simulate(f, &simulate_spf, "v=spf1 a:one.example.org a:two.example.org a:three.example.org ~all",
             NULL);
    assert_int_equal(f->simulate.differing, 0);
    assert_tally(f, 1, 1, 0);
    assert_part(f, "m1", "MAIL FROM", "fail", "softfail");
}

static void the_spf_of_a_relay_cannot_be_told(void **state)
{
    struct fixture *f = *state;
    struct evidence relayed = mail("m1", "", "a@example.org");
    add_item(f, &relayed, CHECK_SPF, AUTH_PASS, "vouch", "domain", "example.org");
    put(f, &relayed);
    simulate(f, &simulate_spf, LIVE, NULL);
    assert_tally(f, 1, 0, 1);
}

static void what_cannot_be_read_is_left_out(void **state)
{
    struct fixture *f = *state;
    struct error error;
    struct ledger_entry entry = {.id = BYTES("m0"),
                                 .received_at = 1700000000,
                                 .client = BYTES("192.0.2.1"),
                                 .sender = BYTES("a@example.org"),
                                 .action = BYTES("accept"),
                                 .trust = BYTES("third-class"),
                                 .policy = BYTES("default"),
                                 .evidence = BYTES("{\"items\":17}"),
                                 .verdict = BYTES("{}")};
    assert_int_equal(ledger_append(f->ledger, &entry, 1, &error), OK);
    put_plain(f, "m1", "192.0.2.7", AUTH_PASS);
    simulate(f, &simulate_spf, "v=spf1 -all", NULL);
    assert_tally(f, 1, 1, 0);
    assert_int_equal(f->simulate.unreadable, 1);
}

static void another_result_than_recorded_is_counted(void **state)
{
    struct fixture *f = *state;
    put_plain(f, "m1", "192.0.2.7", AUTH_TEMPERROR);
    simulate(f, &simulate_spf, LIVE, NULL);
    assert_tally(f, 1, 0, 0);
    assert_int_equal(f->simulate.differing, 1);
}

static void clients_are_grouped_by_network(void **state)
{
    struct fixture *f = *state;
    size_t position = 0;
    struct bytes key;
    void *value;
    put_plain(f, "m1", "192.0.2.7", AUTH_PASS);
    put_plain(f, "m2", "192.0.2.200", AUTH_PASS);
    static const char *const others[] = {"2001:db8:0:1::1", "2001:db8:0:1:ffff::2"};
    static const char *const ids[] = {"m3", "m4"};
    for (size_t i = 0; i < countof(others); i++) {
        struct evidence evidence = plain_mail(f, ids[i], others[i], AUTH_FAIL);
        add_dns(f, &evidence, "out.example.org", "AAAA", "nodata", NULL);
        put(f, &evidence);
    }
    simulate(f, &simulate_spf, "v=spf1 ~all", NULL);
    assert_int_equal(map_count(f->simulate.networks), 2);
    while (map_next(f->simulate.networks, &position, &key, &value)) {
        const struct simulate_network *network = value;
        assert_int_equal(network->network.prefix, network->network.ip.family == 4 ? 24 : 64);
        assert_int_equal(network->tally.changed, 2);
        assert_int_equal(network->tally.transitions->count, 2);
        assert_null(network->tally.transitions->next);
    }
}

static void the_list_is_bounded_and_the_numbers_are_not(void **state)
{
    struct fixture *f = *state;
    put_plain(f, "m1", "192.0.2.7", AUTH_PASS);
    put_plain(f, "m2", "192.0.2.8", AUTH_PASS);
    put_plain(f, "m3", "192.0.2.9", AUTH_PASS);
    f->simulate.limit = 2;
    simulate(f, &simulate_spf, "v=spf1 -all", NULL);
    assert_tally(f, 3, 3, 0);
    assert_int_equal(f->simulate.message_count, 2);
}

/* DMARC */

static struct evidence dmarc_mail(struct fixture *f, const char *id, const char *author,
                                  enum auth_result result)
{
    struct evidence evidence = mail(id, "203.0.113.1", "a@stranger.example");
    add_item(f, &evidence, CHECK_SPF, AUTH_PASS, "vouch", "domain", "stranger.example");
    add_item(f, &evidence, CHECK_DMARC, result, "header", "from", author);
    add_dns(f, &evidence, "_dmarc.example.org", "TXT", "found", LIVE_DMARC);
    add_dns(f, &evidence, "_dmarc.org", "TXT", "nxdomain", NULL);
    add_dns(f, &evidence, "_dmarc.news.example.org", "TXT", "nxdomain", NULL);
    return evidence;
}

static void a_stricter_policy_changes_the_verdict(void **state)
{
    struct fixture *f = *state;
    struct evidence forged = dmarc_mail(f, "m1", "example.org", AUTH_FAIL);
    struct evidence signed_mail = dmarc_mail(f, "m2", "example.org", AUTH_PASS);
    add_item(f, &signed_mail, CHECK_DKIM, AUTH_PASS, "header", "d", "example.org");
    put(f, &forged);
    put(f, &signed_mail);
    simulate(f, &simulate_dmarc, LIVE_DMARC, NULL);
    assert_tally(f, 2, 0, 0);
    simulate(f, &simulate_dmarc, "v=DMARC1; p=reject", NULL);
    assert_tally(f, 2, 1, 0);
    assert_int_equal(f->simulate.differing, 0);
    assert_part(f, "m1", "DMARC", "fail, p=none", "fail, p=reject");
    assert_part(f, "m1", "verdict", "accept", "reject");
}

/* rfc9989:4.10.1 */
static void a_subdomain_without_a_record_follows(void **state)
{
    struct fixture *f = *state;
    struct evidence below = dmarc_mail(f, "m1", "news.example.org", AUTH_FAIL);
    struct evidence own = dmarc_mail(f, "m2", "own.example.org", AUTH_FAIL);
    add_dns(f, &own, "_dmarc.own.example.org", "TXT", "found", "v=DMARC1; p=none");
    put(f, &below);
    put(f, &own);
    simulate(f, &simulate_dmarc, "v=DMARC1; p=none; sp=reject", NULL);
    assert_int_equal(f->simulate.total.changed, 1);
    assert_part(f, "m1", "DMARC", "fail, p=none", "fail, p=reject");
}

/* rfc7489:6.6.4: the lot of a message is always the same, and at pct=100 nobody escapes. */
static void a_percentage_takes_its_part(void **state)
{
    struct fixture *f = *state;
    enum { MAILS = 100 };
    char ids[MAILS][8];
    for (int i = 0; i < MAILS; i++) {
        snprintf(ids[i], sizeof(ids[i]), "m%d", i);
        struct evidence forged = dmarc_mail(f, ids[i], "example.org", AUTH_FAIL);
        put(f, &forged);
    }
    struct error error;
    struct ledger_filter filter = {0};
    assert_int_equal(simulate_init(&f->simulate, &simulate_dmarc, f->arena, BYTES("example.org"),
                                   BYTES("v=DMARC1; p=quarantine; pct=30"), NULL, &error), OK);
    f->simulate.mode = DMARC_SUFFIX_LIST;
    assert_int_equal(simulate_ledger(&f->simulate, f->ledger, &filter, &error), OK);
    assert_in_range(f->simulate.total.changed, 15, 45);
    assert_int_equal(f->simulate.total.unknown, 0);
}

static void what_is_no_record_is_refused(void **state)
{
    struct fixture *f = *state;
    struct error error;
    assert_int_equal(simulate_init(&f->simulate, &simulate_spf, f->arena, BYTES("example.org"),
                                   BYTES("v=DMARC1; p=none"), NULL, &error), PERM);
    assert_int_equal(simulate_init(&f->simulate, &simulate_dmarc, f->arena, BYTES("example.org"),
                                   BYTES("v=spf1 -all"), NULL, &error), PERM);
    assert_int_equal(simulate_init(&f->simulate, &simulate_spf, f->arena, BYTES("no domain"),
                                   BYTES("v=spf1 -all"), NULL, &error), PERM);
}

static void moments_are_read_as_people_write_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t is; /* -1: it is refused */
    } cases[] = {{"1700000000", 1700000000},
                 {"2023-11-14", 1699920000},
                 {"2023-11-14T22:13:20Z", 1700000000},
                 {"2023-11-14 22:13", 1699999980},
                 {"2h", 1700000000 - 7200},
                 {"7d", 1700000000 - 7 * 86400},
                 {"yesterday", -1},
                 {"2023-13-01", -1},
                 {"2023-11-14T", -1},
                 {"", -1}};
    for (size_t i = 0; i < countof(cases); i++) {
        int64_t at = 42;
        assert_int_equal(moment_read(cases[i].text, 1700000000, &at), cases[i].is != -1);
        assert_int_equal(at, cases[i].is == -1 ? 42 : cases[i].is);
    }
    char text[MOMENT_TEXT_SIZE];
    assert_string_equal(moment_format(1700000000, text), "2023-11-14T22:13:20Z");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_live_record_changes_nothing),
        TEST(another_record_changes_what_it_must),
        TEST(mail_of_others_is_not_concerned),
        TEST(a_record_that_includes_it_is_concerned),
        TEST(what_was_not_asked_cannot_be_told_offline),
        TEST(what_was_not_asked_is_asked_today_and_once),
        TEST(what_was_asked_then_is_not_asked_today),
        TEST(a_dns_failure_at_the_domain_stays_one),
        TEST(an_explanation_that_nobody_asked_for_does_not_matter),
        TEST(a_mapped_address_is_an_answer),
        TEST(the_spf_of_a_relay_cannot_be_told),
        TEST(what_cannot_be_read_is_left_out),
        TEST(another_result_than_recorded_is_counted),
        TEST(clients_are_grouped_by_network),
        TEST(the_list_is_bounded_and_the_numbers_are_not),
        TEST(a_stricter_policy_changes_the_verdict),
        TEST(a_subdomain_without_a_record_follows),
        TEST(a_percentage_takes_its_part),
        TEST(what_is_no_record_is_refused),
        cmocka_unit_test(moments_are_read_as_people_write_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
