/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Everything that one message sets in motion, with every mechanism switched on: gathered, judged, written
 * as fields and read back. The input: a line "CLIENT HELO SENDER SUBMITTER", a zone up to a line ".", and
 * the message. Whoever writes the input may publish what he likes, but not for bank.example, which signs
 * nothing and asks for p=reject, nor for those that are trusted here: so no mail of bank.example may be
 * accepted, whatever the message says.
 */
#include "dns/zone.h"
#include "fiber/loop.h"
#include "message/idn.h"
#include "roles/policy.h"
#include "roles/trace.h"
#include "verdict/explain.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MEMORY = 8 << 20, NOW = 1700000000 };

static const char settings[] =
    "hostname = mx.example.net\n"
    "own-networks = [10.0.0.0/8]\n"
    "domain example.net { recipients = users deliver = maildir:/mail/{user} }\n"
    "authentication { spf-guess = yes sender-id = yes domainkeys = yes adsp = yes smime = yes\n"
    "    openpgp = yes hashcash = 4 vbr-certifiers = [certifier.example] timeout = 1s }\n"
    "upstream relay { networks = [192.0.2.7] authserv-ids = [relay.example.net] hops = 2 }\n"
    "forwarder friend { names = [.friend.example] spf-include = friend.example filters = yes }\n"
    "policy default { trusted-sealers = [sealer.example] trusted-lists = [list.example]\n"
    "    spf-fail = reject sender-id-fail = reject bad-helo = reject }\n";

/* Not for the input to publish. */
static const char *const kept_names[] = {"bank.example",   "certifier.example", "friend.example",
                                         "sealer.example", "list.example",      "192.in-addr.arpa"};

static const char fixed[] = "bank.example TXT \"v=spf1 -all\"\n"
                            "_dmarc.bank.example TXT \"v=DMARC1; p=reject\"\n"
                            "friend.example TXT \"v=spf1 ip4:198.51.100.0/24 -all\"\n";

struct trial {
    struct arena *arena;
    struct config config;
    struct zone *zone;
    struct gather_envelope envelope;
    struct bytes text;
    struct bytes recipient;
    struct gather gather;
    struct verdict verdict;
};

static void read_settings(struct trial *t)
{
    struct buf errors;
    buf_init(&errors, 4096);
    enum result result = config_parse(t->arena, bytes_of(settings), NULL, &t->config, &errors);
    if (result != OK)
        panic("settings: " BYTES_FMT, BYTES_ARG(buf_bytes(&errors)));
    buf_free(&errors);
}

static bool may_publish(struct bytes line)
{
    for (size_t i = 0; i < countof(kept_names); i++)
        for (size_t at = 0; at < line.len; at++)
            if (bytes_starts_with_nocase(bytes_skip(line, at), bytes_of(kept_names[i])))
                return false;
    return true;
}

static struct zone *read_zone(struct bytes *rest)
{
    struct zone *zone = zone_create();
    struct bytes line;
    struct error error;
    require(zone_load(zone, bytes_of(fixed), &error) == OK);
    for (int i = 0; i < 200 && bytes_split(rest, '\n', &line) && !bytes_is(line, "."); i++)
        if (may_publish(line))
            (void)!zone_load(zone, line, &error);
    return zone;
}

static struct bytes word(struct bytes *line)
{
    struct bytes found = BYTES("");
    bytes_split(line, ' ', &found);
    return found.ptr ? bytes_first(found, 250) : BYTES("");
}

static void read_envelope(struct trial *t, struct bytes line)
{
    struct gather_envelope *envelope = &t->envelope;
    *envelope = (struct gather_envelope){.now = NOW};
    if (!line.ptr)
        line = BYTES("");
    struct bytes client = word(&line);
    if (!ip_parse(client, &envelope->client))
        require(ip_parse(BYTES("203.0.113.9"), &envelope->client));
    envelope->helo = word(&line);
    envelope->sender = word(&line);
    envelope->submitter = word(&line);
    envelope->submitter_given = envelope->submitter.len > 0;
    size_t at = bytes_rfind_byte(envelope->submitter, '@');
    if (at != BYTES_NOT_FOUND) {
        envelope->submitter_local = bytes_first(envelope->submitter, at);
        envelope->submitter_domain = bytes_skip(envelope->submitter, at + 1);
    }
}

/* Octets that a terminal takes for more than text. */
static void check_readable(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        require(c == '\n' || (c >= ' ' && c != 0x7f));
        require(!(c == 0xc2 && i + 1 < text.len && text.ptr[i + 1] < 0xa0));
        /* U+202A to U+202E, U+2066 to U+2069 turn the direction of what follows. */
        if (c == 0xe2 && i + 2 < text.len && text.ptr[i + 1] == 0x80)
            require(text.ptr[i + 2] < 0xaa || text.ptr[i + 2] > 0xae);
        if (c == 0xe2 && i + 2 < text.len && text.ptr[i + 1] == 0x81)
            require(text.ptr[i + 2] < 0xa6 || text.ptr[i + 2] > 0xa9);
    }
}

static void check_evidence(struct trial *t)
{
    struct evidence again;
    struct buf text, second, shown;
    struct error error;
    buf_init(&text, 16 << 20);
    buf_init(&second, 16 << 20);
    buf_init(&shown, 16 << 20);
    struct json json = json_into(&text);
    evidence_write(&json, &t->gather.evidence);
    struct arena *arena = arena_create(64 << 20);
    require(evidence_read(arena, buf_bytes(&text), &again, &error) == OK);
    json = json_into(&second);
    evidence_write(&json, &again);
    require(bytes_equal(buf_bytes(&text), buf_bytes(&second)));
    explain_write(&shown, &again, &t->verdict, false);
    check_readable(buf_bytes(&shown));
    arena_destroy(arena);
    buf_free(&shown);
    buf_free(&second);
    buf_free(&text);
}

static bool is_ours(struct bytes name)
{
    static const char *const names[] = {"Authentication-Results", "X-Vouch-Verdict", "X-Vouch-Reason",
                                        "X-Vouch-Score", "X-Spam-Flag", "X-Spam-Status", "X-Spam-Score",
                                        "X-Spam-Level", "X-Vouch-Evidence", "Received-SPF", "Received"};
    for (size_t i = 0; i < countof(names); i++)
        if (bytes_is(name, names[i]))
            return true;
    return false;
}

/* "helo=fail (why); hashcash=pass": results stand outside of parentheses, and only ours do. */
static void check_remarks(const struct message *message)
{
    const struct header_field *field = message_field(message, "X-Vouch-Evidence", 0);
    bool inside = false;
    for (size_t i = 0; field && i < field->value.len; i++) {
        uint8_t c = field->value.ptr[i];
        require(c != '(' || !inside);
        require(c != ')' || inside);
        require(!inside || (c != ';' && c != '='));
        inside = c == '(' || (inside && c != ')');
    }
    require(!inside);
}

/* The fields that we write: nothing of a stranger's ends one or begins another. */
static void check_fields(struct trial *t)
{
    struct smtp_recipient recipient = {.mailbox = t->recipient};
    struct smtp_transaction transaction = {
        .arena = t->arena, .sender = t->envelope.sender, .recipients = &recipient, .recipient_count = 1};
    struct smtp_session session = {.arena = t->arena,
                                   .client = t->envelope.client,
                                   .helo = t->envelope.helo,
                                   .esmtp = true,
                                   .transaction = &transaction};
    struct message message;
    struct auth_results results;
    struct arena *arena = arena_create(64 << 20);
    struct buf out, copy;
    buf_init(&out, 16 << 20);
    buf_init(&copy, t->text.len + 1024);
    if (trace_write(&out, t->arena, &t->config, &session, &t->gather, &t->verdict) == OK) {
        buf_add(&out, BYTES("\r\n"));
        require(message_parse(arena, buf_bytes(&out), &message, NULL) == OK);
        require(message.body.len == 0);
        for (size_t i = 0; i < message.field_count; i++)
            require(is_ours(message.fields[i].name));
        require(message_field_count(&message, "Received") == 1);
        require(message_field_count(&message, "X-Vouch-Verdict") == 1);
        require(message_field_count(&message, "Authentication-Results") == 1);
        const struct header_field *field = message_field(&message, "Authentication-Results", 0);
        require(auth_results_parse(arena, field->value, &results, NULL) == OK);
        require(bytes_is(results.authserv_id, "mx.example.net"));
        check_remarks(&message);
    }
    if (trace_write_message(&copy, t->arena, &t->config, &t->gather.message) == OK &&
        message_parse(arena, buf_bytes(&copy), &message, NULL) == OK) {
        require(bytes_equal(message.body, t->gather.message.body));
        require(message_field_count(&message, "X-Vouch-Verdict") == 0);
    }
    buf_free(&copy);
    buf_free(&out);
    arena_destroy(arena);
}

static void check_verdict(struct trial *t)
{
    const struct gather *gather = &t->gather;
    const struct evidence *evidence = &gather->evidence;
    struct ip_network friends = {{4, {198, 51, 100}}, 24};
    if (gather->from.status != FROM_OK)
        require(evidence->own_network || t->verdict.action != ACTION_ACCEPT);
    /* These come by ways that are trusted. */
    if (ip_in_network(&evidence->client, &friends) || gather->upstream || evidence->own_network)
        return;
    bool of_bank = gather->from.status == FROM_OK &&
                   (bytes_is_nocase(gather->from.domain, "bank.example") ||
                    bytes_ends_with(gather->from.domain, BYTES(".bank.example")));
    if (of_bank)
        require(t->verdict.action != ACTION_ACCEPT && t->verdict.trust >= TRUST_THIRD);
}

static void run(void *argument)
{
    struct trial *t = argument;
    struct gather *gather = &t->gather;
    struct policy policy;
    struct error error;
    gather_begin(gather, &t->config, zone_dns(t->zone), t->arena, &t->envelope);
    gather->evidence.id = BYTES("000000000000");
    gather->evidence.recipients = &t->recipient;
    gather->evidence.recipient_count = 1;
    enum result result = gather_message(gather, t->text, &error);
    gather->evidence.own_network =
        config_networks_contain(&t->config.own_networks, &gather->evidence.client);
    gather_end(gather);
    if (result != OK || policy_from_config(t->arena, &t->config, &t->config.policies[0], &policy) != OK ||
        judge(t->arena, &policy, &gather->evidence, &t->verdict) != OK)
        return;
    check_verdict(t);
    check_evidence(t);
    check_fields(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_from(size ? data : (const uint8_t *)"", size), line;
    struct trial *t = calloc(1, sizeof(*t));
    require(t);
    t->arena = arena_create(MEMORY);
    t->recipient = BYTES("user@example.net");
    read_settings(t);
    bytes_split(&rest, '\n', &line);
    read_envelope(t, line);
    t->zone = read_zone(&rest);
    t->text = message_normalize(t->arena, rest.ptr ? rest : BYTES(""));
    struct loop_options options = {.fake_clock = true, .fake_epoch = NOW};
    struct loop *loop = loop_create(&options);
    require(t->text.ptr && loop);
    loop_run(loop, run, t);
    loop_destroy(loop);
    zone_destroy(t->zone);
    arena_destroy(t->arena);
    free(t);
    return 0;
}
