/* SPDX-License-Identifier: BSD-2-Clause */
/* readable_differ: whether two texts that should say the same have anything in common. */
#include "base/ascii.h"
#include "message/readable_private.h"

/* One bit for each word, by a hash: what two different words share makes texts more alike, never less. */
enum { BITS = 1 << 15 /* see has() */, WORDS_MAX = 2000, WORDS_LEAST = 8, LETTERS_LEAST = 4, PERCENT_SHARED = 10 };

struct words {
    uint8_t bits[BITS / 8];
    size_t count; /* different ones */
};

/* What a letter or digit counts in a hash, in either case the same; 0 for all that is no part of a word. */
static uint8_t weight(uint8_t c)
{
    return c >= 0x80 || ascii_is_digit(c) ? c : ascii_is_alpha(c) ? (uint8_t)(c | 0x20) : 0;
}

/* The next word's hash; URLs are no words, because each form has its own. */
static bool next_word(struct bytes text, size_t *at, uint32_t *hash)
{
    size_t i = *at;
    while (i < text.len) {
        size_t start = i;
        uint32_t sum = 0;
        for (uint8_t c; i < text.len && (c = weight(text.ptr[i])) != 0; i++)
            sum = sum * 31 + c;
        size_t length = i - start;
        if (length == 0) {
            i++;
        } else if (i < text.len && text.ptr[i] == ':' &&
                   bytes_starts_with_nocase(bytes_skip(text, start), BYTES("http"))) {
            while (i < text.len && text.ptr[i] > ' ')
                i++;
        } else if (length >= LETTERS_LEAST) {
            *hash = sum * 2654435761u;
            *at = i;
            return true;
        }
    }
    *at = i;
    return false;
}

static bool has(const struct words *words, uint32_t hash)
{
    hash >>= 32 - 15;
    return words->bits[hash / 8] >> (hash % 8) & 1;
}

static void add(struct words *words, uint32_t hash)
{
    words->count += !has(words, hash);
    hash >>= 32 - 15;
    words->bits[hash / 8] |= (uint8_t)(1 << hash % 8);
}

bool readable_differ(struct bytes a, struct bytes b)
{
    struct words first = {.count = 0}, second = {.count = 0};
    size_t shared = 0, at = 0;
    uint32_t hash;
    while (first.count < WORDS_MAX && next_word(a, &at, &hash))
        add(&first, hash);
    at = 0;
    while (second.count < WORDS_MAX && next_word(b, &at, &hash)) {
        shared += has(&first, hash) && !has(&second, hash);
        add(&second, hash);
    }
    size_t least = first.count < second.count ? first.count : second.count;
    return least >= WORDS_LEAST && shared * 100 < least * PERCENT_SHARED;
}
