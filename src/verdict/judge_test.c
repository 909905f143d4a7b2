/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/explain.h"
#include "verdict/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* A case: evidence built from a few words, a policy, and what must come of it. */
static struct arena *arena;
static struct evidence evidence;
static struct policy policy;
static struct verdict verdict;

static int set_up(void **state)
{
    (void)state;
    arena = arena_create(1 << 20);
    evidence = (struct evidence){.id = BYTES("test"), .mail_from = BYTES("a@sender.example")};
    assert_true(ip_parse(BYTES("192.0.2.1"), &evidence.client));
    policy = (struct policy){.name = BYTES("default"),
                             .dmarc = JUDGE_DMARC_ON,
                             .reject_bad_from = true,
                             .junk_folder = true,
                             .temporary_attempts = 3,
                             .junk_score = 500,
                             .reject_score = 1500};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(arena);
    return 0;
}

static struct evidence_item *add(enum check check, enum auth_result result)
{
    struct evidence_item *item = evidence_add(arena, &evidence, check, result);
    assert_non_null(item);
    return item;
}

static void add_spf(enum auth_result result)
{
    struct evidence_item *item = add(CHECK_SPF, result);
    assert_true(evidence_property(arena, item, "vouch", "domain", BYTES("sender.example")));
}

static void add_dkim(enum auth_result result, const char *domain)
{
    struct evidence_item *item = add(CHECK_DKIM, result);
    assert_true(evidence_property(arena, item, "header", "d", bytes_of(domain)));
}

static void add_dmarc(enum auth_result result, const char *effective)
{
    struct evidence_item *item = add(CHECK_DMARC, result);
    assert_true(evidence_property(arena, item, "header", "from", BYTES("bank.example")));
    assert_true(evidence_property(arena, item, "vouch", "effective", bytes_of(effective)));
}

static void judged(enum action action, unsigned code, const char *enhanced)
{
    assert_int_equal(judge(arena, &policy, &evidence, &verdict), OK);
    assert_string_equal(action_name(verdict.action), action_name(action));
    assert_int_equal(verdict.code, code);
    assert_string_equal(verdict.enhanced, enhanced);
    assert_true(verdict.reason_count > 0);
    assert_int_equal(verdict.reasons[0].effect, REASON_DECIDES);
}

static void dmarc_reject_refuses_a_forgery(void **state)
{
    (void)state;
    add_spf(AUTH_FAIL);
    add_dmarc(AUTH_FAIL, "reject");
    judged(ACTION_REJECT, 550, "5.7.26");
    assert_true(bytes_is(verdict.text, "Mail from bank.example must be signed or sent from its own "
                                       "servers (DMARC p=reject): SPF fail, no DKIM signature."));
    assert_int_equal(verdict.trust, TRUST_FORGED);
}

static void dmarc_quarantine_goes_to_junk(void **state)
{
    (void)state;
    add_dmarc(AUTH_FAIL, "quarantine");
    judged(ACTION_JUNK, 250, "2.0.0");
}

static void dmarc_none_only_marks(void **state)
{
    (void)state;
    add_dmarc(AUTH_FAIL, "none");
    judged(ACTION_ACCEPT, 250, "2.0.0");
}

static void dmarc_mark_never_refuses(void **state)
{
    (void)state;
    policy.dmarc = JUDGE_DMARC_MARK;
    add_dmarc(AUTH_FAIL, "reject");
    judged(ACTION_ACCEPT, 250, "2.0.0");
}

/* rfc9989:7.4: knowledge that the receiver has turns reject into quarantine. */
static void trusted_forwarder_rescues_to_junk(void **state)
{
    (void)state;
    struct ip_network network;
    assert_true(ip_network_parse(BYTES("192.0.2.0/24"), &network));
    policy.trusted_forwarders = &network;
    policy.trusted_forwarder_count = 1;
    add_dmarc(AUTH_FAIL, "reject");
    judged(ACTION_JUNK, 250, "2.0.0");
}

static void strict_is_not_rescued(void **state)
{
    (void)state;
    struct ip_network network;
    assert_true(ip_network_parse(BYTES("192.0.2.0/24"), &network));
    policy.trusted_forwarders = &network;
    policy.trusted_forwarder_count = 1;
    policy.dmarc = JUDGE_DMARC_STRICT;
    add_dmarc(AUTH_FAIL, "reject");
    judged(ACTION_REJECT, 550, "5.7.26");
}

static void trusted_list_signature_rescues_and_unknown_one_does_not(void **state)
{
    (void)state;
    struct bytes lists[] = {BYTES("lists.example")};
    policy.trusted_lists = lists;
    policy.trusted_list_count = 1;
    add_dkim(AUTH_PASS, "stranger.example");
    add_dmarc(AUTH_FAIL, "reject");
    judged(ACTION_REJECT, 550, "5.7.26");
    add_dkim(AUTH_FAIL, "lists.example"); /* claimed, not proven */
    judged(ACTION_REJECT, 550, "5.7.26");
    add_dkim(AUTH_PASS, "lists.example");
    judged(ACTION_JUNK, 250, "2.0.0");
}

static void arc_rescues_only_from_a_trusted_sealer(void **state)
{
    (void)state;
    struct bytes sealers[] = {BYTES("forwarder.example")};
    struct evidence_item *arc = add(CHECK_ARC, AUTH_PASS);
    assert_true(evidence_property(arena, arc, "vouch", "sealer", BYTES("forwarder.example")));
    add_dmarc(AUTH_FAIL, "reject");
    judged(ACTION_REJECT, 550, "5.7.26");
    policy.trusted_sealers = sealers;
    policy.trusted_sealer_count = 1;
    judged(ACTION_JUNK, 250, "2.0.0");
}

static void say(struct evidence_item *item, const char *name, const char *value)
{
    assert_true(evidence_property(arena, item, "vouch", name, bytes_of(value)));
}

static bool a_reason_says(enum reason_effect effect, const char *words)
{
    for (size_t i = 0; i < verdict.reason_count; i++)
        if (verdict.reasons[i].effect == effect &&
            bytes_find(verdict.reasons[i].text, bytes_of(words)) != BYTES_NOT_FOUND)
            return true;
    return false;
}

/* rfc8617:7.2.1: what a trusted sealer saw may override a DMARC fail, and the verdict says so. */
static void what_a_trusted_sealer_saw_overrides_dmarc(void **state)
{
    (void)state;
    struct bytes sealers[] = {BYTES("forwarder.example")};
    struct evidence_item *arc = add(CHECK_ARC, AUTH_PASS);
    say(arc, "sealer", "forwarder.example");
    say(arc, "sealed-dmarc", "pass");
    add_dmarc(AUTH_FAIL, "reject");
    judged(ACTION_REJECT, 550, "5.7.26");
    policy.trusted_sealers = sealers;
    policy.trusted_sealer_count = 1;
    judged(ACTION_ACCEPT, 250, "2.0.0");
    assert_int_equal(verdict.trust, TRUST_BUSINESS);
    assert_true(a_reason_says(REASON_OVERRIDES, "forwarder.example saw DMARC pass"));
    assert_true(a_reason_says(REASON_DECIDES, "local policy"));
    policy.dmarc = JUDGE_DMARC_STRICT;
    judged(ACTION_REJECT, 550, "5.7.26");
}

/* Whoever sealed later could have invented what stands below. */
static void a_seal_below_an_untrusted_one_says_nothing(void **state)
{
    (void)state;
    struct bytes sealers[] = {BYTES("forwarder.example")};
    struct evidence_item *arc = add(CHECK_ARC, AUTH_PASS);
    say(arc, "sealer", "stranger.example");
    say(arc, "sealed-dmarc", "none");
    say(arc, "sealer", "forwarder.example");
    say(arc, "sealed-dmarc", "pass");
    add_dmarc(AUTH_FAIL, "reject");
    policy.trusted_sealers = sealers;
    policy.trusted_sealer_count = 1;
    judged(ACTION_REJECT, 550, "5.7.26");
}

static void a_broken_chain_of_a_trusted_sealer_says_nothing(void **state)
{
    (void)state;
    struct bytes sealers[] = {BYTES("forwarder.example")};
    struct evidence_item *arc = add(CHECK_ARC, AUTH_FAIL);
    say(arc, "sealer", "forwarder.example");
    say(arc, "sealed-dmarc", "pass");
    add_dmarc(AUTH_FAIL, "reject");
    policy.trusted_sealers = sealers;
    policy.trusted_sealer_count = 1;
    judged(ACTION_REJECT, 550, "5.7.26");
}

static void a_forwarder_that_filters_opens_the_inbox_and_one_that_does_not_the_junk(void **state)
{
    (void)state;
    struct evidence_item *item = add(CHECK_FORWARDER, AUTH_PASS);
    say(item, "name", "alumni");
    add_dmarc(AUTH_FAIL, "reject");
    judged(ACTION_JUNK, 250, "2.0.0");
    assert_true(a_reason_says(REASON_OVERRIDES, "alumni"));
    say(&evidence.items[0], "filters", "yes");
    judged(ACTION_ACCEPT, 250, "2.0.0");
    assert_int_equal(verdict.trust, TRUST_THIRD);
}

static void what_a_sealer_saw_is_worth_more_than_that_a_forwarder_filtered(void **state)
{
    (void)state;
    struct bytes sealers[] = {BYTES("sealer.example")};
    struct evidence_item *arc = add(CHECK_ARC, AUTH_PASS);
    say(arc, "sealer", "sealer.example");
    say(arc, "sealed-dmarc", "pass");
    say(add(CHECK_FORWARDER, AUTH_PASS), "filters", "yes");
    add_dmarc(AUTH_FAIL, "reject");
    judged(ACTION_ACCEPT, 250, "2.0.0");
    assert_int_equal(verdict.trust, TRUST_THIRD);
    policy.trusted_sealers = sealers;
    policy.trusted_sealer_count = 1;
    judged(ACTION_ACCEPT, 250, "2.0.0");
    assert_int_equal(verdict.trust, TRUST_BUSINESS);
}

static void a_forwarder_outweighs_an_spf_fail(void **state)
{
    (void)state;
    add_spf(AUTH_FAIL);
    policy.spf_fail_rejects = true;
    judged(ACTION_REJECT, 550, "5.7.23");
    add(CHECK_FORWARDER, AUTH_PASS);
    judged(ACTION_ACCEPT, 250, "2.0.0");
}

static void our_relay_overrides_dmarc_for_that_author_only(void **state)
{
    (void)state;
    struct evidence_item *item = add(CHECK_UPSTREAM, AUTH_PASS);
    say(item, "method", "dmarc");
    assert_true(evidence_property(arena, item, "header", "from", BYTES("other.example")));
    add_dmarc(AUTH_FAIL, "reject");
    judged(ACTION_REJECT, 550, "5.7.26");
    item = add(CHECK_UPSTREAM, AUTH_PASS);
    say(item, "method", "dmarc");
    assert_true(evidence_property(arena, item, "header", "from", BYTES("bank.example")));
    judged(ACTION_ACCEPT, 250, "2.0.0");
}

/* rfc5321:4.1.4: a name that merely resolves elsewhere is no reason to refuse. */
static void only_a_false_helo_is_refused_and_only_if_asked(void **state)
{
    (void)state;
    struct evidence_item *item = add(CHECK_HELO, AUTH_FAIL);
    item->reason = BYTES("it resolves elsewhere");
    policy.bad_helo_rejects = true;
    judged(ACTION_ACCEPT, 250, "2.0.0");
    say(&evidence.items[0], "false", "yes");
    judged(ACTION_REJECT, 550, "5.7.1");
    policy.bad_helo_rejects = false;
    judged(ACTION_ACCEPT, 250, "2.0.0");
}

/* rfc4405:4.2 */
static void a_submitter_that_is_not_the_headers_is_refused(void **state)
{
    (void)state;
    add(CHECK_SUBMITTER, AUTH_FAIL)->reason = BYTES("a@x.example is not b@y.example");
    judged(ACTION_ACCEPT, 250, "2.0.0");
    policy.submitter_mismatch_rejects = true;
    judged(ACTION_REJECT, 550, "5.7.1");
    assert_true(bytes_starts_with(verdict.text, BYTES("Submitter does not match header. ")));
}

static void a_submitter_without_a_responsible_address_is_refused_in_other_words_rfc4405_4_2(void **state)
{
    (void)state;
    struct evidence_item *item = add(CHECK_SUBMITTER, AUTH_FAIL);
    item->reason = BYTES("step 4: there are several From fields");
    say(item, "pra", "missing");
    judged(ACTION_ACCEPT, 250, "2.0.0");
    policy.submitter_mismatch_rejects = true;
    judged(ACTION_REJECT, 554, "5.7.7");
    assert_true(bytes_starts_with(verdict.text, BYTES("Cannot verify submitter address. ")));
}

static void replies_of_sender_id_begin_as_they_must_rfc4405_4_2_rfc4406_5_3(void **state)
{
    (void)state;
    struct evidence_item *item = add(CHECK_SENDER_ID, AUTH_FAIL);
    say(item, "domain", "sender.example");
    say(item, "explanation", "See http://sender.example/");
    policy.sender_id_fail_rejects = true;
    judged(ACTION_REJECT, 550, "5.7.1");
    assert_true(bytes_starts_with(verdict.text, BYTES("Sender ID (PRA) Not Permitted - ")));
    assert_true(bytes_ends_with(verdict.text, BYTES("See http://sender.example/")));
    add(CHECK_SUBMITTER, AUTH_PASS);
    judged(ACTION_REJECT, 550, "5.7.1");
    assert_true(bytes_starts_with(verdict.text, BYTES("Submitter not allowed. Sender ID (PRA) ")));
}

static void a_message_without_a_responsible_address_is_refused_rfc4406_4(void **state)
{
    (void)state;
    say(add(CHECK_SENDER_ID, AUTH_PERMERROR), "pra", "missing");
    judged(ACTION_ACCEPT, 250, "2.0.0");
    policy.sender_id_fail_rejects = true;
    judged(ACTION_REJECT, 550, "5.7.1");
    assert_true(bytes_starts_with(verdict.text, BYTES("Missing Purported Responsible Address")));
}

static void what_sender_id_says_besides_fail_refuses_nothing_rfc4406_5_1(void **state)
{
    (void)state;
    static const enum auth_result others[] = {AUTH_NEUTRAL, AUTH_NONE, AUTH_SOFTFAIL, AUTH_PERMERROR,
                                              AUTH_PASS};
    say(add(CHECK_SENDER_ID, AUTH_FAIL), "domain", "sender.example");
    policy.sender_id_fail_rejects = true;
    for (size_t i = 0; i < countof(others); i++) {
        evidence.items[0].result = others[i];
        judged(ACTION_ACCEPT, 250, "2.0.0");
    }
    evidence.items[0].result = AUTH_TEMPERROR;
    judged(ACTION_TEMPFAIL, 451, "4.4.3");
}

static void sender_id_fail_marks_or_rejects_where_dmarc_is_silent(void **state)
{
    (void)state;
    say(add(CHECK_SENDER_ID, AUTH_FAIL), "domain", "sender.example");
    judged(ACTION_ACCEPT, 250, "2.0.0");
    policy.sender_id_fail_rejects = true;
    judged(ACTION_REJECT, 550, "5.7.1");
    add_dmarc(AUTH_PASS, "reject");
    judged(ACTION_ACCEPT, 250, "2.0.0");
}

/* The joint test: authenticated and vouched for. */
static void vouching_lifts_only_what_is_authenticated(void **state)
{
    (void)state;
    assert_true(evidence_property(arena, add(CHECK_VBR, AUTH_PASS), "header", "md",
                                  BYTES("sender.example")));
    say(add(CHECK_FROM, AUTH_PASS), "domain", "news.sender.example");
    judged(ACTION_ACCEPT, 250, "2.0.0");
    assert_int_equal(verdict.trust, TRUST_THIRD);
    add_spf(AUTH_PASS);
    judged(ACTION_ACCEPT, 250, "2.0.0");
    assert_int_equal(verdict.trust, TRUST_FIRST);
}

static void vouching_does_not_lift_whom_nobody_answers_for(void **state)
{
    (void)state;
    assert_true(evidence_property(arena, add(CHECK_VBR, AUTH_PASS), "header", "md",
                                  BYTES("sender.example")));
    say(add(CHECK_FROM, AUTH_PASS), "domain", "bank.example");
    add_spf(AUTH_PASS);
    judged(ACTION_ACCEPT, 250, "2.0.0");
    assert_int_equal(verdict.trust, TRUST_BUSINESS);
    add_dmarc(AUTH_PASS, "reject");
    judged(ACTION_ACCEPT, 250, "2.0.0");
    assert_int_equal(verdict.trust, TRUST_FIRST);
}

static void a_guess_changes_nothing(void **state)
{
    (void)state;
    add(CHECK_SPF_GUESS, AUTH_PASS);
    judged(ACTION_ACCEPT, 250, "2.0.0");
    assert_int_equal(verdict.trust, TRUST_THIRD);
    evidence.items[0].result = AUTH_FAIL;
    policy.spf_fail_rejects = true;
    judged(ACTION_ACCEPT, 250, "2.0.0");
}

static void missing_author_is_refused(void **state)
{
    (void)state;
    add(CHECK_FROM, AUTH_FAIL)->reason = BYTES("there are 2 From fields");
    judged(ACTION_REJECT, 550, "5.7.1");
    assert_true(bytes_find(verdict.text, BYTES("there are 2 From fields")) != BYTES_NOT_FOUND);
    policy.reject_bad_from = false;
    judged(ACTION_ACCEPT, 250, "2.0.0");
}

static void spf_fail_marks_or_rejects_by_policy(void **state)
{
    (void)state;
    add_spf(AUTH_FAIL);
    judged(ACTION_ACCEPT, 250, "2.0.0");
    policy.spf_fail_rejects = true;
    judged(ACTION_REJECT, 550, "5.7.23");
}

static void spf_explanation_is_quoted_to_the_sender(void **state)
{
    (void)state;
    policy.spf_fail_rejects = true;
    struct evidence_item *item = add(CHECK_SPF, AUTH_FAIL);
    assert_true(evidence_property(arena, item, "vouch", "domain", BYTES("sender.example")));
    assert_true(evidence_property(arena, item, "vouch", "explanation", BYTES("see our page")));
    judged(ACTION_REJECT, 550, "5.7.23");
    assert_true(bytes_find(verdict.text, BYTES("see our page")) != BYTES_NOT_FOUND);
}

/* rfc7489:10.1, rfc9989:5.4: DMARC pass outranks an SPF fail of the envelope. */
static void dmarc_pass_outranks_spf_fail(void **state)
{
    (void)state;
    policy.spf_fail_rejects = true;
    add_spf(AUTH_FAIL);
    add_dmarc(AUTH_PASS, "reject");
    judged(ACTION_ACCEPT, 250, "2.0.0");
    assert_int_equal(verdict.trust, TRUST_BUSINESS);
}

static void set_attempts(const char *count)
{
    struct evidence_item *item = add(CHECK_ATTEMPT, AUTH_NONE);
    assert_true(evidence_property(arena, item, "vouch", "count", bytes_of(count)));
}

static void dns_failure_puts_off_then_accepts(void **state)
{
    (void)state;
    add_dmarc(AUTH_TEMPERROR, "none");
    judged(ACTION_TEMPFAIL, 451, "4.7.5");
    set_attempts("3");
    judged(ACTION_ACCEPT, 250, "2.0.0");
}

static void key_failure_puts_off_only_where_it_decides(void **state)
{
    (void)state;
    add_dkim(AUTH_TEMPERROR, "mail.bank.example");
    add_dmarc(AUTH_FAIL, "reject");
    judged(ACTION_TEMPFAIL, 451, "4.7.5");
    evidence.items[1].properties[1].value = BYTES("none");
    judged(ACTION_ACCEPT, 250, "2.0.0");
}

/* A stranger's unreachable key must not buy a forgery a 451, nor, later, an acceptance. */
static void key_failure_of_a_stranger_does_not_put_off(void **state)
{
    (void)state;
    add_dkim(AUTH_TEMPERROR, "stranger.example");
    add_dkim(AUTH_TEMPERROR, "notbank.example");
    add_dmarc(AUTH_FAIL, "reject");
    judged(ACTION_REJECT, 550, "5.7.26");
}

/* A forger can name a subdomain whose DNS is broken: that must not open the inbox. */
static void key_failure_goes_to_junk_in_the_end(void **state)
{
    (void)state;
    add_dkim(AUTH_TEMPERROR, "bank.example");
    add_dmarc(AUTH_FAIL, "reject");
    set_attempts("3");
    judged(ACTION_JUNK, 250, "2.0.0");
    assert_int_equal(verdict.trust, TRUST_THIRD);
}

static void dmarc_that_stays_unknown_goes_to_junk_where_the_policy_is_known(void **state)
{
    (void)state;
    add_dmarc(AUTH_TEMPERROR, "reject");
    judged(ACTION_TEMPFAIL, 451, "4.7.5");
    set_attempts("3");
    judged(ACTION_JUNK, 250, "2.0.0");
    assert_int_equal(verdict.trust, TRUST_THIRD);
}

static void spf_fail_counts_where_dmarc_is_switched_off(void **state)
{
    (void)state;
    policy.spf_fail_rejects = true;
    policy.dmarc = JUDGE_DMARC_OFF;
    add_spf(AUTH_FAIL);
    add_dmarc(AUTH_FAIL, "none");
    judged(ACTION_REJECT, 550, "5.7.23");
}

static void a_strangers_signature_gives_no_class(void **state)
{
    (void)state;
    add_dkim(AUTH_PASS, "stranger.example");
    add_dmarc(AUTH_FAIL, "none");
    judged(ACTION_ACCEPT, 250, "2.0.0");
    assert_int_equal(verdict.trust, TRUST_THIRD);
}

static void spf_failure_of_dns_is_4_7_24(void **state)
{
    (void)state;
    policy.spf_fail_rejects = true;
    add_spf(AUTH_TEMPERROR);
    judged(ACTION_TEMPFAIL, 451, "4.7.24");
    policy.spf_fail_rejects = false;
    judged(ACTION_ACCEPT, 250, "2.0.0");
}

static void postmaster_is_never_filtered(void **state)
{
    (void)state;
    evidence.exempt = true;
    add(CHECK_FROM, AUTH_FAIL)->reason = BYTES("no From field");
    add_dmarc(AUTH_FAIL, "reject");
    judged(ACTION_ACCEPT, 250, "2.0.0");
}

static void exhausted_memory_is_a_temporary_failure(void **state)
{
    (void)state;
    struct arena *small = arena_create(64);
    add_dmarc(AUTH_FAIL, "reject");
    assert_int_equal(judge(small, &policy, &evidence, &verdict), TEMP);
    assert_int_equal(verdict.code, 451);
    arena_destroy(small);
}

static struct bytes written(struct buf *buf, void (*write)(struct json *))
{
    buf_init(buf, 1 << 20);
    struct json json = json_into(buf);
    write(&json);
    assert_false(buf->failed);
    return buf_bytes(buf);
}

static void write_evidence(struct json *json)
{
    evidence_write(json, &evidence);
}

static void write_verdict(struct json *json)
{
    verdict_write(json, &verdict);
}

static void what_is_written_reads_back_the_same(void **state)
{
    (void)state;
    struct bytes recipients[] = {BYTES("x@local.example"), BYTES("y@local.example")};
    struct bytes records[] = {BYTES("v=spf1 -all"), BYTES("quote\" and \\ and \x01")};
    struct evidence_dns dns[] = {{BYTES("sender.example"), BYTES("TXT"), BYTES("found"), 300, true,
                                  records, 2}};
    evidence.recipients = recipients;
    evidence.recipient_count = 2;
    evidence.dns = dns;
    evidence.dns_count = 1;
    evidence.received_at = 1795000000;
    add_spf(AUTH_FAIL);
    add_dmarc(AUTH_FAIL, "reject");
    judged(ACTION_REJECT, 550, "5.7.26");
    struct buf first, second;
    struct bytes text = written(&first, write_evidence);
    struct evidence read;
    struct error error;
    assert_int_equal(evidence_read(arena, text, &read, &error), OK);
    evidence = read;
    assert_true(bytes_equal(text, written(&second, write_evidence)));
    buf_free(&second);
    buf_free(&first);

    text = written(&first, write_verdict);
    struct verdict again;
    assert_int_equal(verdict_read(arena, text, &again, &error), OK);
    verdict = again;
    assert_true(bytes_equal(text, written(&second, write_verdict)));
    /* A replay of what was read gives the same verdict, to the octet. */
    assert_int_equal(judge(arena, &policy, &evidence, &verdict), OK);
    buf_free(&second);
    assert_true(bytes_equal(text, written(&second, write_verdict)));
    buf_free(&second);
    buf_free(&first);
}

static void malformed_json_is_an_error(void **state)
{
    (void)state;
    struct evidence read;
    struct error error;
    assert_int_equal(evidence_read(arena, BYTES("{\"id\":"), &read, &error), PERM);
    assert_int_equal(evidence_read(arena, BYTES("[]"), &read, &error), PERM);
    assert_int_equal(evidence_read(arena, BYTES("{\"id\":5}"), &read, &error), PERM);
    assert_int_equal(
        evidence_read(arena, BYTES("{\"items\":[{\"check\":\"x\"}]}"), &read, &error), PERM);
}

/* An item may not smuggle terminal escapes into what an administrator reads. */
static void explanation_is_clean(void **state)
{
    (void)state;
    evidence.subject = BYTES("\x1b[2Jboo\xc2\x9b" "31m");
    add_dmarc(AUTH_FAIL, "reject");
    judged(ACTION_REJECT, 550, "5.7.26");
    struct buf out;
    buf_init(&out, 1 << 16);
    explain_write(&out, &evidence, &verdict, false);
    assert_false(out.failed);
    assert_true(bytes_find_byte(buf_bytes(&out), 0x1b) == BYTES_NOT_FOUND);
    assert_true(bytes_find_byte(buf_bytes(&out), 0x9b) == BYTES_NOT_FOUND);
    assert_true(bytes_find(buf_bytes(&out), BYTES("5.7.26")) != BYTES_NOT_FOUND);
    buf_free(&out);
}

static const struct auth_statement *reported(enum check check)
{
    static struct auth_results results;
    assert_int_equal(explain_auth_results(arena, &evidence, BYTES("mx.example"), &results), OK);
    for (size_t i = 0; i < results.statement_count; i++)
        if (bytes_is(results.statements[i].method, check_method(check)))
            return &results.statements[i];
    fail_msg("%s is not reported", check_name(check));
    return NULL;
}

static void a_quoted_address_is_reported_without_its_quotes_rfc8601_2_2(void **state)
{
    (void)state;
    assert_true(evidence_property(arena, add(CHECK_ADSP, AUTH_PASS), "header", "from",
                                  BYTES("\"a b\"@c.example")));
    assert_true(bytes_is(reported(CHECK_ADSP)->properties[0].value, "a b@c.example"));
}

static void local_parts_that_were_not_authenticated_are_not_reported_rfc8601_2_7_2(void **state)
{
    (void)state;
    struct evidence_item *item = add(CHECK_SPF, AUTH_PASS);
    assert_true(evidence_property(arena, item, "smtp", "mailfrom", BYTES("\"a@ b\"@c.example")));
    item = add(CHECK_SENDER_ID, AUTH_PASS);
    assert_true(evidence_property(arena, item, "header", "sender", BYTES("boss@d.example")));
    assert_true(bytes_is(reported(CHECK_SPF)->properties[0].value, "c.example"));
    assert_true(bytes_is(reported(CHECK_SENDER_ID)->properties[0].value, "d.example"));
}

static void only_registered_results_are_reported_rfc8601_4(void **state)
{
    (void)state;
    add(CHECK_ARC, AUTH_TEMPERROR)->reason = BYTES("a key could not be fetched");
    add(CHECK_VBR, AUTH_NEUTRAL);
    assert_int_equal(reported(CHECK_ARC)->result, AUTH_FAIL);
    assert_true(bytes_is(reported(CHECK_ARC)->reason, "a key could not be fetched"));
    assert_int_equal(reported(CHECK_VBR)->result, AUTH_NONE);
}

static void what_has_no_registered_method_or_property_is_not_reported_rfc8601_2_7_6(void **state)
{
    (void)state;
    struct auth_results results;
    for (int check = 0; check < CHECK_COUNT_; check++)
        if (!check_method((enum check)check))
            add((enum check)check, AUTH_PASS);
    say(add(CHECK_DKIM, AUTH_PASS), "bits", "2048");
    assert_int_equal(explain_auth_results(arena, &evidence, BYTES("mx.example"), &results), OK);
    assert_int_equal(results.statement_count, 1);
    assert_int_equal(results.statements[0].property_count, 0);
}

static void a_set_has_what_our_relays_found_too_rfc8617_4_1_1(void **state)
{
    (void)state;
    struct auth_results results;
    add_spf(AUTH_PASS);
    struct evidence_item *item = add(CHECK_UPSTREAM, AUTH_PASS);
    say(item, "authserv-id", "relay.example");
    say(item, "method", "auth");
    assert_true(evidence_property(arena, item, "smtp", "auth", BYTES("joe@c.example")));
    assert_int_equal(explain_auth_results(arena, &evidence, BYTES("mx.example"), &results), OK);
    assert_int_equal(results.statement_count, 1);
    assert_int_equal(explain_sealed_results(arena, &evidence, BYTES("mx.example"), &results), OK);
    assert_int_equal(results.statement_count, 2);
    assert_true(bytes_is(results.statements[1].method, "auth"));
    assert_int_equal(results.statements[1].result, AUTH_PASS);
    assert_int_equal(results.statements[1].property_count, 1);
    assert_true(bytes_is(results.statements[1].properties[0].value, "joe@c.example"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_quoted_address_is_reported_without_its_quotes_rfc8601_2_2),
        CASE(local_parts_that_were_not_authenticated_are_not_reported_rfc8601_2_7_2),
        CASE(only_registered_results_are_reported_rfc8601_4),
        CASE(a_set_has_what_our_relays_found_too_rfc8617_4_1_1),
        CASE(what_has_no_registered_method_or_property_is_not_reported_rfc8601_2_7_6),
        CASE(dmarc_reject_refuses_a_forgery),
        CASE(dmarc_quarantine_goes_to_junk),
        CASE(dmarc_none_only_marks),
        CASE(dmarc_mark_never_refuses),
        CASE(trusted_forwarder_rescues_to_junk),
        CASE(strict_is_not_rescued),
        CASE(trusted_list_signature_rescues_and_unknown_one_does_not),
        CASE(arc_rescues_only_from_a_trusted_sealer),
        CASE(what_a_trusted_sealer_saw_overrides_dmarc),
        CASE(a_seal_below_an_untrusted_one_says_nothing),
        CASE(a_broken_chain_of_a_trusted_sealer_says_nothing),
        CASE(a_forwarder_that_filters_opens_the_inbox_and_one_that_does_not_the_junk),
        CASE(what_a_sealer_saw_is_worth_more_than_that_a_forwarder_filtered),
        CASE(a_forwarder_outweighs_an_spf_fail),
        CASE(our_relay_overrides_dmarc_for_that_author_only),
        CASE(only_a_false_helo_is_refused_and_only_if_asked),
        CASE(a_submitter_that_is_not_the_headers_is_refused),
        CASE(a_submitter_without_a_responsible_address_is_refused_in_other_words_rfc4405_4_2),
        CASE(replies_of_sender_id_begin_as_they_must_rfc4405_4_2_rfc4406_5_3),
        CASE(a_message_without_a_responsible_address_is_refused_rfc4406_4),
        CASE(what_sender_id_says_besides_fail_refuses_nothing_rfc4406_5_1),
        CASE(sender_id_fail_marks_or_rejects_where_dmarc_is_silent),
        CASE(vouching_lifts_only_what_is_authenticated),
        CASE(vouching_does_not_lift_whom_nobody_answers_for),
        CASE(a_guess_changes_nothing),
        CASE(missing_author_is_refused),
        CASE(spf_fail_marks_or_rejects_by_policy),
        CASE(spf_explanation_is_quoted_to_the_sender),
        CASE(dmarc_pass_outranks_spf_fail),
        CASE(dns_failure_puts_off_then_accepts),
        CASE(key_failure_puts_off_only_where_it_decides),
        CASE(key_failure_of_a_stranger_does_not_put_off),
        CASE(key_failure_goes_to_junk_in_the_end),
        CASE(dmarc_that_stays_unknown_goes_to_junk_where_the_policy_is_known),
        CASE(spf_fail_counts_where_dmarc_is_switched_off),
        CASE(a_strangers_signature_gives_no_class),
        CASE(spf_failure_of_dns_is_4_7_24),
        CASE(postmaster_is_never_filtered),
        CASE(exhausted_memory_is_a_temporary_failure),
        CASE(what_is_written_reads_back_the_same),
        CASE(malformed_json_is_an_error),
        CASE(explanation_is_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
