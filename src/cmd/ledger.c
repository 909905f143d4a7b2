/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch log: what came in. */
#include "cmd/command.h"
#include "cmd/ledger_file.h"
#include "cmd/moment.h"
#include "cmd/world.h"
#include "verdict/judge.h"

#include <stdio.h>
#include <time.h>

static const char log_usage[] =
    "usage: vouch log [filters] [--json]\n"
    "\n"
    "Lists the messages of the ledger, oldest first.\n"
    "\n"
    "  --sender WHO         MAIL FROM or From: a mailbox, or a domain\n"
    "  --recipient WHO      a mailbox, or a domain\n"
    "  --client ADDRESS     IP address of the client\n"
    "  --action NAME        accept, junk, quarantine, discard, tempfail or reject\n"
    "  --since WHEN         an epoch, 2026-11-21, 2026-11-21T20:55, or how long ago: 90m, 2h, 7d\n"
    "  --until WHEN         the same\n"
    "  --last N             only the newest N (default: all)\n"
    "  --now EPOCH          what `ago` counts from\n"
    "  --ledger FILE        the ledger (default: ledger.sqlite in the configuration's data directory)\n"
    "  --config FILE        the gateway's configuration (default: /etc/vouch/vouch.conf)\n"
    "  --json               one JSON object a line\n"
    "\n"
    "examples:\n"
    "  vouch log --since 2h --action reject\n"
    "  vouch log --recipient alice@example.org --last 20\n"
    "  vouch log --sender bank.example --json\n"
    "\n"
    "exit status: 0 something was found, 1 nothing, 2 usage, 3 the ledger cannot be read now\n";

struct listing {
    bool json;
    size_t count;
};

static bool list_entry(void *context, const struct ledger_entry *entry)
{
    struct listing *listing = context;
    struct buf out;
    buf_init(&out, 4 << 20);
    listing->count++;
    if (listing->json) {
        struct json json = json_into(&out);
        ledger_file_entry_json(&json, entry);
        json_end_object(&json);
    } else {
        char when[32];
        time_t at = (time_t)entry->received_at;
        struct tm utc;
        gmtime_r(&at, &utc);
        strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
        buf_printf(&out, "%s " BYTES_FMT " %-10.*s %u " BYTES_FMT " <" BYTES_FMT "> ->", when,
                   BYTES_ARG(entry->id), BYTES_ARG(entry->action), entry->code,
                   BYTES_ARG(entry->client), BYTES_ARG(entry->sender));
        for (size_t i = 0; i < entry->recipient_count; i++)
            buf_printf(&out, " <" BYTES_FMT ">", BYTES_ARG(entry->recipients[i]));
        /* A peer chose these words: nothing of them steers the terminal. */
        for (size_t i = 0; i < out.len; i++)
            if (out.ptr[i] < 0x20 || out.ptr[i] == 0x7f)
                out.ptr[i] = '?';
    }
    buf_add_byte(&out, '\n');
    world_print(&out);
    return true;
}

int log_command(int argc, char **argv)
{
    struct ledger_place place = {0};
    struct listing listing = {0};
    const char *sender = NULL, *recipient = NULL, *client = NULL, *action = NULL;
    const char *since = NULL, *until = NULL, *last = NULL, *now_text = NULL;
    const struct argument table[] = {
        {"--sender", &sender, NULL},       {"--recipient", &recipient, NULL},
        {"--client", &client, NULL},       {"--action", &action, NULL},
        {"--since", &since, NULL},         {"--until", &until, NULL},
        {"--last", &last, NULL},           {"--now", &now_text, NULL},
        {"--ledger", &place.ledger, NULL}, {"--config", &place.config, NULL},
        {"--json", NULL, &listing.json}};
    struct arguments arguments = {"log", log_usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    struct ledger_filter filter = {.sender = bytes_of(sender),
                                   .recipient = bytes_of(recipient),
                                   .client = bytes_of(client),
                                   .action = bytes_of(action)};
    uint64_t most = 0, now = (uint64_t)time(NULL);
    enum action parsed;
    if (arguments.position_count)
        return arguments_fail(&arguments, "takes no '%s'", arguments.positions[0]);
    if (now_text && !bytes_to_uint(bytes_of(now_text), INT64_MAX / 2, &now))
        return arguments_fail(&arguments, "--now wants seconds since 1970, not '%s'", now_text);
    if (!moment_read(since, (int64_t)now, &filter.since) || !moment_read(until, (int64_t)now, &filter.until))
        return arguments_fail(&arguments, "--since and --until want a time, such as 2h or 2026-11-21");
    if (last && !bytes_to_uint(bytes_of(last), UINT32_MAX, &most))
        return arguments_fail(&arguments, "--last wants a number, not '%s'", last);
    if (action && !action_parse(bytes_of(action), &parsed))
        return arguments_fail(&arguments, "there is no action '%s'", action);
    struct ip ip;
    if (client && !ip_parse(bytes_of(client), &ip))
        return arguments_fail(&arguments, "--client wants an IP address, not '%s'", client);
    filter.most = (unsigned)most;
    struct arena *arena = arena_create(256 << 20);
    struct ledger *ledger = arena ? ledger_file_open(&place, arena, &status) : NULL;
    if (ledger) {
        struct error error;
        enum result result = ledger_select(ledger, &filter, list_entry, &listing, &error);
        status = result != OK ? EXIT_TEMPORARY : listing.count ? EXIT_FINE : EXIT_NEGATIVE;
        if (result != OK)
            fprintf(stderr, "vouch log: %s\n", error.text);
    }
    ledger_close(ledger);
    arena_destroy(arena);
    return status;
}
