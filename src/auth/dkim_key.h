/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_key: public keys as they stand in DNS (rfc6376:3.6.1, rfc8463:4), and verification with
 * them.
 *
 * Keys are kept ready for use in a bounded cache of the current thread, by the text of their
 * record: making one costs more than a verification. A key belongs to the cache; use it before the
 * next call of dkim_key_find(), and never across a wait.
 */
#ifndef VOUCH_AUTH_DKIM_KEY_H
#define VOUCH_AUTH_DKIM_KEY_H

#include "auth/dkim_signature.h"

#include <openssl/evp.h>

/* rfc8301:3.2: shorter keys never verify; longer ones would let a record buy our time. */
enum { DKIM_RSA_BITS_MIN = 1024, DKIM_RSA_BITS_MAX = 4096, DKIM_KEY_CACHE_MAX = 512 };

enum dkim_key_type { DKIM_KEY_RSA, DKIM_KEY_ED25519 };

/* A key record's tags. */
struct dkim_key_record {
    enum dkim_key_type type;
    bool sha1, sha256;     /* h= allows it */
    bool testing;          /* t=y */
    bool strict_identity;  /* t=s: the domain of i= must be d= itself */
    struct bytes data;     /* p=, decoded */
};

/*
 * OK; NONE: a record that is not for us (another version, key type or service), to be passed over;
 * PERM: malformed or revoked; TEMP: the arena's cap.
 */
enum result dkim_key_record_parse(struct arena *arena, struct bytes text,
                                  struct dkim_key_record *out, struct error *error) must_check;

struct dkim_key;

/* The key of a record's text, made ready or found in the cache. Results as above; PERM also for a
 * key that cannot be used. Needs no arena: `*out` belongs to the cache. */
enum result dkim_key_find(struct bytes text, const struct dkim_key **out, struct error *error)
    must_check;
const struct dkim_key_record *dkim_key_record(const struct dkim_key *key); /* `data` is empty */
unsigned dkim_key_bits(const struct dkim_key *key);

/* Whether `signature` is that of the hash by this key. The key's type must fit the algorithm. */
bool dkim_key_verify(const struct dkim_key *key, enum dkim_algorithm algorithm,
                     struct bytes hash, struct bytes signature);
bool dkim_key_fits(const struct dkim_key *key, enum dkim_algorithm algorithm);

/* The digest of an algorithm; fetched from the library once. */
const EVP_MD *dkim_digest(enum dkim_algorithm algorithm);

/* Fetches what the library loads lazily. To be called once before a sandbox closes. */
void dkim_prepare(void);
/* Empties the current thread's cache. */
void dkim_key_cache_clear(void);

#endif
