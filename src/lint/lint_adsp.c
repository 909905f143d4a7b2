/* SPDX-License-Identifier: BSD-2-Clause */
/* Policies about signatures that came before DMARC: DomainKeys' (rfc4870:3.6) and ADSP (RFC 5617).
 */
#include "auth/dkim_tags.h"
#include "lint/lint.h"

static void check_policy(struct section *section, struct bytes name, struct bytes text)
{
    struct dkim_tags tags;
    struct error error;
    section_show(section, 0, BYTES_FMT ": " BYTES_FMT, BYTES_ARG(name), BYTES_ARG(text));
    if (dkim_tags_parse(text, &tags, &error) != OK) {
        section_find(
            section, SEVERITY_ADVICE, HARM_CLUTTER, name, "rfc4870:3.6",
            "The DomainKeys policy cannot be read (%s); nobody needs one any more: delete it.",
            error.text);
        return;
    }
    const struct dkim_tag *practice = dkim_tags_find(&tags, "o");
    bool all = practice && bytes_is(practice->value, "-");
    if (practice && !all && !bytes_is(practice->value, "~"))
        section_find(section, SEVERITY_ADVICE, HARM_CLUTTER, name, "rfc4870:3.6",
                     "The DomainKeys policy o=" BYTES_FMT " does not exist; delete the record.",
                     BYTES_ARG(bytes_first(practice->value, 40)));
    else
        section_find(
            section, SEVERITY_ADVICE, HARM_CLUTTER, name, "rfc4870:3.6",
            "The record is a policy of DomainKeys (%s), which DMARC has replaced: delete it.",
            all ? "all mail is signed" : "some mail is signed");
}

static void check_adsp(struct section *section, struct bytes name, struct bytes text)
{
    struct dkim_tags tags;
    section_show(section, 0, BYTES_FMT ": " BYTES_FMT, BYTES_ARG(name), BYTES_ARG(text));
    /* rfc5617:4.2.1: the dkim= tag comes first, or the record is none. */
    const struct dkim_tag *practice =
        dkim_tags_parse(text, &tags, NULL) == OK ? dkim_tags_find(&tags, "dkim") : NULL;
    if (!practice || practice != &tags.list[0]) {
        section_find(section, SEVERITY_ADVICE, HARM_CLUTTER, name, "rfc5617:4.2.1",
                     "This is no ADSP record, for it does not begin with dkim=; delete it.");
        return;
    }
    if (bytes_is(practice->value, "discardable"))
        section_find(
            section, SEVERITY_WARNING, HARM_MAIL_LOST, name, "rfc5617:4.2.1",
            "ADSP asks to throw away mail without a signature of the domain (discardable): "
            "the few that obey lose mail of lists; delete it and use DMARC.");
    else
        section_find(section, SEVERITY_ADVICE, HARM_CLUTTER, name, "rfc5617:4.2.1",
                     "ADSP is historic and DMARC has replaced it: delete the record.");
}

void lint_adsp(struct lint *lint, struct section *section)
{
    struct bytes name = lint_name(section, "_domainkey." BYTES_FMT, BYTES_ARG(lint->domain));
    const struct dns_answer *answer = lint_ask(lint, section, name, DNS_TXT);
    for (size_t i = 0; i < answer->count; i++)
        check_policy(section, name, answer->records[i].text);
    name = lint_name(section, "_adsp._domainkey." BYTES_FMT, BYTES_ARG(lint->domain));
    answer = lint_ask(lint, section, name, DNS_TXT);
    for (size_t i = 0; i < answer->count; i++)
        check_adsp(section, name, answer->records[i].text);
    if (!section->finding_count)
        section_find(section, SEVERITY_FINE, HARM_CLUTTER, lint->domain, "rfc5617:4.2",
                     "There are no leftovers of older signing policies.");
}
