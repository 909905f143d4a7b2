/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * landlock: the kernel's interface, by raw system calls: the C library has no wrappers, and the headers of a
 * distribution are older than the kernels that run it, so the interface's numbers stand here. What is to be
 * allowed is the caller's (os/sandbox.h, and the auth role, whose sandbox is its own).
 *
 * Nothing is kept here. Functions that fail return -errno.
 */
#ifndef VOUCH_OS_LANDLOCK_H
#define VOUCH_OS_LANDLOCK_H

#include "base/result.h"

#include <stdint.h>

enum landlock_files {
    LANDLOCK_EXECUTE = 1 << 0,
    LANDLOCK_WRITE_FILE = 1 << 1,
    LANDLOCK_READ_FILE = 1 << 2,
    LANDLOCK_READ_DIR = 1 << 3,
    LANDLOCK_REMOVE_DIR = 1 << 4,
    LANDLOCK_REMOVE_FILE = 1 << 5,
    LANDLOCK_MAKE_DIR = 1 << 7,
    LANDLOCK_MAKE_REG = 1 << 8,
    LANDLOCK_ALL_OF_ABI_1 = (1 << 13) - 1,
    LANDLOCK_REFER = 1 << 13,     /* ABI 2 */
    LANDLOCK_TRUNCATE = 1 << 14,  /* ABI 3 */
    LANDLOCK_IOCTL_DEV = 1 << 15, /* ABI 5 */
};
enum landlock_net { LANDLOCK_BIND_TCP = 1 << 0, LANDLOCK_CONNECT_TCP = 1 << 1 }; /* ABI 4 */
enum landlock_scope { LANDLOCK_ABSTRACT_UNIX_SOCKET = 1 << 0, LANDLOCK_SIGNAL = 1 << 1 }; /* ABI 6 */

/* What is forbidden unless a rule allows it. */
struct landlock_ruleset {
    uint64_t files, net, scoped;
};

/* The kernel's ABI, or the newest that is known here; 0: it has no Landlock. */
int landlock_abi(void);
/* All rights about files that the ABI has. */
uint64_t landlock_files_of_abi(int abi);
/* A descriptor, closed on exec. */
int landlock_create(const struct landlock_ruleset *ruleset, int abi) must_check;
/* Allows it below a folder; of what is none only the rights that a file has. `allowed` must be handled by the
 * ruleset. 0 or -errno. */
int landlock_add_path(int fd, const char *path, uint64_t allowed) must_check;
int landlock_add_port(int fd, uint64_t allowed, uint16_t port) must_check;
/* For the calling thread only, for good; it must have no_new_privs. 0 or -errno; safe in a signal handler. */
int landlock_restrict(int fd) must_check;

#endif
