/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/header.h"

#include "base/ascii.h"
#include "base/utf8.h"

#include <string.h>

bool header_name_is_valid(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!ascii_is_graph(name.ptr[i]) || name.ptr[i] == ':')
            return false;
    return name.len > 0;
}

void header_begin(struct header_writer *w, struct buf *out, const char *name)
{
    *w = (struct header_writer){.out = out, .line = out->len};
    buf_add_string(out, name);
    buf_add_byte(out, ':');
}

/* Folds at the last space if the line has become too long behind it. */
static void settle(struct header_writer *w)
{
    size_t at = w->fold_at;
    w->fold_at = 0;
    if (at == 0 || w->out->len - w->line <= HEADER_LINE_WANTED || !buf_reserve(w->out, 2))
        return;
    uint8_t *space = w->out->ptr + at;
    memmove(space + 2, space, w->out->len - at);
    memcpy(space, "\r\n", 2);
    w->out->len += 2;
    w->line = at + 2;
}

void header_space(struct header_writer *w)
{
    settle(w);
    w->fold_at = w->out->len;
    buf_add_byte(w->out, ' ');
}

void header_fold(struct header_writer *w)
{
    settle(w);
    buf_add(w->out, BYTES("\r\n"));
    w->line = w->out->len;
    buf_add_byte(w->out, ' ');
}

/* Adds the character at the start of `text` and returns its length; one that may not stand in a
 * header becomes '?'. */
static size_t put_character(struct header_writer *w, struct bytes text)
{
    size_t length = utf8_sequence(text);
    bool allowed = length && (!ascii_is_control(text.ptr[0]) || text.ptr[0] == '\t');
    buf_add(w->out, allowed ? bytes_first(text, length) : BYTES("?"));
    return length ? length : 1;
}

void header_put(struct header_writer *w, struct bytes text)
{
    while (text.len)
        text = bytes_skip(text, put_character(w, text));
}

/* A fold beside other white space could leave a line of nothing but white space (rfc5322:3.2.2). */
static bool is_single_space(struct bytes text, size_t i)
{
    return text.ptr[i] == ' ' && i > 0 && i + 1 < text.len && !ascii_is_wsp(text.ptr[i - 1]) &&
           !ascii_is_wsp(text.ptr[i + 1]);
}

/* Foldable text; octets of `escaped` get a backslash. */
static void put_escaped(struct header_writer *w, struct bytes text, const char *escaped)
{
    size_t i = 0;
    while (i < text.len) {
        uint8_t c = text.ptr[i];
        if (is_single_space(text, i)) {
            header_space(w);
            i++;
            continue;
        }
        if (c && strchr(escaped, c))
            buf_add_byte(w->out, '\\');
        i += put_character(w, bytes_skip(text, i));
    }
}

void header_put_foldable(struct header_writer *w, struct bytes text)
{
    put_escaped(w, text, "");
}

void header_word(struct header_writer *w, struct bytes text)
{
    header_space(w);
    header_put(w, text);
}

void header_put_quoted(struct header_writer *w, struct bytes text)
{
    buf_add_byte(w->out, '"');
    put_escaped(w, text, "\"\\");
    buf_add_byte(w->out, '"');
}

void header_put_comment(struct header_writer *w, struct bytes text)
{
    buf_add_byte(w->out, '(');
    put_escaped(w, text, "()\\");
    buf_add_byte(w->out, ')');
}

void header_end(struct header_writer *w)
{
    settle(w);
    buf_add(w->out, BYTES("\r\n"));
}

void header_write(struct buf *out, const char *name, struct bytes text)
{
    struct header_writer w;
    header_begin(&w, out, name);
    text = bytes_trim(text);
    if (text.len)
        header_space(&w);
    header_put_foldable(&w, text);
    header_end(&w);
}
