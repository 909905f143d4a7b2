/* SPDX-License-Identifier: BSD-2-Clause */
#include "filter/phishing.h"

#include "filter/phishing_hosts.h"
#include "filter/phishing_private.h"
#include "filter/rules.h"

#include "base/domain.h"
#include "message/mailbox.h"

enum { SHOWN_MAX = 100 };

const char *phishing_kind_name(enum phishing_kind kind)
{
    static const char *const names[PHISHING_KINDS] = {
        [PHISHING_DISPLAY_NAME] = "display-name", [PHISHING_DISPLAY_OTHER] = "display-other",
        [PHISHING_HOMOGRAPH] = "homograph",       [PHISHING_LOOK_ALIKE] = "look-alike",
        [PHISHING_NAME_PART] = "name-part",       [PHISHING_SUBDOMAIN] = "subdomain",
        [PHISHING_LINK_TEXT] = "link-text",       [PHISHING_LINK_TRACKER] = "link-tracker",
        [PHISHING_REPLY_TO] = "reply-to",
    };
    return names[kind];
}

void phishing_found(struct phishing_look *look, enum phishing_kind kind, struct bytes claimed, struct bytes real,
                    const char *before, const char *between)
{
    struct phishing_findings *out = look->out;
    struct phishing_finding finding = {.kind = kind};
    if (out->count == PHISHING_FINDINGS_MAX)
        return;
    finding.claimed = rules_shown(look->arena, claimed, SHOWN_MAX);
    finding.real = rules_shown(look->arena, real, SHOWN_MAX);
    for (size_t i = 0; i < out->count; i++)
        if (out->list[i].kind == kind && bytes_equal(out->list[i].claimed, finding.claimed) &&
            bytes_equal(out->list[i].real, finding.real))
            return;
    finding.reason = arena_printf(look->arena, "%s " BYTES_FMT " %s " BYTES_FMT, before, BYTES_ARG(finding.claimed),
                                  between, BYTES_ARG(finding.real));
    if (!finding.claimed.ptr || !finding.real.ptr || !finding.reason.ptr) {
        look->exhausted = true;
        return;
    }
    out->list[out->count++] = finding;
}

bool phishing_is_protected(const struct phishing_look *look, struct bytes organization)
{
    for (size_t i = 0; i < look->contact_count; i++)
        if (bytes_equal(look->contacts[i].domain, organization))
            return true;
    return phishing_names_find(look->request->names, organization);
}

/* ---- domains ---- */

static const struct phishing_name *find_resembled(const struct phishing_look *look, const struct phishing_name *name,
                                                  enum phishing_kind *kind)
{
    const struct phishing_name *found;
    if (phishing_is_protected(look, name->domain))
        return NULL;
    found = phishing_names_resembled(look->request->names, name, kind);
    for (size_t i = 0; i < look->contact_count && !found; i++)
        if (phishing_name_resembles(name, &look->contacts[i], kind))
            found = &look->contacts[i];
    return found;
}

void phishing_look_at_domain(struct phishing_look *look, struct bytes host, const char *what)
{
    phishing_look_at_organization(look, host, look->request->organization(host), what);
}

void phishing_look_at_organization(struct phishing_look *look, struct bytes host, struct bytes organization,
                                   const char *what)
{
    struct phishing_name name;
    enum phishing_kind kind;
    if (!phishing_name_take_apart(look->arena, organization, &name)) {
        look->exhausted = true;
        return;
    }
    if (!name.domain.len || phishing_is_protected(look, name.domain))
        return;
    const struct phishing_name *like = find_resembled(look, &name, &kind);
    if (like) {
        phishing_found(look, kind, like->domain, host, what,
                       kind == PHISHING_NAME_PART ? "is borrowed by" : "is imitated by");
        return;
    }
    like = phishing_names_within(look->request->names, host, name.domain);
    if (like)
        phishing_found(look, PHISHING_SUBDOMAIN, like->domain, host, what, "stands within");
    else if (confusable_mixes_scripts(name.label))
        phishing_found(look, PHISHING_HOMOGRAPH, name.looks, host, what, "is read, in letters of several scripts, for");
}

/* ---- Reply-To ---- */

/* A mailbox that anybody gets for nothing, while the author has another one: answers would go to who knows whom.
 * Forms on web sites do the same when they write to their owner, in his own name. */
static void look_at_reply_to(struct phishing_look *look)
{
    const struct phishing_request *request = look->request;
    struct bytes domain = mailbox_domain(request->reply_to);
    if (!domain.len || request->list || !look->author.domain.len)
        return;
    struct bytes lower = arena_lower(look->arena, domain), organization;
    if (!lower.ptr) {
        look->exhausted = true;
        return;
    }
    organization = request->organization(lower);
    if (bytes_equal_nocase(request->reply_to, request->author) ||
        (organization.len && bytes_equal(organization, look->author.domain) && !phishing_is_free_mail(lower)))
        return;
    const struct phishing_name *author = phishing_names_find(request->names, look->author.domain);
    bool author_is_free = phishing_is_free_mail(request->author_domain);
    bool spoofed = author && !request->authenticated;
    if (phishing_is_free_mail(lower) && (author_is_free || spoofed || (author && !author->own)))
        phishing_found(look, PHISHING_REPLY_TO, request->author, request->reply_to, "answers to", "would go to");
    phishing_look_at_domain(look, lower, "with Reply-To the name");
}

/* ---- all of it ---- */

static bool read_names(struct phishing_look *look)
{
    const struct phishing_request *request = look->request;
    if (!phishing_name_read(look->arena, request->author_domain, request->organization, &look->author))
        return false;
    for (size_t i = 0; i < request->contact_count && look->contact_count < PHISHING_CONTACTS_MAX; i++) {
        struct phishing_name *contact = &look->contacts[look->contact_count];
        struct bytes domain = request->contacts[i];
        if (!phishing_name_read(look->arena, domain, request->organization, contact))
            return false;
        /* Free mailboxes are nobody's in particular. */
        look->contact_count += contact->domain.len && contact->looks.len && !phishing_is_free_mail(domain);
    }
    return true;
}

enum result phishing_examine(struct arena *arena, const struct phishing_request *request,
                             struct phishing_findings *out, struct error *error)
{
    struct phishing_look look = {.arena = arena, .request = request, .out = out};
    out->count = 0;
    if (!read_names(&look))
        return error_set(error, TEMP, "no memory to look for phishing");
    if (request->author_domain.len) {
        phishing_look_at_display_name(&look);
        phishing_look_at_domain(&look, request->author_domain, "the author's domain:");
        look_at_reply_to(&look);
    }
    phishing_look_at_links(&look);
    if (look.exhausted || arena_exhausted(arena))
        return error_set(error, TEMP, "no memory to look for phishing");
    return OK;
}
