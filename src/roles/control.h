/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control: commands of the administrator to the gateway that runs, over the Unix socket
 * RUN-DIRECTORY/control (SOCK_SEQPACKET, mode 0600, or 0660 for the control-group): the socket, what is
 * said on it, and the asking side. The answering side is roles/store_control.h.
 *
 * The master makes the socket, the store accepts on it. A call is one CONTROL_COMMAND frame (os/ipc.h)
 * and its reply; lists come before that in pages, frames without an id, so that nobody holds much for
 * a peer that is slow. What is too long for a frame travels in a memfd. Writers append to a buf; readers
 * take a payload of a peer that may be hostile, and say false if it is not exactly what it should be;
 * slices read point into the payload.
 */
#ifndef VOUCH_ROLES_CONTROL_H
#define VOUCH_ROLES_CONTROL_H

#include "config/config.h"
#include "queue/envelope.h"
#include "roles/protocol.h"

#include <sys/types.h>

enum {
    CONTROL_SOCKET_INDEX = 0x7ffffffe, /* of CONTROL_LISTENER: the listening socket, for the store */
    CONTROL_IDS_MAX = 1000,            /* of one command */
    CONTROL_TEXT_MAX = 1024,           /* octets of an address or a reason */
    CONTROL_PAGE_ENTRIES = 500,
    CONTROL_PAGE_OCTETS = 1 << 20,     /* from which on no more entries are added */
    CONTROL_DESTINATIONS_MAX = 100,    /* listed with the statistics */
    CONTROL_ANSWER_MAX = 64 << 20,
    CONTROL_CONTENT_MAX = 64 << 20     /* of a command */
};

enum control_verb {
    CONTROL_PING,
    CONTROL_QUEUE_SELECT,    /* envelopes, in pages */
    CONTROL_QUEUE_ACT,       /* something done to messages */
    CONTROL_QUEUE_STATS,
    CONTROL_QUEUE_CONTENT,   /* the one message of filter.ids: envelope, and content in the descriptor */
    CONTROL_ACCOUNT_RELEASE, /* `account` may send again, its mail is released */
    CONTROL_ACCOUNT_LIST,    /* names of accounts that are held */
    CONTROL_TRAIN,           /* `content` is learned: `text` says as what, `account` who says so, filter.recipient for
                              * whose model; the one verb that the members of control-group have */
    CONTROL_CONTACT_LIST,    /* of `account`, or of everybody; `text`: only what holds it */
    CONTROL_CONTACT_ADD,     /* `text` is a contact of `account` ("*": of all) */
    CONTROL_CONTACT_REMOVE,  /* the same; no `text`: all of them */
    CONTROL_GREYLIST_LIST,   /* `text`: only what holds it */
    CONTROL_GREYLIST_RELEASE, /* `text`: a domain, a network, or an address */
    CONTROL_REPUTATION_SHOW, /* `text`: a domain or a network */
    CONTROL_REPUTATION_FORGET,
    CONTROL_REPUTATION_COMPLAIN, /* … and `account`: who complains */
    /* Of quarantine: what the filter lets through; `text` is one word, then (after a blank) the name of the file
     * behind which to go on. `account`: on whose word the filter learns. An answer tells in `count` to how many it
     * was done, in `text` the file behind which to go on (empty: it is through), in `names` what was not done. */
    CONTROL_QUARANTINE_LIST,     /* in pages */
    CONTROL_QUARANTINE_SHOW,     /* one entry, and the message in the descriptor; "raw": without fields of ours */
    CONTROL_QUARANTINE_RELEASE,  /* "ham": and it is learned as such; "none" */
    CONTROL_QUARANTINE_TRAIN,    /* "ham", "spam" */
    CONTROL_QUARANTINE_PURGE,    /* "spam", "none" */
    CONTROL_VERBS
};

enum control_action {
    CONTROL_NOTHING,
    CONTROL_HOLD,
    CONTROL_RELEASE,
    CONTROL_RETRY,  /* now */
    CONTROL_DROP,   /* gone, nobody is told */
    CONTROL_BOUNCE, /* given up: the sender is told, where that is allowed */
    CONTROL_ACTIONS
};

/* Which messages. What is empty or 0 matches all; all that is given must hold. */
struct control_filter {
    struct bytes *ids; /* whole ids: one of these */
    size_t id_count;
    struct bytes sender;    /* a mailbox, or "<>" */
    struct bytes recipient; /* a mailbox, or a domain; one recipient is enough */
    struct bytes account;
    struct bytes reason;    /* occurs in the last reply to a recipient, or in why it is held */
    int64_t older_than, younger_than; /* seconds in the queue; 0: any */
    bool held_only;
    uint32_t limit;         /* most messages; 0: no limit */
};
/* As the gateway itself does, but for `limit` and what only it knows. Pure; without case. */
bool control_filter_matches(const struct control_filter *filter, const struct queue_envelope *envelope,
                            int64_t now);

struct control_command {
    enum control_verb verb;
    enum control_action action;
    struct control_filter filter;
    struct bytes text;      /* of HOLD: why; of BOUNCE: what to tell */
    struct bytes account;   /* of ACCOUNT_RELEASE */
    struct bytes content;   /* of TRAIN: a message; travels as a descriptor of its own */
};
void control_command_write(struct buf *out, const struct control_command *command);
/* The array of ids lies in the arena. */
bool control_command_read(struct bytes payload, struct arena *arena, struct control_command *command);

enum control_state { CONTROL_ACTIVE, CONTROL_WAITING, CONTROL_HELD, CONTROL_STATES };
struct control_entry {
    struct queue_envelope envelope;
    enum control_state state;
    bool account_held;
    int64_t next_try;       /* epoch seconds; 0: at once, or held */
    struct bytes from, subject, score; /* of a message in quarantine: as its header has them; else empty */
};

struct control_destination {
    struct bytes name, reason; /* the reason: what was heard there last */
    uint64_t messages, running, concurrency, failures;
    int64_t oldest, next_try;
};
struct control_stats {
    uint64_t messages, held, octets, tasks, running, sessions, destination_count;
    uint64_t body_octets, journal_octets, journal_live_octets, memory_octets;
    int64_t oldest;         /* epoch seconds; 0: there is none */
    struct control_destination *destinations;
    size_t listed;
};

/* What is not of a verb is empty. Arrays lie in the arena given to the reader. */
struct control_answer {
    enum result result;     /* OK; NONE: no such message or account; TEMP, PERM: `text` says why */
    struct bytes text;
    uint64_t count;         /* messages that ACT changed, or SELECT found */
    struct control_entry *entries; /* of a page, or of QUEUE_CONTENT */
    size_t entry_count;
    struct bytes *names;    /* of ACCOUNT_LIST: accounts */
    size_t name_count;
    struct control_stats stats;
    struct bytes content;   /* of QUEUE_CONTENT: after control_call(), in the arena */
};
/* `content` is not in it: it travels as a descriptor of its own. */
void control_answer_write(struct buf *out, const struct control_answer *answer);
bool control_answer_read(struct bytes payload, struct arena *arena, struct control_answer *answer);
/* One entry as control_answer_write() adds it at its end. With entry_count and no `entries` that many are
 * to be added behind it, so that a page can be gathered without an array. */
void control_entry_write(struct buf *out, const struct control_entry *entry);

/* ---- the socket ---- */

/*
 * Makes RUN-DIRECTORY/control (and the folder, where it is missing) and listens: mode 0600, ours. One
 * that is left from before is replaced. The close-on-exec descriptor, or -1 and `error`. Blocks a
 * moment; for the master.
 */
int control_listen(const struct config *config, struct error *error);
/* Removes it from the file system. */
void control_unlink(const struct config *config);

/* A page of what was selected; its memory goes when it returns. False: enough. */
typedef bool control_page(void *context, const struct control_answer *page);
/*
 * Asks the gateway that runs with this configuration and waits for its answer; `page` may be NULL. Needs no loop: for
 * commands. OK: *answer is read (whatever its own result). NONE: no gateway runs with it. PERM: it is
 * not ours to ask. TEMP: it does not answer.
 */
enum result control_call(const struct config *config, struct arena *arena,
                         const struct control_command *command, control_page *page, void *context,
                         struct control_answer *answer, struct error *error) must_check;

/* "hold" … as the command is called; "" for CONTROL_NOTHING. */
const char *control_action_name(enum control_action action);

#endif
