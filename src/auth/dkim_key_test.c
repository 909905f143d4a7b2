/* SPDX-License-Identifier: BSD-2-Clause */
/* Algorithms, key records, and what comes of them in a verification. */
#include "auth/dkim_fixture.h"

static void sha_1_is_refused_whatever_else_it_is_rfc8301_3_1(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_2048);
    verify_with(f, BYTES("DKIM-Signature: v=1; a=rsa-sha1; d=example.org; s=s; h=From;"
                         " bh=2jmj7l5rSw0yVb/vlWAYkK/YBwk=; b=AAAA\r\n"));
    expect(f, "permerror", "rsa-sha1");
    assert_int_equal(zone_question_count(f->zone), 0);
}

static void rsa_keys_below_1024_bits_never_pass_rfc8301_3_2(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_512);
    verify_with(f, sign(f, rsa_512, GOOD_TAGS));
    expect(f, "permerror", "1024");
    assert_int_equal(f->results.signatures[0].key_bits, 512);
}

static void the_least_accepted_key_length_is_policy(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_1024);
    verify_with(f, sign(f, rsa_1024, GOOD_TAGS));
    expect(f, "pass", "");
    f->options.rsa_bits_least = 2048;
    verify_with(f, sign(f, rsa_1024, GOOD_TAGS));
    expect(f, "policy", "shorter");
    f->headers = "From: x@example.org\r\n";
    verify_with(f, BYTES("DKIM-Signature: " GOOD_TAGS ";\r\n"
                         " bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n"));
    expect(f, "fail", "");
}

static void ed25519_passes_and_needs_a_key_of_its_own_kind_rfc8463(void **state)
{
    struct fixture *f = *state;
    const char *tags = "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=s; h=From";
    add_key(f, "v=DKIM1; k=ed25519; ", ed25519);
    verify_with(f, sign(f, ed25519, tags));
    expect(f, "pass", "");
    expect_tags(f, GOOD_TAGS, "permerror", "algorithm");
    struct bytes forged = BYTES("DKIM-Signature: v=1; a=ed25519-sha256; d=example.org; s=s; h=From;"
                                " bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n");
    f->body = "";
    verify_with(f, forged);
    expect(f, "fail", "");
}

static void ed25519_under_an_rsa_key_is_a_permanent_error_rfc6376_6_1_2(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_2048);
    verify_with(f, sign(f, ed25519,
                        "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=example.org; s=s; h=From"));
    expect(f, "permerror", "algorithm");
}

static void key_records_are_read_as_the_rfc_says_rfc6376_3_6_1(void **state)
{
    static const struct {
        const char *tags, *result, *problem;
    } cases[] = {
        {"v=DKIM1; k=rsa; ", "pass", ""},
        {"v = DKIM1 ;k=rsa; h=sha256 : sha1; s= x:email ; t=s; n=note; g=*; what=1; ", "pass", ""},
        {"h=sha256; ", "pass", ""},
        {"s=*; ", "pass", ""},
        {"v=DKIM2; ", "permerror", "version"},
        {"v=dkim1; ", "permerror", "version"},
        {"k=rsa; v=DKIM1; ", "permerror", "first"},
        {"k=dsa; ", "permerror", "dsa"},
        {"k=ed25519; ", "permerror", "Ed25519"},
        {"h=sha1; ", "permerror", "hash"},
        {"h=; ", "permerror", "hash"},
        {"s=tlsrpt; ", "permerror", "not for mail"},
        {"k=rsa; k=rsa; ", "permerror", "twice"},
        {"t; ", "permerror", "malformed"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < countof(cases); i++) {
        zone_destroy(f->zone);
        f->zone = zone_create();
        add_key(f, cases[i].tags, rsa_2048);
        expect_tags(f, GOOD_TAGS, cases[i].result, cases[i].problem);
    }
}

static void unusable_public_keys_are_permanent_errors_rfc6376_6_1_2(void **state)
{
    static const struct {
        const char *record, *problem;
    } cases[] = {
        {"v=DKIM1; p=", "revoked"},
        {"v=DKIM1; p= ; n=x", "revoked"},
        {"v=DKIM1; k=rsa", "no p="},
        {"", "malformed"},
        {"v=spf1 -all", "version"},
        {"v=DKIM1; p=AAAA", "no RSA key"},
        {"v=DKIM1; p=!!!!", "base64"},
        {"v=DKIM1; k=ed25519; p=AAAA", "Ed25519"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < countof(cases); i++) {
        zone_destroy(f->zone);
        f->zone = zone_create();
        add_record(f, "s._domainkey.example.org", bytes_of(cases[i].record));
        expect_tags(f, GOOD_TAGS, "permerror", cases[i].problem);
    }
}

/* An RSAPublicKey whose modulus has so many octets, all ones. */
static struct bytes fabricated_key(struct fixture *f, size_t modulus, size_t exponent)
{
    uint8_t *der = arena_alloc(f->arena, modulus + exponent + 32);
    size_t inner = 4 + 1 + modulus + 4 + exponent, at = 0;
    const uint8_t header[] = {0x30, 0x82, (uint8_t)(inner >> 8), (uint8_t)inner, 0x02, 0x82,
                              (uint8_t)((modulus + 1) >> 8), (uint8_t)(modulus + 1), 0};
    memcpy(der, header, sizeof(header));
    at = sizeof(header);
    memset(der + at, 0xff, modulus);
    at += modulus;
    const uint8_t second[] = {0x02, 0x82, (uint8_t)(exponent >> 8), (uint8_t)exponent};
    memcpy(der + at, second, sizeof(second));
    at += sizeof(second);
    memset(der + at, 0x7f, exponent);
    return arena_printf(f->arena, "p=" BYTES_FMT,
                        BYTES_ARG(base64_of(f, bytes_from(der, at + exponent))));
}

static void keys_that_cost_too_much_are_refused(void **state)
{
    struct fixture *f = *state;
    const struct dkim_key *key;
    struct error error;
    assert_int_equal(dkim_key_find(fabricated_key(f, 512, 3), &key, &error), OK);
    assert_int_equal(dkim_key_bits(key), 4096);
    assert_int_equal(dkim_key_find(fabricated_key(f, 513, 3), &key, &error), PERM);
    assert_int_equal(dkim_key_find(fabricated_key(f, 256, 8), &key, &error), OK);
    assert_int_equal(dkim_key_find(fabricated_key(f, 256, 9), &key, &error), PERM);
}

static void a_bare_rsa_public_key_is_read_too_rfc6376_3_6_1(void **state)
{
    struct fixture *f = *state;
    uint8_t *der = NULL;
    int length = i2d_PublicKey(rsa_2048, &der);
    add_record(f, "s._domainkey.example.org",
               arena_printf(f->arena, "p=" BYTES_FMT,
                            BYTES_ARG(base64_of(f, bytes_from(der, (size_t)length)))));
    OPENSSL_free(der);
    expect_tags(f, GOOD_TAGS, "pass", "");
    assert_int_equal(f->results.signatures[0].key_bits, 2048);
}

static void any_of_several_key_records_may_fit_rfc6376_6_1_2(void **state)
{
    struct fixture *f = *state;
    add_record(f, "s._domainkey.example.org", BYTES("v=spf1 -all"));
    add_record(f, "s._domainkey.example.org", BYTES("v=DKIM1; p="));
    add_key(f, "v=DKIM1; ", rsa_1024);
    add_key(f, "v=DKIM1; ", rsa_2048);
    expect_tags(f, GOOD_TAGS, "pass", "");
    assert_int_equal(f->results.signatures[0].key_bits, 2048);
}

static void the_most_telling_of_several_failures_is_reported(void **state)
{
    struct fixture *f = *state;
    add_record(f, "s._domainkey.example.org", BYTES("v=spf1 -all"));
    add_key(f, "v=DKIM1; ", rsa_1024);
    expect_tags(f, GOOD_TAGS, "fail", "fit");
}

static void the_flags_of_a_key_count_rfc6376_3_6_1(void **state)
{
    struct fixture *f = *state;
    add_key(f, "t=y:s; ", rsa_2048);
    expect_tags(f, GOOD_TAGS "; i=ann@EXAMPLE.org", "policy", "t=y");
    assert_true(f->results.signatures[0].key_testing);
    expect_tags(f, GOOD_TAGS "; i=ann@sub.example.org", "permerror", "t=s");
}

static void dns_failures_are_temporary_and_absence_is_not_rfc6376_6_1_2(void **state)
{
    struct fixture *f = *state;
    expect_tags(f, GOOD_TAGS, "permerror", "no key record");
    zone_add_name(f->zone, BYTES("s._domainkey.example.org"));
    expect_tags(f, GOOD_TAGS, "permerror", "no key record");
    zone_add_failure(f->zone, BYTES("s._domainkey.example.org"), DNS_TXT);
    expect_tags(f, GOOD_TAGS, "temperror", "fetched");
}

/* ---- The cache of keys ---- */

static void the_cache_of_keys_stays_bounded_and_right(void **state)
{
    struct fixture *f = *state;
    struct bytes text = public_text(f, rsa_1024);
    for (int i = 0; i < DKIM_KEY_CACHE_MAX + 40; i++) {
        const struct dkim_key *key;
        char record[1024];
        int length = snprintf(record, sizeof(record), "n=%d; t=%s; p=" BYTES_FMT, i,
                              i % 2 ? "y" : "s", BYTES_ARG(text));
        for (int again = 0; again < 2; again++) {
            assert_int_equal(dkim_key_find(bytes_from(record, (size_t)length), &key, NULL), OK);
            assert_int_equal(dkim_key_record(key)->testing, i % 2);
            assert_int_equal(dkim_key_bits(key), 1024);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sha_1_is_refused_whatever_else_it_is_rfc8301_3_1),
        TEST(rsa_keys_below_1024_bits_never_pass_rfc8301_3_2),
        TEST(the_least_accepted_key_length_is_policy),
        TEST(ed25519_passes_and_needs_a_key_of_its_own_kind_rfc8463),
        TEST(ed25519_under_an_rsa_key_is_a_permanent_error_rfc6376_6_1_2),
        TEST(key_records_are_read_as_the_rfc_says_rfc6376_3_6_1),
        TEST(unusable_public_keys_are_permanent_errors_rfc6376_6_1_2),
        TEST(keys_that_cost_too_much_are_refused),
        TEST(a_bare_rsa_public_key_is_read_too_rfc6376_3_6_1),
        TEST(any_of_several_key_records_may_fit_rfc6376_6_1_2),
        TEST(the_most_telling_of_several_failures_is_reported),
        TEST(the_flags_of_a_key_count_rfc6376_3_6_1),
        TEST(dns_failures_are_temporary_and_absence_is_not_rfc6376_6_1_2),
        TEST(the_cache_of_keys_stays_bounded_and_right),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
