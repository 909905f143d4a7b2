/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/smime_verify.h"

#include "auth/smime_address.h"
#include "auth/smime_blob.h"
#include "base/buf.h"
#include "base/encode.h"

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct smime_authorities {
    X509_STORE *store;
};

/* --- Authorities ------------------------------------------------------------------------------ */

/* One file, read at once: a hashed folder would be opened when the sandbox forbids it. */
static const char *system_bundle(void)
{
    static const char *const files[] = {"/etc/ssl/certs/ca-certificates.crt",
                                        "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};
    for (size_t i = 0; i < countof(files); i++)
        if (access(files[i], R_OK) == 0)
            return files[i];
    return NULL;
}

enum result smime_authorities_load(const char *file, struct smime_authorities **out,
                                   struct error *error)
{
    *out = NULL;
    if (!file)
        file = system_bundle();
    if (!file)
        return error_set(error, PERM, "this system has no bundle of certificate authorities");
    struct smime_authorities *authorities = calloc(1, sizeof(*authorities));
    if (!authorities || !(authorities->store = X509_STORE_new())) {
        free(authorities);
        return error_set(error, TEMP, "no memory for certificate authorities");
    }
    if (X509_STORE_load_file(authorities->store, file) != 1) {
        ERR_clear_error();
        smime_authorities_free(authorities);
        return error_set(error, PERM, "cannot load certificate authorities from %s", file);
    }
    *out = authorities;
    return OK;
}

void smime_authorities_free(struct smime_authorities *authorities)
{
    if (!authorities)
        return;
    X509_STORE_free(authorities->store);
    free(authorities);
}

/* --- One signature ---------------------------------------------------------------------------- */

struct verification {
    const struct smime_job *job;
    CMS_ContentInfo *cms;
    STACK_OF(X509) *certificates;
    struct bytes content;
    bool failed; /* memory is out */
};

static void judge(struct verification *v, struct smime_result *result, enum auth_result verdict,
                  const char *problem)
{
    result->result = verdict;
    result->problem = arena_copy(v->job->arena, bytes_of(problem));
    v->failed |= !result->problem.ptr;
}

static void describe_certificate(struct verification *v, X509 *certificate,
                                 struct smime_result *result)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
    char *text;
    struct buf hex;
    buf_init(&hex, 4096);
    hex_encode(&hex, bytes_first(bytes_from(ASN1_STRING_get0_data(serial),
                                            (size_t)ASN1_STRING_length(serial)), 64));
    result->serial = arena_copy(v->job->arena, buf_bytes(&hex));
    buf_free(&hex);
    if (bio && X509_NAME_print_ex(bio, X509_get_issuer_name(certificate), 0,
                                  XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
        long length = BIO_get_mem_data(bio, &text);
        result->issuer = arena_copy(v->job->arena,
                                    bytes_first(bytes_from(text, length > 0 ? (size_t)length : 0), 500));
    }
    BIO_free(bio);
    v->failed |= !bio || !result->serial.ptr;
}

/* Kinds and sizes of keys whose cost is known. */
static const char *key_problem(EVP_PKEY *key)
{
    static const char *const types[] = {"RSA", "RSA-PSS", "EC", "ED25519", "ED448"};
    if (!key)
        return "the key of the certificate cannot be read";
    if (EVP_PKEY_get_bits(key) > SMIME_KEY_BITS_MAX)
        return "the key of the certificate is larger than what is verified here";
    for (size_t i = 0; i < countof(types); i++)
        if (EVP_PKEY_is_a(key, types[i]))
            return NULL;
    return "the key of the certificate is of a kind that is not verified here";
}

/* The attributes that are signed must name this content (rfc5652:5.4, 11.1, 11.2). */
static bool attributes_fit(struct verification *v, CMS_SignerInfo *signer, struct bytes digest)
{
    const ASN1_OBJECT *type = CMS_signed_get0_data_by_OBJ(
        signer, OBJ_nid2obj(NID_pkcs9_contentType), -3, V_ASN1_OBJECT);
    const ASN1_OCTET_STRING *claimed = CMS_signed_get0_data_by_OBJ(
        signer, OBJ_nid2obj(NID_pkcs9_messageDigest), -3, V_ASN1_OCTET_STRING);
    if (!type || !claimed || OBJ_cmp(type, CMS_get0_eContentType(v->cms)) != 0)
        return false;
    struct bytes expected =
        bytes_from(ASN1_STRING_get0_data(claimed), (size_t)ASN1_STRING_length(claimed));
    return bytes_equal(digest, expected);
}

/* Without signed attributes the signature is over the content itself (rfc5652:5.4). */
static bool plain_signature_fits(CMS_SignerInfo *signer, EVP_PKEY *key, const EVP_MD *md,
                                 struct bytes digest)
{
    ASN1_OCTET_STRING *signature = CMS_SignerInfo_get0_signature(signer);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    bool fits = context && signature && EVP_PKEY_verify_init(context) > 0 &&
                EVP_PKEY_CTX_set_signature_md(context, md) > 0 &&
                EVP_PKEY_verify(context, ASN1_STRING_get0_data(signature),
                                (size_t)ASN1_STRING_length(signature), digest.ptr, digest.len) == 1;
    EVP_PKEY_CTX_free(context);
    return fits;
}

static bool is_weak(const EVP_MD *md)
{
    int type = EVP_MD_get_type(md);
    return type == NID_sha1 || type == NID_md5 || type == NID_md4 || type == NID_md5_sha1;
}

/* Whether certificate and key stand for an authority's word at that time. NULL if they do. */
static const char *chain_problem(struct verification *v, X509 *certificate)
{
    const char *problem = "no memory to verify the certificate";
    if (!v->job->authorities)
        return "no certificate authorities are known here";
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    if (!context || X509_STORE_CTX_init(context, v->job->authorities->store, certificate,
                                        v->certificates) != 1) {
        v->failed = true;
        X509_STORE_CTX_free(context);
        return problem;
    }
    X509_STORE_CTX_set_default(context, "smime_sign");
    X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SMIME_SIGN);
    X509_VERIFY_PARAM_set_time(parameters, (time_t)v->job->now);
    X509_VERIFY_PARAM_set_depth(parameters, SMIME_CHAIN_MAX);
    X509_VERIFY_PARAM_set_auth_level(parameters, 1); /* no SHA-1, no RSA under 1024 bits */
    if (X509_verify_cert(context) == 1)
        problem = NULL;
    else
        problem = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
    X509_STORE_CTX_free(context);
    return problem;
}

static void judge_certificate(struct verification *v, X509 *certificate, const EVP_MD *md,
                              struct smime_result *result)
{
    bool of_author = smime_address_of(v->job->arena, certificate, v->job->author,
                                      &result->identifier);
    const char *problem = chain_problem(v, certificate);
    struct arena *arena = v->job->arena;
    result->result = AUTH_POLICY;
    if (is_weak(md))
        result->problem = BYTES("the digest algorithm is too weak");
    else if (problem)
        result->problem = arena_printf(arena, "the certificate is not trusted: %s", problem);
    else if (result->identifier.len == 0)
        result->problem = BYTES("the certificate has no mail address");
    else if (!of_author)
        result->problem = arena_printf(arena, "the certificate is of " BYTES_FMT ", not of the author",
                                       BYTES_ARG(bytes_first(result->identifier, 300)));
    else
        result->result = AUTH_PASS;
    v->failed |= result->result == AUTH_POLICY && !result->problem.ptr;
}

static void check_signer(struct verification *v, CMS_SignerInfo *signer,
                         struct smime_result *result)
{
    EVP_PKEY *key;
    X509 *certificate;
    X509_ALGOR *digest_algorithm, *signature_algorithm;
    const ASN1_OBJECT *digest_name;
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length;
    CMS_SignerInfo_get0_algs(signer, &key, &certificate, &digest_algorithm, &signature_algorithm);
    if (!certificate) {
        judge(v, result, AUTH_NEUTRAL, "the signer's certificate is not in the message");
        return;
    }
    describe_certificate(v, certificate, result);
    const char *problem = key_problem(key);
    X509_ALGOR_get0(&digest_name, NULL, NULL, digest_algorithm);
    const EVP_MD *md = EVP_get_digestbyobj(digest_name);
    if (!problem && !md)
        problem = "the digest algorithm is not known here";
    if (!problem && EVP_Digest(v->content.ptr, v->content.len, digest, &length, md, NULL) != 1)
        problem = "the digest algorithm is not supported here";
    if (problem) {
        judge(v, result, AUTH_NEUTRAL, problem);
        return;
    }
    bool fits;
    if (CMS_signed_get_attr_count(signer) >= 0) {
        if (!attributes_fit(v, signer, bytes_from(digest, length))) {
            judge(v, result, AUTH_FAIL, "the content is not what was signed");
            return;
        }
        fits = CMS_SignerInfo_verify(signer) == 1;
    } else {
        fits = plain_signature_fits(signer, key, md, bytes_from(digest, length));
    }
    if (fits)
        judge_certificate(v, certificate, md, result);
    else
        judge(v, result, AUTH_FAIL, "the signature is not of the key in the certificate");
}

/* --- The object ------------------------------------------------------------------------------- */

/* Of several signatures the best counts. */
static int rank(enum auth_result result)
{
    static const enum auth_result order[] = {AUTH_PERMERROR, AUTH_NEUTRAL, AUTH_FAIL, AUTH_POLICY,
                                             AUTH_PASS};
    for (size_t i = 0; i < countof(order); i++)
        if (order[i] == result)
            return (int)i;
    return -1;
}

static void check_signers(struct verification *v, struct smime_result *result)
{
    STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(v->cms);
    int count = sk_CMS_SignerInfo_num(signers);
    bool found = false;
    CMS_set1_signers_certs(v->cms, NULL, 0);
    for (int i = 0; i < count && i < SMIME_SIGNERS_LOOKED_AT && result->result != AUTH_PASS; i++) {
        struct smime_result one = *result;
        check_signer(v, sk_CMS_SignerInfo_value(signers, i), &one);
        if (!found || rank(one.result) > rank(result->result))
            *result = one;
        found = true;
    }
}

/* What is signed: beside the object, or in it. */
static bool find_content(struct verification *v, struct smime_result *result)
{
    ASN1_OCTET_STRING **content = CMS_get0_content(v->cms);
    v->content = v->job->content;
    if (!v->job->opaque)
        return true;
    if (!content || !*content) {
        judge(v, result, AUTH_PERMERROR, "the signed content is missing");
        return false;
    }
    v->content = bytes_from(ASN1_STRING_get0_data(*content), (size_t)ASN1_STRING_length(*content));
    return true;
}

static bool within_limits(const struct smime_job *job, const struct smime_blob *blob)
{
    return job->object.len - blob->content <= SMIME_OVERHEAD_MAX && job->object.len <= INT32_MAX &&
           (job->opaque || blob->content < SMIME_OVERHEAD_MAX) &&
           blob->signers <= SMIME_SIGNERS_MAX && blob->certificates <= SMIME_CERTIFICATES_MAX &&
           blob->revocation_lists <= SMIME_CERTIFICATES_MAX &&
           blob->digest_algorithms <= SMIME_DIGESTS_MAX;
}

static void check_object(struct verification *v, struct smime_result *result)
{
    const unsigned char *from = v->job->object.ptr;
    v->cms = d2i_CMS_ContentInfo(NULL, &from, (long)v->job->object.len);
    if (!v->cms) {
        judge(v, result, AUTH_PERMERROR, "the signature is no CMS object");
        return;
    }
    v->certificates = CMS_get1_certs(v->cms);
    if (find_content(v, result))
        check_signers(v, result);
    sk_X509_pop_free(v->certificates, X509_free);
    CMS_ContentInfo_free(v->cms);
}

enum result smime_verify(const struct smime_job *job, struct smime_result *result)
{
    struct verification v = {.job = job};
    struct smime_blob blob = smime_blob_read(job->object);
    if (blob.kind == SMIME_MALFORMED) {
        judge(&v, result, AUTH_PERMERROR, "the signature is no CMS object");
    } else if (blob.kind != SMIME_SIGNED) {
        result->encrypted = blob.kind == SMIME_ENCRYPTED;
        judge(&v, result, AUTH_NEUTRAL,
              result->encrypted ? "encrypted" : "of a kind that is not looked into");
    } else if (!within_limits(job, &blob)) {
        judge(&v, result, AUTH_NEUTRAL, "the signature has more in it than is looked into");
    } else if (blob.signers == 0) {
        judge(&v, result, AUTH_NEUTRAL, "certificates without a signature");
    } else {
        ERR_clear_error();
        check_object(&v, result);
        ERR_clear_error();
    }
    return v.failed ? TEMP : OK;
}
