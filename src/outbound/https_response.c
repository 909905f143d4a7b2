/* SPDX-License-Identifier: BSD-2-Clause */
/* Responses of HTTP/1 (RFC 9112), as far as a small file needs them. */
#include "base/ascii.h"
#include "base/cursor.h"
#include "outbound/https.h"

#include <string.h>

struct head {
    bool chunked, has_length;
    uint64_t length;
};

static bool read_line(struct cursor *c, struct bytes *line)
{
    struct bytes rest = cursor_rest(c);
    size_t end = bytes_find_byte(rest, '\n');
    if (end == BYTES_NOT_FOUND)
        return false;
    *line = bytes_trim_end(cursor_take(c, end + 1));
    return true;
}

static enum result read_status(struct bytes line, struct https_response *out, struct error *error)
{
    uint64_t status;
    if (!bytes_starts_with(line, BYTES("HTTP/1.")) || line.len < 12 || line.ptr[8] != ' ' ||
        !bytes_to_uint(bytes_slice(line, 9, 12), 599, &status) || status < 100 ||
        (line.len > 12 && line.ptr[12] != ' '))
        return error_set(error, PERM, "what answers does not speak HTTP/1");
    out->status = (unsigned)status;
    return OK;
}

static enum result read_field(struct bytes line, struct head *head, struct https_response *out,
                              struct error *error)
{
    size_t colon = bytes_find_byte(line, ':');
    struct bytes name = bytes_first(line, colon), value;
    if (colon == BYTES_NOT_FOUND)
        return error_set(error, PERM, "a header line of the answer has no colon");
    value = bytes_trim(bytes_skip(line, colon + 1));
    if (bytes_is_nocase(name, "Content-Type") && !out->type.len)
        out->type = bytes_trim_end(bytes_first(value, bytes_find_byte(value, ';')));
    if (bytes_is_nocase(name, "Transfer-Encoding")) {
        if (!bytes_is_nocase(value, "chunked"))
            return error_set(error, PERM, "the answer comes in an encoding that was not asked for");
        head->chunked = true;
    }
    if (bytes_is_nocase(name, "Content-Encoding") && !bytes_is_nocase(value, "identity"))
        return error_set(error, PERM, "the answer comes in an encoding that was not asked for");
    if (bytes_is_nocase(name, "Content-Length")) {
        if (head->has_length || !bytes_to_uint(value, UINT32_MAX, &head->length))
            return error_set(error, PERM, "the Content-Length of the answer is no number");
        head->has_length = true;
    }
    return OK;
}

static bool chunk_size(struct bytes line, uint64_t *size)
{
    struct bytes digits = bytes_trim_end(bytes_first(line, bytes_find_byte(line, ';')));
    *size = 0;
    if (!digits.len || digits.len > 8)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        int value = ascii_hex_value(digits.ptr[i]);
        if (value < 0)
            return false;
        *size = *size << 4 | (unsigned)value;
    }
    return true;
}

static enum result join_chunks(struct arena *arena, struct cursor *c, struct https_response *out,
                               struct error *error)
{
    struct bytes rest = cursor_rest(c);
    uint8_t *body = arena_alloc(arena, rest.len);
    size_t length = 0;
    if (!body)
        return error_set(error, TEMP, "out of memory");
    for (;;) {
        struct bytes line;
        uint64_t size;
        if (!read_line(c, &line))
            return error_set(error, NONE, "the answer is cut off");
        if (!chunk_size(line, &size))
            return error_set(error, PERM, "the answer's chunks are malformed");
        if (size == 0)
            break; /* trailers do not matter */
        if (size > HTTPS_BODY_MAX - length)
            return error_set(error, PERM, "the answer is larger than 64 KB");
        if (size > cursor_rest(c).len)
            return error_set(error, NONE, "the answer is cut off");
        struct bytes part = cursor_take(c, size);
        memcpy(body + length, part.ptr, part.len);
        length += part.len;
        if (!read_line(c, &line))
            return error_set(error, NONE, "the answer is cut off");
        if (line.len)
            return error_set(error, PERM, "the answer's chunks are malformed");
    }
    out->body = bytes_from(body, length);
    return OK;
}

enum result https_response_parse(struct arena *arena, struct bytes text, struct https_response *out,
                                 struct error *error)
{
    struct cursor c = cursor_over(text);
    struct head head = {0};
    struct bytes line;
    *out = (struct https_response){.type = BYTES(""), .body = BYTES("")};
    if (!read_line(&c, &line))
        return error_set(error, NONE, "the answer is cut off");
    enum result result = read_status(line, out, error);
    while (result == OK) {
        if (!read_line(&c, &line))
            return error_set(error, NONE, "the answer is cut off");
        if (c.position > HTTPS_HEAD_MAX)
            return error_set(error, PERM, "the header of the answer is too large");
        if (!line.len)
            break;
        result = read_field(line, &head, out, error);
    }
    if (result != OK)
        return result;
    if (head.chunked)
        return join_chunks(arena, &c, out, error);
    struct bytes rest = cursor_rest(&c);
    if (head.has_length && head.length > rest.len && head.length <= HTTPS_BODY_MAX)
        return error_set(error, NONE, "the answer is cut off");
    out->body = head.has_length ? bytes_first(rest, head.length) : rest;
    if (out->body.len > HTTPS_BODY_MAX || (head.has_length && head.length > HTTPS_BODY_MAX))
        return error_set(error, PERM, "the answer is larger than 64 KB");
    return OK;
}
