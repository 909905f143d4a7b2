/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * quota: how full mailboxes are, counted from the file names and remembered for a while, because users
 * delete mail behind our back.
 */
#ifndef VOUCH_DELIVER_QUOTA_H
#define VOUCH_DELIVER_QUOTA_H

#include "base/bytes.h"
#include "base/result.h"

struct quota;

struct quota *quota_create(void); /* NULL when memory is out */
void quota_free(struct quota *quota); /* NULL is fine */

/* OK if `size` more octets fit under `limit` (0: no limit), TEMP if not, NONE if it cannot be told now;
 * with the sentence for the reply. May wait (the folder is read on a worker). */
enum result quota_check(struct quota *quota, const char *maildir, uint64_t limit, uint64_t size,
                        struct error *error) must_check;
/* A message was delivered. */
void quota_add(struct quota *quota, const char *maildir, uint64_t size);

#endif
