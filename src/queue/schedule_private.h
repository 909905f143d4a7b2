/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * schedule_private: what the files of the scheduler share.
 *
 * schedule.c             what is decided
 * schedule_task.c        tasks: slab, lines, heaps
 * schedule_destination.c destinations: slab, table of names, rings of those that take turns, timers
 */
#ifndef VOUCH_QUEUE_SCHEDULE_PRIVATE_H
#define VOUCH_QUEUE_SCHEDULE_PRIVATE_H

#include "queue/backoff.h"
#include "queue/schedule.h"

enum task_state {
    TASK_FREE,
    TASK_NEW,      /* in its destination's line */
    TASK_PUT_OFF,  /* in its destination's heap */
    TASK_HELD,
    TASK_TAKEN
};

/* A million of these. Links are indices. */
struct task {
    uint32_t message, destination;
    uint32_t next, previous;  /* in the line; in the heap: next sibling, and previous one or parent */
    uint32_t child;           /* in the heap */
    uint32_t sibling, elder;  /* of the same message */
    uint32_t due;             /* seconds since the schedule's origin */
    uint16_t tries_before;    /* destination->tries when it came */
    uint8_t attempts;
    uint8_t state : 3, held : 2, watched : 1;
};

enum ring_kind { RING_NONE, RING_LIVING, RING_PROBE, RINGS };

struct destination {
    uint8_t *name;            /* its length, then its octets; NULL: free */
    int64_t wake_at;          /* key in the heap of timers */
    int64_t blocked_until;    /* shared back-off */
    int64_t fallback_until;   /* the same for the other way */
    int64_t lowered_at;       /* when it last failed: what began before says nothing new */
    int64_t fallback_lowered_at;
    int64_t next_start;       /* not before, for the sake of pace */
    int64_t full_at;          /* when the bucket of its rate is full again */
    uint32_t hash;
    uint32_t first, last;     /* line of new tasks */
    uint32_t put_off;         /* root of the heap */
    uint32_t ring_next, ring_previous;
    uint32_t timer;           /* place in the heap of timers, from 1; 0: not in it */
    uint32_t tasks;           /* all of them, in whatever state */
    uint32_t pace;            /* microseconds between two starts */
    uint16_t running, limit;
    uint16_t most, rate;      /* of its own; 0: as for all */
    uint16_t credit;          /* successes since the limit was raised */
    uint16_t tries;           /* failures to reach it, ever (wraps) */
    uint8_t failures, busy, fallback_failures; /* in a row; at most 255 */
    uint8_t turn;
    uint8_t ring;             /* enum ring_kind */
    bool direct;              /* there is no other way */
    bool insecure;            /* … as no server was secure enough for mail that waits */
    bool heard;               /* it has answered since the start, be it once */
};

enum {
    TASK_CHUNK = 4096,
    DESTINATION_CHUNK = 256,
    HEAD_CHUNK = 16384
};

struct slab {
    void **chunks;
    size_t chunk_count, chunk_capacity;
    uint32_t used;            /* indices given out so far */
    uint32_t free;            /* list of those given back */
};

struct schedule {
    struct schedule_options options;
    struct backoff_chance chance;
    int64_t origin;           /* of task.due */
    bool has_origin;
    struct slab tasks, destinations, heads; /* heads: message -> its first task */
    uint32_t *table;          /* of names: open addressing, indices of destinations */
    size_t table_size;        /* power of two */
    uint32_t *timers;         /* heap of destinations by wake_at, from 1 */
    size_t timer_count, timer_capacity;
    uint32_t rings[RINGS];    /* whose turn it is, or SCHEDULE_NONE */
    bool turn;                /* of the rings */
    size_t task_count, destination_count;
    size_t running, probing;
    size_t name_octets;
};

/* schedule_task.c */
struct task *task_at(const struct schedule *schedule, uint32_t index);
/* SCHEDULE_NONE: out of memory. */
uint32_t task_make(struct schedule *schedule, uint32_t message);
void task_free(struct schedule *schedule, uint32_t index);
uint32_t task_head(const struct schedule *schedule, uint32_t message);
/* Into the line (at its end) or the heap of its destination; out of where it is. */
void task_queue(struct schedule *schedule, uint32_t index);
void task_put_off(struct schedule *schedule, uint32_t index, int64_t due);
void task_unlink(struct schedule *schedule, uint32_t index);
int64_t task_due(const struct schedule *schedule, const struct task *task);
void tasks_destroy(struct schedule *schedule);

/* A slab's table of chunks. */
bool slab_reach(struct slab *slab, size_t chunk, size_t octets) must_check;
void slab_destroy(struct slab *slab);

/* schedule_destination.c */
struct destination *destination_at(const struct schedule *schedule, uint32_t index);
uint32_t destination_find(const struct schedule *schedule, struct bytes name);
uint32_t destination_make(struct schedule *schedule, struct bytes name);
/* In no ring, without timer and tasks. */
void destination_free(struct schedule *schedule, uint32_t index);
void destinations_destroy(struct schedule *schedule);

void ring_join(struct schedule *schedule, uint32_t index, enum ring_kind ring);
void ring_leave(struct schedule *schedule, uint32_t index);

/* Room for all timers is made with the destinations. */
void timer_put(struct schedule *schedule, uint32_t index, int64_t at);
void timer_drop(struct schedule *schedule, uint32_t index);

#endif
