/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/json.h"

#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct json json_into(struct buf *out)
{
    return (struct json){.out = out};
}

static void before_value(struct json *j)
{
    if (j->comma)
        buf_add_byte(j->out, ',');
    j->comma = true;
}

static void open_level(struct json *j, uint8_t bracket)
{
    before_value(j);
    buf_add_byte(j->out, bracket);
    j->comma = false;
}

static void close_level(struct json *j, uint8_t bracket)
{
    buf_add_byte(j->out, bracket);
    j->comma = true;
}

void json_begin_object(struct json *j)
{
    open_level(j, '{');
}

void json_end_object(struct json *j)
{
    close_level(j, '}');
}

void json_begin_array(struct json *j)
{
    open_level(j, '[');
}

void json_end_array(struct json *j)
{
    close_level(j, ']');
}

/* How many octets stand for themselves. */
static size_t plain_run(struct bytes bytes)
{
    size_t i = 0;
    while (i < bytes.len && bytes.ptr[i] >= 0x20 && bytes.ptr[i] < 0x7f && bytes.ptr[i] != '"' &&
           bytes.ptr[i] != '\\')
        i++;
    return i;
}

static void write_string(struct buf *out, struct bytes bytes)
{
    buf_add_byte(out, '"');
    for (;;) {
        size_t run = plain_run(bytes);
        buf_add(out, bytes_first(bytes, run));
        bytes = bytes_skip(bytes, run);
        if (!bytes.len)
            break;
        size_t length = utf8_sequence(bytes);
        uint8_t c = bytes.ptr[0];
        if (length == 0) {
            buf_add_string(out, "\xef\xbf\xbd");
            length = 1;
        } else if (c == '"' || c == '\\') {
            buf_add_byte(out, '\\');
            buf_add_byte(out, c);
        } else if (c == '\n') {
            buf_add_string(out, "\\n");
        } else if (c == '\r') {
            buf_add_string(out, "\\r");
        } else if (c == '\t') {
            buf_add_string(out, "\\t");
        } else if (c < 0x20 || c == 0x7f) {
            buf_printf(out, "\\u%04x", c);
        } else {
            buf_add(out, bytes_first(bytes, length));
        }
        bytes = bytes_skip(bytes, length);
    }
    buf_add_byte(out, '"');
}

void json_key(struct json *j, const char *key)
{
    before_value(j);
    write_string(j->out, bytes_of(key));
    buf_add_byte(j->out, ':');
    j->comma = false;
}

void json_add_bytes(struct json *j, struct bytes bytes)
{
    before_value(j);
    write_string(j->out, bytes);
}

void json_add_string(struct json *j, const char *string)
{
    if (string)
        json_add_bytes(j, bytes_of(string));
    else
        json_add_null(j);
}

void json_add_integer(struct json *j, int64_t value)
{
    before_value(j);
    buf_printf(j->out, "%lld", (long long)value);
}

void json_add_number(struct json *j, double value)
{
    before_value(j);
    if (!isfinite(value)) {
        buf_add_string(j->out, "null");
        return;
    }
    char text[40];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buf_add_string(j->out, text);
}

void json_add_bool(struct json *j, bool value)
{
    before_value(j);
    buf_add_string(j->out, value ? "true" : "false");
}

void json_add_null(struct json *j)
{
    before_value(j);
    buf_add_string(j->out, "null");
}

void json_member(struct json *j, const char *key, const char *string)
{
    json_key(j, key);
    json_add_string(j, string);
}

void json_member_bytes(struct json *j, const char *key, struct bytes bytes)
{
    json_key(j, key);
    json_add_bytes(j, bytes);
}

void json_member_integer(struct json *j, const char *key, int64_t value)
{
    json_key(j, key);
    json_add_integer(j, value);
}

void json_member_bool(struct json *j, const char *key, bool value)
{
    json_key(j, key);
    json_add_bool(j, value);
}
