/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signed_address: what SRS, BATV and SES share: addresses whose local part takes a signature.
 *
 * Everything lives in the arena. Quotes around a local part count, for they are part of what is sent.
 */
#ifndef VOUCH_AUTH_SIGNED_ADDRESS_H
#define VOUCH_AUTH_SIGNED_ADDRESS_H

#include "message/mailbox.h"

enum { SIGNED_ADDRESS_LOCAL_MAX = 64 }; /* rfc5321:4.5.3.1.1, for what we make */

/* An address as real clients send it, whose local part is not empty. */
enum result signed_address_parse(struct arena *arena, struct bytes address, struct mailbox *out,
                                 struct error *error) must_check;

/* local@domain as it stands in a command, quoted where it must be. ptr is NULL at the arena's cap. */
struct bytes signed_address_write(struct arena *arena, struct bytes local, struct bytes domain);

/* The same for a local part that we made: PERM if it is longer than SIGNED_ADDRESS_LOCAL_MAX (`kind`, such
 * as "signed", is for the sentence); TEMP at the arena's cap, also if `local` is what met it. */
enum result signed_address_make(struct arena *arena, struct bytes local, struct bytes domain,
                                const char *kind, struct bytes *out, struct error *error) must_check;

#endif
