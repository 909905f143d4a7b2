/* SPDX-License-Identifier: BSD-2-Clause */
#include "library/library.h"

#include "dns/cache.h"
#include "os/socket.h"

#include <stdlib.h>
#include <string.h>

enum { CACHE_ENTRIES = 4096, CACHE_MEMORY = 16 << 20, TIMEOUT_MAX = 600 * 1000 };

static struct dns *make_cache(struct vouch_context *context)
{
    const struct dns_cache_options options = {.entries = CACHE_ENTRIES, .memory = CACHE_MEMORY};
    return dns_cache_create(&context->below, &options);
}

EXPORTED struct vouch_context *vouch_context_create(void)
{
    struct vouch_context *context = library_prepare() ? calloc(1, sizeof(*context)) : NULL;
    if (!context)
        return NULL;
    context->below.query = library_resolve;
    context->timeout = 20 * SECOND;
    memcpy(context->authserv_id, "localhost", sizeof("localhost"));
    context->cache = make_cache(context);
    if (context->cache)
        return context;
    free(context);
    return NULL;
}

EXPORTED void vouch_context_destroy(struct vouch_context *context)
{
    if (!context)
        return;
    dns_cache_destroy(context->cache);
    free(context);
}

EXPORTED const char *vouch_context_error(const struct vouch_context *context)
{
    return context ? context->error.text : "out of memory";
}

static enum vouch_status refuse(struct vouch_context *context, const char *sentence)
{
    if (context)
        error_set(&context->error, PERM, "%s", sentence);
    return VOUCH_INVALID;
}

EXPORTED enum vouch_status vouch_context_add_server(struct vouch_context *context,
                                                    const char *server)
{
    struct ip ip;
    uint16_t port;
    if (!context || !server || !socket_parse_address(bytes_of(server), 53, &ip, &port))
        return refuse(context, "that is no address of a name server");
    if (context->server_count == LIBRARY_SERVERS_MAX)
        return refuse(context, "there are too many name servers");
    context->servers[context->server_count++] = (struct dns_server){ip, port};
    vouch_context_clear_cache(context);
    return VOUCH_OK;
}

EXPORTED void vouch_context_clear_cache(struct vouch_context *context)
{
    struct dns *fresh = context ? make_cache(context) : NULL;
    if (!context)
        return;
    dns_cache_destroy(context->cache);
    context->cache = fresh; /* NULL: the next call tries again */
}

EXPORTED void vouch_context_set_resolver(struct vouch_context *context, vouch_resolve *resolve,
                                         void *argument)
{
    if (!context)
        return;
    context->resolve = resolve;
    context->resolve_argument = argument;
    vouch_context_clear_cache(context);
}

EXPORTED enum vouch_status vouch_context_set_timeout(struct vouch_context *context,
                                                     unsigned milliseconds)
{
    if (!context || !milliseconds || milliseconds > TIMEOUT_MAX)
        return refuse(context, "a time-out is 1 to 600,000 milliseconds");
    context->timeout = milliseconds * MILLISECOND;
    return VOUCH_OK;
}

EXPORTED void vouch_context_set_now(struct vouch_context *context, int64_t seconds)
{
    if (context)
        context->now = seconds;
}

/* Printable, because it stands in header fields. */
static bool take_name(char to[LIBRARY_NAME_MAX + 1], const char *name)
{
    struct bytes text = bytes_of(name);
    if (!text.len || text.len > LIBRARY_NAME_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] == 0x7f)
            return false;
    return bytes_to_cstring(text, to, LIBRARY_NAME_MAX + 1);
}

EXPORTED enum vouch_status vouch_context_set_authserv_id(struct vouch_context *context,
                                                         const char *authserv_id)
{
    if (!context || !take_name(context->authserv_id, authserv_id))
        return refuse(context, "an authserv-id has 1 to 255 octets, without spaces");
    return VOUCH_OK;
}

EXPORTED enum vouch_status vouch_context_set_hostname(struct vouch_context *context,
                                                      const char *hostname)
{
    if (!context || !take_name(context->hostname, hostname))
        return refuse(context, "a host name has 1 to 255 octets, without spaces");
    return VOUCH_OK;
}

EXPORTED enum vouch_status vouch_context_set_dmarc_mode(struct vouch_context *context,
                                                        enum vouch_dmarc_mode mode)
{
    if (!context || (mode != VOUCH_DMARC_TREE_WALK && mode != VOUCH_DMARC_SUFFIX_LIST))
        return refuse(context, "there is no such way to find organizational domains");
    if (mode == VOUCH_DMARC_SUFFIX_LIST)
        library_prepare_suffixes();
    context->dmarc_mode = mode == VOUCH_DMARC_SUFFIX_LIST ? DMARC_SUFFIX_LIST : DMARC_TREE_WALK;
    return VOUCH_OK;
}
