/* SPDX-License-Identifier: BSD-2-Clause */
#include "tls/tls.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

bool tls_tlsa_read(struct bytes rdata, struct tls_tlsa *out)
{
    if (rdata.len < 4)
        return false;
    *out = (struct tls_tlsa){rdata.ptr[0], rdata.ptr[1], rdata.ptr[2], bytes_skip(rdata, 3)};
    return true;
}

/* The whole certificate or key: one that OpenSSL can read. */
static bool is_whole(const struct tls_tlsa *record)
{
    const unsigned char *at = record->data.ptr, *end = at + record->data.len;
    if (record->data.len > 65535)
        return false;
    if (record->selector == 0) {
        X509 *certificate = d2i_X509(NULL, &at, (long)record->data.len);
        bool good = certificate && at == end && X509_get0_pubkey(certificate);
        X509_free(certificate);
        return good;
    }
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)record->data.len);
    bool good = key && at == end;
    EVP_PKEY_free(key);
    return good;
}

bool tls_tlsa_is_usable(const struct tls_tlsa *record)
{
    if (record->usage < 2 || record->usage > 3 || record->selector > 1)
        return false;
    switch (record->matching) {
    case 0:
        return is_whole(record);
    case 1:
        return record->data.len == 32;
    case 2:
        return record->data.len == 64;
    default:
        return false;
    }
}
