/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/policy.h"

#include "base/clock.h"
#include "config/value.h"
#include "filter/builtin_tests.h"

#include <string.h>

static struct bytes *to_list(struct arena *arena, const struct config_strings *strings)
{
    struct bytes *list = arena_alloc_array(arena, strings->count, sizeof(*list));
    for (size_t i = 0; list && i < strings->count; i++)
        list[i] = bytes_of(strings->items[i]);
    return list;
}

static enum action of_content(int action)
{
    static const enum action actions[] = {
        [CONFIG_CONTENT_MARK] = ACTION_ACCEPT,
        [CONFIG_CONTENT_JUNK] = ACTION_JUNK,
        [CONFIG_CONTENT_QUARANTINE] = ACTION_QUARANTINE,
        [CONFIG_CONTENT_REJECT] = ACTION_REJECT,
    };
    return actions[action];
}

static enum action of_rule(int action)
{
    static const enum action actions[] = {
        [CONFIG_RULE_NONE] = ACTION_ACCEPT,           [CONFIG_RULE_JUNK] = ACTION_JUNK,
        [CONFIG_RULE_QUARANTINE] = ACTION_QUARANTINE, [CONFIG_RULE_REJECT] = ACTION_REJECT,
        [CONFIG_RULE_DISCARD] = ACTION_DISCARD,
    };
    return actions[action];
}

static bool read_codes(struct arena *arena, const struct config_dnslist *from, struct policy_list *list)
{
    list->codes = arena_alloc_array(arena, from->codes.count, sizeof(*list->codes));
    for (size_t i = 0; list->codes && i < from->codes.count; i++) {
        struct config_dnslist_code code;
        /* The configuration was checked; a code that cannot be read names nothing. */
        if (config_read_dnslist_code(bytes_of(from->codes.items[i]), &code))
            continue;
        list->codes[list->code_count++] =
            (struct policy_code){.network = code.network, .bit = code.bit, .off = code.off, .points = code.points};
    }
    return list->codes != NULL;
}

static bool add_lists(struct arena *arena, const struct config *config, struct policy *out)
{
    struct policy_list *lists = arena_alloc_array(arena, config->dnslist_count, sizeof(*lists));
    struct policy_rating *ratings = arena_alloc_array(arena, config->rating_count, sizeof(*ratings));
    if (!lists || !ratings)
        return false;
    for (size_t i = 0; i < config->dnslist_count; i++) {
        lists[i] = (struct policy_list){.name = bytes_of(config->dnslists[i].name),
                                        .points = config->dnslists[i].weight};
        if (!read_codes(arena, &config->dnslists[i], &lists[i]))
            return false;
    }
    for (size_t i = 0; i < config->rating_count; i++)
        ratings[i] = (struct policy_rating){.name = bytes_of(config->ratings[i].name),
                                            .good = config->ratings[i].good,
                                            .bad = config->ratings[i].bad};
    out->lists = lists;
    out->list_count = config->dnslist_count;
    out->ratings = ratings;
    out->rating_count = config->rating_count;
    return true;
}

/* Those of the configuration first: one without a pattern gives a built-in test another weight. */
static bool add_rules(struct arena *arena, const struct config *config, struct policy *out)
{
    size_t built_in = builtin_test_count();
    struct policy_rule *rules = arena_alloc_array(arena, config->rule_count + built_in, sizeof(*rules));
    if (!rules)
        return false;
    for (size_t i = 0; i < config->rule_count; i++)
        rules[i] = (struct policy_rule){.name = bytes_of(config->rules[i].name),
                                        .points = config->rules[i].weight,
                                        .action = of_rule(config->rules[i].action),
                                        .text = bytes_of(config->rules[i].text)};
    for (size_t i = 0; i < built_in; i++) {
        const struct builtin_test *test = builtin_test_at(i);
        rules[config->rule_count + i] = (struct policy_rule){.name = bytes_of(test->name),
                                                             .points = test->points,
                                                             .action = ACTION_ACCEPT,
                                                             .text = BYTES("")};
    }
    out->rules = rules;
    out->rule_count = config->rule_count + built_in;
    return true;
}

enum result policy_from_config(struct arena *arena, const struct config *config,
                               const struct config_policy *section, struct policy *out)
{
    static const enum judge_dmarc dmarc[] = {
        [CONFIG_DMARC_OFF] = JUDGE_DMARC_OFF,
        [CONFIG_DMARC_MARK] = JUDGE_DMARC_MARK,
        [CONFIG_DMARC_ON] = JUDGE_DMARC_ON,
        [CONFIG_DMARC_STRICT] = JUDGE_DMARC_STRICT,
    };
    static const enum judge_greylist greylist[] = {
        [CONFIG_GREYLIST_OFF] = JUDGE_GREYLIST_OFF,
        [CONFIG_GREYLIST_AUTO] = JUDGE_GREYLIST_AUTO,
        [CONFIG_GREYLIST_ON] = JUDGE_GREYLIST_ON,
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
        .junk_score = section->junk_score,
        .quarantine_score = section->quarantine_score,
        .reject_score = section->reject_score,
        .generic_name_rejects = section->generic_name == CONFIG_SPF_REJECT,
        .greylist = greylist[section->greylist],
        .greylist_delay = section->greylist_delay / SECOND,
        .default_reject = section->default_reject,
        .skip_filter = section->skip_filter,
        .virus = of_content(section->virus),
        .attachment = of_content(section->attachment),
        .attachments = to_list(arena, &section->attachments),
        .attachment_count = section->attachments.count,
        .message_size = section->message_size,
        .unscanned_tempfails = config->clamd.failure != 0,
        .phishing = config->phishing.weight,
        .probation = config->reputation.probation / SECOND,
        .least = config->reputation.least,
    };
    bool fine = out->trusted_sealers && out->trusted_lists && out->attachments &&
                add_lists(arena, config, out) && add_rules(arena, config, out);
    return fine ? OK : TEMP;
}

enum result policy_shadow(struct arena *arena, const struct config *config, const struct config_policy *section,
                          struct policy **out)
{
    *out = NULL;
    if (!section->shadow[0])
        return OK;
    const struct config_policy *shadow = config_policy_find(config, section->shadow);
    if (strcmp(shadow->name, section->shadow) != 0)
        return OK;
    *out = arena_new(arena, struct policy);
    return *out ? policy_from_config(arena, config, shadow, *out) : TEMP;
}

enum result policy_judge(struct arena *arena, const struct config *config, const struct config_policy *section,
                         struct evidence *evidence, struct verdict *out)
{
    struct policy policy, *shadow;
    if (policy_from_config(arena, config, section, &policy) != OK ||
        policy_shadow(arena, config, section, &shadow) != OK)
        return TEMP;
    return judge_live(arena, &policy, shadow, evidence, out);
}
