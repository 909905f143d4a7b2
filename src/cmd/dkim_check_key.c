/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch dkim check-key: what is published for a key, at every name server, and whether it is good. */
#include "auth/dkim_judge.h"
#include "auth/dkim_record.h"
#include "cmd/command.h"
#include "cmd/dkim_authority.h"
#include "cmd/dkim_keys.h"
#include "fiber/loop.h"

#include <stdio.h>

static const char usage[] =
    "usage: vouch dkim check-key [options] DOMAIN SELECTOR\n"
    "       vouch dkim check-key [options] --all DOMAIN\n"
    "\n"
    "Fetches the DNS record of a signing key from every name server of the domain and from the resolver,\n"
    "compares them with each other and with the private key in the key directory (if it is there), and\n"
    "says what is wrong with the record.\n"
    "\n"
    "  --all                   all keys of the domain in the key directory, but for revoked ones\n"
    "  --key-directory FOLDER  instead of the configuration's (/etc/vouch/keys)\n"
    "  --name-servers LIST     ask these (ADDRESS[:PORT],...) instead of those that NS records name\n"
    "  --port N                where the servers of NS records listen (default 53)\n"
    WORLD_USAGE
    "\n"
    "examples:\n"
    "  vouch dkim check-key example.org 20261121r\n"
    "  vouch dkim check-key --all --json example.org\n"
    "\n"
    "exit status: 0 good everywhere (warnings may be), 1 not good, 2 usage, 3 DNS failed\n";

#define QUERY_TIMEOUT (20 * SECOND)

struct check_key {
    const char *domain_option, *selector, *directory, *servers, *port;
    bool all;
    struct world *world;
    struct bytes domain;
    const char *folder;
    uint16_t server_port;
    struct buf out;
    struct json json;
};

/* Everything about one key. */
struct checked {
    struct bytes selector, name;
    const struct dns_answer *resolver;
    struct authority authority;
    struct bytes authority_problem; /* empty: they were asked */
    struct bytes record;            /* what is judged */
    EVP_PKEY *key;
    struct bytes key_problem;
    struct dkim_judgement judgement;
    bool dns_failed;
};

static void add(struct checked *c, enum dkim_severity severity, struct bytes text)
{
    dkim_judge_add(&c->judgement, severity, text);
}

static void check_answer(struct arena *arena, struct checked *c, struct bytes who,
                         const struct dns_answer *answer)
{
    if (answer->status == DNS_FAILED) {
        c->dns_failed = true;
        add(c, DKIM_ERROR, arena_printf(arena, BYTES_FMT " does not answer: %s.", BYTES_ARG(who),
                                        answer->problem ? answer->problem : "no reason given"));
    } else if (answer->status != DNS_FOUND) {
        add(c, DKIM_ERROR,
            arena_printf(arena, BYTES_FMT " has no such record.", BYTES_ARG(who)));
    } else if (answer->count > 1) {
        add(c, DKIM_ERROR,
            arena_printf(arena, BYTES_FMT " has %zu records of this name; which one counts is left to "
                         "chance (RFC 6376, 3.6.2.2).", BYTES_ARG(who), answer->count));
    } else if (!bytes_equal(answer->records[0].text, c->record)) {
        add(c, DKIM_ERROR,
            arena_printf(arena, BYTES_FMT " has another record than the others.", BYTES_ARG(who)));
    }
}

static const struct dns_answer *first_found(const struct checked *c)
{
    for (size_t i = 0; i < c->authority.count; i++)
        if (c->authority.servers[i].answer->status == DNS_FOUND)
            return c->authority.servers[i].answer;
    return c->resolver->status == DNS_FOUND ? c->resolver : NULL;
}

static void judge(struct arena *arena, struct checked *c)
{
    const struct dns_answer *found = first_found(c);
    char ip[IP_TEXT_SIZE];
    if (found) {
        c->record = found->records[0].text;
        dkim_judge_record(arena, c->record, c->key, &c->judgement);
    }
    for (size_t i = 0; i < c->authority.count; i++) {
        const struct authority_server *server = &c->authority.servers[i];
        check_answer(arena, c,
                     arena_printf(arena, "the name server " BYTES_FMT " (%s)", BYTES_ARG(server->name),
                                  ip_format(&server->ip, ip)),
                     server->answer);
    }
    check_answer(arena, c, BYTES("the resolver"), c->resolver);
    if (c->authority.unresolved)
        add(c, DKIM_WARNING,
            arena_printf(arena, "%zu name servers have no address that can be found.",
                         c->authority.unresolved));
    if (!bytes_equal_nocase(c->authority.name, c->name))
        add(c, DKIM_NOTE,
            arena_printf(arena, "the name is an alias (CNAME) of " BYTES_FMT ".",
                         BYTES_ARG(c->authority.name)));
    if (c->authority_problem.len)
        add(c, DKIM_ERROR, c->authority_problem);
    if (c->key_problem.len)
        add(c, DKIM_WARNING, c->key_problem);
}

static void load_key(struct check_key *check, struct checked *c)
{
    struct error error;
    enum result result = key_directory_load(check->world->arena, check->folder, check->domain,
                                            c->selector, &c->key, &error);
    if (result != OK && result != NONE)
        c->key_problem =
            arena_printf(check->world->arena, "the private key cannot be compared: %s.", error.text);
}

static void gather(struct check_key *check, struct checked *c)
{
    struct arena *arena = check->world->arena;
    struct error error;
    c->name = dkim_record_name(arena, c->selector, check->domain);
    c->resolver =
        dns_query(check->world->dns, arena, c->name, DNS_TXT, loop_deadline(QUERY_TIMEOUT));
    enum result result = authority_find(check->world->dns, arena, c->name, check->servers,
                                        check->server_port, &c->authority, &error);
    if (result == OK) {
        authority_ask(arena, &c->authority, DNS_TXT);
    } else {
        c->authority_problem = arena_printf(arena, "the name servers cannot be asked: %s.", error.text);
        c->dns_failed |= result == TEMP;
    }
    load_key(check, c);
    judge(arena, c);
}

static void write_text(struct buf *out, const struct checked *c)
{
    bool good = dkim_judge_worst(&c->judgement) != DKIM_ERROR;
    buf_printf(out, "%s: " BYTES_FMT "\n", good ? "good" : "not good", BYTES_ARG(c->name));
    if (c->record.len)
        buf_printf(out, "  record    " BYTES_FMT "\n", BYTES_ARG(c->record));
    if (c->judgement.readable)
        buf_printf(out, "  key       %s, %u bits\n", dkim_key_type_name(c->judgement.type),
                   c->judgement.bits);
    buf_printf(out, "  compared  %zu name server%s, the resolver%s\n", c->authority.count,
               c->authority.count == 1 ? "" : "s", c->key ? ", our private key" : "");
    for (size_t i = 0; i < c->judgement.count; i++)
        buf_printf(out, "  %-9s " BYTES_FMT "\n", dkim_severity_name(c->judgement.findings[i].severity),
                   BYTES_ARG(c->judgement.findings[i].text));
}

static void write_json(struct json *json, const struct checked *c)
{
    json_begin_object(json);
    json_member_bytes(json, "selector", c->selector);
    json_member_bytes(json, "name", c->name);
    json_member_bool(json, "good", dkim_judge_worst(&c->judgement) != DKIM_ERROR);
    json_member_bytes(json, "record", c->record);
    json_member(json, "type", c->judgement.readable ? dkim_key_type_name(c->judgement.type) : NULL);
    json_member_integer(json, "bits", c->judgement.bits);
    json_member_bool(json, "revoked", c->judgement.revoked);
    json_member_bool(json, "private_key", c->key != NULL);
    json_key(json, "name_servers");
    json_begin_array(json);
    for (size_t i = 0; i < c->authority.count; i++) {
        const struct authority_server *server = &c->authority.servers[i];
        char ip[IP_TEXT_SIZE];
        json_begin_object(json);
        json_member_bytes(json, "name", server->name);
        json_member(json, "ip", ip_format(&server->ip, ip));
        json_member(json, "status", dns_status_name(server->answer->status));
        json_end_object(json);
    }
    json_end_array(json);
    json_key(json, "findings");
    json_begin_array(json);
    for (size_t i = 0; i < c->judgement.count; i++) {
        json_begin_object(json);
        json_member(json, "severity", dkim_severity_name(c->judgement.findings[i].severity));
        json_member_bytes(json, "text", c->judgement.findings[i].text);
        json_end_object(json);
    }
    json_end_array(json);
    json_end_object(json);
}

static int check_one(struct check_key *check, struct bytes selector)
{
    struct checked *c = arena_new(check->world->arena, struct checked);
    if (!c)
        return EXIT_TEMPORARY;
    c->selector = selector;
    gather(check, c);
    if (check->world->options->json)
        write_json(&check->json, c);
    else
        write_text(&check->out, c);
    EVP_PKEY_free(c->key);
    if (dkim_judge_worst(&c->judgement) != DKIM_ERROR)
        return EXIT_FINE;
    return c->dns_failed && !c->record.len ? EXIT_TEMPORARY : EXIT_NEGATIVE;
}

static int check_all(struct check_key *check)
{
    struct error error;
    int worst = EXIT_FINE;
    struct key_state *state = arena_new(check->world->arena, struct key_state);
    enum result result = state ? key_directory_read_state(check->world->arena, check->folder,
                                                          check->domain, state, &error)
                               : TEMP;
    if (result != OK) {
        fprintf(stderr, "vouch dkim check-key: %s\n", state ? error.text : "out of memory");
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < state->count; i++) {
        if (state->entries[i].phase == KEY_REVOKED)
            continue;
        int status = check_one(check, state->entries[i].selector);
        if (status > worst)
            worst = status;
    }
    return worst;
}

static int run_check_key(struct world *world)
{
    struct check_key *check = world->context;
    uint64_t port = 53;
    check->world = world;
    check->folder = dkim_keys_directory(world, check->directory);
    check->domain = key_directory_domain(world->arena, bytes_of(check->domain_option));
    if (!check->domain.len ||
        (check->selector && !key_selector_is_valid(bytes_of(check->selector))) ||
        (check->port && !bytes_to_uint(bytes_of(check->port), UINT16_MAX, &port))) {
        fprintf(stderr, "vouch dkim check-key: the domain, selector or port is not valid\n");
        return EXIT_USAGE;
    }
    check->server_port = (uint16_t)port;
    buf_init(&check->out, 16 << 20);
    check->json = json_into(&check->out);
    if (world->options->json) {
        json_begin_object(&check->json);
        json_member_bytes(&check->json, "domain", check->domain);
        json_key(&check->json, "keys");
        json_begin_array(&check->json);
    }
    int status = check->all ? check_all(check) : check_one(check, bytes_of(check->selector));
    if (world->options->json) {
        json_end_array(&check->json);
        json_end_object(&check->json);
        buf_add_byte(&check->out, '\n');
    }
    dkim_key_cache_clear();
    world_print(&check->out);
    return status;
}

int dkim_check_key_command(int argc, char **argv)
{
    struct check_key check = {0};
    struct world_options options = {0};
    const struct argument table[] = {{"--all", NULL, &check.all},
                                     {"--key-directory", &check.directory, NULL},
                                     {"--name-servers", &check.servers, NULL},
                                     {"--port", &check.port, NULL},
                                     WORLD_ARGUMENTS(options)};
    struct arguments arguments = {"dkim check-key", usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count != (check.all ? 1 : 2))
        return arguments_fail(&arguments, check.all ? "wants one domain" : "wants a domain and a selector");
    check.domain_option = arguments.positions[0];
    check.selector = check.all ? NULL : arguments.positions[1];
    return world_run(&arguments, &options, run_check_key, &check);
}
