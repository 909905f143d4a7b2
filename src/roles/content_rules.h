/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * content_rules: what the configuration says about content, compiled once for a process: its rules, the weights it
 * gives to built-in tests, the names that must not be imitated.
 *
 * On the heap. Make it before the sandbox closes: patterns become machine code. Any number of threads may read it;
 * the configuration must outlive it.
 */
#ifndef VOUCH_ROLES_CONTENT_RULES_H
#define VOUCH_ROLES_CONTENT_RULES_H

#include "config/config.h"
#include "filter/builtin_tests.h"
#include "filter/phishing.h"
#include "filter/rules.h"
#include "message/readable.h"

struct content_rules {
    const struct config *config;
    struct rules *rules;            /* its matches' places are those of config->rules */
    struct phishing_names *names;
};

/* PERM: a pattern is none (config_load() would have said so); TEMP when memory is out. */
enum result content_rules_compile(const struct config *config, struct content_rules **out,
                                  struct error *error) must_check;
void content_rules_free(struct content_rules *rules); /* NULL is fine */

/* What a built-in test counts here: hundredths. */
int content_rules_points(const struct config *config, const struct builtin_test *test);
/* Whether a domain is one of ours; `config` is a struct config. */
bool content_rules_is_ours(const void *config, struct bytes domain);
/* The organizational domain, or empty. */
struct bytes content_rules_organization(struct bytes host);

/* ---- one message ---- */

struct content_request {
    const struct content_rules *rules;
    const struct message *message;
    const struct readable *readable;
    struct builtin_facts facts;      /* is_ours and context are set here */
    const struct bytes *contacts;    /* domains of the recipients' contacts */
    size_t contact_count;
};

struct content_findings {
    struct rule_matches rules;
    struct builtin_findings builtin;
    struct phishing_findings phishing;
    bool builtin_done, rules_done, phishing_done; /* false: there was no memory for it */
};

/* All of it, in processor time that is bounded. What is found lives in the arena. Without fibers, so that it may run
 * on a thread of the pool; the arena must be nobody else's meanwhile. */
void content_rules_examine(struct arena *arena, const struct content_request *request, struct content_findings *out);

#endif
