/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/dmarc_text.h"

#include "base/ascii.h"

#include <string.h>

/* What strangers wrote goes to a terminal without its control characters. */
static void add_plain(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        buf_add_byte(out, ascii_is_control(text.ptr[i]) ? '?' : text.ptr[i]);
}

/* Discovery */

static void add_step(struct buf *out, size_t number, const struct dmarc_step *step)
{
    bool existence = !bytes_starts_with(step->name, BYTES("_dmarc."));
    buf_printf(out, "  %zu. asked %s", number, existence ? "whether there is " : "");
    add_plain(out, step->name);
    buf_add_string(out, ": ");
    add_plain(out, step->answer);
    buf_add_string(out, step->used ? "   <- this record applies\n" : "\n");
}

static const char *organization_reason(enum dmarc_organization_source source)
{
    static const char *const reasons[] = {
        [DMARC_ORGANIZATION_PSD_N] = "its record says so (psd=n)",
        [DMARC_ORGANIZATION_BELOW_PSD] = "it is one label below a public suffix (psd=y)",
        [DMARC_ORGANIZATION_SHORTEST] =
            "it is the shortest name on the way up that has a DMARC record",
        [DMARC_ORGANIZATION_START] = "no name on the way up has a DMARC record",
        [DMARC_ORGANIZATION_LIST] = "by the public suffix list",
        [DMARC_ORGANIZATION_SUFFIX] = "the public suffix list has the name itself",
    };
    return reasons[source];
}

static void add_organization(struct buf *out, const struct dmarc_result *dmarc)
{
    if (!dmarc->organizational_domain.len || !organization_reason(dmarc->organization_source))
        return;
    buf_printf(out, "The organizational domain is " BYTES_FMT ": %s.\n",
               BYTES_ARG(dmarc->organizational_domain),
               organization_reason(dmarc->organization_source));
}

static void add_source(struct buf *out, const struct dmarc_result *dmarc)
{
    struct bytes author = dmarc->author_domain, domain = dmarc->policy_domain;
    if (dmarc->policy_source == DMARC_FROM_AUTHOR)
        buf_printf(out, BYTES_FMT " has a record of its own, which comes first.\n", BYTES_ARG(author));
    else if (dmarc->policy_source == DMARC_FROM_ORGANIZATION)
        buf_printf(out, BYTES_FMT " has no record of its own, so that of its organizational domain, "
                        BYTES_FMT ", applies.\n", BYTES_ARG(author), BYTES_ARG(domain));
    else
        buf_printf(out, "Neither " BYTES_FMT " nor its organizational domain has a record, so that of "
                        "the public suffix, " BYTES_FMT ", applies.\n",
                   BYTES_ARG(author), BYTES_ARG(domain));
}

static const char *wish(enum dmarc_policy policy)
{
    return policy == DMARC_POLICY_REJECT       ? "be rejected"
           : policy == DMARC_POLICY_QUARANTINE ? "be treated as suspicious (quarantine)"
                                               : "be treated like any other (none)";
}

static void add_policy(struct buf *out, const struct dmarc_result *dmarc)
{
    const struct dmarc_record *record = &dmarc->record;
    if (!dmarc->policy_tag)
        return;
    buf_printf(out, "Mail of " BYTES_FMT " that fails shall %s, says %s=.\n",
               BYTES_ARG(dmarc->author_domain), wish(dmarc->policy), dmarc->policy_tag);
    if (dmarc->effective != dmarc->policy)
        buf_printf(out, "The domain is only testing (t=y): until then it shall %s.\n",
                   wish(dmarc->effective));
    if (dmarc->percent < 100 && dmarc->effective != DMARC_POLICY_NONE)
        buf_printf(out, "This is for %u%% of it (pct=); the rest shall %s.\n", dmarc->percent,
                   wish(dmarc_sample(dmarc, 99)));
    if (record->strict_spf || record->strict_dkim)
        buf_printf(out, "For %s only the very same domain is aligned (strict).\n",
                   record->strict_spf && record->strict_dkim ? "SPF and DKIM"
                   : record->strict_spf                      ? "SPF"
                                                             : "DKIM");
}

void dmarc_text_discovery(struct buf *out, const struct dmarc_result *dmarc, enum dmarc_mode mode)
{
    buf_printf(out, "\nThe policy of " BYTES_FMT " (%s):\n", BYTES_ARG(dmarc->author_domain),
               mode == DMARC_TREE_WALK ? "RFC 9989, walk up the DNS tree"
                                       : "RFC 7489, public suffix list");
    for (size_t i = 0; i < dmarc->step_count; i++)
        add_step(out, i + 1, &dmarc->steps[i]);
    add_organization(out, dmarc);
    if (dmarc->policy_domain.len)
        add_source(out, dmarc);
    if (dmarc->problem.len)
        buf_printf(out, "So there is no policy to apply: " BYTES_FMT ".\n", BYTES_ARG(dmarc->problem));
    else
        add_policy(out, dmarc);
}

/* Identifiers */

static void add_alignment(struct buf *out, const struct dmarc_result *dmarc,
                          const struct dmarc_identifier *identifier)
{
    bool passed = identifier->result == AUTH_PASS;
    switch (identifier->alignment) {
    case DMARC_ALIGNED:
        buf_add_string(out, "aligned, ");
        if (!identifier->organization.len)
            buf_add_string(out, "it is the author's domain itself");
        else
            buf_printf(out, "its organizational domain is " BYTES_FMT ", too",
                       BYTES_ARG(identifier->organization));
        if (!passed)
            buf_add_string(out, "; but nobody can say whether it passes");
        break;
    case DMARC_NOT_ALIGNED:
        buf_add_string(out, "not aligned, ");
        if (identifier->strict)
            buf_printf(out, "it is not " BYTES_FMT " itself (strict)", BYTES_ARG(dmarc->author_domain));
        else if (identifier->organization.len)
            buf_printf(out, "its organizational domain is " BYTES_FMT,
                       BYTES_ARG(identifier->organization));
        else
            buf_printf(out, "it is not within " BYTES_FMT, BYTES_ARG(dmarc->organizational_domain));
        break;
    case DMARC_ALIGNMENT_UNKNOWN:
        buf_add_string(out, "DNS failed, so nobody can say whether it is aligned");
        break;
    case DMARC_NOT_LOOKED_AT:
        buf_add_string(out, passed ? "not needed, another one is aligned"
                                   : "does not count, since it did not pass");
    }
}

void dmarc_text_identifiers(struct buf *out, const struct dmarc_result *dmarc)
{
    buf_add_string(out, "\nWhat stands behind the author's domain:\n");
    for (size_t i = 0; i < dmarc->identifier_count; i++) {
        const struct dmarc_identifier *identifier = &dmarc->identifiers[i];
        buf_printf(out, "  %-4s %s", strcmp(identifier->method, "spf") == 0 ? "SPF" : "DKIM",
                   auth_result_name(identifier->result));
        buf_add_string(out, " for ");
        add_plain(out, identifier->domain.len ? identifier->domain : BYTES("no domain"));
        buf_add_string(out, ": ");
        add_alignment(out, dmarc, identifier);
        buf_add_byte(out, '\n');
    }
    if (dmarc->identifier_count == 0)
        buf_add_string(out, "  nothing: no SPF result and no DKIM signature\n");
}

/* JSON */

static const char *source_name(enum dmarc_policy_source source)
{
    static const char *const names[] = {"author", "organization", "public-suffix"};
    return names[source];
}

static const char *organization_name(enum dmarc_organization_source source)
{
    static const char *const names[] = {"",      "psd=n",       "below psd=y", "shortest",
                                        "start", "suffix-list", "suffix"};
    return names[source];
}

void dmarc_text_discovery_json(struct json *json, const struct dmarc_result *dmarc,
                               enum dmarc_mode mode)
{
    json_member(json, "discovery", mode == DMARC_TREE_WALK ? "tree-walk" : "suffix-list");
    json_member_bytes(json, "policy_domain", dmarc->policy_domain);
    json_member(json, "policy_source",
                dmarc->policy_domain.len ? source_name(dmarc->policy_source) : "");
    json_member_bytes(json, "organizational_domain", dmarc->organizational_domain);
    json_member(json, "organizational_domain_source", organization_name(dmarc->organization_source));
    json_member_bytes(json, "record", dmarc->record_text);
    json_member(json, "policy", dmarc_policy_name(dmarc->policy));
    json_member(json, "policy_tag", dmarc->policy_tag ? dmarc->policy_tag : "");
    json_member(json, "effective_policy", dmarc_policy_name(dmarc->effective));
    json_member_integer(json, "percent", dmarc->percent);
    json_key(json, "steps");
    json_begin_array(json);
    for (size_t i = 0; i < dmarc->step_count; i++) {
        json_begin_object(json);
        json_member_bytes(json, "name", dmarc->steps[i].name);
        json_member_bytes(json, "answer", dmarc->steps[i].answer);
        json_member_bool(json, "used", dmarc->steps[i].used);
        json_end_object(json);
    }
    json_end_array(json);
}

void dmarc_text_identifiers_json(struct json *json, const struct dmarc_result *dmarc)
{
    static const char *const alignments[] = {"not looked at", "not aligned", "aligned", "unknown"};
    json_key(json, "identifiers");
    json_begin_array(json);
    for (size_t i = 0; i < dmarc->identifier_count; i++) {
        const struct dmarc_identifier *identifier = &dmarc->identifiers[i];
        json_begin_object(json);
        json_member(json, "method", identifier->method);
        json_member(json, "result", auth_result_name(identifier->result));
        json_member_bytes(json, "domain", identifier->domain);
        json_member(json, "mode", identifier->strict ? "strict" : "relaxed");
        json_member(json, "alignment", alignments[identifier->alignment]);
        json_member_bytes(json, "organizational_domain", identifier->organization);
        json_end_object(json);
    }
    json_end_array(json);
}
