/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch queue list, vouch mailq: what waits to be sent. */
#include "cmd/command.h"
#include "cmd/queue.h"
#include "cmd/sendmail.h"
#include "cmd/world.h"

#include <stdio.h>
#include <time.h>

enum { LINE_MAX_OCTETS = 8 << 20, RECIPIENTS_SHOWN = 3 };

static const char list_usage[] =
    "usage: vouch queue list [filters] [--json] [ID ...]\n"
    "\n"
    "Lists the messages that wait to be sent, with what they wait for. Asks the gateway that runs; where\n"
    "none does, the queue is read from the disk.\n"
    "\n"
    QUEUE_FILTER_USAGE
    "  --limit N            at most so many\n"
    "\n"
    "examples:\n"
    "  vouch queue list\n"
    "  vouch queue list --recipient example.org --older 1h\n"
    "  vouch queue list --reason greylist --json | jq -r .id\n"
    "\n"
    "exit status: 0 something was found, 1 nothing, 2 usage, 3 it cannot be told now\n";

struct listing {
    bool json;
};

/* The reply that says most about why it still waits: the last one of a recipient that was tried. */
static const struct queue_recipient *last_reply(const struct queue_envelope *envelope)
{
    const struct queue_recipient *last = NULL;
    for (size_t i = 0; i < envelope->recipient_count; i++) {
        const struct queue_recipient *recipient = &envelope->recipients[i];
        if (recipient->text.len && (!last || recipient->tried_at > last->tried_at))
            last = recipient;
    }
    return last;
}

static void add_reason(struct buf *out, const struct control_entry *entry)
{
    const struct queue_recipient *last = last_reply(&entry->envelope);
    if (entry->envelope.held && entry->envelope.held_reason.len) {
        buf_printf(out, BYTES_FMT, BYTES_ARG(entry->envelope.held_reason));
    } else if (entry->account_held) {
        buf_printf(out, "the account " BYTES_FMT " is held", BYTES_ARG(entry->envelope.account));
    } else if (last) {
        if (last->host.len)
            buf_printf(out, BYTES_FMT ": ", BYTES_ARG(last->host));
        if (last->code)
            buf_printf(out, "%u ", last->code);
        if (last->enhanced.len)
            buf_printf(out, BYTES_FMT " ", BYTES_ARG(last->enhanced));
        buf_add(out, last->text);
    }
}

/* Nothing of it starts a line of its own. */
static void flatten(struct buf *out, size_t from)
{
    for (size_t i = from; i < out->len; i++)
        if (out->ptr[i] == '\n' || out->ptr[i] == '\r')
            out->ptr[i] = '?';
}

static void add_next(struct buf *out, const struct queue_scene *scene, const struct control_entry *entry)
{
    char text[16];
    if (entry->state != CONTROL_WAITING)
        buf_printf(out, "%-8s", "-");
    else if (entry->next_try <= scene->now)
        buf_printf(out, "%-8s", "now");
    else
        buf_printf(out, "in %-5s", queue_duration(entry->next_try - scene->now, text));
}

static void add_row(struct buf *out, const struct queue_scene *scene, const struct control_entry *entry)
{
    const struct queue_envelope *envelope = &entry->envelope;
    char age[16], size[16];
    size_t line = out->len;
    buf_printf(out, "%-14.*s %5s %6s  %-7s  ", BYTES_ARG(envelope->id),
               queue_duration(scene->now - envelope->queued_at, age), queue_size(envelope->size, size),
               queue_state_name(entry));
    add_next(out, scene, entry);
    buf_printf(out, " <" BYTES_FMT "> ->", BYTES_ARG(envelope->sender));
    for (size_t i = 0; i < envelope->recipient_count && i < RECIPIENTS_SHOWN; i++)
        buf_printf(out, " <" BYTES_FMT ">", BYTES_ARG(envelope->recipients[i].address));
    if (envelope->recipient_count > RECIPIENTS_SHOWN)
        buf_printf(out, " and %zu more", envelope->recipient_count - RECIPIENTS_SHOWN);
    flatten(out, line);
    buf_add_byte(out, '\n');
    line = out->len;
    buf_add_string(out, "    ");
    add_reason(out, entry);
    if (out->len == line + 4) {
        buf_truncate(out, line);
        return;
    }
    flatten(out, line);
    buf_add_byte(out, '\n');
}

static void print_entry(void *context, struct queue_scene *scene, const struct control_entry *entry)
{
    const struct listing *listing = context;
    struct buf out;
    buf_init(&out, (size_t)64 << 20);
    if (listing->json) {
        queue_entry_json(&out, entry);
    } else {
        if (scene->seen == 1)
            buf_printf(&out, "%-14s %5s %6s  %-7s  %-8s %s\n", "ID", "AGE", "SIZE", "STATE", "NEXT",
                       "SENDER -> RECIPIENTS");
        add_row(&out, scene, entry);
    }
    world_print(&out);
}

int queue_list_command(int argc, char **argv)
{
    struct queue_choice choice = {0};
    struct queue_scene scene = {0};
    const struct argument table[] = {QUEUE_FILTER_ARGUMENTS(choice), {"--limit", &choice.last, NULL}};
    struct arguments arguments = {"queue list", list_usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    status = queue_scene_open(&scene, &arguments, &choice);
    if (status < 0) {
        struct listing listing = {choice.json};
        status = queue_each(&scene, print_entry, &listing);
        if (status == EXIT_FINE && !choice.json) {
            char size[16];
            if (scene.seen)
                printf("%llu message%s, %s\n", (unsigned long long)scene.seen,
                       scene.seen == 1 ? "" : "s", queue_size(scene.octets, size));
            else
                puts(scene.filtered ? "No message in the queue is like that." : "The queue is empty.");
        }
        if (status == EXIT_FINE && !scene.seen)
            status = EXIT_NEGATIVE;
    }
    queue_scene_close(&scene);
    return status;
}

/* mailq */

static const char mailq_usage[] =
    "usage: vouch mailq [--config FILE]\n"
    "\n"
    "Lists the queue as mailq of other mail systems does, for the eyes and scripts that are used to it. An\n"
    "asterisk behind the id: it is being sent; an exclamation mark: it is held. `vouch queue list` tells\n"
    "more.\n"
    "\n"
    "  --config FILE        the gateway's configuration (default: /etc/vouch/vouch.conf)\n"
    "\n"
    "examples:\n"
    "  vouch mailq\n"
    "  mailq | tail -1\n"
    "\n"
    "exit status: 0 listed, 2 usage, 3 it cannot be told now\n";

static void print_mailq(void *context, struct queue_scene *scene, const struct control_entry *entry)
{
    const struct queue_envelope *envelope = &entry->envelope;
    static const char marks[CONTROL_STATES] = {'*', ' ', '!'};
    char when[32];
    time_t at = (time_t)envelope->queued_at;
    struct tm local;
    struct buf out;
    (void)context;
    buf_init(&out, LINE_MAX_OCTETS);
    if (scene->seen == 1)
        buf_printf(&out, "%-15s %8s %-20s %s\n", "-Queue ID-", "--Size--", "----Arrival Time----",
                   "-Sender/Recipient-------");
    if (!localtime_r(&at, &local) || !strftime(when, sizeof(when), "%a %b %e %H:%M:%S", &local))
        when[0] = 0;
    size_t line = out.len;
    buf_printf(&out, BYTES_FMT "%c", BYTES_ARG(envelope->id), marks[entry->state]);
    while (out.len < line + 15)
        buf_add_byte(&out, ' ');
    buf_printf(&out, " %8llu %-20s ", (unsigned long long)envelope->size, when);
    if (envelope->sender.len)
        buf_add(&out, envelope->sender);
    else
        buf_add_string(&out, "MAILER-DAEMON");
    flatten(&out, line);
    buf_add_byte(&out, '\n');
    line = out.len;
    add_reason(&out, entry);
    flatten(&out, line);
    if (out.len > line) {
        struct bytes reason = bytes_skip(buf_bytes(&out), line);
        struct bytes copy = arena_copy(scene->arena, reason);
        buf_truncate(&out, line);
        buf_printf(&out, "(" BYTES_FMT ")\n", BYTES_ARG(copy));
    }
    for (size_t i = 0; i < envelope->recipient_count; i++) {
        line = out.len;
        buf_printf(&out, "%46s" BYTES_FMT, "", BYTES_ARG(envelope->recipients[i].address));
        flatten(&out, line);
        buf_add_byte(&out, '\n');
    }
    buf_add_byte(&out, '\n');
    world_print(&out);
}

static int list_as_mailq(const struct arguments *arguments, const struct queue_choice *choice)
{
    struct queue_scene scene = {0};
    int status = queue_scene_open(&scene, arguments, choice);
    if (status < 0) {
        status = queue_each(&scene, print_mailq, NULL);
        if (status == EXIT_FINE && scene.seen)
            printf("-- %llu Kbytes in %llu Request%s.\n", (unsigned long long)(scene.octets + 1023) / 1024,
                   (unsigned long long)scene.seen, scene.seen == 1 ? "" : "s");
        else if (status == EXIT_FINE)
            puts("Mail queue is empty");
    }
    queue_scene_close(&scene);
    return status;
}

int mailq_list(const char *config_file, const char *command)
{
    struct arguments arguments = {command, mailq_usage, NULL, 0, {NULL}, 0};
    struct queue_choice choice = {.config = config_file};
    return list_as_mailq(&arguments, &choice);
}

int mailq_command(int argc, char **argv)
{
    struct queue_choice choice = {0};
    const struct argument table[] = {{"--config", &choice.config, NULL}};
    struct arguments arguments = {"mailq", mailq_usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count)
        return arguments_fail(&arguments, "takes no '%s'", arguments.positions[0]);
    return list_as_mailq(&arguments, &choice);
}
