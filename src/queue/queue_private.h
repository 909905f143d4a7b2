/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queue_private: what the parts of the queue share. Who touches what: `batch` and `writer` belong to
 * the worker between queue_begin() and queue_finish(), all else to the loop's thread.
 */
#ifndef VOUCH_QUEUE_QUEUE_PRIVATE_H
#define VOUCH_QUEUE_QUEUE_PRIVATE_H

#include "base/map.h"
#include "queue/body.h"
#include "queue/journal.h"
#include "queue/queue.h"

#include <limits.h>

enum {
    QUEUE_SPARES_MAX = 4,        /* empty body segments that are kept for writing over */
    QUEUE_FORGOTTEN_MAX = 4,     /* body segments deleted with one batch */
    QUEUE_PLACE_OCTETS = 16,     /* of the body, before an envelope in a record */
    QUEUE_NOTE_MAX = 65536,
    QUEUE_NO_SEGMENT = 0         /* segments are numbered from 1 */
};

struct queue_segment {
    uint32_t number;
    uint32_t live_count, holds;
    uint64_t octets, live_octets;
    int fd;                      /* for reading; -1: not open */
    bool damaged;                /* set aside instead of deleting */
    bool distrusted;             /* a sync failed: not written again */
    bool stuck;                  /* something in it cannot be read, so it cannot be emptied */
    bool spare;
};

/* By number; `at[i]` is the segment `base + i` or NULL. */
struct queue_segments {
    const char *kind;            /* "body", "journal" */
    struct queue_segment **at;
    uint32_t base, count, capacity, present;
};

struct queue_note {
    struct queue_place record;   /* segment 0: there is none */
    uint32_t index, pending;
};

struct queue_move {
    uint32_t number;             /* of an item; or `note` */
    struct queue_note *note;
    bool with_body;
    uint64_t key;
    struct queue_place record, body, new_record, new_body;
    int record_fd, body_fd;
    uint32_t sum, new_sum;
    enum result result;
};

struct queue_batch {
    bool under_way;
    struct body_job *jobs;       /* room for all changes and moves */
    size_t job_capacity;
    struct queue_change *changes;
    size_t count;
    struct queue_move *moves;
    size_t move_count, move_capacity;
    uint32_t old_journal;        /* to delete; 0: none */
    bool old_journal_damaged, old_journal_gone;
    uint32_t forgotten[QUEUE_FORGOTTEN_MAX]; /* body segments to delete */
    bool gone[QUEUE_FORGOTTEN_MAX];
    size_t forgotten_count;
    uint64_t octets;             /* of records written */
};

struct queue_touched {
    uint32_t number;
    bool distrusted;
    uint64_t octets;
};

struct queue_writer {
    struct durable *durable;
    const char *directory;
    uint32_t capacity;           /* of a journal segment */
    struct body_writer body;
    int journal_fd;              /* -1: the next batch begins a new segment */
    uint32_t journal_number, next_journal;
    uint64_t journal_position;   /* of the start of `text` */
    uint64_t sequence;           /* of the next record */
    bool failed;                 /* the last batch; its records may yet count after a crash */
    bool directory_dirty;        /* a deletion may not be durable yet */
    struct buf text;             /* records not written yet */
    struct queue_touched *touched; /* journals */
    size_t touched_count, touched_capacity;
};

enum queue_task { QUEUE_TASK_NONE, QUEUE_TASK_JOURNAL, QUEUE_TASK_BODY };

struct queue {
    struct durable *durable;
    char directory[PATH_MAX - 64];
    struct queue_options options;
    int lock;
    struct queue_segments bodies, journals;
    /* Items and their index. */
    struct queue_item **slabs;
    size_t slab_count, slab_capacity;
    uint32_t item_end, free_item;
    uint32_t *slots;
    uint32_t slot_mask;
    uint32_t used_slots;
    size_t count;
    uint64_t octets;
    struct map *notes;
    struct queue_note **note_list;
    uint32_t note_count, note_capacity;
    /* Totals, so that nothing is summed up on each batch. */
    uint64_t journal_octets, journal_live_octets, body_octets, moved_octets;
    uint32_t spare_count;
    /* Tidying up. */
    enum queue_task task;
    uint32_t task_segment, task_item, task_note;
    bool task_paused;            /* the disk failed: wait for a batch that works */
    bool bodies_changed;         /* there may be a body segment worth emptying */
    struct queue_batch batch;
    struct queue_writer writer;
};

/* queue_index.c */
struct queue_item *queue_slot(struct queue *queue, uint32_t number);
uint32_t queue_index_find(const struct queue *queue, uint64_t key);
/* A new item with this key, not live yet. QUEUE_NO_ITEM: no memory. */
uint32_t queue_index_add(struct queue *queue, uint64_t key);
void queue_index_remove(struct queue *queue, uint32_t number);
uint64_t queue_key(struct bytes id, bool *hashed);
void queue_index_free(struct queue *queue);

/* queue_segment.c */
struct queue_segment *queue_segment(const struct queue_segments *segments, uint32_t number);
struct queue_segment *queue_segment_add(struct queue_segments *segments, uint32_t number);
void queue_segment_remove(struct queue *queue, struct queue_segments *segments, uint32_t number);
struct queue_segment *queue_segment_oldest(const struct queue_segments *segments);
void queue_segments_free(struct queue *queue, struct queue_segments *segments);
void queue_segment_path(char path[PATH_MAX], const char *directory, const char *kind,
                        uint32_t number);
/* Open for reading, or -errno. */
int queue_segment_open(struct queue *queue, struct queue_segments *segments,
                       struct queue_segment *segment);
/* What lives where. */
void queue_count_body(struct queue *queue, const struct queue_place *place, bool more);
void queue_count_record(struct queue *queue, const struct queue_place *place, bool more);

/* queue_note.c */
struct queue_note *queue_note(struct queue *queue, struct bytes key); /* made if it is not there */
void queue_note_forget(struct queue *queue, struct bytes key);
void queue_notes_free(struct queue *queue);
void queue_note_write(struct buf *out, struct bytes key, struct bytes value);
bool queue_note_read(struct bytes payload, struct bytes *key, struct bytes *value);

/* queue_recover.c */
enum result queue_recover(struct queue *queue, const struct queue_visitor *visitor,
                          struct error *error);
void queue_item_fill(struct queue_item *item, const struct queue_envelope *envelope);
/* The place before an envelope; the rest is the envelope. */
bool queue_place_read(struct bytes payload, struct queue_place *body, uint32_t *sum,
                      struct bytes *envelope);
void queue_place_write(struct buf *out, const struct queue_place *body, uint32_t sum);

/* queue_compact.c */
void queue_plan(struct queue *queue); /* what the batch moves and deletes */
void queue_plan_done(struct queue *queue);

#endif
