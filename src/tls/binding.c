/* SPDX-License-Identifier: BSD-2-Clause */
/* binding: what may be known of an established connection: channel bindings, the client's names. */
#include "tls/internal.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

enum { EXPORTER_SIZE = 32 };

static enum result export(SSL *ssl, uint8_t *out, size_t *length)
{
    static const char label[] = "EXPORTER-Channel-Binding";
    static const unsigned char context[1];
    /* Before TLS 1.3 the key is only bound to both certificates with the extended master secret. */
    if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1)
        return NONE;
    /* An empty context, which TLS 1.2 tells from none (rfc9266:2). */
    if (SSL_export_keying_material(ssl, out, EXPORTER_SIZE, label, sizeof(label) - 1, context, 0,
                                   1) != 1)
        return NONE;
    *length = EXPORTER_SIZE;
    return OK;
}

/* The hash of the certificate's signature, but none that is weaker than SHA-256 (rfc5929:4.1). */
static enum result hash_certificate(SSL *ssl, uint8_t *out, size_t *length)
{
    int digest = NID_undef;
    unsigned size = 0;
    /* A session that came back has seen no certificate: which one it began with is not known. */
    if (SSL_is_server(ssl) && SSL_session_reused(ssl))
        return NONE;
    const X509 *certificate =
        SSL_is_server(ssl) ? SSL_get_certificate(ssl) : SSL_get0_peer_certificate(ssl);
    if (!certificate || !X509_get_signature_info((X509 *)certificate, &digest, NULL, NULL, NULL))
        return NONE;
    if (digest == NID_md5 || digest == NID_sha1)
        digest = NID_sha256;
    const EVP_MD *md = digest == NID_undef ? NULL : EVP_get_digestbynid(digest);
    if (!md || EVP_MD_get_size(md) > TLS_BINDING_MAX || !X509_digest(certificate, md, out, &size))
        return NONE;
    *length = size;
    return OK;
}

enum result tls_channel_binding(struct transport *transport, enum tls_binding binding,
                                uint8_t out[TLS_BINDING_MAX], size_t *length)
{
    SSL *ssl = tls_transport_ssl(transport);
    if (!ssl)
        return NONE;
    enum result result = binding == TLS_BINDING_EXPORTER ? export(ssl, out, length)
                                                         : hash_certificate(ssl, out, length);
    ERR_clear_error();
    return result;
}

static bool is_clean(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] == 0x7f)
            return false;
    return name.len > 0 && name.len < 256;
}

static void add_name(struct arena *arena, const ASN1_STRING *string, struct bytes *names,
                     size_t *count)
{
    struct bytes name =
        bytes_from(ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string));
    if (*count == TLS_CLIENT_NAMES_MAX || !is_clean(name))
        return;
    names[*count] = arena_copy(arena, name);
    *count += names[*count].ptr != NULL;
}

enum result tls_client_names(struct transport *transport, struct arena *arena,
                             struct tls_client_names *out)
{
    *out = (struct tls_client_names){.email_count = 0};
    SSL *ssl = tls_transport_ssl(transport);
    X509 *certificate = ssl && SSL_is_server(ssl) ? SSL_get0_peer_certificate(ssl) : NULL;
    if (!certificate || SSL_get_verify_result(ssl) != X509_V_OK)
        return NONE;
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type == GEN_EMAIL)
            add_name(arena, name->d.rfc822Name, out->emails, &out->email_count);
        else if (name->type == GEN_DNS)
            add_name(arena, name->d.dNSName, out->domains, &out->domain_count);
    }
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return OK;
}
