/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/resolver.h"

enum result resolver_open(struct role *role, struct dns **transport, struct dns **cache,
                          struct error *error)
{
    const struct config *config = &role->config;
    struct dns_server *servers =
        arena_alloc_array(role->arena, config->dns.servers.count, sizeof(*servers));
    *transport = *cache = NULL;
    if (!servers)
        return error_set(error, TEMP, "out of memory");
    for (size_t i = 0; i < config->dns.servers.count; i++)
        servers[i] = (struct dns_server){config->dns.servers.items[i].ip,
                                         config->dns.servers.items[i].port};
    struct dns_transport_options options = {.servers = servers,
                                            .server_count = config->dns.servers.count,
                                            .timeout = config->dns.timeout,
                                            .attempts = config->dns.attempts,
                                            .trust_ad = config->dns.trust_ad};
    struct dns_cache_options limits = {.entries = config->dns.cache_entries};
    *transport = dns_transport_create(&options, error);
    if (!*transport)
        return TEMP;
    *cache = dns_cache_create(*transport, &limits);
    return *cache ? OK : error_set(error, TEMP, "out of memory");
}
