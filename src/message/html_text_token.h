/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * html_text_token: HTML cut into tokens as browsers cut it (WHATWG HTML 13.2.5).
 *
 * Slices point into the document; entities are left as they are. Nothing is looked at twice: what is not closed
 * reaches to the end.
 */
#ifndef VOUCH_MESSAGE_HTML_TEXT_TOKEN_H
#define VOUCH_MESSAGE_HTML_TEXT_TOKEN_H

#include "message/html_text.h"

enum html_token_kind { HTML_TEXT, HTML_START, HTML_END, HTML_COMMENT };

struct html_attribute {
    struct bytes name, value; /* as written; the value without quotes */
};

struct html_token {
    enum html_token_kind kind;
    struct bytes text; /* HTML_TEXT: the text; tags: the name, as written; HTML_COMMENT: empty */
    struct html_attribute attributes[HTML_ATTRIBUTES_MAX];
    size_t attribute_count;
};

struct html_tokens {
    struct bytes document;
    size_t position;
};

/* False at the end. */
bool html_tokens_next(struct html_tokens *tokens, struct html_token *out);
/* What follows, up to the end tag of that name (which comes as a token afterwards), or to the end: the content of
 * <script>, <style>, <title> and their like (WHATWG 13.2.5.2 to 13.2.5.4). */
struct bytes html_tokens_raw(struct html_tokens *tokens, struct bytes name);
/* The first attribute of that name (lower case), or NULL. */
const struct html_attribute *html_token_attribute(const struct html_token *token, const char *name);

static inline bool html_is_space(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f';
}

#endif
