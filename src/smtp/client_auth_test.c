/* SPDX-License-Identifier: BSD-2-Clause */
/* AUTH: the exchanges of the RFCs, and servers that do not keep to them. */
#include "smtp/client_fixture.h"
#include "smtp/client_private.h"

#include "base/encode.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define AUTH_GREETING(mechanisms)                                                                  \
    "S: 220 x\nC: EHLO mx.example\nS: 250-x\nS: 250 AUTH " mechanisms "\n"

static const struct client_credentials tim = {.user = BYTES_INIT("tim"),
                                              .password = BYTES_INIT("tanstaaftanstaaf")};

static enum result authenticate(const struct client_credentials *credentials)
{
    return client_authenticate(s.client, credentials, s.arena, &s.reply, &s.error);
}

static void open_encrypted(const char *script)
{
    s.options.encrypted = true;
    open_with(script);
}

fiber_test(plain_is_said_in_one_line_rfc4616_2)
{
    open_encrypted(AUTH_GREETING("PLAIN LOGIN") "C: AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm\n"
                                                "S: 235 2.7.0 welcome\n" ENVELOPE "C: QUIT");
    assert_int_equal(authenticate(&tim), OK);
    assert_int_equal(s.reply.code, 235);
    assert_int_equal(mail("a@b.example"), OK);
    assert_int_equal(recipient("c@d.example"), OK);
    finish();
}

fiber_test(login_asks_twice)
{
    struct client_credentials login = tim;
    login.mechanisms = CLIENT_LOGIN;
    open_encrypted(AUTH_GREETING("PLAIN LOGIN")
                   "C: AUTH LOGIN\nS: 334 VXNlciBOYW1lAA==\nC: dGlt\nS: 334 Password:\n"
                   "C: dGFuc3RhYWZ0YW5zdGFhZg==\nS: 535 5.7.8 no\nC: QUIT");
    assert_int_equal(authenticate(&login), PERM);
    assert_int_equal(s.reply.code, 535);
    assert_false(s.reply.local);
    assert_true(client_is_usable(s.client));
    finish();
}

fiber_test(cram_md5_answers_as_in_rfc2195_2)
{
    open_with(AUTH_GREETING("PLAIN LOGIN CRAM-MD5")
              "C: AUTH CRAM-MD5\n"
              "S: 334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+\n"
              "C: dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw\nS: 235 ok\nC: QUIT");
    assert_int_equal(authenticate(&tim), OK);
    finish();
    open_with(AUTH_GREETING("CRAM-MD5") "C: AUTH CRAM-MD5\nS: 334 ???");
    assert_int_equal(authenticate(&tim), TEMP);
    assert_int_equal(s.reply.code, 0);
    finish();
}

fiber_test(external_names_nobody_or_somebody_rfc4954_4)
{
    struct client_credentials nobody = {.mechanisms = CLIENT_EXTERNAL};
    open_encrypted(AUTH_GREETING("EXTERNAL") "C: AUTH EXTERNAL =\nS: 235 ok\n"
                                             "C: AUTH EXTERNAL dGlt\nS: 235 ok\nC: QUIT");
    assert_int_equal(authenticate(&tim), PERM); /* not without being asked to */
    assert_int_equal(authenticate(&nobody), OK);
    nobody.user = BYTES("tim");
    assert_int_equal(authenticate(&nobody), OK);
    finish();
}

fiber_test(passwords_do_not_go_over_a_connection_in_the_clear_rfc4954_14)
{
    open_with(AUTH_GREETING("PLAIN LOGIN") "Q: 1\nC: QUIT");
    assert_int_equal(authenticate(&tim), PERM);
    assert_true(s.reply.local);
    assert_non_null(strstr(s.error.text, "without TLS"));
    assert_true(client_is_usable(s.client));
    fiber_sleep(2 * SECOND);
    finish();
}

fiber_test(what_cannot_be_sent_or_is_not_offered_is_refused_here)
{
    static char long_text[1100];
    struct client_credentials bad = tim;
    open_encrypted(AUTH_GREETING("GSSAPI") "Q: 1\nC: QUIT");
    assert_int_equal(authenticate(&tim), PERM);
    assert_true(s.reply.local);
    bad.password = BYTES("a\0b");
    assert_int_equal(authenticate(&bad), PERM);
    memset(long_text, 'x', sizeof(long_text));
    bad.password = bytes_from(long_text, 1025);
    assert_int_equal(authenticate(&bad), PERM);
    assert_true(s.reply.local);
    fiber_sleep(2 * SECOND);
    finish();
}

fiber_test(a_server_out_of_step_ends_the_connection)
{
    static const char *const scripts[] = {
        AUTH_GREETING("PLAIN") "C: AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm\nS: 334 ",
        AUTH_GREETING("PLAIN") "C: AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm\nS: 250 ok",
        AUTH_GREETING("PLAIN") "C: AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm\nS: 354 ok",
        AUTH_GREETING("PLAIN") "C: AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm",
        AUTH_GREETING("LOGIN") "C: AUTH LOGIN\nS: 235 ok",
        AUTH_GREETING("LOGIN") "C: AUTH LOGIN\nS: 334 \nC: dGlt\nS: 235 ok",
    };
    for (size_t i = 0; i < countof(scripts); i++) {
        open_encrypted(scripts[i]);
        assert_int_equal(authenticate(&tim), TEMP);
        assert_int_equal(s.reply.code, 0);
        assert_false(client_is_usable(s.client));
        finish();
    }
    open_encrypted(AUTH_GREETING("PLAIN") "C: AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm\n"
                                          "S: 454 4.7.0 not now\nC: QUIT");
    assert_int_equal(authenticate(&tim), TEMP);
    assert_int_equal(s.reply.code, 454);
    finish();
}

/* ---- SCRAM ---- */

static void begin_example(struct client_scram *scram)
{
    assert_true(client_scram_start(scram, BYTES("user"), BYTES("pencil")));
    snprintf(scram->nonce, sizeof(scram->nonce), "rOprNGfwEbeRWgbNEkqO");
    buf_clear(&scram->first_bare);
    buf_add_string(&scram->first_bare, "n=user,r=rOprNGfwEbeRWgbNEkqO");
}

fiber_test(scram_sha_256_computes_as_in_rfc7677_3)
{
    struct client_scram scram;
    struct arena *arena = arena_create(65536);
    const char *why;
    struct buf out;
    buf_init(&out, 1000);
    begin_example(&scram);
    client_scram_first(&scram, &out);
    assert_true(bytes_is(buf_bytes(&out), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
    buf_clear(&out);
    assert_true(client_scram_final(&scram, arena,
                                   BYTES("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                                         "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"),
                                   &out, &why));
    assert_true(bytes_is(buf_bytes(&out), "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                                          "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="));
    assert_true(client_scram_verify(&scram, arena,
                                    BYTES("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")));
    assert_false(client_scram_verify(&scram, arena,
                                     BYTES("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")));
    assert_false(client_scram_verify(&scram, arena, BYTES("v=6rri")));
    assert_false(client_scram_verify(&scram, arena, BYTES("e=other-error")));
    assert_false(client_scram_verify(&scram, arena, BYTES("")));
    client_scram_end(&scram);
    buf_free(&out);
    arena_destroy(arena);
}

fiber_test(a_scram_server_may_not_ask_for_anything_rfc5802_5_1)
{
    static const char *const bad[] = {
        "",
        "r=rOprNGfwEbeRWgbNEkqO,s=QSXCR+Q6sek8bf92,i=4096",  /* nothing of its own */
        "r=xOprNGfwEbeRWgbNEkqOabc,s=QSXCR+Q6sek8bf92,i=4096",
        "r=rOprNGfwEbeRWgbNEkqOabc,s=,i=4096",
        "r=rOprNGfwEbeRWgbNEkqOabc,s=???,i=4096",
        "r=rOprNGfwEbeRWgbNEkqOabc,s=QSXCR+Q6sek8bf92,i=0",
        "r=rOprNGfwEbeRWgbNEkqOabc,s=QSXCR+Q6sek8bf92,i=-1",
        "r=rOprNGfwEbeRWgbNEkqOabc,s=QSXCR+Q6sek8bf92,i=600001",
        "r=rOprNGfwEbeRWgbNEkqOabc,s=QSXCR+Q6sek8bf92",
        "m=x,r=rOprNGfwEbeRWgbNEkqOabc,s=QSXCR+Q6sek8bf92,i=4096",
        "s=QSXCR+Q6sek8bf92,r=rOprNGfwEbeRWgbNEkqOabc,i=4096",
    };
    struct arena *arena = arena_create(65536);
    for (size_t i = 0; i < countof(bad); i++) {
        struct client_scram scram;
        const char *why = NULL;
        struct buf out;
        buf_init(&out, 1000);
        begin_example(&scram);
        if (client_scram_final(&scram, arena, bytes_of(bad[i]), &out, &why))
            fail_msg("\"%s\" was taken", bad[i]);
        assert_non_null(why);
        client_scram_end(&scram);
        buf_free(&out);
    }
    arena_destroy(arena);
}

fiber_test(scram_names_are_escaped_and_nonces_differ_rfc5802_5_1)
{
    struct client_scram one, two;
    assert_true(client_scram_start(&one, BYTES("a,b=c"), BYTES("x")));
    assert_true(client_scram_start(&two, BYTES("a,b=c"), BYTES("x")));
    assert_true(bytes_starts_with(buf_bytes(&one.first_bare), BYTES("n=a=2Cb=3Dc,r=")));
    assert_int_equal(strlen(one.nonce), CLIENT_NONCE);
    assert_string_not_equal(one.nonce, two.nonce);
    client_scram_end(&one);
    client_scram_end(&two);
}

/* ---- SCRAM with a server ---- */

enum scram_server { HONEST, WITHOUT_PROOF, WRONG_PROOF };
static enum scram_server scram_server;

static struct bytes read_encoded(const char *before)
{
    struct bytes line, text;
    assert_int_equal(stream_read_line(s.server, 4096, &line, loop_deadline(HOUR)), 0);
    assert_true(bytes_starts_with(line, bytes_of(before)));
    line = bytes_trim_end(bytes_skip(line, strlen(before)));
    assert_true(base64_decode(s.arena, line, &text));
    return text;
}

static void say_encoded(struct bytes text)
{
    struct buf line;
    buf_init(&line, 4096);
    buf_add_string(&line, "334 ");
    base64_encode(&line, text);
    assert_true(send_line(buf_bytes(&line)));
    assert_int_equal(stream_flush(s.server, loop_deadline(HOUR)), 0);
    buf_free(&line);
}

static void hmac_sha256(const uint8_t key[32], const char *text, size_t length, uint8_t out[32])
{
    assert_non_null(HMAC(EVP_sha256(), key, 32, (const uint8_t *)text, length, out, NULL));
}

/* rfc5802:3, from the server's side: checks the client's proof and makes its own. */
static struct bytes server_proof(struct bytes first, struct bytes challenge, struct bytes final)
{
    uint8_t salted[32], server_key[32], signature[32], client_key[32], stored_key[32], proof[32];
    size_t comma = bytes_rfind_byte(final, ',');
    struct bytes given, message;
    assert_int_equal(PKCS5_PBKDF2_HMAC("tanstaaftanstaaf", 16, (const uint8_t *)"salt", 4, 5000,
                                       EVP_sha256(), 32, salted),
                     1);
    message = arena_printf(s.arena, BYTES_FMT "," BYTES_FMT "," BYTES_FMT,
                           BYTES_ARG(bytes_skip(first, 3)), BYTES_ARG(challenge),
                           BYTES_ARG(bytes_first(final, comma)));
    const char *text = (const char *)message.ptr;
    hmac_sha256(salted, "Client Key", 10, client_key);
    assert_int_equal(EVP_Digest(client_key, 32, stored_key, NULL, EVP_sha256(), NULL), 1);
    hmac_sha256(stored_key, text, message.len, proof);
    for (size_t i = 0; i < 32; i++)
        proof[i] ^= client_key[i];
    assert_true(base64_decode(s.arena, bytes_skip(final, comma + 3), &given));
    assert_true(bytes_equal(given, bytes_from(proof, 32)));
    hmac_sha256(salted, "Server Key", 10, server_key);
    hmac_sha256(server_key, text, message.len, signature);
    signature[0] ^= scram_server == WRONG_PROOF;
    struct buf out;
    buf_init(&out, 100);
    buf_add_string(&out, "v=");
    base64_encode(&out, bytes_from(signature, 32));
    struct bytes copy = arena_copy(s.arena, buf_bytes(&out));
    buf_free(&out);
    return copy;
}

static void run_scram_server(void *argument)
{
    struct bytes line;
    assert_true(send_line(BYTES("220 x")));
    expect_line(BYTES("EHLO mx.example"));
    assert_true(send_line(BYTES("250-x\r\n250 AUTH PLAIN SCRAM-SHA-256")));
    assert_int_equal(stream_flush(s.server, loop_deadline(HOUR)), 0);
    struct bytes first = read_encoded("AUTH SCRAM-SHA-256 ");
    size_t nonce = bytes_find(first, BYTES(",r="));
    struct bytes challenge = arena_printf(s.arena, BYTES_FMT "more,s=c2FsdA==,i=5000",
                                          BYTES_ARG(bytes_skip(first, nonce + 1)));
    say_encoded(challenge);
    struct bytes proof = server_proof(first, challenge, read_encoded(""));
    if (scram_server != WITHOUT_PROOF) {
        say_encoded(proof);
        if (!stream_read_line(s.server, 4096, &line, loop_deadline(HOUR)))
            assert_true(bytes_is(line, "\r\n"));
    }
    send_line(BYTES("235 2.7.0 ok"));
    (void)!stream_flush(s.server, loop_deadline(HOUR));
    stream_close(s.server);
}

fiber_test(a_scram_server_must_prove_that_it_knows_the_password_rfc5802_5)
{
    static const enum result results[] = {
        [HONEST] = OK, [WITHOUT_PROOF] = PERM, [WRONG_PROOF] = PERM};
    for (size_t i = 0; i < countof(results); i++) {
        scram_server = (enum scram_server)i;
        start_with(run_scram_server);
        assert_int_equal(open_client(), OK);
        assert_int_equal(authenticate(&tim), results[i]);
        assert_int_equal(s.reply.code, i == HONEST ? 235 : 535);
        assert_int_equal(s.reply.local, i != HONEST);
        if (i != HONEST)
            assert_false(client_is_usable(s.client));
        finish();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_is_said_in_one_line_rfc4616_2),
        cmocka_unit_test(login_asks_twice),
        cmocka_unit_test(cram_md5_answers_as_in_rfc2195_2),
        cmocka_unit_test(external_names_nobody_or_somebody_rfc4954_4),
        cmocka_unit_test(passwords_do_not_go_over_a_connection_in_the_clear_rfc4954_14),
        cmocka_unit_test(what_cannot_be_sent_or_is_not_offered_is_refused_here),
        cmocka_unit_test(a_server_out_of_step_ends_the_connection),
        cmocka_unit_test(scram_sha_256_computes_as_in_rfc7677_3),
        cmocka_unit_test(a_scram_server_may_not_ask_for_anything_rfc5802_5_1),
        cmocka_unit_test(scram_names_are_escaped_and_nonces_differ_rfc5802_5_1),
        cmocka_unit_test(a_scram_server_must_prove_that_it_knows_the_password_rfc5802_5),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
