/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dkim_fixture: what the tests of DKIM share: keys, a zone to publish them in, and a signer that
 * signs with any tags, sensible or not.
 *
 * Included by test programs only; what a program does not use costs nothing.
 */
#ifndef VOUCH_AUTH_DKIM_FIXTURE_H
#define VOUCH_AUTH_DKIM_FIXTURE_H

#include "auth/dkim.h"
#include "auth/dkim_hash.h"
#include "auth/dkim_key.h"
#include "auth/dkim_sign.h"
#include "base/encode.h"
#include "dns/zone.h"

#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { NOW = 1700000000, MEMORY = 8 << 20 };

static EVP_PKEY *rsa_2048, *rsa_1024, *rsa_512, *ed25519;

struct fixture {
    struct zone *zone;
    struct arena *arena;
    struct dkim_options options;
    struct message message;
    struct dkim_results results;
    const char *headers, *body; /* of the message to be signed */
};

#define PLAIN_HEADERS                                                                              \
    "From: Ann <ann@example.org>\r\n"                                                             \
    "To: bob@example.net\r\n"                                                                     \
    "Subject: a  test\r\n"
#define PLAIN_BODY "Hello  Bob,\r\n\r\nbye. \r\n\r\n"

static inline int make_keys(void **state)
{
    rsa_2048 = EVP_RSA_gen(2048);
    rsa_1024 = EVP_RSA_gen(1024);
    rsa_512 = EVP_RSA_gen(512);
    ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return rsa_2048 && rsa_1024 && rsa_512 && ed25519 ? 0 : -1;
}

static inline int free_keys(void **state)
{
    EVP_PKEY_free(rsa_2048);
    EVP_PKEY_free(rsa_1024);
    EVP_PKEY_free(rsa_512);
    EVP_PKEY_free(ed25519);
    dkim_key_cache_clear();
    return 0;
}

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->zone = zone_create();
    f->arena = arena_create(MEMORY);
    f->options = (struct dkim_options){.now = NOW, .deadline = INT64_MAX};
    f->headers = PLAIN_HEADERS;
    f->body = PLAIN_BODY;
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    zone_destroy(f->zone);
    arena_destroy(f->arena);
    free(f);
    return 0;
}

/* ---- Keys in the zone ---- */

static inline struct bytes base64_of(struct fixture *f, struct bytes octets)
{
    struct buf text;
    buf_init(&text, 1 << 16);
    base64_encode(&text, octets);
    struct bytes copy = arena_copy(f->arena, buf_bytes(&text));
    buf_free(&text);
    return copy;
}

/* p= of a key: SubjectPublicKeyInfo for RSA, the 32 octets for Ed25519. */
static inline struct bytes public_text(struct fixture *f, EVP_PKEY *key)
{
    uint8_t raw[32], *der = NULL;
    size_t size = sizeof(raw);
    if (key == ed25519) {
        assert_int_equal(EVP_PKEY_get_raw_public_key(key, raw, &size), 1);
        return base64_of(f, bytes_from(raw, size));
    }
    int length = i2d_PUBKEY(key, &der);
    struct bytes text = base64_of(f, bytes_from(der, (size_t)length));
    OPENSSL_free(der);
    return text;
}

static inline void add_record(struct fixture *f, const char *name, struct bytes text)
{
    assert_true(zone_add(f->zone, bytes_of(name), DNS_TXT, 60, text));
}

/* The tags, "p=" and the key, at s._domainkey.example.org. */
static inline void add_key(struct fixture *f, const char *tags, EVP_PKEY *key)
{
    add_record(f, "s._domainkey.example.org",
               arena_printf(f->arena, "%sp=" BYTES_FMT, tags, BYTES_ARG(public_text(f, key))));
}

/* ---- Messages ---- */

static inline struct bytes sign(struct fixture *f, EVP_PKEY *key, const char *tags)
{
    struct message *message = arena_new(f->arena, struct message);
    struct dkim_signature signature;
    struct header_field field = {.name = BYTES("DKIM-Signature")};
    struct dkim_hash hash;
    struct bytes octets;
    struct error error;
    enum dkim_algorithm algorithm = key == ed25519 ? DKIM_ED25519_SHA256 : DKIM_RSA_SHA256;
    struct bytes text = arena_printf(f->arena, "%s\r\n%s", f->headers, f->body);
    struct bytes filler = BYTES("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    assert_int_equal(message_parse(f->arena, text, message, &error), OK);
    field.value = arena_printf(f->arena, " %s; bh=" BYTES_FMT "; b=AAAA", tags, BYTES_ARG(filler));
    if (dkim_signature_parse(f->arena, field.value, true, &signature, &error) != OK)
        return arena_printf(f->arena, "DKIM-Signature:" BYTES_FMT "\r\n", BYTES_ARG(field.value));
    struct dkim_body_hash body = {.canonicalization = signature.body_canonicalization,
                                  .digest = dkim_digest(algorithm),
                                  .limited = signature.has_length,
                                  .length = signature.length};
    struct dkim_body_hash *const wanted[] = {&body};
    dkim_hash_bodies(message->body, wanted, 1);
    struct bytes body_hash = base64_of(f, bytes_from(body.hash.octets, 32));
    field.value = arena_printf(f->arena, " %s; bh=" BYTES_FMT "; b=", tags, BYTES_ARG(body_hash));
    field.raw = arena_printf(f->arena, "DKIM-Signature:" BYTES_FMT, BYTES_ARG(field.value));
    signature.signature_span = (struct bytes){NULL, 0};
    assert_true(dkim_hash_header(f->arena, dkim_header_index(f->arena, message), &signature, &field,
                                 dkim_digest(algorithm), &hash));
    if (key == rsa_512) {
        /* The signer refuses such keys; any octets of the right length will do here. */
        octets = arena_copy(f->arena, bytes_from(f, 64));
    } else {
        assert_int_equal(dkim_sign_with_key(key, f->arena, algorithm,
                                            bytes_from(hash.octets, hash.len), &octets, &error),
                         OK);
    }
    return arena_printf(f->arena, BYTES_FMT BYTES_FMT "\r\n", BYTES_ARG(field.raw),
                        BYTES_ARG(base64_of(f, octets)));
}

static inline void verify(struct fixture *f, struct bytes text)
{
    assert_int_equal(message_parse(f->arena, text, &f->message, NULL), OK);
    dkim_verify(zone_dns(f->zone), f->arena, &f->message, &f->options, &f->results);
}

static inline void verify_with(struct fixture *f, struct bytes signature)
{
    verify(f, arena_printf(f->arena, BYTES_FMT "%s\r\n%s", BYTES_ARG(signature), f->headers,
                           f->body));
}

static const char *first_result(const struct fixture *f)
{
    return f->results.count ? auth_result_name(f->results.signatures[0].result) : "no signature";
}

static inline void expect(struct fixture *f, const char *result, const char *problem)
{
    assert_string_equal(first_result(f), result);
    struct bytes said = f->results.signatures[0].problem;
    if (bytes_find(said, bytes_of(problem)) == BYTES_NOT_FOUND)
        fail_msg("\"" BYTES_FMT "\" does not say \"%s\"", BYTES_ARG(said), problem);
    assert_int_equal(said.len == 0, strcmp(result, "pass") == 0);
}

#define GOOD_TAGS "v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=s; h=From:To:Subject"

static inline void expect_tags(struct fixture *f, const char *tags, const char *result,
                        const char *problem)
{
    verify_with(f, sign(f, rsa_2048, tags));
    expect(f, result, problem);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
