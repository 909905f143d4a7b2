/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The joint test: who answers for a message, and what is known of him. Neither half is worth anything by itself:
 * anybody can authenticate his own new domain, and anybody can write a good name into From.
 */
#include "verdict/court.h"

#include "base/domain.h"
#include "verdict/spf_term.h"

enum {
    LISTED = 200,       /* points from which on the word of a list or rating settles a reputation */
    CLIENT_LISTED = 300 /* the same of a list of addresses */
};

static struct bytes author_domain(const struct court *court)
{
    struct bytes domain = court_value(court_item(court, CHECK_FROM), "domain");
    struct bytes address = court->evidence->header_from;
    size_t at = bytes_rfind_byte(address, '@');
    return domain.len || at == BYTES_NOT_FOUND ? domain : bytes_skip(address, at + 1);
}

/* A domain that lets everybody pass proves nobody, and neither does DMARC by it. */
static bool is_of_everybody(const struct evidence_item *spf)
{
    return spf_term_is_everybody(court_value(spf, "mechanism"));
}

static bool dmarc_passes(const struct court *court)
{
    const struct evidence_item *dmarc = court_item(court, CHECK_DMARC);
    return court_result(dmarc, AUTH_PASS) &&
           !(court_says(dmarc, "spf-aligned", "yes") && court_says(dmarc, "dkim-aligned", "no") &&
             is_of_everybody(court_item(court, CHECK_SPF)));
}

/* Empty: nobody knows. */
static struct bytes author_organization(const struct court *court)
{
    struct bytes organization = court_value(court_item(court, CHECK_DMARC), "organizational-domain");
    return organization.len ? organization : court_value(court_item(court, CHECK_FROM), "organization");
}

static bool is_in_organization(const struct court *court, struct bytes domain)
{
    struct bytes organization = author_organization(court);
    return organization.len && domain_is_within(domain, organization) &&
           domain_is_within(author_domain(court), organization);
}

/* A domain below the author's may be any stranger's, where the author's is a public suffix. */
bool joint_speaks_for_author(const struct court *court, struct bytes domain)
{
    struct bytes author = author_domain(court);
    if (!domain.len || !author.len)
        return false;
    return domain_is_within(author, domain) || is_in_organization(court, domain);
}

/* By a name that leads back to it: that a host may send for a domain makes it nobody's own. */
static bool client_is_of_author(const struct court *court)
{
    const struct evidence_item *rdns = court_item(court, CHECK_RDNS), *iprev = court_item(court, CHECK_IPREV),
                               *helo = court_item(court, CHECK_HELO);
    struct bytes names[] = {court_result(rdns, AUTH_PASS) ? court_value(rdns, "name") : BYTES(""),
                            court_result(iprev, AUTH_PASS) ? court_value(iprev, "name") : BYTES(""),
                            court_result(helo, AUTH_PASS) ? evidence_value(helo, "smtp", "helo") : BYTES("")};
    struct bytes author = author_domain(court);
    for (size_t i = 0; i < countof(names) && author.len; i++)
        if (names[i].len && (domain_is_within(names[i], author) || is_in_organization(court, names[i])))
            return true;
    return false;
}

static struct bytes domain_of(const struct evidence_item *item)
{
    return item->check == CHECK_DKIM  ? evidence_value(item, "header", "d")
           : item->check == CHECK_SPF ? court_value(item, "domain")
                                      : BYTES("");
}

enum authenticated joint_authenticated(const struct court *court)
{
    const struct evidence_item *dmarc = court_item(court, CHECK_DMARC);
    bool doubted = court->policy->dmarc != JUDGE_DMARC_OFF &&
                   (court_result(dmarc, AUTH_FAIL) || court_result(dmarc, AUTH_TEMPERROR));
    if (dmarc_passes(court) || court->author_vouched)
        return AUTHENTICATED_AUTHOR;
    enum authenticated best = AUTHENTICATED_NOBODY;
    for (size_t i = 0; i < court->evidence->item_count; i++) {
        const struct evidence_item *item = &court->evidence->items[i];
        if ((item->check != CHECK_SPF && item->check != CHECK_DKIM) || item->result != AUTH_PASS ||
            (item->check == CHECK_SPF && is_of_everybody(item)))
            continue;
        if (!doubted && joint_speaks_for_author(court, domain_of(item)))
            return AUTHENTICATED_AUTHOR;
        best = AUTHENTICATED_SOMEBODY;
    }
    return best;
}

/* Contacts */

static bool is_recipient(const struct court *court, struct bytes address)
{
    for (size_t i = 0; i < court->evidence->recipient_count; i++)
        if (bytes_equal_nocase(court->evidence->recipients[i], address))
            return true;
    return false;
}

const struct evidence_item *joint_contact(const struct court *court)
{
    const struct evidence_item *best = NULL;
    if (court->authenticated != AUTHENTICATED_AUTHOR)
        return NULL;
    for (size_t i = 0; i < court->evidence->item_count; i++) {
        const struct evidence_item *item = &court->evidence->items[i];
        if (item->check != CHECK_CONTACT || item->result != AUTH_PASS ||
            !is_recipient(court, court_value(item, "recipient")))
            continue;
        if (!best || (court_says(item, "answered", "yes") && !court_says(best, "answered", "yes")))
            best = item;
    }
    return best;
}

static bool has_contact(const struct court *court, struct bytes recipient)
{
    for (size_t i = 0; i < court->evidence->item_count; i++) {
        const struct evidence_item *item = &court->evidence->items[i];
        if (item->check == CHECK_CONTACT && item->result == AUTH_PASS &&
            bytes_equal_nocase(court_value(item, "recipient"), recipient))
            return true;
    }
    return false;
}

bool joint_contact_of_all(const struct court *court)
{
    if (!joint_contact(court))
        return false;
    for (size_t i = 0; i < court->evidence->recipient_count; i++)
        if (!has_contact(court, court->evidence->recipients[i]))
            return false;
    return true;
}

/* Reputation */

/* What one item says of the author, once he is authenticated, or else of whoever is. */
static enum standing says(const struct court *court, const struct evidence_item *item, bool author)
{
    bool by_client = court_says(item, "use", "client");
    struct bytes subject;
    int points;
    switch (item->check) {
    case CHECK_HISTORY:
        if (court_says(item, "kind", "network") || (author && !court_says(item, "aligned", "yes")))
            return STANDING_UNKNOWN;
        return history_standing(court, item);
    case CHECK_TRAP:
        /* Of who did lately: others who send by the same provider are not the author. */
        return author && court_says(item, "recent", "yes") &&
                       !joint_speaks_for_author(court, court_value(item, "identity"))
                   ? STANDING_UNKNOWN
                   : STANDING_BAD;
    case CHECK_VBR:
        return author && item->result == AUTH_PASS &&
                       (dmarc_passes(court) || joint_speaks_for_author(court, evidence_value(item, "header", "md")))
                   ? STANDING_GOOD
                   : STANDING_UNKNOWN;
    case CHECK_DNSWL:
    case CHECK_DNSBL: /* codes of one list may speak for and against; the points of this policy say which */
    case CHECK_RHSBL:
    case CHECK_RATING:
        points = lists_points(court, item);
        subject = court_value(item, item->check == CHECK_RATING ? "domain" : "subject");
        if (by_client)
            return author && points <= -CLIENT_LISTED && client_is_of_author(court) ? STANDING_GOOD
                                                                                     : STANDING_UNKNOWN;
        if (author && !joint_speaks_for_author(court, subject))
            return STANDING_UNKNOWN;
        return points >= LISTED ? STANDING_BAD : author && points <= -LISTED ? STANDING_GOOD : STANDING_UNKNOWN;
    default:
        return STANDING_UNKNOWN;
    }
}

struct reputation {
    const struct evidence_item *good, *bad; /* who says so, or NULL */
};

static struct reputation ask(const struct court *court, bool author)
{
    struct reputation found = {0};
    for (size_t i = 0; i < court->evidence->item_count; i++) {
        const struct evidence_item *item = &court->evidence->items[i];
        enum standing standing = says(court, item, author);
        if (standing == STANDING_GOOD && !found.good)
            found.good = item;
        else if (standing == STANDING_BAD && !found.bad)
            found.bad = item;
    }
    return found;
}

static const char *source(const struct evidence_item *item)
{
    switch (item->check) {
    case CHECK_HISTORY:
        return "what it sent before";
    case CHECK_TRAP:
        return "a trap that it wrote to";
    case CHECK_VBR:
        return "a certifier";
    case CHECK_RATING:
        return "a rating";
    default:
        return "a list";
    }
}

static void class_of_author(struct court *court)
{
    const struct evidence_item *contact = joint_contact(court);
    struct reputation reputation = ask(court, true);
    struct bytes author = author_domain(court);
    if (contact && !reputation.bad)
        court_class(court, TRUST_FIRST, BYTES_FMT " is authenticated, and " BYTES_FMT " wrote to its author.",
                    BYTES_ARG(author), BYTES_ARG(court_value(contact, "recipient")));
    else if ((contact || reputation.good) && reputation.bad)
        court_class(court, TRUST_BUSINESS,
                    BYTES_FMT " is authenticated; its reputation is mixed: %s speaks against it.", BYTES_ARG(author),
                    source(reputation.bad));
    else if (reputation.good)
        court_class(court, TRUST_FIRST, BYTES_FMT " is authenticated, and %s speaks for it.", BYTES_ARG(author),
                    source(reputation.good));
    else if (reputation.bad)
        court_class(court, TRUST_THIRD, BYTES_FMT " is authenticated, but %s speaks against it.", BYTES_ARG(author),
                    source(reputation.bad));
    else
        court_class(court, TRUST_BUSINESS, BYTES_FMT " is authenticated, and not known well.", BYTES_ARG(author));
}

void joint_class(struct court *court)
{
    struct reputation reputation;
    if (court->classed)
        return;
    switch (court->authenticated) {
    case AUTHENTICATED_AUTHOR:
        class_of_author(court);
        break;
    case AUTHENTICATED_SOMEBODY:
        reputation = ask(court, false);
        if (reputation.bad)
            court_class(court, TRUST_THIRD, "A domain answers for it, but %s speaks against it.",
                        source(reputation.bad));
        else
            court_class(court, TRUST_BUSINESS, "A domain answers for it, but it is not the author's.");
        break;
    default:
        court_class(court, TRUST_THIRD, "No domain answers for it.");
    }
}
