/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_train: the store's part of learning (roles/train.h): the models, and the messages that wait for an edge
 * to make their features.
 */
#ifndef VOUCH_ROLES_STORE_TRAIN_H
#define VOUCH_ROLES_STORE_TRAIN_H

#include "roles/store.h"
#include "roles/train.h"

struct store_train;

enum train_outcome {
    TRAIN_LEARNED,
    TRAIN_KNOWN,     /* it had been learned so before; or, to be forgotten, had not been learned */
    TRAIN_CHANGED,   /* it had been learned as the other, which was undone */
    TRAIN_UNREADABLE /* no message */
};

struct train_request {
    struct bytes content;  /* the message as it lies in a mailbox, or was sent; the caller's until the answer */
    enum train_class class;
    struct bytes domain;   /* whose model learns besides the shared one; empty: none */
    struct bytes reporter; /* the account that says so: its word counts in the sender's history; empty: nobody's */
};

/* Before the sandbox closes. */
enum result store_train_open(struct store *store, struct error *error) must_check;
/* Nobody waits any more, for messages or for features. */
void store_train_stop(struct store *store);
void store_train_close(struct store *store);

/* Learns one message: waits for an edge to read it. TEMP: none did in time, or the disk fails. */
enum result store_train(struct store *store, const struct train_request *request, enum train_outcome *outcome,
                        struct error *error) must_check;
/* The same for a message whose features are not needed any more by anybody: not waited for. `content` is
 * copied. What does not fit into the room for waiting messages is dropped. */
void store_train_later(struct store *store, const struct train_request *request);

/* The same for what came to a trap from `client` (an address as text): it is spam, whoever sends it, but a network
 * gives only so many lessons a day, and none while the counters are full. */
void store_train_trap(struct store *store, struct bytes content, struct bytes client);

/* store_watch.c: learns from what users move into and out of their Junk folder. */
void store_watch_fiber(void *store);

/* From edges. */
void store_answer_model(struct store *store, struct ipc_request *request);
void store_answer_train_work(struct store *store, struct ipc_request *request);
void store_answer_train_features(struct store *store, struct ipc_request *request);

#endif
