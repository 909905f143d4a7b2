/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay: SPF and DMARC evaluated again on a message that the ledger remembers, with the DNS answers on
 * which its evidence rests.
 *
 * What was asked when the message came is answered as it was then. What was not is asked of today's DNS,
 * if there is one (replay_today), and else is unknown: it fails, and is counted, so that nothing is
 * said of a message that hangs on it. Everything lives in the arena given; replay_close() must be called
 * before it goes.
 */
#ifndef VOUCH_CMD_REPLAY_H
#define VOUCH_CMD_REPLAY_H

#include "auth/dmarc.h"
#include "auth/spf.h"
#include "base/map.h"
#include "dns/overlay.h"
#include "verdict/evidence.h"

/* Today's DNS, one for all messages: each question is asked once. When it costs too much time in vain,
 * no more is asked. */
struct replay_today {
    struct dns *dns; /* NULL: there is none */
    struct arena *arena;
    struct map *answers;
    int64_t patience; /* microseconds that may still be lost on questions that fail */
    size_t asked;
};
/* `dns` NULL: offline. False when memory is out. */
bool replay_today_init(struct replay_today *today, struct dns *dns, struct arena *arena) must_check;
void replay_today_free(struct replay_today *today);

struct replay {
    struct dns dns; /* first: ask through &replay.dns, for what was published then */
    struct arena *arena;
    const struct evidence *evidence;
    struct replay_today *today;
    struct zone *zone;           /* the records of the evidence */
    struct dns_overlay overlay;  /* the same DNS with the proposal in it */
    struct bytes name;           /* where the proposal stands */
    bool proposing;              /* what is asked now is asked through the overlay */
    /* Since replay_start(): */
    bool touched;                /* the records at `name` were asked for */
    size_t unknown;              /* questions without an answer of then or now */
    struct bytes first_unknown;  /* "example.org A" */
};

/* The proposal: TXT records at a name. */
struct replay_proposal {
    struct bytes name;
    const char *version; /* of the records that it replaces: "v=spf1" */
    struct bytes text;   /* ptr NULL: there is no record any more */
};

/* False when memory is out; then nothing is to be closed. */
bool replay_open(struct replay *replay, struct arena *arena, const struct evidence *evidence,
                 const struct replay_proposal *proposal, struct replay_today *today) must_check;
void replay_close(struct replay *replay);

/* Begins an evaluation: resets the notes above. The DNS to evaluate with: as it was, or with the
 * proposal. */
struct dns *replay_start(struct replay *replay, bool proposing);

/* replay_check.c: the checks, with the words of the evidence. `dns` from replay_start(). */
void replay_spf(struct replay *replay, struct dns *dns, enum check identity, struct spf_result *out);
/* `spf` NULL: that of the evidence, if there is one. False when memory is out. */
bool replay_dmarc(struct replay *replay, struct dns *dns, const struct spf_result *spf,
                  enum dmarc_mode mode, struct dmarc_result *out) must_check;

/* What was found again, in the place of what the evidence says. NULL: as it is. */
struct replay_found {
    const struct spf_result *helo, *spf;
    const struct dmarc_result *dmarc;
};
/* A copy of the replay's evidence with other items for these checks. False when memory is out. */
bool replay_evidence(struct replay *replay, const struct replay_found *found,
                     struct evidence *out) must_check;

/* What DMARC asks the receiver to do with this message, after pct. */
enum dmarc_policy replay_policy(const struct replay *replay, const struct dmarc_result *dmarc);

#endif
