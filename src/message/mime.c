/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/mime_private.h"

#include "base/ascii.h"

#include <stdlib.h>
#include <string.h>

/* A multipart whose delimiters are looked for. */
struct open {
    struct mime_part *part;
    struct bytes boundary;
};

/* One pass over one text: the message, or a decoded message within it. */
struct scan {
    struct arena *arena;
    const struct mime_options *options;
    struct mime *mime;
    struct header_field *scratch; /* HEADER_FIELDS_MAX of them */
    size_t *fields_left, *decoded_left;
    struct mime_part **encoded; /* list of messages to be decoded, MIME_PARTS_MAX long */
    size_t *encoded_count;

    struct bytes text;
    size_t position;           /* where the next line begins */
    struct mime_part *current; /* the innermost part that is open */
    struct open open[MIME_DEPTH_MAX + 1];
    size_t open_count;
    bool failed; /* the arena's cap */
};

/* The line at `from`, with its CRLF. */
static struct bytes line_at(const struct scan *scan, size_t from)
{
    size_t at = from;
    while (at < scan->text.len) {
        const uint8_t *lf = memchr(scan->text.ptr + at, '\n', scan->text.len - at);
        if (!lf)
            break;
        at = (size_t)(lf - scan->text.ptr) + 1;
        if (at >= from + 2 && scan->text.ptr[at - 2] == '\r')
            return bytes_slice(scan->text, from, at);
    }
    return bytes_skip(scan->text, from);
}

static struct bytes without_line_end(struct bytes line)
{
    return bytes_ends_with(line, BYTES("\r\n")) ? bytes_first(line, line.len - 2) : line;
}

/* A slice of the text; the octets of both ends are known positions. */
static struct bytes between(const struct scan *scan, size_t from, size_t to)
{
    return bytes_slice(scan->text, from, to < from ? from : to);
}

static size_t offset(const struct scan *scan, struct bytes slice)
{
    return (size_t)(slice.ptr - scan->text.ptr);
}

/* --- Delimiters ------------------------------------------------------------------------------- */

struct delimiter {
    size_t level; /* index in scan->open */
    bool closing, exact;
};

/* Constant work for each open multipart, apart from comparing the boundary itself. */
static bool find_delimiter(const struct scan *scan, struct bytes line, struct delimiter *found)
{
    if (!scan->open_count || line.len < 2 || line.ptr[0] != '-' || line.ptr[1] != '-')
        return false;
    struct bytes rest = bytes_skip(without_line_end(line), 2);
    size_t trimmed = rest.len;
    while (trimmed && ascii_is_wsp(rest.ptr[trimmed - 1]))
        trimmed--;
    bool any = false;
    for (size_t level = scan->open_count; level--;) {
        struct bytes boundary = scan->open[level].boundary;
        if (boundary.len > rest.len || boundary.ptr[0] != rest.ptr[0] ||
            memcmp(boundary.ptr, rest.ptr, boundary.len) != 0)
            continue;
        struct bytes tail = bytes_skip(rest, boundary.len);
        bool closing = bytes_starts_with(tail, BYTES("--"));
        bool exact = boundary.len >= trimmed || (closing && boundary.len + 2 == trimmed);
        if (exact || (!any && (closing || ascii_is_wsp(tail.ptr[0])))) {
            *found = (struct delimiter){level, closing, exact};
            any = true;
        }
        if (exact)
            return true;
    }
    return any;
}

/* --- The tree --------------------------------------------------------------------------------- */

static void flag(struct scan *scan, struct mime_part *part, unsigned flags)
{
    part->flags |= flags;
    scan->mime->flags |= flags;
}

/* A part that begins at `position`. NULL where no more are allowed. */
static struct mime_part *add_part(struct scan *scan, struct mime_part *parent, size_t position)
{
    if (scan->mime->part_count == MIME_PARTS_MAX) {
        flag(scan, parent, MIME_TOO_MANY_PARTS);
        return NULL;
    }
    struct mime_part *part = arena_new(scan->arena, struct mime_part);
    if (!part) {
        scan->failed = true;
        return NULL;
    }
    scan->mime->part_count++;
    part->raw = between(scan, position, position);
    part->parent = parent;
    part->index = 1;
    if (!parent)
        return part;
    part->depth = parent->depth + 1;
    if (parent->last_child) {
        part->index = parent->last_child->index + 1;
        parent->last_child->next = part;
    } else {
        parent->first_child = part;
    }
    parent->last_child = part;
    return part;
}

/* Ends all parts below `last`, or all if it is NULL, at `end`. */
static void close_parts(struct scan *scan, const struct mime_part *last, size_t end)
{
    for (struct mime_part *part = scan->current; part && part != last; part = part->parent) {
        part->raw = between(scan, offset(scan, part->raw), end);
        part->body = between(scan, offset(scan, part->body), end);
        if (part->kind != MIME_MULTIPART)
            continue;
        bool closed = part->epilogue.ptr != NULL;
        if (closed)
            part->epilogue = between(scan, offset(scan, part->epilogue), end);
        else
            flag(scan, part, MIME_UNCLOSED);
        if (!part->first_child)
            flag(scan, part, MIME_NO_PARTS);
        if (!part->first_child && !closed)
            part->preamble = part->body;
    }
}

/* --- Headers ---------------------------------------------------------------------------------- */

static bool is_field_start(struct bytes line, struct header_field *field)
{
    size_t name = 0;
    while (name < line.len && ascii_is_graph(line.ptr[name]) && line.ptr[name] != ':')
        name++;
    size_t colon = name;
    while (colon < line.len && ascii_is_wsp(line.ptr[colon]))
        colon++;
    if (name == 0 || colon == line.len || line.ptr[colon] != ':')
        return false;
    *field = (struct header_field){.raw = line, .name = bytes_first(line, name)};
    field->value = without_line_end(bytes_skip(line, colon + 1));
    return true;
}

static void extend_field(struct header_field *field, struct bytes line)
{
    size_t before = (size_t)(field->value.ptr - field->raw.ptr);
    field->raw.len += line.len;
    field->value = without_line_end(bytes_skip(field->raw, before));
}

/* How a header ended. */
enum header_end { ENDED_BY_EMPTY_LINE, ENDED_BY_TEXT, ENDED_BY_DELIMITER, ENDED_BY_END };

/* Reads fields into the scratch space, up to the body or a delimiter, and leaves scan->position there. */
static enum header_end read_fields(struct scan *scan, struct mime_part *part, size_t *count,
                                   size_t *header_end)
{
    struct delimiter delimiter;
    struct header_field *last = NULL; /* what a continuation line continues */
    *count = 0;
    *header_end = scan->position;
    while (scan->position < scan->text.len) {
        struct bytes line = line_at(scan, scan->position);
        if (bytes_is(line, "\r\n")) {
            scan->position += 2;
            return ENDED_BY_EMPTY_LINE;
        }
        if (find_delimiter(scan, line, &delimiter))
            return ENDED_BY_DELIMITER;
        struct header_field field;
        bool continues = ascii_is_wsp(line.ptr[0]) && last;
        bool starts = !ascii_is_wsp(line.ptr[0]) && is_field_start(line, &field);
        if (!continues && !starts) {
            flag(scan, part, MIME_BAD_LINE);
            if (!scan->options->skip_bad_lines)
                return ENDED_BY_TEXT;
            last = NULL;
        } else if (continues) {
            extend_field(last, line);
        } else if (*count == HEADER_FIELDS_MAX || *count == *scan->fields_left) {
            flag(scan, part, MIME_TOO_MANY_FIELDS);
            last = NULL;
        } else {
            last = &scan->scratch[(*count)++];
            *last = field;
        }
        scan->position += line.len;
        *header_end = scan->position;
    }
    return ENDED_BY_END;
}

static bool read_header(struct scan *scan, struct mime_part *part)
{
    size_t count, start = scan->position, header_end;
    enum header_end end = read_fields(scan, part, &count, &header_end);
    if (end == ENDED_BY_DELIMITER || end == ENDED_BY_END)
        flag(scan, part, MIME_HEADER_CUT);
    /* The line end before a delimiter belongs to that, not to the last field. */
    size_t cut = end == ENDED_BY_DELIMITER && header_end >= start + 2 ? 2 : 0;
    part->header = between(scan, start, header_end - cut);
    part->body = between(scan, scan->position, scan->position);
    part->fields = arena_alloc_array(scan->arena, count, sizeof(*part->fields));
    if (!part->fields)
        return false;
    if (count)
        memcpy(part->fields, scan->scratch, count * sizeof(*part->fields));
    part->field_count = count;
    *scan->fields_left -= count;
    if (cut && count) {
        struct header_field *last = &part->fields[count - 1];
        if (last->raw.ptr + last->raw.len == scan->text.ptr + header_end)
            last->raw.len -= cut;
    }
    return true;
}

/* --- Parts ------------------------------------------------------------------------------------ */

static void open_multipart(struct scan *scan, struct mime_part *part)
{
    struct bytes boundary = mime_type_parameter(part, "boundary");
    if (boundary.len == 0 || boundary.len > MIME_BOUNDARY_MAX) {
        flag(scan, part, MIME_NO_BOUNDARY);
        return;
    }
    if (boundary.len > MIME_BOUNDARY_WANTED)
        flag(scan, part, MIME_LONG_BOUNDARY);
    if (part->depth >= MIME_DEPTH_MAX) {
        flag(scan, part, MIME_TOO_DEEP);
        return;
    }
    part->kind = MIME_MULTIPART;
    part->boundary = boundary;
    part->preamble = part->body;
    scan->open[scan->open_count++] = (struct open){part, boundary};
}

static bool holds_message(const struct mime_part *part)
{
    return bytes_is(part->type, "message") &&
           (bytes_is(part->subtype, "rfc822") || bytes_is(part->subtype, "global"));
}

/* What begins with the body of a part that was just opened: the message in it, if it is one. */
static struct mime_part *open_message(struct scan *scan, struct mime_part *part)
{
    if (part->depth >= MIME_DEPTH_MAX) {
        flag(scan, part, MIME_TOO_DEEP);
        return NULL;
    }
    if (part->encoding == MIME_BASE64 || part->encoding == MIME_QUOTED_PRINTABLE) {
        scan->encoded[(*scan->encoded_count)++] = part;
        return NULL;
    }
    struct mime_part *child = add_part(scan, part, scan->position);
    if (child)
        part->kind = MIME_MESSAGE;
    return child;
}

static bool in_digest(const struct mime_part *part)
{
    return part->parent && mime_is(part->parent, "multipart", "digest");
}

/* Reads the header of a part, and of the messages that begin directly within. */
static void begin_part(struct scan *scan, struct mime_part *part)
{
    while (part && !scan->failed) {
        scan->current = part;
        if (!read_header(scan, part) || !mime_interpret(scan->arena, part, in_digest(part))) {
            scan->failed = true;
            return;
        }
        flag(scan, part, part->flags);
        if (bytes_is(part->type, "multipart"))
            open_multipart(scan, part);
        part = holds_message(part) ? open_message(scan, part) : NULL;
    }
}

/* False when no further part may begin: the rest of the text stays where it is. */
static bool take_delimiter(struct scan *scan, struct bytes line, const struct delimiter *delimiter)
{
    struct mime_part *multipart = scan->open[delimiter->level].part;
    size_t start = scan->position, body = offset(scan, multipart->body);
    size_t end = start >= body + 2 ? start - 2 : body;
    if (!delimiter->closing && scan->mime->part_count == MIME_PARTS_MAX) {
        flag(scan, multipart, MIME_TOO_MANY_PARTS);
        return false;
    }
    if (!delimiter->exact)
        flag(scan, multipart, MIME_TRAILING_TEXT);
    close_parts(scan, multipart, end);
    if (!multipart->first_child)
        multipart->preamble = between(scan, body, end);
    scan->current = multipart;
    scan->open_count = delimiter->level + 1;
    scan->position += line.len;
    if (delimiter->closing) {
        scan->open_count--;
        multipart->epilogue = between(scan, scan->position, scan->position);
    } else {
        begin_part(scan, add_part(scan, multipart, scan->position));
    }
    return !scan->failed;
}

/* All of the text behind the first header. Nothing is looked for where no boundary is open. */
static void scan_body(struct scan *scan)
{
    struct delimiter delimiter;
    while (scan->position < scan->text.len && scan->open_count && !scan->failed) {
        struct bytes line = line_at(scan, scan->position);
        if (!find_delimiter(scan, line, &delimiter))
            scan->position += line.len;
        else if (!take_delimiter(scan, line, &delimiter))
            break;
    }
    close_parts(scan, NULL, scan->text.len);
}

/* --- Encoded messages ------------------------------------------------------------------------- */

/* The content of an encoded message in CRLF form; false if it is beyond what may be decoded. */
static bool decode_message(struct scan *scan, struct mime_part *part, struct bytes *out)
{
    struct buf decoded;
    buf_init(&decoded, *scan->decoded_left);
    if (!mime_part_decode(part, &decoded))
        flag(scan, part, MIME_BAD_DATA);
    *out = message_normalize(scan->arena, buf_bytes(&decoded));
    bool fits = !decoded.failed && out->len <= *scan->decoded_left;
    scan->failed |= out->ptr == NULL;
    buf_free(&decoded);
    if (fits && !scan->failed)
        *scan->decoded_left -= out->len;
    return fits && !scan->failed;
}

/* Messages that stand encoded in encoded messages come to the end of the same list. */
static void scan_encoded(struct scan *scan)
{
    for (size_t i = 0; i < *scan->encoded_count && !scan->failed; i++) {
        struct mime_part *part = scan->encoded[i];
        if (!decode_message(scan, part, &scan->text)) {
            flag(scan, part, MIME_TOO_LARGE);
            continue;
        }
        scan->position = 0;
        scan->open_count = 0;
        struct mime_part *child = add_part(scan, part, 0);
        if (!child)
            continue;
        part->kind = MIME_MESSAGE;
        /* Its ancestors are closed already, and lie in another text. */
        child->parent = NULL;
        begin_part(scan, child);
        scan_body(scan);
        child->parent = part;
    }
}

/* --- The message ------------------------------------------------------------------------------ */

enum result mime_parse(struct arena *arena, const struct message *message,
                       const struct mime_options *options, struct mime *out, struct error *error)
{
    static const struct mime_options defaults = {0};
    size_t fields_left = MIME_FIELDS_MAX, encoded_count = 0;
    /* Twice: base64 within base64 within base64 still fits. */
    size_t decoded_left = 2 * message->raw.len + 1024;
    *out = (struct mime){0};
    struct scan scan = {.arena = arena,
                        .options = options ? options : &defaults,
                        .mime = out,
                        .scratch = calloc(HEADER_FIELDS_MAX, sizeof(struct header_field)),
                        .fields_left = &fields_left,
                        .decoded_left = &decoded_left,
                        .encoded = calloc(MIME_PARTS_MAX, sizeof(struct mime_part *)),
                        .encoded_count = &encoded_count,
                        .text = message->raw};
    if (!scan.text.ptr)
        scan.text = BYTES("");
    if (scan.scratch && scan.encoded) {
        out->root = add_part(&scan, NULL, 0);
        begin_part(&scan, out->root);
        if (!scan.failed)
            scan_body(&scan);
        if (!scan.failed)
            scan_encoded(&scan);
    }
    bool failed = !scan.scratch || !scan.encoded || scan.failed;
    free(scan.scratch);
    free(scan.encoded);
    if (failed)
        return error_set(error, TEMP, "no memory for the structure of the message");
    return OK;
}
