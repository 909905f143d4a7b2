/* SPDX-License-Identifier: BSD-2-Clause */
/* DMARC: the walk to the record, the record, and who gets its reports (RFC 9989, 9990). */
#include "auth/dmarc_walk.h"
#include "auth/organization.h"
#include "base/domain.h"
#include "lint/dmarc_mend.h"
#include "lint/lint.h"
#include "lint/record_text.h"

struct dmarc_lint {
    struct lint *lint;
    struct section *section;
    struct dmarc_discovery discovery;
    struct dmarc_walk walk;
    const struct dmarc_lookup *used;
    bool complete;             /* the walk came to its end */
    struct bytes organization; /* by the walk; empty unless it is complete */
    struct bytes name;         /* "_dmarc." and where the record is, or should be */
    bool policy_is_wrong;      /* p=, sp= or np= is missing or no policy */
    struct bytes fix;          /* the one corrected record, for every finding about it */
};

static struct bytes zone_line(struct dmarc_lint *dmarc, struct bytes text)
{
    return text.len ? record_text_zone_line(dmarc->section->arena, dmarc->name, text) : BYTES("");
}

static bool is_own(const struct dmarc_lint *dmarc)
{
    return bytes_equal(dmarc->used->domain, dmarc->lint->domain);
}

static void show_walk(struct dmarc_lint *dmarc)
{
    for (size_t i = 0; i < dmarc->walk.count; i++) {
        const struct dmarc_lookup *lookup = dmarc->walk.lookups[i];
        section_show(dmarc->section, 0, BYTES_FMT ": " BYTES_FMT "%s", BYTES_ARG(lookup->step.name),
                     BYTES_ARG(lookup->step.answer), lookup == dmarc->used ? " (used)" : "");
    }
    if (dmarc->complete)
        section_show(dmarc->section, 0, "organizational domain: " BYTES_FMT,
                     BYTES_ARG(dmarc->organization));
}

static const struct dmarc_lookup *lookup_at(struct dmarc_lint *dmarc, struct bytes domain)
{
    for (size_t i = 0; i < dmarc->walk.count; i++)
        if (bytes_equal(dmarc->walk.lookups[i]->domain, domain) &&
            dmarc->walk.lookups[i]->status == DMARC_LOOKUP_RECORD)
            return dmarc->walk.lookups[i];
    return NULL;
}

static void check_policy(struct dmarc_lint *dmarc)
{
    struct section *section = dmarc->section;
    const struct dmarc_lookup *used = dmarc->used;
    const struct dmarc_record *record = &used->record;
    bool own = is_own(dmarc);
    enum dmarc_policy policy = own ? record->policy : record->subdomain_policy;
    if (policy == DMARC_POLICY_NONE && !dmarc->policy_is_wrong)
        section_find(
            section, SEVERITY_WARNING, HARM_FORGERY, dmarc->name, "rfc9989:5.2",
            "The policy is none: forgeries are reported, if at all, but delivered; when the "
            "reports show that own mail passes, ask for quarantine or reject.")
            ->fix = dmarc->fix;
    if (record->testing && policy != DMARC_POLICY_NONE)
        section_find(
            section, SEVERITY_WARNING, HARM_FORGERY, dmarc->name, "rfc9989:4.7",
            "The policy is marked as being tested (t=y), so it is applied one step lower.");
    if (own && record->has_subdomain_policy && record->subdomain_policy < record->policy)
        section_find(section, SEVERITY_WARNING, HARM_FORGERY, dmarc->name, "rfc9989:4.7",
                     "Subdomains have a weaker policy (sp=%s) than the domain (p=%s): forgers use "
                     "subdomains then.",
                     dmarc_policy_name(record->subdomain_policy),
                     dmarc_policy_name(record->policy));
    if (record->has_absent_policy && record->absent_policy < record->policy)
        section_find(
            section, SEVERITY_WARNING, HARM_FORGERY, dmarc->name, "rfc9989:4.7",
            "Subdomains that do not exist have a weaker policy (np=%s) than the domain (p=%s).",
            dmarc_policy_name(record->absent_policy), dmarc_policy_name(record->policy));
}

static struct bytes tag_value(struct bytes text, const char *wanted)
{
    struct bytes tag;
    while (bytes_split(&text, ';', &tag)) {
        size_t equals = bytes_find_byte(tag, '=');
        if (equals != BYTES_NOT_FOUND &&
            bytes_is_nocase(bytes_trim(bytes_first(tag, equals)), wanted))
            return bytes_trim(bytes_skip(tag, equals + 1));
    }
    return (struct bytes){NULL, 0};
}

static void check_syntax(struct dmarc_lint *dmarc)
{
    static const char *const gone[] = {"pct", "rf", "ri"};
    static const char *const known[] = {"v",   "p",   "sp",  "np", "adkim", "aspf", "fo",
                                        "psd", "rua", "ruf", "t",  "pct",   "rf",   "ri"};
    struct section *section = dmarc->section;
    struct bytes text = dmarc->used->text, rest = text, tag;
    for (size_t i = 0; i < countof(gone); i++)
        if (tag_value(text, gone[i]).ptr)
            section_find(
                section, SEVERITY_ADVICE, HARM_CLUTTER, dmarc->name, "rfc9989:4.7",
                "The tag %s= exists no more%s.", gone[i],
                i == 0 ? ": receivers of today apply the policy to all mail (t=y is for tests)"
                       : "")
                ->fix = dmarc->fix;
    while (bytes_split(&rest, ';', &tag)) {
        size_t equals = bytes_find_byte(tag, '=');
        struct bytes name = bytes_trim(bytes_first(tag, equals));
        bool fine = equals == BYTES_NOT_FOUND ? !name.len : false;
        for (size_t i = 0; equals != BYTES_NOT_FOUND && i < countof(known) && !fine; i++)
            fine = bytes_is_nocase(name, known[i]);
        if (!fine)
            section_find(section, SEVERITY_WARNING, HARM_WEAKNESS, dmarc->name, "rfc9989:4.8",
                         "\"" BYTES_FMT "\" is no tag of DMARC, and ignored.",
                         BYTES_ARG(bytes_first(bytes_trim(tag), 60)))
                ->fix = dmarc->fix;
    }
    if (!tag_value(text, "p").ptr)
        section_find(section, SEVERITY_ERROR, HARM_FORGERY, dmarc->name, "rfc9989:4.7",
                     "The record has no p= tag, so it counts as p=none at best.")
            ->fix = dmarc->fix;
}

/* A policy that is no policy makes the record one of p=none at best (rfc9989:4.7). */
static void check_policy_words(struct dmarc_lint *dmarc)
{
    static const char *const tags[] = {"p", "sp", "np"};
    dmarc->policy_is_wrong = !tag_value(dmarc->used->text, "p").ptr;
    for (size_t i = 0; i < countof(tags); i++) {
        struct bytes word = tag_value(dmarc->used->text, tags[i]);
        enum dmarc_policy policy;
        if (!word.ptr ||
            (dmarc_mend_policy(word, &policy) && bytes_is_nocase(word, dmarc_policy_name(policy))))
            continue;
        dmarc->policy_is_wrong = true;
        section_find(dmarc->section, SEVERITY_ERROR, HARM_FORGERY, dmarc->name, "rfc9989:4.7",
                     "%s=" BYTES_FMT " is no policy (none, quarantine and reject are), so the "
                     "record counts as p=none at best.",
                     tags[i], BYTES_ARG(bytes_first(word, 40)))
            ->fix = dmarc->fix;
    }
}

/* OK, NONE: another's; TEMP: the DNS does not tell. */
static enum result same_organization(struct dmarc_lint *dmarc, struct bytes destination)
{
    struct dmarc_walk walk;
    enum dmarc_organization_source source;
    struct bytes normal = dmarc_normalize(dmarc->section->arena, destination);
    if (!normal.len)
        return NONE;
    if (!dmarc->complete || dmarc_walk(&dmarc->discovery, normal, &walk) != OK)
        return TEMP;
    struct bytes found = dmarc_walk_organization(&walk, normal, &source);
    return bytes_equal_nocase(found, dmarc->organization) ? OK : NONE;
}

/* rfc9990:4: a destination elsewhere must have said that it wants the reports. */
static void check_destination(struct dmarc_lint *dmarc, const char *tag, struct bytes address)
{
    struct section *section = dmarc->section;
    struct bytes texts[LINT_TEXTS_MAX];
    size_t count, at = bytes_rfind_byte(address, '@');
    size_t size = bytes_find_byte(address, '!');
    address = bytes_first(address, size == BYTES_NOT_FOUND ? address.len : size);
    if (!bytes_starts_with_nocase(address, BYTES("mailto:")) || at == BYTES_NOT_FOUND ||
        !domain_is_valid(bytes_skip(address, at + 1))) {
        section_find(section, SEVERITY_WARNING, HARM_WEAKNESS, dmarc->name, "rfc9989:4.7",
                     "%s= names \"" BYTES_FMT
                     "\", which is no address to send reports to; it is written "
                     "mailto:name@domain.",
                     tag, BYTES_ARG(bytes_first(address, 80)))
            ->fix = dmarc->fix;
        return;
    }
    struct bytes domain = bytes_skip(address, at + 1);
    if (domain_is_within(domain, dmarc->used->domain))
        return;
    enum result same = same_organization(dmarc, domain);
    if (same == OK)
        return;
    struct bytes name = lint_name(section, BYTES_FMT "._report._dmarc." BYTES_FMT,
                                  BYTES_ARG(dmarc->used->domain), BYTES_ARG(domain));
    enum dns_status status = lint_texts(dmarc->lint, section, name, "v=DMARC1", texts, &count);
    if (same == NONE && status != DNS_FAILED && !count)
        section_find(section, SEVERITY_WARNING, HARM_WEAKNESS, name, "rfc9990:4",
                     "Reports are to go to " BYTES_FMT
                     ", which has not agreed to get them, so none are "
                     "sent there; its administrator must publish this record.",
                     BYTES_ARG(domain))
            ->fix = record_text_zone_line(section->arena, name, BYTES("v=DMARC1"));
}

static void check_reports(struct dmarc_lint *dmarc)
{
    const struct dmarc_record *record = &dmarc->used->record;
    struct bytes lists[] = {record->rua, record->ruf}, address;
    if (!record->rua.len)
        section_find(
            dmarc->section, SEVERITY_WARNING, HARM_WEAKNESS, dmarc->name, "rfc9989:4.7",
            "Nobody gets reports (no rua=), so failing own mail and forgeries stay unseen.")
            ->fix = dmarc->fix;
    for (size_t i = 0; i < countof(lists); i++) {
        size_t count = 0;
        while (lists[i].len && count++ < 10 && bytes_split(&lists[i], ',', &address))
            check_destination(dmarc, i ? "ruf" : "rua", bytes_trim(address));
    }
}

static void check_none(struct dmarc_lint *dmarc)
{
    struct section *section = dmarc->section;
    struct bytes proposal = lint_name(section, "v=DMARC1; p=none; rua=mailto:dmarc@" BYTES_FMT,
                                      BYTES_ARG(dmarc->lint->domain));
    bool explained = false;
    for (size_t i = 0; i < dmarc->walk.count; i++) {
        const struct dmarc_lookup *lookup = dmarc->walk.lookups[i];
        if (lookup->status != DMARC_LOOKUP_SEVERAL)
            continue;
        explained = true;
        section_find(section, SEVERITY_ERROR, HARM_FORGERY, lookup->step.name, "rfc9989:4.10",
                     "There are several DMARC records, so none of them counts: leave one.");
    }
    const struct dns_answer *answer = lint_ask(dmarc->lint, section, dmarc->name, DNS_TXT);
    for (size_t i = 0; i < answer->count && !explained; i++)
        if (bytes_find_nocase(answer->records[i].text, BYTES("dmarc")) != BYTES_NOT_FOUND) {
            explained = true;
            section_find(section, SEVERITY_ERROR, HARM_FORGERY, dmarc->name, "rfc9989:4.8",
                         "\"" BYTES_FMT "\" is no DMARC record: one begins with \"v=DMARC1;\", in "
                         "capitals.",
                         BYTES_ARG(bytes_first(answer->records[i].text, 60)))
                ->fix = zone_line(dmarc, dmarc_mend(section->arena, answer->records[i].text,
                                                    dmarc->lint->domain, false));
        }
    if (!explained)
        section_find(
            section, SEVERITY_ERROR, HARM_FORGERY, dmarc->name, "rfc9989:4.10",
            "There is no DMARC record, so anybody can write the domain into From, and large "
            "receivers refuse bulk mail; begin with one that only asks for reports.")
            ->fix = zone_line(dmarc, proposal);
}

/* What receivers that still use the list of public suffixes see (rfc7489:3.2). */
static void check_suffix_list(struct dmarc_lint *dmarc)
{
    struct bytes organization;
    if (organization_domain(dmarc->lint->domain, &organization) != OK ||
        bytes_equal_nocase(organization, dmarc->organization))
        return;
    section_show(dmarc->section, 0,
                 "organizational domain by the list of public suffixes: " BYTES_FMT,
                 BYTES_ARG(organization));
    section_find(
        dmarc->section, SEVERITY_ADVICE, HARM_WEAKNESS, dmarc->lint->domain, "rfc9989:4.10.2",
        "The walk over DMARC records gives the organizational domain " BYTES_FMT ", the list "
        "of public suffixes " BYTES_FMT ": old and new receivers align mail differently.",
        BYTES_ARG(dmarc->organization), BYTES_ARG(organization));
}

/* Receivers that walk up ask there, too, and may defer the domain's mail (rfc9989:5.3.6). */
static void say_what_failed(struct dmarc_lint *dmarc)
{
    bool said = false;
    for (size_t i = 0; i < dmarc->discovery.count; i++) {
        const struct dmarc_lookup *lookup = dmarc->discovery.lookups[i];
        if (lookup->status != DMARC_LOOKUP_FAILED)
            continue;
        said = true;
        section_show(dmarc->section, 0, BYTES_FMT ": " BYTES_FMT, BYTES_ARG(lookup->step.name),
                     BYTES_ARG(lookup->step.answer));
        /* The recorder knows the answer: this only says it. */
        lint_ask(dmarc->lint, dmarc->section, lookup->step.name, DNS_TXT);
    }
    if (!said)
        section_dns_failed(dmarc->section, dmarc->name, "asked for DMARC records");
}

static void check_used(struct dmarc_lint *dmarc)
{
    struct section *section = dmarc->section;
    const struct dmarc_lookup *used = dmarc->used;
    dmarc->name = used->step.name;
    dmarc->fix = zone_line(
        dmarc, dmarc_mend(section->arena, used->text, used->domain, !is_own(dmarc)));
    check_policy_words(dmarc);
    if (used->unusable)
        section_find(section, SEVERITY_ERROR, HARM_FORGERY, dmarc->name, "rfc9989:4.10.1",
                     "The record cannot be used (" BYTES_FMT "), so DMARC is not applied at all.",
                     BYTES_ARG(used->problem))
            ->fix = dmarc->fix;
    else
        check_policy(dmarc);
    check_syntax(dmarc);
    check_reports(dmarc);
    if (dmarc->complete)
        check_suffix_list(dmarc);
}

void lint_dmarc(struct lint *lint, struct section *section)
{
    struct dmarc_lint *dmarc = arena_new(section->arena, struct dmarc_lint);
    enum dmarc_organization_source source;
    if (!dmarc) {
        section->incomplete = true;
        return;
    }
    dmarc->lint = lint;
    dmarc->section = section;
    dmarc->name = lint_name(section, "_dmarc." BYTES_FMT, BYTES_ARG(lint->domain));
    dmarc_discovery_init(&dmarc->discovery, lint->dns, section->arena, lint->deadline);
    dmarc->complete = dmarc_walk(&dmarc->discovery, lint->domain, &dmarc->walk) == OK;
    if (dmarc->complete)
        dmarc->organization = dmarc_walk_organization(&dmarc->walk, lint->domain, &source);
    /* rfc9989:4.10.1: the author domain's record, else the organization's. The first is known
     * whatever fails above it. */
    dmarc->used = lookup_at(dmarc, lint->domain);
    if (!dmarc->used && dmarc->complete)
        dmarc->used = lookup_at(dmarc, dmarc->organization);
    show_walk(dmarc);
    if (!dmarc->complete)
        say_what_failed(dmarc);
    if (dmarc->used)
        check_used(dmarc);
    else if (dmarc->complete)
        check_none(dmarc);
    if (!section->finding_count && dmarc->used)
        section_find(section, SEVERITY_FINE, HARM_CLUTTER, dmarc->name, "rfc9989:4.10",
                     "The policy is %s, and somebody gets the reports.",
                     dmarc_policy_name(dmarc->used->record.policy));
}
