/* SPDX-License-Identifier: BSD-2-Clause */
/* Content: rules, phishing, attachments, viruses, and the statistical filter. */
#include "roles/edge_mail.h"
#include "roles/edge_model.h"
#include "roles/gather_judge_content.h"
#include "roles/models.h"

/* The domain whose model is asked besides the shared one: that of the first recipient, as they share a policy. */
static const struct filter_model *domain_model(struct edge_mail *mail)
{
    const struct evidence *evidence = &mail->gather.evidence;
    if (!mail->gather.config->filter.per_domain || !evidence->recipient_count)
        return NULL;
    struct bytes mailbox = evidence->recipients[0];
    size_t at = mailbox.len;
    while (at > 0 && mailbox.ptr[at - 1] != '@')
        at--;
    struct bytes domain = arena_lower(mail->gather.arena, bytes_skip(mailbox, at));
    return at && config_is_our_domain(mail->gather.config, domain) ? edge_models_get(mail->edge->models, domain) : NULL;
}

static bool rules_act(const struct config *config)
{
    for (size_t i = 0; i < config->rule_count; i++)
        if (config->rules[i].action != CONFIG_RULE_NONE)
            return true;
    return false;
}

/* Viruses, attachments and what rules do matter whoever sends it. What is put off comes again, and is read then. */
bool edge_examine_content(struct edge_mail *mail, const struct config_policy *policy, const struct verdict *verdict)
{
    struct gather *gather = &mail->gather;
    bool skips = verdict->trust == TRUST_FIRST && policy->skip_filter;
    if (verdict->action == ACTION_REJECT || verdict->action == ACTION_DISCARD || verdict->action == ACTION_TEMPFAIL ||
        gather->evidence.own_network || gather->evidence.exempt)
        return true;
    bool rules = !skips || rules_act(gather->config);
    if (!gather_examine_content(gather, rules ? mail->edge->content_rules : NULL, gather_readable(gather)))
        return false;
    if (skips || !gather->config->filter.on)
        return true;
    return gather_filter(gather, edge_models_get(mail->edge->models, MODEL_SHARED), domain_model(mail));
}
