/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * os/sandbox.h has roles that start no programs and load no code, and the master. PAM lies between them: the
 * role enters the master's sandbox, with the rights of the ordinary account already, and this takes away more.
 */
#include "base/log.h"
#include "os/landlock.h"
#include "roles/auth.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files */

static const struct {
    const char *path;
    bool write;
} paths[] = {
    {"/etc", false}, {"/usr", false}, {"/lib", false}, {"/lib32", false}, {"/lib64", false},
    {"/libx32", false}, {"/bin", false}, {"/sbin", false}, {"/run", false}, {"/proc", false},
    {"/var/lib/sss", false}, {"/dev/urandom", false}, {"/dev/null", true}, {"/run/faillock", true},
};

static int ruleset_fd = -1; /* until the process ends; threads restrict themselves with it */

static enum result add_path(const char *path, bool write, uint64_t handled, struct error *error)
{
    uint64_t allowed = LANDLOCK_READ_FILE | LANDLOCK_READ_DIR | LANDLOCK_EXECUTE;
    if (write)
        allowed |= LANDLOCK_WRITE_FILE | LANDLOCK_TRUNCATE | LANDLOCK_MAKE_REG | LANDLOCK_REMOVE_FILE;
    int failed = landlock_add_path(ruleset_fd, path, allowed & handled);
    if (failed && failed != -ENOENT && failed != -ENOTDIR)
        return error_set(error, TEMP, "sandbox: %s: %s", path, strerror(-failed));
    return OK;
}

enum result auth_sandbox_prepare(struct error *error)
{
    int abi = landlock_abi();
    struct landlock_ruleset ruleset = {.files = landlock_files_of_abi(abi)};
    if (!abi) {
        log_warning("sandbox", "not complete on this system: Landlock");
        return OK;
    }
    ruleset.net = abi >= 4 ? LANDLOCK_BIND_TCP | LANDLOCK_CONNECT_TCP : 0;
    ruleset.scoped = abi >= 6 ? LANDLOCK_ABSTRACT_UNIX_SOCKET | LANDLOCK_SIGNAL : 0;
    ruleset_fd = landlock_create(&ruleset, abi);
    if (ruleset_fd < 0) {
        log_warning("sandbox", "not complete on this system: Landlock (%s)", strerror(-ruleset_fd));
        return OK;
    }
    for (size_t i = 0; i < countof(paths); i++)
        if (add_path(paths[i].path, paths[i].write, ruleset.files, error) != OK)
            return TEMP;
    return OK;
}

bool auth_sandbox_thread(void)
{
    static _Thread_local bool done;
    if (!done && ruleset_fd >= 0)
        done = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && landlock_restrict(ruleset_fd) == 0;
    return done || ruleset_fd < 0;
}

/* The user */

static bool find_user(const char *name, uid_t *uid, gid_t *gid)
{
    uint64_t number;
    struct passwd *entry = getpwnam(name);
    if (entry) {
        *uid = entry->pw_uid;
        *gid = entry->pw_gid;
    } else if (bytes_to_uint(bytes_of(name), UINT32_MAX - 1, &number)) {
        *uid = (uid_t)number;
        *gid = (gid_t)number;
    } else {
        return false;
    }
    return *uid != 0 && *gid != 0;
}

enum result auth_sandbox_become(const char *user, struct error *error)
{
    uid_t uid;
    gid_t gid, shadow = 0;
    struct stat status;
    int death_signal = 0;
    pid_t parent = getppid();
    if (!find_user(user, &uid, &gid))
        return error_set(error, PERM, "auth: sandbox: there is no account \"%s\", or it is root", user);
    if (stat("/etc/shadow", &status) == 0 && (status.st_mode & S_IRGRP))
        shadow = status.st_gid;
    if (!shadow)
        log_warning("auth", "no group may read /etc/shadow: passwords that are there cannot be verified");
    (void)prctl(PR_GET_PDEATHSIG, &death_signal);
    /* These reach all threads (the C library sees to it). */
    if (setgroups(shadow ? 1 : 0, &shadow) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
        return error_set(error, PERM, "auth: sandbox: becoming %s: %s", user, strerror(errno));
    if (geteuid() != uid || getuid() != uid || !seteuid(0))
        return error_set(error, PERM, "auth: sandbox: still root");
    /* The kernel forgot it. */
    if (death_signal && (prctl(PR_SET_PDEATHSIG, death_signal) || getppid() != parent))
        return error_set(error, PERM, "auth: sandbox: the parent is gone");
    return OK;
}

/* System calls */

static void refuse(scmp_filter_ctx context, int *failed, const char *name, int number)
{
    int call = seccomp_syscall_resolve_name(name);
    if (!*failed && call >= 0)
        *failed = seccomp_rule_add_array(context, SCMP_ACT_ERRNO(number), call, 0, NULL);
}

enum result auth_sandbox_calls(struct error *error)
{
    static const char *const refused[] = {
        "bind", "listen", "accept", "accept4", "kill", "tkill", "rt_sigqueueinfo",
        "rt_tgsigqueueinfo", "pidfd_send_signal", "pidfd_open", "chroot", "keyctl", "add_key",
        "request_key", "setrlimit", "personality", "mount", "umount2", "unshare", "setns", "ptrace",
    };
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
    if (!context)
        return error_set(error, TEMP, "auth: sandbox: no memory");
    int failed = seccomp_attr_set(context, SCMP_FLTATR_CTL_TSYNC, 1);
    /* Network: only what is on this machine and has a file's name. Modules take it for a kernel without. */
    if (!failed)
        failed = seccomp_rule_add(context, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                                  SCMP_A0(SCMP_CMP_NE, AF_UNIX));
    for (size_t i = 0; i < countof(refused); i++)
        refuse(context, &failed, refused[i], EPERM);
    /* abort() signals the own process. */
    if (!failed)
        failed = seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(tgkill), 1,
                                  SCMP_A0(SCMP_CMP_NE, (scmp_datum_t)getpid()));
    if (!failed)
        failed = seccomp_load(context);
    seccomp_release(context);
    if (!failed)
        return OK;
    if (prctl(PR_GET_SECCOMP) < 0 || failed == -ENOSYS || failed == -EPERM || failed == -EACCES) {
        log_warning("sandbox", "not complete on this system: seccomp (%s)", strerror(-failed));
        return OK;
    }
    return error_set(error, PERM, "auth: sandbox: seccomp: %s", strerror(-failed));
}
