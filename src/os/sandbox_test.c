/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of sandbox: children enter it and try things. As root each runs twice, as root that
 * becomes nobody and as an ordinary user; else as the user who runs the tests.
 */
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

static void every_role_can_work(void **state)
{
    (void)state;
    assert_works(base_sandbox(false), "everyday work", everyday_work);
}

static int abort_itself(void)
{
    abort();
}

static void panic_still_ends_in_sigabrt(void **state)
{
    (void)state;
    int status = run(base_sandbox(true), geteuid() == 0, abort_itself);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

#define PREVENTED(sandbox, attempt) assert_prevented(sandbox, #attempt, attempt)
#define KILLS(sandbox, attempt) assert_kills(sandbox, #attempt, attempt)
#define WORKS(sandbox, attempt) assert_works(sandbox, #attempt, attempt)

static void role_without_files_reaches_none(void **state)
{
    (void)state;
    struct sandbox sandbox = base_sandbox(false);
    PREVENTED(sandbox, open_for_reading);
    PREVENTED(sandbox, open_for_writing);
    PREVENTED(sandbox, open_proc);
    PREVENTED(sandbox, list_root);
    PREVENTED(sandbox, stat_file);
    KILLS(sandbox, unlink_file);
    KILLS(sandbox, make_folder);
    KILLS(sandbox, link_file);
    KILLS(sandbox, make_symlink);
}

static void role_without_network_has_no_sockets(void **state)
{
    (void)state;
    struct sandbox sandbox = base_sandbox(false);
    KILLS(sandbox, socket_tcp);
    KILLS(sandbox, socket_udp);
    KILLS(sandbox, socket_unix);
    KILLS(sandbox, connect_unix);
    KILLS(sandbox, accept_one);
    KILLS(sandbox, bind_listener);
    KILLS(sandbox, listen_again);
}

static void no_role_can_start_or_touch_processes(void **state)
{
    (void)state;
    struct sandbox sandbox = base_sandbox(false);
    PREVENTED(sandbox, fork_child);
    PREVENTED(sandbox, start_thread_raw);
    KILLS(sandbox, execute);
    KILLS(sandbox, execute_descriptor);
    KILLS(sandbox, signal_other);
    KILLS(sandbox, signal_other_thread);
    KILLS(sandbox, trace_other);
    KILLS(sandbox, trace_me);
    KILLS(sandbox, read_other);
}

static void no_role_can_widen_what_it_may(void **state)
{
    (void)state;
    struct sandbox sandbox = base_sandbox(false);
    KILLS(sandbox, become_root);
    KILLS(sandbox, make_namespace);
    KILLS(sandbox, make_ring);
    KILLS(sandbox, load_bpf);
    KILLS(sandbox, change_root_again);
    KILLS(sandbox, raise_limit);
    KILLS(sandbox, executable_memory);
    KILLS(sandbox, make_memory_executable);
    PREVENTED(sandbox, attach_filter);
    PREVENTED(sandbox, set_ulp);
    KILLS(sandbox, terminal_input);
}

static void network_role_has_tcp_and_udp_only(void **state)
{
    (void)state;
    struct sandbox sandbox = base_sandbox(false);
    sandbox.may_connect_network = true;
    WORKS(sandbox, everyday_work);
    WORKS(sandbox, socket_tcp);
    WORKS(sandbox, socket_udp);
    WORKS(sandbox, connect_tcp);
    KILLS(sandbox, socket_raw);
    KILLS(sandbox, socket_mptcp);
    KILLS(sandbox, socket_unix);
    KILLS(sandbox, socket_netlink);
    KILLS(sandbox, socket_packet);
    KILLS(sandbox, socket_vsock);
    KILLS(sandbox, bind_socket);
    KILLS(sandbox, accept_one);
    PREVENTED(sandbox, open_for_reading);
}

static void network_role_reaches_its_ports_only(void **state)
{
    (void)state;
    struct sandbox sandbox = base_sandbox(false);
    uint16_t other = 53;
    sandbox.may_connect_network = true;
    sandbox.connect_ports = &listener_port;
    sandbox.connect_port_count = 1;
    WORKS(sandbox, connect_tcp);
    KILLS(sandbox, connect_fast_open);
    if (landlock_abi() < 4)
        return;
    sandbox.connect_ports = &other;
    PREVENTED(sandbox, connect_tcp);
    sandbox.connect_port_count = 0;
    PREVENTED(sandbox, connect_tcp);
}

static int bind_ephemeral_then_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)))
        return 2;
    address.sin_port = htons(22222);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    return outcome(bind(fd, (struct sockaddr *)&address, sizeof(address)));
}

static void source_address_may_be_bound_but_no_port(void **state)
{
    (void)state;
    struct sandbox sandbox = base_sandbox(false);
    sandbox.may_connect_network = sandbox.may_bind_source = true;
    WORKS(sandbox, bind_socket);
    KILLS(sandbox, listen_again);
    if (landlock_abi() >= 4)
        PREVENTED(sandbox, bind_ephemeral_then_port);
}

static int accept_waiting(void)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) < 0)
        if (errno != EAGAIN)
            return FAILED;
    return SUCCEEDED;
}

static void edge_may_accept(void **state)
{
    (void)state;
    struct sandbox sandbox = base_sandbox(false);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(listener_port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int i = 0; i < 2; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        close(fd);
    }
    sandbox.may_accept = true;
    WORKS(sandbox, accept_waiting);
    KILLS(sandbox, listen_again);
    KILLS(sandbox, socket_tcp);
}

static void unix_role_may_connect_to_paths(void **state)
{
    (void)state;
    struct sandbox sandbox = base_sandbox(false);
    sandbox.may_connect_unix = true;
    WORKS(sandbox, connect_unix);
    KILLS(sandbox, socket_tcp);
}

static int connect_abstract(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t size = sizeof(address);
    if (getsockname(abstract_listener, (struct sockaddr *)&address, &size))
        return 2;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return outcome(connect(fd, (struct sockaddr *)&address, size));
}

static void unix_role_cannot_reach_abstract_sockets_outside(void **state)
{
    (void)state;
    struct sandbox sandbox = base_sandbox(false);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (landlock_abi() < 6)
        skip();
    abstract_listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* Only the family: the kernel chooses an abstract name. */
    assert_int_equal(bind(abstract_listener, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
    assert_int_equal(listen(abstract_listener, 4), 0);
    assert_int_equal(in_child(connect_abstract), SUCCEEDED);
    sandbox.may_connect_unix = true;
    PREVENTED(sandbox, connect_abstract);
    close(abstract_listener);
}

/* ---- files ---- */

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

static void in(const char *directory, const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", directory, name);
}

static int work_with_database(void)
{
    char name[128];
    sqlite3 *database;
    in(writable, "db", name);
    if (sqlite3_open(name, &database) ||
        sqlite3_exec(database,
                     "pragma journal_mode=wal; pragma synchronous=full;"
                     "create table if not exists t(a); insert into t values(1);"
                     "pragma wal_checkpoint(truncate); vacuum;",
                     NULL, NULL, NULL))
        return 2;
    return sqlite3_close(database) ? 3 : SUCCEEDED;
}

static int deliver_durably(void)
{
    struct durable *disk = durable_kernel();
    char tmp[128], new[128], from[128], to[128];
    in(writable, "tmp", tmp), in(writable, "new", new), in(writable, "tmp/1", from),
        in(writable, "new/1", to);
    if ((disk->make_directory(disk, tmp, 0700) && errno != EEXIST) ||
        (disk->make_directory(disk, new, 0700) && errno != EEXIST))
        return 2;
    int fd = disk->create(disk, from, 0600);
    if (fd < 0 || disk->write(disk, fd, BYTES("x")) || disk->start_sync(disk, fd) ||
        disk->sync(disk, fd) || disk->close(disk, fd))
        return 3;
    if (disk->rename(disk, from, to) || disk->sync_directory(disk, new))
        return 4;
    return outcome(disk->unlink(disk, to));
}

static int read_readable(void)
{
    char name[128], text[8];
    in(readable, "file", name);
    int fd = open(name, O_RDONLY);
    return fd >= 0 && read(fd, text, sizeof(text)) == 1 ? SUCCEEDED : FAILED;
}

static int write_readable(void)
{
    char name[128];
    in(readable, "file", name);
    return outcome(open(name, O_WRONLY));
}

static int truncate_readable(void)
{
    char name[128];
    in(readable, "file", name);
    return outcome(open(name, O_RDONLY | O_TRUNC));
}

ATTEMPT(read_outside, open(outside, O_RDONLY))
static int create_outside(void)
{
    char name[128];
    in(folder, "new-file", name);
    return outcome(open(name, O_WRONLY | O_CREAT, 0600));
}
static int move_outside(void)
{
    char from[128], to[128];
    in(writable, "moving", from), in(folder, "moved", to);
    int fd = open(from, O_WRONLY | O_CREAT, 0600);
    if (fd < 0)
        return 2;
    return outcome(rename(from, to));
}
static int make_device(void)
{
    char name[128];
    in(writable, "device", name);
    return outcome(mknod(name, S_IFIFO | 0600, 0));
}
static int leave_by_dots(void)
{
    char name[128];
    in(writable, "../outside", name);
    return outcome(open(name, O_RDONLY));
}

static void store_works_beneath_its_paths(void **state)
{
    (void)state;
    struct sandbox sandbox = files_sandbox();
    WORKS(sandbox, everyday_work);
    WORKS(sandbox, work_with_database);
    WORKS(sandbox, deliver_durably);
    WORKS(sandbox, read_readable);
}

static void store_reaches_nothing_else(void **state)
{
    (void)state;
    struct sandbox sandbox = files_sandbox();
    if (landlock_abi() < 3)
        skip();
    PREVENTED(sandbox, write_readable);
    PREVENTED(sandbox, truncate_readable);
    PREVENTED(sandbox, read_outside);
    PREVENTED(sandbox, create_outside);
    PREVENTED(sandbox, move_outside);
    PREVENTED(sandbox, leave_by_dots);
    PREVENTED(sandbox, open_for_reading);
    PREVENTED(sandbox, open_for_writing);
    PREVENTED(sandbox, open_proc);
    PREVENTED(sandbox, list_root);
    KILLS(sandbox, make_device);
    KILLS(sandbox, link_file);
    KILLS(sandbox, make_symlink);
    KILLS(sandbox, socket_tcp);
    KILLS(sandbox, execute);
}

static void missing_path_is_a_permanent_error(void **state)
{
    (void)state;
    struct sandbox_path path = {"/nonexistent", true};
    struct sandbox sandbox = {
        .role = "test", .files = SANDBOX_FILES, .paths = &path, .path_count = 1};
    struct sandbox_report report;
    struct error error;
    if (landlock_abi() < 2)
        skip();
    assert_int_equal(sandbox_enter(&sandbox, &report, &error), PERM);
    assert_non_null(strstr(error.text, "/nonexistent"));
}

static int work_with_lmdb(void)
{
    MDB_env *environment;
    MDB_txn *transaction;
    MDB_dbi table;
    MDB_val key = {1, empty}, value = {1, empty};
    if (mdb_env_create(&environment) || mdb_env_open(environment, writable, 0, 0600))
        return 2;
    for (int i = 0; i < 2; i++)
        if (mdb_txn_begin(environment, NULL, 0, &transaction) ||
            mdb_dbi_open(transaction, NULL, 0, &table) ||
            mdb_put(transaction, table, &key, &value, 0) || mdb_txn_commit(transaction))
            return 3;
    if (mdb_txn_begin(environment, NULL, MDB_RDONLY, &transaction) ||
        mdb_get(transaction, table, &key, &value))
        return 4;
    mdb_txn_abort(transaction);
    if (mdb_env_sync(environment, 1))
        return 5;
    mdb_env_close(environment);
    return SUCCEEDED;
}

static void store_can_use_lmdb(void **state)
{
    (void)state;
    struct sandbox sandbox = files_sandbox();
    WORKS(sandbox, work_with_lmdb);
}

/* ---- threads that ran before ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool go;
static int thread_result[3];

static void *worker(void *argument)
{
    int index = *(int *)argument;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    pthread_mutex_lock(&lock);
    while (!go)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    int inside = read_readable(), outside_result = read_outside();
    thread_result[index] = inside == SUCCEEDED && outside_result == FAILED && getuid() != 0;
    return NULL;
}

static int check_threads(void)
{
    pthread_t threads[3];
    int numbers[] = {0, 1, 2};
    struct sandbox sandbox = files_sandbox();
    struct sandbox_report report;
    struct error error;
    sandbox.explain = true;
    for (size_t i = 0; i < 3; i++)
        if (pthread_create(&threads[i], NULL, worker, &numbers[i]))
            return 2;
    if (sandbox_enter(&sandbox, &report, &error) != OK) {
        dprintf(2, "%s\n", error.text);
        return 3;
    }
    if (report.threads < 3)
        return 4;
    pthread_mutex_lock(&lock);
    go = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    return thread_result[0] && thread_result[1] && thread_result[2] ? SUCCEEDED : FAILED;
}

static void threads_that_ran_before_are_restricted_too(void **state)
{
    (void)state;
    if (landlock_abi() < 3)
        skip();
    int status = in_child(check_threads);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), SUCCEEDED);
}

/* ---- the rest of the promise ---- */

static int ask_limits(void)
{
    struct rlimit core, files;
    if (getrlimit(RLIMIT_CORE, &core) || getrlimit(RLIMIT_NOFILE, &files))
        return 2;
    return core.rlim_cur == 0 && core.rlim_max == 0 && files.rlim_cur > 16 ? SUCCEEDED : FAILED;
}

static void no_core_is_dumped_and_descriptors_stay(void **state)
{
    (void)state;
    WORKS(base_sandbox(false), ask_limits);
}

static int ids(void)
{
    return getuid() != 0 && geteuid() != 0 && getgid() != 0 && getegid() != 0 ? SUCCEEDED : FAILED;
}

static void root_is_given_up(void **state)
{
    (void)state;
    WORKS(base_sandbox(false), ids);
}

/* The owner of a process's /proc entries is root when it is not dumpable: nobody of the same user
 * may attach to it or read its memory. */
static void role_is_not_dumpable(void **state)
{
    (void)state;
    int ready[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct sandbox sandbox = base_sandbox(false);
        struct sandbox_report report;
        /* An ordinary user who is dumpable: becoming one has ended that, so it is set again. */
        if (geteuid() == 0 && (setresuid(NOBODY, NOBODY, NOBODY) || prctl(PR_SET_DUMPABLE, 1)))
            _exit(NO_SANDBOX);
        sandbox.user = sandbox.chroot_to = NULL;
        if (sandbox_enter(&sandbox, &report, NULL) != OK || write(ready[1], "r", 1) != 1)
            _exit(NO_SANDBOX);
        for (;;)
            poll(NULL, 0, -1);
    }
    close(ready[1]);
    char got;
    char name[64];
    struct stat status;
    assert_int_equal(read(ready[0], &got, 1), 1);
    close(ready[0]);
    snprintf(name, sizeof(name), "/proc/%d/maps", (int)pid);
    assert_int_equal(stat(name, &status), 0);
    assert_int_equal(status.st_uid, 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static int lose_parent(void)
{
    int ready[2];
    if (pipe2(ready, O_CLOEXEC))
        return 2;
    if (fork() == 0) {
        struct sandbox sandbox = base_sandbox(false);
        struct sandbox_report report;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (sandbox_enter(&sandbox, &report, NULL) != OK || write(ready[1], "r", 1) != 1)
            _exit(NO_SANDBOX);
        for (;;)
            poll(NULL, 0, -1);
    }
    char got;
    return read(ready[0], &got, 1) == 1 ? SUCCEEDED : FAILED;
}

/* The kernel clears the parent-death signal when the user changes; a role without master must not
 * live on. */
static void role_still_dies_with_its_parent(void **state)
{
    (void)state;
    int held[2];
    char got;
    assert_int_equal(pipe(held), 0);
    assert_int_equal(in_child(lose_parent), 0);
    close(held[1]);
    struct pollfd wanted = {.fd = held[0], .events = POLLIN};
    assert_int_equal(poll(&wanted, 1, 10000), 1);
    assert_int_equal(read(held[0], &got, 1), 0);
    close(held[0]);
}

static void unsafe_configuration_is_refused(void **state)
{
    (void)state;
    struct sandbox_report report;
    struct sandbox sandbox = {.role = "test", .user = "no-such-account"};
    assert_int_equal(sandbox_enter(&sandbox, &report, NULL), PERM);
    sandbox.user = "root";
    assert_int_equal(sandbox_enter(&sandbox, &report, NULL), PERM);
    sandbox.user = "0";
    assert_int_equal(sandbox_enter(&sandbox, &report, NULL), PERM);
    if (geteuid() != 0)
        return;
    sandbox.user = "65534";
    sandbox.chroot_to = folder; /* not empty */
    assert_int_equal(sandbox_enter(&sandbox, &report, NULL), PERM);
    sandbox.chroot_to = "/nonexistent";
    assert_int_equal(sandbox_enter(&sandbox, &report, NULL), PERM);
}

/* A system (a container, an old kernel) that refuses all of it. */
static int enter_where_all_is_refused(void)
{
    struct sandbox sandbox = base_sandbox(false);
    struct sandbox_report report;
    struct error error;
    sandbox.user = geteuid() == 0 ? "65534" : NULL;
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
    static const int calls[] = {SCMP_SYS(seccomp), SCMP_SYS(chroot), SCMP_SYS(setresuid)};
    if (!context || seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), 444, 0))
        return 2;
    for (size_t i = 0; i < countof(calls); i++)
        if (seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), calls[i], 0))
            return 3;
    if (seccomp_load(context))
        return 4;
    seccomp_release(context);
    if (sandbox_enter(&sandbox, &report, &error) != OK) {
        dprintf(2, "%s\n", error.text);
        return 5;
    }
    if (report.seccomp || report.landlock_abi || report.chrooted || report.user_dropped)
        return 6;
    if (!strstr(report.missing, "seccomp") || !strstr(report.missing, "Landlock"))
        return 7;
    if (sandbox.user && (!strstr(report.missing, "chroot") || !strstr(report.missing, "user")))
        return 8;
    return SUCCEEDED;
}

static void what_the_system_refuses_is_reported(void **state)
{
    (void)state;
    int status = in_child(enter_where_all_is_refused);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), SUCCEEDED);
}

/* ---- the master ---- */

static int spawn_sandboxed_child(void)
{
    char name[] = "true";
    char *const argv[] = {name, NULL};
    pid_t pid = fork();
    if (pid == 0)
        execv("/bin/true", argv);
    int status;
    if (waitpid(pid, &status, 0) != pid || status)
        return 2;
    pid = fork();
    if (pid == 0) {
        struct sandbox sandbox = base_sandbox(geteuid() != 0);
        struct sandbox_report report;
        if (sandbox_enter(&sandbox, &report, NULL) != OK || !report.seccomp)
            _exit(NO_SANDBOX);
        _exit(open_for_reading() == FAILED && everyday_work() == SUCCEEDED ? 0 : 1);
    }
    if (waitpid(pid, &status, 0) != pid || status)
        return 3;
    pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    return kill(pid, SIGTERM) || waitpid(pid, &status, 0) != pid ? 4 : SUCCEEDED;
}

static void master_can_start_sandboxed_children_but_not_attack(void **state)
{
    (void)state;
    struct sandbox sandbox = {.role = "master", .may_spawn = true};
    WORKS(sandbox, spawn_sandboxed_child);
    KILLS(sandbox, trace_other);
    KILLS(sandbox, read_other);
    KILLS(sandbox, load_bpf);
    KILLS(sandbox, make_ring);
}

static int signal_own_thread(void)
{
    return outcome(syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 0));
}

static void own_thread_may_be_signalled(void **state)
{
    (void)state;
    WORKS(base_sandbox(false), signal_own_thread);
}

static void explanation_names_the_call_and_the_process_still_dies(void **state)
{
    (void)state;
    int said[2], kept = dup(STDERR_FILENO);
    char text[512] = "";
    char expected[64];
    struct sandbox sandbox = base_sandbox(false);
    sandbox.explain = true;
    assert_int_equal(pipe2(said, O_CLOEXEC), 0);
    dup2(said[1], STDERR_FILENO);
    int status = run(sandbox, false, socket_tcp);
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(said[1]);
    assert_true(was_killed(status));
    assert_true(read(said[0], text, sizeof(text) - 1) > 0);
    close(said[0]);
    snprintf(expected, sizeof(expected), "test: the sandbox refused system call %d\n",
             (int)SYS_socket);
    assert_non_null(strstr(text, expected));
}

/* ---- */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_role_can_work),
        cmocka_unit_test(panic_still_ends_in_sigabrt),
        cmocka_unit_test(role_without_files_reaches_none),
        cmocka_unit_test(role_without_network_has_no_sockets),
        cmocka_unit_test(no_role_can_start_or_touch_processes),
        cmocka_unit_test(no_role_can_widen_what_it_may),
        cmocka_unit_test(network_role_has_tcp_and_udp_only),
        cmocka_unit_test(network_role_reaches_its_ports_only),
        cmocka_unit_test(source_address_may_be_bound_but_no_port),
        cmocka_unit_test(edge_may_accept),
        cmocka_unit_test(unix_role_may_connect_to_paths),
        cmocka_unit_test(unix_role_cannot_reach_abstract_sockets_outside),
        cmocka_unit_test(store_works_beneath_its_paths),
        cmocka_unit_test(store_can_use_lmdb),
        cmocka_unit_test(store_reaches_nothing_else),
        cmocka_unit_test(missing_path_is_a_permanent_error),
        cmocka_unit_test(threads_that_ran_before_are_restricted_too),
        cmocka_unit_test(no_core_is_dumped_and_descriptors_stay),
        cmocka_unit_test(root_is_given_up),
        cmocka_unit_test(role_is_not_dumpable),
        cmocka_unit_test(role_still_dies_with_its_parent),
        cmocka_unit_test(unsafe_configuration_is_refused),
        cmocka_unit_test(what_the_system_refuses_is_reported),
        cmocka_unit_test(master_can_start_sandboxed_children_but_not_attack),
        cmocka_unit_test(own_thread_may_be_signalled),
        cmocka_unit_test(explanation_names_the_call_and_the_process_still_dies),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
