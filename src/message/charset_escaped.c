/* SPDX-License-Identifier: BSD-2-Clause */
/* charset_escaped: charsets in seven bits, which shift from one set of characters to another. */
#include "base/ascii.h"
#include "message/charset_private.h"

/* --- UTF-7 (RFC 2152) --------------------------------------------------------------------------- */

static int base64_value(uint8_t c)
{
    if (ascii_is_upper(c))
        return c - 'A';
    if (ascii_is_lower(c))
        return c - 'a' + 26;
    if (ascii_is_digit(c))
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

struct utf7 {
    uint32_t bits, high;
    unsigned count; /* of bits */
};

static void utf7_unit(struct charset_writer *w, struct utf7 *state, uint32_t unit)
{
    bool low = unit >= 0xdc00 && unit <= 0xdfff;
    if (state->high && low) {
        charset_put(w, 0x10000 + ((state->high - 0xd800) << 10) + (unit - 0xdc00));
        state->high = 0;
        return;
    }
    if (state->high || low)
        charset_bad(w);
    state->high = unit >= 0xd800 && unit <= 0xdbff ? unit : 0;
    if (!state->high && !low)
        charset_put(w, unit);
}

/* What follows a "+"; returns how many octets it has. */
static size_t utf7_shifted(struct charset_writer *w, struct bytes text)
{
    struct utf7 state = {0};
    size_t i = 0;
    for (; i < text.len && base64_value(text.ptr[i]) >= 0; i++) {
        state.bits = state.bits << 6 | (uint32_t)base64_value(text.ptr[i]);
        state.count += 6;
        if (state.count < 16)
            continue;
        state.count -= 16;
        utf7_unit(w, &state, state.bits >> state.count & 0xffff);
        state.bits &= (1u << state.count) - 1;
    }
    if (state.high || state.bits || state.count >= 6)
        charset_bad(w);
    if (i == 0 && i < text.len && text.ptr[i] == '-')
        charset_put(w, '+'); /* "+-" */
    return i < text.len && text.ptr[i] == '-' ? i + 1 : i;
}

void charset_decode_utf7(struct charset_writer *w, struct bytes text)
{
    for (size_t i = 0; i < text.len;) {
        uint8_t c = text.ptr[i++];
        if (c == '+')
            i += utf7_shifted(w, bytes_skip(text, i));
        else if (c < 0x80)
            charset_put(w, c);
        else
            charset_bad(w);
    }
}

/* --- ISO-2022-JP (RFC 1468), ISO-2022-KR (RFC 1557) ------------------------------------------------ */

enum set { ASCII, PAIRS, KATAKANA, FOREIGN /* one that has no table here */ };

/* The designation behind an ESC: its length, 0 if it is none. */
static size_t designation(struct bytes text, enum set *set)
{
    static const struct {
        struct bytes text;
        enum set set;
    } known[] = {{BYTES_INIT("(B"), ASCII},   {BYTES_INIT("(J"), ASCII},    {BYTES_INIT("$B"), PAIRS},
                 {BYTES_INIT("$@"), PAIRS},   {BYTES_INIT("(I"), KATAKANA}, {BYTES_INIT("$(D"), FOREIGN},
                 {BYTES_INIT("$A"), FOREIGN}, {BYTES_INIT("$(C"), FOREIGN}, {BYTES_INIT("$(B"), PAIRS}};
    for (size_t i = 0; i < countof(known); i++)
        if (bytes_starts_with(text, known[i].text)) {
            *set = known[i].set;
            return known[i].text.len;
        }
    return 0;
}

/* A character of the set; how many octets it has. */
static size_t shifted(struct charset_writer *w, const struct charset *charset, enum set set, struct bytes text)
{
    if (set == KATAKANA) {
        uint16_t point = charset_katakana(text.ptr[0] | 0x80);
        if (point == CHARSET_NO_CHARACTER)
            charset_bad(w);
        else
            charset_put(w, point);
        return 1;
    }
    if (text.len < 2 || !ascii_is_graph(text.ptr[1])) {
        charset_bad(w);
        return 1;
    }
    uint16_t point = set == FOREIGN ? CHARSET_REPLACEMENT
                                    : charset_pair(charset->pairs, text.ptr[0] | 0x80, text.ptr[1] | 0x80);
    if (point == CHARSET_NO_CHARACTER)
        charset_bad(w);
    else
        charset_put(w, point);
    return 2;
}

void charset_decode_iso2022(struct charset_writer *w, const struct charset *charset, struct bytes text)
{
    enum { ESC = 0x1b, SHIFT_OUT = 0x0e, SHIFT_IN = 0x0f };
    bool korean = charset->kind == CHARSET_ISO2022_KR;
    enum set set = ASCII;
    for (size_t i = 0; i < text.len;) {
        uint8_t c = text.ptr[i];
        if (c == ESC) {
            enum set other;
            size_t length = designation(bytes_skip(text, i + 1), &other);
            if (bytes_starts_with(bytes_skip(text, i + 1), BYTES("$)C")))
                length = 3, other = ASCII; /* ISO-2022-KR says so once, and shifts later */
            if (length)
                set = other;
            else
                charset_bad(w);
            i += 1 + length;
        } else if (korean && (c == SHIFT_OUT || c == SHIFT_IN)) {
            set = c == SHIFT_OUT ? PAIRS : ASCII;
            i++;
        } else if (set != ASCII && ascii_is_graph(c)) {
            i += shifted(w, charset, set, bytes_skip(text, i));
        } else {
            if (c == '\n')
                set = ASCII; /* each line begins in ASCII */
            if (c < 0x80)
                charset_put(w, c);
            else
                charset_bad(w);
            i++;
        }
    }
}

/* --- HZ-GB-2312 (RFC 1843) ------------------------------------------------------------------------ */

void charset_decode_hz(struct charset_writer *w, const struct charset *charset, struct bytes text)
{
    bool pairs = false;
    for (size_t i = 0; i < text.len;) {
        uint8_t c = text.ptr[i], next = i + 1 < text.len ? text.ptr[i + 1] : 0;
        if (c == '~' && (next == '{' || next == '}' || next == '~' || next == '\n' || next == '\r')) {
            if (next == '~')
                charset_put(w, '~');
            else
                pairs = next == '{' || (next != '}' && pairs);
            i += 2;
        } else if (pairs && ascii_is_graph(c)) {
            i += shifted(w, charset, PAIRS, bytes_skip(text, i));
        } else {
            pairs = pairs && c != '\n';
            if (c < 0x80)
                charset_put(w, c);
            else
                charset_bad(w);
            i++;
        }
    }
}
