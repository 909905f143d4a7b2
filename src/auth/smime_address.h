/* SPDX-License-Identifier: BSD-2-Clause */
/* smime_address: the mail addresses that a certificate is for (rfc8550:3). */
#ifndef VOUCH_AUTH_SMIME_ADDRESS_H
#define VOUCH_AUTH_SMIME_ADDRESS_H

#include "base/arena.h"

#include <openssl/x509.h>

enum { SMIME_ADDRESSES_MAX = 100 }; /* of one certificate; further ones are not looked at */

/* Looks for `author` among the rfc822Name and SmtpUTF8Mailbox (RFC 9598) alternative names and then the
 * emailAddress attributes of the subject. *found becomes the address that fits, else the first there is,
 * in the arena, or stays empty. Letters of both cases are the same in both parts, and the domain compares
 * as an international name. */
bool smime_address_of(struct arena *arena, X509 *certificate, struct bytes author,
                      struct bytes *found);

#endif
