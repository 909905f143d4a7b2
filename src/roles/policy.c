/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/policy.h"

static struct bytes *to_list(struct arena *arena, const struct config_strings *strings)
{
    struct bytes *list = arena_alloc_array(arena, strings->count, sizeof(*list));
    for (size_t i = 0; list && i < strings->count; i++)
        list[i] = bytes_of(strings->items[i]);
    return list;
}

enum result policy_from_config(struct arena *arena, const struct config_policy *section,
                               struct policy *out)
{
    static const enum judge_dmarc dmarc[] = {
        [CONFIG_DMARC_OFF] = JUDGE_DMARC_OFF,
        [CONFIG_DMARC_MARK] = JUDGE_DMARC_MARK,
        [CONFIG_DMARC_ON] = JUDGE_DMARC_ON,
        [CONFIG_DMARC_STRICT] = JUDGE_DMARC_STRICT,
    };
    *out = (struct policy){
        .name = bytes_of(section->name),
        .dmarc = dmarc[section->dmarc],
        .spf_fail_rejects = section->spf_fail == CONFIG_SPF_REJECT,
        .reject_bad_from = section->reject_bad_from,
        .sender_id_fail_rejects = section->sender_id_fail == CONFIG_SPF_REJECT,
        .submitter_mismatch_rejects = section->submitter_mismatch == CONFIG_SPF_REJECT,
        .bad_helo_rejects = section->bad_helo == CONFIG_SPF_REJECT,
        .junk_folder = section->junk_folder,
        .temporary_attempts = section->temporary_attempts,
        .trusted_forwarders = section->trusted_forwarders.items,
        .trusted_forwarder_count = section->trusted_forwarders.count,
        .trusted_sealers = to_list(arena, &section->trusted_sealers),
        .trusted_sealer_count = section->trusted_sealers.count,
        .trusted_lists = to_list(arena, &section->trusted_lists),
        .trusted_list_count = section->trusted_lists.count,
    };
    return out->trusted_sealers && out->trusted_lists ? OK : TEMP;
}
