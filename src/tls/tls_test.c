/* SPDX-License-Identifier: BSD-2-Clause */
#include "fiber/group.h"
#include "fiber/pipe.h"
#include "tls/tls.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* Certificates are valid from an hour before the real time on: the fake clock starts there. */
static char folder[] = "/tmp/tls_test.XXXXXX";
static char chain[2][64], key[2][64];

/* A server on one end of a pipe that echoes what it reads, and a client on the other. */
struct scene {
    struct tls_server *server;
    struct tls_client *client;
    struct pipe_options pipe;
    struct fiber_group group;
    struct transport *server_end, *client_end;
    enum result accepted, connected;
    struct tls_info server_info, client_info;
    struct error server_error, client_error;
    struct transport *transport; /* the client's, encrypted */
    bool silent;                 /* the server does not accept at all */
    size_t echoed;
};

static struct scene s;

static void create_certificates(void)
{
    struct error error;
    assert_non_null(mkdtemp(folder));
    static const char *const names[] = {"mx.example", "other.example"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(chain[i], sizeof(chain[i]), "%s/%zu.pem", folder, i);
        snprintf(key[i], sizeof(key[i]), "%s/%zu.key", folder, i);
        struct tls_server *server = tls_server_create(&error);
        assert_int_equal(tls_server_add_self_signed(server, names[i], chain[i], key[i], &error),
                         OK);
        tls_server_destroy(server);
    }
}

static int set_up(void **state)
{
    create_certificates();
    return 0;
}

static int tear_down(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        unlink(chain[i]);
        unlink(key[i]);
    }
    return rmdir(folder);
}

static void accept_and_echo(void *argument)
{
    s.accepted = tls_accept(s.server, s.server_end, loop_deadline(MINUTE), &s.server_end,
                            &s.server_info, &s.server_error);
    if (s.accepted != OK)
        return;
    uint8_t octets[5000];
    ssize_t count;
    while ((count = s.server_end->operations->read(s.server_end, octets, sizeof(octets),
                                                   loop_deadline(HOUR))) > 0) {
        struct bytes rest = bytes_from(octets, (size_t)count);
        while (rest.len) {
            count = s.server_end->operations->write(s.server_end, rest, loop_deadline(HOUR));
            if (count <= 0)
                break;
            rest = bytes_skip(rest, (size_t)count);
            s.echoed += (size_t)count;
        }
    }
    s.server_end->operations->close(s.server_end);
}

static void prepare(void)
{
    struct error error;
    memset(&s, 0, sizeof(s));
    s.server = tls_server_create(&error);
    assert_non_null(s.server);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(tls_server_add_certificate(s.server, chain[i], key[i], &error), OK);
    s.client = tls_client_create(chain[0], &error);
    assert_non_null(s.client);
}

static void start(void)
{
    assert_true(pipe_create(&s.pipe, &s.server_end, &s.client_end));
    fiber_group_open(&s.group);
    if (!s.silent)
        assert_true(fiber_group_start(&s.group, "server", accept_and_echo, NULL));
}

static void connect_as(const char *name, bool verify)
{
    start();
    s.connected = tls_connect(s.client, s.client_end, name, verify, loop_deadline(MINUTE),
                              &s.transport, &s.client_info, &s.client_error);
}

static void finish(void)
{
    if (s.connected == OK)
        s.transport->operations->close(s.transport);
    assert_int_equal(fiber_group_wait(&s.group, loop_deadline(DAY)), 0);
    fiber_group_close(&s.group);
}

static void clean_up(void)
{
    tls_server_destroy(s.server);
    tls_client_destroy(s.client);
}

static void run_under_fake_clock(void (*function)(void *))
{
    struct loop_options options = {.fake_clock = true, .fake_epoch = time(NULL)};
    struct loop *loop = loop_create(&options);
    assert_non_null(loop);
    loop_run(loop, function, NULL);
    loop_destroy(loop);
}

#define fiber_test(name)                                                                           \
    static void name##_body(void *argument);                                                       \
    static void name(void **state)                                                                 \
    {                                                                                              \
        run_under_fake_clock(name##_body);                                                         \
    }                                                                                              \
    static void name##_body(void *argument)

static void send_all(struct bytes octets)
{
    while (octets.len) {
        ssize_t count = s.transport->operations->write(s.transport, octets, loop_deadline(MINUTE));
        assert_true(count > 0);
        octets = bytes_skip(octets, (size_t)count);
    }
}

static void sender(void *argument)
{
    struct bytes *octets = argument;
    send_all(*octets);
}

/* There and back, with reading and writing by different fibers. */
static void echo(size_t size)
{
    uint8_t *octets = malloc(size), *back = malloc(size);
    for (size_t i = 0; i < size; i++)
        octets[i] = (uint8_t)(i * 7 + i / 253);
    struct bytes out = bytes_from(octets, size);
    struct fiber_group group;
    fiber_group_open(&group);
    assert_true(fiber_group_start(&group, "sender", sender, &out));
    for (size_t got = 0; got < size;) {
        ssize_t count = s.transport->operations->read(s.transport, back + got, size - got,
                                                      loop_deadline(MINUTE));
        assert_true(count > 0);
        got += (size_t)count;
    }
    fiber_group_wait(&group, NO_DEADLINE);
    fiber_group_close(&group);
    assert_memory_equal(octets, back, size);
    free(octets);
    free(back);
}

fiber_test(octets_come_through_in_every_fragmentation)
{
    static const size_t fragments[] = {0, 1, 7, 1000};
    for (size_t i = 0; i < countof(fragments); i++) {
        prepare();
        s.pipe.fragment = fragments[i];
        s.pipe.capacity = 3000;
        connect_as("mx.example", true);
        assert_int_equal(s.connected, OK);
        assert_string_equal(s.client_info.version, "TLSv1.3");
        assert_true(s.client_info.bits >= 128);
        echo(1);
        echo(100000);
        finish();
        assert_int_equal(s.accepted, OK);
        assert_string_equal(s.server_info.server_name, "mx.example");
        assert_string_equal(s.server_info.cipher, s.client_info.cipher);
        clean_up();
    }
}

fiber_test(a_name_that_is_not_the_certificates_is_refused)
{
    prepare();
    connect_as("third.example", true);
    assert_int_equal(s.connected, PERM);
    assert_non_null(strstr(s.client_error.text, "certificate not valid"));
    finish();
    assert_int_not_equal(s.accepted, OK);
    connect_as("third.example", false);
    assert_int_equal(s.connected, OK);
    finish();
    clean_up();
}

fiber_test(an_authority_that_is_not_known_is_refused)
{
    prepare();
    connect_as("other.example", true); /* its certificate is not in the client's file */
    assert_int_equal(s.connected, PERM);
    finish();
    clean_up();
}

fiber_test(an_expired_certificate_is_refused)
{
    prepare();
    loop_fake_epoch_jump(INT64_C(11) * 366 * 86400);
    connect_as("mx.example", true);
    assert_int_equal(s.connected, PERM);
    assert_non_null(strstr(s.client_error.text, "expired"));
    finish();
    clean_up();
}

fiber_test(the_name_asked_for_selects_the_certificate_rfc6066_3)
{
    struct error error;
    prepare();
    struct tls_client *first = s.client;
    s.client = tls_client_create(chain[1], &error);
    connect_as("other.example", true);
    assert_int_equal(s.connected, OK);
    finish();
    connect_as("OTHER.example", true);
    assert_int_equal(s.connected, OK);
    finish();
    connect_as("mx.example", true); /* that one is signed by the other */
    assert_int_equal(s.connected, PERM);
    finish();
    tls_client_destroy(first);
    clean_up();
}

/* Names other than those of set_up() have certificates made for the occasion. */
static void add_named(const char *name, const char *chain_file, const char *key_file)
{
    struct error error;
    assert_int_equal(tls_server_add_self_signed(s.server, name, chain_file, key_file, &error), OK);
}

fiber_test(a_wildcard_stands_for_one_label_rfc6125_6_4_3)
{
    struct error error;
    char files[2][64];
    snprintf(files[0], sizeof(files[0]), "%s/wild.pem", folder);
    snprintf(files[1], sizeof(files[1]), "%s/wild.key", folder);
    prepare();
    add_named("*.wild.example", files[0], files[1]);
    tls_client_destroy(s.client);
    s.client = tls_client_create(files[0], &error);
    static const struct {
        const char *name;
        enum result result;
    } cases[] = {{"a.wild.example", OK}, {"wild.example", PERM}, {"a.b.wild.example", PERM}};
    for (size_t i = 0; i < countof(cases); i++) {
        connect_as(cases[i].name, true);
        assert_int_equal(s.connected, cases[i].result);
        finish();
    }
    unlink(files[0]);
    unlink(files[1]);
    clean_up();
}

fiber_test(names_that_could_be_configuration_are_not_taken)
{
    struct error error;
    prepare();
    static const char *const names[] = {"", "a,IP:192.0.2.1", "a\nb", "*.*.example", "a b", "*."};
    for (size_t i = 0; i < countof(names); i++)
        assert_int_equal(tls_server_add_self_signed(s.server, names[i], NULL, NULL, &error), PERM);
    add_named("192.0.2.7", NULL, NULL);
    clean_up();
}

fiber_test(plaintext_is_no_handshake)
{
    prepare();
    start();
    s.connected = PERM;
    struct bytes text = BYTES("EHLO client.example\r\nMAIL FROM:<>\r\n");
    assert_int_equal(s.client_end->operations->write(s.client_end, text, loop_deadline(SECOND)),
                     (ssize_t)text.len);
    finish();
    assert_int_equal(s.accepted, PERM);
    s.client_end->operations->close(s.client_end);
    clean_up();
}

fiber_test(a_peer_that_says_nothing_runs_into_the_deadline)
{
    prepare();
    start();
    int64_t from = loop_now();
    s.connected = PERM;
    finish();
    assert_int_equal(s.accepted, TEMP);
    assert_non_null(strstr(s.server_error.text, "time-out"));
    assert_int_equal(loop_now() - from, MINUTE);
    s.client_end->operations->close(s.client_end);
    s.silent = true;
    from = loop_now();
    connect_as("mx.example", false);
    assert_int_equal(s.connected, TEMP);
    assert_int_equal(loop_now() - from, MINUTE);
    s.server_end->operations->close(s.server_end);
    finish();
    clean_up();
}

fiber_test(a_peer_that_hangs_up_is_temporary)
{
    prepare();
    start();
    s.client_end->operations->close(s.client_end);
    s.connected = PERM;
    finish();
    assert_int_equal(s.accepted, TEMP);
    clean_up();
}

fiber_test(a_cancelled_handshake_ends_at_once)
{
    prepare();
    start();
    s.connected = PERM;
    fiber_yield();
    fiber_group_cancel(&s.group);
    finish();
    assert_int_equal(s.accepted, TEMP);
    assert_non_null(strstr(s.server_error.text, "cancelled"));
    s.client_end->operations->close(s.client_end);
    clean_up();
}

fiber_test(a_server_may_be_replaced_during_a_handshake)
{
    prepare();
    s.pipe.delay = SECOND;
    start();
    fiber_sleep(MILLISECOND);
    tls_server_destroy(s.server);
    s.server = NULL;
    s.connected = tls_connect(s.client, s.client_end, "mx.example", true, loop_deadline(MINUTE),
                              &s.transport, &s.client_info, &s.client_error);
    assert_int_equal(s.connected, OK);
    echo(10);
    finish();
    clean_up();
}

fiber_test(reading_after_the_end_gives_the_end_and_a_timeout_is_not_the_end)
{
    uint8_t octet;
    prepare();
    connect_as("mx.example", true);
    assert_int_equal(s.connected, OK);
    assert_int_equal(s.transport->operations->read(s.transport, &octet, 1, loop_deadline(SECOND)),
                     -ETIMEDOUT);
    echo(10);
    fiber_group_cancel(&s.group); /* the server's read returns; it closes politely */
    assert_int_equal(fiber_group_wait(&s.group, loop_deadline(MINUTE)), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(s.transport->operations->wait(s.transport, loop_deadline(SECOND)), 0);
        assert_int_equal(
            s.transport->operations->read(s.transport, &octet, 1, loop_deadline(SECOND)), 0);
    }
    finish();
    clean_up();
}

fiber_test(the_minimum_version_is_kept)
{
    struct error error;
    prepare();
    assert_int_equal(tls_server_set_minimum(s.server, "1.3", &error), OK);
    connect_as("mx.example", true);
    assert_int_equal(s.connected, OK);
    finish();
    assert_int_equal(tls_server_set_minimum(s.server, "1.0", &error), OK);
    assert_int_equal(tls_server_set_minimum(s.server, "2.0", &error), PERM);
    clean_up();
}

static void files_are_checked(void **state)
{
    struct error error;
    struct stat status;
    struct tls_server *server = tls_server_create(&error);
    assert_int_equal(tls_server_add_certificate(server, "/nonexistent", key[0], &error), PERM);
    assert_non_null(strstr(error.text, "/nonexistent"));
    assert_int_equal(tls_server_add_certificate(server, chain[0], key[1], &error), PERM);
    assert_non_null(strstr(error.text, key[1]));
    tls_server_destroy(server);
    assert_int_equal(stat(key[0], &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_null(tls_client_create("/nonexistent", &error));
    assert_non_null(strstr(error.text, "/nonexistent"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(octets_come_through_in_every_fragmentation),
        cmocka_unit_test(a_name_that_is_not_the_certificates_is_refused),
        cmocka_unit_test(an_authority_that_is_not_known_is_refused),
        cmocka_unit_test(an_expired_certificate_is_refused),
        cmocka_unit_test(the_name_asked_for_selects_the_certificate_rfc6066_3),
        cmocka_unit_test(a_wildcard_stands_for_one_label_rfc6125_6_4_3),
        cmocka_unit_test(names_that_could_be_configuration_are_not_taken),
        cmocka_unit_test(plaintext_is_no_handshake),
        cmocka_unit_test(a_peer_that_says_nothing_runs_into_the_deadline),
        cmocka_unit_test(a_peer_that_hangs_up_is_temporary),
        cmocka_unit_test(a_cancelled_handshake_ends_at_once),
        cmocka_unit_test(a_server_may_be_replaced_during_a_handshake),
        cmocka_unit_test(reading_after_the_end_gives_the_end_and_a_timeout_is_not_the_end),
        cmocka_unit_test(the_minimum_version_is_kept),
        cmocka_unit_test(files_are_checked),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
