/* SPDX-License-Identifier: BSD-2-Clause */
/* Dates. What is read and written reads as the same time; any 64-bit time is written as a date. */
#include "message/date.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct date write_and_read(int64_t epoch, int zone)
{
    struct date date;
    struct buf out;
    buf_init(&out, 100);
    date_write(&out, epoch, zone);
    require(!out.failed && out.len >= 30 && out.len <= 31);
    require(date_parse(buf_bytes(&out), &date, NULL) == OK);
    require(!date.obsolete && !date.zone_unknown);
    buf_free(&out);
    return date;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct date date, again;
    int64_t first = date_days(1, 1, 1) * 86400, last = date_days(9999, 12, 1) * 86400;
    if (date_parse(bytes_from(data, size), &date, NULL) == OK) {
        again = write_and_read(date.epoch, date.zone);
        require(date.zone == again.zone);
        if (date.epoch >= first && date.epoch <= last)
            require(date.epoch == again.epoch);
    }
    if (size >= 12) {
        int64_t epoch;
        int32_t zone;
        memcpy(&epoch, data, 8);
        memcpy(&zone, data + 8, 4);
        again = write_and_read(epoch, zone);
        if (epoch >= first && epoch <= last)
            require(again.epoch == epoch);
    }
    return 0;
}
