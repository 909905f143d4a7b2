/* SPDX-License-Identifier: BSD-2-Clause */
#include "library/library.h"

#include "auth/arc_seal.h"
#include "auth/dkim_private_key.h"
#include "auth/dkim_sign.h"
#include "base/domain.h"
#include "fiber/loop.h"
#include "message/header.h"

#include <openssl/evp.h>

#include <stdlib.h>

enum { HEADERS_MAX = 50, SIGNER_MEMORY = 1 << 20, PEM_MAX = 64 * 1024 };

struct vouch_signer {
    struct arena *arena; /* of the settings */
    EVP_PKEY *key;
    struct bytes domain, selector, identity;
    int64_t lifetime, now;
    const char *headers[HEADERS_MAX + 1]; /* ends with NULL */
    size_t header_count;
    struct buf field;
    struct error error;
};

EXPORTED struct vouch_signer *vouch_signer_create(void)
{
    struct vouch_signer *signer = library_prepare() ? calloc(1, sizeof(*signer)) : NULL;
    if (!signer)
        return NULL;
    signer->arena = arena_create(SIGNER_MEMORY);
    buf_init(&signer->field, LIBRARY_FIELD_MAX);
    if (signer->arena)
        return signer;
    free(signer);
    return NULL;
}

EXPORTED void vouch_signer_destroy(struct vouch_signer *signer)
{
    if (!signer)
        return;
    EVP_PKEY_free(signer->key);
    buf_free(&signer->field);
    arena_destroy(signer->arena);
    free(signer);
}

EXPORTED const char *vouch_signer_error(const struct vouch_signer *signer)
{
    return signer ? signer->error.text : "out of memory";
}

static enum vouch_status fail(struct vouch_signer *signer, enum result result, const char *sentence)
{
    if (signer)
        error_set(&signer->error, result, "%s", sentence);
    return library_status(result);
}

static bool is_name(struct bytes name)
{
    return name.len && domain_is_valid(name);
}

EXPORTED enum vouch_status vouch_signer_set_key(struct vouch_signer *signer, const void *pem,
                                                size_t length, const char *domain,
                                                const char *selector)
{
    EVP_PKEY *key = NULL;
    if (!signer || !pem || length > PEM_MAX)
        return fail(signer, PERM, "there is no private key");
    if (!is_name(bytes_of(domain)) || !is_name(bytes_of(selector)))
        return fail(signer, PERM, "domain or selector is no name");
    struct bytes d = library_text(signer->arena, bytes_of(domain));
    struct bytes s = library_text(signer->arena, bytes_of(selector));
    if (!d.ptr || !s.ptr)
        return fail(signer, TEMP, "out of memory");
    enum result result = dkim_private_key_read(bytes_from(pem, length), &key, &signer->error);
    if (result != OK)
        return library_status(result);
    EVP_PKEY_free(signer->key);
    signer->key = key;
    signer->domain = d;
    signer->selector = s;
    return VOUCH_OK;
}

EXPORTED enum vouch_status vouch_signer_set_identity(struct vouch_signer *signer,
                                                     const char *identity)
{
    if (!signer || !identity)
        return fail(signer, PERM, "there is no identity");
    struct bytes copy = library_text(signer->arena, bytes_of(identity));
    if (!copy.ptr)
        return fail(signer, TEMP, "out of memory");
    signer->identity = copy;
    return VOUCH_OK;
}

EXPORTED enum vouch_status vouch_signer_set_lifetime(struct vouch_signer *signer, int64_t seconds)
{
    if (!signer || seconds < 0 || seconds > INT32_MAX)
        return fail(signer, PERM, "a signature cannot hold so long");
    signer->lifetime = seconds;
    return VOUCH_OK;
}

EXPORTED void vouch_signer_set_now(struct vouch_signer *signer, int64_t seconds)
{
    if (signer)
        signer->now = seconds;
}

EXPORTED enum vouch_status vouch_signer_add_header(struct vouch_signer *signer, const char *name)
{
    if (!signer || !name || !header_name_is_valid(bytes_of(name)))
        return fail(signer, PERM, "that is no name of a header field");
    if (signer->header_count == HEADERS_MAX)
        return fail(signer, PERM, "there are too many header fields");
    char *copy = arena_string(signer->arena, bytes_of(name));
    if (!copy)
        return fail(signer, TEMP, "out of memory");
    signer->headers[signer->header_count++] = copy;
    return VOUCH_OK;
}

static bool is_ready(struct vouch_signer *signer, const struct vouch_message *message,
                     const char **out)
{
    if (out)
        *out = NULL;
    if (!signer)
        return false;
    buf_clear(&signer->field);
    if (!out || !message || message->state != MESSAGE_FINISHED)
        error_set(&signer->error, PERM, "there is no finished message");
    else if (!signer->key)
        error_set(&signer->error, PERM, "there is no private key");
    else
        return true;
    return false;
}

static int64_t now_of(const struct vouch_signer *signer)
{
    return signer->now ? signer->now : loop_epoch();
}

static enum vouch_status finish(struct vouch_signer *signer, enum result result, const char **out)
{
    if (result != OK)
        return library_status(result);
    buf_add_byte(&signer->field, '\0');
    if (signer->field.failed)
        return fail(signer, TEMP, "out of memory");
    *out = (const char *)signer->field.ptr;
    return VOUCH_OK;
}

EXPORTED enum vouch_status vouch_sign_dkim(struct vouch_signer *signer,
                                           const struct vouch_message *message, const char **field)
{
    struct dkim_signing signing;
    if (!is_ready(signer, message, field))
        return VOUCH_INVALID;
    struct arena *arena = arena_create(LIBRARY_SCRATCH_MAX);
    if (!arena)
        return fail(signer, TEMP, "out of memory");
    library_enter_thread();
    dkim_signing_init(&signing, signer->domain, signer->selector);
    signing.algorithm = dkim_key_type_algorithm(dkim_private_key_type(signer->key));
    signing.identity = signer->identity;
    signing.time = now_of(signer);
    signing.expiration = signer->lifetime ? signing.time + signer->lifetime : 0;
    signing.extra_headers = signer->headers;
    enum result result = dkim_sign(arena, &message->message, &signing, dkim_sign_with_key,
                                   signer->key, &signer->field, &signer->error);
    arena_destroy(arena);
    return finish(signer, result, field);
}

EXPORTED enum vouch_status vouch_seal_arc(struct vouch_signer *signer,
                                          const struct vouch_message *message,
                                          const struct vouch_result *result, const char **fields)
{
    if (!is_ready(signer, message, fields))
        return VOUCH_INVALID;
    if (!result || !(result->methods & VOUCH_ARC))
        return fail(signer, PERM, "the chain was not checked");
    struct arena *arena = arena_create(LIBRARY_SCRATCH_MAX);
    if (!arena)
        return fail(signer, TEMP, "out of memory");
    library_enter_thread();
    struct arc_sealing sealing = {
        .algorithm = dkim_key_type_algorithm(dkim_private_key_type(signer->key)),
        .domain = signer->domain,
        .selector = signer->selector,
        .time = now_of(signer),
        .auth_results = &result->said.results};
    enum result sealed = arc_seal(arena, &message->message, &sealing, &result->arc,
                                  dkim_sign_with_key, signer->key, &signer->field, &signer->error);
    arena_destroy(arena);
    return finish(signer, sealed, fields);
}
