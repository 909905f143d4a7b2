/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/dkim_record.h"

#include "auth/dkim_judge.h"

#include <openssl/rsa.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct arena *arena;
static struct error error;
static EVP_PKEY *rsa, *other, *ed25519;

static int set_up(void **unused)
{
    arena = arena_create(8 << 20);
    rsa = EVP_RSA_gen(2048);
    other = EVP_RSA_gen(2048);
    ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return arena && rsa && other && ed25519 ? 0 : -1;
}

static int tear_down(void **unused)
{
    arena_destroy(arena);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(other);
    EVP_PKEY_free(ed25519);
    dkim_key_cache_clear();
    return 0;
}

static struct bytes record_of(EVP_PKEY *key)
{
    struct bytes text;
    assert_int_equal(dkim_record_text(arena, key, &text, &error), OK);
    return text;
}

static void records_hold_the_key(void **unused)
{
    assert_true(bytes_starts_with(record_of(rsa), BYTES("v=DKIM1; k=rsa; p=MIIBIj")));
    assert_true(dkim_private_key_fits_record(arena, rsa, record_of(rsa)));
    assert_false(dkim_private_key_fits_record(arena, other, record_of(rsa)));
    struct bytes small = record_of(ed25519); /* rfc8463:4.2: the 32 octets alone */
    assert_true(bytes_starts_with(small, BYTES("v=DKIM1; k=ed25519; p=")));
    assert_int_equal(small.len, strlen("v=DKIM1; k=ed25519; p=") + 44);
    assert_true(dkim_private_key_fits_record(arena, ed25519, small));
}

static void zone_lines_are_cut_at_255_octets_and_escaped(void **unused)
{
    struct buf out;
    char text[600];
    memset(text, 'x', sizeof(text));
    text[3] = '"';
    text[4] = '\\';
    text[5] = '\t';
    buf_init(&out, 8192);
    dkim_record_write_zone(&out, BYTES("s._domainkey.example.org"), bytes_from(text, 511), 60);
    buf_add_byte(&out, 0);
    assert_memory_equal(out.ptr, "s._domainkey.example.org. 60 IN TXT ( \"xxx\\\"\\\\\\009x", 51);
    /* Three strings: 255, 255 and 1. */
    char *second = strstr((char *)out.ptr, "\n    \""), *third = strstr(second + 1, "\n    \"");
    assert_int_equal(third - second, 6 + 255 + 1);
    assert_string_equal(third, "\n    \"x\" )\n");
    buf_clear(&out);
    dkim_record_write_zone(&out, BYTES("n"), bytes_from(text + 6, 255), 60);
    assert_true(bytes_starts_with(buf_bytes(&out), BYTES("n. 60 IN TXT \"x")));
    buf_clear(&out);
    dkim_record_write_zone(&out, BYTES("n"), BYTES(""), 60);
    assert_true(bytes_is(buf_bytes(&out), "n. 60 IN TXT \"\"\n"));
    buf_free(&out);
}

static void tinydns_lines_escape_what_has_a_meaning_there(void **unused)
{
    struct buf out;
    buf_init(&out, 8192);
    dkim_record_write_tinydns(&out, BYTES("s._domainkey.example.org"), BYTES("v=DKIM1; n=a:b\\; p="),
                              60);
    assert_true(bytes_is(buf_bytes(&out), "'s._domainkey.example.org:v=DKIM1;\\040n=a\\072b\\134;\\040p=:60\n"));
    buf_free(&out);
}

/* ---- the judge ---- */

static void judged(struct bytes text, EVP_PKEY *key, enum dkim_severity worst, const char *says)
{
    struct dkim_judgement judgement;
    bool said = !says;
    dkim_judge_record(arena, text, key, &judgement);
    for (size_t i = 0; i < judgement.count && says; i++)
        said |= bytes_find(judgement.findings[i].text, bytes_of(says)) != BYTES_NOT_FOUND;
    if (!said || dkim_judge_worst(&judgement) != worst)
        fail_msg(BYTES_FMT ": %s", BYTES_ARG(text),
                 judgement.count ? dkim_severity_name(dkim_judge_worst(&judgement)) : "nothing said");
}

static struct bytes with(const char *tags, EVP_PKEY *key)
{
    struct bytes text = record_of(key);
    return arena_printf(arena, "%s" BYTES_FMT, tags, BYTES_ARG(bytes_skip(text, strlen("v=DKIM1; k=rsa; "))));
}

static void what_is_good_or_bad_about_a_record_is_said(void **unused)
{
    judged(record_of(rsa), rsa, DKIM_NOTE, NULL);
    judged(record_of(ed25519), ed25519, DKIM_NOTE, NULL);
    judged(record_of(rsa), other, DKIM_ERROR, "not the public half");
    judged(with("", rsa), rsa, DKIM_NOTE, "v=DKIM1 is left out");
    judged(with("k=rsa; v=DKIM1; ", rsa), rsa, DKIM_ERROR, "not the first tag");
    judged(with("v=DKIM2; ", rsa), rsa, DKIM_ERROR, "another version");
    judged(with("v=DKIM1; g=; ", rsa), rsa, DKIM_WARNING, "g= is empty");
    judged(with("v=DKIM1; g=*; ", rsa), rsa, DKIM_WARNING, "g= is obsolete");
    judged(with("v=DKIM1; h=sha1; ", rsa), rsa, DKIM_ERROR, "sha256");
    judged(with("v=DKIM1; h=sha1:sha256; ", rsa), rsa, DKIM_NOTE, NULL);
    judged(with("v=DKIM1; s=tlsrpt; ", rsa), rsa, DKIM_ERROR, "not for mail");
    judged(with("v=DKIM1; t=y; ", rsa), rsa, DKIM_WARNING, "testing");
    judged(with("v=DKIM1; t=s; ", rsa), rsa, DKIM_NOTE, "t=s");
    judged(with("v=DKIM1; zz=1; ", rsa), rsa, DKIM_NOTE, "zz=");
    judged(with("v=DKIM1; k=dsa; ", rsa), rsa, DKIM_ERROR, "key type");
    judged(BYTES("v=DKIM1; p="), NULL, DKIM_ERROR, "revoked");
    judged(BYTES("v=DKIM1; p=!!"), NULL, DKIM_ERROR, "base64");
    judged(BYTES("v=DKIM1; p=AA==; p=AA=="), NULL, DKIM_ERROR, "malformed");
    judged(BYTES("hello"), NULL, DKIM_ERROR, NULL);
}

static void short_keys_are_named(void **unused)
{
    EVP_PKEY *tiny = EVP_RSA_gen(768), *small = EVP_RSA_gen(1024), *large = EVP_RSA_gen(3072);
    judged(record_of(tiny), NULL, DKIM_ERROR, "768 bits");
    judged(record_of(small), NULL, DKIM_WARNING, "1024 bits");
    judged(record_of(large), NULL, DKIM_NOTE, "3072 bits");
    EVP_PKEY_free(tiny);
    EVP_PKEY_free(small);
    EVP_PKEY_free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_hold_the_key),
        cmocka_unit_test(zone_lines_are_cut_at_255_octets_and_escaped),
        cmocka_unit_test(tinydns_lines_escape_what_has_a_meaning_there),
        cmocka_unit_test(what_is_good_or_bad_about_a_record_is_said),
        cmocka_unit_test(short_keys_are_named),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
