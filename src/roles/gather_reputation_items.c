/* SPDX-License-Identifier: BSD-2-Clause */
/* What gather_reputation.c found out, as evidence, and the answers of DNS that go with it. */
#include "auth/organization.h"
#include "reputation/rdns.h"
#include "roles/gather_parts.h"
#include "roles/gather_reputation_parts.h"
#include "roles/items.h"
#include "verdict/spf_term.h"

#include <stdio.h>
#include <string.h>

enum {
    LISTINGS_MAX = 40, /* items of one list */
    ANSWERS_MAX = 100  /* of DNS, kept with the evidence */
};

struct bytes gather_organization(struct bytes domain)
{
    struct bytes found;
    return organization_domain(domain, &found) == OK ? found : domain;
}

static const char *use_name(enum config_dnslist_use use)
{
    static const char *const names[] = {"client", "name", "helo", "sender", "from", "dkim", "url", "url-address"};
    for (size_t i = 0; i < countof(names); i++)
        if (use == 1 << i)
            return names[i];
    return "";
}

static enum check check_of(enum config_dnslist_use use, bool speaks_for)
{
    if (use == CONFIG_DNSLIST_URL || use == CONFIG_DNSLIST_URL_ADDRESS)
        return CHECK_URIBL;
    if (speaks_for)
        return CHECK_DNSWL;
    return use == CONFIG_DNSLIST_CLIENT ? CHECK_DNSBL : CHECK_RHSBL;
}

/* Whether that domain is authenticated, by the organization that it belongs to. */
static bool is_authenticated(const struct gather *gather, struct bytes domain)
{
    struct bytes wanted = gather_organization(domain);
    if (gather->spf.result == AUTH_PASS && gather->evidence.mail_from.len &&
        !spf_term_is_everybody(gather->spf.mechanism) &&
        bytes_equal_nocase(gather_organization(gather->spf.domain), wanted))
        return true;
    for (size_t i = 0; i < gather->dkim.count; i++)
        if (gather->dkim.signatures[i].result == AUTH_PASS &&
            bytes_equal_nocase(gather_organization(gather->dkim.signatures[i].domain), wanted))
            return true;
    return false;
}

/* Only who is what he says can have a list speak for him. */
static bool subject_is_authenticated(const struct gather *gather, const struct dnsl_question *question)
{
    switch (question->use) {
    case CONFIG_DNSLIST_CLIENT:
    case CONFIG_DNSLIST_NAME:
    case CONFIG_DNSLIST_DKIM:
        return true;
    case CONFIG_DNSLIST_HELO:
        return gather->helo.result == AUTH_PASS || gather->spf_helo.result == AUTH_PASS;
    case CONFIG_DNSLIST_SENDER:
        return gather->spf.result == AUTH_PASS;
    case CONFIG_DNSLIST_FROM:
        return is_authenticated(gather, question->subject.name);
    case CONFIG_DNSLIST_URL:
    case CONFIG_DNSLIST_URL_ADDRESS:
        break;
    }
    return false;
}

static struct bytes subject_text(const struct dnsl_question *question, char ip[IP_TEXT_SIZE])
{
    return question->subject.ip.family ? bytes_of(ip_format(&question->subject.ip, ip)) : question->subject.name;
}

static struct evidence_item *add_item(struct gather *gather, const struct dnsl_question *question, enum check check,
                                      enum auth_result result, struct bytes reason)
{
    const struct dnsl_list *list = dnsl_health_list(gather->reputation->health, question->list);
    struct arena *arena = gather->arena;
    struct evidence_item *item = evidence_add(arena, &gather->evidence, check, result);
    char ip[IP_TEXT_SIZE];
    if (!item)
        return NULL;
    item->reason = reason;
    item->elapsed = question->elapsed;
    bool authenticated = subject_is_authenticated(gather, question);
    /* rfc8904:2 */
    bool fine = check != CHECK_DNSWL || item_add(arena, item, "dns", "zone", list->zone);
    fine = fine && item_add(arena, item, "vouch", "list", list->name) &&
           item_add(arena, item, "vouch", "use", bytes_of(use_name(question->use))) &&
           item_add(arena, item, "vouch", "subject", subject_text(question, ip)) &&
           item_add(arena, item, "vouch", "host", question->host) &&
           item_add(arena, item, "vouch", "authenticated", bytes_of(authenticated ? "yes" : "")) &&
           item_add(arena, item, "vouch", "early", bytes_of(list->config->early ? "yes" : ""));
    return fine ? item : NULL;
}

/* A code of a list may speak for, and the next one against. */
static bool speaks_for(const struct dnsl_list *list, const struct ip *code)
{
    int points;
    return dnsl_points(list, code, &points) && points ? points < 0 : list->config->weight < 0;
}

static enum check usual_check(const struct gather *gather, const struct dnsl_question *question)
{
    return check_of(question->use, dnsl_health_list(gather->reputation->health, question->list)->config->weight < 0);
}

/* rfc8904:2, 5.2: "no" is the word of a resolver that validates. That ours does shows where it says so of something. */
static const char *security_of(const struct gather *gather, const struct dns_answer *answer)
{
    bool validates = gather->config->dns.trust_ad;
    for (size_t i = 0; i < gather->recorder.count && !validates; i++)
        validates = gather->recorder.lookups[i].answer && gather->recorder.lookups[i].answer->authenticated;
    return answer->authenticated ? "yes" : validates ? "no" : "";
}

static bool add_listing(struct gather *gather, const struct dnsl_question *question, const struct ip *code)
{
    const struct dnsl_list *list = dnsl_health_list(gather->reputation->health, question->list);
    const struct dnsl_result *result = &question->result;
    struct arena *arena = gather->arena;
    char ip[IP_TEXT_SIZE], of[IP_TEXT_SIZE];
    struct bytes code_text = bytes_of(ip_format(code, ip));
    struct bytes reason = arena_printf(arena, BYTES_FMT " is listed by " BYTES_FMT " (" BYTES_FMT ")%s" BYTES_FMT,
                                       BYTES_ARG(subject_text(question, of)), BYTES_ARG(list->name),
                                       BYTES_ARG(code_text), result->text.len ? ": " : "",
                                       BYTES_ARG(result->text));
    bool for_it = speaks_for(list, code);
    struct evidence_item *item =
        add_item(gather, question, check_of(question->use, for_it), for_it ? AUTH_PASS : AUTH_FAIL, reason);
    if (!item || !item_add(arena, item, "vouch", "code", code_text) ||
        !item_add(arena, item, "vouch", "text", result->text))
        return false;
    return item->check != CHECK_DNSWL ||
           (item_add(arena, item, "policy", "ip", code_text) &&
            item_add(arena, item, "policy", "txt", result->text) &&
            item_add(arena, item, "dns", "sec", bytes_of(security_of(gather, result->answer))));
}

/* One item says of a list that it failed, for all that it was asked as the same check. */
struct said {
    size_t listings;
    bool failed[CHECK_COUNT_][DNSL_FAILED + 1];
};

static bool add_failure(struct gather *gather, const struct dnsl_question *question, struct said *said)
{
    enum dnsl_status status = question->done ? question->result.status : DNSL_FAILED;
    enum check check = usual_check(gather, question);
    bool *before = &said->failed[check][status];
    if (*before)
        return true;
    *before = true;
    return add_item(gather, question, check, status == DNSL_ERROR ? AUTH_PERMERROR : AUTH_TEMPERROR,
                    question->done ? question->result.problem : BYTES("the list did not answer in time")) != NULL;
}

static bool add_question(struct gather *gather, const struct dnsl_question *question, struct said *said)
{
    const struct dnsl_list *list = dnsl_health_list(gather->reputation->health, question->list);
    const struct dnsl_result *result = &question->result;
    if (!question->done || result->status == DNSL_FAILED || result->status == DNSL_ERROR)
        return add_failure(gather, question, said);
    if (result->status == DNSL_NOT_LISTED) /* rfc8904:4.3 has a word for it */
        return question->use != CONFIG_DNSLIST_CLIENT || list->config->weight >= 0 ||
               add_item(gather, question, CHECK_DNSWL, AUTH_NONE, BYTES(""));
    for (size_t i = 0; i < result->code_count && said->listings < LISTINGS_MAX; i++, said->listings++)
        if (!add_listing(gather, question, &result->codes[i]))
            return false;
    return true;
}

/* In the order of the lists, whichever answered first. */
static bool add_lists(struct gather *gather)
{
    struct gather_reputation *reputation = gather->reputation;
    for (size_t i = 0; i < dnsl_health_count(reputation->health); i++) {
        struct said said = {.listings = 0};
        for (const struct dnsl_question *q = reputation->round->first; q; q = q->next)
            if (q->list == i && !add_question(gather, q, &said))
                return false;
    }
    return true;
}

static bool add_rating(struct gather *gather, const struct rating_question *question)
{
    struct arena *arena = gather->arena;
    const struct rating_result *found = &question->result;
    enum auth_result result = question->done ? found->result : AUTH_TEMPERROR;
    char value[16];
    if (result == AUTH_NONE)
        return true;
    struct evidence_item *item = evidence_add(arena, &gather->evidence, CHECK_RATING, result);
    if (!item)
        return false;
    item->elapsed = question->elapsed;
    item->reason = question->done ? found->problem : BYTES("there was no answer in time");
    bool read = result == AUTH_PASS || result == AUTH_FAIL || result == AUTH_NEUTRAL;
    snprintf(value, sizeof(value), "%u", found->rating.value);
    return item_add(arena, item, "vouch", "list", bytes_of(question->rating->name)) &&
           item_add(arena, item, "vouch", "domain", question->domain) &&
           item_add(arena, item, "vouch", "authenticated", bytes_of(question->authenticated ? "yes" : "")) &&
           (!read || (item_add(arena, item, "vouch", "status", bytes_of(rating_status_name(found->rating.status))) &&
                      item_add(arena, item, "vouch", "rating", bytes_of(value))));
}

static bool add_rdns(struct gather *gather)
{
    static const enum auth_result results[] = {[RDNS_UNKNOWN] = AUTH_TEMPERROR,
                                               [RDNS_NONE] = AUTH_NONE,
                                               [RDNS_UNCONFIRMED] = AUTH_FAIL,
                                               [RDNS_GENERIC] = AUTH_POLICY,
                                               [RDNS_CONFIRMED] = AUTH_PASS};
    const struct iprev_result *iprev = &gather->iprev;
    struct rdns_result found;
    if (!gather->config->authentication.iprev || !gather->evidence.client.family)
        return true;
    rdns_classify(&gather->evidence.client, iprev->result, iprev->name, &found);
    struct evidence_item *item =
        evidence_add(gather->arena, &gather->evidence, CHECK_RDNS, results[found.class]);
    if (!item)
        return false;
    item->reason = found.why[0] ? arena_printf(gather->arena, "its name is one of a line, by %s", found.why)
                                : iprev->problem;
    return item_add(gather->arena, item, "vouch", "class", bytes_of(rdns_class_name(found.class))) &&
           item_add(gather->arena, item, "vouch", "name", iprev->name) &&
           item_add(gather->arena, item, "vouch", "why", bytes_of(found.why));
}

static bool add_shorteners(struct gather *gather)
{
    const struct uribl_hosts *hosts = &gather->reputation->hosts;
    for (size_t i = 0; i < hosts->shortener_count; i++) {
        struct evidence_item *item = evidence_add(gather->arena, &gather->evidence, CHECK_URIBL, AUTH_NEUTRAL);
        if (!item)
            return false;
        item->reason = arena_printf(gather->arena, "links lead through " BYTES_FMT ", which hides where to",
                                    BYTES_ARG(hosts->shorteners[i]));
        if (!item_add(gather->arena, item, "vouch", "kind", BYTES("shortener")) ||
            !item_add(gather->arena, item, "vouch", "subject", hosts->shorteners[i]))
            return false;
    }
    return true;
}

/* What the items rest on */

struct kept {
    struct dns_lookup lookups[ANSWERS_MAX];
    size_t count;
};

static void keep(struct kept *kept, struct bytes name, enum dns_type type, const struct dns_answer *answer)
{
    if (!answer || answer->status != DNS_FOUND || kept->count == ANSWERS_MAX)
        return;
    for (size_t i = 0; i < kept->count; i++)
        if (kept->lookups[i].type == type && bytes_equal_nocase(kept->lookups[i].name, name))
            return;
    kept->lookups[kept->count++] = (struct dns_lookup){.name = name, .type = type, .answer = answer};
}

static bool keep_answers(struct gather *gather)
{
    const struct gather_reputation *reputation = gather->reputation;
    struct dns_recorder *recorder = &gather->recorder;
    struct kept kept = {.count = 0};
    for (const struct dnsl_question *q = reputation->round ? reputation->round->first : NULL; q; q = q->next)
        if (q->done) {
            keep(&kept, q->result.name, DNS_A, q->result.answer);
            keep(&kept, q->result.name, DNS_TXT, q->result.text_answer);
        }
    for (size_t i = 0; i < reputation->rating_count; i++)
        if (reputation->ratings[i].done)
            keep(&kept, reputation->ratings[i].result.name, DNS_TXT, reputation->ratings[i].result.answer);
    if (!kept.count)
        return true;
    struct dns_lookup *all = arena_alloc_array(gather->arena, recorder->count + kept.count, sizeof(*all));
    if (!all)
        return false;
    if (recorder->count)
        memcpy(all, recorder->lookups, recorder->count * sizeof(*all));
    for (size_t i = 0; i < kept.count; i++) {
        all[recorder->count + i] = kept.lookups[i];
        all[recorder->count + i].name = arena_lower(gather->arena, kept.lookups[i].name);
    }
    recorder->lookups = all;
    recorder->count += kept.count;
    recorder->capacity = recorder->count;
    return true;
}

bool gather_reputation_items(struct gather *gather)
{
    struct gather_reputation *reputation = gather->reputation;
    if (gather->envelope.account.len)
        return true;
    if (!reputation)
        return add_rdns(gather);
    /* Their last questions end at the deadline; they must be seen to have failed, too. */
    if (reputation->round)
        dnsl_round_wait(reputation->round, reputation->deadline + SECOND);
    if (fiber_current())
        fiber_group_wait(&reputation->group, reputation->deadline + SECOND);
    bool fine = add_rdns(gather) && (!reputation->round || add_lists(gather));
    for (size_t i = 0; fine && i < reputation->rating_count; i++)
        fine = add_rating(gather, &reputation->ratings[i]);
    return fine && add_shorteners(gather) && keep_answers(gather);
}
