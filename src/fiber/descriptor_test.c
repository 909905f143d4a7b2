/* SPDX-License-Identifier: BSD-2-Clause */
#include "fiber/fixture.h"

#include "fiber/descriptor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void make_pair(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
}

static struct descriptor *open_descriptor(int fd)
{
    struct descriptor *descriptor = descriptor_open(fd);
    assert_non_null(descriptor);
    return descriptor;
}

static void send_octet(int fd)
{
    assert_int_equal(write(fd, "x", 1), 1);
}

static void take_octet(int fd)
{
    char octet;
    assert_int_equal(read(fd, &octet, 1), 1);
}

/* Waits once and says how it ended. */
struct reader {
    struct descriptor *descriptor;
    int64_t deadline;
    int result;
    bool ended;
};

static void wait_readable(void *argument)
{
    struct reader *reader = argument;
    reader->result = descriptor_wait_readable(reader->descriptor, reader->deadline);
    reader->ended = true;
}

static void read_when_ready(void *argument)
{
    int fds[2];
    make_pair(fds);
    struct reader reader = {open_descriptor(fds[0]), NO_DEADLINE, -1, false};
    assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "reader", wait_readable, &reader);
    assert_int_equal(fiber_sleep(SECOND), 0);
    assert_false(reader.ended);
    send_octet(fds[1]);
    assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), 0);
    assert_int_equal(reader.result, 0);
    take_octet(fds[0]);
    /* The edge was reported and nothing came since. */
    assert_int_equal(descriptor_wait_readable(reader.descriptor, loop_deadline(SECOND)), ETIMEDOUT);
    assert_int_equal(descriptor_wait_writable(reader.descriptor, loop_deadline(SECOND)), 0);
    fiber_group_close(&group);
    descriptor_close(reader.descriptor);
    close(fds[1]);
}

static void a_wait_ends_when_octets_come(void **state)
{
    fixture_run(read_when_ready, NULL);
}

static void wait_after_the_edge(void *argument)
{
    int fds[2];
    make_pair(fds);
    struct descriptor *descriptor = open_descriptor(fds[0]);
    send_octet(fds[1]);
    assert_int_equal(fiber_sleep(SECOND), 0); /* the edge comes while nobody waits */
    assert_int_equal(descriptor_wait_readable(descriptor, 0), 0);
    assert_int_equal(descriptor_wait_readable(descriptor, 0), ETIMEDOUT);
    close(fds[1]);
    assert_int_equal(descriptor_wait_readable(descriptor, loop_deadline(SECOND)), 0);
    descriptor_close(descriptor);
}

static void an_edge_is_remembered_until_a_wait_reports_it(void **state)
{
    fixture_run(wait_after_the_edge, NULL);
}

static void fill_and_wait(void *argument)
{
    int fds[2];
    char block[4096] = {0};
    make_pair(fds);
    struct descriptor *descriptor = open_descriptor(fds[0]);
    int64_t sent = 0;
    for (;;) {
        ssize_t count = write(fds[0], block, sizeof(block));
        if (count > 0) {
            sent += count;
            continue;
        }
        assert_int_equal(errno, EAGAIN);
        /* The first wait may report the edge that the fresh socket had. */
        if (descriptor_wait_writable(descriptor, loop_deadline(SECOND)) == ETIMEDOUT)
            break;
    }
    assert_true(sent > 0);
    while (sent) {
        ssize_t count = read(fds[1], block, sizeof(block));
        assert_true(count > 0);
        sent -= count;
    }
    assert_int_equal(descriptor_wait_writable(descriptor, loop_deadline(SECOND)), 0);
    descriptor_close(descriptor);
    close(fds[1]);
}

static void a_full_socket_becomes_writable_when_it_is_emptied(void **state)
{
    fixture_run(fill_and_wait, NULL);
}

static void close_under_a_reader(void *argument)
{
    int fds[2];
    make_pair(fds);
    struct reader reader = {open_descriptor(fds[0]), NO_DEADLINE, -1, false};
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "reader", wait_readable, &reader);
    assert_int_equal(fiber_yield(), 0);
    descriptor_close(reader.descriptor);
    assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), 0);
    assert_int_equal(reader.result, ECANCELED);
    assert_int_equal(fcntl(fds[0], F_GETFD), -1);
    fiber_group_close(&group);
    close(fds[1]);
    descriptor_close(NULL);
}

static void closing_cancels_who_waits(void **state)
{
    fixture_run(close_under_a_reader, NULL);
}

static void cancel_a_reader(void *argument)
{
    int fds[2];
    make_pair(fds);
    struct reader reader = {open_descriptor(fds[0]), NO_DEADLINE, -1, false};
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "reader", wait_readable, &reader);
    assert_int_equal(fiber_yield(), 0);
    fiber_group_close(&group);
    assert_int_equal(reader.result, ECANCELED);
    /* Somebody else can wait for it now. */
    send_octet(fds[1]);
    assert_int_equal(descriptor_wait_readable(reader.descriptor, loop_deadline(SECOND)), 0);
    descriptor_close(reader.descriptor);
    close(fds[1]);
}

static void a_cancelled_wait_leaves_the_descriptor_usable(void **state)
{
    fixture_run(cancel_a_reader, NULL);
}

/* Two descriptors become ready in one batch; whoever runs first closes the other's. */
struct rival {
    struct descriptor **mine, **other;
    int result;
};

static void close_the_other(void *argument)
{
    struct rival *rival = argument;
    rival->result = descriptor_wait_readable(*rival->mine, NO_DEADLINE);
    if (!rival->result) {
        descriptor_close(*rival->other);
        *rival->other = NULL;
    }
}

static void close_within_a_batch(void *argument)
{
    for (unsigned round = 0; round < 2; round++) {
        int a[2], b[2];
        make_pair(a);
        make_pair(b);
        struct descriptor *first = open_descriptor(a[0]), *second = open_descriptor(b[0]);
        struct rival rivals[] = {{&first, &second, -1}, {&second, &first, -1}};
        struct fiber_group group;
        fiber_group_open(&group);
        fixture_start(&group, "rival", close_the_other, &rivals[round]);
        fixture_start(&group, "rival", close_the_other, &rivals[!round]);
        assert_int_equal(fiber_yield(), 0);
        send_octet(a[1]);
        send_octet(b[1]);
        assert_int_equal(fiber_group_wait(&group, NO_DEADLINE), 0);
        assert_true((rivals[0].result == 0) != (rivals[1].result == 0));
        assert_int_equal(rivals[0].result + rivals[1].result, ECANCELED);
        fiber_group_close(&group);
        /* The same number again must not see anything of the old one. */
        int fds[2];
        make_pair(fds);
        struct descriptor *fresh = open_descriptor(fds[0]);
        assert_int_equal(descriptor_wait_readable(fresh, loop_deadline(SECOND)), ETIMEDOUT);
        descriptor_close(fresh);
        descriptor_close(first);
        descriptor_close(second);
        close(fds[1]);
        close(a[1]);
        close(b[1]);
    }
}

static void closing_a_descriptor_whose_event_is_in_the_batch_is_safe(void **state)
{
    fixture_run(close_within_a_batch, NULL);
}

static void close_with_a_copy(void *argument)
{
    int fds[2];
    make_pair(fds);
    struct descriptor *descriptor = open_descriptor(fds[0]);
    int copy = dup(fds[0]);
    assert_int_equal(fiber_sleep(SECOND), 0);
    descriptor_close(descriptor);
    assert_int_equal(fiber_sleep(SECOND), 0); /* the struct is gone */
    send_octet(fds[1]);
    assert_int_equal(fiber_sleep(SECOND), 0);
    close(copy);
    close(fds[1]);
}

static void a_closed_descriptor_has_no_events_though_a_copy_lives(void **state)
{
    fixture_run(close_with_a_copy, NULL);
}

static void release_one(void *argument)
{
    int fds[2];
    make_pair(fds);
    struct descriptor *descriptor = open_descriptor(fds[0]);
    assert_int_equal(descriptor_fd(descriptor), fds[0]);
    assert_int_equal(descriptor_release(descriptor), fds[0]);
    send_octet(fds[0]);
    take_octet(fds[1]);
    /* It can be opened again. */
    descriptor_close(open_descriptor(fds[0]));
    close(fds[1]);
}

static void a_released_descriptor_stays_open(void **state)
{
    fixture_run(release_one, NULL);
}

static void open_a_file(void *argument)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    errno = 0;
    assert_null(descriptor_open(fileno(file)));
    assert_int_equal(errno, EPERM);
    assert_true(fcntl(fileno(file), F_GETFD) >= 0);
    fclose(file);
    assert_null(descriptor_open(-1));
    assert_int_equal(errno, EBADF);
}

static void what_epoll_refuses_stays_the_callers(void **state)
{
    fixture_run(open_a_file, NULL);
}

static void wait_twice(void *argument)
{
    int fds[2];
    make_pair(fds);
    struct reader reader = {open_descriptor(fds[0]), NO_DEADLINE, -1, false};
    struct fiber_group group;
    fiber_group_open(&group);
    fixture_start(&group, "one", wait_readable, &reader);
    fixture_start(&group, "two", wait_readable, &reader);
    fiber_group_wait(&group, loop_deadline(SECOND));
    _exit(0);
}

static void a_second_reader_is_a_bug_and_panics(void **state)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGABRT, SIG_DFL);
        if (freopen("/dev/null", "w", stderr))
            fixture_run(wait_twice, NULL);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* Listeners. */

static int listen_on_loopback(struct sockaddr_in *address)
{
    socklen_t size = sizeof(*address);
    *address = (struct sockaddr_in){.sin_family = AF_INET};
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)address, size), 0);
    assert_int_equal(listen(fd, 128), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)address, &size), 0);
    return fd;
}

static int connect_to(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)address, sizeof(*address)), 0);
    return fd;
}

enum { CONNECTIONS = 40, EDGES = 2 };

struct edge {
    int listener;
    unsigned accepted;
    atomic_uint *left;
};

static void accept_connections(void *argument)
{
    struct edge *edge = argument;
    struct descriptor *listener = descriptor_open_listener(dup(edge->listener));
    assert_non_null(listener);
    while (*edge->left) {
        if (descriptor_wait_readable(listener, loop_deadline(50 * MILLISECOND)))
            continue;
        int fd = accept4(descriptor_fd(listener), NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            continue;
        edge->accepted++;
        --*edge->left;
        close(fd);
    }
    descriptor_close(listener);
}

static void *run_edge(void *argument)
{
    struct loop *loop = loop_create(&(struct loop_options){0});
    if (!loop)
        return NULL;
    loop_run(loop, accept_connections, argument);
    loop_destroy(loop);
    return NULL;
}

static void listeners_that_share_a_socket_accept_each_connection_once(void **state)
{
    struct sockaddr_in address;
    int listener = listen_on_loopback(&address);
    atomic_uint left = CONNECTIONS;
    struct edge edges[EDGES];
    pthread_t threads[EDGES];
    for (size_t i = 0; i < EDGES; i++) {
        edges[i] = (struct edge){listener, 0, &left};
        assert_int_equal(pthread_create(&threads[i], NULL, run_edge, &edges[i]), 0);
    }
    int fds[CONNECTIONS];
    for (size_t i = 0; i < CONNECTIONS; i++)
        fds[i] = connect_to(&address);
    unsigned accepted = 0;
    for (size_t i = 0; i < EDGES; i++) {
        pthread_join(threads[i], NULL);
        accepted += edges[i].accepted;
    }
    assert_int_equal(accepted, CONNECTIONS);
    for (size_t i = 0; i < CONNECTIONS; i++)
        close(fds[i]);
    close(listener);
}

static int64_t processor_time(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (int64_t)time.tv_sec * SECOND + time.tv_nsec / 1000;
}

static void ignore_connections(void *argument)
{
    struct sockaddr_in address;
    struct descriptor *listener = descriptor_open_listener(listen_on_loopback(&address));
    assert_non_null(listener);
    int fds[3];
    for (size_t i = 0; i < countof(fds); i++)
        fds[i] = connect_to(&address);
    int64_t before = processor_time();
    assert_int_equal(fiber_sleep(300 * MILLISECOND), 0);
    assert_true(processor_time() - before < 100 * MILLISECOND);
    for (size_t i = 0; i < countof(fds); i++) {
        assert_int_equal(descriptor_wait_readable(listener, loop_deadline(5 * SECOND)), 0);
        int fd = accept(descriptor_fd(listener), NULL, NULL);
        /* The first wait may report what came before: then it tries again, as all users do. */
        while (fd < 0) {
            assert_int_equal(errno, EAGAIN);
            assert_int_equal(descriptor_wait_readable(listener, loop_deadline(5 * SECOND)), 0);
            fd = accept(descriptor_fd(listener), NULL, NULL);
        }
        close(fd);
        close(fds[i]);
    }
    assert_int_equal(descriptor_wait_readable(listener, loop_deadline(20 * MILLISECOND)),
                     ETIMEDOUT);
    descriptor_close(listener);
}

static void connections_that_nobody_accepts_do_not_make_the_loop_spin(void **state)
{
    fixture_run_real(ignore_connections, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_ends_when_octets_come),
        cmocka_unit_test(an_edge_is_remembered_until_a_wait_reports_it),
        cmocka_unit_test(a_full_socket_becomes_writable_when_it_is_emptied),
        cmocka_unit_test(closing_cancels_who_waits),
        cmocka_unit_test(a_cancelled_wait_leaves_the_descriptor_usable),
        cmocka_unit_test(closing_a_descriptor_whose_event_is_in_the_batch_is_safe),
        cmocka_unit_test(a_closed_descriptor_has_no_events_though_a_copy_lives),
        cmocka_unit_test(a_released_descriptor_stays_open),
        cmocka_unit_test(what_epoll_refuses_stays_the_callers),
        cmocka_unit_test(a_second_reader_is_a_bug_and_panics),
        cmocka_unit_test(listeners_that_share_a_socket_accept_each_connection_once),
        cmocka_unit_test(connections_that_nobody_accepts_do_not_make_the_loop_spin),
    };
    return cmocka_run_group_tests_name("fiber/descriptor", tests, NULL, NULL);
}
