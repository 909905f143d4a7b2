/* SPDX-License-Identifier: BSD-2-Clause */
/* html_text_color: colours as CSS and as the old attributes write them. */
#include "base/ascii.h"
#include "message/html_text_style.h"

#include <string.h>

enum { COLOR_NAME_MAX = 20 };

/* CSS Color 4, 6.1, in the order of the alphabet. */
static const struct {
    char name[COLOR_NAME_MAX + 1];
    uint32_t color;
} names[] = {
    {"aliceblue", 0xf0f8ff}, {"antiquewhite", 0xfaebd7}, {"aqua", 0x00ffff}, {"aquamarine", 0x7fffd4},
    {"azure", 0xf0ffff}, {"beige", 0xf5f5dc}, {"bisque", 0xffe4c4}, {"black", 0x000000}, {"blanchedalmond", 0xffebcd},
    {"blue", 0x0000ff}, {"blueviolet", 0x8a2be2}, {"brown", 0xa52a2a}, {"burlywood", 0xdeb887},
    {"cadetblue", 0x5f9ea0}, {"chartreuse", 0x7fff00}, {"chocolate", 0xd2691e}, {"coral", 0xff7f50},
    {"cornflowerblue", 0x6495ed}, {"cornsilk", 0xfff8dc}, {"crimson", 0xdc143c}, {"cyan", 0x00ffff},
    {"darkblue", 0x00008b}, {"darkcyan", 0x008b8b}, {"darkgoldenrod", 0xb8860b}, {"darkgray", 0xa9a9a9},
    {"darkgreen", 0x006400}, {"darkgrey", 0xa9a9a9}, {"darkkhaki", 0xbdb76b}, {"darkmagenta", 0x8b008b},
    {"darkolivegreen", 0x556b2f}, {"darkorange", 0xff8c00}, {"darkorchid", 0x9932cc}, {"darkred", 0x8b0000},
    {"darksalmon", 0xe9967a}, {"darkseagreen", 0x8fbc8f}, {"darkslateblue", 0x483d8b}, {"darkslategray", 0x2f4f4f},
    {"darkslategrey", 0x2f4f4f}, {"darkturquoise", 0x00ced1}, {"darkviolet", 0x9400d3}, {"deeppink", 0xff1493},
    {"deepskyblue", 0x00bfff}, {"dimgray", 0x696969}, {"dimgrey", 0x696969}, {"dodgerblue", 0x1e90ff},
    {"firebrick", 0xb22222}, {"floralwhite", 0xfffaf0}, {"forestgreen", 0x228b22}, {"fuchsia", 0xff00ff},
    {"gainsboro", 0xdcdcdc}, {"ghostwhite", 0xf8f8ff}, {"gold", 0xffd700}, {"goldenrod", 0xdaa520},
    {"gray", 0x808080}, {"green", 0x008000}, {"greenyellow", 0xadff2f}, {"grey", 0x808080}, {"honeydew", 0xf0fff0},
    {"hotpink", 0xff69b4}, {"indianred", 0xcd5c5c}, {"indigo", 0x4b0082}, {"ivory", 0xfffff0}, {"khaki", 0xf0e68c},
    {"lavender", 0xe6e6fa}, {"lavenderblush", 0xfff0f5}, {"lawngreen", 0x7cfc00}, {"lemonchiffon", 0xfffacd},
    {"lightblue", 0xadd8e6}, {"lightcoral", 0xf08080}, {"lightcyan", 0xe0ffff}, {"lightgoldenrodyellow", 0xfafad2},
    {"lightgray", 0xd3d3d3}, {"lightgreen", 0x90ee90}, {"lightgrey", 0xd3d3d3}, {"lightpink", 0xffb6c1},
    {"lightsalmon", 0xffa07a}, {"lightseagreen", 0x20b2aa}, {"lightskyblue", 0x87cefa}, {"lightslategray", 0x778899},
    {"lightslategrey", 0x778899}, {"lightsteelblue", 0xb0c4de}, {"lightyellow", 0xffffe0}, {"lime", 0x00ff00},
    {"limegreen", 0x32cd32}, {"linen", 0xfaf0e6}, {"magenta", 0xff00ff}, {"maroon", 0x800000},
    {"mediumaquamarine", 0x66cdaa}, {"mediumblue", 0x0000cd}, {"mediumorchid", 0xba55d3}, {"mediumpurple", 0x9370db},
    {"mediumseagreen", 0x3cb371}, {"mediumslateblue", 0x7b68ee}, {"mediumspringgreen", 0x00fa9a},
    {"mediumturquoise", 0x48d1cc}, {"mediumvioletred", 0xc71585}, {"midnightblue", 0x191970}, {"mintcream", 0xf5fffa},
    {"mistyrose", 0xffe4e1}, {"moccasin", 0xffe4b5}, {"navajowhite", 0xffdead}, {"navy", 0x000080},
    {"oldlace", 0xfdf5e6}, {"olive", 0x808000}, {"olivedrab", 0x6b8e23}, {"orange", 0xffa500},
    {"orangered", 0xff4500}, {"orchid", 0xda70d6}, {"palegoldenrod", 0xeee8aa}, {"palegreen", 0x98fb98},
    {"paleturquoise", 0xafeeee}, {"palevioletred", 0xdb7093}, {"papayawhip", 0xffefd5}, {"peachpuff", 0xffdab9},
    {"peru", 0xcd853f}, {"pink", 0xffc0cb}, {"plum", 0xdda0dd}, {"powderblue", 0xb0e0e6}, {"purple", 0x800080},
    {"rebeccapurple", 0x663399}, {"red", 0xff0000}, {"rosybrown", 0xbc8f8f}, {"royalblue", 0x4169e1},
    {"saddlebrown", 0x8b4513}, {"salmon", 0xfa8072}, {"sandybrown", 0xf4a460}, {"seagreen", 0x2e8b57},
    {"seashell", 0xfff5ee}, {"sienna", 0xa0522d}, {"silver", 0xc0c0c0}, {"skyblue", 0x87ceeb},
    {"slateblue", 0x6a5acd}, {"slategray", 0x708090}, {"slategrey", 0x708090}, {"snow", 0xfffafa},
    {"springgreen", 0x00ff7f}, {"steelblue", 0x4682b4}, {"tan", 0xd2b48c}, {"teal", 0x008080}, {"thistle", 0xd8bfd8},
    {"tomato", 0xff6347}, {"transparent", 0x1000000}, {"turquoise", 0x40e0d0}, {"violet", 0xee82ee},
    {"wheat", 0xf5deb3}, {"white", 0xffffff}, {"whitesmoke", 0xf5f5f5}, {"yellow", 0xffff00},
    {"yellowgreen", 0x9acd32},
};

static bool find_name(struct bytes text, uint32_t *color)
{
    char name[COLOR_NAME_MAX + 1] = {0};
    if (text.len == 0 || text.len > COLOR_NAME_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++)
        name[i] = (char)ascii_lower(text.ptr[i]);
    size_t low = 0, high = countof(names);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(name, names[middle].name, sizeof(name));
        if (order == 0) {
            *color = names[middle].color;
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* The hexadecimal digits as one number; false where there is another octet. */
static bool hexadecimal(struct bytes digits, uint32_t *number)
{
    *number = 0;
    for (size_t i = 0; i < digits.len; i++) {
        int value = ascii_hex_value(digits.ptr[i]);
        if (value < 0)
            return false;
        *number = *number << 4 | (uint32_t)value;
    }
    return true;
}

/* #rgb, #rrggbb, and both with the alpha channel, of which only "nothing" counts. */
static uint32_t hash_color(struct bytes digits)
{
    uint32_t n;
    if (digits.len > 8 || !hexadecimal(digits, &n))
        return HTML_UNKNOWN_COLOR;
    if (digits.len == 4 || digits.len == 8) {
        uint32_t alpha = digits.len == 4 ? (n & 15) * 17 : n & 255;
        if (alpha <= 12)
            return HTML_TRANSPARENT;
        n >>= digits.len == 4 ? 4 : 8;
    }
    if (digits.len == 3 || digits.len == 4)
        return ((n >> 8 & 15) * 17) << 16 | ((n >> 4 & 15) * 17) << 8 | (n & 15) * 17;
    return digits.len >= 6 && digits.len != 7 ? n & 0xffffff : HTML_UNKNOWN_COLOR;
}

/* "255, 255, 255", "100% 100% 100% / 50%": the inside of rgb() and rgba(). */
static uint32_t rgb(struct bytes text)
{
    uint32_t color = 0;
    for (unsigned i = 0; i < 4; i++) {
        float number;
        struct bytes unit;
        while (text.len && (ascii_is_space(text.ptr[0]) || text.ptr[0] == ',' || text.ptr[0] == '/'))
            text = bytes_skip(text, 1);
        if (!html_number(text, &number, &unit))
            return i == 3 ? color : HTML_UNKNOWN_COLOR;
        bool percent = unit.len && unit.ptr[0] == '%';
        if (i == 3)
            return number <= (percent ? 5.0F : 0.05F) ? HTML_TRANSPARENT : color;
        number = percent ? number * 2.55F : number;
        color = color << 8 | (number <= 0 ? 0 : number >= 255 ? 255 : (uint32_t)(number + 0.5F));
        text = percent ? bytes_skip(unit, 1) : unit;
    }
    return color;
}

uint32_t html_color_of_css(struct bytes text)
{
    uint32_t color;
    text = bytes_trim(text);
    if (text.len && text.ptr[0] == '#')
        return hash_color(bytes_skip(text, 1));
    if (find_name(text, &color))
        return color;
    size_t open = bytes_find_byte(text, '(');
    if (open != BYTES_NOT_FOUND && bytes_starts_with(text, BYTES("rgb")))
        return rgb(bytes_skip(text, open + 1));
    if (bytes_is(text, "inherit") || bytes_is(text, "currentcolor") || bytes_is(text, "unset"))
        return HTML_INHERITED_COLOR;
    return HTML_UNKNOWN_COLOR;
}

/* The digits of one third, of which the last two of the first eight count; a digit that is none is 0. */
static uint32_t third(struct bytes text, size_t start, size_t width, size_t skipped)
{
    uint32_t value = 0;
    size_t count = width - skipped < 2 ? width - skipped : 2;
    for (size_t i = 0; i < count; i++) {
        size_t at = start + skipped + i;
        int digit = at < text.len ? ascii_hex_value(text.ptr[at]) : 0;
        value = value << 4 | (uint32_t)(digit < 0 ? 0 : digit);
    }
    return value;
}

uint32_t html_color_of_attribute(struct bytes text)
{
    uint32_t color;
    text = bytes_trim(text);
    if (text.len == 0 || bytes_is_nocase(text, "transparent"))
        return HTML_UNKNOWN_COLOR;
    if (find_name(text, &color))
        return color;
    if (text.len == 4 && text.ptr[0] == '#' && hexadecimal(bytes_skip(text, 1), &color))
        return hash_color(bytes_skip(text, 1));
    text = bytes_first(text, 128);
    if (text.ptr[0] == '#')
        text = bytes_skip(text, 1);
    size_t width = (text.len + 2) / 3, skipped = width > 8 ? width - 8 : 0;
    if (width == 0)
        return 0;
    /* Zeros that all three begin with are dropped as long as more than two digits are left. */
    while (width - skipped > 2) {
        bool zeros = true;
        for (size_t i = 0; i < 3; i++) {
            size_t at = i * width + skipped;
            zeros = zeros && (at >= text.len || ascii_hex_value(text.ptr[at]) <= 0);
        }
        if (!zeros)
            break;
        skipped++;
    }
    return third(text, 0, width, skipped) << 16 | third(text, width, width, skipped) << 8 |
           third(text, 2 * width, width, skipped);
}

bool html_colors_are_close(uint32_t a, uint32_t b)
{
    enum { CLOSE = 20 }; /* of 255, in each channel */
    if (a > 0xffffff || b > 0xffffff)
        return false;
    for (unsigned shift = 0; shift < 24; shift += 8) {
        int difference = (int)(a >> shift & 255) - (int)(b >> shift & 255);
        if (difference > CLOSE || difference < -CLOSE)
            return false;
    }
    return true;
}
