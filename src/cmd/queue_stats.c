/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch queue stats: how much waits, and for whom. */
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/queue.h"
#include "cmd/world.h"

#include <stdio.h>

static const char usage[] =
    "usage: vouch queue stats [--config FILE] [--json]\n"
    "\n"
    "How many messages wait, for how long, and for which destinations: those with most of them first, with\n"
    "the sessions that go there now and may, and what was heard there last.\n"
    "\n"
    "  --config FILE    the gateway's configuration (default: /etc/vouch/vouch.conf)\n"
    "  --json           for machines\n"
    "\n"
    "examples:\n"
    "  vouch queue stats\n"
    "  vouch queue stats --json | jq .messages\n"
    "\n"
    "exit status: 0 told, 2 usage, 3 it cannot be told now\n";

static void add_destination(struct buf *out, const struct queue_scene *scene,
                            const struct control_destination *destination)
{
    char oldest[16], next[16];
    buf_printf(out, "%-30.*s %8llu %5s %4llu/%-4llu ", BYTES_ARG(destination->name),
               (unsigned long long)destination->messages,
               destination->oldest ? queue_duration(scene->now - destination->oldest, oldest) : "-",
               (unsigned long long)destination->running, (unsigned long long)destination->concurrency);
    if (destination->next_try > scene->now)
        buf_printf(out, "in %-5s", queue_duration(destination->next_try - scene->now, next));
    else
        buf_printf(out, "%-8s", "now");
    if (destination->failures)
        buf_printf(out, " %llu failures", (unsigned long long)destination->failures);
    if (destination->reason.len)
        buf_printf(out, "%s " BYTES_FMT, destination->failures ? ":" : "", BYTES_ARG(destination->reason));
    buf_add_byte(out, '\n');
}

static void write_text(struct buf *out, const struct queue_scene *scene, const struct control_stats *stats)
{
    char text[16];
    buf_printf(out, "Messages     %llu (%s)", (unsigned long long)stats->messages,
               queue_size(stats->octets, text));
    if (stats->held)
        buf_printf(out, ", %llu held", (unsigned long long)stats->held);
    if (stats->oldest)
        buf_printf(out, ", the oldest %s old", queue_duration(scene->now - stats->oldest, text));
    buf_add_byte(out, '\n');
    if (stats->sessions)
        buf_printf(out, "Attempts     %llu of %llu now\n", (unsigned long long)stats->running,
                   (unsigned long long)stats->sessions);
    buf_printf(out, "On disk      %s of messages", queue_size(stats->body_octets, text));
    buf_printf(out, ", %s of journal\n", queue_size(stats->journal_octets, text));
    if (!stats->listed)
        return;
    buf_printf(out, "Destinations %llu\n\n%-30s %8s %5s %9s %-8s %s\n",
               (unsigned long long)stats->destination_count, "DESTINATION", "MESSAGES", "AGE", "SESSIONS",
               "NEXT", "LAST HEARD");
    for (size_t i = 0; i < stats->listed; i++)
        add_destination(out, scene, &stats->destinations[i]);
}

static void write_json(struct buf *out, const struct control_stats *stats)
{
    struct json json = json_into(out);
    json_begin_object(&json);
    json_member_integer(&json, "messages", (int64_t)stats->messages);
    json_member_integer(&json, "octets", (int64_t)stats->octets);
    json_member_integer(&json, "held", (int64_t)stats->held);
    json_member_integer(&json, "oldest", stats->oldest);
    json_member_integer(&json, "tasks", (int64_t)stats->tasks);
    json_member_integer(&json, "running", (int64_t)stats->running);
    json_member_integer(&json, "sessions", (int64_t)stats->sessions);
    json_member_integer(&json, "body_octets", (int64_t)stats->body_octets);
    json_member_integer(&json, "journal_octets", (int64_t)stats->journal_octets);
    json_member_integer(&json, "journal_live_octets", (int64_t)stats->journal_live_octets);
    json_member_integer(&json, "memory_octets", (int64_t)stats->memory_octets);
    json_member_integer(&json, "destination_count", (int64_t)stats->destination_count);
    json_key(&json, "destinations");
    json_begin_array(&json);
    for (size_t i = 0; i < stats->listed; i++) {
        const struct control_destination *destination = &stats->destinations[i];
        json_begin_object(&json);
        json_member_bytes(&json, "name", destination->name);
        json_member_integer(&json, "messages", (int64_t)destination->messages);
        json_member_integer(&json, "running", (int64_t)destination->running);
        json_member_integer(&json, "concurrency", (int64_t)destination->concurrency);
        json_member_integer(&json, "failures", (int64_t)destination->failures);
        json_member_integer(&json, "oldest", destination->oldest);
        json_member_integer(&json, "next_try", destination->next_try);
        json_member_bytes(&json, "reason", destination->reason);
        json_end_object(&json);
    }
    json_end_array(&json);
    json_end_object(&json);
    buf_add_byte(out, '\n');
}

int queue_stats_command(int argc, char **argv)
{
    struct queue_choice choice = {0};
    struct queue_scene scene = {0};
    struct control_stats stats;
    const struct argument table[] = {{"--config", &choice.config, NULL}, {"--json", NULL, &choice.json}};
    struct arguments arguments = {"queue stats", usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count)
        return arguments_fail(&arguments, "takes no '%s'", arguments.positions[0]);
    status = queue_scene_open(&scene, &arguments, &choice);
    if (status < 0)
        status = queue_read_stats(&scene, &stats);
    if (status < 0) {
        struct buf out;
        buf_init(&out, 1 << 20);
        if (choice.json)
            write_json(&out, &stats);
        else
            write_text(&out, &scene, &stats);
        world_print(&out);
        status = EXIT_FINE;
    }
    queue_scene_close(&scene);
    return status;
}
