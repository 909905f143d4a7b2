/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/bind.h"

#include "config/schema.h"
#include "config/value.h"
#include "filter/builtin_tests.h"

#include <string.h>

enum { SHARED_COMPARED_MAX = 1000000 };

struct checker {
    struct arena *arena;
    struct config_faults *faults;
    const struct config *config;
};

/* Where the key stands, or else its section. */
static struct config_place place_of(const struct config_block *block, const char *key)
{
    const struct config_entry *entry = config_block_find(block, key);
    return entry ? entry->value.at : block->name.at;
}

static bool is_wildcard(const struct ip *ip)
{
    static const struct ip any_v4 = {.family = 4}, any_v6 = {.family = 6};
    return ip_equal(ip, &any_v4) || ip_equal(ip, &any_v6);
}

/* Whether the kernel would refuse to listen on both. IPv6 sockets do not take IPv4. */
static bool collide(const struct config_endpoint *a, const struct config_endpoint *b)
{
    return a->port == b->port && a->ip.family == b->ip.family &&
           (ip_equal(&a->ip, &b->ip) || is_wildcard(&a->ip) || is_wildcard(&b->ip));
}

static void complain_collision(struct checker *c, const struct config_block *block,
                               const struct config_endpoint *endpoint,
                               const struct config_listener *other)
{
    char text[IP_TEXT_SIZE];
    config_fault_add(c->faults, place_of(block, "address"),
                     "address %s%s%s:%u overlaps with another of listener %s",
                     endpoint->ip.family == 6 ? "[" : "", ip_format(&endpoint->ip, text),
                     endpoint->ip.family == 6 ? "]" : "", endpoint->port,
                     config_quote(c->arena, bytes_of(other->name)));
}

/* Each address against those before it. Lists are short (the schema's bound), and so is the number
 * of listeners that are looked at. */
static void check_addresses(struct checker *c, const struct config_block *block)
{
    const struct config_listener *own = block->element;
    for (size_t i = 0; i < own->addresses.count; i++) {
        const struct config_endpoint *endpoint = &own->addresses.items[i];
        for (const struct config_listener *other = c->config->listeners; other <= own; other++) {
            size_t count = other == own ? i : other->addresses.count;
            for (size_t j = 0; j < count; j++) {
                if (collide(endpoint, &other->addresses.items[j])) {
                    complain_collision(c, block, endpoint, other);
                    return;
                }
            }
        }
    }
}

/* Passwords never go in the clear, and somebody must be able to authenticate. */
static void check_submission(struct checker *c, const struct config_block *block)
{
    const struct config_listener *listener = block->element;
    if (!listener->submission)
        return;
    if (listener->tls == CONFIG_TLS_NONE || c->config->tls.certificate_count == 0)
        config_fault_add(c->faults, place_of(block, "submission"),
                         "submission = yes needs TLS: tls = starttls or implicit, and a certificate section");
    if (!c->config->accounts.file[0] && !c->config->accounts.dovecot[0] && !c->config->accounts.pam[0])
        config_fault_add(c->faults, place_of(block, "submission"),
                         "submission = yes needs a section accounts with file, dovecot or pam");
}

static void check_listener(struct checker *c, const struct config_block *block)
{
    const struct config_listener *listener = block->element;
    check_submission(c, block);
    if (listener - c->config->listeners >= CONFIG_LISTENERS) {
        config_fault_add(c->faults, block->name.at, "more than %d listeners", CONFIG_LISTENERS);
        return;
    }
    check_addresses(c, block);
    if (listener->proxy_from.count && !listener->proxy_protocol)
        config_fault_add(c->faults, place_of(block, "proxy-from"),
                         "proxy-from means nothing without proxy-protocol = yes");
    if (listener->tls == CONFIG_TLS_IMPLICIT && c->config->tls.certificate_count == 0)
        config_fault_add(c->faults, place_of(block, "tls"),
                         "tls = implicit needs a certificate section");
}

static void check_policy_name(struct checker *c, const struct config_block *block, const char *key,
                              const char *policy)
{
    size_t count = c->config->policy_count;
    const char *known[CONFIG_POLICIES_NAMED];
    size_t names = 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = c->config->policies[i].name;
        if (bytes_is(bytes_of(name), policy))
            return;
        if (names < countof(known))
            known[names++] = name;
    }
    const char *nearest = config_word_nearest(bytes_of(policy), known, names);
    config_fault_add(c->faults, place_of(block, key), "there is no policy %s%s%s%s",
                     config_quote(c->arena, bytes_of(policy)),
                     nearest ? " (did you mean '" : "", nearest ? nearest : "",
                     nearest ? "'?)" : "");
}

static void check_domain(struct checker *c, const struct config_block *block)
{
    const struct config_domain *domain = block->element;
    check_policy_name(c, block, "policy", domain->policy);
}

static void check_relay(struct checker *c, const struct config_block *block)
{
    const struct config_relay *relay = block->element;
    check_policy_name(c, block, "policy", relay->policy);
}

static const char *shared_domain(const struct config_route *a, const struct config_route *b)
{
    /* Long lists are made by programs; comparing them would take longer than they are worth. */
    if (a->domains.count * b->domains.count > SHARED_COMPARED_MAX)
        return NULL;
    for (size_t i = 0; i < a->domains.count; i++)
        for (size_t k = 0; k < b->domains.count; k++)
            if (bytes_equal_nocase(bytes_of(a->domains.items[i]), bytes_of(b->domains.items[k])))
                return a->domains.items[i];
    return !a->domains.count && !b->domains.count ? "all other domains" : NULL;
}

/* Two ways for one domain: which is meant? */
static void check_route_domains(struct checker *c, const struct config_block *block)
{
    const struct config_route *route = block->element;
    if (c->config->route_count > CONFIG_POLICIES)
        return;
    for (const struct config_route *other = c->config->routes; other < route; other++) {
        const char *shared = shared_domain(route, other);
        if (!shared)
            continue;
        config_fault_add(c->faults, place_of(block, "domains"), "route %s has %s already",
                         config_quote(c->arena, bytes_of(other->name)), shared);
        return;
    }
}

static void check_forwarding(struct checker *c, const struct config_block *block)
{
    if (c->config->forwarding.srs == CONFIG_SRS_ALWAYS && !c->config->srs.domain[0])
        config_fault_add(c->faults, place_of(block, "srs"), "srs = always needs a section srs with a domain");
}

/* A password goes only to who proved to be the one it is for. */
static void check_route(struct checker *c, const struct config_block *block)
{
    const struct config_route *route = block->element;
    check_route_domains(c, block);
    if (!route->user[0] != !route->password_file[0])
        config_fault_add(c->faults, place_of(block, route->user[0] ? "user" : "password-file"),
                         "user and password-file need each other");
    if (route->user[0] && !route->hosts.count)
        config_fault_add(c->faults, place_of(block, "user"), "user means nothing without hosts");
    if (route->user[0] && route->tls == CONFIG_ROUTE_NONE)
        config_fault_add(c->faults, place_of(block, "user"),
                         "user with tls = none: the password could be read on the way");
}

static void check_accounts(struct checker *c, const struct config_block *block)
{
    static const char *const known[] = {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN",
                                        "LOGIN",              "CRAM-MD5",      "EXTERNAL"};
    const struct config_strings *given = &c->config->accounts.mechanisms;
    for (size_t i = 0; i < given->count; i++) {
        bool found = false;
        if (bytes_is_nocase(bytes_of(given->items[i]), "EXTERNAL") && !c->config->accounts.client_authorities[0])
            config_fault_add(c->faults, place_of(block, "mechanisms"),
                             "EXTERNAL needs client-authorities, by which certificates are verified");
        for (size_t k = 0; k < countof(known); k++)
            found |= bytes_is_nocase(bytes_of(given->items[i]), known[k]);
        if (found)
            continue;
        const char *nearest = config_word_nearest(bytes_of(given->items[i]), known, countof(known));
        config_fault_add(c->faults, place_of(block, "mechanisms"), "there is no mechanism %s%s%s%s",
                         config_quote(c->arena, bytes_of(given->items[i])), nearest ? " (did you mean '" : "",
                         nearest ? nearest : "", nearest ? "'?)" : "");
    }
}

static void check_queue(struct checker *c, const struct config_block *block)
{
    if (c->config->queue.retry_first > c->config->queue.retry_most)
        config_fault_add(c->faults, place_of(block, "retry-first"), "retry-first is longer than retry-most");
    if (c->config->queue.delay_warning >= c->config->queue.lifetime)
        config_fault_add(c->faults, place_of(block, "delay-warning"), "delay-warning is not before lifetime");
}

static bool signs_for(const struct config *config, struct bytes domain)
{
    for (size_t i = 0; i < config->signing_count; i++)
        if (config_strings_contain(&config->signings[i].domains, domain))
            return true;
    return false;
}

static void check_seal(struct checker *c, const struct config_block *block)
{
    const struct config_domain *domain = block->element;
    struct bytes seal = bytes_of(domain->arc_seal);
    if (seal.len && !signs_for(c->config, seal))
        config_fault_add(c->faults, place_of(block, "arc-seal"),
                         "arc-seal needs a section signing %s", config_quote(c->arena, seal));
}

/* What is taken out of the delivered copy (message/look_alike.h) must not have been signed. */
static bool is_removed_field(struct bytes name)
{
    static const char *const exact[] = {"Authentication-Results", "Received-SPF", "Return-Path",
                                        "Delivered-To", "BIMI-Location", "BIMI-Indicator"};
    for (size_t i = 0; i < countof(exact); i++)
        if (bytes_is_nocase(name, exact[i]))
            return true;
    return bytes_starts_with_nocase(name, BYTES("X-Spam-")) ||
           bytes_starts_with_nocase(name, BYTES("X-Vouch-")) ||
           bytes_starts_with_nocase(name, BYTES("ARC-"));
}

static void check_signing(struct checker *c, const struct config_block *block)
{
    const struct config_signing *signing = block->element;
    for (size_t i = 0; i < signing->headers.count; i++)
        if (is_removed_field(bytes_of(signing->headers.items[i])))
            config_fault_add(c->faults, place_of(block, "headers"),
                             "headers: %s is removed or changed on the way and cannot be signed",
                             config_quote(c->arena, bytes_of(signing->headers.items[i])));
}

static void check_forwarder(struct checker *c, const struct config_block *block)
{
    const struct config_forwarder *forwarder = block->element;
    if (!forwarder->networks.count && !forwarder->names.count && !forwarder->include[0])
        config_fault_add(c->faults, block->name.at,
                         "forwarder %s names no host: it needs networks, names or spf-include",
                         config_quote(c->arena, bytes_of(forwarder->name)));
}

/* What is signed with secrets needs some. */
static void check_dnslist(struct config_dnslist *list)
{
    for (size_t i = 0; i < list->use.count; i++)
        list->uses |= config_dnslist_use(bytes_of(list->use.items[i]));
}

static void check_shadow(struct checker *c, const struct config_block *block)
{
    const struct config_policy *policy = block->element;
    if (!policy->shadow[0])
        return;
    if (!strcmp(policy->shadow, policy->name))
        config_fault_add(c->faults, place_of(block, "shadow"), "shadow names the policy itself");
    else
        check_policy_name(c, block, "shadow", policy->shadow);
}

static void check_rule(struct checker *c, const struct config_block *block)
{
    const struct config_rule *rule = block->element;
    if (rule->where != CONFIG_RULE_HEADER && rule->field[0])
        config_fault_add(c->faults, place_of(block, "field"), "field needs where = header");
    if (!rule->pattern[0] && (rule->action != CONFIG_RULE_NONE || rule->negate))
        config_fault_add(c->faults, place_of(block, "pattern"),
                         "a rule without a pattern changes the weight of a built-in test, and nothing else");
    if (!rule->pattern[0] && !builtin_test_find(bytes_of(rule->name)))
        config_fault_add(c->faults, block->name.at,
                         "rule %s has no pattern, and there is no built-in test of that name (doc/builtin-tests.md)",
                         rule->name);
}

static void check_secrets(struct checker *c, const struct config_block *block, bool wanted,
                          const char *secrets)
{
    if (wanted && !secrets[0])
        config_fault_add(c->faults, block->name.at, "section %s has no secrets",
                         config_quote(c->arena, block->name.text));
}

void config_check(struct arena *arena, const struct config_block *root,
                  struct config_faults *faults, const struct config *config)
{
    struct checker c = {.arena = arena, .faults = faults, .config = config};
    if (config->policy_count > CONFIG_POLICIES)
        config_fault_add(faults, root->name.at, "more than %d policies", CONFIG_POLICIES);
    for (const struct config_block *block = root->blocks; block; block = block->next) {
        if (!block->element)
            continue;
        if (bytes_is(block->name.text, "listener"))
            check_listener(&c, block);
        else if (bytes_is(block->name.text, "domain") && config->policy_count <= CONFIG_POLICIES)
            check_domain(&c, block);
        if (bytes_is(block->name.text, "domain"))
            check_seal(&c, block);
        else if (bytes_is(block->name.text, "signing"))
            check_signing(&c, block);
        else if (bytes_is(block->name.text, "relay") && config->policy_count <= CONFIG_POLICIES)
            check_relay(&c, block);
        else if (bytes_is(block->name.text, "route"))
            check_route(&c, block);
        else if (bytes_is(block->name.text, "accounts"))
            check_accounts(&c, block);
        else if (bytes_is(block->name.text, "queue"))
            check_queue(&c, block);
        else if (bytes_is(block->name.text, "forwarding"))
            check_forwarding(&c, block);
        else if (bytes_is(block->name.text, "forwarder"))
            check_forwarder(&c, block);
        else if (bytes_is(block->name.text, "dnslist"))
            check_dnslist(block->element);
        else if (bytes_is(block->name.text, "rule"))
            check_rule(&c, block);
        else if (bytes_is(block->name.text, "policy") && config->policy_count <= CONFIG_POLICIES)
            check_shadow(&c, block);
        else if (bytes_is(block->name.text, "srs"))
            check_secrets(&c, block, config->srs.domain[0], config->srs.secrets);
        else if (bytes_is(block->name.text, "batv"))
            check_secrets(&c, block, config->batv.domains.count, config->batv.secrets);
        else if (bytes_is(block->name.text, "ses"))
            check_secrets(&c, block, config->ses.domains.count, config->ses.secrets);
    }
}
