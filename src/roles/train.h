/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * train: how the filter learns. What the edges and the store say to each other about it.
 *
 * People say what is junk: by `vouch train`, by moving mail into or out of their Junk folder, by what they do
 * in quarantine; and whatever comes to a trap is. The store has the models, but does not take strangers'
 * messages apart: it hands each to an edge, in whose sandbox its features are made, and learns those.
 *
 *   edge -> store   TRAIN_WORK: is there a message? The store answers when there is, or after a while.
 *   edge -> store   TRAIN_FEATURES: the features of that one.
 */
#ifndef VOUCH_ROLES_TRAIN_H
#define VOUCH_ROLES_TRAIN_H

#include "base/arena.h"
#include "base/buf.h"

enum {
    TRAIN_MESSAGE_MAX = 1 << 20,     /* octets of a message that are handed over: the filter reads no more */
    TRAIN_IDENTITY_SIZE = 32,
    TRAIN_ID_MAX = 64
};

enum train_class { TRAIN_HAM, TRAIN_SPAM, TRAIN_FORGET, TRAIN_CLASSES };
const char *train_class_name(enum train_class class); /* "ham", "spam", "forget" */
bool train_class_parse(struct bytes word, enum train_class *out);

/* The answer to TRAIN_WORK. */
struct train_work {
    uint64_t job;             /* 0: none, ask again */
    struct bytes content;     /* the message, CRLF or LF */
};
void train_work_write(struct buf *out, const struct train_work *work);
bool train_work_read(struct bytes payload, struct train_work *work);

/* TRAIN_FEATURES. */
struct train_features {
    uint64_t job;
    bool made;                /* false: the message could not be read */
    struct bytes identity;    /* 32 octets: the same for a message however often, and wherever from, it is seen */
    struct bytes id;          /* ours, under which the ledger has it; or empty */
    struct bytes features;    /* filter_features_write() */
};
void train_features_write(struct buf *out, const struct train_features *features);
bool train_features_read(struct bytes payload, struct train_features *features);

#endif
