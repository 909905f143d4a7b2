/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch quarantine list: what nobody gets until it is released. */
#include "cmd/command.h"
#include "cmd/quarantine.h"
#include "cmd/world.h"

#include <stdio.h>

enum { LINE_MAX_OCTETS = 8 << 20 };

static const char usage[] =
    "usage: vouch quarantine list [filters] [--json] [ID ...]\n"
    "\n"
    "Lists the messages in quarantine, oldest first: one entry for each recipient, with who sent it, its subject,\n"
    "its score, and why it is there. The gateway must run.\n"
    "\n"
    QUARANTINE_FILTER_USAGE
    "\n"
    "examples:\n"
    "  vouch quarantine list\n"
    "  vouch quarantine list --recipient alice@example.org --younger 1d\n"
    "  vouch quarantine list --reason virus --json | jq -r .id\n"
    "\n"
    "exit status: 0 something was found, 1 nothing, 2 usage, 3 it cannot be told now\n";

struct listing {
    struct queue_scene *scene;
    bool json;
};

/* Nothing of a stranger's starts a line of its own. */
static void flatten(struct buf *out, size_t from)
{
    for (size_t i = from; i < out->len; i++)
        if (out->ptr[i] == '\n' || out->ptr[i] == '\r')
            out->ptr[i] = '?';
}

static void add_line(struct buf *out, const char *name, struct bytes text)
{
    size_t line = out->len;
    if (!text.len)
        return;
    buf_printf(out, "    %-8s " BYTES_FMT, name, BYTES_ARG(text));
    flatten(out, line);
    buf_add_byte(out, '\n');
}

static void add_entry(struct buf *out, const struct queue_scene *scene, const struct control_entry *entry)
{
    const struct queue_envelope *envelope = &entry->envelope;
    char age[16], size[16];
    size_t line = out->len;
    buf_printf(out, "%-14.*s %5s %6s %6.*s  <" BYTES_FMT "> ->", BYTES_ARG(envelope->id),
               queue_duration(scene->now - envelope->queued_at, age), queue_size(envelope->size, size),
               BYTES_ARG(entry->score.len ? entry->score : BYTES("-")), BYTES_ARG(envelope->sender));
    for (size_t i = 0; i < envelope->recipient_count && i < 2; i++)
        buf_printf(out, "%s<" BYTES_FMT ">", i ? ", which is " : " ", BYTES_ARG(envelope->recipients[i].address));
    flatten(out, line);
    buf_add_byte(out, '\n');
    add_line(out, "from", quarantine_text(scene->arena, entry->from));
    add_line(out, "subject", quarantine_text(scene->arena, entry->subject));
    if (envelope->recipient_count)
        add_line(out, "reason", envelope->recipients[0].text);
}

static bool print_page(void *context, const struct control_answer *page)
{
    struct listing *listing = context;
    struct queue_scene *scene = listing->scene;
    for (size_t i = 0; i < page->entry_count; i++) {
        const struct control_entry *entry = &page->entries[i];
        struct arena_mark mark = arena_mark(scene->arena);
        struct buf out;
        buf_init(&out, LINE_MAX_OCTETS);
        scene->octets += entry->envelope.size;
        if (listing->json) {
            quarantine_entry_json(&out, scene->arena, entry);
        } else {
            if (!scene->seen)
                buf_printf(&out, "%-14s %5s %6s %6s  %s\n", "ID", "AGE", "SIZE", "SCORE", "SENDER -> RECIPIENT");
            add_entry(&out, scene, entry);
        }
        scene->seen++;
        world_print(&out);
        arena_rewind(scene->arena, mark);
    }
    return true;
}

static int list(struct queue_scene *scene, bool json)
{
    struct listing listing = {scene, json};
    struct control_command command = {.verb = CONTROL_QUARANTINE_LIST, .filter = scene->filter};
    struct control_answer answer;
    char size[16];
    int status = quarantine_ask(scene, &command, print_page, &listing, &answer);
    if (status >= 0)
        return status;
    if (!json && scene->seen)
        printf("%llu message%s, %s\n", (unsigned long long)scene->seen, scene->seen == 1 ? "" : "s",
               queue_size(scene->octets, size));
    else if (!json)
        puts(scene->filtered ? "No message in quarantine is like that." : "The quarantine is empty.");
    return scene->seen ? EXIT_FINE : EXIT_NEGATIVE;
}

int quarantine_list_command(int argc, char **argv)
{
    struct queue_choice choice = {0};
    struct queue_scene scene = {0};
    const struct argument table[] = {QUARANTINE_FILTER_ARGUMENTS(choice)};
    struct arguments arguments = {"quarantine list", usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    status = queue_scene_open(&scene, &arguments, &choice);
    if (status < 0)
        status = list(&scene, choice.json);
    queue_scene_close(&scene);
    return status;
}
