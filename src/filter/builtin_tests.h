/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * builtin_tests: named tests of how a message is made, each of which says a little about whether it is junk.
 *
 * The points are what a test counts unless the configuration says otherwise (a rule of its name without a
 * pattern); hundredths, below 0: it speaks for the message. doc/builtin-tests.md explains them. Tests only look;
 * what follows from all of them together is not their business.
 */
#ifndef VOUCH_FILTER_BUILTIN_TESTS_H
#define VOUCH_FILTER_BUILTIN_TESTS_H

#include "message/readable.h"

struct builtin_test {
    const char *name;    /* letters, digits and hyphens */
    int points;          /* hundredths */
    const char *meaning; /* what was seen when it matches, as a sentence without full stop */
};

size_t builtin_test_count(void);
const struct builtin_test *builtin_test_at(size_t index);
const struct builtin_test *builtin_test_find(struct bytes name); /* NULL: there is none */

/* What is known of a message besides itself. */
struct builtin_facts {
    int64_t received_at;        /* epoch seconds */
    struct bytes author;        /* address of From, local@domain; empty: unusable */
    struct bytes author_domain; /* A-labels, lower case */
    struct bytes mail_from;
    const struct bytes *recipients; /* of the envelope */
    size_t recipient_count;
    bool authenticated;         /* the author's domain vouches for the message */
    bool own_trace;             /* the topmost Received fields are truly ours: it lies in a mailbox, came by a relay */
    /* Whether a domain is one of ours; NULL: none is. */
    bool (*is_ours)(const void *context, struct bytes domain);
    const void *context;
};

struct builtin_finding {
    const struct builtin_test *test;
    struct bytes seen; /* of the message: printable UTF-8, cut off; may be empty */
};

struct builtin_findings {
    struct builtin_finding *list; /* in the order of the table */
    size_t count;
};

/* Linear in the message, whose parts are looked at in bounded pieces. Findings live in the arena. OK, or TEMP at
 * its cap. */
enum result builtin_tests_examine(struct arena *arena, const struct message *message,
                                  const struct readable *readable, const struct builtin_facts *facts,
                                  struct builtin_findings *out, struct error *error) must_check;

#endif
