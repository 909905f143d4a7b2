/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_queue: the store's queue at work: mail that was answered 250 and has to go out, the times at
 * which it is tried, and what comes of it. The disk is queue/queue.h's, the decisions are
 * queue/schedule.h's, the network is the courier's; here they meet.
 *
 *     add -> committer (one batch, durable) -> schedule -> job -> courier -> outcome -> committer
 *
 * Functions without "Waits" return at once. Those that wait run on a fiber. Slices given are the
 * caller's and needed during the call only.
 */
#ifndef VOUCH_ROLES_STORE_QUEUE_H
#define VOUCH_ROLES_STORE_QUEUE_H

#include "outbound/send.h"
#include "queue/queue.h"
#include "roles/store.h"

/* Opens DIRECTORY/queue (where the data directory is the store's) and schedules what is in it. In
 * prepare(), as the account that will work with it. Fills in store->queue. */
enum result store_queue_open(struct store *store, struct error *error) must_check;
/* On the main fiber, when work begins: starts the fibers of the queue in store->work, its committer
 * in store->committer. */
void store_queue_start(struct store *store);
/* Wants no more of the world: no new attempt begins, those under way get a few seconds, the others
 * stay in the queue. Before store->work is closed. Waits. NULL queue is fine. */
void store_queue_stop(struct store *store);
/* After all fibers have ended. NULL queue is fine. */
void store_queue_close(struct store *store);
/* Other routes, limits and times since a reload of store->role->config. */
void store_queue_reload(struct store *store);

/*
 * Puts a message into the queue and returns when it is durable; its first attempt begins at once. The
 * envelope's id, sender, account, origin, recipients and options are the caller's to fill in;
 * queued_at, expires_at (0: by the configuration) and size need not be. At most 3 parts, one behind another. TEMP: the
 * disk; NONE: the queue has a message of this id. Nothing was taken then. Waits, and cannot be cancelled.
 */
enum result store_queue_add(struct store *store, struct arena *arena,
                            const struct queue_envelope *envelope, const struct bytes *parts,
                            size_t part_count, struct error *error) must_check;

/* The same for one of several copies of a message, which have different return paths, next hops or fates: they
 * are messages of their own in the queue, called id, ida, idb … idz, idaa … NONE: there are too many. Waits. */
enum result store_queue_add_copy(struct store *store, struct arena *arena,
                                 const struct queue_envelope *envelope, const struct bytes *parts,
                                 size_t part_count, struct error *error) must_check;

/*
 * One job to the courier, now: what came of it, its slices in the arena. Content over what fits into a
 * frame goes in a memfd. TEMP: there is no courier, or it does not answer; then nothing is known. Waits.
 */
enum result store_send_now(struct store *store, struct arena *arena, const struct send_request *request,
                           struct send_answer *answer, int64_t deadline, struct error *error) must_check;

/* Which messages: all that is set must be true of one. A zeroed filter means all. */
struct store_queue_filter {
    struct bytes id;
    struct bytes sender;          /* the address, or "<>" */
    struct bytes recipient;       /* an address, or a domain of recipients that are not done */
    struct bytes account;
    struct bytes reason;          /* part of the last reply or of the reason for holding; without case */
    int64_t older_than, younger_than; /* seconds in the queue; 0: does not matter */
    bool held_only;
    size_t limit;                 /* most messages; 0: no limit */
};

enum store_queue_state {
    STORE_QUEUE_ACTIVE,   /* an attempt is under way */
    STORE_QUEUE_WAITING,  /* for its time or its turn */
    STORE_QUEUE_HELD      /* itself, or its account */
};
const char *store_queue_state_name(enum store_queue_state state); /* "active", … */

struct store_queue_row {
    uint32_t number;
    enum store_queue_state state;
    bool account_held;
    int64_t next_try;             /* epoch seconds; 0: at once, or held */
    const struct queue_envelope *envelope; /* with its recipients; valid during the call only */
};
/* False ends it. May wait; must not change the queue. */
typedef bool store_queue_each(void *context, const struct store_queue_row *row);

/* Oldest numbers first. Reads envelopes from the disk: yields between them. TEMP: disk or memory. Waits. */
enum result store_queue_select(struct store *store, const struct store_queue_filter *filter,
                               store_queue_each *each, void *context, struct error *error) must_check;

enum store_queue_action {
    STORE_QUEUE_HOLD,     /* waits until it is released; does not expire */
    STORE_QUEUE_RELEASE,  /* the opposite; tried at once. Does not release what an account's hold holds */
    STORE_QUEUE_RETRY,    /* tried at once, and so is its destination */
    STORE_QUEUE_DROP,     /* removed; nobody is told */
    STORE_QUEUE_BOUNCE,   /* failed, as if it had expired: the sender is told if he may be */
    STORE_QUEUE_ACTIONS
};
/* "hold", …; false: no such action. */
bool store_queue_action_parse(struct bytes name, enum store_queue_action *out);

/* `count`: messages that it was done to, durably. `reason` (may be empty) is kept with a hold. What is
 * being sent at the moment is dropped or held when that has ended, if it is still there then. Waits. */
enum result store_queue_act(struct store *store, const struct store_queue_filter *filter,
                            enum store_queue_action action, struct bytes reason, size_t *count,
                            struct error *error) must_check;

struct store_queue_destination {
    struct bytes name;            /* a domain, "route NAME", or "(reports)" */
    size_t messages;              /* waiting, held and under way */
    size_t running;               /* sessions now */
    size_t concurrency;           /* sessions that it may have now */
    int64_t oldest;               /* epoch seconds: queued_at */
    int64_t next_try;             /* epoch seconds; 0: not put off */
    unsigned failures;            /* attempts in a row that did not reach it */
    struct bytes reason;          /* the last that was heard; may be empty */
};

struct store_queue_stats {
    size_t messages, held, recipients_running;
    size_t tasks;                 /* messages times destinations */
    size_t running, sessions;     /* attempts now, at most */
    uint64_t octets;
    int64_t oldest;               /* epoch seconds; 0: empty */
    size_t destination_count;     /* all that there are */
    struct store_queue_destination *destinations; /* those with most messages first */
    size_t listed;
    struct queue_figures figures;
};
/* At most `most` destinations are listed. TEMP: out of memory. Waits. */
enum result store_queue_stats(struct store *store, struct arena *arena, size_t most,
                              struct store_queue_stats *out, struct error *error) must_check;

/* The mail of an account waits from now on (durably), or goes on. Waits. */
enum result store_queue_hold_account(struct store *store, struct bytes account, bool held,
                                     struct bytes reason, struct error *error) must_check;
/* With the reason that was given, which lives until the next change. */
bool store_queue_account_is_held(const struct store *store, struct bytes account, struct bytes *reason);

#endif
