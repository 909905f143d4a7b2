/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each role can still do once its sandbox is closed, against the table in ARCHITECTURE.md.
 *
 * A child prepares itself exactly as the role does (definition->prepare, then role_enter_sandbox) and then
 * tries one thing after the other. One that it dies of (SIGSYS) is refused, and the next child goes on
 * behind it. As root all roles run twice: as the gateway's own root start (account dropped, chroot), and as
 * an ordinary user (--unprivileged); else as that user only.
 */
#include "os/files.h"
#include "roles/edge.h"
#include "roles/store.h"
#include "tls/tls.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#define SYS_pidfd_getfd 438
#endif

enum { NOBODY = 65534, WORKS = 0, NOT_TRIED = -1, UNDER_WAY = -2, KILLED = 1000, ODD = 1001 };

#define OUTSIDE "/tmp/vouch-sandbox-test-file"

/* Where the parent listens, and what it holds that nobody may get at. */
static struct world {
    char folder[64];
    uint16_t dns_port, other_port;
    int dns_tcp, dns_udp, other_tcp, lmtp, inherited, secret, pidfd;
    pid_t neighbour; /* a process of the same account: another role */
    char memory[32];
    struct role *role;
} world;

static char *path(const char *name)
{
    static char text[8][256];
    static unsigned next;
    char *out = text[next++ % countof(text)];
    snprintf(out, sizeof(text[0]), "%s/%s", world.folder, name);
    return out;
}

/* ---- attempts: 0 if it works, else the error ---- */

static int said(long result)
{
    return result < 0 ? errno : WORKS;
}

static int try_open(const char *name, int flags)
{
    int fd = open(name, flags | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    char octet = 'h'; /* what stands there already, in the files that are */
    ssize_t done = (flags & O_ACCMODE) == O_RDONLY ? read(fd, &octet, 1) : write(fd, &octet, 1);
    int result = said(done);
    close(fd);
    return result;
}

static int write_tmp(void)
{
    return try_open(OUTSIDE, O_WRONLY | O_CREAT);
}
static int write_home(void)
{
    return try_open(path("home/file"), O_WRONLY | O_CREAT);
}
static int write_run(void)
{
    return try_open(path("run/file"), O_WRONLY | O_CREAT);
}
static int write_config(void)
{
    return try_open(path("etc/vouch.conf"), O_WRONLY);
}
static int write_data(void)
{
    return try_open(path("data/file"), O_WRONLY | O_CREAT);
}
static int write_mail(void)
{
    return try_open(path("mail/file"), O_WRONLY | O_CREAT);
}
static int read_passwd(void)
{
    return try_open("/etc/passwd", O_RDONLY);
}
static int read_key(void)
{
    return try_open(path("tls/key.pem"), O_RDONLY);
}
static int read_config(void)
{
    return try_open(path("etc/vouch.conf"), O_RDONLY);
}
static int read_data(void)
{
    return try_open(path("data/ledger.sqlite"), O_RDONLY);
}
static int read_secret(void)
{
    return try_open(path("home/secret"), O_RDONLY);
}
static int list_root(void)
{
    DIR *directory = opendir("/");
    int result = directory ? WORKS : errno;
    if (directory)
        closedir(directory);
    return result;
}
static int symbolic_link(void)
{
    return said(symlink("/etc/passwd", path("data/link")));
}
static int hard_link(void)
{
    return said(link(path("home/secret"), path("data/hard")));
}
static int device(void)
{
    return said(mknod(path("data/device"), S_IFIFO | 0600, 0));
}
static int out_of_chroot(void)
{
    return chdir("/") ? errno : said(chroot(".."));
}

/* What the store lives by: a file written, synced, renamed between folders and synced there. */
static int deliver(void)
{
    struct maildir_job job = {.maildir = path("mail/you"), .pieces = {BYTES("Subject: x\n\n")}};
    struct maildir_job *jobs[] = {&job};
    maildir_unique_name(job.name, loop_epoch_microseconds(), 1, "mx.example", 12);
    maildir_commit(durable_kernel(), jobs, 1);
    if (job.result != OK)
        dprintf(2, "%s\n", job.error.text);
    return job.result == OK ? WORKS : EACCES;
}

/* After what SQLite and LMDB do by themselves: journals, memory maps, locks. */
static int use_state(void)
{
    struct store *store = world.role->state;
    struct bytes to = BYTES("you@vouch.example");
    struct ledger_entry entry = {.id = BYTES("id"), .client = BYTES("192.0.2.1"),
                                 .recipients = &to, .recipient_count = 1, .action = BYTES("accept"),
                                 .evidence = BYTES("{}"), .verdict = BYTES("{}")};
    struct error error = {{0}};
    uint64_t value;
    if (world.role->definition->kind != ROLE_STORE)
        return EBADF;
    if (ledger_append(store->ledger, &entry, 1, &error) == OK &&
        counters_add(store->counters, BYTES("key"), 1, 1, 2, &value, &error) == OK &&
        counters_sync(store->counters, &error) == OK)
        return WORKS;
    dprintf(2, "%s\n", error.text);
    return EACCES;
}

/* As the role does it at a reload. */
static int reread_recipients(void)
{
    struct recipients *recipients;
    struct buf errors;
    buf_init(&errors, 4096);
    int failed = recipients_load(&world.role->config, &recipients, &errors) == OK ? WORKS : EACCES;
    buf_free(&errors);
    return failed;
}

static struct sockaddr_in loopback(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons(port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int try_connect(int type, uint16_t port)
{
    struct sockaddr_in to = loopback(port);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    int result = said(connect(fd, (struct sockaddr *)&to, sizeof(to)));
    if (result == WORKS)
        result = said(send(fd, "x", 1, MSG_NOSIGNAL));
    close(fd);
    return result;
}

static int tcp_to_resolver(void)
{
    return try_connect(SOCK_STREAM, world.dns_port);
}
static int tcp_elsewhere(void)
{
    return try_connect(SOCK_STREAM, world.other_port);
}
static int udp_to_resolver(void)
{
    return try_connect(SOCK_DGRAM, world.dns_port);
}
static int fast_open_elsewhere(void)
{
    struct sockaddr_in to = loopback(world.other_port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? errno : said(sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&to, sizeof(to)));
}
static int unix_connect(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    snprintf(to.sun_path, sizeof(to.sun_path), "%s/lmtp", world.folder);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? errno : said(connect(fd, (struct sockaddr *)&to, sizeof(to)));
}
static int unix_datagram(void)
{
    return said(socket(AF_UNIX, SOCK_DGRAM, 0)); /* the journal, and whoever else listens */
}
static int listen_anew(void)
{
    struct sockaddr_in at = loopback(0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)))
        return errno;
    return said(listen(fd, 5));
}
static int listen_unbound(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? errno : said(listen(fd, 5));
}
static int bind_udp(void)
{
    struct sockaddr_in at = loopback(0);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? errno : said(bind(fd, (struct sockaddr *)&at, sizeof(at)));
}
/* The parent has connected to it already. */
static int accept_inherited(void)
{
    int fd = accept4(world.inherited, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return errno;
    int result = said(send(fd, "220 x\r\n", 7, MSG_NOSIGNAL));
    close(fd);
    return result;
}
static int packet_socket(void)
{
    return said(socket(AF_PACKET, SOCK_RAW, 0));
}
static int netlink_socket(void)
{
    return said(socket(AF_NETLINK, SOCK_RAW, 0));
}
static int raw_socket(void)
{
    return said(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}
static int vsock_socket(void)
{
    return said(socket(40, SOCK_STREAM, 0));
}
static int socket_filter(void)
{
    char program[16] = {0};
    return said(setsockopt(world.inherited, SOL_SOCKET, 26 /* SO_ATTACH_FILTER */, program, 16));
}

static int execute(void)
{
    char name[] = "true", *arguments[] = {name, NULL}, *environment[] = {NULL};
    return said(execve("/bin/true", arguments, environment));
}
static int execute_from_memory(void)
{
    char name[] = "x", *arguments[] = {name, NULL}, *environment[] = {NULL};
    int fd = memfd_create("program", 0);
    if (fd < 0 || write(fd, "#!/bin/true\n", 12) != 12)
        return errno;
    return said(syscall(SYS_execveat, fd, "", arguments, environment, AT_EMPTY_PATH));
}
static int make_process(void)
{
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        syscall(SYS_exit, 0);
    return said(pid);
}
static void *thread(void *argument)
{
    return argument;
}
static int make_thread(void)
{
    pthread_t made;
    return pthread_create(&made, NULL, thread, NULL);
}
static int trace_parent(void)
{
    return said(ptrace(PTRACE_SEIZE, getppid(), NULL, NULL));
}
static int trace_neighbour(void)
{
    return said(ptrace(PTRACE_SEIZE, world.neighbour, NULL, NULL));
}
static int kill_parent(void)
{
    return said(kill(getppid(), 0));
}
static int kill_neighbour(void)
{
    return said(kill(world.neighbour, SIGURG));
}
static int signal_neighbours_thread(void)
{
    return said(syscall(SYS_tgkill, world.neighbour, world.neighbour, SIGURG));
}
static int queue_signal(void)
{
    siginfo_t info = {.si_code = SI_QUEUE};
    return said(syscall(SYS_rt_sigqueueinfo, world.neighbour, SIGURG, &info));
}
static int neighbours_descriptors(void)
{
    char name[64];
    snprintf(name, sizeof(name), "/proc/%d/fd/%d", (int)world.neighbour, world.secret);
    return try_open(name, O_RDONLY);
}
static int parents_descriptors(void)
{
    char name[64];
    snprintf(name, sizeof(name), "/proc/%d/fd/%d", (int)getppid(), world.secret);
    return try_open(name, O_RDONLY);
}
static int neighbours_memory_file(void)
{
    char name[64];
    snprintf(name, sizeof(name), "/proc/%d/mem", (int)world.neighbour);
    return said(open(name, O_RDWR));
}
static int own_memory_file(void)
{
    return said(open("/proc/self/mem", O_RDWR));
}
static int process_descriptor(void)
{
    return said(syscall(SYS_pidfd_open, world.neighbour, 0));
}
static int take_descriptor(void)
{
    return said(syscall(SYS_pidfd_getfd, world.pidfd, world.secret, 0));
}
static int read_memory(void)
{
    char octets[16];
    struct iovec here = {octets, sizeof(octets)}, there = {world.memory, sizeof(octets)};
    return said(process_vm_readv(world.neighbour, &here, 1, &there, 1, 0));
}
static int write_memory(void)
{
    char octets[16] = {0};
    struct iovec here = {octets, sizeof(octets)}, there = {world.memory, sizeof(octets)};
    return said(process_vm_writev(world.neighbour, &here, 1, &there, 1, 0));
}
static int limit_neighbour(void)
{
    struct rlimit limit = {0, 0};
    return said(prlimit(world.neighbour, RLIMIT_NOFILE, &limit, NULL));
}
static int renice_neighbour(void)
{
    return said(setpriority(PRIO_PROCESS, (id_t)world.neighbour, 19));
}
static int map_executable(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? errno : WORKS;
}
static int protect_executable(void)
{
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return at == MAP_FAILED ? errno : said(mprotect(at, 4096, PROT_READ | PROT_EXEC));
}
static int become_root(void)
{
    return said(syscall(SYS_setresuid, 0, 0, 0));
}
static int set_user(void)
{
    return said(syscall(SYS_setuid, getuid()));
}
static int mount_something(void)
{
    return said(mount("none", path("home"), "tmpfs", 0, NULL));
}
static int new_namespace(void)
{
    return said(unshare(CLONE_NEWUSER));
}
static int io_uring(void)
{
    char parameters[256] = {0};
    return said(syscall(SYS_io_uring_setup, 4, parameters));
}
static int bpf_program(void)
{
    char attributes[128] = {0};
    return said(syscall(SYS_bpf, 0, attributes, sizeof(attributes)));
}
static int user_fault(void)
{
    return said(syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */));
}
static int performance_events(void)
{
    char attributes[128] = {0};
    return said(syscall(SYS_perf_event_open, attributes, 0, -1, -1, 0));
}
static int key_ring(void)
{
    return said(syscall(SYS_keyctl, 0, -3, 0));
}
static int load_module(void)
{
    return said(syscall(SYS_init_module, "", 0, ""));
}
static int shared_memory(void)
{
    return said(shmget(IPC_PRIVATE, 4096, 0600));
}
static int message_queue(void)
{
    return said(msgget(IPC_PRIVATE, 0600));
}
static int fake_input(void)
{
    char letter = 'x';
    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    return terminal < 0 ? errno : said(ioctl(terminal, TIOCSTI, &letter));
}
static int input_by_standard_error(void)
{
    char letter = 'x';
    return said(ioctl(STDERR_FILENO, TIOCSTI, &letter));
}
static int file_in_memory(void)
{
    int fd = memfd_create("message", MFD_CLOEXEC);
    return fd < 0 ? errno : said(write(fd, "x", 1));
}
static int random_octets(void)
{
    char octets[16];
    return said(syscall(SYS_getrandom, octets, sizeof(octets), 0));
}
static int allocate(void)
{
    char *memory = malloc(8 << 20);
    if (!memory)
        return ENOMEM;
    memset(memory, 1, 8 << 20);
    free(memory);
    return WORKS;
}

/* '+': must work; '-': must be refused. In the order edge, store, courier, keys, and at last an ordinary
 * user without a sandbox ('?': as the system has it), which shows that the attempt is a real one. */
static const struct attempt {
    const char *name, *expected;
    int (*try)(void);
} attempts[] = {
    {"write in /tmp", "----+", write_tmp},
    {"write in the home folder", "----+", write_home},
    {"write in the run directory", "----+", write_run},
    {"write the configuration", "----+", write_config},
    {"write in the data directory", "-+--+", write_data},
    {"write in the mail folder", "-+--+", write_mail},
    {"deliver durably", "-+--+", deliver},
    {"ledger and counters", "-+--+", use_state},
    {"read /etc/passwd", "----+", read_passwd},
    {"read the TLS key", "----+", read_key},
    {"read a file of the account", "----+", read_secret},
    {"read the configuration", "-+--+", read_config},
    {"read recipients anew", "-+--+", reread_recipients},
    {"read the ledger", "-+--+", read_data},
    {"list /", "----+", list_root},
    {"symbolic link", "----+", symbolic_link},
    {"hard link", "----?", hard_link},
    {"fifo or device", "----?", device},
    {"leave the chroot", "----?", out_of_chroot},
    {"TCP to the resolver's port", "+-+-+", tcp_to_resolver},
    {"TCP to another port", "--+-+", tcp_elsewhere},
    {"TCP fast open to another port", "--+-+", fast_open_elsewhere},
    {"UDP to the resolver", "+-+-+", udp_to_resolver},
    {"connect to a Unix socket", "--+-+", unix_connect},
    {"Unix datagram socket", "----+", unix_datagram},
    {"accept on an inherited listener", "++--+", accept_inherited},
    {"bind and listen", "----+", listen_anew},
    {"listen without bind", "----+", listen_unbound},
    {"bind UDP", "----+", bind_udp},
    {"AF_PACKET", "----?", packet_socket},
    {"AF_NETLINK", "----?", netlink_socket},
    {"raw IP socket", "----?", raw_socket},
    {"AF_VSOCK", "----?", vsock_socket},
    {"socket filter program", "----?", socket_filter},
    {"execve", "----+", execute},
    {"execveat of memory", "----+", execute_from_memory},
    {"fork", "----+", make_process},
    {"new thread", "----+", make_thread},
    {"ptrace the parent", "----?", trace_parent},
    {"ptrace a neighbour", "----?", trace_neighbour},
    {"kill the parent", "----?", kill_parent},
    {"kill a neighbour", "----+", kill_neighbour},
    {"tgkill a neighbour", "----+", signal_neighbours_thread},
    {"queue a signal to a neighbour", "----+", queue_signal},
    {"/proc/PARENT/fd", "----?", parents_descriptors},
    {"/proc/NEIGHBOUR/fd", "----?", neighbours_descriptors},
    {"/proc/NEIGHBOUR/mem", "----?", neighbours_memory_file},
    {"/proc/self/mem", "----?", own_memory_file},
    {"pidfd_open", "----+", process_descriptor},
    {"pidfd_getfd", "----?", take_descriptor},
    {"process_vm_readv", "----?", read_memory},
    {"process_vm_writev", "----?", write_memory},
    {"prlimit a neighbour", "----+", limit_neighbour},
    {"renice a neighbour", "----+", renice_neighbour},
    {"mmap executable", "----+", map_executable},
    {"mprotect executable", "----+", protect_executable},
    {"become root", "----?", become_root},
    {"setuid", "----+", set_user},
    {"mount", "----?", mount_something},
    {"unshare", "----?", new_namespace},
    {"io_uring_setup", "----?", io_uring},
    {"bpf", "----?", bpf_program},
    {"userfaultfd", "----?", user_fault},
    {"perf_event_open", "----?", performance_events},
    {"keyctl", "----?", key_ring},
    {"init_module", "----?", load_module},
    {"shmget", "----+", shared_memory},
    {"msgget", "----+", message_queue},
    {"TIOCSTI", "----?", fake_input},
    {"TIOCSTI on standard error", "----?", input_by_standard_error},
    {"memfd", "+++++", file_in_memory},
    {"getrandom", "+++++", random_octets},
    {"memory", "+++++", allocate},
};

/* ---- the child ---- */

static int *results;    /* shared with the children */
static bool unconfined; /* the control: as a role, but without its sandbox */

static void try_all(void *argument)
{
    struct role *role = argument;
    struct error error = {{0}};
    struct sandbox_report report = {0};
    fiber_group_open(&role->fibers);
    if (role->definition->prepare(role, &error) != OK ||
        (!unconfined && role_enter_sandbox(role, &report, &error) != OK)) {
        dprintf(2, "%s: %s\n", role_kind_name(role->definition->kind), error.text);
        _exit(3);
    }
    if (role_drops_user(role) && (getuid() != NOBODY || geteuid() != NOBODY || getgid() != NOBODY))
        _exit(4);
    if (report.missing[0])
        dprintf(2, "# this system lacks: %s\n", report.missing);
    for (size_t i = 0; i < countof(attempts); i++) {
        if (results[i] != NOT_TRIED)
            continue;
        results[i] = UNDER_WAY;
        results[i] = attempts[i].try();
    }
    _exit(0);
}

/* ---- the world ---- */

static int listen_on(uint16_t *port)
{
    struct sockaddr_in at = loopback(0);
    socklen_t length = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0);
    assert_int_equal(listen(fd, 1000), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &length), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static void write_file(const char *name, struct bytes content, mode_t mode)
{
    struct error error;
    assert_int_equal(files_replace(durable_kernel(), path(name), content, mode, &error), OK);
}

static void make_sockets(void)
{
    uint16_t port;
    world.dns_tcp = listen_on(&world.dns_port);
    world.other_tcp = listen_on(&world.other_port);
    world.inherited = listen_on(&port);
    struct sockaddr_in at = loopback(world.dns_port), to = loopback(port);
    world.dns_udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(world.dns_udp, (struct sockaddr *)&at, sizeof(at)), 0);
    /* One client for each child that may accept one. */
    for (int i = 0; i < 8; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    }
    struct sockaddr_un unix_address = {.sun_family = AF_UNIX};
    snprintf(unix_address.sun_path, sizeof(unix_address.sun_path), "%s/lmtp", world.folder);
    world.lmtp = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(world.lmtp, (struct sockaddr *)&unix_address, sizeof(unix_address)), 0);
    assert_int_equal(chmod(path("lmtp"), 0666), 0);
    assert_int_equal(listen(world.lmtp, 1000), 0);
}

static void make_files(bool as_user)
{
    static const char *const folders[] = {"etc", "tls", "home", "run/empty"};
    char config[2048];
    struct error error;
    snprintf(world.folder, sizeof(world.folder), "/tmp/vouch-sandbox-XXXXXX");
    assert_non_null(mkdtemp(world.folder));
    chmod(world.folder, 0755);
    for (size_t i = 0; i < countof(folders); i++)
        assert_int_equal(files_make_directories(path(folders[i]), 0755), 0);
    make_sockets();
    struct tls_server *tls = tls_server_create(&error);
    assert_non_null(tls);
    assert_int_equal(tls_server_add_self_signed(tls, "mx.vouch.example", path("tls/chain.pem"),
                                                path("tls/key.pem"), &error), OK);
    tls_server_destroy(tls);
    snprintf(config, sizeof(config),
             "hostname = mx.vouch.example\ndata-directory = \"%s/data\"\nrun-directory = \"%s/run\"\n"
             "user = nobody\nlistener smtp { address = [127.0.0.1:25] }\n"
             "certificate a { chain = \"%s/tls/chain.pem\" key = \"%s/tls/key.pem\" }\n"
             "dns { servers = [127.0.0.1:%u] }\n"
             "domain vouch.example { recipients = \"%s/etc/users\" deliver = \"maildir:%s/mail/{user}\" }\n"
             "domain lmtp.example { deliver = \"lmtp:unix:%s/lmtp\" }\n",
             world.folder, world.folder, world.folder, world.folder, world.dns_port, world.folder,
             world.folder, world.folder);
    write_file("etc/vouch.conf", bytes_of(config), 0644);
    write_file("etc/users", BYTES("you\n"), 0644);
    write_file("home/secret", BYTES("secret"), 0644);
    world.secret = open(path("home/secret"), O_RDONLY | O_CLOEXEC);
    /* As a user all of it is his own: the sandbox alone is in the way then, not the permissions. */
    static const char *const all[] = {"",     "etc",  "tls", "home", "run", "tls/key.pem", "etc/vouch.conf",
                                      "etc/users", "home/secret", "tls/chain.pem"};
    for (size_t i = 0; geteuid() == 0 && as_user && i < countof(all); i++)
        assert_int_equal(chown(path(all[i]), NOBODY, NOBODY), 0);
    /* The home folder is writable even for the account that root becomes. */
    assert_int_equal(chmod(path("home"), 0777), 0);
}

static void start_neighbour(void)
{
    fflush(NULL);
    world.neighbour = fork();
    assert_true(world.neighbour >= 0);
    if (world.neighbour == 0) {
        if (geteuid() == 0 && (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY)))
            _exit(1);
        /* It ends with the test, whatever becomes of that. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* Roles are not dumpable; without that the sandbox alone must do. */
        prctl(PR_SET_DUMPABLE, 1);
        signal(SIGURG, SIG_IGN);
        for (;;)
            pause();
    }
    world.pidfd = (int)syscall(SYS_pidfd_open, world.neighbour, 0);
    assert_true(world.pidfd >= 0);
}

static int remove_entry(const char *name, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(name);
}

static int leave_world(void **state)
{
    if (!world.folder[0])
        return 0;
    const int descriptors[] = {world.dns_tcp, world.dns_udp,   world.other_tcp,
                               world.lmtp,    world.inherited, world.secret, world.pidfd};
    kill(world.neighbour, SIGKILL);
    waitpid(world.neighbour, NULL, 0);
    for (size_t i = 0; i < countof(descriptors); i++)
        close(descriptors[i]);
    nftw(world.folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    world.folder[0] = '\0';
    return 0;
}

/* ---- the tests ---- */

static void run_child(const struct role_definition *definition, bool as_user)
{
    static struct role role;
    alarm(60);
    role.definition = definition;
    role.unprivileged = as_user;
    role.config_file = path("etc/vouch.conf");
    if (as_user && geteuid() == 0 &&
        (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY)))
        _exit(5);
    role.arena = arena_create(SIZE_MAX / 2);
    struct buf errors;
    buf_init(&errors, 4096);
    if (!role.arena || config_load(role.arena, role.config_file, &role.config, &errors) != OK) {
        dprintf(2, BYTES_FMT, BYTES_ARG(buf_bytes(&errors)));
        _exit(6);
    }
    world.role = &role;
    struct loop_options options = {.workers = definition->workers};
    struct loop *loop = loop_create(&options);
    if (!loop)
        _exit(7);
    loop_run(loop, try_all, &role);
    _exit(8);
}

/* False: the child did not even begin. */
static bool run_once(const struct role_definition *definition, bool as_user)
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        run_child(definition, as_user);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    for (size_t i = 0; i < countof(attempts); i++) {
        if (results[i] != UNDER_WAY)
            continue;
        bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
        /* One that ended without a word in the midst of it has become another program. */
        results[i] = killed ? KILLED : WIFEXITED(status) ? WORKS : ODD;
        return true;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool all_tried(void)
{
    for (size_t i = 0; i < countof(attempts); i++)
        if (results[i] == NOT_TRIED)
            return false;
    return true;
}

static const char *how(int result, char out[32])
{
    if (result == KILLED)
        return "SIGSYS";
    if (result == ODD)
        return "another signal";
    if (result == WORKS)
        return "works";
    const char *name = strerrorname_np(result);
    snprintf(out, 32, "%s", name ? name : "?");
    return out;
}

static void print_line(const char *title, bool working, const char *word)
{
    char text[32];
    size_t count = 0;
    printf("# %s %s:", title, word);
    for (size_t i = 0; i < countof(attempts); i++) {
        if ((results[i] == WORKS) != working)
            continue;
        printf("%s %s", count++ ? "," : "", attempts[i].name);
        if (!working && results[i] != KILLED)
            printf(" (%s)", how(results[i], text));
    }
    printf("\n");
}

static void run_role(const struct role_definition *definition, bool as_user)
{
    make_files(as_user);
    start_neighbour();
    for (size_t i = 0; i < countof(attempts); i++)
        results[i] = NOT_TRIED;
    while (!all_tried())
        if (!run_once(definition, as_user))
            fail_msg("%s did not get into its sandbox", role_kind_name(definition->kind));
}

static void check_role(const struct role_definition *definition, size_t column, bool as_user)
{
    char title[64], text[32];
    unsigned wrong = 0;
    unlink(OUTSIDE);
    run_role(definition, as_user);
    snprintf(title, sizeof(title), "%s, %s,",
             unconfined ? "without a sandbox" : role_kind_name(definition->kind),
             as_user ? "an ordinary user" : "started by root");
    print_line(title, true, "can");
    print_line(title, false, "cannot");
    for (size_t i = 0; i < countof(attempts); i++) {
        char expected = attempts[i].expected[column];
        bool works = results[i] == WORKS;
        if (expected == '?' || (works == (expected == '+') && results[i] != ODD))
            continue;
        wrong++;
        printf("# %s %s: %s\n", title, attempts[i].name, how(results[i], text));
    }
    /* What was tried had no effect either. */
    assert_int_equal(kill(world.neighbour, 0), 0);
    assert_int_equal(unlink(OUTSIDE) == 0, unconfined);
    leave_world(NULL);
    assert_int_equal(wrong, 0);
}

static void check(const struct role_definition *definition, size_t column)
{
    if (geteuid() == 0)
        check_role(definition, column, false);
    check_role(definition, column, true);
}

static void without_a_sandbox_the_attempts_succeed(void **state)
{
    unconfined = true;
    check_role(&store_role, 4, true);
    unconfined = false;
}

static void the_edge_has_network_sessions_and_its_resolver_only(void **state)
{
    check(&edge_role, 0);
}

static void the_store_has_its_folders_only(void **state)
{
    check(&store_role, 1);
}

static void the_courier_connects_and_has_no_files(void **state)
{
    check(&courier_role, 2);
}

static void the_keys_role_has_nothing(void **state)
{
    check(&keys_role, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(without_a_sandbox_the_attempts_succeed, leave_world),
        cmocka_unit_test_teardown(the_edge_has_network_sessions_and_its_resolver_only, leave_world),
        cmocka_unit_test_teardown(the_store_has_its_folders_only, leave_world),
        cmocka_unit_test_teardown(the_courier_connects_and_has_no_files, leave_world),
        cmocka_unit_test_teardown(the_keys_role_has_nothing, leave_world),
    };
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    results = mmap(NULL, sizeof(int) * countof(attempts), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (results == MAP_FAILED)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
