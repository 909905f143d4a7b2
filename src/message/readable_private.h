/* SPDX-License-Identifier: BSD-2-Clause */
/* readable_private: what the parts of readable share; nobody else includes it. */
#ifndef VOUCH_MESSAGE_READABLE_PRIVATE_H
#define VOUCH_MESSAGE_READABLE_PRIVATE_H

#include "message/attachment.h"
#include "message/html_text.h"

enum { READABLE_SOURCE_MAX = 4 << 20 }; /* octets of texts, encoded, that are read at all */

/* One message on its way. */
struct reading {
    struct arena *arena;
    const struct message *message;
    const struct mime *mime;
    struct readable *out;
    size_t source_left;
    bool separate; /* `plain` is not the same as `text` */
    struct buf text_buf, plain_buf, hidden_buf;
    struct readable_text text, plain, hidden;
    struct buf decoded, converted; /* scratch */
    struct html_link *links;       /* READABLE_LINKS_MAX of them once there is HTML */
    size_t link_count, last_link;
    uint64_t link_order;
    struct bytes base;
    struct attachments attachments;
    /* The first multipart/alternative with HTML in it, and where its texts are in `text` and `plain`. */
    const struct mime_part *alternative;
    size_t html_from, html_to, plain_from, plain_to;
};

/* readable_part.c: the kinds of text. What a part says goes to `text` if it is shown. */
enum readable_kind {
    READABLE_NO_TEXT,
    READABLE_OTHER_TEXT,
    READABLE_ENRICHED,
    READABLE_PLAIN_TEXT,
    READABLE_HTML_TEXT
};
enum readable_kind readable_kind_of(const struct mime_part *part);
enum result readable_part_read(struct reading *r, const struct mime_part *part, bool shown) must_check;

/* readable_differ.c: both say something, and have next to no word in common. */
bool readable_differ(struct bytes a, struct bytes b);

/* readable_link.c: the links of HTML and those in visible text, once the text is final. */
enum result readable_links_make(struct reading *r) must_check;

/* readable_flowed.c: plain texts that are more than lines. */
void readable_flowed(struct readable_text *to, struct bytes text, bool delete_space);
void readable_enriched(struct readable_text *to, struct bytes text);
void readable_calendar(struct readable_text *to, struct bytes text);

#endif
