/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * body: appends the content of messages to body segments, for a worker.
 *
 * Small contents are gathered and written together. A content that cannot be written fails alone:
 * its job says so, the others go on. body_sync() makes all of them durable; a segment whose sync
 * failed is never written again, for the kernel may have dropped what it could not write. Segments
 * handed in as spare are written over from their start: blocks that exist already cost less to sync.
 */
#ifndef VOUCH_QUEUE_BODY_H
#define VOUCH_QUEUE_BODY_H

#include "base/buf.h"
#include "os/durable.h"
#include "queue/queue.h"

struct body_job {
    const struct bytes *pieces; /* three of them, or NULL */
    int fd;                     /* -1: none; `octets` from `offset` on, after the pieces */
    uint64_t offset, octets;
    struct queue_place *place;  /* result */
    uint32_t *sum;              /* result: crc32c */
    enum result *result;        /* result; only a job with OK is written */
    struct error *error;
    uint64_t position;          /* private */
};

struct body_touched {
    uint32_t number;
    bool made, distrusted;
    uint64_t octets; /* of the file in use, 0: not written */
};

enum { BODY_SPARES_MAX = 4 };

struct body_writer {
    struct durable *durable;
    const char *directory;
    uint32_t capacity;
    uint32_t number, next;    /* the segment at work (0: none), the number of the next new one */
    int fd;
    uint64_t position;
    uint32_t spares[BODY_SPARES_MAX]; /* may be written over; taken from the end */
    size_t spare_count;
    /* Of the batch. */
    struct body_job *jobs;
    size_t count, flushed, synced;
    struct buf text;          /* jobs `flushed` to `count` */
    uint64_t text_position;
    bool dirty;
    struct body_touched *touched;
    size_t touched_count, touched_capacity;
};

void body_init(struct body_writer *writer, struct durable *durable, const char *directory,
               uint32_t capacity, uint32_t next);
void body_close(struct body_writer *writer);
/* Begins a batch of at most so many jobs, which lie in `jobs`. */
void body_begin(struct body_writer *writer, struct body_job *jobs);
/* Appends jobs[count] (filled in by the caller) and counts it. */
void body_append(struct body_writer *writer);
void body_sync(struct body_writer *writer);

#endif
