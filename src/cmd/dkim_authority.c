/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/dkim_authority.h"

#include "base/domain.h"
#include "dns/transport.h"
#include "fiber/group.h"
#include "fiber/loop.h"
#include "os/socket.h"

enum { CHAIN_MAX = 8, NAME_SERVERS_MAX = 16 };
#define QUERY_TIMEOUT (15 * SECOND)
#define SERVER_TIMEOUT (2 * SECOND)

static void add_server(struct authority *out, struct bytes name, const struct ip *ip, uint16_t port)
{
    if (out->count < AUTHORITY_SERVERS_MAX)
        out->servers[out->count++] = (struct authority_server){.name = name, .ip = *ip, .port = port};
}

static enum result take_given(struct bytes given, struct authority *out, struct error *error)
{
    struct bytes word;
    while (bytes_split(&given, ',', &word)) {
        struct ip ip;
        uint16_t port;
        word = bytes_trim(word);
        if (!socket_parse_address(word, 53, &ip, &port))
            return error_set(error, PERM, "'" BYTES_FMT "' is no address of a name server",
                             BYTES_ARG(word));
        add_server(out, word, &ip, port);
    }
    return OK;
}

static enum result dns_failure(struct bytes name, const struct dns_answer *answer,
                               struct error *error)
{
    return error_set(error, TEMP, "DNS failed for " BYTES_FMT ": %s", BYTES_ARG(name),
                     answer->problem ? answer->problem : "no answer");
}

/* A record may be an alias into the zone of a service provider. */
static enum result follow_aliases(struct dns *dns, struct arena *arena, struct authority *out,
                                  struct error *error)
{
    for (int i = 0; i < CHAIN_MAX; i++) {
        const struct dns_answer *answer =
            dns_query(dns, arena, out->name, DNS_CNAME, loop_deadline(QUERY_TIMEOUT));
        if (answer->status == DNS_FAILED)
            return dns_failure(out->name, answer, error);
        if (answer->status != DNS_FOUND)
            return OK;
        out->name = answer->records[0].name;
    }
    return error_set(error, NONE, "the chain of CNAME records is too long");
}

static void add_addresses(struct dns *dns, struct arena *arena, struct bytes name, uint16_t port,
                          struct authority *out)
{
    static const enum dns_type types[] = {DNS_A, DNS_AAAA};
    size_t before = out->count;
    for (size_t i = 0; i < countof(types); i++) {
        const struct dns_answer *answer =
            dns_query(dns, arena, name, types[i], loop_deadline(QUERY_TIMEOUT));
        for (size_t j = 0; answer->status == DNS_FOUND && j < answer->count; j++)
            add_server(out, name, &answer->records[j].ip, port);
    }
    out->unresolved += out->count == before;
}

enum result authority_find(struct dns *dns, struct arena *arena, struct bytes name, const char *given,
                           uint16_t port, struct authority *out, struct error *error)
{
    *out = (struct authority){.name = name};
    if (given)
        return take_given(bytes_of(given), out, error);
    enum result result = follow_aliases(dns, arena, out, error);
    if (result != OK)
        return result;
    for (out->zone = out->name;; out->zone = domain_parent(out->zone)) {
        const struct dns_answer *answer =
            dns_query(dns, arena, out->zone, DNS_NS, loop_deadline(QUERY_TIMEOUT));
        if (answer->status == DNS_FAILED && out->zone.len)
            return dns_failure(out->zone, answer, error);
        /* An alias on the way up is not the zone's own name. */
        if (answer->status == DNS_FOUND && bytes_equal_nocase(answer->canonical, out->zone)) {
            for (size_t i = 0; i < answer->count && i < NAME_SERVERS_MAX; i++)
                add_addresses(dns, arena, answer->records[i].name, port, out);
            break;
        }
        if (out->zone.len == 0)
            break;
    }
    if (out->count)
        return OK;
    return error_set(error, NONE, "no name server of " BYTES_FMT " can be found", BYTES_ARG(out->name));
}

struct asking {
    struct arena *arena;
    struct authority_server *server;
    struct bytes name;
    enum dns_type type;
};

static void ask_server(void *argument)
{
    static const struct dns_answer failed = {.status = DNS_FAILED, .problem = "it cannot be asked"};
    struct asking *asking = argument;
    struct dns_server address = {asking->server->ip, asking->server->port};
    struct dns_transport_options options = {
        .servers = &address, .server_count = 1, .timeout = SERVER_TIMEOUT, .attempts = 2};
    struct dns *transport = dns_transport_create(&options, NULL);
    asking->server->answer =
        transport ? dns_query(transport, asking->arena, asking->name, asking->type,
                              loop_deadline(QUERY_TIMEOUT))
                  : &failed;
    dns_transport_destroy(transport);
}

void authority_ask(struct arena *arena, struct authority *authority, enum dns_type type)
{
    struct fiber_group group;
    struct asking asking[AUTHORITY_SERVERS_MAX];
    fiber_group_open(&group);
    for (size_t i = 0; i < authority->count; i++) {
        asking[i] = (struct asking){arena, &authority->servers[i], authority->name, type};
        if (!fiber_group_start(&group, "ask", ask_server, &asking[i]))
            ask_server(&asking[i]);
    }
    (void)!fiber_group_wait(&group, NO_DEADLINE);
    fiber_group_close(&group);
}
