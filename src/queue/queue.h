/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queue: mail that was answered 250 and waits for its next hop: an append-only store on disk with
 * an index in memory. It knows nothing of destinations and when to try them: that is the scheduler's.
 *
 * On disk (FOLDER/queue): BODY segments hold the content of messages, JOURNAL segments the records
 * ENVELOPE (place of the body and the whole envelope), REMOVE and NOTE; the newest record of an id
 * counts, so that a change rewrites the envelope and leaves the body where it is. No file is made or
 * deleted for a message (on ext4 that costs ten times the commit itself). A batch of changes costs
 * two syncs however many changes are in it: bodies first, then records, so that an envelope is never
 * durable before its body. Space comes back by whole segments; those nearly empty are emptied by
 * moving what lives in them, a little with each batch. See queue/journal.h for what a crash leaves.
 *
 * A change goes through three steps, and one batch is under way at a time:
 *     queue_begin(queue, changes, count);    in the loop's thread
 *     queue_write(queue);                    in a worker: blocks, touches only the batch
 *     queue_finish(queue);                   in the loop's thread: results, index
 * queue_commit() does all three where it stands. Everything else is for the loop's thread, but for
 * reading what queue_hold() has taken. Reading in between sees the state before the batch.
 *
 * In memory a message costs 56 octets and its part of the index (at most 11); memory of messages that are
 * gone is used again. The queue owns all of it; an item's address is valid until it is removed.
 */
#ifndef VOUCH_QUEUE_QUEUE_H
#define VOUCH_QUEUE_QUEUE_H

#include "os/durable.h"
#include "queue/envelope.h"

struct queue;

/* A message, by number: numbers are small, dense, and used again after a removal. */
enum { QUEUE_NO_ITEM = UINT32_MAX };

enum queue_item_flags {
    QUEUE_ITEM_HELD = 1,
    QUEUE_ITEM_LIVE = 2,     /* private from here on */
    QUEUE_ITEM_TAKEN = 4,    /* removed in the batch that is under way */
    QUEUE_ITEM_CHANGED = 8,  /* changed in the batch that is under way */
    QUEUE_ITEM_HASHED = 16   /* the id is not of our own form: `key` is a hash of it */
};

struct queue_place { /* private */
    uint32_t segment;  /* index into the queue's table of segments */
    uint32_t offset, length;
};

struct queue_item {
    uint64_t key;                   /* the id as a number */
    struct queue_place body;        /* body.length is the size of the message */
    struct queue_place record;
    uint32_t queued_at, expires_at; /* epoch seconds */
    uint32_t account;               /* queue_account_hash() of the envelope's; 0: nobody's */
    uint32_t body_sum;              /* private */
    uint32_t user;                  /* the scheduler's: 0 at first, the queue never touches it */
    uint16_t recipient_count;       /* 65535: that many or more */
    uint16_t flags;
};

struct queue_options {
    bool read_only;            /* no lock, no change: for looking while a server may run */
    uint32_t segment_octets;   /* 0: 64 MiB; small ones are for tests */
    uint32_t compact_octets;   /* dead octets of the journal that are tolerated; 0: 32 MiB */
};

/*
 * Called for each message at the start, oldest record first. The envelope has no recipients' details
 * (queue_envelope_peek) unless `recipients` was asked for by a non-NULL arena in queue_visitor; all
 * slices are valid during the call only.
 */
struct queue_visitor {
    void *context;
    /* May be NULL. With `arena` the recipients are read too; the arena is rewound after each. */
    void (*message)(void *context, uint32_t number, const struct queue_envelope *envelope);
    /* The newest value of each note; never empty. May be NULL. */
    void (*note)(void *context, struct bytes key, struct bytes value);
    struct arena *arena;
};

/*
 * Opens (and makes) DIRECTORY/queue. Reads the journal and no message. What was being written when
 * the machine stopped is dropped and reported by a line in the log; damage is reported as an
 * error in the log, what is behind it is read all the same, and the damaged file is set aside when it
 * would be deleted. TEMP: a server has it open, or the disk fails. PERM: it is not ours to read.
 */
enum result queue_open(struct durable *durable, const char *directory,
                       const struct queue_options *options, const struct queue_visitor *visitor,
                       struct queue **out, struct error *error) must_check;
/* Nothing may be under way or held. NULL is fine. */
void queue_close(struct queue *queue);

enum queue_change_kind {
    QUEUE_ADD,    /* envelope, content -> number */
    QUEUE_UPDATE, /* number, envelope: as it is from now on; the content stays */
    QUEUE_REMOVE, /* number */
    QUEUE_NOTE    /* key, value: at most 64 KiB together; an empty value forgets the key */
};

struct queue_change {
    enum queue_change_kind kind;
    uint32_t number;
    const struct queue_envelope *envelope;
    struct bytes content[3];       /* pieces, one behind another; 4 GiB together is too much */
    int content_fd;                /* if content_octets: after the pieces, read from the start */
    uint64_t content_octets;       /* (for a memfd or file; 0: there is none) */
    struct bytes key, value;
    /* Results, valid after queue_finish(). TEMP: full disk, or no such message; NONE: there is a message of
     * this id already. Nothing was changed. */
    enum result result;
    struct error error;
    /* Private. */
    uint64_t id_key;
    struct queue_place body, record;
    uint32_t body_sum;
    void *note;
};

/* The changes (and all they point to) must stay until queue_finish(). Changes of one message take effect
 * in their order. Zero changes are fine: then it only tidies up. */
void queue_begin(struct queue *queue, struct queue_change *changes, size_t count);
void queue_write(struct queue *queue);
void queue_finish(struct queue *queue);
void queue_commit(struct queue *queue, struct queue_change *changes, size_t count);
/* There is space to win back: when idle, run a batch without changes (each takes milliseconds). */
bool queue_wants_upkeep(const struct queue *queue);

/* Looking. All NULL or QUEUE_NO_ITEM when there is no such message. */
size_t queue_count(const struct queue *queue);
uint64_t queue_octets(const struct queue *queue); /* of content */
struct queue_item *queue_item(struct queue *queue, uint32_t number);
uint32_t queue_find(const struct queue *queue, struct bytes id);
/* Goes through all: uint32_t n = QUEUE_NO_ITEM; while ((n = queue_next(queue, n)) != QUEUE_NO_ITEM) */
uint32_t queue_next(const struct queue *queue, uint32_t number);
/* Without case. Two accounts may have the same: the envelope decides. */
uint32_t queue_account_hash(struct bytes account);
/* The id of an item, without reading the disk. Of an id that is not of our own form only a hash is
 * kept: false, and the envelope has to be read. */
bool queue_item_id(const struct queue_item *item, char id[14]);

/*
 * What is needed for reading a message while others are changed and space is won back. Take it in the
 * loop's thread, read in any thread, release it in the loop's. A hold keeps the segments, not the
 * message: what is read is the message as it was when the hold was taken.
 */
struct queue_hold {
    uint32_t number;
    struct queue_place body, record; /* private from here on */
    uint32_t sum;
    int body_fd, record_fd;
};
enum result queue_hold(struct queue *queue, uint32_t number, struct queue_hold *hold,
                       struct error *error) must_check;
void queue_release(struct queue *queue, struct queue_hold *hold);
/* Reading; `queue` is only asked for its durable. The slices lie in the arena. PERM: damaged. */
enum result queue_read_envelope(const struct queue *queue, const struct queue_hold *hold,
                                struct arena *arena, struct queue_envelope *envelope,
                                struct error *error) must_check;
enum result queue_read_content(const struct queue *queue, const struct queue_hold *hold,
                               struct arena *arena, struct bytes *content,
                               struct error *error) must_check;
/* The whole of it in pieces of up to 256 KiB, checked when the last has been given: PERM may come
 * after all were given. `each` returns false to stop (TEMP). */
enum result queue_stream_content(const struct queue *queue, const struct queue_hold *hold,
                                 bool (*each)(void *context, struct bytes piece), void *context,
                                 struct error *error) must_check;

/* Figures for `stats`. */
struct queue_figures {
    size_t messages, notes;
    uint64_t content_octets;                   /* of messages */
    uint64_t body_octets, journal_octets;      /* on disk, as written */
    uint64_t journal_live_octets;
    size_t body_segments, journal_segments, spare_segments;
    size_t memory_octets;                      /* of items and index */
    uint64_t moved_octets;                     /* by tidying up, since the start */
};
struct queue_figures queue_figures(const struct queue *queue);

#endif
