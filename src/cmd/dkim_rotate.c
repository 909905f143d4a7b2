/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vouch dkim rotate: new keys published, awaited, switched to; old ones retired and revoked.
 *
 * Each step is written to the state file before the next begins, and each run begins with what that file
 * says; so it may be broken off and run again at any time.
 */
#include "cmd/command.h"
#include "cmd/dkim_rotate.h"
#include "config/value.h"
#include "fiber/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: vouch dkim rotate [options] DOMAIN\n"
    "\n"
    "Replaces the signing keys of a domain without a gap. It makes new keys, prints their DNS records,\n"
    "waits until every name server of the domain answers all of them, and switches: the new keys are\n"
    "active, the old ones retired. Broken off, it goes on where it was when it is run again; a record\n"
    "that is answered everywhere is not printed again. With --json it prints an object a line.\n"
    "Weeks later, when no mail signed by the old keys is on its way any more, --finish revokes them.\n"
    "\n"
    "  --finish                print what to publish for retired keys whose time has come (an empty p=),\n"
    "                          wait until it is published, and remove their private keys\n"
    "  --status                only show which keys there are\n"
    "  --algorithm A           of new keys: rsa, ed25519 or both (default: as the present ones; both)\n"
    "  --bits N                of a new RSA key: 2048 (the default) to 4096\n"
    "  --selector NAME         of new keys (default: after the day)\n"
    "  --timeout DURATION      wait so long for the name servers (default 1h); 0: look once\n"
    "  --expire DURATION       how long signatures hold (default: as the configuration says, or 14d)\n"
    "  --reload-pid PID        send SIGHUP to the gateway's master after the switch\n"
    "  --key-directory FOLDER  instead of the configuration's (/etc/vouch/keys)\n"
    "  --name-servers LIST     ask these (ADDRESS[:PORT],...) instead of those that NS records name\n"
    "  --port N                where the servers of NS records listen (default 53)\n"
    WORLD_USAGE
    "\n"
    "examples:\n"
    "  vouch dkim rotate example.org --reload-pid $(systemctl show -P MainPID vouch)\n"
    "  vouch dkim rotate --status example.org\n"
    "  vouch dkim rotate --finish example.org\n"
    "\n"
    "exit status: 0 done, 1 not yet (time, or a record is not published) or the gateway could not be told\n"
    "to reload, 2 usage, 3 DNS failed\n";

#define EXPIRE_DEFAULT (14 * DAY)
/* The gateway signs with the old keys until somebody reloads it. */
#define SWITCH_MARGIN DAY

static int complain(const char *text, int status)
{
    fprintf(stderr, "vouch dkim rotate: %s\n", text);
    return status;
}

/* Epoch seconds: it may have waited for hours. */
static int64_t now(const struct rotate *r)
{
    return r->world->now + (loop_now() - r->began) / SECOND;
}

static int read_state(struct rotate *r)
{
    struct error error;
    enum result result =
        key_directory_read_state(r->world->arena, r->folder, r->domain, r->state, &error);
    return result == OK || result == NONE ? -1 : complain(error.text, EXIT_USAGE);
}

static int write_state(struct rotate *r)
{
    struct error error;
    if (key_directory_write_state(r->world->arena, durable_kernel(), r->folder, r->domain, r->state,
                                  &error) == OK)
        return -1;
    return complain(error.text, EXIT_NEGATIVE);
}

static int status_of(enum result result)
{
    return result == OK     ? -1
           : result == NONE ? EXIT_NEGATIVE
           : result == TEMP ? EXIT_TEMPORARY
                            : EXIT_USAGE;
}

/* -1: all records are published everywhere; else the exit status. `fresh`: nobody can have them yet. */
static int publish(struct rotate *r, bool fresh)
{
    struct error error;
    enum result result = fresh ? NONE : dkim_await_look(&r->await, &error);
    if (result == PERM)
        return complain(error.text, EXIT_USAGE);
    if (result == OK)
        return -1;
    rotate_announce(r);
    return status_of(dkim_await_all(&r->await, r->wait));
}

/* The first half: new keys become active */

static int make_new_keys(struct rotate *r)
{
    struct dkim_wanted wanted = {.selector = r->selector, .bits = DKIM_SIGNING_BITS_MIN,
                                 .phase = KEY_NEW};
    uint64_t bits;
    wanted.rsa = key_state_find_phase(r->state, KEY_ACTIVE, DKIM_KEY_RSA) != NULL;
    wanted.ed25519 = key_state_find_phase(r->state, KEY_ACTIVE, DKIM_KEY_ED25519) != NULL;
    const char *algorithm = r->algorithm                                  ? r->algorithm
                            : wanted.rsa == wanted.ed25519 ? "both"
                            : wanted.rsa                   ? "rsa"
                                                           : "ed25519";
    if (!dkim_wanted_parse(algorithm, &wanted))
        return complain("--algorithm wants rsa, ed25519 or both", EXIT_USAGE);
    if (r->bits) {
        if (!bytes_to_uint(bytes_of(r->bits), DKIM_RSA_BITS_MAX, &bits))
            return complain("--bits wants 2048 to 4096", EXIT_USAGE);
        wanted.bits = (unsigned)bits;
    }
    return dkim_keys_make(r->world, r->folder, r->domain, &wanted, r->state) == OK ? -1 : EXIT_NEGATIVE;
}

static int load_new_keys(struct rotate *r)
{
    struct error error;
    for (size_t i = 0; i < r->state->count; i++) {
        const struct key_entry *entry = &r->state->entries[i];
        struct dkim_awaited *awaited = &r->await.records[r->await.count];
        if (entry->phase != KEY_NEW)
            continue;
        awaited->selector = entry->selector;
        if (key_directory_load(r->world->arena, r->folder, r->domain, entry->selector, &awaited->key,
                               &error) != OK)
            return complain(error.text, EXIT_USAGE);
        r->await.count++;
    }
    return -1;
}

static void free_keys(struct rotate *r)
{
    for (size_t i = 0; i < r->await.count; i++) {
        EVP_PKEY_free(r->await.records[i].key);
        r->await.records[i].key = NULL;
    }
}

/* False: it was not asked for, or failed, with a message. */
static bool tell_reload(const struct rotate *r)
{
    if (!r->reload)
        return false;
    if (kill(r->reload, SIGHUP) == 0)
        return true;
    fprintf(stderr,
            "vouch dkim rotate: process %d cannot be told to reload: %s\n"
            "The new keys are active, but the gateway signs with the old ones until it is reloaded.\n"
            "Do it by hand: systemctl reload vouch (or SIGHUP to its master).\n",
            r->reload, strerror(errno));
    return false;
}

/* The new key of this algorithm that was awaited: one that somebody made meanwhile is not published. */
static struct key_entry *successor(const struct rotate *r, enum dkim_key_type type)
{
    struct key_entry *entry = key_state_find_phase(r->state, KEY_NEW, type);
    for (size_t i = 0; entry && i < r->await.count; i++)
        if (bytes_equal_nocase(r->await.records[i].selector, entry->selector))
            return entry;
    return NULL;
}

static int switch_keys(struct rotate *r)
{
    static const enum dkim_key_type types[] = {DKIM_KEY_RSA, DKIM_KEY_ED25519};
    size_t switched = 0;
    for (size_t i = 0; i < countof(types); i++) {
        struct key_entry *old = key_state_find_phase(r->state, KEY_ACTIVE, types[i]);
        struct key_entry *new = successor(r, types[i]);
        /* An active key without a successor of its algorithm goes on. */
        if (!new)
            continue;
        if (old) {
            old->phase = KEY_RETIRED;
            old->since = now(r);
        }
        new->phase = KEY_ACTIVE;
        new->since = now(r);
        switched++;
    }
    if (!switched)
        return complain("somebody else changed the keys meanwhile; look with --status", EXIT_NEGATIVE);
    int status = write_state(r);
    if (status >= 0)
        return status;
    bool reloaded = tell_reload(r);
    rotate_show_switched(r, reloaded);
    return r->reload && !reloaded ? EXIT_NEGATIVE : EXIT_FINE;
}

static int replace_keys(struct rotate *r)
{
    bool fresh = key_state_count(r->state, KEY_NEW) == 0;
    int status = fresh ? make_new_keys(r) : -1;
    if (status < 0)
        status = load_new_keys(r);
    if (status < 0)
        status = publish(r, fresh);
    free_keys(r);
    if (status >= 0)
        return status;
    /* It may have taken long: what others wrote meanwhile stays. */
    status = read_state(r);
    return status >= 0 ? status : switch_keys(r);
}

/* The second half: retired keys are revoked */

/* -1: it is revoked. */
static int revoke_key(struct rotate *r, struct bytes selector)
{
    struct error error;
    int status = read_state(r);
    struct key_entry *entry = key_state_find(r->state, selector);
    if (status >= 0 || !entry)
        return status >= 0 ? status : EXIT_FINE;
    entry->phase = KEY_REVOKED;
    entry->since = now(r);
    status = write_state(r);
    if (status >= 0)
        return status;
    if (key_directory_remove(r->world->arena, durable_kernel(), r->folder, r->domain, selector,
                             &error) != OK)
        return complain(error.text, EXIT_NEGATIVE);
    rotate_show_revoked(r, selector);
    return -1;
}

static int finish_keys(struct rotate *r)
{
    int worst = EXIT_FINE;
    if (key_state_count(r->state, KEY_RETIRED) == 0 && !r->world->options->json)
        printf("There is no retired key.\n");
    for (size_t i = 0; i < r->state->count; i++) {
        const struct key_entry *entry = &r->state->entries[i];
        int64_t due = entry->since + (r->hold + SWITCH_MARGIN) / SECOND;
        if (entry->phase != KEY_RETIRED)
            continue;
        if (now(r) >= due) {
            r->await.records[r->await.count++].selector = entry->selector;
        } else {
            rotate_show_not_yet(r, entry, due);
            worst = EXIT_NEGATIVE;
        }
    }
    int status = r->await.count ? publish(r, false) : -1;
    worst = status > worst ? status : worst;
    for (size_t i = 0; i < r->await.count; i++) {
        if (!r->await.records[i].answered)
            continue;
        status = revoke_key(r, r->await.records[i].selector);
        worst = status > worst ? status : worst;
    }
    return worst;
}

/* Options */

static int64_t expire_of(const struct config *config, struct bytes domain)
{
    for (size_t i = 0; i < config->signing_count; i++)
        if (config_strings_contain(&config->signings[i].domains, domain))
            return config->signings[i].expire;
    return EXPIRE_DEFAULT;
}

static int read_options(struct rotate *r)
{
    uint64_t port = 53, pid = 0;
    r->wait = HOUR;
    r->began = loop_now();
    r->folder = dkim_keys_directory(r->world, r->directory);
    r->domain = key_directory_domain(r->world->arena, bytes_of(r->domain_option));
    r->state = arena_new(r->world->arena, struct key_state);
    if (!r->domain.len || !r->state)
        return complain("it wants the name of a domain", EXIT_USAGE);
    r->hold = expire_of(&r->world->config, r->domain);
    if (r->timeout && config_read_duration(bytes_of(r->timeout), &r->wait))
        return complain("--timeout wants a duration such as 30m", EXIT_USAGE);
    if (r->expire && config_read_duration(bytes_of(r->expire), &r->hold))
        return complain("--expire wants a duration such as 14d", EXIT_USAGE);
    if (r->port && !bytes_to_uint(bytes_of(r->port), UINT16_MAX, &port))
        return complain("--port wants a number", EXIT_USAGE);
    if (r->reload_pid && (!bytes_to_uint(bytes_of(r->reload_pid), INT32_MAX, &pid) || pid < 2))
        return complain("--reload-pid wants the number of a process", EXIT_USAGE);
    r->reload = (int)pid;
    r->await = (struct dkim_await){.world = r->world, .domain = r->domain, .servers = r->servers,
                                   .port = (uint16_t)port};
    r->await.records = arena_alloc_array(r->world->arena, KEY_STATE_MAX, sizeof(*r->await.records));
    if (!r->await.records)
        return complain("out of memory", EXIT_TEMPORARY);
    return read_state(r);
}

static int run_rotate(struct world *world)
{
    struct rotate *r = world->context;
    r->world = world;
    int status = read_options(r);
    if (status >= 0)
        return status;
    if (r->status) {
        rotate_show_state(r, NULL);
        return EXIT_FINE;
    }
    status = r->finish ? finish_keys(r) : replace_keys(r);
    /* The last line says where things stand, as it is on disk. */
    if (world->options->json && status != EXIT_USAGE && read_state(r) < 0)
        rotate_show_state(r, "state");
    return status;
}

int dkim_rotate_command(int argc, char **argv)
{
    struct rotate r = {0};
    struct world_options options = {0};
    const struct argument table[] = {{"--finish", NULL, &r.finish},
                                     {"--status", NULL, &r.status},
                                     {"--algorithm", &r.algorithm, NULL},
                                     {"--bits", &r.bits, NULL},
                                     {"--selector", &r.selector, NULL},
                                     {"--timeout", &r.timeout, NULL},
                                     {"--expire", &r.expire, NULL},
                                     {"--reload-pid", &r.reload_pid, NULL},
                                     {"--key-directory", &r.directory, NULL},
                                     {"--name-servers", &r.servers, NULL},
                                     {"--port", &r.port, NULL},
                                     WORLD_ARGUMENTS(options)};
    struct arguments arguments = {"dkim rotate", usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count != 1)
        return arguments_fail(&arguments, "wants one domain");
    r.domain_option = arguments.positions[0];
    return world_run(&arguments, &options, run_rotate, &r);
}
