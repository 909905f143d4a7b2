/* SPDX-License-Identifier: BSD-2-Clause */
/* Whom clients accept (DANE, names), whom servers know (client certificates), and channel bindings. */
#include "fiber/group.h"
#include "fiber/pipe.h"
#include "tls/tls.h"

#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/tls_verify_test.XXXXXX";

/* An authority, and what it issued. */
struct identity {
    EVP_PKEY *key;
    X509 *certificate;
    char chain_file[96], key_file[96];
};
static struct identity authority, stranger, server_id, expired_id, client_id, foreign_client;

static void add_extension(X509 *x509, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, x509, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_true(X509_add_ext(x509, extension, -1));
    X509_EXTENSION_free(extension);
}

static void issue(struct identity *id, const char *name, const char *alternative,
                  const struct identity *issuer, int days)
{
    static int serial;
    id->key = EVP_EC_gen("P-256");
    id->certificate = X509_new();
    X509 *x = id->certificate;
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x), -20 * 86400);
    X509_time_adj_ex(X509_getm_notAfter(x), days, 0, NULL);
    X509_set_pubkey(x, id->key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                               (const unsigned char *)name, -1, -1, 0);
    X509 *from = issuer ? issuer->certificate : x;
    X509_set_issuer_name(x, X509_get_subject_name(from));
    if (!issuer)
        add_extension(x, x, NID_basic_constraints, "critical,CA:TRUE");
    if (alternative)
        add_extension(x, from, NID_subject_alt_name, alternative);
    assert_true(X509_sign(x, issuer ? issuer->key : id->key, EVP_sha256()));
    snprintf(id->chain_file, sizeof(id->chain_file), "%s/%d.pem", folder, serial);
    snprintf(id->key_file, sizeof(id->key_file), "%s/%d.key", folder, serial);
    FILE *file = fopen(id->chain_file, "w");
    assert_non_null(file);
    PEM_write_X509(file, x);
    if (issuer)
        PEM_write_X509(file, from);
    fclose(file);
    file = fopen(id->key_file, "w");
    assert_non_null(file);
    PEM_write_PrivateKey(file, id->key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
}

static int set_up(void **state)
{
    assert_non_null(mkdtemp(folder));
    issue(&authority, "Authority", NULL, NULL, 1000);
    issue(&stranger, "Stranger", NULL, NULL, 1000);
    issue(&server_id, "common.example", "DNS:mx.example,DNS:*.wild.example,DNS:mx*.part.example",
          &authority, 1000);
    issue(&expired_id, "mx.example", "DNS:mx.example", &authority, -1);
    issue(&client_id, "client", "email:user@example.org,DNS:host.example.org", &authority, 1000);
    issue(&foreign_client, "client", "email:user@example.org", &stranger, 1000);
    return 0;
}

static int tear_down(void **state)
{
    struct identity *all[] = {&authority, &stranger, &server_id, &expired_id, &client_id,
                              &foreign_client};
    for (size_t i = 0; i < countof(all); i++) {
        unlink(all[i]->chain_file);
        unlink(all[i]->key_file);
        X509_free(all[i]->certificate);
        EVP_PKEY_free(all[i]->key);
    }
    return rmdir(folder);
}

/* One handshake. */
struct scene {
    struct tls_server *server;
    struct tls_client *client;
    struct transport *server_end, *client_end;
    enum result accepted, connected;
    enum tls_failure failure;
    struct tls_info server_info, client_info;
    struct fiber_group group;
};
static struct scene s;

static void accept_one(void *argument)
{
    struct error error;
    uint8_t octet;
    s.accepted = tls_accept(s.server, s.server_end, loop_deadline(MINUTE), &s.server_end,
                            &s.server_info, &error);
    if (s.accepted == OK)
        s.server_end->operations->read(s.server_end, &octet, 1, loop_deadline(HOUR));
}

static void open_scene(const struct identity *shown, const struct identity *trusted)
{
    struct error error;
    memset(&s, 0, sizeof(s));
    s.server = tls_server_create(&error);
    assert_int_equal(tls_server_add_certificate(s.server, shown->chain_file, shown->key_file, &error),
                     OK);
    s.client = tls_client_create(trusted->chain_file, &error);
    assert_non_null(s.client);
}

static void meet(const struct tls_peer *peer)
{
    struct error error;
    assert_true(pipe_create(NULL, &s.server_end, &s.client_end));
    fiber_group_open(&s.group);
    assert_true(fiber_group_start(&s.group, "server", accept_one, NULL));
    s.connected = tls_connect_to(s.client, s.client_end, peer, loop_deadline(MINUTE), &s.client_end,
                                 &s.client_info, &s.failure, &error);
    fiber_sleep(SECOND); /* the server finishes, too */
}

static void part(void)
{
    if (s.connected == OK)
        s.client_end->operations->close(s.client_end);
    fiber_group_wait(&s.group, NO_DEADLINE);
    fiber_group_close(&s.group);
    if (s.accepted == OK)
        s.server_end->operations->close(s.server_end);
}

static void close_scene(void)
{
    tls_server_destroy(s.server);
    tls_client_destroy(s.client);
}

static enum tls_failure failure_with(const struct tls_peer *peer)
{
    meet(peer);
    assert_true((s.connected == OK) == (s.failure == TLS_FAILURE_NONE));
    part();
    return s.failure;
}

#define fiber_test(name)                                                                           \
    static void name##_body(void *argument);                                                       \
    static void name(void **state)                                                                 \
    {                                                                                              \
        struct loop_options options = {.fake_clock = true, .fake_epoch = time(NULL)};              \
        struct loop *loop = loop_create(&options);                                                 \
        assert_non_null(loop);                                                                     \
        loop_run(loop, name##_body, NULL);                                                         \
        loop_destroy(loop);                                                                        \
    }                                                                                              \
    static void name##_body(void *argument)

/* TLSA records of a certificate. */
static uint8_t digests[8][64];
static struct tls_tlsa record(int slot, uint8_t usage, uint8_t selector, uint8_t matching,
                              const X509 *certificate)
{
    unsigned char *der = NULL;
    int length = selector ? i2d_PUBKEY(X509_get0_pubkey(certificate), &der) : i2d_X509((X509 *)certificate, &der);
    assert_true(length > 0);
    if (matching == 2)
        SHA512(der, (size_t)length, digests[slot]);
    else
        SHA256(der, (size_t)length, digests[slot]);
    OPENSSL_free(der);
    return (struct tls_tlsa){usage, selector, matching,
                             bytes_from(digests[slot], matching == 2 ? 64 : 32)};
}

static struct tls_peer dane_peer(const char *name, const struct tls_tlsa *records, size_t count)
{
    return (struct tls_peer){.name = bytes_of(name),
                             .verify = TLS_VERIFY_DANE,
                             .records = records,
                             .record_count = count};
}

fiber_test(any_of_several_names_will_do_and_only_those)
{
    open_scene(&server_id, &authority);
    struct tls_peer peer = {.name = BYTES("sni.example"),
                            .verify = TLS_VERIFY_NAME,
                            .names = {BYTES("other.example"), BYTES("mx.example")},
                            .name_count = 2};
    assert_int_equal(failure_with(&peer), TLS_FAILURE_NONE);
    assert_true(s.client_info.peer_verified);
    assert_string_equal(s.server_info.server_name, "sni.example");
    peer.name_count = 1;
    assert_int_equal(failure_with(&peer), TLS_FAILURE_NAME);
    peer.names[0] = BYTES("common.example"); /* alternative names exist: the common name is nothing */
    assert_int_equal(failure_with(&peer), TLS_FAILURE_NAME);
    peer.verify = TLS_VERIFY_NOTHING;
    assert_int_equal(failure_with(&peer), TLS_FAILURE_NONE);
    assert_false(s.client_info.peer_verified);
    close_scene();
}

fiber_test(a_wildcard_is_the_whole_leftmost_label_rfc8461_4_1)
{
    static const struct {
        const char *name;
        enum tls_failure failure;
    } cases[] = {{"a.wild.example", TLS_FAILURE_NONE},
                 {"wild.example", TLS_FAILURE_NAME},
                 {"a.b.wild.example", TLS_FAILURE_NAME},
                 {"mx1.part.example", TLS_FAILURE_NAME}};
    open_scene(&server_id, &authority);
    for (size_t i = 0; i < countof(cases); i++) {
        struct tls_peer peer = {.name = bytes_of(cases[i].name), .verify = TLS_VERIFY_NAME};
        assert_int_equal(failure_with(&peer), cases[i].failure);
    }
    close_scene();
}

fiber_test(expiry_and_trust_fail_each_with_a_code_of_its_own)
{
    struct tls_peer peer = {.name = BYTES("mx.example"), .verify = TLS_VERIFY_NAME};
    open_scene(&expired_id, &authority);
    assert_int_equal(failure_with(&peer), TLS_FAILURE_EXPIRED);
    close_scene();
    open_scene(&server_id, &stranger);
    assert_int_equal(failure_with(&peer), TLS_FAILURE_UNTRUSTED);
    close_scene();
}

fiber_test(dane_ee_wants_neither_name_nor_date_nor_authority_rfc7672_3_1_1)
{
    open_scene(&expired_id, &stranger);
    for (uint8_t selector = 0; selector < 2; selector++)
        for (uint8_t matching = 1; matching < 3; matching++) {
            struct tls_tlsa ee = record(0, 3, selector, matching, expired_id.certificate);
            struct tls_peer peer = dane_peer("elsewhere.example", &ee, 1);
            assert_int_equal(failure_with(&peer), TLS_FAILURE_NONE);
            assert_true(s.client_info.peer_verified);
            assert_string_equal(s.server_info.server_name, "elsewhere.example"); /* 8.1 */
        }
    close_scene();
}

fiber_test(a_record_that_does_not_match_fails_although_the_chain_is_good)
{
    open_scene(&server_id, &authority);
    struct tls_tlsa other = record(0, 3, 1, 1, client_id.certificate);
    struct tls_peer peer = dane_peer("mx.example", &other, 1);
    assert_int_equal(failure_with(&peer), TLS_FAILURE_TLSA);
    close_scene();
}

fiber_test(dane_ta_checks_names_the_next_hop_domain_included_rfc7672_3_2_2)
{
    open_scene(&server_id, &stranger);
    struct tls_tlsa ta = record(0, 2, 0, 1, authority.certificate);
    struct tls_peer peer = dane_peer("mx.example", &ta, 1);
    assert_int_equal(failure_with(&peer), TLS_FAILURE_NONE);
    peer.name = BYTES("mx2.example");
    assert_int_equal(failure_with(&peer), TLS_FAILURE_NAME);
    peer.names[0] = BYTES("mx2.example");
    peer.names[1] = BYTES("mx.example"); /* the domain that mail goes to */
    peer.name_count = 2;
    assert_int_equal(failure_with(&peer), TLS_FAILURE_NONE);
    struct tls_tlsa wrong = record(1, 2, 0, 1, stranger.certificate);
    peer.records = &wrong;
    assert_int_equal(failure_with(&peer), TLS_FAILURE_TLSA);
    close_scene();
    open_scene(&expired_id, &stranger);
    peer = dane_peer("mx.example", &ta, 1);
    assert_int_equal(failure_with(&peer), TLS_FAILURE_EXPIRED);
    close_scene();
}

fiber_test(pkix_usages_are_unusable_and_only_unusable_records_verify_nothing_rfc7672_3_1_3)
{
    open_scene(&server_id, &authority);
    struct tls_tlsa records[] = {record(0, 1, 0, 1, stranger.certificate),
                                 record(1, 0, 1, 1, stranger.certificate),
                                 {3, 1, 1, BYTES("short")},
                                 {3, 2, 1, bytes_from(digests[0], 32)},
                                 {3, 1, 0, BYTES("no key at all")}};
    struct tls_peer peer = dane_peer("whatever.example", records, countof(records));
    for (size_t i = 0; i < countof(records); i++)
        assert_false(tls_tlsa_is_usable(&records[i]));
    assert_int_equal(failure_with(&peer), TLS_FAILURE_NONE);
    assert_false(s.client_info.peer_verified);
    /* With a usable one beside them that one decides. */
    records[2] = record(2, 3, 1, 1, client_id.certificate);
    assert_int_equal(failure_with(&peer), TLS_FAILURE_TLSA);
    close_scene();
}

static void short_rdata_is_no_record(void **state)
{
    struct tls_tlsa out;
    assert_false(tls_tlsa_read(BYTES(""), &out));
    assert_false(tls_tlsa_read(BYTES("\3\1\1"), &out));
    assert_true(tls_tlsa_read(BYTES("\3\1\1x"), &out));
    assert_int_equal(out.data.len, 1);
}

static enum result client_names(const struct identity *shown, struct tls_client_names *names,
                                struct arena *arena)
{
    struct error error;
    struct tls_peer peer = {.name = BYTES("mx.example"), .verify = TLS_VERIFY_NAME};
    open_scene(&server_id, &authority);
    assert_int_equal(tls_server_request_certificates(s.server, authority.chain_file, &error), OK);
    if (shown)
        assert_int_equal(
            tls_client_set_certificate(s.client, shown->chain_file, shown->key_file, &error), OK);
    meet(&peer);
    assert_int_equal(s.connected, OK);
    assert_int_equal(s.accepted, OK);
    enum result result = tls_client_names(s.server_end, arena, names);
    assert_int_equal(tls_client_names(s.client_end, arena, &(struct tls_client_names){.email_count = 0}), NONE);
    assert_int_equal(s.server_info.peer_verified, result == OK);
    part();
    close_scene();
    return result;
}

fiber_test(a_client_is_known_by_a_certificate_of_the_servers_authorities_only)
{
    struct tls_client_names names;
    struct arena *arena = arena_create(1 << 16);
    assert_int_equal(client_names(&client_id, &names, arena), OK);
    assert_int_equal(names.email_count, 1);
    assert_true(bytes_is(names.emails[0], "user@example.org"));
    assert_int_equal(names.domain_count, 1);
    assert_true(bytes_is(names.domains[0], "host.example.org"));
    assert_int_equal(client_names(NULL, &names, arena), NONE);
    assert_int_equal(client_names(&foreign_client, &names, arena), NONE);
    assert_int_equal(names.email_count, 0);
    assert_int_equal(client_names(&expired_id, &names, arena), NONE);
    arena_destroy(arena);
}

fiber_test(both_ends_have_the_same_bindings_and_each_connection_its_own_rfc9266)
{
    struct tls_peer peer = {.name = BYTES("mx.example"), .verify = TLS_VERIFY_NAME};
    uint8_t a[TLS_BINDING_MAX], b[TLS_BINDING_MAX], first[TLS_BINDING_MAX], hash[32];
    size_t a_length, b_length;
    unsigned size = sizeof(hash);
    X509_digest(server_id.certificate, EVP_sha256(), hash, &size);
    open_scene(&server_id, &authority);
    for (int round = 0; round < 2; round++) {
        meet(&peer);
        assert_int_equal(tls_channel_binding(s.server_end, TLS_BINDING_EXPORTER, a, &a_length), OK);
        assert_int_equal(tls_channel_binding(s.client_end, TLS_BINDING_EXPORTER, b, &b_length), OK);
        assert_int_equal(a_length, 32);
        assert_int_equal(b_length, 32);
        assert_memory_equal(a, b, 32);
        if (round)
            assert_memory_not_equal(a, first, 32);
        memcpy(first, a, 32);
        assert_int_equal(tls_channel_binding(s.server_end, TLS_BINDING_SERVER_END_POINT, a, &a_length), OK);
        assert_int_equal(tls_channel_binding(s.client_end, TLS_BINDING_SERVER_END_POINT, b, &b_length), OK);
        assert_int_equal(a_length, 32);
        assert_memory_equal(a, hash, 32);
        assert_memory_equal(b, hash, 32);
        part();
    }
    close_scene();
}

fiber_test(a_plain_transport_has_neither_bindings_nor_names)
{
    struct transport *a, *b;
    uint8_t out[TLS_BINDING_MAX];
    size_t length;
    struct tls_client_names names;
    struct arena *arena = arena_create(1 << 16);
    assert_true(pipe_create(NULL, &a, &b));
    assert_int_equal(tls_channel_binding(a, TLS_BINDING_EXPORTER, out, &length), NONE);
    assert_int_equal(tls_client_names(a, arena, &names), NONE);
    a->operations->close(a);
    b->operations->close(b);
    arena_destroy(arena);
}

fiber_test(what_is_no_tls_at_all_is_a_failed_handshake_and_a_loss_is_none)
{
    struct tls_peer peer = {.name = BYTES("mx.example"), .verify = TLS_VERIFY_NAME};
    struct error error;
    struct transport *a, *b;
    open_scene(&server_id, &authority);
    assert_true(pipe_create(NULL, &a, &b));
    a->operations->write(a, BYTES("220 hello\r\n"), loop_deadline(SECOND));
    assert_int_equal(tls_connect_to(s.client, b, &peer, loop_deadline(MINUTE), &b, NULL, &s.failure, &error),
                     PERM);
    assert_int_equal(s.failure, TLS_FAILURE_HANDSHAKE);
    a->operations->close(a);
    assert_true(pipe_create(NULL, &a, &b));
    a->operations->close(a);
    assert_int_equal(tls_connect_to(s.client, b, &peer, loop_deadline(MINUTE), &b, NULL, &s.failure, &error),
                     TEMP);
    assert_int_equal(s.failure, TLS_FAILURE_CONNECTION);
    close_scene();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_of_several_names_will_do_and_only_those),
        cmocka_unit_test(a_wildcard_is_the_whole_leftmost_label_rfc8461_4_1),
        cmocka_unit_test(expiry_and_trust_fail_each_with_a_code_of_its_own),
        cmocka_unit_test(dane_ee_wants_neither_name_nor_date_nor_authority_rfc7672_3_1_1),
        cmocka_unit_test(a_record_that_does_not_match_fails_although_the_chain_is_good),
        cmocka_unit_test(dane_ta_checks_names_the_next_hop_domain_included_rfc7672_3_2_2),
        cmocka_unit_test(pkix_usages_are_unusable_and_only_unusable_records_verify_nothing_rfc7672_3_1_3),
        cmocka_unit_test(short_rdata_is_no_record),
        cmocka_unit_test(a_client_is_known_by_a_certificate_of_the_servers_authorities_only),
        cmocka_unit_test(both_ends_have_the_same_bindings_and_each_connection_its_own_rfc9266),
        cmocka_unit_test(a_plain_transport_has_neither_bindings_nor_names),
        cmocka_unit_test(what_is_no_tls_at_all_is_a_failed_handshake_and_a_loss_is_none),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
