/* SPDX-License-Identifier: BSD-2-Clause */
/* The queue as people see it: looking at messages, and doing something about them. */
#include "roles/store_queue_private.h"

#include "base/log.h"
#include "message/mailbox.h"

#include <errno.h>
#include <stdlib.h>

enum {
    LOOK_AT_ONCE = 200,    /* envelopes read between two breaths */
    PASS_AT_ONCE = 20000,  /* items looked at */
    ACT_FIBERS = 128,
    ENVELOPE_ARENA = 4 * QUEUE_ENVELOPE_MAX
};

static const char *const state_names[] = {"active", "waiting", "held"};
static const char *const action_names[STORE_QUEUE_ACTIONS] = {"hold", "release", "retry", "drop", "bounce"};

const char *store_queue_state_name(enum store_queue_state state)
{
    return state_names[state];
}

bool store_queue_action_parse(struct bytes name, enum store_queue_action *out)
{
    for (size_t i = 0; i < STORE_QUEUE_ACTIONS; i++) {
        if (!bytes_is(name, action_names[i]))
            continue;
        *out = (enum store_queue_action)i;
        return true;
    }
    return false;
}

/* Selecting */

static bool item_fits(const struct queue_item *item, const struct store_queue_filter *filter)
{
    int64_t age = loop_epoch() - item->queued_at;
    if (filter->older_than && age < filter->older_than)
        return false;
    if (filter->younger_than && age > filter->younger_than)
        return false;
    return !filter->account.len || item->account == queue_account_hash(filter->account);
}

static bool recipient_fits(const struct queue_recipient *recipient, struct bytes wanted)
{
    struct bytes domain = mailbox_domain(recipient->address);
    if (bytes_starts_with(wanted, BYTES("@")))
        wanted = bytes_skip(wanted, 1);
    return bytes_equal_nocase(domain, wanted) || bytes_equal_nocase(recipient->address, wanted);
}

static bool some_recipient_fits(const struct queue_envelope *envelope, struct bytes wanted)
{
    for (size_t i = 0; i < envelope->recipient_count; i++)
        if (recipient_fits(&envelope->recipients[i], wanted))
            return true;
    return false;
}

static bool reason_fits(const struct queue_envelope *envelope, struct bytes wanted)
{
    if (bytes_find_nocase(envelope->held_reason, wanted) != BYTES_NOT_FOUND)
        return true;
    for (size_t i = 0; i < envelope->recipient_count; i++)
        if (bytes_find_nocase(envelope->recipients[i].text, wanted) != BYTES_NOT_FOUND)
            return true;
    return false;
}

static bool sender_fits(const struct queue_envelope *envelope, struct bytes wanted)
{
    return bytes_is(wanted, "<>") ? envelope->sender.len == 0
                                  : bytes_equal_nocase(envelope->sender, wanted);
}

static bool envelope_fits(const struct queue_envelope *envelope, const struct store_queue_filter *filter)
{
    return (!filter->id.len || bytes_equal(envelope->id, filter->id)) &&
           (!filter->account.len || bytes_equal_nocase(envelope->account, filter->account)) &&
           (!filter->sender.len || sender_fits(envelope, filter->sender)) &&
           (!filter->recipient.len || some_recipient_fits(envelope, filter->recipient)) &&
           (!filter->reason.len || reason_fits(envelope, filter->reason));
}

static void fill_state(const struct store_queue *queue, struct store_queue_row *row)
{
    unsigned held = 0;
    bool taken = false;
    int64_t next = INT64_MAX;
    for (uint32_t t = schedule_first(queue->schedule, row->number); t != SCHEDULE_NONE;
         t = schedule_following(queue->schedule, t)) {
        struct schedule_task task = schedule_task(queue->schedule, t);
        struct schedule_status status;
        int64_t due = task.due;
        held |= task.held;
        taken |= task.taken;
        if (schedule_status(queue->schedule, task.destination, &status) && status.blocked_until > due)
            due = status.blocked_until;
        if (due < next)
            next = due;
    }
    row->state = taken ? STORE_QUEUE_ACTIVE : held ? STORE_QUEUE_HELD : STORE_QUEUE_WAITING;
    row->account_held = (held & SCHEDULE_HOLD_ACCOUNT) != 0;
    if (row->state == STORE_QUEUE_WAITING && next != INT64_MAX && next > loop_now())
        row->next_try = loop_epoch() + (next - loop_now() + SECOND - 1) / SECOND;
}

/* OK: it was given to `each`; NONE: it does not fit, or is gone. */
static enum result look_at(struct store_queue *queue, uint32_t number, const struct store_queue_filter *filter,
                           struct arena *arena, store_queue_each *each, void *context, bool *go_on)
{
    struct queue_hold hold;
    struct queue_envelope envelope;
    struct error error;
    struct store_queue_row row = {.number = number, .envelope = &envelope};
    const struct queue_item *item = queue_item(queue->queue, number);
    if (!item || !item_fits(item, filter))
        return NONE;
    fill_state(queue, &row);
    if (filter->held_only && row.state != STORE_QUEUE_HELD)
        return NONE;
    if (queue_hold(queue->queue, number, &hold, &error) != OK)
        return NONE;
    uint64_t size = item->body.length;
    enum result result = queue_read_envelope(queue->queue, &hold, arena, &envelope, &error);
    queue_release(queue->queue, &hold);
    if (result != OK) {
        log_warning("queue", "a message cannot be read: %s", error.text);
        return NONE;
    }
    envelope.size = size;
    if (!envelope_fits(&envelope, filter))
        return NONE;
    *go_on = each(context, &row);
    return OK;
}

static enum result select_all(struct store_queue *queue, const struct store_queue_filter *filter,
                              struct arena *arena, store_queue_each *each, void *context)
{
    size_t found = 0, passed = 0, read = 0;
    bool go_on = true;
    uint32_t number = QUEUE_NO_ITEM;
    while (go_on && (number = queue_next(queue->queue, number)) != QUEUE_NO_ITEM) {
        struct arena_mark mark = arena_mark(arena);
        const struct queue_item *item = queue_item(queue->queue, number);
        read += item_fits(item, filter);
        found += look_at(queue, number, filter, arena, each, context, &go_on) == OK;
        arena_rewind(arena, mark);
        if (filter->limit && found >= filter->limit)
            break;
        if (++passed % PASS_AT_ONCE == 0 || read >= LOOK_AT_ONCE) {
            read = 0;
            if (fiber_yield() == ECANCELED)
                return TEMP;
        }
    }
    return OK;
}

enum result store_queue_select(struct store *store, const struct store_queue_filter *filter,
                               store_queue_each *each, void *context, struct error *error)
{
    struct store_queue *queue = store->queue;
    struct arena *arena = arena_create(ENVELOPE_ARENA);
    enum result result = OK;
    bool go_on;
    if (!arena)
        return error_set(error, TEMP, "out of memory");
    if (filter->id.len) {
        uint32_t number = queue_find(queue->queue, filter->id);
        if (number != QUEUE_NO_ITEM)
            (void)look_at(queue, number, filter, arena, each, context, &go_on);
    } else if (select_all(queue, filter, arena, each, context) != OK) {
        result = error_set(error, TEMP, "the store ends");
    }
    arena_destroy(arena);
    return result;
}

/* Acting */

struct chosen {
    struct store_queue *queue;
    enum store_queue_action action;
    struct bytes reason;
    struct { uint32_t number; uint64_t key; } *items;
    size_t count, capacity, next, done;
    bool failed;
};

static bool choose(void *context, const struct store_queue_row *row)
{
    struct chosen *chosen = context;
    if (chosen->count == chosen->capacity) {
        size_t capacity = chosen->capacity ? chosen->capacity * 2 : 64;
        void *items = realloc(chosen->items, capacity * sizeof(*chosen->items));
        if (!items) {
            chosen->failed = true;
            return false;
        }
        chosen->items = items;
        chosen->capacity = capacity;
    }
    chosen->items[chosen->count].number = row->number;
    chosen->items[chosen->count++].key = queue_item(chosen->queue->queue, row->number)->key;
    return true;
}

static bool set_hold(struct chosen *chosen, struct live *live, bool on)
{
    struct store_queue *queue = chosen->queue;
    live->envelope.held = on;
    live->envelope.held_reason = on ? live_keep(live, chosen->reason) : BYTES("");
    schedule_hold(queue->schedule, live->number, SCHEDULE_HOLD_MESSAGE, on, loop_now());
    /* Who releases it wants to see it go, whatever pause it or its destination is in. */
    if (!on)
        schedule_retry(queue->schedule, live->number, loop_now());
    queue_wake(queue);
    return live_commit(queue, live) == OK;
}

static bool set_wish(struct chosen *chosen, struct live *live)
{
    struct store_queue *queue = chosen->queue;
    live->wish = chosen->action == STORE_QUEUE_DROP ? LIVE_DROP : LIVE_BOUNCE;
    /* Else who works on it now will see the wish. */
    if (queue_take_all(queue, live->number))
        queue_settle(queue, live);
    return true;
}

static bool act_on(struct chosen *chosen, uint32_t number)
{
    struct store_queue *queue = chosen->queue;
    struct error error;
    bool fine = false;
    if (chosen->action == STORE_QUEUE_RETRY) {
        schedule_retry(queue->schedule, number, loop_now());
        queue_wake(queue);
        return true;
    }
    struct live *live = live_open(queue, number, &error);
    if (!live)
        return false;
    if (!live->removed)
        fine = chosen->action == STORE_QUEUE_HOLD      ? set_hold(chosen, live, true)
               : chosen->action == STORE_QUEUE_RELEASE ? set_hold(chosen, live, false)
                                                       : set_wish(chosen, live);
    live_close(queue, live);
    return fine;
}

static void act_fiber(void *argument)
{
    struct chosen *chosen = argument;
    while (chosen->next < chosen->count && !chosen->queue->stopping) {
        size_t i = chosen->next++;
        const struct queue_item *item = queue_item(chosen->queue->queue, chosen->items[i].number);
        /* The number may be another message's by now. */
        if (item && item->key == chosen->items[i].key)
            chosen->done += act_on(chosen, chosen->items[i].number);
    }
}

enum result store_queue_act(struct store *store, const struct store_queue_filter *filter,
                            enum store_queue_action action, struct bytes reason, size_t *count,
                            struct error *error)
{
    struct chosen chosen = {.queue = store->queue, .action = action, .reason = reason};
    struct fiber_group group;
    enum result result = store_queue_select(store, filter, choose, &chosen, error);
    if (result == OK && chosen.failed)
        result = error_set(error, TEMP, "out of memory");
    if (result == OK) {
        fiber_group_open(&group);
        for (size_t i = 1; i < ACT_FIBERS && i < chosen.count; i++)
            if (!fiber_group_start(&group, "act", act_fiber, &chosen))
                break;
        act_fiber(&chosen);
        fiber_group_wait(&group, NO_DEADLINE);
        fiber_group_close(&group);
    }
    *count = chosen.done;
    free(chosen.items);
    return result;
}

/* Figures */

struct ranking {
    uint32_t destination;
    size_t tasks;
};

static int by_tasks(const void *a, const void *b)
{
    const struct ranking *left = a, *right = b;
    return left->tasks > right->tasks ? -1 : left->tasks < right->tasks;
}

/* The words of a server that one of its waiting messages has heard. */
static struct bytes reason_of(struct store_queue *queue, struct arena *arena, uint32_t destination, uint32_t sample)
{
    struct queue_hold hold;
    struct queue_envelope envelope;
    struct error error;
    struct bytes reason = BYTES("");
    struct arena *scratch = sample == SCHEDULE_NONE ? NULL : arena_create(ENVELOPE_ARENA);
    if (scratch && queue_hold(queue->queue, schedule_task(queue->schedule, sample).message, &hold, &error) == OK) {
        if (queue_read_envelope(queue->queue, &hold, scratch, &envelope, &error) == OK)
            for (size_t i = 0; i < envelope.recipient_count && !reason.len; i++)
                if (envelope.recipients[i].text.len &&
                    queue_destination(queue, envelope.recipients[i].address, envelope.tls_optional) ==
                        destination)
                    reason = arena_copy(arena, bytes_first(envelope.recipients[i].text, 200));
        queue_release(queue->queue, &hold);
    }
    arena_destroy(scratch);
    return reason;
}

static int64_t oldest_of(const struct store_queue *queue, uint32_t number, int64_t oldest)
{
    int64_t queued_at = queue_item(queue->queue, number)->queued_at;
    return !oldest || queued_at < oldest ? queued_at : oldest;
}

/* One pass over all messages: who is held, who is oldest. In one go: the table of destinations must not
 * change meanwhile. */
static void pass(struct store_queue *queue, struct store_queue_stats *out, int64_t *oldest)
{
    for (uint32_t n = QUEUE_NO_ITEM; (n = queue_next(queue->queue, n)) != QUEUE_NO_ITEM;) {
        bool held = false;
        out->oldest = oldest_of(queue, n, out->oldest);
        for (uint32_t t = schedule_first(queue->schedule, n); t != SCHEDULE_NONE;
             t = schedule_following(queue->schedule, t)) {
            struct schedule_task task = schedule_task(queue->schedule, t);
            held |= task.held != 0;
            oldest[task.destination] = oldest_of(queue, n, oldest[task.destination]);
        }
        out->held += held;
    }
}

static void describe(struct store_queue *queue, struct arena *arena, uint32_t index, int64_t oldest,
                     struct store_queue_destination *out)
{
    struct schedule_status status;
    if (!schedule_status(queue->schedule, index, &status))
        return;
    int64_t wait = status.blocked_until - loop_now();
    *out = (struct store_queue_destination){
        .name = arena_copy(arena, status.name),
        .messages = status.tasks,
        .running = status.running,
        .concurrency = status.limit,
        .oldest = oldest,
        .next_try = wait > 0 ? loop_epoch() + (wait + SECOND - 1) / SECOND : 0,
        .failures = status.failures,
        .reason = reason_of(queue, arena, index, status.sample),
    };
}

enum result store_queue_stats(struct store *store, struct arena *arena, size_t most,
                              struct store_queue_stats *out, struct error *error)
{
    struct store_queue *queue = store->queue;
    struct schedule_figures figures = schedule_figures(queue->schedule);
    size_t size = schedule_table_size(queue->schedule), count = 0;
    struct ranking *ranking = calloc(size + 1, sizeof(*ranking));
    int64_t *oldest = calloc(size + 1, sizeof(*oldest));
    *out = (struct store_queue_stats){.figures = queue_figures(queue->queue)};
    out->messages = queue_count(queue->queue);
    out->octets = queue_octets(queue->queue);
    out->tasks = figures.tasks;
    out->running = figures.running;
    out->sessions = figures.sessions;
    for (uint32_t i = 0; ranking && i < size; i++) {
        struct schedule_status status;
        if (schedule_status(queue->schedule, i, &status) && status.tasks)
            ranking[count++] = (struct ranking){i, status.tasks};
    }
    out->destination_count = count;
    out->listed = count < most ? count : most;
    out->destinations = arena_alloc_array(arena, out->listed, sizeof(*out->destinations));
    bool fine = ranking && oldest && out->destinations;
    if (fine) {
        pass(queue, out, oldest);
        qsort(ranking, count, sizeof(*ranking), by_tasks);
        for (size_t i = 0; i < out->listed; i++)
            describe(queue, arena, ranking[i].destination, oldest[ranking[i].destination], &out->destinations[i]);
    }
    free(ranking);
    free(oldest);
    return fine ? OK : error_set(error, TEMP, "out of memory");
}
