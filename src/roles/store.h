/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store: private to the store role's files. The only role with a disk: recipients, Maildirs, spool,
 * quarantine, ledger and counters.
 *
 * store.c        the role; questions about recipients and attempts
 * store_config.c what it takes from the configuration: recipients, folders, reload
 * store_commit.c writes files durably, many at a time, for all fibers
 * store_deliver.c one message to its recipients
 * store_mailbox.c one message to one mailbox
 * store_spool.c  what could not be delivered at once
 * store_ledger.c writes the ledger in batches
 * store_tell.h   what senders are told of copies that came to rest here, or failed here
 * store_remote.c copies that leave us, and recipients of domains that we relay for
 * store_counts.c counters, and accounts that are held
 * store_state.c  opens the counters, here or shared with other gateways
 * store_queue.h  the queue; store_control.h commands of the administrator
 */
#ifndef VOUCH_ROLES_STORE_H
#define VOUCH_ROLES_STORE_H

#include "deliver/maildir.h"
#include "deliver/quota.h"
#include "deliver/recipients.h"
#include "deliver/spool.h"
#include "roles/role.h"
#include "state/counters.h"
#include "state/ledger.h"

struct commit_ticket;
struct delivering;
struct ledger_line;
struct spooled;

/* What the sandbox lets the store reach. */
struct store_paths {
    struct sandbox_path *paths;
    size_t count, capacity;
};

struct store {
    struct role *role;
    struct store_paths paths;
    struct arena *config_now, *config_before; /* of the last two reloads; NULL: none */
    struct durable *durable;
    struct recipients *recipients;
    struct quota *quota;
    struct counters *counters;
    struct bytes redis_user, redis_password; /* from the file; the sandbox hides it */
    struct ledger *ledger;
    /* Of the last two generations, by the peer's index; NULL where there is none. */
    struct ipc_channel *couriers[2], *keys[2];
    unsigned newest_courier, newest_keys;
    struct fiber_signal courier_changed, keys_changed;
    struct store_queue *queue;   /* store_queue.h */
    struct store_train *train;   /* store_train.h */
    struct control_server *control; /* store_control.h; NULL: nobody gives commands */
    char *spool, *quarantine;    /* Maildirs of our own */
    char *postmaster;            /* … and one for role mail that an LMTP server does not take */
    uint64_t names;              /* counter for unique file names */
    bool finishing;              /* no more requests come: drain and end */

    size_t content_octets;       /* of messages that are being delivered, in memory */
    struct fiber_signal content_changed;

    struct delivering *under_way; /* messages that are being delivered, newest first */
    struct fiber_signal delivered; /* one of them ended */

    struct fiber_group work;     /* the fibers below */
    struct fiber_group committer; /* ends after those, which may wait for it */
    struct commit_ticket *commit_first, **commit_last; /* jobs that wait for the next batch */
    struct fiber_signal commit_wanted;
    struct ledger_line *ledger_first, **ledger_last;
    size_t ledger_waiting, ledger_octets;
    struct fiber_signal ledger_wanted;
    struct spooled *spooled;     /* what lies in the spool, in no order */
    struct fiber_signal spool_wanted;
};

/* Where one recipient's copy went. */
struct store_outcome {
    enum result result;       /* OK, TEMP, PERM */
    unsigned code;            /* SMTP code to give for it */
    struct bytes enhanced, text;
    struct protocol_reply said; /* by a server elsewhere, in its own words; code 0: none */
    struct bytes host;          /* its name */
    bool aside;                 /* OK, but not delivered: spooled, in quarantine, or the sender is told */
};

/* A message on its way to one or several destinations. Slices are the caller's. */
struct store_message {
    struct bytes id, sender;
    struct bytes prefix;      /* header fields of ours, CRLF */
    struct bytes content;     /* CRLF */
    struct bytes local_form;  /* both with LF, as Maildirs hold them; made when first needed */
    struct bytes whole;       /* both in one piece; made when first needed */
    bool smtputf8;            /* it came with SMTPUTF8 (rfc6531:3.4) */
    const char *name;         /* of the file in the spool that it comes from, or NULL */
    enum mail_folder folder;
};

enum result store_load_recipients(struct store *store, const struct config *config,
                                  struct error *error) must_check;
/* The folder above all Maildirs of a domain; NULL for LMTP. */
char *store_maildir_base(struct arena *arena, const struct config_domain *domain);
void store_sandbox(struct role *role, struct sandbox *sandbox);
void store_reload(struct role *role);

/* Waits until the file is durable (or failed): job->result. */
void store_commit(struct store *store, struct maildir_job *job);
void store_commit_fiber(void *store);

/* `enhanced` is a literal. */
void store_set_outcome(struct store_outcome *outcome, enum result result, unsigned code,
                       const char *enhanced, struct bytes text);
/* To several mailboxes of one LMTP server in one transaction; waits. Texts live in the arena. */
void store_deliver_lmtp(struct store *store, struct arena *arena, struct store_message *message,
                        const struct destination *const *destinations,
                        struct store_outcome *const *outcomes, size_t count);
/* What a server beyond says, as we may say it to our client: no code that would speak of the session with us
 * (421, 530 …), and an enhanced code of the same class (rfc5321:3.8, 4.2). Texts stay where they are. */
struct protocol_reply store_reply_for_client(const struct protocol_reply *said);
/* Delivers to one destination and waits. Texts of the outcome live in the arena. */
void store_deliver_to(struct store *store, struct arena *arena, struct store_message *message,
                      const struct destination *destination, struct store_outcome *outcome);

/* store_state.c: the counters, and the Redis that they may be shared by. Before the account changes … */
enum result store_state_read(struct store *store, struct error *error) must_check;
/* … and as the account that works with them. */
enum result store_state_open(struct store *store, struct error *error) must_check;
/* store_sandbox(), and the way to Redis. */
void store_state_sandbox(struct role *role, struct sandbox *sandbox);
/* Whether a store has to start anew for it. */
bool store_state_differs(const struct config *config, const struct config *before);

/* store_counts.c */
/* Counts keys that an edge gave (at most PROTOCOL_COUNTED_MAX), for so many microseconds from the first time. May
 * wait, as all that counts may (counters.h). */
enum result store_count(struct store *store, const struct bytes *keys, size_t count, int64_t window,
                        uint64_t *values) must_check;
void store_answer_counts(struct store *store, struct ipc_request *request);
void store_answer_hold(struct store *store, struct ipc_request *request);
void store_answer_owner(struct store *store, struct ipc_request *request);
/* The account may send again. NONE: it was not held. */
enum result store_account_release(struct store *store, struct bytes account, struct error *error) must_check;
/* A server elsewhere does not know a recipient in `domain` that the account wrote to. One server's word holds
 * nobody: only when those of several domains say so. */
void store_account_unknown(struct store *store, struct bytes account, struct bytes domain);

/* store_remote.c: RCPT for a domain that we are backup MX for and have no list of. */
struct protocol_reply store_ask_primary(struct store *store, struct arena *arena,
                                        const struct recipient_question *question);
/* Copies of a message that leave us, with what came of each. Now, if the sender is a stranger, and its
 * failure then is his client's to hear of; else by the queue. */
struct store_remote {
    const struct delivery_request *request;
    const struct store_message *message;
    const struct destination *const *destinations;
    const struct delivery_recipient *const *given; /* what each comes from; NULL: an alias of ours */
    struct store_outcome *const *outcomes;
    size_t count;
    bool relay;               /* a domain that we are backup MX for */
    int64_t deadline;         /* loop time */
};
void store_deliver_remote(struct store *store, struct arena *arena, const struct store_remote *remote);

/* STORE_DELIVER. */
void store_deliver(struct store *store, struct ipc_request *request);

/* Puts one recipient's copy into the spool (to be delivered later) or into quarantine, durably. */
enum result store_spool(struct store *store, struct arena *arena,
                        const struct store_message *message, const struct spool_entry *entry,
                        bool quarantine, struct error *error) must_check;
/* Tells postmaster that copies of one message lie in quarantine because they could not be delivered. */
void store_notify(struct store *store, struct arena *arena, const struct spool_entry *entries,
                  size_t count);
/* A message of ours to postmaster; `text` is header and body with CRLF. */
void store_tell_postmaster(struct store *store, struct arena *arena, struct bytes id, struct bytes text);
void store_spool_fiber(void *store);
enum result store_spool_open(struct store *store, struct error *error) must_check;
void store_spool_close(struct store *store);

/* Queues a record; it is in the ledger within a second. Copies what it needs. */
void store_record(struct store *store, const struct ledger_record *record, struct bytes delivery);
void store_ledger_fiber(void *store);

/* The channel to the newest courier, or keys process; NULL past the deadline. */
struct ipc_channel *store_courier(struct store *store, int64_t deadline);
struct ipc_channel *store_keys(struct store *store, int64_t deadline);
/* LMTP to one endpoint: `content` without ptr only asks whether the recipients are welcome. One reply a
 * recipient, texts in the arena. TEMP: the courier or the server cannot be reached. */
enum result store_lmtp(struct store *store, struct arena *arena, const struct config_endpoint *endpoint,
                       struct bytes sender, bool smtputf8, struct bytes *recipients, size_t count,
                       struct bytes content, struct protocol_reply *replies, struct error *error)
    must_check;

#endif
