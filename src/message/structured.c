/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/structured.h"

#include "base/ascii.h"

#include <string.h>

bool octets_create(struct arena *arena, size_t size, struct octets *out)
{
    *out = (struct octets){.ptr = arena_alloc(arena, size), .size = size};
    return out->ptr != NULL;
}

void octets_add(struct octets *octets, struct bytes bytes)
{
    require(bytes.len <= octets->size - octets->used);
    if (bytes.len)
        memcpy(octets->ptr + octets->used, bytes.ptr, bytes.len);
    octets->used += bytes.len;
}

void octets_add_byte(struct octets *octets, uint8_t byte)
{
    octets_add(octets, bytes_from(&byte, 1));
}

struct bytes octets_since(const struct octets *octets, size_t start)
{
    return bytes_from(octets->ptr + start, octets->used - start);
}

bool structured_is_atext(uint8_t c)
{
    return ascii_is_alnum(c) || c >= 0x80 || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

bool structured_is_token(uint8_t c)
{
    return c >= 0x80 || (ascii_is_graph(c) && !strchr("()<>@,;:\\\"/[]?=", c));
}

bool structured_is_dot_atom(struct bytes text)
{
    bool atom_due = true;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '.' ? atom_due : !structured_is_atext(text.ptr[i]))
            return false;
        atom_due = text.ptr[i] == '.';
    }
    return !atom_due;
}

/* Takes a line end if white space follows it (folding); a lone CR or LF is an error. */
static void skip_folding(struct cursor *c)
{
    int behind = cursor_peek_at(c, 2);
    if (cursor_peek(c) != '\r' || cursor_peek_at(c, 1) != '\n' || (behind != ' ' && behind != '\t'))
        cursor_fail(c);
    else
        c->position += 2;
}

/* The octet behind a backslash. Control characters were allowed once (rfc5322:4.1); the three that
 * could end a line or a string never are. */
static int quoted_octet(struct cursor *c)
{
    int octet = cursor_peek_at(c, 1);
    if (octet <= 0 || octet == '\r' || octet == '\n') {
        cursor_fail(c);
        return -1;
    }
    c->position += 2;
    return octet;
}

static void skip_comment(struct cursor *c, struct bytes *comment)
{
    size_t depth = 0, start = c->position + 1;
    do {
        switch (cursor_peek(c)) {
        case '(':
            if (++depth > COMMENT_DEPTH_MAX)
                cursor_fail(c);
            c->position++;
            break;
        case ')':
            depth--;
            c->position++;
            break;
        case '\\':
            quoted_octet(c);
            break;
        case '\r':
            skip_folding(c);
            break;
        case '\n':
        case 0:
        case -1: /* not closed */
            cursor_fail(c);
            break;
        default:
            c->position++;
        }
    } while (depth && !c->failed);
    if (comment && !c->failed)
        *comment = bytes_slice(c->input, start, c->position - 1);
}

void structured_skip(struct cursor *c, struct bytes *comment)
{
    for (;;) {
        switch (cursor_peek(c)) {
        case ' ':
        case '\t':
            c->position++;
            break;
        case '\r':
        case '\n':
            skip_folding(c);
            break;
        case '(':
            skip_comment(c, comment);
            break;
        default:
            return;
        }
    }
}

void structured_quoted_string(struct cursor *c, struct octets *out)
{
    cursor_expect(c, '"');
    while (!c->failed) {
        int octet = cursor_peek(c);
        if (octet == '\r') {
            skip_folding(c);
            continue;
        }
        if (octet == '"') {
            c->position++;
            return;
        }
        if (octet == '\\')
            octet = quoted_octet(c);
        else
            c->position++;
        if (octet < 0 || (ascii_is_control((uint8_t)octet) && octet != '\t'))
            cursor_fail(c);
        else
            octets_add_byte(out, (uint8_t)octet);
    }
}

struct bytes structured_comment_text(struct arena *arena, struct bytes comment)
{
    struct octets text;
    if (comment.len == 0 || !octets_create(arena, comment.len, &text))
        return (struct bytes){NULL, 0};
    for (size_t i = 0; i < comment.len; i++) {
        uint8_t octet = comment.ptr[i];
        if (octet == '\\' && i + 1 < comment.len)
            octet = comment.ptr[++i];
        if (octet == '\t')
            octet = ' ';
        if (!ascii_is_control(octet))
            octets_add_byte(&text, octet);
    }
    return bytes_trim(octets_since(&text, 0));
}
