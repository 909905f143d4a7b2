/* SPDX-License-Identifier: BSD-2-Clause */
/* The text form of a zone: see zone_load() in zone.h. */
#include "dns/zone.h"

#include "base/ascii.h"
#include "base/clock.h"

enum { DEFAULT_TTL = 3600, TEXT_MAX = 65535 };

struct line {
    struct zone *zone;
    struct bytes name;
    enum dns_type type;
    uint32_t ttl;
};

/* Without what follows a '#' that stands first or after a blank, outside of double quotes. */
static struct bytes without_comment(struct bytes line)
{
    bool quoted = false;
    for (size_t i = 0; i < line.len; i++) {
        uint8_t c = line.ptr[i];
        if (c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (c == '#' && !quoted && (i == 0 || ascii_is_space(line.ptr[i - 1])))
            return bytes_first(line, i);
    }
    return line;
}

static struct bytes take_word(struct bytes *rest)
{
    size_t end = 0;
    while (end < rest->len && !ascii_is_space(rest->ptr[end]))
        end++;
    struct bytes word = bytes_first(*rest, end);
    *rest = bytes_trim_start(bytes_skip(*rest, end));
    return word;
}

static bool parse_duration(struct bytes text, int64_t *out)
{
    static const struct {
        const char *unit;
        int64_t length;
    } units[] = {{"ms", MILLISECOND}, {"s", SECOND}, {"m", MINUTE}};
    size_t digits = 0;
    while (digits < text.len && ascii_is_digit(text.ptr[digits]))
        digits++;
    uint64_t number;
    if (!bytes_to_uint(bytes_first(text, digits), 1000000, &number))
        return false;
    for (size_t i = 0; i < countof(units); i++) {
        if (bytes_is(bytes_skip(text, digits), units[i].unit)) {
            *out = (int64_t)number * units[i].length;
            return true;
        }
    }
    return false;
}

/* One octet of a quoted string, its escape resolved; -1 at the end of the text or a bad escape. */
static int take_quoted(struct bytes *text)
{
    if (text->len == 0)
        return -1;
    uint8_t c = text->ptr[0];
    *text = bytes_skip(*text, 1);
    if (c != '\\')
        return c;
    if (text->len == 0)
        return -1;
    if (!ascii_is_digit(text->ptr[0])) {
        c = text->ptr[0];
        *text = bytes_skip(*text, 1);
        return c;
    }
    uint64_t number;
    if (text->len < 3 || !bytes_to_uint(bytes_first(*text, 3), 255, &number))
        return -1;
    *text = bytes_skip(*text, 3);
    return (int)number;
}

/* Joins "a" "b"; false if it is not just quoted strings. */
static bool unquote(struct bytes value, struct buf *out)
{
    while (value.len) {
        if (value.ptr[0] != '"')
            return false;
        value = bytes_skip(value, 1);
        while (value.len && value.ptr[0] != '"') {
            int octet = take_quoted(&value);
            if (octet < 0)
                return false;
            buf_add_byte(out, (uint8_t)octet);
        }
        if (value.len == 0)
            return false;
        value = bytes_trim_start(bytes_skip(value, 1));
    }
    return !out->failed;
}

static bool is_text(enum dns_type type)
{
    return type == DNS_TXT || type == DNS_SPF;
}

static const char *add_value(const struct line *line, struct bytes value)
{
    if (!is_text(line->type) || value.len == 0 || value.ptr[0] != '"')
        return zone_add(line->zone, line->name, line->type, line->ttl, value) ? NULL
                                                                              : "malformed value";
    struct buf text;
    buf_init(&text, TEXT_MAX);
    const char *problem = "malformed quoted text";
    if (unquote(value, &text))
        problem = zone_add(line->zone, line->name, line->type, line->ttl, buf_bytes(&text))
                      ? NULL
                      : "malformed value";
    buf_free(&text);
    return problem;
}

/* "TYPE value", "TYPE ttl=60 value", "TYPE FAIL": what stands behind the name. */
static const char *load_record(struct line *line, struct bytes type, struct bytes rest)
{
    if (!dns_type_parse(type, &line->type))
        return "unknown record type";
    if (bytes_is(rest, "FAIL")) {
        zone_add_failure(line->zone, line->name, (int)line->type);
        return NULL;
    }
    if (bytes_starts_with(rest, BYTES("ttl="))) {
        uint64_t ttl;
        if (!bytes_to_uint(bytes_skip(take_word(&rest), 4), INT32_MAX, &ttl))
            return "malformed ttl";
        line->ttl = (uint32_t)ttl;
    }
    if (rest.len == 0)
        return "no value";
    return add_value(line, rest);
}

static const char *load_line(struct zone *zone, struct bytes text)
{
    struct bytes rest = bytes_trim(without_comment(text));
    if (rest.len == 0)
        return NULL;
    struct line line = {.zone = zone, .ttl = DEFAULT_TTL};
    line.name = take_word(&rest);
    struct bytes word = take_word(&rest);
    if (word.len == 0) {
        zone_add_name(zone, line.name);
    } else if (bytes_is(word, "FAIL") && rest.len == 0) {
        zone_add_failure(zone, line.name, 0);
    } else if (bytes_is(word, "DELAY")) {
        int64_t delay;
        if (!parse_duration(rest, &delay))
            return "malformed duration (5s, 200ms, 1m)";
        zone_add_name(zone, line.name);
        zone_add_delay(zone, line.name, delay);
    } else {
        return load_record(&line, word, rest);
    }
    return NULL;
}

enum result zone_load(struct zone *zone, struct bytes text, struct error *error)
{
    struct bytes line;
    for (unsigned number = 1; bytes_split(&text, '\n', &line); number++) {
        const char *problem = load_line(zone, line);
        if (problem)
            return error_set(error, PERM, "line %u: %s", number, problem);
    }
    return OK;
}
