/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists and ratings in DNS. Of each list the strongest answer counts, once for each kind of thing that it was asked
 * about. What speaks for a message counts only where it is about somebody who is proven: anybody can write the name
 * or the link of somebody good.
 */
#include "verdict/court.h"
#include "verdict/points.h"

static const char *const uses[] = {"client", "name", "helo", "sender", "from", "dkim", "url", "url-address"};
enum { USE_CLIENT, USE_NAME, USE_HELO, USE_SENDER, USE_FROM, USE_DKIM, USE_URL, USE_URL_ADDRESS, USES };

static int use_of(const struct evidence_item *item)
{
    struct bytes use = court_value(item, "use");
    for (int i = 0; i < USES; i++)
        if (bytes_is(use, uses[i]))
            return i;
    return -1;
}

static bool is_list(enum check check)
{
    return check == CHECK_DNSWL || check == CHECK_DNSBL || check == CHECK_RHSBL || check == CHECK_URIBL;
}

static const struct policy_list *list_of(const struct policy *policy, const struct evidence_item *item)
{
    struct bytes name = court_value(item, "list");
    for (size_t i = 0; i < policy->list_count; i++)
        if (bytes_equal(policy->lists[i].name, name))
            return &policy->lists[i];
    return NULL;
}

/* As dnsl_points() has it: of the bits in a code one is enough. */
static int points_of_code(const struct policy_list *list, struct bytes text)
{
    struct ip code;
    if (!ip_parse_v4(text, &code))
        return list->points;
    for (size_t i = 0; i < list->code_count; i++) {
        const struct policy_code *rule = &list->codes[i];
        if (ip_in_network(&code, &rule->network) && (!rule->bit || (code.octets[3] & rule->bit)))
            return rule->off ? 0 : rule->points;
    }
    return list->points;
}

static bool may_speak_for(const struct court *court, const struct evidence_item *item, int use)
{
    struct bytes subject = court_value(item, "subject");
    bool author = court->authenticated == AUTHENTICATED_AUTHOR && joint_speaks_for_author(court, subject);
    switch (use) {
    case USE_CLIENT:
    case USE_NAME:
        return true;
    case USE_HELO:
        return court_any(court, CHECK_HELO, AUTH_PASS);
    case USE_SENDER:
        return author && court_any(court, CHECK_SPF, AUTH_PASS);
    case USE_FROM:
    case USE_DKIM:
        return author;
    default:
        return false;
    }
}

static int rating_points(const struct court *court, const struct evidence_item *item)
{
    const struct policy *policy = court->policy;
    struct bytes name = court_value(item, "list"), domain = court_value(item, "domain");
    uint64_t rating;
    bool known = bytes_to_uint(court_value(item, "rating"), 100, &rating);
    for (size_t i = 0; i < policy->rating_count; i++) {
        if (!bytes_equal(policy->ratings[i].name, name))
            continue;
        if (item->result == AUTH_FAIL)
            return policy->ratings[i].bad * (known ? 100 - (int)rating : 100) / 100;
        if (item->result == AUTH_PASS && court->authenticated == AUTHENTICATED_AUTHOR &&
            joint_speaks_for_author(court, domain))
            return policy->ratings[i].good * (known ? (int)rating : 100) / 100;
    }
    return 0;
}

int lists_points(const struct court *court, const struct evidence_item *item)
{
    if (item->result != AUTH_PASS && item->result != AUTH_FAIL)
        return 0;
    if (item->check == CHECK_RATING)
        return rating_points(court, item);
    const struct policy_list *list = is_list(item->check) ? list_of(court->policy, item) : NULL;
    int use = use_of(item);
    if (!list || use < 0)
        return 0;
    int points = points_of_code(list, court_value(item, "code"));
    return points < 0 && !may_speak_for(court, item, use) ? 0 : points;
}

static int magnitude(int points)
{
    return points < 0 ? -points : points;
}

static const char *const contribution_names[] = {
    [CHECK_DNSWL] = "DNSWL", [CHECK_DNSBL] = "DNSBL", [CHECK_RHSBL] = "RHSBL", [CHECK_URIBL] = "URIBL",
};

static void contribute(struct court *court, const struct evidence_item *item)
{
    static const char *const words[USES] = {
        [USE_CLIENT] = "",           [USE_NAME] = "the client's name ", [USE_HELO] = "the HELO name ",
        [USE_SENDER] = "the sender's domain ", [USE_FROM] = "the author's domain ", [USE_DKIM] = "the signer ",
        [USE_URL] = "a link's host ", [USE_URL_ADDRESS] = "the address of a link's host ",
    };
    struct bytes text = court_value(item, "text"), list = court_value(item, "list");
    court_contribute(court, item->check, item, lists_points(court, item), contribution_names[item->check], list,
                     "%s" BYTES_FMT " is listed by " BYTES_FMT " (" BYTES_FMT ")" BYTES_FMT BYTES_FMT,
                     words[use_of(item)], BYTES_ARG(court_value(item, "subject")), BYTES_ARG(list),
                     BYTES_ARG(court_value(item, "code")), BYTES_ARG(text.len ? BYTES(": ") : BYTES("")),
                     BYTES_ARG(text));
}

static void score_list(struct court *court, const struct policy_list *list)
{
    const struct evidence *evidence = court->evidence;
    const struct evidence_item *strongest[USES] = {0};
    for (size_t i = 0; i < evidence->item_count; i++) {
        const struct evidence_item *item = &evidence->items[i];
        if (!is_list(item->check) || list_of(court->policy, item) != list)
            continue;
        int use = use_of(item), points = lists_points(court, item);
        if (points != 0 &&
            (!strongest[use] || magnitude(points) > magnitude(lists_points(court, strongest[use]))))
            strongest[use] = item;
    }
    for (int use = 0; use < USES; use++)
        if (strongest[use])
            contribute(court, strongest[use]);
}

static void score_rating(struct court *court, const struct policy_rating *rating)
{
    const struct evidence *evidence = court->evidence;
    const struct evidence_item *strongest = NULL;
    for (size_t i = 0; i < evidence->item_count; i++) {
        const struct evidence_item *item = &evidence->items[i];
        if (item->check != CHECK_RATING || !bytes_equal(court_value(item, "list"), rating->name))
            continue;
        if (!strongest || magnitude(lists_points(court, item)) > magnitude(lists_points(court, strongest)))
            strongest = item;
    }
    if (strongest)
        court_contribute(court, CHECK_RATING, strongest, lists_points(court, strongest), "RATING", rating->name,
                         BYTES_FMT " is rated %s by " BYTES_FMT BYTES_FMT BYTES_FMT,
                         BYTES_ARG(court_value(strongest, "domain")),
                         strongest->result == AUTH_PASS ? "good" : "bad", BYTES_ARG(rating->name),
                         BYTES_ARG(court_value(strongest, "rating").len ? BYTES(", rating ") : BYTES("")),
                         BYTES_ARG(court_value(strongest, "rating")));
}

void lists_score(struct court *court)
{
    for (size_t i = 0; i < court->policy->list_count; i++)
        score_list(court, &court->policy->lists[i]);
    for (size_t i = 0; i < court->policy->rating_count; i++)
        score_rating(court, &court->policy->ratings[i]);
}
