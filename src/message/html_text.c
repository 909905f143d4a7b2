/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/html_text.h"

#include "base/ascii.h"
#include "base/utf8.h"
#include "message/html_text_attribute.h"
#include "message/html_text_entity.h"
#include "message/html_text_token.h"
#include "message/html_text_tree.h"
#include "message/url.h"

#include <stdlib.h>
#include <string.h>

enum { CHARSET_SEARCHED = 1024, KNOWN_STYLES = 32 };

struct known_style {
    struct bytes text; /* of the document */
    struct html_style style;
};

struct reader {
    struct html_text *html;
    struct html_tokens tokens;
    struct known_style known[KNOWN_STYLES];
    bool styled; /* there are rules in `sheet` */
    uint32_t link_color;
    size_t link; /* index of the link that is open, or NO_LINK */
    const struct html_element *link_element;
    unsigned link_images; /* that were before it */
    bool was_hidden;
    bool failed; /* the arena's cap */
    struct html_tree tree;
    struct html_sheet sheet;
};
enum { NO_LINK = SIZE_MAX };

/* --- Text ---------------------------------------------------------------------------------------- */

static struct readable_text *writer(struct reader *r)
{
    bool hidden = html_tree_look(&r->tree)->hidden;
    if (hidden && !r->was_hidden)
        readable_text_blank(r->html->hidden);
    r->was_hidden = hidden;
    return hidden ? r->html->hidden : r->html->visible;
}

/* Plain text; where lines are kept each "\n" ends one. */
static void add_plain(struct readable_text *to, struct bytes text, bool lines)
{
    struct bytes line;
    if (!lines) {
        readable_text_add(to, text);
        return;
    }
    for (bool first = true; bytes_split(&text, '\n', &line); first = false) {
        if (!first)
            readable_text_line(to);
        readable_text_add(to, line);
    }
}

static void add_text(struct reader *r, struct bytes text, bool entities)
{
    struct readable_text *to = writer(r);
    bool lines = html_tree_look(&r->tree)->pre;
    while (text.len) {
        size_t ampersand = entities ? bytes_find_byte(text, '&') : BYTES_NOT_FOUND;
        if (ampersand == BYTES_NOT_FOUND) {
            add_plain(to, text, lines);
            return;
        }
        uint32_t point = '&';
        size_t length = html_entity_read(bytes_skip(text, ampersand), false, &point);
        uint8_t octets[4];
        if (ampersand)
            add_plain(to, bytes_first(text, ampersand), lines);
        readable_text_add(to, bytes_from(octets, utf8_encode(point, octets)));
        text = bytes_skip(text, ampersand + (length ? length : 1));
        r->html->work++;
    }
}

static void break_line(struct reader *r)
{
    if (!html_tree_look(&r->tree)->hidden)
        readable_text_line(r->html->visible);
    else
        readable_text_blank(r->html->hidden);
}

static void separate(struct reader *r)
{
    readable_text_blank(html_tree_look(&r->tree)->hidden ? r->html->hidden : r->html->visible);
}

/* --- Links --------------------------------------------------------------------------------------- */

static void end_link(struct reader *r)
{
    if (r->link != NO_LINK) {
        struct html_link *link = &r->html->links[r->link];
        link->to = r->html->visible->out->len;
        link->minor |= link->to == link->from && r->html->images == r->link_images;
    }
    r->link = NO_LINK;
    r->link_element = NULL;
}

/* The attribute as a URL, in the arena or in `room`: what browsers strip is stripped (WHATWG URL 4.4). */
static struct bytes url_of(struct reader *r, struct bytes value, uint8_t *room)
{
    uint8_t space[HTML_URL_MAX + 4];
    value = html_entity_decode(value, space, HTML_URL_MAX);
    while (value.len && value.ptr[0] <= ' ')
        value = bytes_skip(value, 1);
    while (value.len && value.ptr[value.len - 1] <= ' ')
        value.len--;
    if (room && value.len <= HTML_URL_MAX) {
        if (value.len)
            memcpy(room, value.ptr, value.len);
        return url_strip(bytes_from(room, value.len));
    }
    struct bytes copy = arena_copy(r->html->arena, value);
    r->failed |= !copy.ptr;
    return copy.ptr ? url_strip(copy) : copy;
}

/* Whether the same image or form has just been seen: newsletters repeat their spacers. */
static bool repeats(const struct html_text *html, const struct html_link *link)
{
    const struct html_link *last = html->link_count ? &html->links[html->last_link] : NULL;
    return last && link->kind != HTML_LINK && last->kind == link->kind && bytes_equal(last->url, link->url);
}

/* Whose place a link takes when all are taken: a minor one's, or that of the oldest but the first half. Minor ones take
 * nobody's. */
static size_t displaced(const struct html_text *html, bool minor)
{
    size_t place = NO_LINK;
    if (minor)
        return NO_LINK;
    for (size_t i = 0; i < html->link_max; i++) {
        if (html->links[i].minor)
            return i;
        if (i >= html->link_max / 2 && (place == NO_LINK || html->links[i].order < html->links[place].order))
            place = i;
    }
    return place;
}

/* Where a link goes; NO_LINK if nowhere. */
static size_t place_for(struct reader *r, bool minor)
{
    struct html_text *html = r->html;
    if (html->link_count < html->link_max)
        return html->link_count;
    html->cut = true;
    size_t place = displaced(html, minor);
    if (place == NO_LINK)
        return NO_LINK;
    /* One room for all that come to this place, so that memory does not grow with them. */
    if (!html->links[place].room)
        html->links[place].room = arena_alloc(html->arena, HTML_URL_MAX);
    r->failed |= !html->links[place].room;
    if (place == r->link)
        r->link = NO_LINK;
    return r->failed ? NO_LINK : place;
}

/* Its index, or NO_LINK. */
static size_t add_link(struct reader *r, struct bytes value, enum html_link_kind kind)
{
    struct html_text *html = r->html;
    if (value.len == 0)
        return NO_LINK;
    bool minor = kind == HTML_IMAGE || html_tree_look(&r->tree)->hidden, full = html->link_count == html->link_max;
    size_t place = place_for(r, minor);
    if (place == NO_LINK)
        return NO_LINK;
    uint8_t *room = full ? html->links[place].room : NULL;
    struct html_link link = {
        .url = url_of(r, value, room), .kind = kind, .order = html->link_order++, .minor = minor, .room = room};
    uint8_t first = link.url.len ? ascii_lower(link.url.ptr[0]) : '#';
    if (first == '#' || (first == 'c' && bytes_starts_with_nocase(link.url, BYTES("cid:"))) ||
        repeats(html, &link))
        return NO_LINK;
    link.from = link.to = html->visible->out->len;
    html->script |= first == 'j' && bytes_starts_with_nocase(link.url, BYTES("javascript:"));
    if (kind == HTML_IMAGE && (bytes_starts_with_nocase(link.url, BYTES("http")) ||
                               bytes_starts_with(link.url, BYTES("//")) || html->base.len))
        html->remote_image = true;
    html->links[place] = link;
    html->link_count += !full;
    html->last_link = place;
    return place;
}

static void links_of(struct reader *r, unsigned tag, const struct html_attributes *a)
{
    struct html_text *html = r->html;
    switch (tag) {
    case HTML_TAG_AREA:
        add_link(r, html_value(a, HTML_AT_HREF), HTML_LINK);
        break;
    case HTML_TAG_BASE:
        if (html->base.len == 0 && html_value(a, HTML_AT_HREF).len)
            html->base = url_of(r, html_value(a, HTML_AT_HREF), NULL);
        break;
    case HTML_TAG_IMG:
    case HTML_TAG_INPUT:
        html->images += tag == HTML_TAG_IMG;
        add_link(r, html_value(a, HTML_AT_SRC), HTML_IMAGE);
        add_link(r, html_value(a, HTML_AT_ACTION), HTML_FORM);
        break;
    case HTML_TAG_FORM:
        html->form = true; /* fall through */
    case HTML_TAG_BUTTON:
        add_link(r, html_value(a, HTML_AT_ACTION), HTML_FORM);
        break;
    case HTML_TAG_IFRAME:
    case HTML_TAG_FRAME:
    case HTML_TAG_EMBED:
    case HTML_TAG_OBJECT:
        add_link(r, html_value(a, html_has(a, HTML_AT_SRC) ? HTML_AT_SRC : HTML_AT_DATA), HTML_LINK);
        break;
    case HTML_TAG_META:
        if (bytes_is_nocase(bytes_trim(html_value(a, HTML_AT_EQUIV)), "refresh")) {
            html->refresh = true;
            add_link(r, html_refresh_target(html_value(a, HTML_AT_CONTENT)), HTML_REFRESH);
        }
        break;
    default:
        break;
    }
    if (html_value(a, HTML_AT_BACKGROUND).len)
        add_link(r, html_value(a, HTML_AT_BACKGROUND), HTML_IMAGE);
}

/* --- Styles -------------------------------------------------------------------------------------- */

/* What a style attribute says. Most are repeated again and again. */
static const struct html_style *inline_style(struct reader *r, struct bytes text)
{
    struct known_style *known =
        &r->known[(text.len * 7 + text.ptr[0] + text.ptr[text.len - 1] * 3u) % KNOWN_STYLES];
    if (bytes_equal(known->text, text))
        return &known->style;
    uint8_t space[HTML_URL_MAX + 4];
    bool plain = bytes_find_byte(text, '&') == BYTES_NOT_FOUND;
    known->text = text;
    known->style = (struct html_style){0};
    html_style_read(&known->style, plain ? text : html_entity_decode(text, space, HTML_URL_MAX));
    return &known->style;
}

static struct html_style style_of(struct reader *r, unsigned tag, const struct html_attributes *a)
{
    struct html_style style = {0};
    const struct html_style *own = NULL;
    html_attributes_style(a, tag, &r->link_color, &style);
    uint32_t hinted = style.set, ruled = 0;
    if (r->styled) {
        html_sheet_apply(&r->sheet, html_tag_name(tag), html_value(a, HTML_AT_CLASS), html_value(a, HTML_AT_ID),
                         &style);
        ruled = style.set & ~hinted;
    }
    if (html_value(a, HTML_AT_STYLE).len) {
        own = inline_style(r, html_value(a, HTML_AT_STYLE));
        html_style_merge(&style, own);
    }
    style.sure = ((hinted & ~ruled) | (own ? own->set : 0)) & (HTML_COLOR | HTML_GROUND);
    bool backwards = bytes_is_nocase(html_value(a, HTML_AT_DIR), "rtl") && tag == HTML_TAG_BDO;
    r->html->reversed |= backwards || (style.set & style.on & HTML_OVERRIDE) != 0;
    r->html->remote_image |= (style.set & style.on & HTML_REMOTE) != 0;
    return style;
}

/* --- Tags ---------------------------------------------------------------------------------------- */

static void on_closed(void *context, const struct html_element *element)
{
    struct reader *r = context;
    if (element == r->link_element)
        end_link(r);
    if (element->look.hidden) {
        const struct html_look *outer = element == r->tree.elements ? &r->tree.root : &element[-1].look;
        if (element->breaks || !outer->hidden)
            readable_text_blank(r->html->hidden);
        return;
    }
    if (element->breaks)
        readable_text_line(r->html->visible);
    else if (html_tag_flags(element->tag) & HTML_TAG_IS_CELL)
        readable_text_blank(r->html->visible);
}

/* What stands between the tags of an element whose content is no markup. */
static void raw_content(struct reader *r, unsigned tag, struct bytes name)
{
    struct bytes content = html_tokens_raw(&r->tokens, name);
    if (tag == HTML_TAG_TEXTAREA || tag == HTML_TAG_XMP)
        add_text(r, content, tag == HTML_TAG_TEXTAREA);
}

static bool is_button(const struct html_attributes *a)
{
    struct bytes type = html_value(a, HTML_AT_TYPE);
    return bytes_is_nocase(type, "submit") || bytes_is_nocase(type, "button") || bytes_is_nocase(type, "reset");
}

/* <html>, <head> and <body> are there whatever comes; their styles are those of all. */
static void open_root(struct reader *r, unsigned tag, const struct html_attributes *a)
{
    struct html_style style = style_of(r, tag, a);
    r->tree.root = html_look_within(&r->tree, &r->tree.root, &style);
    links_of(r, tag, a);
}

static void on_start(struct reader *r, const struct html_token *token)
{
    unsigned tag = html_tag_of(token->text), flags = html_tag_flags(tag);
    struct html_attributes a;
    html_attributes_init(&a);
    for (size_t i = 0; i < token->attribute_count; i++)
        html_attributes_add(&a, &token->attributes[i]);
    r->html->tags++;
    r->html->work += token->attribute_count;
    r->html->script |= a.handler || tag == HTML_TAG_SCRIPT;
    if (tag == HTML_TAG_HTML || tag == HTML_TAG_HEAD || tag == HTML_TAG_BODY) {
        open_root(r, tag, &a);
        return;
    }
    html_tree_imply_ends(&r->tree, tag);
    links_of(r, tag, &a);
    if (tag == HTML_TAG_BR) {
        break_line(r);
        return;
    }
    struct html_style style = style_of(r, tag, &a);
    bool breaks = (flags & HTML_TAG_IS_BLOCK) != 0;
    if (style.set & HTML_DISPLAY)
        breaks = style.display == HTML_BLOCK || (breaks && style.display != HTML_INLINE);
    if (breaks)
        break_line(r);
    else if (flags & HTML_TAG_IS_CELL)
        separate(r);
    if (flags & HTML_TAG_VOID) {
        if (tag == HTML_TAG_INPUT && is_button(&a)) {
            separate(r);
            add_text(r, html_value(&a, HTML_AT_VALUE), true);
            separate(r);
        }
        return;
    }
    struct html_element *element = html_tree_open(&r->tree, tag, &style);
    if (element)
        element->breaks = breaks;
    if (tag == HTML_TAG_A && html_value(&a, HTML_AT_HREF).len) {
        r->link = add_link(r, html_value(&a, HTML_AT_HREF), HTML_LINK);
        r->link_element = element;
        r->link_images = r->html->images;
    }
    if (tag == HTML_TAG_PLAINTEXT) {
        add_text(r, bytes_skip(r->tokens.document, r->tokens.position), false);
        r->tokens.position = r->tokens.document.len;
    } else if (flags & HTML_TAG_RAW) {
        raw_content(r, tag, token->text);
    }
}

static void on_end(struct reader *r, const struct html_token *token)
{
    unsigned tag = html_tag_of(token->text);
    r->html->tags++;
    if (tag == HTML_TAG_BR || tag == HTML_TAG_P)
        break_line(r); /* 13.2.6.4.7: </br> is <br>, </p> without <p> an empty one */
    if (tag != HTML_TAG_HTML && tag != HTML_TAG_HEAD && tag != HTML_TAG_BODY && tag != HTML_TAG_BR)
        html_tree_close(&r->tree, tag);
    if (tag == HTML_TAG_A)
        end_link(r);
}

static void on_token(struct reader *r, const struct html_token *token)
{
    switch (token->kind) {
    case HTML_TEXT:
        add_text(r, token->text, true);
        break;
    case HTML_START:
        on_start(r, token);
        break;
    case HTML_END:
        on_end(r, token);
        break;
    case HTML_COMMENT:
        if (!html_tree_look(&r->tree)->hidden)
            readable_text_comment(r->html->visible);
        break;
    }
}

/* --- The document -------------------------------------------------------------------------------- */

/* The next <style>, comments passed over; false if there is none. */
static bool next_sheet(struct html_tokens *tokens, struct bytes *css)
{
    struct bytes document = tokens->document;
    for (;;) {
        size_t at = bytes_find_byte(bytes_skip(document, tokens->position), '<');
        if (at == BYTES_NOT_FOUND)
            return false;
        tokens->position += at;
        struct bytes rest = bytes_skip(document, tokens->position);
        if (bytes_starts_with(rest, BYTES("<!--"))) {
            struct html_token comment;
            html_tokens_next(tokens, &comment);
        } else if (bytes_starts_with_nocase(rest, BYTES("<style"))) {
            size_t end = bytes_find_byte(rest, '>');
            if (end == BYTES_NOT_FOUND)
                return false;
            tokens->position += end + 1;
            *css = html_tokens_raw(tokens, BYTES("style"));
            return true;
        } else {
            tokens->position++;
        }
    }
}

/* Style sheets count wherever they stand, so they are read before all else. */
static void read_sheets(struct reader *r)
{
    struct html_tokens tokens = {.document = r->tokens.document};
    struct bytes css;
    while (next_sheet(&tokens, &css)) {
        if (!r->styled)
            html_sheet_init(&r->sheet);
        r->styled = true;
        html_sheet_read(&r->sheet, css);
    }
    r->tree.doubtful = r->styled ? r->sheet.doubtful : 0;
}

enum result html_text_read(struct html_text *html, struct bytes document)
{
    struct reader *r = malloc(sizeof(*r));
    struct html_token token;
    if (!r)
        return TEMP;
    r->html = html;
    r->tokens = (struct html_tokens){.document = document};
    r->styled = false;
    memset(r->known, 0, sizeof(r->known));
    r->link_color = 0x0000ee;
    r->link = NO_LINK;
    r->link_element = NULL;
    r->was_hidden = false;
    html_tree_init(&r->tree);
    r->tree.closed = on_closed;
    r->tree.context = r;
    r->failed = false;
    read_sheets(r);
    while (!r->failed && html_tokens_next(&r->tokens, &token)) {
        on_token(r, &token);
        html->work++;
    }
    end_link(r);
    html->work += r->tree.work;
    enum result result = r->failed ? TEMP : OK;
    free(r);
    return result;
}

struct bytes html_text_charset(struct bytes document)
{
    struct html_tokens tokens = {.document = bytes_first(document, CHARSET_SEARCHED)};
    struct html_token token;
    while (html_tokens_next(&tokens, &token)) {
        if (token.kind != HTML_START || !bytes_is_nocase(token.text, "meta"))
            continue;
        const struct html_attribute *charset = html_token_attribute(&token, "charset");
        if (charset)
            return bytes_trim(charset->value);
        const struct html_attribute *content = html_token_attribute(&token, "content");
        size_t at = content ? bytes_find_nocase(content->value, BYTES("charset=")) : BYTES_NOT_FOUND;
        if (at == BYTES_NOT_FOUND)
            continue;
        struct bytes name = bytes_skip(content->value, at + 8);
        size_t end = 0;
        while (end < name.len && !html_is_space(name.ptr[end]) && name.ptr[end] != ';')
            end++;
        return bytes_first(name, end);
    }
    return (struct bytes){NULL, 0};
}
