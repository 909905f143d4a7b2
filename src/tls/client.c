/* SPDX-License-Identifier: BSD-2-Clause */
#include "tls/internal.h"

#include "base/ip.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <unistd.h>

struct tls_client {
    SSL_CTX *context;
};

/* Where systems keep their bundle. One file, read at once: a hashed folder would be opened during
 * a handshake, when the sandbox forbids it. */
static const char *system_bundle(void)
{
    static const char *const files[] = {"/etc/ssl/certs/ca-certificates.crt",
                                        "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};
    for (size_t i = 0; i < countof(files); i++)
        if (access(files[i], R_OK) == 0)
            return files[i];
    return NULL;
}

struct tls_client *tls_client_create(const char *ca_file, struct error *error)
{
    if (!tls_library_start(error))
        return NULL;
    struct tls_client *client = calloc(1, sizeof(*client));
    if (!client) {
        error_set(error, TEMP, "no memory for TLS");
        return NULL;
    }
    client->context = tls_context_create(TLS_client_method());
    if (!client->context || SSL_CTX_dane_enable(client->context) != 1) {
        tls_error(error, TEMP, "cannot make a TLS context");
        tls_client_destroy(client);
        return NULL;
    }
    /* Without any bundle nothing verifies, but opportunistic TLS works. */
    const char *file = ca_file ? ca_file : system_bundle();
    if (file && SSL_CTX_load_verify_file(client->context, file) != 1) {
        char what[512];
        snprintf(what, sizeof(what), "cannot load certificate authorities from %s", file);
        tls_error(error, PERM, what);
        tls_client_destroy(client);
        return NULL;
    }
    return client;
}

void tls_client_destroy(struct tls_client *client)
{
    if (!client)
        return;
    SSL_CTX_free(client->context);
    free(client);
}

enum result tls_client_set_certificate(struct tls_client *client, const char *chain_file,
                                       const char *key_file, struct error *error)
{
    return tls_load_files(client->context, chain_file, key_file, error) ? OK : PERM;
}

static bool is_address(const char *name)
{
    struct ip ip;
    return ip_parse(bytes_of(name), &ip);
}

/* Those of the peer that are acceptable in its certificate; the first replaces what was there. */
static bool add_names(SSL *ssl, const struct tls_peer *peer, bool first)
{
    const struct bytes *names = peer->name_count ? peer->names : &peer->name;
    size_t count = peer->name_count ? peer->name_count : 1;
    for (size_t i = 0; i < count && i < TLS_NAMES_MAX; i++) {
        char name[256];
        if (!bytes_to_cstring(names[i], name, sizeof(name)) || !name[0])
            return false;
        if (is_address(name)) {
            if (!X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name))
                return false;
        } else if (first ? !SSL_set1_host(ssl, name) : !SSL_add1_host(ssl, name)) {
            return false;
        }
        first = false;
    }
    return true;
}

static size_t count_usable(const struct tls_peer *peer)
{
    size_t usable = 0;
    for (size_t i = 0; i < peer->record_count && i < TLS_TLSA_MAX; i++)
        usable += tls_tlsa_is_usable(&peer->records[i]);
    return usable;
}

/* False if no record is left; then nothing could match. */
static bool set_dane(SSL *ssl, const struct tls_peer *peer, const char *name)
{
    size_t added = 0;
    if (SSL_dane_enable(ssl, name) != 1 || !add_names(ssl, peer, false))
        return false;
    /* The record names the certificate: neither name nor expiry count (rfc7672:3.1.1). */
    SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
    for (size_t i = 0; i < peer->record_count && i < TLS_TLSA_MAX; i++) {
        const struct tls_tlsa *record = &peer->records[i];
        if (tls_tlsa_is_usable(record))
            added += SSL_dane_tlsa_add(ssl, record->usage, record->selector, record->matching,
                                       record->data.ptr, record->data.len) > 0;
    }
    ERR_clear_error();
    return added > 0;
}

static bool set_peer(SSL *ssl, const struct tls_peer *peer, enum tls_verify verify)
{
    char name[256];
    if (!bytes_to_cstring(peer->name, name, sizeof(name)))
        return false;
    if (name[0] && !is_address(name) && !SSL_set_tlsext_host_name(ssl, name))
        return false;
    SSL_set_verify(ssl, verify == TLS_VERIFY_NOTHING ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    /* The loop's clock, so that expiry can be tested. */
    X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl), loop_epoch());
    if (verify == TLS_VERIFY_DANE)
        return set_dane(ssl, peer, name);
    return verify == TLS_VERIFY_NOTHING || add_names(ssl, peer, true);
}

enum result tls_connect_to(struct tls_client *client, struct transport *plain,
                           const struct tls_peer *peer, int64_t deadline, struct transport **out,
                           struct tls_info *info, enum tls_failure *failure, struct error *error)
{
    enum tls_verify verify = peer->verify;
    if (verify == TLS_VERIFY_DANE && !count_usable(peer))
        verify = TLS_VERIFY_NOTHING;
    SSL *ssl = SSL_new(client->context);
    if (!ssl || !set_peer(ssl, peer, verify)) {
        SSL_free(ssl);
        plain->operations->close(plain);
        if (failure)
            *failure = verify == TLS_VERIFY_DANE ? TLS_FAILURE_TLSA : TLS_FAILURE_CONNECTION;
        return verify == TLS_VERIFY_DANE
                   ? tls_error(error, PERM, "no TLSA record can be used")
                   : tls_error(error, TEMP, "cannot prepare a TLS connection");
    }
    SSL_set_connect_state(ssl);
    return tls_handshake(ssl, plain, deadline, out, info, failure, error);
}

enum result tls_connect(struct tls_client *client, struct transport *plain, const char *name,
                        bool verify, int64_t deadline, struct transport **out,
                        struct tls_info *info, struct error *error)
{
    struct tls_peer peer = {.name = bytes_of(name),
                            .verify = verify ? TLS_VERIFY_NAME : TLS_VERIFY_NOTHING};
    return tls_connect_to(client, plain, &peer, deadline, out, info, NULL, error);
}
