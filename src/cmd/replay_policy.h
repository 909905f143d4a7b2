/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay_policy: the mail that a ledger remembers, judged again under a configuration's policies. What
 * replay_policy.c (the judging) and replay_policy_write.c (the report) share.
 *
 * Evidence is taken as it was found: DNS, lists and filter are not asked again. Everything kept lives in the arena.
 */
#ifndef VOUCH_CMD_REPLAY_POLICY_H
#define VOUCH_CMD_REPLAY_POLICY_H

#include "base/buf.h"
#include "base/map.h"
#include "config/config.h"
#include "state/ledger.h"
#include "verdict/calibration.h"
#include "verdict/judge.h"

/* A message whose action or class differs. */
struct replay_difference {
    struct replay_difference *next;
    struct bytes id, sender, header_from, reason; /* why it is what it is now */
    int64_t received_at;
    enum action before, after;
    enum trust_class trust_before, trust_after;
    bool scored_before;
    int score_before, score_after;
};

struct replay_tally { /* of one kind of messages */
    struct calibration calibration;
    size_t junk_taken, ham_lost; /* junk that was accepted; ham that was not */
};

struct replay_policies {
    struct arena *arena;
    const struct config *config;
    struct policy *policies, **shadows; /* as they are needed; of config->policies */
    bool *made;
    struct map *labels;                 /* id -> "junk" or "ham"; NULL: none */
    size_t limit;                       /* of the list; 0: all */
    /* What was found: */
    size_t remembered;
    size_t unjudged;       /* refused before anything was checked: there is nothing to judge again */
    size_t unreadable, without_policy;
    size_t judged, identical; /* to the octet of the verdict */
    size_t older;          /* of these: judged by a release that kept no scores, so never identical */
    size_t changed;        /* another action */
    size_t reclassed;      /* the same action, another class */
    size_t transitions[ACTION_REJECT + 1][ACTION_REJECT + 1];
    struct replay_difference *differences, **last;
    size_t difference_count;
    struct replay_tally before, after; /* of those with a label and a score */
};

/* TEMP: the ledger cannot be read, or out of memory. */
enum result replay_policies_run(struct replay_policies *replay, struct ledger *ledger,
                                const struct ledger_filter *filter, struct error *error) must_check;

/* replay_policy_write.c */
void replay_policies_write_text(struct buf *out, const struct replay_policies *replay);
void replay_policies_write_json(struct buf *out, const struct replay_policies *replay);

#endif
