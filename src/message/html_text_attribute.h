/* SPDX-License-Identifier: BSD-2-Clause */
/* html_text_attribute: the attributes of HTML that matter for the text, and what they say of its look. */
#ifndef VOUCH_MESSAGE_HTML_TEXT_ATTRIBUTE_H
#define VOUCH_MESSAGE_HTML_TEXT_ATTRIBUTE_H

#include "message/html_text_style.h"
#include "message/html_text_tag.h"
#include "message/html_text_token.h"

enum html_at {
    HTML_AT_STYLE, HTML_AT_CLASS, HTML_AT_ID, HTML_AT_BGCOLOR, HTML_AT_BACKGROUND, HTML_AT_COLOR, HTML_AT_SIZE,
    HTML_AT_TEXT, HTML_AT_LINK, HTML_AT_HREF, HTML_AT_SRC, HTML_AT_ACTION, HTML_AT_DATA, HTML_AT_TYPE,
    HTML_AT_VALUE, HTML_AT_CONTENT, HTML_AT_EQUIV, HTML_AT_DIR, HTML_AT_HIDDEN, HTML_AT_OPEN, HTML_AT_COUNT
};

struct html_attributes {
    uint32_t seen; /* a bit for each that is there; the others are not set */
    struct bytes values[HTML_AT_COUNT];
    bool handler;  /* "onclick" and its like */
};

static inline void html_attributes_init(struct html_attributes *a)
{
    a->seen = 0;
    a->handler = false;
}

static inline bool html_has(const struct html_attributes *a, enum html_at which)
{
    return a->seen >> which & 1;
}

/* As written; empty where absent. */
static inline struct bytes html_value(const struct html_attributes *a, enum html_at which)
{
    return html_has(a, which) ? a->values[which] : (struct bytes){NULL, 0};
}

/* The first of a name counts (WHATWG HTML 13.2.5.33). */
void html_attributes_add(struct html_attributes *a, const struct html_attribute *attribute);
/* What they say before style sheets do (WHATWG HTML 15.2). <body> may change the colour of links. */
void html_attributes_style(const struct html_attributes *a, unsigned tag, uint32_t *link_color,
                           struct html_style *style);
/* "5; url='http://...'": where it leads (WHATWG HTML 4.2.5.3, the refresh state). */
struct bytes html_refresh_target(struct bytes content);

#endif
