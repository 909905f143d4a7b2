/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/sandbox.h"

#include "base/bytes.h"
#include "os/landlock.h"
#include "os/sandbox_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef SANDBOX_SANITIZED
/* The leak checker works by fork and ptrace, which the sandbox is there to prevent. */
static bool is_closed;
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return is_closed;
}
#endif

struct account {
    uid_t uid;
    gid_t gid;
    bool given;
};

void sandbox_missing(struct sandbox_report *report, const char *format, ...)
{
    size_t used = strlen(report->missing);
    if (used && used + 2 < sizeof(report->missing)) {
        memcpy(report->missing + used, ", ", 3);
        used += 2;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(report->missing + used, sizeof(report->missing) - used, format, args);
    va_end(args);
}

static enum result find_account(const struct sandbox *sandbox, struct account *account,
                                struct error *error)
{
    *account = (struct account){0};
    if (!sandbox->user)
        return OK;
    uint64_t number;
    errno = 0;
    struct passwd *entry = getpwnam(sandbox->user);
    if (entry) {
        account->uid = entry->pw_uid;
        account->gid = entry->pw_gid;
    } else if (bytes_to_uint(bytes_of(sandbox->user), UINT32_MAX - 1, &number)) {
        account->uid = (uid_t)number;
        account->gid = (gid_t)number;
    } else {
        return error_set(error, PERM, "%s: sandbox: there is no account \"%s\"", sandbox->role,
                         sandbox->user);
    }
    if (account->uid == 0 || account->gid == 0)
        return error_set(error, PERM, "%s: sandbox: the account \"%s\" is root", sandbox->role,
                         sandbox->user);
    account->given = true;
    return OK;
}

static bool is_empty(int directory)
{
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    if (!entries)
        return false;
    size_t count = 0;
    while (readdir(entries))
        count++;
    closedir(entries);
    return count <= 2; /* "." and ".." */
}

static enum result change_root(const struct sandbox *sandbox, struct sandbox_report *report,
                               struct error *error)
{
    if (!sandbox->chroot_to)
        return OK;
    if (geteuid() != 0) {
        sandbox_missing(report, "chroot (not root)");
        return OK;
    }
    struct stat status;
    int fd = open(sandbox->chroot_to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status)) {
        int number = errno;
        if (fd >= 0)
            close(fd);
        return error_set(error, PERM, "%s: sandbox: %s: %s", sandbox->role, sandbox->chroot_to,
                         strerror(number));
    }
    /* Who can write there can put things in the way of a process that looks for its files. */
    bool safe = status.st_uid == 0 && !(status.st_mode & (S_IWGRP | S_IWOTH)) && is_empty(fd);
    int number = 0;
    if (safe && (fchdir(fd) || chroot(".") || chdir("/")))
        number = errno;
    close(fd);
    if (!safe)
        return error_set(error, PERM,
                         "%s: sandbox: %s must be empty, root's, and writable by nobody else",
                         sandbox->role, sandbox->chroot_to);
    if (number == EPERM)
        sandbox_missing(report, "chroot (no capability)");
    else if (number)
        return error_set(error, PERM, "%s: sandbox: chroot: %s", sandbox->role, strerror(number));
    report->chrooted = !number;
    return OK;
}

static bool has_become(const struct account *account)
{
    uid_t real, effective, saved;
    gid_t real_group, effective_group, saved_group;
    return !getresuid(&real, &effective, &saved) && real == account->uid &&
           effective == account->uid && saved == account->uid &&
           !getresgid(&real_group, &effective_group, &saved_group) && real_group == account->gid &&
           effective_group == account->gid && saved_group == account->gid;
}

static enum result change_user(const struct sandbox *sandbox, const struct account *account,
                               struct sandbox_report *report, struct error *error)
{
    if (!account->given)
        return OK;
    if (geteuid() != 0) {
        if (geteuid() != account->uid)
            sandbox_missing(report, "user %s (not root)", sandbox->user);
        return OK;
    }
    /* These reach all threads (the C library sees to it). */
    if (setgroups(0, NULL) || setresgid(account->gid, account->gid, account->gid) ||
        setresuid(account->uid, account->uid, account->uid)) {
        if (errno != EPERM)
            return error_set(error, PERM, "%s: sandbox: becoming %s: %s", sandbox->role,
                             sandbox->user, strerror(errno));
        sandbox_missing(report, "user %s (no capability)", sandbox->user);
        return OK;
    }
    if (!has_become(account) || !setresuid(0, 0, 0) || !seteuid(0))
        return error_set(error, PERM, "%s: sandbox: still root", sandbox->role);
    report->user_dropped = true;
    return OK;
}

struct restriction {
    int landlock; /* -1: none */
    bool drop_capabilities;
};

/* What holds for one thread only; runs on each. */
static int restrict_thread(void *argument)
{
    const struct restriction *restriction = argument;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return -errno;
    if (restriction->landlock >= 0) {
        int failed = landlock_restrict(restriction->landlock);
        if (failed)
            return failed;
    }
    if (restriction->drop_capabilities) {
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct none[2] = {{0}};
        if (syscall(SYS_capset, &header, none))
            return -errno;
    }
    return 0;
}

static enum result restrict_threads(const struct sandbox *sandbox, int landlock, int *tasks,
                                    struct sandbox_report *report, struct error *error)
{
    /* An ordinary user can have capabilities too (systemd's AmbientCapabilities=). */
    struct restriction restriction = {.landlock = landlock, .drop_capabilities = geteuid() != 0};
    int failed = restrict_thread(&restriction);
    if (!failed)
        failed = sandbox_threads_run(*tasks, restrict_thread, &restriction, &report->threads);
    if (failed != -ENOTSUP)
        *tasks = -1; /* closed by the line above */
    if (failed == -ENOTSUP) {
        sandbox_missing(report, "Landlock on other threads (no /proc)");
        failed = 0;
    }
    if (failed)
        return error_set(error, TEMP, "%s: sandbox: restricting the threads: %s", sandbox->role,
                         strerror(-failed));
    return OK;
}

static enum result limit(const struct sandbox *sandbox, struct error *error)
{
    const struct rlimit none = {0, 0};
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || setrlimit(RLIMIT_CORE, &none))
        return error_set(error, PERM, "%s: sandbox: limits: %s", sandbox->role, strerror(errno));
    return OK;
}

/* The kernel forgets the parent-death signal when the user changes. */
static enum result change_user_and_root(const struct sandbox *sandbox,
                                        const struct account *account,
                                        struct sandbox_report *report, struct error *error)
{
    int death_signal = 0;
    pid_t parent = getppid();
    (void)prctl(PR_GET_PDEATHSIG, &death_signal);
    enum result result = change_root(sandbox, report, error);
    if (result == OK)
        result = change_user(sandbox, account, report, error);
    if (result != OK || !death_signal)
        return result;
    if (prctl(PR_SET_PDEATHSIG, death_signal) || getppid() != parent)
        return error_set(error, PERM, "%s: sandbox: the parent is gone", sandbox->role);
    return OK;
}

enum result sandbox_enter(const struct sandbox *sandbox, struct sandbox_report *report,
                          struct error *error)
{
    struct account account;
    *report = (struct sandbox_report){0};
    enum result result = find_account(sandbox, &account, error);
    if (result != OK)
        return result;
    int landlock = -1, tasks = sandbox_threads_open();
    if (!sandbox->may_spawn)
        result = sandbox_landlock_prepare(sandbox, &landlock, report, error);
    if (result == OK)
        result = change_user_and_root(sandbox, &account, report, error);
    if (result == OK)
        result = limit(sandbox, error);
    if (result == OK)
        result = restrict_threads(sandbox, landlock, &tasks, report, error);
    if (tasks >= 0)
        close(tasks);
    if (landlock >= 0)
        close(landlock);
    if (result == OK)
        result = sandbox_seccomp(sandbox, report, error);
#ifdef SANDBOX_SANITIZED
    is_closed = result == OK && report->seccomp;
#endif
    return result;
}
