/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sandbox: gives up, for good, what a role does not need.
 *
 * In this order: chroot and uid (where root), no_new_privs, not dumpable, rlimits, Landlock (files, TCP
 * connect and bind, signals), seccomp with a default of killing the process. It holds for all threads
 * that run by then (a pool included); none can be started later. What the kernel does not offer (an
 * old Landlock ABI, no seccomp in a container) is reported in `struct sandbox_report`, not passed over.
 *
 * Calls that libraries make for no good reason (opening /etc/localtime, stat) fail with EACCES where
 * the role has no files; whatever else is not allowed kills the process with SIGSYS, which the
 * kernel's audit log shows. With `explain` (always in builds with AddressSanitizer) the process says
 * the number of the system call on standard error before it dies of the same signal.
 *
 * The parent-death signal of os/process.h survives. OK; or TEMP or PERM, and then the process is in no
 * defined state and must end.
 */
#ifndef VOUCH_OS_SANDBOX_H
#define VOUCH_OS_SANDBOX_H

#include "base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sandbox_files { SANDBOX_NO_FILES, SANDBOX_FILES }; /* FILES: those beneath `paths` only */

struct sandbox_path {
    const char *path;
    bool write; /* else read only */
};

struct sandbox {
    const char *role;          /* for messages */
    const char *user;          /* account to become where root; NULL: keep */
    const char *chroot_to;     /* empty directory where root; NULL: no chroot (Landlock only) */
    enum sandbox_files files;
    const struct sandbox_path *paths;
    size_t path_count;
    bool may_accept;           /* accept4 on inherited listeners */
    bool may_connect_network;  /* socket(AF_INET*) and connect */
    bool tcp_only;             /* … but no UDP, whose ports nothing restricts */
    const uint16_t *connect_ports; /* TCP ports allowed (Landlock ABI 4); NULL: any, count 0: none */
    size_t connect_port_count;
    bool may_connect_unix;     /* socket(AF_UNIX), connect: LMTP, clamd */
    bool may_listen;           /* bind, listen: none after start for any role today */
    bool may_spawn;            /* fork, execve, kill, wait: the master only. Its children inherit what
                                  it has, so it is denied only what no role needs; no Landlock */
    bool may_bind_source;      /* bind to a source address before connect: the courier */
    bool explain;              /* name the refused system call on standard error */
};

struct sandbox_report {
    bool user_dropped, chrooted, seccomp;
    int landlock_abi; /* 0: none */
    size_t threads;   /* other threads that were restricted too */
    char missing[256]; /* what was asked for and refused by the system, for the log; "" if nothing */
};

/* `user` may be a number, too. It must not be root. */
enum result sandbox_enter(const struct sandbox *sandbox, struct sandbox_report *report,
                          struct error *error) must_check;

#endif
