/* SPDX-License-Identifier: BSD-2-Clause */
/* Sender ID records, "spf2.0/…" (RFC 4406, historic): few check them, but those that do refuse
 * mail. */
#include "auth/spf_record.h"
#include "base/ascii.h"
#include "lint/lint.h"
#include "lint/record_text.h"

struct scopes {
    bool mfrom, pra;
    struct bytes rest; /* the terms */
};

/* "spf2.0/" and comma-separated scopes, whole words (rfc4406:3.1). */
static bool read_scopes(struct bytes text, struct scopes *out)
{
    size_t blank = bytes_find_byte(text, ' ');
    struct bytes head = bytes_first(text, blank), scope;
    struct bytes list = bytes_skip(head, 7); /* "spf2.0/" */
    *out = (struct scopes){.rest = blank == BYTES_NOT_FOUND ? BYTES("") : bytes_skip(text, blank)};
    if (!list.len)
        return false;
    while (bytes_split(&list, ',', &scope)) {
        if (!scope.len || !ascii_is_alpha(scope.ptr[0]))
            return false;
        out->mfrom |= bytes_is_nocase(scope, "mfrom");
        out->pra |= bytes_is_nocase(scope, "pra");
    }
    return true;
}

static void check_terms(struct lint *lint, struct section *section, const struct scopes *scopes)
{
    struct spf_record record;
    struct error error;
    struct bytes where = BYTES("");
    struct bytes text = lint_name(section, "v=spf1" BYTES_FMT, BYTES_ARG(scopes->rest));
    if (spf_record_parse(section->arena, text, &record, &where, &error) != PERM)
        return;
    section_find(section, SEVERITY_WARNING, HARM_MAIL_LOST, lint->domain, "rfc4406:3.2",
                 "The Sender ID record cannot be read at \"" BYTES_FMT "\" (%s); unless somebody "
                 "needs it, publish the one that opts out.",
                 BYTES_ARG(bytes_first(where, 60)), error.text)
        ->fix = record_text_zone_line(section->arena, lint->domain, BYTES("spf2.0/pra ?all"));
}

/* "v=spf1 -all": nothing sends, under any name, so that it counts for the author's address as well
 * is what is meant. */
static bool never_sends(struct arena *arena, struct bytes text)
{
    struct spf_record record;
    struct bytes where;
    return spf_record_parse(arena, text, &record, &where, NULL) == OK &&
           record.directive_count == 1 && record.directives[0].mechanism == SPF_ALL &&
           record.directives[0].qualifier == '-';
}

void lint_sender_id(struct lint *lint, struct section *section)
{
    const struct dns_answer *answer = lint_ask(lint, section, lint->domain, DNS_TXT);
    size_t mfrom = 0, pra = 0;
    bool spf = false;
    for (size_t i = 0; i < answer->count; i++) {
        struct bytes text = answer->records[i].text;
        struct scopes scopes;
        spf |= spf_record_has_version(text) && !never_sends(section->arena, text);
        if (!bytes_starts_with_nocase(text, BYTES("spf2.0")))
            continue;
        section_show(section, 0, BYTES_FMT, BYTES_ARG(text));
        if (!bytes_starts_with_nocase(text, BYTES("spf2.0/")) || !read_scopes(text, &scopes)) {
            section_find(
                section, SEVERITY_WARNING, HARM_WEAKNESS, lint->domain, "rfc4406:3.1",
                "The Sender ID record names no scope behind \"spf2.0/\", so it is ignored.")
                ->fix =
                record_text_zone_line(section->arena, lint->domain, BYTES("spf2.0/pra ?all"));
            continue;
        }
        mfrom += scopes.mfrom;
        pra += scopes.pra;
        check_terms(lint, section, &scopes);
    }
    if (mfrom > 1 || pra > 1)
        section_find(
            section, SEVERITY_ERROR, HARM_MAIL_LOST, lint->domain, "rfc4406:3.4",
            "Several Sender ID records name the same scope, which makes its check a permanent "
            "error.");
    else if (spf && !pra && answer->status == DNS_FOUND)
        section_find(
            section, SEVERITY_ADVICE, HARM_WEAKNESS, lint->domain, "rfc4406:3.4",
            "The few receivers that still check Sender ID use the SPF record for the author's "
            "address, too, and refuse mail of lists and forwarders; this record opts out.")
            ->fix = record_text_zone_line(section->arena, lint->domain, BYTES("spf2.0/pra ?all"));
    if (!section->finding_count && !section->failures)
        section_find(section, SEVERITY_FINE, HARM_CLUTTER, lint->domain, "rfc4406:3",
                     pra ? "The Sender ID record can be read." : "There is nothing for Sender ID.");
}
