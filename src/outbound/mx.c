/* SPDX-License-Identifier: BSD-2-Clause */
#include "outbound/mx.h"

#include "base/domain.h"
#include "fiber/group.h"
#include "outbound/address.h"

#include <string.h>

enum { RECORDS_KEPT = MX_HOSTS_MAX };

/* A host while the list is made. */
struct candidate {
    struct mx_host host;
    uint32_t order; /* among equals */
    const struct dns_answer *v4, *v6;
};

struct finding {
    const struct mx_options *options;
    struct arena *arena;
    int64_t deadline;
    struct candidate candidates[RECORDS_KEPT];
    size_t count;
    uint32_t own_preference; /* hosts from this one on lead back to us; above 65535: none */
    bool private;            /* some address was passed over because it is none of the internet */
};

enum { NO_PREFERENCE = 65536 };

/* The formats are literals of this file, each with one BYTES_FMT. */
static enum result refuse(struct mx_problem *problem, enum result result, const char *enhanced,
                          const char *format, struct bytes domain)
{
    problem->enhanced = enhanced;
    return error_set(&problem->error, result, format, BYTES_ARG(domain));
}

bool mx_parse_literal(struct bytes text, struct ip *out)
{
    if (text.len < 3 || text.ptr[0] != '[' || text.ptr[text.len - 1] != ']')
        return false;
    text = bytes_slice(text, 1, text.len - 1);
    if (bytes_starts_with_nocase(text, BYTES("IPv6:")))
        return ip_parse_v6(bytes_skip(text, 5), out);
    return ip_parse_v4(text, out);
}

/* Addresses at which no server can be at all. */
static bool is_bogus(const struct ip *ip)
{
    static const struct ip_network never[] = {
        {{4, {0}}, 8},    {{4, {224}}, 4},        {{4, {240}}, 4},
        {{6, {0}}, 128},  {{6, {0xff}}, 8},       {{6, {0xfe, 0x80}}, 10},
    };
    for (size_t i = 0; i < countof(never); i++)
        if (ip_in_network(ip, &never[i]))
            return true;
    return ip->family == 0;
}

static bool is_own_address(const struct mx_options *options, const struct ip *ip)
{
    for (size_t i = 0; i < options->own_count; i++)
        if (ip_equal(&options->own[i], ip))
            return true;
    return false;
}

/* What can be the name of a server: an address as text, or this host's own name for itself, cannot. */
static bool is_server_name(struct bytes name)
{
    struct ip ip;
    return domain_is_valid(name) && !ip_parse(name, &ip) &&
           !domain_is_within(name, BYTES("localhost")) &&
           !bytes_is_nocase(name, "localhost.localdomain");
}

/* ---- addresses ---- */

struct asking {
    struct finding *finding;
    struct candidate *candidate;
    enum dns_type type;
};

static void ask(void *argument)
{
    struct asking *asking = argument;
    struct finding *finding = asking->finding;
    const struct dns_answer *answer =
        dns_query(finding->options->dns, finding->arena, asking->candidate->host.name, asking->type,
                  finding->deadline);
    *(asking->type == DNS_A ? &asking->candidate->v4 : &asking->candidate->v6) = answer;
}

/* All hosts, both families, at once. */
static void ask_addresses(struct finding *finding)
{
    struct asking asking[2 * RECORDS_KEPT];
    struct fiber_group group;
    size_t count = 0;
    fiber_group_open(&group);
    for (size_t i = 0; i < finding->count; i++) {
        struct candidate *candidate = &finding->candidates[i];
        for (int family = 0; family < 2 && !candidate->host.literal; family++) {
            if (!(family ? finding->options->ipv6 : finding->options->ipv4))
                continue;
            asking[count] = (struct asking){finding, candidate, family ? DNS_AAAA : DNS_A};
            if (!fiber_group_start(&group, "mx", ask, &asking[count]))
                ask(&asking[count]);
            count++;
        }
    }
    fiber_group_wait(&group, NO_DEADLINE);
    fiber_group_close(&group);
}

static const struct dns_record *next_record(const struct dns_answer *answer, size_t *position)
{
    if (!answer || answer->status != DNS_FOUND || *position >= answer->count)
        return NULL;
    return &answer->records[(*position)++];
}

static void add_address(struct finding *finding, struct candidate *candidate, const struct ip *ip,
                        size_t most, bool allow_private)
{
    struct mx_host *host = &candidate->host;
    if (is_own_address(finding->options, ip) && host->preference < finding->own_preference)
        finding->own_preference = host->preference;
    if (!allow_private && !address_is_public(ip)) {
        finding->private = true;
        return;
    }
    if (!is_bogus(ip) && host->address_count < most)
        host->addresses[host->address_count++] = *ip;
}

/* By turns, IPv6 first, so that a family that does not work costs one attempt and not all. */
static void add_addresses(struct finding *finding, struct candidate *candidate, size_t most,
                          bool allow_private)
{
    size_t v6 = 0, v4 = 0;
    const struct dns_record *six, *four;
    do {
        six = next_record(candidate->v6, &v6);
        if (six)
            add_address(finding, candidate, &six->ip, most, allow_private);
        four = next_record(candidate->v4, &v4);
        if (four)
            add_address(finding, candidate, &four->ip, most, allow_private);
    } while (six || four);
}

static void read_answers(struct finding *finding, struct candidate *candidate, bool allow_private)
{
    const struct dns_answer *answers[] = {candidate->v6, candidate->v4};
    struct mx_host *host = &candidate->host;
    size_t most = MX_ADDRESSES_MAX / finding->count;
    size_t found = 0, authenticated = 0;
    host->canonical = host->name;
    for (size_t i = 0; i < countof(answers); i++) {
        if (!answers[i])
            continue;
        host->failed |= answers[i]->status == DNS_FAILED;
        if (answers[i]->status != DNS_FOUND)
            continue;
        found++;
        authenticated += answers[i]->authenticated;
        host->canonical = answers[i]->canonical;
    }
    host->secure = found && authenticated == found;
    add_addresses(finding, candidate, most < 2 ? 2 : most, allow_private);
}

/* An alias that is signed itself, though what it leads to is not, may have TLSA records
 * (rfc7672:2.2.2: insecure CNAME). */
static void check_alias(struct finding *finding, struct mx_host *host)
{
    if (host->secure || host->literal || !host->address_count ||
        bytes_equal_nocase(host->name, host->canonical))
        return;
    const struct dns_answer *alias = dns_query(finding->options->dns, finding->arena, host->name,
                                               DNS_CNAME, finding->deadline);
    if (alias->status != DNS_FOUND || !alias->authenticated)
        return;
    host->secure = true;
    host->canonical = host->name;
}

static void resolve(struct finding *finding, bool allow_private, bool aliases)
{
    ask_addresses(finding);
    for (size_t i = 0; i < finding->count; i++) {
        struct candidate *candidate = &finding->candidates[i];
        if (candidate->host.literal)
            continue;
        read_answers(finding, candidate, allow_private);
        if (aliases)
            check_alias(finding, &candidate->host);
    }
}

/* ---- MX records ---- */

static bool goes_before(const struct candidate *a, const struct candidate *b)
{
    if (a->host.preference != b->host.preference)
        return a->host.preference < b->host.preference;
    return a->order < b->order;
}

/* Keeps the best of them in order. */
static void add_candidate(struct finding *finding, const struct candidate *candidate)
{
    size_t at = finding->count;
    while (at > 0 && goes_before(candidate, &finding->candidates[at - 1]))
        at--;
    if (at == RECORDS_KEPT)
        return;
    size_t moved = finding->count - at - (finding->count == RECORDS_KEPT);
    memmove(&finding->candidates[at + 1], &finding->candidates[at],
            moved * sizeof(finding->candidates[0]));
    finding->candidates[at] = *candidate;
    finding->count += finding->count < RECORDS_KEPT;
}

static void read_record(struct finding *finding, const struct dns_record *record)
{
    const struct mx_options *options = finding->options;
    struct candidate candidate = {.host = {.name = arena_lower(finding->arena,
                                                               domain_strip_dot(record->name)),
                                           .preference = record->preference,
                                           .port = options->port},
                                  .order = options->random(options->context, UINT32_MAX)};
    if (bytes_equal_nocase(candidate.host.name, options->hostname)) {
        if (record->preference < finding->own_preference)
            finding->own_preference = record->preference;
    } else if (is_server_name(candidate.host.name)) {
        add_candidate(finding, &candidate);
    }
}

static void add_implicit(struct finding *finding, struct bytes domain)
{
    struct candidate candidate = {.host = {.name = domain, .port = finding->options->port}};
    if (bytes_equal_nocase(domain, finding->options->hostname))
        finding->own_preference = 0;
    else if (is_server_name(domain))
        add_candidate(finding, &candidate);
}

static enum result ask_mx(struct finding *finding, struct bytes domain, struct mx_list *out,
                          struct mx_problem *problem)
{
    const struct dns_answer *answer =
        dns_query(finding->options->dns, finding->arena, domain, DNS_MX, finding->deadline);
    if (answer->status == DNS_FAILED)
        return refuse(problem, TEMP, "4.4.3", "The DNS does not say where mail for " BYTES_FMT " goes.",
                      domain);
    if (answer->status == DNS_NO_NAME)
        return refuse(problem, PERM, "5.1.2", "The domain " BYTES_FMT " does not exist.", domain);
    out->secure = answer->authenticated;
    out->canonical = answer->canonical.len ? answer->canonical : domain;
    out->implicit = answer->status == DNS_NO_DATA;
    if (out->implicit)
        add_implicit(finding, domain);
    size_t null_count = 0;
    for (size_t i = 0; i < answer->count && !out->implicit; i++) {
        if (domain_strip_dot(answer->records[i].name).len == 0)
            null_count++; /* beside others it means nothing (rfc7505:3) */
        else
            read_record(finding, &answer->records[i]);
    }
    problem->null_mx = null_count && null_count == answer->count;
    if (problem->null_mx)
        return refuse(problem, PERM, "5.1.10", "The domain " BYTES_FMT " takes no mail (null MX).",
                      domain);
    return OK;
}

/* Those before us that can be reached, and what to say if there is none. */
static enum result conclude(struct finding *finding, struct bytes domain, struct mx_list *out,
                            struct mx_problem *problem)
{
    bool failed = false;
    for (size_t i = 0; i < finding->count; i++) {
        const struct mx_host *host = &finding->candidates[i].host;
        if (host->preference >= finding->own_preference)
            break;
        failed |= host->failed;
        if (host->address_count)
            out->hosts[out->count++] = *host;
    }
    if (out->count)
        return OK;
    if (failed)
        return refuse(problem, TEMP, "4.4.3",
                      "The DNS does not say the addresses of the mail servers of " BYTES_FMT ".", domain);
    if (finding->own_preference != NO_PREFERENCE)
        return refuse(problem, PERM, "5.4.6", "Mail for " BYTES_FMT " loops back to this server.",
                      domain);
    if (finding->private)
        return refuse(problem, PERM, "5.4.4",
                      "The mail servers of " BYTES_FMT " have no address of the public internet.", domain);
    if (out->implicit)
        return refuse(problem, PERM, "5.1.2", "The domain " BYTES_FMT " has no mail server.", domain);
    return refuse(problem, PERM, "5.4.4", "The mail servers of " BYTES_FMT " have no usable address.",
                  domain);
}

static struct finding *start(const struct mx_options *options, struct arena *arena, int64_t deadline,
                             struct mx_list *out, struct mx_problem *problem)
{
    struct finding *finding = arena_new(arena, struct finding);
    memset(out, 0, sizeof(*out));
    problem->enhanced = "4.3.0";
    problem->null_mx = false;
    if (!finding) {
        error_set(&problem->error, TEMP, "out of memory");
        return NULL;
    }
    finding->options = options;
    finding->arena = arena;
    finding->deadline = deadline;
    finding->own_preference = NO_PREFERENCE;
    return finding;
}

static void add_literal(struct finding *finding, const struct ip *ip, uint16_t port,
                        bool allow_private)
{
    struct candidate candidate = {.host = {.port = port, .literal = true}};
    char text[IP_TEXT_SIZE];
    candidate.host.name = arena_copy(finding->arena, bytes_of(ip_format(ip, text)));
    candidate.host.canonical = candidate.host.name;
    add_address(finding, &candidate, ip, 1, allow_private);
    add_candidate(finding, &candidate);
}

enum result mx_find(const struct mx_options *options, struct arena *arena, struct bytes domain,
                    int64_t deadline, struct mx_list *out, struct mx_problem *problem)
{
    struct ip ip;
    struct finding *finding = start(options, arena, deadline, out, problem);
    if (!finding)
        return TEMP;
    if (mx_parse_literal(domain, &ip)) {
        out->canonical = domain;
        add_literal(finding, &ip, options->port, options->allow_private);
        return conclude(finding, domain, out, problem);
    }
    domain = arena_lower(arena, domain_strip_dot(domain));
    if (!domain_is_valid(domain))
        return refuse(problem, PERM, "5.1.2", "\"" BYTES_FMT "\" is no domain.", domain);
    enum result result = ask_mx(finding, domain, out, problem);
    if (result != OK)
        return result;
    resolve(finding, options->allow_private, true);
    return conclude(finding, domain, out, problem);
}

enum result mx_resolve(const struct mx_options *options, struct arena *arena,
                       const struct config_host *hosts, size_t count, int64_t deadline,
                       struct mx_list *out, struct mx_problem *problem)
{
    struct finding *finding = start(options, arena, deadline, out, problem);
    struct mx_options without = *options;
    if (!finding)
        return TEMP;
    /* Who names a host means it, even if it is this one on another port. */
    without.own_count = 0;
    finding->options = &without;
    for (size_t i = 0; i < count && i < MX_HOSTS_MAX; i++) {
        uint16_t port = hosts[i].port ? hosts[i].port : options->port;
        struct bytes name = bytes_of(hosts[i].name);
        if (!name.len) {
            add_literal(finding, &hosts[i].ip, port, true);
            continue;
        }
        struct candidate candidate = {.host = {.name = arena_lower(arena, name), .port = port},
                                      .order = (uint32_t)i};
        add_candidate(finding, &candidate);
    }
    resolve(finding, true, false);
    return conclude(finding, count ? bytes_of(hosts[0].name) : BYTES(""), out, problem);
}
