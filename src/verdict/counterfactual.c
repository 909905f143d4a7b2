/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/counterfactual.h"

#include "base/domain.h"
#include "verdict/counterfactual_try.h"
#include "verdict/court.h"
#include "verdict/points.h"

#include <stdio.h>

/* What changes cost that are not measured in points. */
enum {
    COST_WAIT = 10,
    COST_SIZE = 50,
    COST_ATTEMPTS = 100,
    COST_DNS = 200,
    COST_CONTACT = 250,
    COST_FINDING = 300,
    COST_AUTHENTICATION = 300,
    COST_HISTORY = 400,
    COST_VIRUS = 800,
    COST_WHO = 2000,
    ITEMS_TRIED = 300,
    RECIPIENTS_KNOWN = 100
};

/* The content filter */

static void filter_gives(struct trial *trial, int delta)
{
    char text[POINTS_TEXT_SIZE];
    int64_t now = 0;
    struct evidence *changed = trial_begin(trial);
    struct evidence_item *item = trial_item(changed, CHECK_FILTER);
    bool there = item && points_read(court_value(item, "points"), &now) &&
                 (item->result == AUTH_PASS || item->result == AUTH_FAIL);
    /* What is beyond the filter's bounds counts as the bound. */
    for (size_t i = 0; i < trial->verdict->contribution_count; i++)
        if (there && trial->verdict->contributions[i].check == CHECK_FILTER)
            now = trial->verdict->contributions[i].points;
    if (!item) /* else one without an opinion gets one */
        item = trial_add(trial, changed, CHECK_FILTER, AUTH_FAIL);
    if (!item)
        return;
    int points = points_within(now + delta, -100000, 100000);
    item->result = points > 0 ? AUTH_FAIL : AUTH_PASS;
    trial_set(trial, item, "points", bytes_of(points_plain(points, text)));
    int size = delta < 0 ? -delta : delta;
    if (there)
        trial_end(trial, changed, size, "With %s points %s from the content filter", points_plain(size, text),
                  delta < 0 ? "less" : "more");
    else
        trial_end(trial, changed, size, "Had the content filter given it %s points", points_plain(points, text));
}

static void filter(struct trial *trial)
{
    const struct verdict *verdict = trial->verdict;
    const int limits[] = {verdict->junk_score, verdict->quarantine_score, verdict->reject_score};
    for (size_t i = 0; i < countof(limits) && verdict->scored; i++)
        if (i == 0 || limits[i])
            filter_gives(trial, verdict->score >= limits[i] ? limits[i] - 1 - verdict->score
                                                            : limits[i] - verdict->score);
}

/* Findings that might not have been */

static int cost_of(const struct trial *trial, size_t index)
{
    const struct verdict *verdict = trial->verdict;
    for (size_t i = 0; i < verdict->contribution_count; i++)
        if (verdict->contributions[i].item == index)
            return verdict->contributions[i].points < 0 ? -verdict->contributions[i].points
                                                        : verdict->contributions[i].points;
    return COST_FINDING;
}

/* Those that make one story: all answers of a list about one kind of thing, all traps. */
static bool goes_with(const struct evidence_item *item, const struct evidence_item *other)
{
    static const char *const same[] = {"list", "use", "rule"};
    if (item->check != other->check)
        return false;
    if (item->check == CHECK_HISTORY || item->check == CHECK_PHISHING || item->check == CHECK_SESSION)
        return item == other;
    for (size_t i = 0; i < countof(same); i++)
        if (!bytes_equal(court_value(item, same[i]), court_value(other, same[i])))
            return false;
    return true;
}

static void without(struct trial *trial, size_t index)
{
    const struct evidence *evidence = trial->evidence;
    const struct evidence_item *item = &evidence->items[index];
    struct evidence *changed = trial_begin(trial);
    int cost = cost_of(trial, index);
    struct bytes list = court_value(item, "list");
    if (!changed)
        return;
    changed->item_count = 0;
    for (size_t i = 0; i < evidence->item_count; i++)
        if (!goes_with(item, &evidence->items[i]))
            changed->items[changed->item_count++] = evidence->items[i];
    switch (item->check) {
    case CHECK_DNSWL:
    case CHECK_DNSBL:
    case CHECK_RHSBL:
    case CHECK_URIBL:
        trial_end(trial, changed, cost, "Had " BYTES_FMT " not been listed by " BYTES_FMT,
                  BYTES_ARG(court_value(item, "subject")), BYTES_ARG(list));
        break;
    case CHECK_RATING:
        trial_end(trial, changed, cost, "Had " BYTES_FMT " not been rated by " BYTES_FMT,
                  BYTES_ARG(court_value(item, "domain")), BYTES_ARG(list));
        break;
    case CHECK_RULE:
        trial_end(trial, changed, cost, "Had the rule " BYTES_FMT " not matched", BYTES_ARG(court_value(item, "rule")));
        break;
    case CHECK_VIRUS:
        trial_end(trial, changed, cost, item->result == AUTH_TEMPERROR ? "Had the virus scanner found nothing"
                                                                       : "Had there been no virus in it");
        break;
    case CHECK_PHISHING:
        trial_end(trial, changed, cost, "Had it not pretended (" BYTES_FMT ")", BYTES_ARG(court_value(item, "kind")));
        break;
    case CHECK_ATTACHMENT:
        trial_end(trial, changed, cost, "Without its attachments");
        break;
    case CHECK_TRAP:
        trial_end(trial, changed, cost, "Had the sender not written to a trap");
        break;
    case CHECK_HISTORY:
        trial_end(trial, changed, cost, "Had nothing been known of " BYTES_FMT,
                  BYTES_ARG(court_value(item, "identity")));
        break;
    case CHECK_CONTACT:
        trial_end(trial, changed, cost, "Had nobody here written to the author before");
        break;
    case CHECK_SESSION:
        trial_end(trial, changed, cost, "Had the client kept to the rules (" BYTES_FMT ")", BYTES_ARG(item->reason));
        break;
    case CHECK_RDNS:
    case CHECK_IPREV:
        trial_end(trial, changed, cost, "Had the name of the client not been looked at");
        break;
    default:
        trial_end(trial, changed, cost, "Without what the check %s found", check_name(item->check));
    }
}

static void findings(struct trial *trial)
{
    const struct evidence *evidence = trial->evidence;
    for (size_t i = 0; i < evidence->item_count && i < ITEMS_TRIED; i++) {
        enum check check = evidence->items[i].check;
        bool tried_otherwise = check == CHECK_SPF || check == CHECK_DKIM || check == CHECK_DMARC ||
                               check == CHECK_FROM || check == CHECK_ATTEMPT || check == CHECK_GREYLIST ||
                               check == CHECK_FILTER;
        bool first = true;
        for (size_t k = 0; k < i && first; k++)
            first = !goes_with(&evidence->items[k], &evidence->items[i]);
        if (!tried_otherwise && first)
            without(trial, i);
    }
}

/* Authentication */

static struct bytes author_of(const struct evidence *evidence)
{
    struct bytes domain = court_value(evidence_find(evidence, CHECK_FROM, 0), "domain");
    size_t at = bytes_rfind_byte(evidence->header_from, '@');
    return domain.len || at == BYTES_NOT_FOUND ? domain : bytes_skip(evidence->header_from, at + 1);
}

static bool is_of(struct bytes domain, struct bytes author)
{
    return domain.len && author.len && (domain_is_within(domain, author) || domain_is_within(author, domain));
}

/* What DMARC makes of an aligned identifier that passes. */
static void dmarc_passes(struct evidence *evidence)
{
    struct evidence_item *dmarc = trial_item(evidence, CHECK_DMARC);
    if (dmarc && (dmarc->result == AUTH_FAIL || dmarc->result == AUTH_TEMPERROR))
        dmarc->result = AUTH_PASS;
}

/* Makes the author authenticated; what to call it. */
static bool sign(struct trial *trial, struct evidence *changed, struct bytes author)
{
    struct evidence_item *item = author.len ? trial_add(trial, changed, CHECK_DKIM, AUTH_PASS) : NULL;
    if (!item || !evidence_property(trial->arena, item, "header", "d", author))
        return false;
    dmarc_passes(changed);
    return true;
}

static void passes(struct trial *trial, size_t index)
{
    const struct evidence_item *item = &trial->evidence->items[index];
    struct bytes domain =
        item->check == CHECK_DKIM ? evidence_value(item, "header", "d") : court_value(item, "domain");
    struct evidence *changed = trial_begin(trial);
    if (!changed)
        return;
    changed->items[index].result = AUTH_PASS;
    if (is_of(domain, author_of(changed)))
        dmarc_passes(changed);
    trial_end(trial, changed, COST_AUTHENTICATION, "Had %s passed for " BYTES_FMT,
              item->check == CHECK_DKIM ? "DKIM" : "SPF", BYTES_ARG(domain));
}

static void authentication(struct trial *trial)
{
    const struct evidence *evidence = trial->evidence;
    struct bytes author = author_of(evidence);
    for (size_t i = 0; i < evidence->item_count && i < ITEMS_TRIED; i++) {
        const struct evidence_item *item = &evidence->items[i];
        bool candidate = (item->check == CHECK_DKIM && evidence_value(item, "header", "d").len) ||
                         (item->check == CHECK_SPF && court_value(item, "domain").len);
        if (candidate && item->result != AUTH_PASS)
            passes(trial, i);
    }
    struct evidence *changed = trial_begin(trial);
    if (changed && sign(trial, changed, author))
        trial_end(trial, changed, COST_AUTHENTICATION + 1, "Had it been signed by " BYTES_FMT " (DKIM)",
                  BYTES_ARG(author));
    changed = trial_begin(trial);
    for (size_t i = 0; changed && i < changed->item_count; i++) {
        struct evidence_item *item = &changed->items[i];
        bool proof = item->check == CHECK_SPF || item->check == CHECK_DKIM || item->check == CHECK_DMARC;
        if (proof && item->result == AUTH_PASS)
            item->result = AUTH_FAIL;
    }
    trial_end(trial, changed, COST_AUTHENTICATION + 100, "Had neither SPF nor DKIM passed");
    changed = trial_begin(trial);
    struct evidence_item *from = changed ? trial_item(changed, CHECK_FROM) : NULL;
    if (from) {
        bool good = from->result == AUTH_PASS;
        from->result = good ? AUTH_FAIL : AUTH_PASS;
        trial_end(trial, changed, COST_AUTHENTICATION + 200,
                  good ? "Had its From field not named one author" : "Had its From field named one author");
    }
}

static void dns(struct trial *trial)
{
    char count[24];
    struct evidence *changed = trial_begin(trial);
    bool failed = false;
    for (size_t i = 0; changed && i < changed->item_count; i++) {
        struct evidence_item *item = &changed->items[i];
        bool asked = item->check == CHECK_SPF || item->check == CHECK_DKIM || item->check == CHECK_DMARC ||
                     item->check == CHECK_SENDER_ID;
        if (asked && item->result == AUTH_TEMPERROR) {
            item->result = AUTH_PASS;
            failed = true;
        }
    }
    if (!failed)
        return;
    trial_end(trial, changed, COST_DNS, "Had DNS answered well");
    changed = trial_begin(trial);
    struct evidence_item *item = changed ? trial_item(changed, CHECK_ATTEMPT) : NULL;
    if (changed && !item)
        item = trial_add(trial, changed, CHECK_ATTEMPT, AUTH_NONE);
    if (!item)
        return;
    snprintf(count, sizeof(count), "%u", trial->policy->temporary_attempts);
    trial_set(trial, item, "count", bytes_of(count));
    trial_end(trial, changed, COST_ATTEMPTS, "Had it been put off %s times already", count);
}

/* Reputation */

static bool know(struct trial *trial, struct evidence *changed)
{
    for (size_t i = 0; i < changed->recipient_count && i < RECIPIENTS_KNOWN; i++) {
        struct evidence_item *item = trial_add(trial, changed, CHECK_CONTACT, AUTH_PASS);
        if (!item || !evidence_property(trial->arena, item, "vouch", "recipient", changed->recipients[i]))
            return false;
    }
    return true;
}

static void contacts(struct trial *trial)
{
    const char *who = trial->evidence->recipient_count == 1 ? "the recipient" : "all recipients";
    struct bytes author = author_of(trial->evidence);
    struct evidence *changed = trial_begin(trial);
    if (changed && know(trial, changed))
        trial_end(trial, changed, COST_CONTACT, "Had %s written to the author before", who);
    changed = trial_begin(trial);
    if (changed && sign(trial, changed, author) && know(trial, changed))
        trial_end(trial, changed, COST_CONTACT + COST_AUTHENTICATION,
                  "Had it been signed by " BYTES_FMT " (DKIM), and had %s written to the author before",
                  BYTES_ARG(author), who);
}

static void past(struct trial *trial, bool good)
{
    char number[24], first[24];
    const struct policy *policy = trial->policy;
    struct evidence *changed = trial_begin(trial);
    struct bytes author = author_of(trial->evidence);
    struct evidence_item *item = NULL;
    unsigned messages = policy->least > 100 ? policy->least : 100;
    for (size_t i = 0; changed && i < changed->item_count && !item; i++)
        if (changed->items[i].check == CHECK_HISTORY && court_says(&changed->items[i], "aligned", "yes"))
            item = &changed->items[i];
    if (changed && !item && author.len) {
        item = trial_add(trial, changed, CHECK_HISTORY, AUTH_NEUTRAL);
        if (item) {
            trial_set(trial, item, "kind", BYTES("dkim"));
            trial_set(trial, item, "identity", author);
            trial_set(trial, item, "aligned", BYTES("yes"));
        }
    }
    if (!item)
        return;
    item->result = AUTH_NEUTRAL;
    snprintf(number, sizeof(number), "%u", messages);
    snprintf(first, sizeof(first), "%lld",
             (long long)(trial->evidence->received_at - policy->probation > 1
                             ? trial->evidence->received_at - policy->probation - 1 : 1));
    static const char *const nothing[] = {"junk", "notjunk", "complaints", "traps", "unknown"};
    for (size_t i = 0; i < countof(nothing); i++)
        trial_set(trial, item, nothing[i], BYTES("0"));
    trial_set(trial, item, "first", bytes_of(first));
    trial_set(trial, item, "messages", bytes_of(number));
    trial_set(trial, item, "ham", good ? bytes_of(number) : BYTES("0"));
    trial_set(trial, item, "spam", good ? BYTES("0") : bytes_of(number));
    trial_end(trial, changed, COST_HISTORY, "Had " BYTES_FMT " sent %s messages before that were %s",
              BYTES_ARG(court_value(item, "identity")), number, good ? "good" : "junk");
}

/* The rest */

static void patience(struct trial *trial)
{
    struct evidence *changed = trial_begin(trial);
    struct evidence_item *item = changed ? trial_item(changed, CHECK_GREYLIST) : NULL;
    if (!item)
        return;
    trial_set(trial, item, "state", BYTES("passed"));
    trial_end(trial, changed, COST_WAIT, "Had it been tried again after %lld seconds",
              (long long)trial->policy->greylist_delay);
}

static void size(struct trial *trial)
{
    struct evidence *changed = trial_begin(trial);
    if (!changed || !trial->policy->message_size)
        return;
    bool smaller = changed->size > trial->policy->message_size;
    changed->size = smaller ? trial->policy->message_size : trial->policy->message_size + 1;
    trial_end(trial, changed, COST_SIZE + (smaller ? 0 : COST_VIRUS), "Had it been %s than %llu octets",
              smaller ? "no larger" : "larger", (unsigned long long)trial->policy->message_size);
}

static void virus(struct trial *trial)
{
    struct evidence *changed = trial_begin(trial);
    if (changed && trial_add(trial, changed, CHECK_VIRUS, AUTH_FAIL))
        trial_end(trial, changed, COST_VIRUS, "Had there been a virus in it");
}

/* Whom it is for and from, which says whether it is looked at at all. */
static void who(struct trial *trial)
{
    struct evidence *changed = trial_begin(trial);
    if (!changed)
        return;
    if (changed->account.len) {
        changed->account = BYTES("");
        trial_end(trial, changed, COST_WHO, "Had no account of ours sent it");
    } else if (changed->exempt) {
        changed->exempt = false;
        trial_end(trial, changed, COST_WHO, "Had it not been for postmaster or abuse");
    } else if (changed->own_network) {
        changed->own_network = false;
        trial_end(trial, changed, COST_WHO, "Had the client not been in our own networks");
    } else {
        changed->exempt = true;
        trial_end(trial, changed, COST_WHO, "Had it been for postmaster");
    }
}

enum result counterfactual_find(struct arena *arena, const struct policy *policy, const struct evidence *evidence,
                                const struct verdict *verdict, struct counterfactual *out, size_t most,
                                size_t *count)
{
    struct trial trial = {.arena = arena, .policy = policy, .evidence = evidence, .verdict = verdict,
                          .found = out, .most = most};
    patience(&trial);
    size(&trial);
    filter(&trial);
    findings(&trial);
    authentication(&trial);
    dns(&trial);
    contacts(&trial);
    past(&trial, true);
    past(&trial, false);
    virus(&trial);
    who(&trial);
    *count = trial.count;
    return trial.exhausted ? TEMP : OK;
}
