/* SPDX-License-Identifier: BSD-2-Clause */
/* The public interface alone: what these tests know of the inside is <vouch.h>. */
#include <vouch.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cmocka.h>

enum { NOW = 1700000000 };

static char rsa_pem[4096], ed25519_pem[1024], rsa_record[2048], ed25519_record[2048];

/* Keys are made once; a zone is a table. */

static void write_pem(EVP_PKEY *key, char *out, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    int count = BIO_read(bio, out, (int)size - 1);
    assert_true(count > 0);
    out[count] = '\0';
    BIO_free(bio);
}

static int make_keys(void **state)
{
    (void)state;
    EVP_PKEY *rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    EVP_PKEY *ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    unsigned char *der = NULL, raw[32], text[1024];
    size_t size = sizeof(raw);
    write_pem(rsa, rsa_pem, sizeof(rsa_pem));
    write_pem(ed25519, ed25519_pem, sizeof(ed25519_pem));
    int length = i2d_PUBKEY(rsa, &der);
    assert_true(length > 0);
    EVP_EncodeBlock(text, der, length);
    snprintf(rsa_record, sizeof(rsa_record), "v=DKIM1; k=rsa; p=%s", text);
    assert_int_equal(EVP_PKEY_get_raw_public_key(ed25519, raw, &size), 1);
    EVP_EncodeBlock(text, raw, 32);
    snprintf(ed25519_record, sizeof(ed25519_record), "v=DKIM1; k=ed25519; p=%s", text);
    OPENSSL_free(der);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ed25519);
    return 0;
}

static enum vouch_dns resolve(void *argument, const char *name, int type, int milliseconds,
                              struct vouch_dns_answer *answer)
{
    static const struct {
        const char *name, *text;
    } texts[] = {{"example.org", "v=spf1 ip4:192.0.2.1 mx include:deep.example.org exp=why.example.org -all"},
                 {"deep.example.org", "v=spf1 ip6:2001:db8::/32 ?all"},
                 {"why.example.org", "%{i} is none of ours"},
                 {"_dmarc.example.org", "v=DMARC1; p=reject; sp=quarantine"},
                 {"other.example", "v=spf1 -all"},
                 {"rsa._domainkey.example.org", rsa_record},
                 {"ed._domainkey.example.org", ed25519_record}};
    int *count = argument;
    if (count)
        ++*count;
    assert_true(milliseconds > 0);
    if (strcmp(name, "failing.example") == 0)
        return VOUCH_DNS_FAILED;
    if (type == VOUCH_DNS_MX && strcmp(name, "example.org") == 0) {
        vouch_dns_answer_set_ttl(answer, 3600);
        return vouch_dns_answer_add_name(answer, "MX.example.org.", 10) ? VOUCH_DNS_FAILED
                                                                          : VOUCH_DNS_FOUND;
    }
    if (type == VOUCH_DNS_A && strcmp(name, "mx.example.org") == 0)
        return vouch_dns_answer_add_address(answer, "\xc0\x00\x02\x07", 4) ? VOUCH_DNS_FAILED
                                                                             : VOUCH_DNS_FOUND;
    for (size_t i = 0; type == VOUCH_DNS_TXT && i < sizeof(texts) / sizeof(texts[0]); i++)
        if (strcmp(name, texts[i].name) == 0)
            return vouch_dns_answer_add_text(answer, texts[i].text, strlen(texts[i].text))
                       ? VOUCH_DNS_FAILED
                       : VOUCH_DNS_FOUND;
    return VOUCH_DNS_NO_NAME;
}

static struct vouch_context *make_context(int *count)
{
    struct vouch_context *context = vouch_context_create();
    assert_non_null(context);
    vouch_context_set_resolver(context, resolve, count);
    vouch_context_set_now(context, NOW);
    assert_int_equal(vouch_context_set_authserv_id(context, "mx.here.example"), VOUCH_OK);
    return context;
}

static const char text[] = "From: Anne <anne@example.org>\r\n"
                           "To: bert@here.example\r\n"
                           "Subject: tea\r\n"
                           "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
                           "Message-ID: <1@example.org>\r\n"
                           "\r\n"
                           "At five?\r\n";

static struct vouch_message *make_message(const char *before, const char *octets)
{
    struct vouch_message *message = vouch_message_create();
    assert_int_equal(vouch_message_add(message, before, strlen(before)), VOUCH_OK);
    assert_int_equal(vouch_message_add(message, octets, strlen(octets)), VOUCH_OK);
    assert_int_equal(vouch_message_finish(message), VOUCH_OK);
    return message;
}

static struct vouch_signer *make_signer(const char *pem, const char *selector)
{
    struct vouch_signer *signer = vouch_signer_create();
    assert_int_equal(vouch_signer_set_key(signer, pem, strlen(pem), "example.org", selector),
                     VOUCH_OK);
    vouch_signer_set_now(signer, NOW);
    return signer;
}

/* SPF */

static void spf_gives_its_result_and_what_led_to_it(void **state)
{
    (void)state;
    struct vouch_context *context = make_context(NULL);
    struct vouch_result *result;
    assert_int_equal(
        vouch_check_spf(context, "192.0.2.7", "mx.example.org", "anne@example.org", &result),
        VOUCH_OK);
    assert_int_equal(vouch_result_answer(result, VOUCH_SPF), VOUCH_RESULT_PASS);
    assert_string_equal(vouch_spf_mechanism(result, VOUCH_SPF), "mx");
    assert_string_equal(vouch_spf_domain(result, VOUCH_SPF), "example.org");
    assert_int_equal(vouch_spf_lookups(result, VOUCH_SPF), 1);
    assert_non_null(strstr(vouch_spf_field(result, VOUCH_SPF), "Received-SPF: pass"));
    assert_null(vouch_spf_domain(result, VOUCH_SPF_HELO));
    vouch_result_destroy(result);

    assert_int_equal(
        vouch_check_spf(context, "198.51.100.9", "x.example", "<anne@example.org>", &result),
        VOUCH_OK);
    assert_int_equal(vouch_result_answer(result, VOUCH_SPF), VOUCH_RESULT_FAIL);
    assert_string_equal(vouch_spf_explanation(result, VOUCH_SPF), "198.51.100.9 is none of ours");
    assert_string_equal(vouch_answer_name(vouch_result_answer(result, VOUCH_SPF)), "fail");
    /* A result outlives its context. */
    vouch_context_destroy(context);
    assert_string_equal(vouch_spf_mechanism(result, VOUCH_SPF), "-all");
    vouch_result_destroy(result);
}

static void what_dns_does_not_tell_is_a_temperror_and_no_failed_call(void **state)
{
    (void)state;
    struct vouch_context *context = make_context(NULL);
    struct vouch_result *result;
    assert_int_equal(vouch_check_spf(context, "192.0.2.1", "", "a@failing.example", &result),
                     VOUCH_OK);
    assert_int_equal(vouch_result_answer(result, VOUCH_SPF), VOUCH_RESULT_TEMPERROR);
    vouch_result_destroy(result);
    vouch_context_destroy(context);
}

static void answers_are_remembered_until_they_are_forgotten(void **state)
{
    (void)state;
    int count = 0;
    struct vouch_context *context = make_context(&count);
    struct vouch_result *result;
    for (int round = 0; round < 3; round++) {
        if (round == 2)
            vouch_context_clear_cache(context);
        assert_int_equal(vouch_check_spf(context, "192.0.2.1", "", "a@other.example", &result),
                         VOUCH_OK);
        assert_int_equal(vouch_result_answer(result, VOUCH_SPF), VOUCH_RESULT_FAIL);
        vouch_result_destroy(result);
        assert_int_equal(count, round == 2 ? 2 : 1);
    }
    vouch_context_destroy(context);
}

/* A callback that misbehaves fails its look-up and nothing else. */
static enum vouch_dns resolve_badly(void *argument, const char *name, int type, int milliseconds,
                                    struct vouch_dns_answer *answer)
{
    int *how = argument;
    (void)name, (void)type, (void)milliseconds;
    if (*how == 0)
        return (enum vouch_dns)77;
    if (*how == 1)
        assert_int_equal(vouch_dns_answer_add_address(answer, "\1\2\3\4", 4), -1);
    if (*how == 2)
        assert_int_equal(vouch_dns_answer_set_packet(answer, "garbage", 7), VOUCH_DNS_FAILED);
    if (*how == 3)
        for (int i = 0; i < 1000; i++)
            vouch_dns_answer_add_text(answer, "v=spf1 +all", 11);
    return VOUCH_DNS_FOUND;
}

static void a_resolver_that_misbehaves_fails_its_lookup(void **state)
{
    (void)state;
    struct vouch_context *context = vouch_context_create();
    struct vouch_result *result;
    for (int how = 0; how <= 3; how++) {
        vouch_context_set_resolver(context, resolve_badly, &how);
        assert_int_equal(vouch_check_spf(context, "192.0.2.1", "", "a@example.org", &result),
                         VOUCH_OK);
        assert_int_equal(vouch_result_answer(result, VOUCH_SPF), VOUCH_RESULT_TEMPERROR);
        vouch_result_destroy(result);
    }
    vouch_context_destroy(context);
}

/* Signatures */

static void what_is_signed_verifies(void **state)
{
    (void)state;
    const struct {
        const char *pem, *selector, *algorithm;
        unsigned bits;
    } kinds[] = {{rsa_pem, "rsa", "rsa-sha256", 2048}, {ed25519_pem, "ed", "ed25519-sha256", 256}};
    for (size_t i = 0; i < 2; i++) {
        struct vouch_signer *signer = make_signer(kinds[i].pem, kinds[i].selector);
        struct vouch_message *plain = make_message("", text);
        const char *field;
        assert_int_equal(vouch_signer_set_lifetime(signer, 3600), VOUCH_OK);
        assert_int_equal(vouch_signer_set_identity(signer, "anne@example.org"), VOUCH_OK);
        assert_int_equal(vouch_signer_add_header(signer, "X-Colour"), VOUCH_OK);
        assert_int_equal(vouch_sign_dkim(signer, plain, &field), VOUCH_OK);
        assert_int_equal(strncmp(field, "DKIM-Signature: ", 16), 0);
        struct vouch_message *signed_one = make_message(field, text);
        struct vouch_context *context = make_context(NULL);
        struct vouch_result *result;
        assert_int_equal(vouch_check_dkim(context, signed_one, &result), VOUCH_OK);
        vouch_message_destroy(signed_one);
        assert_int_equal(vouch_dkim_count(result), 1);
        assert_int_equal(vouch_dkim_answer(result, 0), VOUCH_RESULT_PASS);
        assert_string_equal(vouch_dkim_domain(result, 0), "example.org");
        assert_string_equal(vouch_dkim_selector(result, 0), kinds[i].selector);
        assert_string_equal(vouch_dkim_identity(result, 0), "anne@example.org");
        assert_string_equal(vouch_dkim_algorithm(result, 0), kinds[i].algorithm);
        assert_int_equal(vouch_dkim_key_bits(result, 0), kinds[i].bits);
        assert_int_equal(vouch_dkim_time(result, 0), NOW);
        assert_int_equal(vouch_dkim_expiry(result, 0), NOW + 3600);
        assert_int_equal(vouch_dkim_is_testing(result, 0), 0);
        assert_null(vouch_dkim_domain(result, 1));
        vouch_result_destroy(result);

        struct vouch_message *changed = make_message(field, "From: eve@example.org\r\n\r\nAt five?\r\n");
        assert_int_equal(vouch_check_dkim(context, changed, &result), VOUCH_OK);
        assert_int_equal(vouch_result_answer(result, VOUCH_DKIM), VOUCH_RESULT_FAIL);
        assert_true(strlen(vouch_result_reason(result, VOUCH_DKIM)) > 0);
        vouch_result_destroy(result);
        vouch_message_destroy(changed);
        vouch_context_destroy(context);
        vouch_message_destroy(plain);
        vouch_signer_destroy(signer);
    }
}

static void keys_that_cannot_be_used_are_refused_with_a_sentence(void **state)
{
    (void)state;
    struct vouch_signer *signer = vouch_signer_create();
    struct vouch_message *message = make_message("", text);
    const char *field = "x";
    assert_int_equal(vouch_sign_dkim(signer, message, &field), VOUCH_INVALID);
    assert_null(field);
    assert_string_equal(vouch_signer_error(signer), "there is no private key");
    assert_int_equal(vouch_signer_set_key(signer, "x", 1, "example.org", "s"), VOUCH_INVALID);
    assert_int_equal(vouch_signer_set_key(signer, rsa_pem, strlen(rsa_pem), "not a name", "s"),
                     VOUCH_INVALID);
    assert_int_equal(vouch_signer_set_lifetime(signer, -1), VOUCH_INVALID);
    assert_int_equal(vouch_signer_add_header(signer, "a b"), VOUCH_INVALID);
    vouch_message_destroy(message);
    vouch_signer_destroy(signer);
}

/* Everything at once */

static void all_checks_give_one_result_and_its_field(void **state)
{
    (void)state;
    struct vouch_context *context = make_context(NULL);
    struct vouch_signer *signer = make_signer(rsa_pem, "rsa");
    struct vouch_message *plain = make_message("", text);
    const char *field;
    assert_int_equal(vouch_sign_dkim(signer, plain, &field), VOUCH_OK);
    struct vouch_message *message = make_message(field, text);
    struct vouch_result *result;
    /* From elsewhere: SPF fails, the signature stands. */
    assert_int_equal(vouch_check(context, VOUCH_ALL, message, "198.51.100.9", "x.example",
                                 "anne@example.org", &result),
                     VOUCH_OK);
    assert_int_equal(vouch_result_methods(result), VOUCH_ALL);
    assert_int_equal(vouch_result_answer(result, VOUCH_SPF), VOUCH_RESULT_FAIL);
    assert_int_equal(vouch_result_answer(result, VOUCH_SPF_HELO), VOUCH_RESULT_NONE);
    assert_int_equal(vouch_result_answer(result, VOUCH_DKIM), VOUCH_RESULT_PASS);
    assert_int_equal(vouch_result_answer(result, VOUCH_ARC), VOUCH_RESULT_NONE);
    assert_int_equal(vouch_result_answer(result, VOUCH_DMARC), VOUCH_RESULT_PASS);
    assert_int_equal(vouch_dmarc_dkim_aligned(result), 0);
    assert_int_equal(vouch_dmarc_spf_aligned(result), 0);
    assert_string_equal(vouch_dmarc_author_domain(result), "example.org");
    assert_string_equal(vouch_dmarc_policy_domain(result), "example.org");
    assert_string_equal(vouch_dmarc_record(result), "v=DMARC1; p=reject; sp=quarantine");
    assert_int_equal(vouch_dmarc_policy(result), VOUCH_POLICY_REJECT);
    assert_int_equal(strncmp(vouch_result_field(result), "Authentication-Results: mx.here.example;", 40), 0);
    assert_int_equal(strncmp(vouch_result_field_value(result), "mx.here.example;", 16), 0);
    assert_null(strstr(vouch_result_field_value(result) + strlen(vouch_result_field_value(result)) - 2, "\r\n"));

    /* The field says the same when it is read. */
    struct vouch_auth_results *read = vouch_auth_results_create();
    const struct vouch_auth_results *said = vouch_result_auth_results(result);
    const char *value = vouch_result_field_value(result);
    assert_int_equal(vouch_auth_results_parse(read, value, strlen(value)), VOUCH_OK);
    assert_int_equal(vouch_auth_results_count(read), 5);
    assert_int_equal(vouch_auth_results_count(said), 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(vouch_auth_results_method(read, i), vouch_auth_results_method(said, i));
        assert_string_equal(vouch_auth_results_answer(read, i), vouch_auth_results_answer(said, i));
    }
    /* Not the local part, which nobody checked (rfc8601:2.7.2). */
    assert_string_equal(vouch_auth_results_property(said, 1, "smtp", "mailfrom"), "example.org");
    vouch_auth_results_destroy(read);
    vouch_result_destroy(result);

    /* Nobody stands behind it. */
    assert_int_equal(vouch_check(context, VOUCH_DMARC, plain, "198.51.100.9", "x.example",
                                 "eve@other.example", &result),
                     VOUCH_OK);
    assert_int_equal(vouch_result_methods(result), VOUCH_DMARC | VOUCH_SPF | VOUCH_DKIM);
    assert_int_equal(vouch_result_answer(result, VOUCH_DMARC), VOUCH_RESULT_FAIL);
    assert_int_equal(vouch_dmarc_dkim_aligned(result), -1);
    vouch_result_destroy(result);

    /* However long our name is, the value begins with it. */
    char name[201];
    memset(name, 'a', 200);
    name[200] = '\0';
    assert_int_equal(vouch_context_set_authserv_id(context, name), VOUCH_OK);
    assert_int_equal(vouch_check(context, VOUCH_ARC, message, NULL, NULL, NULL, &result), VOUCH_OK);
    assert_int_equal(strncmp(vouch_result_field_value(result), name, 200), 0);
    vouch_result_destroy(result);

    /* Without a client there is no SPF, and what is not checked is not reported. */
    assert_int_equal(vouch_check(context, VOUCH_ALL, message, NULL, NULL, NULL, &result), VOUCH_OK);
    assert_int_equal(vouch_result_methods(result), VOUCH_DKIM | VOUCH_DMARC | VOUCH_ARC);
    assert_null(strstr(vouch_result_field(result), "spf="));
    vouch_result_destroy(result);
    vouch_message_destroy(message);
    vouch_message_destroy(plain);
    vouch_signer_destroy(signer);
    vouch_context_destroy(context);
}

static void a_message_without_one_author_is_a_permerror_of_dmarc(void **state)
{
    (void)state;
    struct vouch_context *context = make_context(NULL);
    struct vouch_message *message = make_message("From: eve@other.example\r\n", text);
    struct vouch_result *result;
    assert_int_equal(vouch_check(context, VOUCH_DMARC, message, NULL, NULL, NULL, &result), VOUCH_OK);
    assert_int_equal(vouch_result_answer(result, VOUCH_DMARC), VOUCH_RESULT_PERMERROR);
    vouch_result_destroy(result);
    vouch_message_destroy(message);
    vouch_context_destroy(context);
}

static void organizational_domains_follow_the_mode(void **state)
{
    (void)state;
    const enum vouch_dmarc_mode modes[] = {VOUCH_DMARC_TREE_WALK, VOUCH_DMARC_SUFFIX_LIST};
    for (size_t i = 0; i < 2; i++) {
        struct vouch_context *context = make_context(NULL);
        struct vouch_message *message = make_message("", "From: a@deep.example.org\r\n\r\n");
        struct vouch_result *result;
        assert_int_equal(vouch_context_set_dmarc_mode(context, modes[i]), VOUCH_OK);
        assert_int_equal(vouch_check(context, VOUCH_DMARC, message, NULL, NULL, NULL, &result), VOUCH_OK);
        assert_string_equal(vouch_dmarc_organizational_domain(result), "example.org");
        assert_int_equal(vouch_dmarc_policy(result), VOUCH_POLICY_QUARANTINE);
        assert_int_equal(vouch_dmarc_percent(result), 100);
        vouch_result_destroy(result);
        vouch_message_destroy(message);
        vouch_context_destroy(context);
    }
}

/* ARC */

static void chains_are_sealed_set_by_set_and_verify(void **state)
{
    (void)state;
    struct vouch_context *context = make_context(NULL);
    struct vouch_signer *signer = make_signer(rsa_pem, "rsa");
    char whole[32768];
    memcpy(whole, text, sizeof(text));
    for (unsigned sets = 0; sets < 3; sets++) {
        struct vouch_message *message = make_message("", whole);
        struct vouch_result *result;
        const char *fields;
        assert_int_equal(vouch_check(context, VOUCH_ALL, message, "192.0.2.1", "", "anne@example.org",
                                     &result),
                         VOUCH_OK);
        assert_int_equal(vouch_result_answer(result, VOUCH_ARC),
                         sets ? VOUCH_RESULT_PASS : VOUCH_RESULT_NONE);
        assert_int_equal(vouch_arc_count(result), sets);
        for (size_t i = 0; i < sets; i++) {
            assert_string_equal(vouch_arc_domain(result, i), "example.org");
            assert_string_equal(vouch_arc_authserv_id(result, i), "mx.here.example");
            assert_int_equal(vouch_arc_seal(result, i), VOUCH_RESULT_PASS);
            assert_int_equal(vouch_arc_chain_value(result, i), i ? VOUCH_RESULT_PASS : VOUCH_RESULT_NONE);
            assert_int_equal(vouch_arc_time(result, i), NOW);
            const struct vouch_auth_results *said = vouch_arc_auth_results(result, i);
            assert_non_null(said);
            assert_true(vouch_auth_results_count(said) >= 4);
        }
        assert_int_equal(vouch_seal_arc(signer, message, result, &fields), VOUCH_OK);
        char sealed[32768];
        assert_true((size_t)snprintf(sealed, sizeof(sealed), "%s%s", fields, whole) < sizeof(sealed));
        memcpy(whole, sealed, strlen(sealed) + 1);
        vouch_result_destroy(result);
        vouch_message_destroy(message);
    }
    /* A result that does not know the chain cannot seal. */
    struct vouch_message *message = make_message("", whole);
    struct vouch_result *result;
    const char *fields;
    assert_int_equal(vouch_check_dkim(context, message, &result), VOUCH_OK);
    assert_int_equal(vouch_seal_arc(signer, message, result, &fields), VOUCH_INVALID);
    vouch_result_destroy(result);
    vouch_message_destroy(message);
    vouch_signer_destroy(signer);
    vouch_context_destroy(context);
}

/* Messages */

static void pieces_and_line_ends_of_files_make_no_difference(void **state)
{
    (void)state;
    char lines[sizeof(text)];
    size_t count = 0, length, whole_length;
    for (size_t i = 0; text[i]; i++)
        if (text[i] != '\r')
            lines[count++] = text[i];
    struct vouch_message *whole = make_message("", text);
    struct vouch_message *pieces = vouch_message_create();
    for (size_t i = 0; i < count; i++)
        assert_int_equal(vouch_message_add(pieces, lines + i, 1), VOUCH_OK);
    assert_int_equal(vouch_message_finish(pieces), VOUCH_OK);
    struct vouch_message *fields = vouch_message_create();
    assert_int_equal(vouch_message_add_field(fields, "From", "Anne <anne@example.org>"), VOUCH_OK);
    assert_int_equal(vouch_message_add_field(fields, "To", " bert@here.example"), VOUCH_OK);
    assert_int_equal(vouch_message_add_field(fields, "Subject", "tea"), VOUCH_OK);
    assert_int_equal(vouch_message_add_field(fields, "Date", "Tue, 14 Nov 2023 22:13:20 +0000"), VOUCH_OK);
    assert_int_equal(vouch_message_add_field(fields, "Message-ID", "<1@example.org>"), VOUCH_OK);
    assert_int_equal(vouch_message_end_fields(fields), VOUCH_OK);
    assert_int_equal(vouch_message_add(fields, "At five?\r\n", 10), VOUCH_OK);
    assert_int_equal(vouch_message_finish(fields), VOUCH_OK);
    const char *expected = vouch_message_text(whole, &whole_length);
    assert_int_equal(whole_length, strlen(text));
    assert_memory_equal(expected, text, whole_length);
    assert_memory_equal(vouch_message_text(pieces, &length), expected, whole_length);
    assert_int_equal(length, whole_length);
    assert_memory_equal(vouch_message_text(fields, &length), expected, whole_length);
    assert_int_equal(length, whole_length);
    vouch_message_destroy(whole);
    vouch_message_destroy(pieces);
    vouch_message_destroy(fields);
}

static void messages_beyond_their_limits_are_refused(void **state)
{
    (void)state;
    struct vouch_message *message = vouch_message_create();
    vouch_message_set_limit(message, 10);
    assert_int_equal(vouch_message_add(message, text, 10), VOUCH_OK);
    assert_int_equal(vouch_message_add(message, text, 1), VOUCH_INVALID);
    assert_string_equal(vouch_message_error(message), "the message is longer than its limit");
    assert_int_equal(vouch_message_finish(message), VOUCH_INVALID);
    assert_null(vouch_message_text(message, NULL));
    vouch_message_destroy(message);
    message = vouch_message_create();
    for (int i = 0; i < 2000; i++)
        assert_int_equal(vouch_message_add(message, "A: b\r\n", 6), VOUCH_OK);
    assert_int_equal(vouch_message_finish(message), VOUCH_INVALID);
    assert_true(strlen(vouch_message_error(message)) > 0);
    vouch_message_destroy(message);
    message = vouch_message_create();
    assert_int_equal(vouch_message_finish(message), VOUCH_OK);
    assert_int_equal(vouch_message_add(message, "x", 1), VOUCH_INVALID);
    vouch_message_destroy(message);
}

/* Authentication-Results */

static void fields_are_written_so_that_nothing_breaks_out(void **state)
{
    (void)state;
    struct vouch_auth_results *results = vouch_auth_results_create();
    assert_null(vouch_auth_results_write(results));
    assert_int_equal(vouch_auth_results_add(results, "spf", "pass", NULL), VOUCH_INVALID);
    assert_int_equal(vouch_auth_results_begin(results, "mx.here.example"), VOUCH_OK);
    assert_int_equal(vouch_auth_results_add(results, "x-colour", "blue", "a \"reason\"\r\nBcc: x"), VOUCH_OK);
    assert_int_equal(vouch_auth_results_add_property(results, "header", "from", "a; dkim=pass\r\n\r\n"), VOUCH_OK);
    assert_int_equal(vouch_auth_results_add(results, "spf=pass;", "pass", NULL), VOUCH_INVALID);
    assert_int_equal(vouch_auth_results_add_property(results, "he ader", "from", "a"), VOUCH_INVALID);
    const char *field = vouch_auth_results_write(results);
    assert_non_null(field);
    assert_null(strstr(field, "\nBcc"));
    assert_null(strstr(field, "\r\n\r\n"));
    struct vouch_auth_results *read = vouch_auth_results_create();
    field += strlen("Authentication-Results:");
    assert_int_equal(vouch_auth_results_parse(read, field, strlen(field)), VOUCH_OK);
    assert_string_equal(vouch_auth_results_authserv_id(read), "mx.here.example");
    assert_int_equal(vouch_auth_results_version(read), 1);
    assert_int_equal(vouch_auth_results_count(read), 1);
    assert_string_equal(vouch_auth_results_method(read, 0), "x-colour");
    assert_string_equal(vouch_auth_results_answer(read, 0), "blue");
    assert_string_equal(vouch_auth_results_property_value(read, 0, 0), "a; dkim=pass");
    assert_int_equal(vouch_auth_results_add(read, "spf", "pass", NULL), VOUCH_INVALID);
    assert_int_equal(vouch_auth_results_parse(read, "a;\n\tspf=pass", 12), VOUCH_OK);
    assert_string_equal(vouch_auth_results_answer(read, 0), "pass");
    assert_int_equal(vouch_auth_results_parse(read, "a; spf=pass\nb: c", 16), VOUCH_INVALID);
    assert_int_equal(vouch_auth_results_parse(read, ";;", 2), VOUCH_INVALID);
    assert_true(strlen(vouch_auth_results_error(read)) > 0);
    assert_int_equal(vouch_auth_results_count(read), 0);
    vouch_auth_results_destroy(read);
    vouch_auth_results_destroy(results);
}

/* What a library owes the program that it is in */

static void misuse_is_an_answer_and_no_crash(void **state)
{
    (void)state;
    struct vouch_result *result = NULL;
    struct vouch_context *context = make_context(NULL);
    struct vouch_message *open = vouch_message_create();
    assert_int_equal(vouch_check(NULL, VOUCH_ALL, NULL, NULL, NULL, NULL, &result), VOUCH_INVALID);
    assert_int_equal(vouch_check(context, VOUCH_ALL, NULL, "192.0.2.1", "", "", NULL), VOUCH_INVALID);
    assert_int_equal(vouch_check(context, 0, NULL, "192.0.2.1", "", "", &result), VOUCH_INVALID);
    assert_int_equal(vouch_check(context, 64, NULL, "192.0.2.1", "", "", &result), VOUCH_INVALID);
    assert_int_equal(vouch_check_dkim(context, open, &result), VOUCH_INVALID);
    assert_int_equal(vouch_check_spf(context, "192.0.2.256", "", "", &result), VOUCH_INVALID);
    assert_string_equal(vouch_context_error(context), "the client's address is no IP address");
    assert_int_equal(vouch_check_spf(context, NULL, "", "", &result), VOUCH_INVALID);
    assert_null(result);
    assert_int_equal(vouch_context_add_server(context, "ns.example.org"), VOUCH_INVALID);
    assert_int_equal(vouch_context_set_timeout(context, 0), VOUCH_INVALID);
    assert_int_equal(vouch_context_set_authserv_id(context, "a\nb"), VOUCH_INVALID);
    assert_int_equal(vouch_context_set_dmarc_mode(context, (enum vouch_dmarc_mode)9), VOUCH_INVALID);
    assert_null(vouch_result_field(NULL));
    assert_null(vouch_dkim_domain(NULL, 0));
    assert_null(vouch_arc_domain(NULL, 0));
    assert_null(vouch_auth_results_method(NULL, 0));
    assert_null(vouch_dmarc_record(NULL));
    assert_int_equal(vouch_result_answer(NULL, VOUCH_SPF), VOUCH_RESULT_NONE);
    assert_string_equal(vouch_answer_name((enum vouch_answer)99), "none");
    assert_int_equal(vouch_abi_version(), VOUCH_ABI_VERSION);
    vouch_context_destroy(NULL);
    vouch_message_destroy(NULL);
    vouch_result_destroy(NULL);
    vouch_signer_destroy(NULL);
    vouch_auth_results_destroy(NULL);
    vouch_message_destroy(open);
    vouch_context_destroy(context);
}

static size_t count_descriptors(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

/* A port of this host that takes questions and answers none. */
static int open_silent_server(char address[64])
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(own);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&own, &size), 0);
    snprintf(address, 64, "127.0.0.1:%u", ntohs(own.sin_port));
    return fd;
}

static void a_silent_server_costs_the_timeout_and_leaves_nothing_behind(void **state)
{
    (void)state;
    char address[64];
    int server = open_silent_server(address);
    struct vouch_context *context = vouch_context_create();
    struct vouch_result *result;
    struct sigaction pipe_before, pipe_after;
    sigset_t mask_before, mask_after;
    sigaction(SIGPIPE, NULL, &pipe_before);
    pthread_sigmask(SIG_BLOCK, NULL, &mask_before);
    size_t descriptors = count_descriptors();
    assert_int_equal(vouch_context_add_server(context, address), VOUCH_OK);
    assert_int_equal(vouch_context_set_timeout(context, 300), VOUCH_OK);
    assert_int_equal(vouch_check_spf(context, "192.0.2.1", "", "a@example.org", &result), VOUCH_OK);
    assert_int_equal(vouch_result_answer(result, VOUCH_SPF), VOUCH_RESULT_TEMPERROR);
    assert_int_equal(count_descriptors(), descriptors);
    sigaction(SIGPIPE, NULL, &pipe_after);
    pthread_sigmask(SIG_BLOCK, NULL, &mask_after);
    assert_true(pipe_before.sa_handler == pipe_after.sa_handler);
    assert_int_equal(sigismember(&mask_before, SIGPIPE), sigismember(&mask_after, SIGPIPE));
    vouch_result_destroy(result);
    vouch_context_destroy(context);
    close(server);
}

static void *check_often(void *argument)
{
    const struct vouch_message *message = argument;
    struct vouch_context *context = make_context(NULL);
    struct vouch_signer *signer = make_signer(rsa_pem, "rsa");
    void *bad = NULL;
    for (int i = 0; i < 30; i++) {
        struct vouch_result *result;
        const char *field;
        if (vouch_check(context, VOUCH_ALL, message, "192.0.2.1", "mx.example.org",
                        "anne@example.org", &result) != VOUCH_OK ||
            vouch_result_answer(result, VOUCH_DMARC) != VOUCH_RESULT_PASS ||
            vouch_result_answer(result, VOUCH_DKIM) != VOUCH_RESULT_PASS ||
            vouch_sign_dkim(signer, message, &field) != VOUCH_OK)
            bad = (void *)"bad";
        vouch_result_destroy(result);
    }
    vouch_signer_destroy(signer);
    vouch_context_destroy(context);
    return bad;
}

static void threads_do_not_disturb_each_other(void **state)
{
    (void)state;
    struct vouch_signer *signer = make_signer(ed25519_pem, "ed");
    struct vouch_message *plain = make_message("", text);
    const char *field;
    assert_int_equal(vouch_sign_dkim(signer, plain, &field), VOUCH_OK);
    struct vouch_message *message = make_message(field, text);
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, check_often, message), 0);
    for (size_t i = 0; i < 4; i++) {
        void *bad;
        assert_int_equal(pthread_join(threads[i], &bad), 0);
        assert_null(bad);
    }
    vouch_message_destroy(message);
    vouch_message_destroy(plain);
    vouch_signer_destroy(signer);
}

static void a_child_goes_on_with_the_handles_of_its_parent(void **state)
{
    (void)state;
    struct vouch_context *context = make_context(NULL);
    struct vouch_result *result;
    assert_int_equal(vouch_check_spf(context, "192.0.2.1", "", "a@example.org", &result), VOUCH_OK);
    pid_t child = fork();
    if (child == 0) {
        struct vouch_result *again = NULL;
        bool good = vouch_result_answer(result, VOUCH_SPF) == VOUCH_RESULT_PASS &&
                    vouch_check_spf(context, "192.0.2.1", "", "a@other.example", &again) == VOUCH_OK &&
                    vouch_result_answer(again, VOUCH_SPF) == VOUCH_RESULT_FAIL;
        _exit(good ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    vouch_result_destroy(result);
    vouch_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spf_gives_its_result_and_what_led_to_it),
        cmocka_unit_test(what_dns_does_not_tell_is_a_temperror_and_no_failed_call),
        cmocka_unit_test(answers_are_remembered_until_they_are_forgotten),
        cmocka_unit_test(a_resolver_that_misbehaves_fails_its_lookup),
        cmocka_unit_test(what_is_signed_verifies),
        cmocka_unit_test(keys_that_cannot_be_used_are_refused_with_a_sentence),
        cmocka_unit_test(all_checks_give_one_result_and_its_field),
        cmocka_unit_test(a_message_without_one_author_is_a_permerror_of_dmarc),
        cmocka_unit_test(organizational_domains_follow_the_mode),
        cmocka_unit_test(chains_are_sealed_set_by_set_and_verify),
        cmocka_unit_test(pieces_and_line_ends_of_files_make_no_difference),
        cmocka_unit_test(messages_beyond_their_limits_are_refused),
        cmocka_unit_test(fields_are_written_so_that_nothing_breaks_out),
        cmocka_unit_test(misuse_is_an_answer_and_no_crash),
        cmocka_unit_test(a_silent_server_costs_the_timeout_and_leaves_nothing_behind),
        cmocka_unit_test(threads_do_not_disturb_each_other),
        cmocka_unit_test(a_child_goes_on_with_the_handles_of_its_parent),
    };
    return cmocka_run_group_tests(tests, make_keys, NULL);
}
