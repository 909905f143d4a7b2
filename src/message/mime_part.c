/* SPDX-License-Identifier: BSD-2-Clause */
/* mime_part: one part of a message: what its fields say, its place in the tree, its content. */
#include "base/ascii.h"
#include "message/mime_private.h"

#include <stdio.h>

const char *mime_flag_text(enum mime_flag flag)
{
    static const struct {
        enum mime_flag flag;
        const char *text;
    } texts[] = {{MIME_TOO_DEEP, "nested too deeply"},
                 {MIME_TOO_MANY_PARTS, "too many parts"},
                 {MIME_TOO_MANY_FIELDS, "too many header fields"},
                 {MIME_TOO_LARGE, "too large to be looked into"},
                 {MIME_NO_BOUNDARY, "multipart without a boundary"},
                 {MIME_LONG_BOUNDARY, "boundary of more than 70 octets"},
                 {MIME_NO_PARTS, "multipart without a part"},
                 {MIME_UNCLOSED, "multipart without its closing delimiter"},
                 {MIME_TRAILING_TEXT, "text behind a boundary"},
                 {MIME_BAD_LINE, "a line in the header is no field"},
                 {MIME_HEADER_CUT, "no empty line ends the header"},
                 {MIME_DUPLICATE_FIELD, "a field that may stand once stands twice"},
                 {MIME_BAD_TYPE, "unreadable Content-Type"},
                 {MIME_BAD_PARAMETER, "malformed parameters"},
                 {MIME_BAD_ENCODING, "unknown Content-Transfer-Encoding"},
                 {MIME_ENCODED_COMPOSITE, "encoded multipart or message"},
                 {MIME_BAD_DATA, "broken encoding"}};
    for (size_t i = 0; i < countof(texts); i++)
        if (texts[i].flag == flag)
            return texts[i].text;
    return "";
}

const struct header_field *mime_field(const struct mime_part *part, const char *name)
{
    struct bytes wanted = bytes_of(name);
    for (size_t i = 0; i < part->field_count; i++)
        if (bytes_equal_nocase(part->fields[i].name, wanted))
            return &part->fields[i];
    return NULL;
}

/* The first of that name, unless it is too large to be worth reading. */
static const struct header_field *content_field(struct mime_part *part, const char *name)
{
    const struct header_field *field = mime_field(part, name);
    if (!field)
        return NULL;
    struct bytes wanted = bytes_of(name);
    for (const struct header_field *other = field + 1; other < part->fields + part->field_count;
         other++)
        if (bytes_equal_nocase(other->name, wanted))
            part->flags |= MIME_DUPLICATE_FIELD;
    if (field->value.len <= HEADER_FIELD_MAX)
        return field;
    part->flags |= MIME_TOO_LARGE;
    return NULL;
}

static bool is_type_octet(uint8_t c)
{
    return ascii_is_graph(c) && c != '/';
}

/* "type/subtype"; false if it is none. */
static bool split_type(struct bytes word, struct mime_part *part)
{
    size_t slash = bytes_find_byte(word, '/');
    if (slash == BYTES_NOT_FOUND || slash == 0 || slash + 1 == word.len)
        return false;
    for (size_t i = 0; i < word.len; i++)
        if (i != slash && !is_type_octet(word.ptr[i]))
            return false;
    part->type = bytes_first(word, slash);
    part->subtype = bytes_skip(word, slash + 1);
    return true;
}

static bool read_type(struct arena *arena, struct mime_part *part, bool digest)
{
    const struct header_field *field = content_field(part, "content-type");
    part->type = digest && !field ? BYTES("message") : BYTES("text");
    part->subtype = digest && !field ? BYTES("rfc822") : BYTES("plain");
    if (!field)
        return true;
    if (!mime_value_parse(arena, field->value, &part->content_type))
        return false;
    part->type_given = split_type(part->content_type.word, part);
    if (!part->type_given)
        part->flags |= MIME_BAD_TYPE;
    if (part->content_type.malformed)
        part->flags |= MIME_BAD_PARAMETER;
    return true;
}

static bool read_disposition(struct arena *arena, struct mime_part *part)
{
    const struct header_field *field = content_field(part, "content-disposition");
    if (field && !mime_value_parse(arena, field->value, &part->disposition))
        return false;
    if (part->disposition.malformed)
        part->flags |= MIME_BAD_PARAMETER;
    const struct mime_parameter *name = mime_parameter(&part->disposition, "filename");
    if (!name)
        name = mime_parameter(&part->content_type, "name");
    return !name || mime_parameter_text(arena, name, &part->file_name);
}

bool mime_interpret(struct arena *arena, struct mime_part *part, bool digest)
{
    if (!read_type(arena, part, digest) || !read_disposition(arena, part))
        return false;
    const struct header_field *encoding = content_field(part, "content-transfer-encoding");
    part->encoding = encoding ? mime_encoding_of(encoding->value) : MIME_IDENTITY;
    if (part->encoding == MIME_UNKNOWN_ENCODING)
        part->flags |= MIME_BAD_ENCODING;
    bool composite = bytes_is(part->type, "multipart") || bytes_is(part->type, "message");
    if (composite && part->encoding != MIME_IDENTITY)
        part->flags |= MIME_ENCODED_COMPOSITE;
    return true;
}

struct mime_part *mime_next(const struct mime_part *part)
{
    if (part->first_child)
        return part->first_child;
    while (part && !part->next)
        part = part->parent;
    return part ? part->next : NULL;
}

struct mime_part *mime_next_own(const struct mime_part *part)
{
    if (part->first_child && part->kind != MIME_MESSAGE)
        return part->first_child;
    while (part && !part->next)
        part = part->parent;
    return part ? part->next : NULL;
}

bool mime_is(const struct mime_part *part, const char *type, const char *subtype)
{
    return bytes_is(part->type, type) && bytes_is(part->subtype, subtype);
}

struct bytes mime_type_parameter(const struct mime_part *part, const char *name)
{
    const struct mime_parameter *parameter = mime_parameter(&part->content_type, name);
    return parameter ? parameter->value : (struct bytes){NULL, 0};
}

struct bytes mime_part_number(const struct mime_part *part, char space[MIME_NUMBER_MAX])
{
    unsigned path[MIME_DEPTH_MAX + 1];
    size_t count = 0, length = 0;
    /* A multipart has a number only as a part of another; any other message has one part, its text. */
    for (const struct mime_part *p = part; p; p = p->parent)
        if (p->parent && p->parent->kind == MIME_MULTIPART)
            path[count++] = p->index;
        else if (p->kind != MIME_MULTIPART)
            path[count++] = 1;
    while (count--)
        length += (size_t)snprintf(space + length, MIME_NUMBER_MAX - length, "%s%u",
                                   length ? "." : "", path[count]);
    return bytes_from(space, length);
}

bool mime_part_decode(const struct mime_part *part, struct buf *out)
{
    struct mime_decoder decoder = mime_decoder_for(part->encoding);
    mime_decode(&decoder, part->body, out);
    mime_decode_end(&decoder, out);
    return !decoder.malformed;
}
