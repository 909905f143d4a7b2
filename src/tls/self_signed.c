/* SPDX-License-Identifier: BSD-2-Clause */
#include "tls/internal.h"

#include "base/domain.h"
#include "base/ip.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <unistd.h>

enum { VALID_DAYS = 3650 };

static bool add_alternative_name(X509 *x509, const char *name)
{
    struct ip ip;
    char value[300];
    snprintf(value, sizeof(value), "%s:%s", ip_parse(bytes_of(name), &ip) ? "IP" : "DNS", name);
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, x509, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, value);
    bool added = extension && X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
    return added;
}

static bool set_serial(X509 *x509)
{
    uint64_t serial;
    if (RAND_bytes((unsigned char *)&serial, sizeof(serial)) != 1)
        return false;
    return ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), serial >> 1);
}

static bool fill(X509 *x509, EVP_PKEY *key, const char *name)
{
    /* A common name has 64 octets at most; the real name is the alternative name. */
    char common[65];
    snprintf(common, sizeof(common), "%s", name);
    X509_NAME *subject = X509_get_subject_name(x509);
    return X509_set_version(x509, X509_VERSION_3) && set_serial(x509) &&
           X509_gmtime_adj(X509_getm_notBefore(x509), -3600) &&
           X509_time_adj_ex(X509_getm_notAfter(x509), VALID_DAYS, 0, NULL) &&
           X509_set_pubkey(x509, key) &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)common,
                                      -1, -1, 0) &&
           X509_set_issuer_name(x509, subject) && add_alternative_name(x509, name) &&
           X509_sign(x509, key, EVP_sha256());
}

enum result tls_self_signed(const char *name, EVP_PKEY **key, X509 **certificate,
                            struct error *error)
{
    struct ip ip;
    struct bytes plain = bytes_of(name);
    if (bytes_starts_with(plain, BYTES("*.")))
        plain = bytes_skip(plain, 2);
    /* The name goes through OpenSSL's small configuration language: nothing but a plain name. */
    if (!domain_is_valid(plain) && !ip_parse(bytes_of(name), &ip))
        return error_set(error, PERM, "\"%s\" cannot be the name of a certificate", name);
    *key = EVP_EC_gen("P-256");
    *certificate = X509_new();
    if (*key && *certificate && fill(*certificate, *key, name))
        return OK;
    EVP_PKEY_free(*key);
    X509_free(*certificate);
    *key = NULL;
    *certificate = NULL;
    return tls_error(error, TEMP, "cannot make a self-signed certificate");
}

static enum result write_file(const char *path, mode_t mode, BIO *content, struct error *error)
{
    char *text;
    long length = BIO_get_mem_data(content, &text);
    /* Made anew: the mode of a file that is there already would not change. */
    if (unlink(path) < 0 && errno != ENOENT)
        return error_set(error, PERM, "cannot replace %s: %s", path, strerror(errno));
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return error_set(error, PERM, "cannot create %s: %s", path, strerror(errno));
    ssize_t written = write(fd, text, (size_t)length);
    int failed = written < 0 ? errno : written != length ? ENOSPC : 0;
    if (close(fd) < 0 && !failed)
        failed = errno;
    return failed ? error_set(error, PERM, "cannot write %s: %s", path, strerror(failed)) : OK;
}

enum result tls_write_files(EVP_PKEY *key, X509 *certificate, const char *chain_file,
                            const char *key_file, struct error *error)
{
    BIO *key_text = BIO_new(BIO_s_secmem());
    BIO *chain_text = BIO_new(BIO_s_mem());
    enum result result;
    if (!key_text || !chain_text ||
        !PEM_write_bio_PrivateKey(key_text, key, NULL, NULL, 0, NULL, NULL) ||
        !PEM_write_bio_X509(chain_text, certificate))
        result = tls_error(error, TEMP, "cannot write a certificate");
    else
        result = write_file(key_file, 0600, key_text, error);
    if (result == OK)
        result = write_file(chain_file, 0644, chain_text, error);
    BIO_free(key_text);
    BIO_free(chain_text);
    return result;
}
