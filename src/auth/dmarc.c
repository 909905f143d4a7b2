/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/dmarc.h"

#include "auth/dmarc_walk.h"
#include "auth/organization.h"
#include "base/domain.h"

/* One message under way. */
struct check {
    const struct dmarc_request *request;
    struct dmarc_result *result;
    struct dmarc_discovery discovery;
    struct bytes author;
    struct dmarc_lookup *policy; /* the record that applies */
    struct bytes organization;   /* of the author domain; empty until it is needed */
    enum dmarc_organization_source organization_source;
    struct dmarc_step existence; /* the question whether the author domain exists, if asked */
    bool failed;                 /* a question that would have decided something failed */
};

static void conclude(struct check *check, enum auth_result result, const char *problem)
{
    check->result->result = result;
    check->result->problem = arena_copy(check->discovery.arena, bytes_of(problem));
}

static enum result organization_of(struct check *check, struct bytes name, struct bytes *out,
                                   enum dmarc_organization_source *source)
{
    if (check->request->mode == DMARC_SUFFIX_LIST) {
        enum result result = organization_domain(name, out);
        *source = result == NONE ? DMARC_ORGANIZATION_SUFFIX : DMARC_ORGANIZATION_LIST;
        if (result == NONE)
            *out = name; /* a public suffix stands for itself */
        return result == TEMP ? TEMP : OK;
    }
    struct dmarc_walk walk;
    if (dmarc_walk(&check->discovery, name, &walk) != OK)
        return TEMP;
    *out = dmarc_walk_organization(&walk, name, source);
    return OK;
}

static bool find_author_organization(struct check *check)
{
    if (check->organization.len)
        return true;
    return organization_of(check, check->author, &check->organization,
                           &check->organization_source) == OK;
}

/* Policy discovery (rfc9989:4.10.1, rfc7489:6.6.3) */

/* The author domain's own record, else that of its organizational domain, else that of the public
 * suffix at which the walk ended. */
static struct dmarc_lookup *find_record(struct check *check)
{
    struct dmarc_lookup *own = dmarc_lookup(&check->discovery, check->author);
    if (!own || own->status == DMARC_LOOKUP_FAILED) {
        check->failed = true;
        return NULL;
    }
    bool suffix_list = check->request->mode == DMARC_SUFFIX_LIST;
    if (own->status == DMARC_LOOKUP_RECORD || (suffix_list && own->status == DMARC_LOOKUP_SEVERAL))
        return own;
    if (!find_author_organization(check)) {
        check->failed = true;
        return NULL;
    }
    struct dmarc_lookup *above = dmarc_lookup(&check->discovery, check->organization);
    if (!above || above->status == DMARC_LOOKUP_FAILED) {
        check->failed = true;
        return NULL;
    }
    if (above->status == DMARC_LOOKUP_RECORD || suffix_list)
        return above;
    struct dmarc_walk walk;
    if (dmarc_walk(&check->discovery, check->author, &walk) != OK)
        return NULL;
    struct dmarc_lookup *last = walk.lookups[walk.count - 1];
    return last->status == DMARC_LOOKUP_RECORD ? last : NULL;
}

static enum dmarc_policy_source source_of(const struct check *check, struct bytes domain)
{
    return bytes_equal(domain, check->author)         ? DMARC_FROM_AUTHOR
           : bytes_equal(domain, check->organization) ? DMARC_FROM_ORGANIZATION
                                                      : DMARC_FROM_PUBLIC_SUFFIX;
}

static bool discover(struct check *check)
{
    struct dmarc_lookup *found = find_record(check);
    if (check->failed) {
        conclude(check, AUTH_TEMPERROR, "DNS failed on the way to the DMARC record");
        return false;
    }
    if (!found || found->status != DMARC_LOOKUP_RECORD) {
        conclude(check, AUTH_NONE, "the domain has no DMARC record");
        return false;
    }
    struct dmarc_result *result = check->result;
    check->policy = found;
    found->step.used = true;
    result->policy_domain = found->domain;
    result->policy_source = source_of(check, found->domain);
    result->record_text = found->text;
    result->record = found->record;
    if (found->unusable) {
        result->problem = found->problem;
        result->result = AUTH_PERMERROR;
        return false;
    }
    return true;
}

/* What each generation of the specification does not know has no effect under it. */
static void forget_foreign_tags(struct check *check)
{
    struct dmarc_record *record = &check->result->record;
    if (check->request->mode == DMARC_TREE_WALK) {
        record->percent = 100;
        record->interval = DMARC_INTERVAL_DEFAULT;
        record->wants_afrf = true;
        return;
    }
    record->absent_policy = record->subdomain_policy;
    record->has_absent_policy = false;
    record->psd = 'u';
    record->testing = false;
}

/* Which of p, sp, np applies */

/* Whether the author domain exists, which NXDOMAIN alone denies (rfc9989:3.2.13). */
static bool author_exists(struct check *check)
{
    struct arena *arena = check->discovery.arena;
    const struct dns_answer *answer = dns_query(check->discovery.dns, arena, check->author, DNS_A,
                                                check->request->deadline);
    check->existence.name = check->author;
    check->existence.answer = answer->status == DNS_FAILED    ? BYTES("DNS failed")
                              : answer->status == DNS_NO_NAME ? BYTES("the domain does not exist")
                                                              : BYTES("the domain exists");
    if (answer->status == DNS_FAILED)
        check->failed = true;
    return answer->status != DNS_NO_NAME;
}

static enum dmarc_policy applicable_policy(struct check *check)
{
    const struct dmarc_record *record = &check->result->record;
    check->result->policy_tag = "p";
    if (bytes_equal(check->policy->domain, check->author))
        return record->policy;
    if (record->has_subdomain_policy)
        check->result->policy_tag = "sp";
    if (record->absent_policy == record->subdomain_policy || author_exists(check))
        return record->subdomain_policy;
    check->result->policy_tag = "np";
    return record->absent_policy;
}

/* t=y asks for one step less (rfc9989:4.7). */
static enum dmarc_policy lowered(enum dmarc_policy policy)
{
    return policy == DMARC_POLICY_REJECT ? DMARC_POLICY_QUARANTINE : DMARC_POLICY_NONE;
}

/* Alignment (rfc9989:4.10.2) */

/*
 * An organizational domain is always the name itself or above it. So a name that is not within the
 * author's organizational domain cannot share it, and is not walked: otherwise anybody could sign
 * with a domain whose DNS fails, and turn the failure of a forgery into a temporary error.
 */
static enum dmarc_alignment align(struct check *check, struct dmarc_identifier *identifier)
{
    struct bytes name = dmarc_normalize(check->discovery.arena, identifier->domain);
    enum dmarc_organization_source ignored;
    if (name.len == 0)
        return DMARC_NOT_ALIGNED;
    if (bytes_equal(name, check->author))
        return DMARC_ALIGNED;
    if (identifier->strict)
        return DMARC_NOT_ALIGNED;
    if (!find_author_organization(check))
        return DMARC_ALIGNMENT_UNKNOWN;
    if (!domain_is_within(name, check->organization))
        return DMARC_NOT_ALIGNED;
    if (organization_of(check, name, &identifier->organization, &ignored) != OK)
        return DMARC_ALIGNMENT_UNKNOWN;
    return bytes_equal(identifier->organization, check->organization) ? DMARC_ALIGNED
                                                                      : DMARC_NOT_ALIGNED;
}

/* An identifier counts when its method passed. One whose method failed temporarily may have passed:
 * if it is aligned, nothing can be said of the message (rfc9989:5.3.6). */
static bool counts(struct check *check, struct dmarc_identifier *identifier)
{
    if (identifier->result != AUTH_PASS && identifier->result != AUTH_TEMPERROR)
        return false;
    identifier->alignment = align(check, identifier);
    bool aligned = identifier->alignment == DMARC_ALIGNED;
    if (identifier->alignment == DMARC_ALIGNMENT_UNKNOWN ||
        (aligned && identifier->result == AUTH_TEMPERROR))
        check->failed = true;
    return aligned && identifier->result == AUTH_PASS;
}

/* All that there are, in the order of the result; false at the arena's cap. */
static bool list_identifiers(struct check *check)
{
    const struct dmarc_request *request = check->request;
    struct dmarc_result *result = check->result;
    struct dmarc_identifier *list =
        arena_alloc_array(check->discovery.arena, DMARC_IDENTIFIERS_MAX + 1, sizeof(*list));
    if (!list)
        return false;
    result->identifiers = list;
    if (request->spf)
        list[result->identifier_count++] =
            (struct dmarc_identifier){.method = "spf",
                                      .result = request->spf->result,
                                      .domain = request->spf->domain,
                                      .strict = result->record.strict_spf};
    for (size_t i = 0; request->dkim && i < request->dkim->count && i < DMARC_IDENTIFIERS_MAX; i++)
        list[result->identifier_count++] =
            (struct dmarc_identifier){.method = "dkim",
                                      .result = request->dkim->signatures[i].result,
                                      .domain = request->dkim->signatures[i].domain,
                                      .strict = result->record.strict_dkim};
    return true;
}

static void evaluate_alignment(struct check *check)
{
    struct dmarc_result *result = check->result;
    if (!list_identifiers(check)) {
        check->failed = true;
        return;
    }
    size_t first_dkim = check->request->spf ? 1 : 0;
    if (first_dkim)
        result->spf_aligned = counts(check, &result->identifiers[0]);
    for (size_t i = first_dkim; i < result->identifier_count && !result->dkim_aligned; i++) {
        result->dkim_aligned = counts(check, &result->identifiers[i]);
        result->dkim_index = result->dkim_aligned ? i - first_dkim : 0;
    }
}

static void settle_policy(struct check *check)
{
    struct dmarc_result *result = check->result;
    result->policy = applicable_policy(check);
    result->effective = result->record.testing ? lowered(result->policy) : result->policy;
    result->percent = result->record.percent;
}

static void evaluate(struct check *check)
{
    struct dmarc_result *result = check->result;
    forget_foreign_tags(check);
    evaluate_alignment(check);
    bool alignment_failed = check->failed;
    check->failed = false;
    settle_policy(check);
    if (result->spf_aligned || result->dkim_aligned)
        conclude(check, AUTH_PASS, "");
    else if (alignment_failed)
        conclude(check, AUTH_TEMPERROR,
                 "an identifier that may be aligned could not be checked");
    else if (check->failed)
        conclude(check, AUTH_TEMPERROR, "DNS failed on whether the domain exists");
    else
        conclude(check, AUTH_FAIL, "");
}

static void list_steps(struct check *check)
{
    struct dmarc_discovery *discovery = &check->discovery;
    struct dmarc_result *result = check->result;
    result->steps = arena_alloc_array(discovery->arena, discovery->count + 1,
                                      sizeof(*result->steps));
    if (!result->steps)
        return;
    for (size_t i = 0; i < discovery->count; i++)
        result->steps[result->step_count++] = discovery->lookups[i]->step;
    if (check->existence.name.len)
        result->steps[result->step_count++] = check->existence;
}

static bool begin(struct check *check, struct dns *dns, struct arena *arena)
{
    struct dmarc_result *result = check->result;
    *result = (struct dmarc_result){
        .record = {.psd = 'u', .percent = 100, .interval = DMARC_INTERVAL_DEFAULT}, .percent = 100};
    dmarc_discovery_init(&check->discovery, dns, arena, check->request->deadline);
    check->author = dmarc_normalize(arena, check->request->author_domain);
    result->author_domain = check->author;
    if (!check->author.len)
        conclude(check, arena_exhausted(arena) ? AUTH_TEMPERROR : AUTH_PERMERROR,
                 "the author domain is not a domain name");
    return check->author.len;
}

static void finish(struct check *check)
{
    struct dmarc_result *result = check->result;
    result->organizational_domain = check->organization;
    result->organization_source = check->organization_source;
    list_steps(check);
    /* What was cut off for want of memory must not decide. */
    if (arena_exhausted(check->discovery.arena) && result->result != AUTH_PASS)
        conclude(check, AUTH_TEMPERROR, "out of memory for this message");
}

void dmarc_check(struct dns *dns, struct arena *arena, const struct dmarc_request *request,
                 struct dmarc_result *result)
{
    struct check check = {.request = request, .result = result};
    if (!begin(&check, dns, arena))
        return;
    if (discover(&check))
        evaluate(&check);
    finish(&check);
}

enum result dmarc_discover(struct dns *dns, struct arena *arena, const struct dmarc_request *request,
                           struct dmarc_result *result)
{
    struct check check = {.request = request, .result = result};
    if (!begin(&check, dns, arena))
        return result->result == AUTH_TEMPERROR ? TEMP : PERM;
    bool found = discover(&check);
    if (found) {
        conclude(&check, AUTH_NONE, "");
        forget_foreign_tags(&check);
        settle_policy(&check);
        if (!find_author_organization(&check) || check.failed)
            conclude(&check, AUTH_TEMPERROR, "DNS failed on the way up the domain's tree");
    }
    finish(&check);
    return result->result == AUTH_TEMPERROR   ? TEMP
           : result->result == AUTH_PERMERROR ? PERM
           : found                            ? OK
                                              : NONE;
}

enum dmarc_policy dmarc_sample(const struct dmarc_result *result, uint32_t random_0_99)
{
    return random_0_99 % 100 < result->percent ? result->effective : lowered(result->effective);
}

enum result dmarc_organizational_domain(struct dns *dns, struct arena *arena, struct bytes name,
                                        enum dmarc_mode mode, int64_t deadline, struct bytes *out)
{
    struct dmarc_request request = {.mode = mode, .deadline = deadline};
    struct check check = {.request = &request};
    enum dmarc_organization_source ignored;
    dmarc_discovery_init(&check.discovery, dns, arena, deadline);
    struct bytes normal = dmarc_normalize(arena, name);
    if (!normal.len)
        return PERM;
    return organization_of(&check, normal, out, &ignored);
}
