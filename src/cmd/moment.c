/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd/moment.h"

#include "base/cursor.h"
#include "config/value.h"
#include "message/date.h"

#include <time.h>

static bool read_digits(struct cursor *cursor, int most, int *out)
{
    int value = 0, count = 0;
    while (count < most && cursor_peek(cursor) >= '0' && cursor_peek(cursor) <= '9') {
        value = value * 10 + cursor_u8(cursor) - '0';
        count++;
    }
    *out = value;
    return count > 0;
}

static bool read_date(struct bytes text, int64_t *out)
{
    struct cursor cursor = cursor_over(text);
    int year, month, day, hour = 0, minute = 0, second = 0;
    bool fine = read_digits(&cursor, 4, &year) && cursor_accept(&cursor, '-') &&
                read_digits(&cursor, 2, &month) && cursor_accept(&cursor, '-') &&
                read_digits(&cursor, 2, &day);
    if (fine && (cursor_accept(&cursor, 'T') || cursor_accept(&cursor, ' ')))
        fine = read_digits(&cursor, 2, &hour) && cursor_accept(&cursor, ':') &&
               read_digits(&cursor, 2, &minute);
    if (fine && cursor_accept(&cursor, ':'))
        fine = read_digits(&cursor, 2, &second);
    cursor_accept(&cursor, 'Z');
    if (!fine || !cursor_at_end(&cursor) || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    *out = date_days(year, (unsigned)month, (unsigned)day) * 86400 + hour * 3600 + minute * 60 + second;
    return true;
}

bool moment_read(const char *text, int64_t now, int64_t *out)
{
    uint64_t epoch;
    int64_t ago;
    if (!text)
        return true;
    if (bytes_to_uint(bytes_of(text), INT64_MAX, &epoch)) {
        *out = (int64_t)epoch;
        return true;
    }
    if (!config_read_duration(bytes_of(text), &ago)) {
        *out = now - ago / 1000000;
        return true;
    }
    return read_date(bytes_of(text), out);
}

const char *moment_format(int64_t epoch, char out[MOMENT_TEXT_SIZE])
{
    time_t at = (time_t)epoch;
    struct tm utc;
    if (!gmtime_r(&at, &utc) || !strftime(out, MOMENT_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc))
        out[0] = '\0';
    return out;
}
