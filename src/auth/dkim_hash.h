/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_hash: the two hashes of a signature, over the body and over the header (rfc6376:3.7).
 *
 * A body is read at most once for each canonicalization and digest, however many signatures ask for
 * it and whatever their l= (each l= is a point at which the running hash is copied). The header is
 * indexed once, so that picking the fields of an h= list is linear in its length.
 */
#ifndef VOUCH_AUTH_DKIM_HASH_H
#define VOUCH_AUTH_DKIM_HASH_H

#include "auth/dkim_signature.h"

#include <openssl/evp.h>

struct dkim_hash {
    uint8_t octets[EVP_MAX_MD_SIZE];
    size_t len;
};

/* One hash of the body that is wanted, and the answer. */
struct dkim_body_hash {
    enum dkim_canonicalization canonicalization;
    const EVP_MD *digest;
    bool limited;    /* only the first `length` canonical octets (l=) */
    uint64_t length;
    bool too_short;  /* the answer: the canonical body is shorter than l= */
    bool failed;     /* the library refused */
    struct dkim_hash hash;
};

/* Fills in all answers. May run on a worker thread: it touches nothing but its arguments. */
void dkim_hash_bodies(struct bytes body, struct dkim_body_hash *const *wanted, size_t count);

struct dkim_header_index;

/* NULL at the arena's cap. */
struct dkim_header_index *dkim_header_index(struct arena *arena, const struct message *message);

/* The hash over the fields of `signature`'s h= and over `field` itself, which must be a field of
 * the message (verifying) or one that will be put before it (signing). False at the arena's cap or
 * when the library refuses. */
bool dkim_hash_header(struct arena *arena, const struct dkim_header_index *index,
                      const struct dkim_signature *signature, const struct header_field *field,
                      const EVP_MD *digest, struct dkim_hash *out) must_check;

#endif
