/* SPDX-License-Identifier: BSD-2-Clause */
/* What the checks found, as evidence: properties are named as in Authentication-Results (rfc8601:2.7 and
 * the IANA registry); those of type "vouch" are for the ledger and for judge(). */
#include "roles/gather_parts.h"
#include "roles/items.h"

#include "auth/organization.h"
#include "message/idn.h"

#include <stdio.h>

static struct evidence_item *add(struct gather *gather, enum check check, enum auth_result result,
                                 struct bytes reason)
{
    struct evidence_item *item = evidence_add(gather->arena, &gather->evidence, check, result);
    if (item) {
        item->reason = reason;
        item->elapsed = gather->elapsed[check];
    }
    return item;
}

static bool property(struct gather *gather, struct evidence_item *item, const char *type,
                     const char *name, struct bytes value)
{
    return item_add(gather->arena, item, type, name, value);
}

static bool add_iprev(struct gather *gather)
{
    struct iprev_result *iprev = &gather->iprev;
    struct evidence_item *item = add(gather, CHECK_IPREV, iprev->result, iprev->problem);
    char client[IP_TEXT_SIZE];
    if (iprev->result == AUTH_PASS)
        gather->evidence.client_name = iprev->name;
    return item && property(gather, item, "policy", "iprev",
                    bytes_of(ip_format(&gather->evidence.client, client))) &&
           property(gather, item, "vouch", "name", iprev->name);
}

static bool add_helo(struct gather *gather)
{
    const struct helo_result *helo = &gather->helo;
    struct evidence_item *item = add(gather, CHECK_HELO, helo->result, helo->problem);
    /* Claimed what cannot be true, as against: did not resolve (rfc5321:4.1.4). */
    bool is_false = helo->own || helo->kind == HELO_MALFORMED ||
                    (helo->kind == HELO_LITERAL && helo->result == AUTH_FAIL);
    return item && property(gather, item, "smtp", "helo", gather->evidence.helo) &&
           property(gather, item, "vouch", "kind", bytes_of(helo_kind_name(helo->kind))) &&
           property(gather, item, "vouch", "false", bytes_of(is_false ? "yes" : ""));
}

static bool add_spf(struct gather *gather, enum check check, const struct spf_result *spf)
{
    struct evidence_item *item = add(gather, check, spf->result, spf->problem);
    if (!item)
        return false;
    /* rfc8601:2.7.2: <> is reported as postmaster@ the HELO name, as it was checked. */
    struct bytes sender = gather->evidence.mail_from;
    if (!sender.len)
        sender = arena_printf(gather->arena, "postmaster@" BYTES_FMT, BYTES_ARG(gather->evidence.helo));
    bool helo = check == CHECK_SPF_HELO;
    return property(gather, item, "smtp", helo ? "helo" : "mailfrom",
                    helo ? gather->evidence.helo : sender) &&
           item_set_spf(gather->arena, item, spf);
}

static bool add_guess(struct gather *gather)
{
    struct evidence_item *item =
        add(gather, CHECK_SPF_GUESS, gather->spf_guess.result, gather->spf_guess.problem);
    return item && property(gather, item, "smtp", "mailfrom", gather->evidence.mail_from) &&
           property(gather, item, "vouch", "domain", gather->spf_guess.domain) &&
           property(gather, item, "vouch", "mechanism", gather->spf_guess.mechanism);
}

static bool add_forwarder(struct gather *gather)
{
    const struct forwarder_result *found = &gather->forwarder;
    if (gather->forwarder_found == NONE)
        return true;
    bool is_one = gather->forwarder_found == OK;
    struct evidence_item *item =
        add(gather, CHECK_FORWARDER, is_one ? AUTH_PASS : AUTH_TEMPERROR, found->problem);
    return item &&
           (!is_one ||
            (property(gather, item, "vouch", "name", found->forwarder->name) &&
             property(gather, item, "vouch", "by", bytes_of(forwarder_match_name(found->match))) &&
             property(gather, item, "vouch", "filters",
                      bytes_of(found->forwarder->filters ? "yes" : "no"))));
}

static bool add_sender_id(struct gather *gather)
{
    const struct sender_id_result *found = &gather->sender_id;
    struct evidence_item *item;
    if (gather->pra_found != OK) {
        item = add(gather, CHECK_SENDER_ID, AUTH_PERMERROR, gather->pra.problem);
        return item && property(gather, item, "vouch", "pra", BYTES("missing"));
    }
    struct bytes field = arena_lower(gather->arena, gather->pra.field);
    const char *name = arena_string(gather->arena, field);
    if (!name)
        return false;
    if (!gather->evidence.client.family)
        return true;
    item = add(gather, CHECK_SENDER_ID, found->result, found->problem);
    return item && property(gather, item, "header", name, gather->pra.mailbox) &&
           property(gather, item, "vouch", "domain", found->domain) &&
           property(gather, item, "vouch", "mechanism", found->mechanism) &&
           property(gather, item, "vouch", "record", bytes_of(found->fell_back ? "v=spf1" : "")) &&
           property(gather, item, "vouch", "explanation", found->explanation);
}

/* Local parts compare by their case, domains do not (rfc5321:2.4), nor by how they are written
 * (rfc6531). */
static bool is_submitter(const struct gather *gather)
{
    const struct gather_envelope *envelope = &gather->envelope;
    return gather->pra_found == OK && bytes_equal(envelope->submitter_local, gather->pra.local) &&
           idn_equal(envelope->submitter_domain, gather->pra.domain);
}

/* rfc4405:4.2: the SUBMITTER of the envelope must be the responsible address of the header. */
static bool add_submitter(struct gather *gather)
{
    const struct gather_envelope *envelope = &gather->envelope;
    struct bytes given = envelope->submitter, pra = gather->pra.mailbox;
    if (!envelope->submitter_given)
        return true;
    bool same = is_submitter(gather), missing = gather->pra_found != OK;
    struct bytes problem =
        same      ? BYTES("")
        : missing ? gather->pra.problem
                  : arena_printf(gather->arena, "The envelope says " BYTES_FMT ", the header " BYTES_FMT,
                                 BYTES_ARG(given), BYTES_ARG(pra));
    struct evidence_item *item =
        add(gather, CHECK_SUBMITTER, same ? AUTH_PASS : AUTH_FAIL, problem);
    return item && property(gather, item, "vouch", "submitter", given) &&
           property(gather, item, "vouch", "pra", missing ? BYTES("missing") : BYTES(""));
}

static bool add_dkim(struct gather *gather)
{
    for (size_t i = 0; i < gather->dkim.count; i++) {
        const struct dkim_signature_result *signature = &gather->dkim.signatures[i];
        struct evidence_item *item =
            add(gather, CHECK_DKIM, signature->result, signature->problem);
        if (!item)
            return false;
        char bits[16];
        snprintf(bits, sizeof(bits), "%u", signature->key_bits);
        /* rfc6008: the first eight characters of b= tell signatures of one domain apart. */
        if (!property(gather, item, "header", "d", signature->domain) ||
            !property(gather, item, "header", "i", signature->identity) ||
            !property(gather, item, "header", "s", signature->selector) ||
            !property(gather, item, "header", "a", signature->algorithm) ||
            !property(gather, item, "header", "b", bytes_first(signature->signature, 8)) ||
            !property(gather, item, "vouch", "bits", bytes_of(signature->key_bits ? bits : "")))
            return false;
    }
    if (gather->dkim.ignored &&
        !add(gather, CHECK_DKIM, AUTH_NEUTRAL,
             arena_printf(gather->arena, "%zu further signatures were not looked at",
                          gather->dkim.ignored)))
        return false;
    return gather->dkim.count || add(gather, CHECK_DKIM, AUTH_NONE, BYTES("no signature"));
}

static bool add_domainkeys(struct gather *gather)
{
    const struct domainkeys_result *found = &gather->domainkeys;
    struct evidence_item *item = add(gather, CHECK_DOMAINKEYS, found->result, found->problem);
    const char *name = bytes_is_nocase(found->sender_field, "sender") ? "sender" : "from";
    return item && property(gather, item, "header", "d", found->domain) &&
           property(gather, item, "header", "s", found->selector) &&
           property(gather, item, "header", name, found->sender);
}

static bool add_from(struct gather *gather)
{
    const struct from_field *from = &gather->from;
    struct evidence_item *item = add(
        gather, CHECK_FROM, from->status == FROM_OK ? AUTH_PASS : AUTH_FAIL, from->problem);
    struct bytes organization;
    bool known = from->domain.len && organization_domain(from->domain, &organization) == OK;
    gather->evidence.header_from = from->address;
    return item && property(gather, item, "vouch", "organization", known ? organization : BYTES("")) &&
           property(gather, item, "vouch", "status", bytes_of(from_status_name(from->status))) &&
           property(gather, item, "header", "from", from->address) &&
           property(gather, item, "vouch", "domain", from->domain);
}

static bool add_adsp(struct gather *gather)
{
    struct evidence_item *item =
        add(gather, CHECK_ADSP, gather->adsp.result, gather->adsp.problem);
    return item && property(gather, item, "header", "from", gather->from.address) &&
           property(gather, item, "vouch", "practice",
                    bytes_of(gather->adsp.found ? adsp_practice_name(gather->adsp.practice) : ""));
}

/* Whether the statement is about this author, and about nobody else. */
static bool is_of_author(const struct gather *gather, const struct auth_statement *statement)
{
    bool found = false;
    for (size_t i = 0; i < statement->property_count; i++) {
        const struct auth_property *property = &statement->properties[i];
        if (!bytes_is(property->type, "header") || !bytes_is(property->name, "from"))
            continue;
        if (!bytes_equal_nocase(property->value, gather->from.domain))
            return false;
        found = true;
    }
    return found;
}

/* What a sealer says that DMARC gave for this author, or "none". Where it says several things, as one
 * does that takes over what others said to it, only what none of them contradicts is a pass. */
static struct bytes sealed_dmarc(const struct gather *gather, const struct arc_set *set)
{
    const struct auth_statement *found = NULL;
    for (size_t i = 0; set->auth_results.version == 1 && i < set->auth_results.statement_count; i++) {
        const struct auth_statement *statement = &set->auth_results.statements[i];
        bool dmarc = bytes_is(statement->method, "dmarc") && statement->version == 1 &&
                     is_of_author(gather, statement);
        if (dmarc && (!found || statement->result != AUTH_PASS))
            found = statement;
    }
    return found ? bytes_of(auth_result_name(found->result)) : BYTES("none");
}

/* The newest set first: that is the order in which trust in sealers reaches down. */
static bool add_arc(struct gather *gather)
{
    const struct arc_results *arc = &gather->arc;
    char text[IP_TEXT_SIZE];
    struct evidence_item *item = add(gather, CHECK_ARC, arc->result, arc->problem);
    if (!item)
        return false;
    bool fine = true;
    if (arc->result == AUTH_PASS) {
        snprintf(text, sizeof(text), "%u", arc->oldest_pass);
        fine = property(gather, item, "header", "oldest-pass", bytes_of(text));
    }
    /* rfc8617:10.2 */
    if (arc->result != AUTH_NONE && gather->evidence.client.family)
        fine = fine && property(gather, item, "smtp", "remote-ip",
                                bytes_of(ip_format(&gather->evidence.client, text)));
    for (size_t i = arc->count; fine && i-- > 0;)
        fine = property(gather, item, "vouch", "sealer", arc->sets[i].domain) &&
               property(gather, item, "vouch", "sealed-dmarc", sealed_dmarc(gather, &arc->sets[i]));
    return fine;
}

static bool add_dmarc(struct gather *gather)
{
    const struct dmarc_result *dmarc = &gather->dmarc;
    struct evidence_item *item = add(gather, CHECK_DMARC, dmarc->result, dmarc->problem);
    struct bytes signer = dmarc->dkim_aligned ? gather->dkim.signatures[dmarc->dkim_index].domain
                                              : BYTES("");
    return item && property(gather, item, "header", "from", gather->from.domain) &&
           item_set_dmarc(gather->arena, item, dmarc, gather->evidence.id, signer);
}

static bool add_vbr(struct gather *gather)
{
    const struct vbr_result *vbr = &gather->vbr;
    struct evidence_item *item = add(gather, CHECK_VBR, vbr->result, vbr->problem);
    return item && property(gather, item, "header", "md", vbr->domain) &&
           property(gather, item, "header", "mv", vbr->certifier) &&
           property(gather, item, "vouch", "content", vbr->content);
}

static bool add_hashcash(struct gather *gather)
{
    const struct hashcash_result *hashcash = &gather->hashcash;
    struct evidence_item *item =
        add(gather, CHECK_HASHCASH, hashcash->result, hashcash->problem);
    char bits[16];
    snprintf(bits, sizeof(bits), "%u", hashcash->stamp.bits);
    return item &&
           (hashcash->result == AUTH_NONE ||
            (property(gather, item, "vouch", "bits", bytes_of(bits)) &&
             property(gather, item, "vouch", "resource", hashcash->stamp.resource)));
}

static bool add_smime(struct gather *gather)
{
    const struct smime_result *smime = &gather->smime;
    struct evidence_item *item = add(gather, CHECK_SMIME, smime->result, smime->problem);
    return item && property(gather, item, "body", "smime-identifier", smime->identifier) &&
           property(gather, item, "body", "smime-part", smime->part) &&
           property(gather, item, "body", "smime-serial", smime->serial) &&
           property(gather, item, "body", "smime-issuer", smime->issuer);
}

static bool add_openpgp(struct gather *gather)
{
    const struct openpgp_result *openpgp = &gather->openpgp;
    struct evidence_item *item =
        add(gather, CHECK_OPENPGP, openpgp->result, openpgp->problem);
    return item && property(gather, item, "vouch", "form", bytes_of(openpgp->form)) &&
           property(gather, item, "vouch", "key", openpgp->key_id) &&
           property(gather, item, "vouch", "signer", openpgp->signer);
}

/* Of the client; where nobody knows who that was there is nothing to say. */
static bool add_client(struct gather *gather)
{
    const struct config *config = gather->config;
    if (!gather->evidence.client.family)
        return !gather->spf_of_upstream || add_spf(gather, CHECK_SPF, &gather->spf);
    return (!config->authentication.iprev || add_iprev(gather)) &&
           (!config->authentication.helo || add_helo(gather)) &&
           (!config->authentication.spf || (add_spf(gather, CHECK_SPF_HELO, &gather->spf_helo) &&
                                            add_spf(gather, CHECK_SPF, &gather->spf))) &&
           (!config->authentication.spf_guess || !config->authentication.spf ||
            gather->spf.result != AUTH_NONE || add_guess(gather)) &&
           add_forwarder(gather);
}

bool gather_add_items(struct gather *gather)
{
    const struct config *config = gather->config;
    bool has_author = gather->from.status == FROM_OK;
    return add_client(gather) &&
           (!config->authentication.sender_id || (add_sender_id(gather) && add_submitter(gather))) &&
           (!config->authentication.dkim || add_dkim(gather)) &&
           (!config->authentication.domainkeys || add_domainkeys(gather)) && add_from(gather) &&
           (!config->authentication.adsp || !has_author || add_adsp(gather)) &&
           (!config->authentication.arc || gather->arc.result == AUTH_NONE || add_arc(gather)) &&
           (!config->authentication.dmarc || !has_author || add_dmarc(gather)) &&
           (!config->authentication.vbr_certifiers.count || add_vbr(gather)) &&
           (!config->authentication.hashcash || add_hashcash(gather)) &&
           (!config->authentication.smime || gather->smime.result == AUTH_NONE || add_smime(gather)) &&
           (!config->authentication.openpgp || gather->openpgp.result == AUTH_NONE ||
            add_openpgp(gather));
}
