/* SPDX-License-Identifier: BSD-2-Clause */
/* What the message itself adds to the score. */
#include "verdict/court.h"
#include "verdict/points.h"

/* Points (hundredths). */
enum {
    HASHCASH = -150,
    VIRUS = 1000,
    ATTACHMENT = 200,
    FILTER_LEAST = -800, /* no filter is so sure that nothing else could turn the scale */
    FILTER_MOST = 1200,
    FINDINGS = 3 /* of a phishing look, each as strong as the policy says, count at most */
};

static bool skips_filter(const struct court *court)
{
    return court->verdict->trust == TRUST_FIRST && court->policy->skip_filter;
}

static void filter(struct court *court)
{
    const struct evidence_item *item = court_item(court, CHECK_FILTER);
    int64_t points;
    if (!item || !(item->result == AUTH_FAIL || item->result == AUTH_PASS) ||
        !points_read(court_value(item, "points"), &points))
        return;
    if (skips_filter(court)) {
        court_reason(court, CHECK_FILTER, REASON_NOTES, "first-class mail skips the content filter");
        return;
    }
    court_contribute(court, CHECK_FILTER, item, points_within(points, FILTER_LEAST, FILTER_MOST), "FILTER", BYTES(""),
                     points > 0 ? "what it says resembles junk" : "what it says resembles mail that is wanted");
}

static void rules(struct court *court)
{
    const struct evidence *evidence = court->evidence;
    for (size_t i = 0; i < evidence->item_count && !skips_filter(court); i++) {
        const struct evidence_item *item = &evidence->items[i];
        const struct policy_rule *rule = item->check == CHECK_RULE ? content_rule(court->policy, item) : NULL;
        if (rule)
            court_contribute(court, CHECK_RULE, item, rule->points, "", rule->name, BYTES_FMT ": " BYTES_FMT,
                             BYTES_ARG(rule->name), BYTES_ARG(item->reason));
    }
}

/* A homograph is no accident; a Reply-To elsewhere often is. */
static int weight(const struct court *court, const struct evidence_item *item)
{
    int points = court->policy->phishing;
    return court_says(item, "kind", "homograph") ? points * 2
           : court_says(item, "kind", "reply-to") || court_says(item, "kind", "display-other") ||
                     court_says(item, "kind", "name-part")
               ? points / 2
                                                  : points;
}

static void phishing(struct court *court)
{
    const struct evidence *evidence = court->evidence;
    int left = court->policy->phishing * FINDINGS;
    /* Rules with an action may have had such mail read. */
    for (size_t i = 0; i < evidence->item_count && left > 0 && !skips_filter(court); i++) {
        const struct evidence_item *item = &evidence->items[i];
        if (item->check != CHECK_PHISHING || item->result != AUTH_FAIL)
            continue;
        int points = points_within(weight(court, item), 0, left);
        left -= points;
        court_contribute(court, CHECK_PHISHING, item, points, "PHISHING", court_value(item, "kind"), BYTES_FMT,
                         BYTES_ARG(item->reason));
    }
}

static void hashcash(struct court *court)
{
    const struct evidence_item *item = court_item(court, CHECK_HASHCASH);
    if (court_result(item, AUTH_PASS))
        court_contribute(court, CHECK_HASHCASH, item, HASHCASH, "HASHCASH", BYTES(""),
                         "the sender spent computing time on it");
}

/* Where a policy only marks such mail, it counts. */
static void findings(struct court *court)
{
    const struct evidence *evidence = court->evidence;
    const struct verdict *verdict = court->verdict;
    for (size_t i = 0; i < evidence->item_count; i++) {
        const struct evidence_item *item = &evidence->items[i];
        if (item->check == CHECK_VIRUS && item->result == AUTH_FAIL) {
            court_contribute(court, CHECK_VIRUS, item, VIRUS, "VIRUS", BYTES(""), "it holds the virus " BYTES_FMT,
                             BYTES_ARG(court_value(item, "name")));
            break;
        }
    }
    for (size_t i = 0; i < verdict->reason_count; i++) {
        if (verdict->reasons[i].check != CHECK_ATTACHMENT || verdict->reasons[i].effect == REASON_NOTES)
            continue;
        court_contribute(court, CHECK_ATTACHMENT, court_item(court, CHECK_ATTACHMENT), ATTACHMENT, "ATTACHMENT",
                         BYTES(""), "it has an attachment that is not wanted, or may have one");
        break;
    }
}

void score_content(struct court *court)
{
    filter(court);
    rules(court);
    phishing(court);
    hashcash(court);
    findings(court);
}
