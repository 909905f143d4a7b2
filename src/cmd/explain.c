/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch explain: what the ledger knows of one message, and what would have changed its verdict. */
#include "verdict/explain.h"

#include "cmd/command.h"
#include "cmd/ledger_file.h"
#include "cmd/world.h"
#include "roles/policy.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CHANGES_SHOWN = 5 };

static const char explain_usage[] =
    "usage: vouch explain [--ledger FILE] [--config FILE] [--json] ID\n"
    "\n"
    "Tells the whole story of one message: who sent it, what every check found, on which DNS answers it\n"
    "rests, why the verdict is what it is, what each finding counted, and which smallest changes of the\n"
    "evidence would have changed what was done with it. The beginning of an id is enough.\n"
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

struct story {
    struct arena *arena;
    const struct ledger_entry *entry;
    const struct ledger_place *place;
    struct evidence evidence;
    struct verdict verdict; /* as it was */
    bool judged_again;
    struct verdict today;   /* under the configuration as it is now */
    struct counterfactual changes[CHANGES_SHOWN];
    size_t change_count;
};

/* The policy is the configuration's: without one, or one without that policy, nothing is said of changes. */
static void judge_again(struct story *story)
{
    struct config config;
    struct policy policy;
    const char *file = story->place->config ? story->place->config : LEDGER_CONFIG_DEFAULT;
    char *name = arena_string(story->arena, story->entry->policy);
    bool quiet = !story->place->config && access(file, R_OK) != 0;
    if (!story->verdict.judged || quiet || !name || !ledger_file_config(story->arena, file, &config))
        return;
    const struct config_policy *section = config_policy_find(&config, name);
    if (*name && strcmp(section->name, name) != 0)
        return;
    story->judged_again = policy_from_config(story->arena, &config, section, &policy) == OK &&
                          judge(story->arena, &policy, &story->evidence, &story->today) == OK &&
                          counterfactual_find(story->arena, &policy, &story->evidence, &story->today, story->changes,
                                              CHANGES_SHOWN, &story->change_count) == OK;
}

static void write_text(struct buf *out, const struct story *story)
{
    const struct ledger_entry *entry = story->entry;
    explain_write(out, &story->evidence, &story->verdict, world_has_colour());
    if (story->judged_again && story->today.action != story->verdict.action)
        buf_printf(out, "Under the configuration as it is now the verdict is: %s.\n",
                   action_name(story->today.action));
    if (story->judged_again)
        explain_write_changes(out, story->changes, story->change_count);
    buf_printf(out, "Policy: " BYTES_FMT "; answered %u", BYTES_ARG(entry->policy), entry->code);
    if (entry->delivery.len)
        buf_printf(out, "; delivery: " BYTES_FMT, BYTES_ARG(entry->delivery));
    buf_add_byte(out, '\n');
}

static void write_json(struct buf *out, const struct story *story)
{
    struct json json = json_into(out);
    ledger_file_entry_json(&json, story->entry);
    json_key(&json, "verdict");
    verdict_write(&json, &story->verdict);
    json_key(&json, "evidence");
    evidence_write(&json, &story->evidence);
    if (story->judged_again) {
        json_member(&json, "action_today", action_name(story->today.action));
        json_key(&json, "changes");
        json_begin_array(&json);
        for (size_t i = 0; i < story->change_count; i++) {
            const struct counterfactual *change = &story->changes[i];
            json_begin_object(&json);
            json_member(&json, "action", action_name(change->action));
            json_member(&json, "trust", trust_class_name(change->trust));
            json_member_integer(&json, "score", change->score);
            json_member_integer(&json, "cost", change->cost);
            json_member_bytes(&json, "text", change->text);
            json_end_object(&json);
        }
        json_end_array(&json);
    }
    json_end_object(&json);
    buf_add_byte(out, '\n');
}

static bool print_story(struct story *story, bool as_json)
{
    struct error error;
    struct buf out;
    buf_init(&out, 32 << 20);
    if (evidence_read(story->arena, story->entry->evidence, &story->evidence, &error) != OK ||
        verdict_read(story->arena, story->entry->verdict, &story->verdict, &error) != OK) {
        fprintf(stderr, "vouch explain: %s\n", error.text);
        return false;
    }
    judge_again(story);
    if (as_json)
        write_json(&out, story);
    else
        write_text(&out, story);
    world_print(&out);
    return true;
}

int explain_command(int argc, char **argv)
{
    struct ledger_place place = {0};
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
    struct ledger *ledger = arena ? ledger_file_open(&place, arena, &status) : NULL;
    if (ledger) {
        struct ledger_entry entry;
        struct error error;
        enum result result =
            ledger_find(ledger, arena, bytes_of(arguments.positions[0]), &entry, &error);
        struct story story = {.arena = arena, .entry = &entry, .place = &place};
        status = EXIT_FINE;
        if (result != OK) {
            fprintf(stderr, "vouch explain: %s\n", error.text);
            status = result == TEMP ? EXIT_TEMPORARY : EXIT_NEGATIVE;
        } else if (!print_story(&story, json)) {
            status = EXIT_NEGATIVE;
        }
    }
    ledger_close(ledger);
    arena_destroy(arena);
    return status;
}
