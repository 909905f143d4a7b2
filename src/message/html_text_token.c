/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/html_text_token.h"

#include "base/ascii.h"

#include <string.h>

/* Where the octet is next at or behind `from`; the end of the document if it is not. */
static size_t find(const struct html_tokens *t, uint8_t octet, size_t from)
{
    const uint8_t *at =
        from < t->document.len ? memchr(t->document.ptr + from, octet, t->document.len - from) : NULL;
    return at ? (size_t)(at - t->document.ptr) : t->document.len;
}

static int octet(const struct html_tokens *t, size_t at)
{
    return at < t->document.len ? t->document.ptr[at] : -1;
}

/* What ends the name of a tag, of an attribute, and a value without quotes. */
enum { ENDS_TAG = 1, ENDS_NAME = 2, ENDS_VALUE = 4 };
static const uint8_t ends[256] = {
    ['\t'] = 7,        ['\n'] = 7, ['\f'] = 7, ['\r'] = 7, [' '] = 7, ['>'] = 7, ['/'] = ENDS_TAG | ENDS_NAME,
    ['='] = ENDS_NAME,
};

static size_t end_of(const struct html_tokens *t, size_t at, uint8_t kind)
{
    const uint8_t *text = t->document.ptr;
    size_t length = t->document.len;
    while (at < length && !(ends[text[at]] & kind))
        at++;
    return at;
}

/* Whether a "<" here begins anything but text (13.2.5.6). */
static bool begins_markup(const struct html_tokens *t, size_t at)
{
    int next = octet(t, at + 1);
    if (next == '/')
        return octet(t, at + 2) >= 0;
    return next == '!' || next == '?' || (next >= 0 && ascii_is_alpha((uint8_t)next));
}

static bool take_text(struct html_tokens *t, struct html_token *out)
{
    size_t end = find(t, '<', t->position);
    while (end < t->document.len && !begins_markup(t, end))
        end = find(t, '<', end + 1);
    out->kind = HTML_TEXT;
    out->text = bytes_slice(t->document, t->position, end);
    t->position = end;
    return true;
}

/* Ends at "-->" or "--!>", at once at ">" or "->" (13.2.5.43 and following). */
static void take_comment(struct html_tokens *t)
{
    size_t start = t->position + 4;
    const uint8_t *text = t->document.ptr;
    for (size_t end = find(t, '>', start); end < t->document.len; end = find(t, '>', end + 1)) {
        size_t length = end - start;
        bool at_once = length == 0 || (length == 1 && text[start] == '-');
        bool dashes = length >= 2 && text[end - 1] == '-' && text[end - 2] == '-';
        bool bang = length >= 3 && text[end - 1] == '!' && text[end - 2] == '-' && text[end - 3] == '-';
        if (at_once || dashes || bang) {
            t->position = end + 1;
            return;
        }
    }
    t->position = t->document.len;
}

/* "<!DOCTYPE", "<![if", "<?", "</3": all end at the first ">". */
static void take_other(struct html_tokens *t)
{
    size_t end = find(t, '>', t->position + 2);
    t->position = end < t->document.len ? end + 1 : end;
}

static size_t skip_space(const struct html_tokens *t, size_t at)
{
    while (at < t->document.len && html_is_space(t->document.ptr[at]))
        at++;
    return at;
}

/* The value behind the "=" before `at`; returns where it ends, quotes included (13.2.5.35). */
static size_t take_value(const struct html_tokens *t, size_t at, struct bytes *value)
{
    at = skip_space(t, at);
    int quote = octet(t, at);
    if (quote == '"' || quote == '\'') {
        size_t end = find(t, (uint8_t)quote, at + 1);
        *value = bytes_slice(t->document, at + 1, end);
        return end < t->document.len ? end + 1 : end;
    }
    size_t end = end_of(t, at, ENDS_VALUE);
    *value = bytes_slice(t->document, at, end);
    return end;
}

/* 13.2.5.32 and following. */
static size_t take_attribute(const struct html_tokens *t, size_t at, struct html_attribute *attribute)
{
    size_t start = at++; /* a "=" at the start belongs to the name */
    at = end_of(t, at, ENDS_NAME);
    attribute->name = bytes_slice(t->document, start, at);
    attribute->value = (struct bytes){NULL, 0};
    size_t behind = octet(t, at) == '=' ? at : skip_space(t, at);
    if (octet(t, behind) != '=')
        return at;
    return take_value(t, behind + 1, &attribute->value);
}

/* False if the document ends in the tag: then there is none. */
static bool take_tag(struct html_tokens *t, struct html_token *out)
{
    struct html_attribute passed_over;
    bool end_tag = octet(t, t->position + 1) == '/';
    size_t start = t->position + 1 + end_tag, at = end_of(t, start, ENDS_TAG);
    out->kind = end_tag ? HTML_END : HTML_START;
    out->text = bytes_slice(t->document, start, at);
    while (at < t->document.len && t->document.ptr[at] != '>') {
        if (html_is_space(t->document.ptr[at]) || t->document.ptr[at] == '/') {
            at++;
            continue;
        }
        bool room = out->attribute_count < HTML_ATTRIBUTES_MAX;
        at = take_attribute(t, at, room ? &out->attributes[out->attribute_count++] : &passed_over);
    }
    t->position = at < t->document.len ? at + 1 : at;
    return at < t->document.len;
}

bool html_tokens_next(struct html_tokens *t, struct html_token *out)
{
    if (t->position >= t->document.len)
        return false;
    out->attribute_count = 0;
    if (t->document.ptr[t->position] != '<' || !begins_markup(t, t->position))
        return take_text(t, out);
    int next = octet(t, t->position + 1), behind = octet(t, t->position + 2);
    if ((next == '/' && ascii_is_alpha((uint8_t)behind)) || ascii_is_alpha((uint8_t)next))
        return take_tag(t, out);
    out->kind = HTML_COMMENT;
    out->text = (struct bytes){NULL, 0};
    if (next == '!' && bytes_starts_with(bytes_skip(t->document, t->position), BYTES("<!--")))
        take_comment(t);
    else
        take_other(t);
    return true;
}

struct bytes html_tokens_raw(struct html_tokens *t, struct bytes name)
{
    size_t start = t->position;
    for (size_t at = find(t, '<', start); at < t->document.len; at = find(t, '<', at + 1)) {
        if (octet(t, at + 1) != '/' || !bytes_starts_with_nocase(bytes_skip(t->document, at + 2), name))
            continue;
        int behind = octet(t, at + 2 + name.len);
        if (behind != '>' && behind != '/' && !(behind >= 0 && html_is_space((uint8_t)behind)))
            continue;
        t->position = at;
        return bytes_slice(t->document, start, at);
    }
    t->position = t->document.len;
    return bytes_skip(t->document, start);
}

const struct html_attribute *html_token_attribute(const struct html_token *token, const char *name)
{
    struct bytes wanted = bytes_of(name);
    for (size_t i = 0; i < token->attribute_count; i++)
        if (bytes_equal_nocase(token->attributes[i].name, wanted))
            return &token->attributes[i];
    return NULL;
}
