/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queue_fixture: a scripted history of a queue on a disk that forgets, and what may be found after it.
 *
 * Each message has a state: absent, or a version that stands in its envelope. A change that was
 * reported as done leaves one possible state; one that was not leaves both.
 */
#ifndef VOUCH_QUEUE_QUEUE_FIXTURE_H
#define VOUCH_QUEUE_QUEUE_FIXTURE_H

#include "os/durable_fake.h"
#include "queue/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MESSAGES = 30,
    LASTING = 12, /* of these, that are seldom removed */
    NOTES = 4,
    BATCHES = 120,
    BATCH_CHANGES = 5,
    STATES_MAX = 64,
    SEGMENT_OCTETS = 3000,
    COMPACT_OCTETS = 1500
};

struct possible {
    uint32_t states[STATES_MAX]; /* versions; 0: absent. The first is what was reported last */
    uint32_t count;
};

struct history {
    struct durable_fake *fake;
    struct arena *arena;
    struct queue *queue;
    struct possible messages[MESSAGES], notes[NOTES];
    uint32_t version;
    uint64_t random;
    size_t done, failed;         /* changes */
    bool crashed;                /* the disk cannot even be read */
    const char *problem;
    char text[256];
    struct queue_change changes[BATCH_CHANGES];
    struct queue_envelope envelopes[BATCH_CHANGES];
    struct queue_recipient recipients[BATCH_CHANGES][2];
    uint32_t which[BATCH_CHANGES];
    char keys[BATCH_CHANGES][8], values[BATCH_CHANGES][32];
    char ids[BATCH_CHANGES][16], accounts[BATCH_CHANGES][16];
};

static inline void problem(struct history *h, const char *what, unsigned which, unsigned state)
{
    if (h->problem)
        return;
    snprintf(h->text, sizeof(h->text), "%s: message %u, state %u", what, which, state);
    h->problem = h->text;
}

static inline uint32_t chance(struct history *h, uint32_t below)
{
    h->random = h->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(h->random >> 33) % below;
}

static inline void message_id(char id[16], uint32_t which)
{
    /* Every fourth has an id that is not of the usual form. */
    snprintf(id, 16, which % 4 == 3 ? "Other%u" : "01abcdfgh%04u", (unsigned)which);
}

/* The content belongs to the version with which a message was added. */
static inline struct bytes content_of(struct history *h, uint32_t version)
{
    size_t length = version % 7 == 0 ? 0 : version % 23 == 0 ? 2 * SEGMENT_OCTETS : 100 + version * 37 % 900;
    uint8_t *octets = arena_alloc(h->arena, length + 1);
    require(octets);
    for (size_t i = 0; i < length; i++)
        octets[i] = (uint8_t)(version * 31 + i * 7 + i / 251);
    return bytes_from(octets, length);
}

static inline bool history_open(struct history *h, const struct queue_visitor *visitor)
{
    struct queue_options options = {.segment_octets = SEGMENT_OCTETS,
                                    .compact_octets = COMPACT_OCTETS};
    return queue_open(durable_fake_table(h->fake), "/data", &options, visitor, &h->queue, NULL) ==
           OK;
}

static inline void history_begin(struct history *h)
{
    *h = (struct history){.fake = durable_fake_create(), .arena = arena_create(64 << 20)};
    h->random = 7;
    durable_fake_add_directory(h->fake, "/data");
    for (size_t i = 0; i < MESSAGES; i++)
        h->messages[i].count = 1;
    for (size_t i = 0; i < NOTES; i++)
        h->notes[i].count = 1;
}

static inline void history_end(struct history *h)
{
    queue_close(h->queue);
    if (durable_fake_count(h->fake).open != 0)
        problem(h, "a descriptor leaks", 0, 0);
    durable_fake_destroy(h->fake);
    arena_destroy(h->arena);
}

static inline void fill_change(struct history *h, size_t i, uint32_t which, uint32_t state)
{
    struct queue_change *change = &h->changes[i];
    struct queue_envelope *envelope = &h->envelopes[i];
    uint32_t version = ++h->version;
    uint32_t what = state ? chance(h, which < LASTING ? 40 : 3) : 2; /* 0: it is removed */
    *change = (struct queue_change){.number = QUEUE_NO_ITEM, .content_fd = -1};
    h->which[i] = which;
    message_id(h->ids[i], which);
    change->kind = !state ? QUEUE_ADD : what == 0 ? QUEUE_REMOVE : QUEUE_UPDATE;
    if (state) {
        change->number = queue_find(h->queue, bytes_of(h->ids[i]));
        if (change->number == QUEUE_NO_ITEM)
            problem(h, "a message is not in the index", which, state);
    }
    /* An update keeps the account, which names the version of the content. */
    if (change->kind == QUEUE_ADD)
        snprintf(h->accounts[i], sizeof(h->accounts[i]), "v%u", (unsigned)version);
    else if (change->kind == QUEUE_UPDATE) {
        struct queue_hold hold;
        struct queue_envelope old = {0};
        enum result result = queue_hold(h->queue, change->number, &hold, NULL);
        if (result == OK)
            result = queue_read_envelope(h->queue, &hold, h->arena, &old, NULL);
        if (result == TEMP)
            h->crashed = true;
        else if (result != OK)
            problem(h, "an envelope cannot be read", which, state);
        queue_release(h->queue, &hold);
        snprintf(h->accounts[i], sizeof(h->accounts[i]), BYTES_FMT, BYTES_ARG(old.account));
    }
    h->recipients[i][0] = (struct queue_recipient){.address = BYTES("a@example.org"),
                                                   .attempts = version};
    h->recipients[i][1] = (struct queue_recipient){.address = BYTES("b@example.net")};
    *envelope = (struct queue_envelope){.id = bytes_of(h->ids[i]),
                                        .queued_at = 1000,
                                        .expires_at = 2000 + version,
                                        .account = bytes_of(h->accounts[i]),
                                        .recipients = h->recipients[i],
                                        .recipient_count = 1 + version % 2};
    change->envelope = envelope;
    if (change->kind == QUEUE_ADD) {
        struct bytes content = content_of(h, version);
        change->content[0] = bytes_first(content, 40);
        change->content[2] = bytes_skip(content, 40);
    }
}

static inline void fill_note(struct history *h, size_t i)
{
    uint32_t which = chance(h, NOTES), version = ++h->version;
    h->which[i] = which;
    snprintf(h->keys[i], sizeof(h->keys[i]), "k%u", (unsigned)which);
    snprintf(h->values[i], sizeof(h->values[i]), "%u", (unsigned)version);
    h->changes[i] = (struct queue_change){.kind = QUEUE_NOTE,
                                          .key = bytes_of(h->keys[i]),
                                          .value = chance(h, 3) ? bytes_of(h->values[i]) : BYTES(""),
                                          .content_fd = -1};
}

/* The state that a change leads to. */
static inline uint32_t aim(const struct history *h, size_t i)
{
    const struct queue_change *change = &h->changes[i];
    uint64_t version = 0;
    if (change->kind == QUEUE_NOTE) {
        if (change->value.len)
            require(bytes_to_uint(change->value, UINT32_MAX, &version));
        return (uint32_t)version;
    }
    return change->kind == QUEUE_REMOVE ? 0 : h->recipients[i][0].attempts;
}

static inline void note_result(struct history *h, size_t i)
{
    const struct queue_change *change = &h->changes[i];
    struct possible *p =
        change->kind == QUEUE_NOTE ? &h->notes[h->which[i]] : &h->messages[h->which[i]];
    if (change->result == OK) {
        *p = (struct possible){.states = {aim(h, i)}, .count = 1};
        h->done++;
        return;
    }
    h->failed++;
    require(p->count < STATES_MAX);
    p->states[p->count++] = aim(h, i);
}

static inline void history_batch(struct history *h)
{
    uint32_t used = 0;
    size_t count = 1 + chance(h, BATCH_CHANGES);
    for (size_t i = 0; i < count; i++) {
        uint32_t which = chance(h, MESSAGES);
        if (chance(h, 6) == 0 || used & (1u << which)) {
            fill_note(h, i);
            continue;
        }
        used |= 1u << which;
        fill_change(h, i, which, h->messages[which].states[0]);
    }
    if (h->problem || h->crashed)
        return;
    queue_commit(h->queue, h->changes, count);
    for (size_t i = 0; i < count; i++)
        note_result(h, i);
    for (int i = 0; i < 3 && queue_wants_upkeep(h->queue); i++)
        queue_commit(h->queue, NULL, 0);
}

static inline void history_run(struct history *h)
{
    for (size_t i = 0; i < BATCHES && !h->problem; i++)
        history_batch(h);
}

static inline bool is_possible(const struct possible *p, uint32_t state, bool exact)
{
    for (uint32_t i = 0; i < (exact ? 1 : p->count); i++)
        if (p->states[i] == state)
            return true;
    return false;
}

/* The state of a message as the queue has it; its content must be whole. */
static inline uint32_t state_of(struct history *h, uint32_t which)
{
    char id[16];
    message_id(id, which);
    uint32_t number = queue_find(h->queue, bytes_of(id));
    if (number == QUEUE_NO_ITEM)
        return 0;
    struct queue_hold hold;
    struct queue_envelope envelope = {0};
    struct bytes content = {0};
    uint64_t version = 0;
    if (queue_hold(h->queue, number, &hold, NULL) != OK ||
        queue_read_envelope(h->queue, &hold, h->arena, &envelope, NULL) != OK)
        problem(h, "an envelope is damaged", which, 0);
    else if (queue_read_content(h->queue, &hold, h->arena, &content, NULL) != OK)
        problem(h, "a content is damaged", which, envelope.recipients[0].attempts);
    else if (!bytes_is(envelope.id, id) ||
             !bytes_to_uint(bytes_skip(envelope.account, 1), UINT32_MAX, &version) ||
             !bytes_equal(content, content_of(h, (uint32_t)version)))
        problem(h, "a content is not that of the message", which, (unsigned)version);
    queue_release(h->queue, &hold);
    return h->problem ? 0 : envelope.recipients[0].attempts;
}

/* `exact`: the queue itself, which knows what it reported; else what a crash has left. */
static inline void history_verify(struct history *h, bool exact)
{
    size_t count = 0;
    for (uint32_t i = 0; i < MESSAGES && !h->problem; i++) {
        struct arena_mark mark = arena_mark(h->arena);
        uint32_t state = state_of(h, i);
        if (!h->problem && !is_possible(&h->messages[i], state, exact))
            problem(h, exact ? "not as reported" : "not as it may be", i, state);
        h->messages[i] = exact ? h->messages[i] : (struct possible){.states = {state}, .count = 1};
        count += state != 0;
        arena_rewind(h->arena, mark);
    }
    if (!h->problem && queue_count(h->queue) != count)
        problem(h, "messages that nobody added", (unsigned)queue_count(h->queue), (unsigned)count);
}

struct found_notes {
    struct history *h;
    uint32_t states[NOTES];
};

static inline void found_note(void *context, struct bytes key, struct bytes value)
{
    struct found_notes *found = context;
    uint64_t version = 0;
    require(key.len == 2 && bytes_to_uint(value, UINT32_MAX, &version));
    uint32_t *state = &found->states[key.ptr[1] - '0'];
    if (*state)
        problem(found->h, "a note is given twice", (unsigned)(key.ptr[1] - '0'), *state);
    *state = (uint32_t)version;
}

/* Opens again and looks whether all that may be there is there. */
static inline void history_reopen(struct history *h)
{
    struct found_notes found = {.h = h};
    struct queue_visitor visitor = {.context = &found, .note = found_note};
    queue_close(h->queue);
    h->queue = NULL;
    h->crashed = false;
    if (!history_open(h, &visitor)) {
        problem(h, "cannot be opened again", 0, 0);
        return;
    }
    for (uint32_t i = 0; i < NOTES; i++) {
        if (!is_possible(&h->notes[i], found.states[i], false))
            problem(h, "a note is not as it may be", i, found.states[i]);
        h->notes[i] = (struct possible){.states = {found.states[i]}, .count = 1};
    }
    history_verify(h, false);
}

#endif
