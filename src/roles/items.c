/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/items.h"

bool item_add(struct arena *arena, struct evidence_item *item, const char *type, const char *name,
              struct bytes value)
{
    return !value.len || evidence_property(arena, item, type, name, value);
}

bool item_set_spf(struct arena *arena, struct evidence_item *item, const struct spf_result *spf)
{
    item->result = spf->result;
    item->reason = spf->problem;
    return item_add(arena, item, "vouch", "domain", spf->domain) &&
           item_add(arena, item, "vouch", "mechanism", spf->mechanism) &&
           item_add(arena, item, "vouch", "explanation", spf->explanation);
}

/* 0 to 99, evenly spread over messages. */
static uint32_t lot_of(struct bytes id)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ id.ptr[i]) * 16777619u;
    return (hash ^ hash >> 15) % 100;
}

enum dmarc_policy item_policy(const struct dmarc_result *dmarc, struct bytes id)
{
    return dmarc_sample(dmarc, lot_of(id));
}

bool item_set_dmarc(struct arena *arena, struct evidence_item *item,
                    const struct dmarc_result *dmarc, struct bytes id, struct bytes signer)
{
    enum dmarc_policy effective = item_policy(dmarc, id);
    struct bytes policy = bytes_of(dmarc_policy_name(effective));
    bool temporary = dmarc->result == AUTH_TEMPERROR && dmarc->policy_domain.len;
    item->result = dmarc->result;
    item->reason = dmarc->problem;
    if (dmarc->result != AUTH_PASS && dmarc->result != AUTH_FAIL && !temporary)
        return true;
    return item_add(arena, item, "policy", "dmarc", policy) &&
           item_add(arena, item, "vouch", "effective", policy) &&
           item_add(arena, item, "vouch", "published", bytes_of(dmarc_policy_name(dmarc->policy))) &&
           item_add(arena, item, "vouch", "sampled-out",
                    bytes_of(effective != dmarc->effective ? "pct" : "")) &&
           item_add(arena, item, "vouch", "policy-domain", dmarc->policy_domain) &&
           item_add(arena, item, "vouch", "organizational-domain", dmarc->organizational_domain) &&
           item_add(arena, item, "vouch", "spf-aligned", bytes_of(dmarc->spf_aligned ? "yes" : "no")) &&
           item_add(arena, item, "vouch", "dkim-aligned", dmarc->dkim_aligned ? signer : BYTES("no"));
}
