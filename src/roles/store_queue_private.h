/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_queue_private: what the files of the queue's runner share.
 *
 * store_queue.c         opening, adding, the fibers
 * store_queue_commit.c  changes made durable, many at a time
 * store_queue_live.c    messages that somebody works on: read once, shared, written back
 * store_queue_job.c     one attempt
 * store_queue_outcome.c what the replies mean for each recipient
 * store_queue_sweep.c   what has become too old
 * store_queue_select.c  looking and acting from outside
 * store_queue_send.c    the courier
 * store_report.c        who is told what
 */
#ifndef VOUCH_ROLES_STORE_QUEUE_PRIVATE_H
#define VOUCH_ROLES_STORE_QUEUE_PRIVATE_H

#include "base/map.h"
#include "queue/schedule.h"
#include "roles/store_queue.h"

/* Mail that was hardly tried is not given up, whatever the clock says. */
enum { QUEUE_TRIES_LEAST = 4, QUEUE_TEXT_MAX = 1000 };
#define QUEUE_PATIENCE (20 * MINUTE)
#define QUEUE_EXPIRED_STATUS "4.4.7" /* rfc3463:3.5: message expired */
/* The destination of reports that have to be made yet: no domain has such a name. */
#define QUEUE_REPORTS "(reports)"
/* Ends the name of a destination of mail with "TLS-Required: No". */
#define QUEUE_TLS_OPTIONAL " insecure-ok"

struct queue_ticket;
struct live;
struct tls_report;
struct known_policies;

/* How one job is sent: store_send() but in tests. *sent: the courier may have begun with it. */
typedef enum result queue_sender(void *context, struct arena *arena, const struct send_request *request,
                                 int content_fd, struct send_answer *answer, int64_t deadline,
                                 bool *sent, struct error *error);

struct store_queue {
    struct store *store;
    struct queue *queue;
    struct schedule *schedule;
    queue_sender *send;
    void *send_context;
    struct fiber_group jobs;       /* attempts */
    struct fiber_group sweeps;     /* messages that are looked at for their age */
    struct fiber_signal wanted;    /* something may be due */
    bool stopping;
    struct queue_ticket *commit_first, **commit_last;
    struct fiber_signal commit_wanted;
    struct map *lives;             /* number -> struct live */
    struct map *held_accounts;     /* lower-cased account -> reason: a NUL-terminated string */
    struct tls_report *tls;        /* store_tls_report.h */
    struct known_policies *policies; /* store_policies.h */
    uint32_t swept;                /* where the sweep is */
};

/* store_queue.c */
struct schedule_options queue_schedule_options(const struct store *store);
/* The destination of an address: found or made; another one for what may go unprotected. SCHEDULE_NONE: out of
 * memory. */
uint32_t queue_destination(struct store_queue *queue, struct bytes address, bool tls_optional);
/* The domain as the courier wants it: lower case, A-labels. */
struct bytes queue_domain(struct arena *arena, struct bytes address);
/* Tasks for all recipients of a message. False: out of memory. */
bool queue_schedule_message(struct store_queue *queue, uint32_t number,
                            const struct queue_envelope *envelope, bool loaded);
/* Of enum schedule_hold: what holds it back, by its envelope. */
unsigned queue_holds(const struct store_queue *queue, const struct queue_envelope *envelope);
bool queue_watches(const struct store *store, const struct queue_envelope *envelope);
void queue_wake(struct store_queue *queue);

/* store_queue_commit.c: waits until it is durable or failed; cannot be cancelled. */
void queue_commit_change(struct store_queue *queue, struct queue_change *change);
/* Remembers something without waiting; copies. An empty value forgets it. */
void queue_hand_note(struct store_queue *queue, struct bytes key, struct bytes value);
void queue_commit_fiber(void *queue);
/* A destination's state, for the next start. */
void queue_note_destination(struct store_queue *queue, uint32_t destination);

/* store_queue_live.c */
enum live_wish { LIVE_GO_ON, LIVE_DROP, LIVE_BOUNCE };
struct live {
    uint32_t number;
    unsigned users;
    struct arena *arena;
    struct queue_envelope envelope; /* recipients: as they were read, those done among them */
    uint32_t *where;                /* destination of each */
    bool *done;
    size_t left;                    /* not done */
    enum live_wish wish;
    bool removed;
    bool loading;
    enum result result;             /* of loading */
    struct error error;
    uint64_t changed, committed;    /* generations of `envelope` */
    bool committing, reporting;
    struct fiber_signal progress;   /* loaded, committed or reported */
};
/* Each use is to be given back. Waits. */
struct live *live_open(struct store_queue *queue, uint32_t number, struct error *error);
void live_close(struct store_queue *queue, struct live *live);
void live_done(struct live *live, size_t index);
/* Makes durable what has changed; removes the message if nothing is left. TEMP: not before the store ends. */
enum result live_commit(struct store_queue *queue, struct live *live) must_check;
/* Copies into its arena, cut to QUEUE_TEXT_MAX. */
struct bytes live_keep(struct live *live, struct bytes text);
enum result live_content(struct store_queue *queue, struct live *live, struct arena *arena,
                         struct bytes *content, struct error *error) must_check;
/* As much of its beginning as a header usually has. */
enum result live_start(struct store_queue *queue, struct live *live, struct arena *arena,
                       struct bytes *start, struct error *error) must_check;
/* A memfd with the content; the caller's. */
enum result live_content_fd(struct store_queue *queue, struct live *live, int *fd,
                            struct error *error) must_check;

/* store_queue_job.c: the argument is malloc'ed and freed. */
struct queue_job {
    struct store_queue *queue;
    struct schedule_job job;
};
void queue_job_run(void *job);
/* Of a message all of whose tasks the caller has taken: does what its wish says, tells who is to be told,
 * makes it durable, gives the tasks back. */
void queue_settle(struct store_queue *queue, struct live *live);
/* Takes all tasks of a message; false: somebody works on one of them, and none was taken. */
bool queue_take_all(struct store_queue *queue, uint32_t number);
/* Makes a task for the reports that could not be made now. */
void queue_report_later(struct store_queue *queue, const struct live *live);

/* store_queue_outcome.c */
struct queue_attempt {
    const struct send_answer *answer; /* NULL: none; then `error` says why */
    const struct error *error;
    size_t *indices;                  /* of the recipients in the envelope */
    size_t count;
    int64_t delay;                    /* until the next attempt, microseconds */
    unsigned tries;                   /* of the task, this one included */
    bool counts;                      /* as an attempt */
};
/* Notes and logs what became of each recipient. The number of those delivered. */
size_t queue_outcome(struct store_queue *queue, struct live *live, const struct queue_attempt *attempt);
bool queue_expired(const struct live *live, unsigned tries);
/* Gives a recipient up for the age of the message; what was said of him last stays as it is. */
void queue_expire(struct store_queue *queue, struct live *live, size_t index);
/* Has a recipient fail for a reason of ours; `status` is for the log. */
void queue_fail(struct store_queue *queue, struct live *live, size_t index, const char *enhanced,
                struct bytes text, const char *status);

/* store_queue_sweep.c */
void queue_sweep_fiber(void *queue);

/* store_queue_send.c */
queue_sender store_queue_send;

#endif
