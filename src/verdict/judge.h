/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judge: evidence and a policy in, a verdict out. A pure function: no I/O, no clock, no DNS, so that
 * it can be replayed, explained and run in a shadow.
 */
#ifndef VOUCH_VERDICT_JUDGE_H
#define VOUCH_VERDICT_JUDGE_H

#include "verdict/evidence.h"

enum action { ACTION_ACCEPT, ACTION_JUNK, ACTION_QUARANTINE, ACTION_DISCARD, ACTION_TEMPFAIL, ACTION_REJECT };
const char *action_name(enum action action); /* "accept", "junk", … */
bool action_parse(struct bytes name, enum action *out);

enum trust_class { TRUST_FIRST, TRUST_BUSINESS, TRUST_THIRD, TRUST_FORGED };
const char *trust_class_name(enum trust_class trust); /* "first-class", "business-class", "third-class", "forged" */

enum judge_dmarc { JUDGE_DMARC_OFF, JUDGE_DMARC_MARK, JUDGE_DMARC_ON, JUDGE_DMARC_STRICT };

enum judge_greylist { JUDGE_GREYLIST_OFF, JUDGE_GREYLIST_AUTO, JUDGE_GREYLIST_ON };

/* Points (points.h) are in hundredths. 5 points are a factor of ten in the odds that a message is junk: its
 * probability is 1 / (1 + 10^(-score/5)). */

/* What an answer of a list in DNS counts. */
struct policy_code {
    struct ip_network network; /* of the answer */
    uint8_t bit;               /* of its last octet: one of these must be set; 0: none needs to be */
    bool off;                  /* counts nothing */
    int points;
};
struct policy_list {
    struct bytes name;         /* of its section */
    int points;                /* of an answer that no code fits */
    struct policy_code *codes; /* the first that fits counts */
    size_t code_count;
};
struct policy_rating {
    struct bytes name;
    int good, bad;
};
/* A rule of the configuration, or a built-in test under its name. */
struct policy_rule {
    struct bytes name;
    int points;
    enum action action;        /* ACTION_ACCEPT: none by itself */
    struct bytes text;         /* of the reply */
};

/* What the configuration's policy section says, as judge() needs it. All slices borrowed. */
struct policy {
    struct bytes name;
    enum judge_dmarc dmarc;
    bool spf_fail_rejects;
    bool reject_bad_from;
    bool sender_id_fail_rejects, submitter_mismatch_rejects, bad_helo_rejects;
    bool junk_folder;
    unsigned temporary_attempts;
    const struct ip_network *trusted_forwarders;
    size_t trusted_forwarder_count;
    struct bytes *trusted_sealers;
    size_t trusted_sealer_count;
    struct bytes *trusted_lists;
    size_t trusted_list_count;
    int junk_score, quarantine_score, reject_score; /* the last two 0: never */
    bool generic_name_rejects;
    enum judge_greylist greylist;
    int64_t greylist_delay;    /* seconds */
    bool default_reject, skip_filter;
    enum action virus, attachment; /* ACTION_ACCEPT: marked */
    struct bytes *attachments; /* extensions, and "executable", "macro", "encrypted", "disguised" */
    size_t attachment_count;
    uint64_t message_size;     /* 0: no limit of its own */
    bool unscanned_tempfails;  /* clamd did not answer: put off; else marked */
    int phishing;              /* points of a finding */
    int64_t probation;         /* seconds: an identity younger than that is unknown */
    unsigned least;            /* messages before an identity is more than unknown */
    const struct policy_list *lists;
    size_t list_count;
    const struct policy_rating *ratings;
    size_t rating_count;
    const struct policy_rule *rules; /* of the configuration, and the built-in tests; the first of a name counts */
    size_t rule_count;
};

bool trust_class_parse(struct bytes name, enum trust_class *out);

/* In which direction a piece of evidence pulled. */
enum reason_effect {
    REASON_DECIDES,   /* the verdict is what it is because of this */
    REASON_OVERRIDES, /* something trusted that softened what would have been decided */
    REASON_FOR,       /* speaks for the message */
    REASON_AGAINST,   /* speaks against it */
    REASON_NOTES      /* worth knowing, without weight */
};
const char *reason_effect_name(enum reason_effect effect);
bool reason_effect_parse(struct bytes name, enum reason_effect *out);

/* One reason of a verdict: what contributed, in which direction, how it reads. */
struct reason {
    enum check check;
    enum reason_effect effect;
    struct bytes text;
};

/* What a piece of evidence adds to the score. */
struct contribution {
    enum check check;
    size_t item;               /* its index in the evidence; CONTRIBUTION_NO_ITEM: of the whole */
    int points;                /* never 0 */
    struct bytes name;         /* "DNSBL_ZEN": capital letters, digits and '_' */
    struct bytes text;         /* a sentence for people */
};
#define CONTRIBUTION_NO_ITEM SIZE_MAX
enum { CONTRIBUTIONS_MAX = 500 };

/* What another policy would have done, where that is something else. */
struct shadow {
    struct bytes policy;       /* its name; empty: there is none, or it agrees */
    enum action action;
    enum trust_class trust;
    int score;
    struct bytes text;
};

struct verdict {
    enum action action;
    enum trust_class trust;
    unsigned code;             /* SMTP reply: 250, 451, 550, … */
    char enhanced[12];
    struct bytes text;         /* the reply's sentence, without id */
    struct reason *reasons;    /* the deciding one first */
    size_t reason_count;
    bool judged;               /* by judge(); false: refused before that, or of an older release */
    bool scored;               /* false: mail that is not looked at (our own, for postmaster) */
    struct bytes trust_reason; /* why that class */
    int score;                 /* the sum of the contributions */
    int probability;           /* that it is junk, in parts of ten thousand */
    int junk_score, quarantine_score, reject_score; /* of the policy */
    struct contribution *contributions; /* in the order of the rules */
    size_t contribution_count;
    struct shadow shadow;
};

/* OK, or TEMP when the arena is at its cap (verdict is then a 451 4.3.0 that stands by itself). */
enum result judge(struct arena *arena, const struct policy *policy,
                  const struct evidence *evidence, struct verdict *out) must_check;

/*
 * The same for mail that has just come: octets of the evidence that are no UTF-8 are replaced first, as the
 * ledger's JSON would, so that a replay has the same evidence; and if `shadow` is not NULL, it judges, too, and
 * verdict->shadow tells where it would have acted otherwise.
 */
enum result judge_live(struct arena *arena, const struct policy *policy, const struct policy *shadow,
                       struct evidence *evidence, struct verdict *out) must_check;
/* Its second half by itself: fills in verdict->shadow. Where memory runs out it stays empty: always OK. */
enum result shadow_compare(struct arena *arena, const struct policy *shadow, const struct evidence *evidence,
                           struct verdict *verdict) must_check;

/* Whether a reader should take it for junk: it is filed as such, or its score says so. */
bool verdict_is_junk(const struct verdict *verdict);

void verdict_write(struct json *json, const struct verdict *verdict);
enum result verdict_read(struct arena *arena, struct bytes json, struct verdict *out,
                         struct error *error) must_check;

#endif
