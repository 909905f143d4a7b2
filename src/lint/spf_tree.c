/* SPDX-License-Identifier: BSD-2-Clause */
#include "lint/spf_tree.h"

#include "base/domain.h"
#include "fiber/group.h"

struct place {
    struct spf_tree *tree;
    struct spf_tree_node *node;
    const struct place *above; /* the records that led here */
    unsigned depth;
};

struct job {
    struct place place;
    struct spf_tree_term *term;
};

static void build(const struct place *place);

static void fail(struct spf_tree_node *node, enum spf_tree_state state, struct bytes problem)
{
    node->state = state;
    node->problem = problem;
}

static bool leads_back(const struct place *place)
{
    if (place->depth > SPF_TREE_DEPTH_MAX || place->tree->nodes > SPF_TREE_NODES_MAX)
        return true;
    for (const struct place *above = place->above; above; above = above->above)
        if (bytes_equal_nocase(above->node->domain, place->node->domain))
            return true;
    return false;
}

/* The one record of the name, or why there is none. */
static bool fetch(const struct place *place)
{
    struct spf_tree *tree = place->tree;
    struct spf_tree_node *node = place->node;
    const struct dns_answer *answer =
        dns_query(tree->dns, tree->arena, node->domain, DNS_TXT, tree->deadline);
    if (answer->status == DNS_FAILED) {
        tree->failures++;
        fail(node, SPF_TREE_FAILED,
             answer->problem ? bytes_of(answer->problem) : BYTES("the DNS failed"));
        return false;
    }
    for (size_t i = 0; i < answer->count; i++) {
        node->octets += answer->records[i].text.len + 1;
        if (spf_record_has_version(answer->records[i].text) && node->texts++ == 0)
            node->text = answer->records[i].text;
    }
    if (node->texts == 1)
        return true;
    if (node->texts)
        fail(node, SPF_TREE_SEVERAL, BYTES("several SPF records"));
    else
        fail(node, SPF_TREE_NONE,
             answer->status == DNS_NO_NAME ? BYTES("the name does not exist")
                                           : BYTES("no SPF record"));
    return false;
}

static bool parse(const struct place *place)
{
    struct spf_tree_node *node = place->node;
    struct error error;
    enum result result =
        spf_record_parse(place->tree->arena, node->text, &node->record, &node->fault, &error);
    if (result == OK)
        return true;
    fail(node, SPF_TREE_SYNTAX, arena_copy(place->tree->arena, bytes_of(error.text)));
    return false;
}

static bool asks_dns(const struct spf_directive *directive)
{
    return directive->mechanism != SPF_ALL && directive->mechanism != SPF_IP4 &&
           directive->mechanism != SPF_IP6;
}

static void ask_term(const struct place *place, struct spf_tree_term *term)
{
    struct spf_tree *tree = place->tree;
    uint8_t mechanism = term->directive->mechanism;
    if (mechanism == SPF_PTR || bytes_find_byte(term->target, '%') != BYTES_NOT_FOUND)
        return;
    term->v4 = dns_query(tree->dns, tree->arena, term->target, mechanism == SPF_MX ? DNS_MX : DNS_A,
                         tree->deadline);
    tree->failures += term->v4->status == DNS_FAILED;
    term->void4 = term->v4->status == DNS_NO_DATA || term->v4->status == DNS_NO_NAME;
    term->void6 = term->void4;
    if (mechanism != SPF_A)
        return; /* exists asks for A whatever the client's family (rfc7208:5.7) */
    term->v6 = dns_query(tree->dns, tree->arena, term->target, DNS_AAAA, tree->deadline);
    tree->failures += term->v6->status == DNS_FAILED;
    term->void6 = term->v6->status == DNS_NO_DATA || term->v6->status == DNS_NO_NAME;
}

static void follow(const struct place *place, struct spf_tree_term *term)
{
    struct spf_tree_node *child = arena_new(place->tree->arena, struct spf_tree_node);
    if (!child)
        return;
    child->domain = domain_strip_dot(term->target);
    term->child = child;
    if (bytes_find_byte(term->target, '%') != BYTES_NOT_FOUND) {
        fail(child, SPF_TREE_MACRO, BYTES("depends on the message"));
        return;
    }
    place->tree->nodes++;
    struct place below = {place->tree, child, place, place->depth + 1};
    build(&below);
}

static void run_job(void *argument)
{
    struct job *job = argument;
    if (!job->term->directive || job->term->directive->mechanism == SPF_INCLUDE)
        follow(&job->place, job->term);
    else
        ask_term(&job->place, job->term);
}

/* The terms that ask: an `all` makes what stands behind it, and a redirect, void (rfc7208:5.1). */
static bool list_terms(struct arena *arena, struct spf_tree_node *node)
{
    const struct spf_record *record = &node->record;
    size_t most = record->directive_count + 1;
    bool all = false;
    if (most > SPF_TREE_TERMS_MAX)
        most = SPF_TREE_TERMS_MAX;
    node->terms = arena_alloc_array(arena, most, sizeof(*node->terms));
    if (!node->terms)
        return false;
    for (size_t i = 0; i < record->directive_count && !all; i++) {
        const struct spf_directive *directive = &record->directives[i];
        all = directive->mechanism == SPF_ALL;
        if (!asks_dns(directive) || node->term_count == most)
            continue;
        node->terms[node->term_count++] = (struct spf_tree_term){
            .text = directive->text,
            .directive = directive,
            .target = directive->domain_spec.len ? directive->domain_spec : node->domain,
        };
    }
    if (record->redirect.len && !all && node->term_count < most)
        node->terms[node->term_count++] = (struct spf_tree_term){
            .text = record->redirect_text,
            .target = record->redirect,
        };
    return true;
}

static void add_costs(struct spf_tree_node *node)
{
    for (size_t i = 0; i < node->term_count; i++) {
        const struct spf_tree_term *term = &node->terms[i];
        node->cost++;
        node->void4 += term->void4;
        node->void6 += term->void6;
        if (!term->child)
            continue;
        node->cost += term->child->cost;
        node->void4 += term->child->void4 + (term->child->state == SPF_TREE_NONE);
        node->void6 += term->child->void6 + (term->child->state == SPF_TREE_NONE);
    }
}

static void build(const struct place *place)
{
    struct spf_tree_node *node = place->node;
    struct fiber_group group;
    if (leads_back(place)) {
        fail(node, SPF_TREE_LOOP, BYTES("it leads back to itself, or too deep"));
        return;
    }
    if (!fetch(place) || !parse(place) || !list_terms(place->tree->arena, node))
        return;
    struct job *jobs = arena_alloc_array(place->tree->arena, node->term_count, sizeof(*jobs));
    if (!jobs)
        return;
    fiber_group_open(&group);
    for (size_t i = 0; i < node->term_count; i++) {
        jobs[i] = (struct job){*place, &node->terms[i]};
        if (!fiber_group_start(&group, "spf", run_job, &jobs[i]))
            place->tree->failures++;
    }
    fiber_group_wait(&group, NO_DEADLINE);
    fiber_group_close(&group);
    add_costs(node);
}

void spf_tree_build(struct spf_tree *tree, struct dns *dns, struct arena *arena,
                    struct bytes domain, int64_t deadline)
{
    *tree = (struct spf_tree){.dns = dns, .arena = arena, .deadline = deadline, .nodes = 1};
    tree->root = arena_new(arena, struct spf_tree_node);
    if (!tree->root)
        return;
    tree->root->domain = domain;
    struct place place = {tree, tree->root, NULL, 0};
    build(&place);
}

char spf_tree_default(const struct spf_tree_node *node)
{
    for (unsigned depth = 0; node && depth <= SPF_TREE_DEPTH_MAX; depth++) {
        const struct spf_tree_node *next = NULL;
        if (node->state != SPF_TREE_RECORD)
            return 0;
        for (size_t i = 0; i < node->record.directive_count; i++)
            if (node->record.directives[i].mechanism == SPF_ALL)
                return (char)node->record.directives[i].qualifier;
        if (!node->record.redirect.len)
            return '?';
        for (size_t i = 0; i < node->term_count; i++)
            if (!node->terms[i].directive)
                next = node->terms[i].child;
        node = next;
    }
    return 0;
}

/* The depth was bounded when the tree was built. */
bool spf_tree_flatten(const struct spf_tree_node *node, struct buf *out, size_t *count)
{
    if (node->state != SPF_TREE_RECORD || node->record.redirect.len)
        return false;
    for (size_t i = 0; i < node->record.directive_count; i++) {
        const struct spf_directive *directive = &node->record.directives[i];
        if (directive->mechanism == SPF_ALL)
            break;
        if (directive->qualifier != '+')
            return false;
        if (!asks_dns(directive)) {
            buf_printf(out, " " BYTES_FMT, BYTES_ARG(directive->text));
            ++*count;
        } else if (directive->mechanism != SPF_INCLUDE) {
            return false;
        }
    }
    for (size_t i = 0; i < node->term_count; i++)
        if (!node->terms[i].child || !spf_tree_flatten(node->terms[i].child, out, count))
            return false;
    return true;
}
