/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/client_private.h"

#include "base/encode.h"
#include "fiber/offload.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

/* SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding. */

enum {
    FIRST_MAX = 4096,
    SALT_MAX = 1024,
    /* The server says how often we hash: it may not keep us busy as it likes. */
    ITERATIONS_MAX = 600000
};

/* rfc5802:5.1: "=" and "," have a meaning of their own. */
static void add_user(struct buf *out, struct bytes user)
{
    for (size_t i = 0; i < user.len; i++) {
        if (user.ptr[i] == '=')
            buf_add_string(out, "=3D");
        else if (user.ptr[i] == ',')
            buf_add_string(out, "=2C");
        else
            buf_add_byte(out, user.ptr[i]);
    }
}

bool client_scram_start(struct client_scram *scram, struct bytes user, struct bytes password)
{
    uint8_t octets[CLIENT_NONCE / 2];
    struct buf nonce;
    *scram = (struct client_scram){.user = user, .password = password};
    buf_init(&scram->first_bare, FIRST_MAX);
    buf_init(&nonce, sizeof(scram->nonce));
    if (RAND_bytes(octets, sizeof(octets)) == 1)
        hex_encode(&nonce, bytes_from(octets, sizeof(octets)));
    bool fine = bytes_to_cstring(buf_bytes(&nonce), scram->nonce, sizeof(scram->nonce));
    buf_free(&nonce);
    buf_add_string(&scram->first_bare, "n=");
    add_user(&scram->first_bare, user);
    buf_printf(&scram->first_bare, ",r=%s", scram->nonce);
    return fine && scram->nonce[0] && !scram->first_bare.failed;
}

void client_scram_first(const struct client_scram *scram, struct buf *out)
{
    buf_add_string(out, "n,,");
    buf_add(out, buf_bytes(&scram->first_bare));
}

struct server_first {
    struct bytes nonce, salt;
    uint64_t iterations;
};

/* "r=...", "s=...", "i=..." in this order, and perhaps extensions (rfc5802:7). */
static bool take_attribute(struct bytes *rest, struct bytes name, struct bytes *value)
{
    return bytes_split(rest, ',', value) && bytes_starts_with(*value, name) &&
           (*value = bytes_skip(*value, name.len)).len > 0;
}

static bool read_server_first(const struct client_scram *scram, struct arena *arena,
                              struct bytes text, struct server_first *out, const char **why)
{
    struct bytes salt, iterations;
    *why = "the server's SCRAM message is malformed";
    if (!text.ptr || !take_attribute(&text, BYTES("r="), &out->nonce) ||
        !take_attribute(&text, BYTES("s="), &salt) ||
        !take_attribute(&text, BYTES("i="), &iterations) ||
        !base64_decode(arena, salt, &out->salt) || !out->salt.len || out->salt.len > SALT_MAX)
        return false;
    if (out->nonce.len <= strlen(scram->nonce) ||
        !bytes_starts_with(out->nonce, bytes_of(scram->nonce))) {
        *why = "the server's SCRAM message answers somebody else";
        return false;
    }
    *why = "the server asks for too many SCRAM iterations";
    return bytes_to_uint(iterations, ITERATIONS_MAX, &out->iterations) && out->iterations > 0;
}

struct salting {
    struct bytes password;
    const struct server_first *first;
    uint8_t salted[CLIENT_SHA256];
    bool fine;
};

/* On a worker: this is meant to take long. */
static void salt_password(void *argument)
{
    struct salting *s = argument;
    s->fine = PKCS5_PBKDF2_HMAC((const char *)s->password.ptr, (int)s->password.len,
                                s->first->salt.ptr, (int)s->first->salt.len,
                                (int)s->first->iterations, EVP_sha256(), CLIENT_SHA256,
                                s->salted) == 1;
}

static bool hmac(const uint8_t key[CLIENT_SHA256], struct bytes text, uint8_t out[CLIENT_SHA256])
{
    unsigned length = 0;
    return HMAC(EVP_sha256(), key, CLIENT_SHA256, text.ptr, text.len, out, &length) &&
           length == CLIENT_SHA256;
}

/* rfc5802:3. The proof, and what the server's must be. */
static bool prove(struct client_scram *scram, const uint8_t salted[CLIENT_SHA256],
                  struct bytes message, uint8_t proof[CLIENT_SHA256])
{
    uint8_t client_key[CLIENT_SHA256], stored_key[CLIENT_SHA256], server_key[CLIENT_SHA256];
    bool fine = hmac(salted, BYTES("Client Key"), client_key) &&
                EVP_Digest(client_key, CLIENT_SHA256, stored_key, NULL, EVP_sha256(), NULL) == 1 &&
                hmac(stored_key, message, proof) && hmac(salted, BYTES("Server Key"), server_key) &&
                hmac(server_key, message, scram->server_signature);
    for (size_t i = 0; fine && i < CLIENT_SHA256; i++)
        proof[i] ^= client_key[i];
    OPENSSL_cleanse(client_key, sizeof(client_key));
    OPENSSL_cleanse(stored_key, sizeof(stored_key));
    OPENSSL_cleanse(server_key, sizeof(server_key));
    return fine;
}

bool client_scram_final(struct client_scram *scram, struct arena *arena, struct bytes server_first,
                        struct buf *out, const char **why)
{
    struct server_first first;
    if (!read_server_first(scram, arena, server_first, &first, why))
        return false;
    *why = "SCRAM cannot be computed";
    struct salting salting = {.password = scram->password, .first = &first};
    offload(salt_password, &salting);
    size_t start = out->len;
    buf_add_string(out, "c=biws,r="); /* "n,," */
    buf_add(out, first.nonce);
    struct buf message;
    buf_init(&message, FIRST_MAX + 2 * CLIENT_AUTH_LINE_MAX);
    buf_add(&message, buf_bytes(&scram->first_bare));
    buf_add_byte(&message, ',');
    buf_add(&message, server_first);
    buf_add_byte(&message, ',');
    buf_add(&message, bytes_skip(buf_bytes(out), start));
    uint8_t proof[CLIENT_SHA256];
    bool fine = salting.fine && !message.failed &&
                prove(scram, salting.salted, buf_bytes(&message), proof);
    buf_free(&message);
    OPENSSL_cleanse(salting.salted, sizeof(salting.salted));
    if (!fine)
        return false;
    buf_add_string(out, ",p=");
    base64_encode(out, bytes_from(proof, sizeof(proof)));
    return !out->failed;
}

bool client_scram_verify(const struct client_scram *scram, struct arena *arena,
                         struct bytes server_final)
{
    struct bytes verifier, signature;
    return server_final.ptr && take_attribute(&server_final, BYTES("v="), &verifier) &&
           base64_decode(arena, verifier, &signature) &&
           bytes_equal_constant_time(signature,
                                     bytes_from(scram->server_signature, CLIENT_SHA256));
}

void client_scram_end(struct client_scram *scram)
{
    buf_free(&scram->first_bare);
    OPENSSL_cleanse(scram, sizeof(*scram));
}
