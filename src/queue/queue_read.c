/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading a message of the queue, from any thread, with what a hold has taken. */
#include "queue/queue_private.h"

#include "queue/crc32c.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE_OCTETS = 256 << 10 };

enum result queue_hold(struct queue *queue, uint32_t number, struct queue_hold *hold,
                       struct error *error)
{
    struct queue_item *item = queue_item(queue, number);
    *hold = (struct queue_hold){.number = QUEUE_NO_ITEM, .body_fd = -1, .record_fd = -1};
    if (!item)
        return error_set(error, NONE, "the message is not in the queue");
    struct queue_segment *journal = queue_segment(&queue->journals, item->record.segment);
    struct queue_segment *body = queue_segment(&queue->bodies, item->body.segment);
    require(journal);
    int fd = queue_segment_open(queue, &queue->journals, journal);
    if (fd < 0)
        return error_set(error, TEMP, "cannot read the queue: %s", strerror(-fd));
    journal->holds++;
    *hold = (struct queue_hold){number, item->body, item->record, item->body_sum, -1, fd};
    if (!body)
        return OK; /* its content is lost; its envelope is not */
    hold->body_fd = queue_segment_open(queue, &queue->bodies, body);
    body->holds++;
    return OK;
}

void queue_release(struct queue *queue, struct queue_hold *hold)
{
    if (hold->number == QUEUE_NO_ITEM)
        return;
    struct queue_segment *journal = queue_segment(&queue->journals, hold->record.segment);
    struct queue_segment *body = queue_segment(&queue->bodies, hold->body.segment);
    require(journal && journal->holds);
    journal->holds--;
    if (body) {
        require(body->holds);
        body->holds--;
        if (body->live_count == 0 && body->holds == 0)
            queue->bodies_changed = true;
    }
    hold->number = QUEUE_NO_ITEM;
}

enum result queue_read_envelope(const struct queue *queue, const struct queue_hold *hold,
                                struct arena *arena, struct queue_envelope *envelope,
                                struct error *error)
{
    struct durable *durable = queue->durable;
    uint32_t length = hold->record.length;
    uint8_t *octets = arena_alloc(arena, length);
    if (!octets)
        return error_set(error, TEMP, "not enough memory for an envelope");
    int64_t got = durable->read_at(durable, hold->record_fd, octets, length, hold->record.offset);
    if (got < 0)
        return error_set(error, TEMP, "cannot read the queue: %s", strerror((int)-got));
    struct journal_record record;
    struct queue_place body;
    struct bytes written;
    uint32_t sum;
    if (!journal_record_read(bytes_from(octets, (size_t)got), hold->record.segment, &record) ||
        record.kind != JOURNAL_ENVELOPE ||
        !queue_place_read(record.payload, &body, &sum, &written))
        return error_set(error, PERM, "an envelope of the queue is damaged");
    enum result result = queue_envelope_read(arena, written, envelope, error);
    envelope->size = body.length;
    return result;
}

static enum result damaged(struct error *error)
{
    return error_set(error, PERM, "the content of a message in the queue is damaged or lost");
}

enum result queue_read_content(const struct queue *queue, const struct queue_hold *hold,
                               struct arena *arena, struct bytes *content, struct error *error)
{
    struct durable *durable = queue->durable;
    *content = BYTES("");
    if (hold->body_fd < 0)
        return damaged(error);
    uint8_t *octets = arena_alloc(arena, hold->body.length);
    if (!octets)
        return error_set(error, TEMP, "not enough memory for a message");
    int64_t got = durable->read_at(durable, hold->body_fd, octets, hold->body.length,
                                   hold->body.offset);
    if (got < 0)
        return error_set(error, TEMP, "cannot read the queue: %s", strerror((int)-got));
    struct bytes read = bytes_from(octets, (size_t)got);
    if (read.len != hold->body.length || crc32c(0, read) != hold->sum)
        return damaged(error);
    *content = read;
    return OK;
}

enum result queue_stream_content(const struct queue *queue, const struct queue_hold *hold,
                                 bool (*each)(void *context, struct bytes piece), void *context,
                                 struct error *error)
{
    struct durable *durable = queue->durable;
    if (hold->body_fd < 0)
        return damaged(error);
    uint8_t *octets = malloc(PIECE_OCTETS);
    enum result result = octets ? OK : error_set(error, TEMP, "not enough memory for a message");
    uint32_t sum = 0;
    for (uint32_t done = 0; result == OK && done < hold->body.length;) {
        uint32_t left = hold->body.length - done, size = left < PIECE_OCTETS ? left : PIECE_OCTETS;
        int64_t got = durable->read_at(durable, hold->body_fd, octets, size,
                                       (uint64_t)hold->body.offset + done);
        struct bytes piece = bytes_from(octets, got > 0 ? (size_t)got : 0);
        sum = crc32c(sum, piece);
        done += size;
        if (got < 0)
            result = error_set(error, TEMP, "cannot read the queue: %s", strerror((int)-got));
        else if (got != size)
            result = damaged(error);
        else if (!each(context, piece))
            result = error_set(error, TEMP, "reading a message of the queue was stopped");
    }
    free(octets);
    return result == OK && sum != hold->sum ? damaged(error) : result;
}
