/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * header: writes one header field, folded and sanitised.
 *
 * What is put into a field may come from a peer: control characters (line ends above all) become
 * '?', and so do octets that are not valid UTF-8; so nothing can end the field or begin another.
 * Lines are folded before HEADER_LINE_WANTED columns at the spaces marked as such, where there are
 * any. Failure shows in the buffer (`failed`).
 *
 *     struct header_writer w;
 *     header_begin(&w, out, "Received");
 *     header_word(&w, BYTES("from"));      a space where the line may be folded, then the word
 *     header_put(&w, BYTES(";"));          glued to what stands before
 *     header_end(&w);
 */
#ifndef VOUCH_MESSAGE_HEADER_H
#define VOUCH_MESSAGE_HEADER_H

#include "base/buf.h"

enum { HEADER_LINE_WANTED = 78, HEADER_LINE_MAX = 998 }; /* rfc5322:2.1.1 */

struct header_writer {
    struct buf *out;
    size_t line; /* where the current line begins in out */
    size_t
        fold_at; /* the last space that a fold may come before; 0 if there is none in this line */
};

void header_begin(struct header_writer *w, struct buf *out, const char *name);
/* A space at which the line may be folded. */
void header_space(struct header_writer *w);
/* The same, folded in any case. */
void header_fold(struct header_writer *w);
void header_put(struct header_writer *w, struct bytes text);
/* The same, with each single space in the text as a place to fold at. */
void header_put_foldable(struct header_writer *w, struct bytes text);
/* header_space() and header_put(). */
void header_word(struct header_writer *w, struct bytes text);
/* A quoted string, foldable at its single spaces. */
void header_put_quoted(struct header_writer *w, struct bytes text);
/* "(text)", parentheses and backslashes quoted, foldable. */
void header_put_comment(struct header_writer *w, struct bytes text);
void header_end(struct header_writer *w);

/* A whole field of free text: begin, foldable text, end. */
void header_write(struct buf *out, const char *name, struct bytes text);

/* Whether the name is a field name (rfc5322:3.6.8). */
bool header_name_is_valid(struct bytes name);

#endif
