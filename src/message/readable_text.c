/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/readable_text.h"

#include "base/ascii.h"
#include "base/utf8.h"

#include <string.h>

bool readable_text_is_blank(uint32_t point)
{
    return point == ' ' || (point >= '\t' && point <= '\r') || point == 0x85 || point == 0xa0 || point == 0x1680 ||
           (point >= 0x2000 && point <= 0x200a) || point == 0x2028 || point == 0x2029 || point == 0x202f ||
           point == 0x205f || point == 0x2800 || point == 0x3000;
}

bool readable_text_is_shapeless(uint32_t point)
{
    if (point < 0x300)
        return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0xad;
    return point == 0x34f || point == 0x61c || point == 0x115f || point == 0x1160 || point == 0x17b4 ||
           point == 0x17b5 || (point >= 0x180b && point <= 0x180e) || (point >= 0x200b && point <= 0x200f) ||
           (point >= 0x202a && point <= 0x202e) || (point >= 0x2060 && point <= 0x206f) || point == 0x3164 ||
           (point >= 0xfe00 && point <= 0xfe0f) || point == 0xfeff || point == 0xffa0 ||
           (point >= 0xfff9 && point <= 0xfffb) || (point >= 0xe0000 && point <= 0xe0fff);
}

static bool is_override(uint32_t point)
{
    return point == 0x202d || point == 0x202e;
}

/* Letters of scripts in which nothing without shape belongs between two of them. */
static bool is_word(uint32_t point)
{
    return point < 0x80 ? ascii_is_alnum((uint8_t)point) : (point >= 0xc0 && point <= 0x52f) || point == 0x1e9e;
}

static void separate(struct readable_text *t)
{
    struct buf *out = t->out;
    if (out->len && t->line)
        out->ptr[out->len++] = '\n';
    else if (out->len && t->blank)
        out->ptr[out->len++] = ' ';
    if (t->line || t->blank)
        t->word = false;
    t->line = t->blank = false;
}

/* Before a character is written that may go on with a word. */
static inline void join(struct readable_text *t, bool word)
{
    if (t->blank || t->line)
        separate(t);
    if (t->mark || t->split) {
        if (word && t->word) {
            t->confusable |= t->mark;
            t->splits += t->split;
        }
        t->mark = t->split = false;
    }
}

/* How many letters the word has that ends what is written. */
static size_t letters(const struct readable_text *t)
{
    size_t count = 0;
    while (count < 2 && count < t->out->len && ascii_is_alnum(t->out->ptr[t->out->len - 1 - count]))
        count++;
    return count;
}

static void shapeless(struct readable_text *t, uint32_t point)
{
    if (is_override(point))
        t->confusable = true;
    else if (point == 0xad) /* hyphenation leaves two letters at least */
        t->mark |= t->word && letters(t) == 1;
    else if (point >= 0x20 && !(point >= 0xfe00 && point <= 0xfe0f))
        t->mark |= t->word;
}

/* Takes one character above ASCII; how many octets it has. */
static size_t add_character(struct readable_text *t, struct bytes text)
{
    size_t length = utf8_sequence(text);
    if (!length)
        return 1; /* the callers have converted what they feed */
    uint32_t point = utf8_code_point(bytes_first(text, length));
    if (readable_text_is_blank(point)) {
        if (point == 0x2028 || point == 0x2029)
            readable_text_line(t);
        else
            readable_text_blank(t);
    } else if (readable_text_is_shapeless(point)) {
        shapeless(t, point);
    } else {
        bool word = is_word(point);
        join(t, word);
        t->word = word;
        memcpy(t->out->ptr + t->out->len, text.ptr, length);
        t->out->len += length;
    }
    return length;
}

/* `text` cut to what has room beside a separator before it. */
static struct bytes fit(struct readable_text *t, struct bytes text)
{
    size_t room = t->max > t->out->len ? t->max - t->out->len : 0;
    if (text.len < room && buf_reserve(t->out, text.len + 1))
        return text;
    t->cut = true;
    text = bytes_first(text, room > 0 ? room - 1 : 0);
    while (text.len && (text.ptr[text.len - 1] & 0xc0) == 0x80)
        text.len--;
    if (text.len && text.ptr[text.len - 1] >= 0xc0)
        text.len--;
    return buf_reserve(t->out, text.len + 1) ? text : (struct bytes){NULL, 0};
}

/* Eight octets that are graphic ASCII and single blanks between such can be taken as they are. */
static bool is_plain(uint64_t octets, uint64_t *blanks)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    uint64_t below = (octets - ones * ' ') & ~octets, deletes = octets + ones;
    if ((octets | below | deletes) & high)
        return false;
    *blanks = ~((octets ^ ones * ' ') + (high - ones)) & high;
    return (*blanks & *blanks >> 8) == 0;
}

/* Copies from `at`, which is a graphic octet, as long as words and single blanks follow; returns where it ended. */
static const uint8_t *copy_plain(struct readable_text *t, const uint8_t *at, const uint8_t *end)
{
    uint8_t *to = t->out->ptr + t->out->len;
    uint64_t octets, blanks;
    while (end - at >= (ptrdiff_t)sizeof(octets)) {
        memcpy(&octets, at, sizeof(octets));
        if (!is_plain(octets, &blanks) || (*at == ' ' && to[-1] == ' '))
            break;
        memcpy(to, &octets, sizeof(octets));
        at += sizeof(octets);
        to += sizeof(octets);
    }
    while (at < end && (ascii_is_graph(*at) || (*at == ' ' && to[-1] != ' ')))
        *to++ = *at++;
    if (to[-1] == ' ') { /* not before it is known what follows */
        to--;
        t->blank = true;
    }
    t->word = ascii_is_alnum(to[-1]);
    t->out->len = (size_t)(to - t->out->ptr);
    return at;
}

void readable_text_add(struct readable_text *t, struct bytes text)
{
    if (text.len == 0)
        return;
    text = fit(t, text);
    const uint8_t *at = text.ptr, *end = at + text.len;
    while (at < end) {
        if (ascii_is_graph(*at)) {
            join(t, ascii_is_alnum(*at));
            at = copy_plain(t, at, end);
        } else if (*at >= 0x80) {
            at += add_character(t, bytes_from(at, (size_t)(end - at)));
        } else {
            if (*at == ' ' || (*at >= '\t' && *at <= '\r'))
                readable_text_blank(t); /* other control characters are nothing */
            at++;
        }
    }
}
