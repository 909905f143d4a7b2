/* SPDX-License-Identifier: BSD-2-Clause */
#include "reputation/uribl.h"

#include "auth/organization.h"
#include "base/domain.h"
#include "base/map.h"
#include "message/url.h"
#include "reputation/uribl_names.h"

#include <stdlib.h>

enum {
    DEPTH_MAX = 3,         /* redirectors within redirectors */
    EMBEDDED_MAX = 100,    /* URLs within URLs, of a message */
    SCRATCH = 256 * 1024,  /* octets for taking one link apart */
    TEXT_LOOKED_AT = 500   /* octets of what a link shows */
};

struct collection {
    struct arena *arena, *scratch;
    struct uribl_hosts *out;
    struct uribl_host *hosts;
    struct map *known;     /* registrable name or address -> struct uribl_host */
    size_t count, room, embedded;
    unsigned number;       /* of the link */
    unsigned number_count;
    bool failed;
};

/* A name's registrable part, or all of it. */
static struct bytes registrable(struct bytes host)
{
    struct bytes name;
    return organization_domain(host, &name) == OK ? name : host;
}

static bool read_address(struct bytes host, struct ip *out)
{
    if (bytes_starts_with(host, BYTES("[")) && bytes_ends_with(host, BYTES("]")))
        return ip_parse_v6(bytes_slice(host, 1, host.len - 1), out);
    return ip_parse_v4(host, out);
}

static void note_shortener(struct collection *c, struct bytes host)
{
    struct uribl_hosts *out = c->out;
    for (size_t i = 0; i < out->shortener_count; i++)
        if (bytes_equal(out->shorteners[i], host))
            return;
    if (out->shortener_count < URIBL_SHORTENERS_MAX)
        out->shorteners[out->shortener_count++] = host;
}

/* A new one; NULL: it cannot be had, or is passed over. The host may lie in the scratch memory. */
static struct uribl_host *new_host(struct collection *c, struct bytes host, const struct ip *ip)
{
    struct bytes copy = arena_copy(c->arena, host);
    if (c->count >= c->room || !copy.ptr) {
        c->failed |= !copy.ptr;
        return NULL;
    }
    struct uribl_host *made = &c->hosts[c->count];
    *made = (struct uribl_host){.host = copy, .ip = *ip, .name = ip->family ? BYTES("") : registrable(copy)};
    if (!map_put(c->known, ip->family ? copy : made->name, made, NULL)) {
        c->failed = true;
        return NULL;
    }
    c->count++;
    return made;
}

static void add_host(struct collection *c, struct bytes host, unsigned why)
{
    struct ip ip = {0};
    bool address = read_address(host, &ip);
    if (address)
        why |= URIBL_ADDRESS;
    else if (!domain_is_valid(host) || domain_label_count(host) < 2 || uribl_is_everywhere(host))
        return;
    struct uribl_host *known = map_get(c->known, address ? host : registrable(host));
    bool more_suspicious = known && (why & ~known->why & (URIBL_MISMATCH | URIBL_OBFUSCATED | URIBL_FORM));
    if (!known)
        known = new_host(c, host, &ip);
    else if (more_suspicious && !bytes_equal(known->host, host)) {
        /* Of several hosts of a domain the one that has more to hide. */
        struct bytes copy = arena_copy(c->arena, host);
        if (copy.ptr && !address) {
            known->host = copy;
            known->name = registrable(copy);
        }
    }
    if (!known)
        return;
    if (uribl_is_shortener(host)) {
        why |= URIBL_SHORTENER;
        note_shortener(c, known->host);
    }
    known->why |= why;
    known->links++;
    known->last = c->number;
}

/* "https-3A__www.example.org_path": how a well-known rewriter of links writes them. */
static bool find_rewritten(const struct url *url, struct bytes *host)
{
    size_t at = bytes_find(url->rest, BYTES("-3A__"));
    if (at == BYTES_NOT_FOUND || !bytes_ends_with_nocase(url->host, BYTES("proofpoint.com")))
        return false;
    struct bytes rest = bytes_skip(url->rest, at + 5);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '_' && rest.ptr[end] != '&' && rest.ptr[end] != '/')
        end++;
    *host = bytes_first(rest, end);
    return end > 0;
}

/* What a URL carries, and what that carries. True if some of it leads to that registrable name. */
static bool add_embedded(struct collection *c, struct bytes text, int depth, struct bytes shown)
{
    struct url url;
    struct bytes found[URL_EMBEDDED_MAX], host;
    size_t count = 0;
    bool leads_there = false;
    if (depth > DEPTH_MAX || url_parse(c->scratch, text, &url) != OK)
        return false;
    if (depth > 1 && url.host.len)
        add_host(c, url.host, URIBL_REDIRECTED | (url.obfuscated ? URIBL_OBFUSCATED : 0));
    if (depth > 1 && shown.len && url.host.len)
        leads_there = bytes_equal(registrable(url.host), shown);
    if (find_rewritten(&url, &host) && url_host_normalize(c->scratch, host, &host, NULL) == OK) {
        add_host(c, host, URIBL_REDIRECTED);
        leads_there |= shown.len && bytes_equal(registrable(host), shown);
    }
    if (url_embedded(c->scratch, &url, found, &count) != OK)
        return leads_there;
    for (size_t i = 0; i < count && c->embedded < EMBEDDED_MAX; i++) {
        c->embedded++;
        leads_there |= add_embedded(c, found[i], depth + 1, shown);
    }
    return leads_there;
}

/* The registrable name of a URL that the link shows as its text; empty: it shows none. */
static struct bytes shown_name(struct collection *c, const struct readable_link *link)
{
    struct bytes text = bytes_first(link->text, TEXT_LOOKED_AT), found;
    size_t position = 0;
    struct url url;
    if (!link->html || link->image || !url_find(text, &position, &found) ||
        url_parse(c->scratch, found, &url) != OK || !url.host.len)
        return BYTES("");
    return registrable(url.host);
}

static bool is_web(struct bytes scheme)
{
    return bytes_is(scheme, "http") || bytes_is(scheme, "https") || bytes_is(scheme, "ftp");
}

static void add_link(struct collection *c, const struct readable_link *link)
{
    bool web = is_web(link->scheme);
    unsigned why = (link->form ? URIBL_FORM : 0) | (link->obfuscated ? URIBL_OBFUSCATED : 0) |
                   (link->html && !link->image ? URIBL_LINK : 0) | (link->html ? 0 : URIBL_TEXT);
    if (!link->host.len || (!web && !bytes_is(link->scheme, "mailto")))
        return;
    struct arena_mark mark = arena_mark(c->scratch);
    if (web) {
        struct bytes shown = shown_name(c, link);
        bool leads_there = add_embedded(c, link->url, 1, shown);
        if (shown.len && !leads_there && !bytes_equal(shown, registrable(link->host)))
            why |= URIBL_MISMATCH;
    }
    add_host(c, link->host, why);
    arena_rewind(c->scratch, mark);
}

/* The order */

static int suspicion(const struct uribl_host *host, unsigned links)
{
    int sum = 0;
    sum += host->why & URIBL_MISMATCH ? 8 : 0;
    sum += host->why & URIBL_OBFUSCATED ? 6 : 0;
    sum += host->why & URIBL_ADDRESS ? 6 : 0;
    sum += host->why & URIBL_FORM ? 4 : 0;
    sum += host->why & URIBL_REDIRECTED ? 3 : 0;
    sum += host->why & (URIBL_LINK | URIBL_TEXT) ? 3 : 0; /* else only images */
    sum -= host->why & URIBL_SHORTENER ? 2 : 0;
    sum += host->links == 1 ? 1 : 0;
    sum += host->last >= links - links / 4 ? 1 : 0;
    return sum;
}

struct ranked {
    const struct uribl_host *host;
    int suspicion;
};

static int compare(const void *a, const void *b)
{
    const struct ranked *first = a, *second = b;
    if (first->suspicion != second->suspicion)
        return second->suspicion - first->suspicion;
    if (first->host->links != second->host->links)
        return first->host->links < second->host->links ? -1 : 1;
    if (first->host->last != second->host->last)
        return first->host->last > second->host->last ? -1 : 1;
    return bytes_compare(first->host->host, second->host->host);
}

static enum result choose(struct collection *c, size_t most)
{
    struct ranked *ranked = arena_alloc_array(c->arena, c->count, sizeof(*ranked));
    size_t count = c->count < most ? c->count : most;
    c->out->hosts = arena_alloc_array(c->arena, count, sizeof(*c->out->hosts));
    if (!ranked || !c->out->hosts)
        return TEMP;
    for (size_t i = 0; i < c->count; i++)
        ranked[i] = (struct ranked){&c->hosts[i], suspicion(&c->hosts[i], c->number_count)};
    if (c->count)
        qsort(ranked, c->count, sizeof(*ranked), compare);
    for (size_t i = 0; i < count; i++)
        c->out->hosts[i] = *ranked[i].host;
    c->out->count = count;
    c->out->left_out = c->count - count;
    return OK;
}

enum result uribl_collect(struct arena *arena, const struct readable *readable, size_t most, struct uribl_hosts *out)
{
    *out = (struct uribl_hosts){.count = 0};
    if (!readable->link_count)
        return OK;
    size_t room = 2 * (readable->link_count + EMBEDDED_MAX);
    struct collection c = {.arena = arena, .out = out, .number_count = (unsigned)readable->link_count};
    c.room = room < URIBL_SEEN_MAX ? room : URIBL_SEEN_MAX;
    c.hosts = arena_alloc_array(arena, c.room, sizeof(*c.hosts));
    c.scratch = arena_create_child(arena, SCRATCH);
    c.known = map_create();
    enum result result = TEMP;
    if (c.hosts && c.scratch && c.known) {
        for (size_t i = 0; i < readable->link_count && !c.failed; i++) {
            c.number = (unsigned)i;
            add_link(&c, &readable->links[i]);
        }
        result = c.failed ? TEMP : choose(&c, most);
    }
    map_destroy(c.known, NULL);
    arena_destroy(c.scratch);
    return result;
}
