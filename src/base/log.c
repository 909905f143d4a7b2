/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/log.h"

#include "base/ascii.h"
#include "base/json.h"
#include "base/utf8.h"

#include <stdio.h>

static struct {
    log_sink *sink;
    void *context;
    enum log_format format;
    enum log_level least;
    const char *filter;
} log_state = {.least = LOG_LEVEL_INFO, .filter = ""};

void log_set_sink(log_sink *sink, void *context, enum log_format format, enum log_level least)
{
    log_state.sink = sink;
    log_state.context = context;
    log_state.format = format;
    log_state.least = least;
}

void log_set_filter(const char *subjects)
{
    log_state.filter = subjects ? subjects : "";
}

bool log_wants(enum log_level level, const char *subject)
{
    if (!log_state.sink || level < log_state.least)
        return false;
    if (level > LOG_LEVEL_DEBUG || !log_state.filter[0])
        return true;
    struct bytes rest = bytes_of(log_state.filter), word;
    while (bytes_split(&rest, ',', &word))
        if (bytes_starts_with(bytes_of(subject), bytes_trim(word)))
            return true;
    return false;
}

static const char *level_name(enum log_level level)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    return names[level];
}

static bool json_format(void)
{
    return log_state.format == LOG_FORMAT_JSON;
}

static void member(struct log_line *line, const char *key, struct bytes value)
{
    struct json j = json_into(&line->text);
    j.comma = true;
    json_member_bytes(&j, key, value);
}

void log_begin(struct log_line *line, enum log_level level, const char *subject)
{
    *line = (struct log_line){.level = level, .subject = subject};
    line->wanted = log_wants(level, subject);
    buf_init(&line->text, LOG_LINE_MAX);
    if (!line->wanted)
        return;
    if (json_format()) {
        struct json j = json_into(&line->text);
        json_begin_object(&j);
        json_member(&j, "level", level_name(level));
        json_member(&j, "subject", subject);
    } else {
        buf_printf(&line->text, "%s:", subject);
        if (level != LOG_LEVEL_INFO)
            buf_printf(&line->text, " %s:", level_name(level));
    }
}

/* Plain values stand bare when they are one harmless word, else in double quotes. */
static bool is_bare(struct bytes value)
{
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.ptr[i];
        if (!ascii_is_graph(c) || c == '"' || c == '\\' || c == ',')
            return false;
    }
    return true;
}

static void add_quoted(struct buf *out, struct bytes value)
{
    buf_add_byte(out, '"');
    while (value.len) {
        size_t length = utf8_printable(value);
        uint8_t c = value.ptr[0];
        if (length == 0) {
            buf_printf(out, "\\x%02x", c);
            length = 1;
        } else {
            if (c == '"' || c == '\\')
                buf_add_byte(out, '\\');
            buf_add(out, bytes_first(value, length));
        }
        value = bytes_skip(value, length);
    }
    buf_add_byte(out, '"');
}

void log_bytes(struct log_line *line, const char *key, struct bytes value)
{
    if (!line->wanted)
        return;
    value = bytes_first(value, 1024);
    size_t before = line->text.len;
    if (json_format()) {
        member(line, key, value);
    } else {
        bool first = line->text.len && line->text.ptr[line->text.len - 1] == ':';
        buf_printf(&line->text, "%s %s=", first ? "" : ",", key);
        if (is_bare(value))
            buf_add(&line->text, value);
        else
            add_quoted(&line->text, value);
    }
    /* A member that does not fit is left out whole, so that the line stays well-formed. */
    if (line->text.failed || line->text.len > LOG_LINE_MAX - 8) {
        buf_truncate(&line->text, before);
        line->text.failed = false;
    }
}

void log_string(struct log_line *line, const char *key, const char *value)
{
    if (value)
        log_bytes(line, key, bytes_of(value));
}

void log_integer(struct log_line *line, const char *key, int64_t value)
{
    if (!line->wanted)
        return;
    if (json_format()) {
        struct json j = json_into(&line->text);
        j.comma = true;
        json_member_integer(&j, key, value);
    } else {
        struct buf number;
        buf_init(&number, 32);
        buf_printf(&number, "%lld", (long long)value);
        log_bytes(line, key, buf_bytes(&number));
        buf_free(&number);
    }
}

void log_end(struct log_line *line)
{
    if (line->wanted) {
        if (json_format())
            buf_add_byte(&line->text, '}');
        log_state.sink(log_state.context, line->level, buf_bytes(&line->text));
    }
    buf_free(&line->text);
}

static void add_sentence(struct buf *out, struct bytes text)
{
    buf_add_byte(out, ' ');
    while (text.len) {
        size_t length = utf8_printable(text);
        buf_add(out, length ? bytes_first(text, length) : BYTES("?"));
        text = bytes_skip(text, length ? length : 1);
    }
}

static void log_message(enum log_level level, const char *subject, const char *format, va_list args)
{
    if (!log_wants(level, subject))
        return;
    char text[2048]; /* what is longer is cut off */
    vsnprintf(text, sizeof(text), format, args);
    struct log_line line;
    log_begin(&line, level, subject);
    if (json_format())
        log_bytes(&line, "message", bytes_of(text));
    else
        add_sentence(&line.text, bytes_of(text));
    log_end(&line);
}

#define LOG_FUNCTION(name, level)                                                                  \
    void name(const char *subject, const char *format, ...)                                        \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, format);                                                                    \
        log_message(level, subject, format, args);                                                 \
        va_end(args);                                                                              \
    }

LOG_FUNCTION(log_debug, LOG_LEVEL_DEBUG)
LOG_FUNCTION(log_info, LOG_LEVEL_INFO)
LOG_FUNCTION(log_warning, LOG_LEVEL_WARNING)
LOG_FUNCTION(log_error, LOG_LEVEL_ERROR)
