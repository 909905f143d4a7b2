/* SPDX-License-Identifier: BSD-2-Clause */
/* The notes: small keyed records of the scheduler. Only their places are kept in memory. */
#include "queue/queue_private.h"

#include <stdlib.h>

struct queue_note *queue_note(struct queue *queue, struct bytes key)
{
    struct queue_note *note = map_get(queue->notes, key);
    if (note)
        return note;
    if (queue->note_count == queue->note_capacity) {
        uint32_t capacity = queue->note_capacity ? 2 * queue->note_capacity : 64;
        struct queue_note **list = realloc(queue->note_list, capacity * sizeof(struct queue_note *));
        if (!list)
            return NULL;
        queue->note_list = list;
        queue->note_capacity = capacity;
    }
    note = calloc(1, sizeof(*note));
    if (!note || !map_put(queue->notes, key, note, NULL)) {
        free(note);
        return NULL;
    }
    note->index = queue->note_count;
    queue->note_list[queue->note_count++] = note;
    return note;
}

void queue_note_forget(struct queue *queue, struct bytes key)
{
    struct queue_note *note = map_remove(queue->notes, key);
    if (!note)
        return;
    struct queue_note *last = queue->note_list[--queue->note_count];
    queue->note_list[note->index] = last;
    last->index = note->index;
    free(note);
}

void queue_notes_free(struct queue *queue)
{
    map_destroy(queue->notes, free);
    free(queue->note_list);
}

void queue_note_write(struct buf *out, struct bytes key, struct bytes value)
{
    buf_add_byte(out, (uint8_t)(key.len >> 8));
    buf_add_byte(out, (uint8_t)key.len);
    buf_add(out, key);
    buf_add(out, value);
}

bool queue_note_read(struct bytes payload, struct bytes *key, struct bytes *value)
{
    if (payload.len < 2)
        return false;
    size_t length = (size_t)payload.ptr[0] << 8 | payload.ptr[1];
    *key = bytes_slice(payload, 2, 2 + length);
    *value = bytes_skip(payload, 2 + length);
    return key->len == length && length > 0;
}
