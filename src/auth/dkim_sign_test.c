/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/dkim.h"
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

static const char message_text[] = "Received: from a\r\n"
                                   "From: Ann <ann@example.org>\r\n"
                                   "To: bob@example.net,\r\n carol@example.net\r\n"
                                   "Subject:  a  test\r\n"
                                   "List-Id: <x.example.org>\r\n"
                                   "Date: Tue, 3 Mar 2026 10:11:12 +0000\r\n\r\n"
                                   "Hello \r\n\r\n\r\n";

static EVP_PKEY *rsa, *short_rsa, *ed25519;

struct fixture {
    struct arena *arena;
    struct message message;
    struct dkim_signing signing;
    struct error error;
    struct buf out;
};

static int make_keys(void **state)
{
    rsa = EVP_RSA_gen(2048);
    short_rsa = EVP_RSA_gen(768);
    ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return rsa && short_rsa && ed25519 ? 0 : -1;
}

static int free_keys(void **state)
{
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(short_rsa);
    EVP_PKEY_free(ed25519);
    dkim_key_cache_clear();
    return 0;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->arena = arena_create(1 << 20);
    buf_init(&f->out, 1 << 20);
    dkim_signing_init(&f->signing, BYTES("example.org"), BYTES("sel"));
    assert_int_equal(message_parse(f->arena, bytes_of(message_text), &f->message, NULL), OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    buf_free(&f->out);
    arena_destroy(f->arena);
    free(f);
    return 0;
}

static enum result sign(struct fixture *f, EVP_PKEY *key)
{
    buf_clear(&f->out);
    return dkim_sign(f->arena, &f->message, &f->signing, dkim_sign_with_key, key, &f->out,
                     &f->error);
}

static void add_key(struct zone *zone, EVP_PKEY *key)
{
    struct buf record;
    uint8_t *der = NULL, raw[32];
    size_t size = sizeof(raw);
    buf_init(&record, 4096);
    if (key == ed25519) {
        assert_int_equal(EVP_PKEY_get_raw_public_key(key, raw, &size), 1);
        buf_add_string(&record, "k=ed25519; p=");
        base64_encode(&record, bytes_from(raw, size));
    } else {
        int length = i2d_PUBKEY(key, &der);
        buf_add_string(&record, "p=");
        base64_encode(&record, bytes_from(der, (size_t)length));
        OPENSSL_free(der);
    }
    assert_true(zone_add(zone, BYTES("sel._domainkey.example.org"), DNS_TXT, 60,
                         buf_bytes(&record)));
    buf_free(&record);
}

/* The result of the signed message: f->out before the text. */
static enum auth_result verified(struct fixture *f, EVP_PKEY *key, const char *text)
{
    struct zone *zone = zone_create();
    struct dkim_options options = {.now = 1800000000, .deadline = INT64_MAX};
    struct dkim_results results;
    struct message message;
    struct bytes whole = arena_printf(f->arena, BYTES_FMT "%s", BYTES_ARG(buf_bytes(&f->out)),
                                      text);
    add_key(zone, key);
    assert_int_equal(message_parse(f->arena, whole, &message, NULL), OK);
    dkim_verify(zone_dns(zone), f->arena, &message, &options, &results);
    zone_destroy(zone);
    assert_int_equal(results.count, 1);
    return results.signatures[0].result;
}

static bool written(const struct fixture *f, const char *text)
{
    return bytes_find(buf_bytes(&f->out), bytes_of(text)) != BYTES_NOT_FOUND;
}

static void what_is_signed_verifies_in_all_combinations(void **state)
{
    struct fixture *f = *state;
    for (int how = 0; how < 8; how++) {
        EVP_PKEY *key = how & 4 ? ed25519 : rsa;
        f->signing.header_canonicalization = how & 1 ? DKIM_RELAXED : DKIM_SIMPLE;
        f->signing.body_canonicalization = how & 2 ? DKIM_RELAXED : DKIM_SIMPLE;
        f->signing.algorithm = how & 4 ? DKIM_ED25519_SHA256 : DKIM_RSA_SHA256;
        assert_int_equal(sign(f, key), OK);
        assert_int_equal(verified(f, key, message_text), AUTH_PASS);
    }
}

static void the_field_is_folded_and_has_no_length(void **state)
{
    struct fixture *f = *state;
    f->signing.time = 1772532672;
    f->signing.expiration = 1900000000;
    f->signing.identity = BYTES("ann@mail.example.org");
    assert_int_equal(sign(f, rsa), OK);
    struct bytes rest = buf_bytes(&f->out), line;
    assert_true(bytes_starts_with(rest, BYTES("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/")));
    assert_true(bytes_ends_with(rest, BYTES("\r\n")));
    for (int number = 0; bytes_split(&rest, '\n', &line) && rest.ptr; number++) {
        assert_in_range(line.len, 2, 79);
        assert_int_equal(line.ptr[line.len - 1], '\r');
        assert_true(number == 0 || line.ptr[0] == '\t');
    }
    assert_true(written(f, "t=1772532672;"));
    assert_true(written(f, "x=1900000000;"));
    assert_true(written(f, "i=ann@mail.example.org;"));
    assert_false(written(f, " l=") || written(f, "\tl="));
    assert_int_equal(verified(f, rsa, message_text), AUTH_PASS);
}

static void fields_cannot_be_added_but_lists_may_add_theirs(void **state)
{
    struct fixture *f = *state;
    char text[1024];
    assert_int_equal(sign(f, rsa), OK);
    snprintf(text, sizeof(text), "Subject: other\r\n%s", message_text);
    assert_int_equal(verified(f, rsa, text), AUTH_FAIL);
    snprintf(text, sizeof(text), "Reply-To: evil@example.net\r\n%s", message_text);
    assert_int_equal(verified(f, rsa, text), AUTH_FAIL);
    snprintf(text, sizeof(text), "List-Help: <mailto:x@example.net>\r\nReceived: by b\r\n%s",
             message_text);
    assert_int_equal(verified(f, rsa, text), AUTH_PASS);
}

static void from_is_signed_and_sealed_whatever_the_list_says(void **state)
{
    struct fixture *f = *state;
    static const char *const subject[] = {"Subject", NULL}, *const none[] = {NULL};
    f->signing.headers = subject;
    f->signing.sealed = none;
    assert_int_equal(sign(f, rsa), OK);
    assert_true(written(f, "h=From:From:Subject;"));
    assert_int_equal(verified(f, rsa, message_text), AUTH_PASS);
}

static void what_cannot_be_signed_rightly_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const itself[] = {"From", "DKIM-Signature", NULL};
    static const char *const not_a_name[] = {"From", "a:b", NULL};
    struct dkim_signing good = f->signing;
    f->signing.algorithm = DKIM_RSA_SHA1;
    assert_int_equal(sign(f, rsa), PERM);
    f->signing = good;
    f->signing.domain = BYTES("exam ple.org");
    assert_int_equal(sign(f, rsa), PERM);
    f->signing = good;
    f->signing.selector = BYTES("");
    assert_int_equal(sign(f, rsa), PERM);
    f->signing = good;
    f->signing.identity = BYTES("ann@example.net");
    assert_int_equal(sign(f, rsa), PERM);
    f->signing.identity = BYTES("an;n@example.org");
    assert_int_equal(sign(f, rsa), PERM);
    f->signing = good;
    f->signing.headers = itself;
    assert_int_equal(sign(f, rsa), PERM);
    f->signing.headers = not_a_name;
    assert_int_equal(sign(f, rsa), PERM);
    f->signing = good;
    assert_int_equal(sign(f, short_rsa), PERM); /* rfc8301:3.2 */
    assert_int_equal(sign(f, ed25519), PERM);
    f->signing.expiration = 5;
    f->signing.time = 6;
    assert_int_equal(sign(f, rsa), PERM);
    f->signing = good;
    assert_int_equal(message_parse(f->arena, BYTES("To: a@b\r\n\r\n"), &f->message, NULL), OK);
    assert_int_equal(sign(f, rsa), PERM); /* no From: rfc6376:5.4 */
    assert_int_equal(f->out.len, 0);
}

static enum result failing_signer(void *context, struct arena *arena, enum dkim_algorithm algorithm,
                                  struct bytes hash, struct bytes *signature, struct error *error)
{
    assert_int_equal(hash.len, 32);
    return error_set(error, TEMP, "the key holder is away");
}

static void a_failing_key_holder_is_passed_on(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(dkim_sign(f->arena, &f->message, &f->signing, failing_signer, NULL, &f->out,
                               &f->error),
                     TEMP);
    assert_string_equal(f->error.text, "the key holder is away");
    assert_int_equal(f->out.len, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_signed_verifies_in_all_combinations),
        TEST(the_field_is_folded_and_has_no_length),
        TEST(fields_cannot_be_added_but_lists_may_add_theirs),
        TEST(from_is_signed_and_sealed_whatever_the_list_says),
        TEST(what_cannot_be_signed_rightly_is_refused),
        TEST(a_failing_key_holder_is_passed_on),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
