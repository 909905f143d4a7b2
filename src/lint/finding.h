/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * finding: what a check of a domain shows and what it thinks of it.
 *
 * A check writes into one section: lines (what is published) and findings (what is wrong, or worth
 * a word). Everything lives in the section's arena; at its cap lines and findings are lost and
 * `incomplete` is set. All functions copy what they are given.
 */
#ifndef VOUCH_LINT_FINDING_H
#define VOUCH_LINT_FINDING_H

#include "base/arena.h"

enum severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_ADVICE, SEVERITY_FINE };
const char *severity_name(enum severity severity); /* "error", "warning", "advice", "fine" */

/* What follows from it; findings of one severity are ranked by this. */
enum harm {
    HARM_MAIL_LOST, /* the domain's own mail, or mail to it, is refused or lost */
    HARM_FORGERY,   /* others can send as the domain */
    HARM_WEAKNESS,  /* something protects less than it should */
    HARM_CLUTTER    /* no harm, but nobody needs it */
};
const char *harm_name(enum harm harm);

struct finding {
    enum severity severity;
    enum harm harm;
    struct bytes subject; /* the name or record that it is about */
    struct bytes text;    /* one sentence */
    const char *section;  /* "rfc7208:4.5"; a literal, may be NULL */
    bool dns_failure;     /* of section_dns_failed() */
    struct bytes fix;     /* records to publish, a line each, as in a zone file; may be empty */
};

struct section_line {
    unsigned depth;
    struct bytes text;
};

enum { SECTION_FINDINGS_MAX = 200, SECTION_LINES_MAX = 2000 };

struct section {
    const char *name;  /* "SPF" */
    const char *topic; /* "spf", for machines */
    struct arena *arena;
    struct section_line *lines;
    size_t line_count, line_capacity;
    struct finding *findings;
    size_t finding_count, finding_capacity;
    unsigned failures; /* questions that the DNS did not answer */
    bool incomplete;
};

void section_init(struct section *section, struct arena *arena, const char *topic,
                  const char *name);

void section_show(struct section *section, unsigned depth, const char *format, ...)
    printf_like(3, 4);

/* Never NULL: the finding, whose `fix` may then be set to something that lives as long as the
 * section. One with the same subject and text is not added again. */
struct finding *section_find(struct section *section, enum severity severity, enum harm harm,
                             struct bytes subject, const char *rfc_section, const char *format, ...)
    printf_like(6, 7);

/* A DNS failure on `subject`: a warning, and counted. */
void section_dns_failed(struct section *section, struct bytes subject, const char *problem);

/* The worst first; equal ones stay in order. */
int finding_compare(const struct finding *a, const struct finding *b);

#endif
