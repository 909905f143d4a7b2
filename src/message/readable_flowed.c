/* SPDX-License-Identifier: BSD-2-Clause */
/* readable_flowed: text that is more than its lines: format=flowed, text/enriched, text/calendar. */
#include "base/ascii.h"
#include "message/readable_private.h"

static struct bytes without_cr(struct bytes line)
{
    return bytes_ends_with(line, BYTES("\r")) ? bytes_first(line, line.len - 1) : line;
}

/* rfc3676:4: a line that ends in a blank goes on with the next of the same depth of quoting. */
void readable_flowed(struct readable_text *to, struct bytes text, bool delete_space)
{
    struct bytes line;
    size_t last_depth = 0;
    bool flows = false;
    while (text.ptr && bytes_split(&text, '\n', &line)) {
        size_t depth = 0;
        line = without_cr(line);
        while (depth < line.len && line.ptr[depth] == '>')
            depth++;
        struct bytes inner = bytes_skip(line, depth);
        if (inner.len && inner.ptr[0] == ' ')
            inner = bytes_skip(inner, 1); /* rfc3676:4.4 */
        if (!flows || depth != last_depth) {
            readable_text_line(to);
            readable_text_add(to, bytes_first(line, depth));
            if (depth)
                readable_text_blank(to);
        }
        flows = bytes_ends_with(inner, BYTES(" ")) && !bytes_is(inner, "-- ");
        if (flows && delete_space)
            inner = bytes_first(inner, inner.len - 1);
        readable_text_add(to, inner);
        last_depth = depth;
    }
}

/* rfc1896: "<<" is "<", other angle brackets hold commands, <param> holds what is not shown; a line end is a
 * blank. */
void readable_enriched(struct readable_text *to, struct bytes text)
{
    bool parameter = false;
    size_t line_ends = 0;
    for (size_t i = 0; i < text.len;) {
        size_t end = i;
        while (end < text.len && text.ptr[end] != '<' && text.ptr[end] != '\n')
            end++;
        struct bytes run = bytes_slice(text, i, end);
        if (bytes_trim(run).len)
            line_ends = 0;
        if (!parameter)
            readable_text_add(to, run);
        i = end;
        if (i == text.len)
            return;
        if (text.ptr[i] == '\n') {
            if (++line_ends > 1)
                readable_text_line(to);
            else
                readable_text_blank(to);
            i++;
        } else if (i + 1 < text.len && text.ptr[i + 1] == '<') {
            if (!parameter)
                readable_text_add(to, BYTES("<"));
            i += 2;
        } else {
            struct bytes command = bytes_skip(text, i + 1);
            size_t close = bytes_find_byte(command, '>');
            if (close == BYTES_NOT_FOUND)
                return;
            command = bytes_first(command, close);
            if (bytes_is_nocase(command, "param") || bytes_is_nocase(command, "/param"))
                parameter = command.ptr[0] != '/';
            i += close + 2;
        }
    }
}

/* The properties that people see (rfc5545:3.8.1). */
static bool is_shown(struct bytes name)
{
    static const char *const names[] = {"SUMMARY", "DESCRIPTION", "LOCATION", "COMMENT",
                                        "URL",     "X-ALT-DESC",  "CONTACT"};
    for (size_t i = 0; i < countof(names); i++)
        if (bytes_is_nocase(name, names[i]))
            return true;
    return false;
}

/* rfc5545:3.3.11: "\n" is a line end, "\," a comma. */
static void add_escaped(struct readable_text *to, struct bytes value)
{
    while (value.len) {
        size_t backslash = bytes_find_byte(value, '\\');
        readable_text_add(to, bytes_first(value, backslash));
        if (backslash == BYTES_NOT_FOUND || backslash + 1 >= value.len)
            return;
        if (ascii_lower(value.ptr[backslash + 1]) == 'n')
            readable_text_line(to);
        else
            readable_text_add(to, bytes_slice(value, backslash + 1, backslash + 2));
        value = bytes_skip(value, backslash + 2);
    }
}

/* A property goes on in lines that begin with a blank (rfc5545:3.1). */
void readable_calendar(struct readable_text *to, struct bytes text)
{
    struct bytes line;
    bool shown = false;
    while (text.ptr && bytes_split(&text, '\n', &line)) {
        line = without_cr(line);
        if (line.len && ascii_is_wsp(line.ptr[0])) {
            if (shown)
                add_escaped(to, bytes_skip(line, 1));
            continue;
        }
        size_t end = 0;
        while (end < line.len && line.ptr[end] != ':' && line.ptr[end] != ';')
            end++;
        shown = is_shown(bytes_first(line, end));
        if (!shown)
            continue;
        size_t colon = bytes_find_byte(line, ':');
        readable_text_line(to);
        add_escaped(to, colon == BYTES_NOT_FOUND ? BYTES("") : bytes_skip(line, colon + 1));
    }
}
