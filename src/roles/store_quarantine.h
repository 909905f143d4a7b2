/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_quarantine: messages that nobody gets until somebody releases them.
 *
 * One file in the form of the spool (deliver/spool.h) for each recipient, so that each can be released alone. In
 * memory there is nothing of them but while they are looked through, and then a bounded part: names in their
 * order, which is that of time, and the heads of a few files. Nobody is ever told that a message lies here, or
 * that it was thrown away.
 *
 * store_quarantine.c          puts messages in, releases, throws away what has lain here long enough
 * store_quarantine_scan.c     looks through what is there
 * store_quarantine_control.c  vouch quarantine, as the store answers it
 */
#ifndef VOUCH_ROLES_STORE_QUARANTINE_H
#define VOUCH_ROLES_STORE_QUARANTINE_H

#include "roles/store_control.h"
#include "roles/train.h"

enum { QUARANTINE_NAME_SIZE = 256, QUARANTINE_BATCH = 64 };

/* One file. Slices live in the scan, until the next batch. */
struct quarantine_item {
    const char *name;
    struct spool_entry entry; /* the reason is for people: where the line has none, the header's */
    uint64_t size;            /* octets of the message */
    struct bytes from, subject, score; /* of the header: raw text, shortened; `score`: "7.5", or empty */
};

/* ---- looking ---- */

struct quarantine_scan {
    const char *directory;
    const struct control_filter *filter; /* NULL: all; `limit` is not looked at */
    int64_t now;              /* epoch seconds */
    int64_t named_before;     /* 0, or: only files whose name says that they are older than this time */
    struct arena *arena;      /* of its own */
    char after[QUARANTINE_NAME_SIZE]; /* only files behind this one */
    struct quarantine_item items[QUARANTINE_BATCH];
    size_t count;
    size_t damaged;           /* files that are none of ours: left alone */
    enum result result;       /* TEMP: the folder cannot be read */
    struct error error;
    /* Private. */
    char (*names)[QUARANTINE_NAME_SIZE];
    size_t name_count, name_next, limit;
    char last[QUARANTINE_NAME_SIZE]; /* of the page of names */
    bool all;                 /* the page reaches to the end */
};
/* TEMP: out of memory. `filter` is the caller's. */
enum result quarantine_scan_open(struct quarantine_scan *scan, const char *directory,
                                 const struct control_filter *filter, int64_t now) must_check;
/* The next items that match, oldest first. False: there are no more, or scan->result. Blocks: by offload(). */
bool quarantine_scan_next(struct quarantine_scan *scan);
void quarantine_scan_close(struct quarantine_scan *scan);

/* A whole file, its slices in the arena. NONE: it is gone. Waits. */
enum result quarantine_load(struct store *store, struct arena *arena, const char *name, struct spool_entry *entry,
                            struct bytes *message, struct error *error) must_check;

/* ---- doing ---- */

/* Puts copies in, in one batch, each into a file of its own; results[i] says what came of entries[i]. Waits. */
void store_quarantine_keep(struct store *store, struct arena *arena, const struct store_message *message,
                           const struct spool_entry *entries, size_t count, enum result *results);
/* What the policy says of the message, in words: from the header fields that stand before it. */
struct bytes store_quarantine_reason(struct arena *arena, struct bytes prefix);

/*
 * To the mailbox's inbox, or on its way to another site; then the file goes. A crash in between leaves the file,
 * and what releases it again replaces what was delivered. NONE: it is gone. PERM: it cannot be delivered; TEMP: not
 * now; it stays where it is. `trained`: the filter learns that it is ham, on the word of `reporter` (may be empty).
 * Waits.
 */
enum result store_quarantine_release(struct store *store, const char *name, bool trained, struct bytes reporter,
                                     struct error *error) must_check;
/* The files go; how many went. Durably with `sync`, and so all that went before: the last of many calls, which may
 * have no names. Waits. */
size_t store_quarantine_remove(struct store *store, const char *const *names, size_t count, bool sync);

/* Throws away what has lain here for as long as the configuration says; how many. Waits. */
size_t store_quarantine_sweep(struct store *store);
/* Does so now and then. */
void store_quarantine_fiber(void *store);

/* The verbs CONTROL_QUARANTINE_... */
void store_control_quarantine(struct store *store, struct control_call_state *call,
                              const struct control_command *command, struct control_answer *answer, int *content_fd);

#endif
