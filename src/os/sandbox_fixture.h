/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sandbox_fixture: what the unit tests of sandbox begin with, and what their children try.
 * As root each runs twice, as root that becomes nobody and as an ordinary user; else as the user who
 * runs the tests.
 */
#ifndef VOUCH_OS_SANDBOX_FIXTURE_H
#define VOUCH_OS_SANDBOX_FIXTURE_H

/* Not every test file uses all of it. */
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-variable"

#include "base/bytes.h"
#include "os/durable.h"
#include "os/sandbox.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <lmdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { NOBODY = 65534, SUCCEEDED = 0, FAILED = 1, NO_SANDBOX = 98 };

static char folder[64], empty[80], writable[80], readable[80], outside[80];
static int listener = -1; /* 127.0.0.1, some port */
static int abstract_listener = -1;
static uint16_t listener_port;
static pid_t bystander; /* a process of the same user, to be attacked */

/* How a child enters: as it is (as_user false) or having become nobody beforehand. */
static struct sandbox base_sandbox(bool as_user)
{
    struct sandbox sandbox = {.role = "test"};
    if (geteuid() == 0 && !as_user) {
        sandbox.user = "65534";
        sandbox.chroot_to = empty;
    }
    return sandbox;
}

/* Runs `attempt` in a sandboxed child; its exit status as wait() gives it. */
static int run(struct sandbox sandbox, bool as_user, int (*attempt)(void))
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct sandbox_report report;
        struct error error;
        if (geteuid() == 0 && as_user &&
            (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
             setresuid(NOBODY, NOBODY, NOBODY)))
            _exit(NO_SANDBOX);
        if (as_user)
            sandbox.user = sandbox.chroot_to = NULL;
        if (sandbox_enter(&sandbox, &report, &error) != OK) {
            dprintf(2, "sandbox_enter: %s\n", error.text);
            _exit(NO_SANDBOX);
        }
        if (report.missing[0])
            dprintf(2, "# missing here: %s\n", report.missing);
        _exit(attempt());
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int landlock_abi(void)
{
    return (int)syscall(444, NULL, 0, 1);
}

static bool was_killed(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

static void assert_works(struct sandbox sandbox, const char *what, int (*attempt)(void))
{
    for (int as_user = geteuid() != 0; as_user < 2; as_user++) {
        int status = run(sandbox, as_user, attempt);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != SUCCEEDED)
            fail_msg("%s (%s): status %#x", what, as_user ? "user" : "root", (unsigned)status);
    }
}

/* Dies by SIGSYS, or is told no. */
static void assert_prevented(struct sandbox sandbox, const char *what, int (*attempt)(void))
{
    for (int as_user = geteuid() != 0; as_user < 2; as_user++) {
        int status = run(sandbox, as_user, attempt);
        if (!was_killed(status) && (!WIFEXITED(status) || WEXITSTATUS(status) != FAILED))
            fail_msg("%s (%s): status %#x", what, as_user ? "user" : "root", (unsigned)status);
    }
}

static void assert_kills(struct sandbox sandbox, const char *what, int (*attempt)(void))
{
    for (int as_user = geteuid() != 0; as_user < 2; as_user++) {
        int status = run(sandbox, as_user, attempt);
        if (!was_killed(status))
            fail_msg("%s (%s): status %#x", what, as_user ? "user" : "root", (unsigned)status);
    }
}

static int outcome(long result)
{
    return result >= 0 ? SUCCEEDED : FAILED;
}

static int in_child(int (*function)(void))
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(function());
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* ---- attempts ---- */

#define ATTEMPT(name, call)                                                                        \
    static int name(void)                                                                          \
    {                                                                                              \
        return outcome(call);                                                                      \
    }

ATTEMPT(open_for_reading, open("/etc/passwd", O_RDONLY))
ATTEMPT(open_for_writing, open("/tmp/x", O_WRONLY | O_CREAT, 0600))
ATTEMPT(open_proc, open("/proc/self/mem", O_RDWR))
static struct stat nowhere;
static char zeros[256];
ATTEMPT(list_root, opendir("/") ? 0 : -1)
ATTEMPT(stat_file, stat("/etc/passwd", &nowhere))
ATTEMPT(unlink_file, unlink(outside))
ATTEMPT(make_folder, mkdir("/tmp/x", 0700))
ATTEMPT(link_file, link("/etc/passwd", outside))
ATTEMPT(make_symlink, symlink("/etc/passwd", "/tmp/y"))
ATTEMPT(socket_tcp, socket(AF_INET, SOCK_STREAM, 0))
ATTEMPT(socket_udp, socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0))
ATTEMPT(socket_raw, socket(AF_INET, SOCK_RAW, IPPROTO_ICMP))
ATTEMPT(socket_mptcp, socket(AF_INET, SOCK_STREAM, 262))
ATTEMPT(socket_unix, socket(AF_UNIX, SOCK_STREAM, 0))
ATTEMPT(socket_netlink, socket(AF_NETLINK, SOCK_RAW, 0))
ATTEMPT(socket_packet, socket(AF_PACKET, SOCK_RAW, 0))
ATTEMPT(socket_vsock, socket(AF_VSOCK, SOCK_STREAM, 0))
ATTEMPT(accept_one, accept4(listener, NULL, NULL, SOCK_CLOEXEC))
ATTEMPT(listen_again, listen(listener, 1))
ATTEMPT(start_thread_raw, syscall(SYS_clone, CLONE_VM | SIGCHLD, 0, 0, 0, 0))
ATTEMPT(fork_child, fork())
ATTEMPT(signal_other, kill(bystander, 0))
ATTEMPT(signal_other_thread, syscall(SYS_tgkill, bystander, bystander, SIGTERM))
ATTEMPT(trace_other, ptrace(PTRACE_ATTACH, bystander, 0, 0))
ATTEMPT(trace_me, ptrace(PTRACE_TRACEME, 0, 0, 0))
ATTEMPT(become_root, setuid(0))
static int read_other(void)
{
    char to;
    struct iovec here = {&to, 1}, there = {&listener, 1};
    return outcome(syscall(SYS_process_vm_readv, bystander, &here, 1, &there, 1, 0));
}
ATTEMPT(make_namespace, unshare(CLONE_NEWUSER))
ATTEMPT(make_ring, syscall(SYS_io_uring_setup, 1, zeros))
ATTEMPT(load_bpf, syscall(SYS_bpf, 0, zeros, 128))
ATTEMPT(change_root_again, chroot("/"))
static int raise_limit(void)
{
    struct rlimit limit = {10, 10};
    return outcome(setrlimit(RLIMIT_NOFILE, &limit));
}
static int executable_memory(void)
{
    void *memory =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? FAILED : SUCCEEDED;
}
static int make_memory_executable(void)
{
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return outcome(mprotect(memory, 4096, PROT_READ | PROT_EXEC));
}
static int execute(void)
{
    char name[] = "true";
    char *const argv[] = {name, NULL};
    return outcome(execv("/bin/true", argv));
}
static int execute_descriptor(void)
{
    char name[] = "true";
    char *const argv[] = {name, NULL};
    return outcome(syscall(SYS_execveat, 0, "", argv, NULL, 0x1000));
}
static int bind_socket(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    return outcome(
        bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof(address)));
}
static int bind_listener(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    return outcome(bind(listener, (struct sockaddr *)&address, sizeof(address)));
}
static int connect_tcp(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(listener_port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
        return 2;
    return outcome(connect(fd, (struct sockaddr *)&address, sizeof(address)));
}
static int connect_fast_open(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(listener_port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return outcome(sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, (struct sockaddr *)&address,
                          sizeof(address)));
}
static int connect_unix(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/nonexistent"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return FAILED;
    /* That it is told "no such file" shows that it was allowed to ask. */
    return connect(fd, (struct sockaddr *)&address, sizeof(address)) && errno == ENOENT ? SUCCEEDED
                                                                                        : FAILED;
}
static int attach_filter(void)
{
    char program[16] = {0};
    return outcome(setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, program, sizeof(program)));
}
ATTEMPT(set_ulp, setsockopt(listener, IPPROTO_TCP, 31, "tls", 3))
ATTEMPT(terminal_input, ioctl(0, TIOCSTI, "x"))

/* ---- what every role does all the time ---- */

static bool pass_descriptor(int pair[2])
{
    int memory = memfd_create("m", MFD_CLOEXEC);
    char control[CMSG_SPACE(sizeof(int))] = {0}, text[8] = "hello";
    struct iovec vector = {text, 5};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof(control)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(header), &memory, sizeof(memory));
    if (write(memory, "m", 1) != 1 || sendmsg(pair[0], &message, MSG_NOSIGNAL) != 5)
        return false;
    vector = (struct iovec){text, sizeof(text)};
    message.msg_controllen = sizeof(control);
    if (recvmsg(pair[1], &message, MSG_CMSG_CLOEXEC) != 5 || !CMSG_FIRSTHDR(&message))
        return false;
    memcpy(&memory, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(memory));
    return pread(memory, text, 1, 0) == 1 && text[0] == 'm';
}

static int inherited_pair[2] = {-1, -1};

static int everyday_work(void)
{
    struct stat status;
    char *memory = malloc(1 << 22); /* beyond brk: mmap, and back */
    if (!memory)
        return 10;
    memset(memory, 1, 1 << 22);
    memory = realloc(memory, 1 << 23);
    free(memory);
    if (!pass_descriptor(inherited_pair))
        return 11;
    if (fstat(inherited_pair[0], &status))
        return 12;
    time_t now = time(NULL);
    struct tm parts;
    if (!localtime_r(&now, &parts) || !gmtime_r(&now, &parts)) /* opens /etc/localtime in vain */
        return 13;
    int numbers[] = {3, 1, 2};
    qsort(numbers, 3, sizeof(int), (int (*)(const void *, const void *))strcmp);
    if (fcntl(inherited_pair[0], F_SETFL, O_NONBLOCK) ||
        recv(inherited_pair[0], numbers, 1, 0) != -1 || errno != EAGAIN)
        return 14;
    if (nanosleep(&(struct timespec){.tv_nsec = 1000}, NULL) || isatty(inherited_pair[0]))
        return 15;
    fprintf(stderr, "# works\n");
    return SUCCEEDED;
}

static void in(const char *directory, const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", directory, name);
}

static void make(char path[80], const char *name, mode_t mode)
{
    snprintf(path, 80, "%s/%s", folder, name);
    assert_int_equal(mkdir(path, mode), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void put(const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("x", file);
    fclose(file);
    assert_int_equal(chmod(path, 0666), 0);
}

static int set_up(void **state)
{
    (void)state;
    char name[128];
    memcpy(folder, "/tmp/vouch-sandbox-XXXXXX", 26);
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0777), 0);
    make(empty, "empty", 0755);
    make(writable, "writable", 0777);
    make(readable, "readable", 0777);
    if (geteuid() == 0)
        assert_int_equal(chown(writable, NOBODY, NOBODY), 0);
    snprintf(outside, sizeof(outside), "%s/outside", folder);
    put(outside);
    in(readable, "file", name);
    put(name);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 128), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    listener_port = ntohs(address.sin_port);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, inherited_pair), 0);
    bystander = fork();
    if (bystander == 0)
        for (;;)
            pause();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    kill(bystander, SIGKILL);
    waitpid(bystander, NULL, 0);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

#define PREVENTED(sandbox, attempt) assert_prevented(sandbox, #attempt, attempt)
#define KILLS(sandbox, attempt) assert_kills(sandbox, #attempt, attempt)
#define WORKS(sandbox, attempt) assert_works(sandbox, #attempt, attempt)

static struct sandbox files_sandbox(void)
{
    static struct sandbox_path paths[2];
    paths[0] = (struct sandbox_path){writable, true};
    paths[1] = (struct sandbox_path){readable, false};
    struct sandbox sandbox = base_sandbox(false);
    sandbox.chroot_to = NULL;
    sandbox.files = SANDBOX_FILES;
    sandbox.paths = paths;
    sandbox.path_count = 2;
    return sandbox;
}

#endif
