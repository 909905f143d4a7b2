/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The start: what the journals say. Twice from front to back: first which record of each id is the newest,
 * then those records once more for whoever wants to know what is in them.
 */
#include "queue/queue_private.h"

#include "base/cursor.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 5, JOURNALS_MAX = 1 << 20, MISSING_SPAN = 1 << 20 };

struct found_journal {
    struct journal_header header;
    int fd;
    uint64_t size, limit;
    bool good, last;
};

struct recovery {
    struct queue *queue;
    const struct queue_visitor *visitor;
    struct found_journal *journals;
    size_t journal_count, capacity;
    struct queue_segment *segment;
    bool no_memory;
    size_t unreadable;
};

void queue_place_write(struct buf *out, const struct queue_place *body, uint32_t sum)
{
    const uint32_t numbers[] = {body->segment, body->offset, body->length, sum};
    for (size_t i = 0; i < countof(numbers); i++)
        for (int shift = 24; shift >= 0; shift -= 8)
            buf_add_byte(out, (uint8_t)(numbers[i] >> shift));
}

bool queue_place_read(struct bytes payload, struct queue_place *body, uint32_t *sum,
                      struct bytes *envelope)
{
    struct cursor c = cursor_over(payload);
    body->segment = cursor_u32(&c);
    body->offset = cursor_u32(&c);
    body->length = cursor_u32(&c);
    *sum = cursor_u32(&c);
    *envelope = cursor_rest(&c);
    return !c.failed;
}

static uint32_t epoch_of(int64_t seconds)
{
    return seconds < 0 ? 0 : seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds;
}

void queue_item_fill(struct queue_item *item, const struct queue_envelope *envelope)
{
    bool hashed;
    (void)queue_key(envelope->id, &hashed);
    item->queued_at = epoch_of(envelope->queued_at);
    item->expires_at = epoch_of(envelope->expires_at);
    item->account = queue_account_hash(envelope->account);
    item->recipient_count =
        envelope->recipient_count > UINT16_MAX ? UINT16_MAX : (uint16_t)envelope->recipient_count;
    item->flags &= (uint16_t) ~(QUEUE_ITEM_HELD | QUEUE_ITEM_HASHED);
    item->flags |= (envelope->held ? QUEUE_ITEM_HELD : 0) | (hashed ? QUEUE_ITEM_HASHED : 0);
}

/* "KIND-%08x" with lower-case digits; 0: another name. */
static uint32_t number_in(const char *name, const char *kind)
{
    struct bytes rest = bytes_of(name);
    if (!bytes_starts_with(rest, bytes_of(kind)))
        return 0;
    rest = bytes_skip(rest, strlen(kind));
    uint32_t number = 0;
    for (size_t i = 1; i < rest.len; i++) {
        const char *digit = strchr("0123456789abcdef", rest.ptr[i]);
        number = number << 4 | (uint32_t)(digit ? digit - "0123456789abcdef" : 0);
        if (!digit)
            return 0;
    }
    return rest.len == 9 && rest.ptr[0] == '-' ? number : 0;
}

static void found_name(void *context, const char *name)
{
    struct recovery *recovery = context;
    struct queue *queue = recovery->queue;
    uint32_t body = number_in(name, "body"), journal = number_in(name, "journal");
    if (body && !queue_segment_add(&queue->bodies, body))
        recovery->no_memory = true;
    if (!journal)
        return;
    if (recovery->journal_count == recovery->capacity) {
        size_t capacity = recovery->capacity ? 2 * recovery->capacity : 64;
        struct found_journal *more =
            capacity > JOURNALS_MAX ? NULL : realloc(recovery->journals, capacity * sizeof(*more));
        if (!more) {
            recovery->no_memory = true;
            return;
        }
        recovery->journals = more;
        recovery->capacity = capacity;
    }
    recovery->journals[recovery->journal_count++] =
        (struct found_journal){.header.number = journal, .fd = -1};
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = ((const struct found_journal *)a)->header.number;
    uint32_t y = ((const struct found_journal *)b)->header.number;
    return x < y ? -1 : x > y;
}

static void shut(struct recovery *recovery)
{
    struct durable *durable = recovery->queue->durable;
    for (size_t i = 0; i < recovery->journal_count; i++)
        if (recovery->journals[i].fd >= 0)
            (void)durable->close(durable, recovery->journals[i].fd);
    recovery->journal_count = 0;
}

/* A file without a header is one in which nothing was ever safe: it was about to be begun. */
static int open_journal(struct recovery *recovery, struct found_journal *journal)
{
    struct queue *queue = recovery->queue;
    struct durable *durable = queue->durable;
    char path[PATH_MAX];
    queue_segment_path(path, queue->directory, "journal", journal->header.number);
    journal->fd = durable->open(durable, path, !queue->options.read_only);
    if (journal->fd < 0)
        return journal->fd;
    uint8_t octets[JOURNAL_HEADER_OCTETS] = {0};
    int64_t size = durable->size(durable, journal->fd);
    int64_t got = durable->read_at(durable, journal->fd, octets, sizeof(octets), 0);
    if (size < 0 || got < 0)
        return size < 0 ? (int)size : (int)got;
    uint32_t number = journal->header.number;
    journal->size = (uint64_t)size;
    journal->good = journal_header_read(bytes_from(octets, (size_t)got), &journal->header) &&
                    journal->header.number == number;
    journal->header.number = number;
    if (journal->good)
        return 0;
    bool blank = true;
    for (size_t i = 0; i < sizeof(octets); i++)
        blank = blank && octets[i] == 0;
    if (!blank)
        log_error("queue", "%s has a damaged header and is set aside", path);
    if (queue->options.read_only)
        return 0;
    char aside[PATH_MAX];
    queue_segment_path(aside, queue->directory, "damaged-journal", number);
    return blank ? durable->unlink(durable, path) : durable->rename(durable, path, aside);
}

/* All journals are opened before any is read, so that a server that deletes the oldest meanwhile takes
 * nothing from a reader. -ENOENT: one had gone already, and what moved is in one not listed yet. */
static int open_journals(struct recovery *recovery)
{
    struct queue *queue = recovery->queue;
    int failure = queue->durable->list(queue->durable, queue->directory, found_name, recovery);
    if (failure || recovery->no_memory)
        return failure ? failure : -ENOMEM;
    if (recovery->journal_count)
        qsort(recovery->journals, recovery->journal_count, sizeof(*recovery->journals), by_number);
    for (size_t i = 0; i < recovery->journal_count && !failure; i++)
        failure = open_journal(recovery, &recovery->journals[i]);
    uint64_t limit = UINT64_MAX;
    for (size_t i = recovery->journal_count; i-- > 0 && !failure;) {
        struct found_journal *journal = &recovery->journals[i];
        if (!journal->good)
            continue;
        journal->limit = limit;
        journal->last = limit == UINT64_MAX;
        if (journal->header.first_sequence < limit)
            limit = journal->header.first_sequence;
        struct queue_segment *segment =
            queue_segment_add(&queue->journals, journal->header.number);
        if (!segment)
            return -ENOMEM;
        queue->journal_octets += journal->size - segment->octets;
        segment->octets = journal->size;
    }
    return failure;
}

static void take_envelope(struct recovery *recovery, const struct journal_record *record)
{
    struct queue *queue = recovery->queue;
    struct queue_place body;
    struct bytes envelope;
    uint32_t sum;
    if (!queue_place_read(record->payload, &body, &sum, &envelope))
        return;
    uint32_t number = queue_index_find(queue, record->key);
    if (number == QUEUE_NO_ITEM)
        number = queue_index_add(queue, record->key);
    if (number == QUEUE_NO_ITEM) {
        recovery->no_memory = true;
        return;
    }
    struct queue_item *item = queue_slot(queue, number);
    item->flags |= QUEUE_ITEM_LIVE;
    item->body = body;
    item->body_sum = sum;
    item->record =
        (struct queue_place){recovery->segment->number, record->offset, record->length};
}

static void take_note(struct recovery *recovery, const struct journal_record *record)
{
    struct bytes key, value;
    if (!queue_note_read(record->payload, &key, &value))
        return;
    if (!value.len) {
        queue_note_forget(recovery->queue, key);
        return;
    }
    struct queue_note *note = queue_note(recovery->queue, key);
    if (note)
        note->record =
            (struct queue_place){recovery->segment->number, record->offset, record->length};
    else
        recovery->no_memory = true;
}

static void take_record(void *context, const struct journal_record *record)
{
    struct recovery *recovery = context;
    if (record->kind == JOURNAL_ENVELOPE) {
        take_envelope(recovery, record);
    } else if (record->kind == JOURNAL_NOTE) {
        take_note(recovery, record);
    } else {
        uint32_t number = queue_index_find(recovery->queue, record->key);
        if (number != QUEUE_NO_ITEM)
            queue_index_remove(recovery->queue, number);
    }
}

static bool is_newest(const struct recovery *recovery, const struct queue_place *place,
                      const struct journal_record *record)
{
    return place->segment == recovery->segment->number && place->offset == record->offset;
}

static void show_envelope(struct recovery *recovery, uint32_t number,
                          const struct journal_record *record)
{
    const struct queue_visitor *visitor = recovery->visitor;
    struct queue_item *item = queue_slot(recovery->queue, number);
    struct queue_envelope envelope;
    struct bytes written = bytes_skip(record->payload, QUEUE_PLACE_OCTETS);
    if (queue_envelope_peek(written, &envelope) != OK) {
        recovery->unreadable++;
        return;
    }
    envelope.size = item->body.length;
    queue_item_fill(item, &envelope);
    if (!visitor || !visitor->message)
        return;
    if (!visitor->arena) {
        visitor->message(visitor->context, number, &envelope);
        return;
    }
    struct arena_mark mark = arena_mark(visitor->arena);
    enum result result = queue_envelope_read(visitor->arena, written, &envelope, NULL);
    envelope.size = item->body.length;
    if (result == OK)
        visitor->message(visitor->context, number, &envelope);
    else
        recovery->unreadable++;
    arena_rewind(visitor->arena, mark);
}

static void show_record(void *context, const struct journal_record *record)
{
    struct recovery *recovery = context;
    struct queue *queue = recovery->queue;
    if (record->kind == JOURNAL_ENVELOPE) {
        uint32_t number = queue_index_find(queue, record->key);
        if (number != QUEUE_NO_ITEM &&
            is_newest(recovery, &queue_slot(queue, number)->record, record))
            show_envelope(recovery, number, record);
    } else if (record->kind == JOURNAL_NOTE && recovery->visitor && recovery->visitor->note) {
        struct bytes key, value;
        struct queue_note *note = queue_note_read(record->payload, &key, &value) && value.len
                                      ? map_get(queue->notes, key)
                                      : NULL;
        if (note && is_newest(recovery, &note->record, record))
            recovery->visitor->note(recovery->visitor->context, key, value);
    }
}

static void report(const struct journal_scan *scan, struct queue_segment *segment)
{
    if (scan->lost) {
        segment->damaged = true;
        log_error("queue", "journal-%08x is damaged: %llu records cannot be read; all others are",
                  (unsigned)segment->number, (unsigned long long)scan->lost);
    }
    if (scan->torn)
        log_warning("queue",
                    "journal-%08x ends in records that were being written when the machine stopped; "
                    "nobody was told that they were safe",
                    (unsigned)segment->number);
}

/* Reads all journals; the first time with `first`. */
static enum result read_journals(struct recovery *recovery, bool first, struct error *error)
{
    struct queue *queue = recovery->queue;
    for (size_t i = 0; i < recovery->journal_count; i++) {
        struct found_journal *journal = &recovery->journals[i];
        if (!journal->good)
            continue;
        recovery->segment = queue_segment(&queue->journals, journal->header.number);
        struct journal_scan scan = {.durable = queue->durable,
                                    .fd = journal->fd,
                                    .header = journal->header,
                                    .size = journal->size,
                                    .limit = journal->limit,
                                    .last = journal->last,
                                    .each = first ? take_record : show_record,
                                    .context = recovery};
        enum result result = journal_scan(&scan, error);
        if (result != OK)
            return result;
        if (recovery->no_memory)
            return error_set(error, TEMP, "not enough memory for the queue");
        if (!first)
            continue;
        report(&scan, recovery->segment);
        if (journal->last)
            queue->writer.sequence = scan.next_sequence;
        /* What lies in the kernel's memory only counts from here on, so it must be safe: the next
         * segment's header will say that it is there. */
        if (journal->last && !queue->options.read_only) {
            int failure = queue->durable->sync_data(queue->durable, journal->fd);
            if (failure)
                return error_set(error, TEMP, "cannot sync the queue's journal: %s",
                                 strerror(-failure));
        }
    }
    return OK;
}

/* How long each body segment is, what lives in it, and what is missing. */
static void count_live(struct recovery *recovery)
{
    struct queue *queue = recovery->queue;
    struct queue_segments *bodies = &queue->bodies;
    size_t missing = 0;
    for (uint32_t i = 0; i < bodies->count; i++) {
        struct queue_segment *segment = bodies->at[i];
        int fd = segment ? queue_segment_open(queue, bodies, segment) : -1;
        int64_t size = fd >= 0 ? queue->durable->size(queue->durable, fd) : 0;
        if (segment && size > 0) {
            segment->octets = (uint64_t)size;
            queue->body_octets += segment->octets;
        }
    }
    for (uint32_t number = 0; number < queue->item_end; number++) {
        struct queue_item *item = queue_slot(queue, number);
        if (!(item->flags & QUEUE_ITEM_LIVE))
            continue;
        queue->count++;
        queue_count_record(queue, &item->record, true);
        queue_count_body(queue, &item->body, true);
        const struct queue_segment *body = queue_segment(bodies, item->body.segment);
        missing += !body || (uint64_t)item->body.offset + item->body.length > body->octets;
        /* The number of a segment that is missing is not given to another. */
        if (item->body.segment >= queue->writer.body.next &&
            item->body.segment - queue->writer.body.next < MISSING_SPAN)
            queue->writer.body.next = item->body.segment + 1;
    }
    for (uint32_t i = 0; i < queue->note_count; i++)
        queue_count_record(queue, &queue->note_list[i]->record, true);
    queue->bodies_changed = true;
    if (missing)
        log_error("queue", "the content of %zu messages is not in %s", missing, queue->directory);
}

static void number_segments(struct queue *queue)
{
    const struct queue_segments *bodies = &queue->bodies, *journals = &queue->journals;
    queue->writer.body.next = bodies->count ? bodies->base + bodies->count : 1;
    if (journals->count && queue->writer.next_journal < journals->base + journals->count)
        queue->writer.next_journal = journals->base + journals->count;
}

enum result queue_recover(struct queue *queue, const struct queue_visitor *visitor,
                          struct error *error)
{
    struct recovery recovery = {.queue = queue, .visitor = visitor};
    int failure = -ENOENT;
    for (int i = 0; i < TRIES && failure == -ENOENT; i++) {
        shut(&recovery);
        failure = open_journals(&recovery);
    }
    enum result result = OK;
    if (failure)
        result = error_set(error, failure == -EACCES ? PERM : TEMP, "cannot read %s: %s",
                           queue->directory, strerror(-failure));
    queue->writer.sequence = 1;
    queue->writer.next_journal = 1;
    for (size_t i = 0; i < recovery.journal_count; i++)
        queue->writer.next_journal = recovery.journals[i].header.number + 1;
    if (result == OK)
        result = read_journals(&recovery, true, error);
    if (result == OK) {
        number_segments(queue);
        count_live(&recovery);
        result = read_journals(&recovery, false, error);
    }
    if (recovery.unreadable)
        log_error("queue", "%zu envelopes in %s cannot be understood and stay where they are",
                  recovery.unreadable, queue->directory);
    shut(&recovery);
    free(recovery.journals);
    return result;
}
