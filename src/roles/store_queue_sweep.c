/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What has become too old, and whose senders are to be warned. However dead its destination is, each
 * message is looked at about once a minute; that costs a look at memory. So neither a million messages nor
 * a clock that is set need timers.
 */
#include "roles/store_report.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>

#define SWEEP_PAUSE MINUTE
#define SWEEP_BREATH MILLISECOND
#define SWEEP_FULL SECOND
enum {
    SWEEP_AT_ONCE = 5000,  /* messages between two breaths */
    SWEEP_FIBERS = 64
};

struct sweep {
    struct store_queue *queue;
    uint32_t number;
    bool expired;
    unsigned tries;        /* the least of its tasks */
};

/* The delay is told once, or found to be nobody's business. */
static void stop_watching(struct store_queue *queue, uint32_t number)
{
    for (uint32_t t = schedule_first(queue->schedule, number); t != SCHEDULE_NONE;
         t = schedule_following(queue->schedule, t))
        schedule_unwatch(queue->schedule, t);
}

static void expire_all(struct store_queue *queue, struct live *live)
{
    for (size_t i = 0; i < live->envelope.recipient_count; i++) {
        const struct queue_recipient *recipient = &live->envelope.recipients[i];
        if (live->done[i] || recipient->bounce_wanted || recipient->relayed)
            continue;
        queue_expire(queue, live, i);
    }
}

static void sweep_message(void *argument)
{
    struct sweep *sweep = argument;
    struct store_queue *queue = sweep->queue;
    struct error error;
    struct live *live = live_open(queue, sweep->number, &error);
    if (live && live->wish == LIVE_GO_ON && queue_take_all(queue, sweep->number)) {
        if (sweep->expired)
            expire_all(queue, live);
        stop_watching(queue, sweep->number);
        queue_settle(queue, live);
    }
    if (live)
        live_close(queue, live);
    free(sweep);
}

static bool begin(struct store_queue *queue, const struct sweep *found)
{
    struct sweep *sweep = malloc(sizeof(*sweep));
    if (sweep)
        *sweep = *found;
    if (sweep && fiber_group_start(&queue->sweeps, "sweep", sweep_message, sweep))
        return true;
    free(sweep);
    return false;
}

/* True: something is to be done about it. */
static bool look(struct store_queue *queue, uint32_t number, struct sweep *out)
{
    const struct queue_item *item = queue_item(queue->queue, number);
    int64_t now = loop_epoch();
    bool watched = false;
    *out = (struct sweep){.queue = queue, .number = number, .expired = now >= item->expires_at,
                          .tries = UINT32_MAX};
    int64_t after = queue->store->role->config.queue.delay_warning / SECOND;
    bool old = now >= item->queued_at + (after ? after : report_delay_after(queue->store, NULL));
    if (!out->expired && !old)
        return false;
    uint32_t task = schedule_first(queue->schedule, number);
    if (task == SCHEDULE_NONE)
        return false;
    for (; task != SCHEDULE_NONE; task = schedule_following(queue->schedule, task)) {
        struct schedule_task state = schedule_task(queue->schedule, task);
        if (state.taken || state.held)
            return false;
        if (state.tries < out->tries)
            out->tries = state.tries;
        watched |= state.watched;
    }
    out->expired = out->expired && out->tries >= QUEUE_TRIES_LEAST;
    /* A clock that was set makes nobody's mail late: something must have been tried. */
    return out->expired || (old && watched && out->tries > 0);
}

/* False: the end was reached. */
static bool sweep_some(struct store_queue *queue, bool *full)
{
    *full = false;
    for (size_t i = 0; i < SWEEP_AT_ONCE; i++) {
        struct sweep found;
        uint32_t next = queue_next(queue->queue, queue->swept);
        if (next == QUEUE_NO_ITEM) {
            queue->swept = QUEUE_NO_ITEM;
            return false;
        }
        if (look(queue, next, &found)) {
            if (queue->sweeps.count >= SWEEP_FIBERS || !begin(queue, &found)) {
                *full = true;
                return true;
            }
        }
        queue->swept = next;
    }
    return true;
}

void queue_sweep_fiber(void *argument)
{
    struct store_queue *queue = argument;
    while (!queue->stopping) {
        bool full, more = sweep_some(queue, &full);
        if (fiber_sleep(full ? SWEEP_FULL : more ? SWEEP_BREATH : SWEEP_PAUSE) == ECANCELED)
            return;
    }
}
