/* SPDX-License-Identifier: BSD-2-Clause */
#include "report/report.h"

#include "report/packed.h"

#include "base/ascii.h"

const char *report_kind_name(enum report_kind kind)
{
    static const char *const names[] = {"aggregate", "failure", "tls"};
    return names[kind];
}

/* Behind a byte order mark and white space. A declaration of XML must be the very first, but some reporters
 * begin with an empty line. */
static struct bytes without_mark(struct bytes content)
{
    if (bytes_starts_with(content, BYTES("\xef\xbb\xbf")))
        content = bytes_skip(content, 3);
    return bytes_trim_start(content);
}

/* The first octet that counts; 0 if there is none. */
static uint8_t first_octet(struct bytes content)
{
    content = without_mark(content);
    return content.len ? content.ptr[0] : 0;
}

static enum result read_text(struct arena *arena, struct bytes text, struct report *out,
                             struct error *error)
{
    if (first_octet(text) == '<') {
        out->kind = REPORT_AGGREGATE;
        return aggregate_report_read(arena, without_mark(text), &out->aggregate, error);
    }
    if (first_octet(text) == '{') {
        out->kind = REPORT_TLS;
        return tls_report_read(arena, without_mark(text), &out->tls, error);
    }
    if (packed_kind_of(text) != PACKED_NOT)
        return error_set(error, PERM, "an archive within an archive");
    if (bytes_starts_with(text, BYTES("\xff\xfe")) || bytes_starts_with(text, BYTES("\xfe\xff")))
        return error_set(error, PERM, "the encoding is UTF-16, not UTF-8");
    return error_set(error, PERM, "neither XML nor JSON");
}

static enum result read_archive(struct arena *arena, struct bytes archive, struct report *out,
                                struct error *error)
{
    struct buf content;
    buf_init(&content, PACKED_ROOM_MAX);
    enum result result = packed_read(archive, &content, error);
    if (result == OK)
        result = read_text(arena, buf_bytes(&content), out, error);
    buf_free(&content);
    return result;
}

static enum result read_file(struct arena *arena, struct bytes content, struct report *out,
                             struct error *error)
{
    if (packed_kind_of(content) != PACKED_NOT)
        return read_archive(arena, content, out, error);
    return read_text(arena, content, out, error);
}

static bool ends_like_report(struct bytes name)
{
    static const char *const ends[] = {".xml", ".gz", ".zip", ".json"};
    for (size_t i = 0; i < countof(ends); i++)
        if (bytes_ends_with_nocase(name, bytes_of(ends[i])))
            return true;
    return false;
}

/* Whether a part can hold a report. Plain and HTML text are for people unless their name says else. */
static bool is_candidate(const struct mime_part *part)
{
    if (part->kind != MIME_LEAF)
        return false;
    return bytes_is(part->type, "application") || mime_is(part, "text", "xml") ||
           ends_like_report(part->file_name.octets);
}

/* As read_file(), but NONE for what does not even look like a report. */
static enum result read_part(struct arena *arena, const struct mime_part *part, struct report *out,
                             struct error *error)
{
    struct buf content;
    buf_init(&content, part->body.len + 16);
    mime_part_decode(part, &content);
    struct bytes octets = buf_bytes(&content);
    enum result result = NONE;
    if (content.failed)
        result = error_set(error, TEMP, "no memory");
    else if (packed_kind_of(octets) != PACKED_NOT || first_octet(octets) == '<' ||
             first_octet(octets) == '{')
        result = read_file(arena, octets, out, error);
    buf_free(&content);
    return result;
}

static enum result read_parts(struct arena *arena, const struct mime *mime, struct report *out,
                              struct error *error)
{
    struct error problem;
    unsigned tried = 0;
    for (const struct mime_part *part = mime->root; part; part = mime_next_own(part)) {
        if (!is_candidate(part) || tried == REPORT_CANDIDATES_MAX)
            continue;
        struct arena_mark mark = arena_mark(arena);
        enum result result = read_part(arena, part, out, &problem);
        if (result == NONE)
            continue;
        if (result != PERM) {
            if (result == TEMP)
                error_set(error, TEMP, "%s", problem.text);
            return result;
        }
        /* What is wrong with the first is what the sender wants to know. */
        arena_rewind(arena, mark);
        if (tried++ == 0)
            error_set(error, PERM, "%s", problem.text);
    }
    return tried ? PERM : error_set(error, PERM, "the mail brings no report");
}

static enum result read_mail(struct arena *arena, struct bytes content, struct report *out,
                             struct error *error)
{
    struct message message;
    struct mime mime;
    struct bytes text = message_normalize(arena, content);
    if (!text.ptr)
        return error_set(error, TEMP, "no memory");
    enum result result = message_parse(arena, text, &message, error);
    if (result != OK)
        return result;
    if (message.field_count == 0)
        return error_set(error, PERM, "neither a report nor a mail");
    result = mime_parse(arena, &message, NULL, &mime, error);
    if (result != OK)
        return result;
    out->in_mail = true;
    if (!failure_report_part(&mime))
        return read_parts(arena, &mime, out, error);
    out->kind = REPORT_FAILURE;
    return failure_report_read(arena, &mime, &out->failure, error);
}

enum result report_read(struct arena *arena, struct bytes content, struct report *out,
                        struct error *error)
{
    *out = (struct report){0};
    if (content.len > REPORT_SIZE_MAX)
        return error_set(error, PERM, "more than %d octets", REPORT_SIZE_MAX);
    if (packed_kind_of(content) != PACKED_NOT || first_octet(content) == '<' ||
        first_octet(content) == '{')
        return read_file(arena, content, out, error);
    if (bytes_starts_with(content, BYTES("\xff\xfe")) || bytes_starts_with(content, BYTES("\xfe\xff")))
        return error_set(error, PERM, "the encoding is UTF-16, not UTF-8");
    return read_mail(arena, content, out, error);
}
