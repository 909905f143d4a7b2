/* SPDX-License-Identifier: BSD-2-Clause */
/* Hosts of a body that lists are asked about. Input: a line for each link: a letter for its kind, the URL, and
 * behind a blank what it shows. */
#include "base/domain.h"
#include "message/url.h"
#include "reputation/uribl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 7 };

static void read_link(struct arena *arena, struct bytes line, struct readable *readable)
{
    struct readable_link *link = &readable->links[readable->link_count];
    uint8_t kind = line.len ? line.ptr[0] : 0;
    size_t blank = bytes_find_byte(line, ' ');
    struct url url;
    *link = (struct readable_link){.url = bytes_first(bytes_slice(line, 1, blank), READABLE_URL_MAX),
                                   .text = blank == BYTES_NOT_FOUND ? BYTES("") : bytes_skip(line, blank + 1),
                                   .html = kind & 1,
                                   .image = kind & 2,
                                   .form = kind & 4};
    if (url_parse(arena, link->url, &url) != OK)
        return;
    link->scheme = url.scheme;
    link->host = url.host;
    link->obfuscated = url.obfuscated;
    readable->link_count++;
}

static void check(const struct uribl_hosts *hosts)
{
    require(hosts->count <= MOST && hosts->shortener_count <= URIBL_SHORTENERS_MAX);
    require(hosts->count == MOST || !hosts->left_out);
    for (size_t i = 0; i < hosts->count; i++) {
        const struct uribl_host *host = &hosts->hosts[i];
        require((host->ip.family != 0) == ((host->why & URIBL_ADDRESS) != 0) && host->links > 0);
        require(host->ip.family || (domain_is_valid(host->host) && domain_is_within(host->host, host->name)));
        for (size_t k = 0; k < i; k++)
            require(host->ip.family ? !ip_equal(&host->ip, &hosts->hosts[k].ip)
                                    : !bytes_equal(host->name, hosts->hosts[k].name));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_from(size ? data : (const uint8_t *)"", size), line;
    struct arena *arena = arena_create(16 << 20);
    struct readable readable = {.links = arena_alloc_array(arena, READABLE_LINKS_MAX, sizeof(*readable.links))};
    struct uribl_hosts hosts;
    while (readable.link_count < READABLE_LINKS_MAX && bytes_split(&rest, '\n', &line))
        read_link(arena, line, &readable);
    if (uribl_collect(arena, &readable, MOST, &hosts) == OK)
        check(&hosts);
    else
        require(arena_exhausted(arena));
    arena_destroy(arena);
    return 0;
}
