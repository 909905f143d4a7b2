/* SPDX-License-Identifier: BSD-2-Clause */
/* A CMS object: what we count in it before OpenSSL may read it must be what OpenSSL finds; and whatever it
 * is, nobody is its signer without an authority. Inputs that begin with text are read as messages. */
#include "auth/smime_blob.h"
#include "auth/smime_verify.h"

#include <openssl/cms.h>
#include <openssl/err.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_counts(struct bytes object, const struct smime_blob *blob)
{
    const unsigned char *from = object.ptr;
    CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &from, (long)object.len);
    if (cms) {
        STACK_OF(X509) *certificates = CMS_get1_certs(cms);
        STACK_OF(CMS_SignerInfo) *signers = CMS_get0_SignerInfos(cms);
        require(sk_CMS_SignerInfo_num(signers) <= 0 ||
                (size_t)sk_CMS_SignerInfo_num(signers) == blob->signers);
        require(sk_X509_num(certificates) <= 0 ||
                (size_t)sk_X509_num(certificates) <= blob->certificates);
        sk_X509_pop_free(certificates, X509_free);
        CMS_ContentInfo_free(cms);
    }
    ERR_clear_error();
}

static void check_result(const struct smime_result *result)
{
    require(result->result == AUTH_NONE || result->result == AUTH_FAIL ||
            result->result == AUTH_POLICY || result->result == AUTH_NEUTRAL ||
            result->result == AUTH_PERMERROR);
    require(result->result == AUTH_NONE || result->problem.len);
    require(ERR_peek_error() == 0);
}

static void check_object(struct arena *arena, struct bytes object, bool opaque)
{
    struct smime_job job = {.arena = arena,
                            .author = BYTES("alice@signer.example"),
                            .now = 1800000000,
                            .object = object,
                            .content = BYTES("Content-Type: text/plain\r\n\r\nhello\r\n"),
                            .opaque = opaque};
    struct smime_result result = {.result = AUTH_NONE};
    if (smime_verify(&job, &result) == OK)
        check_result(&result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_create(8 << 20);
    struct bytes input = bytes_from(size ? data : (const uint8_t *)"", size);
    struct smime_blob blob = smime_blob_read(input);
    if (blob.kind == SMIME_SIGNED)
        check_counts(input, &blob);
    check_object(arena, input, false);
    check_object(arena, input, true);
    struct message message;
    struct smime_result result;
    struct bytes raw = size && data[0] != 0x30 ? message_normalize(arena, input) : (struct bytes){NULL, 0};
    if (raw.ptr && message_parse(arena, raw, &message, NULL) == OK &&
        smime_check(arena, &message, BYTES("alice@signer.example"), NULL, 1800000000, &result) == OK)
        check_result(&result);
    arena_destroy(arena);
    return 0;
}
