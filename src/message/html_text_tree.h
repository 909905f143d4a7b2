/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * html_text_tree: the elements that are open, and how text within them looks.
 *
 * As much of tree construction (WHATWG HTML 13.2.6) as decides which element a text is in: implied end tags, scopes,
 * end tags that are ignored. All steps take constant time, or are paid for by the start tags before them.
 */
#ifndef VOUCH_MESSAGE_HTML_TEXT_TREE_H
#define VOUCH_MESSAGE_HTML_TEXT_TREE_H

#include "message/html_text_style.h"
#include "message/html_text_tag.h"

/* Of text, with all that is inherited. */
struct html_look {
    uint32_t color, ground;
    uint32_t sure;  /* HTML_COLOR, HTML_GROUND: said by an element itself */
    float size;     /* px */
    bool gone;      /* and all within, whatever it says */
    bool invisible; /* but what is within may be visible again */
    bool indented;  /* off the screen */
    bool pre;
    bool hidden; /* the sum of it */
};

struct html_element {
    struct html_look look;
    struct html_style own;
    uint8_t tag;
    bool breaks;                  /* a line ends with it */
    int16_t same, special, scope; /* the next outer one of that kind; -1 if there is none */
};

struct html_tree {
    struct html_look root;
    uint32_t doubtful; /* HTML_COLOR, HTML_GROUND: proves nothing unless an element itself said it */
    size_t depth, overflow;
    int16_t last[HTML_TAGS]; /* the innermost of that tag; -1 if there is none */
    int16_t special, scope;
    uint64_t work;
    /* Called for each element that is closed, before it goes. */
    void (*closed)(void *context, const struct html_element *element);
    void *context;
    struct html_element elements[HTML_DEPTH_MAX];
};

void html_tree_init(struct html_tree *tree);

static inline const struct html_look *html_tree_look(const struct html_tree *tree)
{
    return tree->depth ? &tree->elements[tree->depth - 1].look : &tree->root;
}
/* How text within an element of that style looks. */
struct html_look html_look_within(const struct html_tree *tree, const struct html_look *outer,
                                  const struct html_style *style);

/* Before an element of that tag begins: ends what it ends. */
void html_tree_imply_ends(struct html_tree *tree, unsigned tag);
/* NULL where it is too deep to be kept. */
struct html_element *html_tree_open(struct html_tree *tree, unsigned tag, const struct html_style *style);
void html_tree_close(struct html_tree *tree, unsigned tag);
bool html_tree_has(const struct html_tree *tree, unsigned tag);

#endif
