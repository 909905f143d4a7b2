/* SPDX-License-Identifier: BSD-2-Clause */
/* readable_differ: whether two texts that should say the same have anything in common. */
#include "base/ascii.h"
#include "message/readable_private.h"

/* One bit for each word, by a hash: what two different words share makes texts more alike, never less. */
enum { BITS = 1 << 15, WORDS_MAX = 2000, WORDS_LEAST = 8, LETTERS_LEAST = 4, PERCENT_SHARED = 10 };

struct words {
    uint8_t bits[BITS / 8];
    size_t count; /* different ones */
};

/* The next word's hash; URLs are no words, because each form has its own. */
static bool next_word(struct bytes text, size_t *at, uint32_t *hash)
{
    while (*at < text.len) {
        size_t start = *at;
        *hash = 2166136261u;
        while (*at < text.len && (ascii_is_alnum(text.ptr[*at]) || text.ptr[*at] >= 0x80))
            *hash = (*hash ^ ascii_lower(text.ptr[(*at)++])) * 16777619u;
        size_t length = *at - start;
        if (*at < text.len && text.ptr[*at] == ':' && bytes_starts_with_nocase(bytes_skip(text, start), BYTES("http"))) {
            while (*at < text.len && text.ptr[*at] > ' ')
                ++*at;
            continue;
        }
        if (length >= LETTERS_LEAST)
            return true;
        if (length == 0)
            ++*at;
    }
    return false;
}

static bool has(const struct words *words, uint32_t hash)
{
    hash = (hash ^ hash >> 15) % BITS;
    return words->bits[hash / 8] >> (hash % 8) & 1;
}

static void add(struct words *words, uint32_t hash)
{
    words->count += !has(words, hash);
    hash = (hash ^ hash >> 15) % BITS;
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
