/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * date: the date-time of header fields (rfc5322:3.3), with the obsolete forms (rfc5322:4.3) when
 * reading. No clock, no locale, no time zone of the host: the caller gives both time and offset.
 */
#ifndef VOUCH_MESSAGE_DATE_H
#define VOUCH_MESSAGE_DATE_H

#include "base/buf.h"

/* Appends "Fri, 21 Nov 1997 09:55:06 -0600". The zone is in minutes east of UTC (±5999 at most,
 * clamped); years from 0 to 9999, clamped. */
void date_write(struct buf *out, int64_t epoch, int zone);

struct date {
    int64_t epoch;     /* seconds since 1970, UTC */
    int zone;          /* minutes east of UTC */
    bool zone_unknown; /* "-0000", a military letter or a name that has no meaning: taken as UTC */
    bool obsolete;     /* two or three digits of a year, or a zone that is no number */
};

/* Reads a field's value, comments included, folded or not. The name of the day is not compared with
 * the date. PERM where it is no date. */
enum result date_parse(struct bytes value, struct date *out, struct error *error) must_check;

/* The days from 1970-01-01 to a date of the Gregorian calendar, which need not exist otherwise. */
int64_t date_days(int year, unsigned month, unsigned day);

#endif
