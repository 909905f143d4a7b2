/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole DMARC check. Input, a line each: mode and results ("T" or "S", then a letter for SPF and
 * one for DKIM: "p" pass, "t" temperror, others fail), author domain, SPF domain, DKIM domain; the
 * rest is a zone.
 */
#include "auth/dmarc.h"
#include "base/domain.h"
#include "dns/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ORIGIN_QUERIES_MAX = 8 * 3 + 2 }; /* three walks, the record again, whether it exists */

static enum auth_result result_of(struct bytes line, size_t at)
{
    uint8_t letter = at < line.len ? line.ptr[at] : 'f';
    return letter == 'p' ? AUTH_PASS : letter == 't' ? AUTH_TEMPERROR : AUTH_FAIL;
}

static struct bytes next_line(struct bytes *rest)
{
    struct bytes line = BYTES("");
    bytes_split(rest, '\n', &line);
    return line;
}

static bool same_top(struct bytes a, struct bytes b)
{
    return bytes_equal_nocase(domain_last_labels(domain_strip_dot(a), 1),
                              domain_last_labels(domain_strip_dot(b), 1));
}

static void check(const struct dmarc_request *request, const struct dmarc_result *r)
{
    bool aligned = r->spf_aligned || r->dkim_aligned;
    require((r->result == AUTH_PASS) == aligned);
    require(!r->spf_aligned || request->spf->result == AUTH_PASS);
    require(!r->dkim_aligned || request->dkim->signatures[r->dkim_index].result == AUTH_PASS);
    /* ASCII names that are aligned share at least their last label. */
    if (r->spf_aligned && bytes_find_byte(request->spf->domain, 0xc3) == BYTES_NOT_FOUND &&
        bytes_equal_nocase(domain_strip_dot(request->author_domain), r->author_domain) &&
        domain_is_valid(domain_strip_dot(request->spf->domain)))
        require(same_top(request->spf->domain, r->author_domain));
    require(r->result != AUTH_FAIL || r->record_text.len);
    require(r->policy_domain.len == 0 || domain_is_within(r->author_domain, r->policy_domain));
    require(r->organizational_domain.len == 0 ||
            domain_is_within(r->author_domain, r->organizational_domain));
    require(r->effective <= r->policy);
    require(r->step_count <= ORIGIN_QUERIES_MAX);
    size_t used = 0;
    for (size_t i = 0; i < r->step_count; i++)
        used += r->steps[i].used;
    require(used == (r->record_text.len > 0));
    require(r->identifier_count == (r->policy_tag ? 2 : 0));
    for (uint32_t chance = 0; chance < 100; chance++) {
        enum dmarc_policy sampled = dmarc_sample(r, chance);
        require(sampled <= r->effective && sampled + 1 >= r->effective);
        require(request->mode == DMARC_SUFFIX_LIST || sampled == r->effective);
    }
}

/* Without a message the same record and policy are found. */
static void check_discovery(struct dns *dns, struct arena *arena,
                            const struct dmarc_request *request, const struct dmarc_result *r)
{
    struct dmarc_result found;
    enum result result = dmarc_discover(dns, arena, request, &found);
    require((result == OK) == (found.result == AUTH_NONE && found.record_text.len > 0));
    require(bytes_equal(found.record_text, r->record_text));
    require(found.policy == r->policy && found.effective == r->effective);
    require(result != OK || found.organization_source != DMARC_ORGANIZATION_NOT_SOUGHT);
    require(found.policy_source == r->policy_source && found.identifier_count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = bytes_from(size ? data : (const uint8_t *)"", size);
    struct bytes head = next_line(&rest);
    struct spf_result spf = {.result = result_of(head, 1)};
    struct dkim_signature_result signature = {.result = result_of(head, 2)};
    struct dkim_results dkim = {.signatures = &signature, .count = 1};
    struct dmarc_request request = {.spf = &spf, .dkim = &dkim, .deadline = INT64_MAX};
    struct dmarc_result result;
    struct error error;
    struct arena *arena = arena_create(1 << 22);
    struct zone *zone = zone_create();
    request.mode = bytes_starts_with(head, BYTES("S")) ? DMARC_SUFFIX_LIST : DMARC_TREE_WALK;
    request.author_domain = next_line(&rest);
    spf.domain = next_line(&rest);
    signature.domain = next_line(&rest);
    /* What stands before a malformed line is a zone too. */
    (void)!zone_load(zone, rest.ptr ? rest : BYTES(""), &error);
    dmarc_check(zone_dns(zone), arena, &request, &result);
    check(&request, &result);
    require(zone_question_count(zone) <= ORIGIN_QUERIES_MAX);
    check_discovery(zone_dns(zone), arena, &request, &result);
    zone_destroy(zone);
    arena_destroy(arena);
    return 0;
}
