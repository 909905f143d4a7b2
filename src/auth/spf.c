/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/spf_check.h"

#include "base/ascii.h"
#include "base/domain.h"
#include "base/utf8.h"
#include "dns/name.h"
#include "message/idn.h"
#include "message/mailbox.h"
#include "message/structured.h"

#include <string.h>

/* ---- Limits (rfc7208:4.6.4) ---- */

static unsigned limit(unsigned wanted, unsigned by_default, unsigned most)
{
    unsigned value = wanted ? wanted : by_default;
    return value < most ? value : most;
}

static struct spf_limits effective_limits(const struct spf_limits *wanted)
{
    return (struct spf_limits){
        .terms = limit(wanted->terms, 10, 1000),
        .void_lookups = limit(wanted->void_lookups, 2, 1000),
        .mx_hosts = limit(wanted->mx_hosts, 10, 1000),
        .ptr_names = limit(wanted->ptr_names, 10, SPF_PTR_NAMES_MAX),
        .include_depth = limit(wanted->include_depth, 20, SPF_INCLUDE_DEPTH_MAX),
    };
}

bool spf_count_term(struct spf_check *check)
{
    if (check->result->terms < check->limits.terms) {
        check->result->terms++;
        return true;
    }
    error_set(&check->error, PERM, "the SPF record needs more than %u terms that ask the DNS",
              check->limits.terms);
    return false;
}

bool spf_count_void_lookup(struct spf_check *check)
{
    if (++check->result->void_lookups <= check->limits.void_lookups)
        return true;
    error_set(&check->error, PERM, "more than %u terms of the SPF record found nothing in the DNS",
              check->limits.void_lookups);
    return false;
}

/* ---- Names ---- */

const struct dns_answer *spf_query(struct spf_check *check, struct bytes name, enum dns_type type)
{
    return dns_query(check->dns, check->arena, name, type, check->request->deadline);
}

bool spf_target_name(struct spf_check *check, struct bytes spec, struct bytes *name)
{
    uint8_t storage[SPF_NAME_MAX];
    if (spec.len == 0) {
        *name = check->values.domain;
        return true;
    }
    *name = spf_macro_expand_name(&check->values, spec, storage);
    if (name->ptr == storage)
        *name = arena_copy(check->arena, *name);
    return !check->over_limit;
}

/*
 * Whether there is a point in asking for a record of `name`: well-formed and with several labels
 * (rfc7208:4.3). What a peer gave must besides look like a host's name: an address literal, an
 * address or free text is no domain. Hyphens may stand anywhere; DNS does not mind. A domain of a
 * header field may have all that an atom has (rfc5322:3.4.1).
 */
static bool is_domain(const struct spf_check *check, struct bytes name, bool from_peer)
{
    if (!name_is_valid(name) || bytes_find_byte(name, '.') == BYTES_NOT_FOUND)
        return false;
    if (!from_peer)
        return true;
    bool atoms = check->scope != SPF_SCOPE_NONE;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        if (!ascii_is_alnum(c) && c != '-' && c != '_' && c != '.' &&
            !(atoms && c < 0x80 && structured_is_atext(c)))
            return false;
    }
    struct bytes last = domain_last_labels(name, 1);
    for (size_t i = 0; i < last.len; i++)
        if (!ascii_is_digit(last.ptr[i]))
            return true;
    return false;
}

/* ---- Records (rfc7208:4.4, 4.5) ---- */

static enum auth_result no_record(struct spf_check *check, struct bytes domain,
                                  const struct dns_answer *answer)
{
    struct bytes name = bytes_first(domain, SPF_NAME_MAX);
    if (answer->status != DNS_NO_NAME) {
        error_set(&check->error, NONE, "the domain " BYTES_FMT " has no %s record", BYTES_ARG(name),
                  check->scope == SPF_SCOPE_NONE ? "SPF" : "Sender ID or SPF");
        return AUTH_NONE;
    }
    error_set(&check->error, NONE, "the domain " BYTES_FMT " does not exist", BYTES_ARG(name));
    if (check->scope != SPF_SCOPE_PRA)
        return AUTH_NONE;
    /* rfc4406:4.3. It changes check_host() itself, so it holds for include and redirect, too. */
    if (check->depth == 0)
        check->name_missing = true;
    return AUTH_FAIL;
}

/* AUTH_PASS when there is a record to evaluate. */
static enum auth_result select_record(struct spf_check *check, struct bytes domain,
                                      struct sender_id_choice *choice)
{
    const struct dns_answer *answer = spf_query(check, domain, DNS_TXT);
    struct bytes name = bytes_first(domain, SPF_NAME_MAX);
    if (answer->status == DNS_FAILED) {
        error_set(&check->error, TEMP, "the DNS did not answer for " BYTES_FMT " TXT: %s",
                  BYTES_ARG(name), answer->problem ? answer->problem : "failure");
        return AUTH_TEMPERROR;
    }
    for (size_t i = 0; i < answer->count; i++)
        sender_id_choose(choice, answer->records[i].text, check->scope);
    if (choice->count == 1)
        return AUTH_PASS;
    if (choice->count == 0)
        return no_record(check, domain, answer);
    if (choice->spf2)
        error_set(&check->error, PERM, BYTES_FMT " has %zu spf2.0 records of one scope",
                  BYTES_ARG(name), choice->count);
    else
        error_set(&check->error, PERM, BYTES_FMT " has %zu SPF records", BYTES_ARG(name),
                  choice->count);
    return AUTH_PERMERROR;
}

static enum auth_result parse_record(struct spf_check *check, struct bytes domain,
                                     const struct sender_id_choice *choice,
                                     struct spf_record *record)
{
    struct error error;
    struct bytes where;
    enum result parsed = spf_record_parse_terms(check->arena, choice->record, choice->version_len,
                                                record, &where, &error);
    if (parsed == OK)
        return AUTH_PASS;
    error_set(&check->error, parsed, "the SPF record of " BYTES_FMT ": %s",
              BYTES_ARG(bytes_first(domain, SPF_NAME_MAX)), error.text);
    if (check->depth == 0)
        check->result->mechanism = where;
    return parsed == TEMP ? AUTH_TEMPERROR : AUTH_PERMERROR;
}

static enum auth_result fetch_record(struct spf_check *check, struct bytes domain, bool from_peer,
                                     struct spf_record *record)
{
    struct sender_id_choice choice = {0};
    enum auth_result result = AUTH_NONE;
    struct spf_step *step = spf_step_begin(check, (struct bytes){0});
    if (!is_domain(check, domain, from_peer))
        error_set(&check->error, NONE, "\"" BYTES_FMT "\" is not a domain name",
                  BYTES_ARG(bytes_first(domain, SPF_NAME_MAX)));
    else
        result = select_record(check, domain, &choice);
    bool found = result == AUTH_PASS;
    if (found) {
        if (!check->result->record.ptr && check->depth == 0 && from_peer) {
            check->result->record = choice.record;
            check->spf2 = choice.spf2;
        }
        result = parse_record(check, domain, &choice, record);
    }
    if (step) {
        step->name = domain;
        step->found = found ? choice.record : arena_copy(check->arena, bytes_of(check->error.text));
        if (result == AUTH_TEMPERROR || result == AUTH_PERMERROR)
            spf_step_end(step, result == AUTH_TEMPERROR ? SPF_TEMPERROR : SPF_PERMERROR);
    }
    return result;
}

/* ---- Explanation (rfc7208:6.2) ---- */

/* Everything that goes wrong here means: no explanation. */
static struct bytes explain(struct spf_check *check, const struct spf_record *record)
{
    struct bytes target, none = {0};
    check->in_explanation = true;
    struct spf_step *step = spf_step_begin(check, record->explanation_text);
    if (!spf_target_name(check, record->explanation, &target))
        return none;
    const struct dns_answer *answer = spf_query(check, target, DNS_TXT);
    if (step)
        step->name = target;
    if (answer->status != DNS_FOUND || answer->count != 1) {
        spf_step_found(step, answer->status == DNS_FOUND    ? BYTES("ignored: several records")
                             : answer->status == DNS_FAILED ? BYTES("ignored: DNS error")
                                                            : BYTES("ignored: no record"));
        return none;
    }
    struct bytes text = answer->records[0].text;
    if (!spf_macro_is_valid(text, SPF_EXPLAIN_STRING)) {
        spf_step_found(step, BYTES("ignored: syntax error in the explanation"));
        return none;
    }
    uint8_t storage[SPF_EXPLANATION_MAX];
    size_t len = spf_macro_expand_text(&check->values, text, storage, sizeof(storage));
    struct bytes explanation = arena_copy(check->arena, bytes_from(storage, len));
    spf_step_found(step, explanation);
    return explanation;
}

/* ---- check_host() (rfc7208:4) ---- */

static enum auth_result check_host(struct spf_check *check, struct bytes domain, bool from_peer);

/* rfc7208:5.2 */
static enum spf_match match_include(struct spf_check *check, const struct spf_directive *directive,
                                    struct spf_step *step)
{
    struct bytes target;
    if (!spf_count_term(check) || !spf_target_name(check, directive->domain_spec, &target))
        return SPF_PERMERROR;
    if (step)
        step->name = target;
    if (check->depth >= check->limits.include_depth) {
        error_set(&check->error, PERM, "SPF records include each other more than %u deep",
                  check->limits.include_depth);
        return SPF_PERMERROR;
    }
    struct bytes domain = check->values.domain;
    check->depth++;
    enum auth_result result = check_host(check, target, false);
    check->depth--;
    check->values.domain = domain;
    spf_step_found(step, bytes_of(auth_result_name(result)));
    switch (result) {
    case AUTH_PASS:
        return SPF_MATCH;
    case AUTH_TEMPERROR:
        return SPF_TEMPERROR;
    case AUTH_PERMERROR:
    case AUTH_NONE:
        return SPF_PERMERROR;
    default:
        return SPF_NO_MATCH;
    }
}

static enum auth_result qualifier_result(uint8_t qualifier)
{
    switch (qualifier) {
    case '-':
        return AUTH_FAIL;
    case '~':
        return AUTH_SOFTFAIL;
    case '?':
        return AUTH_NEUTRAL;
    default:
        return AUTH_PASS;
    }
}

/* Returns false when no directive matched. */
static bool evaluate_directives(struct spf_check *check, const struct spf_record *record,
                                enum auth_result *result)
{
    for (size_t i = 0; i < record->directive_count; i++) {
        const struct spf_directive *directive = &record->directives[i];
        struct spf_step *step = spf_step_begin(check, directive->text);
        enum spf_match match = directive->mechanism == SPF_INCLUDE
                                   ? match_include(check, directive, step)
                                   : spf_match_directive(check, directive, step);
        spf_step_end(step, match);
        if (match == SPF_NO_MATCH)
            continue;
        *result = match == SPF_MATCH       ? qualifier_result(directive->qualifier)
                  : match == SPF_TEMPERROR ? AUTH_TEMPERROR
                                           : AUTH_PERMERROR;
        if (check->depth == 0)
            check->result->mechanism = directive->text;
        /* An included record's explanation is not used (rfc7208:6.2). */
        if (*result == AUTH_FAIL && check->depth == 0 && record->explanation.len)
            check->result->explanation = explain(check, record);
        return true;
    }
    return false;
}

/* rfc7208:6.1. Sets *domain to where evaluation goes on, or returns the result. */
static enum auth_result follow_redirect(struct spf_check *check, const struct spf_record *record,
                                        struct bytes *domain)
{
    struct spf_step *step = spf_step_begin(check, record->redirect_text);
    if (check->depth == 0)
        check->result->mechanism = record->redirect_text;
    if (!spf_count_term(check) || !spf_target_name(check, record->redirect, domain)) {
        spf_step_end(step, SPF_PERMERROR);
        return AUTH_PERMERROR;
    }
    if (step)
        step->name = *domain;
    return AUTH_PASS;
}

/* Each turn of the loop evaluates one record; a redirect leads to the next. The limit on terms
 * bounds the turns. */
static enum auth_result check_host(struct spf_check *check, struct bytes domain, bool from_peer)
{
    for (bool redirected = false;; redirected = true, from_peer = false) {
        struct spf_record record;
        check->values.domain = domain;
        enum auth_result result = fetch_record(check, domain, from_peer, &record);
        if (result == AUTH_NONE && redirected)
            return AUTH_PERMERROR;
        if (result != AUTH_PASS || evaluate_directives(check, &record, &result))
            return result;
        /* "all" always matches: where it stands, redirect is never followed (rfc7208:5.1). */
        if (record.redirect.len == 0) {
            if (check->depth == 0)
                check->result->mechanism = BYTES("default");
            return AUTH_NEUTRAL;
        }
        result = follow_redirect(check, &record, &domain);
        if (result != AUTH_PASS)
            return result;
    }
}

/* ---- The identities (rfc7208:2.3, 2.4) ---- */

struct identity {
    struct bytes sender, local_part, domain;
};

/* A-labels for U-labels (rfc7208:4.3). What is no name stays as it is, and is found out later. */
static struct bytes in_ascii(struct arena *arena, struct bytes domain)
{
    struct bytes ascii;
    if (utf8_is_ascii(domain) || idn_to_ascii(arena, domain, &ascii, NULL) != OK)
        return domain;
    return ascii;
}

/* Without a local part "postmaster" stands in for it (rfc7208:4.3). */
static struct identity identify(struct arena *arena, struct bytes sender)
{
    size_t at = bytes_rfind_byte(sender, '@');
    struct bytes domain = mailbox_domain_or_all(sender);
    struct identity identity = {sender, bytes_first(sender, at == BYTES_NOT_FOUND ? 0 : at),
                                in_ascii(arena, domain)};
    if (identity.local_part.len && identity.domain.ptr == domain.ptr)
        return identity;
    if (identity.local_part.len == 0)
        identity.local_part = BYTES("postmaster");
    struct bytes parts[] = {identity.local_part, BYTES("@"), identity.domain};
    uint8_t *text = arena_alloc(arena, identity.local_part.len + 1 + identity.domain.len);
    size_t len = 0;
    for (size_t i = 0; text && i < countof(parts); i++) {
        if (parts[i].len)
            memcpy(text + len, parts[i].ptr, parts[i].len);
        len += parts[i].len;
    }
    identity.sender = bytes_from(text, len);
    return identity;
}

void spf_check_in_scope(struct dns *dns, struct arena *arena, const struct spf_request *request,
                        enum spf_scope scope, struct bytes domain, struct bytes sender,
                        struct spf_result *result, bool *spf2)
{
    struct identity identity = identify(arena, sender);
    *result = (struct spf_result){.result = AUTH_NONE,
                                  .domain = domain_strip_dot(in_ascii(arena, domain))};
    struct spf_check check = {
        .dns = dns,
        .arena = arena,
        .request = request,
        .result = result,
        .limits = effective_limits(&request->limits),
        .scope = scope,
        /* However the caller made it, a mapped address is an IPv4 client (rfc7208:5). */
        .ip = request->ip.family == 6 ? ip_from_v6(request->ip.octets) : request->ip,
        .values = {.sender = identity.sender,
                   .local_part = identity.local_part,
                   .sender_domain = identity.domain,
                   .helo = request->helo,
                   .receiver = request->receiver,
                   .now = request->now,
                   .validated_name = spf_client_name_macro},
    };
    check.values.ip = check.ip;
    check.values.context = &check;
    if (check.ip.family == 0)
        error_set(&check.error, NONE, "the client has no IP address");
    else
        result->result = check_host(&check, result->domain, true);
    /* A name that could not be kept might have changed the result. */
    if (arena_exhausted(arena)) {
        error_set(&check.error, TEMP, "out of memory");
        result->result = AUTH_TEMPERROR;
    }
    if (result->result == AUTH_NONE || result->result == AUTH_TEMPERROR ||
        result->result == AUTH_PERMERROR || check.name_missing)
        result->problem = arena_copy(arena, bytes_of(check.error.text));
    if (spf2)
        *spf2 = check.spf2;
}

void spf_check_host(struct dns *dns, struct arena *arena, const struct spf_request *request,
                    struct bytes domain, struct bytes sender, struct spf_result *result)
{
    spf_check_in_scope(dns, arena, request, SPF_SCOPE_NONE, domain, sender, result, NULL);
}

void spf_check_helo(struct dns *dns, struct arena *arena, const struct spf_request *request,
                    struct spf_result *result)
{
    /* Without '@' the helo is taken for the domain whole; with one it is no domain. */
    spf_check_host(dns, arena, request, request->helo, request->helo, result);
}

void spf_check_mail_from(struct dns *dns, struct arena *arena, const struct spf_request *request,
                         struct spf_result *result)
{
    struct bytes sender = request->sender.len ? request->sender : request->helo;
    struct bytes domain = request->sender.len ? mailbox_domain_or_all(sender) : sender;
    spf_check_host(dns, arena, request, domain, sender, result);
}
