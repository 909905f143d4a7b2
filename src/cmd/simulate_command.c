/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/command.h"
#include "cmd/moment.h"
#include "cmd/simulate.h"
#include "cmd/world.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct simulate_options {
    const struct simulate_kind *kind;
    const struct arguments *arguments;
    const char *domain, *record, *since, *until, *limit, *ledger, *discovery;
    bool offline;
    uint64_t most;
};

static bool read_filter(const struct world *world, const struct simulate_options *options,
                        struct ledger_filter *filter)
{
    *filter = (struct ledger_filter){0};
    if (moment_read(options->since, world->now, &filter->since) &&
        moment_read(options->until, world->now, &filter->until))
        return true;
    arguments_fail(options->arguments,
                   "--since and --until want a time, such as 2h or 2026-11-21");
    return false;
}

/* A record that is no good may stand in DNS all the same, so it can be tried; but who tries it shall know. */
static void warn_of_record(struct world *world, const struct simulate_options *options)
{
    struct error error;
    struct bytes record = bytes_of(options->record), ignored;
    if (record.len && options->kind->parse(world->arena, record, &ignored, &error) == PERM)
        fprintf(stderr, "vouch %s: this record is broken: %s\n", options->kind->command, error.text);
}

static bool choose_mode(const struct world *world, const struct simulate_options *options,
                        enum dmarc_mode *mode)
{
    bool list = world->config.authentication.dmarc_discovery == CONFIG_DMARC_SUFFIX_LIST;
    if (options->discovery) {
        list = strcmp(options->discovery, "suffix-list") == 0;
        if (!list && strcmp(options->discovery, "tree-walk") != 0) {
            arguments_fail(options->arguments, "--discovery is tree-walk or suffix-list");
            return false;
        }
    }
    *mode = list ? DMARC_SUFFIX_LIST : DMARC_TREE_WALK;
    return true;
}

static struct ledger *open_ledger(struct world *world, const struct simulate_options *options)
{
    struct ledger *ledger = NULL;
    struct error error;
    const char *file = options->ledger;
    if (!file)
        file = arena_string(world->arena, arena_printf(world->arena, "%s/ledger.sqlite",
                                                       world->config.data_directory));
    if (file && ledger_open(file, LEDGER_READ, &ledger, &error) == OK)
        return ledger;
    fprintf(stderr, "vouch %s: %s\n", options->kind->command, file ? error.text : "out of memory");
    return NULL;
}

static int report(const struct world *world, const struct simulate *simulate)
{
    struct buf out;
    buf_init(&out, (size_t)1 << 30);
    if (world->options->json)
        simulate_write_json(&out, simulate);
    else
        simulate_write_text(&out, simulate);
    if (out.failed) {
        buf_free(&out);
        fprintf(stderr, "vouch %s: too much to print: see --limit\n", simulate->kind->command);
        return EXIT_TEMPORARY;
    }
    world_print(&out);
    return simulate->total.changed   ? EXIT_NEGATIVE
           : simulate->total.unknown ? EXIT_TEMPORARY
                                     : EXIT_FINE;
}

static int run_simulation(struct world *world, const struct simulate_options *options,
                          struct simulate *simulate)
{
    struct ledger_filter filter;
    struct error error;
    if (!read_filter(world, options, &filter) || !choose_mode(world, options, &simulate->mode))
        return EXIT_USAGE;
    warn_of_record(world, options);
    simulate->config = &world->config;
    simulate->progress = isatty(STDERR_FILENO) && !world->options->json;
    if (options->limit)
        simulate->limit = (size_t)options->most;
    struct ledger *ledger = open_ledger(world, options);
    if (!ledger)
        return EXIT_TEMPORARY;
    enum result result = simulate_ledger(simulate, ledger, &filter, &error);
    ledger_close(ledger);
    if (result == OK)
        return report(world, simulate);
    fprintf(stderr, "vouch %s: %s\n", options->kind->command, error.text);
    return EXIT_TEMPORARY;
}

static int run(struct world *world)
{
    const struct simulate_options *options = world->context;
    struct simulate *simulate = arena_new(world->arena, struct simulate);
    struct error error;
    if (!simulate)
        return EXIT_TEMPORARY;
    enum result result =
        simulate_init(simulate, options->kind, world->arena, bytes_of(options->domain),
                      bytes_of(options->record), options->offline ? NULL : world->dns, &error);
    int status = EXIT_TEMPORARY;
    if (result == OK)
        status = run_simulation(world, options, simulate);
    else if (result == PERM)
        status = arguments_fail(options->arguments, "%s", error.text);
    else
        fprintf(stderr, "vouch %s: %s\n", options->kind->command, error.text);
    simulate_free(simulate);
    return status;
}

int simulate_command(int argc, char **argv, const struct simulate_kind *kind, const char *usage)
{
    struct simulate_options simulate = {.kind = kind};
    struct world_options options = {0};
    const struct argument table[] = {{"--record", &simulate.record, NULL},
                                     {"--since", &simulate.since, NULL},
                                     {"--until", &simulate.until, NULL},
                                     {"--limit", &simulate.limit, NULL},
                                     {"--ledger", &simulate.ledger, NULL},
                                     {"--offline", NULL, &simulate.offline},
                                     WORLD_ARGUMENTS(options),
                                     {"--discovery", &simulate.discovery, NULL}};
    struct arguments arguments = {kind->command, usage, table, countof(table), {NULL}, 0};
    simulate.arguments = &arguments;
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count != 1)
        return arguments_fail(&arguments, "wants one DOMAIN");
    if (!simulate.record)
        return arguments_fail(&arguments, "wants --record with the record to try");
    if (simulate.limit && !bytes_to_uint(bytes_of(simulate.limit), UINT32_MAX, &simulate.most))
        return arguments_fail(&arguments, "--limit wants a number, not '%s'", simulate.limit);
    simulate.domain = arguments.positions[0];
    return world_run(&arguments, &options, run, &simulate);
}
