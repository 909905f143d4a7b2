/* SPDX-License-Identifier: BSD-2-Clause */
/* gather_reputation_parts: private to the files of gather_reputation. */
#ifndef VOUCH_ROLES_GATHER_REPUTATION_PARTS_H
#define VOUCH_ROLES_GATHER_REPUTATION_PARTS_H

#include "reputation/dnsl_round.h"
#include "reputation/rating.h"
#include "reputation/uribl.h"
#include "roles/gather_reputation.h"

/* A domain, and one who rates domains. */
struct rating_question {
    struct gather_reputation *reputation;
    const struct config_rating *rating;
    struct bytes domain;
    bool authenticated, done;
    struct rating_result result;
    int64_t elapsed;
};

struct gather_reputation {
    struct dns *dns;           /* below the recorder */
    struct dnsl_health *health;
    struct dnsl_round *round;  /* NULL without lists */
    struct uribl_hosts hosts;
    struct rating_question *ratings;
    size_t rating_count;
    struct fiber_group group;  /* of ratings */
    struct arena *arena;
    int64_t deadline, early_deadline;
    bool early_known;
    struct gather_early *early;
};

/* A domain's registrable part, or all of it. */
struct bytes gather_organization(struct bytes domain);

#endif
