/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/message.h"

#include "base/ascii.h"

#include <string.h>

/* The end of the line that begins at `from`: behind its CRLF, or the end of the text. */
static size_t line_end(struct bytes text, size_t from)
{
    while (from < text.len) {
        const uint8_t *lf = memchr(text.ptr + from, '\n', text.len - from);
        if (!lf)
            return text.len;
        from = (size_t)(lf - text.ptr) + 1;
        if (from >= 2 && text.ptr[from - 2] == '\r')
            return from;
    }
    return text.len;
}

static struct bytes without_line_end(struct bytes line)
{
    return bytes_ends_with(line, BYTES("\r\n")) ? bytes_first(line, line.len - 2) : line;
}

/* ftext of rfc5322:3.6.8. */
static bool is_name_octet(uint8_t c)
{
    return ascii_is_graph(c) && c != ':';
}

/* Splits "Name: value" or "Name : value" (rfc5322:4.5.8); false if the line is no field's start. */
static bool split_field(struct bytes raw, struct header_field *field)
{
    size_t name = 0;
    while (name < raw.len && is_name_octet(raw.ptr[name]))
        name++;
    size_t colon = name;
    while (colon < raw.len && ascii_is_wsp(raw.ptr[colon]))
        colon++;
    if (name == 0 || colon == raw.len || raw.ptr[colon] != ':')
        return false;
    field->raw = raw;
    field->name = bytes_first(raw, name);
    field->value = without_line_end(bytes_skip(raw, colon + 1));
    return true;
}

/* Takes the field at *position, with its continuation lines. */
static bool next_field(struct bytes text, size_t *position, struct header_field *field)
{
    size_t start = *position;
    if (start >= text.len || ascii_is_wsp(text.ptr[start]))
        return false;
    size_t first = line_end(text, start);
    /* The name must stand in the first line: a field's value may hold any colon. */
    if (!split_field(bytes_slice(text, start, first), field))
        return false;
    size_t end = first;
    while (end < text.len && ascii_is_wsp(text.ptr[end]))
        end = line_end(text, end);
    if (end != first)
        split_field(bytes_slice(text, start, end), field);
    *position = end;
    return true;
}

static enum result count_fields(struct bytes raw, size_t *count, size_t *end, struct error *error)
{
    struct header_field field;
    *count = 0;
    *end = 0;
    while (next_field(raw, end, &field)) {
        if (field.raw.len > HEADER_FIELD_MAX)
            return error_set(error, PERM, "a header field is larger than %d octets",
                             HEADER_FIELD_MAX);
        if (*end > HEADER_MAX)
            return error_set(error, PERM, "the header is larger than %d octets", HEADER_MAX);
        if (++*count > HEADER_FIELDS_MAX)
            return error_set(error, PERM, "the header has more than %d fields", HEADER_FIELDS_MAX);
    }
    return OK;
}

enum result message_parse(struct arena *arena, struct bytes raw, struct message *out,
                          struct error *error)
{
    *out = (struct message){.raw = raw};
    size_t count, end;
    enum result result = count_fields(raw, &count, &end, error);
    if (result != OK)
        return result;
    out->fields = arena_alloc_array(arena, count, sizeof(*out->fields));
    if (!out->fields)
        return error_set(error, TEMP, "no memory for the header");
    size_t position = 0;
    while (out->field_count < count)
        next_field(raw, &position, &out->fields[out->field_count++]);
    out->header = bytes_first(raw, end);
    out->body = bytes_skip(raw, end);
    if (bytes_starts_with(out->body, BYTES("\r\n")))
        out->body = bytes_skip(out->body, 2);
    else
        out->malformed = out->body.len > 0;
    return OK;
}

/* "From somebody Sat Nov 21 ..." as mailbox files have before each message; "From : x" is a field in the
 * old manner (rfc5322:4.5.2). */
static bool is_mailbox_separator(struct bytes text)
{
    return bytes_starts_with(text, BYTES("From ")) &&
           !bytes_starts_with(bytes_trim_start(bytes_skip(text, 5)), BYTES(":"));
}

struct bytes message_normalize(struct arena *arena, struct bytes text)
{
    if (is_mailbox_separator(text)) {
        size_t end = bytes_find_byte(text, '\n');
        text = bytes_skip(text, end == BYTES_NOT_FOUND ? text.len : end + 1);
    }
    size_t ends = 0;
    for (size_t i = 0; i < text.len; i++)
        ends += text.ptr[i] == '\n' || text.ptr[i] == '\r';
    uint8_t *copy = arena_alloc(arena, text.len + ends);
    if (!copy)
        return (struct bytes){NULL, 0};
    size_t length = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c != '\r' && c != '\n') {
            copy[length++] = c;
            continue;
        }
        if (c == '\r' && i + 1 < text.len && text.ptr[i + 1] == '\n')
            i++;
        copy[length++] = '\r';
        copy[length++] = '\n';
    }
    return bytes_from(copy, length);
}

const struct header_field *message_field(const struct message *message, const char *name,
                                         size_t from)
{
    struct bytes wanted = bytes_of(name);
    for (size_t i = from; i < message->field_count; i++)
        if (bytes_equal_nocase(message->fields[i].name, wanted))
            return &message->fields[i];
    return NULL;
}

size_t message_field_count(const struct message *message, const char *name)
{
    struct bytes wanted = bytes_of(name);
    size_t count = 0;
    for (size_t i = 0; i < message->field_count; i++)
        count += bytes_equal_nocase(message->fields[i].name, wanted);
    return count;
}

struct bytes header_unfold(struct arena *arena, struct bytes value)
{
    value = bytes_trim(value);
    if (bytes_find_byte(value, '\n') == BYTES_NOT_FOUND)
        return value;
    uint8_t *copy = arena_alloc(arena, value.len);
    if (!copy)
        return (struct bytes){NULL, 0};
    size_t length = 0;
    for (size_t i = 0; i < value.len; i++) {
        bool folded = value.ptr[i] == '\r' && i + 2 < value.len && value.ptr[i + 1] == '\n' &&
                      ascii_is_wsp(value.ptr[i + 2]);
        if (folded)
            i++;
        else
            copy[length++] = value.ptr[i];
    }
    return bytes_from(copy, length);
}
