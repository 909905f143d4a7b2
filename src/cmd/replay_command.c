/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch replay: what another policy would have done with the mail that the ledger remembers. */
#include "cmd/command.h"
#include "cmd/ledger_file.h"
#include "cmd/moment.h"
#include "cmd/replay_policy.h"
#include "cmd/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char usage[] =
    "usage: vouch replay [--policy FILE] [options]\n"
    "\n"
    "Judges the mail that the ledger remembers again, as the policies of the configuration FILE say, and\n"
    "tells what would have been done otherwise. Each message is judged by the policy of the name that it\n"
    "came under. The evidence is that of then: DNS, lists and filter are not asked again. Nothing is\n"
    "changed, and no network is needed.\n"
    "\n"
    "  --policy FILE        a configuration with the policies to try (default: the gateway's own)\n"
    "  --sender WHO         only mail of this MAIL FROM or From: a mailbox, or a domain\n"
    "  --recipient WHO      only mail for a mailbox, or a domain\n"
    "  --action NAME        only mail that was then accept, junk, quarantine, discard, tempfail or reject\n"
    "  --since WHEN         an epoch, 2026-11-21, 2026-11-21T20:55, or how long ago: 90m, 2h, 7d\n"
    "  --until WHEN         the same\n"
    "  --limit N            list at most so many differences (default: 50; 0: all)\n"
    "  --labels FILE        lines \"ID junk\" and \"ID ham\": tells how many went wrong, and whether the\n"
    "                       probabilities meant what they said (Brier score, reliability table)\n"
    "  --now EPOCH          what `ago` counts from\n"
    "  --ledger FILE        the ledger (default: ledger.sqlite in the configuration's data directory)\n"
    "  --config FILE        the gateway's configuration (default: /etc/vouch/vouch.conf)\n"
    "  --json               for machines\n"
    "\n"
    "examples:\n"
    "  vouch replay --policy /tmp/stricter.conf --since 7d\n"
    "  vouch replay --policy /tmp/stricter.conf --action accept --sender bank.example --json\n"
    "  vouch replay --labels reported.txt --since 30d\n"
    "\n"
    "exit status: 0 nothing differs, 1 something differs, 2 usage, 3 the ledger cannot be read now\n";

enum { LIMIT = 50, REPORT_MOST = 1 << 30 };

struct options {
    const char *policy, *labels, *limit, *since, *until, *now, *action;
    struct ledger_place place;
    bool json;
};

static bool add_label(struct arena *arena, struct map *labels, struct bytes line)
{
    struct bytes id = bytes_first(line, bytes_find_byte(line, ' '));
    struct bytes label = bytes_trim(bytes_skip(line, id.len));
    const char *value = bytes_is(label, "junk") ? "junk" : bytes_is(label, "ham") ? "ham" : NULL;
    id = arena_copy(arena, id);
    return value && id.len && map_put(labels, id, (void *)value, NULL);
}

/* A line that is none ends it. */
static struct map *read_labels(struct arena *arena, const char *file)
{
    struct map *labels = map_create();
    char *line = NULL;
    size_t capacity = 0, number = 0;
    ssize_t length;
    FILE *in = fopen(file, "r");
    if (!in || !labels) {
        perror(file);
        if (in)
            fclose(in);
        map_destroy(labels, NULL);
        return NULL;
    }
    while (labels && (length = getline(&line, &capacity, in)) >= 0) {
        struct bytes text = bytes_trim(bytes_from(line, (size_t)length));
        number++;
        if (!text.len || text.ptr[0] == '#' || add_label(arena, labels, text))
            continue;
        fprintf(stderr, "vouch replay: %s:%zu: a line is \"ID junk\" or \"ID ham\"\n", file, number);
        map_destroy(labels, NULL);
        labels = NULL;
    }
    free(line);
    fclose(in);
    return labels;
}

static int report(const struct replay_policies *replay, bool as_json)
{
    struct buf out;
    buf_init(&out, REPORT_MOST);
    if (as_json)
        replay_policies_write_json(&out, replay);
    else
        replay_policies_write_text(&out, replay);
    if (out.failed) {
        buf_free(&out);
        fprintf(stderr, "vouch replay: too much to print: see --limit\n");
        return EXIT_TEMPORARY;
    }
    world_print(&out);
    return replay->identical == replay->judged ? EXIT_FINE : EXIT_NEGATIVE;
}

static int run(struct arena *arena, const struct options *options, const struct ledger_filter *filter, size_t limit)
{
    struct config config;
    struct error error;
    int status = EXIT_USAGE;
    struct replay_policies *replay = arena_new(arena, struct replay_policies);
    const char *file = options->policy         ? options->policy
                       : options->place.config ? options->place.config
                                               : LEDGER_CONFIG_DEFAULT;
    if (!replay || !ledger_file_config(arena, file, &config))
        return EXIT_USAGE;
    *replay = (struct replay_policies){.arena = arena, .config = &config, .limit = limit};
    if (options->labels && !(replay->labels = read_labels(arena, options->labels)))
        return EXIT_USAGE;
    struct ledger *ledger = ledger_file_open(&options->place, arena, &status);
    if (ledger) {
        enum result result = replay_policies_run(replay, ledger, filter, &error);
        if (result == OK)
            status = report(replay, options->json);
        else
            fprintf(stderr, "vouch replay: %s\n", error.text);
        status = result == OK ? status : EXIT_TEMPORARY;
    }
    ledger_close(ledger);
    map_destroy(replay->labels, NULL);
    return status;
}

int replay_command(int argc, char **argv)
{
    struct options options = {0};
    const char *sender = NULL, *recipient = NULL;
    const struct argument table[] = {
        {"--policy", &options.policy, NULL},       {"--labels", &options.labels, NULL},
        {"--sender", &sender, NULL},               {"--recipient", &recipient, NULL},
        {"--action", &options.action, NULL},       {"--since", &options.since, NULL},
        {"--until", &options.until, NULL},         {"--limit", &options.limit, NULL},
        {"--now", &options.now, NULL},             {"--ledger", &options.place.ledger, NULL},
        {"--config", &options.place.config, NULL}, {"--json", NULL, &options.json}};
    struct arguments arguments = {"replay", usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    struct ledger_filter filter = {.sender = bytes_of(sender),
                                   .recipient = bytes_of(recipient),
                                   .action = bytes_of(options.action)};
    uint64_t limit = LIMIT, now = (uint64_t)time(NULL);
    enum action parsed;
    if (arguments.position_count)
        return arguments_fail(&arguments, "takes no '%s'", arguments.positions[0]);
    if (options.now && !bytes_to_uint(bytes_of(options.now), INT64_MAX / 2, &now))
        return arguments_fail(&arguments, "--now wants seconds since 1970, not '%s'", options.now);
    if (!moment_read(options.since, (int64_t)now, &filter.since) ||
        !moment_read(options.until, (int64_t)now, &filter.until))
        return arguments_fail(&arguments, "--since and --until want a time, such as 2h or 2026-11-21");
    if (options.limit && !bytes_to_uint(bytes_of(options.limit), UINT32_MAX, &limit))
        return arguments_fail(&arguments, "--limit wants a number, not '%s'", options.limit);
    if (options.action && !action_parse(filter.action, &parsed))
        return arguments_fail(&arguments, "there is no action '%s'", options.action);
    struct arena *arena = arena_create((size_t)1 << 30);
    status = arena ? run(arena, &options, &filter, (size_t)limit) : EXIT_TEMPORARY;
    arena_destroy(arena);
    return status;
}
