/* SPDX-License-Identifier: BSD-2-Clause */
/* moment: a point in time as people write it: an epoch, a date, or how long ago. */
#ifndef VOUCH_CMD_MOMENT_H
#define VOUCH_CMD_MOMENT_H

#include "base/bytes.h"

enum { MOMENT_TEXT_SIZE = 32 };

/* "1790000000", "2026-11-21", "2026-11-21T20:55[:30][Z]" (UTC), or "90m", "2h", "7d" before `now`. Seconds
 * since 1970 in *out, which stays as it is for NULL. False if it is none of these. */
bool moment_read(const char *text, int64_t now, int64_t *out);

/* "2026-11-21T20:55:30Z"; returns `out`. */
const char *moment_format(int64_t epoch, char out[MOMENT_TEXT_SIZE]);

#endif
