/* SPDX-License-Identifier: BSD-2-Clause */
/* The hosts of a domain: its MX hosts, the HELO names and addresses that the administrator named.
 */
#include "base/domain.h"
#include "fiber/group.h"
#include "lint/lint.h"

static const struct {
    struct bytes network;
    const char *what;
} special[] = {
    {BYTES_INIT("0.0.0.0/8"), "no address of a host"},
    {BYTES_INIT("10.0.0.0/8"), "a private address"},
    {BYTES_INIT("100.64.0.0/10"), "an address behind a carrier's NAT"},
    {BYTES_INIT("127.0.0.0/8"), "a loopback address"},
    {BYTES_INIT("169.254.0.0/16"), "a link-local address"},
    {BYTES_INIT("172.16.0.0/12"), "a private address"},
    {BYTES_INIT("192.0.2.0/24"), "an address for documentation"},
    {BYTES_INIT("192.168.0.0/16"), "a private address"},
    {BYTES_INIT("198.18.0.0/15"), "an address for benchmarks"},
    {BYTES_INIT("198.51.100.0/24"), "an address for documentation"},
    {BYTES_INIT("203.0.113.0/24"), "an address for documentation"},
    {BYTES_INIT("224.0.0.0/4"), "a multicast address"},
    {BYTES_INIT("240.0.0.0/4"), "a reserved address"},
    {BYTES_INIT("::/127"), "a loopback address"},
    {BYTES_INIT("fc00::/7"), "a private address"},
    {BYTES_INIT("fe80::/10"), "a link-local address"},
    {BYTES_INIT("ff00::/8"), "a multicast address"},
    {BYTES_INIT("2001:db8::/32"), "an address for documentation"},
};

const char *lint_special_address(const struct ip *ip)
{
    for (size_t i = 0; i < countof(special); i++) {
        struct ip_network network;
        if (ip_network_parse(special[i].network, &network) && ip_in_network(ip, &network))
            return special[i].what;
    }
    return NULL;
}

static struct lint_host *add_host(struct lint *lint, struct bytes name)
{
    struct bytes plain = arena_lower(lint->arena, domain_strip_dot(name));
    for (size_t i = 0; i < lint->host_count; i++)
        if (bytes_equal(lint->hosts[i].name, plain))
            return &lint->hosts[i];
    if (lint->host_count == LINT_HOSTS_MAX || !plain.ptr)
        return NULL;
    struct lint_host *host = &lint->hosts[lint->host_count++];
    *host = (struct lint_host){.name = plain};
    return host;
}

struct asking {
    struct lint *lint;
    struct lint_host *host;
    const struct dns_answer *v4, *v6;
};

static void ask_addresses(void *argument)
{
    struct asking *asking = argument;
    struct lint *lint = asking->lint;
    asking->v4 = dns_query(lint->dns, lint->arena, asking->host->name, DNS_A, lint->deadline);
    asking->v6 = dns_query(lint->dns, lint->arena, asking->host->name, DNS_AAAA, lint->deadline);
}

static void keep_addresses(struct lint *lint, struct lint_host *host,
                           const struct dns_answer *answer)
{
    if (!answer || answer->status == DNS_FAILED) {
        host->failed = true;
        return;
    }
    if (answer->status == DNS_FOUND && !bytes_equal_nocase(answer->canonical, host->name))
        host->is_alias = true;
    for (size_t i = 0; i < answer->count && lint->address_count < LINT_ADDRESSES_MAX; i++) {
        lint->addresses[lint->address_count++] = (struct lint_address){answer->records[i].ip, host};
        host->address_count++;
    }
    host->authenticated = answer->authenticated;
}

void lint_hosts_gather(struct lint *lint)
{
    struct asking asking[LINT_HOSTS_MAX];
    struct fiber_group group;
    for (size_t i = 0; i < lint->mx->count; i++) {
        struct lint_host *host;
        if (!lint->mx->records[i].name.len)
            lint->null_mx = true;
        else if ((host = add_host(lint, lint->mx->records[i].name))) {
            host->is_mx = true;
            host->preference = lint->mx->records[i].preference;
        }
    }
    /* Without MX the domain is its own (rfc5321:5.1); lint_mx() says what that means. */
    if (lint->mx->status == DNS_NO_DATA)
        add_host(lint, lint->domain);
    for (size_t i = 0; i < lint->request->helo_count; i++) {
        struct lint_host *host = add_host(lint, lint->request->helo_names[i]);
        if (host)
            host->is_helo = true;
    }
    fiber_group_open(&group);
    for (size_t i = 0; i < lint->host_count; i++) {
        asking[i] = (struct asking){lint, &lint->hosts[i], NULL, NULL};
        if (!fiber_group_start(&group, "addresses", ask_addresses, &asking[i]))
            lint->hosts[i].failed = true;
    }
    fiber_group_wait(&group, NO_DEADLINE);
    fiber_group_close(&group);
    for (size_t i = 0; i < lint->host_count; i++) {
        keep_addresses(lint, &lint->hosts[i], asking[i].v4);
        keep_addresses(lint, &lint->hosts[i], asking[i].v6);
    }
    for (size_t i = 0; i < lint->request->address_count; i++)
        if (lint->address_count < LINT_ADDRESSES_MAX)
            lint->addresses[lint->address_count++] =
                (struct lint_address){lint->request->addresses[i], NULL};
}
