/* SPDX-License-Identifier: BSD-2-Clause */
/* mime_text: the encoded words of RFC 2047, and texts of the charsets that need no table. */
#include "base/ascii.h"
#include "base/utf8.h"
#include "message/mime_decode.h"
#include "message/mime_parameter.h"
#include "message/structured.h"

enum charset { CHARSET_UTF8, CHARSET_LATIN1, CHARSET_OTHER };

static enum charset charset_of(struct bytes name)
{
    static const char *const utf8[] = {"utf-8", "utf8", "us-ascii", "ascii"};
    static const char *const latin1[] = {"iso-8859-1", "iso8859-1", "latin1"};
    for (size_t i = 0; i < countof(utf8); i++)
        if (bytes_is_nocase(name, utf8[i]))
            return CHARSET_UTF8;
    for (size_t i = 0; i < countof(latin1); i++)
        if (bytes_is_nocase(name, latin1[i]))
            return CHARSET_LATIN1;
    return CHARSET_OTHER;
}

static void add_converted(struct octets *to, struct bytes text, enum charset charset)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (charset != CHARSET_LATIN1 || c < 0x80) {
            octets_add_byte(to, c);
            continue;
        }
        octets_add_byte(to, (uint8_t)(0xc0 | c >> 6));
        octets_add_byte(to, (uint8_t)(0x80 | (c & 0x3f)));
    }
}

struct word {
    struct bytes charset, text;
    bool base64;
    size_t length; /* of the whole, "=?" and "?=" included */
};

/* The encoded word that begins here: =?charset?B?text?= (rfc2047:2). None of its parts can hold a "?", so
 * all attempts together look at each octet a few times at most. Blanks within are against the rule, and
 * occur. */
static bool read_word(struct bytes text, struct word *word)
{
    struct bytes rest = bytes_skip(text, 2);
    size_t end = bytes_find_byte(rest, '?');
    if (!bytes_starts_with(text, BYTES("=?")) || end == BYTES_NOT_FOUND || end == 0)
        return false;
    word->charset = bytes_first(rest, end);
    /* rfc2231:5 puts a language behind an asterisk. */
    word->charset = bytes_first(word->charset, bytes_find_byte(word->charset, '*'));
    rest = bytes_skip(rest, end + 1);
    if (rest.len < 2 || rest.ptr[1] != '?')
        return false;
    uint8_t encoding = ascii_lower(rest.ptr[0]);
    if (encoding != 'b' && encoding != 'q')
        return false;
    word->base64 = encoding == 'b';
    rest = bytes_skip(rest, 2);
    end = bytes_find_byte(rest, '?');
    if (end == BYTES_NOT_FOUND || end + 1 >= rest.len || rest.ptr[end + 1] != '=')
        return false;
    word->text = bytes_first(rest, end);
    word->length = (size_t)(rest.ptr + end + 2 - text.ptr);
    return true;
}

/* rfc2047:4.2: quoted-printable, but for underscores, which are spaces. */
static void decode_q(struct bytes text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        int high = i + 2 < text.len ? ascii_hex_value(text.ptr[i + 1]) : -1;
        int low = i + 2 < text.len ? ascii_hex_value(text.ptr[i + 2]) : -1;
        if (text.ptr[i] == '=' && high >= 0 && low >= 0) {
            buf_add_byte(out, (uint8_t)(high << 4 | low));
            i += 2;
        } else {
            buf_add_byte(out, text.ptr[i] == '_' ? ' ' : text.ptr[i]);
        }
    }
}

static void decode_word(const struct word *word, struct buf *scratch)
{
    buf_clear(scratch);
    if (!word->base64) {
        decode_q(word->text, scratch);
        return;
    }
    struct mime_decoder decoder = mime_decoder_for(MIME_BASE64);
    mime_decode(&decoder, word->text, scratch);
    mime_decode(&decoder, BYTES("=="), scratch); /* words without padding are common */
    mime_decode_end(&decoder, scratch);
}

static void add_words(struct bytes text, struct octets *to, struct mime_text *out,
                      struct buf *scratch)
{
    struct word word;
    bool after_word = false;
    size_t plain = 0; /* where text that is in no word begins */
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '=' || !read_word(bytes_skip(text, i), &word))
            continue;
        struct bytes between = bytes_slice(text, plain, i);
        /* Blanks between two words are not shown (rfc2047:6.2). */
        if (!after_word || bytes_trim(between).len)
            octets_add(to, between);
        decode_word(&word, scratch);
        enum charset charset = charset_of(word.charset);
        if (charset == CHARSET_OTHER && out->charset.len == 0)
            out->charset = word.charset;
        add_converted(to, buf_bytes(scratch), charset);
        after_word = true;
        i += word.length - 1;
        plain = i + 1;
    }
    octets_add(to, bytes_skip(text, plain));
}

static void finish(struct mime_text *out, const struct octets *to)
{
    out->octets = octets_since(to, 0);
    out->utf8 = out->charset.len == 0 && utf8_is_valid(out->octets);
    if (out->utf8)
        out->charset = BYTES("utf-8");
}

bool mime_words_decode(struct arena *arena, struct bytes text, struct mime_text *out)
{
    struct octets to;
    struct buf scratch;
    *out = (struct mime_text){0};
    if (!octets_create(arena, 2 * text.len, &to))
        return false;
    buf_init(&scratch, text.len + 16);
    add_words(text, &to, out, &scratch);
    buf_free(&scratch);
    finish(out, &to);
    return true;
}

bool mime_parameter_text(struct arena *arena, const struct mime_parameter *parameter,
                         struct mime_text *out)
{
    struct octets to;
    if (parameter->charset.len == 0)
        return mime_words_decode(arena, parameter->value, out);
    *out = (struct mime_text){0};
    enum charset charset = charset_of(parameter->charset);
    if (!octets_create(arena, 2 * parameter->value.len, &to))
        return false;
    add_converted(&to, parameter->value, charset);
    if (charset == CHARSET_OTHER)
        out->charset = parameter->charset;
    finish(out, &to);
    return true;
}
