/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Winning space back. With each batch a little of what lives in the oldest journal, or in a body segment
 * that is nearly empty, is moved to where the batch is written anyway, in proportion to what the batch
 * writes; batches without changes move more. Segments in which nothing lives are written over
 * (bodies, a few) or deleted.
 *
 * The oldest journal always goes first, whatever lives in it: only so a removal is never forgotten
 * before that which it removes.
 */
#include "queue/queue_private.h"

#include "base/log.h"

#include <stdlib.h>

enum {
    STEPS_MAX = 16384,          /* items looked at with one batch */
    IDLE_OCTETS = 1 << 20,      /* moved with a batch without changes */
    IDLE_MOVES = 2048,
    CHANGE_OCTETS = 1024,       /* moved for each change: more than what a change makes dead */
    BODY_DEAD_SEGMENTS = 4,     /* as many may be dead before bodies are moved */
    REWIND_PART = 64
};

static struct queue_segment *current_body(struct queue *queue)
{
    return queue_segment(&queue->bodies, queue->writer.body.number);
}

static bool is_empty(const struct queue_segment *segment)
{
    return segment->live_count == 0 && segment->holds == 0;
}

/* The oldest journal if it is not the one that is being written. */
static struct queue_segment *old_journal(const struct queue *queue)
{
    struct queue_segment *oldest = queue_segment_oldest(&queue->journals);
    bool at_work = oldest && queue->writer.journal_fd >= 0 &&
                   oldest->number == queue->writer.journal_number;
    return at_work ? NULL : oldest;
}

/* While no journal is open the youngest stays: it tells how far the numbers of records have come. */
static struct queue_segment *deletable_journal(const struct queue *queue)
{
    struct queue_segment *oldest = old_journal(queue);
    bool only = queue->writer.journal_fd < 0 && queue->journals.present < 2;
    return oldest && is_empty(oldest) && !only ? oldest : NULL;
}

static bool journal_is_full_of_dead(const struct queue *queue)
{
    const struct queue_segment *oldest = old_journal(queue);
    uint64_t live = queue->journal_live_octets;
    return oldest && oldest->live_count && !oldest->stuck &&
           queue->journal_octets > 2 * live + queue->options.compact_octets;
}

/* Bodies that nothing needs become spare or are deleted; one that is worth emptying is returned. */
static struct queue_segment *sort_bodies(struct queue *queue)
{
    struct queue_batch *batch = &queue->batch;
    struct queue_segments *bodies = &queue->bodies;
    struct queue_segment *emptiest = NULL;
    uint64_t octets = 0;
    queue->bodies_changed = false;
    for (uint32_t i = 0; i < bodies->count; i++) {
        struct queue_segment *segment = bodies->at[i];
        if (!segment || segment->spare || segment == current_body(queue))
            continue;
        octets += segment->octets;
        if (!is_empty(segment)) {
            if (segment->live_count && !segment->stuck &&
                segment->live_octets < segment->octets / 4 &&
                (!emptiest || segment->live_octets < emptiest->live_octets))
                emptiest = segment;
        } else if (!segment->distrusted && queue->spare_count < QUEUE_SPARES_MAX) {
            segment->spare = true;
            queue->spare_count++;
        } else if (batch->forgotten_count < QUEUE_FORGOTTEN_MAX) {
            batch->forgotten[batch->forgotten_count++] = segment->number;
        } else {
            queue->bodies_changed = true;
        }
    }
    uint64_t tolerated = queue->octets + (uint64_t)BODY_DEAD_SEGMENTS * queue->options.segment_octets;
    return octets > queue->octets + tolerated ? emptiest : NULL;
}

/* Where a failed batch may yet count after a crash nothing is written over that it may refer to. */
static void offer_spares(struct queue *queue)
{
    struct body_writer *writer = &queue->writer.body;
    writer->spare_count = 0;
    if (queue->writer.failed)
        return;
    struct queue_segment *current = current_body(queue);
    if (current && is_empty(current) && writer->position > writer->capacity / REWIND_PART)
        writer->position = 0;
    for (uint32_t i = 0; i < queue->bodies.count && writer->spare_count < BODY_SPARES_MAX; i++) {
        struct queue_segment *segment = queue->bodies.at[i];
        if (segment && segment->spare && segment->holds == 0)
            writer->spares[writer->spare_count++] = segment->number;
    }
}

static bool add_move(struct queue *queue, const struct queue_move *move)
{
    struct queue_batch *batch = &queue->batch;
    if (batch->move_count == batch->move_capacity) {
        size_t capacity = batch->move_capacity ? 2 * batch->move_capacity : 64;
        struct queue_move *moves = realloc(batch->moves, capacity * sizeof(*moves));
        if (!moves)
            return false;
        batch->moves = moves;
        batch->move_capacity = capacity;
    }
    struct queue_move added = *move;
    struct queue_segment *journal = queue_segment(&queue->journals, move->record.segment);
    struct queue_segment *body =
        move->with_body ? queue_segment(&queue->bodies, move->body.segment) : NULL;
    added.record_fd = journal ? queue_segment_open(queue, &queue->journals, journal) : -1;
    added.body_fd = body ? queue_segment_open(queue, &queue->bodies, body) : -1;
    if (added.record_fd < 0 || (body && added.body_fd < 0)) {
        queue->task_paused = true;
        return false;
    }
    journal->holds++;
    if (body)
        body->holds++;
    batch->moves[batch->move_count++] = added;
    return true;
}

/* False: enough for this batch. */
static bool sweep_items(struct queue *queue, uint64_t *octets, size_t *moves)
{
    bool of_body = queue->task == QUEUE_TASK_BODY;
    for (size_t step = 0; queue->task_item < queue->item_end; step++) {
        uint32_t number = queue->task_item;
        struct queue_item *item = queue_slot(queue, number);
        if (step == STEPS_MAX || *moves == 0 || *octets == 0)
            return false;
        queue->task_item++;
        const struct queue_place *place = of_body ? &item->body : &item->record;
        if (!(item->flags & QUEUE_ITEM_LIVE) || place->segment != queue->task_segment ||
            item->flags & (QUEUE_ITEM_TAKEN | QUEUE_ITEM_CHANGED))
            continue;
        struct queue_move move = {.number = number, .with_body = of_body, .record = item->record,
                                  .body = item->body, .sum = item->body_sum};
        if (!add_move(queue, &move))
            return false;
        uint64_t size = (uint64_t)item->record.length + (of_body ? item->body.length : 0);
        *octets -= size < *octets ? size : *octets;
        --*moves;
    }
    return true;
}

static bool sweep_notes(struct queue *queue, uint64_t *octets, size_t *moves)
{
    for (size_t step = 0; queue->task_note < queue->note_count; step++) {
        struct queue_note *note = queue->note_list[queue->task_note];
        if (step == STEPS_MAX || *moves == 0 || *octets == 0)
            return false;
        queue->task_note++;
        if (note->record.segment != queue->task_segment || note->pending)
            continue;
        struct queue_move move = {
            .number = QUEUE_NO_ITEM, .note = note, .record = note->record};
        if (!add_move(queue, &move))
            return false;
        note->pending++;
        *octets -= note->record.length < *octets ? note->record.length : *octets;
        --*moves;
    }
    return true;
}

static void choose_task(struct queue *queue, const struct queue_segment *emptiest)
{
    const struct queue_segment *segment = NULL;
    if (journal_is_full_of_dead(queue)) {
        queue->task = QUEUE_TASK_JOURNAL;
        segment = old_journal(queue);
    } else if (emptiest) {
        queue->task = QUEUE_TASK_BODY;
        segment = emptiest;
    }
    if (!segment)
        return;
    queue->task_segment = segment->number;
    queue->task_item = queue->task_note = 0;
}

static void sweep(struct queue *queue)
{
    const struct queue_batch *batch = &queue->batch;
    uint64_t octets = IDLE_OCTETS;
    size_t moves = IDLE_MOVES;
    if (batch->count) {
        octets = (uint64_t)CHANGE_OCTETS * batch->count;
        moves = 2 * batch->count;
        for (size_t i = 0; queue->task == QUEUE_TASK_BODY && i < batch->count; i++)
            for (size_t k = 0; k < countof(batch->changes[i].content); k++)
                octets += batch->changes[i].content[k].len;
    }
    if (sweep_items(queue, &octets, &moves) &&
        (queue->task == QUEUE_TASK_BODY || sweep_notes(queue, &octets, &moves)))
        queue->task = QUEUE_TASK_NONE; /* what is left is looked for again when it is worth it */
}

void queue_plan(struct queue *queue)
{
    struct queue_batch *batch = &queue->batch;
    struct queue_segment *emptiest = queue->bodies_changed ? sort_bodies(queue) : NULL;
    struct queue_segment *journal = deletable_journal(queue);
    offer_spares(queue);
    if (journal) {
        batch->old_journal = journal->number;
        batch->old_journal_damaged = journal->damaged;
    }
    if (queue->task == QUEUE_TASK_NONE)
        choose_task(queue, emptiest);
    if (queue->task != QUEUE_TASK_NONE && (!queue->task_paused || batch->count))
        sweep(queue);
}

static void mark_stuck(struct queue *queue, const struct queue_move *move)
{
    struct queue_segments *segments = move->with_body ? &queue->bodies : &queue->journals;
    const struct queue_place *place = move->with_body ? &move->body : &move->record;
    struct queue_segment *segment = queue_segment(segments, place->segment);
    if (!segment || segment->stuck)
        return;
    segment->stuck = true;
    log_error("queue", "%s-%08x is damaged at octet %u: it stays as it is", segments->kind,
              (unsigned)segment->number, (unsigned)place->offset);
}

static void finish_move(struct queue *queue, struct queue_move *move)
{
    struct queue_segment *journal = queue_segment(&queue->journals, move->record.segment);
    struct queue_segment *body =
        move->with_body ? queue_segment(&queue->bodies, move->body.segment) : NULL;
    journal->holds--;
    if (body)
        body->holds--;
    if (move->note)
        move->note->pending--;
    if (move->result != OK) {
        if (move->result == PERM)
            mark_stuck(queue, move);
        else
            queue->task_paused = true;
        return;
    }
    queue->task_paused = false;
    struct queue_item *item = move->note ? NULL : queue_slot(queue, move->number);
    queue_count_record(queue, &move->record, false);
    queue_count_record(queue, &move->new_record, true);
    queue->moved_octets += move->record.length;
    *(item ? &item->record : &move->note->record) = move->new_record;
    if (!item || !move->with_body)
        return;
    queue_count_body(queue, &move->body, false);
    queue_count_body(queue, &move->new_body, true);
    queue->moved_octets += move->body.length;
    item->body = move->new_body;
}

void queue_plan_done(struct queue *queue)
{
    struct queue_batch *batch = &queue->batch;
    for (size_t i = 0; i < batch->move_count; i++)
        finish_move(queue, &batch->moves[i]);
    batch->move_count = 0;
    if (batch->old_journal_gone)
        queue_segment_remove(queue, &queue->journals, batch->old_journal);
    else if (batch->old_journal)
        queue->task_paused = true;
    for (size_t i = 0; i < batch->forgotten_count; i++) {
        if (batch->gone[i])
            queue_segment_remove(queue, &queue->bodies, batch->forgotten[i]);
        else
            queue->task_paused = queue->bodies_changed = true;
    }
}

bool queue_wants_upkeep(const struct queue *queue)
{
    return !queue->options.read_only && !queue->batch.under_way && !queue->task_paused &&
           (queue->task != QUEUE_TASK_NONE || queue->bodies_changed || deletable_journal(queue) ||
            journal_is_full_of_dead(queue));
}
