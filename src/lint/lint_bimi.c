/* SPDX-License-Identifier: BSD-2-Clause */
/* BIMI: the logo that mail programs show (no RFC; an industry specification). */
#include "auth/dmarc_walk.h"
#include "lint/bimi.h"
#include "lint/lint.h"

/* Logos are shown only for domains whose policy is quarantine or reject. */
static void check_dmarc(struct lint *lint, struct section *section, struct bytes name)
{
    struct dmarc_discovery *discovery = arena_new(section->arena, struct dmarc_discovery);
    struct dmarc_walk walk;
    if (!discovery)
        return;
    dmarc_discovery_init(discovery, lint->dns, section->arena, lint->deadline);
    if (dmarc_walk(discovery, lint->domain, &walk) != OK)
        return;
    for (size_t i = 0; i < walk.count; i++) {
        const struct dmarc_lookup *lookup = walk.lookups[i];
        if (lookup->status != DMARC_LOOKUP_RECORD)
            continue;
        enum dmarc_policy policy = i ? lookup->record.subdomain_policy : lookup->record.policy;
        if (policy != DMARC_POLICY_NONE && lookup->record.percent == 100)
            return;
        break;
    }
    section_find(
        section, SEVERITY_WARNING, HARM_CLUTTER, name, NULL,
        "The logo is not shown, because the domain's DMARC policy is not quarantine or reject "
        "for all mail.");
}

void lint_bimi(struct lint *lint, struct section *section)
{
    struct bytes texts[LINT_TEXTS_MAX];
    struct bimi_record record;
    struct error error;
    size_t count;
    struct bytes name = lint_name(section, "default._bimi." BYTES_FMT, BYTES_ARG(lint->domain));
    if (lint_texts(lint, section, name, "v=BIMI", texts, &count) == DNS_FAILED)
        return;
    for (size_t i = 0; i < count; i++)
        section_show(section, 0, BYTES_FMT, BYTES_ARG(texts[i]));
    if (count > 1)
        section_find(section, SEVERITY_WARNING, HARM_CLUTTER, name, NULL,
                     "There are several BIMI records, so none of them counts: leave one.");
    else if (count && bimi_record_parse(texts[0], &record, &error) != OK)
        section_find(section, SEVERITY_WARNING, HARM_CLUTTER, name, NULL,
                     "The record cannot be used: %s.", error.text);
    else if (count && record.location.len) {
        check_dmarc(lint, section, name);
        if (!record.evidence.len)
            section_find(
                section, SEVERITY_ADVICE, HARM_CLUTTER, name, NULL,
                "Without a certificate (a=) large mailbox providers do not show the logo.");
        if (!bytes_ends_with_nocase(record.location, BYTES(".svg")))
            section_find(section, SEVERITY_ADVICE, HARM_CLUTTER, name, NULL,
                         "The logo (l=) should be an SVG file.");
    }
    if (!section->finding_count)
        section_find(section, SEVERITY_FINE, HARM_CLUTTER, name, NULL,
                     count ? "The record can be read." : "There is no logo.");
}
