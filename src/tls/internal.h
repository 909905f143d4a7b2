/* SPDX-License-Identifier: BSD-2-Clause */
/* internal: what the files of tls/ share. Nothing else includes it. */
#ifndef VOUCH_TLS_INTERNAL_H
#define VOUCH_TLS_INTERNAL_H

#include "tls/tls.h"

#include <openssl/ssl.h>

/* Library, BIO method and error strings; everything that would open a file later. */
bool tls_library_start(struct error *error);

/* A context with what server and client have in common. */
SSL_CTX *tls_context_create(const SSL_METHOD *method);

/* error_set() with `what` and OpenSSL's newest reason behind it; empties OpenSSL's queue. */
enum result tls_error(struct error *error, enum result result, const char *what);

/*
 * Runs the handshake of `ssl` (which it takes over, as it does `plain`) in the role that was set on
 * it. *out is the encrypted transport. `failure` may be NULL.
 */
enum result tls_handshake(SSL *ssl, struct transport *plain, int64_t deadline,
                          struct transport **out, struct tls_info *info, enum tls_failure *failure,
                          struct error *error) must_check;

/* What is behind an encrypted transport; NULL for other kinds. */
SSL *tls_transport_ssl(struct transport *transport);

/* False, with the reason, if the files cannot be read or do not belong together. */
bool tls_load_files(SSL_CTX *context, const char *chain_file, const char *key_file,
                    struct error *error) must_check;

/* New key and certificate for `name`; the caller frees both. */
enum result tls_self_signed(const char *name, EVP_PKEY **key, X509 **certificate,
                            struct error *error) must_check;
/* Writes them as PEM files, the key's readable by the owner only. */
enum result tls_write_files(EVP_PKEY *key, X509 *certificate, const char *chain_file,
                            const char *key_file, struct error *error) must_check;

#endif
