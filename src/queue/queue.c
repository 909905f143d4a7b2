/* SPDX-License-Identifier: BSD-2-Clause */
#include "queue/queue_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEGMENT_OCTETS = 64 << 20,
    JOURNALS_A_BODY = 4, /* a journal segment is so much smaller */
    COMPACT_OCTETS = 32 << 20,
    TEXT_MAX = (4 << 20) + 2 * JOURNAL_PAYLOAD_MAX
};

/* The folder, durably. */
static enum result make_directory(struct queue *queue, const char *directory, struct error *error)
{
    struct durable *durable = queue->durable;
    if (queue->options.read_only)
        return OK;
    int failure = durable->make_directory(durable, queue->directory, 0700);
    if (failure == -EEXIST)
        failure = 0;
    if (!failure)
        failure = durable->sync_directory(durable, directory);
    if (failure)
        return error_set(error, TEMP, "cannot make %s: %s", queue->directory, strerror(-failure));
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/lock", queue->directory);
    queue->lock = durable->lock(durable, path);
    if (queue->lock == -EWOULDBLOCK)
        return error_set(error, TEMP, "another server uses %s", queue->directory);
    if (queue->lock < 0)
        return error_set(error, queue->lock == -EACCES ? PERM : TEMP, "cannot lock %s: %s", path,
                         strerror(-queue->lock));
    return OK;
}

static struct queue *create(struct durable *durable, const struct queue_options *options)
{
    struct queue *queue = calloc(1, sizeof(*queue));
    struct map *notes = map_create();
    if (!queue || !notes) {
        free(queue);
        map_destroy(notes, NULL);
        return NULL;
    }
    if (options)
        queue->options = *options;
    if (!queue->options.segment_octets)
        queue->options.segment_octets = SEGMENT_OCTETS;
    if (!queue->options.compact_octets)
        queue->options.compact_octets = COMPACT_OCTETS;
    queue->durable = durable;
    queue->lock = -1;
    queue->notes = notes;
    queue->free_item = UINT32_MAX;
    queue->bodies.kind = "body";
    queue->journals.kind = "journal";
    queue->writer = (struct queue_writer){.durable = durable,
                                          .directory = queue->directory,
                                          .capacity = queue->options.segment_octets / JOURNALS_A_BODY,
                                          .journal_fd = -1};
    buf_init(&queue->writer.text, TEXT_MAX);
    body_init(&queue->writer.body, durable, queue->directory, queue->options.segment_octets, 1);
    return queue;
}

enum result queue_open(struct durable *durable, const char *directory,
                       const struct queue_options *options, const struct queue_visitor *visitor,
                       struct queue **out, struct error *error)
{
    *out = NULL;
    struct queue *queue = create(durable, options);
    if (!queue)
        return error_set(error, TEMP, "not enough memory for the queue");
    int length = snprintf(queue->directory, sizeof(queue->directory), "%s/queue", directory);
    enum result result = OK;
    if (length < 0 || (size_t)length >= sizeof(queue->directory))
        result = error_set(error, PERM, "the queue's path is too long");
    if (result == OK)
        result = make_directory(queue, directory, error);
    if (result == OK)
        result = queue_recover(queue, visitor, error);
    if (result != OK) {
        queue_close(queue);
        return result;
    }
    *out = queue;
    return OK;
}

void queue_close(struct queue *queue)
{
    if (!queue)
        return;
    struct durable *durable = queue->durable;
    body_close(&queue->writer.body);
    if (queue->writer.journal_fd >= 0)
        (void)durable->close(durable, queue->writer.journal_fd);
    buf_free(&queue->writer.text);
    free(queue->writer.touched);
    free(queue->batch.moves);
    free(queue->batch.jobs);
    queue_segments_free(queue, &queue->bodies);
    queue_segments_free(queue, &queue->journals);
    queue_notes_free(queue);
    queue_index_free(queue);
    if (queue->lock >= 0)
        (void)durable->close(durable, queue->lock);
    free(queue);
}

size_t queue_count(const struct queue *queue)
{
    return queue->count;
}

uint64_t queue_octets(const struct queue *queue)
{
    return queue->octets;
}

struct queue_item *queue_item(struct queue *queue, uint32_t number)
{
    struct queue_item *item = queue_slot(queue, number);
    return item && item->flags & QUEUE_ITEM_LIVE ? item : NULL;
}

uint32_t queue_find(const struct queue *queue, struct bytes id)
{
    bool hashed;
    uint64_t key = queue_key(id, &hashed);
    uint32_t number = queue_index_find(queue, key);
    const struct queue_item *item = queue_item((struct queue *)queue, number);
    return item && hashed == !!(item->flags & QUEUE_ITEM_HASHED) ? number : QUEUE_NO_ITEM;
}

uint32_t queue_next(const struct queue *queue, uint32_t number)
{
    for (number++; number < queue->item_end; number++)
        if (queue_item((struct queue *)queue, number))
            return number;
    return QUEUE_NO_ITEM;
}

struct queue_figures queue_figures(const struct queue *queue)
{
    return (struct queue_figures){
        .messages = queue->count,
        .notes = queue->note_count,
        .content_octets = queue->octets,
        .body_octets = queue->body_octets,
        .journal_octets = queue->journal_octets,
        .journal_live_octets = queue->journal_live_octets,
        .body_segments = queue->bodies.present,
        .journal_segments = queue->journals.present,
        .spare_segments = queue->spare_count,
        .memory_octets = queue->slab_count * 1024 * sizeof(struct queue_item) +
                         (queue->slots ? ((size_t)queue->slot_mask + 1) * sizeof(uint32_t) : 0),
        .moved_octets = queue->moved_octets,
    };
}
