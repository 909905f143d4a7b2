/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mail_source: the messages of a file, a Maildir, a folder of files or an mbox, one after another.
 *
 * Nothing of them is kept but the one in hand, so a mailbox may be of any size.
 */
#ifndef VOUCH_CMD_MAIL_SOURCE_H
#define VOUCH_CMD_MAIL_SOURCE_H

#include "base/buf.h"

enum { MAIL_SOURCE_MESSAGE_MAX = 64 << 20 };

/* What an mbox of this name, a folder, or "-" (standard input) holds. `each` returns false to stop. `where` names
 * a message for people: "inbox.mbox:17", "Maildir/cur/123". Messages longer than MAIL_SOURCE_MESSAGE_MAX are cut.
 * OK, also when stopped; PERM: it cannot be read. */
typedef bool mail_source_each(void *context, const char *where, struct bytes message);
enum result mail_source_read(const char *path, mail_source_each *each, void *context,
                             struct error *error) must_check;

/* How many there are, for a progress line; 0: not known. Cheap. */
size_t mail_source_count(const char *path);

#endif
