/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * court: what the rules share: the case, and how a rule speaks. Private to src/verdict.
 *
 * A rule of the musts decides (court_decide, court_raise), or it leaves the case to the next one. The class is the
 * first one's that somebody sets. The score is a sum, and nobody but decide.c looks at it.
 */
#ifndef VOUCH_VERDICT_COURT_H
#define VOUCH_VERDICT_COURT_H

#include "verdict/judge.h"

/* Whom SPF or DKIM proves: some domain, or the author's. */
enum authenticated { AUTHENTICATED_NOBODY, AUTHENTICATED_SOMEBODY, AUTHENTICATED_AUTHOR };

struct court {
    struct arena *arena;
    const struct policy *policy;
    const struct evidence *evidence;
    struct verdict *verdict;
    size_t reason_capacity, contribution_capacity;
    bool exhausted;
    bool classed;        /* the class is settled */
    enum authenticated authenticated; /* known once the forgeries are through */
    bool author_vouched; /* somebody trusted saw that the author is genuine */
    bool trapped;        /* all recipients are traps: neither class nor score changes what becomes of it */
};

void court_reason(struct court *court, enum check check, enum reason_effect effect,
                  const char *format, ...) printf_like(4, 5);
/* Sets the verdict and its first reason. What had decided before is a reason among others then. */
void court_decide(struct court *court, enum action action, unsigned code, const char *enhanced,
                  enum check check, const char *format, ...) printf_like(6, 7);
/* The same if it is severer than what was decided; else it is a reason against the message. */
void court_raise(struct court *court, enum action action, unsigned code, const char *enhanced,
                 enum check check, const char *format, ...) printf_like(6, 7);
/* For what a policy says of viruses and the like: a refusal is 550 with this code, ACCEPT a mark, and JUNK is the
 * folder or, without one, a mark. */
void court_apply(struct court *court, enum action action, const char *enhanced, enum check check,
                 const char *format, ...) printf_like(5, 6);
/* How severe an action is: an order of actions. */
int court_severity(enum action action);
/* Settles the class, if nobody has. */
void court_class(struct court *court, enum trust_class trust, const char *format, ...) printf_like(3, 4);
/* Adds to the score. `item` may be NULL; `name` as in struct contribution, with `detail` (may be empty) behind it. */
void court_contribute(struct court *court, enum check check, const struct evidence_item *item, int points,
                      const char *name, struct bytes detail, const char *format, ...) printf_like(7, 8);

/* The first item of a check, or NULL. */
const struct evidence_item *court_item(const struct court *court, enum check check);
bool court_any(const struct court *court, enum check check, enum auth_result result);
bool court_result(const struct evidence_item *item, enum auth_result result);
/* A property of type "vouch". */
struct bytes court_value(const struct evidence_item *item, const char *name);
bool court_says(const struct evidence_item *item, const char *name, const char *value);
/* A report that comes to return paths of ours alone: somebody here wrote what it is about. */
bool court_answers_us(const struct court *court);

/* forgery.c: what the protocols of authentication demand. True: decided. */
bool forgery_author(struct court *court);
bool forgery_helo(struct court *court);
bool forgery_submitter(struct court *court);
bool forgery_dmarc(struct court *court);
bool forgery_spf(struct court *court);
bool forgery_sender_id(struct court *court);
bool forgery_nothing(struct court *court);
/* Whether DMARC leaves the decision to others. */
bool forgery_dmarc_is_silent(const struct court *court);
/* A DNS failure where the answer decides: 451 at first, later a reason. True: put off. */
bool court_put_off(struct court *court, const char *enhanced, enum check check, const char *what,
                   struct bytes domain);

/* content.c: viruses, attachments, size, rules with an action, accountability, traps: each raises. */
void content_musts(struct court *court);
/* The rule that a CHECK_RULE item is of; NULL if the policy has none of that name. */
const struct policy_rule *content_rule(const struct policy *policy, const struct evidence_item *item);

/* joint.c: the joint test of authentication and reputation. */
/* Finds out what court->authenticated is to say. */
enum authenticated joint_authenticated(const struct court *court);
/* Whether a domain speaks for the author: is his, or one above it, or of the organization that is known as his. */
bool joint_speaks_for_author(const struct court *court, struct bytes domain);
/* A recipient has the author as contact; what it says, or NULL. Of a stranger's claim: NULL. */
const struct evidence_item *joint_contact(const struct court *court);
/* All recipients have him. */
bool joint_contact_of_all(const struct court *court);
void joint_class(struct court *court);

/* history.c */
enum standing { STANDING_UNKNOWN, STANDING_GOOD, STANDING_BAD };
enum standing history_standing(const struct court *court, const struct evidence_item *item);
void history_score(struct court *court);

/* lists.c: lists and ratings in DNS. */
/* What one item counts; 0 if nothing, or if it speaks for somebody who does not speak for the author. */
int lists_points(const struct court *court, const struct evidence_item *item);
void lists_score(struct court *court);

/* score.c, score_client.c, score_content.c */
void score_all(struct court *court);
void score_client(struct court *court);
void score_content(struct court *court);

/* decide.c: what follows from class and score. */
void decide(struct court *court);

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
/* Whether the client is a host that the administrator knows as forwarding mail to us. */
bool court_is_forwarded(const struct court *court);

/* remarks.c: adds what did not decide, but belongs to the story. */
void court_remarks(struct court *court);

#endif
