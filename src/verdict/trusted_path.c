/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/court.h"

static bool domain_listed(struct bytes domain, const struct bytes *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (domain.len && bytes_equal_nocase(domain, list[i]))
            return true;
    return false;
}

bool court_is_forwarded(const struct court *court)
{
    const struct policy *policy = court->policy;
    for (size_t i = 0; i < policy->trusted_forwarder_count; i++)
        if (ip_in_network(&court->evidence->client, &policy->trusted_forwarders[i]))
            return true;
    return court_any(court, CHECK_FORWARDER, AUTH_PASS);
}

static enum trusted_path by_network(struct court *court)
{
    const struct policy *policy = court->policy;
    char client[IP_TEXT_SIZE];
    for (size_t i = 0; i < policy->trusted_forwarder_count; i++) {
        if (ip_in_network(&court->evidence->client, &policy->trusted_forwarders[i])) {
            court_reason(court, CHECK_SESSION, REASON_OVERRIDES, "%s is a trusted forwarder",
                         ip_format(&court->evidence->client, client));
            return PATH_TRUSTED;
        }
    }
    return PATH_UNTRUSTED;
}

static enum trusted_path by_forwarder(struct court *court)
{
    const struct evidence_item *item = court_item(court, CHECK_FORWARDER);
    if (!court_result(item, AUTH_PASS))
        return PATH_UNTRUSTED;
    bool filters = bytes_is(evidence_value(item, "vouch", "filters"), "yes");
    court_reason(court, CHECK_FORWARDER, REASON_OVERRIDES,
                 "the client is the trusted forwarder " BYTES_FMT "%s",
                 BYTES_ARG(evidence_value(item, "vouch", "name")),
                 filters ? ", which has filtered it" : "");
    return filters ? PATH_FILTERED : PATH_TRUSTED;
}

/*
 * The sealers of the chain, the newest first, each with what it says that DMARC gave for this
 * author. What a sealer says counts if it is trusted and so is everybody after it: any of those
 * could have written what stands below.
 */
static enum trusted_path by_seal(struct court *court)
{
    const struct policy *policy = court->policy;
    const struct evidence_item *arc = court_item(court, CHECK_ARC);
    struct bytes sealer = BYTES(""), newest = BYTES("");
    for (size_t i = 0; court_result(arc, AUTH_PASS) && i < arc->property_count; i++) {
        const struct auth_property *property = &arc->properties[i];
        if (bytes_is(property->name, "sealer")) {
            sealer = property->value;
            if (!domain_listed(sealer, policy->trusted_sealers, policy->trusted_sealer_count))
                break;
            if (!newest.len)
                newest = sealer;
        } else if (bytes_is(property->name, "sealed-dmarc") && bytes_is(property->value, "pass")) {
            court_reason(court, CHECK_ARC, REASON_OVERRIDES,
                         "the trusted sealer " BYTES_FMT " saw DMARC pass (ARC; local policy)",
                         BYTES_ARG(sealer));
            return PATH_VOUCHED;
        }
    }
    if (!newest.len)
        return PATH_UNTRUSTED;
    court_reason(court, CHECK_ARC, REASON_OVERRIDES,
                 "it came through the trusted sealer " BYTES_FMT " (ARC)", BYTES_ARG(newest));
    return PATH_TRUSTED;
}

static enum trusted_path by_upstream(struct court *court, struct bytes author)
{
    for (size_t i = 0; i < court->evidence->item_count; i++) {
        const struct evidence_item *item = &court->evidence->items[i];
        if (item->check != CHECK_UPSTREAM || item->result != AUTH_PASS ||
            !bytes_is(evidence_value(item, "vouch", "method"), "dmarc") ||
            !bytes_equal_nocase(evidence_value(item, "header", "from"), author))
            continue;
        court_reason(court, CHECK_UPSTREAM, REASON_OVERRIDES,
                     "our relay " BYTES_FMT " saw DMARC pass (local policy)",
                     BYTES_ARG(evidence_value(item, "vouch", "authserv-id")));
        return PATH_VOUCHED;
    }
    return PATH_UNTRUSTED;
}

static enum trusted_path by_list(struct court *court)
{
    const struct policy *policy = court->policy;
    for (size_t i = 0; i < court->evidence->item_count; i++) {
        const struct evidence_item *item = &court->evidence->items[i];
        struct bytes domain = item->check == CHECK_DKIM  ? evidence_value(item, "header", "d")
                              : item->check == CHECK_SPF ? evidence_value(item, "vouch", "domain")
                                                         : BYTES("");
        if (item->result == AUTH_PASS &&
            domain_listed(domain, policy->trusted_lists, policy->trusted_list_count)) {
            court_reason(court, item->check, REASON_OVERRIDES,
                         "it came through " BYTES_FMT ", a trusted list or forwarder",
                         BYTES_ARG(domain));
            return PATH_TRUSTED;
        }
    }
    return PATH_UNTRUSTED;
}

static enum trusted_path better(enum trusted_path a, enum trusted_path b)
{
    return a > b ? a : b;
}

enum trusted_path court_trusted_path(struct court *court, struct bytes author)
{
    enum trusted_path path = by_seal(court);
    path = better(path, by_upstream(court, author));
    path = better(path, by_forwarder(court));
    path = better(path, by_network(court));
    return better(path, by_list(court));
}
