/* SPDX-License-Identifier: BSD-2-Clause */
#include "queue/schedule_private.h"

#include <stdlib.h>

#define IDLE (5 * MINUTE)
#define BUSY_FIRST (30 * SECOND)
#define UNTRIED_PAUSE (10 * SECOND)
#define PACE_FIRST SECOND
#define PACE_MOST MINUTE
#define PACE_LEAST (50 * MILLISECOND)
enum {
    LIMIT_FIRST = 5,    /* sessions with a destination of which nothing is known */
    NEW_IN_A_ROW = 4,   /* one of so many is not a new one */
    BURST_SECONDS = 10  /* of a rate: so much may be sent at once */
};

static unsigned most_of(const struct schedule *schedule, const struct destination *destination)
{
    unsigned most = destination->most ? destination->most : schedule->options.concurrency;
    if (most > schedule->options.sessions)
        most = schedule->options.sessions;
    return most < 1 ? 1 : most > UINT16_MAX ? UINT16_MAX : most;
}

static uint16_t first_limit(const struct schedule *schedule, const struct destination *destination)
{
    unsigned most = most_of(schedule, destination);
    return (uint16_t)(most < LIMIT_FIRST ? most : LIMIT_FIRST);
}

static bool has_fallback(const struct schedule *schedule, const struct destination *destination)
{
    return schedule->options.fallback && !destination->direct && !destination->insecure;
}

/* It is not reached, but there is another way for its mail until it is time to probe it. */
static bool goes_round(const struct schedule *schedule, const struct destination *destination, int64_t now)
{
    return has_fallback(schedule, destination) && destination->failures &&
           now < destination->blocked_until;
}

/* It could not be reached lately, or was never heard of and has nothing but mail that failed before. */
static bool is_doubtful(const struct schedule *schedule, const struct destination *destination)
{
    return destination->failures || (!destination->heard && destination->first == SCHEDULE_NONE &&
                                     !has_fallback(schedule, destination));
}

static unsigned limit_of(const struct schedule *schedule, const struct destination *destination,
                         int64_t now)
{
    if (goes_round(schedule, destination, now))
        return most_of(schedule, destination);
    return is_doubtful(schedule, destination) ? 1 : destination->limit;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static unsigned rate_of(const struct schedule *schedule, const struct destination *destination)
{
    return destination->rate ? destination->rate : schedule->options.rate;
}

/* When its rate and its pace let it begin another one. */
static int64_t allowed_at(const struct schedule *schedule, const struct destination *destination)
{
    unsigned rate = rate_of(schedule, destination);
    if (!rate)
        return destination->next_start;
    int64_t burst = rate * BURST_SECONDS / 60, interval = MINUTE / rate;
    return later(destination->next_start, destination->full_at - (burst > 1 ? burst - 1 : 0) * interval);
}

/* When its next task is to be tried. NO_DEADLINE: nothing waits, or nothing can begin until something ends. */
static int64_t ready_at(const struct schedule *schedule, const struct destination *destination, int64_t now)
{
    int64_t at = 0;
    if (destination->first == SCHEDULE_NONE) {
        if (destination->put_off == SCHEDULE_NONE)
            return NO_DEADLINE;
        at = task_due(schedule, task_at(schedule, destination->put_off));
    }
    if (destination->running >= limit_of(schedule, destination, now))
        /* With the probe's turn the limit changes. */
        return goes_round(schedule, destination, now) ? destination->blocked_until : NO_DEADLINE;
    at = later(at, allowed_at(schedule, destination));
    if (!goes_round(schedule, destination, now))
        return later(at, destination->blocked_until);
    int64_t round = later(at, destination->fallback_until);
    return round < destination->blocked_until ? round : later(at, destination->blocked_until);
}

/* Puts the destination where it belongs now: among those that take turns, or behind a timer. */
static void settle(struct schedule *schedule, uint32_t index, int64_t now)
{
    const struct destination *destination = destination_at(schedule, index);
    int64_t at = ready_at(schedule, destination, now);
    if (at <= now) {
        timer_drop(schedule, index);
        ring_join(schedule, index,
                  is_doubtful(schedule, destination) && !goes_round(schedule, destination, now) ? RING_PROBE
                                                                                     : RING_LIVING);
        return;
    }
    ring_leave(schedule, index);
    if (!destination->tasks)
        at = later(now, destination->failures ? destination->blocked_until : 0) + IDLE;
    if (at == NO_DEADLINE)
        timer_drop(schedule, index);
    else
        timer_put(schedule, index, at);
}

struct schedule *schedule_create(const struct schedule_options *options)
{
    struct schedule *schedule = calloc(1, sizeof(*schedule));
    if (!schedule)
        return NULL;
    schedule->options = *options;
    schedule->chance.state = options->seed;
    schedule->tasks.free = schedule->destinations.free = SCHEDULE_NONE;
    for (size_t i = 0; i < RINGS; i++)
        schedule->rings[i] = SCHEDULE_NONE;
    return schedule;
}

void schedule_destroy(struct schedule *schedule)
{
    if (!schedule)
        return;
    destinations_destroy(schedule);
    tasks_destroy(schedule);
    free(schedule);
}

void schedule_configure(struct schedule *schedule, const struct schedule_options *options, int64_t now)
{
    schedule->options = *options;
    for (uint32_t i = 0; i < schedule->destinations.used; i++) {
        struct destination *destination = destination_at(schedule, i);
        if (!destination->name)
            continue;
        if (destination->limit > most_of(schedule, destination))
            destination->limit = (uint16_t)most_of(schedule, destination);
        settle(schedule, i, now);
    }
}

static uint16_t narrow(unsigned number)
{
    return number > UINT16_MAX ? UINT16_MAX : (uint16_t)number;
}

static void count_up(uint8_t *count)
{
    if (*count < UINT8_MAX)
        (*count)++;
}

uint32_t schedule_find(const struct schedule *schedule, struct bytes name)
{
    return destination_find(schedule, name);
}

uint32_t schedule_destination(struct schedule *schedule, struct bytes name, unsigned concurrency,
                              unsigned rate, int64_t now)
{
    uint32_t index = destination_find(schedule, name);
    bool made = index == SCHEDULE_NONE;
    if (made)
        index = destination_make(schedule, name);
    if (index == SCHEDULE_NONE)
        return SCHEDULE_NONE;
    struct destination *destination = destination_at(schedule, index);
    destination->most = narrow(concurrency);
    destination->rate = narrow(rate);
    if (made) {
        destination->limit = first_limit(schedule, destination);
        settle(schedule, index, now);
    }
    return index;
}

void schedule_only_directly(struct schedule *schedule, uint32_t destination)
{
    destination_at(schedule, destination)->direct = true;
}

/* Times in tasks count from here. */
static void set_origin(struct schedule *schedule, int64_t now)
{
    if (schedule->has_origin)
        return;
    schedule->origin = now - SECOND;
    schedule->has_origin = true;
}

/* Tasks count in seconds, and never too few; but what is due now is due now. */
static int64_t whole(int64_t due, int64_t now)
{
    return due <= now ? now - SECOND + 1 : due;
}

bool schedule_add(struct schedule *schedule, const struct schedule_adding *adding, int64_t now)
{
    set_origin(schedule, now);
    uint32_t index = task_make(schedule, adding->message);
    if (index == SCHEDULE_NONE)
        return false;
    struct task *task = task_at(schedule, index);
    struct destination *destination = destination_at(schedule, adding->destination);
    task->destination = adding->destination;
    task->attempts = adding->attempts < UINT8_MAX ? (uint8_t)adding->attempts : UINT8_MAX;
    task->tries_before = adding->loaded ? 0 : destination->tries;
    task->held = adding->held & 3;
    task->watched = adding->watched;
    destination->tasks++;
    if (task->held)
        task->state = TASK_HELD;
    else if (!task->attempts && adding->due <= now)
        task_queue(schedule, index);
    else
        task_put_off(schedule, index, whole(adding->due, now));
    settle(schedule, adding->destination, now);
    return true;
}

/* Running */

static uint32_t pick(struct schedule *schedule, struct destination *destination, int64_t now)
{
    bool due = destination->put_off != SCHEDULE_NONE &&
               task_due(schedule, task_at(schedule, destination->put_off)) <= now;
    if (due && (destination->first == SCHEDULE_NONE || ++destination->turn % NEW_IN_A_ROW == 0))
        return destination->put_off;
    return destination->first;
}

static void begin(struct schedule *schedule, uint32_t index, int64_t now, struct schedule_job *job)
{
    struct destination *destination = destination_at(schedule, index);
    uint32_t picked = pick(schedule, destination, now);
    const struct task *task = task_at(schedule, picked);
    bool round = goes_round(schedule, destination, now);
    *job = (struct schedule_job){
        .task = picked,
        .message = task->message,
        .destination = index,
        .attempts = task->attempts,
        .fallback = has_fallback(schedule, destination) && (round || task->attempts > 0),
        .probe = is_doubtful(schedule, destination) && !round,
        .started = now,
    };
    task_unlink(schedule, picked);
    unsigned rate = rate_of(schedule, destination);
    if (rate)
        destination->full_at = later(destination->full_at, now) + MINUTE / rate;
    destination->next_start = now + destination->pace;
    destination->running++;
    schedule->running++;
    schedule->probing += job->probe;
    if (destination->ring)
        schedule->rings[destination->ring] = destination->ring_next;
    settle(schedule, index, now);
}

static void wake(struct schedule *schedule, int64_t now)
{
    while (schedule->timer_count) {
        uint32_t index = schedule->timers[1];
        const struct destination *destination = destination_at(schedule, index);
        if (destination->wake_at > now)
            return;
        timer_drop(schedule, index);
        if (!destination->tasks && !destination->running)
            destination_free(schedule, index);
        else
            settle(schedule, index, now);
    }
}

static bool may_probe(const struct schedule *schedule)
{
    unsigned most = schedule->options.sessions / 2;
    return schedule->probing < (most ? most : 1);
}

static bool take_turn(struct schedule *schedule, enum ring_kind ring, int64_t now,
                      struct schedule_job *job)
{
    if (ring == RING_PROBE && !may_probe(schedule))
        return false;
    while (schedule->rings[ring] != SCHEDULE_NONE) {
        uint32_t index = schedule->rings[ring];
        settle(schedule, index, now); /* the time of a detour may be over */
        if (destination_at(schedule, index)->ring != ring)
            continue;
        begin(schedule, index, now, job);
        return true;
    }
    return false;
}

bool schedule_next(struct schedule *schedule, int64_t now, struct schedule_job *job)
{
    wake(schedule, now);
    if (schedule->running >= (schedule->options.sessions ? schedule->options.sessions : 1))
        return false;
    schedule->turn = !schedule->turn;
    enum ring_kind first = schedule->turn ? RING_LIVING : RING_PROBE;
    return take_turn(schedule, first, now, job) ||
           take_turn(schedule, first == RING_LIVING ? RING_PROBE : RING_LIVING, now, job);
}

int64_t schedule_wake_at(const struct schedule *schedule, int64_t now)
{
    if (schedule->running >= (schedule->options.sessions ? schedule->options.sessions : 1))
        return NO_DEADLINE;
    if (schedule->rings[RING_LIVING] != SCHEDULE_NONE ||
        (schedule->rings[RING_PROBE] != SCHEDULE_NONE && may_probe(schedule)))
        return now;
    return schedule->timer_count ? destination_at(schedule, schedule->timers[1])->wake_at : NO_DEADLINE;
}

/* Outcomes */

static void open_up(const struct schedule *schedule, struct destination *destination,
                    const struct schedule_job *job)
{
    unsigned most = most_of(schedule, destination);
    bool unreached = destination->failures > 0;
    destination->failures = 0;
    destination->blocked_until = 0;
    if (job->started <= destination->lowered_at)
        return; /* it says nothing of what is too much now */
    if (unreached) {
        destination->limit = first_limit(schedule, destination);
    } else if (destination->limit < most && ++destination->credit >= destination->limit) {
        destination->limit++;
        destination->credit = 0;
    }
    destination->busy = 0;
    destination->pace -= destination->pace / 4;
    if (destination->pace < PACE_LEAST)
        destination->pace = 0;
}

static int64_t answered(struct schedule *schedule, struct destination *destination,
                        const struct schedule_job *job)
{
    const struct schedule_options *options = &schedule->options;
    if (job->fallback) {
        destination->fallback_failures = 0;
        destination->fallback_until = 0;
    } else {
        destination->heard = true;
        /* What else waits may have failed for that reason, and the other way is no more secure. */
        if (destination->tasks <= 1)
            destination->insecure = false;
        open_up(schedule, destination, job);
        if (has_fallback(schedule, destination))
            return 0;
    }
    return backoff_delay(options->retry_first, options->retry_most, job->attempts + 1,
                         &schedule->chance);
}

static int64_t too_busy(struct schedule *schedule, struct destination *destination,
                        const struct schedule_job *job, int64_t now)
{
    destination->heard = true;
    if (job->started > destination->lowered_at) {
        destination->limit = destination->limit > 1 ? destination->limit / 2 : 1;
        destination->credit = 0;
        destination->pace = destination->pace ? destination->pace * 2 : PACE_FIRST;
        if (destination->pace > PACE_MOST)
            destination->pace = PACE_MOST;
        destination->lowered_at = now;
        count_up(&destination->busy);
    }
    int64_t delay = backoff_delay(BUSY_FIRST, schedule->options.retry_most, destination->busy,
                                  &schedule->chance);
    /* While others are being served, so may be the next. */
    if (!destination->running && destination->blocked_until < now + delay)
        destination->blocked_until = now + delay;
    return delay;
}

static int64_t unreachable(struct schedule *schedule, struct destination *destination,
                           const struct schedule_job *job, int64_t now)
{
    const struct schedule_options *options = &schedule->options;
    uint8_t *failures = job->fallback ? &destination->fallback_failures : &destination->failures;
    int64_t *until = job->fallback ? &destination->fallback_until : &destination->blocked_until;
    int64_t *lowered_at = job->fallback ? &destination->fallback_lowered_at : &destination->lowered_at;
    if (job->started > *lowered_at) {
        count_up(failures);
        destination->tries++;
        *lowered_at = now;
        *until = now + backoff_delay(options->retry_first, options->retry_most, *failures,
                                     &schedule->chance);
    }
    if (!job->fallback && has_fallback(schedule, destination))
        return 0;
    return later(*until - now, SECOND);
}

int64_t schedule_judge(struct schedule *schedule, const struct schedule_job *job,
                       enum schedule_outcome outcome, int64_t now)
{
    struct destination *destination = destination_at(schedule, job->destination);
    const struct schedule_options *options = &schedule->options;
    int64_t delay = 0;
    destination->running--;
    schedule->running--;
    schedule->probing -= job->probe;
    switch (outcome) {
    case SCHEDULE_ANSWERED:
        delay = answered(schedule, destination, job);
        break;
    case SCHEDULE_BUSY:
        delay = too_busy(schedule, destination, job, now);
        break;
    case SCHEDULE_INSECURE:
        destination->insecure |= !job->fallback;
        delay = unreachable(schedule, destination, job, now);
        break;
    case SCHEDULE_UNREACHABLE:
        delay = unreachable(schedule, destination, job, now);
        break;
    case SCHEDULE_LOST:
        delay = backoff_delay(options->retry_first, options->retry_most, job->attempts + 1,
                              &schedule->chance);
        break;
    case SCHEDULE_UNTRIED:
        delay = backoff_jitter(UNTRIED_PAUSE, &schedule->chance);
        break;
    }
    settle(schedule, job->destination, now);
    return delay;
}

void schedule_keep(struct schedule *schedule, uint32_t index, unsigned attempts, int64_t due, int64_t now)
{
    struct task *task = task_at(schedule, index);
    task->attempts = attempts < UINT8_MAX ? (uint8_t)attempts : UINT8_MAX;
    if (task->held) {
        task->due = 0;
        task->state = TASK_HELD;
    } else if (!attempts && due <= now) {
        task_queue(schedule, index);
    } else {
        task_put_off(schedule, index, whole(due, now));
    }
    settle(schedule, task->destination, now);
}

void schedule_remove(struct schedule *schedule, uint32_t index, int64_t now)
{
    uint32_t where = task_at(schedule, index)->destination;
    struct destination *destination = destination_at(schedule, where);
    task_unlink(schedule, index);
    task_free(schedule, index);
    destination->tasks--;
    settle(schedule, where, now);
}

bool schedule_take(struct schedule *schedule, uint32_t index, int64_t now)
{
    struct task *task = task_at(schedule, index);
    if (task->state == TASK_TAKEN)
        return false;
    task_unlink(schedule, index);
    settle(schedule, task->destination, now);
    return true;
}

/* Looking, holding */

uint32_t schedule_first(const struct schedule *schedule, uint32_t message)
{
    return task_head(schedule, message);
}

uint32_t schedule_following(const struct schedule *schedule, uint32_t task)
{
    return task_at(schedule, task)->sibling;
}

struct schedule_task schedule_task(const struct schedule *schedule, uint32_t index)
{
    const struct task *task = task_at(schedule, index);
    const struct destination *destination = destination_at(schedule, task->destination);
    unsigned shared = (uint16_t)(destination->tries - task->tries_before);
    return (struct schedule_task){
        .message = task->message,
        .destination = task->destination,
        .attempts = task->attempts,
        .tries = shared > task->attempts ? shared : task->attempts,
        .held = task->held,
        .taken = task->state == TASK_TAKEN,
        .watched = task->watched,
        .due = task->due ? task_due(schedule, task) : 0,
    };
}

void schedule_unwatch(struct schedule *schedule, uint32_t task)
{
    task_at(schedule, task)->watched = 0;
}

void schedule_hold(struct schedule *schedule, uint32_t message, enum schedule_hold hold, bool on,
                   int64_t now)
{
    for (uint32_t i = task_head(schedule, message); i != SCHEDULE_NONE; i = schedule_following(schedule, i)) {
        struct task *task = task_at(schedule, i);
        task->held = on ? task->held | hold : task->held & ~(unsigned)hold;
        if (task->state == TASK_TAKEN)
            continue;
        if (task->held) {
            task_unlink(schedule, i);
            task->state = TASK_HELD;
            settle(schedule, task->destination, now);
        } else if (task->state == TASK_HELD) {
            task->state = TASK_TAKEN;
            schedule_keep(schedule, i, task->attempts, now, now);
        }
    }
}

void schedule_retry(struct schedule *schedule, uint32_t message, int64_t now)
{
    for (uint32_t i = task_head(schedule, message); i != SCHEDULE_NONE; i = schedule_following(schedule, i)) {
        struct task *task = task_at(schedule, i);
        struct destination *destination = destination_at(schedule, task->destination);
        if (task->state == TASK_NEW || task->state == TASK_PUT_OFF) {
            task_unlink(schedule, i);
            task_put_off(schedule, i, 0);
            destination->turn = NEW_IN_A_ROW - 1;
        }
        destination->blocked_until = destination->fallback_until = destination->next_start = 0;
        settle(schedule, task->destination, now);
    }
}

size_t schedule_table_size(const struct schedule *schedule)
{
    return schedule->destinations.used;
}

bool schedule_status(const struct schedule *schedule, uint32_t index, struct schedule_status *out)
{
    if (index >= schedule->destinations.used || !destination_at(schedule, index)->name)
        return false;
    const struct destination *destination = destination_at(schedule, index);
    *out = (struct schedule_status){
        .name = bytes_from(destination->name + 1, destination->name[0]),
        .tasks = destination->tasks,
        .running = destination->running,
        .limit = is_doubtful(schedule, destination) ? 1 : destination->limit,
        .failures = destination->failures,
        .insecure = destination->insecure,
        .blocked_until = destination->blocked_until,
        .sample = destination->put_off,
    };
    return true;
}

void schedule_restore(struct schedule *schedule, uint32_t index, unsigned failures, bool insecure,
                      int64_t blocked_until, int64_t now)
{
    struct destination *destination = destination_at(schedule, index);
    destination->failures = failures < UINT8_MAX ? (uint8_t)failures : UINT8_MAX;
    destination->tries = narrow(destination->tries + failures);
    destination->insecure = insecure;
    destination->blocked_until = blocked_until;
    settle(schedule, index, now);
}

struct schedule_figures schedule_figures(const struct schedule *schedule)
{
    return (struct schedule_figures){
        .tasks = schedule->task_count,
        .destinations = schedule->destination_count,
        .running = schedule->running,
        .sessions = schedule->options.sessions,
        .memory_octets = schedule->tasks.chunk_count * TASK_CHUNK * sizeof(struct task) +
                         schedule->destinations.chunk_count * DESTINATION_CHUNK * sizeof(struct destination) +
                         schedule->heads.chunk_count * HEAD_CHUNK * sizeof(uint32_t) +
                         schedule->table_size * sizeof(uint32_t) +
                         schedule->timer_capacity * sizeof(uint32_t) + schedule->name_octets,
    };
}
