/* SPDX-License-Identifier: BSD-2-Clause */
/* The loop's part of a batch: what is to be done, and then what became of it. */
#include "queue/queue_private.h"

#include <stdlib.h>

static void begin_add(struct queue *queue, struct queue_change *change)
{
    bool hashed;
    change->number = QUEUE_NO_ITEM;
    if (!queue_id_is_valid(change->envelope->id)) {
        change->result = error_set(&change->error, PERM, "not an id of a message");
        return;
    }
    change->id_key = queue_key(change->envelope->id, &hashed);
    if (queue_index_find(queue, change->id_key) != QUEUE_NO_ITEM) {
        change->result = error_set(&change->error, NONE, "the queue has a message of this id");
        return;
    }
    change->number = queue_index_add(queue, change->id_key);
    if (change->number == QUEUE_NO_ITEM)
        change->result = error_set(&change->error, TEMP, "not enough memory for the queue");
}

static void begin_change(struct queue *queue, struct queue_change *change)
{
    struct queue_item *item = queue_item(queue, change->number);
    if (!item || item->flags & QUEUE_ITEM_TAKEN) {
        change->result = error_set(&change->error, TEMP, "the message is not in the queue");
        return;
    }
    bool hashed;
    if (change->kind == QUEUE_UPDATE && queue_key(change->envelope->id, &hashed) != item->key) {
        change->result = error_set(&change->error, PERM, "an envelope of another message");
        return;
    }
    change->id_key = item->key;
    change->body = item->body;
    change->body_sum = item->body_sum;
    item->flags |= change->kind == QUEUE_REMOVE ? QUEUE_ITEM_TAKEN : QUEUE_ITEM_CHANGED;
}

static void begin_note(struct queue *queue, struct queue_change *change)
{
    if (!change->key.len || change->key.len + change->value.len > QUEUE_NOTE_MAX - 2) {
        change->result = error_set(&change->error, PERM, "not a note for the queue");
        return;
    }
    struct queue_note *note = queue_note(queue, change->key);
    if (!note) {
        change->result = error_set(&change->error, TEMP, "not enough memory for the queue");
        return;
    }
    note->pending++;
    change->note = note;
}

/* Room for the content of each change and each move. */
static bool make_jobs(struct queue_batch *batch)
{
    size_t wanted = batch->count + batch->move_count + 1;
    if (wanted <= batch->job_capacity)
        return true;
    struct body_job *jobs = realloc(batch->jobs, 2 * wanted * sizeof(*jobs));
    if (!jobs)
        return false;
    batch->jobs = jobs;
    batch->job_capacity = 2 * wanted;
    return true;
}

void queue_begin(struct queue *queue, struct queue_change *changes, size_t count)
{
    struct queue_batch *batch = &queue->batch;
    require(!batch->under_way && !queue->options.read_only);
    batch->under_way = true;
    batch->changes = changes;
    batch->count = count;
    batch->move_count = batch->forgotten_count = 0;
    batch->old_journal = QUEUE_NO_SEGMENT;
    batch->old_journal_gone = false;
    batch->octets = 0;
    for (size_t i = 0; i < count; i++) {
        struct queue_change *change = &changes[i];
        change->result = OK;
        change->note = NULL;
        if (change->kind == QUEUE_ADD)
            begin_add(queue, change);
        else if (change->kind == QUEUE_NOTE)
            begin_note(queue, change);
        else
            begin_change(queue, change);
    }
    queue_plan(queue);
    require(make_jobs(batch));
}

static void finish_touched(struct queue *queue)
{
    const struct queue_writer *writer = &queue->writer;
    for (size_t i = 0; i < writer->touched_count; i++) {
        const struct queue_touched *touched = &writer->touched[i];
        struct queue_segment *segment = queue_segment_add(&queue->journals, touched->number);
        require(segment);
        queue->journal_octets += touched->octets - segment->octets;
        segment->octets = touched->octets;
    }
    for (size_t i = 0; i < writer->body.touched_count; i++) {
        const struct body_touched *touched = &writer->body.touched[i];
        struct queue_segment *segment = queue_segment_add(&queue->bodies, touched->number);
        require(segment);
        if (segment->spare) {
            segment->spare = false;
            queue->spare_count--;
        }
        segment->distrusted = segment->distrusted || touched->distrusted;
        if (touched->octets > segment->octets) {
            queue->body_octets += touched->octets - segment->octets;
            segment->octets = touched->octets;
        }
        queue->bodies_changed = true;
    }
}

static void finish_add(struct queue *queue, struct queue_change *change)
{
    if (change->number == QUEUE_NO_ITEM)
        return;
    if (change->result != OK) {
        queue_index_remove(queue, change->number);
        change->number = QUEUE_NO_ITEM;
        return;
    }
    struct queue_item *item = queue_slot(queue, change->number);
    item->body = change->body;
    item->body_sum = change->body_sum;
    item->record = change->record;
    item->flags = QUEUE_ITEM_LIVE;
    queue_item_fill(item, change->envelope);
    queue_count_body(queue, &item->body, true);
    queue_count_record(queue, &item->record, true);
    queue->count++;
}

static void finish_update(struct queue *queue, struct queue_change *change)
{
    struct queue_item *item = queue_slot(queue, change->number);
    item->flags &= (uint16_t)~QUEUE_ITEM_CHANGED;
    queue_count_record(queue, &item->record, false);
    item->record = change->record;
    queue_count_record(queue, &item->record, true);
    queue_item_fill(item, change->envelope);
}

static void finish_remove(struct queue *queue, struct queue_change *change)
{
    struct queue_item *item = queue_slot(queue, change->number);
    queue_count_record(queue, &item->record, false);
    queue_count_body(queue, &item->body, false);
    queue_index_remove(queue, change->number);
    queue->count--;
}

static void finish_note(struct queue *queue, struct queue_change *change)
{
    struct queue_note *note = change->note;
    if (!note)
        return;
    note->pending--;
    if (change->result == OK) {
        if (note->record.segment != QUEUE_NO_SEGMENT)
            queue_count_record(queue, &note->record, false);
        note->record = change->value.len ? change->record : (struct queue_place){0};
        if (change->value.len)
            queue_count_record(queue, &note->record, true);
    }
    if (note->record.segment == QUEUE_NO_SEGMENT && !note->pending)
        queue_note_forget(queue, change->key);
}

/* A change that failed leaves its message as it was. */
static void unmark(struct queue *queue, const struct queue_change *change)
{
    struct queue_item *item = queue_item(queue, change->number);
    if (item)
        item->flags &= (uint16_t) ~(QUEUE_ITEM_CHANGED | QUEUE_ITEM_TAKEN);
}

void queue_finish(struct queue *queue)
{
    struct queue_batch *batch = &queue->batch;
    require(batch->under_way);
    finish_touched(queue);
    queue_plan_done(queue);
    for (size_t i = 0; i < batch->count; i++) {
        struct queue_change *change = &batch->changes[i];
        if (change->kind == QUEUE_ADD)
            finish_add(queue, change);
        else if (change->kind == QUEUE_NOTE)
            finish_note(queue, change);
        else if (change->result != OK)
            unmark(queue, change);
        else if (change->kind == QUEUE_UPDATE)
            finish_update(queue, change);
        else
            finish_remove(queue, change);
        if (change->result == OK)
            queue->task_paused = false;
    }
    batch->count = 0;
    batch->under_way = false;
}

void queue_commit(struct queue *queue, struct queue_change *changes, size_t count)
{
    queue_begin(queue, changes, count);
    queue_write(queue);
    queue_finish(queue);
}
