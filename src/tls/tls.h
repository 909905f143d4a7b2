/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls: OpenSSL as a transport under a stream. The only file set that knows SSL objects.
 *
 * A handshake runs on the calling fiber. Private keys are read before the sandbox closes.
 */
#ifndef VOUCH_TLS_TLS_H
#define VOUCH_TLS_TLS_H

#include "base/arena.h"
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

/*
 * Clients are asked for a certificate from now on, and may do without. One that does not lead to the
 * authorities of the PEM file does not end the handshake: it only is not verified. For all certificates
 * of the server, present and to come; call it before any handshake.
 */
enum result tls_server_request_certificates(struct tls_server *server, const char *ca_file,
                                            struct error *error) must_check;

struct tls_info {
    char version[16], cipher[64], server_name[256];
    unsigned bits;
    bool peer_verified; /* the peer's certificate was there and is what was demanded: for a server, by
                           one of its authorities; for a client, as struct tls_peer says */
};

/* Takes over `plain` (also on failure, when it is closed). *out is the encrypted transport.
 * TEMP on time-out, cancel or a broken connection; PERM when the peer does not speak TLS. */
enum result tls_accept(struct tls_server *server, struct transport *plain, int64_t deadline,
                       struct transport **out, struct tls_info *info, struct error *error) must_check;

/* Names of a client's certificate that was verified, for SASL EXTERNAL (rfc4422:A). */
enum { TLS_CLIENT_NAMES_MAX = 16 };
struct tls_client_names {
    struct bytes emails[TLS_CLIENT_NAMES_MAX], domains[TLS_CLIENT_NAMES_MAX]; /* of subjectAltName */
    size_t email_count, domain_count;
};
/* Of a transport that tls_accept() made; copied to the arena. NONE: no certificate, or it was not
 * verified, or no TLS at all. Names with control characters, blanks or NUL are left out. */
enum result tls_client_names(struct transport *transport, struct arena *arena,
                             struct tls_client_names *out) must_check;

/*
 * Channel bindings (rfc5056), of either end: what both ends know and nobody between them can.
 * EXPORTER: "tls-exporter" (rfc9266): 32 octets. SERVER_END_POINT: "tls-server-end-point"
 * (rfc5929:4.1): the hash of the server's certificate. NONE: the transport has none of that kind (it is
 * not encrypted; TLS 1.2 without extended master secret; a certificate whose signature has no hash).
 */
enum tls_binding { TLS_BINDING_EXPORTER, TLS_BINDING_SERVER_END_POINT };
enum { TLS_BINDING_MAX = 64 };
enum result tls_channel_binding(struct transport *transport, enum tls_binding binding,
                                uint8_t out[TLS_BINDING_MAX], size_t *length) must_check;

/* Clients */

struct tls_client; /* authorities and settings of clients; shared by all connections */
/* `ca_file` NULL: the system's. All files are read now. */
struct tls_client *tls_client_create(const char *ca_file, struct error *error);
void tls_client_destroy(struct tls_client *client);
/* The certificate to show to servers that ask for one: PEM chain and key. */
enum result tls_client_set_certificate(struct tls_client *client, const char *chain_file,
                                       const char *key_file, struct error *error) must_check;

/* `verify`: chain and name must be valid, else PERM. Otherwise opportunistic. */
enum result tls_connect(struct tls_client *client, struct transport *plain, const char *name,
                        bool verify, int64_t deadline, struct transport **out,
                        struct tls_info *info, struct error *error) must_check;

/* A TLSA record (rfc6698:2.1). */
struct tls_tlsa {
    uint8_t usage, selector, matching;
    struct bytes data;
};
/* From RDATA; false if it is too short to be one. */
bool tls_tlsa_read(struct bytes rdata, struct tls_tlsa *out);
/* Whether it can be used for SMTP: usage DANE-TA(2) or DANE-EE(3), a known selector and matching type,
 * and data that fit them (rfc7672:3.1). */
bool tls_tlsa_is_usable(const struct tls_tlsa *record);

enum tls_verify {
    TLS_VERIFY_NOTHING, /* any certificate (rfc7435) */
    TLS_VERIFY_NAME,    /* a chain to the authorities, and one of the names (rfc8461:4.2) */
    TLS_VERIFY_DANE     /* as the usable one of the records say (rfc7672:3) */
};
enum { TLS_NAMES_MAX = 4, TLS_TLSA_MAX = 100 };

/* Whom a client wants to meet. */
struct tls_peer {
    struct bytes name;          /* server name indication; empty or an address: none is sent */
    enum tls_verify verify;
    struct bytes names[TLS_NAMES_MAX]; /* any of these in the certificate; none: `name` */
    size_t name_count;
    const struct tls_tlsa *records;    /* for DANE; those that cannot be used are passed over, and where
                                          none can, nothing is verified (rfc7672:2.2) */
    size_t record_count;
};

/* Why a client's handshake failed, as rfc8460:4.3 tells failures apart. */
enum tls_failure {
    TLS_FAILURE_NONE,
    TLS_FAILURE_CONNECTION, /* lost, timed out, no memory: nothing about security */
    TLS_FAILURE_HANDSHAKE,  /* the peer speaks no TLS, or none that we speak */
    TLS_FAILURE_EXPIRED,
    TLS_FAILURE_NAME,
    TLS_FAILURE_UNTRUSTED,
    TLS_FAILURE_TLSA        /* no TLSA record matches */
};
/* As tls_connect(). `failure` may be NULL. */
enum result tls_connect_to(struct tls_client *client, struct transport *plain,
                           const struct tls_peer *peer, int64_t deadline, struct transport **out,
                           struct tls_info *info, enum tls_failure *failure,
                           struct error *error) must_check;

#endif
