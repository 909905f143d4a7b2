/* SPDX-License-Identifier: BSD-2-Clause */
#include "queue/journal.h"

#include "queue/crc32c.h"

#include "base/cursor.h"

#include <string.h>

enum {
    WINDOW = 1 << 20,
    AT_KIND = 3,
    AT_SUM = 4,
    AT_LENGTH = 8,
    FILE_MAX = UINT32_MAX
};
static const uint8_t header_mark[4] = {'V', 'Q', 'J', '1'};
static const uint8_t record_mark[3] = {'V', 'Q', 'r'};

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 3; i >= 0; i--, value >>= 8)
        at[i] = (uint8_t)value;
}

static void put_u64(uint8_t *at, uint64_t value)
{
    put_u32(at, (uint32_t)(value >> 32));
    put_u32(at + 4, (uint32_t)value);
}

void journal_header_write(struct buf *out, const struct journal_header *header)
{
    uint8_t octets[JOURNAL_HEADER_OCTETS] = {0};
    memcpy(octets, header_mark, sizeof(header_mark));
    put_u32(octets + 4, header->number);
    put_u64(octets + 8, header->first_sequence);
    put_u32(octets + 16, crc32c(0, bytes_from(octets, 16)));
    buf_add(out, bytes_from(octets, sizeof(octets)));
}

bool journal_header_read(struct bytes octets, struct journal_header *header)
{
    struct cursor c = cursor_over(octets);
    struct bytes mark = cursor_take(&c, sizeof(header_mark));
    header->number = cursor_u32(&c);
    header->first_sequence = cursor_u64(&c);
    uint32_t sum = cursor_u32(&c);
    return !c.failed && bytes_equal(mark, bytes_from(header_mark, sizeof(header_mark))) &&
           sum == crc32c(0, bytes_first(octets, 16)) && header->first_sequence > 0;
}

void journal_record_begin(struct buf *out, enum journal_kind kind, uint64_t key, uint64_t sequence,
                          uint32_t behind)
{
    uint8_t octets[JOURNAL_RECORD_OCTETS] = {0};
    memcpy(octets, record_mark, sizeof(record_mark));
    octets[AT_KIND] = (uint8_t)kind;
    put_u32(octets + 12, behind);
    put_u64(octets + 16, sequence);
    put_u64(octets + 24, key);
    buf_add(out, bytes_from(octets, sizeof(octets)));
}

/* Over all but the sum itself; it begins with the segment's number, so that what lay there in an
 * earlier life of the disk's blocks is not taken for a record of this segment. */
static uint32_t record_sum(const uint8_t *octets, size_t length, uint32_t number)
{
    uint8_t head[8];
    put_u32(head, number);
    memcpy(head + 4, octets, 4);
    uint32_t sum = crc32c(0, bytes_from(head, sizeof(head)));
    return crc32c(sum, bytes_from(octets + AT_LENGTH, length - AT_LENGTH));
}

void journal_record_end(uint8_t *octets, size_t length, uint32_t number)
{
    put_u32(octets + AT_LENGTH, (uint32_t)(length - JOURNAL_RECORD_OCTETS));
    put_u32(octets + AT_SUM, record_sum(octets, length, number));
}

/* The head of a record that may be one. */
static bool read_head(struct bytes octets, struct journal_record *record, uint32_t *payload,
                      uint32_t *sum)
{
    struct cursor c = cursor_over(octets);
    struct bytes mark = cursor_take(&c, sizeof(record_mark));
    uint8_t kind = cursor_u8(&c);
    *sum = cursor_u32(&c);
    *payload = cursor_u32(&c);
    record->behind = cursor_u32(&c);
    record->sequence = cursor_u64(&c);
    record->key = cursor_u64(&c);
    record->kind = (enum journal_kind)kind;
    record->length = *payload + JOURNAL_RECORD_OCTETS;
    return !c.failed && bytes_equal(mark, bytes_from(record_mark, sizeof(record_mark))) &&
           (kind == JOURNAL_ENVELOPE || kind == JOURNAL_REMOVE || kind == JOURNAL_NOTE) &&
           *payload <= JOURNAL_PAYLOAD_MAX && record->behind < record->sequence;
}

bool journal_record_read(struct bytes octets, uint32_t number, struct journal_record *record)
{
    uint32_t payload, sum;
    if (!read_head(octets, record, &payload, &sum) || octets.len < record->length)
        return false;
    record->payload = bytes_slice(octets, JOURNAL_RECORD_OCTETS, record->length);
    return sum == record_sum(octets.ptr, record->length, number);
}

/* A part of the file in memory: what stands from `start` on. */
struct window {
    struct journal_scan *scan;
    struct buf octets;
    uint64_t start;
};

/* Sees to it that `count` octets from `offset` on are there, or as many as the file has. */
static int fill(struct window *window, uint64_t offset, size_t count)
{
    struct buf *octets = &window->octets;
    uint64_t size = window->scan->size;
    uint64_t wanted = offset + count < size ? offset + count : size;
    if (offset >= window->start && wanted <= window->start + octets->len)
        return 0;
    uint64_t kept_to = window->start + octets->len;
    buf_consume(octets, offset < kept_to ? (size_t)(offset - window->start) : octets->len);
    window->start = offset;
    uint64_t have = offset + octets->len;
    uint64_t until = wanted > have + WINDOW ? wanted : have + WINDOW;
    size_t more = (size_t)((until < size ? until : size) - have);
    uint8_t *space = buf_reserve(octets, more);
    if (!space)
        return -12;
    struct durable *durable = window->scan->durable;
    int64_t got = durable->read_at(durable, window->scan->fd, space, more, have);
    if (got < 0)
        return (int)got;
    octets->len += (size_t)got;
    if ((size_t)got < more) /* it has become shorter meanwhile */
        window->scan->size = have + (uint64_t)got;
    return 0;
}

static struct bytes at(const struct window *window, uint64_t offset)
{
    return bytes_skip(buf_bytes(&window->octets), (size_t)(offset - window->start));
}

/* A whole and good record at `offset`; the disk's error in *error. */
static bool record_at(struct window *window, uint64_t offset, struct journal_record *record,
                      int *error)
{
    uint32_t payload, sum;
    *error = fill(window, offset, JOURNAL_RECORD_OCTETS);
    if (*error || !read_head(at(window, offset), record, &payload, &sum) ||
        record->length > window->scan->size - offset)
        return false;
    *error = fill(window, offset, record->length);
    record->offset = (uint32_t)offset;
    return !*error &&
           journal_record_read(at(window, offset), window->scan->header.number, record);
}

/*
 * The record `expected` is bad. Looks for a later one that shows that it was good once. Nothing (and
 * `found` false): all that follows is of a torn batch.
 */
static int look_behind(struct window *window, uint64_t expected, uint64_t *offset, bool *found)
{
    struct journal_scan *scan = window->scan;
    *found = false;
    int error = fill(window, *offset, (size_t)(scan->size - *offset));
    uint64_t next = *offset;
    while (!error && next < scan->size) {
        size_t step = bytes_find(at(window, next), bytes_from(record_mark, sizeof(record_mark)));
        if (step == BYTES_NOT_FOUND)
            return 0;
        next += step;
        struct journal_record record;
        if (record_at(window, next, &record, &error) && record.sequence > expected &&
            record.sequence < scan->limit &&
            (!scan->last || expected < record.sequence - record.behind)) {
            *offset = next;
            *found = true;
            return 0;
        }
        next++;
    }
    return error;
}

static enum result scan_records(struct journal_scan *scan, struct window *window,
                                struct error *error)
{
    uint64_t offset = JOURNAL_HEADER_OCTETS;
    for (;;) {
        struct journal_record record;
        int failure;
        bool good = record_at(window, offset, &record, &failure);
        if (good && record.sequence >= scan->limit)
            return OK;
        bool found = good && record.sequence == scan->next_sequence;
        if (!failure && !found) {
            failure = look_behind(window, scan->next_sequence, &offset, &found);
            if (!failure && found)
                found = record_at(window, offset, &record, &failure);
        }
        if (failure)
            return error_set(error, TEMP, "cannot read the queue's journal: %s", strerror(-failure));
        if (!found)
            return OK;
        scan->lost += record.sequence - scan->next_sequence;
        scan->next_sequence = record.sequence + 1;
        offset += record.length;
        scan->end = offset;
        scan->each(scan->context, &record);
    }
}

/* Whether anything but zeros (of the file's allocation) follows. */
static bool is_torn(struct journal_scan *scan, struct window *window)
{
    if (scan->end >= scan->size || fill(window, scan->end, JOURNAL_RECORD_OCTETS) != 0)
        return false;
    struct bytes rest = bytes_first(at(window, scan->end), JOURNAL_RECORD_OCTETS);
    for (size_t i = 0; i < rest.len; i++)
        if (rest.ptr[i])
            return true;
    return false;
}

enum result journal_scan(struct journal_scan *scan, struct error *error)
{
    struct window window = {.scan = scan, .start = JOURNAL_HEADER_OCTETS};
    buf_init(&window.octets, FILE_MAX);
    scan->next_sequence = scan->header.first_sequence;
    scan->end = JOURNAL_HEADER_OCTETS;
    scan->lost = 0;
    if (scan->size > FILE_MAX)
        scan->size = FILE_MAX;
    enum result result = OK;
    if (scan->next_sequence < scan->limit)
        result = scan_records(scan, &window, error);
    if (result == OK && scan->last)
        scan->torn = is_torn(scan, &window);
    if (result == OK && !scan->last && scan->next_sequence < scan->limit) {
        scan->lost += scan->limit - scan->next_sequence;
        scan->next_sequence = scan->limit;
    }
    buf_free(&window.octets);
    return result;
}
