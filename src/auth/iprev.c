/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/iprev.h"

#include "base/domain.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

static size_t add_number(uint8_t *out, uint8_t number)
{
    size_t len = 0;
    if (number >= 100)
        out[len++] = (uint8_t)digits[number / 100];
    if (number >= 10)
        out[len++] = (uint8_t)digits[number / 10 % 10];
    out[len++] = (uint8_t)digits[number % 10];
    return len;
}

struct bytes iprev_reverse_name(const struct ip *ip, uint8_t out[IPREV_NAME_MAX])
{
    struct bytes zone = ip->family == 4 ? BYTES("in-addr.arpa") : BYTES("ip6.arpa");
    size_t len = 0;
    if (ip->family == 0)
        return bytes_from(out, 0);
    for (size_t i = ip->family == 4 ? 4 : 16; i > 0; i--) {
        uint8_t octet = ip->octets[i - 1];
        if (ip->family == 4) {
            len += add_number(out + len, octet);
        } else {
            out[len++] = (uint8_t)digits[octet & 15];
            out[len++] = '.';
            out[len++] = (uint8_t)digits[octet >> 4];
        }
        out[len++] = '.';
    }
    memcpy(out + len, zone.ptr, zone.len);
    return bytes_from(out, len + zone.len);
}

static void conclude(struct iprev_result *result, enum auth_result what, const char *problem)
{
    result->result = what;
    result->problem = bytes_of(problem);
}

static bool leads_to(const struct dns_answer *answer, const struct ip *ip)
{
    for (size_t i = 0; i < answer->count; i++)
        if (ip_equal(&answer->records[i].ip, ip))
            return true;
    return false;
}

/* Asks forward for each name; true once one leads back to the client. */
static bool confirm(struct dns *dns, struct arena *arena, const struct ip *ip, int64_t deadline,
                    const struct dns_answer *names, struct iprev_result *result, bool *failed)
{
    size_t count = names->count < IPREV_NAMES_MAX ? names->count : IPREV_NAMES_MAX;
    enum dns_type type = ip->family == 4 ? DNS_A : DNS_AAAA;
    for (size_t i = 0; i < count; i++) {
        struct bytes name = names->records[i].name;
        if (!domain_is_valid(name))
            continue;
        if (!result->name.len)
            result->name = name;
        const struct dns_answer *answer = dns_query(dns, arena, name, type, deadline);
        *failed = *failed || answer->status == DNS_FAILED;
        if (leads_to(answer, ip)) {
            result->name = name;
            return true;
        }
    }
    return false;
}

void iprev_check(struct dns *dns, struct arena *arena, const struct ip *ip, int64_t deadline,
                 struct iprev_result *result)
{
    uint8_t text[IPREV_NAME_MAX];
    bool failed = false;
    *result = (struct iprev_result){0};
    if (ip->family == 0) {
        conclude(result, AUTH_PERMERROR, "the client has no IP address");
        return;
    }
    struct ip client = ip->family == 6 ? ip_from_v6(ip->octets) : *ip;
    struct bytes reverse = iprev_reverse_name(&client, text);
    const struct dns_answer *names = dns_query(dns, arena, reverse, DNS_PTR, deadline);
    if (names->status == DNS_FAILED)
        conclude(result, AUTH_TEMPERROR, "the DNS did not answer for the client's name");
    else if (names->count == 0)
        conclude(result, AUTH_PERMERROR, "the client's address has no name in the DNS");
    else if (confirm(dns, arena, &client, deadline, names, result, &failed))
        conclude(result, AUTH_PASS, "");
    else if (failed)
        conclude(result, AUTH_TEMPERROR, "the DNS did not answer for a name of the client");
    else
        conclude(result, AUTH_FAIL, "no name of the client leads back to its address");
}
