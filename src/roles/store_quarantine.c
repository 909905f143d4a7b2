/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/store_quarantine.h"

#include "base/encode.h"
#include "base/log.h"
#include "base/utf8.h"
#include "fiber/offload.h"
#include "message/header.h"
#include "message/mailbox.h"
#include "message/message.h"
#include "roles/digest.h"
#include "roles/store_queue.h"
#include "roles/store_train.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SWEEP_FIRST (10 * MINUTE) /* after the start, when others have work to do, too */
#define SWEEP_EVERY HOUR
enum { REASON_MAX = 4096, COPIES = 4 };

/* Putting in */

struct bytes store_quarantine_reason(struct arena *arena, struct bytes prefix)
{
    struct message message;
    if (message_parse(arena, prefix, &message, NULL) != OK)
        return BYTES("");
    const struct header_field *field = message_field(&message, "X-Vouch-Reason", 0);
    return field ? bytes_first(header_unfold(arena, field->value), REASON_MAX) : BYTES("");
}

/* With the message's id, so that it is found without opening all. */
static void name_file(struct store *store, struct bytes id, uint64_t size, char out[MAILDIR_NAME_SIZE])
{
    maildir_unique_name(out, loop_epoch_microseconds(), store->names++, store->role->config.hostname, size);
    size_t length = strlen(out);
    if (queue_id_is_valid(id) && length + id.len + 4 <= MAILDIR_NAME_SIZE)
        snprintf(out + length, MAILDIR_NAME_SIZE - length, ",V=" BYTES_FMT, BYTES_ARG(id));
}

struct keeping {
    struct store *store;
    struct arena *arena;
    const struct store_message *message;
    const struct spool_entry *entry;
    enum result *result;
};

static void keep_one(void *argument)
{
    struct keeping *keeping = argument;
    struct store_message message = *keeping->message;
    char name[MAILDIR_NAME_SIZE];
    struct error error;
    name_file(keeping->store, keeping->entry->id, message.prefix.len + message.content.len, name);
    message.name = name;
    *keeping->result = store_spool(keeping->store, keeping->arena, &message, keeping->entry, true, &error);
    if (*keeping->result != OK)
        log_error("quarantine", "id=" BYTES_FMT ": %s", BYTES_ARG(keeping->entry->id), error.text);
}

void store_quarantine_keep(struct store *store, struct arena *arena, const struct store_message *message,
                           const struct spool_entry *entries, size_t count, enum result *results)
{
    struct keeping *keeping = arena_alloc_array(arena, count, sizeof(*keeping));
    struct fiber_group group;
    for (size_t i = 0; i < count; i++)
        results[i] = TEMP;
    if (!keeping)
        return;
    fiber_group_open(&group);
    /* All are handed to the committer before it begins with the first. */
    fiber_shield();
    for (size_t i = 0; i < count; i++) {
        keeping[i] = (struct keeping){store, arena, message, &entries[i], &results[i]};
        if (count == 1 || !fiber_group_start(&group, "quarantine", keep_one, &keeping[i]))
            keep_one(&keeping[i]);
    }
    fiber_group_wait(&group, NO_DEADLINE);
    fiber_unshield();
    fiber_group_close(&group);
}

/* Taking out */

struct removing {
    struct store *store;
    const char *const *names;
    size_t count, removed;
    bool sync;
};

static void remove_files(void *argument)
{
    struct removing *removing = argument;
    struct durable *durable = removing->store->durable;
    char path[PATH_MAX];
    for (size_t i = 0; i < removing->count; i++) {
        int length = snprintf(path, sizeof(path), "%s/new/%s", removing->store->quarantine, removing->names[i]);
        if (length > 0 && (size_t)length < sizeof(path))
            removing->removed += durable->unlink(durable, path) == 0;
    }
    snprintf(path, sizeof(path), "%.4000s/new", removing->store->quarantine);
    if (removing->sync && durable->sync_directory(durable, path) != 0)
        log_error("quarantine", "%s cannot be written to the disk", path);
}

size_t store_quarantine_remove(struct store *store, const char *const *names, size_t count, bool sync)
{
    struct removing removing = {.store = store, .names = names, .count = count, .sync = sync};
    offload(remove_files, &removing);
    return removing.removed;
}

/* Releasing */

struct releasing {
    struct store *store;
    struct arena *arena;
    const char *name;
    struct recipients *recipients;
    struct spool_entry entry;
    struct store_message message;
    struct error *error;
};

/* Where `address` leads to under this very name. NULL: nowhere. */
static const struct destination *lead_of(const struct releasing *releasing, struct bytes address,
                                         enum recipient_status *status, enum result *result)
{
    struct recipient_lookup found;
    struct mailbox mailbox;
    *status = RECIPIENT_UNKNOWN;
    *result = mailbox_parse(releasing->arena, address, MAILBOX_UTF8 | MAILBOX_LENIENT, &mailbox, NULL);
    if (*result == OK)
        *result = recipients_lookup(releasing->recipients, releasing->arena, mailbox.local, mailbox.domain, &found);
    if (*result != OK)
        return NULL;
    *status = found.status;
    for (size_t i = 0; i < found.destination_count; i++)
        if (bytes_equal_nocase(found.destinations[i].address, releasing->entry.mailbox))
            return &found.destinations[i];
    return NULL;
}

/* An id that a second attempt makes again: while the first is still in the queue it finds it there. */
static struct bytes queue_id_of(const struct releasing *releasing)
{
    const struct bytes parts[] = {BYTES("released"), bytes_of(releasing->name)};
    struct bytes digest;
    struct buf id;
    if (!digest_parts(releasing->arena, parts, countof(parts), &digest))
        return BYTES("");
    buf_init(&id, QUEUE_ID_MAX);
    buf_add(&id, bytes_first(releasing->entry.id, QUEUE_ID_MAX - 13));
    buf_add_byte(&id, 'r');
    for (size_t i = 0; i < 6; i++)
        buf_printf(&id, "%02x", digest.ptr[i]);
    struct bytes copy = arena_copy(releasing->arena, buf_bytes(&id));
    buf_free(&id);
    return copy;
}

/* As a stranger's: whatever comes of it there, the return path is never written to. */
static enum result release_elsewhere(struct releasing *releasing)
{
    const struct spool_entry *entry = &releasing->entry;
    const struct bytes parts[] = {releasing->message.prefix, releasing->message.content};
    struct queue_recipient recipient = {.address = entry->mailbox};
    struct queue_envelope envelope = {
        .id = queue_id_of(releasing),
        .sender = entry->forward_sender.len ? entry->forward_sender : entry->sender,
        .origin = QUEUE_ORIGIN_STRANGER,
        .smtputf8 = entry->smtputf8,
        .eight_bit = !utf8_is_ascii(releasing->message.content),
        .require_tls = entry->require_tls,
        .recipients = &recipient,
        .recipient_count = 1,
    };
    if (!envelope.id.len)
        return error_set(releasing->error, TEMP, "out of memory");
    enum result result =
        store_queue_add(releasing->store, releasing->arena, &envelope, parts, countof(parts), releasing->error);
    return result == NONE ? OK : result;
}

static enum result release_here(struct releasing *releasing, const struct destination *destination)
{
    struct store_outcome outcome = {.result = TEMP};
    store_deliver_to(releasing->store, releasing->arena, &releasing->message, destination, &outcome);
    if (outcome.result == OK)
        return OK;
    return error_set(releasing->error, outcome.result, "%u " BYTES_FMT, outcome.code, BYTES_ARG(outcome.text));
}

static enum result release_entry(struct releasing *releasing)
{
    const struct spool_entry *entry = &releasing->entry;
    enum recipient_status status, of_recipient;
    enum result result;
    const struct destination *destination = lead_of(releasing, entry->mailbox, &status, &result);
    if (!destination && result != TEMP)
        destination = lead_of(releasing, entry->recipient, &of_recipient, &result);
    if (result == TEMP)
        return error_set(releasing->error, TEMP, "out of memory");
    if (destination && destination->kind != CONFIG_DELIVER_REMOTE)
        return release_here(releasing, destination);
    /* It was meant for another site when it came, by somebody who may send there. */
    bool outbound = status == RECIPIENT_FOREIGN && bytes_equal_nocase(entry->mailbox, entry->recipient);
    if (destination || outbound)
        return release_elsewhere(releasing);
    if (status == RECIPIENT_LIST)
        return error_set(releasing->error, PERM, BYTES_FMT " is a mailing list: release cannot send to its members",
                         BYTES_ARG(entry->mailbox));
    return error_set(releasing->error, PERM, status == RECIPIENT_FOREIGN
                                                 ? BYTES_FMT " does not lead to " BYTES_FMT " any more"
                                                 : "the mailbox " BYTES_FMT " (for " BYTES_FMT ") is gone",
                     BYTES_ARG(status == RECIPIENT_FOREIGN ? entry->recipient : entry->mailbox),
                     BYTES_ARG(status == RECIPIENT_FOREIGN ? entry->mailbox : entry->recipient));
}

/* Always of the same length, or a release that is repeated after a crash would not have the same file name. */
static struct bytes released_field(struct arena *arena, struct bytes id)
{
    char when[32] = "";
    time_t now = (time_t)loop_epoch();
    struct tm utc;
    struct buf out;
    buf_init(&out, 1024);
    if (gmtime_r(&now, &utc))
        strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
    header_write(&out, "X-Vouch-Released", arena_printf(arena, "%s; id=" BYTES_FMT, when, BYTES_ARG(id)));
    struct bytes field = arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    return field;
}

static void learn(const struct releasing *releasing, struct bytes content, struct bytes reporter)
{
    struct train_request request = {.content = content,
                                    .class = TRAIN_HAM,
                                    .domain = arena_lower(releasing->arena, mailbox_domain(releasing->entry.mailbox)),
                                    .reporter = reporter};
    store_train_later(releasing->store, &request);
}

static enum result release_loaded(struct releasing *releasing, struct bytes content)
{
    const struct spool_entry *entry = &releasing->entry;
    releasing->message = (struct store_message){.id = entry->id,
                                                .sender = entry->sender,
                                                .prefix = released_field(releasing->arena, entry->id),
                                                .content = content,
                                                .smtputf8 = entry->smtputf8,
                                                .name = releasing->name,
                                                .folder = FOLDER_INBOX};
    if (!releasing->message.prefix.len)
        return error_set(releasing->error, TEMP, "out of memory");
    releasing->recipients = recipients_hold(releasing->store->recipients);
    /* From here to the end of the file it is finished, also when whoever asked for it goes away. */
    fiber_shield();
    enum result result = release_entry(releasing);
    if (result == OK)
        store_quarantine_remove(releasing->store, &releasing->name, 1, true);
    fiber_unshield();
    recipients_free(releasing->recipients);
    return result;
}

enum result store_quarantine_release(struct store *store, const char *name, bool trained, struct bytes reporter,
                                     struct error *error)
{
    struct arena *arena = arena_create((store->role->config.limits.message_size + (4 << 20)) * COPIES);
    struct releasing releasing = {.store = store, .arena = arena, .name = name, .error = error};
    struct bytes content;
    if (!arena)
        return error_set(error, TEMP, "out of memory");
    enum result result = quarantine_load(store, arena, name, &releasing.entry, &content, error);
    if (result == OK)
        result = release_loaded(&releasing, content);
    if (result == OK) {
        log_info("quarantine", "id=" BYTES_FMT ", to=" BYTES_FMT ", released", BYTES_ARG(releasing.entry.id),
                 BYTES_ARG(releasing.entry.mailbox));
        if (trained)
            learn(&releasing, content, reporter);
    }
    arena_destroy(arena);
    return result;
}

/* Throwing away */

size_t store_quarantine_sweep(struct store *store)
{
    int64_t now = loop_epoch(), keep = store->role->config.quarantine.keep / SECOND;
    struct control_filter filter = {.older_than = keep};
    struct quarantine_scan scan;
    const char *names[QUARANTINE_BATCH];
    size_t removed = 0;
    if (quarantine_scan_open(&scan, store->quarantine, &filter, now) != OK)
        return 0;
    scan.named_before = now - keep;
    while (!store->finishing && quarantine_scan_next(&scan)) {
        for (size_t i = 0; i < scan.count; i++)
            names[i] = scan.items[i].name;
        size_t gone = store_quarantine_remove(store, names, scan.count, false);
        removed += gone;
        if (gone < scan.count)
            break; /* the disk does not want to */
    }
    if (removed)
        store_quarantine_remove(store, NULL, 0, true);
    if (scan.result != OK)
        log_warning("quarantine", "%s", scan.error.text);
    if (scan.damaged)
        log_warning("quarantine", "%zu files in %s are none of ours, or damaged; left where they are", scan.damaged,
                    store->quarantine);
    quarantine_scan_close(&scan);
    if (removed)
        log_info("quarantine", "%zu messages thrown away that had lain there for %lld days", removed,
                 (long long)(keep / (DAY / SECOND)));
    return removed;
}

void store_quarantine_fiber(void *argument)
{
    struct store *store = argument;
    int64_t pause = SWEEP_FIRST;
    while (!store->finishing) {
        if (fiber_sleep(pause) != 0)
            return;
        pause = SWEEP_EVERY;
        store_quarantine_sweep(store);
    }
}
