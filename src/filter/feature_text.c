/* SPDX-License-Identifier: BSD-2-Clause */
/* What is taken from text: words, sequences of octets, and the parts of URLs. */
#include "filter/feature.h"

enum { GRAM = 4, URL_WORDS_MAX = 50, URL_PATH_MAX = 300 };

enum { WORD_BODY = 1, WORD_HEADER = 2 };

/* Letters and digits, all that is not ASCII, and some signs that tell sellers from other people. */
static const uint8_t word_octets[256] = {
    ['0' ... '9'] = WORD_BODY | WORD_HEADER, ['A' ... 'Z'] = WORD_BODY | WORD_HEADER,
    ['a' ... 'z'] = WORD_BODY | WORD_HEADER, [128 ... 255] = WORD_BODY | WORD_HEADER,
    ['\''] = WORD_BODY | WORD_HEADER,        ['$'] = WORD_BODY | WORD_HEADER,
    ['-'] = WORD_BODY | WORD_HEADER,         ['!'] = WORD_BODY | WORD_HEADER,
    ['_'] = WORD_HEADER,
};

/* How many octets at the start are no part of a word: also the blanks, dashes and quotes of Unicode
 * (U+00A0, U+2000 to U+206F, U+3000 to U+3003), which are three octets at most. */
static inline size_t gap(struct bytes text, size_t at, uint8_t member)
{
    uint8_t octet = text.ptr[at];
    if (!(word_octets[octet] & member))
        return 1;
    if (octet < 0xc2 || octet > 0xe3 || text.len - at < 2)
        return 0;
    uint8_t second = text.ptr[at + 1];
    if (octet == 0xc2)
        return second == 0xa0 ? 2 : 0;
    if (text.len - at < 3 || !((octet == 0xe2 && second <= 0x81) || (octet == 0xe3 && second == 0x80 &&
                                                                     text.ptr[at + 2] <= 0x83)))
        return 0;
    return 3;
}

struct bytes feature_next_word(struct bytes *rest, bool header)
{
    uint8_t member = header ? WORD_HEADER : WORD_BODY;
    size_t from = 0, skip;
    while (from < rest->len && (skip = gap(*rest, from, member)))
        from += skip;
    size_t to = from;
    while (to < rest->len && !gap(*rest, to, member))
        to++;
    struct bytes word = bytes_slice(*rest, from, to);
    *rest = bytes_skip(*rest, to);
    return bytes_first(word, FEATURE_WORD_MAX);
}

static void add_grams(struct feature_set *set, struct bytes text)
{
    uint32_t gram = 0;
    for (size_t i = 0; i < text.len; i++) {
        gram = gram << 8 | text.ptr[i];
        if (i >= GRAM - 1)
            feature_add(set, gram, bytes_slice(text, i + 1 - GRAM, i + 1));
    }
}

/* The source of HTML tells the program that made it: its first octets, of all HTML parts together. */
static struct bytes html_source(struct arena *arena, const struct mime *mime)
{
    struct buf source;
    buf_init(&source, 4 * FEATURE_SOURCE_MAX);
    for (const struct mime_part *part = mime->root; part; part = mime_next(part)) {
        if (source.len >= FEATURE_SOURCE_MAX)
            break;
        if (part->kind != MIME_LEAF || !mime_is(part, "text", "html"))
            continue;
        struct mime_decoder decoder = mime_decoder_for(part->encoding);
        mime_decode(&decoder, bytes_first(part->body, FEATURE_SOURCE_MAX), &source);
        mime_decode_end(&decoder, &source);
    }
    struct bytes copy = arena_copy(arena, bytes_first(buf_bytes(&source), FEATURE_SOURCE_MAX));
    buf_free(&source);
    return copy;
}

void feature_grams(struct feature_set *set, struct arena *arena, const struct readable *readable)
{
    add_grams(set, bytes_first(readable->text, FEATURE_TEXT_MAX));
    if (readable->flags & READABLE_HTML && readable->mime)
        add_grams(set, html_source(arena, readable->mime));
}

static void add_words(struct feature_set *set, struct bytes text, uint64_t seed, size_t max)
{
    for (size_t i = 0; i < max; i++) {
        struct bytes word = feature_next_word(&text, false);
        if (!word.len)
            return;
        feature_add(set, feature_hash(word, seed), word);
    }
}

/* "www.shop.example.org" gives itself, "shop.example.org", "example.org" and "org". */
static void add_host(struct feature_set *set, struct bytes host)
{
    for (size_t i = 0; i < host.len && i < 255; i++)
        if (i == 0 || host.ptr[i - 1] == '.') {
            struct bytes suffix = bytes_skip(host, i);
            feature_add(set, feature_hash(suffix, 3), suffix);
        }
}

static void add_link(struct feature_set *set, const struct readable_link *link)
{
    set->prefix = FEATURE_LINK;
    add_host(set, link->host);
    size_t authority = bytes_find(link->url, BYTES("://"));
    struct bytes path = bytes_skip(link->url, authority == BYTES_NOT_FOUND ? 0 : authority + 3);
    size_t slash = 0;
    while (slash < path.len && path.ptr[slash] != '/' && path.ptr[slash] != '?')
        slash++;
    set->prefix = FEATURE_PATH;
    add_words(set, bytes_first(bytes_skip(path, slash), URL_PATH_MAX), 4, URL_WORDS_MAX);
}

void feature_words(struct feature_set *set, const struct readable *readable)
{
    set->prefix = FEATURE_SUBJECT;
    add_words(set, bytes_first(readable->subject, FEATURE_FIELD_MAX), 2, FEATURE_FIELD_MAX);
    set->prefix = FEATURE_NO_PREFIX;
    add_words(set, bytes_first(readable->text, FEATURE_WORDS_TEXT), 1, FEATURE_WORDS_TEXT);
    for (size_t i = 0; i < readable->link_count && i < FEATURE_LINKS_MAX; i++)
        add_link(set, &readable->links[i]);
    set->prefix = FEATURE_NO_PREFIX;
}
