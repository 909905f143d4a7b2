/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/html_text_tag.h"

#include "base/ascii.h"
#include "base/result.h"

#include <string.h>

enum { TAG_NAME_MAX = 10, ROOM = 16 /* compared at once, filled up with zeros */ };

#define BLOCK HTML_TAG_IS_BLOCK
#define CELL HTML_TAG_IS_CELL
#define SPECIAL HTML_TAG_SPECIAL
#define FORMAT HTML_TAG_FORMAT
#define SCOPE HTML_TAG_SCOPE
#define CLOSES_P HTML_TAG_CLOSES_P
#define VOID HTML_TAG_VOID
#define RAW HTML_TAG_RAW

/* In the order of the alphabet, which is that of enum html_tag. */
static const struct {
    char name[ROOM];
    uint8_t length, flags;
} tags[] = {
    {"a", 1, FORMAT}, {"abbr", 4, 0}, {"address", 7, BLOCK | SPECIAL | CLOSES_P}, {"applet", 6, SPECIAL | SCOPE},
    {"area", 4, SPECIAL | VOID}, {"article", 7, BLOCK | SPECIAL | CLOSES_P}, {"aside", 5, BLOCK | SPECIAL | CLOSES_P},
    {"audio", 5, 0}, {"b", 1, FORMAT}, {"base", 4, SPECIAL | VOID}, {"basefont", 8, SPECIAL | VOID}, {"bdo", 3, 0},
    {"bgsound", 7, SPECIAL | VOID}, {"big", 3, FORMAT}, {"blockquote", 10, BLOCK | SPECIAL | CLOSES_P},
    {"body", 4, SPECIAL}, {"br", 2, SPECIAL | VOID}, {"button", 6, SPECIAL}, {"caption", 7, BLOCK | SPECIAL | SCOPE},
    {"center", 6, BLOCK | SPECIAL | CLOSES_P}, {"cite", 4, 0}, {"code", 4, FORMAT}, {"col", 3, SPECIAL | VOID},
    {"colgroup", 8, SPECIAL}, {"datalist", 8, 0}, {"dd", 2, BLOCK | SPECIAL | CLOSES_P}, {"del", 3, 0},
    {"details", 7, BLOCK | SPECIAL | CLOSES_P}, {"dialog", 6, BLOCK | CLOSES_P},
    {"dir", 3, BLOCK | SPECIAL | CLOSES_P}, {"div", 3, BLOCK | SPECIAL | CLOSES_P},
    {"dl", 2, BLOCK | SPECIAL | CLOSES_P}, {"dt", 2, BLOCK | SPECIAL | CLOSES_P}, {"em", 2, FORMAT},
    {"embed", 5, SPECIAL | VOID}, {"fieldset", 8, BLOCK | SPECIAL | CLOSES_P},
    {"figcaption", 10, BLOCK | SPECIAL | CLOSES_P}, {"figure", 6, BLOCK | SPECIAL | CLOSES_P}, {"font", 4, FORMAT},
    {"footer", 6, BLOCK | SPECIAL | CLOSES_P}, {"form", 4, BLOCK | SPECIAL | CLOSES_P}, {"frame", 5, SPECIAL | VOID},
    {"frameset", 8, BLOCK | SPECIAL}, {"h1", 2, BLOCK | SPECIAL | CLOSES_P}, {"h2", 2, BLOCK | SPECIAL | CLOSES_P},
    {"h3", 2, BLOCK | SPECIAL | CLOSES_P}, {"h4", 2, BLOCK | SPECIAL | CLOSES_P},
    {"h5", 2, BLOCK | SPECIAL | CLOSES_P}, {"h6", 2, BLOCK | SPECIAL | CLOSES_P}, {"head", 4, SPECIAL},
    {"header", 6, BLOCK | SPECIAL | CLOSES_P}, {"hgroup", 6, BLOCK | SPECIAL | CLOSES_P},
    {"hr", 2, BLOCK | SPECIAL | CLOSES_P | VOID}, {"html", 4, SPECIAL}, {"i", 1, FORMAT},
    {"iframe", 6, SPECIAL | RAW}, {"img", 3, SPECIAL | VOID}, {"input", 5, SPECIAL | VOID}, {"ins", 3, 0},
    {"keygen", 6, SPECIAL | VOID}, {"label", 5, 0}, {"legend", 6, BLOCK}, {"li", 2, BLOCK | SPECIAL | CLOSES_P},
    {"link", 4, SPECIAL | VOID}, {"listing", 7, BLOCK | SPECIAL | CLOSES_P}, {"main", 4, BLOCK | SPECIAL | CLOSES_P},
    {"mark", 4, 0}, {"marquee", 7, SPECIAL | SCOPE}, {"math", 4, 0}, {"menu", 4, BLOCK | SPECIAL | CLOSES_P},
    {"meta", 4, SPECIAL | VOID}, {"nav", 3, BLOCK | SPECIAL | CLOSES_P}, {"nobr", 4, FORMAT},
    {"noembed", 7, SPECIAL | RAW}, {"noframes", 8, SPECIAL | RAW}, {"noscript", 8, SPECIAL},
    {"object", 6, SPECIAL | SCOPE}, {"ol", 2, BLOCK | SPECIAL | CLOSES_P}, {"optgroup", 8, BLOCK},
    {"option", 6, BLOCK}, {"p", 1, BLOCK | SPECIAL | CLOSES_P}, {"param", 5, SPECIAL | VOID}, {"picture", 7, 0},
    {"plaintext", 9, BLOCK | SPECIAL | CLOSES_P}, {"pre", 3, BLOCK | SPECIAL | CLOSES_P}, {"q", 1, 0},
    {"s", 1, FORMAT}, {"script", 6, SPECIAL | RAW}, {"search", 6, BLOCK | SPECIAL | CLOSES_P},
    {"section", 7, BLOCK | SPECIAL | CLOSES_P}, {"select", 6, SPECIAL}, {"small", 5, FORMAT},
    {"source", 6, SPECIAL | VOID}, {"span", 4, 0}, {"strike", 6, FORMAT}, {"strong", 6, FORMAT},
    {"style", 5, SPECIAL | RAW}, {"sub", 3, 0}, {"summary", 7, BLOCK | SPECIAL | CLOSES_P}, {"sup", 3, 0},
    {"svg", 3, 0}, {"table", 5, BLOCK | SPECIAL | SCOPE | CLOSES_P}, {"tbody", 5, BLOCK | SPECIAL},
    {"td", 2, CELL | SPECIAL | SCOPE}, {"template", 8, SPECIAL | SCOPE}, {"textarea", 8, SPECIAL | RAW},
    {"tfoot", 5, BLOCK | SPECIAL}, {"th", 2, CELL | SPECIAL | SCOPE}, {"thead", 5, BLOCK | SPECIAL}, {"time", 4, 0},
    {"title", 5, SPECIAL | RAW}, {"tr", 2, BLOCK | SPECIAL}, {"track", 5, SPECIAL | VOID}, {"tt", 2, FORMAT},
    {"u", 1, FORMAT}, {"ul", 2, BLOCK | SPECIAL | CLOSES_P}, {"video", 5, 0}, {"wbr", 3, SPECIAL | VOID},
    {"xmp", 3, BLOCK | SPECIAL | CLOSES_P | RAW},
};

/* Where the names with each letter begin. */
static const uint8_t first[27] = {
    0, 8, 18, 24, 33, 35, 43, 43, 54, 59, 59, 60, 65, 71, 76, 80, 85, 86, 86, 101,
    114, 116, 117, 118, 119, 119, 119};

_Static_assert(countof(tags) == HTML_TAG_OTHER, "a row for each tag");

static unsigned unknown(struct bytes name)
{
    uint32_t hash = 0;
    for (size_t i = 0; i < name.len && i < 32; i++)
        hash = hash * 31 + ascii_lower(name.ptr[i]);
    return HTML_TAG_OTHER + (hash ^ hash >> 8) % (HTML_TAGS - HTML_TAG_OTHER);
}

unsigned html_tag_of(struct bytes name)
{
    char lower[ROOM] = {0};
    if (name.len == 0 || name.len > TAG_NAME_MAX || !ascii_is_alpha(name.ptr[0]))
        return unknown(name);
    for (size_t i = 0; i < name.len; i++)
        lower[i] = (char)ascii_lower(name.ptr[i]);
    for (unsigned i = first[lower[0] - 'a'], end = first[lower[0] - 'a' + 1]; i < end; i++)
        if (memcmp(tags[i].name, lower, ROOM) == 0)
            return i;
    return unknown(name);
}

unsigned html_tag_flags(unsigned tag)
{
    return tag < HTML_TAG_OTHER ? tags[tag].flags : 0;
}

struct bytes html_tag_name(unsigned tag)
{
    return tag < HTML_TAG_OTHER ? bytes_from(tags[tag].name, tags[tag].length) : (struct bytes){NULL, 0};
}
