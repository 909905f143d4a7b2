/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_sign: makes DKIM-Signature fields (rfc6376:5, rfc8463:3).
 *
 * Three steps, so that the private key can live in another process: dkim_sign_prepare() computes
 * the hash, whoever holds the key signs it, dkim_sign_write() writes the field. dkim_sign() does
 * all three with a callback, and dkim_sign_with_key() is such a callback over a key in this
 * process. l= is never written. Everything made lives in the arena.
 */
#ifndef VOUCH_AUTH_DKIM_SIGN_H
#define VOUCH_AUTH_DKIM_SIGN_H

#include "auth/dkim_signature.h"
#include "base/buf.h"

struct dkim_signing {
    enum dkim_algorithm algorithm;  /* DKIM_RSA_SHA256 or DKIM_ED25519_SHA256 */
    struct bytes domain, selector;  /* A-labels */
    struct bytes identity;          /* i=; empty: not written. ASCII without ";" and white space */
    enum dkim_canonicalization header_canonicalization, body_canonicalization;
    int64_t time;                   /* t=, epoch seconds; 0: not written */
    int64_t expiration;             /* x=; 0: not written */
    /* Names of fields to sign: each as often as it stands in the message, and names in `sealed`
     * once more, so that none can be added. NULL: the default lists. "From" is always among both. */
    const char *const *headers, *const *sealed; /* each ends with NULL */
    const char *const *extra_headers; /* beyond those of `headers`, not sealed; NULL: none */
    struct bytes body_hash;         /* of the body in body_canonicalization, SHA-256; empty: computed */
};

/* relaxed/relaxed, rsa-sha256, the default lists. */
void dkim_signing_init(struct dkim_signing *signing, struct bytes domain, struct bytes selector);

/* The default lists; each ends with NULL. */
extern const char *const dkim_default_headers[], *const dkim_default_sealed[];

/* What is to be signed, and the field that waits for its signature. */
struct dkim_unsigned {
    enum dkim_algorithm algorithm;
    uint8_t hash[32];   /* SHA-256 over header and field */
    uint8_t body_hash[32]; /* for the next signature of this message */
    struct bytes field; /* "DKIM-Signature: ... b=", folded, without b='s value and line end */
};

/* PERM: names that cannot stand in a signature, no From field, or rsa-sha1; TEMP: memory. */
enum result dkim_sign_prepare(struct arena *arena, const struct message *message,
                              const struct dkim_signing *signing, struct dkim_unsigned *out,
                              struct error *error) must_check;

/* Appends the field with its CRLF. It goes before the whole header (rfc6376:5.6). */
void dkim_sign_write(struct buf *out, const struct dkim_unsigned *prepared,
                     struct bytes signature);

/* Signs `hash` (32 octets); the signature lives in the arena. */
typedef enum result dkim_signer(void *context, struct arena *arena, enum dkim_algorithm algorithm,
                                struct bytes hash, struct bytes *signature, struct error *error);

enum result dkim_sign(struct arena *arena, const struct message *message,
                      const struct dkim_signing *signing, dkim_signer *signer, void *context,
                      struct buf *out, struct error *error) must_check;

/* `context` is the EVP_PKEY. RSA keys under 1024 bits are refused (rfc8301:3.2). Blocks: an RSA
 * signature takes about a millisecond. */
enum result dkim_sign_with_key(void *context, struct arena *arena, enum dkim_algorithm algorithm,
                               struct bytes hash, struct bytes *signature, struct error *error);

#endif
