/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/zone.h"
#include "fiber/fiber.h"
#include "fiber/loop.h"
#include "roles/gather.h"

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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
