/* SPDX-License-Identifier: BSD-2-Clause */
/* TLSRPT: who wants reports about TLS (RFC 8460). */
#include "lint/lint.h"
#include "lint/record_text.h"
#include "outbound/tlsrpt.h"

void lint_tlsrpt(struct lint *lint, struct section *section)
{
    struct bytes texts[LINT_TEXTS_MAX];
    struct tlsrpt_record record;
    struct error error;
    size_t count;
    struct bytes name = lint_name(section, "_smtp._tls." BYTES_FMT, BYTES_ARG(lint->domain));
    struct bytes proposal = record_text_zone_line(
        section->arena, name,
        lint_name(section, "v=TLSRPTv1; rua=mailto:tlsrpt@" BYTES_FMT, BYTES_ARG(lint->domain)));
    if (lint_texts(lint, section, name, "v=TLSRPT", texts, &count) == DNS_FAILED)
        return;
    for (size_t i = 0; i < count; i++)
        section_show(section, 0, BYTES_FMT, BYTES_ARG(texts[i]));
    if (!count)
        section_find(section, SEVERITY_ADVICE, HARM_WEAKNESS, name, "rfc8460:3",
                     "Nobody is told when mail to the domain cannot be sent over TLS.")
            ->fix = proposal;
    else if (count > 1)
        section_find(section, SEVERITY_ERROR, HARM_WEAKNESS, name, "rfc8460:3",
                     "There are several TLSRPT records, so none of them counts: leave one.");
    else if (tlsrpt_record_parse(texts[0], &record, &error) != OK)
        section_find(section, SEVERITY_ERROR, HARM_WEAKNESS, name, "rfc8460:3",
                     "The record cannot be used (%s), so nobody sends reports.", error.text)
            ->fix = proposal;
    else
        section_find(section, SEVERITY_FINE, HARM_CLUTTER, name, "rfc8460:3",
                     "Reports about TLS are asked for.");
}
