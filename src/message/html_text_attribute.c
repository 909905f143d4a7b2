/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/html_text_attribute.h"

#include "base/ascii.h"

#include <string.h>

static void keep(struct html_attributes *a, enum html_at which, struct bytes value)
{
    if (html_has(a, which)) /* the first of a name counts (WHATWG HTML 13.2.5.33) */
        return;
    a->seen |= UINT32_C(1) << which;
    a->values[which] = value;
}

void html_attributes_add(struct html_attributes *a, const struct html_attribute *attribute)
{
    enum { NAME_ROOM = 16 };
    static const struct {
        char name[NAME_ROOM];
        uint8_t length, which;
    } names[] = {
        {"style", 5, HTML_AT_STYLE},   {"href", 4, HTML_AT_HREF},     {"src", 3, HTML_AT_SRC},
        {"class", 5, HTML_AT_CLASS},   {"id", 2, HTML_AT_ID},         {"bgcolor", 7, HTML_AT_BGCOLOR},
        {"color", 5, HTML_AT_COLOR},   {"size", 4, HTML_AT_SIZE},     {"background", 10, HTML_AT_BACKGROUND},
        {"action", 6, HTML_AT_ACTION}, {"data", 4, HTML_AT_DATA},     {"formaction", 10, HTML_AT_ACTION},
        {"dir", 3, HTML_AT_DIR},       {"hidden", 6, HTML_AT_HIDDEN}, {"http-equiv", 10, HTML_AT_EQUIV},
        {"link", 4, HTML_AT_LINK},     {"text", 4, HTML_AT_TEXT},     {"content", 7, HTML_AT_CONTENT},
        {"type", 4, HTML_AT_TYPE},     {"value", 5, HTML_AT_VALUE},   {"open", 4, HTML_AT_OPEN}};
    struct bytes name = attribute->name;
    if (name.len < 2)
        return;
    uint8_t first = ascii_lower(name.ptr[0]);
    for (size_t i = 0; i < countof(names); i++)
        if (names[i].length == name.len && names[i].name[0] == (char)first &&
            bytes_equal_nocase(name, bytes_from(names[i].name, name.len))) {
            keep(a, names[i].which, attribute->value);
            return;
        }
    a->handler |= first == 'o' && ascii_lower(name.ptr[1]) == 'n' && name.len > 4;
}

/* The size of <font size=…> (WHATWG HTML 15.3.4). */
static float font_size(struct bytes size)
{
    static const float px[] = {10, 10, 13, 16, 18, 24, 32, 48};
    struct bytes unit;
    float number;
    size = bytes_trim(size);
    if (!html_number(size, &number, &unit))
        return 0;
    if (size.ptr[0] == '+' || size.ptr[0] == '-')
        number += 3;
    return px[number < 1 ? 1 : number > 7 ? 7 : (unsigned)number];
}

static void hint_size(struct html_style *style, struct bytes value)
{
    float size = value.len ? font_size(value) : 0;
    if (size <= 0)
        return;
    style->set |= HTML_SIZE;
    style->size = size;
}

static void hint_color(struct html_style *style, uint32_t property, uint32_t *to, struct bytes value)
{
    if (!value.len)
        return;
    *to = html_color_of_attribute(value);
    style->set |= property;
}

void html_attributes_style(const struct html_attributes *a, unsigned tag, uint32_t *link_color,
                           struct html_style *style)
{
    if (tag == HTML_TAG_FONT)
        hint_color(style, HTML_COLOR, &style->color, html_value(a, HTML_AT_COLOR));
    if (tag == HTML_TAG_FONT)
        hint_size(style, html_value(a, HTML_AT_SIZE));
    if (tag == HTML_TAG_BODY) {
        hint_color(style, HTML_COLOR, &style->color, html_value(a, HTML_AT_TEXT));
        if (html_value(a, HTML_AT_LINK).len)
            *link_color = html_color_of_attribute(html_value(a, HTML_AT_LINK));
    }
    hint_color(style, HTML_GROUND, &style->ground, html_value(a, HTML_AT_BGCOLOR));
    if (html_value(a, HTML_AT_BACKGROUND).len) {
        style->set |= HTML_GROUND;
        style->ground = HTML_UNKNOWN_COLOR;
    }
    if (tag == HTML_TAG_A && html_value(a, HTML_AT_HREF).len) {
        style->set |= HTML_COLOR;
        style->color = *link_color;
    }
    if (html_has(a, HTML_AT_HIDDEN) || tag == HTML_TAG_TEMPLATE || tag == HTML_TAG_DATALIST ||
        (tag == HTML_TAG_DIALOG && !html_has(a, HTML_AT_OPEN))) {
        style->set |= HTML_DISPLAY;
        style->display = HTML_NONE;
    }
    if (tag == HTML_TAG_PRE || tag == HTML_TAG_LISTING || tag == HTML_TAG_XMP || tag == HTML_TAG_PLAINTEXT) {
        style->set |= HTML_PRE;
        style->on |= HTML_PRE;
    }
}

struct bytes html_refresh_target(struct bytes content)
{
    size_t at = bytes_find_nocase(content, BYTES("url"));
    if (at == BYTES_NOT_FOUND)
        return (struct bytes){NULL, 0};
    content = bytes_trim(bytes_skip(content, at + 3));
    if (content.len == 0 || content.ptr[0] != '=')
        return (struct bytes){NULL, 0};
    content = bytes_trim(bytes_skip(content, 1));
    uint8_t quote = content.len ? content.ptr[0] : 0;
    if (quote != '"' && quote != '\'')
        return content;
    content = bytes_skip(content, 1);
    return bytes_first(content, bytes_find_byte(content, quote));
}
