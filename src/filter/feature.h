/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * feature: what the filter sees of a message: a set of hashes, each with where its text stands.
 *
 * The hashes do not depend on a model: it mixes its own seed in. Two words of equal hash are the same word to
 * every model; to make such a pair gains a stranger no more than to use the other word would.
 */
#ifndef VOUCH_FILTER_FEATURE_H
#define VOUCH_FILTER_FEATURE_H

#include "filter/filter.h"

enum {
    FEATURE_TEXT_MAX = 3 * 1024,    /* octets of visible text read for grams */
    FEATURE_WORDS_TEXT = 8 * 1024,  /* and for words */
    FEATURE_SOURCE_MAX = 2 * 1024,  /* of decoded HTML source */
    FEATURE_HEADER_MAX = 16 * 1024, /* of header values, all together */
    FEATURE_FIELD_MAX = 1000,       /* of one value */
    FEATURE_TRACE_MAX = 600,        /* of Received */
    FEATURE_LINKS_MAX = 60,
    FEATURE_WORD_MAX = 40,          /* octets; what is longer is cut */
    FEATURE_HEADER_COUNT = 3 * 1024, /* features of each view; one cannot crowd out another */
    FEATURE_GRAMS_COUNT = 5 * 1024,
    FEATURE_WORDS_COUNT = 4 * 1024,
    FEATURE_COUNT_MAX = FEATURE_HEADER_COUNT + FEATURE_GRAMS_COUNT + FEATURE_WORDS_COUNT,
    FEATURE_NO_FIELD = 0xffff
};

struct filter_feature {
    uint64_t hash;
    const uint8_t *text; /* in the message, the arena or a literal */
    uint16_t field;      /* index of the header field that it stands in, or FEATURE_NO_FIELD */
    uint8_t length;
    uint8_t component;
    uint8_t prefix;      /* of enum feature_prefix */
};

enum feature_prefix {
    FEATURE_NO_PREFIX,
    FEATURE_SUBJECT,
    FEATURE_LINK,
    FEATURE_PATH,
    FEATURE_STRUCTURE
};
const char *feature_prefix_name(unsigned prefix); /* "" where there is none */

static inline uint64_t feature_mix(uint64_t x)
{
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    return x ^ x >> 32;
}

uint64_t feature_hash(struct bytes text, uint64_t seed);

/* Collects features, each once. What does not fit is left out. */
struct feature_set {
    struct filter_feature *list;
    size_t count, limit;
    uint16_t *table; /* open addressing: index + 1 in the list; 0 is empty */
    size_t mask;
    uint64_t salt;   /* of the view */
    enum filter_component component;
    uint16_t field;
    enum feature_prefix prefix;
};

void feature_add(struct feature_set *set, uint64_t hash, struct bytes text);

/* What reads which part (feature_header.c, feature_text.c). False at the arena's cap. */
void feature_header(struct feature_set *set, struct arena *arena, const struct message *message);
void feature_structure(struct feature_set *set, struct arena *arena, const struct readable *readable);
void feature_grams(struct feature_set *set, struct arena *arena, const struct readable *readable);
void feature_words(struct feature_set *set, const struct readable *readable);

/* The next word of `rest` as the filter cuts it; empty at the end. */
struct bytes feature_next_word(struct bytes *rest, bool header);

#endif
