/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/html_text_style.h"

#include "base/ascii.h"
#include "message/html_text_token.h"

#include <string.h>

bool html_number(struct bytes text, float *number, struct bytes *unit)
{
    bool negative = text.len && text.ptr[0] == '-', any = false;
    size_t i = text.len && (text.ptr[0] == '-' || text.ptr[0] == '+') ? 1 : 0;
    float value = 0, place = 1;
    for (; i < text.len && ascii_is_digit(text.ptr[i]); i++, any = true)
        if (value < 1e6F) /* as good as any larger one */
            value = value * 10 + (float)(text.ptr[i] - '0');
    if (i < text.len && text.ptr[i] == '.')
        for (i++; i < text.len && ascii_is_digit(text.ptr[i]); i++, any = true)
            if (place > 1e-6F) {
                place /= 10;
                value += place * (float)(text.ptr[i] - '0');
            }
    *number = negative ? -value : value;
    *unit = bytes_skip(text, i);
    return any;
}

/* A length in px; what is relative to the size of the font or of a box is taken for a usual one. */
static bool length_of(struct bytes text, float *px)
{
    static const struct {
        struct bytes unit;
        float px;
    } units[] = {{BYTES_INIT("px"), 1},    {BYTES_INIT("pt"), 4.0F / 3}, {BYTES_INIT("rem"), 16},
                 {BYTES_INIT("em"), 16},   {BYTES_INIT("%"), 10},        {BYTES_INIT("vw"), 10},
                 {BYTES_INIT("vh"), 10},   {BYTES_INIT("in"), 96},       {BYTES_INIT("cm"), 38},
                 {BYTES_INIT("mm"), 3.8F}, {BYTES_INIT("pc"), 16},       {BYTES_INIT("ex"), 8},
                 {BYTES_INIT("ch"), 8}};
    struct bytes unit;
    float number;
    if (!html_number(text, &number, &unit))
        return false;
    *px = number;
    for (size_t i = 0; i < countof(units); i++)
        if (bytes_starts_with(unit, units[i].unit)) {
            *px = number * units[i].px;
            break;
        }
    return true;
}

/* --- One declaration ----------------------------------------------------------------------------- */

struct declaration {
    struct html_style *style;
    struct bytes value; /* lower case */
    bool important;
};

/* False if an important one stands already. */
static bool claim(struct declaration *d, uint32_t property)
{
    struct html_style *style = d->style;
    if ((style->important & property) && !d->important)
        return false;
    style->set |= property;
    if (d->important)
        style->important |= property;
    return true;
}

static void set(struct declaration *d, uint32_t property, bool on)
{
    if (!claim(d, property))
        return;
    d->style->on = on ? d->style->on | property : d->style->on & ~property;
}

static bool has(const struct declaration *d, const char *word)
{
    return bytes_find(d->value, bytes_of(word)) != BYTES_NOT_FOUND;
}

static void set_display(struct declaration *d)
{
    if (!claim(d, HTML_DISPLAY))
        return;
    struct bytes value = d->value;
    enum html_display display = HTML_OTHER;
    if (bytes_is(value, "none"))
        display = HTML_NONE;
    else if (bytes_is(value, "block") || bytes_is(value, "flex") || bytes_is(value, "grid") ||
             bytes_is(value, "table") || bytes_is(value, "list-item") || bytes_is(value, "table-row"))
        display = HTML_BLOCK;
    else if (bytes_is(value, "inline") || bytes_is(value, "contents"))
        display = HTML_INLINE;
    d->style->display = (uint8_t)display;
}

/* Off the screen, for whoever looks at it. */
static void set_far(struct declaration *d, uint32_t property)
{
    enum { FAR = 400 };
    float px;
    if (length_of(d->value, &px))
        set(d, property, px <= -FAR || px >= 8 * FAR);
}

static void set_zero(struct declaration *d, uint32_t property)
{
    float px;
    set(d, property, length_of(d->value, &px) && px <= 0.5F);
}

/* A least width or height: there is one after all. */
static void set_least(struct declaration *d, uint32_t property)
{
    float px;
    if (length_of(d->value, &px) && px > 0.5F)
        set(d, property, false);
}

static void set_size(struct declaration *d)
{
    static const struct {
        const char *name;
        float px;
    } names[] = {{"xx-small", 9}, {"x-small", 10}, {"small", 13},    {"medium", 16},
                 {"large", 18},   {"x-large", 24}, {"xx-large", 32}, {"initial", 16}};
    struct bytes unit;
    float number;
    if (!html_number(d->value, &number, &unit)) {
        for (size_t i = 0; i < countof(names); i++)
            if (bytes_is(d->value, names[i].name) && claim(d, HTML_SIZE)) {
                d->style->size = names[i].px;
                d->style->relative = false;
            }
        return;
    }
    if (number < 0 || !claim(d, HTML_SIZE)) /* a negative one is no declaration (CSS Fonts 4, 2.5) */
        return;
    bool percent = bytes_starts_with(unit, BYTES("%"));
    d->style->relative = percent || bytes_starts_with(unit, BYTES("em")) || bytes_starts_with(unit, BYTES("ex"));
    if (d->style->relative)
        d->style->size = percent ? number / 100 : bytes_starts_with(unit, BYTES("ex")) ? number / 2 : number;
    else
        length_of(d->value, &d->style->size);
}

/* "font: italic 0px/1 serif": the size is the first word that is a number with a unit. */
static void set_font(struct declaration *d)
{
    struct bytes rest = d->value, word;
    while (bytes_split(&rest, ' ', &word)) {
        struct bytes unit;
        float number;
        if (!html_number(word, &number, &unit) || (unit.len == 0 && number != 0))
            continue; /* a weight */
        struct declaration size = *d;
        size.value = word;
        set_size(&size);
        return;
    }
}

static void set_color(struct declaration *d)
{
    uint32_t color = html_color_of_css(d->value);
    if (color != HTML_UNKNOWN_COLOR || has(d, "("))
        if (claim(d, HTML_COLOR))
            d->style->color = color;
}

/* background-color, background: an image or gradient makes the ground unknown. */
static void set_ground(struct declaration *d, bool shorthand)
{
    uint32_t ground = html_color_of_css(d->value);
    if (has(d, "url(") || has(d, "gradient(")) {
        ground = HTML_UNKNOWN_COLOR;
        set(d, HTML_REMOTE, has(d, "http"));
    } else if (shorthand && ground == HTML_UNKNOWN_COLOR) {
        struct bytes rest = d->value, word; /* "none repeat scroll 0 0 #fff" */
        while (ground == HTML_UNKNOWN_COLOR && bytes_split(&rest, ' ', &word))
            if (word.len && !ascii_is_digit(word.ptr[0]))
                ground = html_color_of_css(word);
        if (has(d, "rgb"))
            ground = html_color_of_css(bytes_skip(d->value, bytes_find(d->value, BYTES("rgb"))));
        if (ground == HTML_UNKNOWN_COLOR)
            ground = has(d, "none") ? HTML_TRANSPARENT : ground;
    }
    if (claim(d, HTML_GROUND))
        d->style->ground = ground;
}

static void set_margin(struct declaration *d)
{
    struct bytes rest = d->value, word;
    float px;
    bool far = false;
    while (bytes_split(&rest, ' ', &word))
        far = far || (length_of(word, &px) && px <= -400);
    set(d, HTML_MARGIN, far);
}

static void set_clip(struct declaration *d)
{
    float px;
    struct bytes inside = bytes_skip(d->value, bytes_find_byte(d->value, '(') == BYTES_NOT_FOUND
                                                   ? d->value.len
                                                   : bytes_find_byte(d->value, '(') + 1);
    if (has(d, "scale("))
        set(d, HTML_CLIP, html_number(inside, &px, &inside) && px < 0.05F);
    else if (has(d, "inset("))
        set(d, HTML_CLIP, bytes_starts_with(inside, BYTES("100%")) || bytes_starts_with(inside, BYTES("50%")));
    else if (has(d, "rect("))
        set(d, HTML_CLIP, has(d, "(0,") || has(d, "(0 ") || has(d, "(1px,") || has(d, "(1px ") || has(d, "(0px"));
}

static void set_opacity(struct declaration *d)
{
    struct bytes unit;
    float number;
    if (html_number(d->value, &number, &unit))
        set(d, HTML_OPACITY, number <= (unit.len && unit.ptr[0] == '%' ? 5.0F : 0.05F));
}

static void declare(struct declaration *d, struct bytes name)
{
#define IS(word) (name.len == sizeof(word) - 1 && memcmp(name.ptr, word, sizeof(word) - 1) == 0)
    switch (name.ptr[0]) {
    case 'b':
        if (IS("background-color") || IS("background"))
            set_ground(d, name.len == sizeof("background") - 1);
        else if (IS("background-image") && (has(d, "url(") || has(d, "gradient(")))
            set_ground(d, false);
        break;
    case 'c':
        if (IS("color"))
            set_color(d);
        else if (IS("clip") || IS("clip-path"))
            set_clip(d);
        else if (IS("content-visibility"))
            set(d, HTML_CONTENTS, bytes_is(d->value, "hidden"));
        break;
    case 'd':
        if (IS("display"))
            set_display(d);
        break;
    case 'f':
        if (IS("font-size"))
            set_size(d);
        else if (IS("font"))
            set_font(d);
        break;
    case 'h':
        if (IS("height"))
            set_zero(d, HTML_HEIGHT);
        break;
    case 'l':
        if (IS("left"))
            set_far(d, HTML_LEFT);
        break;
    case 'm':
        if (IS("max-height"))
            set_zero(d, HTML_HEIGHT);
        else if (IS("max-width"))
            set_zero(d, HTML_WIDTH);
        else if (IS("min-width") || IS("min-height"))
            set_least(d, name.ptr[4] == 'w' ? HTML_WIDTH : HTML_HEIGHT);
        else if (IS("margin") || IS("margin-left") || IS("margin-top"))
            set_margin(d);
        break;
    case 'o':
        if (IS("opacity"))
            set_opacity(d);
        else if (IS("overflow") || IS("overflow-x") || IS("overflow-y"))
            set(d, HTML_OVERFLOW, has(d, "hidden") || has(d, "clip"));
        break;
    case 'p':
        if (IS("position"))
            set(d, HTML_POSITION, !bytes_is(d->value, "static"));
        break;
    case 'r':
        if (IS("right"))
            set_far(d, HTML_LEFT);
        break;
    case 't':
        if (IS("text-indent"))
            set_far(d, HTML_INDENT);
        else if (IS("top"))
            set_far(d, HTML_TOP);
        else if (IS("transform"))
            set_clip(d);
        break;
    case 'u':
        if (IS("unicode-bidi"))
            set(d, HTML_OVERRIDE, has(d, "override"));
        break;
    case 'v':
        if (IS("visibility"))
            set(d, HTML_VISIBILITY, !bytes_is(d->value, "visible"));
        break;
    case 'w':
        if (IS("width"))
            set_zero(d, HTML_WIDTH);
        else if (IS("white-space"))
            set(d, HTML_PRE, bytes_starts_with(d->value, BYTES("pre")));
        break;
    default:
        break;
    }
#undef IS
}

/* --- Declarations -------------------------------------------------------------------------------- */

/* The escape behind a backslash (CSS Syntax 3, 4.3.7): how many octets it has; *octet is 0 if it is not ASCII. */
static size_t unescape(struct bytes text, uint8_t *octet)
{
    uint32_t point = 0;
    size_t i = 0;
    for (; i < 6 && i < text.len && ascii_hex_value(text.ptr[i]) >= 0; i++)
        point = point << 4 | (uint32_t)ascii_hex_value(text.ptr[i]);
    if (i == 0) {
        *octet = text.len ? text.ptr[0] : 0;
        return text.len ? 1 : 0;
    }
    *octet = point < 0x80 ? (uint8_t)point : 0;
    return i < text.len && html_is_space(text.ptr[i]) ? i + 1 : i;
}

/* The next declaration in lower case, without comments, escapes and doubled blanks, into `space`; *rest becomes what
 * is behind its semicolon. What does not fit is dropped. */
static struct bytes difficult_declaration(struct bytes *rest, uint8_t space[HTML_DECLARATION_MAX])
{
    const uint8_t *at = rest->ptr, *end = at + rest->len;
    size_t used = 0;
    unsigned depth = 0;
    uint8_t quote = 0;
    for (; at < end; at++) {
        uint8_t c = *at;
        if (c == '\\') {
            at += unescape(bytes_from(at + 1, (size_t)(end - at - 1)), &c);
            c = c ? c : '?';
        } else if (quote) {
            quote = c == quote ? 0 : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '/' && end - at > 1 && at[1] == '*') {
            size_t close = bytes_find(bytes_from(at + 2, (size_t)(end - at - 2)), BYTES("*/"));
            if (close == BYTES_NOT_FOUND) {
                at = end; /* not closed: all the rest */
                break;
            }
            at += close + 3;
            continue;
        } else if (c == '(') {
            depth++;
        } else if (c == ')') {
            depth -= depth > 0;
        } else if (c == ';' && depth == 0) {
            break;
        }
        if (html_is_space(c)) {
            if (used == 0 || space[used - 1] == ' ')
                continue;
            c = ' ';
        }
        if (used < HTML_DECLARATION_MAX)
            space[used++] = ascii_lower(c);
    }
    *rest = at < end ? bytes_from(at + 1, (size_t)(end - at - 1)) : (struct bytes){NULL, 0};
    return bytes_trim(bytes_from(space, used));
}

/* Octets that need a closer look: quotes, escapes, comments, brackets, blanks that are no SP. */
static bool is_difficult(uint8_t c)
{
    return c == '"' || c == '\'' || c == '\\' || c == '/' || c == '(' || c < ' ';
}

/* Up to the semicolon, where nothing difficult is before it. */
static struct bytes next_declaration(struct bytes *rest, uint8_t space[HTML_DECLARATION_MAX])
{
    size_t i = 0;
    for (; i < rest->len && i < HTML_DECLARATION_MAX && rest->ptr[i] != ';'; i++) {
        if (is_difficult(rest->ptr[i]))
            return difficult_declaration(rest, space);
        space[i] = ascii_lower(rest->ptr[i]);
    }
    if (i < rest->len && rest->ptr[i] != ';')
        return difficult_declaration(rest, space);
    *rest = i < rest->len ? bytes_skip(*rest, i + 1) : (struct bytes){NULL, 0};
    return bytes_from(space, i);
}

void html_style_read(struct html_style *style, struct bytes declarations)
{
    uint8_t space[HTML_DECLARATION_MAX];
    while (declarations.len) {
        struct bytes text = next_declaration(&declarations, space);
        size_t colon = bytes_find_byte(text, ':');
        if (colon == BYTES_NOT_FOUND || colon == 0)
            continue;
        struct declaration d = {.style = style, .value = bytes_trim(bytes_skip(text, colon + 1))};
        size_t bang = bytes_rfind_byte(d.value, '!');
        if (bang != BYTES_NOT_FOUND) {
            d.important = bytes_starts_with(bytes_trim(bytes_skip(d.value, bang + 1)), BYTES("important"));
            d.value = bytes_trim(bytes_first(d.value, bang));
        }
        struct bytes name = bytes_trim(bytes_first(text, colon));
        if (name.len && d.value.len)
            declare(&d, name);
    }
}

void html_style_merge(struct html_style *style, const struct html_style *from)
{
    uint32_t taken = from->set & (from->important | ~style->important);
    style->set |= taken;
    style->important |= from->important;
    style->on = (style->on & ~taken) | (from->on & taken);
    if (taken & HTML_COLOR)
        style->color = from->color;
    if (taken & HTML_GROUND)
        style->ground = from->ground;
    if (taken & HTML_DISPLAY)
        style->display = from->display;
    if (taken & HTML_SIZE) {
        style->size = from->size;
        style->relative = from->relative;
    }
}
