/* SPDX-License-Identifier: BSD-2-Clause */
#include "queue/body.h"

#include "queue/crc32c.h"
#include "queue/queue_private.h"

#include <stdlib.h>
#include <string.h>

enum {
    TEXT_MAX = 1 << 20,      /* gathered before it is written */
    GATHERED_MAX = 256 << 10, /* what is larger is written by itself */
    COPY_OCTETS = 256 << 10
};

void body_init(struct body_writer *writer, struct durable *durable, const char *directory,
               uint32_t capacity, uint32_t next)
{
    *writer = (struct body_writer){
        .durable = durable, .directory = directory, .capacity = capacity, .next = next, .fd = -1};
    buf_init(&writer->text, TEXT_MAX + GATHERED_MAX);
}

static void leave_segment(struct body_writer *writer)
{
    if (writer->fd >= 0)
        (void)writer->durable->close(writer->durable, writer->fd); /* it is synced, or failed */
    writer->fd = -1;
    writer->number = QUEUE_NO_SEGMENT;
    writer->position = 0;
}

void body_close(struct body_writer *writer)
{
    leave_segment(writer);
    buf_free(&writer->text);
    free(writer->touched);
    writer->touched = NULL;
}

/* The entry of the segment at work. */
static struct body_touched *touch(struct body_writer *writer)
{
    for (size_t i = writer->touched_count; i > 0; i--)
        if (writer->touched[i - 1].number == writer->number)
            return &writer->touched[i - 1];
    if (writer->touched_count == writer->touched_capacity) {
        size_t capacity = writer->touched_capacity ? 2 * writer->touched_capacity : 8;
        struct body_touched *more = realloc(writer->touched, capacity * sizeof(*more));
        require(more);
        writer->touched = more;
        writer->touched_capacity = capacity;
    }
    struct body_touched *touched = &writer->touched[writer->touched_count++];
    *touched = (struct body_touched){.number = writer->number};
    return touched;
}

static void fail(struct body_job *job, int failure)
{
    *job->result = error_set(job->error, TEMP, "cannot write to the queue: %s", strerror(-failure));
}

void body_begin(struct body_writer *writer, struct body_job *jobs)
{
    writer->jobs = jobs;
    writer->count = writer->flushed = writer->synced = 0;
    writer->touched_count = 0;
    buf_clear(&writer->text);
}

/* Together; if that fails each by itself, so that only those fail for which there is no room. */
static void flush(struct body_writer *writer)
{
    struct durable *durable = writer->durable;
    struct bytes text = buf_bytes(&writer->text);
    if (text.len) {
        int failure = durable->write_at(durable, writer->fd, text, writer->text_position);
        for (size_t i = writer->flushed; failure && i < writer->count; i++) {
            struct body_job *job = &writer->jobs[i];
            if (*job->result != OK)
                continue;
            struct bytes part = bytes_first(
                bytes_skip(text, (size_t)(job->position - writer->text_position)),
                job->place->length);
            int alone = durable->write_at(durable, writer->fd, part, job->position);
            if (alone)
                fail(job, alone);
        }
        writer->dirty = true;
        touch(writer)->octets = writer->position;
    }
    buf_clear(&writer->text);
    writer->flushed = writer->count;
}

static void sync_segment(struct body_writer *writer)
{
    flush(writer);
    if (!writer->dirty) {
        writer->synced = writer->count;
        return;
    }
    int failure = writer->durable->sync_data(writer->durable, writer->fd);
    writer->dirty = false;
    for (size_t i = writer->synced; failure && i < writer->count; i++)
        if (*writer->jobs[i].result == OK)
            fail(&writer->jobs[i], failure);
    writer->synced = writer->count;
    if (!failure)
        return;
    touch(writer)->distrusted = true;
    leave_segment(writer);
}

void body_sync(struct body_writer *writer)
{
    sync_segment(writer);
}

static int make_segment(struct body_writer *writer)
{
    struct durable *durable = writer->durable;
    char path[PATH_MAX];
    queue_segment_path(path, writer->directory, "body", writer->next);
    int fd = durable->create(durable, path, 0600);
    if (fd < 0)
        return fd;
    int failure = durable->sync_directory(durable, writer->directory);
    if (failure) {
        (void)durable->close(durable, fd);
        (void)durable->unlink(durable, path);
        return failure;
    }
    writer->fd = fd;
    writer->number = writer->next++;
    writer->position = 0;
    touch(writer)->made = true;
    return 0;
}

static int next_segment(struct body_writer *writer)
{
    leave_segment(writer);
    while (writer->spare_count) {
        char path[PATH_MAX];
        uint32_t number = writer->spares[--writer->spare_count];
        queue_segment_path(path, writer->directory, "body", number);
        int fd = writer->durable->open(writer->durable, path, true);
        if (fd < 0)
            continue; /* it stays a spare for the next batch */
        writer->fd = fd;
        writer->number = number;
        (void)touch(writer);
        return 0;
    }
    return make_segment(writer);
}

/* So many octets will be appended: in the segment at work or in a new one. */
static int make_room(struct body_writer *writer, uint64_t octets)
{
    if (writer->fd >= 0 && (writer->position == 0 || writer->position + octets <= writer->capacity))
        return 0;
    if (writer->fd >= 0)
        sync_segment(writer);
    return next_segment(writer);
}

static int copy_descriptor(struct body_writer *writer, struct body_job *job, uint64_t position)
{
    struct durable *durable = writer->durable;
    uint8_t *piece = malloc(COPY_OCTETS);
    int failure = piece ? 0 : -12;
    for (uint64_t done = 0; !failure && done < job->octets;) {
        uint64_t left = job->octets - done;
        size_t count = left < COPY_OCTETS ? (size_t)left : COPY_OCTETS;
        int64_t got = durable->read_at(durable, job->fd, piece, count, job->offset + done);
        if (got != (int64_t)count) {
            failure = got < 0 ? (int)got : -5;
            break;
        }
        struct bytes part = bytes_from(piece, count);
        *job->sum = crc32c(*job->sum, part);
        failure = durable->write_at(durable, writer->fd, part, position + done);
        done += count;
    }
    free(piece);
    return failure;
}

static int write_alone(struct body_writer *writer, struct body_job *job)
{
    flush(writer);
    uint64_t position = job->position;
    int failure = 0;
    for (size_t i = 0; !failure && job->pieces && i < 3; i++) {
        *job->sum = crc32c(*job->sum, job->pieces[i]);
        failure =
            writer->durable->write_at(writer->durable, writer->fd, job->pieces[i], position);
        position += job->pieces[i].len;
    }
    if (!failure && job->octets)
        failure = copy_descriptor(writer, job, position);
    writer->dirty = true;
    return failure;
}

static int gather(struct body_writer *writer, struct body_job *job, size_t octets)
{
    if (writer->text.len + octets > TEXT_MAX)
        flush(writer);
    if (!writer->text.len)
        writer->text_position = job->position;
    size_t start = writer->text.len;
    if (!buf_reserve(&writer->text, octets))
        return -12;
    for (size_t i = 0; job->pieces && i < 3; i++)
        buf_add(&writer->text, job->pieces[i]);
    if (job->octets) {
        uint8_t *space = writer->text.ptr + writer->text.len;
        int64_t got = writer->durable->read_at(writer->durable, job->fd, space,
                                               (size_t)job->octets, job->offset);
        if (got != (int64_t)job->octets) {
            buf_truncate(&writer->text, start);
            return got < 0 ? (int)got : -5;
        }
        writer->text.len += (size_t)got;
    }
    *job->sum = crc32c(0, bytes_skip(buf_bytes(&writer->text), start));
    return 0;
}

void body_append(struct body_writer *writer)
{
    struct body_job *job = &writer->jobs[writer->count];
    uint64_t octets = job->octets;
    for (size_t i = 0; job->pieces && i < 3; i++)
        octets += job->pieces[i].len;
    *job->sum = 0;
    if (octets > UINT32_MAX - 1) {
        *job->result = error_set(job->error, PERM, "the message is too large for the queue");
        writer->count++;
        return;
    }
    int failure = make_room(writer, octets);
    if (!failure) {
        job->position = writer->position;
        *job->place = (struct queue_place){writer->number, (uint32_t)job->position, (uint32_t)octets};
        failure = octets > GATHERED_MAX ? write_alone(writer, job) : gather(writer, job, (size_t)octets);
    }
    writer->count++;
    if (failure) {
        fail(job, failure);
        return;
    }
    writer->position += octets;
    if (octets > GATHERED_MAX) {
        writer->flushed = writer->count;
        touch(writer)->octets = writer->position;
    }
}
