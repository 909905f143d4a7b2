/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * domainkeys_hash: the one hash of a DomainKeys signature, over header fields and body in a row
 * (rfc4870:3.4.2). Linear in the message, which is never copied.
 */
#ifndef VOUCH_AUTH_DOMAINKEYS_HASH_H
#define VOUCH_AUTH_DOMAINKEYS_HASH_H

#include "auth/dkim_hash.h"
#include "auth/domainkeys_signature.h"
#include "message/message.h"

/* The fields that are signed, in the order in which they are hashed. */
struct domainkeys_fields {
    const struct header_field **list;
    size_t count;
};

/*
 * Those below `field`, the signature itself: all of them, or those that h= names, in its order. Of
 * a name that stands in h= once all fields count; where it stands several times the lowest field
 * goes to the last mention and so on upwards, and the first mention takes what is left. False when
 * memory ran out.
 */
bool domainkeys_fields_list(struct arena *arena, const struct message *message,
                            const struct header_field *field,
                            const struct domainkeys_signature *signature,
                            struct domainkeys_fields *out) must_check;

/* The canonical octets of fields and body, in large runs. */
void domainkeys_canonical(struct dkim_sink *sink, enum domainkeys_canonicalization canonicalization,
                          const struct domainkeys_fields *fields, struct bytes body);

/* Their hash. May run on a worker thread: it touches nothing but its arguments. False when the
 * library refuses. */
bool domainkeys_hash(enum domainkeys_canonicalization canonicalization,
                     const struct domainkeys_fields *fields, struct bytes body,
                     const EVP_MD *digest, struct dkim_hash *out) must_check;

#endif
