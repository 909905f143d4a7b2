/* SPDX-License-Identifier: BSD-2-Clause */
/* SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677) with keys: the server never has the password. */
#include "auth/sasl_private.h"

#include "base/encode.h"
#include "base/utf8.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

enum { NONCE_OCTETS = 18, FIRST_MAX = 4096, AUTH_MESSAGE_MAX = 3 * SASL_MESSAGE_MAX };

void sasl_scram_init(struct sasl_scram *scram)
{
    buf_init(&scram->binding, FIRST_MAX);
    buf_init(&scram->message, AUTH_MESSAGE_MAX);
    buf_init(&scram->nonce, SASL_NONCE_MAX + 2 * NONCE_OCTETS);
}

void sasl_scram_wipe(struct sasl_scram *scram)
{
    buf_free(&scram->binding);
    buf_free(&scram->message);
    buf_free(&scram->nonce);
    explicit_bzero(&scram->keys, sizeof(scram->keys));
}

/* ---- the client's first message (rfc5802:7) ---- */

struct client_first {
    struct bytes flag, authorization; /* "n", "y", "p=…"; the latter still encoded */
    struct bytes header;              /* GS2 header, with both its commas */
    struct bytes bare;                /* what stands behind it */
    struct bytes name, nonce;
};

/* "name=value" up to the next comma. */
static bool take(struct bytes *rest, struct bytes prefix, struct bytes *value)
{
    if (!rest->ptr || !bytes_split(rest, ',', value) || !bytes_starts_with(*value, prefix))
        return false;
    *value = bytes_skip(*value, prefix.len);
    return value->len > 0;
}

static bool is_nonce(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < 0x21 || text.ptr[i] > 0x7e || text.ptr[i] == ',')
            return false;
    return text.len > 0 && text.len <= SASL_NONCE_MAX;
}

static bool read_client_first(struct bytes message, struct client_first *out)
{
    struct bytes rest = message, identity;
    if (!message.len || message.len > FIRST_MAX / 2 || !utf8_is_valid(message) ||
        bytes_find_byte(message, '\0') != BYTES_NOT_FOUND)
        return false;
    if (!bytes_split(&rest, ',', &out->flag) || !rest.ptr || !bytes_split(&rest, ',', &identity) ||
        !rest.ptr)
        return false;
    out->bare = rest;
    out->header = bytes_first(message, (size_t)(rest.ptr - message.ptr));
    out->authorization = bytes_skip(identity, 2);
    if (identity.len && (!bytes_starts_with(identity, BYTES("a=")) || identity.len == 2))
        return false;
    /* A mandatory extension ("m=") would stand before the name, and is none that we know. */
    return take(&rest, BYTES("n="), &out->name) && take(&rest, BYTES("r="), &out->nonce) &&
           is_nonce(out->nonce);
}

/* A saslname: "," and "=" are written "=2C" and "=3D". */
static bool decode_name(struct arena *arena, struct bytes text, struct bytes *out)
{
    uint8_t *to = arena_alloc(arena, text.len);
    size_t length = 0;
    for (size_t i = 0; to && i < text.len; i++) {
        struct bytes code = bytes_slice(text, i, i + 3);
        if (text.ptr[i] != '=') {
            to[length++] = text.ptr[i];
            continue;
        }
        if (!bytes_is(code, "=2C") && !bytes_is(code, "=3D"))
            return false;
        to[length++] = code.ptr[2] == 'C' ? ',' : '=';
        i += 2;
    }
    *out = bytes_from(to, length);
    return to != NULL;
}

/* NULL: the flag fits, and what it demands has been put behind the header in `binding`. */
static const char *check_flag(struct sasl *sasl, const struct client_first *first)
{
    struct sasl_scram *scram = &sasl->scram;
    struct bytes data = BYTES("");
    buf_add(&scram->binding, first->header);
    if (!scram->bound) {
        /* "y": he could bind, but thinks that we cannot. Somebody between us took it from the list
         * (rfc5802:6). */
        if (bytes_is(first->flag, "y"))
            return sasl->offers_plus ? "somebody hides that channel binding is offered" : NULL;
        return bytes_is(first->flag, "n") ? NULL : "channel binding in a mechanism without it";
    }
    if (bytes_is(first->flag, "p=tls-exporter"))
        data = sasl->exporter;
    else if (bytes_is(first->flag, "p=tls-server-end-point"))
        data = sasl->end_point;
    buf_add(&scram->binding, data);
    return data.len ? NULL : "a channel binding that is not there";
}

/* The account's keys, or such as nobody has the password for. */
static void choose_keys(struct sasl *sasl)
{
    struct sasl_scram *scram = &sasl->scram;
    scram->real = sasl->account && sasl->account->scram.iterations;
    if (scram->real)
        scram->keys = sasl->account->scram;
    else
        accounts_scram_decoy(sasl->accounts, sasl->claimed, scram->salt, &scram->keys);
}

static enum sasl_status answer_first(struct sasl *sasl, const struct client_first *first,
                                     struct buf *out)
{
    struct sasl_scram *scram = &sasl->scram;
    uint8_t octets[NONCE_OCTETS];
    size_t start = out->len;
    if (RAND_bytes(octets, sizeof(octets)) != 1)
        return sasl_temporary(sasl);
    choose_keys(sasl);
    buf_add(&scram->nonce, first->nonce);
    base64_encode(&scram->nonce, bytes_from(octets, sizeof(octets)));
    buf_add_string(out, "r=");
    buf_add(out, buf_bytes(&scram->nonce));
    buf_add_string(out, ",s=");
    base64_encode(out, scram->keys.salt);
    buf_printf(out, ",i=%u", (unsigned)scram->keys.iterations);
    buf_add(&scram->message, first->bare);
    buf_add_byte(&scram->message, ',');
    buf_add(&scram->message, bytes_skip(buf_bytes(out), start));
    buf_add_byte(&scram->message, ',');
    bool failed = scram->nonce.failed || scram->message.failed || scram->binding.failed;
    return failed ? sasl_temporary(sasl) : SASL_CHALLENGE;
}

static enum sasl_status step_first(struct sasl *sasl, struct bytes message, struct buf *out)
{
    struct client_first first;
    struct bytes name, authorization = BYTES("");
    if (!read_client_first(message, &first) || !decode_name(sasl->arena, first.name, &name) ||
        (first.authorization.len && !decode_name(sasl->arena, first.authorization, &authorization)))
        return sasl_malformed(sasl, "not a first message of SCRAM");
    const char *wrong = check_flag(sasl, &first);
    if (wrong)
        return sasl_refuse(sasl, wrong);
    if (!sasl_claim(sasl, name))
        return sasl_temporary(sasl);
    /* Told by the text alone, so that it says nothing of whether the account exists. */
    if (authorization.len && !bytes_equal_nocase(authorization, name))
        return sasl_refuse(sasl, "it may not act for another");
    return answer_first(sasl, &first, out);
}

/* ---- the client's final message ---- */

static bool hmac(const uint8_t key[SCRAM_KEY_SIZE], struct bytes text, uint8_t out[SCRAM_KEY_SIZE])
{
    unsigned length = 0;
    return HMAC(EVP_sha256(), key, SCRAM_KEY_SIZE, text.ptr, text.len, out, &length) &&
           length == SCRAM_KEY_SIZE;
}

/* Whether the proof was made by someone who has the client's key (rfc5802:3). */
static bool prove(const struct sasl_scram *scram, struct bytes proof, bool *good)
{
    uint8_t key[SCRAM_KEY_SIZE], hash[SCRAM_KEY_SIZE];
    bool fine = hmac(scram->keys.stored_key, buf_bytes(&scram->message), key);
    for (size_t i = 0; i < SCRAM_KEY_SIZE; i++)
        key[i] ^= proof.ptr[i];
    fine = fine && EVP_Digest(key, sizeof(key), hash, NULL, EVP_sha256(), NULL) == 1;
    *good = fine && bytes_equal_constant_time(bytes_from(hash, sizeof(hash)),
                                              bytes_from(scram->keys.stored_key, SCRAM_KEY_SIZE));
    explicit_bzero(key, sizeof(key));
    explicit_bzero(hash, sizeof(hash));
    return fine;
}

/* "c=" must be the GS2 header and the binding, in base64. */
static bool is_bound(const struct sasl_scram *scram, struct bytes given)
{
    struct buf text;
    buf_init(&text, 2 * FIRST_MAX);
    base64_encode(&text, buf_bytes(&scram->binding));
    bool good = !text.failed && bytes_equal_constant_time(buf_bytes(&text), given);
    buf_free(&text);
    return good;
}

static enum sasl_status answer_final(struct sasl *sasl, struct buf *out)
{
    uint8_t signature[SCRAM_KEY_SIZE];
    if (!hmac(sasl->scram.keys.server_key, buf_bytes(&sasl->scram.message), signature))
        return sasl_temporary(sasl);
    buf_add_string(out, "v=");
    base64_encode(out, bytes_from(signature, sizeof(signature)));
    return SASL_CHALLENGE;
}

static enum sasl_status step_final(struct sasl *sasl, struct bytes message, struct buf *out)
{
    struct sasl_scram *scram = &sasl->scram;
    struct bytes rest = message, binding, nonce, proof = {NULL, 0};
    size_t comma = bytes_rfind_byte(message, ',');
    struct bytes last = bytes_skip(message, comma == BYTES_NOT_FOUND ? message.len : comma + 1);
    if (comma == BYTES_NOT_FOUND || !bytes_starts_with(last, BYTES("p=")) ||
        !take(&rest, BYTES("c="), &binding) || !take(&rest, BYTES("r="), &nonce) ||
        !base64_decode(sasl->arena, bytes_skip(last, 2), &proof) || proof.len != SCRAM_KEY_SIZE)
        return sasl_malformed(sasl, "not a final message of SCRAM");
    if (!bytes_equal(nonce, buf_bytes(&scram->nonce)))
        return sasl_refuse(sasl, "it answers another challenge");
    if (!is_bound(scram, binding))
        return sasl_refuse(sasl, "the channel binding is that of another channel");
    bool good;
    buf_add(&scram->message, bytes_first(message, comma));
    if (scram->message.failed || !prove(scram, proof, &good))
        return sasl_temporary(sasl);
    if (!sasl->account)
        return sasl_refuse(sasl, "there is no such account");
    if (!scram->real)
        return sasl_refuse(sasl, "the account has no keys for SCRAM");
    if (!good)
        return sasl_refuse(sasl, "wrong password");
    if (sasl->account->disabled)
        return sasl_refuse(sasl, "the account is disabled");
    return answer_final(sasl, out);
}

enum sasl_status sasl_step_scram(struct sasl *sasl, bool present, struct bytes message,
                                 struct buf *out)
{
    if (!present)
        return sasl->step ? sasl_malformed(sasl, "no message") : SASL_CHALLENGE;
    if (!sasl->scram.nonce.len)
        return step_first(sasl, message, out);
    if (!sasl->scram.proved) {
        enum sasl_status status = step_final(sasl, message, out);
        sasl->scram.proved = status == SASL_CHALLENGE;
        return status;
    }
    /* Our own proof has gone out as a challenge, as SMTP cannot send it with the success; this
     * acknowledges it (rfc4954:4, rfc4422:5). */
    if (message.len)
        return sasl_malformed(sasl, "an answer to the server's proof");
    sasl->done = true;
    return SASL_DONE;
}
