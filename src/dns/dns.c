/* SPDX-License-Identifier: BSD-2-Clause */
#include "dns/dns.h"

#include "dns/answer.h"
#include "dns/name.h"

#include <stdio.h>

static const struct {
    enum dns_type type;
    const char *name;
} types[] = {
    {DNS_A, "A"},     {DNS_NS, "NS"},     {DNS_CNAME, "CNAME"}, {DNS_SOA, "SOA"},
    {DNS_PTR, "PTR"}, {DNS_MX, "MX"},     {DNS_TXT, "TXT"},     {DNS_AAAA, "AAAA"},
    {DNS_DS, "DS"},   {DNS_TLSA, "TLSA"}, {DNS_SPF, "SPF"},
};

const struct dns_answer *dns_query(struct dns *dns, struct arena *arena, struct bytes name,
                                   enum dns_type type, int64_t deadline)
{
    if (!name_is_valid(name))
        return answer_empty(arena, DNS_NO_NAME, name, 0);
    return dns->query(dns, arena, name_strip_dot(name), type, deadline);
}

const char *dns_type_name(enum dns_type type, char out[16])
{
    for (size_t i = 0; i < countof(types); i++)
        if (types[i].type == type)
            return types[i].name;
    snprintf(out, 16, "TYPE%u", (unsigned)type & 0xffff);
    return out;
}

bool dns_type_parse(struct bytes text, enum dns_type *out)
{
    for (size_t i = 0; i < countof(types); i++) {
        if (bytes_is_nocase(text, types[i].name)) {
            *out = types[i].type;
            return true;
        }
    }
    uint64_t number;
    if (!bytes_starts_with_nocase(text, BYTES("TYPE")) ||
        !bytes_to_uint(bytes_skip(text, 4), 65535, &number))
        return false;
    *out = (enum dns_type)number;
    return true;
}

const char *dns_status_name(enum dns_status status)
{
    static const char *const names[] = {"found", "nodata", "nxdomain", "failed"};
    return names[status];
}
