/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * html_text_style: as much of CSS as decides whether text is seen.
 *
 * "mso-hide" is not of that: only Outlook obeys it, and newsletters mark with it what all others show.
 * Declarations are read one by one whatever their number; of each the first HTML_DECLARATION_MAX octets. Style
 * sheets keep the rules with simple selectors (element, .class, element.class, #id), HTML_STYLE_RULES_MAX of them.
 */
#ifndef VOUCH_MESSAGE_HTML_TEXT_STYLE_H
#define VOUCH_MESSAGE_HTML_TEXT_STYLE_H

#include "message/html_text.h"

enum { HTML_DECLARATION_MAX = 200 };

enum html_property {
    HTML_DISPLAY = 1 << 0,
    HTML_VISIBILITY = 1 << 1, /* this and those up to HTML_PRE, and from HTML_REMOTE on, are told by `on` */
    HTML_OPACITY = 1 << 2,    /* on: none is left */
    HTML_POSITION = 1 << 3,   /* on: moved out of its place */
    HTML_LEFT = 1 << 4,       /* on: far off, so are the next ones */
    HTML_TOP = 1 << 5,
    HTML_MARGIN = 1 << 6,
    HTML_INDENT = 1 << 7,
    HTML_WIDTH = 1 << 8, /* on: 0, so is the next one */
    HTML_HEIGHT = 1 << 9,
    HTML_OVERFLOW = 1 << 10, /* on: what does not fit is not seen */
    HTML_CLIP = 1 << 11,     /* on: cut or scaled to nothing */
    HTML_OVERRIDE = 1 << 12, /* on: unicode-bidi: bidi-override */
    HTML_PRE = 1 << 13,      /* on: white-space keeps lines */
    HTML_SIZE = 1 << 14,
    HTML_COLOR = 1 << 15,
    HTML_GROUND = 1 << 16,
    HTML_REMOTE = 1 << 17, /* url(http…) as background */
    HTML_CONTENTS = 1 << 18 /* on: content-visibility: hidden */
};

enum html_display { HTML_NONE, HTML_BLOCK, HTML_INLINE, HTML_OTHER };

/* Colours are 0xRRGGBB, or: */
enum { HTML_TRANSPARENT = 1 << 24, HTML_UNKNOWN_COLOR = 1 << 25, HTML_INHERITED_COLOR = 1 << 26 };

struct html_style {
    uint32_t set, important, on; /* of enum html_property */
    uint32_t color, ground;
    float size;      /* px, or a factor where `relative` */
    uint8_t display; /* enum html_display */
    bool relative;
    uint32_t sure; /* HTML_COLOR, HTML_GROUND: said at the element itself */
};

/* What a style attribute says is added. `work` counts octets. */
void html_style_read(struct html_style *style, struct bytes declarations);
/* Adds `from`, which wins unless what is there is important and it is not. */
void html_style_merge(struct html_style *style, const struct html_style *from);

struct html_rule {
    uint64_t key;
    struct html_style style;
};

enum html_rule_kind {
    HTML_RULE_ELEMENT,
    HTML_RULE_CLASS,
    HTML_RULE_ELEMENT_CLASS,
    HTML_RULE_ID,
    HTML_RULE_ELEMENT_ID,
    HTML_RULE_KINDS
};

struct html_sheet {
    struct html_rule rules[HTML_STYLE_RULES_MAX];
    uint16_t slots[2 * HTML_STYLE_RULES_MAX]; /* 0: free; else one more than an index */
    size_t count;
    uint64_t known[HTML_RULE_KINDS]; /* for each kind a few bits of the names that have rules */
    uint32_t doubtful;               /* HTML_COLOR, HTML_GROUND: some rule that cannot be judged sets it */
};

/* Empties it; the rules themselves stay as they are. */
void html_sheet_init(struct html_sheet *sheet);
void html_sheet_read(struct html_sheet *sheet, struct bytes css);
/* Adds what the rules say of an element of that name (lower case), classes and id. */
void html_sheet_apply(const struct html_sheet *sheet, struct bytes name, struct bytes classes, struct bytes id,
                      struct html_style *style);

/* html_text_color.c. A colour of CSS (lower case), and of the attributes bgcolor and color (WHATWG HTML 2.3.6). */
uint32_t html_color_of_css(struct bytes text);
uint32_t html_color_of_attribute(struct bytes text);
/* Whether nobody can tell the two apart; false where one is not known. */
bool html_colors_are_close(uint32_t a, uint32_t b);

/* A number with its unit, which is what follows the digits. False if there is none. */
bool html_number(struct bytes text, float *number, struct bytes *unit);

#endif
