/* SPDX-License-Identifier: BSD-2-Clause */
/* html_text_sheet: the rules of <style> whose selectors are simple. */
#include "base/ascii.h"
#include "base/map.h"
#include "message/html_text_style.h"
#include "message/html_text_token.h"

#include <string.h>

enum { SELECTOR_MAX = 80 };

struct selector {
    enum html_rule_kind kind;
    struct bytes element, name; /* either may be empty */
};

void html_sheet_init(struct html_sheet *sheet)
{
    memset(sheet->slots, 0, sizeof(sheet->slots));
    memset(sheet->known, 0, sizeof(sheet->known));
    sheet->count = 0;
    sheet->doubtful = 0;
}

/* Keyed, because a stranger chooses the names. */
static uint64_t key_of(const struct selector *selector)
{
    uint8_t text[2 * SELECTOR_MAX + 2];
    size_t used = 0;
    text[used++] = (uint8_t)selector->kind;
    for (size_t i = 0; i < selector->element.len && i < SELECTOR_MAX; i++)
        text[used++] = ascii_lower(selector->element.ptr[i]);
    text[used++] = 0;
    for (size_t i = 0; i < selector->name.len && i < SELECTOR_MAX; i++)
        text[used++] = ascii_lower(selector->name.ptr[i]); /* of quirks mode, which mail is read in */
    return map_hash(bytes_from(text, used)) | 1;
}

/* One of 64 bits: most names that have no rule are told by it. */
static uint64_t bit_of(const struct selector *selector)
{
    struct bytes name = selector->name.len ? selector->name : selector->element;
    if (name.len == 0)
        return 1;
    unsigned sum = (unsigned)name.len * 5 + (name.ptr[0] & 31u) + 3 * (name.ptr[name.len - 1] & 31u);
    return UINT64_C(1) << sum % 64;
}

static const struct html_rule *find(const struct html_sheet *sheet, uint64_t key, size_t *slot)
{
    size_t i = key % countof(sheet->slots);
    for (; sheet->slots[i]; i = (i + 1) % countof(sheet->slots))
        if (sheet->rules[sheet->slots[i] - 1].key == key)
            return &sheet->rules[sheet->slots[i] - 1];
    *slot = i;
    return NULL;
}

static void add_rule(struct html_sheet *sheet, const struct selector *selector, const struct html_style *style)
{
    uint64_t key = key_of(selector);
    size_t slot;
    sheet->known[selector->kind] |= bit_of(selector);
    const struct html_rule *known = find(sheet, key, &slot);
    if (known) {
        html_style_merge(&sheet->rules[known - sheet->rules].style, style);
    } else if (sheet->count < HTML_STYLE_RULES_MAX) {
        sheet->rules[sheet->count] = (struct html_rule){key, *style};
        sheet->slots[slot] = (uint16_t)++sheet->count;
    } else {
        sheet->doubtful |= style->set & (HTML_COLOR | HTML_GROUND);
    }
}

static bool is_name(uint8_t c)
{
    return ascii_is_alnum(c) || c == '-' || c == '_' || c >= 0x80;
}

/* Element, ".class", "#id", or an element and one of those; false for all others. */
static bool split_selector(struct bytes text, struct selector *out)
{
    size_t i = 0;
    if (text.len == 0 || text.len > SELECTOR_MAX)
        return false;
    while (i < text.len && is_name(text.ptr[i]))
        i++;
    out->element = bytes_first(text, i);
    if (text.ptr[0] == '*')
        i = 1;
    out->name = bytes_skip(text, i + 1);
    for (size_t at = 0; at < out->name.len; at++)
        if (!is_name(out->name.ptr[at]))
            return false;
    out->kind = HTML_RULE_ELEMENT;
    if (i == text.len)
        return true;
    bool class = text.ptr[i] == '.';
    if (class)
        out->kind = out->element.len ? HTML_RULE_ELEMENT_CLASS : HTML_RULE_CLASS;
    else
        out->kind = out->element.len ? HTML_RULE_ELEMENT_ID : HTML_RULE_ID;
    return (class || text.ptr[i] == '#') && out->name.len;
}

static void add_selector(struct html_sheet *sheet, struct bytes text, const struct html_style *style)
{
    static const char *const states[] = {":hover", ":active", ":focus", ":visited", ":link", "::selection"};
    struct selector selector;
    text = bytes_trim(text);
    if (split_selector(text, &selector)) {
        add_rule(sheet, &selector, style);
        return;
    }
    for (size_t i = 0; i < countof(states); i++)
        if (bytes_find(text, bytes_of(states[i])) != BYTES_NOT_FOUND)
            return;
    sheet->doubtful |= style->set & (HTML_COLOR | HTML_GROUND);
}

/* Where the octet is next, quoted strings and comments passed over; the end if it is not. */
static size_t find_outside(struct bytes css, size_t at, uint8_t wanted)
{
    uint8_t quote = 0;
    for (; at < css.len; at++) {
        uint8_t c = css.ptr[at];
        if (quote) {
            if (c == quote || c == '\n')
                quote = 0;
        } else if (c == wanted) {
            return at;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '\\') {
            at++;
        } else if (c == '/' && at + 1 < css.len && css.ptr[at + 1] == '*') {
            size_t close = bytes_find(bytes_skip(css, at + 2), BYTES("*/"));
            if (close == BYTES_NOT_FOUND)
                return css.len;
            at += close + 3;
        }
    }
    return css.len;
}

/* Behind the block whose "{" is at `at`. */
static size_t skip_block(struct bytes css, size_t at)
{
    size_t depth = 0;
    for (; at < css.len; at++) {
        if (css.ptr[at] == '{')
            depth++;
        if (css.ptr[at] == '}' && --depth == 0)
            return at + 1;
    }
    return css.len;
}

/* An at-rule: one for every screen is gone into, all others are passed over. */
static size_t at_rule(struct bytes css, size_t at)
{
    size_t open = at;
    while (open < css.len && css.ptr[open] != '{' && css.ptr[open] != ';')
        open++;
    if (open == css.len || css.ptr[open] == ';')
        return open < css.len ? open + 1 : open;
    struct bytes condition = bytes_slice(css, at, open);
    bool everywhere = bytes_starts_with_nocase(condition, BYTES("@media")) && condition.len < SELECTOR_MAX &&
                      bytes_find_byte(condition, '(') == BYTES_NOT_FOUND &&
                      bytes_find_nocase(condition, BYTES("not")) == BYTES_NOT_FOUND &&
                      (bytes_find_nocase(condition, BYTES("screen")) != BYTES_NOT_FOUND ||
                       bytes_find_nocase(condition, BYTES("all")) != BYTES_NOT_FOUND);
    return everywhere ? open + 1 : skip_block(css, open);
}

/* What no rule begins with: blanks, comments, "<!--" and "-->", the end of an at-rule's block. */
static size_t skip_between(struct bytes css, size_t at)
{
    while (at < css.len) {
        struct bytes rest = bytes_skip(css, at);
        if (html_is_space(css.ptr[at]) || css.ptr[at] == '}' || css.ptr[at] == ';') {
            at++;
        } else if (bytes_starts_with(rest, BYTES("/*"))) {
            size_t close = bytes_find(bytes_skip(rest, 2), BYTES("*/"));
            at = close == BYTES_NOT_FOUND ? css.len : at + close + 4;
        } else if (bytes_starts_with(rest, BYTES("<!--"))) {
            at += 4;
        } else if (bytes_starts_with(rest, BYTES("-->"))) {
            at += 3;
        } else {
            break;
        }
    }
    return at;
}

void html_sheet_read(struct html_sheet *sheet, struct bytes css)
{
    for (size_t at = skip_between(css, 0); at < css.len; at = skip_between(css, at)) {
        if (css.ptr[at] == '@') {
            at = at_rule(css, at);
            continue;
        }
        size_t open = find_outside(css, at, '{'), close = find_outside(css, open + 1, '}');
        struct html_style style = {0};
        html_style_read(&style, bytes_slice(css, open + 1, close));
        struct bytes selectors = bytes_slice(css, at, open), selector;
        while (style.set && bytes_split(&selectors, ',', &selector))
            add_selector(sheet, selector, &style);
        at = close < css.len ? close + 1 : close;
    }
}

static void apply(const struct html_sheet *sheet, enum html_rule_kind kind, struct bytes element,
                  struct bytes name, struct html_style *style)
{
    struct selector selector = {kind, element, name};
    size_t slot;
    if (!sheet->known[kind] || !(sheet->known[kind] & bit_of(&selector)))
        return;
    const struct html_rule *rule = find(sheet, key_of(&selector), &slot);
    if (rule)
        html_style_merge(style, &rule->style);
}

static void apply_classes(const struct html_sheet *sheet, struct bytes name, struct bytes classes,
                          struct html_style *style)
{
    enum { CLASSES_MAX = 8 };
    const struct bytes any = {NULL, 0};
    for (size_t i = 0, count = 0; i < classes.len && count < CLASSES_MAX; count++) {
        while (i < classes.len && html_is_space(classes.ptr[i]))
            i++;
        size_t start = i;
        while (i < classes.len && !html_is_space(classes.ptr[i]))
            i++;
        struct bytes class = bytes_slice(classes, start, i);
        if (class.len == 0)
            break;
        apply(sheet, HTML_RULE_CLASS, any, class, style);
        apply(sheet, HTML_RULE_ELEMENT_CLASS, name, class, style);
    }
}

void html_sheet_apply(const struct html_sheet *sheet, struct bytes name, struct bytes classes, struct bytes id,
                      struct html_style *style)
{
    const struct bytes any = {NULL, 0};
    apply(sheet, HTML_RULE_ELEMENT, any, any, style);
    apply(sheet, HTML_RULE_ELEMENT, name, any, style);
    apply_classes(sheet, name, classes, style);
    if (id.len) {
        apply(sheet, HTML_RULE_ID, any, id, style);
        apply(sheet, HTML_RULE_ELEMENT_ID, name, id, style);
    }
}
