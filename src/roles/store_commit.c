/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One committer for all deliveries: while a batch is being written on a worker, further jobs gather and
 * make the next batch. So the cost of the disk's commits is shared by as many messages as wait.
 */
#include "roles/store.h"

#include "fiber/offload.h"

#include <errno.h>

enum { BATCH_MAX = 1024 };

struct commit_ticket {
    struct commit_ticket *next;
    struct maildir_job *job;
    struct fiber *owner;
    bool done;
};

struct batch {
    struct durable *durable;
    struct maildir_job *jobs[BATCH_MAX];
    struct commit_ticket *tickets[BATCH_MAX];
    size_t count;
};

void store_commit(struct store *store, struct maildir_job *job)
{
    struct commit_ticket ticket = {.job = job, .owner = fiber_current()};
    *store->commit_last = &ticket;
    store->commit_last = &ticket.next;
    fiber_signal_one(&store->commit_wanted);
    /* The ticket is on this stack: nothing may end the wait before the batch is through. */
    fiber_shield();
    while (!ticket.done)
        fiber_park(NO_DEADLINE);
    fiber_unshield();
}

static void run_batch(void *argument)
{
    struct batch *batch = argument;
    maildir_commit(batch->durable, batch->jobs, batch->count);
}

static void take_batch(struct store *store, struct batch *batch)
{
    batch->count = 0;
    while (store->commit_first && batch->count < BATCH_MAX) {
        struct commit_ticket *ticket = store->commit_first;
        store->commit_first = ticket->next;
        batch->tickets[batch->count] = ticket;
        batch->jobs[batch->count++] = ticket->job;
    }
    if (!store->commit_first)
        store->commit_last = &store->commit_first;
}

void store_commit_fiber(void *argument)
{
    struct store *store = argument;
    struct batch *batch = arena_new(store->role->arena, struct batch);
    require(batch);
    batch->durable = store->durable;
    for (;;) {
        take_batch(store, batch);
        if (batch->count == 0) {
            if (fiber_signal_wait(&store->commit_wanted, NO_DEADLINE) == ECANCELED)
                return;
            continue;
        }
        offload(run_batch, batch);
        for (size_t i = 0; i < batch->count; i++) {
            batch->tickets[i]->done = true;
            fiber_wake(batch->tickets[i]->owner);
        }
    }
}
