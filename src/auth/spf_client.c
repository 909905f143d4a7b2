/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/spf_check.h"

#include "auth/iprev.h"
#include "base/domain.h"
#include "fiber/fiber.h"

static void ask(struct spf_check *check)
{
    struct spf_client_names *names = &check->names;
    uint8_t text[IPREV_NAME_MAX];
    if (names->asked)
        return;
    names->asked = true;
    names->answer = spf_query(check, iprev_reverse_name(&check->ip, text), DNS_PTR);
    if (names->answer->status == DNS_FOUND)
        names->count = names->answer->count;
    /* The owner of the address made these; all beyond the limit are ignored (rfc7208:4.6.4). */
    if (names->count > check->limits.ptr_names)
        names->count = check->limits.ptr_names;
}

/* Whether the name leads back to the client. A DNS error skips the name (rfc7208:5.5). */
static bool is_validated(struct spf_check *check, size_t index)
{
    struct spf_client_names *names = &check->names;
    if (names->validated[index])
        return names->validated[index] > 0;
    names->validated[index] = -1;
    const struct dns_answer *answer =
        spf_query(check, names->answer->records[index].name, spf_address_type(check));
    if (answer->status == DNS_FOUND)
        for (size_t i = 0; i < answer->count; i++)
            if (ip_equal(&answer->records[i].ip, &check->ip))
                names->validated[index] = 1;
    return names->validated[index] > 0;
}

/* An error of DNS is no match; but our own time running out is not the client's luck. */
static bool time_is_up(const struct spf_check *check)
{
    return fiber_current() && loop_now() >= check->request->deadline;
}

enum spf_match spf_match_client_name(struct spf_check *check, struct bytes target,
                                     struct spf_step *step)
{
    ask(check);
    spf_step_found_answer(check, step, check->names.answer);
    /* Only names within the target can decide, so only they are looked up. */
    for (size_t i = 0; i < check->names.count; i++)
        if (domain_is_within(check->names.answer->records[i].name, target) &&
            is_validated(check, i))
            return SPF_MATCH;
    if (time_is_up(check)) {
        error_set(&check->error, TEMP, "the time for the SPF check has run out");
        return SPF_TEMPERROR;
    }
    if (check->names.answer->status == DNS_FAILED || check->names.answer->count)
        return SPF_NO_MATCH;
    return spf_count_void_lookup(check) ? SPF_NO_MATCH : SPF_PERMERROR;
}

enum closeness { SAME, BELOW, ANY };

static bool is_close(struct bytes name, struct bytes domain, enum closeness closeness)
{
    return closeness == ANY ||
           (closeness == BELOW ? domain_is_within(name, domain) : bytes_equal_nocase(name, domain));
}

/* <domain> itself, else a name below it, else any validated name (rfc7208:7.3). */
struct bytes spf_client_name_macro(void *context)
{
    struct spf_check *check = context;
    if (!check->in_explanation && !spf_count_term(check)) {
        check->over_limit = true;
        return BYTES("unknown");
    }
    ask(check);
    struct bytes domain = domain_strip_dot(check->values.domain);
    for (enum closeness closeness = SAME; closeness <= ANY; closeness++) {
        for (size_t i = 0; i < check->names.count; i++) {
            struct bytes name = check->names.answer->records[i].name;
            if (is_close(name, domain, closeness) && is_validated(check, i))
                return name;
        }
    }
    return BYTES("unknown");
}
