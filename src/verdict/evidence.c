/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/evidence.h"

static const struct {
    const char *name, *method;
} checks[CHECK_COUNT_] = {
    [CHECK_SESSION] = {"session", NULL},
    [CHECK_IPREV] = {"iprev", "iprev"},
    [CHECK_SPF_HELO] = {"spf-helo", "spf"},
    [CHECK_SPF] = {"spf", "spf"},
    [CHECK_DKIM] = {"dkim", "dkim"},
    [CHECK_DMARC] = {"dmarc", "dmarc"},
    [CHECK_FROM] = {"from", NULL},
    [CHECK_ARC] = {"arc", "arc"},
    [CHECK_ATTEMPT] = {"attempt", NULL},
    [CHECK_HELO] = {"helo", NULL},
    [CHECK_SPF_GUESS] = {"spf-guess", NULL},
    [CHECK_FORWARDER] = {"forwarder", NULL},
    [CHECK_UPSTREAM] = {"upstream", NULL},
    [CHECK_SENDER_ID] = {"sender-id", "sender-id"},
    [CHECK_SUBMITTER] = {"submitter", NULL},
    [CHECK_DOMAINKEYS] = {"domainkeys", "domainkeys"},
    [CHECK_ADSP] = {"adsp", "dkim-adsp"},
    [CHECK_VBR] = {"vbr", "vbr"},
    [CHECK_HASHCASH] = {"hashcash", NULL},
    [CHECK_SMIME] = {"smime", "smime"},
    [CHECK_OPENPGP] = {"openpgp", NULL},
    [CHECK_RETURN_PATH] = {"return-path", NULL},
    [CHECK_DNSWL] = {"dnswl", "dnswl"},
    [CHECK_DNSBL] = {"dnsbl", NULL},
    [CHECK_RHSBL] = {"rhsbl", NULL},
    [CHECK_URIBL] = {"uribl", NULL},
    [CHECK_RATING] = {"rating", NULL},
    [CHECK_RDNS] = {"rdns", NULL},
    [CHECK_HISTORY] = {"history", NULL},
    [CHECK_CONTACT] = {"contact", NULL},
    [CHECK_RATE] = {"rate", NULL},
    [CHECK_GREYLIST] = {"greylist", NULL},
    [CHECK_NOLIST] = {"nolist", NULL},
    [CHECK_TRAP] = {"trap", NULL},
    [CHECK_FILTER] = {"filter", NULL},
    [CHECK_RULE] = {"rule", NULL},
    [CHECK_VIRUS] = {"virus", NULL},
    [CHECK_PHISHING] = {"phishing", NULL},
    [CHECK_ATTACHMENT] = {"attachment", NULL},
    [CHECK_NAMESERVERS] = {"nameservers", NULL},
};

const char *check_name(enum check check)
{
    return check < CHECK_COUNT_ ? checks[check].name : "unknown";
}

const char *check_method(enum check check)
{
    return check < CHECK_COUNT_ ? checks[check].method : NULL;
}

bool check_parse(struct bytes name, enum check *out)
{
    for (int i = 0; i < CHECK_COUNT_; i++) {
        if (bytes_is(name, checks[i].name)) {
            *out = (enum check)i;
            return true;
        }
    }
    return false;
}

struct evidence_item *evidence_add(struct arena *arena, struct evidence *evidence, enum check check,
                                   enum auth_result result)
{
    if (evidence->item_count == evidence->item_capacity) {
        size_t capacity = evidence->item_capacity ? evidence->item_capacity * 2 : 8;
        struct evidence_item *items = arena_alloc_array(arena, capacity, sizeof(*items));
        if (!items)
            return NULL;
        for (size_t i = 0; i < evidence->item_count; i++)
            items[i] = evidence->items[i];
        evidence->items = items;
        evidence->item_capacity = capacity;
    }
    struct evidence_item *item = &evidence->items[evidence->item_count++];
    *item = (struct evidence_item){.check = check, .result = result};
    return item;
}

bool evidence_property(struct arena *arena, struct evidence_item *item, const char *type,
                       const char *name, struct bytes value)
{
    /* Items have a handful of properties: room grows by four at a time. */
    if (item->property_count % 4 == 0) {
        struct auth_property *properties =
            arena_alloc_array(arena, item->property_count + 4, sizeof(*properties));
        if (!properties)
            return false;
        for (size_t i = 0; i < item->property_count; i++)
            properties[i] = item->properties[i];
        item->properties = properties;
    }
    struct bytes copy = arena_copy(arena, value);
    if (!copy.ptr)
        return false;
    item->properties[item->property_count++] =
        (struct auth_property){bytes_of(type), bytes_of(name), copy};
    return true;
}

const struct evidence_item *evidence_find(const struct evidence *evidence, enum check check,
                                          size_t from)
{
    for (size_t i = from; i < evidence->item_count; i++)
        if (evidence->items[i].check == check)
            return &evidence->items[i];
    return NULL;
}

struct bytes evidence_value(const struct evidence_item *item, const char *type, const char *name)
{
    for (size_t i = 0; item && i < item->property_count; i++) {
        const struct auth_property *property = &item->properties[i];
        if (bytes_is(property->type, type) && bytes_is(property->name, name))
            return property->value;
    }
    return BYTES("");
}
