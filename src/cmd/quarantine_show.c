/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch quarantine show: one message, as much of it as a person wants to see before it is released. */
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/moment.h"
#include "cmd/quarantine.h"
#include "cmd/world.h"
#include "message/readable.h"

#include <stdint.h>
#include <stdio.h>

static const char usage[] =
    "usage: vouch quarantine show [--raw | --explain] [--recipient WHO] [--json] ID\n"
    "\n"
    "Shows one message of the quarantine: for whom it is and why it is there, its header, and the text that a\n"
    "person would see, without anything that a terminal would obey; names of attachments and targets of links.\n"
    "\n"
    "  --raw            the message as it came, octet by octet, without the fields that the gateway added\n"
    "  --explain        the whole story of its verdict, as `vouch explain` tells it\n"
    "  --recipient WHO  the copy for this one, where there are several\n"
    "  --config FILE    the gateway's configuration (default: /etc/vouch/vouch.conf)\n"
    "  --json           for machines\n"
    "\n"
    "examples:\n"
    "  vouch quarantine show 1m0v0zw7tr800\n"
    "  vouch quarantine show --raw 1m0v0zw7tr800 > saved.eml\n"
    "  vouch quarantine show --explain 1m0v0zw7tr800\n"
    "\n"
    "exit status: 0 shown, 1 no such message, 2 usage, 3 it cannot be told now\n";

struct showing {
    bool raw, explain, json;
};

static void add_text(struct buf *out, const char *name, struct bytes text)
{
    if (text.len)
        buf_printf(out, "%-11s" BYTES_FMT "\n", name, BYTES_ARG(text));
}

static void add_envelope(struct buf *out, const struct queue_scene *scene, const struct control_entry *entry)
{
    const struct queue_envelope *envelope = &entry->envelope;
    char when[MOMENT_TEXT_SIZE], text[16];
    add_text(out, "Message", envelope->id);
    buf_printf(out, "%-11s%s (%s ago)\n", "Since", moment_format(envelope->queued_at, when),
               queue_duration(scene->now - envelope->queued_at, text));
    buf_printf(out, "%-11s<" BYTES_FMT ">\n", "Sender", BYTES_ARG(envelope->sender));
    for (size_t i = 0; i < envelope->recipient_count; i++)
        buf_printf(out, "%-11s<" BYTES_FMT ">\n", i ? "Mailbox" : "Recipient",
                   BYTES_ARG(envelope->recipients[i].address));
    buf_printf(out, "%-11s%llu octets\n", "Size", (unsigned long long)envelope->size);
    add_text(out, "Score", entry->score);
    add_text(out, "Reason", envelope->recipient_count ? envelope->recipients[0].text : BYTES(""));
}

/* The text has line ends of its own; nothing else of it is a control character (world_print()). */
static void add_readable(struct buf *out, const struct readable *readable)
{
    buf_add_byte(out, '\n');
    buf_add(out, readable->text);
    if (readable->text.len && readable->text.ptr[readable->text.len - 1] != '\n')
        buf_add_byte(out, '\n');
    if (readable->flags & READABLE_CUT)
        buf_add_string(out, "[there is more in the message]\n");
    for (size_t i = 0; i < readable->link_count; i++)
        buf_printf(out, "%s  " BYTES_FMT "\n", i ? "" : "\nLinks:\n", BYTES_ARG(readable->links[i].url));
    for (size_t i = 0; i < readable->attachment_count; i++)
        buf_printf(out, "%s  " BYTES_FMT " (" BYTES_FMT ", %llu octets)\n", i ? "" : "\nAttachments:\n",
                   BYTES_ARG(readable->attachments[i].name), BYTES_ARG(readable->attachments[i].type),
                   (unsigned long long)readable->attachments[i].size);
}

static enum result read_content(struct arena *arena, struct bytes content, struct message *message,
                                struct readable *readable, struct error *error)
{
    const struct mime_options options = {0};
    struct mime *mime = arena_new(arena, struct mime);
    enum result result = message_parse(arena, content, message, error);
    if (result == OK && !mime)
        result = error_set(error, TEMP, "out of memory");
    if (result == OK)
        result = mime_parse(arena, message, &options, mime, error);
    return result == OK ? readable_make(arena, message, mime, readable, error) : result;
}

/* What a terminal would not show is shown as '?' wherever it goes: this is for eyes. */
static void make_safe(struct buf *out)
{
    for (size_t i = 0; i < out->len; i++)
        if ((out->ptr[i] < ' ' && out->ptr[i] != '\n' && out->ptr[i] != '\t') || out->ptr[i] == 0x7f)
            out->ptr[i] = out->ptr[i] == '\r' ? ' ' : '?';
}

static void show_text(struct buf *out, const struct queue_scene *scene, const struct control_entry *entry,
                      struct bytes content)
{
    struct message message;
    struct readable readable;
    struct error error;
    add_envelope(out, scene, entry);
    buf_add_byte(out, '\n');
    if (read_content(scene->arena, content, &message, &readable, &error) == OK) {
        for (size_t i = 0; i < message.field_count; i++)
            buf_printf(out, BYTES_FMT ": " BYTES_FMT "\n", BYTES_ARG(message.fields[i].name),
                       BYTES_ARG(quarantine_text(scene->arena, header_unfold(scene->arena, message.fields[i].value))));
        add_readable(out, &readable);
    } else {
        buf_printf(out, "The message cannot be read (%s); see --raw.\n", error.text);
    }
    make_safe(out);
}

static void show_json(struct buf *out, const struct queue_scene *scene, const struct control_entry *entry,
                      struct bytes content)
{
    struct message message;
    struct readable readable;
    struct error error;
    quarantine_entry_json(out, scene->arena, entry);
    if (out->len < 2 || read_content(scene->arena, content, &message, &readable, &error) != OK)
        return;
    buf_truncate(out, out->len - 2); /* "}" and the line's end */
    struct json json = {.out = out, .comma = true};
    json_member_bytes(&json, "header", message.header);
    json_member_bytes(&json, "text", readable.text);
    buf_add_string(out, "}\n");
}

static int ask(struct queue_scene *scene, const struct showing *showing)
{
    struct control_command command = {.verb = CONTROL_QUARANTINE_SHOW,
                                      .filter = scene->filter,
                                      .text = showing->raw ? BYTES("raw") : BYTES("")};
    struct control_answer answer;
    int status = quarantine_ask(scene, &command, NULL, NULL, &answer);
    if (status >= 0)
        return status;
    if (answer.entry_count != 1) {
        fprintf(stderr, "vouch %s: there is no such message in quarantine\n", scene->command);
        return EXIT_NEGATIVE;
    }
    struct buf out;
    buf_init(&out, (size_t)768 << 20);
    if (showing->raw)
        buf_add(&out, answer.content);
    else if (showing->json)
        show_json(&out, scene, &answer.entries[0], answer.content);
    else
        show_text(&out, scene, &answer.entries[0], answer.content);
    world_print(&out);
    return EXIT_FINE;
}

static int explain(const struct queue_choice *choice, const char *id)
{
    char name[] = "explain", json[] = "--json", config[] = "--config";
    char *file = (char *)(uintptr_t)(choice->config ? choice->config : "/etc/vouch/vouch.conf");
    char *arguments[] = {name, config, file, (char *)(uintptr_t)id, choice->json ? json : NULL, NULL};
    return explain_command(choice->json ? 5 : 4, arguments);
}

int quarantine_show_command(int argc, char **argv)
{
    struct queue_choice choice = {0};
    struct queue_scene scene = {0};
    struct showing showing = {0};
    const struct argument table[] = {{"--config", &choice.config, NULL},
                                     {"--recipient", &choice.recipient, NULL},
                                     {"--json", NULL, &choice.json},
                                     {"--raw", NULL, &showing.raw},
                                     {"--explain", NULL, &showing.explain}};
    struct arguments arguments = {"quarantine show", usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count != 1)
        return arguments_fail(&arguments, "wants the id of one message, as `vouch quarantine list` has it");
    if (showing.raw + showing.explain > 1)
        return arguments_fail(&arguments, "--raw or --explain, not both");
    if (showing.explain)
        return explain(&choice, arguments.positions[0]);
    showing.json = choice.json;
    readable_prepare();
    status = queue_scene_open(&scene, &arguments, &choice);
    if (status < 0)
        status = ask(&scene, &showing);
    queue_scene_close(&scene);
    return status;
}
