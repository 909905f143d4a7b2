/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/gather.h"

#include "base/encode.h"

#include <stdio.h>

enum {
    SUBJECT_MAX = 500,
    MESSAGE_ID_MAX = 300,
    POLICY_SHARE = 4, /* of the time for all checks, that part is DMARC's alone */
    ANSWERS_MAX = 64 * 1024 /* octets of DNS answers kept with the evidence */
};

static void check_iprev(void *argument)
{
    struct gather *gather = argument;
    int64_t started = loop_now();
    iprev_check(&gather->recorder.dns, gather->arena, &gather->evidence.client, gather->deadline,
                &gather->iprev);
    gather->iprev_elapsed = loop_now() - started;
}

static void check_spf_helo(void *argument)
{
    struct gather *gather = argument;
    int64_t started = loop_now();
    spf_check_helo(&gather->recorder.dns, gather->arena, &gather->spf_request, &gather->spf_helo);
    gather->spf_helo_elapsed = loop_now() - started;
}

static void check_spf(void *argument)
{
    struct gather *gather = argument;
    int64_t started = loop_now();
    spf_check_mail_from(&gather->recorder.dns, gather->arena, &gather->spf_request, &gather->spf);
    gather->spf_elapsed = loop_now() - started;
}

static void start(struct gather *gather, const char *name, void (*function)(void *))
{
    if (!fiber_current() || !fiber_group_start(&gather->checks, name, function, gather))
        function(gather);
}

void gather_begin(struct gather *gather, const struct config *config, struct dns *dns,
                  struct arena *arena, const struct gather_envelope *envelope)
{
    *gather = (struct gather){.config = config, .arena = arena, .now = envelope->now};
    gather->deadline = loop_deadline(config->authentication.timeout);
    gather->evidence = (struct evidence){.received_at = envelope->now,
                                         .client = envelope->client,
                                         .helo = envelope->helo,
                                         .mail_from = envelope->sender};
    gather->spf_request = (struct spf_request){.ip = envelope->client,
                                               .helo = envelope->helo,
                                               .sender = envelope->sender,
                                               .receiver = bytes_of(config->hostname),
                                               .now = envelope->now,
                                               .deadline = gather->deadline};
    dns_recorder_init(&gather->recorder, dns, arena);
    fiber_group_open(&gather->checks);
    gather->iprev.result = AUTH_TEMPERROR;
    gather->spf.result = AUTH_TEMPERROR;
    gather->spf_helo.result = AUTH_TEMPERROR;
    if (!envelope->client.family)
        return; /* a message file of which nobody knows where it came from */
    if (config->authentication.iprev)
        start(gather, "iprev", check_iprev);
    if (config->authentication.spf) {
        start(gather, "spf-helo", check_spf_helo);
        start(gather, "spf", check_spf);
    }
}

void gather_end(struct gather *gather)
{
    fiber_group_close(&gather->checks);
}

static bool property(struct gather *gather, struct evidence_item *item, const char *type,
                     const char *name, struct bytes value)
{
    return !value.len || evidence_property(gather->arena, item, type, name, value);
}

static bool add_iprev(struct gather *gather)
{
    struct iprev_result *iprev = &gather->iprev;
    struct evidence_item *item =
        evidence_add(gather->arena, &gather->evidence, CHECK_IPREV, iprev->result);
    char client[IP_TEXT_SIZE];
    if (!item)
        return false;
    item->reason = iprev->problem;
    item->elapsed = gather->iprev_elapsed;
    if (iprev->result == AUTH_PASS)
        gather->evidence.client_name = iprev->name;
    return property(gather, item, "policy", "iprev",
                    bytes_of(ip_format(&gather->evidence.client, client))) &&
           property(gather, item, "vouch", "name", iprev->name);
}

static bool add_spf(struct gather *gather, enum check check, const struct spf_result *spf,
                    int64_t elapsed)
{
    struct evidence_item *item =
        evidence_add(gather->arena, &gather->evidence, check, spf->result);
    if (!item)
        return false;
    item->reason = spf->problem;
    item->elapsed = elapsed;
    /* rfc8601:2.7.2: <> is reported as postmaster@ the HELO name, as it was checked. */
    struct bytes sender = gather->evidence.mail_from;
    if (!sender.len)
        sender = arena_printf(gather->arena, "postmaster@" BYTES_FMT, BYTES_ARG(gather->evidence.helo));
    bool helo = check == CHECK_SPF_HELO;
    return property(gather, item, "smtp", helo ? "helo" : "mailfrom",
                    helo ? gather->evidence.helo : sender) &&
           property(gather, item, "vouch", "domain", spf->domain) &&
           property(gather, item, "vouch", "mechanism", spf->mechanism) &&
           property(gather, item, "vouch", "explanation", spf->explanation);
}

static bool add_dkim(struct gather *gather, int64_t elapsed)
{
    for (size_t i = 0; i < gather->dkim.count; i++) {
        const struct dkim_signature_result *signature = &gather->dkim.signatures[i];
        struct evidence_item *item =
            evidence_add(gather->arena, &gather->evidence, CHECK_DKIM, signature->result);
        if (!item)
            return false;
        char bits[16];
        snprintf(bits, sizeof(bits), "%u", signature->key_bits);
        item->reason = signature->problem;
        item->elapsed = elapsed;
        /* rfc6008: the first eight characters of b= tell signatures of one domain apart. */
        if (!property(gather, item, "header", "d", signature->domain) ||
            !property(gather, item, "header", "i", signature->identity) ||
            !property(gather, item, "header", "s", signature->selector) ||
            !property(gather, item, "header", "a", signature->algorithm) ||
            !property(gather, item, "header", "b", bytes_first(signature->signature, 8)) ||
            !property(gather, item, "vouch", "bits", bytes_of(signature->key_bits ? bits : "")))
            return false;
    }
    if (gather->dkim.count == 0) {
        struct evidence_item *item =
            evidence_add(gather->arena, &gather->evidence, CHECK_DKIM, AUTH_NONE);
        if (!item)
            return false;
        item->reason = BYTES("no signature");
    }
    return true;
}

static bool add_from(struct gather *gather)
{
    const struct from_field *from = &gather->from;
    struct evidence_item *item =
        evidence_add(gather->arena, &gather->evidence, CHECK_FROM,
                     from->status == FROM_OK ? AUTH_PASS : AUTH_FAIL);
    if (!item)
        return false;
    gather->evidence.header_from = from->address;
    item->reason = from->problem;
    return property(gather, item, "vouch", "status", bytes_of(from_status_name(from->status))) &&
           property(gather, item, "header", "from", from->address) &&
           property(gather, item, "vouch", "domain", from->domain);
}

static bool add_dmarc(struct gather *gather, int64_t elapsed)
{
    const struct dmarc_result *dmarc = &gather->dmarc;
    struct evidence_item *item =
        evidence_add(gather->arena, &gather->evidence, CHECK_DMARC, dmarc->result);
    if (!item)
        return false;
    item->reason = dmarc->problem;
    item->elapsed = elapsed;
    bool fine = property(gather, item, "header", "from", gather->from.domain);
    bool temporary = dmarc->result == AUTH_TEMPERROR && dmarc->policy_domain.len;
    if (dmarc->result == AUTH_PASS || dmarc->result == AUTH_FAIL || temporary)
        fine = fine &&
               property(gather, item, "policy", "dmarc",
                        bytes_of(dmarc_policy_name(dmarc->effective))) &&
               property(gather, item, "vouch", "effective",
                        bytes_of(dmarc_policy_name(dmarc->effective))) &&
               property(gather, item, "vouch", "published",
                        bytes_of(dmarc_policy_name(dmarc->policy))) &&
               property(gather, item, "vouch", "policy-domain", dmarc->policy_domain) &&
               property(gather, item, "vouch", "organizational-domain", dmarc->organizational_domain) &&
               property(gather, item, "vouch", "spf-aligned", bytes_of(dmarc->spf_aligned ? "yes" : "no")) &&
               property(gather, item, "vouch", "dkim-aligned",
                        dmarc->dkim_aligned ? gather->dkim.signatures[dmarc->dkim_index].domain
                                            : BYTES("no"));
    return fine;
}

/* The policy record is asked for while the keys are, so that the two waits are one. */
static void prefetch_policy(void *argument)
{
    struct gather *gather = argument;
    struct bytes organizational;
    enum dmarc_mode mode = gather->config->authentication.dmarc_discovery == CONFIG_DMARC_SUFFIX_LIST
                               ? DMARC_SUFFIX_LIST
                               : DMARC_TREE_WALK;
    enum result ignored =
        dmarc_organizational_domain(&gather->recorder.dns, gather->arena, gather->from.domain, mode,
                                    gather->deadline, &organizational);
    (void)ignored;
}

/*
 * What the author's domain asks for must not hang on what a stranger says. So neither the time that
 * he took between MAIL and the end of the data, nor the questions that his SPF record cost, nor a key
 * whose server is slow leave less than this for the checks that follow: else a forger would get a
 * temporary error at will, and in the end his mail accepted.
 */
static void begin_message(struct gather *gather)
{
    gather->deadline = loop_deadline(gather->config->authentication.timeout);
    gather->recorder.limit = gather->recorder.count + DNS_RECORDER_LOOKUPS;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static bool check_message(struct gather *gather)
{
    const struct config *config = gather->config;
    bool dmarc = config->authentication.dmarc && gather->from.status == FROM_OK;
    if (dmarc && fiber_current() && config->authentication.dkim)
        start(gather, "dmarc-policy", prefetch_policy);
    int64_t started = loop_now();
    if (config->authentication.dkim) {
        struct dkim_options options = {.now = gather->now, .deadline = gather->deadline};
        dkim_verify(&gather->recorder.dns, gather->arena, &gather->message, &options, &gather->dkim);
        if (!add_dkim(gather, loop_now() - started))
            return false;
    }
    if (!add_from(gather))
        return false;
    if (!dmarc)
        return true;
    fiber_group_wait(&gather->checks, gather->deadline);
    started = loop_now();
    struct dmarc_request request = {
        .author_domain = gather->from.domain,
        .spf = config->authentication.spf && gather->evidence.client.family ? &gather->spf : NULL,
        .dkim = &gather->dkim,
        .mode = config->authentication.dmarc_discovery == CONFIG_DMARC_SUFFIX_LIST ? DMARC_SUFFIX_LIST
                                                                                   : DMARC_TREE_WALK,
        .deadline = later(gather->deadline,
                          loop_deadline(config->authentication.timeout / POLICY_SHARE)),
    };
    dmarc_check(&gather->recorder.dns, gather->arena, &request, &gather->dmarc);
    return add_dmarc(gather, loop_now() - started);
}

static struct bytes text_of(struct gather *gather, const char *name, size_t most)
{
    const struct header_field *field = message_field(&gather->message, name, 0);
    return field ? bytes_first(header_unfold(gather->arena, field->value), most) : BYTES("");
}

/* As dns/zone.h: zone_add() takes it back. */
static struct bytes record_text(struct arena *arena, enum dns_type type,
                                const struct dns_record *record)
{
    char ip[IP_TEXT_SIZE];
    switch (type) {
    case DNS_A:
    case DNS_AAAA:
        return arena_copy(arena, bytes_of(ip_format(&record->ip, ip)));
    case DNS_MX:
        return arena_printf(arena, "%u " BYTES_FMT, record->preference,
                            BYTES_ARG(record->name.len ? record->name : BYTES(".")));
    case DNS_TXT:
        return record->text;
    case DNS_PTR:
    case DNS_NS:
    case DNS_CNAME:
        return record->name;
    default:
        break;
    }
    struct buf hex;
    buf_init(&hex, 64 * 1024);
    hex_encode(&hex, record->data);
    struct bytes text = arena_copy(arena, buf_bytes(&hex));
    buf_free(&hex);
    return text;
}

static bool keep_answer(struct gather *gather, const struct dns_lookup *lookup)
{
    struct evidence_dns *out = &gather->evidence.dns[gather->evidence.dns_count++];
    char type[16];
    out->name = lookup->name;
    out->type = arena_copy(gather->arena, bytes_of(dns_type_name(lookup->type, type)));
    out->status = bytes_of(dns_status_name(lookup->answer->status));
    out->ttl = lookup->answer->ttl;
    out->authenticated = lookup->answer->authenticated;
    out->records = arena_alloc_array(gather->arena, lookup->answer->count, sizeof(*out->records));
    if (!out->records || !out->type.ptr)
        return false;
    for (size_t r = 0; r < lookup->answer->count; r++)
        out->records[out->record_count++] =
            record_text(gather->arena, lookup->type, &lookup->answer->records[r]);
    return true;
}

static size_t answer_octets(const struct dns_answer *answer)
{
    size_t octets = answer->count * IP_TEXT_SIZE;
    for (size_t i = 0; i < answer->count; i++)
        octets += answer->records[i].text.len + answer->records[i].name.len +
                  2 * answer->records[i].data.len;
    return octets;
}

/*
 * The answers go along with the evidence, so that it can be judged again without a network. What no
 * longer fits is left out: else a small mail, sent over and over, would fill the ledger's disk with
 * the large records of its sender.
 */
static bool add_answers(struct gather *gather)
{
    struct dns_recorder *recorder = &gather->recorder;
    size_t left = ANSWERS_MAX;
    gather->evidence.dns =
        arena_alloc_array(gather->arena, recorder->count, sizeof(*gather->evidence.dns));
    if (!gather->evidence.dns)
        return false;
    for (size_t i = 0; i < recorder->count; i++) {
        const struct dns_lookup *lookup = &recorder->lookups[i];
        size_t octets = lookup->answer ? answer_octets(lookup->answer) : 0;
        if (!lookup->answer || octets > left)
            continue;
        left -= octets;
        if (!keep_answer(gather, lookup))
            return false;
    }
    return true;
}

enum result gather_message(struct gather *gather, struct bytes content, struct error *error)
{
    struct evidence *evidence = &gather->evidence;
    /* Their last questions end at that time; they must be seen to have failed, too. */
    fiber_group_wait(&gather->checks, gather->deadline + SECOND);
    begin_message(gather);
    enum result result = message_parse(gather->arena, content, &gather->message, error);
    if (result == OK)
        result = from_field_read(gather->arena, &gather->message, &gather->from, error);
    if (result != OK)
        return result;
    evidence->size = content.len;
    evidence->subject = text_of(gather, "Subject", SUBJECT_MAX);
    evidence->message_id = text_of(gather, "Message-ID", MESSAGE_ID_MAX);
    bool fine = true;
    if (evidence->client.family && gather->config->authentication.iprev)
        fine = add_iprev(gather);
    if (evidence->client.family && gather->config->authentication.spf)
        fine = fine && add_spf(gather, CHECK_SPF_HELO, &gather->spf_helo, gather->spf_helo_elapsed) &&
               add_spf(gather, CHECK_SPF, &gather->spf, gather->spf_elapsed);
    fine = fine && check_message(gather) && add_answers(gather);
    if (!fine || arena_exhausted(gather->arena))
        return error_set(error, TEMP, "Not enough memory to check this message.");
    return OK;
}
