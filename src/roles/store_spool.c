/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What could not be delivered at once. The spool is a Maildir of files with one line before the message;
 * in memory there is only a name and a time for each. Of what is given up the sender is told, where the return
 * path was known to be his own when it came (store_tell.h); else it goes to quarantine, and postmaster is told.
 */
#include "roles/store.h"

#include "base/ascii.h"
#include "base/log.h"
#include "fiber/offload.h"
#include "message/date.h"
#include "message/mailbox.h"
#include "os/files.h"
#include "roles/store_queue.h"
#include "roles/store_tell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTICE "notice" /* the reason of what is from us to postmaster */

enum {
    KEEP_SECONDS = 5 * 86400,
    /* A clock that was set forward must not give up mail that was hardly tried. */
    ATTEMPTS_LEAST = 8,
    FILE_LINE_MAX = 64 * 1024,
    NOTICE_MAILBOXES_MAX = 50,
    REASON_MAX = 4096
};

struct spooled {
    struct spooled *next;
    unsigned attempts;
    int64_t retry_at; /* loop time */
    char name[];
};

/* 1, 2, 4, … minutes up to an hour. */
static int64_t pause_after(unsigned attempts)
{
    int64_t minutes = attempts < 6 ? INT64_C(1) << attempts : 60;
    return minutes * MINUTE;
}

static bool remember(struct store *store, const char *name, int64_t pause)
{
    size_t size = strlen(name) + 1;
    struct spooled *spooled = calloc(1, sizeof(*spooled) + size);
    if (!spooled)
        return false;
    memcpy(spooled->name, name, size);
    spooled->retry_at = loop_deadline(pause);
    spooled->next = store->spooled;
    store->spooled = spooled;
    fiber_signal_one(&store->spool_wanted);
    return true;
}

enum result store_spool(struct store *store, struct arena *arena,
                        const struct store_message *message, const struct spool_entry *entry,
                        bool quarantine, struct error *error)
{
    struct buf line;
    buf_init(&line, FILE_LINE_MAX);
    spool_write_line(&line, entry);
    if (line.failed) {
        buf_free(&line);
        return error_set(error, TEMP, "out of memory");
    }
    struct maildir_job job = {.maildir = quarantine ? store->quarantine : store->spool,
                              .pieces = {buf_bytes(&line), message->prefix, message->content}};
    (void)arena;
    if (message->name)
        /* From the spool into quarantine: what a crash repeats replaces itself. */
        snprintf(job.name, sizeof(job.name), "%s", message->name);
    else
        maildir_unique_name(job.name, loop_epoch_microseconds(), store->names++,
                            store->role->config.hostname,
                            line.len + message->prefix.len + message->content.len);
    store_commit(store, &job);
    buf_free(&line);
    if (job.result != OK) {
        if (error)
            *error = job.error;
        return job.result;
    }
    /* A file that is not remembered is found at the next start. */
    bool fresh = bytes_is(entry->reason, NOTICE); /* not yet tried, and of use now */
    if (!quarantine && !remember(store, job.name, fresh ? 0 : pause_after(0)))
        log_warning("spool", "%s will be retried after a restart: out of memory", job.name);
    return OK;
}

/* Mailboxes and replies are others' words: they stay on their lines. */
static void add_line(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        buf_add_byte(out, ascii_is_control(text.ptr[i]) ? '?' : text.ptr[i]);
    buf_add_string(out, "\r\n");
}

static void write_notice(struct buf *out, const char *hostname, const struct spool_entry *entries,
                         size_t count)
{
    buf_printf(out,
               "From: Mail gateway <postmaster@%s>\r\nTo: postmaster\r\n"
               "Subject: Undeliverable message " BYTES_FMT " is in quarantine\r\nDate: ",
               hostname, BYTES_ARG(entries->id));
    date_write(out, loop_epoch(), 0);
    buf_printf(out,
               "\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
               "Content-Type: text/plain; charset=utf-8\r\n\r\n"
               "The message " BYTES_FMT " was accepted, but could not be delivered to\r\n\r\n",
               BYTES_ARG(entries->id));
    for (size_t i = 0; i < count && i < NOTICE_MAILBOXES_MAX; i++) {
        add_line(out, entries[i].mailbox);
        buf_add_string(out, "    Reason: ");
        add_line(out, entries[i].reason);
    }
    if (count > NOTICE_MAILBOXES_MAX)
        buf_printf(out, "and %zu others.\r\n", count - NOTICE_MAILBOXES_MAX);
    buf_add_string(out, "\r\nWhat was not delivered is kept in quarantine. The sender was not told of it: nobody "
                        "vouches\r\nfor the return path, or the message is a notification itself, or it could not "
                        "be told.\r\n");
}

/* Where postmaster's mail is read at another site. */
static enum result tell_elsewhere(struct store *store, struct arena *arena, struct bytes address,
                                  const struct store_message *notice, struct error *error)
{
    struct queue_recipient recipient = {.address = address};
    struct queue_envelope envelope = {
        .id = arena_printf(arena, "n%llx%llx", (unsigned long long)loop_epoch_microseconds(),
                           (unsigned long long)store->names++),
        .origin = QUEUE_ORIGIN_OURS,
        .recipients = &recipient,
        .recipient_count = 1,
    };
    const struct bytes parts[] = {notice->prefix, notice->content};
    return store_queue_add(store, arena, &envelope, parts, countof(parts), error);
}

void store_tell_postmaster(struct store *store, struct arena *arena, struct bytes id, struct bytes text)
{
    struct recipient_lookup found;
    if (recipients_postmaster(store->recipients, arena, &found) != OK || !found.destination_count)
        return;
    struct bytes head = arena_printf(arena, "Message-ID: <" BYTES_FMT ".%lld.%llu@%s>\r\n", BYTES_ARG(id),
                                     (long long)loop_epoch_microseconds(), (unsigned long long)store->names++,
                                     store->role->config.hostname);
    struct store_message notice = {.id = id, .sender = BYTES(""), .prefix = head, .content = text};
    const struct destination *destination = &found.destinations[0];
    struct spool_entry line = {.id = id,
                               .sender = BYTES(""),
                               .recipient = BYTES("postmaster"),
                               .mailbox = destination->address,
                               .spooled_at = loop_epoch(),
                               .reason = BYTES(NOTICE)};
    struct error error = {{0}};
    enum result result = TEMP;
    if (text.len)
        result = destination->kind == CONFIG_DELIVER_REMOTE
                     ? tell_elsewhere(store, arena, destination->address, &notice, &error)
                     : store_spool(store, arena, &notice, &line, false, &error);
    if (result != OK)
        log_error("spool", "postmaster could not be told of " BYTES_FMT ": %s", BYTES_ARG(id), error.text);
}

void store_notify(struct store *store, struct arena *arena, const struct spool_entry *entries,
                  size_t count)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    write_notice(&text, store->role->config.hostname, entries, count);
    store_tell_postmaster(store, arena, entries->id, text.failed ? BYTES("") : buf_bytes(&text));
    buf_free(&text);
}

struct loading {
    struct arena *arena;
    char path[4096];
    size_t max;
    struct bytes file;
    enum result result;
    struct error error;
    struct durable *durable;
    const char *directory;
};

static void load_file(void *argument)
{
    struct loading *loading = argument;
    loading->result =
        files_read(loading->arena, loading->path, loading->max, &loading->file, &loading->error);
}

static void remove_file(void *argument)
{
    struct loading *loading = argument;
    char folder[4096];
    loading->durable->unlink(loading->durable, loading->path);
    /* Durable, or a crash would deliver it a second time. */
    snprintf(folder, sizeof(folder), "%.4000s/new", loading->directory);
    loading->durable->sync_directory(loading->durable, folder);
}

/* The mailbox that missed its copy. Looked up by its name it may be an alias for others as well, which
 * have theirs. NONE: it is gone. */
static enum result find_mailbox(const struct recipients *recipients, struct arena *arena,
                                struct bytes address, struct destination **out)
{
    struct recipient_lookup found;
    struct mailbox mailbox;
    enum result result =
        mailbox_parse(arena, address, MAILBOX_UTF8 | MAILBOX_LENIENT, &mailbox, NULL);
    if (result == OK)
        result = recipients_lookup(recipients, arena, mailbox.local, mailbox.domain, &found);
    if (result != OK)
        return result == TEMP ? TEMP : NONE;
    for (size_t i = 0; i < found.destination_count; i++) {
        *out = &found.destinations[i];
        if (bytes_equal_nocase((*out)->address, address) && (*out)->kind != CONFIG_DELIVER_REMOTE)
            return OK;
    }
    return NONE;
}

/* OK: done with it, one way or the other. TEMP: try again later. */
static enum result retry_entry(struct store *store, struct arena *arena,
                               const struct spool_entry *entry, struct store_message *message,
                               unsigned attempts)
{
    struct destination *destination = NULL;
    struct store_outcome outcome = {.result = PERM, .code = 550, .enhanced = BYTES("5.1.1"),
                                    .text = BYTES("the mailbox is gone")};
    struct recipients *recipients = recipients_hold(store->recipients);
    enum result found = find_mailbox(recipients, arena, entry->mailbox, &destination);
    if (found == TEMP)
        outcome.result = TEMP;
    if (found == OK)
        store_deliver_to(store, arena, message, destination, &outcome);
    bool relayed = found == OK && destination->kind != CONFIG_DELIVER_MAILDIR;
    recipients_free(recipients);
    bool expired = loop_epoch() - entry->spooled_at > KEEP_SECONDS && attempts >= ATTEMPTS_LEAST;
    if (found == TEMP || (outcome.result == TEMP && !expired))
        return TEMP;
    log_info("spool", "id=" BYTES_FMT ", to=" BYTES_FMT ", %s", BYTES_ARG(entry->id),
             BYTES_ARG(entry->mailbox), outcome.result == OK ? "delivered" : "given up");
    struct error error;
    if (store_spooled_wants(entry, &outcome)) {
        if (store_tell_spooled(store, arena, entry, message, &outcome, relayed, &error) == OK)
            return OK;
        log_warning("spool", "id=" BYTES_FMT ": the sender cannot be told: %s", BYTES_ARG(entry->id), error.text);
    }
    if (outcome.result == OK)
        return OK;
    struct spool_entry given_up = *entry;
    given_up.reason = bytes_first(outcome.text, REASON_MAX);
    if (store_spool(store, arena, message, &given_up, true, &error) != OK)
        return TEMP;
    /* A notice that cannot be delivered makes no further notice. */
    if (entry->sender.len || !bytes_is(entry->recipient, "postmaster"))
        store_notify(store, arena, &given_up, 1);
    return OK;
}

static enum result retry_file(struct store *store, const struct spooled *spooled)
{
    size_t max = store->role->config.limits.message_size + (4 << 20);
    struct arena *arena = arena_create(max * 4);
    if (!arena)
        return TEMP;
    struct loading loading = {
        .arena = arena, .max = max, .durable = store->durable, .directory = store->spool};
    snprintf(loading.path, sizeof(loading.path), "%s/new/%s", store->spool, spooled->name);
    offload(load_file, &loading);
    struct spool_entry entry;
    struct store_message message = {0};
    enum result result = loading.result;
    if (result == OK)
        result = spool_parse(arena, loading.file, &entry, &message.content, &loading.error);
    if (result == OK) {
        message.id = entry.id;
        message.sender = entry.sender;
        message.prefix = BYTES("");
        message.folder = entry.folder;
        message.smtputf8 = entry.smtputf8;
        message.name = spooled->name;
        result = retry_entry(store, arena, &entry, &message, spooled->attempts);
        if (result == OK)
            offload(remove_file, &loading);
    } else if (result == PERM) {
        log_error("spool", "%s: %s; left where it is", spooled->name, loading.error.text);
    }
    arena_destroy(arena);
    return result;
}

static int64_t next_retry(const struct store *store)
{
    int64_t next = NO_DEADLINE;
    for (const struct spooled *spooled = store->spooled; spooled; spooled = spooled->next)
        if (spooled->retry_at < next)
            next = spooled->retry_at;
    return next;
}

static void retry_due(struct store *store)
{
    struct spooled **link = &store->spooled;
    while (*link && !store->finishing) {
        struct spooled *spooled = *link;
        if (spooled->retry_at > loop_now()) {
            link = &spooled->next;
            continue;
        }
        /* Off the list while it is tried: new entries come in at the front meanwhile. */
        *link = spooled->next;
        enum result result = retry_file(store, spooled);
        if (result == TEMP) {
            spooled->retry_at = loop_deadline(pause_after(++spooled->attempts));
            spooled->next = store->spooled;
            store->spooled = spooled;
        } else {
            free(spooled);
        }
        link = &store->spooled;
    }
}

void store_spool_fiber(void *argument)
{
    struct store *store = argument;
    while (!store->finishing) {
        if (fiber_signal_wait(&store->spool_wanted, next_retry(store)) == ECANCELED)
            return;
        retry_due(store);
    }
}

static void found_file(void *context, const char *name)
{
    struct store *store = context;
    if (!remember(store, name, 0))
        log_warning("spool", "%s will be retried after a restart: out of memory", name);
}

enum result store_spool_open(struct store *store, struct error *error)
{
    return spool_list(store->spool, found_file, store, error);
}

void store_spool_close(struct store *store)
{
    while (store->spooled) {
        struct spooled *spooled = store->spooled;
        store->spooled = spooled->next;
        free(spooled);
    }
}
