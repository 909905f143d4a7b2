/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of process. The test re-executes itself, as the program does. */
#include "os/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- what the re-executed children do; exit code 0: all was as it must be ---- */

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* Descriptors: 3 a pipe to write to, 4 another; nothing above. */
static int child_descriptors(void)
{
    if (write(3, "3", 1) != 1 || write(4, "4", 1) != 1)
        return 1;
    for (int fd = 5; fd < 1024; fd++)
        if (is_open(fd))
            return 2;
    int death_signal = 0;
    prctl(PR_GET_PDEATHSIG, &death_signal);
    if (death_signal != SIGKILL)
        return 3;
    sigset_t blocked;
    sigprocmask(SIG_SETMASK, NULL, &blocked);
    if (sigismember(&blocked, SIGTERM) || sigismember(&blocked, SIGUSR1))
        return 4;
    struct sigaction action;
    sigaction(SIGPIPE, NULL, &action);
    return action.sa_handler == SIG_DFL ? 0 : 5;
}

/* Starts a child of its own that holds descriptor 3, says so, and dies without a word. */
static int child_parent(void)
{
    const char *const argv[] = {"test", "sleep", NULL};
    pid_t pid = process_spawn(argv, (int[]){3}, 1);
    if (pid < 0 || write(4, "s", 1) != 1)
        return 1;
    raise(SIGKILL);
    return 2;
}

static int child_title(char **argv)
{
    const char *kept = argv[2];
    char line[256] = "", comm[64] = "", environment[32] = "";
    process_set_title("vouch: edge 1");
    int fd = open("/proc/self/cmdline", O_RDONLY);
    ssize_t length = read(fd, line, sizeof(line) - 1);
    close(fd);
    fd = open("/proc/self/comm", O_RDONLY);
    if (read(fd, comm, sizeof(comm) - 1) < 0)
        return 1;
    close(fd);
    if (length < 13 || strcmp(line, "vouch: edge 1") || strncmp(comm, "vouch: edge 1", 13))
        return 2;
    /* What main() was given stays readable, and so does the environment. */
    if (strcmp(kept, "kept") || !getenv("PROCESS_TEST") || strcmp(getenv("PROCESS_TEST"), "kept"))
        return 3;
    /* Longer than all there is: cut, not written past the end. */
    char *longest = malloc(100000);
    memset(longest, 'x', 99999);
    longest[99999] = 0;
    process_set_title(longest);
    free(longest);
    snprintf(environment, sizeof(environment), "%s", getenv("PROCESS_TEST"));
    return strcmp(environment, "kept") ? 4 : 0;
}

static int child_main(char **argv)
{
    if (!strcmp(argv[1], "descriptors"))
        return child_descriptors();
    if (!strcmp(argv[1], "parent"))
        return child_parent();
    if (!strcmp(argv[1], "title"))
        return child_title(argv);
    if (!strcmp(argv[1], "sleep"))
        return (int)sleep(60);
    return 99;
}

/* ---- tests ---- */

static int wait_for(pid_t pid)
{
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void spawned_child_has_its_descriptors_and_no_others(void **state)
{
    (void)state;
    const char *const argv[] = {"test", "descriptors", NULL};
    int first[2], second[2];
    assert_int_equal(pipe(first), 0); /* on purpose without close-on-exec */
    assert_int_equal(pipe(second), 0);
    for (int i = 0; i < 2; i++) { /* out of the way of 3 and 4 */
        first[i] = fcntl(first[i], F_DUPFD, 30);
        second[i] = fcntl(second[i], F_DUPFD, 30);
    }
    signal(SIGPIPE, SIG_IGN);
    sigset_t block;
    sigemptyset(&block);
    sigaddset(&block, SIGTERM);
    sigaddset(&block, SIGUSR1);
    sigprocmask(SIG_BLOCK, &block, NULL);
    /* Each wants the place where the other is. */
    int other = dup2(first[1], 20);
    assert_int_equal(dup2(second[1], 3), 3);
    pid_t pid = process_spawn(argv, (int[]){other, 3}, 2);
    assert_true(pid > 0);
    assert_int_equal(wait_for(pid), 0);
    sigprocmask(SIG_UNBLOCK, &block, NULL);
    char got;
    assert_int_equal(read(first[0], &got, 1), 1);
    assert_int_equal(got, '3');
    assert_int_equal(read(second[0], &got, 1), 1);
    assert_int_equal(got, '4');
}

static void child_dies_with_its_parent(void **state)
{
    (void)state;
    const char *const argv[] = {"test", "parent", NULL};
    int held[2], said[2];
    char got;
    assert_int_equal(pipe2(held, O_CLOEXEC), 0);
    assert_int_equal(pipe2(said, O_CLOEXEC), 0);
    pid_t pid = process_spawn(argv, (int[]){held[1], said[1]}, 2);
    assert_true(pid > 0);
    close(held[1]);
    close(said[1]);
    assert_int_equal(read(said[0], &got, 1), 1);
    assert_true(WIFSIGNALED(wait_for(pid)));
    /* The grandchild has the other end of `held`; end of file comes when it is dead. */
    struct pollfd wanted = {.fd = held[0], .events = POLLIN};
    assert_int_equal(poll(&wanted, 1, 10000), 1);
    assert_int_equal(read(held[0], &got, 1), 0);
    close(held[0]);
    close(said[0]);
}

static void bad_descriptor_is_reported_and_leaves_no_zombie(void **state)
{
    (void)state;
    const char *const argv[] = {"test", "sleep", NULL};
    assert_int_equal(process_spawn(argv, (int[]){-1}, 1), -EBADF);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static void title_is_seen_from_outside_and_spoils_nothing(void **state)
{
    (void)state;
    const char *const argv[] = {"test", "title", "kept", NULL};
    setenv("PROCESS_TEST", "kept", 1);
    pid_t pid = process_spawn(argv, NULL, 0);
    assert_true(pid > 0);
    assert_int_equal(wait_for(pid), 0);
    unsetenv("PROCESS_TEST");
}

static void receive_notification(const struct sockaddr_un *address, socklen_t size,
                                 const char *name)
{
    char got[32] = "";
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)address, size), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    process_notify("READY=1");
    assert_int_equal(recv(fd, got, sizeof(got), MSG_DONTWAIT), 7);
    assert_string_equal(got, "READY=1");
    unsetenv("NOTIFY_SOCKET");
    close(fd);
}

static void notify_reaches_path_and_abstract_sockets(void **state)
{
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[64];
    int length = snprintf(name, sizeof(name), "/tmp/vouch-notify-%d", (int)getpid());
    memcpy(address.sun_path, name, (size_t)length);
    receive_notification(&address, sizeof(address), name);
    unlink(name);
    length = snprintf(name, sizeof(name), "@vouch-notify-%d", (int)getpid());
    memcpy(address.sun_path, name, (size_t)length);
    address.sun_path[0] = 0;
    receive_notification(
        &address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length), name);
    process_notify("READY=1"); /* no socket: nothing happens */
    setenv("NOTIFY_SOCKET", "relative", 1);
    process_notify("READY=1");
    unsetenv("NOTIFY_SOCKET");
}

static void listen_fds_are_taken_only_when_meant_for_this_process(void **state)
{
    (void)state;
    const char *names;
    char pid[16];
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("LISTEN_PID", "1", 1);
    setenv("LISTEN_FDS", "1", 1);
    assert_int_equal(process_listen_fds(&names), 0);
    assert_null(names);
    assert_null(getenv("LISTEN_FDS"));
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "99999", 1);
    assert_int_equal(process_listen_fds(&names), 0);
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_FDNAMES", "smtp", 1);
    assert_true(dup2(0, 3) == 3);
    assert_int_equal(process_listen_fds(&names), 1);
    assert_string_equal(names, "smtp");
    assert_int_equal(fcntl(3, F_GETFD), FD_CLOEXEC);
    assert_null(getenv("LISTEN_PID"));
    assert_null(getenv("LISTEN_FDNAMES"));
    close(3);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return child_main(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spawned_child_has_its_descriptors_and_no_others),
        cmocka_unit_test(child_dies_with_its_parent),
        cmocka_unit_test(bad_descriptor_is_reported_and_leaves_no_zombie),
        cmocka_unit_test(title_is_seen_from_outside_and_spoils_nothing),
        cmocka_unit_test(notify_reaches_path_and_abstract_sockets),
        cmocka_unit_test(listen_fds_are_taken_only_when_meant_for_this_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
