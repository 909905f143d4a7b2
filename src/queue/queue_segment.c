/* SPDX-License-Identifier: BSD-2-Clause */
/* The segments that there are: what lives in each, and their descriptors. */
#include "queue/queue_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SPAN_MAX = 1 << 24,     /* between the lowest and the highest number */
    DESCRIPTORS_MAX = 128   /* open for reading, of each kind */
};

void queue_segment_path(char path[PATH_MAX], const char *directory, const char *kind,
                        uint32_t number)
{
    snprintf(path, PATH_MAX, "%s/%s-%08x", directory, kind, (unsigned)number);
}

struct queue_segment *queue_segment(const struct queue_segments *segments, uint32_t number)
{
    uint32_t index = number - segments->base;
    return number >= segments->base && index < segments->count ? segments->at[index] : NULL;
}

/* Makes the table reach from `low` to `high`. */
static bool span(struct queue_segments *segments, uint32_t low, uint32_t high)
{
    if (high - low >= SPAN_MAX)
        return false;
    uint32_t count = high - low + 1;
    if (count > segments->capacity) {
        uint32_t capacity = count + count / 2 + 16;
        struct queue_segment **at = realloc(segments->at, capacity * sizeof(struct queue_segment *));
        if (!at)
            return false;
        segments->at = at;
        segments->capacity = capacity;
    }
    uint32_t before = segments->count ? segments->base - low : 0;
    memmove(segments->at + before, segments->at, segments->count * sizeof(*segments->at));
    memset(segments->at, 0, before * sizeof(*segments->at));
    uint32_t filled = before + segments->count;
    memset(segments->at + filled, 0, (count - filled) * sizeof(*segments->at));
    segments->base = low;
    segments->count = count;
    return true;
}

struct queue_segment *queue_segment_add(struct queue_segments *segments, uint32_t number)
{
    struct queue_segment *segment = queue_segment(segments, number);
    if (segment)
        return segment;
    uint32_t low = segments->count ? segments->base : number;
    uint32_t high = segments->count ? segments->base + segments->count - 1 : number;
    segment = calloc(1, sizeof(*segment));
    if (!segment || !span(segments, number < low ? number : low, number > high ? number : high)) {
        free(segment);
        return NULL;
    }
    segment->number = number;
    segment->fd = -1;
    segments->at[number - segments->base] = segment;
    segments->present++;
    return segment;
}

static void shut(struct queue *queue, struct queue_segment *segment)
{
    if (segment->fd >= 0)
        (void)queue->durable->close(queue->durable, segment->fd);
    segment->fd = -1;
}

static uint64_t *octets_of(struct queue *queue, const struct queue_segments *segments)
{
    return segments == &queue->bodies ? &queue->body_octets : &queue->journal_octets;
}

void queue_segment_remove(struct queue *queue, struct queue_segments *segments, uint32_t number)
{
    struct queue_segment *segment = queue_segment(segments, number);
    if (!segment)
        return;
    require(!segment->holds && !segment->live_count);
    shut(queue, segment);
    *octets_of(queue, segments) -= segment->octets;
    if (segment->spare)
        queue->spare_count--;
    segments->at[number - segments->base] = NULL;
    segments->present--;
    free(segment);
    uint32_t gone = 0;
    while (gone < segments->count && !segments->at[gone])
        gone++;
    segments->base += gone;
    segments->count -= gone;
    memmove(segments->at, segments->at + gone, segments->count * sizeof(*segments->at));
}

struct queue_segment *queue_segment_oldest(const struct queue_segments *segments)
{
    return segments->count ? segments->at[0] : NULL;
}

void queue_segments_free(struct queue *queue, struct queue_segments *segments)
{
    for (uint32_t i = 0; i < segments->count; i++) {
        if (!segments->at[i])
            continue;
        shut(queue, segments->at[i]);
        free(segments->at[i]);
    }
    free(segments->at);
    segments->at = NULL;
    segments->count = 0;
}

static void shut_idle(struct queue *queue, struct queue_segments *segments)
{
    uint32_t open = 0;
    for (uint32_t i = 0; i < segments->count; i++)
        open += segments->at[i] && segments->at[i]->fd >= 0;
    for (uint32_t i = 0; open >= DESCRIPTORS_MAX && i < segments->count; i++)
        if (segments->at[i] && segments->at[i]->fd >= 0 && !segments->at[i]->holds)
            shut(queue, segments->at[i]);
}

int queue_segment_open(struct queue *queue, struct queue_segments *segments,
                       struct queue_segment *segment)
{
    char path[PATH_MAX];
    if (segment->fd >= 0)
        return segment->fd;
    shut_idle(queue, segments);
    queue_segment_path(path, queue->directory, segments->kind, segment->number);
    segment->fd = queue->durable->open(queue->durable, path, false);
    return segment->fd;
}

static struct queue_segment *count(struct queue_segments *segments, const struct queue_place *place,
                                   bool more)
{
    struct queue_segment *segment = queue_segment(segments, place->segment);
    if (!segment)
        return NULL;
    segment->live_octets += more ? place->length : -(uint64_t)place->length;
    segment->live_count += more ? 1 : -1;
    return segment;
}

void queue_count_body(struct queue *queue, const struct queue_place *place, bool more)
{
    queue->octets += more ? place->length : -(uint64_t)place->length;
    if (count(&queue->bodies, place, more) && !more)
        queue->bodies_changed = true;
}

void queue_count_record(struct queue *queue, const struct queue_place *place, bool more)
{
    if (count(&queue->journals, place, more))
        queue->journal_live_octets += more ? place->length : -(uint64_t)place->length;
}
