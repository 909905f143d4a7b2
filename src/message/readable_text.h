/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * readable_text: text as it is seen: blanks and line ends drawn together, what has no shape left out.
 *
 * Fed with UTF-8 in pieces; written to a buf of the caller's. Zero-width characters and directional controls
 * are dropped, so that a word which they split is one word, and remembered where they stand within one
 * (`confusable`). Nothing fails: what lies beyond `max` is dropped and `cut` set.
 */
#ifndef VOUCH_MESSAGE_READABLE_TEXT_H
#define VOUCH_MESSAGE_READABLE_TEXT_H

#include "base/buf.h"

struct readable_text {
    struct buf *out;
    size_t max;       /* of out->len */
    bool blank, line; /* wanted before the next character */
    bool word;        /* the last character belongs to a word of letters as Latin, Greek, Cyrillic have */
    bool mark;        /* something without shape came behind it */
    bool split;       /* a comment came behind it */
    unsigned splits;  /* comments within words */
    bool confusable, cut;
};

static inline void readable_text_init(struct readable_text *t, struct buf *out, size_t max)
{
    *t = (struct readable_text){.out = out, .max = max};
}

void readable_text_add(struct readable_text *t, struct bytes text);
/* The next character begins a new word, or a new line. */
static inline void readable_text_blank(struct readable_text *t)
{
    t->blank = true;
    t->split = t->mark = false;
}
static inline void readable_text_line(struct readable_text *t)
{
    t->line = true;
    t->split = t->mark = false;
}
/* A comment, which is not seen. */
static inline void readable_text_comment(struct readable_text *t)
{
    t->split = t->word && !t->blank && !t->line;
}

/* Whether it is a blank wherever it stands, and whether it is nothing at all. */
bool readable_text_is_blank(uint32_t point);
bool readable_text_is_shapeless(uint32_t point);

#endif
