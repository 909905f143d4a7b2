/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/quoted_printable.h"

#include "base/ascii.h"
#include "base/encode.h"

enum { LINE_MAX_OCTETS = 76, OCTETS_PER_LINE = LINE_MAX_OCTETS / 4 * 3 };

/* Counts, and writes if there is somewhere to write to. */
struct writer {
    struct buf *out;
    size_t size;
    size_t column;
};

static void put(struct writer *w, struct bytes octets)
{
    w->size += octets.len;
    if (w->out)
        buf_add(w->out, octets);
}

static bool is_line_end(struct bytes text, size_t i)
{
    return i + 1 < text.len && text.ptr[i] == '\r' && text.ptr[i + 1] == '\n';
}

/* What would not survive, or would mean something, at that place. */
static bool must_be_encoded(const struct writer *w, struct bytes text, size_t i)
{
    uint8_t c = text.ptr[i];
    struct bytes rest = bytes_skip(text, i);
    if (ascii_is_wsp(c)) /* rfc2045:6.7 (3): not at the end of a line */
        return i + 1 == text.len || is_line_end(text, i + 1);
    if (w->column == 0 && c == '.')
        return true;
    if (w->column == 0 &&
        (bytes_starts_with(rest, BYTES("--")) || bytes_starts_with(rest, BYTES("From "))))
        return true;
    return !ascii_is_graph(c) || c == '=';
}

static void put_octet(struct writer *w, struct bytes text, size_t i)
{
    static const char digits[] = "0123456789ABCDEF";
    bool encoded = must_be_encoded(w, text, i);
    size_t width = encoded ? 3 : 1;
    bool last = i + 1 == text.len || is_line_end(text, i + 1);
    /* A line that goes on needs a column for the soft line break. */
    if (w->column + width > LINE_MAX_OCTETS - (last ? 0 : 1)) {
        put(w, BYTES("=\r\n"));
        w->column = 0;
        encoded = must_be_encoded(w, text, i);
        width = encoded ? 3 : 1;
    }
    uint8_t c = text.ptr[i];
    uint8_t escape[3] = {'=', (uint8_t)digits[c >> 4], (uint8_t)digits[c & 15]};
    put(w, encoded ? bytes_from(escape, 3) : bytes_slice(text, i, i + 1));
    w->column += width;
}

/* How many octets from there stay as they are and surely fit in the line: most of any text. The
 * start of a line and what stands before a line end are not for this. */
static size_t plain_run(const struct writer *w, struct bytes text, size_t i)
{
    size_t room =
        w->column && w->column < LINE_MAX_OCTETS - 1 ? LINE_MAX_OCTETS - 1 - w->column : 0;
    size_t run = 0;
    while (run < room && i + run + 1 < text.len && ascii_is_print(text.ptr[i + run]) &&
           text.ptr[i + run] != '=' && text.ptr[i + run + 1] != '\r')
        run++;
    return run;
}

static void encode(struct writer *w, struct bytes text)
{
    size_t i = 0;
    while (i < text.len) {
        size_t run = plain_run(w, text, i);
        if (run) {
            put(w, bytes_slice(text, i, i + run));
            w->column += run;
            i += run;
        } else if (is_line_end(text, i)) {
            put(w, BYTES("\r\n"));
            w->column = 0;
            i += 2;
        } else {
            put_octet(w, text, i++);
        }
    }
}

void quoted_printable_write(struct buf *out, struct bytes text)
{
    struct writer w = {.out = out};
    encode(&w, text);
}

size_t quoted_printable_size(struct bytes text)
{
    struct writer w = {0};
    encode(&w, text);
    return w.size;
}

void base64_write_lines(struct buf *out, struct bytes octets)
{
    for (size_t i = 0; i < octets.len; i += OCTETS_PER_LINE) {
        if (i)
            buf_add(out, BYTES("\r\n"));
        base64_encode(out, bytes_slice(octets, i, i + OCTETS_PER_LINE));
    }
}

size_t base64_lines_size(struct bytes octets)
{
    size_t lines = (octets.len + OCTETS_PER_LINE - 1) / OCTETS_PER_LINE;
    return (octets.len + 2) / 3 * 4 + (lines ? 2 * (lines - 1) : 0);
}
