/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/dkim_key.h"

#include "auth/dkim_tags.h"
#include "base/buf.h"
#include "base/cursor.h"
#include "base/map.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#include <pthread.h>
#include <stdlib.h>

enum {
    KEY_TEXT_MAX = 4096, /* of a record that is worth a look: twice an RSA-4096 key with notes */
    KEY_MEMORY_MAX = 64 * 1024,
    EXPONENT_OCTETS_MAX = 8,
    ED25519_OCTETS = 32,
    ED25519_BITS = 256
};

struct dkim_key {
    struct bytes text; /* the cache's key; owned */
    struct dkim_key_record record;
    unsigned bits;
    EVP_PKEY *public_key;
    EVP_PKEY_CTX *verifier; /* RSA: ready for `verifier_digest` */
    const EVP_MD *verifier_digest;
};

static struct {
    EVP_MD *sha256, *sha1;
} digests;
static pthread_once_t digests_once = PTHREAD_ONCE_INIT;

static void fetch_digests(void)
{
    digests.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    digests.sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    require(digests.sha256); /* SHA-1 may be missing: it serves historic signatures only */
}

const EVP_MD *dkim_digest(enum dkim_algorithm algorithm)
{
    pthread_once(&digests_once, fetch_digests);
    return algorithm == DKIM_RSA_SHA1 ? digests.sha1 : digests.sha256;
}

/* The record */

static struct bytes tag_value(const struct dkim_tags *tags, const char *name, struct bytes absent)
{
    const struct dkim_tag *tag = dkim_tags_find(tags, name);
    return tag ? tag->value : absent;
}

/* v= is optional, but where it stands it is first and DKIM1, octet for octet (rfc6376:3.6.1). */
static enum result check_version(const struct dkim_tags *tags, struct error *error)
{
    const struct dkim_tag *version = dkim_tags_find(tags, "v");
    if (!version)
        return OK;
    if (!bytes_is(version->value, "DKIM1"))
        return error_set(error, NONE, "the record is of another version than DKIM1");
    if (version != &tags->list[0])
        return error_set(error, PERM, "v= is not the first tag of the key record");
    return OK;
}

static enum result read_data(struct arena *arena, const struct dkim_tags *tags,
                             struct dkim_key_record *out, struct error *error)
{
    const struct dkim_tag *tag = dkim_tags_find(tags, "p");
    if (!tag)
        return error_set(error, PERM, "the key record has no p= tag");
    if (tag->value.len == 0)
        return error_set(error, PERM, "the key is revoked");
    if (dkim_tags_base64(arena, tag->value, &out->data))
        return OK;
    if (arena_exhausted(arena))
        return error_set(error, TEMP, "out of memory for this message");
    return error_set(error, PERM, "p= of the key record is not base64");
}

enum result dkim_key_record_parse(struct arena *arena, struct bytes text,
                                  struct dkim_key_record *out, struct error *error)
{
    struct dkim_tags tags;
    *out = (struct dkim_key_record){0};
    struct error syntax;
    if (dkim_tags_parse(text, &tags, &syntax) != OK)
        return error_set(error, PERM, "the key record is malformed: %s", syntax.text);
    enum result result = check_version(&tags, error);
    if (result != OK)
        return result;
    struct bytes type = tag_value(&tags, "k", BYTES("rsa"));
    if (bytes_is(type, "ed25519"))
        out->type = DKIM_KEY_ED25519;
    else if (!bytes_is(type, "rsa"))
        return error_set(error, NONE, "key type \"" BYTES_FMT "\" is not known",
                         BYTES_ARG(bytes_first(type, 32)));
    struct bytes service = tag_value(&tags, "s", BYTES("*"));
    if (!dkim_tags_lists(service, "*") && !dkim_tags_lists(service, "email"))
        return error_set(error, NONE, "the key is not for mail (s=)");
    struct bytes hashes = tag_value(&tags, "h", BYTES("sha1:sha256"));
    out->sha1 = dkim_tags_lists(hashes, "sha1");
    out->sha256 = dkim_tags_lists(hashes, "sha256");
    struct bytes flags = tag_value(&tags, "t", BYTES(""));
    out->testing = dkim_tags_lists(flags, "y");
    out->strict_identity = dkim_tags_lists(flags, "s");
    return read_data(arena, &tags, out, error);
}

/* The public key in p= */

enum { DER_INTEGER = 0x02, DER_BIT_STRING = 0x03, DER_SEQUENCE = 0x30 };

/* The content of the next element, if it has this tag; at most 64 KiB, definite length. */
static struct bytes der_take(struct cursor *c, uint8_t tag)
{
    cursor_expect(c, tag);
    size_t length = cursor_u8(c);
    if (length == 0x81)
        length = cursor_u8(c);
    else if (length == 0x82)
        length = cursor_u16(c);
    else if (length > 0x82 || length == 0x80)
        cursor_fail(c);
    return cursor_take(c, length);
}

/* RSAPublicKey out of a SubjectPublicKeyInfo. Nearly all records hold the latter, which is not what
 * rfc6376:3.6.1 says but what its example does; the library's own reader of it is many times slower
 * than a verification. A bare RSAPublicKey is given back as it is. */
static struct bytes unwrap_rsa(struct bytes data)
{
    static const uint8_t rsa_encryption[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                             0xf7, 0x0d, 0x01, 0x01, 0x01};
    struct cursor outer = cursor_over(data);
    struct cursor inner = cursor_over(der_take(&outer, DER_SEQUENCE));
    if (outer.failed || cursor_peek(&inner) != DER_SEQUENCE)
        return data;
    struct bytes algorithm = der_take(&inner, DER_SEQUENCE);
    struct bytes bits = der_take(&inner, DER_BIT_STRING);
    if (inner.failed || !cursor_at_end(&inner) || !cursor_at_end(&outer) || bits.len == 0 ||
        bits.ptr[0] != 0 ||
        !bytes_starts_with(algorithm, bytes_from(rsa_encryption, sizeof(rsa_encryption))))
        return (struct bytes){NULL, 0};
    return bytes_skip(bits, 1);
}

static struct bytes without_zeros(struct bytes number)
{
    while (number.len && number.ptr[0] == 0)
        number = bytes_skip(number, 1);
    return number;
}

static unsigned bit_length(struct bytes number)
{
    return number.len ? (unsigned)(number.len * 8) - (unsigned)(__builtin_clz(number.ptr[0]) - 24)
                      : 0;
}

/* Its bits, or 0 if it is no RSAPublicKey with an exponent of sensible size: a long one would make
 * each verification many times as costly. */
static unsigned rsa_bits(struct bytes key)
{
    struct cursor outer = cursor_over(key);
    struct cursor inner = cursor_over(der_take(&outer, DER_SEQUENCE));
    struct bytes modulus = der_take(&inner, DER_INTEGER);
    struct bytes exponent = der_take(&inner, DER_INTEGER);
    if (outer.failed || inner.failed || !cursor_at_end(&outer) || !cursor_at_end(&inner) ||
        modulus.len == 0 || modulus.ptr[0] & 0x80 || exponent.len == 0 || exponent.ptr[0] & 0x80)
        return 0;
    modulus = without_zeros(modulus);
    exponent = without_zeros(exponent);
    if (exponent.len == 0 || exponent.len > EXPONENT_OCTETS_MAX || modulus.len == 0 ||
        modulus.len > 16 * 1024 / 8 || !(exponent.ptr[exponent.len - 1] & 1) ||
        !(modulus.ptr[modulus.len - 1] & 1))
        return 0;
    return bit_length(modulus);
}

static enum result make_rsa(struct dkim_key *key, struct error *error)
{
    struct bytes der = unwrap_rsa(key->record.data);
    key->bits = rsa_bits(der);
    if (key->bits == 0)
        return error_set(error, PERM, "p= holds no RSA key");
    /* Historic lengths are made too, for those who look at old mail; dkim.c refuses them. */
    if (key->bits > DKIM_RSA_BITS_MAX)
        return error_set(error, PERM, "the RSA key has %u bits, more than %d", key->bits,
                         DKIM_RSA_BITS_MAX);
    const unsigned char *at = der.ptr;
    key->public_key = d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)der.len);
    if (!key->public_key)
        return error_set(error, PERM, "p= holds no RSA key");
    key->verifier = EVP_PKEY_CTX_new(key->public_key, NULL);
    if (!key->verifier || EVP_PKEY_verify_init(key->verifier) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(key->verifier, RSA_PKCS1_PADDING) != 1)
        return error_set(error, PERM, "the RSA key cannot be used");
    return OK;
}

static enum result make_ed25519(struct dkim_key *key, struct error *error)
{
    struct bytes data = key->record.data;
    if (data.len != ED25519_OCTETS)
        return error_set(error, PERM, "p= holds no Ed25519 key: %zu octets, not 32", data.len);
    key->public_key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, data.ptr, data.len);
    if (!key->public_key)
        return error_set(error, PERM, "p= holds no Ed25519 key");
    key->bits = ED25519_BITS;
    return OK;
}

static void free_key(void *pointer)
{
    struct dkim_key *key = pointer;
    if (!key)
        return;
    EVP_PKEY_CTX_free(key->verifier);
    EVP_PKEY_free(key->public_key);
    free((void *)key->text.ptr);
    free(key);
}

static enum result read_key(struct arena *scratch, struct bytes text, struct dkim_key *key,
                            struct error *error)
{
    enum result result = dkim_key_record_parse(scratch, text, &key->record, error);
    if (result != OK)
        return result;
    result = key->record.type == DKIM_KEY_RSA ? make_rsa(key, error) : make_ed25519(key, error);
    key->record.data = (struct bytes){NULL, 0};
    if (result != OK)
        ERR_clear_error();
    return result;
}

static enum result make_key(struct bytes text, struct dkim_key **out, struct error *error)
{
    struct dkim_key *key = calloc(1, sizeof(*key));
    struct arena *scratch = arena_create(KEY_MEMORY_MAX);
    struct buf copy;
    buf_init(&copy, KEY_TEXT_MAX);
    buf_add(&copy, text);
    enum result result = TEMP;
    if (key && scratch && !copy.failed) {
        result = read_key(scratch, text, key, error);
        key->text = buf_bytes(&copy);
    } else {
        error_set(error, TEMP, "out of memory for a key");
        buf_free(&copy);
    }
    arena_destroy(scratch);
    if (result == OK)
        *out = key;
    else
        free_key(key);
    return result;
}

/* The cache: a ring, so that the oldest makes room for the newest, and a map into it. */

static _Thread_local struct {
    struct map *by_text;
    struct dkim_key *ring[DKIM_KEY_CACHE_MAX];
    size_t next;
    struct dkim_key *spare; /* one that could not be filed: lives until the next call */
} cache;

void dkim_key_cache_clear(void)
{
    map_destroy(cache.by_text, NULL);
    cache.by_text = NULL;
    for (size_t i = 0; i < DKIM_KEY_CACHE_MAX; i++) {
        free_key(cache.ring[i]);
        cache.ring[i] = NULL;
    }
    free_key(cache.spare);
    cache.spare = NULL;
    cache.next = 0;
}

static void file_key(struct dkim_key *key)
{
    if (!cache.by_text)
        cache.by_text = map_create();
    struct dkim_key **place = &cache.ring[cache.next];
    if (*place) {
        map_remove(cache.by_text, (*place)->text);
        free_key(*place);
        *place = NULL;
    }
    if (!cache.by_text || !map_put(cache.by_text, key->text, key, NULL)) {
        free_key(cache.spare);
        cache.spare = key;
        return;
    }
    *place = key;
    cache.next = (cache.next + 1) % DKIM_KEY_CACHE_MAX;
}

enum result dkim_key_find(struct bytes text, const struct dkim_key **out, struct error *error)
{
    struct dkim_key *key = cache.by_text ? map_get(cache.by_text, text) : NULL;
    if (!key) {
        if (text.len > KEY_TEXT_MAX)
            return error_set(error, PERM, "the key record is longer than %d octets", KEY_TEXT_MAX);
        enum result result = make_key(text, &key, error);
        if (result != OK)
            return result;
        file_key(key);
    }
    *out = key;
    return OK;
}

const struct dkim_key_record *dkim_key_record(const struct dkim_key *key)
{
    return &key->record;
}

unsigned dkim_key_bits(const struct dkim_key *key)
{
    return key->bits;
}

bool dkim_key_fits(const struct dkim_key *key, enum dkim_algorithm algorithm)
{
    return (key->record.type == DKIM_KEY_ED25519) == (algorithm == DKIM_ED25519_SHA256);
}

static bool verify_rsa(struct dkim_key *key, const EVP_MD *digest, struct bytes hash,
                       struct bytes signature)
{
    if (key->verifier_digest != digest) {
        key->verifier_digest = NULL;
        if (EVP_PKEY_CTX_set_signature_md(key->verifier, digest) != 1)
            return false;
        key->verifier_digest = digest;
    }
    return EVP_PKEY_verify(key->verifier, signature.ptr, signature.len, hash.ptr, hash.len) == 1;
}

/* Pure Ed25519 over the SHA-256 hash (rfc8463:3). */
static bool verify_ed25519(const struct dkim_key *key, struct bytes hash, struct bytes signature)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->public_key) == 1 &&
                EVP_DigestVerify(context, signature.ptr, signature.len, hash.ptr, hash.len) == 1;
    EVP_MD_CTX_free(context);
    return good;
}

bool dkim_key_verify(const struct dkim_key *key, enum dkim_algorithm algorithm,
                     struct bytes hash, struct bytes signature)
{
    /* The cache owns the key and hands out const pointers; its verifier changes state inside. */
    bool good = key->record.type == DKIM_KEY_ED25519
                    ? verify_ed25519(key, hash, signature)
                    : verify_rsa((struct dkim_key *)key, dkim_digest(algorithm), hash, signature);
    if (!good)
        ERR_clear_error();
    return good;
}

void dkim_prepare(void)
{
    /* The library loads its algorithms when they are first used; so one of each kind is used. */
    static const char ed25519[] = "k=ed25519; p=XU7Usd2H9WiGU3gCKrnOOzivrYqKKRAPh5tI70CdtMk=";
    static const char rsa[] =
        "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCsO24LmzFL3NBdvTQJ2jaQGBKJl1PXbBQ10gOfA0B7KCj4"
        "Ov6Ejbf/ZWp+Hoqvq3c2CzWF6Pmd3VbMjAzMt2to3BSC8EFrGU7gM8vozG3k8hta/TBJ84Gg12ugmP1Rd+qD"
        "Er2+Cl6NV94Z2dfqayl91aLGydCqYY2XigICnQUvjQIDAQAB";
    static const uint8_t zeros[128];
    const struct dkim_key *key;
    struct bytes hash = bytes_from(zeros, 32);
    if (dkim_key_find(bytes_of(rsa), &key, NULL) == OK)
        (void)!dkim_key_verify(key, DKIM_RSA_SHA256, hash, bytes_from(zeros, 128));
    if (dkim_key_find(bytes_of(ed25519), &key, NULL) == OK)
        (void)!dkim_key_verify(key, DKIM_ED25519_SHA256, hash, bytes_from(zeros, 64));
    dkim_key_cache_clear();
}
