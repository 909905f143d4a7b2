/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * court: what the rules of judge.c share: the case, and how a rule speaks. Private to judge.c,
 * trusted_path.c and remarks.c.
 */
#ifndef VOUCH_VERDICT_COURT_H
#define VOUCH_VERDICT_COURT_H

#include "verdict/judge.h"

struct court {
    struct arena *arena;
    const struct policy *policy;
    const struct evidence *evidence;
    struct verdict *verdict;
    size_t reason_capacity;
    bool exhausted;
};

void court_reason(struct court *court, enum check check, enum reason_effect effect,
                  const char *format, ...) printf_like(4, 5);
/* Sets the verdict and its first reason. */
void court_decide(struct court *court, enum action action, unsigned code, const char *enhanced,
                  enum check check, const char *format, ...) printf_like(6, 7);

/* The first item of a check, or NULL. */
const struct evidence_item *court_item(const struct court *court, enum check check);
bool court_any(const struct court *court, enum check check, enum auth_result result);
bool court_result(const struct evidence_item *item, enum auth_result result);

/*
 * trusted_path.c: whether something that the administrator trusts explains why authentication
 * broke. What a stranger can write himself (List-Id, a signature of an unknown domain, a self-made
 * ARC set) never counts.
 */
enum trusted_path { /* each is worth more than those before it */
                    PATH_UNTRUSTED,
                    PATH_TRUSTED,  /* it came that way; whether it was genuine when it did, nobody
                                      says */
                    PATH_FILTERED, /* who forwarded it has filtered it; the author is as unproven as
                                      before */
                    PATH_VOUCHED   /* who is trusted saw DMARC pass: as good as our own check */
};
/* The best of all; adds a reason for each. `author` is the domain in question. */
enum trusted_path court_trusted_path(struct court *court, struct bytes author);

/* remarks.c: adds what did not decide, but belongs to the story. */
void court_remarks(struct court *court);

#endif
