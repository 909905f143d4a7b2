/* SPDX-License-Identifier: BSD-2-Clause */
#include "outbound/address.h"

/* IPv4 addresses within IPv6 ones. */
static const struct {
    struct ip_network network;
    size_t offset;
} translations[] = {
    {{{6, {0x00, 0x64, 0xff, 0x9b}}, 96}, 12}, /* rfc6052:2.1 */
    {{{6, {0x20, 0x02}}, 16}, 2},              /* rfc3056:2 */
};

static bool is_special(const struct ip *ip)
{
    static const struct ip_network special[] = {
        {{4, {0}}, 8},
        {{4, {10}}, 8},
        {{4, {100, 64}}, 10},
        {{4, {127}}, 8},
        {{4, {169, 254}}, 16},
        {{4, {172, 16}}, 12},
        {{4, {192, 168}}, 16},
        {{4, {224}}, 3},
        {{6, {0}}, 96}, /* ::, ::1, and IPv4 as it was once written (rfc4291:2.5.5.1) */
        {{6, {0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}}, 48}, /* translated within a network (rfc8215) */
        {{6, {0xfc}}, 7},
        {{6, {0xfe, 0x80}}, 10},
        {{6, {0xfe, 0xc0}}, 10},
        {{6, {0xff}}, 8},
    };
    for (size_t i = 0; i < countof(special); i++)
        if (ip_in_network(ip, &special[i]))
            return true;
    return ip->family == 0;
}

bool address_is_public(const struct ip *ip)
{
    if (is_special(ip))
        return false;
    for (size_t i = 0; i < countof(translations); i++) {
        if (!ip_in_network(ip, &translations[i].network))
            continue;
        struct ip within = ip_from_v4(ip->octets + translations[i].offset);
        return !is_special(&within);
    }
    return true;
}
