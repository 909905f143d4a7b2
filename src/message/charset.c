/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/ascii.h"
#include "base/utf8.h"
#include "message/charset_private.h"

#include <string.h>

uint16_t charset_pair(const struct charset_pairs *pairs, uint8_t lead, uint8_t trail)
{
    if (lead < pairs->first_lead || lead > pairs->last_lead || trail < pairs->first_trail ||
        trail > pairs->last_trail)
        return CHARSET_NO_CHARACTER;
    size_t width = (size_t)pairs->last_trail - pairs->first_trail + 1;
    return pairs->points[(size_t)(lead - pairs->first_lead) * width + (size_t)(trail - pairs->first_trail)];
}

void charset_put(struct charset_writer *w, uint32_t point)
{
    uint8_t *to = buf_reserve(w->out, 4);
    if (to)
        w->out->len += utf8_encode(point, to);
}

void charset_bad(struct charset_writer *w)
{
    w->clean = false;
    charset_put(w, CHARSET_REPLACEMENT);
}

/* How many octets at the start are ASCII: by words, as nearly all text is. */
static size_t ascii_run(struct bytes text)
{
    size_t i = 0;
    for (uint64_t word; text.len - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, text.ptr + i, sizeof(word));
        if (word & UINT64_C(0x8080808080808080))
            break;
    }
    while (i < text.len && text.ptr[i] < 0x80)
        i++;
    return i;
}

static void decode_utf8(struct charset_writer *w, struct bytes text)
{
    size_t good = 0; /* where what has not been copied begins */
    for (size_t i = 0; i < text.len;) {
        i += ascii_run(bytes_skip(text, i));
        if (i == text.len)
            break;
        size_t length = utf8_sequence(bytes_skip(text, i));
        if (length) {
            i += length;
            continue;
        }
        buf_add(w->out, bytes_slice(text, good, i));
        charset_bad(w);
        good = ++i;
    }
    buf_add(w->out, bytes_skip(text, good));
}

static void decode_single(struct charset_writer *w, const struct charset *charset, struct bytes text)
{
    for (size_t i = 0; i < text.len;) {
        size_t run = ascii_run(bytes_skip(text, i));
        buf_add(w->out, bytes_slice(text, i, i + run));
        for (i += run; i < text.len && text.ptr[i] >= 0x80; i++) {
            uint16_t point = charset->high[text.ptr[i] - 0x80];
            if (point == CHARSET_NO_CHARACTER)
                charset_bad(w);
            else
                charset_put(w, point);
        }
    }
}

/* GB18030's four octets: those beyond the BMP are in order from U+10000; of the others, which are rare, only
 * that there is a character is known. */
static bool four_octets(struct charset_writer *w, struct bytes text)
{
    if (text.len < 4 || text.ptr[0] < 0x81 || text.ptr[0] == 0xff || !ascii_is_digit(text.ptr[1]) ||
        text.ptr[2] < 0x81 || text.ptr[2] == 0xff || !ascii_is_digit(text.ptr[3]))
        return false;
    uint32_t lead = text.ptr[0] - 0x81u, second = text.ptr[1] - 0x30u, third = text.ptr[2] - 0x81u;
    uint32_t index = ((lead * 10 + second) * 126 + third) * 10 + (text.ptr[3] - 0x30u);
    uint32_t first_beyond = (0x90 - 0x81) * 10 * 126 * 10;
    bool beyond = index >= first_beyond && index - first_beyond <= 0xfffff;
    charset_put(w, beyond ? 0x10000 + (index - first_beyond) : CHARSET_REPLACEMENT);
    return true;
}

/* One character of more than one octet, or a bad octet; how many were taken. */
static size_t double_character(struct charset_writer *w, const struct charset *charset, struct bytes text)
{
    const struct charset_pairs *pairs = charset->pairs;
    bool japanese = pairs->first_lead == 0xa1, shift_jis = pairs->last_lead == 0xfc;
    uint16_t point = CHARSET_NO_CHARACTER;
    if (shift_jis && (point = charset_katakana(text.ptr[0])) != CHARSET_NO_CHARACTER) {
        charset_put(w, point);
        return 1;
    }
    if (text.len > 1) {
        bool kana = japanese && text.ptr[0] == 0x8e;
        point = kana ? charset_katakana(text.ptr[1]) : charset_pair(pairs, text.ptr[0], text.ptr[1]);
    }
    if (point != CHARSET_NO_CHARACTER) {
        charset_put(w, point);
        return 2;
    }
    if (japanese && text.ptr[0] == 0x8f && text.len > 2 && text.ptr[1] >= 0xa1 && text.ptr[2] >= 0xa1) {
        charset_put(w, CHARSET_REPLACEMENT); /* JIS X 0212: hardly ever */
        return 3;
    }
    if (pairs->trail_digits && four_octets(w, text))
        return 4;
    charset_bad(w);
    return 1;
}

static void decode_double(struct charset_writer *w, const struct charset *charset, struct bytes text)
{
    for (size_t i = 0; i < text.len;) {
        size_t run = ascii_run(bytes_skip(text, i));
        buf_add(w->out, bytes_slice(text, i, i + run));
        for (i += run; i < text.len && text.ptr[i] >= 0x80;)
            i += double_character(w, charset, bytes_skip(text, i));
    }
}

static void decode_utf16(struct charset_writer *w, struct bytes text, bool big)
{
    uint32_t high = 0; /* the first half of a pair */
    for (size_t i = 0; i + 1 < text.len; i += 2) {
        uint32_t unit =
            big ? (uint32_t)text.ptr[i] << 8 | text.ptr[i + 1] : (uint32_t)text.ptr[i + 1] << 8 | text.ptr[i];
        if (high && unit >= 0xdc00 && unit <= 0xdfff) {
            charset_put(w, 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
            high = 0;
            continue;
        }
        if (high)
            charset_bad(w);
        high = unit >= 0xd800 && unit <= 0xdbff ? unit : 0;
        if (unit >= 0xdc00 && unit <= 0xdfff)
            charset_bad(w);
        else if (!high && !(i == 0 && unit == 0xfeff))
            charset_put(w, unit);
    }
    if (high || text.len % 2)
        charset_bad(w);
}

const struct charset *charset_of_mark(struct bytes text)
{
    if (bytes_starts_with(text, BYTES("\xef\xbb\xbf")))
        return charset_find(BYTES("utf-8"));
    if (bytes_starts_with(text, BYTES("\xff\xfe")))
        return charset_find(BYTES("utf-16le"));
    return bytes_starts_with(text, BYTES("\xfe\xff")) ? charset_find(BYTES("utf-16be")) : NULL;
}

const struct charset *charset_guess(struct bytes text)
{
    const struct charset *marked = charset_of_mark(text);
    if (marked)
        return marked;
    return utf8_is_ascii(text) || utf8_is_valid(text) ? charset_utf8() : charset_windows1252();
}

const char *charset_name(const struct charset *charset)
{
    return charset->name;
}

bool charset_is_utf8(const struct charset *charset)
{
    return charset->kind == CHARSET_UTF8;
}

bool charset_is_transparent(const struct charset *charset)
{
    return charset->kind == CHARSET_UTF8 || charset->kind == CHARSET_SINGLE;
}

bool charset_decode(const struct charset *charset, struct bytes text, struct buf *out)
{
    struct charset_writer w = {out, true};
    switch (charset->kind) {
    case CHARSET_UTF8:
        decode_utf8(&w, bytes_starts_with(text, BYTES("\xef\xbb\xbf")) ? bytes_skip(text, 3) : text);
        break;
    case CHARSET_SINGLE:
        decode_single(&w, charset, text);
        break;
    case CHARSET_DOUBLE:
        decode_double(&w, charset, text);
        break;
    case CHARSET_UTF16_LE:
    case CHARSET_UTF16_BE:
        decode_utf16(&w, text, charset->kind == CHARSET_UTF16_BE);
        break;
    case CHARSET_UTF7:
        charset_decode_utf7(&w, text);
        break;
    case CHARSET_ISO2022_JP:
    case CHARSET_ISO2022_KR:
        charset_decode_iso2022(&w, charset, text);
        break;
    case CHARSET_HZ:
        charset_decode_hz(&w, charset, text);
        break;
    }
    return w.clean;
}
