/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules stand in order; the first that decides gives the verdict, the rest only add to the
 * reasons. A rule reads evidence and policy and nothing else.
 *
 * The order says what outranks what: mail for postmaster is never refused; then what makes a message
 * unjudgeable (no author); then what its author's domain asked for (DMARC); then what the envelope's
 * domain asked for (SPF). A DNS failure is looked at where the answer would have decided.
 */
#include "verdict/judge.h"

#include "base/domain.h"

#include <stdio.h>

struct court {
    struct arena *arena;
    const struct policy *policy;
    const struct evidence *evidence;
    struct verdict *verdict;
    size_t reason_capacity;
    bool exhausted;
};

static const char *const action_names[] = {"accept",  "junk",     "quarantine",
                                           "discard", "tempfail", "reject"};
static const char *const trust_names[] = {"first-class", "business-class", "third-class", "forged"};
static const char *const effect_names[] = {"decides", "overrides", "for", "against", "notes"};

static bool find_name(struct bytes name, const char *const *names, size_t count, int *out)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes_is(name, names[i])) {
            *out = (int)i;
            return true;
        }
    }
    return false;
}

const char *action_name(enum action action)
{
    return action_names[action];
}

bool action_parse(struct bytes name, enum action *out)
{
    int found;
    if (!find_name(name, action_names, countof(action_names), &found))
        return false;
    *out = (enum action)found;
    return true;
}

const char *trust_class_name(enum trust_class trust)
{
    return trust_names[trust];
}

bool trust_class_parse(struct bytes name, enum trust_class *out)
{
    int found;
    if (!find_name(name, trust_names, countof(trust_names), &found))
        return false;
    *out = (enum trust_class)found;
    return true;
}

const char *reason_effect_name(enum reason_effect effect)
{
    return effect_names[effect];
}

bool reason_effect_parse(struct bytes name, enum reason_effect *out)
{
    int found;
    if (!find_name(name, effect_names, countof(effect_names), &found))
        return false;
    *out = (enum reason_effect)found;
    return true;
}

static void add_reason(struct court *court, enum check check, enum reason_effect effect,
                       const char *format, ...) printf_like(4, 5);
static void add_reason(struct court *court, enum check check, enum reason_effect effect,
                       const char *format, ...)
{
    struct verdict *verdict = court->verdict;
    if (verdict->reason_count == court->reason_capacity) {
        size_t capacity = court->reason_capacity ? court->reason_capacity * 2 : 8;
        struct reason *reasons = arena_alloc_array(court->arena, capacity, sizeof(*reasons));
        if (!reasons) {
            court->exhausted = true;
            return;
        }
        for (size_t i = 0; i < verdict->reason_count; i++)
            reasons[i] = verdict->reasons[i];
        verdict->reasons = reasons;
        court->reason_capacity = capacity;
    }
    va_list args;
    va_start(args, format);
    struct bytes text = arena_vprintf(court->arena, format, args);
    va_end(args);
    court->exhausted |= !text.ptr;
    verdict->reasons[verdict->reason_count++] = (struct reason){check, effect, text};
    /* The reason that decides stands first: that is the one people want to read. */
    if (effect == REASON_DECIDES) {
        struct reason decisive = verdict->reasons[verdict->reason_count - 1];
        for (size_t i = verdict->reason_count - 1; i > 0; i--)
            verdict->reasons[i] = verdict->reasons[i - 1];
        verdict->reasons[0] = decisive;
    }
}

static void decide(struct court *court, enum action action, unsigned code, const char *enhanced,
                   enum check check, const char *format, ...) printf_like(6, 7);
static void decide(struct court *court, enum action action, unsigned code, const char *enhanced,
                   enum check check, const char *format, ...)
{
    struct verdict *verdict = court->verdict;
    va_list args;
    va_start(args, format);
    struct bytes text = arena_vprintf(court->arena, format, args);
    va_end(args);
    court->exhausted |= !text.ptr;
    verdict->action = action;
    verdict->code = code;
    snprintf(verdict->enhanced, sizeof(verdict->enhanced), "%s", enhanced);
    verdict->text = text;
    add_reason(court, check, REASON_DECIDES, BYTES_FMT, BYTES_ARG(text));
}

static const struct evidence_item *item_of(const struct court *court, enum check check)
{
    return evidence_find(court->evidence, check, 0);
}

static bool any_item(const struct court *court, enum check check, enum auth_result result)
{
    for (size_t i = 0; i < court->evidence->item_count; i++)
        if (court->evidence->items[i].check == check && court->evidence->items[i].result == result)
            return true;
    return false;
}

static bool has_result(const struct evidence_item *item, enum auth_result result)
{
    return item && item->result == result;
}

static bool domain_listed(struct bytes domain, const struct bytes *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (domain.len && bytes_equal_nocase(domain, list[i]))
            return true;
    return false;
}

/*
 * Whether something that the administrator trusts explains why authentication broke. What a stranger
 * can write himself (List-Id, a signature of an unknown domain, a self-made ARC set) never counts.
 */
static bool trusted_path(struct court *court)
{
    const struct policy *policy = court->policy;
    const struct evidence *evidence = court->evidence;
    char client[IP_TEXT_SIZE];
    for (size_t i = 0; i < policy->trusted_forwarder_count; i++) {
        if (ip_in_network(&evidence->client, &policy->trusted_forwarders[i])) {
            add_reason(court, CHECK_SESSION, REASON_OVERRIDES, "%s is a trusted forwarder",
                       ip_format(&evidence->client, client));
            return true;
        }
    }
    const struct evidence_item *arc = item_of(court, CHECK_ARC);
    struct bytes sealer = evidence_value(arc, "header", "d");
    if (has_result(arc, AUTH_PASS) &&
        domain_listed(sealer, policy->trusted_sealers, policy->trusted_sealer_count)) {
        add_reason(court, CHECK_ARC, REASON_OVERRIDES, "the trusted sealer " BYTES_FMT " vouches for it",
                   BYTES_ARG(sealer));
        return true;
    }
    for (size_t i = 0; i < evidence->item_count; i++) {
        const struct evidence_item *item = &evidence->items[i];
        struct bytes domain = item->check == CHECK_DKIM  ? evidence_value(item, "header", "d")
                              : item->check == CHECK_SPF ? evidence_value(item, "vouch", "domain")
                                                         : BYTES("");
        if (item->result == AUTH_PASS &&
            domain_listed(domain, policy->trusted_lists, policy->trusted_list_count)) {
            add_reason(court, item->check, REASON_OVERRIDES,
                       "it came through " BYTES_FMT ", a trusted list or forwarder", BYTES_ARG(domain));
            return true;
        }
    }
    return false;
}

/* How often this mail was already put off because DNS failed. */
static bool may_put_off(const struct court *court)
{
    uint64_t count = 0;
    struct bytes text = evidence_value(item_of(court, CHECK_ATTEMPT), "vouch", "count");
    if (text.len && !bytes_to_uint(text, UINT32_MAX, &count))
        return false;
    return count < court->policy->temporary_attempts;
}

/* A DNS failure where the answer decides: 451 at first, later accepted and marked. */
static bool put_off(struct court *court, const char *enhanced, enum check check, const char *what,
                    struct bytes domain)
{
    if (!may_put_off(court)) {
        add_reason(court, check, REASON_AGAINST,
                   "%s for " BYTES_FMT " could not be checked, and was put off often enough", what,
                   BYTES_ARG(domain));
        return false;
    }
    court->verdict->trust = TRUST_THIRD;
    decide(court, ACTION_TEMPFAIL, 451, enhanced, check,
           "The DNS of " BYTES_FMT " does not answer, so %s cannot be checked. Please try again later.",
           BYTES_ARG(domain), what);
    return true;
}

static bool rule_exempt(struct court *court)
{
    if (!court->evidence->exempt)
        return false;
    decide(court, ACTION_ACCEPT, 250, "2.0.0", CHECK_SESSION,
           "Mail for postmaster and abuse is not filtered.");
    return true;
}

static bool rule_own_network(struct court *court)
{
    char client[IP_TEXT_SIZE];
    if (!court->evidence->own_network)
        return false;
    decide(court, ACTION_ACCEPT, 250, "2.0.0", CHECK_SESSION, "%s is in our own networks.",
           ip_format(&court->evidence->client, client));
    return true;
}

/* rfc9989:5.3.1 and CVE-2019-16378: without exactly one author domain DMARC says nothing, which must
 * not be a way around it. */
static bool rule_author(struct court *court)
{
    const struct evidence_item *from = item_of(court, CHECK_FROM);
    if (!from || from->result == AUTH_PASS)
        return false;
    if (!court->policy->reject_bad_from) {
        add_reason(court, CHECK_FROM, REASON_AGAINST, BYTES_FMT, BYTES_ARG(from->reason));
        return false;
    }
    court->verdict->trust = TRUST_FORGED;
    decide(court, ACTION_REJECT, 550, "5.7.1", CHECK_FROM,
           "The author of this message cannot be told: " BYTES_FMT " (RFC 5322 section 3.6.2).",
           BYTES_ARG(from->reason));
    return true;
}

static const char *spf_summary(const struct court *court)
{
    const struct evidence_item *spf = item_of(court, CHECK_SPF);
    if (!spf)
        return "no SPF";
    static const char *const words[] = {
        [AUTH_NONE] = "no SPF record", [AUTH_PASS] = "SPF passed for another domain",
        [AUTH_FAIL] = "SPF fail",      [AUTH_SOFTFAIL] = "SPF softfail",
        [AUTH_NEUTRAL] = "SPF neutral", [AUTH_TEMPERROR] = "SPF not checkable",
        [AUTH_PERMERROR] = "SPF record broken",
    };
    return spf->result < countof(words) && words[spf->result] ? words[spf->result] : "no SPF";
}

static const char *dkim_summary(const struct court *court)
{
    const struct evidence_item *dkim = item_of(court, CHECK_DKIM);
    if (!dkim || dkim->result == AUTH_NONE)
        return "no DKIM signature";
    if (any_item(court, CHECK_DKIM, AUTH_PASS))
        return "no aligned DKIM";
    return "no valid DKIM signature";
}

/* Whether an identifier could have counted for the author (relaxed alignment). */
static bool is_aligned(const struct evidence_item *dmarc, struct bytes domain)
{
    struct bytes organization = evidence_value(dmarc, "vouch", "organizational-domain");
    if (!organization.len)
        organization = evidence_value(dmarc, "header", "from");
    return domain.len && organization.len && domain_is_within(domain, organization);
}

static bool aligned_key_failed(const struct court *court, const struct evidence_item *dmarc)
{
    for (size_t i = 0; i < court->evidence->item_count; i++) {
        const struct evidence_item *item = &court->evidence->items[i];
        if (item->check == CHECK_DKIM && item->result == AUTH_TEMPERROR &&
            is_aligned(dmarc, evidence_value(item, "header", "d")))
            return true;
    }
    return false;
}

/*
 * Put off, and when that was done often enough, junk where the domain asks for more than nothing.
 * Whoever forges can bring the failure about, with a signature in the name of a subdomain whose DNS
 * is broken; so it must not open the inbox. A real failure loses no mail.
 */
static bool put_off_or_junk(struct court *court, const struct evidence_item *dmarc,
                            const char *enhanced, enum check check, const char *what)
{
    struct bytes domain = evidence_value(dmarc, "header", "from");
    struct bytes asked = evidence_value(dmarc, "vouch", "effective");
    if (put_off(court, enhanced, check, what, domain))
        return true;
    if (!(bytes_is(asked, "reject") || bytes_is(asked, "quarantine")) || trusted_path(court))
        return false;
    court->verdict->trust = TRUST_THIRD;
    decide(court, court->policy->junk_folder ? ACTION_JUNK : ACTION_ACCEPT, 250, "2.0.0", check,
           "%s could not be checked for " BYTES_FMT " (DMARC p=" BYTES_FMT ").", what,
           BYTES_ARG(domain), BYTES_ARG(asked));
    return true;
}

/*
 * What the author's domain asked for. rfc9989:7.4: not on p=reject alone; a failure under p=reject is
 * refused when nothing trusted speaks for the message, else treated as p=quarantine.
 */
static bool dmarc_failed(struct court *court, const struct evidence_item *dmarc)
{
    const struct policy *policy = court->policy;
    struct bytes domain = evidence_value(dmarc, "header", "from");
    struct bytes asked = evidence_value(dmarc, "vouch", "effective");
    bool reject = bytes_is(asked, "reject"), quarantine = bytes_is(asked, "quarantine");
    if (policy->dmarc == JUDGE_DMARC_MARK || (!reject && !quarantine)) {
        add_reason(court, CHECK_DMARC, REASON_AGAINST,
                   "DMARC fails for " BYTES_FMT " (policy " BYTES_FMT ")", BYTES_ARG(domain),
                   BYTES_ARG(asked));
        return false;
    }
    /* Had DNS answered, this might have been a pass: put off at first, later accepted and marked. */
    if (aligned_key_failed(court, dmarc))
        return put_off_or_junk(court, dmarc, "4.7.5", CHECK_DKIM, "the DKIM signature");
    if (has_result(item_of(court, CHECK_SPF), AUTH_TEMPERROR) &&
        is_aligned(dmarc, evidence_value(item_of(court, CHECK_SPF), "vouch", "domain")))
        return put_off_or_junk(court, dmarc, "4.7.24", CHECK_SPF, "SPF");
    court->verdict->trust = TRUST_FORGED;
    if (reject && (policy->dmarc == JUDGE_DMARC_STRICT || !trusted_path(court))) {
        decide(court, ACTION_REJECT, 550, "5.7.26", CHECK_DMARC,
               "Mail from " BYTES_FMT " must be signed or sent from its own servers "
               "(DMARC p=reject): %s, %s.",
               BYTES_ARG(domain), spf_summary(court), dkim_summary(court));
        return true;
    }
    court->verdict->trust = reject ? TRUST_THIRD : TRUST_FORGED;
    decide(court, policy->junk_folder ? ACTION_JUNK : ACTION_ACCEPT, 250, "2.0.0", CHECK_DMARC,
           "DMARC fails for " BYTES_FMT " (p=" BYTES_FMT "): %s, %s.", BYTES_ARG(domain),
           BYTES_ARG(asked), spf_summary(court), dkim_summary(court));
    return true;
}

static bool rule_dmarc(struct court *court)
{
    const struct evidence_item *dmarc = item_of(court, CHECK_DMARC);
    if (!dmarc || court->policy->dmarc == JUDGE_DMARC_OFF)
        return false;
    struct bytes domain = evidence_value(dmarc, "header", "from");
    switch (dmarc->result) {
    case AUTH_PASS:
        court->verdict->trust = TRUST_BUSINESS;
        decide(court, ACTION_ACCEPT, 250, "2.0.0", CHECK_DMARC,
               "The message comes from " BYTES_FMT " (DMARC pass).", BYTES_ARG(domain));
        return true;
    case AUTH_FAIL:
        return dmarc_failed(court, dmarc);
    case AUTH_TEMPERROR:
        return court->policy->dmarc != JUDGE_DMARC_MARK &&
               put_off_or_junk(court, dmarc, "4.7.5", CHECK_DMARC, "DMARC");
    case AUTH_PERMERROR:
        add_reason(court, CHECK_DMARC, REASON_NOTES,
                   "the DMARC record of " BYTES_FMT " is unusable: " BYTES_FMT, BYTES_ARG(domain),
                   BYTES_ARG(dmarc->reason));
        return false;
    default:
        add_reason(court, CHECK_DMARC, REASON_NOTES, BYTES_FMT " publishes no DMARC policy",
                   BYTES_ARG(domain));
        return false;
    }
}

/* The envelope's domain, where DMARC did not say anything (rfc7208:8.4, 8.6). */
static bool rule_spf(struct court *court)
{
    const struct evidence_item *spf = item_of(court, CHECK_SPF);
    const struct evidence_item *dmarc = item_of(court, CHECK_DMARC);
    struct bytes domain = evidence_value(spf, "vouch", "domain");
    bool without_dmarc = court->policy->dmarc == JUDGE_DMARC_OFF || !dmarc ||
                         dmarc->result == AUTH_NONE || dmarc->result == AUTH_PERMERROR;
    bool decisive = court->policy->spf_fail_rejects && without_dmarc;
    if (!spf)
        return false;
    if (spf->result == AUTH_TEMPERROR && decisive)
        return put_off(court, "4.7.24", CHECK_SPF, "SPF", domain);
    if (spf->result != AUTH_FAIL)
        return false;
    if (!decisive || trusted_path(court)) {
        add_reason(court, CHECK_SPF, REASON_AGAINST, "SPF fails for " BYTES_FMT, BYTES_ARG(domain));
        return false;
    }
    struct bytes explanation = evidence_value(spf, "vouch", "explanation");
    char client[IP_TEXT_SIZE];
    court->verdict->trust = TRUST_FORGED;
    if (explanation.len)
        decide(court, ACTION_REJECT, 550, "5.7.23", CHECK_SPF,
               BYTES_FMT " does not allow mail from %s (SPF fail). The domain explains: " BYTES_FMT,
               BYTES_ARG(domain), ip_format(&court->evidence->client, client),
               BYTES_ARG(explanation));
    else
        decide(court, ACTION_REJECT, 550, "5.7.23", CHECK_SPF,
               BYTES_FMT " does not allow mail from %s (SPF fail).", BYTES_ARG(domain),
               ip_format(&court->evidence->client, client));
    return true;
}

static bool rule_otherwise(struct court *court)
{
    const struct evidence_item *spf = item_of(court, CHECK_SPF), *dmarc = item_of(court, CHECK_DMARC);
    bool authenticated = has_result(spf, AUTH_PASS) || any_item(court, CHECK_DKIM, AUTH_PASS);
    if (court->policy->dmarc != JUDGE_DMARC_OFF && dmarc &&
        (dmarc->result == AUTH_FAIL || dmarc->result == AUTH_TEMPERROR)) {
        /* Somebody else's signature does not make the author any more genuine. */
        struct bytes domain = evidence_value(dmarc, "header", "from");
        court->verdict->trust = TRUST_THIRD;
        decide(court, ACTION_ACCEPT, 250, "2.0.0", CHECK_DMARC,
               dmarc->result == AUTH_FAIL
                   ? "DMARC fails for " BYTES_FMT ", and nothing demands that it be refused."
                   : "DMARC could not be checked for " BYTES_FMT ".",
               BYTES_ARG(domain));
        return true;
    }
    court->verdict->trust = authenticated ? TRUST_BUSINESS : TRUST_THIRD;
    decide(court, ACTION_ACCEPT, 250, "2.0.0", authenticated ? CHECK_SPF : CHECK_SESSION,
           authenticated ? "Some domain answers for this message, and nothing speaks against it."
                         : "Nobody answers for this message, and nothing forbids it.");
    return true;
}

/* What did not decide, but belongs to the story. */
static void add_remarks(struct court *court)
{
    for (size_t i = 0; i < court->evidence->item_count; i++) {
        const struct evidence_item *item = &court->evidence->items[i];
        struct bytes domain;
        switch (item->check) {
        case CHECK_DKIM:
            if (item->result == AUTH_NONE)
                break;
            domain = evidence_value(item, "header", "d");
            add_reason(court, CHECK_DKIM, item->result == AUTH_PASS ? REASON_FOR : REASON_NOTES,
                       "DKIM signature of " BYTES_FMT ": %s" BYTES_FMT BYTES_FMT, BYTES_ARG(domain),
                       auth_result_name(item->result),
                       BYTES_ARG(item->reason.len ? BYTES(", ") : BYTES("")),
                       BYTES_ARG(item->reason));
            break;
        case CHECK_SPF:
            domain = evidence_value(item, "vouch", "domain");
            add_reason(court, CHECK_SPF, item->result == AUTH_PASS ? REASON_FOR : REASON_NOTES,
                       "SPF for " BYTES_FMT ": %s", BYTES_ARG(domain),
                       auth_result_name(item->result));
            break;
        case CHECK_SESSION:
            add_reason(court, CHECK_SESSION, REASON_AGAINST, BYTES_FMT, BYTES_ARG(item->reason));
            break;
        case CHECK_IPREV:
            if (item->result != AUTH_PASS)
                add_reason(court, CHECK_IPREV, REASON_NOTES, "reverse DNS: %s",
                           auth_result_name(item->result));
            break;
        case CHECK_SPF_HELO:
            if (item->result == AUTH_FAIL)
                add_reason(court, CHECK_SPF_HELO, REASON_AGAINST, "SPF fails for the HELO name");
            break;
        default:
            break;
        }
    }
}

enum result judge(struct arena *arena, const struct policy *policy, const struct evidence *evidence,
                  struct verdict *out)
{
    static bool (*const rules[])(struct court *) = {
        rule_exempt, rule_own_network, rule_author, rule_dmarc, rule_spf, rule_otherwise,
    };
    *out = (struct verdict){.trust = TRUST_THIRD};
    struct court court = {arena, policy, evidence, out, 0, false};
    for (size_t i = 0; i < countof(rules); i++)
        if (rules[i](&court))
            break;
    add_remarks(&court);
    if (court.exhausted || arena_exhausted(arena)) {
        *out = (struct verdict){.action = ACTION_TEMPFAIL,
                                .trust = TRUST_THIRD,
                                .code = 451,
                                .enhanced = "4.3.0",
                                .text = BYTES("Not enough memory to judge this message.")};
        return TEMP;
    }
    return OK;
}
