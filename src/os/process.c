/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/process.h"

#include "base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FIRST_DESCRIPTOR = 3, DESCRIPTORS_MAX = 1024 };

/*
 * What ps shows is the memory in which the kernel put argv and environ. Before main() runs both are
 * copied elsewhere, so that the title may overwrite the originals: nobody can hold a pointer to
 * them.
 */
static struct {
    char *start;
    size_t size;
} title;

static size_t copy_strings(char **strings, char **at)
{
    size_t total = 0;
    for (char **s = strings; *s; s++) {
        size_t size = strlen(*s) + 1;
        if (at) {
            *s = memcpy(*at, *s, size);
            *at += size;
        }
        total += size;
    }
    return total;
}

/* The end of the strings that lie one behind the other from `end` on. */
static char *adjacent_end(char **strings, char *end)
{
    for (char **s = strings; *s; s++)
        if (*s == end)
            end = *s + strlen(*s) + 1;
    return end;
}

__attribute__((constructor)) static void keep_title_area(int argc, char **argv, char **envp)
{
    static char *copies; /* for good; static so that leak checkers see it */
    if (argc < 1 || !argv || !argv[0] || !envp)
        return;
    char *end = adjacent_end(envp, adjacent_end(argv, argv[0]));
    copies = malloc(copy_strings(argv, NULL) + copy_strings(envp, NULL) + 1);
    if (!copies)
        return;
    title.start = argv[0];
    title.size = (size_t)(end - title.start);
    char *at = copies;
    copy_strings(argv, &at);
    copy_strings(envp, &at);
    /* glibc keeps its own pointers into argv[0]. */
    program_invocation_name = argv[0];
    char *slash = strrchr(argv[0], '/');
    program_invocation_short_name = slash ? slash + 1 : argv[0];
}

void process_set_title(const char *text)
{
    (void)prctl(PR_SET_NAME, text); /* the first 15 octets: top, and the kernel's messages */
    if (title.size < 2)
        return;
    size_t length = strnlen(text, title.size - 1);
    memcpy(title.start, text, length);
    /* A title longer than argv was runs on into the environment: the kernel sees that argv does not
     * end in NUL and reads on to the first one. */
    memset(title.start + length, 0, title.size - length);
}

/* In the child of a process that may have threads: only what is safe after fork. */
static void reset_signals(void)
{
    for (int signal = 1; signal < NSIG; signal++) {
        struct sigaction action;
        if (!sigaction(signal, NULL, &action) && action.sa_handler != SIG_DFL) {
            action = (struct sigaction){.sa_handler = SIG_DFL};
            sigaction(signal, &action, NULL);
        }
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Moves descriptors[i] to 3 + i. They may lie in each other's way, so first all go above. */
static bool place_descriptors(int *descriptors, size_t count, int *report)
{
    int above = FIRST_DESCRIPTOR + (int)count + 1;
    for (size_t i = 0; i < count; i++) {
        descriptors[i] = fcntl(descriptors[i], F_DUPFD_CLOEXEC, above);
        if (descriptors[i] < 0)
            return false;
    }
    int moved = fcntl(*report, F_DUPFD_CLOEXEC, above);
    if (moved < 0)
        return false;
    *report = moved;
    for (size_t i = 0; i < count; i++)
        if (dup2(descriptors[i], FIRST_DESCRIPTOR + (int)i) < 0)
            return false;
    return true;
}

/* close_range(2) with CLOEXEC, so that the report outlives it until exec; else one by one. */
static void close_others(int first)
{
    enum { CLOSE_RANGE_ON_EXEC = 1 << 2 };
    if (!syscall(SYS_close_range, (unsigned)first, ~0U, CLOSE_RANGE_ON_EXEC))
        return;
    long max = sysconf(_SC_OPEN_MAX);
    for (int fd = first; fd < (max > 0 && max < 65536 ? max : 65536); fd++)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

_Noreturn static void child(const char *const argv[], int *descriptors, size_t count, int report,
                            pid_t parent)
{
    int number = 0;
    if (!place_descriptors(descriptors, count, &report))
        goto failed;
    close_others(FIRST_DESCRIPTOR + (int)count);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL))
        goto failed;
    if (getppid() != parent) /* it died before the line above */
        _exit(1);
    reset_signals();
    execv("/proc/self/exe", (char *const *)argv);
    execv(argv[0], (char *const *)argv);
failed:
    number = errno;
    if (write(report, &number, sizeof(number)) < 0)
        _exit(126);
    _exit(127);
}

/* What the child says before exec; nothing when exec worked. */
static int read_report(int fd)
{
    int number = 0;
    ssize_t count;
    do
        count = read(fd, &number, sizeof(number));
    while (count < 0 && errno == EINTR);
    return count == sizeof(number) ? number : 0;
}

static void reap(pid_t pid)
{
    siginfo_t info;
    while (waitid(P_PID, (id_t)pid, &info, WEXITED) < 0 && errno == EINTR)
        ;
}

pid_t process_spawn(const char *const argv[], const int *descriptors, size_t descriptor_count)
{
    int copies[DESCRIPTORS_MAX];
    int report[2];
    if (descriptor_count > DESCRIPTORS_MAX || !argv[0])
        return -EINVAL;
    if (descriptor_count)
        memcpy(copies, descriptors, descriptor_count * sizeof(*copies));
    if (pipe2(report, O_CLOEXEC))
        return -errno;
    /* No handler of ours may run in the child before exec. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        child(argv, copies, descriptor_count, report[1], parent);
    int number = pid < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    if (pid > 0 && (number = read_report(report[0])))
        reap(pid);
    close(report[0]);
    return number ? -number : pid;
}

void process_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = path ? strlen(path) : 0;
    if (!length || (path[0] != '/' && path[0] != '@') || length >= sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, path, length);
    /* '@' stands for the NUL of an abstract address, which has no NUL at its end. */
    size_t size = offsetof(struct sockaddr_un, sun_path) + length + (path[0] == '/');
    if (path[0] == '@')
        address.sun_path[0] = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
                 (const struct sockaddr *)&address, (socklen_t)size);
    close(fd);
}

static bool variable_to_uint(const char *name, uint64_t max, uint64_t *out)
{
    const char *value = getenv(name);
    return value && bytes_to_uint(bytes_of(value), max, out);
}

int process_listen_fds(const char **names)
{
    static char *kept_names;
    uint64_t pid, count;
    bool ours = variable_to_uint("LISTEN_PID", INT_MAX, &pid) && pid == (uint64_t)getpid() &&
                variable_to_uint("LISTEN_FDS", DESCRIPTORS_MAX, &count);
    const char *given = getenv("LISTEN_FDNAMES");
    free(kept_names);
    kept_names = ours && given ? strdup(given) : NULL;
    *names = kept_names;
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (!ours)
        return 0;
    for (int i = 0; i < (int)count; i++) {
        int flags = fcntl(FIRST_DESCRIPTOR + i, F_GETFD);
        if (flags < 0)
            return i;
        (void)fcntl(FIRST_DESCRIPTOR + i, F_SETFD, flags | FD_CLOEXEC);
    }
    return (int)count;
}

bool process_is_root(void)
{
    return geteuid() == 0;
}
