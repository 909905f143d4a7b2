/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/forwarder.h"

#include "auth/helo.h"
#include "base/domain.h"

const char *forwarder_match_name(enum forwarder_match match)
{
    static const char *const names[] = {"address", "helo", "include"};
    return names[match];
}

struct search {
    struct dns *dns;
    struct arena *arena;
    const struct spf_request *request;
    struct ip client;
    struct forwarder_result *result;
    bool failed;
};

/* The first failure is the one that is told; a record that cannot be used is told if none failed.
 */
static void note(struct search *search, bool failed, const struct error *problem)
{
    if (search->failed || (search->result->problem.len && !failed))
        return;
    search->failed = failed;
    search->result->problem = arena_copy(search->arena, bytes_of(problem->text));
}

static bool found(struct search *search, const struct forwarder *forwarder,
                  enum forwarder_match match)
{
    *search->result = (struct forwarder_result){.forwarder = forwarder, .match = match};
    return true;
}

static bool is_in_networks(const struct forwarder *forwarder, const struct ip *client)
{
    for (size_t i = 0; i < forwarder->network_count; i++)
        if (ip_in_network(client, &forwarder->networks[i]))
            return true;
    return false;
}

static bool find_by_address(struct search *search, const struct forwarder *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_in_networks(&list[i], &search->client))
            return found(search, &list[i], FORWARDER_ADDRESS);
    return false;
}

static bool lists_name(const struct forwarder *forwarder, struct bytes helo)
{
    for (size_t i = 0; i < forwarder->helo_name_count; i++) {
        struct bytes entry = domain_strip_dot(forwarder->helo_names[i]);
        bool below = bytes_starts_with(entry, BYTES("."));
        if (below ? domain_is_within(helo, bytes_skip(entry, 1)) : bytes_equal_nocase(helo, entry))
            return true;
    }
    return false;
}

/* Anybody can say any name; it counts only where it leads back to the client. */
static bool is_confirmed(struct search *search)
{
    struct helo_request request = {.client = search->client,
                                   .helo = search->request->helo,
                                   .deadline = search->request->deadline};
    struct helo_result helo;
    struct error problem;
    helo_check(search->dns, search->arena, &request, &helo);
    if (helo.result == AUTH_TEMPERROR) {
        error_set(&problem, TEMP, BYTES_FMT, BYTES_ARG(helo.problem));
        note(search, true, &problem);
    }
    return helo.kind == HELO_NAME && helo.result == AUTH_PASS;
}

static bool find_by_helo(struct search *search, const struct forwarder *list, size_t count)
{
    struct bytes helo = domain_strip_dot(search->request->helo);
    for (size_t i = 0; i < count; i++)
        if (helo.len && lists_name(&list[i], helo))
            return is_confirmed(search) && found(search, &list[i], FORWARDER_HELO);
    return false;
}

/* The record is evaluated for the mail at hand, so that its macros (an exists: that asks for sender
 * and client, say) see what they would see in the sender's own record. */
static bool includes(struct search *search, const struct forwarder *forwarder)
{
    const struct spf_request *request = search->request;
    struct bytes sender = request->sender.len ? request->sender : request->helo;
    struct spf_result spf;
    struct error problem;
    spf_check_host(search->dns, search->arena, request, forwarder->include, sender, &spf);
    if (spf.problem.len) {
        error_set(&problem, TEMP, "forwarder " BYTES_FMT ": " BYTES_FMT,
                  BYTES_ARG(bytes_first(forwarder->name, 64)), BYTES_ARG(spf.problem));
        note(search, spf.result == AUTH_TEMPERROR, &problem);
    }
    return spf.result == AUTH_PASS;
}

static bool find_by_include(struct search *search, const struct forwarder *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].include.len && includes(search, &list[i]))
            return found(search, &list[i], FORWARDER_INCLUDE);
    return false;
}

enum result forwarder_find(struct dns *dns, struct arena *arena, const struct spf_request *request,
                           const struct forwarder *forwarders, size_t count,
                           struct forwarder_result *result)
{
    struct search search = {
        .dns = dns,
        .arena = arena,
        .request = request,
        .client = request->ip.family == 6 ? ip_from_v6(request->ip.octets) : request->ip,
        .result = result,
    };
    *result = (struct forwarder_result){0};
    if (search.client.family == 0)
        return NONE;
    if (find_by_address(&search, forwarders, count) || find_by_helo(&search, forwarders, count) ||
        find_by_include(&search, forwarders, count))
        return OK;
    return search.failed ? TEMP : NONE;
}
