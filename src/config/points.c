/* SPDX-License-Identifier: BSD-2-Clause */
/* Values of the sections about judgement: points, and the answers of lists in DNS. */
#include "config/value.h"

#include <stdlib.h>

enum { POINTS_DIGITS = 6 };

const char *config_read_points(struct bytes text, int *out)
{
    static const char wrong[] = "must be points such as 3, 2.5 or -0.75";
    bool below = bytes_starts_with(text, BYTES("-"));
    struct bytes rest = below ? bytes_skip(text, 1) : text;
    size_t dot = bytes_find_byte(rest, '.');
    struct bytes whole = bytes_first(rest, dot), part = BYTES("");
    uint64_t units, hundredths = 0;
    if (dot != BYTES_NOT_FOUND) {
        part = bytes_skip(rest, dot + 1);
        if (part.len < 1 || part.len > 2 || !bytes_to_uint(part, 99, &hundredths))
            return wrong;
        if (part.len == 1)
            hundredths *= 10;
    }
    if (whole.len > POINTS_DIGITS || !bytes_to_uint(whole, 999999, &units))
        return wrong;
    int points = (int)(units * 100 + hundredths);
    *out = below ? -points : points;
    return NULL;
}

void config_write_points(struct buf *out, int points)
{
    unsigned all = (unsigned)abs(points);
    buf_printf(out, "%s%u", points < 0 ? "-" : "", all / 100);
    if (all % 10)
        buf_printf(out, ".%02u", all % 100);
    else if (all % 100)
        buf_printf(out, ".%u", all % 100 / 10);
}

const char *config_read_dnslist_code(struct bytes text, struct config_dnslist_code *out)
{
    static const char wrong[] = "must be answers such as \"127.0.0.2=4\", \"127.0.0.4/30=2.5\", \"127.0.0.0/24&8=3\" "
                                "or \"127.0.0.10=off\"";
    size_t equals = bytes_find_byte(text, '='), and = bytes_find_byte(text, '&');
    uint64_t bit = 0;
    *out = (struct config_dnslist_code){.bit = 0};
    if (equals == BYTES_NOT_FOUND)
        return wrong;
    struct bytes points = bytes_skip(text, equals + 1), network = bytes_first(text, equals);
    if (and < equals) {
        if (!bytes_to_uint(bytes_skip(network, and + 1), 255, &bit) || bit == 0)
            return wrong;
        network = bytes_first(network, and);
    }
    if (!ip_network_parse(network, &out->network) || out->network.ip.family != 4 || out->network.ip.octets[0] != 127)
        return wrong;
    out->bit = (uint8_t)bit;
    out->off = bytes_is(points, "off");
    return out->off || !config_read_points(points, &out->points) ? NULL : wrong;
}

unsigned config_dnslist_use(struct bytes name)
{
    static const char *const names[] = {"client", "name", "helo", "sender", "from", "dkim", "url", "url-address"};
    for (size_t i = 0; i < countof(names); i++)
        if (bytes_is(name, names[i]))
            return 1U << i;
    return 0;
}

const char *config_check_dnslist_use(struct bytes text)
{
    return config_dnslist_use(text) ? NULL
                                    : "must be of client, name, helo, sender, from, dkim, url and url-address";
}

const char *config_check_dnslist_code(struct bytes text)
{
    struct config_dnslist_code code;
    return config_read_dnslist_code(text, &code);
}
