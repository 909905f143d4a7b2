/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/zone.h"
#include "fiber/fiber.h"
#include "fiber/loop.h"
#include "message/auth_results_fixture.h"
#include "roles/gather.h"
#include "verdict/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define TIMEOUT (20 * SECOND)

/* A zone behind a resolver that, as a real one, has no answer for who asks too late. */
struct punctual {
    struct dns dns;
    struct dns *below;
};

static const struct dns_answer *ask(struct dns *dns, struct arena *arena, struct bytes name,
                                    enum dns_type type, int64_t deadline)
{
    struct punctual *punctual = (struct punctual *)dns;
    static const struct dns_answer late = {.status = DNS_FAILED, .problem = "timed out"};
    if (deadline <= loop_now())
        return &late;
    return punctual->below->query(punctual->below, arena, name, type, deadline);
}

struct fixture {
    void (*scenario)(struct fixture *f);
    struct zone *zone;
    struct punctual punctual;
    struct arena *arena;
    char hostname[32];
    struct config config;
    struct gather gather;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->zone = zone_create();
    f->punctual = (struct punctual){.dns = {.query = ask}, .below = zone_dns(f->zone)};
    f->arena = arena_create(16 << 20);
    f->config.hostname = f->hostname;
    snprintf(f->hostname, sizeof(f->hostname), "mx.example.net");
    f->config.authentication.spf = true;
    f->config.authentication.dkim = true;
    f->config.authentication.dmarc = true;
    f->config.authentication.timeout = TIMEOUT;
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
    f->scenario(f);
    gather_end(&f->gather);
}

/* In a fiber, with a clock that stands still unless something waits. */
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

static void add(struct fixture *f, const char *text)
{
    struct error error;
    if (zone_load(f->zone, bytes_of(text), &error) != OK)
        fail_msg("%s", error.text);
}

static void begin(struct fixture *f, const char *helo, const char *sender)
{
    struct gather_envelope envelope = {
        .helo = bytes_of(helo), .sender = bytes_of(sender), .now = 1700000000};
    assert_true(ip_parse(BYTES("192.0.2.1"), &envelope.client));
    gather_begin(&f->gather, &f->config, &f->punctual.dns, f->arena, &envelope);
}

static void finish(struct fixture *f, const char *message)
{
    struct error error;
    if (gather_message(&f->gather, bytes_of(message), &error) != OK)
        fail_msg("%s", error.text);
}

#define BANK "bank.example TXT \"v=spf1 -all\"\n_dmarc.bank.example TXT \"v=DMARC1; p=reject\"\n"
#define FORGED "From: boss@bank.example\r\nSubject: pay\r\n\r\nnow\r\n"

static void dawdle(struct fixture *f)
{
    begin(f, "mail.evil.example", "x@evil.example");
    assert_int_equal(fiber_sleep(2 * TIMEOUT), 0);
    finish(f, FORGED);
}

static void the_author_is_checked_however_long_the_client_took_after_mail(void **state)
{
    struct fixture *f = *state;
    add(f, BANK "evil.example TXT \"v=spf1 +all\"\n");
    run(state, dawdle);
    assert_int_equal(f->gather.dmarc.result, AUTH_FAIL);
    assert_int_equal(f->gather.dmarc.effective, DMARC_POLICY_REJECT);
}

static void sign_slowly(struct fixture *f)
{
    begin(f, "mail.evil.example", "x@evil.example");
    finish(f, "DKIM-Signature: v=1; a=rsa-sha256; d=evil.example; s=slow; h=from;\r\n"
              " bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n"
              "From: boss@none.bank.example\r\n\r\nnow\r\n");
}

/* np= needs a question that comes after those for the keys. */
static void the_author_is_checked_however_slow_a_strangers_key_is(void **state)
{
    struct fixture *f = *state;
    add(f, "bank.example\n_dmarc.bank.example TXT \"v=DMARC1; p=none; np=reject\"\n");
    zone_add_delay(f->zone, BYTES("slow._domainkey.evil.example"), 10 * TIMEOUT);
    run(state, sign_slowly);
    assert_int_equal(f->gather.dkim.signatures[0].result, AUTH_TEMPERROR);
    assert_int_equal(f->gather.dmarc.result, AUTH_FAIL);
    assert_int_equal(f->gather.dmarc.effective, DMARC_POLICY_REJECT);
}

/* Ten mx with ten hosts each, for HELO and for MAIL FROM. */
static void add_costly_spf(struct fixture *f, const char *domain)
{
    char text[16384];
    struct buf zone;
    buf_init(&zone, sizeof(text));
    buf_printf(&zone, "%s TXT \"v=spf1", domain);
    for (int i = 0; i < 10; i++)
        buf_printf(&zone, " mx:m%d.%s", i, domain);
    buf_printf(&zone, " -all\"\n");
    for (int i = 0; i < 10; i++)
        for (int k = 0; k < 10; k++)
            buf_printf(&zone, "m%d.%s MX 10 h%d-%d.%s\nh%d-%d.%s A 198.51.100.1\n", i, domain, i, k,
                       domain, i, k, domain);
    assert_true(bytes_to_cstring(buf_bytes(&zone), text, sizeof(text)));
    buf_free(&zone);
    add(f, text);
}

static void ask_much(struct fixture *f)
{
    begin(f, "mail.evil.example", "x@evil.example");
    finish(f, FORGED);
}

static void the_author_is_checked_however_many_questions_spf_cost(void **state)
{
    struct fixture *f = *state;
    add(f, BANK);
    add_costly_spf(f, "evil.example");
    add_costly_spf(f, "mail.evil.example");
    run(state, ask_much);
    /* The attack is one only if the questions were used up. */
    assert_true(f->gather.recorder.refused > 0);
    assert_int_equal(f->gather.dmarc.result, AUTH_FAIL);
    assert_int_equal(f->gather.dmarc.effective, DMARC_POLICY_REJECT);
}

static void answers_that_are_huge_are_not_kept_with_the_evidence(void **state)
{
    struct fixture *f = *state;
    char text[16384];
    for (int i = 0; i < 9; i++) {
        struct buf zone;
        buf_init(&zone, sizeof(text));
        buf_printf(&zone, "i%d.evil.example TXT \"v=spf1", i);
        for (int k = 0; k < 500; k++)
            buf_add_string(&zone, " ip4:198.51.100.123");
        buf_add_string(&zone, " ?all\"\n");
        assert_true(bytes_to_cstring(buf_bytes(&zone), text, sizeof(text)));
        buf_free(&zone);
        add(f, text);
    }
    add(f, "evil.example TXT \"v=spf1 include:i0.evil.example include:i1.evil.example"
           " include:i2.evil.example include:i3.evil.example include:i4.evil.example"
           " include:i5.evil.example include:i6.evil.example include:i7.evil.example"
           " include:i8.evil.example ?all\"\n");
    run(state, ask_much);
    assert_int_equal(f->gather.spf.result, AUTH_NEUTRAL);
    size_t octets = 0;
    for (size_t i = 0; i < f->gather.evidence.dns_count; i++)
        for (size_t r = 0; r < f->gather.evidence.dns[i].record_count; r++)
            octets += f->gather.evidence.dns[i].records[r].len;
    assert_in_range(octets, 1, 64 * 1024);
}

/* Relays of ours: 192.0.2.1, which begin() connects from, and 192.0.2.2 before it. */
static void set_upstream(struct fixture *f)
{
    static struct ip_network networks[] = {{{4, {192, 0, 2, 0}}, 24}};
    static char name[] = "relay", id[] = "relay.example.net";
    static char *ids[] = {id};
    static struct config_upstream upstream = {
        .name = name, .networks = {networks, 1}, .authserv_ids = {ids, 1}, .hops = 2};
    f->config.upstreams = &upstream;
    f->config.upstream_count = 1;
}

#define RELAYED(from) "Received: from " from " by relay.example.net; Tue, 14 Nov 2023 22:13:20 +0000\r\n"

/* A set that has to be looked into: its structure is sound, its body hash fits, its keys are elsewhere. */
static void add_set(struct buf *out, int instance)
{
    buf_printf(out, "ARC-Seal: i=%d; a=rsa-sha256; cv=%s; d=evil.example; s=a%d; b=AAAA\r\n", instance,
               instance == 1 ? "none" : "pass", instance);
    buf_printf(out, "ARC-Message-Signature: i=%d; a=rsa-sha256; c=relaxed/relaxed; d=evil.example; s=m%d;\r\n"
               " h=from; bh=Y1GQZTOFQemRXMZ6dGRap28V8MD0rgwgSlR6hBuYqRw=; b=AAAA\r\n", instance, instance);
    buf_printf(out, "ARC-Authentication-Results: i=%d; evil.example; none\r\n", instance);
}

/* All that costs questions, while the author's domain answers slowly. */
static void ask_much_for_what_is_optional(struct fixture *f)
{
    char text[65536];
    struct buf message;
    buf_init(&message, sizeof(text));
    buf_add_string(&message, RELAYED("mail.evil.example ([203.0.113.9])"));
    for (int i = 50; i >= 1; i--)
        add_set(&message, i);
    buf_add_string(&message, "Sender: x@evil.example\r\nFrom: boss@bank.example\r\n\r\nnow\r\n");
    assert_true(bytes_to_cstring(buf_bytes(&message), text, sizeof(text)));
    buf_free(&message);
    begin(f, "relay.example.net", "boss@bank.example");
    finish(f, text);
}

static void the_authors_spf_is_read_however_many_questions_a_chain_costs(void **state)
{
    struct fixture *f = *state;
    f->config.authentication.arc = true;
    f->config.authentication.sender_id = true;
    set_upstream(f);
    add(f, "bank.example TXT \"v=spf1 include:a.bank.example -all\"\n"
           "a.bank.example TXT \"v=spf1 include:b.bank.example -all\"\n"
           "b.bank.example TXT \"v=spf1 -all\"\n"
           "_dmarc.bank.example TXT \"v=DMARC1; p=reject\"\n");
    zone_add_delay(f->zone, BYTES("a.bank.example"), SECOND);
    add_costly_spf(f, "evil.example");
    add_costly_spf(f, "mail.evil.example");
    run(state, ask_much_for_what_is_optional);
    assert_int_equal(f->gather.arc.count, 50);
    /* The attack is one only if there were more questions than one budget allows. */
    assert_true(f->gather.recorder.count > DNS_RECORDER_LOOKUPS);
    assert_int_equal(f->gather.spf.result, AUTH_FAIL);
    assert_int_equal(f->gather.dmarc.result, AUTH_FAIL);
}

static void seal_slowly(struct fixture *f)
{
    char text[4096];
    struct buf message;
    buf_init(&message, sizeof(text));
    add_set(&message, 1);
    buf_add_string(&message, "From: boss@none.bank.example\r\n\r\nnow\r\n");
    assert_true(bytes_to_cstring(buf_bytes(&message), text, sizeof(text)));
    buf_free(&message);
    begin(f, "mail.evil.example", "x@evil.example");
    finish(f, text);
}

static void the_author_is_checked_however_slow_a_sealers_key_is(void **state)
{
    struct fixture *f = *state;
    f->config.authentication.arc = true;
    add(f, "bank.example\n_dmarc.bank.example TXT \"v=DMARC1; p=none; np=reject\"\n");
    zone_add_delay(f->zone, BYTES("a1._domainkey.evil.example"), 10 * TIMEOUT);
    zone_add_delay(f->zone, BYTES("m1._domainkey.evil.example"), 10 * TIMEOUT);
    run(state, seal_slowly);
    assert_int_equal(f->gather.arc.result, AUTH_TEMPERROR);
    assert_int_equal(f->gather.dmarc.result, AUTH_FAIL);
    assert_int_equal(f->gather.dmarc.effective, DMARC_POLICY_REJECT);
}

static void pass_both_relays(struct fixture *f)
{
    begin(f, "relay.example.net", "x@evil.example");
    finish(f, RELAYED("b ([192.0.2.2])") RELAYED("mail.evil.example ([203.0.113.9])") FORGED);
}

static void the_client_is_whom_the_first_of_our_relays_names(void **state)
{
    struct fixture *f = *state;
    set_upstream(f);
    run(state, pass_both_relays);
    char text[IP_TEXT_SIZE];
    assert_string_equal(ip_format(&f->gather.evidence.client, text), "203.0.113.9");
}

static void pass_the_last_relay_only(struct fixture *f)
{
    begin(f, "relay.example.net", "x@evil.example");
    finish(f, RELAYED("mail.evil.example ([203.0.113.9])")
           "Authentication-Results: relay.example.net; dmarc=pass header.from=bank.example\r\n"
           RELAYED("inside ([10.0.0.1])")
           "Authentication-Results: relay.example.net; dmarc=pass header.from=bank.example\r\n" FORGED);
}

/* He could be of our own networks, else, and have his mail signed. */
static void a_stranger_who_skips_a_relay_does_not_say_who_he_is(void **state)
{
    struct fixture *f = *state;
    set_upstream(f);
    run(state, pass_the_last_relay_only);
    char text[IP_TEXT_SIZE];
    assert_string_equal(ip_format(&f->gather.evidence.client, text), "203.0.113.9");
    const struct evidence *evidence = &f->gather.evidence;
    size_t statements = 0;
    for (size_t i = 0; i < evidence->item_count; i++)
        statements += evidence->items[i].check == CHECK_UPSTREAM;
    assert_int_equal(statements, 1);
}

static void leave_forged_results(struct fixture *f)
{
    begin(f, "relay.example.net", "x@evil.example");
    finish(f, "Authentication-Results: relay.example.net; dmarc=fail header.from=bank.example\r\n"
           RELAYED("mail.evil.example ([203.0.113.9])")
           "Authentication-Results: relay.example.net; dmarc=pass header.from=bank.example;"
           " spf=pass smtp.mailfrom=x@bank.example\r\n" FORGED);
}

static void what_a_relay_says_is_not_said_again_below_it(void **state)
{
    struct fixture *f = *state;
    set_upstream(f);
    run(state, leave_forged_results);
    const struct evidence_item *item = evidence_find(&f->gather.evidence, CHECK_UPSTREAM, 0);
    assert_non_null(item);
    assert_int_equal(item->result, AUTH_FAIL);
    for (size_t i = (size_t)(item - f->gather.evidence.items) + 1; i < f->gather.evidence.item_count; i++)
        assert_false(f->gather.evidence.items[i].check == CHECK_UPSTREAM &&
                     f->gather.evidence.items[i].result == AUTH_PASS &&
                     bytes_is(evidence_value(&f->gather.evidence.items[i], "vouch", "method"), "dmarc"));
}

/* A message in base64 in a message: what is in it is decoded, and takes memory. */
static void bring_a_large_attachment(struct fixture *f)
{
    struct buf message;
    buf_init(&message, 32 << 20);
    buf_add_string(&message, "From: boss@own.example\r\nContent-Type: message/rfc822\r\n"
                             "Content-Transfer-Encoding: base64\r\n\r\n");
    for (int i = 0; i < 160000; i++)
        buf_add_string(&message, "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\r\n");
    struct error error;
    begin(f, "mail.own.example", "x@own.example");
    if (gather_message(&f->gather, buf_bytes(&message), &error) != OK)
        fail_msg("%s", error.text);
    buf_free(&message);
}

static void what_is_only_reported_takes_no_memory_from_the_mail(void **state)
{
    struct fixture *f = *state;
    arena_destroy(f->arena);
    f->arena = arena_create(1 << 20);
    f->config.authentication.smime = true;
    f->config.authentication.openpgp = true;
    run(state, bring_a_large_attachment);
    assert_int_equal(f->gather.smime.result, AUTH_NONE);
}

static const char *sealed_results;

static void bring_a_set(struct fixture *f)
{
    char text[4096];
    struct buf message;
    buf_init(&message, sizeof(text));
    buf_printf(&message,
               "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=list.example; s=s; b=AAAA\r\n"
               "ARC-Message-Signature: i=1; a=rsa-sha256; d=list.example; s=s; h=from; bh=AAAA; b=AAAA\r\n"
               "ARC-Authentication-Results: i=1; list.example; %s\r\n" FORGED, sealed_results);
    assert_true(bytes_to_cstring(buf_bytes(&message), text, sizeof(text)));
    buf_free(&message);
    begin(f, "list.example", "x@list.example");
    finish(f, text);
}

static void expect_sealed(void **state, const char *results, const char *expected)
{
    struct fixture *f = *state;
    f->config.authentication.arc = true;
    sealed_results = results;
    run(state, bring_a_set);
    struct bytes found = evidence_value(evidence_find(&f->gather.evidence, CHECK_ARC, 0), "vouch",
                                        "sealed-dmarc");
    if (!bytes_is(found, expected))
        fail_msg("%s: " BYTES_FMT, results, BYTES_ARG(found));
}

static void a_sealer_that_contradicts_itself_saw_no_pass(void **state)
{
    expect_sealed(state, "dmarc=pass header.from=bank.example", "pass");
    expect_sealed(state, "dmarc=pass header.from=bank.example; dmarc=fail header.from=bank.example", "fail");
    expect_sealed(state, "dmarc=fail header.from=bank.example; dmarc=pass header.from=bank.example", "fail");
    expect_sealed(state, "dmarc=pass header.from=evil.example header.from=bank.example", "none");
    expect_sealed(state, "dmarc=pass header.from=evil.example", "none");
}

static void a_sealer_of_another_version_says_nothing_rfc8601_2_6(void **state)
{
    expect_sealed(state, "dmarc/1=pass header.from=bank.example", "pass");
    expect_sealed(state, "dmarc/2=pass header.from=bank.example", "none");
}

static void speak_in_other_words(struct fixture *f)
{
    begin(f, "relay.example.net", "x@evil.example");
    finish(f, "Authentication-Results: relay.example.net 2; dmarc=pass header.from=bank.example\r\n"
           "Authentication-Results: relay.example.net; dmarc/2=pass header.from=bank.example;"
           " spf=splendid\r\n"
           RELAYED("mail.evil.example ([203.0.113.9])") FORGED);
}

static void a_relay_whose_words_are_not_known_says_nothing_rfc8601_2_6_4_1(void **state)
{
    struct fixture *f = *state;
    set_upstream(f);
    run(state, speak_in_other_words);
    assert_null(evidence_find(&f->gather.evidence, CHECK_UPSTREAM, 0));
}

static const char *submitter_local;

static void declare_a_submitter(struct fixture *f)
{
    struct gather_envelope envelope = {.helo = BYTES("a.example"),
                                       .sender = BYTES("x@a.example"),
                                       .submitter_given = true,
                                       .submitter = BYTES("boss@xn--bcher-kva.example"),
                                       .submitter_local = bytes_of(submitter_local),
                                       .submitter_domain = BYTES("xn--bcher-kva.EXAMPLE"),
                                       .now = 1700000000};
    f->config.authentication.sender_id = true;
    assert_true(ip_parse(BYTES("192.0.2.1"), &envelope.client));
    gather_begin(&f->gather, &f->config, &f->punctual.dns, f->arena, &envelope);
    finish(f, "From: boss@b\xc3\xbc" "cher.example\r\n\r\nnow\r\n");
}

static void a_submitter_is_compared_as_an_address_rfc4405_4_2(void **state)
{
    struct fixture *f = *state;
    submitter_local = "boss";
    run(state, declare_a_submitter);
    assert_int_equal(evidence_find(&f->gather.evidence, CHECK_SUBMITTER, 0)->result, AUTH_PASS);
    submitter_local = "Boss";
    run(state, declare_a_submitter);
    assert_int_equal(evidence_find(&f->gather.evidence, CHECK_SUBMITTER, 0)->result, AUTH_FAIL);
}

/* Every mechanism switched on, and something for each to look at. */
static void switch_everything_on(struct config *config)
{
    static char certifier[] = "trusty.example";
    static char *certifiers[] = {certifier};
    config->authentication.iprev = true;
    config->authentication.helo = true;
    config->authentication.spf_guess = true;
    config->authentication.sender_id = true;
    config->authentication.domainkeys = true;
    config->authentication.adsp = true;
    config->authentication.arc = true;
    config->authentication.hashcash = 20;
    config->authentication.smime = true;
    config->authentication.openpgp = true;
    config->authentication.vbr_certifiers = (struct config_strings){certifiers, 1};
}

static const char *const every_kind[] = {
    /* DNS that fails, names that are not there, signatures that cannot be read or do not fit. */
    "DKIM-Signature: v=1; a=rsa-sha256; d=slow.example; s=s; h=from; bh=AAAA; b=AAAA\r\n"
    "DKIM-Signature: v=1; a=rsa-sha256; d=bank.example; s=s\r\n"
    "DomainKey-Signature: a=rsa-sha1; q=dns; c=nofws; d=slow.example; s=s; b=AAAA\r\n"
    "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=slow.example; s=s; b=AAAA\r\n"
    "ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=slow.example; s=s; h=from;"
    " bh=Y1GQZTOFQemRXMZ6dGRap28V8MD0rgwgSlR6hBuYqRw=; b=AAAA\r\n"
    "ARC-Authentication-Results: i=1; slow.example; none\r\n"
    "VBR-Info: md=pass.example; mc=all; mv=crook.example\r\n"
    "From: \"a b\"@slow.example\r\n\r\nnow\r\n",
    "VBR-Info: md=pass.example; mc=all; mv=trusty.example\r\n"
    "Sender: x@pass.example\r\nFrom: boss@bank.example\r\n"
    "Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n\r\nnow\r\n",
    "From: a@nowhere.example\r\nFrom: b@nowhere.example\r\n\r\nnow\r\n",
    "From: a@pass.example\r\nResent-From: \"b c\"@pass.example\r\n\r\nnow\r\n",
};
static const char *reported_message;

static void report_everything(struct fixture *f)
{
    struct auth_results results;
    begin(f, "mail.pass.example", "\"x y\"@pass.example");
    finish(f, reported_message);
    assert_int_equal(explain_auth_results(f->arena, &f->gather.evidence, BYTES("mx.example.net"),
                                          &results), OK);
    assert_true(results.statement_count >= 6);
    for (size_t i = 0; i < results.statement_count; i++) {
        const struct auth_statement *statement = &results.statements[i];
        const char *why = why_not_registered(statement);
        if (why)
            fail_msg(BYTES_FMT "=%s: %s", BYTES_ARG(statement->method),
                     auth_result_name(statement->result), why);
        for (size_t p = 0; bytes_is(statement->method, "spf") && p < statement->property_count; p++)
            assert_true(bytes_find_byte(statement->properties[p].value, '@') == BYTES_NOT_FOUND);
    }
}

static void all_that_is_reported_is_registered_rfc8601_4(void **state)
{
    struct fixture *f = *state;
    switch_everything_on(&f->config);
    add(f, BANK "pass.example TXT \"v=spf1 +all\"\npass.example._vouch.trusty.example TXT \"all\"\n"
           "mail.pass.example A 192.0.2.1\n"
           "_adsp._domainkey.pass.example TXT \"dkim=discardable\"\n");
    zone_add_failure(f->zone, BYTES("s._domainkey.slow.example"), DNS_TXT);
    zone_add_failure(f->zone, BYTES("slow.example"), DNS_TXT);
    for (size_t i = 0; i < countof(every_kind); i++) {
        reported_message = every_kind[i];
        run(state, report_everything);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            the_author_is_checked_however_long_the_client_took_after_mail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_author_is_checked_however_slow_a_strangers_key_is,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_author_is_checked_however_many_questions_spf_cost,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(answers_that_are_huge_are_not_kept_with_the_evidence,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            the_authors_spf_is_read_however_many_questions_a_chain_costs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            the_author_is_checked_however_slow_a_sealers_key_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            the_client_is_whom_the_first_of_our_relays_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_stranger_who_skips_a_relay_does_not_say_who_he_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            what_a_relay_says_is_not_said_again_below_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            what_is_only_reported_takes_no_memory_from_the_mail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_sealer_that_contradicts_itself_saw_no_pass, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_sealer_of_another_version_says_nothing_rfc8601_2_6, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_relay_whose_words_are_not_known_says_nothing_rfc8601_2_6_4_1, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_submitter_is_compared_as_an_address_rfc4405_4_2, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            all_that_is_reported_is_registered_rfc8601_4, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
