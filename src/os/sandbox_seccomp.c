/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The seccomp filter: a list of system calls that every role may use, one for files, and rules by
 * argument for the calls that do many things. What is not named kills the process.
 */
#include "os/sandbox_private.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef TCP_ULP
#define TCP_ULP 31
#endif
enum {
    SIOCOUTQ_NUMBER = 0x5411,
    FIRST_SOCKET_FILTER_OPTION = 26,
    TCP_FASTOPEN_CONNECT_OPTION = 30
};

/* One name a line would hide the groups. */
/* clang-format off */
/* By name, because the numbers (and which of them exist) differ between machines. */
static const char *const for_all[] = {
    /* descriptors that are open */
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "lseek",
    "close", "fstat", "ftruncate", "fallocate", "recvfrom", "recvmsg", "shutdown", "getpeername",
    "getsockname",
    /* waiting */
    "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "eventfd2",
    "signalfd4", "futex", "clock_nanosleep", "nanosleep", "restart_syscall", "sched_yield",
    /* memory */
    "munmap", "mremap", "madvise", "brk", "memfd_create",
    /* asking */
    "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getrandom",
    "clock_gettime", "clock_getres", "gettimeofday", "time", "sched_getaffinity", "sysinfo",
    "uname", "getrusage", "getcpu",
    /* ending, and signals to oneself */
    "exit", "exit_group", "rt_sigprocmask", "rt_sigreturn", "rt_sigaction", "rt_sigpending",
    "sigaltstack",
};

static const char *const for_files[] = {
    "open", "openat", "openat2", "fsync", "fdatasync", "sync_file_range", "msync", "flock",
    "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "stat",
    "lstat", "newfstatat", "statx", "statfs", "fstatfs", "getdents64", "access", "faccessat",
    "faccessat2", "readlink", "readlinkat", "getcwd", "fchmod", "fchown", "utimensat", "umask",
    "fadvise64",
};

/* What libraries try without need; a role without files goes on without. */
static const char *const refused_politely[] = {
    "open", "openat", "openat2", "stat", "lstat", "statfs", "access", "faccessat", "faccessat2",
    "readlink", "readlinkat", "getcwd",
};

#ifdef SANDBOX_SANITIZED
static const char *const for_sanitizers[] = {
    "prctl", "arch_prctl", "personality", "set_robust_list", "rseq", "mincore", "getrlimit",
    "pipe2",
};
/* The symbolizer; without it the report has bare addresses, but there is a report. */
static const char *const refused_to_sanitizers[] = {"clone", "fork", "vfork"};
#endif

/* What even the master, whose children set up their own sandboxes, never needs. */
static const char *const for_nobody[] = {
    "ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "process_madvise", "pidfd_getfd",
    "mount", "umount2", "move_mount", "open_tree", "fsopen", "fsmount", "fspick", "fsconfig",
    "mount_setattr", "pivot_root", "unshare", "setns", "swapon", "swapoff", "reboot", "kexec_load",
    "kexec_file_load", "init_module", "finit_module", "delete_module", "iopl", "ioperm", "bpf",
    "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register",
    "acct", "quotactl", "quotactl_fd", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex",
    "stime", "sethostname", "setdomainname", "syslog", "vhangup", "nfsservctl", "lookup_dcookie",
    "open_by_handle_at", "name_to_handle_at", "mbind", "set_mempolicy", "migrate_pages",
    "move_pages", "modify_ldt", "uselib", "ustat", "sysfs", "_sysctl", "create_module",
    "get_kernel_syms", "query_module", "mknod", "mknodat",
};
/* clang-format on */

/* A filter being built; `failed` is sticky, so that rules can stand in a row. */
struct filter {
    scmp_filter_ctx context;
    int failed;
};

static void add(struct filter *filter, uint32_t action, const char *name, unsigned count,
                const struct scmp_arg_cmp *arguments)
{
    int number = seccomp_syscall_resolve_name(name);
    /* Negative: this machine or this library does not know it, so nobody can call it by name. */
    if (filter->failed || number < 0)
        return;
    int failed = seccomp_rule_add_array(filter->context, action, number, count, arguments);
    if (failed)
        filter->failed = failed;
}

#define ADD(filter, action, name, ...)                                                             \
    add((filter), (action), (name),                                                                \
        sizeof((struct scmp_arg_cmp[]){__VA_ARGS__}) / sizeof(struct scmp_arg_cmp),                \
        (struct scmp_arg_cmp[]){__VA_ARGS__})
#define ALLOW(filter, name, ...) ADD(filter, SCMP_ACT_ALLOW, name, __VA_ARGS__)

static void add_all(struct filter *filter, uint32_t action, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add(filter, action, names[i], 0, NULL);
}

static void add_memory(struct filter *filter)
{
    ALLOW(filter, "mmap", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    ALLOW(filter, "mprotect", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

static void add_fcntl(struct filter *filter, bool files)
{
    static const int common[] = {F_GETFD,         F_SETFD,     F_GETFL,    F_SETFL,
                                 F_DUPFD_CLOEXEC, F_ADD_SEALS, F_GET_SEALS};
    static const int locks[] = {F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW};
    for (size_t i = 0; i < countof(common); i++)
        ALLOW(filter, "fcntl", SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)common[i]));
    for (size_t i = 0; files && i < countof(locks); i++)
        ALLOW(filter, "fcntl", SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)locks[i]));
}

static void add_ioctl(struct filter *filter)
{
    ALLOW(filter, "ioctl", SCMP_A1(SCMP_CMP_EQ, FIONBIO));
    ALLOW(filter, "ioctl", SCMP_A1(SCMP_CMP_EQ, FIONREAD));
    ALLOW(filter, "ioctl", SCMP_A1(SCMP_CMP_EQ, SIOCOUTQ_NUMBER));
    /* stdio asks whether its descriptor is a terminal. */
    ADD(filter, SCMP_ACT_ERRNO(ENOTTY), "ioctl", SCMP_A1(SCMP_CMP_EQ, TCGETS));
    ADD(filter, SCMP_ACT_ERRNO(ENOTTY), "ioctl", SCMP_A1(SCMP_CMP_EQ, TIOCGWINSZ));
}

/* fstat() is newfstatat(fd, "", …, AT_EMPTY_PATH) in newer C libraries. */
static void add_status(struct filter *filter)
{
    const uint32_t refused = SCMP_ACT_ERRNO(EACCES);
    ALLOW(filter, "newfstatat", SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH));
    ADD(filter, refused, "newfstatat", SCMP_A3(SCMP_CMP_NE, AT_EMPTY_PATH));
    ALLOW(filter, "statx", SCMP_A2(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH));
    ADD(filter, refused, "statx", SCMP_A2(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, 0));
}

/* Threads and processes: none. abort() signals the own process. */
static void add_process(struct filter *filter)
{
    ALLOW(filter, "tgkill", SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
    ALLOW(filter, "prlimit64", SCMP_A2(SCMP_CMP_EQ, 0)); /* asking, not setting */
    ADD(filter, SCMP_ACT_ERRNO(ENOSYS), "clone3");
}

/*
 * Options below the first of those that load filter programs (SOL_SOCKET), or that change the
 * protocol (TCP_ULP; TCP_FASTOPEN_CONNECT, which newer c-ares tries, is refused without harm).
 */
static void add_socket_options(struct filter *filter)
{
    static const int ip[] = {IP_TOS, IP_MTU_DISCOVER, IP_RECVERR, IP_BIND_ADDRESS_NO_PORT};
    static const int ip6[] = {IPV6_V6ONLY, IPV6_TCLASS, IPV6_RECVERR, IPV6_MTU_DISCOVER};
    const uint32_t refused = SCMP_ACT_ERRNO(ENOPROTOOPT);
    ALLOW(filter, "setsockopt", SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET),
          SCMP_A2(SCMP_CMP_LT, FIRST_SOCKET_FILTER_OPTION));
    ADD(filter, refused, "setsockopt", SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET),
        SCMP_A2(SCMP_CMP_GE, FIRST_SOCKET_FILTER_OPTION));
    ALLOW(filter, "setsockopt", SCMP_A1(SCMP_CMP_EQ, IPPROTO_TCP),
          SCMP_A2(SCMP_CMP_LT, TCP_FASTOPEN_CONNECT_OPTION));
    ADD(filter, refused, "setsockopt", SCMP_A1(SCMP_CMP_EQ, IPPROTO_TCP),
        SCMP_A2(SCMP_CMP_GE, TCP_FASTOPEN_CONNECT_OPTION));
    for (size_t i = 0; i < countof(ip); i++)
        ALLOW(filter, "setsockopt", SCMP_A1(SCMP_CMP_EQ, IPPROTO_IP),
              SCMP_A2(SCMP_CMP_EQ, (scmp_datum_t)ip[i]));
    for (size_t i = 0; i < countof(ip6); i++)
        ALLOW(filter, "setsockopt", SCMP_A1(SCMP_CMP_EQ, IPPROTO_IPV6),
              SCMP_A2(SCMP_CMP_EQ, (scmp_datum_t)ip6[i]));
    ALLOW(filter, "getsockopt", SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET));
    ALLOW(filter, "getsockopt", SCMP_A1(SCMP_CMP_EQ, IPPROTO_TCP));
    ALLOW(filter, "getsockopt", SCMP_A1(SCMP_CMP_EQ, IPPROTO_IP));
    ALLOW(filter, "getsockopt", SCMP_A1(SCMP_CMP_EQ, IPPROTO_IPV6));
}

static void add_family(struct filter *filter, int family, int type, int protocol)
{
    const scmp_datum_t type_mask = ~(scmp_datum_t)(SOCK_CLOEXEC | SOCK_NONBLOCK);
    ALLOW(filter, "socket", SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family),
          SCMP_A1(SCMP_CMP_MASKED_EQ, type_mask, (scmp_datum_t)type),
          SCMP_A2(SCMP_CMP_EQ, (scmp_datum_t)protocol));
}

static void add_network(struct filter *filter, const struct sandbox *sandbox)
{
    static const int families[] = {AF_INET, AF_INET6};
    for (size_t i = 0; sandbox->may_connect_network && i < countof(families); i++) {
        /* By protocol, too: Landlock knows the ports of TCP, not those of its relatives (MPTCP). */
        add_family(filter, families[i], SOCK_STREAM, 0);
        add_family(filter, families[i], SOCK_STREAM, IPPROTO_TCP);
        if (sandbox->tcp_only)
            continue;
        add_family(filter, families[i], SOCK_DGRAM, 0);
        add_family(filter, families[i], SOCK_DGRAM, IPPROTO_UDP);
    }
    if (sandbox->may_connect_unix)
        add_family(filter, AF_UNIX, SOCK_STREAM, 0);
    if (sandbox->may_connect_network || sandbox->may_connect_unix)
        add(filter, SCMP_ACT_ALLOW, "connect", 0, NULL);
    if (sandbox->may_accept) {
        add(filter, SCMP_ACT_ALLOW, "accept4", 0, NULL);
        add(filter, SCMP_ACT_ALLOW, "accept", 0, NULL);
    }
    if (sandbox->may_listen || sandbox->may_bind_source)
        add(filter, SCMP_ACT_ALLOW, "bind", 0, NULL);
    if (sandbox->may_listen)
        add(filter, SCMP_ACT_ALLOW, "listen", 0, NULL);
}

/* MSG_FASTOPEN connects, and passed Landlock's check of ports in some kernels. Where no port is
 * checked the rule would only cost time on the busiest call. */
static void add_sending(struct filter *filter, const struct sandbox *sandbox)
{
    if (sandbox->may_connect_network && sandbox->connect_ports) {
        ALLOW(filter, "sendto", SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0));
        ALLOW(filter, "sendmsg", SCMP_A2(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0));
        return;
    }
    add(filter, SCMP_ACT_ALLOW, "sendto", 0, NULL);
    add(filter, SCMP_ACT_ALLOW, "sendmsg", 0, NULL);
}

static void add_role(struct filter *filter, const struct sandbox *sandbox)
{
    bool files = sandbox->files == SANDBOX_FILES;
    add_all(filter, SCMP_ACT_ALLOW, for_all, countof(for_all));
    if (files) {
        add_all(filter, SCMP_ACT_ALLOW, for_files, countof(for_files));
    } else {
        add_all(filter, SCMP_ACT_ERRNO(EACCES), refused_politely, countof(refused_politely));
        add_status(filter);
    }
    add_memory(filter);
    add_fcntl(filter, files);
    add_ioctl(filter);
    add_process(filter);
    add_socket_options(filter);
    add_network(filter, sandbox);
    add_sending(filter, sandbox);
#ifdef SANDBOX_SANITIZED
    add_all(filter, SCMP_ACT_ALLOW, for_sanitizers, countof(for_sanitizers));
    add_all(filter, SCMP_ACT_ERRNO(EPERM), refused_to_sanitizers, countof(refused_to_sanitizers));
#endif
}

static const char *role_name;

static size_t put_number(char *out, unsigned number)
{
    char digits[16];
    size_t count = 0, length = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10));
    while (count)
        out[length++] = digits[--count];
    return length;
}

/* Says which call it was, then dies of the signal as it would have without this. */
static void on_refused(int signal, siginfo_t *info, void *context)
{
    (void)context;
    char text[128] = "vouch: ";
    size_t length = 7, name = strnlen(role_name, 40);
    static const char middle[] = ": the sandbox refused system call ";
    memcpy(text + length, role_name, name);
    length += name;
    memcpy(text + length, middle, sizeof(middle) - 1);
    length += sizeof(middle) - 1;
    length += put_number(text + length, (unsigned)info->si_syscall);
    text[length++] = '\n';
    if (write(STDERR_FILENO, text, length) < 0)
        length = 0;
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, signal);
    sigaction(signal, &action, NULL);
    sigprocmask(SIG_UNBLOCK, &only, NULL);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), signal);
    _exit(126);
}

static bool explains(const struct sandbox *sandbox)
{
#ifdef SANDBOX_SANITIZED
    return true;
#else
    return sandbox->explain;
#endif
}

static int load(const struct sandbox *sandbox, uint32_t otherwise, uint32_t listed)
{
    struct filter filter = {.context = seccomp_init(otherwise)};
    if (!filter.context)
        return -ENOMEM;
    seccomp_attr_set(filter.context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    seccomp_attr_set(filter.context, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, not a list */
    filter.failed = seccomp_attr_set(filter.context, SCMP_FLTATR_CTL_TSYNC, 1);
    if (sandbox->may_spawn)
        add_all(&filter, listed, for_nobody, countof(for_nobody));
    else
        add_role(&filter, sandbox);
    errno = 0;
    if (!filter.failed)
        filter.failed = seccomp_load(filter.context);
    /* The library's word for whatever the kernel said. */
    if (filter.failed == -ECANCELED && errno)
        filter.failed = -errno;
    seccomp_release(filter.context);
    return filter.failed;
}

/* What a kernel or a container without seccomp says; anything else is our own mistake. */
static bool is_refused_by_system(int failed)
{
    return failed == -ENOSYS || failed == -EPERM || failed == -EACCES || failed == -EOPNOTSUPP ||
           (failed && prctl(PR_GET_SECCOMP) < 0);
}

enum result sandbox_seccomp(const struct sandbox *sandbox, struct sandbox_report *report,
                            struct error *error)
{
    uint32_t kill = SCMP_ACT_KILL_PROCESS;
    if (explains(sandbox) && !sandbox->may_spawn) {
        struct sigaction action = {.sa_sigaction = on_refused, .sa_flags = SA_SIGINFO};
        role_name = sandbox->role ? sandbox->role : "?";
        if (!sigaction(SIGSYS, &action, NULL))
            kill = SCMP_ACT_TRAP;
    }
    int failed = sandbox->may_spawn ? load(sandbox, SCMP_ACT_ALLOW, kill) : load(sandbox, kill, 0);
    if (is_refused_by_system(failed)) {
        sandbox_missing(report, "seccomp (%s)", strerror(-failed));
        return OK;
    }
    if (failed)
        return error_set(error, PERM, "%s: sandbox: seccomp: %s", sandbox->role, strerror(-failed));
    report->seccomp = true;
    return OK;
}
