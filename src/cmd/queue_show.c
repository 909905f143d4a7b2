/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch queue show: one message that waits. */
#include "base/json.h"
#include "cmd/command.h"
#include "cmd/moment.h"
#include "cmd/queue.h"
#include "cmd/world.h"
#include "smtp/server.h"

#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: vouch queue show [--headers | --message] [--json] ID\n"
    "\n"
    "Shows one message of the queue: its envelope, each recipient with the last reply and the next attempt.\n"
    "\n"
    "  --headers        the header of the message, too\n"
    "  --message        the message alone, octet by octet\n"
    "  --config FILE    the gateway's configuration (default: /etc/vouch/vouch.conf)\n"
    "  --json           for machines\n"
    "\n"
    "examples:\n"
    "  vouch queue show 1m0v0zw7tr800\n"
    "  vouch queue show --message 1m0v0zw7tr800 > saved.eml\n"
    "\n"
    "exit status: 0 shown, 1 no such message, 2 usage, 3 it cannot be told now\n";

static void add_time(struct buf *out, const char *name, int64_t at, int64_t now)
{
    char when[MOMENT_TEXT_SIZE], text[16];
    if (!at)
        return;
    buf_printf(out, "%-11s%s (%s%s%s)\n", name, moment_format(at, when), at > now ? "in " : "",
               queue_duration(at > now ? at - now : now - at, text), at > now ? "" : " ago");
}

static void add_text(struct buf *out, const char *name, struct bytes text)
{
    if (text.len)
        buf_printf(out, "%-11s" BYTES_FMT "\n", name, BYTES_ARG(text));
}

static void add_notify(struct buf *out, unsigned notify)
{
    static const struct {
        unsigned flag;
        const char *name;
    } names[] = {{SMTP_NOTIFY_NEVER, "never"},
                 {SMTP_NOTIFY_SUCCESS, "success"},
                 {SMTP_NOTIFY_FAILURE, "failure"},
                 {SMTP_NOTIFY_DELAY, "delay"}};
    bool first = true;
    for (size_t i = 0; i < countof(names); i++)
        if (notify & names[i].flag) {
            buf_printf(out, "%s%s", first ? "    notify: " : ", ", names[i].name);
            first = false;
        }
    if (!first)
        buf_add_byte(out, '\n');
}

static void add_recipient(struct buf *out, const struct queue_recipient *recipient, int64_t now, bool held)
{
    char when[MOMENT_TEXT_SIZE], text[16];
    buf_printf(out, "  <" BYTES_FMT ">: ", BYTES_ARG(recipient->address));
    if (!recipient->attempts)
        buf_add_string(out, "not tried yet\n");
    else
        buf_printf(out, "%u attempt%s, the last %s ago\n", (unsigned)recipient->attempts,
                   recipient->attempts == 1 ? "" : "s", queue_duration(now - recipient->tried_at, text));
    if (recipient->text.len || recipient->code) {
        buf_add_string(out, "    ");
        if (recipient->host.len)
            buf_printf(out, BYTES_FMT ": ", BYTES_ARG(recipient->host));
        if (recipient->code)
            buf_printf(out, "%u ", recipient->code);
        buf_printf(out, BYTES_FMT "%s" BYTES_FMT "\n", BYTES_ARG(recipient->enhanced),
                   recipient->enhanced.len ? " " : "", BYTES_ARG(recipient->text));
    }
    if (!held && recipient->next_try > now)
        buf_printf(out, "    next attempt %s (in %s)\n", moment_format(recipient->next_try, when),
                   queue_duration(recipient->next_try - now, text));
    add_notify(out, recipient->notify);
}

static void add_envelope(struct buf *out, const struct queue_scene *scene,
                         const struct control_entry *entry)
{
    static const char *const origins[QUEUE_ORIGINS] = {
        "a stranger: nothing is ever reported to the sender", "a return path that was verified",
        "an account or host of ours"};
    const struct queue_envelope *envelope = &entry->envelope;
    buf_printf(out, "%-11s" BYTES_FMT "\n%-11s%s\n", "Message", BYTES_ARG(envelope->id), "State",
               queue_state_name(entry));
    if (entry->account_held)
        buf_printf(out, "%-11sthe account " BYTES_FMT " is held\n", "", BYTES_ARG(envelope->account));
    add_text(out, "Held for", envelope->held ? envelope->held_reason : BYTES(""));
    buf_printf(out, "%-11s<" BYTES_FMT ">\n", "Sender", BYTES_ARG(envelope->sender));
    add_text(out, "Account", envelope->account);
    buf_printf(out, "%-11s%s\n", "From", origins[envelope->origin]);
    add_time(out, "Queued", envelope->queued_at, scene->now);
    add_time(out, "Expires", envelope->expires_at, scene->now);
    buf_printf(out, "%-11s%llu octets%s%s%s\n", "Size", (unsigned long long)envelope->size,
               envelope->eight_bit ? ", 8 bit" : "", envelope->smtputf8 ? ", SMTPUTF8" : "",
               envelope->require_tls ? ", TLS required" : "");
    add_text(out, "ENVID", envelope->envelope_id);
    buf_printf(out, "Recipients that are not done: %zu\n", envelope->recipient_count);
    for (size_t i = 0; i < envelope->recipient_count; i++)
        add_recipient(out, &envelope->recipients[i], scene->now, entry->state == CONTROL_HELD);
}

static struct bytes header_of(struct bytes content)
{
    size_t end = bytes_find(content, BYTES("\r\n\r\n"));
    return end == BYTES_NOT_FOUND ? content : bytes_first(content, end + 2);
}

struct showing {
    bool headers, message;
};

static void show(const struct queue_scene *scene, const struct control_entry *entry,
                 struct bytes content, const struct showing *showing, bool as_json)
{
    struct buf out;
    buf_init(&out, (size_t)768 << 20);
    if (showing->message) {
        buf_add(&out, content);
    } else if (as_json) {
        queue_entry_json(&out, entry);
        if (showing->headers && out.len > 2) {
            buf_truncate(&out, out.len - 2); /* "}" and the line's end */
            struct json json = {.out = &out, .comma = true};
            json_member_bytes(&json, "header", header_of(content));
            buf_add_string(&out, "}\n");
        }
    } else {
        add_envelope(&out, scene, entry);
        if (showing->headers) {
            buf_add_byte(&out, '\n');
            buf_add(&out, header_of(content));
        }
    }
    world_print(&out);
}

int queue_show_command(int argc, char **argv)
{
    struct queue_choice choice = {0};
    struct queue_scene scene = {0};
    struct showing showing = {false, false};
    struct control_entry entry;
    struct bytes content = {NULL, 0};
    const struct argument table[] = {{"--config", &choice.config, NULL},
                                     {"--json", NULL, &choice.json},
                                     {"--headers", NULL, &showing.headers},
                                     {"--message", NULL, &showing.message}};
    struct arguments arguments = {"queue show", usage, table, countof(table), {NULL}, 0};
    int status = arguments_read(&arguments, argc, argv);
    if (status >= 0)
        return status;
    if (arguments.position_count != 1)
        return arguments_fail(&arguments, "wants the id of one message, as `vouch queue list` has it");
    if (showing.headers && showing.message)
        return arguments_fail(&arguments, "--headers or --message, not both");
    status = queue_scene_open(&scene, &arguments, &choice);
    if (status < 0)
        status = queue_read_one(&scene, scene.filter.ids[0], &entry, &content);
    if (status < 0) {
        show(&scene, &entry, content, &showing, choice.json);
        status = EXIT_FINE;
    }
    queue_scene_close(&scene);
    return status;
}
