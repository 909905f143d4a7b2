/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * schedule: when which message is tried at which destination.
 *
 * A task is one message for one destination: all its recipients there. A destination is a name given by
 * the caller (a domain, or a route that several domains share). Pure: no I/O and no clock; `now` is
 * monotonic microseconds of the caller's and never goes back, chance comes from a seed.
 *
 * What has never been tried waits in its destination's line, first come, first served; what was put off
 * waits in its destination's heap. When both are due, new mail goes first three times of four, so that
 * neither stands in the other's way. Only destinations have timers: one that is dead costs one,
 * however many tasks wait for it. Destinations that can be tried now take turns.
 *
 * A destination that cannot be reached is put off as a whole and then probed with one message; one that
 * says it is too busy gets half as many sessions, more slowly. Success opens both again. What has not answered
 * since the start and has only mail that failed before is probed, too. Probes never use more than half of
 * the sessions: time-outs of the dead must not hold up the living.
 *
 * Where there is another way, what was not delivered at the first attempt goes there; but not the mail of a
 * destination none of whose servers was secure enough, until nothing is left that this has happened to.
 *
 * Costs: adding O(1); everything else O(log n) at most, but for going through things. 40 octets a task,
 * about 160 a destination, in slabs that are used again. Nothing here panics for lack of memory: adding
 * says false.
 */
#ifndef VOUCH_QUEUE_SCHEDULE_H
#define VOUCH_QUEUE_SCHEDULE_H

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"

enum { SCHEDULE_NAME_MAX = 255 };
#define SCHEDULE_NONE UINT32_MAX

struct schedule;

struct schedule_options {
    int64_t retry_first, retry_most; /* microseconds */
    unsigned sessions;     /* attempts under way at once, of all; at least 1 */
    unsigned concurrency;  /* … for one destination, at most */
    unsigned rate;         /* messages a minute for one destination; 0: no limit */
    bool fallback;         /* there is another way for what could not be sent at once */
    uint64_t seed;
};

struct schedule *schedule_create(const struct schedule_options *options); /* NULL: out of memory */
void schedule_destroy(struct schedule *schedule); /* NULL is fine */
/* From now on; not the seed. */
void schedule_configure(struct schedule *schedule, const struct schedule_options *options,
                        int64_t now);

/* Finds or makes it. Concurrency and rate of its own, 0: as for all. SCHEDULE_NONE: out of memory, or
 * the name is too long. One without tasks is forgotten when some minutes have passed: add at once. */
uint32_t schedule_destination(struct schedule *schedule, struct bytes name, unsigned concurrency,
                              unsigned rate, int64_t now);
uint32_t schedule_find(const struct schedule *schedule, struct bytes name);
/* There is no other way for its mail. */
void schedule_only_directly(struct schedule *schedule, uint32_t destination);

/* Who holds a task back. */
enum schedule_hold { SCHEDULE_HOLD_MESSAGE = 1, SCHEDULE_HOLD_ACCOUNT = 2 };

struct schedule_adding {
    uint32_t message, destination;
    unsigned attempts;     /* earlier ones */
    int64_t due;           /* loop time; what has never been tried and is due now is new mail */
    unsigned held;         /* of enum schedule_hold */
    bool watched;          /* somebody may have to be told of a delay */
    bool loaded;           /* it was there before the start: earlier failures of its destination count */
};
/* At most once for each pair. False: out of memory. */
bool schedule_add(struct schedule *schedule, const struct schedule_adding *adding, int64_t now) must_check;

struct schedule_job {
    uint32_t task, message, destination;
    unsigned attempts;     /* earlier ones */
    bool fallback;         /* by the other way */
    bool probe;            /* the destination could not be reached lately, or was never heard of */
    int64_t started;
};
/* Takes the next task that is to be tried now. Each must be answered by schedule_judge() and then
 * schedule_keep() or schedule_remove(). */
bool schedule_next(struct schedule *schedule, int64_t now, struct schedule_job *job) must_check;
/* When to ask again if nobody calls anything until then; NO_DEADLINE: then there is no need. */
int64_t schedule_wake_at(const struct schedule *schedule, int64_t now);

enum schedule_outcome {
    SCHEDULE_ANSWERED,     /* its servers said something of this message, be it no */
    SCHEDULE_BUSY,         /* they want less of us */
    SCHEDULE_UNREACHABLE,  /* no server answers */
    SCHEDULE_INSECURE,     /* none is secure enough: the same, and its mail goes no other way */
    SCHEDULE_LOST,         /* nothing is known of it: the message waits, the destination does not */
    SCHEDULE_UNTRIED       /* nothing was sent for reasons of our own */
};
/* The attempt is over: its session is free again. How long what is left of the task has to wait; all but
 * UNTRIED count as attempts. */
int64_t schedule_judge(struct schedule *schedule, const struct schedule_job *job,
                       enum schedule_outcome outcome, int64_t now);
/* The task waits again until `due`. */
void schedule_keep(struct schedule *schedule, uint32_t task, unsigned attempts, int64_t due, int64_t now);
void schedule_remove(struct schedule *schedule, uint32_t task, int64_t now);
/* Takes a task that waits or is held, for another purpose than an attempt (no session); then
 * schedule_keep() or schedule_remove(). False: somebody has it. */
bool schedule_take(struct schedule *schedule, uint32_t task, int64_t now) must_check;

/* The tasks of a message: for (t = first; t != SCHEDULE_NONE; t = next). */
uint32_t schedule_first(const struct schedule *schedule, uint32_t message);
uint32_t schedule_following(const struct schedule *schedule, uint32_t task);

struct schedule_task {
    uint32_t message, destination;
    unsigned attempts;
    unsigned tries;        /* attempts, or failures of its destination since it waits: the more of them */
    unsigned held;
    bool taken, watched;
    int64_t due;           /* of the task alone, also while it is taken; 0: it is new */
};
struct schedule_task schedule_task(const struct schedule *schedule, uint32_t task);
void schedule_unwatch(struct schedule *schedule, uint32_t task);

/* All tasks of a message. What is under way is held when it comes back. */
void schedule_hold(struct schedule *schedule, uint32_t message, enum schedule_hold hold, bool on,
                   int64_t now);
/* Due now, and their destinations are not put off any more. */
void schedule_retry(struct schedule *schedule, uint32_t message, int64_t now);

struct schedule_status {
    struct bytes name;
    size_t tasks;
    unsigned running, limit, failures;
    bool insecure;         /* no server was secure enough: there is no other way until that mail is gone */
    int64_t blocked_until; /* loop time; not after now: not put off */
    uint32_t sample;       /* a task that was put off, or SCHEDULE_NONE */
};
/* By index; false: there is none. Goes through all: for (i = 0; i < schedule_table_size(); i++). */
bool schedule_status(const struct schedule *schedule, uint32_t destination, struct schedule_status *out);
size_t schedule_table_size(const struct schedule *schedule);
/* What was known of a destination before the start. */
void schedule_restore(struct schedule *schedule, uint32_t destination, unsigned failures, bool insecure,
                      int64_t blocked_until, int64_t now);

struct schedule_figures {
    size_t tasks, destinations, running, sessions;
    size_t memory_octets;
};
struct schedule_figures schedule_figures(const struct schedule *schedule);

#endif
