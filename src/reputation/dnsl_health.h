/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dnsl_health: whether the lists of the configuration work (rfc5782:5), as one process sees it.
 *
 * A list must have its test entry and must not have the one that no list has: 127.0.0.2 and not 127.0.0.1,
 * ::FFFF:7F00:2 and not ::FFFF:7F00:1, TEST and not INVALID. One that fails is switched off until it passes
 * again, and said so in the log, once. What a list was never tested for does not count: it is tested when it is
 * first needed, and from then on by dnsl_health_run(), hourly, and five minutes after a failure.
 *
 * One that gave no answer to several messages in a row is left out for a while, so that mail does not wait for
 * it; after that a single message tries it again.
 *
 * Lives in an arena; nothing needs releasing, but no fiber may be in it when the arena goes.
 */
#ifndef VOUCH_REPUTATION_DNSL_HEALTH_H
#define VOUCH_REPUTATION_DNSL_HEALTH_H

#include "reputation/dnsl.h"

enum dnsl_part { DNSL_V4, DNSL_V6, DNSL_NAMES, DNSL_PARTS };
const char *dnsl_part_name(enum dnsl_part part); /* "IPv4", "IPv6", "names" */

enum dnsl_state {
    DNSL_UNTESTED, /* or its test could not be made */
    DNSL_WORKS,
    DNSL_OFF
};
const char *dnsl_state_name(enum dnsl_state state); /* "untested", "works", "off" */

enum {
    DNSL_DEAD_AFTER = 5 /* messages in a row that it gave no answer to */
};
#define DNSL_TEST_EVERY HOUR
#define DNSL_TEST_AGAIN (5 * MINUTE)
#define DNSL_TEST_TIMEOUT (5 * SECOND)
#define DNSL_PAUSE MINUTE
#define DNSL_PAUSE_MOST (10 * MINUTE)

struct dnsl_health;

/* For all lists of `config`, which must outlive it. NULL at the arena's cap. */
struct dnsl_health *dnsl_health_create(struct arena *arena, const struct config *config);

size_t dnsl_health_count(const struct dnsl_health *health);
/* By the index that it has in the configuration. */
const struct dnsl_list *dnsl_health_list(const struct dnsl_health *health, size_t index);

/* Which parts of a list are asked, as its uses are: a bit (1 << enum dnsl_part) each. */
unsigned dnsl_health_parts(const struct dnsl_list *list);
enum dnsl_part dnsl_health_part_of(const struct dnsl_subject *subject);

/* What is known now. `why` (may be NULL) becomes a sentence without a full stop unless it works; it may change
 * while one waits. Lists whose self-test is not wanted work. */
enum dnsl_state dnsl_health_state(const struct dnsl_health *health, size_t index, enum dnsl_part part,
                                  struct bytes *why);

/* The same, but if it was not tested yet, tests it, or waits until another fiber has: DNSL_UNTESTED at the
 * deadline, or when the DNS did not answer. */
enum dnsl_state dnsl_health_await(struct dnsl_health *health, size_t index, enum dnsl_part part, struct dns *dns,
                                  int64_t deadline, struct bytes *why);

/* Tests now, whatever is known. */
enum dnsl_state dnsl_health_test(struct dnsl_health *health, size_t index, enum dnsl_part part, struct dns *dns,
                                 int64_t deadline, struct bytes *why);

/* Whether a message should ask the list at all, and afterwards whether it answered: at most once for each message
 * that was let ask. */
bool dnsl_health_may_ask(struct dnsl_health *health, size_t index) must_check;
void dnsl_health_note(struct dnsl_health *health, size_t index, bool answered);

/* The fiber of an edge that repeats the tests; returns when it is cancelled, or at once without lists. */
void dnsl_health_run(struct dnsl_health *health, struct dns *dns);

#endif
