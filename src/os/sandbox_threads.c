/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Landlock, no_new_privs and capabilities belong to a thread, not to the process, and the worker
 * threads run before the sandbox closes. So each is interrupted by a signal whose handler restricts
 * it: what the C library does for setuid(). The signal is the C library's own for that purpose,
 * because it is the one that no thread can have blocked (workers block all others for signalfd).
 */
#include "os/sandbox_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    SIGNAL_NEVER_BLOCKED = 33, /* SIGSETXID of glibc; SIGSYNCCALL is 34 in musl */
    THREADS_MAX = 1024,
    PASSES_MAX = 16,
    PATIENCE_MILLISECONDS = 5000,
};

/* As the kernel reads it, which is not the C library's struct sigaction. */
struct kernel_sigaction {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

static struct {
    int (*function)(void *);
    void *argument;
    atomic_int result;
    atomic_int acknowledged; /* the thread that has run the function */
} job;

static void on_signal(int signal)
{
    (void)signal;
    int saved = errno;
    int result = job.function(job.argument);
    if (result)
        atomic_store(&job.result, result);
    atomic_store(&job.acknowledged, (int)syscall(SYS_gettid));
    errno = saved;
}

static int raw_sigaction(int signal, const struct kernel_sigaction *new,
                         struct kernel_sigaction *old)
{
    return syscall(SYS_rt_sigaction, signal, new, old, sizeof(new->mask)) ? -errno : 0;
}

/* Installs on_signal for the signal that sigaction() refuses to touch. The trampoline (restorer)
 * that some machines need is the C library's: borrowed from a handler installed for an ordinary
 * signal. */
static int install(struct kernel_sigaction *before)
{
    struct sigaction ours = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, old;
    struct kernel_sigaction raw;
    sigfillset(&ours.sa_mask);
    if (sigaction(SIGURG, &ours, &old))
        return -errno;
    int failed = raw_sigaction(SIGURG, NULL, &raw);
    sigaction(SIGURG, &old, NULL);
    return failed ? failed : raw_sigaction(SIGNAL_NEVER_BLOCKED, &raw, before);
}

static int signal_thread(pid_t thread, int signal)
{
    return syscall(SYS_tgkill, getpid(), thread, signal) ? -errno : 0;
}

/* 0; -ESRCH: the thread has ended; -ETIMEDOUT. */
static int run_on(pid_t thread)
{
    atomic_store(&job.acknowledged, 0);
    int failed = signal_thread(thread, SIGNAL_NEVER_BLOCKED);
    for (int waited = 0; !failed; waited++) {
        if (atomic_load(&job.acknowledged) == thread)
            return atomic_load(&job.result);
        if (waited / 10 > PATIENCE_MILLISECONDS)
            return -ETIMEDOUT;
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
        failed = signal_thread(thread, 0);
    }
    return failed;
}

struct done {
    pid_t threads[THREADS_MAX];
    size_t count;
};

static bool is_done(const struct done *done, pid_t thread)
{
    for (size_t i = 0; i < done->count; i++)
        if (done->threads[i] == thread)
            return true;
    return false;
}

/* All threads that `tasks` lists and that are not done; *found: whether there was one. */
static int pass(DIR *tasks, struct done *done, bool *found)
{
    struct dirent *entry;
    *found = false;
    rewinddir(tasks);
    while ((entry = readdir(tasks))) {
        pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
        if (thread <= 0 || is_done(done, thread))
            continue;
        *found = true;
        int failed = run_on(thread);
        if (failed == -ESRCH)
            continue;
        if (failed)
            return failed;
        if (done->count == THREADS_MAX)
            return -EAGAIN;
        done->threads[done->count++] = thread;
    }
    return 0;
}

int sandbox_threads_open(void)
{
    return open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int sandbox_threads_run(int proc_fd, int (*function)(void *), void *argument, size_t *count)
{
    *count = 0;
    DIR *tasks = proc_fd < 0 ? NULL : fdopendir(proc_fd);
    if (!tasks)
        return -ENOTSUP;
    struct done done = {.threads = {(pid_t)syscall(SYS_gettid)}, .count = 1};
    struct kernel_sigaction before;
    job.function = function;
    job.argument = argument;
    atomic_store(&job.result, 0);
    int failed = install(&before);
    /* A thread not yet restricted may start another: until a pass finds none. */
    bool found = true;
    for (int passes = 0; !failed && found; passes++)
        failed = passes == PASSES_MAX ? -EAGAIN : pass(tasks, &done, &found);
    if (!failed)
        failed = raw_sigaction(SIGNAL_NEVER_BLOCKED, &before, NULL);
    closedir(tasks);
    *count = done.count - 1;
    return failed;
}
