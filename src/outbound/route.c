/* SPDX-License-Identifier: BSD-2-Clause */
#include "outbound/route.h"

#include "base/domain.h"

static struct route route_of(const struct config_route *section)
{
    return (struct route){.name = section->name,
                          .hosts = section->hosts.items,
                          .host_count = section->hosts.count,
                          .tls = (enum config_route_tls)section->tls,
                          .tls_name = section->tls_name,
                          .user = section->user,
                          .concurrency = section->concurrency,
                          .rate = section->rate};
}

static struct route route_to(const struct config_hosts *hosts)
{
    return (struct route){.name = "",
                          .hosts = hosts->items,
                          .host_count = hosts->count,
                          .tls = CONFIG_ROUTE_MAY,
                          .tls_name = "",
                          .user = ""};
}

/* How well a pattern fits: the domain itself, a domain above it (the longer the better), any domain. 0:
 * not at all. */
static size_t fit_of(struct bytes pattern, struct bytes domain)
{
    if (bytes_is(pattern, "*"))
        return 1;
    if (!bytes_starts_with(pattern, BYTES(".")))
        return bytes_equal_nocase(pattern, domain) ? SIZE_MAX : 0;
    return domain.len > pattern.len && bytes_ends_with_nocase(domain, pattern) ? 1 + pattern.len : 0;
}

static size_t fit_of_section(const struct config_route *section, struct bytes domain)
{
    size_t best = section->domains.count == 0;
    for (size_t i = 0; i < section->domains.count; i++) {
        size_t fit = fit_of(bytes_of(section->domains.items[i]), domain);
        if (fit > best)
            best = fit;
    }
    return best;
}

static const struct config_route *find_section(const struct config *config, struct bytes domain)
{
    const struct config_route *found = NULL;
    size_t best = 0;
    for (size_t i = 0; i < config->route_count; i++) {
        size_t fit = fit_of_section(&config->routes[i], domain);
        if (fit > best) {
            best = fit;
            found = &config->routes[i];
        }
    }
    return found;
}

struct route route_find(const struct config *config, struct bytes domain, bool fallback)
{
    const struct config_relay *relay = config_relay_find(config, domain);
    if (relay) {
        struct route route = route_to(&relay->primary);
        route.relay = true;
        return route;
    }
    const struct config_route *found = find_section(config, domain);
    if (fallback && config->queue.fallback_relay.count) {
        struct route route = route_to(&config->queue.fallback_relay);
        /* Who makes the way that was meant fail must not get the mail by one less secure. */
        if (found && (enum config_route_tls)found->tls > route.tls)
            route.tls = (enum config_route_tls)found->tls;
        return route;
    }
    return found ? route_of(found) : route_to(&(struct config_hosts){NULL, 0});
}
