/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/dmarc_walk.h"

#include "base/domain.h"
#include "message/idn.h"

enum { LABELS_ASKED_IN_FULL = 8 };

struct bytes dmarc_normalize(struct arena *arena, struct bytes name)
{
    struct bytes ascii;
    name = domain_strip_dot(name);
    if (idn_to_ascii(arena, name, &ascii, NULL) != OK)
        return (struct bytes){NULL, 0};
    return ascii;
}

void dmarc_discovery_init(struct dmarc_discovery *discovery, struct dns *dns, struct arena *arena,
                          int64_t deadline)
{
    *discovery = (struct dmarc_discovery){.dns = dns, .arena = arena, .deadline = deadline};
}

static void read_record(struct dmarc_discovery *discovery, struct dmarc_lookup *lookup,
                        struct bytes text)
{
    struct error error;
    struct dmarc_record record;
    enum result result = dmarc_record_parse(discovery->arena, text, &record, &error);
    if (result == NONE)
        return;
    if (lookup->status != DMARC_LOOKUP_NOTHING) {
        lookup->status = DMARC_LOOKUP_SEVERAL;
        return;
    }
    lookup->status = DMARC_LOOKUP_RECORD;
    lookup->record = record;
    lookup->text = arena_copy(discovery->arena, text);
    lookup->unusable = result != OK;
    if (lookup->unusable)
        lookup->problem = arena_copy(discovery->arena, bytes_of(error.text));
}

/* Records that are no DMARC records do not count; of several DMARC records none does
 * (rfc9989:4.10 step 2). */
static void read_answer(struct dmarc_discovery *discovery, struct dmarc_lookup *lookup,
                        const struct dns_answer *answer)
{
    if (answer->status == DNS_FAILED) {
        lookup->status = DMARC_LOOKUP_FAILED;
        lookup->step.answer = arena_printf(discovery->arena, "DNS failed%s%s",
                                           answer->problem ? ": " : "",
                                           answer->problem ? answer->problem : "");
        return;
    }
    for (size_t i = 0; i < answer->count; i++)
        read_record(discovery, lookup, answer->records[i].text);
    if (lookup->status == DMARC_LOOKUP_RECORD)
        lookup->step.answer = lookup->text;
    else if (lookup->status == DMARC_LOOKUP_SEVERAL)
        lookup->step.answer = BYTES("several DMARC records, all ignored");
    else
        lookup->step.answer = BYTES("no record");
}

struct dmarc_lookup *dmarc_lookup(struct dmarc_discovery *discovery, struct bytes domain)
{
    for (size_t i = 0; i < discovery->count; i++)
        if (bytes_equal(discovery->lookups[i]->domain, domain))
            return discovery->lookups[i];
    struct dmarc_lookup *lookup = arena_new(discovery->arena, struct dmarc_lookup);
    if (!lookup || discovery->count == DMARC_LOOKUPS_MAX)
        return NULL;
    lookup->domain = domain;
    lookup->step.name = arena_printf(discovery->arena, "_dmarc." BYTES_FMT, BYTES_ARG(domain));
    if (!lookup->step.name.ptr)
        return NULL;
    read_answer(discovery, lookup,
                dns_query(discovery->dns, discovery->arena, lookup->step.name, DNS_TXT,
                          discovery->deadline));
    discovery->lookups[discovery->count++] = lookup;
    return lookup;
}

/* The next name up: the parent, or from a long name straight to its last seven labels. */
static struct bytes next_target(struct bytes target)
{
    if (domain_label_count(target) >= LABELS_ASKED_IN_FULL)
        return domain_last_labels(target, LABELS_ASKED_IN_FULL - 1);
    return domain_parent(target);
}

enum result dmarc_walk(struct dmarc_discovery *discovery, struct bytes start,
                       struct dmarc_walk *out)
{
    out->count = 0;
    for (struct bytes target = start; target.len; target = next_target(target)) {
        struct dmarc_lookup *lookup = dmarc_lookup(discovery, target);
        if (!lookup || lookup->status == DMARC_LOOKUP_FAILED)
            return TEMP;
        require(out->count < DMARC_WALK_MAX);
        out->lookups[out->count++] = lookup;
        if (lookup->status == DMARC_LOOKUP_RECORD && lookup->record.psd != 'u')
            break;
    }
    return OK;
}

struct bytes dmarc_walk_organization(const struct dmarc_walk *walk, struct bytes start,
                                     enum dmarc_organization_source *source)
{
    struct bytes shortest = start;
    *source = DMARC_ORGANIZATION_START;
    for (size_t i = 0; i < walk->count; i++) {
        const struct dmarc_lookup *lookup = walk->lookups[i];
        if (lookup->status != DMARC_LOOKUP_RECORD)
            continue;
        if (lookup->record.psd == 'n') {
            *source = DMARC_ORGANIZATION_PSD_N;
            return lookup->domain;
        }
        /* A public suffix where the walk began is taken as a domain like any other. */
        if (lookup->record.psd == 'y' && i > 0) {
            *source = DMARC_ORGANIZATION_BELOW_PSD;
            return domain_last_labels(start, domain_label_count(lookup->domain) + 1);
        }
        *source = DMARC_ORGANIZATION_SHORTEST;
        shortest = lookup->domain;
    }
    return shortest;
}
