/* SPDX-License-Identifier: BSD-2-Clause */
/* SASL against another implementation's client (GNU SASL), and against clients that are none. */
#include "auth/sasl.h"

#include "base/encode.h"

#include <gsasl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PASSWORD "correct horse battery"

static struct arena *arena;
static struct accounts *accounts;
static Gsasl *library;

/* What the client is told. */
static struct {
    const char *name, *password, *authorization, *exporter;
} client;

static int answer(Gsasl *context, Gsasl_session *session, Gsasl_property property)
{
    const char *value = NULL;
    if (property == GSASL_AUTHID)
        value = client.name;
    else if (property == GSASL_PASSWORD)
        value = client.password;
    else if (property == GSASL_AUTHZID)
        value = client.authorization;
    else if (property == GSASL_CB_TLS_EXPORTER)
        value = client.exporter;
    if (!value)
        return GSASL_NO_CALLBACK;
    return gsasl_property_set(session, property, value);
}

static int set_up(void **state)
{
    static const struct bytes send_as[] = {BYTES_INIT("sales@example.org")};
    struct account account = {.name = BYTES("anna@example.org"), .send_as = send_as, .send_as_count = 1};
    struct account others[] = {{.name = BYTES("held@example.org"), .disabled = true},
                               {.name = BYTES("bare"), .cram_secret = BYTES("s")},
                               {.name = BYTES("o,m=g@example.org")}};
    struct buf text, errors;
    arena = arena_create(4 << 20);
    buf_init(&text, 1 << 16);
    buf_init(&errors, 4096);
    assert_int_equal(account_set_password(arena, &account, BYTES(PASSWORD), true, NULL), OK);
    account_write(&text, &account);
    buf_add_byte(&text, '\n');
    assert_int_equal(account_set_password(arena, &others[0], BYTES(PASSWORD), true, NULL), OK);
    for (size_t i = 0; i < 2; i++) {
        account_write(&text, &others[i]);
        buf_add_byte(&text, '\n');
    }
    if (accounts_parse(buf_bytes(&text), "test", &accounts, &errors) != OK)
        fail_msg(BYTES_FMT, BYTES_ARG(buf_bytes(&errors)));
    buf_free(&text);
    buf_free(&errors);
    assert_int_equal(gsasl_init(&library), GSASL_OK);
    gsasl_callback_set(library, answer);
    return 0;
}

static int tear_down(void **state)
{
    gsasl_done(library);
    accounts_free(accounts);
    arena_destroy(arena);
    return 0;
}

static struct sasl_setup setup_for(const char *mechanism)
{
    return (struct sasl_setup){.accounts = accounts, .mechanism = bytes_of(mechanism),
                               .hostname = BYTES("mx.example.org")};
}

static void be(const char *name, const char *password)
{
    client.name = name;
    client.password = password;
    client.authorization = NULL;
    client.exporter = NULL;
}

/* Their client talks to our server to the end. */
static enum sasl_status converse(struct sasl *sasl, const char *mechanism)
{
    Gsasl_session *session;
    struct buf out;
    enum sasl_status status = SASL_CHALLENGE;
    bool server_begins = strcmp(mechanism, "CRAM-MD5") == 0 || strcmp(mechanism, "LOGIN") == 0;
    buf_init(&out, SASL_MESSAGE_MAX);
    assert_int_equal(gsasl_client_start(library, mechanism, &session), GSASL_OK);
    if (server_begins)
        status = sasl_step(sasl, false, BYTES(""), &out);
    while (status == SASL_CHALLENGE) {
        char *text = NULL;
        size_t length = 0;
        int result = gsasl_step(session, (const char *)out.ptr, out.len, &text, &length);
        if (result != GSASL_OK && result != GSASL_NEEDS_MORE)
            fail_msg("their client: %s", gsasl_strerror(result));
        buf_clear(&out);
        status = sasl_step(sasl, true, bytes_from(length ? text : "", length), &out);
        gsasl_free(text);
    }
    gsasl_finish(session);
    buf_free(&out);
    return status;
}

static enum sasl_status try(const char *mechanism, const char *name, const char *password)
{
    struct sasl_setup setup = setup_for(mechanism);
    struct sasl *sasl = sasl_start(&setup);
    assert_non_null(sasl);
    be(name, password);
    enum sasl_status status = converse(sasl, mechanism);
    assert_true((status == SASL_DONE) == (sasl_account(sasl) != NULL));
    if (status == SASL_DONE)
        assert_true(bytes_is(sasl_account(sasl)->name, "anna@example.org"));
    else
        assert_true(sasl_reason(sasl)[0]);
    assert_true(bytes_is(sasl_claimed(sasl), name));
    sasl_free(sasl);
    return status;
}

static const char *const with_passwords[] = {"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"};

static void their_client_gets_in_by_every_mechanism(void **state)
{
    for (size_t i = 0; i < countof(with_passwords); i++) {
        assert_int_equal(try(with_passwords[i], "anna@example.org", PASSWORD), SASL_DONE);
        assert_int_equal(try(with_passwords[i], "Anna@Example.ORG", PASSWORD), SASL_DONE);
    }
}

static void wrong_passwords_and_unknown_names_are_refused_alike(void **state)
{
    for (size_t i = 0; i < countof(with_passwords); i++) {
        assert_int_equal(try(with_passwords[i], "anna@example.org", PASSWORD "x"), SASL_REFUSED);
        assert_int_equal(try(with_passwords[i], "nobody@example.org", PASSWORD), SASL_REFUSED);
        assert_int_equal(try(with_passwords[i], "held@example.org", PASSWORD), SASL_REFUSED);
        assert_int_equal(try(with_passwords[i], "bare", PASSWORD), SASL_REFUSED);
    }
}

/* ---- one step at a time ---- */

static struct sasl *start(const struct sasl_setup *setup)
{
    struct sasl *sasl = sasl_start(setup);
    assert_non_null(sasl);
    return sasl;
}

static enum sasl_status say(struct sasl *sasl, struct bytes message, struct bytes *challenge)
{
    struct buf out;
    buf_init(&out, SASL_MESSAGE_MAX);
    enum sasl_status status = sasl_step(sasl, message.ptr != NULL, message, &out);
    if (challenge)
        *challenge = arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    return status;
}

static enum sasl_status say_once(const char *mechanism, struct bytes message)
{
    struct sasl_setup setup = setup_for(mechanism);
    struct sasl *sasl = start(&setup);
    enum sasl_status status = say(sasl, message, NULL);
    /* Over is over: nothing is left to a later try (CVE-2011-1720). */
    if (status != SASL_CHALLENGE) {
        assert_int_equal(say(sasl, BYTES("\0anna@example.org\0" PASSWORD), NULL), SASL_REFUSED);
        if (status != SASL_DONE)
            assert_null(sasl_account(sasl));
    }
    sasl_free(sasl);
    return status;
}

#define PLAIN(text) say_once("PLAIN", BYTES(text))

static void plain_wants_three_parts_rfc4616_2(void **state)
{
    assert_int_equal(PLAIN("\0anna@example.org\0" PASSWORD), SASL_DONE);
    assert_int_equal(PLAIN("anna@example.org\0anna@example.org\0" PASSWORD), SASL_DONE);
    /* Not for another: neither one that is there nor one that is not. */
    assert_int_equal(PLAIN("held@example.org\0anna@example.org\0" PASSWORD), SASL_REFUSED);
    assert_int_equal(PLAIN("x\0anna@example.org\0" PASSWORD), SASL_REFUSED);
    assert_int_equal(PLAIN(""), SASL_MALFORMED);
    assert_int_equal(PLAIN("anna@example.org"), SASL_MALFORMED);
    assert_int_equal(PLAIN("\0anna@example.org"), SASL_MALFORMED);
    assert_int_equal(PLAIN("\0anna@example.org\0"), SASL_MALFORMED);
    assert_int_equal(PLAIN("\0\0" PASSWORD), SASL_MALFORMED);
    assert_int_equal(PLAIN("\0anna@example.org\0" PASSWORD "\0"), SASL_MALFORMED);
    assert_int_equal(PLAIN("\0anna@example.org\0\xff\xfe"), SASL_MALFORMED);
    assert_int_equal(say_once("PLAIN", (struct bytes){NULL, 0}), SASL_CHALLENGE);
}

static void names_are_prepared_before_they_are_compared_rfc4013(void **state)
{
    /* A soft hyphen is nothing; a letter in full width is the letter. */
    assert_int_equal(PLAIN("\0an\xc2\xadna@example.org\0" PASSWORD), SASL_DONE);
    assert_int_equal(PLAIN("\0\xef\xbd\x81nna@example.org\0" PASSWORD), SASL_DONE);
    assert_int_equal(PLAIN("\0anna@example.org\x07\0" PASSWORD), SASL_REFUSED);
}

static void login_takes_the_name_with_the_command_or_after_it(void **state)
{
    struct sasl_setup setup = setup_for("LOGIN");
    struct sasl *sasl = start(&setup);
    struct bytes challenge;
    assert_int_equal(say(sasl, BYTES("anna@example.org"), &challenge), SASL_CHALLENGE);
    assert_true(bytes_is(challenge, "Password:"));
    assert_int_equal(say(sasl, BYTES(PASSWORD), NULL), SASL_DONE);
    sasl_free(sasl);
    assert_int_equal(say_once("LOGIN", BYTES("")), SASL_MALFORMED);
}

static void cram_md5_begins_with_the_server_and_never_twice_alike_rfc2195(void **state)
{
    struct sasl_setup setup = setup_for("CRAM-MD5");
    struct bytes first, second;
    struct sasl *sasl = start(&setup);
    assert_int_equal(say(sasl, (struct bytes){NULL, 0}, &first), SASL_CHALLENGE);
    assert_true(first.ptr[0] == '<' && bytes_ends_with(first, BYTES("@mx.example.org>")));
    assert_int_equal(say(sasl, BYTES("anna@example.org 00000000000000000000000000000000"), NULL),
                     SASL_REFUSED);
    sasl_free(sasl);
    sasl = start(&setup);
    assert_int_equal(say(sasl, (struct bytes){NULL, 0}, &second), SASL_CHALLENGE);
    assert_false(bytes_equal(first, second));
    assert_int_equal(say(sasl, BYTES("anna@example.org 0000"), NULL), SASL_MALFORMED);
    sasl_free(sasl);
    assert_int_equal(say_once("CRAM-MD5", BYTES("anna@example.org")), SASL_MALFORMED);
}

/* ---- SCRAM ---- */

static const uint8_t exporter[32] = {1, 2, 3}, foreign[32] = {3, 2, 1};

static void scram_plus_wants_the_binding_of_this_channel_rfc9266(void **state)
{
    struct buf text;
    struct sasl_setup setup = setup_for("SCRAM-SHA-256-PLUS");
    buf_init(&text, 100);
    base64_encode(&text, bytes_from(exporter, sizeof(exporter)));
    buf_add_byte(&text, 0);
    be("anna@example.org", PASSWORD);
    client.exporter = (const char *)text.ptr;
    setup.exporter = bytes_from(exporter, sizeof(exporter));
    struct sasl *sasl = start(&setup);
    assert_int_equal(converse(sasl, "SCRAM-SHA-256-PLUS"), SASL_DONE);
    sasl_free(sasl);
    /* Somebody in the middle has another channel to us. */
    setup.exporter = bytes_from(foreign, sizeof(foreign));
    sasl = start(&setup);
    assert_int_equal(converse(sasl, "SCRAM-SHA-256-PLUS"), SASL_REFUSED);
    sasl_free(sasl);
    setup.exporter = BYTES("");
    sasl = start(&setup);
    assert_int_equal(converse(sasl, "SCRAM-SHA-256-PLUS"), SASL_REFUSED);
    sasl_free(sasl);
    buf_free(&text);
}

static void scram_sees_that_plus_was_hidden_from_the_client_rfc5802_6(void **state)
{
    struct sasl_setup setup = setup_for("SCRAM-SHA-256");
    struct sasl *sasl = start(&setup);
    assert_int_equal(say(sasl, BYTES("y,,n=anna@example.org,r=abc"), NULL), SASL_CHALLENGE);
    sasl_free(sasl);
    setup.offers_plus = true;
    sasl = start(&setup);
    assert_int_equal(say(sasl, BYTES("y,,n=anna@example.org,r=abc"), NULL), SASL_REFUSED);
    sasl_free(sasl);
    sasl = start(&setup);
    assert_int_equal(say(sasl, BYTES("n,,n=anna@example.org,r=abc"), NULL), SASL_CHALLENGE);
    sasl_free(sasl);
}

static void hmac(const uint8_t key[32], struct bytes text, uint8_t out[32])
{
    unsigned length;
    assert_non_null(HMAC(EVP_sha256(), key, 32, text.ptr, text.len, out, &length));
}

static struct bytes base64(struct bytes octets)
{
    struct buf text;
    buf_init(&text, 4096);
    base64_encode(&text, octets);
    struct bytes copy = arena_copy(arena, buf_bytes(&text));
    buf_free(&text);
    return copy;
}

/* A client of our own, for a binding that the other has not. */
static struct bytes final_message(struct bytes header, struct bytes data, struct bytes bare,
                                  struct bytes challenge)
{
    uint8_t salted[32], key[32], stored[32], proof[32];
    struct bytes salt, rest = challenge, nonce, encoded, count;
    uint64_t iterations;
    assert_true(bytes_split(&rest, ',', &nonce) && bytes_split(&rest, ',', &encoded) &&
                bytes_split(&rest, ',', &count));
    assert_true(base64_decode(arena, bytes_skip(encoded, 2), &salt) &&
                bytes_to_uint(bytes_skip(count, 2), 1000000, &iterations));
    PKCS5_PBKDF2_HMAC(PASSWORD, sizeof(PASSWORD) - 1, salt.ptr, (int)salt.len, (int)iterations,
                      EVP_sha256(), 32, salted);
    hmac(salted, BYTES("Client Key"), key);
    EVP_Digest(key, 32, stored, NULL, EVP_sha256(), NULL);
    struct bytes bound =
        base64(arena_printf(arena, BYTES_FMT BYTES_FMT, BYTES_ARG(header), BYTES_ARG(data)));
    struct bytes without = arena_printf(arena, "c=" BYTES_FMT "," BYTES_FMT, BYTES_ARG(bound),
                                        BYTES_ARG(nonce));
    hmac(stored, arena_printf(arena, BYTES_FMT "," BYTES_FMT "," BYTES_FMT, BYTES_ARG(bare),
                              BYTES_ARG(challenge), BYTES_ARG(without)), proof);
    for (size_t i = 0; i < 32; i++)
        proof[i] ^= key[i];
    struct bytes encoded_proof = base64(bytes_from(proof, 32));
    return arena_printf(arena, BYTES_FMT ",p=" BYTES_FMT, BYTES_ARG(without), BYTES_ARG(encoded_proof));
}

static void scram_plus_takes_the_servers_certificate_for_a_binding_rfc5929_4(void **state)
{
    static const struct bytes header = BYTES_INIT("p=tls-server-end-point,,");
    static const struct bytes bare = BYTES_INIT("n=anna@example.org,r=abc");
    struct sasl_setup setup = setup_for("SCRAM-SHA-256-PLUS");
    setup.end_point = BYTES("hash of our certificate");
    for (int i = 0; i < 2; i++) {
        struct bytes challenge;
        struct bytes data = i ? BYTES("hash of another's certificate") : setup.end_point;
        struct sasl *sasl = start(&setup);
        assert_int_equal(say(sasl, BYTES("p=tls-server-end-point,,n=anna@example.org,r=abc"), &challenge),
                         SASL_CHALLENGE);
        struct bytes message = final_message(header, data, bare, challenge);
        assert_int_equal(say(sasl, message, &challenge), i ? SASL_REFUSED : SASL_CHALLENGE);
        if (!i) {
            assert_true(bytes_starts_with(challenge, BYTES("v=")) && !sasl_account(sasl));
            assert_int_equal(say(sasl, BYTES(""), NULL), SASL_DONE);
        }
        sasl_free(sasl);
    }
}

static enum sasl_status first(const char *mechanism, const char *text)
{
    struct sasl_setup setup = setup_for(mechanism);
    setup.exporter = bytes_from(exporter, sizeof(exporter));
    struct sasl *sasl = start(&setup);
    enum sasl_status status = say(sasl, bytes_of(text), NULL);
    sasl_free(sasl);
    return status;
}

static void a_first_message_of_scram_has_this_form_rfc5802_7(void **state)
{
    static const struct {
        const char *text;
        enum sasl_status plain, plus;
    } cases[] = {
        {"n,,n=anna,r=abc", SASL_CHALLENGE, SASL_REFUSED},
        {"p=tls-exporter,,n=anna,r=abc", SASL_REFUSED, SASL_CHALLENGE},
        {"p=tls-server-end-point,,n=anna,r=abc", SASL_REFUSED, SASL_REFUSED},
        {"p=tls-unique,,n=anna,r=abc", SASL_REFUSED, SASL_REFUSED},
        {"p=,,n=anna,r=abc", SASL_REFUSED, SASL_REFUSED},
        {"y,,n=anna,r=abc", SASL_CHALLENGE, SASL_REFUSED},
        {"n,a=anna,n=anna,r=abc", SASL_CHALLENGE, SASL_REFUSED},
        {"n,a=other,n=anna,r=abc", SASL_REFUSED, SASL_REFUSED},
        {"n,,n=an=2Cna,r=abc,x=y", SASL_CHALLENGE, SASL_REFUSED},
        {"n,,n=an=2cna,r=abc", SASL_MALFORMED, SASL_MALFORMED},
        {"n,,n=an=,r=abc", SASL_MALFORMED, SASL_MALFORMED},
        {"n,,m=1,n=anna,r=abc", SASL_MALFORMED, SASL_MALFORMED},
        {"n,a=,n=anna,r=abc", SASL_MALFORMED, SASL_MALFORMED},
        {"n,x,n=anna,r=abc", SASL_MALFORMED, SASL_MALFORMED},
        {"n,,n=,r=abc", SASL_MALFORMED, SASL_MALFORMED},
        {"n,,n=anna,r=", SASL_MALFORMED, SASL_MALFORMED},
        {"n,,n=anna,r=a bc", SASL_MALFORMED, SASL_MALFORMED},
        {"n,,n=anna", SASL_MALFORMED, SASL_MALFORMED},
        {"n,,r=abc,n=anna", SASL_MALFORMED, SASL_MALFORMED},
        {"n,", SASL_MALFORMED, SASL_MALFORMED},
        {",", SASL_MALFORMED, SASL_MALFORMED},
        {"", SASL_MALFORMED, SASL_MALFORMED},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        if (first("SCRAM-SHA-256", cases[i].text) != cases[i].plain ||
            first("SCRAM-SHA-256-PLUS", cases[i].text) != cases[i].plus)
            fail_msg("%s: %d, %d", cases[i].text, first("SCRAM-SHA-256", cases[i].text),
                     first("SCRAM-SHA-256-PLUS", cases[i].text));
    }
}

static struct bytes server_first(const char *name)
{
    struct sasl_setup setup = setup_for("SCRAM-SHA-256");
    struct bytes challenge;
    struct sasl *sasl = start(&setup);
    struct bytes message = arena_printf(arena, "n,,n=%s,r=abc", name);
    assert_int_equal(say(sasl, message, &challenge), SASL_CHALLENGE);
    sasl_free(sasl);
    assert_true(bytes_starts_with(challenge, BYTES("r=abc")));
    return bytes_skip(challenge, bytes_find(challenge, BYTES(",s=")));
}

static void an_unknown_name_has_a_salt_that_stays_the_same(void **state)
{
    struct bytes known = server_first("anna@example.org"), unknown = server_first("nobody@example.org");
    assert_true(bytes_equal(known, server_first("anna@example.org")));
    assert_true(bytes_equal(unknown, server_first("nobody@example.org")));
    assert_false(bytes_equal(unknown, server_first("nobody2@example.org")));
    /* Nothing in its form tells them apart. */
    assert_int_equal(known.len, unknown.len);
    assert_true(bytes_equal(bytes_skip(known, bytes_find(known, BYTES(",i="))),
                            bytes_skip(unknown, bytes_find(unknown, BYTES(",i=")))));
}

static void a_final_message_of_scram_answers_this_challenge(void **state)
{
    static const char proof[] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    static const struct {
        const char *text; /* %s: the nonce */
        enum sasl_status status;
    } cases[] = {
        {"c=biws,r=%s,p=", SASL_MALFORMED},
        {"c=biws,r=%s", SASL_MALFORMED},
        {"r=%s,c=biws,p=P", SASL_MALFORMED},
        {"c=biws,r=%s,p=AAAA", SASL_MALFORMED},
        {"c=biws,r=%s,p=P", SASL_REFUSED},
        {"c=biws,r=%s,x=y,p=P", SASL_REFUSED},
        {"c=eSws,r=%s,p=P", SASL_REFUSED},
        {"c=biws,r=%sx,p=P", SASL_REFUSED},
        {"c=biws,r=abc,p=P", SASL_REFUSED},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        struct sasl_setup setup = setup_for("SCRAM-SHA-256");
        struct bytes challenge, nonce, text = bytes_of(cases[i].text);
        struct sasl *sasl = start(&setup);
        struct buf message;
        buf_init(&message, 4096);
        assert_int_equal(say(sasl, BYTES("n,,n=anna@example.org,r=abc"), &challenge), SASL_CHALLENGE);
        nonce = bytes_slice(challenge, 2, bytes_find_byte(challenge, ','));
        for (size_t j = 0; j < text.len; j++) {
            if (text.ptr[j] == '%' && j++ + 1 < text.len)
                buf_add(&message, nonce);
            else if (text.ptr[j] == 'P')
                buf_add_string(&message, proof);
            else
                buf_add_byte(&message, text.ptr[j]);
        }
        if (say(sasl, buf_bytes(&message), NULL) != cases[i].status)
            fail_msg("%s", cases[i].text);
        assert_null(sasl_account(sasl));
        buf_free(&message);
        sasl_free(sasl);
    }
}

/* ---- EXTERNAL ---- */

static enum sasl_status external(const struct bytes *emails, size_t count, struct bytes message)
{
    struct sasl_setup setup = setup_for("EXTERNAL");
    setup.emails = emails;
    setup.email_count = count;
    struct sasl *sasl = start(&setup);
    enum sasl_status status = say(sasl, message, NULL);
    if (status == SASL_DONE)
        assert_true(bytes_is(sasl_account(sasl)->name, "anna@example.org"));
    sasl_free(sasl);
    return status;
}

static void external_is_whom_the_certificate_names_rfc4422_A(void **state)
{
    static const struct bytes anna[] = {BYTES_INIT("x@example.net"), BYTES_INIT("Anna@example.org")};
    static const struct bytes both[] = {BYTES_INIT("bare"), BYTES_INIT("anna@example.org")};
    static const struct bytes held[] = {BYTES_INIT("held@example.org")};
    assert_int_equal(external(anna, 2, BYTES("")), SASL_DONE);
    assert_int_equal(external(anna, 2, BYTES("anna@example.org")), SASL_DONE);
    assert_int_equal(external(anna, 2, BYTES("bare")), SASL_REFUSED);
    assert_int_equal(external(anna, 2, BYTES("x@example.net")), SASL_REFUSED);
    assert_int_equal(external(anna, 1, BYTES("")), SASL_REFUSED);
    assert_int_equal(external(NULL, 0, BYTES("anna@example.org")), SASL_REFUSED);
    /* Of two he must say which. */
    assert_int_equal(external(both, 2, BYTES("")), SASL_REFUSED);
    assert_int_equal(external(both, 2, BYTES("anna@example.org")), SASL_DONE);
    assert_int_equal(external(held, 1, BYTES("")), SASL_REFUSED);
    assert_int_equal(external(anna, 2, BYTES("an\0na")), SASL_MALFORMED);
    assert_int_equal(external(anna, 2, (struct bytes){NULL, 0}), SASL_CHALLENGE);
}

static void names_are_seen_in_the_first_message(void **state)
{
    assert_true(bytes_is(sasl_peek_name(BYTES("PLAIN"), BYTES("z\0anna\0pw")), "anna"));
    assert_true(bytes_is(sasl_peek_name(BYTES("PLAIN"), BYTES("z")), ""));
    assert_true(bytes_is(sasl_peek_name(BYTES("LOGIN"), BYTES("anna")), "anna"));
    assert_true(bytes_is(sasl_peek_name(BYTES("CRAM-MD5"), BYTES("an na 0123")), "an na"));
    assert_true(bytes_is(sasl_peek_name(BYTES("SCRAM-SHA-256"), BYTES("n,,n=anna,r=x")), "anna"));
    assert_true(bytes_is(sasl_peek_name(BYTES("SCRAM-SHA-256"), BYTES("n,a=n=x,n=anna,r=x")), "anna"));
    assert_true(bytes_is(sasl_peek_name(BYTES("SCRAM-SHA-256"), BYTES("n")), ""));
    struct sasl_setup setup = setup_for("GSSAPI");
    assert_null(sasl_start(&setup));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(their_client_gets_in_by_every_mechanism),
        cmocka_unit_test(wrong_passwords_and_unknown_names_are_refused_alike),
        cmocka_unit_test(plain_wants_three_parts_rfc4616_2),
        cmocka_unit_test(names_are_prepared_before_they_are_compared_rfc4013),
        cmocka_unit_test(login_takes_the_name_with_the_command_or_after_it),
        cmocka_unit_test(cram_md5_begins_with_the_server_and_never_twice_alike_rfc2195),
        cmocka_unit_test(scram_plus_wants_the_binding_of_this_channel_rfc9266),
        cmocka_unit_test(scram_plus_takes_the_servers_certificate_for_a_binding_rfc5929_4),
        cmocka_unit_test(scram_sees_that_plus_was_hidden_from_the_client_rfc5802_6),
        cmocka_unit_test(a_first_message_of_scram_has_this_form_rfc5802_7),
        cmocka_unit_test(an_unknown_name_has_a_salt_that_stays_the_same),
        cmocka_unit_test(a_final_message_of_scram_answers_this_challenge),
        cmocka_unit_test(external_is_whom_the_certificate_names_rfc4422_A),
        cmocka_unit_test(names_are_seen_in_the_first_message),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
