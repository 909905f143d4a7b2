/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch explain, vouch log: what the ledger knows. */
#include "state/ledger.h"

#include "base/json.h"
#include "cmd/command.h"
#include "cmd/moment.h"
#include "cmd/world.h"
#include "verdict/explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char explain_usage[] =
    "usage: vouch explain [--ledger FILE] [--config FILE] [--json] ID\n"
    "\n"
    "Tells the whole story of one message: who sent it, what every check found, on which DNS answers it\n"
    "rests, and why the verdict is what it is. The beginning of an id is enough.\n"
    "\n"
    "  --ledger FILE    the ledger (default: ledger.sqlite in the configuration's data directory)\n"
    "  --config FILE    the gateway's configuration (default: /etc/vouch/vouch.conf)\n"
    "  --json           for machines\n"
    "\n"
    "examples:\n"
    "  vouch explain 1m0v0zw7tr800\n"
    "  vouch explain --json 1m0v0zw7\n"
    "\n"
    "exit status: 0 found, 1 no such message, 2 usage, 3 the ledger cannot be read now\n";

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

struct place {
    const char *ledger, *config;
};

/* The ledger's file: as given, or where the configuration has its data. */
static struct ledger *open_ledger(const struct place *place, struct arena *arena, int *status)
{
    struct ledger *ledger = NULL;
    struct error error;
    const char *file = place->ledger;
    if (!file) {
        struct config config;
        struct buf errors;
        buf_init(&errors, 64 * 1024);
        const char *name = place->config ? place->config : "/etc/vouch/vouch.conf";
        if (config_load(arena, name, &config, &errors) == OK)
            file = arena_string(arena, arena_printf(arena, "%s/ledger.sqlite", config.data_directory));
        else
            fprintf(stderr, BYTES_FMT, BYTES_ARG(buf_bytes(&errors)));
        buf_free(&errors);
        if (!file) {
            *status = EXIT_USAGE;
            return NULL;
        }
    }
    enum result result = ledger_open(file, LEDGER_READ, &ledger, &error);
    if (result != OK) {
        fprintf(stderr, "vouch: %s\n", error.text);
        *status = result == NONE ? EXIT_NEGATIVE : EXIT_TEMPORARY;
    }
    return ledger;
}

static void entry_json(struct json *json, const struct ledger_entry *entry)
{
    json_begin_object(json);
    json_member_bytes(json, "id", entry->id);
    json_member_integer(json, "received_at", entry->received_at);
    json_member_bytes(json, "client", entry->client);
    json_member_bytes(json, "mail_from", entry->sender);
    json_member_bytes(json, "header_from", entry->header_from);
    json_key(json, "recipients");
    json_begin_array(json);
    for (size_t i = 0; i < entry->recipient_count; i++)
        json_add_bytes(json, entry->recipients[i]);
    json_end_array(json);
    json_member_bytes(json, "action", entry->action);
    json_member_bytes(json, "trust", entry->trust);
    json_member_integer(json, "code", entry->code);
    json_member_bytes(json, "policy", entry->policy);
    json_member_bytes(json, "delivery", entry->delivery);
}

static bool print_entry(struct arena *arena, const struct ledger_entry *entry, bool as_json)
{
    struct evidence evidence;
    struct verdict verdict;
    struct error error;
    struct buf out;
    buf_init(&out, 16 << 20);
    if (evidence_read(arena, entry->evidence, &evidence, &error) != OK ||
        verdict_read(arena, entry->verdict, &verdict, &error) != OK) {
        fprintf(stderr, "vouch explain: %s\n", error.text);
        return false;
    }
    if (as_json) {
        struct json json = json_into(&out);
        entry_json(&json, entry);
        json_key(&json, "verdict");
        verdict_write(&json, &verdict);
        json_key(&json, "evidence");
        evidence_write(&json, &evidence);
        json_end_object(&json);
        buf_add_byte(&out, '\n');
    } else {
        explain_write(&out, &evidence, &verdict, world_has_colour());
        buf_printf(&out, "Policy: " BYTES_FMT "; answered %u", BYTES_ARG(entry->policy), entry->code);
        if (entry->delivery.len)
            buf_printf(&out, "; delivery: " BYTES_FMT, BYTES_ARG(entry->delivery));
        buf_add_byte(&out, '\n');
    }
    world_print(&out);
    return true;
}

int explain_command(int argc, char **argv)
{
    struct place place = {0};
    bool json = false;
    const struct argument table[] = {{"--ledger", &place.ledger, NULL},
                                     {"--config", &place.config, NULL},
                                     {"--json", NULL, &json}};
    struct arguments arguments = {"explain", explain_usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count != 1 || !*arguments.positions[0])
        return arguments_fail(&arguments, "wants the id of a message, as in the reply, headers and log");
    struct arena *arena = arena_create(256 << 20);
    struct ledger *ledger = arena ? open_ledger(&place, arena, &status) : NULL;
    if (ledger) {
        struct ledger_entry entry;
        struct error error;
        enum result result =
            ledger_find(ledger, arena, bytes_of(arguments.positions[0]), &entry, &error);
        status = EXIT_FINE;
        if (result != OK) {
            fprintf(stderr, "vouch explain: %s\n", error.text);
            status = result == TEMP ? EXIT_TEMPORARY : EXIT_NEGATIVE;
        } else if (!print_entry(arena, &entry, json)) {
            status = EXIT_NEGATIVE;
        }
    }
    ledger_close(ledger);
    arena_destroy(arena);
    return status;
}

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
        entry_json(&json, entry);
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
    struct place place = {0};
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
    struct ledger *ledger = arena ? open_ledger(&place, arena, &status) : NULL;
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
