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

/* ---- who counts clicks here ---- */

struct target {
    struct bytes organization;
    size_t links; /* that show other text than a URL, or none */
};

struct targets {
    struct target list[HOSTS_MAX];
    size_t count;
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
static bool is_common(const struct targets *targets, struct bytes organization, size_t shown)
{
    for (size_t i = 0; i < targets->count; i++)
        if (bytes_equal(targets->list[i].organization, organization))
            return targets->list[i].links >= COMMON_MIN && targets->list[i].links > shown;
    return false;
}

static struct bytes organization_of(struct phishing_look *look, const struct readable_link *link)
{
    return link->host.len ? look->request->organization(link->host) : BYTES("");
}

/* ---- a link ---- */

struct deception {
    struct bytes shown, shown_organization, real_organization;
};

static bool read_deception(struct phishing_look *look, const struct readable_link *link, struct deception *out)
{
    if (!link->html || link->image || link->form || !link->text.len || !link->host.len)
        return false;
    out->shown = shown_host(look->arena, link->text);
    out->shown_organization = out->shown.len ? look->request->organization(out->shown) : BYTES("");
    out->real_organization = organization_of(look, link);
    if (!out->shown_organization.len || bytes_equal(out->shown_organization, out->real_organization))
        return false;
    /* The same name in another country. */
    struct bytes shown_label = bytes_first(out->shown_organization, bytes_find_byte(out->shown_organization, '.'));
    struct bytes real_label = bytes_first(out->real_organization, bytes_find_byte(out->real_organization, '.'));
    return !real_label.len || !bytes_equal(shown_label, real_label);
}

/* A URL that has the host that is shown in its own path or query leads there in the end. */
static bool redirects(const struct readable_link *link, struct bytes shown)
{
    size_t host = bytes_find_nocase(link->url, link->host);
    struct bytes behind = host == BYTES_NOT_FOUND ? BYTES("") : bytes_skip(link->url, host + link->host.len);
    return bytes_find_nocase(behind, shown) != BYTES_NOT_FOUND;
}

static void judge_link(struct phishing_look *look, const struct readable_link *link, const struct targets *targets,
                       size_t shown)
{
    struct deception found;
    if (!read_deception(look, link, &found))
        return;
    bool is_protected = phishing_is_protected(look, found.shown_organization);
    bool counter = phishing_is_tracker(link->host) || phishing_is_protected(look, found.real_organization);
    bool is_sender = found.real_organization.len && bytes_equal(found.real_organization, look->author.domain);
    if (!is_protected)
        counter |= is_sender || redirects(link, found.shown) ||
                   is_common(targets, found.real_organization, shown);
    else
        counter |= is_sender && look->request->authenticated && redirects(link, found.shown);
    if (link->obfuscated)
        counter = false;
    phishing_found(look, counter ? PHISHING_LINK_TRACKER : PHISHING_LINK_TEXT, found.shown, link->host, "a link shows",
                   "and leads to");
}

static int compare_hosts(const void *a, const void *b)
{
    return bytes_compare(*(const struct bytes *)a, *(const struct bytes *)b);
}

/* Each host once. */
static void look_at_hosts(struct phishing_look *look)
{
    const struct readable *readable = look->request->readable;
    struct bytes *hosts = arena_alloc_array(look->arena, readable->link_count, sizeof(*hosts));
    size_t looked = 0;
    if (!hosts) {
        look->exhausted = true;
        return;
    }
    for (size_t i = 0; i < readable->link_count; i++)
        hosts[i] = readable->links[i].host;
    if (readable->link_count)
        qsort(hosts, readable->link_count, sizeof(*hosts), compare_hosts);
    for (size_t i = 0; i < readable->link_count && looked < HOSTS_MAX; i++)
        if (hosts[i].len && (i == 0 || !bytes_equal(hosts[i], hosts[i - 1]))) {
            phishing_look_at_domain(look, hosts[i], "in a link the name");
            looked++;
        }
}

void phishing_look_at_links(struct phishing_look *look)
{
    const struct readable *readable = look->request->readable;
    struct targets targets = {.count = 0};
    size_t shown = 0;
    for (size_t i = 0; i < readable->link_count; i++) {
        const struct readable_link *link = &readable->links[i];
        struct deception found;
        if (read_deception(look, link, &found))
            shown++;
        else if (link->html && !link->image && link->host.len)
            count_target(&targets, organization_of(look, link));
    }
    for (size_t i = 0; i < readable->link_count && shown; i++)
        judge_link(look, &readable->links[i], &targets, shown);
    look_at_hosts(look);
}
