/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * simulate: which of the mail that the ledger remembers would get another result if a domain published
 * another record. What spf_simulate.c and dmarc_simulate.c share.
 *
 * Each message is evaluated twice with its own DNS answers (replay.h): with the record that was there,
 * and with the proposed one. Everything found lives in the arena of the simulation.
 */
#ifndef VOUCH_CMD_SIMULATE_H
#define VOUCH_CMD_SIMULATE_H

#include "base/buf.h"
#include "cmd/replay.h"
#include "config/config.h"
#include "state/ledger.h"

enum { SIMULATE_PARTS = 4, SIMULATE_LIMIT = 50 };

/* One result of a message, before and after: {"MAIL FROM", "pass", "fail"}. */
struct simulate_part {
    const char *what; /* "HELO", "MAIL FROM", "DMARC" or "verdict" */
    struct bytes before, after;
};

/* One message while it is evaluated. */
struct simulate_case {
    struct simulate *simulate;
    struct replay replay;
    struct evidence evidence;
    bool concerned;       /* one of its results hangs on the record */
    bool differs;         /* evaluated again it gives another result than was recorded */
    struct bytes unknown; /* what would have to be known, as a question; empty if nothing */
    struct simulate_part parts[SIMULATE_PARTS]; /* those that change */
    size_t part_count;
    struct replay_found before, after; /* for the verdict */
    struct spf_result spf[4];
    struct dmarc_result dmarc[2];
};

/* Where the two commands differ. */
struct simulate_kind {
    const char *command; /* "spf simulate" */
    const char *protocol; /* "SPF" */
    const char *version; /* of the records: "v=spf1" */
    const char *prefix;  /* of the name where they stand: "_dmarc." */
    /* A message that did not ask for the record, but may hang on it. */
    bool (*concerns)(const struct simulate_case *this);
    void (*evaluate)(struct simulate_case *this);
    /* What is wrong with a text as a record: OK if nothing, NONE if it is no such record, PERM if it is
     * broken. *essence: the record without what cannot change a result. */
    enum result (*parse)(struct arena *arena, struct bytes text, struct bytes *essence,
                         struct error *error);
};
extern const struct simulate_kind simulate_spf, simulate_dmarc;

struct simulate_transition {
    struct simulate_transition *next;
    struct simulate_part part;
    size_t count;
};

struct simulate_tally {
    size_t concerned, changed, unknown;
    struct simulate_transition *transitions; /* in the order in which they were met */
};

struct simulate_network {
    struct ip_network network;
    struct bytes client_name; /* of one of its clients, or empty */
    struct simulate_tally tally;
};

/* A message for the list. */
struct simulate_message {
    struct simulate_message *next;
    struct bytes id, sender, header_from, client_name, unknown;
    struct ip client;
    int64_t received_at;
    struct simulate_part parts[SIMULATE_PARTS];
    size_t part_count;
};

struct simulate {
    const struct simulate_kind *kind;
    struct arena *arena;
    const struct config *config; /* NULL: without verdicts */
    struct bytes domain;         /* A-labels, lower case */
    struct bytes record;         /* as given; ptr NULL: none */
    struct replay_proposal proposal;
    enum dmarc_mode mode;
    struct replay_today today;
    size_t limit;                /* of the list; 0: all */
    bool progress;               /* is shown on standard error */
    /* What was found */
    size_t remembered;           /* messages of that time in the ledger */
    size_t unreadable, differing, without_policy;
    int64_t oldest, newest;      /* of those concerned */
    struct simulate_tally total;
    struct map *networks;        /* struct simulate_network */
    struct simulate_message *messages, **last; /* newest first: changed or unknown */
    size_t message_count;
};

/* `record` empty: as if there were none. `dns` NULL: offline. A record that is broken can be tried, too.
 * PERM: `domain` is no domain name, or `record` is no record of this kind; TEMP: out of memory.
 * simulate_free() in either case. */
enum result simulate_init(struct simulate *simulate, const struct simulate_kind *kind,
                          struct arena *arena, struct bytes domain, struct bytes record,
                          struct dns *dns, struct error *error) must_check;
void simulate_free(struct simulate *simulate);

/* Looks at all that the filter lets through. TEMP: the ledger cannot be read, or out of memory. */
enum result simulate_ledger(struct simulate *simulate, struct ledger *ledger,
                            const struct ledger_filter *filter, struct error *error) must_check;

/* For the kinds: */
/* Remembers what the last evaluation could not find out. True if there was something. */
bool simulate_note_unknown(struct simulate_case *this);
/* A result before and after; kept if it differs. */
void simulate_compare(struct simulate_case *this, const char *what, struct bytes before,
                      struct bytes after);
/* DMARC's result with what it asks for where that matters: "fail, p=reject". */
struct bytes simulate_dmarc_text(struct simulate_case *this, const struct dmarc_result *dmarc);

/* simulate_write.c: the summary first, then the networks, then the messages. */
void simulate_write_text(struct buf *out, const struct simulate *simulate);
void simulate_write_json(struct buf *out, const struct simulate *simulate);

/* simulate_command.c: the arguments, the ledger, the output. */
int simulate_command(int argc, char **argv, const struct simulate_kind *kind, const char *usage);

#define SIMULATE_USAGE                                                                             \
    "  --record TEXT           the record to try; '' for none at all (required)\n"                   \
    "  --since WHEN            an epoch, 2026-11-21, 2026-11-21T20:55, or how long ago: 90m, 7d\n"   \
    "  --until WHEN            the same\n"                                                           \
    "  --limit N               list at most so many messages (default: 50; 0: all)\n"                \
    "  --offline               ask nothing of today's DNS\n"                                         \
    "  --ledger FILE           the ledger (default: ledger.sqlite in the configuration's data\n"     \
    "                          directory)\n"                                                        \
    "  --discovery MODE        of DMARC: tree-walk (RFC 9989) or suffix-list (RFC 7489); default:\n"  \
    "                          as configured\n"

#endif
