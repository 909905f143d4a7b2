/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spf_tree: an SPF record with all the records that it includes, and what they cost
 * (rfc7208:4.6.4).
 *
 * Not an evaluation for one client: every term is followed, as for a client that nothing matches.
 * Names with macros depend on the message and are not followed. All is in the arena given. Bounded
 * in depth and number of records, whatever the records say.
 */
#ifndef VOUCH_LINT_SPF_TREE_H
#define VOUCH_LINT_SPF_TREE_H

#include "auth/spf_record.h"
#include "base/buf.h"
#include "dns/dns.h"

enum {
    SPF_TREE_DEPTH_MAX = 12,
    SPF_TREE_NODES_MAX = 60,
    SPF_TREE_TERMS_MAX = 60, /* terms of one record that are asked for */
    SPF_TERMS_LIMIT = 10,
    SPF_VOID_LIMIT = 2
};

enum spf_tree_state {
    SPF_TREE_RECORD,
    SPF_TREE_NONE,    /* no record: permerror for who includes it (rfc7208:5.2) */
    SPF_TREE_SEVERAL, /* rfc7208:4.5 */
    SPF_TREE_SYNTAX,
    SPF_TREE_LOOP,  /* it includes itself, or lies too deep */
    SPF_TREE_MACRO, /* the name depends on the message */
    SPF_TREE_FAILED /* DNS */
};

struct spf_tree_node;

/* A term that asks the DNS: a, mx, ptr, exists, include, redirect. */
struct spf_tree_term {
    struct bytes text;
    const struct spf_directive *directive; /* NULL: redirect */
    struct bytes target;
    const struct dns_answer *v4, *v6; /* addresses of a and exists; of mx: v4 is the MX answer */
    bool void4, void6;                /* a client of that family finds nothing there */
    struct spf_tree_node *child;      /* include, redirect */
};

struct spf_tree_node {
    struct bytes domain;
    enum spf_tree_state state;
    struct bytes text;    /* the record */
    struct bytes problem; /* a sentence, unless the state is RECORD or MACRO */
    struct bytes fault;   /* SYNTAX: the term */
    struct spf_record record;
    size_t texts;  /* SPF records at the name */
    size_t octets; /* of all TXT records at the name */
    struct spf_tree_term *terms;
    size_t term_count;
    unsigned cost;         /* terms that ask the DNS, those below included */
    unsigned void4, void6; /* look-ups without an answer, those below included */
};

struct spf_tree {
    struct dns *dns;
    struct arena *arena;
    int64_t deadline;
    size_t nodes;
    unsigned failures;
    struct spf_tree_node *root; /* NULL at the arena's cap */
};

/* Waits for the DNS; asks what can be asked at once at once. */
void spf_tree_build(struct spf_tree *tree, struct dns *dns, struct arena *arena,
                    struct bytes domain, int64_t deadline);

/* What the record gives a client that no term matches: the qualifier of its all, or of what it
 * redirects to, '?' without any (rfc7208:4.7), or 0 when that cannot be told. */
char spf_tree_default(const struct spf_tree_node *node);

/* All addresses that the node and what it includes name as ip4 and ip6, as terms with blanks; false
 * if it holds anything else that asks the DNS. For flattening. */
bool spf_tree_flatten(const struct spf_tree_node *node, struct buf *out, size_t *count) must_check;

#endif
