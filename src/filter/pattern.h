/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pattern: Perl-compatible regular expressions of the administrator, looked for in what strangers wrote.
 *
 * The text may be any octets: what is no UTF-8 matches nothing and disturbs nothing. No text can make a pattern
 * slow: backtracking is limited from each place, the text is looked at in windows, and between two of them
 * the time is asked for, where a limit was given. What meets a limit is PATTERN_LIMIT, which is no match.
 *
 * Because of the windows a match that is longer than PATTERN_AHEAD octets may be missed, and a look behind sees
 * PATTERN_BEHIND octets at most. `.` does not match a line end, `^` and `$` are begin and end of the whole
 * text, unless the pattern says otherwise ((?s), (?m)). Letters are those of Unicode.
 *
 * Patterns are on the heap. Compile them before the sandbox closes: their machine code needs memory that may be
 * executed. Matching needs none, and any number of threads may share a pattern; a matcher is one thread's.
 */
#ifndef VOUCH_FILTER_PATTERN_H
#define VOUCH_FILTER_PATTERN_H

#include "base/bytes.h"
#include "base/result.h"

enum {
    PATTERN_MAX = 8 * 1024,  /* octets of a pattern */
    PATTERN_WINDOW = 1024,   /* octets at which a match may begin, at one go */
    PATTERN_AHEAD = 1024,    /* what is seen behind these */
    PATTERN_BEHIND = 128     /* and before */
};

struct pattern;
struct pattern_matcher;

/* NULL for a pattern that can be compiled; else what is wrong with it and where, as the end of a sentence that
 * begins with the name of a setting. Valid until the next call of this thread. */
const char *rule_pattern_fault(struct bytes pattern);

/* PERM with the sentence of rule_pattern_fault(), or TEMP when memory is out. */
enum result pattern_compile(struct bytes text, struct pattern **out, struct error *error) must_check;
void pattern_free(struct pattern *pattern);

/* Memory to match in; NULL when there is none. */
struct pattern_matcher *pattern_matcher_create(void);
void pattern_matcher_free(struct pattern_matcher *matcher);

/* Nothing is begun any more once now(context), which is asked now and then, has reached `until`. now == NULL: no such
 * limit. */
struct pattern_time {
    int64_t (*now)(void *context);
    void *context;
    int64_t until;
};

enum pattern_found { PATTERN_NO, PATTERN_YES, PATTERN_LIMIT };

/* The first place in the text at which the pattern matches, in *match. `time` may be NULL. */
enum pattern_found pattern_find(const struct pattern *pattern, struct pattern_matcher *matcher, struct bytes text,
                                const struct pattern_time *time, struct bytes *match);

#endif
