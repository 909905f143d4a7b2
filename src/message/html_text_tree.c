/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/html_text_tree.h"

#include <string.h>

enum { BLACK = 0x000000, WHITE = 0xffffff };

void html_tree_init(struct html_tree *tree)
{
    tree->root = (struct html_look){.color = BLACK, .ground = WHITE, .size = 16};
    tree->doubtful = 0;
    tree->depth = tree->overflow = 0;
    tree->work = 0;
    memset(tree->last, 0xff, sizeof(tree->last));
    tree->special = tree->scope = -1;
}

static bool is_on(const struct html_style *style, uint32_t property)
{
    return (style->set & style->on & property) != 0;
}

/* Nothing within can be seen. */
static bool removes(const struct html_style *style)
{
    if ((style->set & HTML_DISPLAY) && style->display == HTML_NONE)
        return true;
    if (is_on(style, HTML_OPACITY | HTML_MARGIN | HTML_CLIP | HTML_CONTENTS))
        return true;
    if (is_on(style, HTML_POSITION) && is_on(style, HTML_LEFT | HTML_TOP))
        return true;
    return is_on(style, HTML_OVERFLOW) && is_on(style, HTML_WIDTH | HTML_HEIGHT);
}

struct html_look html_look_within(const struct html_tree *tree, const struct html_look *outer,
                                  const struct html_style *style)
{
    struct html_look look = *outer;
    if (!style->set)
        return look;
    look.gone |= removes(style);
    if (style->set & HTML_VISIBILITY)
        look.invisible = (style->on & HTML_VISIBILITY) != 0;
    if (style->set & HTML_INDENT)
        look.indented = (style->on & HTML_INDENT) != 0;
    if (style->set & HTML_PRE)
        look.pre = (style->on & HTML_PRE) != 0;
    if (style->set & HTML_SIZE)
        look.size = style->relative ? outer->size * style->size : style->size;
    if ((style->set & HTML_COLOR) && style->color != HTML_INHERITED_COLOR)
        look.color = style->color;
    if ((style->set & HTML_GROUND) && style->ground != HTML_TRANSPARENT && style->ground != HTML_INHERITED_COLOR)
        look.ground = style->ground;
    look.sure = (look.sure & ~style->set) | style->sure;
    bool same_color = (tree->doubtful & ~look.sure) == 0 && html_colors_are_close(look.color, look.ground);
    look.hidden = look.gone || look.invisible || look.indented || look.size < 2 ||
                  look.color == HTML_TRANSPARENT || same_color;
    return look;
}

static int16_t top(const struct html_tree *tree)
{
    return (int16_t)((int)tree->depth - 1);
}

static void pop(struct html_tree *tree)
{
    struct html_element *element = &tree->elements[tree->depth - 1];
    tree->work++;
    tree->closed(tree->context, element);
    tree->last[element->tag] = element->same;
    tree->special = element->special;
    tree->scope = element->scope;
    tree->depth--;
}

/* Closes the element at `index` and all within it. */
static void close_from(struct html_tree *tree, int16_t index)
{
    while (top(tree) >= index)
        pop(tree);
}

/* Closes the innermost of that tag unless one of its limits is within it. */
static void close_within(struct html_tree *tree, unsigned tag, int16_t limit)
{
    if (tree->last[tag] >= 0 && tree->last[tag] > limit)
        close_from(tree, tree->last[tag]);
}

static int16_t inner(int16_t a, int16_t b)
{
    return a > b ? a : b;
}

static void close_p(struct html_tree *tree)
{
    close_within(tree, HTML_TAG_P, inner(tree->scope, tree->last[HTML_TAG_BUTTON]));
}

/* 13.2.6.4.7 and following. */
void html_tree_imply_ends(struct html_tree *tree, unsigned tag)
{
    int16_t table = inner(tree->last[HTML_TAG_TABLE], tree->last[HTML_TAG_TEMPLATE]);
    if (tree->depth == 0)
        return;
    switch (tag) {
    case HTML_TAG_LI:
        close_within(tree, HTML_TAG_LI,
                     inner(tree->scope, inner(tree->last[HTML_TAG_UL], tree->last[HTML_TAG_OL])));
        break;
    case HTML_TAG_DD:
    case HTML_TAG_DT:
        close_within(tree, HTML_TAG_DD, inner(tree->scope, tree->last[HTML_TAG_DL]));
        close_within(tree, HTML_TAG_DT, inner(tree->scope, tree->last[HTML_TAG_DL]));
        break;
    case HTML_TAG_TBODY:
    case HTML_TAG_THEAD:
    case HTML_TAG_TFOOT:
        close_within(tree, HTML_TAG_TBODY, table);
        close_within(tree, HTML_TAG_THEAD, table);
        close_within(tree, HTML_TAG_TFOOT, table); /* fall through */
    case HTML_TAG_TR:
        close_within(tree, HTML_TAG_TR, table); /* fall through */
    case HTML_TAG_TD:
    case HTML_TAG_TH:
        close_within(tree, HTML_TAG_TD, table);
        close_within(tree, HTML_TAG_TH, table);
        break;
    case HTML_TAG_OPTION:
    case HTML_TAG_OPTGROUP:
        close_within(tree, HTML_TAG_OPTION, tree->last[HTML_TAG_SELECT]);
        break;
    case HTML_TAG_A:
        if (tree->overflow == 0)
            html_tree_close(tree, HTML_TAG_A);
        break;
    case HTML_TAG_BUTTON:
        close_within(tree, HTML_TAG_BUTTON, tree->scope);
        break;
    default:
        break;
    }
    if (html_tag_flags(tag) & HTML_TAG_CLOSES_P)
        close_p(tree);
}

struct html_element *html_tree_open(struct html_tree *tree, unsigned tag, const struct html_style *style)
{
    unsigned flags = html_tag_flags(tag);
    if (tree->depth == HTML_DEPTH_MAX) {
        tree->overflow++;
        return NULL;
    }
    const struct html_look *outer = html_tree_look(tree);
    struct html_element *element = &tree->elements[tree->depth];
    element->look = html_look_within(tree, outer, style);
    element->own = *style;
    element->tag = (uint8_t)tag;
    element->breaks = false;
    element->same = tree->last[tag];
    element->special = tree->special;
    element->scope = tree->scope;
    tree->depth++;
    tree->last[tag] = top(tree);
    if (flags & HTML_TAG_SPECIAL)
        tree->special = top(tree);
    if (flags & HTML_TAG_SCOPE)
        tree->scope = top(tree);
    return element;
}

/* </b> where blocks are open within <b>: browsers close it around them (13.2.6.4.7, the adoption agency). Here its
 * style goes, and all within look anew. */
static void adopt(struct html_tree *tree, int16_t index)
{
    tree->elements[index].own = (struct html_style){0};
    for (int16_t i = index; i <= top(tree); i++) {
        struct html_element *element = &tree->elements[i];
        element->look = html_look_within(tree, i ? &tree->elements[i - 1].look : &tree->root, &element->own);
        tree->work++;
    }
}

void html_tree_close(struct html_tree *tree, unsigned tag)
{
    unsigned flags = html_tag_flags(tag);
    int16_t index = tree->last[tag], limit = tree->special;
    if (tree->overflow) {
        tree->overflow--;
        return;
    }
    if (index < 0)
        return;
    if (tag == HTML_TAG_TABLE || tag == HTML_TAG_TEMPLATE)
        limit = tree->last[HTML_TAG_TEMPLATE];
    else if ((flags & HTML_TAG_IS_CELL) || tag == HTML_TAG_TR || tag == HTML_TAG_TBODY || tag == HTML_TAG_THEAD ||
             tag == HTML_TAG_TFOOT || tag == HTML_TAG_CAPTION)
        limit = inner(tree->last[HTML_TAG_TABLE], tree->last[HTML_TAG_TEMPLATE]);
    else if (flags & HTML_TAG_SPECIAL)
        limit = tag == HTML_TAG_P ? inner(tree->scope, tree->last[HTML_TAG_BUTTON]) : tree->scope;
    if (index >= limit)
        close_from(tree, index);
    else if ((flags & HTML_TAG_FORMAT) && index > tree->scope && tree->elements[index].own.set)
        adopt(tree, index);
}

bool html_tree_has(const struct html_tree *tree, unsigned tag)
{
    return tree->last[tag] >= 0;
}
