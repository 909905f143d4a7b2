/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_private_key: private keys for signing: made, and read and written as PEM.
 *
 * The caller frees a key with EVP_PKEY_free(). Nothing here touches files or asks for a passphrase:
 * a key under one is refused, because the process that signs has nobody to ask.
 */
#ifndef VOUCH_AUTH_DKIM_PRIVATE_KEY_H
#define VOUCH_AUTH_DKIM_PRIVATE_KEY_H

#include "auth/dkim_key.h"
#include "base/buf.h"

/* rfc8301:3.2 asks signers for 2048 bits at least. */
enum { DKIM_SIGNING_BITS_MIN = 2048 };

const char *dkim_key_type_name(enum dkim_key_type type); /* "rsa", "ed25519" */
bool dkim_key_type_parse(struct bytes text, enum dkim_key_type *out);
enum dkim_algorithm dkim_key_type_algorithm(enum dkim_key_type type);

/* A new key. `bits` is for RSA only. PERM: a length that is not 2048 to 4096; takes a while. */
enum result dkim_private_key_make(enum dkim_key_type type, unsigned bits, EVP_PKEY **out,
                                  struct error *error) must_check;
/* PEM of PKCS #8 or of the traditional form. PERM: no private key of RSA or Ed25519, or one with a
 * passphrase. */
enum result dkim_private_key_read(struct bytes pem, EVP_PKEY **out, struct error *error)
    must_check;
/* Appends PEM (PKCS #8). TEMP when the library fails. Cleanse the buffer after use. */
enum result dkim_private_key_write(struct buf *out, EVP_PKEY *key, struct error *error)
    must_check;

enum dkim_key_type dkim_private_key_type(EVP_PKEY *key);
unsigned dkim_private_key_bits(EVP_PKEY *key);
/* What p= of its record holds: SubjectPublicKeyInfo for RSA, 32 octets for Ed25519. */
enum result dkim_private_key_public(struct arena *arena, EVP_PKEY *key, struct bytes *out,
                                    struct error *error) must_check;
/* Whether the text of a key record holds its public half. */
bool dkim_private_key_fits_record(struct arena *arena, EVP_PKEY *key, struct bytes record);

#endif
