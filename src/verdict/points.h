/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * points: the unit of a score, in hundredths. 5 points are a factor of ten in the odds that a message is junk.
 *
 * All of it is integer arithmetic, so that every machine comes to the same score of the same evidence. Nothing
 * here fails or allocates.
 */
#ifndef VOUCH_VERDICT_POINTS_H
#define VOUCH_VERDICT_POINTS_H

#include "base/bytes.h"

#include <stdint.h>

enum { POINTS_TEXT_SIZE = 24, POINTS_NUMBER_SIZE = 24 };

/* A decimal number such as "4.37", "-2" or "120.5" in hundredths; further digits are cut off, and what is
 * absurdly large is 10^15. False (and 0) if it is none. */
bool points_read(struct bytes text, int64_t *out);
/* With its sign: "+4.37", "-2", "0". Returns `out`. */
const char *points_format(int points, char out[POINTS_TEXT_SIZE]);
/* Without: "4.37"; "-2". For thresholds. */
const char *points_plain(int points, char out[POINTS_TEXT_SIZE]);

/* The points of the odds a : b, that is 5 * log10(a / b). 0 for either is taken as 1. */
int points_of_odds(uint64_t a, uint64_t b);
/* The probability that belongs to a score, in parts of ten thousand: 1 / (1 + 10^(-score/5)). Never certain: 1 to
 * 9999. */
int points_probability(int score);
/* "99.01": per cent. Returns `out`. */
const char *points_percent(int probability, char out[POINTS_TEXT_SIZE]);

static inline int points_within(int64_t points, int least, int most)
{
    return points < least ? least : points > most ? most : (int)points;
}

#endif
