/* SPDX-License-Identifier: BSD-2-Clause */
#include "fiber/fixture.h"
#include "fiber/stream.h"
#include "os/socket.h"
#include "roles/auth.h"
#include "roles/auth_line.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* Lines */

static enum result read_line(struct arena *arena, const char *text, struct auth_line *out)
{
    return auth_line_read(arena, bytes_of(text), out, NULL);
}

static void lines_of_the_service_are_read(void **state)
{
    (void)state;
    struct arena *arena = arena_create(1 << 20);
    struct auth_line line;
    assert_int_equal(read_line(arena, "VERSION\t1\t2", &line), OK);
    assert_int_equal(line.kind, AUTH_LINE_VERSION);
    assert_int_equal(line.minor, 2);
    assert_int_equal(read_line(arena, "MECH\tPLAIN\tplaintext", &line), OK);
    assert_true(bytes_is(line.mechanism, "PLAIN"));
    assert_int_equal(read_line(arena, "SPID\t123", &line), OK);
    assert_int_equal(line.kind, AUTH_LINE_OTHER);
    assert_int_equal(read_line(arena, "DONE", &line), OK);
    assert_int_equal(line.kind, AUTH_LINE_DONE);
    assert_int_equal(read_line(arena, "OK\t7\tuser=an\001tna\tx", &line), OK);
    assert_int_equal(line.id, 7);
    assert_true(bytes_is(line.user, "an\tna"));
    assert_int_equal(read_line(arena, "CONT\t1\tVXNlcm5hbWU6", &line), OK);
    assert_true(bytes_is(line.data, "Username:"));
    assert_int_equal(read_line(arena, "CONT\t1\t", &line), OK);
    assert_int_equal(line.data.len, 0);
    assert_int_equal(read_line(arena, "FAIL\t1\tuser=anna\treason=go away", &line), OK);
    assert_false(line.temporary);
    assert_true(bytes_is(line.reason, "go away"));
    assert_int_equal(read_line(arena, "FAIL\t1\tuser=anna\ttemp", &line), OK);
    assert_true(line.temporary);
    assert_int_equal(read_line(arena, "FAIL\t1\tcode=temp_fail", &line), OK);
    assert_true(line.temporary);
    arena_destroy(arena);
}

static void malformed_lines_are_refused(void **state)
{
    (void)state;
    struct arena *arena = arena_create(1 << 20);
    struct auth_line line;
    const char *bad[] = {"VERSION", "VERSION\t1", "VERSION\tx\t2", "MECH", "MECH\t", "OK", "OK\tx",
                         "OK\t4294967296", "FAIL", "CONT\t1\t!", "CONT\t1\tVXNlcm5hbWU6\tmore", "CONT\t"};
    for (size_t i = 0; i < countof(bad); i++)
        assert_int_equal(read_line(arena, bad[i], &line), PERM);
    struct buf longest;
    buf_init(&longest, 2 * AUTH_LINE_MAX);
    while (longest.len <= AUTH_LINE_MAX)
        buf_add_byte(&longest, 'x');
    assert_int_equal(auth_line_read(arena, buf_bytes(&longest), &line, NULL), PERM);
    buf_free(&longest);
    arena_destroy(arena);
}

static void a_value_cannot_leave_its_field(void **state)
{
    (void)state;
    struct arena *arena = arena_create(1 << 20);
    struct bytes hostile = bytes_from("a\tb\nc\r\0\001d", 10), back;
    struct buf out;
    buf_init(&out, 1000);
    auth_line_escape(&out, hostile);
    assert_true(bytes_find_byte(buf_bytes(&out), '\t') == BYTES_NOT_FOUND);
    assert_true(bytes_find_byte(buf_bytes(&out), '\n') == BYTES_NOT_FOUND);
    assert_true(bytes_find_byte(buf_bytes(&out), 0) == BYTES_NOT_FOUND);
    assert_true(auth_line_unescape(arena, buf_bytes(&out), &back));
    assert_true(bytes_equal(back, hostile));
    buf_clear(&out);
    struct auth_line_request request = {.id = 3, .mechanism = BYTES("PLAIN"), .secured = true,
                                        .client = BYTES("192.0.2.1"), .client_port = 5, .present = true,
                                        .data = bytes_from("\0a\0b", 4)};
    auth_line_add_request(&out, &request);
    assert_true(bytes_is(buf_bytes(&out), "AUTH\t3\tPLAIN\tservice=smtp\tnologin\tsecured\trip=192.0.2.1\t"
                                          "rport=5\tresp=AGEAYg==\n"));
    buf_free(&out);
    arena_destroy(arena);
}

/* PLAIN and LOGIN */

static enum keys_sasl_status step(struct auth_pam *pam, const char *text, size_t size)
{
    struct bytes challenge;
    return auth_pam_step(pam, text != NULL, bytes_from(text, size), &challenge);
}

static void plain_gives_name_and_password(void **state) /* rfc4616:2 */
{
    (void)state;
    const struct { const char *text; size_t size; enum keys_sasl_status status; } rows[] = {
        {"\0anna\0secret", 12, KEYS_SASL_DONE}, {"anna\0anna\0secret", 16, KEYS_SASL_DONE},
        {"bob\0anna\0secret", 15, KEYS_SASL_REFUSED}, {NULL, 0, KEYS_SASL_CHALLENGE},
        {"", 0, KEYS_SASL_MALFORMED}, {"anna\0secret", 11, KEYS_SASL_MALFORMED},
        {"\0anna\0secret\0", 13, KEYS_SASL_MALFORMED}, {"\0\0secret", 8, KEYS_SASL_MALFORMED},
        {"\0anna\0", 6, KEYS_SASL_MALFORMED}, {"\0../etc\0secret", 14, KEYS_SASL_REFUSED},
        {"\0-anna\0secret", 13, KEYS_SASL_REFUSED}, {"\0an na\0secret", 13, KEYS_SASL_REFUSED}};
    for (size_t i = 0; i < countof(rows); i++) {
        struct auth_pam pam = {0};
        assert_int_equal(step(&pam, rows[i].text, rows[i].size), rows[i].status);
        if (rows[i].status == KEYS_SASL_DONE) {
            assert_string_equal(pam.name, "anna");
            assert_string_equal(pam.password, "secret");
        }
        auth_pam_forget(&pam);
        assert_int_equal(pam.password[0], 0);
    }
}

static void login_asks_for_both(void **state)
{
    (void)state;
    struct bytes challenge;
    struct auth_pam pam = {.login = true};
    assert_int_equal(auth_pam_step(&pam, false, BYTES(""), &challenge), KEYS_SASL_CHALLENGE);
    assert_true(bytes_is(challenge, "Username:"));
    assert_int_equal(auth_pam_step(&pam, true, BYTES("anna"), &challenge), KEYS_SASL_CHALLENGE);
    assert_true(bytes_is(challenge, "Password:"));
    assert_int_equal(auth_pam_step(&pam, true, BYTES("secret"), &challenge), KEYS_SASL_DONE);
    assert_string_equal(pam.name, "anna");
    pam = (struct auth_pam){.login = true};
    assert_int_equal(step(&pam, "no/name", 7), KEYS_SASL_CHALLENGE);
    assert_int_equal(step(&pam, "secret", 6), KEYS_SASL_REFUSED);
}

/* PAM, with services of our own */

static void write_service(const char *folder, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static enum keys_sasl_status verify(const char *folder, const char *service, struct auth_pam_check *check)
{
    static struct auth_pam pam = {.name = "anna", .password = "secret"};
    *check = (struct auth_pam_check){.service = service, .folder = folder, .client = "192.0.2.1", .pam = &pam};
    auth_pam_verify(check);
    return check->status;
}

static void pam_is_asked_for_password_and_account(void **state)
{
    (void)state;
    char folder[] = "/tmp/auth_test.XXXXXX", path[128];
    struct auth_pam_check check;
    assert_non_null(mkdtemp(folder));
    static const char *const services[][2] = {
        {"yes", "auth required pam_permit.so\naccount required pam_permit.so\n"},
        {"no", "auth required pam_deny.so\naccount required pam_permit.so\n"},
        {"expired", "auth required pam_permit.so\naccount required pam_deny.so\n"},
        {"broken", "auth required pam_no_such_module.so\naccount required pam_permit.so\n"}};
    for (size_t i = 0; i < countof(services); i++)
        write_service(folder, services[i][0], services[i][1]);
    assert_int_equal(verify(folder, "yes", &check), KEYS_SASL_DONE);
    assert_string_equal(check.name, "anna");
    assert_int_equal(verify(folder, "no", &check), KEYS_SASL_REFUSED);
    assert_true(strstr(check.reason, "PAM") != NULL);
    assert_int_not_equal(verify(folder, "expired", &check), KEYS_SASL_DONE);
    assert_int_equal(verify(folder, "broken", &check), KEYS_SASL_TEMPORARY);
    for (size_t i = 0; i < countof(services); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, services[i][0]);
        unlink(path);
    }
    rmdir(folder);
    struct error error;
    assert_int_equal(auth_pam_find_service("vouch-no-such-service", &error), PERM);
    assert_int_equal(auth_pam_find_service("../shadow", &error), PERM);
}

/* Dovecot: a service that says what it is told. */

struct service {
    const char *greeting, *first, *second;
    char path[64];
    int listener;
    struct buf heard;
};

static void serve(void *argument)
{
    struct service *service = argument;
    struct descriptor *listener = descriptor_open(service->listener);
    assert_int_equal(descriptor_wait_readable(listener, loop_deadline(10 * SECOND)), 0);
    int fd = accept4(service->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    assert_true(fd >= 0);
    struct stream *stream = stream_create(transport_over(descriptor_open(fd)));
    struct bytes line;
    const char *said[] = {service->first, service->second};
    assert_int_equal(stream_write(stream, bytes_of(service->greeting), loop_deadline(SECOND)), 0);
    assert_int_equal(stream_flush(stream, loop_deadline(SECOND)), 0);
    for (size_t i = 0, next = 0; stream_read_line(stream, 16384, &line, loop_deadline(10 * SECOND)) == 0; i++) {
        buf_add(&service->heard, line);
        if (i < 2) /* VERSION, CPID */
            continue;
        if (next == 2 || !said[next])
            break;
        assert_int_equal(stream_write(stream, bytes_of(said[next++]), loop_deadline(SECOND)), 0);
        assert_int_equal(stream_flush(stream, loop_deadline(SECOND)), 0);
    }
    stream_close(stream);
    descriptor_close(listener);
}

static void open_service(struct service *service)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(service->path, sizeof(service->path), "/tmp/auth_test.%d.sock", (int)getpid());
    unlink(service->path);
    memcpy(address.sun_path, service->path, strlen(service->path) + 1);
    service->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(service->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(service->listener, 1), 0);
    buf_init(&service->heard, 65536);
}

struct exchange {
    struct service service;
    const char *mechanism;
    bool again; /* answers a challenge */
    enum keys_sasl_status first, second;
    char account[64];
};

static void run_exchange(void *argument)
{
    struct exchange *exchange = argument;
    struct arena *arena = arena_create(1 << 20);
    struct keys_sasl_question question = {.mechanism = bytes_of(exchange->mechanism), .tls = true,
                                          .client = BYTES("192.0.2.1"), .data_present = true,
                                          .data = bytes_from("\0anna\0secret", 12)};
    struct keys_sasl_answer *answer = arena_new(arena, struct keys_sasl_answer);
    struct auth_dovecot *dovecot = NULL;
    struct fiber_group group;
    fiber_group_open(&group);
    if (exchange->service.greeting) {
        open_service(&exchange->service);
        assert_true(fiber_group_start(&group, "service", serve, &exchange->service));
    } else {
        snprintf(exchange->service.path, sizeof(exchange->service.path), "/tmp/auth_test.nobody");
    }
    auth_dovecot_begin(exchange->service.path, arena, &question, loop_deadline(5 * SECOND), answer, &dovecot);
    exchange->first = answer->status;
    assert_int_equal(dovecot != NULL, answer->status == KEYS_SASL_CHALLENGE);
    if (dovecot && exchange->again) {
        auth_dovecot_continue(dovecot, arena, BYTES("answer"), loop_deadline(5 * SECOND), answer);
        exchange->second = answer->status;
        if (answer->status == KEYS_SASL_CHALLENGE)
            auth_dovecot_close(dovecot);
    } else {
        auth_dovecot_close(dovecot);
    }
    bytes_to_cstring(answer->account, exchange->account, sizeof(exchange->account));
    fiber_group_close(&group);
    unlink(exchange->service.path);
    arena_destroy(arena);
}

static void run_in_loop(struct exchange *exchange)
{
    struct loop_options options = {0};
    struct loop *loop = loop_create(&options);
    loop_run(loop, run_exchange, exchange);
    loop_destroy(loop);
    buf_free(&exchange->service.heard);
}

#define GREETING "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\nSPID\t1\nCUID\t2\nCOOKIE\tab\nDONE\n"

static void dovecot_is_believed(void **state)
{
    (void)state;
    const struct { const char *greeting, *mechanism, *first; enum keys_sasl_status status; } rows[] = {
        {GREETING, "PLAIN", "OK\t1\tuser=anna\n", KEYS_SASL_DONE},
        {GREETING, "PLAIN", "FAIL\t1\tuser=anna\n", KEYS_SASL_REFUSED},
        {GREETING, "PLAIN", "FAIL\t1\tuser=anna\ttemp\n", KEYS_SASL_TEMPORARY},
        {GREETING, "PLAIN", "CONT\t1\tYQ==\n", KEYS_SASL_CHALLENGE},
        {GREETING, "PLAIN", "NEWS\t1\nOK\t2\tuser=bob\nOK\t1\tuser=anna\n", KEYS_SASL_DONE},
        {GREETING, "PLAIN", "OK\t1\n", KEYS_SASL_TEMPORARY},
        {GREETING, "PLAIN", "OK\n", KEYS_SASL_TEMPORARY},
        {GREETING, "PLAIN", NULL, KEYS_SASL_TEMPORARY},
        {GREETING, "GSSAPI", NULL, KEYS_SASL_REFUSED},
        {"VERSION\t2\t0\nDONE\n", "PLAIN", NULL, KEYS_SASL_TEMPORARY},
        {"MECH\tPLAIN\nDONE\n", "PLAIN", NULL, KEYS_SASL_TEMPORARY},
        {NULL, "PLAIN", NULL, KEYS_SASL_TEMPORARY}};
    for (size_t i = 0; i < countof(rows); i++) {
        struct exchange exchange = {.service = {.greeting = rows[i].greeting, .first = rows[i].first},
                                    .mechanism = rows[i].mechanism};
        run_in_loop(&exchange);
        if (exchange.first != rows[i].status)
            print_error("row %zu\n", i);
        assert_int_equal(exchange.first, rows[i].status);
        if (rows[i].status == KEYS_SASL_DONE)
            assert_string_equal(exchange.account, "anna");
    }
}

static void challenges_go_back_and_forth(void **state)
{
    (void)state;
    struct exchange exchange = {
        .service = {.greeting = GREETING, .first = "CONT\t1\tUGFzc3dvcmQ6\n", .second = "OK\t1\tuser=anna\n"},
        .mechanism = "LOGIN", .again = true};
    run_in_loop(&exchange);
    assert_int_equal(exchange.first, KEYS_SASL_CHALLENGE);
    assert_int_equal(exchange.second, KEYS_SASL_DONE);
    assert_string_equal(exchange.account, "anna");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_the_service_are_read), cmocka_unit_test(malformed_lines_are_refused),
        cmocka_unit_test(a_value_cannot_leave_its_field), cmocka_unit_test(plain_gives_name_and_password),
        cmocka_unit_test(login_asks_for_both), cmocka_unit_test(pam_is_asked_for_password_and_account),
        cmocka_unit_test(dovecot_is_believed), cmocka_unit_test(challenges_go_back_and_forth),
    };
    return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
