/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What users move into the folder .Junk of their Maildir, and out of it, is learned.
 *
 * A file says itself what we filed it as (X-Vouch-Verdict, which no stranger can write): one in .Junk that was
 * not filed there is spam to its user, one elsewhere that was filed as junk is ham. Renaming a file changes its
 * ctime and its folder's mtime, so a look now and then at what changed since the last one finds all of them, also
 * those of the time when we were not running; whatever is found twice is learned once (store_train.h). What lies
 * where we filed it is learned only if it was moved and learned as the other before: its user thought again.
 */
#include "roles/store_train.h"

#include "base/log.h"
#include "fiber/offload.h"
#include "message/message.h"
#include "os/files.h"
#include "roles/original.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOUND_MAX = 100000, FOLDERS_MAX = 200, HEADER_READ = 64 * 1024, SCAN_MEMORY = 64 << 20, OVERLAP_SECONDS = 2 };
#define LOOK_EVERY (15 * SECOND)
#define LOOKED_KEPT (400 * DAY)
#define MOVED_KEPT (90 * DAY)
static const struct bytes looked_key = BYTES_INIT("watch:looked");

/* A message that its user moved. */
struct moved {
    char *path;
    size_t root;       /* so much of it is the Maildir */
    struct bytes address;
    struct bytes id;   /* ours, of the message */
    enum train_class class;
    bool in_place;     /* it lies where we filed it: to be learned only if it was learned as the other */
};

struct scan {
    struct store *store;
    struct recipients *recipients;
    struct arena *arena;
    int64_t since;  /* epoch seconds */
    size_t root;    /* length of the path of the Maildir that is looked at */
    struct moved *found;
    size_t count;
    bool cut;       /* there was more than FOUND_MAX: the rest is passed over */
};

/* ---- on a worker ---- */

/* Beneath its Maildir, and no link: what else there is on this machine is not its user's to show us. */
static int open_message(const char *path, size_t root)
{
    char maildir[PATH_MAX];
    if (!bytes_to_cstring(bytes_first(bytes_of(path), root), maildir, sizeof(maildir)) || path[root] != '/')
        return -1;
    int folder = open(maildir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = folder < 0 ? -1 : files_open_beneath(folder, path + root + 1, O_RDONLY | O_NONBLOCK, 0);
    if (folder >= 0)
        close(folder);
    return fd;
}

/* What the message was filed as: 1 junk, 0 not, -1 it did not come by us. `id` in the caller's room. */
static int filed_as_junk(struct arena *arena, const char *path, size_t root,
                         char id[TRAIN_ID_MAX + 1])
{
    struct arena_mark mark = arena_mark(arena);
    struct message message;
    struct error error;
    struct bytes head;
    int filed = -1;
    id[0] = '\0';
    int fd = open_message(path, root);
    uint8_t *text = fd >= 0 ? arena_alloc(arena, HEADER_READ) : NULL;
    ssize_t got = text ? pread(fd, text, HEADER_READ, 0) : -1;
    if (fd >= 0)
        close(fd);
    if (got > 0 && (head = message_normalize(arena, bytes_from(text, (size_t)got))).ptr &&
        message_parse(arena, head, &message, &error) == OK) {
        const struct header_field *verdict = message_field(&message, "X-Vouch-Verdict", 0);
        if (verdict)
            filed = bytes_starts_with(bytes_trim(verdict->value), BYTES("junk"));
        if (verdict && !bytes_to_cstring(original_id(verdict->value), id, TRAIN_ID_MAX + 1))
            id[0] = '\0';
    }
    arena_rewind(arena, mark);
    return filed;
}

static void add_found(struct scan *scan, const char *path, struct bytes address, const char *id, bool junk,
                      bool in_place)
{
    if (in_place && !*id)
        return;
    if (scan->count == FOUND_MAX) {
        scan->cut = true;
        return;
    }
    char *copy = arena_string(scan->arena, bytes_of(path));
    struct bytes owner = arena_copy(scan->arena, address), own_id = arena_copy(scan->arena, bytes_of(id));
    if (copy && owner.ptr && own_id.ptr)
        scan->found[scan->count++] = (struct moved){copy, scan->root, owner, own_id, junk ? TRAIN_SPAM : TRAIN_HAM,
                                                    in_place};
}

static void scan_files(struct scan *scan, const char *folder, struct bytes address, bool junk)
{
    struct stat status;
    if (stat(folder, &status) != 0 || status.st_mtim.tv_sec < scan->since)
        return;
    DIR *listing = opendir(folder);
    for (struct dirent *entry; listing && !scan->cut && (entry = readdir(listing));) {
        char path[PATH_MAX], id[TRAIN_ID_MAX + 1];
        int length = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.' || length <= 0 || (size_t)length >= sizeof(path) ||
            lstat(path, &status) != 0 || !S_ISREG(status.st_mode) || status.st_ctim.tv_sec < scan->since)
            continue;
        int filed = filed_as_junk(scan->arena, path, scan->root, id);
        if (filed >= 0)
            add_found(scan, path, address, id, junk, (filed == 1) == junk);
    }
    if (listing)
        closedir(listing);
}

static void scan_folder(struct scan *scan, const char *folder, struct bytes address, bool junk)
{
    static const char *const names[] = {"cur", "new"};
    char path[PATH_MAX];
    for (size_t i = 0; i < countof(names); i++) {
        int length = snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        if (length > 0 && (size_t)length < sizeof(path))
            scan_files(scan, path, address, junk);
    }
}

/* Throwing something away says nothing about it. */
static bool is_bin(const char *name)
{
    static const char *const bins[] = {".Trash", ".Deleted Messages", ".Deleted Items", ".Bin", ".Spam"};
    for (size_t i = 0; i < countof(bins); i++)
        if (strcmp(name, bins[i]) == 0)
            return true;
    return false;
}

static bool scan_maildir(void *context, struct bytes address, const char *maildir)
{
    struct scan *scan = context;
    DIR *listing = opendir(maildir);
    size_t folders = 0;
    scan->root = strlen(maildir);
    scan_folder(scan, maildir, address, false);
    for (struct dirent *entry; listing && (entry = readdir(listing)) && folders < FOLDERS_MAX;) {
        char path[PATH_MAX];
        int length = snprintf(path, sizeof(path), "%s/%s", maildir, entry->d_name);
        if (entry->d_name[0] != '.' || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            is_bin(entry->d_name) || length <= 0 || (size_t)length >= sizeof(path))
            continue;
        folders++;
        scan_folder(scan, path, address, strcmp(entry->d_name, ".Junk") == 0);
    }
    if (listing)
        closedir(listing);
    return !scan->cut;
}

static void scan_all(void *argument)
{
    struct scan *scan = argument;
    recipients_each_maildir(scan->recipients, scan_maildir, scan);
}

struct reading {
    struct arena *arena;
    const char *path;
    size_t root;
    struct bytes content;
    enum result result;
};

static void read_moved(void *argument)
{
    struct reading *reading = argument;
    struct error error;
    struct stat status;
    int fd = open_message(reading->path, reading->root);
    reading->result = fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)
                          ? files_read_descriptor(reading->arena, fd, (size_t)64 << 20, &reading->content, &error)
                          : NONE;
    if (fd >= 0)
        close(fd);
}

/* ---- on the loop ---- */

static struct bytes moved_key(struct buf *key, const struct moved *moved)
{
    buf_init(key, COUNTER_KEY_MAX);
    buf_printf(key, "watch:moved:" BYTES_FMT ":" BYTES_FMT, BYTES_ARG(moved->id), BYTES_ARG(moved->address));
    return key->failed ? BYTES("") : buf_bytes(key);
}

/* What its user had it learned as by moving it: a class and one; 0: nothing. */
static uint64_t moved_before(struct store *store, const struct moved *moved)
{
    struct buf room;
    struct error error;
    struct counter_operation operation = {.kind = COUNTER_GET, .key = moved_key(&room, moved)};
    bool known = operation.key.len && counters_run_here(store->counters, &operation, 1, loop_epoch(), &error) == OK;
    buf_free(&room);
    return known ? operation.value : 0;
}

static void remember_moved(struct store *store, const struct moved *moved)
{
    struct buf room;
    struct error error;
    struct counter_operation operation = {.kind = COUNTER_SET, .key = moved_key(&room, moved),
                                          .delta = (int64_t)moved->class + 1,
                                          .expires_at = loop_epoch() + MOVED_KEPT / SECOND};
    if (moved->id.len && operation.key.len &&
        counters_run_here(store->counters, &operation, 1, loop_epoch(), &error) != OK)
        log_warning("counters", "%s", error.text);
    buf_free(&room);
}

/* False: it could not be learned now, and is looked at again. */
static bool learn_moved(struct store *store, const struct moved *moved)
{
    struct reading reading = {.arena = arena_create(65 << 20), .path = moved->path, .root = moved->root};
    enum train_outcome outcome = TRAIN_UNREADABLE;
    struct error error = {{0}};
    enum result result = OK;
    uint64_t before = moved->in_place ? moved_before(store, moved) : 0;
    if (moved->in_place && (!before || before == (uint64_t)moved->class + 1)) {
        arena_destroy(reading.arena);
        return true;
    }
    if (!reading.arena)
        return false;
    offload(read_moved, &reading);
    if (reading.result == OK) {
        size_t at = bytes_find_byte(moved->address, '@');
        struct train_request request = {.content = reading.content,
                                        .class = moved->class,
                                        .domain = bytes_skip(moved->address, at + 1),
                                        .reporter = moved->address};
        result = store_train(store, &request, &outcome, &error);
    }
    arena_destroy(reading.arena);
    if (result == OK && outcome != TRAIN_UNREADABLE)
        remember_moved(store, moved);
    if (result != OK)
        log_warning("filter", "what " BYTES_FMT " moved was not learned: %s", BYTES_ARG(moved->address), error.text);
    else if (outcome == TRAIN_LEARNED || outcome == TRAIN_CHANGED)
        log_info("filter", BYTES_FMT " moved a message: %s", BYTES_ARG(moved->address),
                 train_class_name(moved->class));
    return result == OK;
}

static int64_t looked_last(struct store *store)
{
    struct counter_operation operation = {.kind = COUNTER_GET, .key = looked_key};
    struct error error;
    /* The Maildirs are this machine's, and so is when they were looked at. */
    if (counters_run_here(store->counters, &operation, 1, loop_epoch(), &error) == OK && operation.found)
        return (int64_t)operation.value;
    return 0;
}

static void look(struct store *store)
{
    struct scan scan = {.store = store, .recipients = recipients_hold(store->recipients),
                        .arena = arena_create(SCAN_MEMORY)};
    int64_t began = loop_epoch(), before = looked_last(store);
    struct error error;
    bool all = true;
    /* What moved before anybody asked to learn from it is not ours to read. */
    scan.since = before ? before - OVERLAP_SECONDS : began;
    scan.found = scan.arena ? arena_alloc_array(scan.arena, FOUND_MAX, sizeof(*scan.found)) : NULL;
    if (scan.found)
        offload(scan_all, &scan);
    for (size_t i = 0; i < scan.count && all && !store->finishing; i++)
        all = learn_moved(store, &scan.found[i]);
    struct counter_operation operation = {.kind = COUNTER_SET, .key = looked_key, .delta = began,
                                          .expires_at = began + LOOKED_KEPT / SECOND};
    if (scan.cut)
        log_warning("filter", "more than %d messages were moved at once: the rest is not learned", FOUND_MAX);
    if (scan.found && all && !store->finishing &&
        counters_run_here(store->counters, &operation, 1, began, &error) != OK)
        log_warning("counters", "%s", error.text);
    recipients_free(scan.recipients);
    arena_destroy(scan.arena);
}

void store_watch_fiber(void *argument)
{
    struct store *store = argument;
    while (!store->finishing) {
        if (store->role->config.filter.on && store->role->config.filter.watch)
            look(store);
        if (fiber_sleep(LOOK_EVERY) != 0)
            break;
    }
}
