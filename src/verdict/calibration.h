/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calibration: whether probabilities mean what they say: Brier's score and a reliability table.
 *
 * A plain struct; zero it to begin. Nothing fails. The figures are for people, so they are of floating point.
 */
#ifndef VOUCH_VERDICT_CALIBRATION_H
#define VOUCH_VERDICT_CALIBRATION_H

#include "base/buf.h"
#include "base/json.h"

enum { CALIBRATION_BINS = 10 };

struct calibration_bin {
    uint64_t count, junk;
    double sum;               /* of the probabilities */
};
struct calibration {
    uint64_t count, junk;
    double squares;           /* sum of the squared errors */
    struct calibration_bin bins[CALIBRATION_BINS]; /* 0 to 10 per cent, ... 90 to 100 */
};

/* One message: how likely junk it was held to be (0 to 1), and whether it is. */
void calibration_add(struct calibration *calibration, double probability, bool junk);
/* The mean squared error: 0 is perfect, 0.25 is what knowing nothing gives. 0 for no message. */
double calibration_brier(const struct calibration *calibration);
/* The mean distance between what was said and what was so, over the bins by their size (ECE). */
double calibration_error(const struct calibration *calibration);

/* "Brier score 0.0312 over 1200 messages", and a line for each bin that has some. */
void calibration_write(struct buf *out, const struct calibration *calibration);
void calibration_write_json(struct json *json, const struct calibration *calibration);

#endif
