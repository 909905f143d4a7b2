/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * phishing_links: links that show one host and lead to another, and hosts that look like others.
 *
 * Newsletters count clicks: what they show is not where a link leads at first. They are told from what deceives by
 * where all the other links lead, and by whose the counter is.
 */
#include "filter/phishing_hosts.h"
#include "filter/phishing_private.h"

#include "base/ascii.h"
#include "base/domain.h"

#include <stdlib.h>

enum { HOSTS_MAX = 50, SHOWN_HOST_MAX = 255, COMMON_MIN = 3 };

static bool is_host_octet(uint8_t c)
{
    return ascii_is_alnum(c) || c == '-' || c == '.' || c == '_' || c >= 0x80;
}

/* The host that the text of a link shows, if it is a URL or begins as one; empty for other text. */
static struct bytes shown_host(struct arena *arena, struct bytes text)
{
    static const struct bytes none = BYTES_INIT("");
    size_t end = 0;
    text = bytes_trim(text);
    bool scheme = bytes_starts_with_nocase(text, BYTES("https://")) || bytes_starts_with_nocase(text, BYTES("http://"));
    if (scheme)
        text = bytes_skip(text, bytes_find_byte(text, '/') + 2);
    while (end < text.len && end < SHOWN_HOST_MAX && is_host_octet(text.ptr[end]))
        end++;
    /* Without a scheme only what is nothing but a URL: no words behind it, and no address. */
    bool ends_well = end == text.len || text.ptr[end] == '/' || text.ptr[end] == '?' || text.ptr[end] == ':' ||
                     text.ptr[end] == '#';
    if (!ends_well && !scheme)
        return none;
    if (end < text.len && text.ptr[end] == '@')
        return none;
    for (size_t i = end; i < text.len && !scheme; i++)
        if (ascii_is_space(text.ptr[i]))
            return none;
    struct bytes host = arena_lower(arena, domain_strip_dot(bytes_first(text, end)));
    return host.ptr && domain_is_fully_qualified(host) ? host : none;
}

/* ---- each link, looked at once ---- */

struct seen_link {
    const struct readable_link *link;
    size_t order; /* in the message */
    struct bytes organization;
    struct bytes shown, shown_organization; /* empty: it shows no host */
    bool deceives; /* it shows a host of another organization than that which it leads to */
};

static int compare_hosts(const void *a, const void *b)
{
    const struct seen_link *left = a, *right = b;
    int difference = bytes_compare(left->link->host, right->link->host);
    return difference ? difference : (left->order > right->order) - (left->order < right->order);
}

static int compare_order(const void *a, const void *b)
{
    const struct seen_link *left = a, *right = b;
    return (left->order > right->order) - (left->order < right->order);
}

static bool is_same_label(struct bytes a, struct bytes b)
{
    return a.len && b.len &&
           bytes_equal(bytes_first(a, bytes_find_byte(a, '.')), bytes_first(b, bytes_find_byte(b, '.')));
}

/* Organizations cost a look into the list of public suffixes, so each host is asked for once. */
static void read_shown(struct phishing_look *look, struct seen_link *seen, size_t count)
{
    struct bytes last = BYTES(""), organization = BYTES("");
    for (size_t i = 0; i < count; i++) {
        const struct readable_link *link = seen[i].link;
        if (!link->html || link->image || link->form || !link->text.len || !link->host.len)
            continue;
        seen[i].shown = shown_host(look->arena, link->text);
        if (!seen[i].shown.len)
            continue;
        if (!bytes_equal(seen[i].shown, last))
            organization = look->request->organization(seen[i].shown);
        last = seen[i].shown;
        seen[i].shown_organization = organization;
        seen[i].deceives = organization.len && !bytes_equal(organization, seen[i].organization) &&
                           !is_same_label(organization, seen[i].organization); /* a name in another country */
    }
}

/* Those with a host, sorted by it. */
static struct seen_link *read_links(struct phishing_look *look, size_t *count)
{
    const struct readable *readable = look->request->readable;
    struct seen_link *seen = arena_alloc_array(look->arena, readable->link_count, sizeof(*seen));
    *count = 0;
    if (!seen) {
        look->exhausted = true;
        return NULL;
    }
    for (size_t i = 0; i < readable->link_count; i++)
        if (readable->links[i].host.len)
            seen[(*count)++] = (struct seen_link){.link = &readable->links[i], .order = i};
    if (*count)
        qsort(seen, *count, sizeof(*seen), compare_hosts);
    for (size_t i = 0; i < *count; i++)
        seen[i].organization = i && bytes_equal(seen[i].link->host, seen[i - 1].link->host)
                                   ? seen[i - 1].organization
                                   : look->request->organization(seen[i].link->host);
    return seen;
}

/* ---- who counts clicks here ---- */

struct target {
    struct bytes organization;
    size_t links; /* that show other text than a URL, or none */
};

struct targets {
    struct target list[HOSTS_MAX];
    size_t count, deceptions;
};

static void count_target(struct targets *targets, struct bytes organization)
{
    for (size_t i = 0; i < targets->count; i++)
        if (bytes_equal(targets->list[i].organization, organization)) {
            targets->list[i].links++;
            return;
        }
    if (targets->count < HOSTS_MAX)
        targets->list[targets->count++] = (struct target){.organization = organization, .links = 1};
}

/* Whether many of the links lead there, whatever they show: then it is what the message is sent with. */
static bool is_common(const struct targets *targets, struct bytes organization)
{
    for (size_t i = 0; i < targets->count; i++)
        if (bytes_equal(targets->list[i].organization, organization))
            return targets->list[i].links >= COMMON_MIN && targets->list[i].links > targets->deceptions;
    return false;
}

/* ---- a link ---- */

/* A URL that has the host that is shown in its own path or query leads there in the end. */
static bool redirects(const struct readable_link *link, struct bytes shown)
{
    size_t host = bytes_find_nocase(link->url, link->host);
    struct bytes behind = host == BYTES_NOT_FOUND ? BYTES("") : bytes_skip(link->url, host + link->host.len);
    return bytes_find_nocase(behind, shown) != BYTES_NOT_FOUND;
}

/* Whether a link that shows something else goes by what only counts or inspects clicks. Who shows a protected name
 * leads there himself, or by a service that is known. */
static bool is_counted(const struct phishing_look *look, const struct seen_link *seen, const struct targets *targets)
{
    const struct readable_link *link = seen->link;
    bool is_sender = seen->organization.len && bytes_equal(seen->organization, look->author.domain);
    if (link->obfuscated)
        return false;
    if (phishing_is_protected(look, seen->organization))
        return true;
    if (phishing_is_protected(look, seen->shown_organization)) {
        if (is_sender && look->request->authenticated && redirects(link, seen->shown))
            return true;
    } else if (is_sender || is_common(targets, seen->organization) || redirects(link, seen->shown)) {
        return true;
    }
    return phishing_is_tracker(link->host);
}

/* Each host once. */
static void look_at_hosts(struct phishing_look *look, const struct seen_link *seen, size_t count)
{
    size_t looked = 0;
    for (size_t i = 0; i < count && looked < HOSTS_MAX; i++)
        if (i == 0 || !bytes_equal(seen[i].link->host, seen[i - 1].link->host)) {
            phishing_look_at_organization(look, seen[i].link->host, seen[i].organization, "in a link the name");
            looked++;
        }
}

void phishing_look_at_links(struct phishing_look *look)
{
    struct targets targets = {.count = 0};
    size_t count, judged = 0;
    struct seen_link *seen = read_links(look, &count);
    if (!seen || !count)
        return;
    read_shown(look, seen, count);
    for (size_t i = 0; i < count; i++) {
        targets.deceptions += seen[i].deceives;
        if (!seen[i].deceives && seen[i].link->html && !seen[i].link->image)
            count_target(&targets, seen[i].organization);
    }
    look_at_hosts(look, seen, count);
    if (!targets.deceptions)
        return;
    qsort(seen, count, sizeof(*seen), compare_order);
    for (size_t i = 0; i < count && judged < PHISHING_FINDINGS_MAX; i++) {
        if (!seen[i].deceives)
            continue;
        bool counted = is_counted(look, &seen[i], &targets);
        phishing_found(look, counted ? PHISHING_LINK_TRACKER : PHISHING_LINK_TEXT, seen[i].shown, seen[i].link->host,
                       "a link shows", "and leads to");
        judged++;
    }
}
