/* SPDX-License-Identifier: BSD-2-Clause */
/* What lies in quarantine. All of it runs on a worker but for the two ends. */
#include "roles/store_quarantine.h"

#include "fiber/offload.h"
#include "message/message.h"
#include "os/files.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    /* Names that are kept of one look into the folder, which is read anew for each page of them. */
    PAGE = 16384,
    HEAD_FIRST = 16 << 10,  /* octets of a file: nearly always enough */
    HEAD_MOST = 192 << 10,
    TEXT_MAX = 400,         /* octets of a Subject that are told */
    ARENA_MAX = 64 << 20
};

/* Names */

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void cut_names(struct quarantine_scan *scan)
{
    qsort(scan->names, scan->name_count, sizeof(scan->names[0]), compare_names);
    if (scan->name_count > PAGE) {
        scan->name_count = PAGE;
        scan->all = false;
    }
    scan->limit = scan->name_count;
}

static void take_name(void *context, const char *name)
{
    struct quarantine_scan *scan = context;
    if (strlen(name) >= sizeof(scan->names[0]) || strcmp(name, scan->last) <= 0)
        return;
    /* Once a page was cut, what lies behind it is for the next. */
    if (scan->limit == PAGE && strcmp(name, scan->names[PAGE - 1]) > 0) {
        scan->all = false;
        return;
    }
    snprintf(scan->names[scan->name_count++], sizeof(scan->names[0]), "%s", name);
    if (scan->name_count == (size_t)PAGE * 2)
        cut_names(scan);
}

static void read_names(struct quarantine_scan *scan)
{
    scan->name_count = scan->name_next = scan->limit = 0;
    scan->all = true;
    scan->result = spool_list(scan->directory, take_name, scan, &scan->error);
    cut_names(scan);
    if (scan->name_count)
        memcpy(scan->last, scan->names[scan->name_count - 1], sizeof(scan->last));
}

/* One file */

/* The id that stands in the name, ",V=…"; without ptr where none does. */
static struct bytes id_in_name(const char *name)
{
    const char *at = strstr(name, ",V=");
    return at ? bytes_of(at + 3) : (struct bytes){NULL, 0};
}

static bool is_asked_for(const struct quarantine_scan *scan, const char *name)
{
    struct bytes id = id_in_name(name), text = bytes_of(name);
    uint64_t since;
    if (scan->named_before && bytes_to_uint(bytes_first(text, bytes_find_byte(text, '.')), INT64_MAX, &since) &&
        (int64_t)since > scan->named_before)
        return false;
    if (!scan->filter || !scan->filter->id_count || !id.ptr)
        return true;
    for (size_t i = 0; i < scan->filter->id_count; i++)
        if (bytes_equal(scan->filter->ids[i], id))
            return true;
    return false;
}

/* As much of it as holds its line and its header. Without ptr: it is gone, or cannot be read. */
static struct bytes read_head(struct arena *arena, const char *path, uint64_t *size)
{
    static const size_t most[] = {HEAD_FIRST, HEAD_MOST};
    struct bytes head = {NULL, 0};
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        if (fd >= 0)
            close(fd);
        return head;
    }
    *size = (uint64_t)status.st_size;
    for (size_t i = 0; i < countof(most); i++) {
        uint8_t *text = arena_alloc(arena, most[i]);
        ssize_t got = text ? pread(fd, text, most[i], 0) : -1;
        head = bytes_from(got > 0 ? text : NULL, got > 0 ? (size_t)got : 0);
        if ((size_t)(got > 0 ? got : 0) < most[i] || bytes_find(head, BYTES("\r\n\r\n")) != BYTES_NOT_FOUND)
            break;
    }
    close(fd);
    return head;
}

static struct bytes field_text(struct arena *arena, const struct message *message, const char *name)
{
    const struct header_field *field = message_field(message, name, 0);
    return field ? bytes_first(header_unfold(arena, field->value), TEXT_MAX) : BYTES("");
}

/* What earlier versions wrote as the reason was for machines. */
static bool is_for_people(struct bytes reason)
{
    return reason.len && !bytes_starts_with(reason, BYTES("{"));
}

static void read_fields(struct arena *arena, struct bytes head, struct quarantine_item *item)
{
    struct message message;
    if (message_parse(arena, head, &message, NULL) != OK)
        return;
    item->from = field_text(arena, &message, "From");
    item->subject = field_text(arena, &message, "Subject");
    /* Only of ours, which no stranger can write. */
    struct bytes score = field_text(arena, &message, "X-Vouch-Score");
    item->score = bytes_first(bytes_first(score, bytes_find_byte(score, ';')), 16);
    if (!is_for_people(item->entry.reason))
        item->entry.reason = field_text(arena, &message, "X-Vouch-Reason");
}

static bool matches(const struct quarantine_scan *scan, const struct quarantine_item *item)
{
    struct queue_recipient recipients[] = {{.address = item->entry.recipient, .text = item->entry.reason},
                                           {.address = item->entry.mailbox}};
    const struct queue_envelope envelope = {.id = item->entry.id,
                                            .queued_at = item->entry.spooled_at,
                                            .sender = item->entry.sender,
                                            .recipients = recipients,
                                            .recipient_count = countof(recipients)};
    return !scan->filter || control_filter_matches(scan->filter, &envelope, scan->now);
}

static void read_item(struct quarantine_scan *scan, const char *name)
{
    struct quarantine_item *item = &scan->items[scan->count];
    char path[PATH_MAX];
    struct bytes message;
    uint64_t size = 0;
    int length = snprintf(path, sizeof(path), "%s/new/%s", scan->directory, name);
    struct bytes head = length > 0 && (size_t)length < sizeof(path) ? read_head(scan->arena, path, &size)
                                                                    : (struct bytes){NULL, 0};
    *item = (struct quarantine_item){.name = name};
    if (!head.ptr)
        return;
    if (spool_parse(scan->arena, head, &item->entry, &message, NULL) != OK || !queue_id_is_valid(item->entry.id)) {
        scan->damaged++;
        return;
    }
    item->size = size - (size_t)(message.ptr - head.ptr);
    read_fields(scan->arena, message, item);
    scan->count += matches(scan, item);
}

static void read_batch(void *argument)
{
    struct quarantine_scan *scan = argument;
    arena_reset(scan->arena);
    scan->count = 0;
    /* No more files than items: so nobody waits long for what nothing matches. */
    for (size_t looked = 0; looked < QUARANTINE_BATCH;) {
        if (scan->name_next == scan->name_count) {
            /* Items point to the names: what was found goes first. */
            if (scan->all || scan->count)
                return;
            read_names(scan);
            if (scan->result != OK || !scan->name_count)
                return;
        }
        const char *name = scan->names[scan->name_next++];
        if (strcmp(name, scan->after) <= 0 || !is_asked_for(scan, name))
            continue;
        read_item(scan, name);
        looked++;
    }
}

/* The ends */

enum result quarantine_scan_open(struct quarantine_scan *scan, const char *directory,
                                 const struct control_filter *filter, int64_t now)
{
    *scan = (struct quarantine_scan){.directory = directory, .filter = filter, .now = now, .result = OK};
    scan->arena = arena_create(ARENA_MAX);
    scan->names = malloc(sizeof(scan->names[0]) * PAGE * 2);
    if (scan->arena && scan->names)
        return OK;
    quarantine_scan_close(scan);
    return TEMP;
}

bool quarantine_scan_next(struct quarantine_scan *scan)
{
    do
        offload(read_batch, scan);
    while (scan->result == OK && !scan->count && !(scan->all && scan->name_next == scan->name_count));
    return scan->result == OK && scan->count;
}

void quarantine_scan_close(struct quarantine_scan *scan)
{
    arena_destroy(scan->arena);
    free(scan->names);
    scan->arena = NULL;
    scan->names = NULL;
}

struct loading {
    struct arena *arena;
    char path[PATH_MAX];
    size_t max;
    struct bytes file;
    enum result result;
    struct error error;
};

static void load_file(void *argument)
{
    struct loading *loading = argument;
    loading->result = files_read(loading->arena, loading->path, loading->max, &loading->file, &loading->error);
}

enum result quarantine_load(struct store *store, struct arena *arena, const char *name, struct spool_entry *entry,
                            struct bytes *message, struct error *error)
{
    struct loading loading = {.arena = arena, .max = store->role->config.limits.message_size + (4 << 20)};
    int length = snprintf(loading.path, sizeof(loading.path), "%s/new/%s", store->quarantine, name);
    if (length < 0 || (size_t)length >= sizeof(loading.path))
        return error_set(error, NONE, "there is no such file");
    offload(load_file, &loading);
    if (loading.result != OK) {
        *error = loading.error;
        return loading.result;
    }
    return spool_parse(arena, loading.file, entry, message, error);
}
