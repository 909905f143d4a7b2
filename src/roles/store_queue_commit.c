/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One committer for the queue: while a batch is being written on a worker, further changes gather for
 * the next one (as in store_commit.c).
 */
#include "roles/store_queue_private.h"

#include "base/log.h"
#include "fiber/offload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_MAX = 512, NOTE_KEY_MAX = 512 };
#define UPKEEP_PAUSE (20 * MILLISECOND)

struct queue_ticket {
    struct queue_ticket *next;
    struct queue_change *change;
    struct fiber *owner;   /* NULL: nobody waits, and the ticket is to be freed */
    bool done;
};

struct batch {
    struct queue *queue;
    struct queue_change changes[BATCH_MAX];
    struct queue_ticket *tickets[BATCH_MAX];
    size_t count;
};

static void hand_in(struct store_queue *queue, struct queue_ticket *ticket)
{
    *queue->commit_last = ticket;
    queue->commit_last = &ticket->next;
    fiber_signal_one(&queue->commit_wanted);
}

void queue_commit_change(struct store_queue *queue, struct queue_change *change)
{
    struct queue_ticket ticket = {.change = change, .owner = fiber_current()};
    hand_in(queue, &ticket);
    /* The ticket is on this stack: nothing may end the wait before the batch is through. */
    fiber_shield();
    while (!ticket.done)
        fiber_park(NO_DEADLINE);
    fiber_unshield();
}

void queue_hand_note(struct store_queue *queue, struct bytes key, struct bytes value)
{
    struct queue_ticket *ticket =
        calloc(1, sizeof(*ticket) + sizeof(struct queue_change) + key.len + value.len);
    if (!ticket)
        return; /* a hint for the next start */
    ticket->change = (struct queue_change *)(ticket + 1);
    uint8_t *to = (uint8_t *)(ticket->change + 1);
    memcpy(to, key.ptr, key.len);
    if (value.len)
        memcpy(to + key.len, value.ptr, value.len);
    *ticket->change = (struct queue_change){.kind = QUEUE_NOTE,
                                            .key = bytes_from(to, key.len),
                                            .value = bytes_from(to + key.len, value.len)};
    hand_in(queue, ticket);
}

void queue_note_destination(struct store_queue *queue, uint32_t destination)
{
    struct schedule_status status;
    char key[NOTE_KEY_MAX], value[64] = "";
    if (!schedule_status(queue->schedule, destination, &status))
        return;
    int length = snprintf(key, sizeof(key), "destination " BYTES_FMT, BYTES_ARG(status.name));
    int64_t until = loop_epoch() + (status.blocked_until - loop_now()) / SECOND;
    if (status.failures || status.insecure)
        snprintf(value, sizeof(value), "%u %lld%s", status.failures, (long long)until,
                 status.insecure ? " insecure" : "");
    queue_hand_note(queue, bytes_from(key, (size_t)length), bytes_of(value));
}

static void take_batch(struct store_queue *queue, struct batch *batch)
{
    batch->count = 0;
    while (queue->commit_first && batch->count < BATCH_MAX) {
        struct queue_ticket *ticket = queue->commit_first;
        queue->commit_first = ticket->next;
        batch->tickets[batch->count] = ticket;
        batch->changes[batch->count++] = *ticket->change;
    }
    if (!queue->commit_first)
        queue->commit_last = &queue->commit_first;
}

static void write_batch(void *argument)
{
    struct batch *batch = argument;
    queue_write(batch->queue);
}

/* Its number may mean another message from now on. */
static void forget(struct store_queue *queue, uint32_t number)
{
    struct live *live = map_remove(queue->lives, bytes_from(&number, sizeof(number)));
    if (live)
        live->removed = true;
}

static void run_batch(struct store_queue *queue, struct batch *batch)
{
    queue_begin(queue->queue, batch->changes, batch->count);
    offload(write_batch, batch);
    queue_finish(queue->queue);
    for (size_t i = 0; i < batch->count; i++)
        if (batch->changes[i].kind == QUEUE_REMOVE && batch->changes[i].result == OK)
            forget(queue, batch->changes[i].number);
    for (size_t i = 0; i < batch->count; i++) {
        struct queue_ticket *ticket = batch->tickets[i];
        if (!ticket->owner) {
            if (batch->changes[i].result != OK)
                log_warning("queue", "%s", batch->changes[i].error.text);
            free(ticket);
            continue;
        }
        *ticket->change = batch->changes[i];
        ticket->done = true;
        fiber_wake(ticket->owner);
    }
}

void queue_commit_fiber(void *argument)
{
    struct store_queue *queue = argument;
    struct batch *batch = arena_new(queue->store->role->arena, struct batch);
    require(batch);
    batch->queue = queue->queue;
    for (;;) {
        take_batch(queue, batch);
        if (batch->count) {
            run_batch(queue, batch);
            continue;
        }
        bool upkeep = queue_wants_upkeep(queue->queue);
        int why = fiber_signal_wait(&queue->commit_wanted,
                                    upkeep ? loop_deadline(UPKEEP_PAUSE) : NO_DEADLINE);
        if (why == ECANCELED)
            return;
        if (why == ETIMEDOUT && !queue->commit_first)
            run_batch(queue, batch);
    }
}
