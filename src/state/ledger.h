/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ledger: what was decided of each message and why, in SQLite (WAL), for `vouch explain`, `vouch log`
 * and replays.
 *
 * All functions block on the disk: the store calls them on a worker thread, one at a time for one
 * handle; commands call them directly. Any number of processes may read while one writes.
 */
#ifndef VOUCH_STATE_LEDGER_H
#define VOUCH_STATE_LEDGER_H

#include "base/arena.h"

struct ledger;

enum ledger_mode { LEDGER_WRITE, LEDGER_READ };

/* Creates the file and its tables in LEDGER_WRITE. PERM if it is not ours or too new; TEMP if it
 * cannot be opened now; NONE (LEDGER_READ) if there is none yet. */
enum result ledger_open(const char *file, enum ledger_mode mode, struct ledger **out,
                        struct error *error) must_check;
void ledger_close(struct ledger *ledger); /* NULL is fine */

struct ledger_entry {
    struct bytes id;
    int64_t received_at;          /* epoch seconds */
    struct bytes client;          /* address as text */
    struct bytes sender;          /* MAIL FROM; empty: <> */
    struct bytes header_from;
    const struct bytes *recipients;
    size_t recipient_count;
    struct bytes action, trust;   /* names */
    unsigned code;                /* SMTP reply */
    struct bytes policy;          /* name of the policy section */
    struct bytes evidence, verdict; /* JSON */
    struct bytes delivery;        /* JSON: what became of each recipient; empty if not delivered */
};

/* All in one transaction: all or nothing. An id that is already there is replaced. */
enum result ledger_append(struct ledger *ledger, const struct ledger_entry *entries, size_t count,
                          struct error *error) must_check;

/* Removes entries received before `epoch`, at most `most` of them; how many in *removed. */
enum result ledger_expire(struct ledger *ledger, int64_t epoch, unsigned most, unsigned *removed,
                          struct error *error) must_check;

/* OK, NONE if there is no such id. The id may be cut short if it is unambiguous (else PERM). */
enum result ledger_find(struct ledger *ledger, struct arena *arena, struct bytes id,
                        struct ledger_entry *out, struct error *error) must_check;

/* Zeroed members do not restrict. `sender` and `recipient` match as a whole mailbox, or as a domain when
 * they begin with '@' or hold none; sender matches MAIL FROM and From. */
struct ledger_filter {
    struct bytes sender, recipient, action, client;
    int64_t since, until;  /* epoch seconds, inclusive */
    unsigned most;         /* newest so many; 0: all */
};
/* Calls `each` in order of time, oldest first; entry and its slices are valid during the call only. It
 * returns false to stop. */
enum result ledger_select(struct ledger *ledger, const struct ledger_filter *filter,
                          bool (*each)(void *context, const struct ledger_entry *entry),
                          void *context, struct error *error) must_check;

#endif
