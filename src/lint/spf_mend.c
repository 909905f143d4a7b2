/* SPDX-License-Identifier: BSD-2-Clause */
#include "lint/spf_mend.h"

#include "auth/spf.h"
#include "base/ascii.h"
#include "base/ip.h"

enum { TERMS_MAX = 200 };

struct terms {
    struct bytes list[TERMS_MAX];
    size_t count;
};

static bool parses(struct arena *arena, struct bytes term)
{
    struct spf_record record;
    for (size_t i = 0; i < term.len; i++)
        if (!ascii_is_graph(term.ptr[i])) /* NUL would end what is printed */
            return false;
    struct bytes text = arena_printf(arena, "v=spf1 " BYTES_FMT, BYTES_ARG(term));
    return text.ptr && spf_record_parse(arena, text, &record, NULL, NULL) == OK;
}

/* What was probably meant by a term that is none; ptr NULL if nobody knows. */
static struct bytes guess(struct arena *arena, struct bytes term)
{
    static const struct {
        const char *wrong, *right;
    } prefixes[] = {{"ip:", "ip4:"},  {"ipv4:", "ip4:"},        {"ipv6:", "ip6:"},
                    {"ip4=", "ip4:"}, {"ip6=", "ip6:"},         {"include=", "include:"},
                    {"a=", "a:"},     {"mx=", "mx:"},           {"redirect:", "redirect="},
                    {"ip4:", "ip6:"}, {"ip6:", "ip4:"},         {"a:", "ip4:"},
                    {"mx:", "ip4:"},  {"includes:", "include:"}};
    struct bytes nothing = {NULL, 0};
    struct ip_network network;
    while (term.len && bytes_find_byte(BYTES(",;\""), term.ptr[term.len - 1]) != BYTES_NOT_FOUND)
        term = bytes_first(term, term.len - 1);
    if (term.len && parses(arena, term))
        return term;
    for (size_t i = 0; i < countof(prefixes); i++) {
        if (!bytes_starts_with_nocase(term, bytes_of(prefixes[i].wrong)))
            continue;
        struct bytes meant =
            arena_printf(arena, "%s" BYTES_FMT, prefixes[i].right,
                         BYTES_ARG(bytes_skip(term, bytes_of(prefixes[i].wrong).len)));
        if (meant.ptr && parses(arena, meant))
            return meant;
    }
    if (ip_network_parse(term, &network)) {
        struct bytes meant =
            arena_printf(arena, "ip%u:" BYTES_FMT, network.ip.family, BYTES_ARG(term));
        if (meant.ptr && parses(arena, meant))
            return meant;
    }
    return nothing;
}

static bool has(const struct terms *terms, struct bytes term)
{
    for (size_t i = 0; i < terms->count; i++)
        if (bytes_equal_nocase(terms->list[i], term))
            return true;
    return false;
}

static bool is_all(struct bytes term)
{
    if (term.len && bytes_find_byte(BYTES("+-~?"), term.ptr[0]) != BYTES_NOT_FOUND)
        term = bytes_skip(term, 1);
    return bytes_is_nocase(term, "all");
}

static bool is_modifier(struct bytes term, const char *name)
{
    return bytes_starts_with_nocase(term, bytes_of(name));
}

/* Terms that cost the whole result: an include without a record, ptr. */
static bool is_harmful(const struct spf_tree_node *node, struct bytes term)
{
    struct bytes bare = term;
    if (bare.len && bytes_find_byte(BYTES("+-~?"), bare.ptr[0]) != BYTES_NOT_FOUND)
        bare = bytes_skip(bare, 1);
    if (bytes_is_nocase(bare, "ptr") || bytes_starts_with_nocase(bare, BYTES("ptr:")))
        return true;
    for (size_t i = 0; node && i < node->term_count; i++) {
        const struct spf_tree_node *child = node->terms[i].child;
        if (child && bytes_equal(node->terms[i].text, term))
            return child->state == SPF_TREE_NONE || child->state == SPF_TREE_LOOP ||
                   child->state == SPF_TREE_SEVERAL || child->state == SPF_TREE_SYNTAX;
    }
    return false;
}

struct ending {
    struct bytes all, redirect, explanation;
};

static void take(struct arena *arena, struct terms *terms, struct ending *ending, struct bytes text,
                 const struct spf_tree_node *node)
{
    struct bytes rest = bytes_skip(text, 6), term; /* "v=spf1" */
    if (!rest.ptr)
        return;
    bool over = false;
    while (bytes_split(&rest, ' ', &term)) {
        term = bytes_trim(term);
        if (!term.len)
            continue;
        if (!parses(arena, term))
            term = guess(arena, term);
        if (!term.ptr || spf_record_has_version(term) || is_harmful(node, term))
            continue;
        if (is_modifier(term, "redirect="))
            ending->redirect = term;
        else if (is_modifier(term, "exp="))
            ending->explanation = term;
        else if (is_all(term)) {
            over = true;
            if (!ending->all.len)
                ending->all = term;
        } else if (!over && terms->count < TERMS_MAX && !has(terms, term))
            terms->list[terms->count++] = term;
    }
}

static struct bytes write(struct arena *arena, const struct terms *terms,
                          const struct ending *ending)
{
    struct buf out;
    buf_init(&out, 64 * 1024);
    buf_add_string(&out, "v=spf1");
    for (size_t i = 0; i < terms->count; i++)
        buf_printf(&out, " " BYTES_FMT, BYTES_ARG(terms->list[i]));
    if (ending->all.len && (ending->all.ptr[0] == '-' || ending->all.ptr[0] == '~'))
        buf_printf(&out, " " BYTES_FMT, BYTES_ARG(ending->all));
    else if (!ending->all.len && ending->redirect.len)
        buf_printf(&out, " " BYTES_FMT, BYTES_ARG(ending->redirect));
    else
        buf_add_string(&out, " ~all");
    if (ending->explanation.len)
        buf_printf(&out, " " BYTES_FMT, BYTES_ARG(ending->explanation));
    struct bytes text = arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    return text.ptr ? text : BYTES("");
}

struct bytes spf_mend(struct arena *arena, struct bytes text, const struct spf_tree_node *node)
{
    struct terms terms = {.count = 0};
    struct ending ending = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    take(arena, &terms, &ending, text, node);
    /* A redirect to nothing is no end. */
    if (ending.redirect.len && is_harmful(node, ending.redirect))
        ending.redirect = BYTES("");
    return write(arena, &terms, &ending);
}

/* The term's addresses with blanks before them; false if they are not known. */
static bool flatten(const struct spf_tree_term *term, struct buf *out)
{
    size_t count = 0;
    if (!term->directive || term->directive->qualifier != '+')
        return false;
    if (term->child)
        return spf_tree_flatten(term->child, out, &count) && count && count <= TERMS_MAX;
    bool whole = term->directive->prefix4 == 32 && term->directive->prefix6 == 128;
    if (term->directive->mechanism != SPF_A || !term->v4 || !term->v6 || !whole)
        return false;
    const struct dns_answer *answers[] = {term->v4, term->v6};
    for (size_t i = 0; i < countof(answers); i++)
        for (size_t j = 0; j < answers[i]->count; j++, count++) {
            char text[IP_TEXT_SIZE];
            const struct ip *ip = &answers[i]->records[j].ip;
            buf_printf(out, " ip%u:%s", ip->family, ip_format(ip, text));
        }
    return count != 0;
}

static unsigned cost_of(const struct spf_tree_term *term)
{
    return 1 + (term->child ? term->child->cost : 0);
}

/* The next to be flattened; NULL if none can be. `done` marks those looked at. */
static const struct spf_tree_term *next_to_flatten(const struct spf_tree_node *node, bool *done)
{
    size_t best = node->term_count;
    for (size_t i = 0; i < node->term_count; i++) {
        const struct spf_tree_term *term = &node->terms[i];
        bool own = !term->child;
        if (done[i])
            continue;
        if (best == node->term_count || (own && node->terms[best].child) ||
            (own == !node->terms[best].child && cost_of(term) > cost_of(&node->terms[best])))
            best = i;
    }
    if (best == node->term_count)
        return NULL;
    done[best] = true;
    return &node->terms[best];
}

struct bytes spf_mend_flatten(struct arena *arena, struct bytes text,
                              const struct spf_tree_node *node, unsigned limit)
{
    struct terms terms = {.count = 0};
    struct ending ending = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    bool done[SPF_TREE_TERMS_MAX] = {false};
    unsigned cost = 0;
    take(arena, &terms, &ending, text, node);
    for (size_t i = 0; i < node->term_count; i++)
        if (has(&terms, node->terms[i].text) || bytes_equal(ending.redirect, node->terms[i].text))
            cost += cost_of(&node->terms[i]);
    const struct spf_tree_term *term;
    while (cost > limit && (term = next_to_flatten(node, done))) {
        struct buf flat;
        buf_init(&flat, 16 * 1024);
        for (size_t i = 0; i < terms.count; i++)
            if (bytes_equal(terms.list[i], term->text) && flatten(term, &flat) && !flat.failed) {
                terms.list[i] = arena_copy(arena, bytes_skip(buf_bytes(&flat), 1));
                cost -= cost_of(term);
                break;
            }
        buf_free(&flat);
    }
    return write(arena, &terms, &ending);
}

struct bytes spf_mend_join(struct arena *arena, const struct bytes *texts, size_t count)
{
    struct terms terms = {.count = 0};
    struct ending ending = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    for (size_t i = 0; i < count; i++)
        take(arena, &terms, &ending, texts[i], NULL);
    return write(arena, &terms, &ending);
}
