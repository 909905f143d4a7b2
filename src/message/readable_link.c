/* SPDX-License-Identifier: BSD-2-Clause */
/* readable_link: the links of a message: those that HTML gave, and URLs in the text that is seen. */
#include "message/readable_private.h"
#include "message/url.h"

#include <stdlib.h>
#include <string.h>

struct listing {
    struct reading *reading;
    struct readable_link *links;
    size_t count, room;
    size_t image; /* before it are no images any more */
    size_t next;  /* of the last half, whose place a link takes that finds no room */
};

/* False at the arena's cap. */
static bool add(struct listing *l, struct readable_link link)
{
    if (l->count == l->room) {
        size_t room = l->room ? 2 * l->room : l->reading->link_count + 4;
        struct readable_link *links = arena_alloc_array(l->reading->arena, room, sizeof(*links));
        if (!links)
            return false;
        if (l->count)
            memcpy(links, l->links, l->count * sizeof(*links));
        l->links = links;
        l->room = room;
    }
    l->links[l->count++] = link;
    return true;
}

/* Among so many the last ones are not lost, nor behind images: a link takes the place of another. */
static void displace(struct listing *l, struct readable_link link)
{
    while (l->image < l->count && !l->links[l->image].image)
        l->image++;
    if (l->image < l->count) {
        l->links[l->image] = link;
        return;
    }
    l->links[READABLE_LINKS_MAX / 2 + l->next] = link;
    l->next = (l->next + 1) % (READABLE_LINKS_MAX - READABLE_LINKS_MAX / 2);
}

/* Sets all that the URL itself says. NONE if it leads nowhere. */
static enum result read_url(struct arena *arena, struct bytes url, struct readable_link *link)
{
    struct url parsed;
    enum result result = url_parse(arena, url, &parsed);
    if (result != OK)
        return result;
    link->url = bytes_first(url, READABLE_URL_MAX);
    link->scheme = parsed.scheme;
    link->host = parsed.host;
    link->obfuscated = parsed.obfuscated;
    return OK;
}

static enum result add_html(struct listing *l, const struct html_link *from)
{
    struct reading *r = l->reading;
    struct readable_link link = {.html = true, .image = from->kind == HTML_IMAGE, .form = from->kind == HTML_FORM};
    struct bytes url = from->url;
    if (r->base.len && url_resolve(r->arena, r->base, url, &url) == TEMP)
        return TEMP;
    enum result result = read_url(r->arena, url, &link);
    if (result != OK)
        return result;
    link.text = bytes_trim(bytes_slice(r->out->text, from->from, from->to));
    if (link.text.len == 0)
        link.text = (struct bytes){NULL, 0};
    return add(l, link) ? OK : TEMP;
}

/* Whether a link of HTML that shows this very place leads to that host anyhow. Both go through the text in order. */
static bool is_known(const struct listing *l, size_t html, size_t *next, const uint8_t *place, struct bytes host)
{
    for (; *next < html; ++*next) {
        const struct readable_link *link = &l->links[*next];
        if (link->text.len && link->text.ptr + link->text.len > place)
            return link->text.ptr <= place && bytes_equal(link->host, host);
    }
    return false;
}

/* Newsletters and quoted mail repeat theirs. */
static bool repeats(const struct listing *l, size_t from, struct bytes url)
{
    enum { LOOKED_BACK = 8 };
    for (size_t i = l->count; i > from && l->count - i < LOOKED_BACK; i--)
        if (bytes_equal(l->links[i - 1].url, url))
            return true;
    return false;
}

static enum result add_text(struct listing *l)
{
    struct reading *r = l->reading;
    size_t position = 0, html = l->count, next = 0;
    struct bytes url;
    while (url_find(r->out->text, &position, &url)) {
        struct readable_link link = {0};
        if (repeats(l, html, url))
            continue;
        bool bare = bytes_find_byte(bytes_first(url, 8), ':') == BYTES_NOT_FOUND;
        struct bytes whole = url;
        if (bare) {
            struct bytes pieces[] = {BYTES("http://"), url};
            whole = arena_concat(r->arena, pieces, countof(pieces));
            if (!whole.ptr)
                return TEMP;
        }
        enum result result = read_url(r->arena, whole, &link);
        if (result == TEMP)
            return TEMP;
        link.url = bytes_first(url, READABLE_URL_MAX);
        bool known = is_known(l, html, &next, url.ptr, link.host);
        if (result != OK || known)
            continue;
        if (l->count == READABLE_LINKS_MAX) {
            r->out->flags |= READABLE_CUT;
            displace(l, link);
        } else if (!add(l, link)) {
            return TEMP;
        }
    }
    return OK;
}

static int by_order(const void *a, const void *b)
{
    const struct html_link *one = a, *other = b;
    return (one->order > other->order) - (one->order < other->order);
}

enum result readable_links_make(struct reading *r)
{
    if (r->link_count)
        qsort(r->links, r->link_count, sizeof(*r->links), by_order);
    struct listing l = {.reading = r};
    for (size_t i = 0; i < r->link_count; i++)
        if (add_html(&l, &r->links[i]) == TEMP)
            return TEMP;
    if (add_text(&l) == TEMP)
        return TEMP;
    r->out->links = l.links;
    r->out->link_count = l.count;
    return OK;
}
