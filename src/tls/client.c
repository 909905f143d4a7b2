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
    if (!client->context) {
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

static bool set_name(SSL *ssl, const char *name, bool verify)
{
    struct ip ip;
    if (ip_parse(bytes_of(name), &ip))
        return !verify || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
    if (!SSL_set_tlsext_host_name(ssl, name))
        return false;
    return !verify || SSL_set1_host(ssl, name);
}

enum result tls_connect(struct tls_client *client, struct transport *plain, const char *name,
                        bool verify, int64_t deadline, struct transport **out,
                        struct tls_info *info, struct error *error)
{
    SSL *ssl = SSL_new(client->context);
    if (!ssl || !set_name(ssl, name, verify)) {
        SSL_free(ssl);
        plain->operations->close(plain);
        return tls_error(error, TEMP, "cannot prepare a TLS connection");
    }
    SSL_set_verify(ssl, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    /* The loop's clock, so that expiry can be tested. */
    X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl), loop_epoch());
    SSL_set_connect_state(ssl);
    return tls_handshake(ssl, plain, deadline, out, info, error);
}
