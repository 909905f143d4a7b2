/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of socket. */
#include "fiber/group.h"
#include "os/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void on_loop(void (*function)(void *))
{
    struct loop_options options = {0};
    struct loop *loop = loop_create(&options);
    assert_non_null(loop);
    loop_run(loop, function, NULL);
    loop_destroy(loop);
}

static struct ip ip_of(const char *text)
{
    struct ip ip;
    assert_true(ip_parse(bytes_of(text), &ip));
    return ip;
}

static void assert_address(const char *text, uint16_t default_port, const char *ip, uint16_t port)
{
    struct ip got = {0}, wanted = ip_of(ip);
    uint16_t got_port = 0;
    if (!socket_parse_address(bytes_of(text), default_port, &got, &got_port))
        fail_msg("%s", text);
    assert_true(ip_equal(&got, &wanted));
    assert_int_equal(got_port, port);
}

static void addresses_with_and_without_port_are_read(void **state)
{
    (void)state;
    assert_address("192.0.2.1:25", 0, "192.0.2.1", 25);
    assert_address("192.0.2.1:2525", 25, "192.0.2.1", 2525);
    assert_address("192.0.2.1", 53, "192.0.2.1", 53);
    assert_address("[2001:db8::1]:25", 0, "2001:db8::1", 25);
    assert_address("[2001:db8::1]", 53, "2001:db8::1", 53);
    assert_address("2001:db8::1", 53, "2001:db8::1", 53);
    assert_address("::", 53, "::", 53);
    assert_address("127.0.0.1:65535", 0, "127.0.0.1", 65535);
}

static void other_text_is_no_address(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        ":",
        ":25",
        "192.0.2.1",
        "192.0.2.1:",
        "192.0.2.1:0",
        "192.0.2.1:65536",
        "192.0.2.1:25x",
        "192.0.2.1: 25",
        "192.0.2.1:-1",
        "192.0.2.1:25:25",
        "[192.0.2.1]:25",
        "[2001:db8::1]",
        "[2001:db8::1]25",
        "[2001:db8::1]:",
        "[2001:db8::1",
        "2001:db8::1",
        "2001:db8::1]:25",
        "localhost:53",
        "[]:25",
        "[::1%lo]:25",
        "[",
        "]",
        "192.0.2.256:25",
    };
    for (size_t i = 0; i < countof(bad); i++) {
        struct ip ip;
        uint16_t port;
        if (socket_parse_address(bytes_of(bad[i]), 0, &ip, &port))
            fail_msg("%s", bad[i]);
    }
}

static int flag(int fd, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof(value);
    assert_int_equal(getsockopt(fd, level, option, &value, &size), 0);
    return value;
}

static void talk(const char *address)
{
    struct ip ip = ip_of(address), client, local;
    uint16_t port, client_port, local_port;
    int listener = socket_listen(&ip, 0, 16);
    if (listener == -EADDRNOTAVAIL || listener == -EAFNOSUPPORT)
        return; /* no IPv6 here */
    assert_true(listener >= 0);
    assert_int_equal(socket_accept(listener, &client, &client_port), -EAGAIN);
    assert_int_equal(socket_local(listener, &local, &port), 0);
    assert_true(ip_equal(&local, &ip));
    struct transport *transport;
    assert_int_equal(socket_connect(&ip, port, &ip, loop_deadline(SECOND), &transport), 0);
    int fd;
    while ((fd = socket_accept(listener, &client, &client_port)) == -EAGAIN)
        fiber_sleep(MILLISECOND);
    assert_true(fd >= 0);
    assert_true(ip_equal(&client, &ip));
    assert_int_equal(
        socket_local(descriptor_fd(transport_descriptor(transport)), &local, &local_port), 0);
    assert_int_equal(local_port, client_port);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(flag(fd, IPPROTO_TCP, TCP_NODELAY));
    assert_int_equal(write(fd, "hello", 5), 5);
    uint8_t text[8];
    assert_int_equal(transport->operations->read(transport, text, 8, loop_deadline(SECOND)), 5);
    transport->operations->close(transport);
    close(fd);
    close(listener);
}

static void talk_both(void *argument)
{
    (void)argument;
    talk("127.0.0.1");
    talk("::1");
}

static void connection_carries_octets_and_knows_its_ends(void **state)
{
    (void)state;
    on_loop(talk_both);
}

static void ipv6_socket_leaves_ipv4_alone(void **state)
{
    (void)state;
    struct ip any = ip_of("::"), any4 = ip_of("0.0.0.0"), local;
    uint16_t port;
    int fd = socket_listen(&any, 0, 1);
    if (fd < 0)
        skip();
    assert_int_equal(socket_local(fd, &local, &port), 0);
    int other = socket_listen(&any4, port, 1);
    assert_true(other >= 0);
    assert_true(socket_listen(&any4, port, 1) == -EADDRINUSE);
    close(other);
    close(fd);
}

static void be_refused(void *argument)
{
    (void)argument;
    struct ip ip = ip_of("127.0.0.1"), other = ip_of("::1"), none = {0}, local;
    uint16_t port;
    struct transport *transport = NULL;
    int fd = socket_listen(&ip, 0, 1);
    assert_int_equal(socket_local(fd, &local, &port), 0);
    close(fd);
    assert_int_equal(socket_connect(&ip, port, NULL, loop_deadline(SECOND), &transport),
                     -ECONNREFUSED);
    assert_int_equal(socket_connect(&ip, port, &other, loop_deadline(SECOND), &transport),
                     -EAFNOSUPPORT);
    assert_int_equal(socket_connect(&none, port, NULL, loop_deadline(SECOND), &transport),
                     -EAFNOSUPPORT);
    assert_int_equal(socket_listen(&none, 0, 1), -EAFNOSUPPORT);
    struct ip foreign = ip_of("192.0.2.1");
    assert_int_equal(socket_connect(&ip, port, &foreign, loop_deadline(SECOND), &transport),
                     -EADDRNOTAVAIL);
    assert_null(transport);
}

static void failures_are_told(void **state)
{
    (void)state;
    on_loop(be_refused);
}

/* A listener whose queue is full does not answer: the connection neither comes nor fails. */
static void be_left_waiting(void *argument)
{
    (void)argument;
    struct ip ip = ip_of("127.0.0.1"), local;
    uint16_t port;
    struct transport *transports[8] = {0};
    int listener = socket_listen(&ip, 0, 0);
    assert_int_equal(socket_local(listener, &local, &port), 0);
    int error = 0;
    size_t count = 0;
    while (count < 8 && !error)
        error =
            socket_connect(&ip, port, NULL, loop_deadline(100 * MILLISECOND), &transports[count++]);
    assert_int_equal(error, -ETIMEDOUT);
    for (size_t i = 0; i < count; i++)
        if (transports[i])
            transports[i]->operations->close(transports[i]);
    close(listener);
}

static void connect_ends_at_its_deadline(void **state)
{
    (void)state;
    on_loop(be_left_waiting);
}

static struct ip *waiting_for;
static uint16_t waiting_port;
static int waiting_result;

static void connect_in_vain(void *argument)
{
    struct transport *transport = NULL;
    waiting_result = socket_connect(waiting_for, waiting_port, NULL, NO_DEADLINE, &transport);
    if (transport)
        transport->operations->close(transport);
    (void)argument;
}

static void cancel_connects(void *argument)
{
    (void)argument;
    struct ip ip = ip_of("127.0.0.1"), local;
    struct fiber_group group;
    int listener = socket_listen(&ip, 0, 0);
    assert_int_equal(socket_local(listener, &local, &waiting_port), 0);
    waiting_for = &ip;
    fiber_group_open(&group);
    for (int i = 0; i < 8; i++)
        assert_true(fiber_group_start(&group, "connect", connect_in_vain, NULL));
    fiber_group_wait(&group, loop_deadline(50 * MILLISECOND));
    assert_true(group.count > 0);
    waiting_result = 0;
    fiber_group_close(&group);
    assert_int_equal(waiting_result, -ECANCELED);
    close(listener);
}

static void connect_can_be_cancelled(void **state)
{
    (void)state;
    on_loop(cancel_connects);
}

static void listen_unix(const char *path, int *listener, int backlog)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    memcpy(address.sun_path, path, length);
    if (path[0] == '@')
        address.sun_path[0] = 0;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    *listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(*listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(*listener, backlog), 0);
}

static void talk_unix(void *argument)
{
    (void)argument;
    struct transport *transport;
    struct ip client;
    uint16_t port;
    char path[64];
    int listener;
    for (int abstract = 0; abstract < 2; abstract++) {
        snprintf(path, sizeof(path), "%svouch-socket-%d", abstract ? "@" : "/tmp/", (int)getpid());
        listen_unix(path, &listener, 4);
        assert_int_equal(socket_connect_unix(path, loop_deadline(SECOND), &transport), 0);
        int fd = socket_accept(listener, &client, &port);
        assert_true(fd >= 0);
        assert_int_equal(client.family, 0);
        transport->operations->close(transport);
        close(fd);
        close(listener);
        if (!abstract)
            unlink(path);
        assert_true(socket_connect_unix(path, loop_deadline(SECOND), &transport) < 0);
    }
    char longest[200];
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = 0;
    assert_int_equal(socket_connect_unix(longest, loop_deadline(SECOND), &transport),
                     -ENAMETOOLONG);
    assert_int_equal(socket_connect_unix("", loop_deadline(SECOND), &transport), -ENAMETOOLONG);
}

static void unix_sockets_connect_by_path_and_abstract_name(void **state)
{
    (void)state;
    on_loop(talk_unix);
}

static int full_listener;

static void make_room(void *argument)
{
    (void)argument;
    struct ip client;
    uint16_t port;
    fiber_sleep(30 * MILLISECOND);
    int fd = socket_accept(full_listener, &client, &port);
    assert_true(fd >= 0);
    close(fd);
}

static void wait_for_unix_queue(void *argument)
{
    (void)argument;
    char path[64];
    struct transport *first, *second;
    struct fiber_group group;
    snprintf(path, sizeof(path), "@vouch-queue-%d", (int)getpid());
    listen_unix(path, &full_listener, 0);
    assert_int_equal(socket_connect_unix(path, loop_deadline(SECOND), &first), 0);
    assert_int_equal(socket_connect_unix(path, loop_deadline(20 * MILLISECOND), &second),
                     -ETIMEDOUT);
    fiber_group_open(&group);
    assert_true(fiber_group_start(&group, "accept", make_room, NULL));
    assert_int_equal(socket_connect_unix(path, loop_deadline(10 * SECOND), &second), 0);
    fiber_group_close(&group);
    first->operations->close(first);
    second->operations->close(second);
    close(full_listener);
}

static void unix_connect_waits_for_room_in_the_queue(void **state)
{
    (void)state;
    on_loop(wait_for_unix_queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_with_and_without_port_are_read),
        cmocka_unit_test(other_text_is_no_address),
        cmocka_unit_test(connection_carries_octets_and_knows_its_ends),
        cmocka_unit_test(ipv6_socket_leaves_ipv4_alone),
        cmocka_unit_test(failures_are_told),
        cmocka_unit_test(connect_ends_at_its_deadline),
        cmocka_unit_test(connect_can_be_cancelled),
        cmocka_unit_test(unix_sockets_connect_by_path_and_abstract_name),
        cmocka_unit_test(unix_connect_waits_for_room_in_the_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
