/* SPDX-License-Identifier: BSD-2-Clause */
/* mailbox: what must hold of every address that we make. */
#ifndef VOUCH_FUZZ_MAILBOX_H
#define VOUCH_FUZZ_MAILBOX_H

#include "auth/signed_address.h"

/* The address in our own way of quoting; it must be one. */
static inline struct bytes mailbox_read(struct arena *arena, struct bytes address,
                                        struct mailbox *out)
{
    require(mailbox_parse(arena, address, MAILBOX_UTF8 | MAILBOX_LENIENT, out, NULL) == OK);
    return signed_address_write(arena, out->local, out->domain);
}

/* An address that was made: written as we write them, in that domain, and short enough. */
static inline void mailbox_check_made(struct arena *arena, struct bytes made, struct bytes domain,
                                      struct mailbox *out)
{
    require(bytes_equal(mailbox_read(arena, made, out), made));
    require(bytes_equal(out->domain, domain));
    require(made.len <= SIGNED_ADDRESS_LOCAL_MAX + 1 + domain.len);
}

#endif
