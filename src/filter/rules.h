/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules: the administrator's named patterns, and which of them a message matches. What a match is worth is not
 * known here.
 *
 * The rules are compiled once, before the sandbox closes (pattern.h), and live on the heap; any number of threads
 * may examine messages with them. What is found lives in the arena.
 */
#ifndef VOUCH_FILTER_RULES_H
#define VOUCH_FILTER_RULES_H

#include "filter/pattern.h"
#include "message/readable.h"

enum rule_where {
    RULE_HEADER,     /* a field's value with encoded words decoded, each of the name by itself; or the whole header */
    RULE_BODY,       /* the visible text */
    RULE_HTML,       /* text/html parts as they were written, charset and all */
    RULE_URL,        /* each URL by itself */
    RULE_SUBJECT,
    RULE_ATTACHMENT, /* each name by itself */
    RULE_RAW         /* the octets of the message */
};

enum {
    RULES_FIELD_MAX = 16 * 1024, /* octets of a field that are looked at */
    RULES_HEADER_MAX = 64 * 1024,
    RULES_HTML_MAX = 256 * 1024, /* all parts together */
    RULES_RAW_MAX = 256 * 1024,
    RULES_SEEN_MAX = 80          /* of what matched, as it is shown */
};

struct rule_source {
    struct bytes name;
    enum rule_where where;
    struct bytes field;   /* of RULE_HEADER; empty: all of the header */
    struct bytes pattern; /* empty: no rule, its place is only counted */
    bool negate;
};

struct rules;

/* The sources are copied. PERM: a pattern is none, with the rule's name; TEMP when memory is out. */
enum result rules_compile(const struct rule_source *sources, size_t count, struct rules **out,
                          struct error *error) must_check;
void rules_free(struct rules *rules);

struct rule_match {
    size_t rule;        /* its place among the sources */
    struct bytes name;
    struct bytes place; /* "Subject", "the text", … */
    struct bytes seen;  /* what matched: printable UTF-8, cut off; empty for a rule that is negated */
};

struct rule_matches {
    struct rule_match *list; /* in the order of the sources */
    size_t count;
    size_t limited;          /* rules that met a limit; they do not count as matched, negated or not */
    struct bytes *reported;  /* of these, the names that met one for the first time in this process: for the log */
    size_t reported_count;
};

/* `time` may be NULL. OK, or TEMP at the arena's cap. */
enum result rules_examine(const struct rules *rules, struct arena *arena, const struct message *message,
                          const struct readable *readable, const struct pattern_time *time, struct rule_matches *out,
                          struct error *error) must_check;

/* At most `most` octets of a stranger's text so that it can stand in a sentence: what is not printable is "?",
 * white space one blank, and "…" the rest. In the arena; empty with ptr NULL at its cap. */
struct bytes rules_shown(struct arena *arena, struct bytes text, size_t most);

#endif
