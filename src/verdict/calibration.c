/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/calibration.h"

void calibration_add(struct calibration *calibration, double probability, bool junk)
{
    if (!(probability >= 0))
        probability = 0;
    if (probability > 1)
        probability = 1;
    double error = probability - (junk ? 1 : 0);
    size_t index = (size_t)(probability * CALIBRATION_BINS);
    struct calibration_bin *bin = &calibration->bins[index < CALIBRATION_BINS ? index : CALIBRATION_BINS - 1];
    bin->count++;
    bin->junk += junk;
    bin->sum += probability;
    calibration->count++;
    calibration->junk += junk;
    calibration->squares += error * error;
}

double calibration_brier(const struct calibration *calibration)
{
    return calibration->count ? calibration->squares / (double)calibration->count : 0;
}

static double said(const struct calibration_bin *bin)
{
    return bin->count ? bin->sum / (double)bin->count : 0;
}

static double was(const struct calibration_bin *bin)
{
    return bin->count ? (double)bin->junk / (double)bin->count : 0;
}

double calibration_error(const struct calibration *calibration)
{
    double sum = 0;
    for (size_t i = 0; i < CALIBRATION_BINS; i++) {
        const struct calibration_bin *bin = &calibration->bins[i];
        double distance = said(bin) - was(bin);
        sum += (distance < 0 ? -distance : distance) * (double)bin->count;
    }
    return calibration->count ? sum / (double)calibration->count : 0;
}

void calibration_write(struct buf *out, const struct calibration *calibration)
{
    buf_printf(out, "Brier score %.4f, calibration error %.4f, over %llu messages (%llu junk)\n",
               calibration_brier(calibration), calibration_error(calibration),
               (unsigned long long)calibration->count, (unsigned long long)calibration->junk);
    buf_add_string(out, "  said to be junk      messages   said    was\n");
    for (size_t i = 0; i < CALIBRATION_BINS; i++) {
        const struct calibration_bin *bin = &calibration->bins[i];
        if (bin->count)
            buf_printf(out, "  %3zu to %3zu per cent  %9llu  %5.1f  %5.1f\n", i * 10, i * 10 + 10,
                       (unsigned long long)bin->count, said(bin) * 100, was(bin) * 100);
    }
}

void calibration_write_json(struct json *json, const struct calibration *calibration)
{
    json_begin_object(json);
    json_member_integer(json, "messages", (int64_t)calibration->count);
    json_member_integer(json, "junk", (int64_t)calibration->junk);
    json_key(json, "brier");
    json_add_number(json, calibration_brier(calibration));
    json_key(json, "error");
    json_add_number(json, calibration_error(calibration));
    json_key(json, "bins");
    json_begin_array(json);
    for (size_t i = 0; i < CALIBRATION_BINS; i++) {
        const struct calibration_bin *bin = &calibration->bins[i];
        json_begin_object(json);
        json_member_integer(json, "from_percent", (int64_t)i * 10);
        json_member_integer(json, "messages", (int64_t)bin->count);
        json_key(json, "said");
        json_add_number(json, said(bin));
        json_key(json, "was");
        json_add_number(json, was(bin));
        json_end_object(json);
    }
    json_end_array(json);
    json_end_object(json);
}
