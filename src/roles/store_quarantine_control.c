/* SPDX-License-Identifier: BSD-2-Clause */
/* vouch quarantine, as the store answers it. */
#include "roles/store_quarantine.h"

#include "base/log.h"
#include "message/mailbox.h"
#include "roles/memfd.h"
#include "roles/store_train.h"

#include <stdio.h>

/* How long one call may take; then the command asks again. */
#define CALL_PATIENCE (2 * MINUTE)
enum { COMPLAINTS_MAX = 1000, COPIES = 4 };

struct working {
    struct store *store;
    struct control_call_state *call;
    const struct control_command *command;
    struct control_answer *answer;
    struct bytes word;     /* what is to be learned */
    enum train_class class;
    struct quarantine_scan scan;
    char last[QUARANTINE_NAME_SIZE]; /* the file that was done last */
};

static void set_text(struct working *working, enum result result, const char *text)
{
    working->answer->result = result;
    working->answer->text = arena_printf(working->call->arena, "%s", text);
}

/* What is listed of it; slices of the item. */
static void describe(const struct quarantine_item *item, struct queue_recipient recipients[2],
                     struct control_entry *entry)
{
    const struct spool_entry *line = &item->entry;
    bool alias = line->mailbox.len && !bytes_equal_nocase(line->mailbox, line->recipient);
    recipients[0] = (struct queue_recipient){.address = line->recipient,
                                             .text = bytes_first(line->reason, CONTROL_TEXT_MAX)};
    recipients[1] = (struct queue_recipient){.address = line->mailbox};
    *entry = (struct control_entry){.envelope = {.id = line->id,
                                                 .queued_at = line->spooled_at,
                                                 .sender = line->sender,
                                                 .smtputf8 = line->smtputf8,
                                                 .require_tls = line->require_tls,
                                                 .size = item->size,
                                                 .recipients = recipients,
                                                 .recipient_count = 1 + alias},
                                    .state = CONTROL_HELD,
                                    .from = item->from,
                                    .subject = item->subject,
                                    .score = item->score};
}

static void complain(struct working *working, const struct quarantine_item *item, const struct error *error)
{
    struct control_answer *answer = working->answer;
    if (!answer->names)
        answer->names = arena_alloc_array(working->call->arena, COMPLAINTS_MAX, sizeof(*answer->names));
    if (answer->names && answer->name_count < COMPLAINTS_MAX)
        answer->names[answer->name_count++] =
            arena_printf(working->call->arena, BYTES_FMT " <" BYTES_FMT ">: %s", BYTES_ARG(item->entry.id),
                         BYTES_ARG(item->entry.recipient), error->text);
}

/* Showing */

static bool list_item(struct working *working, const struct quarantine_item *item)
{
    struct queue_recipient recipients[2];
    struct control_entry entry;
    describe(item, recipients, &entry);
    working->answer->count++;
    return control_emit(working->call, &entry);
}

static void show_item(struct working *working, const struct quarantine_item *item, int *content_fd)
{
    struct store *store = working->store;
    struct arena *arena = arena_create((store->role->config.limits.message_size + (4 << 20)) * 2);
    struct queue_recipient *recipients = arena_alloc_array(working->call->arena, 2, sizeof(*recipients));
    struct control_entry *entry = arena_new(working->call->arena, struct control_entry);
    struct spool_entry line;
    struct bytes message;
    struct error error = {{0}};
    enum result result = arena && recipients && entry
                             ? quarantine_load(store, arena, item->name, &line, &message, &error)
                             : error_set(&error, TEMP, "out of memory");
    if (result == OK) {
        if (bytes_is(working->word, "raw") && line.prefix_octets <= message.len)
            message = bytes_skip(message, (size_t)line.prefix_octets);
        describe(item, recipients, entry);
        *content_fd = memfd_of(message);
        if (*content_fd < 0)
            result = error_set(&error, TEMP, "out of memory");
    }
    if (result == OK) {
        working->answer->entries = entry;
        working->answer->entry_count = 1;
        working->answer->count = 1;
    } else {
        set_text(working, result, error.text);
    }
    arena_destroy(arena);
}

/* The item's slices live until the scan is closed: the answer is written after that. */
static struct quarantine_item copy_item(struct arena *arena, const struct quarantine_item *item)
{
    struct quarantine_item copy = *item;
    struct bytes *const slices[] = {&copy.entry.id, &copy.entry.sender, &copy.entry.recipient, &copy.entry.mailbox,
                                    &copy.entry.reason, &copy.from, &copy.subject, &copy.score};
    for (size_t i = 0; i < countof(slices); i++)
        *slices[i] = arena_copy(arena, *slices[i]);
    return copy;
}

static void show(struct working *working, int *content_fd)
{
    if (!quarantine_scan_next(&working->scan)) {
        if (working->scan.result == OK)
            set_text(working, NONE, "there is no such message in quarantine");
        return;
    }
    struct quarantine_item item = copy_item(working->call->arena, &working->scan.items[0]);
    show_item(working, &item, content_fd);
}

/* Doing */

static enum result train_item(struct working *working, const struct quarantine_item *item, bool later,
                              struct error *error)
{
    struct store *store = working->store;
    struct arena *arena = arena_create((store->role->config.limits.message_size + (4 << 20)) * COPIES);
    struct spool_entry line;
    struct bytes message;
    enum train_outcome outcome = TRAIN_LEARNED;
    enum result result = arena ? quarantine_load(store, arena, item->name, &line, &message, error)
                               : error_set(error, TEMP, "out of memory");
    if (result == OK) {
        struct train_request request = {.content = message,
                                        .class = working->class,
                                        .domain = arena_lower(arena, mailbox_domain(line.mailbox)),
                                        .reporter = arena_lower(arena, working->command->account)};
        if (later)
            store_train_later(store, &request);
        else
            result = store_train(store, &request, &outcome, error);
        if (outcome == TRAIN_UNREADABLE)
            result = error_set(error, PERM, "the message cannot be read");
    }
    arena_destroy(arena);
    return result;
}

/* OK: done. NONE: it is gone, which is nobody's fault. */
static enum result act_on(struct working *working, const struct quarantine_item *item, struct error *error)
{
    bool learns = !bytes_is(working->word, "none");
    switch (working->command->verb) {
    case CONTROL_QUARANTINE_RELEASE:
        return store_quarantine_release(working->store, item->name, learns,
                                        arena_lower(working->call->arena, working->command->account), error);
    case CONTROL_QUARANTINE_TRAIN:
        return train_item(working, item, false, error);
    default: {
        enum result result = learns ? train_item(working, item, true, error) : OK;
        if (result == OK && !store_quarantine_remove(working->store, &item->name, 1, false))
            result = NONE;
        return result;
    }
    }
}

/* Many at a time: one sync of the folder. */
static void purge_batch(struct working *working)
{
    const char *names[QUARANTINE_BATCH];
    for (size_t i = 0; i < working->scan.count; i++)
        names[i] = working->scan.items[i].name;
    working->answer->count += store_quarantine_remove(working->store, names, working->scan.count, false);
}

/* Nobody waits for the answer any more: no more is begun. */
static bool is_gone(const struct control_call_state *call)
{
    return call->channel && !ipc_channel_is_open(call->channel);
}

/* False: that is enough for now. */
static bool work_batch(struct working *working, int64_t until)
{
    const struct quarantine_scan *scan = &working->scan;
    if (working->command->verb == CONTROL_QUARANTINE_PURGE && bytes_is(working->word, "none")) {
        purge_batch(working);
        snprintf(working->last, sizeof(working->last), "%s", scan->items[scan->count - 1].name);
        return loop_now() < until && !working->store->finishing;
    }
    for (size_t i = 0; i < scan->count; i++) {
        const struct quarantine_item *item = &scan->items[i];
        struct error error = {{0}};
        if (working->command->verb == CONTROL_QUARANTINE_LIST) {
            if (!list_item(working, item))
                return false;
            continue;
        }
        enum result result = act_on(working, item, &error);
        working->answer->count += result == OK;
        if (result == TEMP || result == PERM)
            complain(working, item, &error);
        snprintf(working->last, sizeof(working->last), "%s", item->name);
        if (loop_now() >= until || working->store->finishing || is_gone(working->call))
            return false;
    }
    return true;
}

static void work(struct working *working)
{
    int64_t until = loop_deadline(CALL_PATIENCE);
    while (quarantine_scan_next(&working->scan))
        if (!work_batch(working, until)) {
            working->answer->text = arena_printf(working->call->arena, "%s", working->last);
            break;
        }
    if (working->command->verb == CONTROL_QUARANTINE_PURGE && working->answer->count)
        store_quarantine_remove(working->store, NULL, 0, true);
    if (working->command->verb != CONTROL_QUARANTINE_LIST && working->answer->count)
        log_info("control", "quarantine %s: %llu messages",
                 working->command->verb == CONTROL_QUARANTINE_RELEASE ? "release"
                 : working->command->verb == CONTROL_QUARANTINE_TRAIN ? "train"
                                                                      : "purge",
                 (unsigned long long)working->answer->count);
}

static bool word_is_known(struct working *working)
{
    struct bytes word = working->word;
    if (train_class_parse(word, &working->class) && working->class == TRAIN_FORGET)
        return false;
    switch (working->command->verb) {
    case CONTROL_QUARANTINE_RELEASE:
        return bytes_is(word, "ham") || bytes_is(word, "none");
    case CONTROL_QUARANTINE_TRAIN:
        return bytes_is(word, "ham") || bytes_is(word, "spam");
    case CONTROL_QUARANTINE_PURGE:
        return bytes_is(word, "spam") || bytes_is(word, "none");
    default:
        return true;
    }
}

void store_control_quarantine(struct store *store, struct control_call_state *call,
                              const struct control_command *command, struct control_answer *answer, int *content_fd)
{
    struct working working = {.store = store, .call = call, .command = command, .answer = answer};
    struct bytes rest = command->text;
    if (rest.len && !bytes_split(&rest, ' ', &working.word))
        working.word = BYTES("");
    if (!word_is_known(&working)) {
        set_text(&working, PERM, "an unknown word");
        return;
    }
    if (quarantine_scan_open(&working.scan, store->quarantine, &command->filter, loop_epoch()) != OK) {
        set_text(&working, TEMP, "out of memory");
        return;
    }
    if (!bytes_to_cstring(rest, working.scan.after, sizeof(working.scan.after)))
        working.scan.after[0] = '\0';
    if (command->verb == CONTROL_QUARANTINE_SHOW)
        show(&working, content_fd);
    else
        work(&working);
    if (working.scan.result != OK)
        set_text(&working, working.scan.result, working.scan.error.text);
    if (working.scan.damaged)
        log_warning("quarantine", "%zu files in %s are none of ours, or damaged; left where they are",
                    working.scan.damaged, store->quarantine);
    quarantine_scan_close(&working.scan);
}
