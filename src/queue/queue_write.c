/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The worker's part of a batch: bodies, sync, records, sync, and then what is not needed any more.
 * Nothing here touches the index. A journal that failed is left, and the numbers of its last records are
 * given out again by the next one, which annuls them (queue/journal.h).
 */
#include "queue/queue_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 4 << 20 };

static struct queue_touched *touch(struct queue_writer *writer)
{
    struct queue_touched *last =
        writer->touched_count ? &writer->touched[writer->touched_count - 1] : NULL;
    if (last && last->number == writer->journal_number)
        return last;
    if (writer->touched_count == writer->touched_capacity) {
        size_t capacity = writer->touched_capacity ? 2 * writer->touched_capacity : 8;
        struct queue_touched *more = realloc(writer->touched, capacity * sizeof(*more));
        require(more);
        writer->touched = more;
        writer->touched_capacity = capacity;
    }
    last = &writer->touched[writer->touched_count++];
    *last = (struct queue_touched){.number = writer->journal_number};
    return last;
}

static int leave_journal(struct queue_writer *writer)
{
    int failure = 0;
    if (writer->journal_fd >= 0)
        failure = writer->durable->close(writer->durable, writer->journal_fd);
    writer->journal_fd = -1;
    return failure;
}

static int begin_journal(struct queue_writer *writer, uint64_t first_sequence)
{
    struct durable *durable = writer->durable;
    char path[PATH_MAX];
    uint32_t number = writer->next_journal++;
    queue_segment_path(path, writer->directory, "journal", number);
    int fd = durable->create(durable, path, 0600);
    if (fd < 0)
        return fd;
    /* So that a sync need not write the file's length, and removals work while the disk is full.
     * Where that is impossible the file just grows. */
    (void)durable->allocate(durable, fd, writer->capacity);
    struct buf octets;
    struct journal_header header = {number, first_sequence};
    buf_init(&octets, JOURNAL_HEADER_OCTETS);
    journal_header_write(&octets, &header);
    int failure = octets.failed ? -ENOMEM : durable->write_at(durable, fd, buf_bytes(&octets), 0);
    buf_free(&octets);
    /* Before anything is said to be safe its header must be, too: it is synced with the records. */
    if (!failure)
        failure = durable->sync_directory(durable, writer->directory);
    if (failure) {
        (void)durable->close(durable, fd);
        (void)durable->unlink(durable, path);
        return failure;
    }
    writer->journal_fd = fd;
    writer->journal_number = number;
    writer->journal_position = JOURNAL_HEADER_OCTETS;
    touch(writer)->octets = JOURNAL_HEADER_OCTETS;
    return 0;
}

/* Writes the first `length` octets of the text. */
static int flush(struct queue_writer *writer, size_t length)
{
    struct bytes text = bytes_first(buf_bytes(&writer->text), length);
    if (!text.len)
        return 0;
    int failure = writer->durable->write_at(writer->durable, writer->journal_fd, text,
                                            writer->journal_position);
    if (failure)
        return failure;
    writer->journal_position += length;
    buf_consume(&writer->text, length);
    touch(writer)->octets = writer->journal_position;
    return 0;
}

static int sync_journal(struct queue_writer *writer)
{
    return writer->durable->sync_data(writer->durable, writer->journal_fd);
}

/* The record that stands in the text from `start` on gets its place: here or in a new segment. */
static int place_record(struct queue_writer *writer, size_t start, struct queue_place *place)
{
    size_t length = writer->text.len - start;
    int failure = 0;
    if (writer->journal_position + writer->text.len > writer->capacity &&
        writer->journal_position + start > JOURNAL_HEADER_OCTETS) {
        failure = flush(writer, start);
        if (!failure)
            failure = sync_journal(writer);
        int closed = leave_journal(writer);
        if (!failure)
            failure = closed;
        if (!failure)
            failure = begin_journal(writer, writer->sequence);
        start = 0;
    }
    if (failure)
        return failure;
    *place = (struct queue_place){writer->journal_number,
                                  (uint32_t)(writer->journal_position + start), (uint32_t)length};
    journal_record_end(writer->text.ptr + start, length, writer->journal_number);
    writer->sequence++;
    return writer->text.len > TEXT_MAX ? flush(writer, writer->text.len) : 0;
}

static void begin_record(struct queue_writer *writer, enum journal_kind kind, uint64_t key,
                         uint64_t first)
{
    journal_record_begin(&writer->text, kind, key, writer->sequence,
                         (uint32_t)(writer->sequence - first));
}

static void add_change(struct queue_writer *writer, const struct queue_change *change,
                       uint64_t first)
{
    switch (change->kind) {
    case QUEUE_ADD:
    case QUEUE_UPDATE:
        begin_record(writer, JOURNAL_ENVELOPE, change->id_key, first);
        queue_place_write(&writer->text, &change->body, change->body_sum);
        queue_envelope_write(&writer->text, change->envelope);
        break;
    case QUEUE_REMOVE:
        begin_record(writer, JOURNAL_REMOVE, change->id_key, first);
        break;
    case QUEUE_NOTE:
        begin_record(writer, JOURNAL_NOTE, 0, first);
        queue_note_write(&writer->text, change->key, change->value);
        break;
    }
}

static int write_changes(struct queue_writer *writer, struct queue_batch *batch, uint64_t first)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct queue_change *change = &batch->changes[i];
        if (change->result != OK)
            continue;
        size_t start = writer->text.len;
        add_change(writer, change, first);
        if (writer->text.failed) {
            writer->text.failed = false;
            buf_truncate(&writer->text, start);
            change->result = error_set(&change->error, PERM, "the envelope is too large or not valid");
            continue;
        }
        size_t length = writer->text.len - start;
        int failure = place_record(writer, start, &change->record);
        if (failure)
            return failure;
        batch->octets += length;
    }
    return 0;
}

/* The old record as it is, with the body's new place. */
static void add_move(struct queue_writer *writer, struct queue_move *move, uint64_t first)
{
    struct durable *durable = writer->durable;
    uint8_t *octets = malloc(move->record.length);
    struct journal_record record;
    if (!octets) {
        move->result = error_set(NULL, TEMP, "not enough memory");
        return;
    }
    int64_t got = durable->read_at(durable, move->record_fd, octets, move->record.length,
                                   move->record.offset);
    if (got < 0) {
        move->result = TEMP;
    } else if (got != (int64_t)move->record.length ||
               !journal_record_read(bytes_from(octets, (size_t)got), move->record.segment,
                                    &record) ||
               record.length != move->record.length) {
        move->result = PERM;
    } else {
        begin_record(writer, record.kind, record.key, first);
        struct bytes payload = record.payload;
        if (move->with_body) {
            queue_place_write(&writer->text, &move->new_body, move->new_sum);
            payload = bytes_skip(payload, QUEUE_PLACE_OCTETS);
        }
        buf_add(&writer->text, payload);
    }
    free(octets);
}

static int write_moves(struct queue_writer *writer, struct queue_batch *batch, uint64_t first)
{
    for (size_t i = 0; i < batch->move_count; i++) {
        struct queue_move *move = &batch->moves[i];
        if (move->result == OK && move->with_body && move->new_sum != move->sum)
            move->result = error_set(NULL, PERM, "a message of the queue is damaged");
        if (move->result != OK)
            continue;
        size_t start = writer->text.len;
        add_move(writer, move, first);
        if (writer->text.failed) {
            writer->text.failed = false;
            buf_truncate(&writer->text, start);
            move->result = error_set(NULL, TEMP, "not enough memory");
        }
        if (move->result != OK)
            continue;
        int failure = place_record(writer, start, &move->new_record);
        if (failure)
            return failure;
        batch->octets += move->record.length;
    }
    return 0;
}

static int commit_records(struct queue_writer *writer, struct queue_batch *batch, uint64_t first)
{
    int failure = writer->journal_fd < 0 ? begin_journal(writer, first) : 0;
    if (!failure)
        failure = write_moves(writer, batch, first);
    if (!failure)
        failure = write_changes(writer, batch, first);
    if (!failure)
        failure = flush(writer, writer->text.len);
    if (!failure && writer->sequence != first)
        failure = sync_journal(writer);
    return failure;
}

static void fail_all(struct queue_batch *batch, int failure)
{
    for (size_t i = 0; i < batch->count; i++)
        if (batch->changes[i].result == OK)
            batch->changes[i].result = error_set(&batch->changes[i].error, TEMP,
                                                 "cannot write the queue's journal: %s",
                                                 strerror(-failure));
    for (size_t i = 0; i < batch->move_count; i++)
        if (batch->moves[i].result == OK)
            batch->moves[i].result = TEMP;
}

static bool has_records(const struct queue_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        if (batch->changes[i].result == OK)
            return true;
    for (size_t i = 0; i < batch->move_count; i++)
        if (batch->moves[i].result == OK)
            return true;
    return false;
}

static void write_bodies(struct queue_writer *writer, struct queue_batch *batch)
{
    struct body_job *jobs = batch->jobs;
    body_begin(&writer->body, jobs);
    for (size_t i = 0; i < batch->move_count; i++) {
        struct queue_move *move = &batch->moves[i];
        if (!move->with_body)
            continue;
        jobs[writer->body.count] = (struct body_job){.fd = move->body_fd,
                                                     .offset = move->body.offset,
                                                     .octets = move->body.length,
                                                     .place = &move->new_body,
                                                     .sum = &move->new_sum,
                                                     .result = &move->result};
        body_append(&writer->body);
    }
    for (size_t i = 0; i < batch->count; i++) {
        struct queue_change *change = &batch->changes[i];
        if (change->kind != QUEUE_ADD || change->result != OK)
            continue;
        jobs[writer->body.count] = (struct body_job){.pieces = change->content,
                                                     .fd = change->content_fd,
                                                     .octets = change->content_octets,
                                                     .place = &change->body,
                                                     .sum = &change->body_sum,
                                                     .result = &change->result,
                                                     .error = &change->error};
        body_append(&writer->body);
    }
    body_sync(&writer->body);
}

/*
 * Journals go one by one, each durably before the next: a crash must never bring an older one back without
 * the removals that stood in a newer one.
 */
static void delete_journal(struct queue_writer *writer, struct queue_batch *batch)
{
    struct durable *durable = writer->durable;
    char path[PATH_MAX], aside[PATH_MAX];
    if (writer->directory_dirty && durable->sync_directory(durable, writer->directory) != 0)
        return;
    writer->directory_dirty = false;
    if (batch->old_journal == QUEUE_NO_SEGMENT)
        return;
    queue_segment_path(path, writer->directory, "journal", batch->old_journal);
    queue_segment_path(aside, writer->directory, "damaged-journal", batch->old_journal);
    int failure = batch->old_journal_damaged ? durable->rename(durable, path, aside)
                                             : durable->unlink(durable, path);
    batch->old_journal_gone = failure == 0 || failure == -ENOENT;
    if (batch->old_journal_gone)
        writer->directory_dirty = durable->sync_directory(durable, writer->directory) != 0;
}

static void delete_bodies(struct queue_writer *writer, struct queue_batch *batch)
{
    for (size_t i = 0; i < batch->forgotten_count; i++) {
        char path[PATH_MAX];
        queue_segment_path(path, writer->directory, "body", batch->forgotten[i]);
        int failure = writer->durable->unlink(writer->durable, path);
        batch->gone[i] = failure == 0 || failure == -ENOENT;
    }
}

static void write_records(struct queue_writer *writer, struct queue_batch *batch)
{
    uint64_t first = writer->sequence;
    writer->touched_count = 0;
    buf_clear(&writer->text);
    if (!has_records(batch))
        return;
    int failure = commit_records(writer, batch, first);
    writer->failed = failure != 0;
    if (!failure)
        return;
    fail_all(batch, failure);
    (void)leave_journal(writer);
    writer->sequence = first;
    buf_clear(&writer->text);
}

void queue_write(struct queue *queue)
{
    struct queue_writer *writer = &queue->writer;
    struct queue_batch *batch = &queue->batch;
    write_bodies(writer, batch);
    write_records(writer, batch);
    delete_journal(writer, batch);
    delete_bodies(writer, batch);
}
