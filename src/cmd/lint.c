/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch lint: what a domain publishes about its mail, and what is wrong with it. */
#include "lint/lint.h"

#include "auth/dkim_key.h"
#include "auth/key_directory.h"
#include "base/domain.h"
#include "cmd/command.h"
#include "cmd/repeated.h"
#include "cmd/world.h"
#include "fiber/group.h"
#include "lint/lint_report.h"
#include "message/idn.h"
#include "os/socket.h"

#include <stdio.h>
#include <unistd.h>

static const char usage[] =
    "usage: vouch lint DOMAIN [options]\n"
    "\n"
    "Shows what a domain publishes about its mail (MX, names of addresses, SPF, Sender ID, DKIM, "
    "ADSP,\n"
    "DMARC, MTA-STS, TLSRPT, TLSA, BIMI) and what is wrong with it, the worst first, with the "
    "corrected\n"
    "records.\n"
    "\n"
    "  --selector NAME[,NAME]  DKIM selectors in use (default: common ones are tried)\n"
    "  --key-directory FOLDER  try the selectors of the keys in it, too (default: the\n"
    "                          configuration's, if it can be read)\n"
    "  --helo NAME[,NAME]      names that the outbound hosts greet with\n"
    "  --address IP[,IP]       addresses that mail goes out from\n"
    "  --dnsbl ZONE[,ZONE]     ask these block lists for all addresses (default: none)\n"
    "  --no-fetch              do not get the MTA-STS policy by HTTPS\n"
    "  --https-at IP[:PORT]    get it from there\n"
    "  --ca-file FILE          certificate authorities that are believed (default: the "
    "system's)\n" WORLD_USAGE "\n"
    "Most options may be given several times.\n"
    "\n"
    "examples:\n"
    "  vouch lint example.org\n"
    "  vouch lint example.org --selector s2026 --helo mail.example.org --address 192.0.2.1\n"
    "  vouch lint example.org --dnsbl zen.spamhaus.org --json\n"
    "\n"
    "exit status: 0 nothing wrong (warnings and advice at most), 1 errors found, 2 usage, 3 no "
    "errors\n"
    "found, but the DNS did not answer everything\n";

enum { SELECTORS, HELOS, ADDRESSES, ZONES, LISTS };
#define LINT_TIME (60 * SECOND)

struct lint_options {
    struct repeated lists[LISTS];
    const char *domain, *https_at, *ca_file, *key_directory;
    bool no_fetch;
    struct ip addresses[REPEATED_MAX];
    struct lint_request request;
};

static bool read_name(struct world *world, struct bytes given, const char *what, struct bytes *out)
{
    struct error error;
    if (idn_to_ascii(world->arena, domain_strip_dot(given), out, &error) == OK)
        return true;
    fprintf(stderr, "vouch lint: '" BYTES_FMT "' is no %s\n", BYTES_ARG(given), what);
    return false;
}

static bool read_names(struct world *world, struct repeated *list, const char *what)
{
    for (size_t i = 0; i < list->count; i++)
        if (!read_name(world, list->values[i], what, &list->values[i]))
            return false;
    return true;
}

/* The selectors of this host's keys; none if it has none that can be read. */
static void read_keys(struct world *world, struct lint_options *options)
{
    struct lint_request *request = &options->request;
    const char *folder =
        options->key_directory ? options->key_directory : world->config.key_directory;
    struct key_state *state = arena_new(world->arena, struct key_state);
    struct lint_selector *selectors =
        arena_alloc_array(world->arena, KEY_STATE_MAX, sizeof(*selectors));
    struct bytes domain = key_directory_domain(world->arena, request->domain);
    if (!folder || !state || !selectors || !domain.len ||
        key_directory_read_state(world->arena, folder, domain, state, NULL) != OK)
        return;
    for (size_t i = 0; i < state->count; i++)
        if (state->entries[i].phase != KEY_REVOKED)
            selectors[request->local_selector_count++] = (struct lint_selector){
                state->entries[i].selector, state->entries[i].phase == KEY_ACTIVE};
    request->local_selectors = selectors;
}

static bool read_request(struct world *world, struct lint_options *options)
{
    struct lint_request *request = &options->request;
    if (!read_name(world, bytes_of(options->domain), "name of a domain", &request->domain) ||
        !read_names(world, &options->lists[SELECTORS], "selector") ||
        !read_names(world, &options->lists[HELOS], "name of a host") ||
        !read_names(world, &options->lists[ZONES], "name of a block list"))
        return false;
    for (size_t i = 0; i < options->lists[ADDRESSES].count; i++)
        if (!ip_parse(options->lists[ADDRESSES].values[i], &options->addresses[i])) {
            fprintf(stderr, "vouch lint: --address wants an IP address, not '" BYTES_FMT "'\n",
                    BYTES_ARG(options->lists[ADDRESSES].values[i]));
            return false;
        }
    if (options->https_at && !socket_parse_address(bytes_of(options->https_at), 443,
                                                   &request->https_ip, &request->https_port)) {
        fprintf(stderr, "vouch lint: --https-at wants an address, not '%s'\n", options->https_at);
        return false;
    }
    request->selectors = options->lists[SELECTORS].values;
    request->selector_count = options->lists[SELECTORS].count;
    request->helo_names = options->lists[HELOS].values;
    request->helo_count = options->lists[HELOS].count;
    request->addresses = options->addresses;
    request->address_count = options->lists[ADDRESSES].count;
    request->zones = options->lists[ZONES].values;
    request->zone_count = options->lists[ZONES].count;
    request->fetch = !options->no_fetch;
    request->ca_file = options->ca_file;
    request->deadline = loop_deadline(LINT_TIME);
    read_keys(world, options);
    return true;
}

/* On a terminal the number of questions is shown while the answers come in. */
static void show_progress(void *argument)
{
    const struct lint *lint = argument;
    while (fiber_sleep(200 * MILLISECOND) == 0)
        fprintf(stderr, "\r%zu questions asked ...", lint->recorder.count);
    fprintf(stderr, "\r\033[K");
}

static int run_lint(struct world *world)
{
    struct lint_options *options = world->context;
    struct lint *lint = arena_new(world->arena, struct lint);
    struct fiber_group group;
    if (!lint || !read_request(world, options))
        return EXIT_USAGE;
    dkim_prepare();
    fiber_group_open(&group);
    if (isatty(STDERR_FILENO) && !world->options->json &&
        !fiber_group_start(&group, "progress", show_progress, lint))
        fprintf(stderr, "vouch lint: no memory to show progress\n");
    lint_run(lint, world->dns, world->arena, &options->request);
    fiber_group_close(&group);
    struct buf out;
    buf_init(&out, 16 << 20);
    if (world->options->json)
        lint_write_json(&out, lint);
    else
        lint_write_text(&out, lint, world->colour);
    world_print(&out);
    dkim_key_cache_clear();
    return lint_count(lint, SEVERITY_ERROR) ? EXIT_NEGATIVE
           : lint_failures(lint)            ? EXIT_TEMPORARY
                                            : EXIT_FINE;
}

int lint_command(int argc, char **argv)
{
    static struct lint_options lint;
    struct world_options options = {0};
    lint.lists[SELECTORS].name = "--selector";
    lint.lists[HELOS].name = "--helo";
    lint.lists[ADDRESSES].name = "--address";
    lint.lists[ZONES].name = "--dnsbl";
    const struct argument table[] = {{"--no-fetch", NULL, &lint.no_fetch},
                                     {"--https-at", &lint.https_at, NULL},
                                     {"--ca-file", &lint.ca_file, NULL},
                                     {"--key-directory", &lint.key_directory, NULL},
                                     WORLD_ARGUMENTS(options)};
    struct arguments arguments = {"lint", usage, table, countof(table), {NULL}, 0};
    int status = repeated_take(lint.lists, LISTS, arguments.command, &argc, argv);
    if (status < 0)
        status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count != 1)
        return arguments_fail(&arguments, "wants one DOMAIN");
    lint.domain = arguments.positions[0];
    return world_run(&arguments, &options, run_lint, &lint);
}
