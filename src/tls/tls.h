/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls: OpenSSL as a transport under a stream. The only file set that knows SSL objects.
 *
 * A handshake runs on the calling fiber. Private keys are read before the sandbox closes.
 */
#ifndef VOUCH_TLS_TLS_H
#define VOUCH_TLS_TLS_H

#include "base/bytes.h"
#include "base/result.h"
#include "fiber/stream.h"

struct tls_server; /* certificates and settings of a server; shared by all sessions */

/* Starts empty: TLS 1.2 at least, server cipher order, no renegotiation, session tickets. */
struct tls_server *tls_server_create(struct error *error);
void tls_server_destroy(struct tls_server *server);
/* PEM chain and key files. The names (SNI) are the certificate's subjectAltNames; the first one added
 * serves unknown names. PERM with file and reason if unreadable or not matching. */
enum result tls_server_add_certificate(struct tls_server *server, const char *chain_file,
                                       const char *key_file, struct error *error) must_check;
/* A new P-256 key and self-signed certificate for `name`, in memory; also written to the two files
 * when not NULL (mode 0600 for the key). */
enum result tls_server_add_self_signed(struct tls_server *server, const char *name,
                                       const char *chain_file, const char *key_file,
                                       struct error *error) must_check;
/* "1.0" … "1.3". */
enum result tls_server_set_minimum(struct tls_server *server, const char *version,
                                   struct error *error) must_check;

struct tls_info {
    char version[16], cipher[64], server_name[256];
    unsigned bits;
};

/* Takes over `plain` (also on failure, when it is closed). *out is the encrypted transport.
 * TEMP on time-out, cancel or a broken connection; PERM when the peer does not speak TLS. */
enum result tls_accept(struct tls_server *server, struct transport *plain, int64_t deadline,
                       struct transport **out, struct tls_info *info, struct error *error) must_check;

struct tls_client;
/* `ca_file` NULL: the system's. */
struct tls_client *tls_client_create(const char *ca_file, struct error *error);
void tls_client_destroy(struct tls_client *client);
/* `verify`: chain and name must be valid, else PERM. Otherwise opportunistic. */
enum result tls_connect(struct tls_client *client, struct transport *plain, const char *name,
                        bool verify, int64_t deadline, struct transport **out,
                        struct tls_info *info, struct error *error) must_check;

#endif
