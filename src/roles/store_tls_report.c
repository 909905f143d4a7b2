/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows are kept in a map under all their texts, and written as lines of seven fields: each field in
 * hexadecimal (they are strangers' words), "-" where it is empty.
 */
#include "roles/store_tls_report.h"

#include "base/encode.h"
#include "base/log.h"
#include "base/map.h"
#include "fiber/offload.h"
#include "os/files.h"
#include "roles/store_queue_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WRITE_PAUSE (5 * MINUTE)
enum {
    ROWS_MAX = 10000,       /* of a day */
    DAYS = 2,
    TEXT_MAX = 255,
    POLICY_MAX = 2000,
    FILE_MAX = 64 << 20,
    DAY_SECONDS = 86400,
    FIELDS = 7
};

struct day {
    int64_t number;         /* days since 1970; 0: none */
    struct map *rows;       /* texts -> struct row */
    bool changed;
};

struct row {
    struct tls_row row;     /* slices in `texts` */
    uint8_t texts[];
};

struct tls_report {
    struct day days[DAYS];
    char *folder;
};

static void name_day(int64_t number, char out[16])
{
    time_t at = (time_t)(number * DAY_SECONDS);
    struct tm tm;
    if (!gmtime_r(&at, &tm) || strftime(out, 16, "%Y-%m-%d", &tm) == 0)
        snprintf(out, 16, "day-%lld", (long long)number);
}

static struct bytes *field_of(struct tls_row *row, size_t index)
{
    struct bytes *const fields[FIELDS] = {&row->policy_domain, &row->policy_type, &row->policy_text,
                                          &row->host,          &row->address,     &row->result,
                                          &row->reason};
    return fields[index];
}

static void close_day(struct day *day)
{
    map_destroy(day->rows, free);
    *day = (struct day){0};
}

/* The day's place; the older one makes room. NULL: out of memory. */
static struct day *open_day(struct tls_report *tls, int64_t number)
{
    struct day *oldest = &tls->days[0];
    for (size_t i = 0; i < DAYS; i++) {
        if (tls->days[i].number == number && tls->days[i].rows)
            return &tls->days[i];
        if (tls->days[i].number < oldest->number)
            oldest = &tls->days[i];
    }
    close_day(oldest);
    oldest->rows = map_create();
    oldest->number = number;
    return oldest->rows ? oldest : NULL;
}

static bool make_key(const struct tls_row *row, struct buf *key)
{
    struct tls_row copy = *row;
    for (size_t i = 0; i < FIELDS; i++)
        ipc_add_bytes(key, *field_of(&copy, i));
    return !key->failed;
}

static struct row *copy_row(const struct tls_row *from)
{
    struct tls_row source = *from;
    size_t octets = 0, at = 0;
    for (size_t i = 0; i < FIELDS; i++)
        octets += field_of(&source, i)->len;
    struct row *row = calloc(1, sizeof(*row) + octets);
    if (!row)
        return NULL;
    for (size_t i = 0; i < FIELDS; i++) {
        struct bytes text = *field_of(&source, i);
        if (text.len)
            memcpy(row->texts + at, text.ptr, text.len);
        *field_of(&row->row, i) = bytes_from(row->texts + at, text.len);
        at += text.len;
    }
    return row;
}

static void add_row(struct day *day, struct tls_row *wanted, uint64_t count)
{
    struct buf key;
    if (map_count(day->rows) >= ROWS_MAX)
        wanted->host = wanted->address = wanted->policy_text = wanted->reason = BYTES("");
    buf_init(&key, 16 * 1024);
    if (make_key(wanted, &key)) {
        struct row *row = map_get(day->rows, buf_bytes(&key));
        /* Beyond the second bound even domains are too many. */
        if (!row && map_count(day->rows) < 2 * ROWS_MAX && (row = copy_row(wanted)) &&
            !map_put(day->rows, buf_bytes(&key), row, NULL)) {
            free(row);
            row = NULL;
        }
        if (row) {
            row->row.count += count;
            day->changed = true;
        }
    }
    buf_free(&key);
}

void store_tls_count(struct store *store, const struct send_event *events, size_t count)
{
    struct tls_report *tls = store->queue ? store->queue->tls : NULL;
    if (!tls || !count || !store->role->config.queue.tls_reports)
        return;
    struct day *day = open_day(tls, loop_epoch() / DAY_SECONDS);
    for (size_t i = 0; day && i < count; i++) {
        struct tls_row row = {
            .policy_domain = bytes_first(events[i].policy_domain, TEXT_MAX),
            .policy_type = bytes_first(events[i].policy_type, TEXT_MAX),
            .policy_text = bytes_first(events[i].policy_text, POLICY_MAX),
            .host = bytes_first(events[i].host, TEXT_MAX),
            .address = bytes_first(events[i].address, TEXT_MAX),
            .result = bytes_first(events[i].result, TEXT_MAX),
            .reason = bytes_first(events[i].reason, TEXT_MAX),
        };
        add_row(day, &row, 1);
    }
}

/* Files */

static void write_row(struct buf *out, struct tls_row *row)
{
    buf_printf(out, "%llu", (unsigned long long)row->count);
    for (size_t i = 0; i < FIELDS; i++) {
        buf_add_byte(out, ' ');
        if (field_of(row, i)->len)
            hex_encode(out, *field_of(row, i));
        else
            buf_add_byte(out, '-');
    }
    buf_add_byte(out, '\n');
}

static void read_row(struct day *day, struct arena *arena, struct bytes line)
{
    struct bytes part, decoded;
    struct tls_row row = {.policy_domain = BYTES("")};
    uint64_t count;
    if (!bytes_split(&line, ' ', &part) || !bytes_to_uint(part, UINT64_MAX, &count))
        return;
    for (size_t i = 0; i < FIELDS; i++) {
        if (!bytes_split(&line, ' ', &part))
            return;
        *field_of(&row, i) = BYTES("");
        if (bytes_is(part, "-"))
            continue;
        if (!hex_decode(arena, part, &decoded))
            return;
        *field_of(&row, i) = decoded;
    }
    add_row(day, &row, count);
}

static bool path_of(const struct tls_report *tls, int64_t day, char *out, size_t size)
{
    char name[16];
    name_day(day, name);
    return (size_t)snprintf(out, size, "%s/%s", tls->folder, name) < size;
}

static void read_day(struct tls_report *tls, int64_t number)
{
    char path[4096];
    struct bytes file, line;
    struct error error;
    struct arena *arena = arena_create((size_t)FILE_MAX * 2);
    struct day *day = arena ? open_day(tls, number) : NULL;
    if (day && path_of(tls, number, path, sizeof(path)) &&
        files_read(arena, path, FILE_MAX, &file, &error) == OK) {
        while (bytes_split(&file, '\n', &line))
            if (line.len)
                read_row(day, arena, line);
        day->changed = false;
    }
    arena_destroy(arena);
}

struct writing {
    struct durable *durable;
    char path[4096], old[4096];
    struct buf text;
    enum result result;
    struct error error;
};

static void write_file(void *argument)
{
    struct writing *writing = argument;
    writing->result = files_replace(writing->durable, writing->path, buf_bytes(&writing->text), 0600,
                                    &writing->error);
    if (writing->old[0])
        writing->durable->unlink(writing->durable, writing->old);
}

static void write_day(struct store *store, struct tls_report *tls, struct day *day)
{
    struct writing *writing = calloc(1, sizeof(*writing));
    size_t position = 0;
    struct bytes key;
    void *value;
    if (!writing)
        return;
    writing->durable = store->durable;
    buf_init(&writing->text, FILE_MAX);
    while (map_next(day->rows, &position, &key, &value))
        write_row(&writing->text, &((struct row *)value)->row);
    day->changed = false;
    if (path_of(tls, day->number, writing->path, sizeof(writing->path)) && !writing->text.failed) {
        path_of(tls, day->number - DAYS, writing->old, sizeof(writing->old));
        offload(write_file, writing);
        if (writing->result != OK)
            log_warning("tls-report", "%s", writing->error.text);
    }
    buf_free(&writing->text);
    free(writing);
}

static void write_all(struct store *store)
{
    struct tls_report *tls = store->queue->tls;
    for (size_t i = 0; i < DAYS; i++)
        if (tls->days[i].rows && tls->days[i].changed)
            write_day(store, tls, &tls->days[i]);
}

void store_tls_fiber(void *argument)
{
    struct store *store = argument;
    while (fiber_sleep(WRITE_PAUSE) != ECANCELED)
        write_all(store);
    fiber_shield();
    write_all(store);
    fiber_unshield();
}

enum result store_tls_open(struct store *store, struct error *error)
{
    struct tls_report *tls = calloc(1, sizeof(*tls));
    struct bytes folder =
        arena_printf(store->role->arena, "%s/tls-report", store->role->config.data_directory);
    if (!tls || !(tls->folder = arena_string(store->role->arena, folder))) {
        free(tls);
        return error_set(error, TEMP, "out of memory");
    }
    store->queue->tls = tls;
    int failed = store->durable->make_directory(store->durable, tls->folder, 0700);
    if (failed && failed != -EEXIST)
        return error_set(error, TEMP, "cannot make %s: %s", tls->folder, strerror(-failed));
    int64_t today = loop_epoch() / DAY_SECONDS;
    for (int64_t day = today - DAYS + 1; day <= today; day++)
        read_day(tls, day);
    return OK;
}

void store_tls_close(struct store *store)
{
    struct tls_report *tls = store->queue ? store->queue->tls : NULL;
    for (size_t i = 0; tls && i < DAYS; i++)
        close_day(&tls->days[i]);
    free(tls);
}

enum result store_tls_read(struct store *store, const char *day,
                           bool (*each)(void *context, const struct tls_row *row), void *context,
                           struct error *error)
{
    struct tls_report *tls = store->queue ? store->queue->tls : NULL;
    for (size_t i = 0; tls && i < DAYS; i++) {
        char name[16];
        struct bytes key;
        void *value;
        size_t position = 0;
        name_day(tls->days[i].number, name);
        if (!tls->days[i].rows || strcmp(name, day) != 0)
            continue;
        while (map_next(tls->days[i].rows, &position, &key, &value))
            if (!each(context, &((struct row *)value)->row))
                break;
        return OK;
    }
    return error_set(error, NONE, "nothing is known of %s", day);
}
