/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages that somebody works on. However many destinations are being tried, the envelope is in
 * memory once, and a change is written with all others that have gathered meanwhile.
 */
#include "roles/store_queue_private.h"

#include "base/log.h"
#include "fiber/offload.h"
#include "roles/memfd.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define COMMIT_AGAIN (5 * SECOND)
enum {
    ENVELOPE_ARENA = 4 * QUEUE_ENVELOPE_MAX,
    START_OCTETS = 64 * 1024,
    FRESH_SECONDS = 60 /* what is so young is in the page cache: not worth a worker */
};

struct reading {
    const struct queue *queue;
    struct queue_hold hold;
    struct arena *arena;
    struct queue_envelope envelope;
    struct bytes content;
    int fd;
    enum result result;
    struct error error;
};

static void read_envelope(void *argument)
{
    struct reading *reading = argument;
    reading->result = queue_read_envelope(reading->queue, &reading->hold, reading->arena,
                                          &reading->envelope, &reading->error);
}

static void read_content(void *argument)
{
    struct reading *reading = argument;
    reading->result = queue_read_content(reading->queue, &reading->hold, reading->arena,
                                         &reading->content, &reading->error);
}

static bool write_piece(void *context, struct bytes piece)
{
    const int *fd = context;
    while (piece.len) {
        ssize_t count = write(*fd, piece.ptr, piece.len);
        if (count < 0 && errno != EINTR)
            return false;
        piece = bytes_skip(piece, count > 0 ? (size_t)count : 0);
    }
    return true;
}

static void read_into_fd(void *argument)
{
    struct reading *reading = argument;
    reading->result = queue_stream_content(reading->queue, &reading->hold, write_piece, &reading->fd,
                                           &reading->error);
}

/* Stops the reading when it has enough. */
static bool keep_start(void *context, struct bytes piece)
{
    struct buf *start = context;
    buf_add(start, bytes_first(piece, START_OCTETS - start->len));
    return start->len < START_OCTETS;
}

static void read_start(void *argument)
{
    struct reading *reading = argument;
    struct buf start;
    buf_init(&start, START_OCTETS);
    reading->result = queue_stream_content(reading->queue, &reading->hold, keep_start, &start, &reading->error);
    reading->content = arena_copy(reading->arena, buf_bytes(&start));
    if (start.len == START_OCTETS && reading->content.ptr)
        reading->result = OK;
    buf_free(&start);
}

static void read_somewhere(struct reading *reading, void (*function)(void *), bool inline_is_fine)
{
    if (inline_is_fine)
        function(reading);
    else
        offload(function, reading);
}

static bool is_fresh(struct store_queue *queue, uint32_t number)
{
    const struct queue_item *item = queue_item(queue->queue, number);
    return item && (int64_t)item->queued_at + FRESH_SECONDS > loop_epoch() &&
           item->body.length <= PROTOCOL_INLINE_MAX;
}

static enum result prepare(struct store_queue *queue, struct live *live)
{
    const struct queue_envelope *envelope = &live->envelope;
    live->left = envelope->recipient_count;
    live->where = arena_alloc_array(live->arena, live->left, sizeof(*live->where));
    live->done = arena_alloc_array(live->arena, live->left, sizeof(*live->done));
    if (!live->where || !live->done)
        return error_set(&live->error, TEMP, "out of memory");
    for (size_t i = 0; i < live->left; i++) {
        const struct queue_recipient *recipient = &envelope->recipients[i];
        live->where[i] = recipient->bounce_wanted || recipient->relayed
                             ? schedule_destination(queue->schedule, BYTES(QUEUE_REPORTS), 0, 0, loop_now())
                             : queue_destination(queue, recipient->address, envelope->tls_optional);
        if (live->where[i] == SCHEDULE_NONE)
            return error_set(&live->error, TEMP, "out of memory");
    }
    return OK;
}

static void load(struct store_queue *queue, struct live *live)
{
    struct reading reading = {.queue = queue->queue, .arena = live->arena};
    live->result = queue_hold(queue->queue, live->number, &reading.hold, &live->error);
    if (live->result != OK)
        return;
    read_somewhere(&reading, read_envelope, is_fresh(queue, live->number));
    queue_release(queue->queue, &reading.hold);
    live->envelope = reading.envelope;
    live->result = reading.result;
    live->error = reading.error;
    const struct queue_item *item = queue_item(queue->queue, live->number);
    if (item)
        live->envelope.size = item->body.length;
    if (live->result == OK)
        live->result = prepare(queue, live);
}

static struct live *make(struct store_queue *queue, uint32_t number)
{
    struct live *live = calloc(1, sizeof(*live));
    struct arena *arena = arena_create(ENVELOPE_ARENA);
    if (!live || !arena || !map_put(queue->lives, bytes_from(&number, sizeof(number)), live, NULL)) {
        free(live);
        arena_destroy(arena);
        return NULL;
    }
    live->number = number;
    live->arena = arena;
    return live;
}

struct live *live_open(struct store_queue *queue, uint32_t number, struct error *error)
{
    struct live *live = map_get(queue->lives, bytes_from(&number, sizeof(number)));
    bool first = !live;
    if (first)
        live = make(queue, number);
    if (!live) {
        error_set(error, TEMP, "out of memory");
        return NULL;
    }
    live->users++;
    if (first) {
        live->loading = true;
        load(queue, live);
        live->loading = false;
        fiber_signal_all(&live->progress);
    }
    fiber_shield();
    while (live->loading)
        fiber_signal_wait(&live->progress, NO_DEADLINE);
    fiber_unshield();
    if (live->result == OK)
        return live;
    *error = live->error;
    live_close(queue, live);
    return NULL;
}

void live_close(struct store_queue *queue, struct live *live)
{
    if (--live->users)
        return;
    struct bytes key = bytes_from(&live->number, sizeof(live->number));
    if (map_get(queue->lives, key) == live)
        map_remove(queue->lives, key);
    arena_destroy(live->arena);
    free(live);
}

void live_done(struct live *live, size_t index)
{
    if (!live->done[index]) {
        live->done[index] = true;
        live->left--;
    }
}

struct bytes live_keep(struct live *live, struct bytes text)
{
    return arena_copy(live->arena, bytes_first(text, QUEUE_TEXT_MAX));
}

/* What is to be written: a copy, as others may go on changing it. */
static bool snapshot(struct live *live, struct queue_envelope *out)
{
    struct queue_recipient *recipients = calloc(live->left, sizeof(*recipients));
    if (!recipients)
        return false;
    *out = live->envelope;
    out->recipients = recipients;
    out->recipient_count = 0;
    for (size_t i = 0; i < live->envelope.recipient_count; i++)
        if (!live->done[i])
            recipients[out->recipient_count++] = live->envelope.recipients[i];
    return true;
}

static enum result write_down(struct store_queue *queue, struct live *live, struct error *error)
{
    struct queue_envelope envelope;
    struct queue_change change = {.kind = QUEUE_REMOVE, .number = live->number};
    if (live->left) {
        if (!snapshot(live, &envelope))
            return error_set(error, TEMP, "out of memory");
        change.kind = QUEUE_UPDATE;
        change.envelope = &envelope;
    }
    bool updates = change.kind == QUEUE_UPDATE;
    queue_commit_change(queue, &change);
    if (updates)
        free(envelope.recipients);
    *error = change.error;
    return change.result;
}

enum result live_commit(struct store_queue *queue, struct live *live)
{
    uint64_t mine = ++live->changed;
    enum result result = OK;
    struct error error;
    fiber_shield();
    while (live->committed < mine && !live->removed) {
        if (live->committing) {
            fiber_signal_wait(&live->progress, NO_DEADLINE);
            continue;
        }
        uint64_t upto = live->changed;
        live->committing = true;
        result = write_down(queue, live, &error);
        live->committing = false;
        if (result == OK)
            live->committed = upto;
        fiber_signal_all(&live->progress);
        if (result == OK)
            continue;
        log_error("queue", "id=" BYTES_FMT " cannot be written: %s", BYTES_ARG(live->envelope.id),
                  error.text);
        if (queue->stopping)
            break;
        fiber_sleep(COMMIT_AGAIN);
    }
    fiber_unshield();
    return live->committed >= mine || live->removed ? OK : TEMP;
}

enum result live_content(struct store_queue *queue, struct live *live, struct arena *arena,
                         struct bytes *content, struct error *error)
{
    struct reading reading = {.queue = queue->queue, .arena = arena};
    enum result result = queue_hold(queue->queue, live->number, &reading.hold, error);
    if (result != OK)
        return result;
    read_somewhere(&reading, read_content, is_fresh(queue, live->number));
    queue_release(queue->queue, &reading.hold);
    *content = reading.content;
    if (error)
        *error = reading.error;
    return reading.result;
}

enum result live_start(struct store_queue *queue, struct live *live, struct arena *arena,
                       struct bytes *start, struct error *error)
{
    struct reading reading = {.queue = queue->queue, .arena = arena};
    enum result result = queue_hold(queue->queue, live->number, &reading.hold, error);
    if (result != OK)
        return result;
    read_somewhere(&reading, read_start, is_fresh(queue, live->number));
    queue_release(queue->queue, &reading.hold);
    *start = reading.content;
    if (error)
        *error = reading.error;
    return reading.result;
}

enum result live_content_fd(struct store_queue *queue, struct live *live, int *fd, struct error *error)
{
    struct reading reading = {.queue = queue->queue, .fd = memfd_of(BYTES(""))};
    if (reading.fd < 0)
        return error_set(error, TEMP, "out of memory");
    enum result result = queue_hold(queue->queue, live->number, &reading.hold, error);
    if (result == OK) {
        read_somewhere(&reading, read_into_fd, false);
        queue_release(queue->queue, &reading.hold);
        result = reading.result;
        if (error)
            *error = reading.error;
    }
    if (result == OK && lseek(reading.fd, 0, SEEK_SET) == 0) {
        *fd = reading.fd;
        return OK;
    }
    close(reading.fd);
    return result == OK ? TEMP : result;
}
