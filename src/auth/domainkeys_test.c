/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signatures are made here over canonical texts that are written out by hand, so that the module's
 * own canonicalization is not what the tests compare it with.
 */
#include "auth/dkim_fixture.h"

#include "auth/domainkeys.h"
#include "auth/domainkeys_hash.h"

static struct domainkeys_result result;

static struct bytes sign_octets(struct fixture *f, EVP_PKEY *key, struct bytes canonical)
{
    uint8_t octets[512];
    size_t size = sizeof(octets);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha1(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(context, octets, &size, canonical.ptr, canonical.len), 1);
    EVP_MD_CTX_free(context);
    return base64_of(f, bytes_from(octets, size));
}

/* The signature field over that canonical text, with these tags before b=. */
static struct bytes signature(struct fixture *f, EVP_PKEY *key, const char *tags,
                              const char *canonical)
{
    return arena_printf(f->arena, "DomainKey-Signature: %s; b=" BYTES_FMT "\r\n", tags,
                        BYTES_ARG(sign_octets(f, key, bytes_of(canonical))));
}

static void check_text(struct fixture *f, struct bytes text)
{
    assert_int_equal(message_parse(f->arena, text, &f->message, NULL), OK);
    domainkeys_verify(zone_dns(f->zone), f->arena, &f->message, INT64_MAX, &result);
}

static void expect_dk(const char *name, const char *problem)
{
    if (strcmp(auth_result_name(result.result), name) != 0)
        fail_msg("%s (" BYTES_FMT "), not %s", auth_result_name(result.result),
                 BYTES_ARG(result.problem), name);
    if (bytes_find(result.problem, bytes_of(problem)) == BYTES_NOT_FOUND)
        fail_msg("\"" BYTES_FMT "\" does not say \"%s\"", BYTES_ARG(result.problem), problem);
    assert_int_equal(result.problem.len == 0, strcmp(name, "pass") == 0);
}

/* A message of `rest` under a signature with these tags over `canonical`. */
static void expect_signed(struct fixture *f, const char *tags, const char *canonical,
                          const char *rest, const char *name, const char *problem)
{
    check_text(f, arena_printf(f->arena, BYTES_FMT "%s",
                               BYTES_ARG(signature(f, rsa_1024, tags, canonical)), rest));
    expect_dk(name, problem);
}

#define SIMPLE "a=rsa-sha1; q=dns; c=simple; d=example.org; s=s"
#define NOFWS "a=rsa-sha1; q=dns; c=nofws; d=example.org; s=s"
#define FROM "From: Ann <ann@example.org>\r\n"
#define HEADER FROM "To: bob@example.net\r\nSubject: a  test\r\n"

/* ---- Canonicalization ---- */

static void simple_hashes_lines_as_they_are_rfc4870_3_4_2_1(void **state)
{
    struct fixture *f = *state;
    add_key(f, "k=rsa; ", rsa_1024);
    expect_signed(f, SIMPLE, HEADER "\r\nHello  Bob, \r\n\r\nbye.\r\n",
                  HEADER "\r\nHello  Bob, \r\n\r\nbye.\r\n\r\n\r\n", "pass", "");
    expect_signed(f, SIMPLE, HEADER "\r\nHello  Bob,\r\n", HEADER "\r\nHello Bob,\r\n", "fail", "");
    expect_signed(f, SIMPLE, HEADER "\r\nx\r\n \r\n", HEADER "\r\nx\r\n \r\n", "pass", "");
    expect_signed(f, SIMPLE, HEADER "\r\nx\r\n", HEADER "\r\nx", "pass", "");
    expect_signed(f, SIMPLE, "From: ann@example.org\r\nSubject: a\r\n b\r\n\r\nx\r\n",
                  "From: ann@example.org\r\nSubject: a\r\n b\r\n\r\nx\r\n", "pass", "");
}

static void nofws_removes_all_white_space_rfc4870_3_4_2_2(void **state)
{
    struct fixture *f = *state;
    add_key(f, "k=rsa; ", rsa_1024);
    const char *canonical = "From:Ann<ann@example.org>\r\nSubject:ab\r\n\r\nHelloBob,\r\n\r\nbye.\r\n";
    expect_signed(f, NOFWS, canonical,
                  FROM "Subject: a\r\n\t b \r\n\r\nHello  \tBob, \r\n \t\r\nbye.\r\n \r\n\r\n\t", "pass",
                  "");
    expect_signed(f, NOFWS, canonical, FROM "Subject : ab\r\n\r\nHelloBob,\r\n\r\nbye.", "pass", "");
    expect_signed(f, NOFWS, canonical, FROM "Subject: Ab\r\n\r\nHelloBob,\r\n\r\nbye.", "fail", "");
    /* An empty line within the body is a line. */
    expect_signed(f, NOFWS, canonical, FROM "Subject: ab\r\n\r\nHelloBob,\r\nbye.", "fail", "");
}

static void an_empty_body_takes_the_separator_with_it_rfc4870_3_4_2(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_1024);
    expect_signed(f, SIMPLE, FROM, FROM "\r\n\r\n\r\n", "pass", "");
    expect_signed(f, SIMPLE, FROM, FROM "\r\n", "pass", "");
    expect_signed(f, SIMPLE, FROM, FROM, "pass", "");
    expect_signed(f, SIMPLE, FROM, FROM "\r\n \r\n", "fail", "");
    expect_signed(f, NOFWS, "From:Ann<ann@example.org>\r\n", FROM "\r\n \r\n\t\r\n", "pass", "");
}

static void long_lines_and_bodies_hash_the_same_in_any_pieces(void **state)
{
    struct fixture *f = *state;
    enum { SIZE = 300000 };
    uint8_t *body = arena_alloc(f->arena, SIZE), *canonical = arena_alloc(f->arena, SIZE + 100);
    size_t count = 0;
    add_key(f, "", rsa_1024);
    const char *head = "From:Ann<ann@example.org>\r\n\r\n";
    memcpy(canonical, head, strlen(head));
    count = strlen(head);
    for (size_t i = 0; i < SIZE; i++) {
        body[i] = i % 7 == 3 ? ' ' : i % 11 == 5 ? '\t' : i % 13 == 1 ? '\n' : (uint8_t)('a' + i % 26);
        if (i == SIZE - 2 || i == SIZE - 1)
            body[i] = "\r\n"[i - (SIZE - 2)];
        else if (body[i] >= 'a')
            canonical[count++] = body[i];
    }
    memcpy(canonical + count, "\r\n", 2);
    struct bytes text = sign_octets(f, rsa_1024, bytes_from(canonical, count + 2));
    struct buf whole;
    buf_init(&whole, 1 << 20);
    buf_printf(&whole, "DomainKey-Signature: " NOFWS "; b=" BYTES_FMT "\r\n" FROM "\r\n",
               BYTES_ARG(text));
    buf_add(&whole, bytes_from(body, SIZE));
    check_text(f, arena_copy(f->arena, buf_bytes(&whole)));
    buf_free(&whole);
    expect_dk("pass", "");
}

/* ---- h= ---- */

static void without_h_all_fields_below_the_signature_count_rfc4870_3_3(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_1024);
    struct bytes field = signature(f, rsa_1024, SIMPLE, HEADER "\r\nx\r\n");
    check_text(f, arena_printf(f->arena, "Received: above\r\n" BYTES_FMT HEADER "\r\nx\r\n",
                               BYTES_ARG(field)));
    expect_dk("pass", "");
    check_text(f, arena_printf(f->arena, BYTES_FMT "Received: below\r\n" HEADER "\r\nx\r\n",
                               BYTES_ARG(field)));
    expect_dk("fail", "");
}

static void with_h_the_fields_come_in_its_order_rfc4870_3_3(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_1024);
    expect_signed(f, SIMPLE "; h=Subject : f\r\n rom:absent", "Subject: a  test\r\n" FROM "\r\nx\r\n",
                  HEADER "X-Other: y\r\n\r\nx\r\n", "pass", "");
}

static void a_listed_name_covers_all_fields_of_it_rfc4870_3_3(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_1024);
#define THREE "X: 1\r\n" FROM "X: 2\r\nX: 3\r\n\r\nb\r\n"
    expect_signed(f, SIMPLE "; h=x:from", "X: 1\r\nX: 2\r\nX: 3\r\n" FROM "\r\nb\r\n", THREE, "pass",
                  "");
    expect_signed(f, SIMPLE "; h=x:from:x", "X: 1\r\nX: 2\r\n" FROM "X: 3\r\n\r\nb\r\n", THREE, "pass",
                  "");
    expect_signed(f, SIMPLE "; h=x:from:x:x", THREE, THREE, "pass", "");
    /* More mentions than fields: the first ones are of nothing. */
    expect_signed(f, SIMPLE "; h=x:x:from:x:x", "X: 1\r\n" FROM "X: 2\r\nX: 3\r\n\r\nb\r\n", THREE,
                  "pass", "");
    /* A field that somebody adds below the signature is not overlooked. */
    expect_signed(f, SIMPLE "; h=x:from", "X: 1\r\nX: 2\r\n" FROM "\r\nb\r\n", THREE, "fail", "");
}

static void the_field_of_the_sender_must_be_signed_rfc4870_3_3(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_1024);
    expect_signed(f, SIMPLE "; h=to:subject", "", HEADER "\r\nx\r\n", "permerror",
                  "From field is not signed");
    expect_signed(f, SIMPLE "; h=from", FROM "\r\nx\r\n",
                  FROM "Sender: carl@example.org\r\n\r\nx\r\n", "permerror", "Sender field is not signed");
    check_text(f, arena_printf(f->arena, FROM BYTES_FMT "To: x\r\n\r\nx\r\n",
                               BYTES_ARG(signature(f, rsa_1024, SIMPLE, "To: x\r\n\r\nx\r\n"))));
    expect_dk("permerror", "stands above");
}

/* ---- The sender ---- */

static void the_sender_is_in_sender_else_first_in_from_rfc4870_3_1(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_1024);
#define BOTH "From: a@example.net\r\nSender: \"x y\"@Mail.Example.ORG\r\n"
    expect_signed(f, SIMPLE, BOTH "\r\nx\r\n", BOTH "\r\nx\r\n", "pass", "");
    assert_true(bytes_is(result.sender, "\"x y\"@Mail.Example.ORG"));
    assert_true(bytes_is(result.sender_field, "Sender"));
#define TWO "From: Ann <ann@example.org>, b@example.net\r\n"
    expect_signed(f, SIMPLE, TWO "\r\nx\r\n", TWO "\r\nx\r\n", "pass", "");
    assert_true(bytes_is(result.sender, "ann@example.org"));
    assert_true(bytes_is(result.sender_field, "From"));
}

static void a_message_without_one_sender_cannot_be_verified_rfc4870_3_7_3(void **state)
{
    struct fixture *f = *state;
    static const char *const headers[] = {
        "Sender: ann@example.org\r\n", FROM FROM, "From: nobody\r\n", "From: ;:\r\n",
        FROM "Sender: evil doer\r\n", FROM "Sender: a@example.org\r\nSender: a@example.org\r\n",
        FROM "Sender: a@example.org, b@example.org\r\n", "From: a@[192.0.2.1]\r\n", "To: x\r\n"};
    add_key(f, "", rsa_1024);
    for (size_t i = 0; i < countof(headers); i++) {
        struct bytes text = arena_printf(f->arena, "%s\r\nx\r\n", headers[i]);
        const char *string = arena_string(f->arena, text);
        expect_signed(f, SIMPLE, string, string, "permerror", "");
    }
}

static void a_sender_without_address_is_set_aside_where_it_is_not_signed_rfc4870_3_3(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_1024);
    expect_signed(f, SIMPLE "; h=from", FROM "\r\nx\r\n", FROM "Sender: evil doer\r\n\r\nx\r\n", "pass",
                  "");
    assert_true(bytes_is(result.sender_field, "From"));
    expect_signed(f, SIMPLE "; h=from:sender", FROM "Sender: evil doer\r\n\r\nx\r\n",
                  FROM "Sender: evil doer\r\n\r\nx\r\n", "permerror", "Sender");
}

static void d_is_the_senders_domain_or_above_it_rfc4870_3_3(void **state)
{
    struct fixture *f = *state;
    static const char *const outside[] = {"ann@badexample.org", "ann@org", "ann@example.org.example.net",
                                          "ann@example.com"};
    add_key(f, "", rsa_1024);
    expect_signed(f, SIMPLE, "From: ann@A.b.EXAMPLE.org\r\n", "From: ann@A.b.EXAMPLE.org\r\n", "pass",
                  "");
    assert_true(bytes_is(result.domain, "example.org"));
    for (size_t i = 0; i < countof(outside); i++) {
        char text[100];
        snprintf(text, sizeof(text), "From: %s\r\n\r\nx\r\n", outside[i]);
        expect_signed(f, SIMPLE, text, text, "permerror", "d=");
    }
}

/* ---- Tags ---- */

static void malformed_signatures_are_ignored_rfc4870_3_7_3(void **state)
{
    struct fixture *f = *state;
    static const char *const broken[] = {
        "a=rsa-sha1; c=simple; d=example.org; s=s",              /* no q= */
        "a=rsa-sha1; q=dns; d=example.org; s=s",                 /* no c= */
        "a=rsa-sha1; q=dns; c=simple; s=s",                      /* no d= */
        "a=rsa-sha1; q=dns; c=simple; d=example.org",            /* no s= */
        "a=rsa-sha1; q=dns; c=simple; d=example..org; s=s",
        "a=rsa-sha1; q=dns; c=simple; d=example.org; s=a b",
        "a=rsa-sha1; q=dns; c=simple; d=example.org; s=s; s=s",  /* twice */
        "a=rsa-sha1; q=dns; c=simple; d=example.org; s=s; xx=1", /* two letters */
        "a=rsa-sha1; q=dns; c=simple; d=example.org; s=s; X=1",
        "a=rsa-sha1; q=dns; c=simple; d=example.org; s=s; n=\xc3\xbc",
        "a=rsa-sha1; q=dns; c=simple; d=example.org; s=s; n",
        "a=rsa-sha1; q=dns; c=simple; d=example.org; s=s; h=",
        "a=rsa-sha1; q=dns; c=simple; d=example.org; s=s; h=from::to",
    };
    add_key(f, "", rsa_1024);
    for (size_t i = 0; i < countof(broken); i++)
        expect_signed(f, broken[i], FROM "\r\nx\r\n", FROM "\r\nx\r\n", "permerror", "");
    check_text(f, arena_printf(f->arena, "DomainKey-Signature: " SIMPLE "; b=\r\n" FROM "\r\n"));
    expect_dk("permerror", "b= is empty");
    check_text(f, arena_printf(f->arena, "DomainKey-Signature: " SIMPLE "; b=*\r\n" FROM "\r\n"));
    expect_dk("permerror", "base64");
    check_text(f, arena_printf(f->arena, "DomainKey-Signature: " SIMPLE "\r\n" FROM "\r\n"));
    expect_dk("permerror", "no b=");
}

static void a_list_of_fields_is_bounded(void **state)
{
    struct fixture *f = *state;
    struct buf tags;
    add_key(f, "", rsa_1024);
    buf_init(&tags, 1 << 20);
    buf_add_string(&tags, SIMPLE "; h=from");
    for (size_t i = 1; i < 2 * HEADER_FIELDS_MAX; i++)
        buf_add_string(&tags, ":x");
    const char *text = arena_string(f->arena, buf_bytes(&tags));
    expect_signed(f, text, FROM "\r\nx\r\n", FROM "\r\nx\r\n", "pass", "");
    text = arena_string(f->arena, arena_printf(f->arena, "%s:x", text));
    expect_signed(f, text, FROM "\r\nx\r\n", FROM "\r\nx\r\n", "permerror", "more than 2000");
    buf_free(&tags);
}

static void tags_of_no_meaning_and_defaults_are_fine_rfc4870_3_3(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_1024);
    expect_signed(f, "q=dns; c=simple; d=EXAMPLE.org ; s = s; z=?", FROM "\r\nx\r\n", FROM "\r\nx\r\n",
                  "pass", "");
    expect_signed(f, "c=simple; d=example.org; s=s", FROM "\r\nx\r\n", FROM "\r\nx\r\n", "pass", "");
}

static void unknown_methods_are_neutral_rfc4870_3_7_3(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_1024);
    expect_signed(f, "a=rsa-sha256; q=dns; c=simple; d=example.org; s=s", FROM, FROM, "neutral",
                  "algorithm");
    expect_signed(f, "a=rsa-sha1; q=dns; c=relaxed; d=example.org; s=s", FROM, FROM, "neutral",
                  "canonicalization");
    expect_signed(f, "a=rsa-sha1; q=dns/txt; c=simple; d=example.org; s=s", FROM, FROM, "neutral",
                  "query method");
    expect_signed(f, "a=rsa-sha1; q=; c=simple; d=example.org; s=s", FROM, FROM, "neutral", "query");
}

/* ---- Which signature ---- */

static void the_first_signature_that_fits_is_the_one_rfc4870_3_7_3(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_1024);
    struct bytes good = signature(f, rsa_1024, SIMPLE "; h=from", FROM "\r\nx\r\n");
    struct bytes broken = signature(f, rsa_1024, SIMPLE "; h=from", "something else");
    struct bytes foreign = signature(f, rsa_1024, "a=rsa-sha1; q=dns; c=simple; d=example.net; s=s", "");
    struct bytes strange = signature(f, rsa_1024, "a=new; q=dns; c=simple; d=example.org; s=s", "");
    check_text(f, arena_printf(f->arena, BYTES_FMT BYTES_FMT BYTES_FMT BYTES_FMT FROM "\r\nx\r\n",
                               BYTES_ARG(foreign), BYTES_ARG(strange), BYTES_ARG(good),
                               BYTES_ARG(broken)));
    expect_dk("pass", "");
    assert_int_equal(result.signatures, 4);
    check_text(f, arena_printf(f->arena, BYTES_FMT BYTES_FMT FROM "\r\nx\r\n", BYTES_ARG(broken),
                               BYTES_ARG(good)));
    expect_dk("fail", "");
    check_text(f, arena_printf(f->arena, BYTES_FMT BYTES_FMT FROM "\r\nx\r\n", BYTES_ARG(foreign),
                               BYTES_ARG(strange)));
    expect_dk("permerror", "d=");
    assert_true(bytes_is(result.domain, "example.net"));
}

static void signatures_beyond_the_limit_are_not_looked_at(void **state)
{
    struct fixture *f = *state;
    struct buf text;
    add_key(f, "", rsa_1024);
    buf_init(&text, 1 << 20);
    for (int i = 0; i < DOMAINKEYS_SIGNATURES_MAX; i++)
        buf_add_string(&text, "DomainKey-Signature: nonsense\r\n");
    buf_add(&text, signature(f, rsa_1024, SIMPLE, FROM));
    buf_add_string(&text, FROM);
    check_text(f, arena_copy(f->arena, buf_bytes(&text)));
    expect_dk("permerror", "");
    check_text(f, bytes_skip(arena_copy(f->arena, buf_bytes(&text)),
                             strlen("DomainKey-Signature: nonsense\r\n")));
    expect_dk("pass", "");
    buf_free(&text);
}

/* ---- Keys ---- */

static void expect_key(void **state, const char *record, EVP_PKEY *key, const char *name,
                       const char *problem)
{
    struct fixture *f = *state;
    zone_destroy(f->zone);
    f->zone = zone_create();
    add_key(f, record, key);
    expect_signed(f, SIMPLE, FROM "\r\nx\r\n", FROM "\r\nx\r\n", name, problem);
}

static void granularity_names_one_local_part_rfc4870_3_2_3(void **state)
{
    expect_key(state, "g=; k=rsa; ", rsa_1024, "pass", "");
    expect_key(state, "g=ann; k=rsa; ", rsa_1024, "pass", "");
    expect_key(state, "g=Ann; ", rsa_1024, "permerror", "g=");
    expect_key(state, "g=an; ", rsa_1024, "permerror", "g=");
    expect_key(state, "g=a*; ", rsa_1024, "permerror", "g=");
    expect_key(state, "v=DKIM1; g=a*; ", rsa_1024, "pass", "");
    expect_key(state, "v=DKIM1; g=*nn; ", rsa_1024, "pass", "");
    expect_key(state, "v=DKIM1; g=ann*; ", rsa_1024, "pass", "");
    expect_key(state, "v=DKIM1; g=an*nn; ", rsa_1024, "permerror", "g=");
    expect_key(state, "v=DKIM1; g=b*; ", rsa_1024, "permerror", "g=");
}

static void key_records_are_validated_rfc4870_3_7_4(void **state)
{
    struct fixture *f = *state;
    expect_key(state, "k=dsa; ", rsa_1024, "permerror", "dsa");
    expect_key(state, "k=rsa; k=rsa; ", rsa_1024, "permerror", "twice");
    expect_key(state, "v=DKIM1; h=sha256; ", rsa_1024, "permerror", "rsa-sha1");
    expect_key(state, "n=a note; z=1; ", rsa_1024, "pass", "");
    expect_key(state, "", rsa_2048, "fail", "");
    expect_key(state, "k=ed25519; ", ed25519, "permerror", "rsa-sha1");
    zone_destroy(f->zone);
    f->zone = zone_create();
    expect_signed(f, SIMPLE, FROM, FROM, "permerror", "no key record");
    add_record(f, "s._domainkey.example.org", BYTES("k=rsa; p="));
    expect_signed(f, SIMPLE, FROM, FROM, "permerror", "revoked");
    zone_add_failure(f->zone, BYTES("s._domainkey.example.org"), 0);
    expect_signed(f, SIMPLE, FROM, FROM, "temperror", "could not be fetched");
}

static void what_a_key_in_testing_signs_is_neither_pass_nor_fail_rfc4870_3_2_3(void **state)
{
    struct fixture *f = *state;
    expect_key(state, "t=y; ", rsa_1024, "policy", "testing");
    assert_true(result.key_testing && result.key_bits == 1024);
    expect_signed(f, SIMPLE, FROM, HEADER, "neutral", "testing");
}

static void short_keys_verify_but_do_not_pass(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_512);
    check_text(f, arena_printf(f->arena, BYTES_FMT FROM,
                               BYTES_ARG(signature(f, rsa_512, SIMPLE, FROM))));
    expect_dk("policy", "1024");
    assert_int_equal(result.key_bits, 512);
}

/* ---- Policy ---- */

static void unsigned_mail_fails_where_the_domain_signs_all_rfc4870_3_6(void **state)
{
    struct fixture *f = *state;
    check_text(f, BYTES("From: ann@mail.example.org\r\n\r\nx\r\n"));
    expect_dk("none", "");
    assert_false(result.policy.found);
    add_record(f, "_domainkey.mail.example.org", BYTES("t=n; o=-; n=a note; r=abuse@example.org"));
    check_text(f, BYTES("From: ann@mail.example.org\r\n\r\nx\r\n"));
    expect_dk("fail", "o=-");
    assert_true(result.policy.found && result.policy.signs_all && !result.policy.testing);
    assert_true(bytes_is(result.policy.report, "abuse@example.org"));
    assert_true(bytes_is(result.policy.note, "a note"));
    /* That of the sending domain, not of one above. */
    check_text(f, BYTES("From: ann@x.mail.example.org\r\n\r\nx\r\n"));
    expect_dk("none", "");
    add_record(f, "_domainkey.some.example.org", BYTES("o=~"));
    check_text(f, BYTES("From: ann@some.example.org\r\n\r\nx\r\n"));
    expect_dk("none", "");
    assert_true(result.policy.found && !result.policy.signs_all);
    add_record(f, "_domainkey.test.example.org", BYTES("t=y; o=-"));
    check_text(f, BYTES("From: ann@test.example.org\r\n\r\nx\r\n"));
    expect_dk("none", "");
    zone_add_failure(f->zone, BYTES("_domainkey.broken.example.org"), 0);
    check_text(f, BYTES("From: ann@broken.example.org\r\n\r\nx\r\n"));
    expect_dk("none", "");
}

static void the_policy_is_asked_for_only_where_nothing_is_verified_rfc4870_3_6(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_1024);
    add_record(f, "_domainkey.example.org", BYTES("o=-; t=y"));
    size_t before = zone_question_count(f->zone);
    expect_signed(f, SIMPLE, FROM, FROM, "pass", "");
    assert_int_equal(zone_question_count(f->zone) - before, 1);
    expect_signed(f, SIMPLE, FROM, HEADER, "neutral", "testing");
    assert_true(result.policy.testing);
}

static void policy_records_are_lists_of_tags_rfc4870_3_6(void **state)
{
    struct fixture *f = *state;
    struct domainkeys_policy policy;
    struct error error;
    assert_int_equal(domainkeys_policy_parse(f->arena, BYTES(""), &policy, &error), OK);
    assert_true(policy.found && !policy.signs_all && !policy.testing);
    assert_int_equal(domainkeys_policy_parse(f->arena, BYTES(" o = - ;"), &policy, &error), OK);
    assert_true(policy.signs_all);
    assert_int_equal(domainkeys_policy_parse(f->arena, BYTES("o=--"), &policy, &error), OK);
    assert_false(policy.signs_all);
    assert_int_equal(domainkeys_policy_parse(f->arena, BYTES("o=-; o=~"), &policy, &error), PERM);
    assert_int_equal(domainkeys_policy_parse(f->arena, BYTES("o"), &policy, &error), PERM);
    assert_int_equal(domainkeys_policy_parse(f->arena, BYTES("n=\xff"), &policy, &error), PERM);
    assert_false(policy.found);
}

static void an_exhausted_arena_gives_a_temporary_error(void **state)
{
    struct fixture *f = *state;
    add_key(f, "", rsa_1024);
    struct bytes text = arena_printf(f->arena, BYTES_FMT HEADER "\r\nx\r\n",
                                     BYTES_ARG(signature(f, rsa_1024, SIMPLE "; h=from:to:subject",
                                                         HEADER "\r\nx\r\n")));
    unsigned passed = 0;
    assert_int_equal(message_parse(f->arena, text, &f->message, NULL), OK);
    for (size_t cap = 64; cap < 32768; cap += 64) {
        struct arena *small = arena_create(cap);
        domainkeys_verify(zone_dns(f->zone), small, &f->message, INT64_MAX, &result);
        assert_true(result.result == AUTH_PASS || result.result == AUTH_TEMPERROR);
        passed += result.result == AUTH_PASS;
        arena_destroy(small);
    }
    assert_true(passed > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(simple_hashes_lines_as_they_are_rfc4870_3_4_2_1),
        TEST(nofws_removes_all_white_space_rfc4870_3_4_2_2),
        TEST(an_empty_body_takes_the_separator_with_it_rfc4870_3_4_2),
        TEST(long_lines_and_bodies_hash_the_same_in_any_pieces),
        TEST(without_h_all_fields_below_the_signature_count_rfc4870_3_3),
        TEST(with_h_the_fields_come_in_its_order_rfc4870_3_3),
        TEST(a_listed_name_covers_all_fields_of_it_rfc4870_3_3),
        TEST(the_field_of_the_sender_must_be_signed_rfc4870_3_3),
        TEST(the_sender_is_in_sender_else_first_in_from_rfc4870_3_1),
        TEST(a_message_without_one_sender_cannot_be_verified_rfc4870_3_7_3),
        TEST(a_sender_without_address_is_set_aside_where_it_is_not_signed_rfc4870_3_3),
        TEST(d_is_the_senders_domain_or_above_it_rfc4870_3_3),
        TEST(malformed_signatures_are_ignored_rfc4870_3_7_3),
        TEST(a_list_of_fields_is_bounded),
        TEST(tags_of_no_meaning_and_defaults_are_fine_rfc4870_3_3),
        TEST(unknown_methods_are_neutral_rfc4870_3_7_3),
        TEST(the_first_signature_that_fits_is_the_one_rfc4870_3_7_3),
        TEST(signatures_beyond_the_limit_are_not_looked_at),
        TEST(granularity_names_one_local_part_rfc4870_3_2_3),
        TEST(key_records_are_validated_rfc4870_3_7_4),
        TEST(what_a_key_in_testing_signs_is_neither_pass_nor_fail_rfc4870_3_2_3),
        TEST(short_keys_verify_but_do_not_pass),
        TEST(unsigned_mail_fails_where_the_domain_signs_all_rfc4870_3_6),
        TEST(the_policy_is_asked_for_only_where_nothing_is_verified_rfc4870_3_6),
        TEST(policy_records_are_lists_of_tags_rfc4870_3_6),
        TEST(an_exhausted_arena_gives_a_temporary_error),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
