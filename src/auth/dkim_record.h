/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_record: the DNS record of a signing key as text, in the forms that name servers and their web
 * pages take (rfc6376:3.6).
 *
 * Everything made lives in the arena, or is appended to a buf, whose `failed` tells.
 */
#ifndef VOUCH_AUTH_DKIM_RECORD_H
#define VOUCH_AUTH_DKIM_RECORD_H

#include "auth/dkim_private_key.h"

/* rfc1035:3.3: the longest character-string. */
enum { DKIM_RECORD_STRING_MAX = 255 };

/* "v=DKIM1; k=rsa; p=..." */
enum result dkim_record_text(struct arena *arena, EVP_PKEY *key, struct bytes *out,
                             struct error *error) must_check;
/* The same with an empty p=: the key is revoked (rfc6376:3.6.1). */
const char *dkim_record_revoked(enum dkim_key_type type);
/* "selector._domainkey.domain" */
struct bytes dkim_record_name(struct arena *arena, struct bytes selector, struct bytes domain);

/* A line of a zone file (rfc1035:5.1) in strings of 255 octets at most, one a line. */
void dkim_record_write_zone(struct buf *out, struct bytes name, struct bytes text, unsigned ttl);
/* A line of a data file of tinydns. */
void dkim_record_write_tinydns(struct buf *out, struct bytes name, struct bytes text,
                               unsigned ttl);

#endif
