/* SPDX-License-Identifier: BSD-2-Clause */
/* The checks of a replay, and what they find as items of evidence. */
#include "cmd/replay.h"

#include "fiber/loop.h"
#include "roles/items.h"

#include <string.h>

void replay_spf(struct replay *replay, struct dns *dns, enum check identity, struct spf_result *out)
{
    const struct evidence *evidence = replay->evidence;
    struct spf_request request = {.ip = evidence->client,
                                  .helo = evidence->helo,
                                  .sender = evidence->mail_from,
                                  .receiver = BYTES("unknown"),
                                  .now = evidence->received_at,
                                  .deadline = NO_DEADLINE};
    if (identity == CHECK_SPF_HELO)
        spf_check_helo(dns, replay->arena, &request, out);
    else
        spf_check_mail_from(dns, replay->arena, &request, out);
}

/* As far as DMARC looks at signatures. */
static bool read_signatures(struct replay *replay, struct dkim_results *out)
{
    const struct evidence *evidence = replay->evidence;
    *out = (struct dkim_results){0};
    out->signatures =
        arena_alloc_array(replay->arena, evidence->item_count, sizeof(*out->signatures));
    for (size_t i = 0; out->signatures && i < evidence->item_count; i++) {
        const struct evidence_item *item = &evidence->items[i];
        if (item->check == CHECK_DKIM && item->result != AUTH_NONE)
            out->signatures[out->count++] = (struct dkim_signature_result){
                .result = item->result, .domain = evidence_value(item, "header", "d")};
    }
    return out->signatures != NULL;
}

bool replay_dmarc(struct replay *replay, struct dns *dns, const struct spf_result *spf,
                  enum dmarc_mode mode, struct dmarc_result *out)
{
    const struct evidence *evidence = replay->evidence;
    const struct evidence_item *item = evidence_find(evidence, CHECK_SPF, 0);
    struct spf_result recorded = {0};
    struct dkim_results signatures;
    if (!spf && item) {
        recorded.result = item->result;
        recorded.domain = evidence_value(item, "vouch", "domain");
        spf = &recorded;
    }
    if (!read_signatures(replay, &signatures))
        return false;
    struct dmarc_request request = {
        .author_domain = evidence_value(evidence_find(evidence, CHECK_DMARC, 0), "header", "from"),
        .spf = spf,
        .dkim = &signatures,
        .mode = mode,
        .deadline = NO_DEADLINE};
    dmarc_check(dns, replay->arena, &request, out);
    return true;
}

enum dmarc_policy replay_policy(const struct replay *replay, const struct dmarc_result *dmarc)
{
    return item_policy(dmarc, replay->evidence->id);
}

/* Items */

/* The properties of Authentication-Results name what was asked about: that did not change. */
static bool keep_properties(struct replay *replay, struct evidence_item *item)
{
    const struct auth_property *properties = item->properties;
    size_t count = item->property_count;
    item->properties = NULL;
    item->property_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!bytes_is(properties[i].type, "smtp") && !bytes_is(properties[i].type, "header"))
            continue;
        char *type = arena_string(replay->arena, properties[i].type);
        char *name = arena_string(replay->arena, properties[i].name);
        if (!type || !name || !item_add(replay->arena, item, type, name, properties[i].value))
            return false;
    }
    return true;
}

static bool set_spf(struct replay *replay, struct evidence_item *item, const struct spf_result *spf)
{
    return keep_properties(replay, item) && item_set_spf(replay->arena, item, spf);
}

static struct bytes aligned_signature(const struct dmarc_result *dmarc)
{
    size_t first = dmarc->identifier_count && strcmp(dmarc->identifiers[0].method, "spf") == 0;
    return dmarc->dkim_aligned ? dmarc->identifiers[first + dmarc->dkim_index].domain : BYTES("no");
}

static bool set_dmarc(struct replay *replay, struct evidence_item *item,
                      const struct dmarc_result *dmarc)
{
    return keep_properties(replay, item) &&
           item_set_dmarc(replay->arena, item, dmarc, replay->evidence->id, aligned_signature(dmarc));
}

bool replay_evidence(struct replay *replay, const struct replay_found *found, struct evidence *out)
{
    const struct evidence *evidence = replay->evidence;
    *out = *evidence;
    out->items = arena_alloc_array(replay->arena, evidence->item_count, sizeof(*out->items));
    out->item_capacity = evidence->item_count;
    bool fine = out->items != NULL;
    if (fine && evidence->item_count)
        memcpy(out->items, evidence->items, evidence->item_count * sizeof(*out->items));
    for (size_t i = 0; fine && i < evidence->item_count; i++) {
        struct evidence_item *item = &out->items[i];
        if (item->check == CHECK_SPF_HELO && found->helo)
            fine = set_spf(replay, item, found->helo);
        else if (item->check == CHECK_SPF && found->spf)
            fine = set_spf(replay, item, found->spf);
        else if (item->check == CHECK_DMARC && found->dmarc)
            fine = set_dmarc(replay, item, found->dmarc);
    }
    return fine;
}
