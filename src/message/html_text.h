/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * html_text: HTML to the text that is seen and the text that is not, and its links.
 *
 * A tokenizer as browsers have it (WHATWG HTML, "Tokenization"), and of the tree only what decides whether text is
 * shown: a stack of open elements with the styles that they inherit. Style sheets count as far as simple
 * selectors go (a name, a class, an id); where a rule that cannot be judged sets a ground, colours prove
 * nothing. Scripts are off, as in every mail reader, so <noscript> is shown.
 *
 * One pass, no recursion, every octet looked at a bounded number of times (`work` counts, for tests). Memory is
 * bounded whatever comes: elements deeper than HTML_DEPTH_MAX are siblings, as in browsers.
 */
#ifndef VOUCH_MESSAGE_HTML_TEXT_H
#define VOUCH_MESSAGE_HTML_TEXT_H

#include "base/arena.h"
#include "message/readable_text.h"

enum {
    HTML_DEPTH_MAX = 512,
    HTML_ATTRIBUTES_MAX = 32, /* of one tag; further ones are passed over */
    HTML_URL_MAX = 2000,      /* octets; the rest is left out */
    HTML_STYLE_RULES_MAX = 512
};

enum html_link_kind { HTML_LINK, HTML_IMAGE, HTML_FORM, HTML_REFRESH };

struct html_link {
    struct bytes url; /* entities, tabs, line ends and outer blanks undone; in the arena */
    enum html_link_kind kind;
    size_t from, to; /* what it shows: positions in the visible text, outer blanks included */
    uint64_t order;  /* in the document */
    bool minor;      /* an image, or nobody sees it: others go first where there is no room for all */
    uint8_t *room;   /* for URLs that take the place of others */
};

struct html_text {
    /* Set by the caller: */
    struct arena *arena; /* for links and style rules */
    struct readable_text *visible, *hidden;
    struct html_link *links; /* room for `link_max` */
    size_t link_max;
    /* What was found; counts and links of an earlier document are added to. */
    size_t link_count; /* of more than there is room for the first and the last, in no order */
    uint64_t link_order;
    size_t last_link;
    struct bytes base; /* of the first <base href>; empty if there is none */
    bool form, script, remote_image, refresh;
    bool reversed; /* text that is shown backwards */
    bool cut;      /* more links than there was room for */
    unsigned images, tags;
    uint64_t work;
};

/* Valid UTF-8. OK, or TEMP at the arena's cap or when memory is out. */
enum result html_text_read(struct html_text *html, struct bytes document) must_check;

/* The charset that <meta> names within the first 1024 octets; empty if none does. */
struct bytes html_text_charset(struct bytes document);

#endif
