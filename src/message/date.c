/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/date.h"

#include "base/ascii.h"
#include "message/structured.h"

static const char *const day_names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* The zones that RFC 822 named (rfc5322:4.3), in hours. */
static const struct {
    const char *name;
    int hours;
} zone_names[] = {
    {"UT", 0},   {"GMT", 0},  {"UTC", 0},  {"Z", 0},    {"EDT", -4}, {"EST", -5},
    {"CDT", -5}, {"CST", -6}, {"MDT", -6}, {"MST", -7}, {"PDT", -7}, {"PST", -8},
};

enum { SECONDS_PER_DAY = 86400, DAYS_PER_ERA = 146097, YEARS_PER_ERA = 400 };

/* Years are counted from March, so that the leap day is the last of its year, in eras of 400 years.
 */
int64_t date_days(int year, unsigned month, unsigned day)
{
    int64_t y = month <= 2 ? (int64_t)year - 1 : year;
    int64_t era = (y >= 0 ? y : y - (YEARS_PER_ERA - 1)) / YEARS_PER_ERA;
    int64_t year_of_era = y - era * YEARS_PER_ERA;
    int64_t day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - 719468; /* 0000-03-01 to 1970-01-01 */
}

static void split_days(int64_t days, int *year, unsigned *month, unsigned *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int64_t day_of_era = days - era * DAYS_PER_ERA;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    *day = (unsigned)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *month = (unsigned)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = (int)(year_of_era + era * YEARS_PER_ERA + (*month <= 2));
}

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

void date_write(struct buf *out, int64_t epoch, int zone)
{
    int year;
    unsigned month, day;
    zone = (int)clamp(zone, -5999, 5999);
    /* One day within the four-digit years, so that no offset leads out of them. */
    epoch = clamp(epoch, (date_days(0, 1, 1) + 5) * SECONDS_PER_DAY,
                  (date_days(9999, 12, 31) - 5) * SECONDS_PER_DAY);
    int64_t local = epoch + (int64_t)zone * 60;
    int64_t days = local / SECONDS_PER_DAY - (local % SECONDS_PER_DAY < 0);
    int64_t second = local - days * SECONDS_PER_DAY;
    split_days(days, &year, &month, &day);
    unsigned offset = (unsigned)(zone < 0 ? -zone : zone);
    /* 1970-01-01 was a Thursday. */
    buf_printf(out, "%s, %u %s %04d %02d:%02d:%02d %c%02u%02u", day_names[((days + 4) % 7 + 7) % 7],
               day, month_names[month - 1], year, (int)(second / 3600), (int)(second / 60 % 60),
               (int)(second % 60), zone < 0 ? '-' : '+', offset / 60, offset % 60);
}

/* The parser. Obsolete syntax allows CFWS between any two tokens. */

static struct bytes take_word(struct cursor *c)
{
    return cursor_take_while(c, ascii_is_alpha);
}

static unsigned take_number(struct cursor *c, size_t least, size_t most, unsigned max)
{
    struct bytes digits = cursor_take_while(c, ascii_is_digit);
    uint64_t number = 0;
    if (digits.len < least || digits.len > most || !bytes_to_uint(digits, max, &number))
        cursor_fail(c);
    return (unsigned)number;
}

/* Index of a three-letter name (longer ones are cut: "June"), or -1. */
static int find_name(struct bytes word, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (word.len >= 3 && bytes_is_nocase(bytes_first(word, 3), names[i]))
            return (int)i;
    return -1;
}

static void skip_day_name(struct cursor *c)
{
    struct bytes word = take_word(c);
    if (word.len == 0)
        return;
    if (find_name(word, day_names, countof(day_names)) < 0)
        cursor_fail(c);
    structured_skip(c, NULL);
    cursor_accept(c, ',');
    structured_skip(c, NULL);
}

static int take_year(struct cursor *c, struct date *out)
{
    size_t start = c->position;
    unsigned year = take_number(c, 2, 4, 9999);
    size_t digits = c->position - start;
    if (digits == 4)
        return (int)year;
    out->obsolete = true;
    /* rfc5322:4.3: two digits up to 49 are of this century, all others of the last. */
    return (int)(digits == 2 && year < 50 ? year + 2000 : year + 1900);
}

static bool day_exists(int year, unsigned month, unsigned day)
{
    int next = month == 12 ? year + 1 : year;
    return day >= 1 &&
           (int64_t)day <= date_days(next, month % 12 + 1, 1) - date_days(year, month, 1);
}

static void take_numeric_zone(struct cursor *c, struct date *out)
{
    bool west = cursor_take(c, 1).ptr[0] == '-';
    unsigned number = take_number(c, 4, 4, 9999);
    if (number % 100 > 59)
        cursor_fail(c);
    int zone = (int)(number / 100 * 60 + number % 100);
    out->zone = west ? -zone : zone;
    out->zone_unknown = west && zone == 0;
}

static void take_zone(struct cursor *c, struct date *out)
{
    int next = cursor_peek(c);
    if (next == '+' || next == '-') {
        take_numeric_zone(c, out);
        return;
    }
    struct bytes word = take_word(c);
    out->obsolete = true;
    for (size_t i = 0; i < countof(zone_names); i++) {
        if (bytes_is_nocase(word, zone_names[i].name)) {
            out->zone = zone_names[i].hours * 60;
            return;
        }
    }
    /* Military letters were defined wrongly, other names not at all: both are -0000. */
    out->zone_unknown = true;
}

static unsigned take_seconds(struct cursor *c)
{
    structured_skip(c, NULL);
    if (!cursor_accept(c, ':'))
        return 0;
    structured_skip(c, NULL);
    return take_number(c, 2, 2, 60); /* 60 is a leap second */
}

enum result date_parse(struct bytes value, struct date *out, struct error *error)
{
    struct cursor c = cursor_over(value);
    *out = (struct date){0};
    structured_skip(&c, NULL);
    skip_day_name(&c);
    unsigned day = take_number(&c, 1, 2, 31);
    structured_skip(&c, NULL);
    int month = find_name(take_word(&c), month_names, countof(month_names)) + 1;
    structured_skip(&c, NULL);
    int year = take_year(&c, out);
    structured_skip(&c, NULL);
    unsigned hour = take_number(&c, 1, 2, 23);
    structured_skip(&c, NULL);
    cursor_expect(&c, ':');
    structured_skip(&c, NULL);
    unsigned minute = take_number(&c, 2, 2, 59);
    unsigned second = take_seconds(&c);
    structured_skip(&c, NULL);
    take_zone(&c, out);
    structured_skip(&c, NULL);
    if (c.failed || !cursor_at_end(&c) || month == 0 || !day_exists(year, (unsigned)month, day))
        return error_set(error, PERM, "not a date, at octet %zu", c.position + 1);
    out->epoch = date_days(year, (unsigned)month, day) * SECONDS_PER_DAY + (int64_t)hour * 3600 +
                 minute * 60 + second - (int64_t)out->zone * 60;
    return OK;
}
