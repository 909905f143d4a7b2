/* SPDX-License-Identifier: BSD-2-Clause */
/* dsn_private: what the parts of the writer of delivery status notifications share; nobody else
 * includes it. */
#ifndef VOUCH_MESSAGE_DSN_PRIVATE_H
#define VOUCH_MESSAGE_DSN_PRIVATE_H

#include "message/dsn.h"
#include "message/status_code.h"
#include "message/unitext.h"

/* More is cut off of what a server said. */
enum { DSN_DIAGNOSTIC_MAX = 2000, DSN_DIAGNOSTIC_LINE_MAX = 900 };

/* The status as it is reported, never none. */
struct status_code dsn_status(const struct dsn_recipient *recipient);
/* Takes the next line off a diagnostic; false when there is none left. */
bool dsn_next_line(struct bytes *rest, struct bytes *line);
/* At most `max` octets, no character cut in two. */
struct bytes dsn_clip(struct bytes text, size_t max);
/* The subject of the notification. */
const char *dsn_subject(const struct dsn *dsn);

/* The part for a person, in UTF-8, and the one for programs, in UTF-8 or ASCII. */
enum result dsn_write_text(struct arena *arena, const struct dsn *dsn,
                           const struct message *original, struct buf *out) must_check;
void dsn_write_status(const struct dsn *dsn, bool utf8, struct buf *out);

#endif
