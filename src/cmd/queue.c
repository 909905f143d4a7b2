/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/queue.h"

#include "base/json.h"
#include "cmd/command.h"
#include "cmd/world.h"
#include "config/value.h"
#include "queue/queue.h"

#include <stdio.h>
#include <time.h>

#define MEMORY_MAX ((size_t)1 << 30)

static int complain(const struct queue_scene *scene, int status, const char *text)
{
    fprintf(stderr, "vouch %s: ", scene->command);
    world_show(stderr, bytes_of(text));
    fputc('\n', stderr);
    return status;
}

/* What is chosen */

static bool read_age(const char *text, int64_t *seconds)
{
    int64_t microseconds;
    if (!text)
        return true;
    if (config_read_duration(bytes_of(text), &microseconds) || microseconds < SECOND)
        return false;
    *seconds = microseconds / SECOND;
    return true;
}

static bool fits(const char *text)
{
    return bytes_of(text).len <= CONTROL_TEXT_MAX;
}

static int read_filter(struct queue_scene *scene, const struct arguments *arguments,
                       const struct queue_choice *choice)
{
    struct control_filter *filter = &scene->filter;
    uint64_t last = 0;
    if (!fits(choice->sender) || !fits(choice->recipient) || !fits(choice->account) ||
        !fits(choice->reason))
        return arguments_fail(arguments, "that is too long to look for");
    filter->sender = bytes_of(choice->sender);
    if (choice->sender && !*choice->sender)
        filter->sender = BYTES("<>");
    filter->recipient = bytes_of(choice->recipient);
    filter->account = bytes_of(choice->account);
    filter->reason = bytes_of(choice->reason);
    filter->held_only = choice->held;
    if (!read_age(choice->older, &filter->older_than) || !read_age(choice->younger, &filter->younger_than))
        return arguments_fail(arguments, "--older and --younger want a time such as 90m, 2h or 3d");
    if (choice->last && (!bytes_to_uint(bytes_of(choice->last), UINT32_MAX, &last) || !last))
        return arguments_fail(arguments, "--limit wants a number, not '%s'", choice->last);
    filter->limit = (uint32_t)last;
    filter->ids = arena_alloc_array(scene->arena, POSITIONS_MAX, sizeof(struct bytes));
    for (size_t i = 0; filter->ids && i < arguments->position_count; i++) {
        filter->ids[filter->id_count++] = bytes_of(arguments->positions[i]);
        if (!queue_id_is_valid(filter->ids[i]))
            return arguments_fail(arguments, "'%s' is no id of a message", arguments->positions[i]);
    }
    scene->filtered = filter->id_count || filter->sender.len || filter->recipient.len ||
                      filter->account.len || filter->reason.len || filter->older_than ||
                      filter->younger_than || filter->held_only;
    return -1;
}

int queue_scene_open(struct queue_scene *scene, const struct arguments *arguments,
                     const struct queue_choice *choice)
{
    struct buf errors;
    scene->command = arguments->command;
    scene->now = (int64_t)time(NULL);
    scene->arena = arena_create(MEMORY_MAX);
    if (!scene->arena)
        return complain(scene, EXIT_TEMPORARY, "out of memory");
    int status = read_filter(scene, arguments, choice);
    if (status >= 0)
        return status;
    buf_init(&errors, 64 * 1024);
    const char *file = choice->config ? choice->config : "/etc/vouch/vouch.conf";
    if (config_load(scene->arena, file, &scene->config, &errors) != OK) {
        world_show(stderr, buf_bytes(&errors));
        status = EXIT_USAGE;
    }
    buf_free(&errors);
    return status;
}

void queue_scene_close(struct queue_scene *scene)
{
    arena_destroy(scene->arena);
}

/* From the disk */

/* NULL with a message, and *status. */
static struct queue *open_disk(struct queue_scene *scene, int *status)
{
    struct queue *queue = NULL;
    struct error error;
    const struct queue_options options = {.read_only = true};
    const struct queue_visitor nobody = {0};
    fprintf(stderr, "vouch %s: vouch serve is not running with this configuration; "
                    "this is what lies on the disk\n", scene->command);
    enum result result =
        queue_open(durable_kernel(), scene->config.data_directory, &options, &nobody, &queue, &error);
    *status = result == OK ? EXIT_FINE : complain(scene, EXIT_TEMPORARY, error.text);
    return queue;
}

static enum result read_entry(struct queue *queue, struct arena *arena, uint32_t number,
                              struct control_entry *entry, struct bytes *content, struct error *error)
{
    struct queue_hold hold;
    *entry = (struct control_entry){.state = CONTROL_WAITING};
    enum result result = queue_hold(queue, number, &hold, error);
    if (result != OK)
        return result;
    result = queue_read_envelope(queue, &hold, arena, &entry->envelope, error);
    if (result == OK && content)
        result = queue_read_content(queue, &hold, arena, content, error);
    queue_release(queue, &hold);
    if (entry->envelope.held)
        entry->state = CONTROL_HELD;
    for (size_t i = 0; result == OK && !entry->envelope.held && i < entry->envelope.recipient_count; i++) {
        int64_t next = entry->envelope.recipients[i].next_try;
        if (i == 0 || next < entry->next_try)
            entry->next_try = next;
    }
    return result;
}

static int each_on_disk(struct queue_scene *scene, queue_entry_function *each, void *context)
{
    int status;
    struct queue *queue = open_disk(scene, &status);
    if (!queue)
        return status;
    struct arena_mark mark = arena_mark(scene->arena);
    for (uint32_t n = QUEUE_NO_ITEM; (n = queue_next(queue, n)) != QUEUE_NO_ITEM;) {
        struct control_entry entry;
        struct error error;
        if (read_entry(queue, scene->arena, n, &entry, NULL, &error) != OK)
            status = complain(scene, EXIT_TEMPORARY, error.text);
        else if (control_filter_matches(&scene->filter, &entry.envelope, scene->now)) {
            scene->seen++;
            scene->octets += entry.envelope.size;
            each(context, scene, &entry);
        }
        arena_rewind(scene->arena, mark);
        if (scene->filter.limit && scene->seen >= scene->filter.limit)
            break;
    }
    queue_close(queue);
    return status;
}

/* From the gateway */

struct paging {
    struct queue_scene *scene;
    queue_entry_function *each;
    void *context;
};

static bool take_page(void *context, const struct control_answer *page)
{
    struct paging *paging = context;
    for (size_t i = 0; i < page->entry_count; i++) {
        paging->scene->seen++;
        paging->scene->octets += page->entries[i].envelope.size;
        paging->each(paging->context, paging->scene, &page->entries[i]);
    }
    return true;
}

/* -1: answered; else EXIT_... with a message; NOT_RUNNING without one. */
enum { NOT_RUNNING = 100 };
static int call(struct queue_scene *scene, const struct control_command *command, control_page *page,
                void *context, struct control_answer *answer, struct error *error)
{
    enum result result =
        control_call(&scene->config, scene->arena, command, page, context, answer, error);
    if (result == NONE)
        return NOT_RUNNING;
    if (result != OK)
        return complain(scene, EXIT_TEMPORARY, error->text);
    if (answer->result == OK)
        return -1;
    char *text = arena_string(scene->arena, answer->text);
    return complain(scene, answer->result == TEMP ? EXIT_TEMPORARY : EXIT_NEGATIVE,
                    text && *text ? text : "there is no such message");
}

int queue_each(struct queue_scene *scene, queue_entry_function *each, void *context)
{
    struct paging paging = {scene, each, context};
    struct control_command command = {.verb = CONTROL_QUEUE_SELECT, .filter = scene->filter};
    struct control_answer answer;
    struct error error;
    int status = call(scene, &command, take_page, &paging, &answer, &error);
    if (status == NOT_RUNNING)
        return each_on_disk(scene, each, context);
    return status < 0 ? EXIT_FINE : status;
}

int queue_ask(struct queue_scene *scene, const struct control_command *command,
              struct control_answer *answer)
{
    struct error error;
    int status = call(scene, command, NULL, NULL, answer, &error);
    return status == NOT_RUNNING ? complain(scene, EXIT_TEMPORARY, error.text) : status;
}

static int one_on_disk(struct queue_scene *scene, struct bytes id, struct control_entry *entry,
                       struct bytes *content)
{
    int status;
    struct error error;
    struct queue *queue = open_disk(scene, &status);
    if (!queue)
        return status;
    uint32_t number = queue_find(queue, id);
    if (number == QUEUE_NO_ITEM)
        status = complain(scene, EXIT_NEGATIVE, "there is no such message in the queue");
    else if (read_entry(queue, scene->arena, number, entry, content, &error) != OK)
        status = complain(scene, EXIT_TEMPORARY, error.text);
    else
        status = -1;
    queue_close(queue);
    return status;
}

int queue_read_one(struct queue_scene *scene, struct bytes id, struct control_entry *entry,
                   struct bytes *content)
{
    struct control_command command = {.verb = CONTROL_QUEUE_CONTENT,
                                      .filter = {.ids = &id, .id_count = 1}};
    struct control_answer answer;
    struct error error;
    int status = call(scene, &command, NULL, NULL, &answer, &error);
    if (status == NOT_RUNNING)
        return one_on_disk(scene, id, entry, content);
    if (status >= 0)
        return status;
    if (answer.entry_count != 1)
        return complain(scene, EXIT_NEGATIVE, "there is no such message in the queue");
    *entry = answer.entries[0];
    *content = answer.content;
    return -1;
}

int queue_read_stats(struct queue_scene *scene, struct control_stats *stats)
{
    struct control_command command = {.verb = CONTROL_QUEUE_STATS};
    struct control_answer answer;
    struct error error;
    int status = call(scene, &command, NULL, NULL, &answer, &error);
    *stats = answer.stats;
    if (status != NOT_RUNNING)
        return status;
    struct queue *queue = open_disk(scene, &status);
    if (!queue)
        return status;
    struct queue_figures figures = queue_figures(queue);
    *stats = (struct control_stats){.messages = figures.messages,
                                    .octets = figures.content_octets,
                                    .body_octets = figures.body_octets,
                                    .journal_octets = figures.journal_octets,
                                    .journal_live_octets = figures.journal_live_octets};
    for (uint32_t n = QUEUE_NO_ITEM; (n = queue_next(queue, n)) != QUEUE_NO_ITEM;) {
        const struct queue_item *item = queue_item(queue, n);
        stats->held += (item->flags & QUEUE_ITEM_HELD) != 0;
        if (!stats->oldest || item->queued_at < stats->oldest)
            stats->oldest = item->queued_at;
    }
    queue_close(queue);
    return -1;
}

/* As text */

const char *queue_duration(int64_t seconds, char out[16])
{
    static const struct {
        int64_t seconds;
        char letter;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;
    seconds = seconds < 0 ? 0 : seconds > INT64_C(1000000000) ? INT64_C(1000000000) : seconds;
    while (i + 1 < countof(units) && seconds < 2 * units[i].seconds)
        i++;
    snprintf(out, 16, "%u%c", (unsigned)(seconds / units[i].seconds), units[i].letter);
    return out;
}

const char *queue_size(uint64_t octets, char out[16])
{
    static const char units[] = " KMGT";
    double value = (double)octets;
    size_t i = 0;
    for (; value >= 1000 && i < 4; i++)
        value /= 1024;
    if (i == 0)
        snprintf(out, 16, "%llu", (unsigned long long)octets);
    else
        snprintf(out, 16, value < 10 ? "%.1f%c" : "%.0f%c", value, units[i]);
    return out;
}

const char *queue_state_name(const struct control_entry *entry)
{
    static const char *const names[CONTROL_STATES] = {"active", "waiting", "held"};
    return names[entry->state];
}

static void recipient_json(struct json *json, const struct queue_recipient *recipient)
{
    json_begin_object(json);
    json_member_bytes(json, "address", recipient->address);
    json_member_integer(json, "attempts", recipient->attempts);
    json_member_integer(json, "next_try", recipient->next_try);
    json_member_integer(json, "tried_at", recipient->tried_at);
    json_member_integer(json, "code", recipient->code);
    json_member_bytes(json, "enhanced", recipient->enhanced);
    json_member_bytes(json, "text", recipient->text);
    json_member_bytes(json, "host", recipient->host);
    json_end_object(json);
}

void queue_entry_json(struct buf *out, const struct control_entry *entry)
{
    static const char *const origins[QUEUE_ORIGINS] = {"stranger", "verified", "ours"};
    const struct queue_envelope *envelope = &entry->envelope;
    struct json json = json_into(out);
    json_begin_object(&json);
    json_member_bytes(&json, "id", envelope->id);
    json_member(&json, "state", queue_state_name(entry));
    json_member_integer(&json, "queued_at", envelope->queued_at);
    json_member_integer(&json, "expires_at", envelope->expires_at);
    json_member_integer(&json, "next_try", entry->next_try);
    json_member_integer(&json, "size", (int64_t)envelope->size);
    json_member_bytes(&json, "sender", envelope->sender);
    json_member_bytes(&json, "account", envelope->account);
    json_member(&json, "origin", origins[envelope->origin]);
    json_member_bool(&json, "held", envelope->held);
    json_member_bool(&json, "account_held", entry->account_held);
    json_member_bytes(&json, "held_reason", envelope->held_reason);
    json_key(&json, "recipients");
    json_begin_array(&json);
    for (size_t i = 0; i < envelope->recipient_count; i++)
        recipient_json(&json, &envelope->recipients[i]);
    json_end_array(&json);
    json_end_object(&json);
    buf_add_byte(out, '\n');
}
