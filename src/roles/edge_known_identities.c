/* SPDX-License-Identifier: BSD-2-Clause */
/* Who answers for a message: the organizations that were authenticated, and who serves their domain. */
#include "roles/edge_known.h"

#include "auth/organization.h"
#include "base/ascii.h"
#include "base/domain.h"
#include "roles/items.h"
#include "verdict/spf_term.h"

#include <stdlib.h>
#include <string.h>

enum { DNS_SECONDS = 2, SET_DIGITS = 16 };

/* By the list of public suffixes always: a walk in DNS may end elsewhere tomorrow, and the identity with it. */
static struct bytes organization_of(struct arena *arena, struct bytes domain)
{
    struct bytes found, lower = arena_lower(arena, domain);
    if (!lower.len || !domain_is_valid(lower))
        return BYTES("");
    return organization_domain(lower, &found) == OK ? found : lower;
}

static void add(const struct gather *gather, struct bytes author, enum history_kind kind, struct bytes domain,
                struct history_identity *out, size_t *count)
{
    struct bytes name = organization_of(gather->arena, domain);
    if (!name.len || *count >= KNOWN_IDENTITIES_MAX)
        return;
    for (size_t i = 0; i < *count; i++)
        if (out[i].kind == kind && bytes_equal(out[i].name, name))
            return;
    out[(*count)++] = (struct history_identity){kind, name, author.len && bytes_equal(author, name)};
}

/* Signatures for which `aligned` holds. */
static void add_signatures(const struct gather *gather, struct bytes author, bool aligned,
                           struct history_identity *out, size_t *count)
{
    for (size_t i = 0; i < gather->dkim.count; i++) {
        const struct dkim_signature_result *signature = &gather->dkim.signatures[i];
        bool fits = author.len && bytes_equal(organization_of(gather->arena, signature->domain), author);
        if (signature->result == AUTH_PASS && fits == aligned)
            add(gather, author, HISTORY_DKIM, signature->domain, out, count);
    }
}

size_t edge_known_identities(const struct gather *gather, struct history_identity *out)
{
    size_t count = 0;
    struct bytes author = gather->from.status == FROM_OK ? organization_of(gather->arena, gather->from.domain)
                                                         : BYTES("");
    add_signatures(gather, author, true, out, &count);
    if (gather->spf.result == AUTH_PASS && !spf_term_is_everybody(gather->spf.mechanism))
        add(gather, author, HISTORY_SPF, gather->spf.domain, out, &count);
    add_signatures(gather, author, false, out, &count);
    return count ? count : edge_known_network(gather, out, 0);
}

size_t edge_known_network(const struct gather *gather, struct history_identity *out, size_t count)
{
    if (!gather->evidence.client.family)
        return count;
    if (count >= KNOWN_IDENTITIES_MAX)
        count = KNOWN_IDENTITIES_MAX - 1;
    out[count] = (struct history_identity){
        .kind = HISTORY_NETWORK,
        .name = history_network(gather->arena, &gather->evidence.client, HISTORY_NETWORK_V4, HISTORY_NETWORK_V6)};
    return count + (out[count].name.len > 0);
}

static int compare_names(const void *a, const void *b)
{
    const struct dns_record *left = a, *right = b;
    return bytes_compare(left->name, right->name);
}

/* Of all names in their order, for people and for comparing by eye; FNV-1a as everywhere. */
static uint64_t hash_of(struct arena *arena, const struct dns_answer *answer)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    struct dns_record *sorted = arena_alloc_array(arena, answer->count, sizeof(*sorted));
    if (!sorted)
        return 0;
    memcpy(sorted, answer->records, answer->count * sizeof(*sorted));
    qsort(sorted, answer->count, sizeof(*sorted), compare_names);
    for (size_t i = 0; i < answer->count; i++)
        for (size_t k = 0; k <= sorted[i].name.len; k++)
            hash = (hash ^ (k < sorted[i].name.len ? sorted[i].name.ptr[k] : 0)) * UINT64_C(1099511628211);
    return hash;
}

/* "servers" are the hashes of single names that history remembers. */
static bool add_item(struct gather *gather, const struct dns_answer *answer, const struct history_nameservers *servers,
                     int64_t began)
{
    struct arena *arena = gather->arena;
    struct evidence_item *item = evidence_add(arena, &gather->evidence, CHECK_NAMESERVERS,
                                              answer->status == DNS_FAILED ? AUTH_TEMPERROR : AUTH_NEUTRAL);
    struct buf text;
    if (!item)
        return false;
    item->elapsed = loop_now() - began;
    buf_init(&text, HISTORY_NAMESERVERS_MAX * 8);
    for (size_t i = 0; i < servers->count; i++)
        buf_printf(&text, "%s%04x", i ? "," : "", servers->hashes[i]);
    bool fine = item_add(arena, item, "vouch", "domain", servers->domain) &&
                (!servers->count ||
                 (item_add(arena, item, "vouch", "set",
                           arena_printf(arena, "%0*llx", SET_DIGITS, (unsigned long long)hash_of(arena, answer))) &&
                  item_add(arena, item, "vouch", "servers", buf_bytes(&text))));
    buf_free(&text);
    return fine;
}

enum result edge_known_ask_nameservers(struct gather *gather, struct history_nameservers *out)
{
    struct history_identity identities[KNOWN_IDENTITIES_MAX];
    size_t count = edge_known_identities(gather, identities);
    int64_t began = loop_now();
    *out = (struct history_nameservers){.domain = BYTES("")};
    if (!count || identities[0].kind == HISTORY_NETWORK)
        return arena_exhausted(gather->arena) ? TEMP : OK;
    out->domain = identities[0].name;
    const struct dns_answer *answer = dns_query(&gather->recorder.dns, gather->arena, out->domain, DNS_NS,
                                                loop_deadline(DNS_SECONDS * SECOND));
    for (size_t i = 0; answer->status == DNS_FOUND && i < answer->count; i++)
        history_add_nameserver(out, answer->records[i].name);
    return add_item(gather, answer, out, began) ? OK : TEMP;
}

static int digit(uint8_t c)
{
    return ascii_is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void edge_known_nameservers(const struct gather *gather, struct history_nameservers *out)
{
    const struct evidence_item *item = evidence_find(&gather->evidence, CHECK_NAMESERVERS, 0);
    struct bytes part, rest = item ? evidence_value(item, "vouch", "servers") : BYTES("");
    *out = (struct history_nameservers){.domain = BYTES("")};
    if (!rest.len)
        return;
    out->domain = evidence_value(item, "vouch", "domain");
    while (out->count < HISTORY_NAMESERVERS_MAX && bytes_split(&rest, ',', &part)) {
        unsigned value = 0;
        for (size_t i = 0; i < part.len && i < 4 && digit(part.ptr[i]) >= 0; i++)
            value = value << 4 | (unsigned)digit(part.ptr[i]);
        if (value)
            out->hashes[out->count++] = (uint16_t)value;
    }
}
