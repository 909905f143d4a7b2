/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/dkim_canonical.h"

#include "base/ascii.h"

#include <endian.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

const char *dkim_canonicalization_name(enum dkim_canonicalization canonicalization)
{
    return canonicalization == DKIM_RELAXED ? "relaxed" : "simple";
}

bool dkim_canonicalization_parse(struct bytes text, enum dkim_canonicalization *out)
{
    if (bytes_is(text, "relaxed"))
        *out = DKIM_RELAXED;
    else if (bytes_is(text, "simple"))
        *out = DKIM_SIMPLE;
    else
        return false;
    return true;
}

void dkim_sink_open(struct dkim_sink *sink, dkim_sink_function *write, void *context)
{
    sink->write = write;
    sink->context = context;
    sink->pending_count = 0;
}

void dkim_sink_flush(struct dkim_sink *sink)
{
    if (sink->pending_count)
        sink->write(sink->context, bytes_from(sink->pending, sink->pending_count));
    sink->pending_count = 0;
}

void dkim_sink_add(struct dkim_sink *sink, struct bytes run)
{
    if (run.len > DKIM_SINK_PENDING - sink->pending_count)
        dkim_sink_flush(sink);
    if (run.len > DKIM_SINK_PENDING / 4) {
        dkim_sink_flush(sink);
        sink->write(sink->context, run);
    } else if (run.len) {
        memcpy(sink->pending + sink->pending_count, run.ptr, run.len);
        sink->pending_count += run.len;
    }
}

static inline bool space_needs_change(struct bytes text, size_t at)
{
    if (at + 1 == text.len)
        return true;
    uint8_t next = text.ptr[at + 1];
    return ascii_is_wsp(next) || next == '\r';
}

/*
 * The next place at or after `at` that relaxed canonicalization may change, or text.len: a tab, a
 * space before white space, CR or the end, and with `folded` any CR. Most of a message needs no
 * change, and this scan is all that relaxed costs above simple; so it takes large steps as far as
 * they fit (find_step), and the single octets decide.
 */
#ifdef __SSE2__
/* All ones where an octet is a tab, a space before anything up to a space, or a CR that counts. */
static inline __m128i suspects(const uint8_t *text, bool folded)
{
    const __m128i space = _mm_set1_epi8(' ');
    __m128i here = _mm_loadu_si128((const __m128i *)(const void *)text);
    __m128i next = _mm_loadu_si128((const __m128i *)(const void *)(text + 1));
    __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(next, space), next);
    __m128i found = _mm_and_si128(_mm_cmpeq_epi8(here, space), low);
    found = _mm_or_si128(found, _mm_cmpeq_epi8(here, _mm_set1_epi8('\t')));
    return folded ? _mm_or_si128(found, _mm_cmpeq_epi8(here, _mm_set1_epi8('\r'))) : found;
}

/* A place not behind the next change, and on one that looks like it unless the end is near. */
static inline __attribute__((always_inline)) size_t find_step(struct bytes text, size_t at,
                                                              bool folded)
{
    for (; text.len - at > 32; at += 32) {
        __m128i first = suspects(text.ptr + at, folded);
        __m128i second = suspects(text.ptr + at + 16, folded);
        if (_mm_movemask_epi8(_mm_or_si128(first, second))) {
            unsigned mask = (unsigned)_mm_movemask_epi8(first) |
                            (unsigned)_mm_movemask_epi8(second) << 16;
            return at + (size_t)__builtin_ctz(mask);
        }
    }
    if (text.len - at > 16) {
        unsigned mask = (unsigned)_mm_movemask_epi8(suspects(text.ptr + at, folded));
        return at + (mask ? (size_t)__builtin_ctz(mask) : 16);
    }
    return at;
}
#else
#define EACH_OCTET UINT64_C(0x0101010101010101)
#define LOW_BITS UINT64_C(0x7f7f7f7f7f7f7f7f)

/* 0x80 in each octet of the word that equals c, 0 in the others. */
static inline uint64_t octets_equal(uint64_t word, uint8_t c)
{
    uint64_t difference = word ^ (EACH_OCTET * c);
    return ~(((difference & LOW_BITS) + LOW_BITS) | difference | LOW_BITS);
}

static inline size_t find_step(struct bytes text, size_t at, bool folded)
{
    uint64_t folding = folded ? ~UINT64_C(0) : 0;
    while (text.len - at >= 8) {
        uint64_t word;
        memcpy(&word, text.ptr + at, 8);
        word = le64toh(word);
        uint64_t space = octets_equal(word, ' '), tab = octets_equal(word, '\t');
        uint64_t cr = octets_equal(word, '\r');
        uint64_t found = tab | (cr & folding) | (space & ((space | tab | cr) >> 8));
        if (found)
            return at + (size_t)__builtin_ctzll(found) / 8;
        /* A space in the last octet is looked at again together with what follows it. */
        at += space >> 63 ? 7 : 8;
    }
    return at;
}
#endif

static inline bool needs_change(struct bytes text, size_t at, bool folded)
{
    uint8_t c = text.ptr[at];
    return c == '\t' || (folded && c == '\r') || (c == ' ' && space_needs_change(text, at));
}

static inline __attribute__((always_inline)) size_t find_change(struct bytes text, size_t at,
                                                                bool folded)
{
    at = find_step(text, at, folded);
    while (at < text.len && !needs_change(text, at, folded)) {
        at++;
        if (text.len - at > 16)
            at = find_step(text, at, folded);
    }
    return at;
}

static bool is_line_end(struct bytes text, size_t at)
{
    return at + 1 < text.len && text.ptr[at] == '\r' && text.ptr[at + 1] == '\n';
}

static struct bytes without_line_end(struct bytes text)
{
    return is_line_end(text, text.len >= 2 ? text.len - 2 : 0) ? bytes_first(text, text.len - 2)
                                                              : text;
}

/* Without the empty lines at the end and without the line end of the last line that is left; for
 * relaxed, lines of white space only are empty too (rfc6376:3.4.4). */
static struct bytes trim_body(struct bytes body, bool white_space)
{
    for (;;) {
        struct bytes shorter = body;
        while (white_space && shorter.len && ascii_is_wsp(shorter.ptr[shorter.len - 1]))
            shorter.len--;
        shorter = without_line_end(shorter);
        if (shorter.len == body.len)
            return body;
        body = shorter;
    }
}

static void simple_body(struct dkim_sink *sink, struct bytes body)
{
    struct bytes text = trim_body(body, false);
    /* The CRLF that is there anyway is passed on with the text, in one run. */
    if (is_line_end(body, text.len)) {
        dkim_sink_add(sink, bytes_first(body, text.len + 2));
        return;
    }
    dkim_sink_add(sink, text);
    dkim_sink_add(sink, BYTES("\r\n"));
}

static void relaxed_body(struct dkim_sink *sink, struct bytes body)
{
    struct bytes text = trim_body(body, true);
    if (text.len == 0)
        return;
    for (size_t at = 0; at < text.len;) {
        size_t change = find_change(text, at, false);
        dkim_sink_add(sink, bytes_slice(text, at, change));
        at = change;
        while (at < text.len && ascii_is_wsp(text.ptr[at]))
            at++;
        if (at > change && !is_line_end(text, at))
            dkim_sink_add(sink, BYTES(" "));
    }
    dkim_sink_add(sink, BYTES("\r\n"));
}

void dkim_canonical_body(struct dkim_sink *sink, enum dkim_canonicalization canonicalization,
                         struct bytes body)
{
    if (canonicalization == DKIM_RELAXED)
        relaxed_body(sink, body);
    else
        simple_body(sink, body);
}

/* A field value under way: `space` is owed before the next octet that is not white space. */
struct relaxed_value {
    bool started, space;
};

static size_t skip_folding(struct bytes text, size_t at)
{
    while (at < text.len) {
        if (ascii_is_wsp(text.ptr[at]))
            at++;
        else if (is_line_end(text, at))
            at += 2;
        else
            break;
    }
    return at;
}

static void relaxed_run(struct dkim_sink *sink, struct relaxed_value *value, struct bytes run)
{
    if (run.len == 0)
        return;
    if (value->space && value->started)
        dkim_sink_add(sink, BYTES(" "));
    value->space = false;
    value->started = true;
    dkim_sink_add(sink, run);
}

static void relaxed_value(struct dkim_sink *sink, struct relaxed_value *value, struct bytes text)
{
    for (size_t at = 0; at < text.len;) {
        size_t start = skip_folding(text, at);
        if (start > at)
            value->space = true;
        at = start;
        if (at == text.len)
            break;
        /* A CR that folds nothing is an octet like any other; it must not stop the run at its
         * start. */
        size_t change = find_change(text, text.ptr[at] == '\r' ? at + 1 : at, true);
        relaxed_run(sink, value, bytes_slice(text, at, change));
        at = change;
    }
}

static void relaxed_name(struct dkim_sink *sink, struct bytes name)
{
    uint8_t lower[64];
    while (name.len) {
        size_t count = name.len < sizeof(lower) ? name.len : sizeof(lower);
        for (size_t i = 0; i < count; i++)
            lower[i] = ascii_lower(name.ptr[i]);
        dkim_sink_add(sink, bytes_from(lower, count));
        name = bytes_skip(name, count);
    }
    dkim_sink_add(sink, BYTES(":"));
}

void dkim_canonical_field(struct dkim_sink *sink, enum dkim_canonicalization canonicalization,
                          const struct header_field *field)
{
    dkim_canonical_signature(sink, canonicalization, field, (struct bytes){NULL, 0});
    dkim_sink_add(sink, BYTES("\r\n"));
}

/* Splits `text` around a slice of itself; without one everything comes before. */
static void split_around(struct bytes text, struct bytes part, struct bytes *before,
                         struct bytes *after)
{
    *before = text;
    *after = (struct bytes){NULL, 0};
    if (!part.ptr || part.ptr < text.ptr || part.ptr + part.len > text.ptr + text.len)
        return;
    size_t offset = (size_t)(part.ptr - text.ptr);
    *before = bytes_first(text, offset);
    *after = bytes_skip(text, offset + part.len);
}

void dkim_canonical_signature(struct dkim_sink *sink, enum dkim_canonicalization canonicalization,
                              const struct header_field *field, struct bytes omitted)
{
    struct bytes before, after;
    if (canonicalization == DKIM_SIMPLE) {
        split_around(without_line_end(field->raw), omitted, &before, &after);
        dkim_sink_add(sink, before);
        dkim_sink_add(sink, after);
        return;
    }
    struct relaxed_value value = {0};
    split_around(field->value, omitted, &before, &after);
    relaxed_name(sink, field->name);
    relaxed_value(sink, &value, before);
    relaxed_value(sink, &value, after);
}
