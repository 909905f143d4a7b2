/* SPDX-License-Identifier: BSD-2-Clause */
/* readable_part: one text of a message: decoded, converted, and read as what it is. */
#include "base/ascii.h"
#include "base/utf8.h"
#include "message/charset.h"
#include "message/readable_private.h"

#include <stdlib.h>

static bool is_attachment(const struct mime_part *part)
{
    return bytes_is(part->disposition.word, "attachment");
}

enum readable_kind readable_kind_of(const struct mime_part *part)
{
    if (bytes_is(part->type, "multipart") && !part->first_child)
        return READABLE_PLAIN_TEXT; /* in which no part could be found: readers show what there is */
    if (part->kind != MIME_LEAF || is_attachment(part))
        return READABLE_NO_TEXT;
    if (mime_is(part, "application", "xhtml+xml"))
        return READABLE_HTML_TEXT;
    if (!bytes_is(part->type, "text"))
        return READABLE_NO_TEXT;
    if (bytes_is(part->subtype, "html"))
        return READABLE_HTML_TEXT;
    if (bytes_is(part->subtype, "plain"))
        return READABLE_PLAIN_TEXT;
    if (bytes_is(part->subtype, "enriched") || bytes_is(part->subtype, "richtext"))
        return READABLE_ENRICHED;
    /* Others are shown where nothing says that they are files. */
    bool file = part->disposition.word.len || mime_parameter(&part->content_type, "name");
    bool calendar = bytes_is(part->subtype, "calendar");
    return calendar || !(file || bytes_is(part->subtype, "rtf")) ? READABLE_OTHER_TEXT : READABLE_NO_TEXT;
}

/* --- To UTF-8 ------------------------------------------------------------------------------------ */

static struct bytes undo_encoding(struct reading *r, const struct mime_part *part)
{
    struct bytes body = part->body;
    if (body.len > r->source_left) {
        body = bytes_first(body, r->source_left);
        r->out->flags |= READABLE_CUT;
    }
    r->source_left -= body.len;
    if (part->encoding != MIME_BASE64 && part->encoding != MIME_QUOTED_PRINTABLE)
        return body;
    struct mime_decoder decoder = mime_decoder_for(part->encoding);
    buf_clear(&r->decoded);
    mime_decode(&decoder, body, &r->decoded);
    mime_decode_end(&decoder, &r->decoded);
    if (part->encoding == MIME_BASE64 && decoder.malformed && body.len == part->body.len)
        r->out->flags |= READABLE_BROKEN;
    return buf_bytes(&r->decoded);
}

static bool is_ascii_label(struct bytes label)
{
    return bytes_is_nocase(label, "us-ascii") || bytes_is_nocase(label, "ascii");
}

/* What the text is in: a byte order mark counts most, then the label, then what HTML says of itself. */
static const struct charset *charset_of(struct reading *r, const struct mime_part *part, struct bytes text,
                                        bool html)
{
    struct bytes label = bytes_trim(mime_type_parameter(part, "charset"));
    const struct charset *marked = charset_of_mark(text);
    if (marked)
        return marked;
    if (label.len == 0 && html)
        label = html_text_charset(text);
    if (label.len == 0)
        return charset_guess(text);
    const struct charset *charset = charset_find(label);
    if (!charset) {
        r->out->flags |= READABLE_BAD_CHARSET;
        return charset_guess(text);
    }
    if (is_ascii_label(label) && !utf8_is_ascii(text)) {
        r->out->flags |= READABLE_BAD_CHARSET;
        return charset_guess(text);
    }
    return charset;
}

/* Valid UTF-8, in the message where nothing was to be changed, else in the scratch buffers. */
static struct bytes text_of(struct reading *r, const struct mime_part *part, bool html)
{
    struct bytes text = undo_encoding(r, part);
    bool ascii = utf8_is_ascii(text);
    const struct charset *charset = charset_of(r, part, text, html);
    if (part->encoding == MIME_BASE64 && ascii && text.len && charset_is_transparent(charset))
        r->out->flags |= READABLE_ENCODED_TEXT;
    if (charset_is_transparent(charset) && (ascii || (charset_is_utf8(charset) && utf8_is_valid(text))))
        return bytes_starts_with(text, BYTES("\xef\xbb\xbf")) ? bytes_skip(text, 3) : text;
    buf_clear(&r->converted);
    if (!charset_decode(charset, text, &r->converted))
        r->out->flags |= READABLE_BAD_CHARSET;
    return buf_bytes(&r->converted);
}

/* --- Kinds --------------------------------------------------------------------------------------- */

static void add_lines(struct readable_text *to, struct bytes text)
{
    struct bytes line;
    while (text.ptr && bytes_split(&text, '\n', &line)) {
        readable_text_line(to);
        readable_text_add(to, line);
    }
}

static void add_plain(struct readable_text *to, const struct mime_part *part, struct bytes text)
{
    readable_text_line(to);
    if (bytes_is_nocase(mime_type_parameter(part, "format"), "flowed"))
        readable_flowed(to, text, bytes_is_nocase(mime_type_parameter(part, "delsp"), "yes"));
    else
        add_lines(to, text);
}

/* Files that are encoded by uuencode, which is in the text: "begin 644 name". */
static enum result list_uuencoded(struct reading *r, const struct mime_part *part, struct bytes text)
{
    struct bytes line;
    while (text.len) {
        size_t at = bytes_find(text, BYTES("begin "));
        if (at == BYTES_NOT_FOUND)
            return OK;
        bool first = at == 0 || text.ptr[at - 1] == '\n';
        text = bytes_skip(text, at + 6);
        size_t digits = 0;
        while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '7')
            digits++;
        if (!first || digits < 3 || digits > 4 || digits == text.len || text.ptr[digits] != ' ')
            continue;
        bytes_split(&text, '\n', &line);
        struct bytes name = bytes_trim(bytes_skip(line, digits));
        bool data = text.len && text.ptr[0] >= ' ' && text.ptr[0] <= '`';
        if (data && name.len && attachments_add_named(&r->attachments, part, name) != OK)
            return TEMP;
    }
    return OK;
}

static enum result read_plain(struct reading *r, const struct mime_part *part, bool shown)
{
    struct bytes text = text_of(r, part, false);
    r->out->flags |= READABLE_PLAIN;
    if (shown)
        add_plain(&r->text, part, text);
    if (r->separate)
        add_plain(&r->plain, part, text);
    return list_uuencoded(r, part, text);
}

/* Next to no text beside images: a word or two. */
static bool is_picture(const struct html_text *html, size_t shown)
{
    enum { NEXT_TO_NOTHING = 60 };
    return html->images && shown < NEXT_TO_NOTHING;
}

static void note_html(struct reading *r, const struct html_text *html, size_t from)
{
    struct readable *out = r->out;
    out->flags |= READABLE_HTML | (html->form ? READABLE_FORM : 0) | (html->script ? READABLE_SCRIPT : 0) |
                  (html->remote_image ? READABLE_REMOTE_IMAGE : 0) | (html->refresh ? READABLE_META_REFRESH : 0) |
                  (html->reversed ? READABLE_CONFUSABLE : 0) | (html->cut ? READABLE_CUT : 0) |
                  (is_picture(html, r->text_buf.len - from) ? READABLE_ONLY_IMAGES : 0);
    out->images += html->images;
    out->tags += html->tags;
    r->link_count = html->link_count;
    r->last_link = html->last_link;
    r->link_order = html->link_order;
    if (!r->base.len)
        r->base = html->base;
}

static enum result read_html(struct reading *r, const struct mime_part *part)
{
    struct bytes text = text_of(r, part, true);
    if (!r->links)
        r->links = malloc(READABLE_LINKS_MAX * sizeof(*r->links));
    if (!r->links)
        return TEMP;
    struct html_text html = {.arena = r->arena,
                             .visible = &r->text,
                             .hidden = &r->hidden,
                             .links = r->links,
                             .link_max = READABLE_LINKS_MAX,
                             .link_count = r->link_count,
                             .last_link = r->last_link,
                             .link_order = r->link_order,
                             .base = r->base};
    readable_text_line(&r->text);
    readable_text_line(&r->hidden);
    size_t from = r->text_buf.len;
    if (html_text_read(&html, text) != OK)
        return TEMP;
    note_html(r, &html, from);
    return OK;
}

enum result readable_part_read(struct reading *r, const struct mime_part *part, bool shown)
{
    enum readable_kind kind = readable_kind_of(part);
    if (kind == READABLE_PLAIN_TEXT)
        return read_plain(r, part, shown);
    if (!shown)
        return OK;
    if (kind == READABLE_HTML_TEXT)
        return read_html(r, part);
    struct bytes text = text_of(r, part, false);
    readable_text_line(&r->text);
    if (kind == READABLE_ENRICHED)
        readable_enriched(&r->text, text);
    else if (bytes_is(part->subtype, "calendar"))
        readable_calendar(&r->text, text);
    else
        add_lines(&r->text, text);
    return OK;
}
