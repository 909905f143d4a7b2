/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vouch dkim rotate: new keys published, awaited, switched to; old ones retired and revoked.
 *
 * Each step is written to the state file before the next begins, and each run begins with what that file
 * says; so it may be broken off and run again at any time.
 */
#include "auth/dkim_judge.h"
#include "auth/dkim_record.h"
#include "auth/dkim_tags.h"
#include "cmd/command.h"
#include "cmd/dkim_authority.h"
#include "cmd/dkim_keys.h"
#include "config/value.h"
#include "fiber/fiber.h"
#include "fiber/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: vouch dkim rotate [options] DOMAIN\n"
    "\n"
    "Replaces the signing keys of a domain without a gap. It makes new keys, prints their DNS records,\n"
    "waits until every name server of the domain answers them, and switches: the new keys are active,\n"
    "the old ones retired. Broken off, it goes on where it was when it is run again.\n"
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
    "exit status: 0 done, 1 not yet (time, or a record is not published), 2 usage, 3 DNS failed\n";

#define POLL_INTERVAL (5 * SECOND)
#define EXPIRE_DEFAULT (14 * DAY)
/* The gateway signs with the old keys until somebody reloads it. */
#define SWITCH_MARGIN DAY

struct rotate {
    const char *domain_option, *algorithm, *bits, *selector, *timeout, *expire, *reload_pid, *directory,
        *servers, *port;
    bool finish, status;
    /* read from those */
    struct world *world;
    const char *folder;
    struct bytes domain;
    struct key_state *state;
    int64_t wait, hold; /* microseconds */
    int64_t began;      /* loop time */
    uint16_t server_port;
};

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

/* --status */

static void write_status_json(struct buf *out, struct rotate *r)
{
    struct json json = json_into(out);
    json_begin_object(&json);
    json_member_bytes(&json, "domain", r->domain);
    json_key(&json, "keys");
    json_begin_array(&json);
    for (size_t i = 0; i < r->state->count; i++)
        dkim_keys_write_json(&json, r->world->arena, r->domain, &r->state->entries[i], BYTES(""));
    json_end_array(&json);
    json_end_object(&json);
    buf_add_byte(out, '\n');
}

static void write_status_text(struct buf *out, struct rotate *r)
{
    static const char *const meanings[] = {"not signing yet; run `vouch dkim rotate` to go on",
                                           "signs",
                                           "signs no more; its record stays until --finish",
                                           "revoked"};
    if (r->state->count == 0)
        buf_printf(out, "There are no keys of " BYTES_FMT " in %s.\n", BYTES_ARG(r->domain), r->folder);
    for (size_t i = 0; i < r->state->count; i++) {
        const struct key_entry *entry = &r->state->entries[i];
        buf_printf(out, "%-8s %-8s " BYTES_FMT " since ", key_phase_name(entry->phase),
                   dkim_key_type_name(entry->type), BYTES_ARG(entry->selector));
        key_time_write(out, entry->since);
        buf_printf(out, ": %s\n", meanings[entry->phase]);
    }
}

static int show_status(struct rotate *r)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    if (r->world->options->json)
        write_status_json(&out, r);
    else
        write_status_text(&out, r);
    world_print(&out);
    return EXIT_FINE;
}

/* Waiting for name servers */

/* One record that all servers shall answer. */
struct awaited {
    struct bytes selector;
    EVP_PKEY *key; /* NULL: revoked or gone */
};

static bool is_revoked(struct bytes text)
{
    struct dkim_tags tags;
    const struct dkim_tag *data;
    return dkim_tags_parse(text, &tags, NULL) == OK && (data = dkim_tags_find(&tags, "p")) &&
           data->value.len == 0;
}

static bool is_as_awaited(struct arena *arena, const struct awaited *awaited,
                          const struct dns_answer *answer)
{
    if (answer->status == DNS_NO_DATA || answer->status == DNS_NO_NAME)
        return !awaited->key;
    if (answer->status != DNS_FOUND || answer->count != 1)
        return false;
    return awaited->key ? dkim_private_key_fits_record(arena, awaited->key, answer->records[0].text)
                        : is_revoked(answer->records[0].text);
}

static const char *problem_of(const struct awaited *awaited, const struct dns_answer *answer)
{
    if (answer->status == DNS_FAILED)
        return answer->problem ? answer->problem : "it does not answer";
    if (answer->status != DNS_FOUND)
        return "it has no such record yet";
    if (answer->count != 1)
        return "it has several records of this name; there may be one only";
    return awaited->key ? "it has another record" : "the key is not revoked there";
}

/* Says it once on a log, and over and over on the same line of a terminal. */
static void show_progress(struct bytes text, bool last)
{
    static char shown[600];
    char line[600];
    snprintf(line, sizeof(line), BYTES_FMT, BYTES_ARG(text));
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K%s%s", line, last ? "\n" : "");
    else if (strcmp(line, shown) != 0)
        fprintf(stderr, "%s\n", line);
    snprintf(shown, sizeof(shown), "%s", line);
}

/* OK: all servers answer as awaited; NONE: not yet. `arena` is for this look alone. */
static enum result look(struct rotate *r, struct arena *arena, const struct awaited *awaited, bool last,
                        struct error *error)
{
    struct authority *authority = arena_new(arena, struct authority);
    struct bytes name = dkim_record_name(arena, awaited->selector, r->domain);
    size_t good = 0;
    const struct authority_server *bad = NULL;
    if (!authority || !name.ptr)
        return error_set(error, TEMP, "out of memory");
    enum result result = authority_find(r->world->dns, arena, name, r->servers, r->server_port,
                                        authority, error);
    if (result != OK)
        return result == NONE ? TEMP : result;
    authority_ask(arena, authority, DNS_TXT);
    for (size_t i = 0; i < authority->count; i++) {
        if (is_as_awaited(arena, awaited, authority->servers[i].answer))
            good++;
        else if (!bad)
            bad = &authority->servers[i];
    }
    struct bytes text = arena_printf(arena, BYTES_FMT ": %zu of %zu name servers have it",
                                     BYTES_ARG(name), good, authority->count);
    if (authority->unresolved)
        text = arena_printf(arena, BYTES_FMT "; %zu have no address", BYTES_ARG(text),
                            authority->unresolved);
    if (bad)
        text = arena_printf(arena, BYTES_FMT "; " BYTES_FMT ": %s", BYTES_ARG(text),
                            BYTES_ARG(bad->name), problem_of(awaited, bad->answer));
    /* A server that nobody can find answers nobody else either. */
    show_progress(text, last || !bad);
    return bad ? NONE : OK;
}

/* -1: published everywhere; else the exit status. */
static int await_record(struct rotate *r, const struct awaited *awaited)
{
    int64_t deadline = loop_deadline(r->wait);
    for (;;) {
        struct error error = {{0}};
        struct arena *arena = arena_create(16 << 20);
        bool last = loop_now() + POLL_INTERVAL > deadline;
        enum result result = arena ? look(r, arena, awaited, last, &error) : TEMP;
        arena_destroy(arena);
        if (result == OK)
            return -1;
        if (result == PERM)
            return complain(error.text, EXIT_USAGE);
        if (result == TEMP)
            complain(error.text, 0);
        if (last)
            return complain("not everywhere yet; run it again later, it goes on from here",
                            result == TEMP ? EXIT_TEMPORARY : EXIT_NEGATIVE);
        fiber_sleep(POLL_INTERVAL);
    }
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

static int await_new_key(struct rotate *r, const struct key_entry *entry)
{
    struct awaited awaited = {.selector = entry->selector};
    struct error error;
    struct bytes text;
    struct buf out;
    if (key_directory_load(r->world->arena, r->folder, r->domain, entry->selector, &awaited.key,
                           &error) != OK)
        return complain(error.text, EXIT_USAGE);
    int status = -1;
    if (dkim_record_text(r->world->arena, awaited.key, &text, &error) == OK) {
        buf_init(&out, 64 * 1024);
        buf_printf(&out, "# To be published: the %s key " BYTES_FMT " of " BYTES_FMT "\n\n",
                   dkim_key_type_name(entry->type), BYTES_ARG(entry->selector), BYTES_ARG(r->domain));
        dkim_keys_write_record(&out, r->world->arena, r->domain, entry->selector, text);
        world_print(&out);
        fflush(stdout);
        status = await_record(r, &awaited);
    }
    EVP_PKEY_free(awaited.key);
    return status;
}

static void tell_reload(const struct rotate *r)
{
    uint64_t pid;
    if (!r->reload_pid) {
        printf("Reload the gateway now (systemctl reload vouch, or SIGHUP to its master), so that it\n"
               "signs with them.\n");
    } else if (bytes_to_uint(bytes_of(r->reload_pid), INT32_MAX, &pid) && pid > 1 &&
               kill((pid_t)pid, SIGHUP) == 0) {
        printf("The gateway was told to reload (process %s).\n", r->reload_pid);
    } else {
        fprintf(stderr, "vouch dkim rotate: process %s cannot be told to reload: %s\n", r->reload_pid,
                strerror(errno));
    }
}

static int switch_keys(struct rotate *r)
{
    for (size_t i = 0; i < r->state->count; i++) {
        struct key_entry *entry = &r->state->entries[i];
        if (entry->phase != KEY_NEW && entry->phase != KEY_ACTIVE)
            continue;
        /* An active key without a successor of its algorithm goes on. */
        if (entry->phase == KEY_ACTIVE && !key_state_find_phase(r->state, KEY_NEW, entry->type))
            continue;
        if (entry->phase == KEY_ACTIVE) {
            entry->phase = KEY_RETIRED;
            entry->since = now(r);
        }
    }
    for (size_t i = 0; i < r->state->count; i++) {
        struct key_entry *entry = &r->state->entries[i];
        if (entry->phase != KEY_NEW)
            continue;
        entry->phase = KEY_ACTIVE;
        entry->since = now(r);
        printf("Active now: the %s key " BYTES_FMT ".\n", dkim_key_type_name(entry->type),
               BYTES_ARG(entry->selector));
    }
    int status = write_state(r);
    if (status >= 0)
        return status;
    if (key_state_count(r->state, KEY_RETIRED))
        printf("Old keys are retired. Leave their records where they are; once mail signed by them has\n"
               "arrived or expired, run: vouch dkim rotate --finish " BYTES_FMT "\n",
               BYTES_ARG(r->domain));
    tell_reload(r);
    return EXIT_FINE;
}

static int replace_keys(struct rotate *r)
{
    int status = -1;
    if (key_state_count(r->state, KEY_NEW) == 0)
        status = make_new_keys(r);
    for (size_t i = 0; i < r->state->count && status < 0; i++)
        if (r->state->entries[i].phase == KEY_NEW)
            status = await_new_key(r, &r->state->entries[i]);
    if (status >= 0)
        return status;
    /* It may have taken long: what others wrote meanwhile stays. */
    status = read_state(r);
    return status >= 0 ? status : switch_keys(r);
}

/* The second half: retired keys are revoked */

static int finish_key(struct rotate *r, size_t index)
{
    struct key_entry *entry = &r->state->entries[index];
    struct awaited awaited = {.selector = entry->selector};
    struct buf out;
    struct error error;
    int64_t due = entry->since + (r->hold + SWITCH_MARGIN) / SECOND;
    buf_init(&out, 64 * 1024);
    if (now(r) < due) {
        buf_printf(&out, "Not yet: mail signed by " BYTES_FMT " may be under way until ",
                   BYTES_ARG(entry->selector));
        key_time_write(&out, due);
        buf_add_string(&out, ".\n");
        world_print(&out);
        return EXIT_NEGATIVE;
    }
    buf_printf(&out, "# To be published in place of the old record: " BYTES_FMT " is revoked\n\n",
               BYTES_ARG(entry->selector));
    dkim_keys_write_record(&out, r->world->arena, r->domain, entry->selector,
                           bytes_of(dkim_record_revoked(entry->type)));
    world_print(&out);
    fflush(stdout);
    int status = await_record(r, &awaited);
    if (status >= 0)
        return status;
    status = read_state(r);
    entry = key_state_find(r->state, awaited.selector);
    if (status >= 0 || !entry)
        return status >= 0 ? status : EXIT_FINE;
    entry->phase = KEY_REVOKED;
    entry->since = now(r);
    status = write_state(r);
    if (status >= 0)
        return status;
    if (key_directory_remove(r->world->arena, durable_kernel(), r->folder, r->domain, awaited.selector,
                             &error) != OK)
        return complain(error.text, EXIT_NEGATIVE);
    printf("Revoked: " BYTES_FMT ". Its private key is removed; its record may go in some months.\n",
           BYTES_ARG(awaited.selector));
    return -1;
}

static int finish_keys(struct rotate *r)
{
    int worst = EXIT_FINE;
    if (key_state_count(r->state, KEY_RETIRED) == 0)
        printf("There is no retired key.\n");
    for (size_t i = 0; i < r->state->count; i++) {
        if (r->state->entries[i].phase != KEY_RETIRED)
            continue;
        int status = finish_key(r, i);
        if (status > worst)
            worst = status;
    }
    return worst;
}

/* Options */

static int64_t expire_of(const struct config *config, struct bytes domain)
{
    for (size_t i = 0; i < config->signing_count; i++)
        for (size_t j = 0; j < config->signings[i].domains.count; j++)
            if (bytes_equal_nocase(bytes_of(config->signings[i].domains.items[j]), domain))
                return config->signings[i].expire;
    return EXPIRE_DEFAULT;
}

static int read_options(struct rotate *r)
{
    uint64_t port = 53;
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
    r->server_port = (uint16_t)port;
    return read_state(r);
}

static int run_rotate(struct world *world)
{
    struct rotate *r = world->context;
    r->world = world;
    int status = read_options(r);
    if (status >= 0)
        return status;
    return r->status ? show_status(r) : r->finish ? finish_keys(r) : replace_keys(r);
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
