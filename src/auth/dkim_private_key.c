/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/dkim_private_key.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

enum { ED25519_OCTETS = 32, ED25519_BITS = 256 };

const char *dkim_key_type_name(enum dkim_key_type type)
{
    return type == DKIM_KEY_ED25519 ? "ed25519" : "rsa";
}

bool dkim_key_type_parse(struct bytes text, enum dkim_key_type *out)
{
    *out = bytes_is(text, "ed25519") ? DKIM_KEY_ED25519 : DKIM_KEY_RSA;
    return bytes_is(text, dkim_key_type_name(*out));
}

enum dkim_algorithm dkim_key_type_algorithm(enum dkim_key_type type)
{
    return type == DKIM_KEY_ED25519 ? DKIM_ED25519_SHA256 : DKIM_RSA_SHA256;
}

enum result dkim_private_key_make(enum dkim_key_type type, unsigned bits, EVP_PKEY **out,
                                  struct error *error)
{
    if (type == DKIM_KEY_RSA && (bits < DKIM_SIGNING_BITS_MIN || bits > DKIM_RSA_BITS_MAX))
        return error_set(error, PERM, "an RSA key has %d to %d bits, not %u", DKIM_SIGNING_BITS_MIN,
                         DKIM_RSA_BITS_MAX, bits);
    *out = type == DKIM_KEY_RSA ? EVP_RSA_gen(bits) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (*out)
        return OK;
    ERR_clear_error();
    return error_set(error, TEMP, "the library could not make a key");
}

static int no_passphrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    *(bool *)context = true;
    return -1;
}

enum result dkim_private_key_read(struct bytes pem, EVP_PKEY **out, struct error *error)
{
    bool asked = false;
    BIO *in = pem.len <= INT32_MAX ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
    EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, no_passphrase, &asked) : NULL;
    BIO_free(in);
    ERR_clear_error();
    *out = NULL;
    if (!key && asked)
        return error_set(error, PERM, "the private key is under a passphrase");
    if (!key)
        return error_set(error, PERM, "there is no private key in PEM form");
    int type = EVP_PKEY_get_base_id(key);
    if (type != EVP_PKEY_RSA && type != EVP_PKEY_ED25519) {
        EVP_PKEY_free(key);
        return error_set(error, PERM, "the private key is neither RSA nor Ed25519");
    }
    *out = key;
    return OK;
}

enum result dkim_private_key_write(struct buf *out, EVP_PKEY *key, struct error *error)
{
    char *text = NULL;
    BIO *memory = BIO_new(BIO_s_secmem());
    bool good = memory && PEM_write_bio_PKCS8PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL) == 1;
    if (good) {
        long length = BIO_get_mem_data(memory, &text);
        buf_add(out, bytes_from(text, (size_t)length));
    }
    BIO_free(memory);
    ERR_clear_error();
    return good && !out->failed ? OK : error_set(error, TEMP, "the private key cannot be written");
}

enum dkim_key_type dkim_private_key_type(EVP_PKEY *key)
{
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? DKIM_KEY_ED25519 : DKIM_KEY_RSA;
}

unsigned dkim_private_key_bits(EVP_PKEY *key)
{
    return dkim_private_key_type(key) == DKIM_KEY_ED25519 ? ED25519_BITS
                                                          : (unsigned)EVP_PKEY_get_bits(key);
}

enum result dkim_private_key_public(struct arena *arena, EVP_PKEY *key, struct bytes *out,
                                    struct error *error)
{
    uint8_t raw[ED25519_OCTETS], *der = NULL;
    size_t size = sizeof(raw);
    *out = (struct bytes){NULL, 0};
    if (dkim_private_key_type(key) == DKIM_KEY_ED25519) {
        if (EVP_PKEY_get_raw_public_key(key, raw, &size) == 1)
            *out = arena_copy(arena, bytes_from(raw, size));
    } else {
        int length = i2d_PUBKEY(key, &der);
        if (length > 0)
            *out = arena_copy(arena, bytes_from(der, (size_t)length));
        OPENSSL_free(der);
    }
    ERR_clear_error();
    return out->ptr ? OK : error_set(error, TEMP, "the public key cannot be written");
}

static EVP_PKEY *public_of(const struct dkim_key_record *record)
{
    const uint8_t *at = record->data.ptr;
    if (record->type == DKIM_KEY_ED25519)
        return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, at, record->data.len);
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)record->data.len);
    at = record->data.ptr;
    return key ? key : d2i_PublicKey(EVP_PKEY_RSA, NULL, &at, (long)record->data.len);
}

bool dkim_private_key_fits_record(struct arena *arena, EVP_PKEY *key, struct bytes text)
{
    struct dkim_key_record record;
    if (dkim_key_record_parse(arena, text, &record, NULL) != OK ||
        record.type != dkim_private_key_type(key))
        return false;
    EVP_PKEY *public_key = public_of(&record);
    bool same = public_key && EVP_PKEY_eq(key, public_key) == 1;
    EVP_PKEY_free(public_key);
    ERR_clear_error();
    return same;
}
