/* SPDX-License-Identifier: BSD-2-Clause */
/* The tasks of the scheduler: their slab, the lines and the pairing heaps in which they wait. */
#include "queue/schedule_private.h"

#include <stdlib.h>
#include <string.h>

bool slab_reach(struct slab *slab, size_t chunk, size_t octets)
{
    if (chunk >= slab->chunk_capacity) {
        size_t capacity = slab->chunk_capacity ? slab->chunk_capacity * 2 : 16;
        while (capacity <= chunk)
            capacity *= 2;
        void **chunks = realloc(slab->chunks, capacity * sizeof(*chunks));
        if (!chunks)
            return false;
        memset(chunks + slab->chunk_capacity, 0,
               (capacity - slab->chunk_capacity) * sizeof(*chunks));
        slab->chunks = chunks;
        slab->chunk_capacity = capacity;
    }
    if (slab->chunks[chunk])
        return true;
    slab->chunks[chunk] = malloc(octets);
    if (!slab->chunks[chunk])
        return false;
    slab->chunk_count++;
    return true;
}

void slab_destroy(struct slab *slab)
{
    for (size_t i = 0; i < slab->chunk_capacity; i++)
        free(slab->chunks[i]);
    free(slab->chunks);
    *slab = (struct slab){.free = SCHEDULE_NONE};
}

struct task *task_at(const struct schedule *schedule, uint32_t index)
{
    struct task *chunk = schedule->tasks.chunks[index / TASK_CHUNK];
    return &chunk[index % TASK_CHUNK];
}

/* Where the first task of a message stands; NULL if that was never set. */
static uint32_t *head_of(const struct schedule *schedule, uint32_t message)
{
    size_t chunk = message / HEAD_CHUNK;
    if (chunk >= schedule->heads.chunk_capacity || !schedule->heads.chunks[chunk])
        return NULL;
    return (uint32_t *)schedule->heads.chunks[chunk] + message % HEAD_CHUNK;
}

uint32_t task_head(const struct schedule *schedule, uint32_t message)
{
    const uint32_t *head = head_of(schedule, message);
    return head ? *head : SCHEDULE_NONE;
}

static uint32_t *make_head(struct schedule *schedule, uint32_t message)
{
    uint32_t *head = head_of(schedule, message);
    size_t chunk = message / HEAD_CHUNK;
    if (head)
        return head;
    if (!slab_reach(&schedule->heads, chunk, HEAD_CHUNK * sizeof(uint32_t)))
        return NULL;
    memset(schedule->heads.chunks[chunk], 0xff, HEAD_CHUNK * sizeof(uint32_t)); /* SCHEDULE_NONE */
    return head_of(schedule, message);
}

static uint32_t take_slot(struct schedule *schedule)
{
    struct slab *slab = &schedule->tasks;
    uint32_t index = slab->free;
    if (index != SCHEDULE_NONE) {
        slab->free = task_at(schedule, index)->next;
        return index;
    }
    if (slab->used == SCHEDULE_NONE ||
        !slab_reach(slab, slab->used / TASK_CHUNK, TASK_CHUNK * sizeof(struct task)))
        return SCHEDULE_NONE;
    return slab->used++;
}

uint32_t task_make(struct schedule *schedule, uint32_t message)
{
    uint32_t *head = make_head(schedule, message);
    uint32_t index = head ? take_slot(schedule) : SCHEDULE_NONE;
    if (index == SCHEDULE_NONE)
        return SCHEDULE_NONE;
    *task_at(schedule, index) = (struct task){.message = message,
                                              .next = SCHEDULE_NONE,
                                              .previous = SCHEDULE_NONE,
                                              .child = SCHEDULE_NONE,
                                              .sibling = *head,
                                              .elder = SCHEDULE_NONE,
                                              .state = TASK_TAKEN};
    if (*head != SCHEDULE_NONE)
        task_at(schedule, *head)->elder = index;
    *head = index;
    schedule->task_count++;
    return index;
}

void task_free(struct schedule *schedule, uint32_t index)
{
    struct task *task = task_at(schedule, index);
    if (task->elder != SCHEDULE_NONE)
        task_at(schedule, task->elder)->sibling = task->sibling;
    else
        *head_of(schedule, task->message) = task->sibling;
    if (task->sibling != SCHEDULE_NONE)
        task_at(schedule, task->sibling)->elder = task->elder;
    task->state = TASK_FREE;
    task->next = schedule->tasks.free;
    schedule->tasks.free = index;
    schedule->task_count--;
}

int64_t task_due(const struct schedule *schedule, const struct task *task)
{
    return schedule->origin + task->due * SECOND;
}

void task_queue(struct schedule *schedule, uint32_t index)
{
    struct task *task = task_at(schedule, index);
    struct destination *destination = destination_at(schedule, task->destination);
    task->state = TASK_NEW;
    task->due = 0;
    task->next = SCHEDULE_NONE;
    task->previous = destination->last;
    if (destination->last != SCHEDULE_NONE)
        task_at(schedule, destination->last)->next = index;
    else
        destination->first = index;
    destination->last = index;
}

static void leave_line(struct schedule *schedule, struct task *task)
{
    struct destination *destination = destination_at(schedule, task->destination);
    if (task->previous != SCHEDULE_NONE)
        task_at(schedule, task->previous)->next = task->next;
    else
        destination->first = task->next;
    if (task->next != SCHEDULE_NONE)
        task_at(schedule, task->next)->previous = task->previous;
    else
        destination->last = task->previous;
}

/* A pairing heap: the two roots become one. */
static uint32_t meld(struct schedule *schedule, uint32_t a, uint32_t b)
{
    if (a == SCHEDULE_NONE)
        return b;
    if (b == SCHEDULE_NONE)
        return a;
    if (task_at(schedule, b)->due < task_at(schedule, a)->due) {
        uint32_t swap = a;
        a = b;
        b = swap;
    }
    struct task *parent = task_at(schedule, a), *child = task_at(schedule, b);
    child->next = parent->child;
    child->previous = a;
    if (parent->child != SCHEDULE_NONE)
        task_at(schedule, parent->child)->previous = b;
    parent->child = b;
    return a;
}

/* The trees of a list of siblings become one: in pairs from the left, then those from the right. */
static uint32_t meld_all(struct schedule *schedule, uint32_t first)
{
    uint32_t pairs = SCHEDULE_NONE, root = SCHEDULE_NONE;
    while (first != SCHEDULE_NONE) {
        struct task *a = task_at(schedule, first);
        uint32_t second = a->next, rest = SCHEDULE_NONE, left = first;
        a->next = a->previous = SCHEDULE_NONE;
        if (second != SCHEDULE_NONE) {
            struct task *b = task_at(schedule, second);
            rest = b->next;
            b->next = b->previous = SCHEDULE_NONE;
            left = meld(schedule, left, second);
        }
        task_at(schedule, left)->next = pairs; /* a stack */
        pairs = left;
        first = rest;
    }
    while (pairs != SCHEDULE_NONE) {
        uint32_t next = task_at(schedule, pairs)->next;
        task_at(schedule, pairs)->next = SCHEDULE_NONE;
        root = meld(schedule, root, pairs);
        pairs = next;
    }
    return root;
}

static void leave_heap(struct schedule *schedule, uint32_t index)
{
    struct task *task = task_at(schedule, index);
    struct destination *destination = destination_at(schedule, task->destination);
    uint32_t below = meld_all(schedule, task->child);
    task->child = SCHEDULE_NONE;
    if (destination->put_off == index) {
        destination->put_off = below;
        return;
    }
    struct task *before = task_at(schedule, task->previous);
    if (before->child == index)
        before->child = task->next;
    else
        before->next = task->next;
    if (task->next != SCHEDULE_NONE)
        task_at(schedule, task->next)->previous = task->previous;
    task->next = task->previous = SCHEDULE_NONE;
    destination->put_off = meld(schedule, destination->put_off, below);
}

void task_put_off(struct schedule *schedule, uint32_t index, int64_t due)
{
    struct task *task = task_at(schedule, index);
    struct destination *destination = destination_at(schedule, task->destination);
    int64_t seconds = due > schedule->origin ? (due - schedule->origin + SECOND - 1) / SECOND : 0;
    task->due = seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX;
    task->state = TASK_PUT_OFF;
    task->next = task->previous = task->child = SCHEDULE_NONE;
    destination->put_off = meld(schedule, destination->put_off, index);
}

void task_unlink(struct schedule *schedule, uint32_t index)
{
    struct task *task = task_at(schedule, index);
    if (task->state == TASK_NEW)
        leave_line(schedule, task);
    else if (task->state == TASK_PUT_OFF)
        leave_heap(schedule, index);
    task->next = task->previous = task->child = SCHEDULE_NONE;
    task->state = TASK_TAKEN;
}

void tasks_destroy(struct schedule *schedule)
{
    slab_destroy(&schedule->tasks);
    slab_destroy(&schedule->heads);
}
