/* SPDX-License-Identifier: BSD-2-Clause */
#include "tls/internal.h"

#include "base/domain.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One context for each set of names; certificates of different key types for the same names share
 * one, and OpenSSL picks what the client can verify. */
struct certificate {
    SSL_CTX *context;
    char **names;
    size_t name_count;
};

struct tls_server {
    struct certificate *certificates;
    size_t count;
    int minimum;
    X509_STORE *authorities;   /* of clients' certificates; NULL: none is asked for */
    STACK_OF(X509_NAME) *hint; /* their names, for clients that choose */
    unsigned references; /* the owner, and each handshake under way */
};

struct tls_server *tls_server_create(struct error *error)
{
    if (!tls_library_start(error))
        return NULL;
    struct tls_server *server = calloc(1, sizeof(*server));
    if (!server) {
        error_set(error, TEMP, "no memory for TLS");
        return NULL;
    }
    server->minimum = TLS1_2_VERSION;
    server->references = 1;
    return server;
}

static void certificate_free(struct certificate *certificate)
{
    for (size_t i = 0; i < certificate->name_count; i++)
        free(certificate->names[i]);
    free(certificate->names);
    SSL_CTX_free(certificate->context);
}

static void release(struct tls_server *server)
{
    if (--server->references)
        return;
    for (size_t i = 0; i < server->count; i++)
        certificate_free(&server->certificates[i]);
    free(server->certificates);
    X509_STORE_free(server->authorities);
    sk_X509_NAME_pop_free(server->hint, X509_NAME_free);
    free(server);
}

void tls_server_destroy(struct tls_server *server)
{
    if (server)
        release(server);
}

/* "*.example.org" stands for exactly one label (rfc6125:6.4.3). */
static bool name_matches(struct bytes pattern, struct bytes name)
{
    if (!bytes_starts_with(pattern, BYTES("*.")))
        return bytes_equal_nocase(pattern, name);
    struct bytes parent = domain_parent(name);
    return parent.len && parent.len + 1 < name.len &&
           bytes_equal_nocase(bytes_skip(pattern, 2), parent);
}

static const struct certificate *find_certificate(const struct tls_server *server,
                                                  struct bytes name)
{
    const struct certificate *wildcard = NULL;
    for (size_t i = 0; i < server->count; i++) {
        const struct certificate *certificate = &server->certificates[i];
        for (size_t n = 0; n < certificate->name_count; n++) {
            struct bytes pattern = bytes_of(certificate->names[n]);
            if (!name_matches(pattern, name))
                continue;
            if (pattern.ptr[0] != '*')
                return certificate;
            if (!wildcard)
                wildcard = certificate;
        }
    }
    return wildcard;
}

static int on_server_name(SSL *ssl, int *alert, void *argument)
{
    const struct tls_server *server = argument;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (!name)
        return SSL_TLSEXT_ERR_NOACK;
    const struct certificate *found = find_certificate(server, domain_strip_dot(bytes_of(name)));
    /* An unknown name gets the first certificate: mail servers are often asked for under aliases.
     */
    if (found && found->context != SSL_get_SSL_CTX(ssl))
        SSL_set_SSL_CTX(ssl, found->context);
    return SSL_TLSEXT_ERR_OK;
}

SSL_CTX *tls_context_create(const SSL_METHOD *method)
{
    SSL_CTX *context = SSL_CTX_new(method);
    if (!context)
        return NULL;
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(context, 0);
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    return context;
}

/* Never ask a terminal for a pass phrase. */
static int no_pass_phrase(char *to, int size, int writing, void *argument)
{
    return -1;
}

static bool set_minimum(SSL_CTX *context, int minimum)
{
    /* OpenSSL has TLS below 1.2 only at security level 0. */
    if (minimum < TLS1_2_VERSION && !SSL_CTX_set_cipher_list(context, "DEFAULT:@SECLEVEL=0"))
        return false;
    return SSL_CTX_set_min_proto_version(context, minimum);
}

/* A client's certificate is an offer: without a good one it may still give a password. */
static int accept_anyway(int good, X509_STORE_CTX *store)
{
    return 1;
}

static bool request_certificate(const struct tls_server *server, SSL_CTX *context)
{
    static const unsigned char id[] = "vouch";
    STACK_OF(X509_NAME) *hint = SSL_dup_CA_list(server->hint);
    /* Sessions that come back must be known to be ours once there are certificates in them. */
    if (!hint || !SSL_CTX_set1_verify_cert_store(context, server->authorities) ||
        !SSL_CTX_set_session_id_context(context, id, sizeof(id) - 1)) {
        sk_X509_NAME_pop_free(hint, X509_NAME_free);
        return false;
    }
    SSL_CTX_set_client_CA_list(context, hint);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, accept_anyway);
    return true;
}

static SSL_CTX *create_context(struct tls_server *server)
{
    SSL_CTX *context = tls_context_create(TLS_server_method());
    if (!context)
        return NULL;
    SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_dh_auto(context, 1);
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_default_passwd_cb(context, no_pass_phrase);
    SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
    SSL_CTX_set_tlsext_servername_arg(context, server);
    if (!set_minimum(context, server->minimum) ||
        (server->authorities && !request_certificate(server, context))) {
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

static bool add_name(struct certificate *certificate, const char *text, size_t length)
{
    if (length == 0 || length > 255 || memchr(text, '\0', length))
        return true; /* not a name that anyone can ask for */
    char **names = realloc(certificate->names, (certificate->name_count + 1) * sizeof(*names));
    if (!names)
        return false;
    certificate->names = names;
    char *name = strndup(text, length);
    if (!name)
        return false;
    names[certificate->name_count++] = name;
    return true;
}

static bool read_names(struct certificate *certificate, const X509 *x509)
{
    bool good = true;
    GENERAL_NAMES *names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_DNS)
            good =
                good && add_name(certificate, (const char *)ASN1_STRING_get0_data(name->d.dNSName),
                                 (size_t)ASN1_STRING_length(name->d.dNSName));
    }
    GENERAL_NAMES_free(names);
    if (certificate->name_count)
        return good;
    /* Old certificates have their name in the subject only. */
    char text[256];
    int length =
        X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, text, sizeof(text));
    return good && (length <= 0 || add_name(certificate, text, (size_t)length));
}

static bool same_names(const struct certificate *a, const struct certificate *b)
{
    if (a->name_count != b->name_count)
        return false;
    for (size_t i = 0; i < a->name_count; i++)
        if (!bytes_is_nocase(bytes_of(a->names[i]), b->names[i]))
            return false;
    return true;
}

static bool append(struct tls_server *server, const struct certificate *certificate)
{
    struct certificate *grown = realloc(server->certificates, (server->count + 1) * sizeof(*grown));
    if (!grown)
        return false;
    server->certificates = grown;
    grown[server->count++] = *certificate;
    return true;
}

/* A context that has these names already and no certificate of this key type yet, or NULL. */
static SSL_CTX *shared_context(struct tls_server *server, const struct certificate *certificate)
{
    int type = EVP_PKEY_get_base_id(SSL_CTX_get0_privatekey(certificate->context));
    for (size_t i = 0; i < server->count; i++) {
        SSL_CTX *context = server->certificates[i].context;
        if (same_names(&server->certificates[i], certificate) &&
            EVP_PKEY_get_base_id(SSL_CTX_get0_privatekey(context)) != type)
            return context;
    }
    return NULL;
}

bool tls_load_files(SSL_CTX *context, const char *chain_file, const char *key_file,
                    struct error *error)
{
    char what[512];
    const char *const files[] = {chain_file, key_file};
    for (size_t i = 0; i < countof(files); i++) {
        /* The library says "system lib" of what the kernel has a sentence for. */
        if (access(files[i], R_OK) != 0) {
            error_set(error, PERM, "cannot read %s: %s", files[i], strerror(errno));
            return false;
        }
    }
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, chain_file) != 1) {
        snprintf(what, sizeof(what), "cannot load certificates from %s", chain_file);
        tls_error(error, PERM, what);
        return false;
    }
    if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        snprintf(what, sizeof(what), "cannot use the private key %s with %s", key_file, chain_file);
        tls_error(error, PERM, what);
        return false;
    }
    return true;
}

enum result tls_server_add_certificate(struct tls_server *server, const char *chain_file,
                                       const char *key_file, struct error *error)
{
    struct certificate certificate = {.context = create_context(server)};
    if (!certificate.context)
        return tls_error(error, TEMP, "cannot make a TLS context");
    if (!tls_load_files(certificate.context, chain_file, key_file, error)) {
        certificate_free(&certificate);
        return PERM;
    }
    enum result result = OK;
    SSL_CTX *shared = NULL;
    bool named = read_names(&certificate, SSL_CTX_get0_certificate(certificate.context));
    if (named)
        shared = shared_context(server, &certificate);
    if (shared)
        result = tls_load_files(shared, chain_file, key_file, error) ? OK : PERM;
    else if (!named || !append(server, &certificate))
        result = error_set(error, TEMP, "no memory for a certificate");
    if (shared || result != OK)
        certificate_free(&certificate);
    return result;
}

enum result tls_server_add_self_signed(struct tls_server *server, const char *name,
                                       const char *chain_file, const char *key_file,
                                       struct error *error)
{
    EVP_PKEY *key = NULL;
    X509 *x509 = NULL;
    enum result result = tls_self_signed(name, &key, &x509, error);
    if (result != OK)
        return result;
    struct certificate certificate = {.context = create_context(server)};
    if (chain_file && key_file)
        result = tls_write_files(key, x509, chain_file, key_file, error);
    if (result == OK &&
        (!certificate.context || !SSL_CTX_use_certificate(certificate.context, x509) ||
         !SSL_CTX_use_PrivateKey(certificate.context, key) || !read_names(&certificate, x509) ||
         !append(server, &certificate)))
        result = tls_error(error, TEMP, "cannot use a new certificate");
    if (result != OK)
        certificate_free(&certificate);
    EVP_PKEY_free(key);
    X509_free(x509);
    return result;
}

enum result tls_server_set_minimum(struct tls_server *server, const char *version,
                                   struct error *error)
{
    static const struct {
        const char *name;
        int version;
    } versions[] = {{"1.0", TLS1_VERSION},
                    {"1.1", TLS1_1_VERSION},
                    {"1.2", TLS1_2_VERSION},
                    {"1.3", TLS1_3_VERSION}};
    for (size_t i = 0; i < countof(versions); i++) {
        if (strcmp(version, versions[i].name) != 0)
            continue;
        server->minimum = versions[i].version;
        for (size_t c = 0; c < server->count; c++)
            if (!set_minimum(server->certificates[c].context, server->minimum))
                return tls_error(error, PERM, "cannot set the TLS version");
        return OK;
    }
    return error_set(error, PERM, "\"%s\" is not a TLS version (1.0, 1.1, 1.2, 1.3)", version);
}

enum result tls_server_request_certificates(struct tls_server *server, const char *ca_file,
                                            struct error *error)
{
    char what[512];
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509_NAME) *hint = store ? SSL_load_client_CA_file(ca_file) : NULL;
    if (!hint || X509_STORE_load_file(store, ca_file) != 1) {
        X509_STORE_free(store);
        sk_X509_NAME_pop_free(hint, X509_NAME_free);
        snprintf(what, sizeof(what), "cannot load certificate authorities from %s", ca_file);
        return tls_error(error, PERM, what);
    }
    X509_STORE_free(server->authorities);
    sk_X509_NAME_pop_free(server->hint, X509_NAME_free);
    server->authorities = store;
    server->hint = hint;
    for (size_t i = 0; i < server->count; i++)
        if (!request_certificate(server, server->certificates[i].context))
            return tls_error(error, TEMP, "cannot ask for certificates");
    return OK;
}

enum result tls_accept(struct tls_server *server, struct transport *plain, int64_t deadline,
                       struct transport **out, struct tls_info *info, struct error *error)
{
    SSL *ssl = server->count ? SSL_new(server->certificates[0].context) : NULL;
    if (!ssl) {
        plain->operations->close(plain);
        return server->count ? tls_error(error, TEMP, "no memory for TLS")
                             : error_set(error, PERM, "no TLS certificate is configured");
    }
    SSL_set_accept_state(ssl);
    X509_VERIFY_PARAM_set_time(SSL_get0_param(ssl), loop_epoch());
    server->references++; /* the name callback uses it, and it may be replaced meanwhile */
    enum result result = tls_handshake(ssl, plain, deadline, out, info, NULL, error);
    release(server);
    return result;
}
