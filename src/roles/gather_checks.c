/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/gather_parts.h"

#include "message/mailbox.h"

enum {
    POLICY_SHARE = 4, /* of the time for all checks, that part is DMARC's alone */
    /* What each may ask beyond what SPF, DKIM and DMARC have (allow()). */
    HELO_LOOKUPS = 4,
    SPF_LOOKUPS = 120, /* ten mx or ptr with ten names each, and their records (rfc7208:4.6.4) */
    ARC_LOOKUPS = 2 * ARC_SETS_MAX,
    ARC_MEMORY = 3 * 1024 * 1024,
    DOMAINKEYS_LOOKUPS = 2 * DOMAINKEYS_SIGNATURES_MAX + 2
};

#define DNS_OF(gather) (&(gather)->recorder.dns)

static void took(struct gather *gather, enum check check, int64_t started)
{
    gather->elapsed[check] = loop_now() - started;
}

/*
 * What is only reported, or only helps those who are trusted, brings look-ups of its own. Else a chain of
 * fifty sets would use up those for the keys of the author's domain: a signature in its name that cannot be
 * checked is put off, and in the end filed as junk, where it would have been refused.
 */
static void allow(struct gather *gather, size_t lookups)
{
    gather->recorder.limit += lookups;
}

static void start(struct gather *gather, const char *name, void (*function)(void *))
{
    if (!fiber_current() || !fiber_group_start(&gather->checks, name, function, gather))
        function(gather);
}

static void check_iprev(void *argument)
{
    struct gather *gather = argument;
    int64_t started = loop_now();
    iprev_check(DNS_OF(gather), gather->arena, &gather->evidence.client, gather->deadline,
                &gather->iprev);
    took(gather, CHECK_IPREV, started);
}

static void check_helo(void *argument)
{
    struct gather *gather = argument;
    int64_t started = loop_now();
    struct bytes own = bytes_of(gather->config->hostname);
    struct helo_request request = {.client = gather->evidence.client,
                                   .helo = gather->evidence.helo,
                                   .own_names = &own,
                                   .own_name_count = 1,
                                   .own_address = gather->envelope.local,
                                   .deadline = gather->deadline};
    helo_check(DNS_OF(gather), gather->arena, &request, &gather->helo);
    took(gather, CHECK_HELO, started);
}

static void check_spf_helo(void *argument)
{
    struct gather *gather = argument;
    int64_t started = loop_now();
    spf_check_helo(DNS_OF(gather), gather->arena, &gather->spf_request, &gather->spf_helo);
    took(gather, CHECK_SPF_HELO, started);
}

static void check_spf(void *argument)
{
    struct gather *gather = argument;
    int64_t started = loop_now();
    spf_check_mail_from(DNS_OF(gather), gather->arena, &gather->spf_request, &gather->spf);
    took(gather, CHECK_SPF, started);
}

/* The configuration's list as auth/forwarder.h has it. */
static struct forwarder *make_forwarders(struct gather *gather)
{
    const struct config *config = gather->config;
    struct forwarder *list =
        arena_alloc_array(gather->arena, config->forwarder_count, sizeof(*list));
    for (size_t i = 0; list && i < config->forwarder_count; i++) {
        const struct config_forwarder *from = &config->forwarders[i];
        struct bytes *names =
            arena_alloc_array(gather->arena, from->names.count, sizeof(*names));
        if (!names)
            return NULL;
        for (size_t n = 0; n < from->names.count; n++)
            names[n] = bytes_of(from->names.items[n]);
        list[i] = (struct forwarder){.name = bytes_of(from->name),
                                     .networks = from->networks.items,
                                     .network_count = from->networks.count,
                                     .helo_names = names,
                                     .helo_name_count = from->names.count,
                                     .include = bytes_of(from->include),
                                     .filters = from->filters};
    }
    return list;
}

static void check_forwarder(void *argument)
{
    struct gather *gather = argument;
    int64_t started = loop_now();
    gather->forwarders = make_forwarders(gather);
    if (gather->forwarders)
        gather->forwarder_found =
            forwarder_find(DNS_OF(gather), gather->arena, &gather->spf_request, gather->forwarders,
                           gather->config->forwarder_count, &gather->forwarder);
    took(gather, CHECK_FORWARDER, started);
}

void gather_check_client(struct gather *gather)
{
    const struct config *config = gather->config;
    if (config->authentication.iprev)
        start(gather, "iprev", check_iprev);
    if (config->authentication.helo) {
        allow(gather, HELO_LOOKUPS);
        start(gather, "helo", check_helo);
    }
    if (config->authentication.spf) {
        start(gather, "spf-helo", check_spf_helo);
        start(gather, "spf", check_spf);
    }
    if (config->forwarder_count) {
        allow(gather, HELO_LOOKUPS);
        for (size_t i = 0; i < config->forwarder_count; i++)
            if (config->forwarders[i].include[0])
                allow(gather, SPF_LOOKUPS);
        start(gather, "forwarder", check_forwarder);
    }
}

static enum dmarc_mode dmarc_mode(const struct gather *gather)
{
    return gather->config->authentication.dmarc_discovery == CONFIG_DMARC_SUFFIX_LIST
               ? DMARC_SUFFIX_LIST
               : DMARC_TREE_WALK;
}

static bool wants_dmarc(const struct gather *gather)
{
    return gather->config->authentication.dmarc && gather->from.status == FROM_OK;
}

/* The policy record is asked for while the keys are, so that the two waits are one. */
static void prefetch_policy(void *argument)
{
    struct gather *gather = argument;
    struct bytes organizational;
    enum result ignored =
        dmarc_organizational_domain(DNS_OF(gather), gather->arena, gather->from.domain,
                                    dmarc_mode(gather), gather->deadline, &organizational);
    (void)ignored;
}

static void check_domainkeys(void *argument)
{
    struct gather *gather = argument;
    int64_t started = loop_now();
    domainkeys_verify(DNS_OF(gather), gather->arena, &gather->message, gather->deadline,
                      &gather->domainkeys);
    took(gather, CHECK_DOMAINKEYS, started);
}

static void check_arc(void *argument)
{
    struct gather *gather = argument;
    int64_t started = loop_now();
    struct arc_options options = {.now = gather->now, .deadline = gather->deadline};
    /* Memory of its own: a chain that needs too much fails alone. */
    struct arena *arena = arena_create_child(gather->arena, ARC_MEMORY);
    if (arena)
        arc_verify(DNS_OF(gather), arena, &gather->message, &options, &gather->arc);
    took(gather, CHECK_ARC, started);
}

static void check_sender_id(void *argument)
{
    struct gather *gather = argument;
    int64_t started = loop_now();
    struct spf_request request = gather->spf_request;
    request.deadline = gather->deadline;
    sender_id_check(DNS_OF(gather), gather->arena, &request, SENDER_ID_PRA, gather->pra.mailbox,
                    &gather->sender_id);
    took(gather, CHECK_SENDER_ID, started);
}

static void start_sender_id(struct gather *gather)
{
    gather->sender_id.result = AUTH_TEMPERROR;
    gather->pra_found = pra_find(gather->arena, &gather->message, &gather->pra);
    if (gather->pra_found == OK && gather->evidence.client.family) {
        allow(gather, SPF_LOOKUPS);
        start(gather, "sender-id", check_sender_id);
    }
}

static void check_hashcash(struct gather *gather)
{
    struct hashcash_request request = {.recipients = gather->evidence.recipients,
                                       .recipient_count = gather->evidence.recipient_count,
                                       .bits = gather->config->authentication.hashcash,
                                       .now = gather->now};
    /* Memory that runs out shows in the arena. */
    enum result ignored = hashcash_check(gather->arena, &gather->message, &request, &gather->hashcash);
    (void)ignored;
}

static void check_content(struct gather *gather)
{
    int64_t started = loop_now();
    gather_check_content(gather);
    took(gather, CHECK_SMIME, started);
    if (gather->config->authentication.hashcash)
        check_hashcash(gather);
}

void gather_check_message(struct gather *gather)
{
    const struct config *config = gather->config;
    gather->arc.result = AUTH_TEMPERROR;
    gather->domainkeys.result = AUTH_TEMPERROR;
    if (wants_dmarc(gather) && fiber_current() && config->authentication.dkim)
        start(gather, "dmarc-policy", prefetch_policy);
    if (config->authentication.arc) {
        allow(gather, ARC_LOOKUPS);
        start(gather, "arc", check_arc);
    }
    if (config->authentication.domainkeys) {
        allow(gather, DOMAINKEYS_LOOKUPS);
        start(gather, "domainkeys", check_domainkeys);
    }
    if (config->authentication.sender_id)
        start_sender_id(gather);
    if (config->authentication.dkim) {
        int64_t started = loop_now();
        struct dkim_options options = {.now = gather->now, .deadline = gather->deadline};
        dkim_verify(DNS_OF(gather), gather->arena, &gather->message, &options, &gather->dkim);
        took(gather, CHECK_DKIM, started);
    }
    check_content(gather);
}

static void check_guess(void *argument)
{
    struct gather *gather = argument;
    int64_t started = loop_now();
    struct spf_request request = gather->spf_request;
    request.deadline = gather->deadline;
    spf_check_guess(DNS_OF(gather), gather->arena, &request, &gather->spf_guess);
    took(gather, CHECK_SPF_GUESS, started);
}

static void check_adsp(void *argument)
{
    struct gather *gather = argument;
    int64_t started = loop_now();
    adsp_check(DNS_OF(gather), gather->arena, gather->from.domain, &gather->dkim, gather->deadline,
               &gather->adsp);
    took(gather, CHECK_ADSP, started);
}

/* The domains that somebody may vouch for: those that are authenticated; of a signature that of i=
 * (rfc5518:4.1, 7.1). */
static void check_vbr(void *argument)
{
    struct gather *gather = argument;
    int64_t started = loop_now();
    const struct config_strings *names = &gather->config->authentication.vbr_certifiers;
    struct bytes certifiers[VBR_CERTIFIERS_MAX], authenticated[DKIM_SIGNATURES_MAX + 1];
    struct vbr_request request = {.certifiers = certifiers,
                                  .authenticated = authenticated,
                                  .deadline = gather->deadline};
    for (size_t i = 0; i < names->count && i < VBR_CERTIFIERS_MAX; i++)
        certifiers[request.certifier_count++] = bytes_of(names->items[i]);
    /* rfc5518:7.3: not what <> was checked as. */
    if (gather->spf.result == AUTH_PASS && gather->evidence.mail_from.len)
        authenticated[request.authenticated_count++] = gather->spf.domain;
    for (size_t i = 0; i < gather->dkim.count && i < DKIM_SIGNATURES_MAX; i++)
        if (gather->dkim.signatures[i].result == AUTH_PASS)
            authenticated[request.authenticated_count++] =
                mailbox_domain_or_all(gather->dkim.signatures[i].identity);
    vbr_check(DNS_OF(gather), gather->arena, &gather->message, &request, &gather->vbr);
    took(gather, CHECK_VBR, started);
}

/* Their last questions end at the deadline; they must be seen to have failed, too. */
static void wait_for_checks(struct gather *gather)
{
    fiber_group_wait(&gather->checks, gather->deadline + SECOND);
}

void gather_check_last(struct gather *gather)
{
    const struct config *config = gather->config;
    wait_for_checks(gather);
    gather->spf_guess.result = AUTH_TEMPERROR;
    gather->adsp.result = AUTH_TEMPERROR;
    gather->vbr.result = AUTH_TEMPERROR;
    if (config->authentication.spf && config->authentication.spf_guess &&
        gather->evidence.client.family && gather->spf.result == AUTH_NONE)
        start(gather, "spf-guess", check_guess);
    if (config->authentication.adsp && gather->from.status == FROM_OK)
        start(gather, "adsp", check_adsp);
    if (config->authentication.vbr_certifiers.count)
        start(gather, "vbr", check_vbr);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void gather_check_dmarc(struct gather *gather)
{
    const struct config *config = gather->config;
    bool has_spf = config->authentication.spf && (gather->evidence.client.family || gather->spf_of_upstream);
    if (wants_dmarc(gather)) {
        /* What strangers' chains and records cost leaves it look-ups enough, too. */
        gather->recorder.limit = gather->recorder.count + DNS_RECORDER_LOOKUPS;
        int64_t started = loop_now();
        struct dmarc_request request = {
            .author_domain = gather->from.domain,
            .spf = has_spf ? &gather->spf : NULL,
            .dkim = &gather->dkim,
            .mode = dmarc_mode(gather),
            .deadline = later(gather->deadline,
                              loop_deadline(config->authentication.timeout / POLICY_SHARE)),
        };
        dmarc_check(DNS_OF(gather), gather->arena, &request, &gather->dmarc);
        took(gather, CHECK_DMARC, started);
    }
    wait_for_checks(gather);
}
