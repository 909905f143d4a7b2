/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/edge_rates_private.h"

struct bytes rates_period(struct arena *arena, int64_t time)
{
    static const struct {
        int64_t unit;
        const char *name;
    } units[] = {{DAY, "day"}, {HOUR, "hour"}, {MINUTE, "minute"}, {SECOND, "second"}};
    size_t i = 0;
    while (i + 1 < countof(units) && (time % units[i].unit || time < units[i].unit))
        i++;
    int64_t count = time / units[i].unit;
    return count == 1 ? arena_printf(arena, "one %s", units[i].name)
                      : arena_printf(arena, "%lld %ss", (long long)count, units[i].name);
}

struct bytes rates_address_text(struct arena *arena, const struct ip *client)
{
    char text[IP_TEXT_SIZE];
    return arena_printf(arena, "%s", ip_format(client, text));
}

struct bytes rates_network_text(struct arena *arena, const struct ip *client)
{
    char text[IP_TEXT_SIZE];
    unsigned prefix = client->family == 4 ? 24 : 64;
    struct ip network = ip_masked(client, prefix);
    return arena_printf(arena, "%s/%u", ip_format(&network, text), prefix);
}

struct bytes rates_sentence(struct arena *arena, const char *what, struct bytes whose, uint64_t most, int64_t window)
{
    struct bytes period = rates_period(arena, window);
    return arena_printf(arena, "Too many %s " BYTES_FMT ": %llu in " BYTES_FMT " are allowed. Please try again later.",
                        what, BYTES_ARG(bytes_first(whose, 200)), (unsigned long long)most, BYTES_ARG(period));
}
