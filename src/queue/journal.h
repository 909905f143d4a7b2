/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal: the form of a journal segment, and reading one after a crash.
 *
 * A segment is a header and records. Records are numbered without a gap over all segments
 * (`sequence`); a header says with which number its segment begins. That decides what counts after
 * a crash:
 *  - Records that a later segment's header numbers again were written by a batch that failed (full
 *    disk, error of a sync). They do not count: whoever wanted them was told so. So nothing is ever
 *    cut off or overwritten in a journal; after a failure, and at each start, a new segment begins.
 *  - A record says how many before it belong to the same batch (`behind`). All before these
 *    were durable. So where a bad record is followed by one that was written after it was durable,
 *    the disk is damaged; else the batch was torn by the crash, and nobody was told that it is safe.
 * Every record has a checksum that takes in the number of its segment.
 *
 * The reader takes every octet as hostile. Numbers are in network order.
 */
#ifndef VOUCH_QUEUE_JOURNAL_H
#define VOUCH_QUEUE_JOURNAL_H

#include "base/buf.h"
#include "os/durable.h"

enum {
    JOURNAL_HEADER_OCTETS = 24,
    JOURNAL_RECORD_OCTETS = 32, /* before the payload */
    JOURNAL_PAYLOAD_MAX = (32 << 20) + 4096
};

enum journal_kind { JOURNAL_ENVELOPE = 'E', JOURNAL_REMOVE = 'R', JOURNAL_NOTE = 'N' };

struct journal_header {
    uint32_t number;         /* of the segment, as in its name */
    uint64_t first_sequence;
};

struct journal_record {
    enum journal_kind kind;
    uint32_t behind;
    uint64_t sequence, key;
    struct bytes payload;
    uint32_t offset;         /* in the segment */
    uint32_t length;         /* with its head */
};

void journal_header_write(struct buf *out, const struct journal_header *header);
bool journal_header_read(struct bytes octets, struct journal_header *header);

/* Appends the record's head; the payload is appended by the caller, then comes journal_record_end(). */
void journal_record_begin(struct buf *out, enum journal_kind kind, uint64_t key, uint64_t sequence,
                          uint32_t behind);
/* `octets` is the whole record: sets its length and its checksum for segment `number`. */
void journal_record_end(uint8_t *octets, size_t length, uint32_t number);
/* A whole record at the start of `octets`; `offset` is left alone. */
bool journal_record_read(struct bytes octets, uint32_t number, struct journal_record *record);

struct journal_scan {
    struct durable *durable;
    int fd;
    struct journal_header header;
    uint64_t size;           /* of the file */
    uint64_t limit;          /* records from this number on do not count */
    bool last;               /* nothing was written after this segment */
    void (*each)(void *context, const struct journal_record *record);
    void *context;
    /* Results. */
    uint64_t next_sequence;  /* after the last record that counts */
    uint64_t end;            /* offset behind the last record that counts */
    uint64_t lost;           /* records that were durable once and cannot be read */
    bool torn;               /* a batch was being written when the machine stopped */
};
/* Reads a segment whose header was read. TEMP: the disk or memory fails. */
enum result journal_scan(struct journal_scan *scan, struct error *error) must_check;

#endif
