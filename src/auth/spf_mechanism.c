/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/spf_check.h"

#include <string.h>

static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned octets = bits / 8, rest = bits % 8;
    if (memcmp(a, b, octets) != 0)
        return false;
    return rest == 0 || ((a[octets] ^ b[octets]) >> (8 - rest)) == 0;
}

static bool matches(const struct spf_check *check, const struct spf_directive *directive,
                    const struct ip *ip)
{
    unsigned bits = check->ip.family == 4 ? directive->prefix4 : directive->prefix6;
    return ip->family == check->ip.family && same_prefix(ip->octets, check->ip.octets, bits);
}

static bool any_matches(const struct spf_check *check, const struct spf_directive *directive,
                        const struct dns_answer *answer)
{
    for (size_t i = 0; i < answer->count; i++)
        if (matches(check, directive, &answer->records[i].ip))
            return true;
    return false;
}

static enum spf_match dns_error(struct spf_check *check, struct bytes name, enum dns_type type,
                                const struct dns_answer *answer)
{
    char type_name[16];
    error_set(&check->error, TEMP, "the DNS did not answer for " BYTES_FMT " %s: %s",
              BYTES_ARG(bytes_first(name, 255)), dns_type_name(type, type_name),
              answer->problem ? answer->problem : "failure");
    return SPF_TEMPERROR;
}

/* The question that a term asks first. Sets *answer to NULL when the result is there already. */
static enum spf_match ask(struct spf_check *check, struct bytes target, enum dns_type type,
                          struct spf_step *step, const struct dns_answer **out)
{
    const struct dns_answer *answer = spf_query(check, target, type);
    spf_step_found_answer(check, step, answer);
    *out = NULL;
    if (answer->status == DNS_FAILED)
        return dns_error(check, target, type, answer);
    if (answer->status != DNS_FOUND)
        return spf_count_void_lookup(check) ? SPF_NO_MATCH : SPF_PERMERROR;
    *out = answer;
    return SPF_NO_MATCH;
}

/* rfc7208:5.3 */
static enum spf_match match_a(struct spf_check *check, const struct spf_directive *directive,
                              struct bytes target, struct spf_step *step)
{
    const struct dns_answer *answer;
    enum spf_match match = ask(check, target, spf_address_type(check), step, &answer);
    if (!answer)
        return match;
    return any_matches(check, directive, answer) ? SPF_MATCH : SPF_NO_MATCH;
}

/*
 * rfc7208:5.4. More than ten hosts are an error whether or not an early one would match, so that
 * the result does not depend on the order of an answer. The term as a whole counts as one void
 * look-up when nothing at all was found behind it (rfc7208:4.6.4 counts terms).
 */
static enum spf_match match_mx(struct spf_check *check, const struct spf_directive *directive,
                               struct bytes target, struct spf_step *step)
{
    const struct dns_answer *hosts;
    enum spf_match match = ask(check, target, DNS_MX, step, &hosts);
    if (!hosts)
        return match;
    if (hosts->count > check->limits.mx_hosts) {
        error_set(&check->error, PERM, BYTES_FMT " has more than %u MX hosts",
                  BYTES_ARG(bytes_first(target, 255)), check->limits.mx_hosts);
        return SPF_PERMERROR;
    }
    size_t asked = 0, found = 0;
    for (size_t i = 0; i < hosts->count; i++) {
        struct bytes host = hosts->records[i].name;
        if (host.len == 0) /* a null MX names no host (rfc7505:3) */
            continue;
        const struct dns_answer *answer = spf_query(check, host, spf_address_type(check));
        if (answer->status == DNS_FAILED)
            return dns_error(check, host, spf_address_type(check), answer);
        if (any_matches(check, directive, answer))
            return SPF_MATCH;
        asked++;
        found += answer->count != 0;
    }
    if (asked && !found)
        return spf_count_void_lookup(check) ? SPF_NO_MATCH : SPF_PERMERROR;
    return SPF_NO_MATCH;
}

/* rfc7208:5.7: A records, whatever the client's family. */
static enum spf_match match_exists(struct spf_check *check, struct bytes target,
                                   struct spf_step *step)
{
    const struct dns_answer *answer;
    enum spf_match match = ask(check, target, DNS_A, step, &answer);
    return answer ? SPF_MATCH : match;
}

static bool is_ascii(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] > 0x7e)
            return false;
    return true;
}

static enum spf_match match_by_dns(struct spf_check *check, const struct spf_directive *directive,
                                   struct spf_step *step)
{
    struct bytes target;
    if (!spf_count_term(check) || !spf_target_name(check, directive->domain_spec, &target))
        return SPF_PERMERROR;
    if (step)
        step->name = target;
    /* A local part in UTF-8 can match nothing in DNS (rfc8616:4). */
    if (!is_ascii(target))
        return SPF_NO_MATCH;
    switch (directive->mechanism) {
    case SPF_A:
        return match_a(check, directive, target, step);
    case SPF_MX:
        return match_mx(check, directive, target, step);
    case SPF_EXISTS:
        return match_exists(check, target, step);
    default:
        return spf_match_client_name(check, target, step);
    }
}

enum spf_match spf_match_directive(struct spf_check *check, const struct spf_directive *directive,
                                   struct spf_step *step)
{
    switch (directive->mechanism) {
    case SPF_ALL:
        return SPF_MATCH;
    case SPF_IP4:
        return check->ip.family == 4 &&
                       same_prefix(directive->network, check->ip.octets, directive->prefix4)
                   ? SPF_MATCH
                   : SPF_NO_MATCH;
    case SPF_IP6:
        return check->ip.family == 6 &&
                       same_prefix(directive->network, check->ip.octets, directive->prefix6)
                   ? SPF_MATCH
                   : SPF_NO_MATCH;
    default:
        return match_by_dns(check, directive, step);
    }
}
