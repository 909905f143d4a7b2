/* SPDX-License-Identifier: BSD-2-Clause */
/* The ledger's writer: collects records for a moment and writes them in one transaction. */
#include "roles/store.h"

#include "base/log.h"
#include "fiber/offload.h"
#include "roles/store_known.h"

#include <errno.h>
#include <stdlib.h>

enum {
    LINES_MAX = 256,
    WAITING_MAX = 20000,
    WAITING_OCTETS_MAX = 64 << 20,
    LINE_OCTETS_MAX = 4 << 20,
    EXPIRE_AT_ONCE = 2000
};
#define COLLECT (100 * MILLISECOND)
#define COUNTED_WINDOW (30 * DAY)
#define EXPIRE_EVERY (10 * MINUTE)
#define EXPIRE_AGAIN SECOND        /* where one time was not enough */
#define SWEEP_EVERY (10 * SECOND)

/* A record with a copy of all that it points to, in one block. */
struct ledger_line {
    struct ledger_line *next;
    struct ledger_entry entry;
    struct bytes outcome; /* what is to be remembered of its sender, or empty */
    struct arena *arena;
};

struct writing {
    struct ledger *ledger;
    struct ledger_entry entries[LINES_MAX];
    struct ledger_line *lines[LINES_MAX];
    size_t count;
    int64_t expire_before; /* 0: nothing to expire this time */
    unsigned expired;
    enum result result;
    struct error error;
};

static struct bytes copy(struct ledger_line *line, struct bytes slice)
{
    return arena_copy(line->arena, slice);
}

static void free_line(struct ledger_line *line)
{
    arena_destroy(line->arena);
    free(line);
}

void store_record(struct store *store, const struct ledger_record *record, struct bytes delivery)
{
    struct ledger_line *line = calloc(1, sizeof(*line));
    uint64_t counts[PROTOCOL_COUNTED_MAX];
    /* Whether it was counted or not: the story is written. */
    enum result counted = store_count(store, record->counted, record->counted_count, COUNTED_WINDOW, counts);
    (void)counted;
    /* The disk does not keep up: the mail goes on, its story is cut. */
    if (line && store->ledger_waiting < WAITING_MAX && store->ledger_octets < WAITING_OCTETS_MAX)
        line->arena = arena_create(LINE_OCTETS_MAX);
    if (!line || !line->arena) {
        log_warning("ledger", "the record of " BYTES_FMT " is lost: too many wait to be written",
                    BYTES_ARG(record->id));
        free(line);
        return;
    }
    struct bytes *recipients =
        arena_alloc_array(line->arena, record->recipient_count, sizeof(*recipients));
    for (size_t i = 0; recipients && i < record->recipient_count; i++)
        recipients[i] = copy(line, record->recipients[i]);
    line->entry = (struct ledger_entry){
        .id = copy(line, record->id),
        .received_at = record->received_at,
        .client = copy(line, record->client),
        .sender = copy(line, record->sender),
        .header_from = copy(line, record->header_from),
        .recipients = recipients,
        .recipient_count = recipients ? record->recipient_count : 0,
        .action = copy(line, record->action),
        .trust = copy(line, record->trust),
        .code = record->code,
        .policy = copy(line, record->policy),
        .evidence = copy(line, record->evidence),
        .verdict = copy(line, record->verdict),
        .delivery = copy(line, delivery),
    };
    line->outcome = copy(line, record->outcome);
    *store->ledger_last = line;
    store->ledger_last = &line->next;
    store->ledger_waiting++;
    store->ledger_octets += arena_used(line->arena);
    fiber_signal_one(&store->ledger_wanted);
}

static void write_lines(void *argument)
{
    struct writing *writing = argument;
    writing->result =
        ledger_append(writing->ledger, writing->entries, writing->count, &writing->error);
    writing->expired = 0;
    if (writing->result == OK && writing->expire_before)
        writing->result = ledger_expire(writing->ledger, writing->expire_before, EXPIRE_AT_ONCE,
                                        &writing->expired, &writing->error);
}

static void take_lines(struct store *store, struct writing *writing)
{
    writing->count = 0;
    while (store->ledger_first && writing->count < LINES_MAX) {
        struct ledger_line *line = store->ledger_first;
        store->ledger_first = line->next;
        store->ledger_waiting--;
        store->ledger_octets -= arena_used(line->arena);
        writing->lines[writing->count] = line;
        writing->entries[writing->count++] = line->entry;
    }
    if (!store->ledger_first)
        store->ledger_last = &store->ledger_first;
}

static void expire_counters(struct store *store)
{
    struct error error;
    if (counters_expire(store->counters, loop_epoch(), EXPIRE_AT_ONCE, &error) != OK)
        log_warning("counters", "%s", error.text);
}

/* What came of the messages, for what is known of their senders. */
static void remember_outcomes(struct store *store, const struct writing *writing)
{
    struct bytes blobs[LINES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < writing->count; i++)
        if (writing->lines[i]->outcome.len)
            blobs[count++] = writing->lines[i]->outcome;
    if (count)
        store_known_outcomes(store, blobs, count);
}

void store_ledger_fiber(void *argument)
{
    struct store *store = argument;
    struct writing *writing = arena_new(store->role->arena, struct writing);
    int64_t next_expiry = 0, next_sweep = 0;
    require(writing);
    writing->ledger = store->ledger;
    while (store->ledger_first || !store->finishing) {
        if (!store->ledger_first &&
            fiber_signal_wait(&store->ledger_wanted, next_expiry) == ECANCELED)
            store->finishing = true;
        if (!store->finishing)
            fiber_sleep(COLLECT);
        take_lines(store, writing);
        writing->expire_before = 0;
        if (loop_now() >= next_expiry) {
            writing->expire_before = loop_epoch() - store->role->config.ledger.keep / SECOND;
            next_expiry = loop_deadline(EXPIRE_EVERY);
        }
        if (loop_now() >= next_sweep) {
            next_sweep = loop_deadline(SWEEP_EVERY);
            expire_counters(store);
        }
        remember_outcomes(store, writing);
        if (writing->count || writing->expire_before)
            offload(write_lines, writing);
        if (writing->expire_before && writing->expired == EXPIRE_AT_ONCE)
            next_expiry = loop_deadline(EXPIRE_AGAIN);
        if (writing->result != OK)
            log_error("ledger", "%zu records are lost: %s", writing->count, writing->error.text);
        writing->result = OK;
        for (size_t i = 0; i < writing->count; i++)
            free_line(writing->lines[i]);
    }
}
