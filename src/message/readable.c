/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/readable.h"

#include "base/ascii.h"
#include "message/charset.h"
#include "message/from_field.h"
#include "message/readable_private.h"
#include "message/readable_words.h"

#include <stdlib.h>

enum { FIELD_TEXT_MAX = 4096 };

void readable_prepare(void)
{
    charset_prepare();
}

/* --- The header ---------------------------------------------------------------------------------- */

/* A line of text as it is seen; ptr NULL at the arena's cap. */
static struct bytes tidy(struct reading *r, struct bytes text)
{
    struct buf space;
    struct readable_text line;
    if (text.len == 0)
        return BYTES("");
    buf_init(&space, FIELD_TEXT_MAX);
    readable_text_init(&line, &space, FIELD_TEXT_MAX);
    readable_text_add(&line, text);
    struct bytes copy = arena_copy(r->arena, buf_bytes(&space));
    r->out->flags |= line.confusable ? READABLE_CONFUSABLE : 0;
    buf_free(&space);
    return copy;
}

static bool read_subject(struct reading *r)
{
    const struct header_field *field = message_field(r->message, "Subject", 0);
    if (!field)
        return true;
    struct bytes text =
        readable_words(r->arena, bytes_first(header_unfold(r->arena, field->value), 4 * FIELD_TEXT_MAX));
    r->out->subject = text.ptr ? tidy(r, text) : text;
    return r->out->subject.ptr != NULL;
}

/* What stands before the address of a field that is no list of addresses. */
static struct bytes name_of_malformed(struct bytes value)
{
    value = bytes_trim(value);
    if (value.len && value.ptr[0] == '"')
        return bytes_first(bytes_skip(value, 1), bytes_find_byte(bytes_skip(value, 1), '"'));
    size_t angle = bytes_find_byte(value, '<');
    return angle == BYTES_NOT_FOUND ? (struct bytes){NULL, 0} : bytes_trim(bytes_first(value, angle));
}

static bool read_from(struct reading *r)
{
    const struct header_field *field = message_field(r->message, "From", 0);
    struct from_field from;
    if (!field)
        return true;
    if (from_field_read(r->arena, r->message, &from, NULL) != OK)
        return false;
    struct bytes name = from.mailboxes.count ? from.display_name : name_of_malformed(field->value);
    struct bytes text = readable_words(r->arena, bytes_first(name, 4 * FIELD_TEXT_MAX));
    r->out->from_name = text.ptr ? tidy(r, text) : text;
    return r->out->from_name.ptr != NULL;
}

/* --- The parts ----------------------------------------------------------------------------------- */

/* The next part that is not within `root`. */
static const struct mime_part *behind(const struct mime_part *root)
{
    const struct mime_part *part = root;
    while (part && !part->next)
        part = part->parent;
    return part ? part->next : NULL;
}

/* The best kind of text anywhere within. */
static enum readable_kind best_within(const struct mime_part *root)
{
    enum readable_kind best = READABLE_NO_TEXT;
    const struct mime_part *end = behind(root);
    for (const struct mime_part *part = root; part && part != end; part = mime_next(part)) {
        enum readable_kind kind = readable_kind_of(part);
        if (kind > best)
            best = kind;
    }
    return best;
}

/* Which part of a multipart/alternative is shown: what most readers like best, of equals the last (rfc2046:5.1.4). */
static const struct mime_part *choose(const struct mime_part *alternative, enum readable_kind *best)
{
    const struct mime_part *chosen = NULL;
    *best = READABLE_NO_TEXT;
    for (const struct mime_part *part = alternative->first_child; part; part = part->next) {
        enum readable_kind kind = best_within(part);
        if (kind < *best || kind == READABLE_NO_TEXT)
            continue;
        *best = kind;
        chosen = part;
    }
    return chosen;
}

/* What was chosen at each depth of the path to the current part. */
struct choices {
    const struct mime_part *chosen[MIME_DEPTH_MAX + 2];
};

static bool is_alternative(const struct mime_part *part)
{
    return part->kind == MIME_MULTIPART && bytes_is(part->subtype, "alternative");
}

static bool is_shown(const struct choices *choices, const struct mime_part *part)
{
    for (; part->parent; part = part->parent)
        if (is_alternative(part->parent) && choices->chosen[part->parent->depth] != part)
            return false;
    return true;
}

static void enter(struct reading *r, struct choices *choices, const struct mime_part *part)
{
    enum readable_kind best;
    if (!is_alternative(part))
        return;
    choices->chosen[part->depth] = choose(part, &best);
    if (!r->alternative && best == READABLE_HTML_TEXT)
        r->alternative = part;
}

static bool is_below(const struct mime_part *part, const struct mime_part *above)
{
    while (part && part != above)
        part = part->parent;
    return part != NULL;
}

/* Where the texts of the first alternative came to stand. */
static void note_alternative(struct reading *r, enum readable_kind kind, bool shown, size_t text, size_t plain)
{
    if (kind == READABLE_HTML_TEXT && shown && r->html_to == 0) {
        r->html_from = text;
        r->html_to = r->text_buf.len;
    } else if (kind == READABLE_PLAIN_TEXT && !shown && r->plain_to == 0) {
        r->plain_from = plain;
        r->plain_to = r->plain_buf.len;
    }
}

static bool is_encrypted(const struct mime_part *part)
{
    if (mime_is(part, "multipart", "encrypted"))
        return true;
    if (!mime_is(part, "application", "pkcs7-mime") && !mime_is(part, "application", "x-pkcs7-mime"))
        return false;
    return !bytes_is_nocase(mime_type_parameter(part, "smime-type"), "signed-data");
}

static enum result read_part(struct reading *r, const struct choices *choices, const struct mime_part *part)
{
    if (is_encrypted(part))
        r->out->flags |= READABLE_ENCRYPTED;
    enum readable_kind kind = readable_kind_of(part);
    if (kind == READABLE_NO_TEXT)
        return part->kind == MIME_LEAF ? attachments_add(&r->attachments, part) : OK;
    bool shown = is_shown(choices, part);
    size_t text = r->text_buf.len, plain = r->plain_buf.len;
    enum result result = readable_part_read(r, part, shown);
    /* Some programs show it, some offer it as a file. */
    if (result == OK && part->kind == MIME_LEAF && attachment_has_name(part))
        result = attachments_add(&r->attachments, part);
    if (r->alternative && is_below(part, r->alternative))
        note_alternative(r, kind, shown, text, plain);
    return result;
}

/* Whether all that is shown is text/plain, and all text/plain is shown: then one text will do. */
static bool needs_separate(const struct mime *mime)
{
    struct choices choices;
    struct reading nothing = {0};
    for (const struct mime_part *part = mime->root; part; part = mime_next(part)) {
        enter(&nothing, &choices, part);
        enum readable_kind kind = readable_kind_of(part);
        if (kind != READABLE_NO_TEXT && is_shown(&choices, part) != (kind == READABLE_PLAIN_TEXT))
            return true;
    }
    return false;
}

static enum result read_parts(struct reading *r)
{
    struct choices choices;
    r->separate = needs_separate(r->mime);
    for (const struct mime_part *part = r->mime->root; part; part = mime_next(part)) {
        enter(r, &choices, part);
        if (read_part(r, &choices, part) != OK)
            return TEMP;
    }
    return OK;
}

/* --- The whole ----------------------------------------------------------------------------------- */

/* What programs do not do by accident; that a message was cut off is an accident. */
static unsigned flags_of_structure(const struct mime *mime)
{
    unsigned broken = MIME_NO_BOUNDARY | MIME_NO_PARTS | MIME_DUPLICATE_FIELD | MIME_BAD_TYPE | MIME_BAD_ENCODING |
                      MIME_BAD_DATA | MIME_LONG_BOUNDARY;
    unsigned cut = MIME_TOO_DEEP | MIME_TOO_MANY_PARTS | MIME_TOO_MANY_FIELDS | MIME_TOO_LARGE;
    return (mime->flags & broken ? READABLE_BROKEN : 0) | (mime->flags & cut ? READABLE_CUT | READABLE_UNSEEN : 0);
}

static bool copy_texts(struct reading *r)
{
    struct readable *out = r->out;
    out->text = arena_copy(r->arena, buf_bytes(&r->text_buf));
    out->plain = r->separate ? arena_copy(r->arena, buf_bytes(&r->plain_buf)) : out->text;
    out->hidden = arena_copy(r->arena, buf_bytes(&r->hidden_buf));
    return out->text.ptr && out->plain.ptr && out->hidden.ptr;
}

static void conclude(struct reading *r)
{
    struct readable *out = r->out;
    struct bytes html = bytes_slice(out->text, r->html_from, r->html_to);
    struct bytes plain = bytes_slice(out->plain, r->plain_from, r->plain_to);
    if (r->text.cut || r->plain.cut || r->hidden.cut || r->attachments.cut)
        out->flags |= READABLE_CUT;
    if (r->text.confusable || r->plain.confusable)
        out->flags |= READABLE_CONFUSABLE;
    if (out->hidden.len)
        out->flags |= READABLE_HIDDEN;
    if (r->attachments.unseen)
        out->flags |= READABLE_CUT | READABLE_UNSEEN;
    if (r->attachments.encrypted)
        out->flags |= READABLE_ENCRYPTED;
    if (r->attachments.broken)
        out->flags |= READABLE_BROKEN;
    if (html.len && plain.len && readable_differ(html, plain))
        out->flags |= READABLE_PLAIN_DIFFERS;
    out->comments = r->text.splits;
    out->attachments = r->attachments.items;
    out->attachment_count = r->attachments.count;
}

static enum result make(struct reading *r)
{
    if (!read_subject(r) || !read_from(r))
        return TEMP;
    if (read_parts(r) != OK || !copy_texts(r))
        return TEMP;
    conclude(r);
    return readable_links_make(r);
}

enum result readable_make(struct arena *arena, const struct message *message, const struct mime *mime,
                          struct readable *out, struct error *error)
{
    struct reading r = {
        .arena = arena, .message = message, .mime = mime, .out = out, .source_left = READABLE_SOURCE_MAX};
    *out = (struct readable){.mime = mime, .flags = flags_of_structure(mime)};
    buf_init(&r.text_buf, READABLE_TEXT_MAX + 8);
    buf_init(&r.plain_buf, READABLE_TEXT_MAX + 8);
    buf_init(&r.hidden_buf, READABLE_HIDDEN_MAX + 8);
    buf_init(&r.decoded, READABLE_SOURCE_MAX + 16);
    buf_init(&r.converted, 3 * READABLE_SOURCE_MAX + 16);
    readable_text_init(&r.text, &r.text_buf, READABLE_TEXT_MAX);
    readable_text_init(&r.plain, &r.plain_buf, READABLE_TEXT_MAX);
    readable_text_init(&r.hidden, &r.hidden_buf, READABLE_HIDDEN_MAX);
    attachments_init(&r.attachments, arena);
    enum result result = make(&r);
    buf_free(&r.text_buf);
    buf_free(&r.plain_buf);
    buf_free(&r.hidden_buf);
    buf_free(&r.decoded);
    buf_free(&r.converted);
    free(r.links);
    return result == OK ? OK : error_set(error, TEMP, "no memory for the text of a message");
}
