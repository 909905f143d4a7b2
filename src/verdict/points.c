/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/points.h"

#include "base/ascii.h"
#include "base/result.h"

#include <stdio.h>

#define NUMBER_MOST INT64_C(1000000000000000)

bool points_read(struct bytes text, int64_t *out)
{
    *out = 0;
    bool below = bytes_starts_with(text, BYTES("-"));
    if (below || bytes_starts_with(text, BYTES("+")))
        text = bytes_skip(text, 1);
    int64_t value = 0;
    int decimals = -1; /* before the point */
    size_t digits = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '.' && decimals < 0) {
            decimals = 0;
            continue;
        }
        if (!ascii_is_digit(c))
            return false;
        digits++;
        if (decimals == 2)
            continue;
        decimals += decimals >= 0;
        if (value < NUMBER_MOST)
            value = value * 10 + (c - '0');
    }
    for (int i = decimals < 0 ? 0 : decimals; i < 2; i++)
        if (value < NUMBER_MOST)
            value *= 10;
    if (!digits)
        return false;
    if (value > NUMBER_MOST)
        value = NUMBER_MOST;
    *out = below ? -value : value;
    return true;
}

static const char *format(int points, const char *sign, char *out)
{
    unsigned all = points < 0 ? 0U - (unsigned)points : (unsigned)points;
    const char *before = points < 0 ? "-" : points > 0 ? sign : "";
    if (all % 10)
        snprintf(out, POINTS_TEXT_SIZE, "%s%u.%02u", before, all / 100, all % 100);
    else if (all % 100)
        snprintf(out, POINTS_TEXT_SIZE, "%s%u.%u", before, all / 100, all % 100 / 10);
    else
        snprintf(out, POINTS_TEXT_SIZE, "%s%u", before, all / 100);
    return out;
}

const char *points_format(int points, char out[POINTS_TEXT_SIZE])
{
    return format(points, "+", out);
}

const char *points_plain(int points, char out[POINTS_TEXT_SIZE])
{
    return format(points, "", out);
}

const char *points_percent(int probability, char out[POINTS_TEXT_SIZE])
{
    snprintf(out, POINTS_TEXT_SIZE, "%d.%02d", probability / 100, probability % 100);
    return out;
}

enum { LOG_BITS = 20 };

/* The logarithm to base 2 with LOG_BITS bits behind the point: of a number between 1 and 2 the square is beyond 2
 * if its next bit is set. */
static int64_t binary_logarithm(uint64_t x)
{
    int exponent = 63 - __builtin_clzll(x);
    uint64_t mantissa = exponent > 31 ? x >> (exponent - 31) : x << (31 - exponent); /* of 2^31 */
    int64_t result = (int64_t)exponent << LOG_BITS;
    for (int bit = LOG_BITS - 1; bit >= 0; bit--) {
        mantissa = mantissa * mantissa >> 31;
        if (mantissa >> 32) {
            mantissa >>= 1;
            result |= (int64_t)1 << bit;
        }
    }
    return result;
}

int points_of_odds(uint64_t a, uint64_t b)
{
    static const int64_t per_doubling = 15051500; /* 500 * log10(2), of 10^5 */
    int64_t difference = binary_logarithm(a ? a : 1) - binary_logarithm(b ? b : 1);
    int64_t scaled = difference * per_doubling, unit = INT64_C(100000) << LOG_BITS;
    return (int)((scaled + (scaled < 0 ? -unit / 2 : unit / 2)) / unit);
}

/* 10^(n/500) for n below 500, of 2^30. */
static uint64_t power(unsigned n)
{
    static const uint64_t factors[] = {1078697991, 1083677035, 1093704175, 1114037654, 1155845722,
                                       1244227712, 1441782899, 1935975558, 3490598277};
    uint64_t result = UINT64_C(1) << 30;
    for (unsigned bit = 0; bit < countof(factors); bit++)
        if (n >> bit & 1)
            result = result * factors[bit] >> 30;
    return result;
}

int points_probability(int score)
{
    enum { CERTAIN = 2000, WHOLE = 10000 };
    unsigned distance = (unsigned)(score < -CERTAIN ? CERTAIN : score > CERTAIN ? CERTAIN : score < 0 ? -score : score);
    uint64_t odds = power(distance % 500);
    for (unsigned i = 0; i < distance / 500; i++)
        odds *= 10;
    uint64_t one = UINT64_C(1) << 30;
    int likely = (int)((odds * WHOLE + (odds + one) / 2) / (odds + one));
    if (likely > WHOLE - 1)
        likely = WHOLE - 1;
    return score < 0 ? WHOLE - likely : likely;
}
