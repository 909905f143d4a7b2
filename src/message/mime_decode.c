/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/mime_decode.h"

#include "base/ascii.h"

#include <string.h>

enum { NOT_A_DIGIT = 64, PADDING = 65, SKIPPED = 66 };

static const uint8_t *base64_values(void)
{
    static const uint8_t values[256] = {
#define N NOT_A_DIGIT
#define S SKIPPED
        N, N, N, N, N, N, N, N, N, S, S, N, N, S, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
        S, N, N, N, N, N, N, N, N, N, N, 62, N, N, N, 63, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, N, N,
        N, PADDING, N, N, N, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
        21, 22, 23, 24, 25, N, N, N, N, N, N, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39,
        40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, N, N, N, N, N,
        N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
        N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
        N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
        N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
#undef N
#undef S
    };
    return values;
}

enum mime_encoding mime_encoding_of(struct bytes value)
{
    static const struct {
        const char *name;
        enum mime_encoding encoding;
    } names[] = {{"7bit", MIME_IDENTITY},
                 {"8bit", MIME_IDENTITY},
                 {"binary", MIME_IDENTITY},
                 {"base64", MIME_BASE64},
                 {"quoted-printable", MIME_QUOTED_PRINTABLE}};
    value = bytes_trim(value);
    while (value.len && value.ptr[0] == '(') { /* a comment before the token */
        size_t end = bytes_find_byte(value, ')');
        value = bytes_trim(bytes_skip(value, end == BYTES_NOT_FOUND ? value.len : end + 1));
    }
    if (value.len && value.ptr[0] == '"')
        value = bytes_skip(value, 1);
    size_t end = 0;
    while (end < value.len && (ascii_is_alnum(value.ptr[end]) || value.ptr[end] == '-'))
        end++;
    for (size_t i = 0; i < countof(names); i++)
        if (bytes_is_nocase(bytes_first(value, end), names[i].name))
            return names[i].encoding;
    return MIME_UNKNOWN_ENCODING;
}

const char *mime_encoding_name(enum mime_encoding encoding)
{
    static const char *const names[] = {"identity", "quoted-printable", "base64", "unknown"};
    return names[encoding];
}

struct mime_decoder mime_decoder_for(enum mime_encoding encoding)
{
    return (struct mime_decoder){.encoding = encoding};
}

/* What is left of a group of four digits: 2 give one octet, 3 give two. */
static uint8_t *base64_flush(struct mime_decoder *d, uint8_t *out)
{
    if (d->digits == 1)
        d->malformed = true;
    if (d->digits >= 2)
        *out++ = (uint8_t)(d->bits >> (d->digits == 2 ? 4 : 10));
    if (d->digits == 3)
        *out++ = (uint8_t)(d->bits >> 2);
    d->digits = 0;
    d->bits = 0;
    return out;
}

static uint8_t *base64_one(struct mime_decoder *d, uint8_t value, uint8_t *out)
{
    if (value == SKIPPED)
        return out;
    if (value == PADDING) {
        d->padded = true;
        return d->digits ? base64_flush(d, out) : out;
    }
    if (value == NOT_A_DIGIT) {
        d->malformed = true;
        return out;
    }
    if (d->padded) /* several encodings, one behind the other */
        d->malformed = true;
    d->bits = d->bits << 6 | value;
    if (++d->digits < 4)
        return out;
    out[0] = (uint8_t)(d->bits >> 16);
    out[1] = (uint8_t)(d->bits >> 8);
    out[2] = (uint8_t)d->bits;
    d->bits = 0;
    d->digits = 0;
    return out + 3;
}

static void base64_piece(struct mime_decoder *d, struct bytes in, struct buf *out)
{
    const uint8_t *values = base64_values();
    uint8_t *start = buf_reserve(out, in.len / 4 * 3 + 6), *to = start;
    if (!start)
        return;
    for (size_t i = 0; i < in.len; i++) {
        /* Whole groups at once, which is nearly all there is. */
        while (d->digits == 0 && !d->padded && in.len - i >= 4) {
            uint8_t a = values[in.ptr[i]], b = values[in.ptr[i + 1]];
            uint8_t c = values[in.ptr[i + 2]], e = values[in.ptr[i + 3]];
            if ((a | b | c | e) & 64)
                break;
            to[0] = (uint8_t)(a << 2 | b >> 4);
            to[1] = (uint8_t)(b << 4 | c >> 2);
            to[2] = (uint8_t)(c << 6 | e);
            to += 3;
            i += 4;
        }
        if (i < in.len)
            to = base64_one(d, values[in.ptr[i]], to);
    }
    out->len += (size_t)(to - start);
}

/* Quoted-printable: what stands before the octet that comes. */
enum {
    TEXT,
    EQUALS,       /* "=" */
    ONE_DIGIT,    /* "=A" */
    EQUALS_BLANK, /* "= ": a soft line break if the line ends here */
    EQUALS_CR,    /* "=" [blanks] CR */
    CR
};

static void give_blanks(struct mime_decoder *d, struct buf *out)
{
    if (d->blank_count)
        buf_add(out, bytes_from(d->blanks, d->blank_count));
    d->blank_count = 0;
}

static void hold_blank(struct mime_decoder *d, uint8_t c, struct buf *out)
{
    if (d->blank_count == MIME_BLANKS_MAX)
        give_blanks(d, out);
    d->blanks[d->blank_count++] = c;
}

/* The "=" was none of the encoding's: it and what followed it is text. */
static void give_up_escape(struct mime_decoder *d, struct buf *out)
{
    d->malformed = true;
    if (d->state != CR)
        buf_add_byte(out, '=');
    if (d->state == ONE_DIGIT)
        buf_add_byte(out, d->held);
    give_blanks(d, out);
    if (d->state == EQUALS_CR || d->state == CR)
        buf_add_byte(out, '\r');
    d->state = TEXT;
}

static void text_octet(struct mime_decoder *d, uint8_t c, struct buf *out)
{
    if (c == '\r') {
        d->state = CR;
        return;
    }
    if (ascii_is_wsp(c)) {
        hold_blank(d, c, out);
        return;
    }
    if (c == '\n')
        d->blank_count = 0;
    else
        give_blanks(d, out);
    if (c == '=')
        d->state = EQUALS;
    else
        buf_add_byte(out, c);
}

/* False if the octet was not taken: it is text behind an escape that was none. */
static bool escape_octet(struct mime_decoder *d, uint8_t c, struct buf *out)
{
    if (d->state == CR || d->state == EQUALS_CR) {
        if (c != '\n')
            return false;
        if (d->state == CR)
            buf_add(out, BYTES("\r\n"));
        d->blank_count = 0; /* rfc2045:6.7 (3) */
        d->state = TEXT;
        return true;
    }
    if (d->state == ONE_DIGIT) {
        if (ascii_hex_value(c) < 0)
            return false;
        buf_add_byte(out, (uint8_t)(ascii_hex_value(d->held) << 4 | ascii_hex_value(c)));
        d->state = TEXT;
        return true;
    }
    if (c == '\r') {
        d->state = EQUALS_CR;
        return true;
    }
    if (c == '\n') {
        d->blank_count = 0;
        d->state = TEXT;
        return true;
    }
    if (ascii_is_wsp(c) && d->blank_count < MIME_BLANKS_MAX) {
        d->state = EQUALS_BLANK;
        d->blanks[d->blank_count++] = c;
        return true;
    }
    if (d->state == EQUALS && ascii_hex_value(c) >= 0) {
        d->held = c;
        d->state = ONE_DIGIT;
        return true;
    }
    return false;
}

static bool is_plain(uint8_t c)
{
    return c > ' ' && c != '=';
}

static void quoted_printable_piece(struct mime_decoder *d, struct bytes in, struct buf *out)
{
    for (size_t i = 0; i < in.len; i++) {
        size_t end = i;
        if (d->state == TEXT)
            while (end < in.len && is_plain(in.ptr[end]))
                end++;
        if (end > i) {
            give_blanks(d, out);
            buf_add(out, bytes_slice(in, i, end));
            i = end;
            if (i == in.len)
                return;
        }
        if (d->state != TEXT) {
            if (escape_octet(d, in.ptr[i], out))
                continue;
            give_up_escape(d, out);
        }
        text_octet(d, in.ptr[i], out);
    }
}

void mime_decode(struct mime_decoder *decoder, struct bytes in, struct buf *out)
{
    if (in.len == 0)
        return;
    if (decoder->encoding == MIME_BASE64)
        base64_piece(decoder, in, out);
    else if (decoder->encoding == MIME_QUOTED_PRINTABLE)
        quoted_printable_piece(decoder, in, out);
    else
        buf_add(out, in);
}

void mime_decode_end(struct mime_decoder *decoder, struct buf *out)
{
    if (decoder->encoding == MIME_BASE64 && decoder->digits) {
        decoder->malformed = true; /* the last group is not complete (rfc2045:6.8): cut off */
        decoder->digits = 0;
        decoder->bits = 0;
    }
    if (decoder->encoding != MIME_QUOTED_PRINTABLE)
        return;
    if (decoder->state == EQUALS || decoder->state == EQUALS_BLANK || decoder->state == EQUALS_CR)
        decoder->blank_count = 0; /* a soft line break at the very end */
    else if (decoder->state != TEXT)
        give_up_escape(decoder, out);
    decoder->blank_count = 0;
    decoder->state = TEXT;
}
