/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/seven_bit.h"

#include "base/utf8.h"
#include "message/header.h"
#include "message/mime.h"
#include "message/quoted_printable.h"

/* What the octets of a text demand. */
struct needs {
    bool eight_bit; /* or NUL, or a CR or LF that ends no line */
    bool long_line;
};

static struct needs needs_of(struct bytes text)
{
    struct needs needs = {0};
    size_t line = 0; /* where it began */
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c >= 0x80 || c == 0 || (c == '\n' && (i == 0 || text.ptr[i - 1] != '\r')) ||
            (c == '\r' && (i + 1 == text.len || text.ptr[i + 1] != '\n')))
            needs.eight_bit = true;
        if (c != '\n')
            continue;
        needs.long_line |= i - line > HEADER_LINE_MAX + 1;
        line = i + 1;
    }
    needs.long_line |= text.len - line > HEADER_LINE_MAX;
    return needs;
}

bool seven_bit_is_needed(struct bytes text)
{
    struct needs needs = needs_of(text);
    return needs.eight_bit || needs.long_line;
}

struct conversion {
    struct arena *arena;
    struct buf *out;
    const struct message *message;
    struct error *error;
    bool failed; /* out of memory */
};

static enum result refuse(struct conversion *c, const char *why)
{
    return error_set(c->error, PERM, "cannot be made 7-bit: %s", why);
}

/* --- What must stay as it is
 * ---------------------------------------------------------------------- */

static bool is_signed(const struct mime_part *part)
{
    static const char *const fields[] = {"DKIM-Signature", "DomainKey-Signature", "ARC-Seal",
                                         "ARC-Message-Signature"};
    for (size_t i = 0; i < countof(fields); i++)
        if (mime_field(part, fields[i]))
            return true;
    return mime_is(part, "multipart", "signed") || mime_is(part, "application", "pkcs7-mime") ||
           mime_is(part, "application", "x-pkcs7-mime");
}

/* --- Headers ------------------------------------------------------------------------------------
 */

static bool is_encoding_field(const struct header_field *field)
{
    return bytes_is_nocase(field->name, "Content-Transfer-Encoding");
}

static void write_encoding(struct conversion *c, const char *name)
{
    buf_add(c->out, BYTES("Content-Transfer-Encoding: "));
    buf_add_string(c->out, name);
    buf_add(c->out, BYTES("\r\n"));
}

/* The fields with another encoding, in place of the first that says one, else at the end. */
static void write_fields(struct conversion *c, const struct mime_part *part, const char *encoding)
{
    const uint8_t *from = part->header.ptr, *end = part->header.ptr + part->header.len;
    bool written = false;
    for (size_t i = 0; i < part->field_count; i++) {
        const struct header_field *field = &part->fields[i];
        if (!is_encoding_field(field))
            continue;
        buf_add(c->out, bytes_from(from, (size_t)(field->raw.ptr - from)));
        from = field->raw.ptr + field->raw.len;
        if (!written)
            write_encoding(c, encoding);
        written = true;
    }
    if (from < end)
        buf_add(c->out, bytes_from(from, (size_t)(end - from)));
    if (!written && part->header.len && !bytes_ends_with(part->header, BYTES("\r\n")))
        buf_add(c->out, BYTES("\r\n"));
    if (!written)
        write_encoding(c, encoding);
}

/* Whether its field says anything but 7bit, which is what it becomes. */
static bool claims_eight_bit(const struct mime_part *part)
{
    const struct header_field *field = mime_field(part, "Content-Transfer-Encoding");
    return field && part->encoding == MIME_IDENTITY &&
           !bytes_is_nocase(bytes_trim(field->value), "7bit");
}

static void write_header_7bit(struct conversion *c, const struct mime_part *part)
{
    if (claims_eight_bit(part))
        write_fields(c, part, "7bit");
    else
        buf_add(c->out, part->header);
    /* The empty line, if one is there: where a delimiter or text ends the header there is none. The
     * header of a message within must not become part of this one. */
    struct bytes rest = bytes_skip(part->raw, part->header.len);
    if (bytes_starts_with(rest, BYTES("\r\n")) || part->kind == MIME_MESSAGE)
        buf_add(c->out, BYTES("\r\n"));
}

/* --- Leaves -------------------------------------------------------------------------------------
 */

static bool is_root(const struct mime_part *part)
{
    return part->parent == NULL;
}

/* rfc2045:4 demands MIME-Version in a message; rfc2045:5.2: without a type it would be us-ascii. */
static void write_missing_fields(struct conversion *c, const struct mime_part *part,
                                 struct bytes content)
{
    bool message = is_root(part) || part->parent->kind == MIME_MESSAGE;
    if (message && !mime_field(part, "MIME-Version"))
        buf_add(c->out, BYTES("MIME-Version: 1.0\r\n"));
    /* In a digest the default is a message. */
    if (mime_field(part, "Content-Type") || !bytes_is(part->type, "text") || utf8_is_ascii(content))
        return;
    buf_add_string(c->out, utf8_is_valid(content)
                               ? "Content-Type: text/plain; charset=utf-8\r\n"
                               : "Content-Type: text/plain; charset=unknown-8bit\r\n");
}

/* Nothing follows it in the message, and it needs the line end that it brought. */
static bool is_last(const struct conversion *c, const struct mime_part *part)
{
    return part->body.ptr + part->body.len == c->message->raw.ptr + c->message->raw.len;
}

static void write_content(struct conversion *c, const struct mime_part *part, struct bytes content)
{
    bool text = bytes_is(part->type, "text");
    /* Whoever looks at the source can read it then. */
    size_t readable = base64_lines_size(content) / 4 * 5 + 4;
    bool quoted = text && quoted_printable_size(content) <= readable;
    write_fields(c, part, quoted ? "quoted-printable" : "base64");
    write_missing_fields(c, part, content);
    buf_add(c->out, BYTES("\r\n"));
    if (quoted)
        quoted_printable_write(c->out, content);
    else
        base64_write_lines(c->out, content);
    /* A soft line break adds nothing to the text. */
    if (is_last(c, part) && !bytes_ends_with(buf_bytes(c->out), BYTES("\r\n")))
        buf_add_string(c->out, quoted ? "=\r\n" : "\r\n");
}

/* Encoded already, and still not 7-bit: read as it is read by others, and encoded well. */
static enum result encode_again(struct conversion *c, const struct mime_part *part)
{
    struct buf decoded;
    buf_init(&decoded, part->body.len + 16);
    mime_part_decode(part, &decoded);
    c->failed |= decoded.failed;
    write_content(c, part, buf_bytes(&decoded));
    buf_free(&decoded);
    return OK;
}

static enum result write_leaf(struct conversion *c, const struct mime_part *part)
{
    if (!seven_bit_is_needed(part->body)) {
        write_header_7bit(c, part);
        buf_add(c->out, part->body);
        return OK;
    }
    if (part->encoding == MIME_UNKNOWN_ENCODING)
        return refuse(c, "a part has an encoding that is not known");
    bool message = bytes_is(part->type, "message");
    /* rfc2045:6.4 forbids to encode them; RFC 6532 and 6533 allow it for theirs. */
    if (bytes_is(part->type, "multipart") ||
        (message && !bytes_starts_with(part->subtype, BYTES("global")) &&
         part->encoding == MIME_IDENTITY))
        return refuse(c, "a part is of a type that must not be encoded");
    if (part->encoding != MIME_IDENTITY)
        return encode_again(c, part);
    write_content(c, part, part->body);
    return OK;
}

/* --- The tree
 * ------------------------------------------------------------------------------------- */

static enum result write_part(struct conversion *c, const struct mime_part *part);

/* What stands between two parts, without a preamble or epilogue that is not safe. */
static enum result write_gap(struct conversion *c, const struct mime_part *multipart,
                             const uint8_t *from, const uint8_t *to)
{
    struct bytes gap = bytes_from(from, to > from ? (size_t)(to - from) : 0);
    struct bytes preamble = multipart->preamble, epilogue = multipart->epilogue;
    if (preamble.len && preamble.ptr == from && preamble.len <= gap.len &&
        seven_bit_is_needed(preamble))
        gap = bytes_skip(gap, preamble.len);
    if (epilogue.len && epilogue.ptr >= gap.ptr && epilogue.ptr + epilogue.len == to &&
        seven_bit_is_needed(epilogue))
        gap = bytes_first(gap, (size_t)(epilogue.ptr - gap.ptr));
    if (seven_bit_is_needed(gap))
        return refuse(c, "a boundary is not 7-bit");
    buf_add(c->out, gap);
    return OK;
}

static enum result write_multipart(struct conversion *c, const struct mime_part *part)
{
    const uint8_t *from = part->body.ptr, *end = part->body.ptr + part->body.len;
    write_header_7bit(c, part);
    if (!part->first_child && seven_bit_is_needed(part->body))
        return refuse(c, "a multipart has no parts");
    for (const struct mime_part *child = part->first_child; child; child = child->next) {
        /* A delimiter of an outer multipart right behind one of this: the part begins behind the
         * end, and is empty. */
        const uint8_t *start = child->raw.ptr < end ? child->raw.ptr : end;
        enum result result = write_gap(c, part, from, start);
        if (result == OK && child->raw.len)
            result = write_part(c, child);
        if (result != OK)
            return result;
        from = start + child->raw.len;
    }
    return write_gap(c, part, from, end);
}

/* Depth is bounded by MIME_DEPTH_MAX. */
static enum result write_part(struct conversion *c, const struct mime_part *part)
{
    if (is_signed(part)) {
        if (seven_bit_is_needed(part->raw))
            return refuse(c, is_root(part) ? "the message is signed" : "a part is signed");
        buf_add(c->out, part->raw);
        return OK;
    }
    if (seven_bit_is_needed(part->header))
        return refuse(c,
                      utf8_is_ascii(part->header)
                          ? "a header has a line that is too long, or octets that may not be there"
                          : "a header is not ASCII; that needs SMTPUTF8");
    if (part->kind == MIME_MULTIPART)
        return write_multipart(c, part);
    if (part->kind == MIME_LEAF || part->encoding == MIME_BASE64 ||
        part->encoding == MIME_QUOTED_PRINTABLE || bytes_is(part->subtype, "global"))
        return write_leaf(c, part);
    write_header_7bit(c, part);
    return write_part(c, part->first_child);
}

static enum result convert(struct conversion *c)
{
    const unsigned incomplete =
        MIME_TOO_DEEP | MIME_TOO_MANY_PARTS | MIME_TOO_MANY_FIELDS | MIME_TOO_LARGE;
    struct mime mime;
    enum result result = mime_parse(c->arena, c->message, NULL, &mime, c->error);
    if (result != OK)
        return result;
    if (mime.flags & incomplete)
        return refuse(c, "its structure is beyond limits");
    return write_part(c, mime.root);
}

enum result seven_bit_convert(struct arena *arena, const struct message *message, struct buf *out,
                              struct error *error)
{
    struct conversion c = {.arena = arena, .out = out, .message = message, .error = error};
    size_t before = out->len;
    if (!seven_bit_is_needed(message->raw))
        return NONE;
    enum result result = convert(&c);
    if (result == OK && (c.failed || out->failed))
        result = error_set(error, TEMP, "no memory to make a message 7-bit");
    if (result != OK)
        buf_truncate(out, before);
    return result;
}
