/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/readable_words.h"

#include "base/ascii.h"
#include "base/utf8.h"
#include "message/charset.h"
#include "message/mime_decode.h"

struct word {
    struct bytes charset, text;
    bool base64;
    size_t length; /* of the whole */
};

/* =?charset?B?text?= at the start. Blanks within are against the rule, and occur. Each "?" ends a piece, so all
 * attempts together look at each octet a few times. */
static bool read_word(struct bytes text, struct word *word)
{
    struct bytes rest = bytes_skip(text, 2), piece;
    if (!bytes_starts_with(text, BYTES("=?")) || rest.len == 0 || !bytes_split(&rest, '?', &piece) || !rest.ptr)
        return false;
    word->charset = bytes_first(piece, bytes_find_byte(piece, '*')); /* rfc2231:5: a language */
    if (piece.len == 0 || !bytes_split(&rest, '?', &piece) || !rest.ptr || piece.len != 1)
        return false;
    uint8_t encoding = ascii_lower(piece.ptr[0]);
    if (encoding != 'b' && encoding != 'q')
        return false;
    word->base64 = encoding == 'b';
    if (!bytes_split(&rest, '?', &word->text) || !rest.ptr || rest.len == 0 || rest.ptr[0] != '=')
        return false;
    word->length = (size_t)(rest.ptr + 1 - text.ptr);
    return true;
}

/* Octets of one charset, not yet converted. */
struct pending {
    struct bytes charset;
    struct buf octets;
    struct buf *out;
};

static void flush(struct pending *p)
{
    if (p->octets.len == 0)
        return;
    struct bytes octets = buf_bytes(&p->octets);
    const struct charset *charset = charset_find(p->charset);
    if (!charset || (!charset_is_utf8(charset) && charset_is_transparent(charset) && utf8_is_ascii(octets)))
        charset = charset_guess(octets);
    charset_decode(charset, octets, p->out);
    buf_clear(&p->octets);
}

/* rfc2047:4.2. */
static void add_q(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        int high = text.ptr[i] == '=' && i + 2 < text.len ? ascii_hex_value(text.ptr[i + 1]) : -1;
        int low = high >= 0 ? ascii_hex_value(text.ptr[i + 2]) : -1;
        buf_add_byte(out, low >= 0 ? (uint8_t)(high << 4 | low) : text.ptr[i] == '_' ? ' ' : text.ptr[i]);
        i += low >= 0 ? 2 : 0;
    }
}

static void add_word(struct pending *p, const struct word *word)
{
    if (!bytes_equal_nocase(p->charset, word->charset))
        flush(p);
    p->charset = word->charset;
    if (!word->base64) {
        add_q(&p->octets, word->text);
        return;
    }
    struct mime_decoder decoder = mime_decoder_for(MIME_BASE64);
    mime_decode(&decoder, word->text, &p->octets);
    mime_decode(&decoder, BYTES("=="), &p->octets); /* words without padding are common */
    mime_decode_end(&decoder, &p->octets);
}

static void add_plain(struct pending *p, struct bytes text)
{
    flush(p);
    charset_decode(charset_guess(text), text, p->out);
}

struct bytes readable_words(struct arena *arena, struct bytes text)
{
    if (bytes_find(text, BYTES("=?")) == BYTES_NOT_FOUND && utf8_is_ascii(text))
        return arena_copy(arena, text);
    struct buf out;
    struct pending p = {.out = &out};
    struct word word;
    size_t plain = 0;
    bool after_word = false;
    buf_init(&out, 3 * text.len + 16);
    buf_init(&p.octets, text.len + 16);
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.ptr[i] != '=' || text.ptr[i + 1] != '?' || !read_word(bytes_skip(text, i), &word))
            continue;
        struct bytes between = bytes_slice(text, plain, i);
        if (!after_word || bytes_trim(between).len) /* rfc2047:6.2: blanks between words are not shown */
            add_plain(&p, between);
        add_word(&p, &word);
        after_word = true;
        i += word.length - 1;
        plain = i + 1;
    }
    add_plain(&p, bytes_skip(text, plain));
    struct bytes copy = arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    buf_free(&p.octets);
    return copy;
}
