/* SPDX-License-Identifier: BSD-2-Clause */
/* What else may not come in, or not as it is, whoever sent it. */
#include "verdict/court.h"

static void virus(struct court *court)
{
    const struct evidence *evidence = court->evidence;
    for (size_t i = 0; i < evidence->item_count; i++) {
        const struct evidence_item *item = &evidence->items[i];
        if (item->check != CHECK_VIRUS)
            continue;
        if (item->result == AUTH_FAIL)
            court_apply(court, court->policy->virus, "5.7.1", CHECK_VIRUS,
                        "A virus scanner finds " BYTES_FMT " in this message.",
                        BYTES_ARG(court_value(item, "name")));
        else if (item->result == AUTH_TEMPERROR && court->policy->unscanned_tempfails)
            court_raise(court, ACTION_TEMPFAIL, 451, "4.3.0", CHECK_VIRUS,
                        "The virus scanner does not answer. Please try again later.");
        else if (item->result == AUTH_TEMPERROR)
            court_reason(court, CHECK_VIRUS, REASON_NOTES, "the virus scanner did not answer");
        else if (item->result == AUTH_NEUTRAL)
            court_reason(court, CHECK_VIRUS, REASON_NOTES,
                         "the virus scanner saw a part only, and found nothing there%s" BYTES_FMT,
                         item->reason.len ? ": " : "", BYTES_ARG(item->reason));
    }
}

static bool has_word(struct bytes words, struct bytes wanted)
{
    struct bytes word;
    while (words.len && bytes_split(&words, ' ', &word))
        if (bytes_equal_nocase(word, wanted))
            return true;
    return false;
}

static bool rules_act(const struct policy *policy)
{
    for (size_t i = 0; i < policy->rule_count; i++)
        if (policy->rules[i].action != ACTION_ACCEPT)
            return true;
    return false;
}

/* What cannot be looked into may hold what the policy does not take, and was made so perhaps. */
static void unseen(struct court *court)
{
    const struct policy *policy = court->policy;
    if (!court_any(court, CHECK_ATTACHMENT, AUTH_TEMPERROR))
        return;
    bool acts = (policy->attachment_count && policy->attachment != ACTION_ACCEPT) || rules_act(policy);
    if (acts)
        court_apply(court, ACTION_JUNK, "5.7.1", CHECK_ATTACHMENT,
                    "The message has more in it than is looked into.");
    else
        court_reason(court, CHECK_ATTACHMENT, REASON_NOTES, "the message has more in it than is looked into");
}

static void attachment(struct court *court)
{
    const struct evidence *evidence = court->evidence;
    const struct policy *policy = court->policy;
    for (size_t i = 0; i < evidence->item_count; i++) {
        const struct evidence_item *item = &evidence->items[i];
        for (size_t k = 0; item->check == CHECK_ATTACHMENT && k < policy->attachment_count; k++) {
            struct bytes wanted = policy->attachments[k];
            if (!bytes_equal_nocase(court_value(item, "extension"), wanted) &&
                !has_word(court_value(item, "is"), wanted))
                continue;
            court_apply(court, policy->attachment, "5.7.1", CHECK_ATTACHMENT,
                        "Attachments such as \"" BYTES_FMT "\" (" BYTES_FMT ") are not taken here.",
                        BYTES_ARG(court_value(item, "name")), BYTES_ARG(wanted));
            break;
        }
    }
}

static void size(struct court *court)
{
    if (court->policy->message_size && court->evidence->size > court->policy->message_size)
        court_raise(court, ACTION_REJECT, 552, "5.3.4", CHECK_SESSION,
                    "The message is larger than these recipients take (%llu octets).",
                    (unsigned long long)court->policy->message_size);
}

const struct policy_rule *content_rule(const struct policy *policy, const struct evidence_item *item)
{
    struct bytes name = court_value(item, "rule");
    for (size_t i = 0; i < policy->rule_count; i++)
        if (bytes_equal(policy->rules[i].name, name))
            return &policy->rules[i];
    return NULL;
}

static void rules(struct court *court)
{
    const struct evidence *evidence = court->evidence;
    for (size_t i = 0; i < evidence->item_count; i++) {
        const struct evidence_item *item = &evidence->items[i];
        const struct policy_rule *rule = item->check == CHECK_RULE ? content_rule(court->policy, item) : NULL;
        if (!rule || rule->action == ACTION_ACCEPT)
            continue;
        if (rule->action == ACTION_DISCARD)
            court_raise(court, ACTION_DISCARD, 250, "2.0.0", CHECK_RULE,
                        "The rule " BYTES_FMT " discards such mail.", BYTES_ARG(rule->name));
        else if (rule->text.len)
            court_apply(court, rule->action, "5.7.1", CHECK_RULE, BYTES_FMT, BYTES_ARG(rule->text));
        else
            court_apply(court, rule->action, "5.7.1", CHECK_RULE,
                        "The rule " BYTES_FMT " of this site matches.", BYTES_ARG(rule->name));
    }
}

/* The accountability rule: a client with a name such as providers give their customers, or none, may send if some
 * domain answers for it. */
static void accountability(struct court *court)
{
    const struct evidence_item *name = court_item(court, CHECK_RDNS);
    if (!court->policy->generic_name_rejects || !(court_result(name, AUTH_POLICY) || court_result(name, AUTH_NONE)) ||
        court->authenticated != AUTHENTICATED_NOBODY || court_is_forwarded(court))
        return;
    struct bytes domain = court_value(court_item(court, CHECK_SPF), "domain");
    if (court_result(court_item(court, CHECK_SPF), AUTH_TEMPERROR) && court->verdict->action == ACTION_ACCEPT) {
        court_put_off(court, "4.7.24", CHECK_SPF, "SPF", domain);
        return;
    }
    char client[IP_TEXT_SIZE];
    court_raise(court, ACTION_REJECT, 550, "5.7.25", CHECK_RDNS,
                "%s has %s, and no domain answers for its mail (neither SPF nor DKIM passes): send it by your "
                "provider's mail server.",
                ip_format(&court->evidence->client, client),
                name->result == AUTH_NONE ? "no name in DNS" : "a consumer's name");
}

static bool is_trap(const struct court *court, struct bytes recipient)
{
    const struct evidence *evidence = court->evidence;
    for (size_t i = 0; i < evidence->item_count; i++)
        if (evidence->items[i].check == CHECK_TRAP &&
            bytes_equal_nocase(court_value(&evidence->items[i], "recipient"), recipient))
            return true;
    return false;
}

/* Mail for traps alone is taken, to be learned from. What must not come in at all does not. */
static void traps(struct court *court)
{
    const struct evidence *evidence = court->evidence;
    const struct verdict *verdict = court->verdict;
    bool only = evidence->recipient_count > 0 && court_item(court, CHECK_TRAP);
    for (size_t i = 0; only && i < evidence->recipient_count; i++)
        only = is_trap(court, evidence->recipients[i]);
    if (!only)
        return;
    court->trapped = true;
    court_class(court, TRUST_THIRD, "It is for a trap.");
    if (verdict->action == ACTION_ACCEPT || verdict->action == ACTION_JUNK)
        court_decide(court, ACTION_ACCEPT, 250, "2.0.0", CHECK_TRAP, "The recipient is a trap: nobody asked for this.");
}

void content_musts(struct court *court)
{
    virus(court);
    attachment(court);
    unseen(court);
    size(court);
    rules(court);
    accountability(court);
    traps(court);
}
