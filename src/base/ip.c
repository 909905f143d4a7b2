/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/ip.h"

#include <arpa/inet.h>
#include <string.h>

struct ip ip_from_v4(const uint8_t octets[4])
{
    struct ip ip = {.family = 4};
    memcpy(ip.octets, octets, 4);
    return ip;
}

struct ip ip_from_v6(const uint8_t octets[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(octets, mapped, sizeof(mapped)) == 0)
        return ip_from_v4(octets + 12);
    struct ip ip = {.family = 6};
    memcpy(ip.octets, octets, 16);
    return ip;
}

bool ip_parse_v4(struct bytes text, struct ip *out)
{
    struct ip ip = {.family = 4};
    struct bytes rest = text, part;
    if (text.len == 0)
        return false;
    for (int i = 0; i < 4; i++) {
        uint64_t value;
        if (!bytes_split(&rest, '.', &part) || !bytes_to_uint(part, 255, &value) ||
            (part.len > 1 && part.ptr[0] == '0'))
            return false;
        ip.octets[i] = (uint8_t)value;
    }
    if (rest.ptr)
        return false;
    *out = ip;
    return true;
}

bool ip_parse_v6(struct bytes text, struct ip *out)
{
    char string[IP_TEXT_SIZE];
    uint8_t octets[16];
    if (!bytes_to_cstring(text, string, sizeof(string)) || inet_pton(AF_INET6, string, octets) != 1)
        return false;
    *out = ip_from_v6(octets);
    return true;
}

bool ip_parse(struct bytes text, struct ip *out)
{
    return ip_parse_v4(text, out) || ip_parse_v6(text, out);
}

bool ip_network_parse(struct bytes text, struct ip_network *out)
{
    size_t slash = bytes_find_byte(text, '/');
    struct bytes address = bytes_first(text, slash);
    struct ip_network network;
    if (!ip_parse(address, &network.ip))
        return false;
    bool mapped = network.ip.family == 4 && bytes_find_byte(address, ':') != BYTES_NOT_FOUND;
    uint64_t bits = network.ip.family == 4 ? 32 : 128, prefix = bits;
    if (slash != BYTES_NOT_FOUND) {
        if (!bytes_to_uint(bytes_skip(text, slash + 1), mapped ? 128 : bits, &prefix))
            return false;
        if (mapped) {
            if (prefix < 96)
                return false;
            prefix -= 96;
        }
    }
    network.prefix = (uint8_t)prefix;
    *out = network;
    return true;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
    return a->family == b->family && memcmp(a->octets, b->octets, 16) == 0;
}

struct ip ip_masked(const struct ip *ip, unsigned prefix)
{
    struct ip masked = *ip;
    for (unsigned i = 0; i < 16; i++) {
        unsigned keep = prefix > i * 8 ? prefix - i * 8 : 0;
        if (keep < 8)
            masked.octets[i] &= (uint8_t)(0xff00 >> keep);
    }
    return masked;
}

bool ip_in_network(const struct ip *ip, const struct ip_network *network)
{
    if (ip->family != network->ip.family)
        return false;
    struct ip a = ip_masked(ip, network->prefix), b = ip_masked(&network->ip, network->prefix);
    return ip_equal(&a, &b);
}

bool ip_is_loopback(const struct ip *ip)
{
    static const uint8_t one[16] = {[15] = 1};
    return ip->family == 4 ? ip->octets[0] == 127
                           : ip->family == 6 && memcmp(ip->octets, one, 16) == 0;
}

const char *ip_format(const struct ip *ip, char out[IP_TEXT_SIZE])
{
    int family = ip->family == 4 ? AF_INET : AF_INET6;
    if (ip->family == 0 || !inet_ntop(family, ip->octets, out, IP_TEXT_SIZE))
        memcpy(out, "unknown", sizeof("unknown"));
    return out;
}

void ip_add_literal(struct buf *out, const struct ip *ip)
{
    char text[IP_TEXT_SIZE];
    buf_printf(out, "[%s%s]", ip->family == 6 ? "IPv6:" : "", ip_format(ip, text));
}

void ip_add_reversed(struct buf *out, const struct ip *ip)
{
    if (ip->family == 4) {
        buf_printf(out, "%u.%u.%u.%u", ip->octets[3], ip->octets[2], ip->octets[1], ip->octets[0]);
        return;
    }
    for (int i = 15; i >= 0; i--)
        buf_printf(out, "%x.%x%s", ip->octets[i] & 15, ip->octets[i] >> 4, i ? "." : "");
}
