/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Landlock by raw system calls: the C library has no wrappers, and the headers of a distribution
 * are older than the kernels that run it, so the interface's numbers stand here.
 */
#include "os/sandbox_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

enum { CREATE_RULESET_VERSION = 1, RULE_PATH_BENEATH = 1, RULE_NET_PORT = 2, NEWEST_ABI = 7 };

enum files_access {
    EXECUTE = 1 << 0,
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_DIR = 1 << 3,
    REMOVE_DIR = 1 << 4,
    REMOVE_FILE = 1 << 5,
    MAKE_DIR = 1 << 7,
    MAKE_REG = 1 << 8,
    ALL_OF_ABI_1 = (1 << 13) - 1,
    REFER = 1 << 13,     /* ABI 2 */
    TRUNCATE = 1 << 14,  /* ABI 3 */
    IOCTL_DEV = 1 << 15, /* ABI 5 */
};
enum net_access { BIND_TCP = 1 << 0, CONNECT_TCP = 1 << 1 };               /* ABI 4 */
enum scope { SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0, SCOPE_SIGNAL = 1 << 1 }; /* ABI 6 */

struct ruleset {
    uint64_t files, net, scoped;
};
struct path_rule {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));
struct port_rule {
    uint64_t allowed, port;
};

static const uint64_t ON_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;
static const uint64_t READING = READ_FILE | READ_DIR;
/* No devices, sockets, pipes or links. REFER is renaming between folders: tmp/ to new/. */
static const uint64_t WRITING = READ_FILE | READ_DIR | WRITE_FILE | REMOVE_DIR | REMOVE_FILE |
                                MAKE_DIR | MAKE_REG | REFER | TRUNCATE;

static int kernel_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
    if (abi <= 0)
        return 0;
    return abi > NEWEST_ABI ? NEWEST_ABI : (int)abi;
}

static uint64_t files_of_abi(int abi)
{
    uint64_t files = ALL_OF_ABI_1;
    if (abi >= 2)
        files |= REFER;
    if (abi >= 3)
        files |= TRUNCATE;
    if (abi >= 5)
        files |= IOCTL_DEV;
    return files;
}

static uint64_t net_of(const struct sandbox *sandbox)
{
    uint64_t net = 0;
    if (!sandbox->may_listen)
        net |= BIND_TCP;
    if (!sandbox->may_connect_network || sandbox->connect_ports)
        net |= CONNECT_TCP;
    return net;
}

static bool wants_writing(const struct sandbox *sandbox)
{
    for (size_t i = 0; i < sandbox->path_count; i++)
        if (sandbox->paths[i].write)
            return true;
    return false;
}

static struct ruleset handled(const struct sandbox *sandbox, int abi, struct sandbox_report *report)
{
    struct ruleset ruleset = {.files = files_of_abi(abi)};
    if (abi < 2 && sandbox->files == SANDBOX_FILES && wants_writing(sandbox)) {
        /* The first ABI refuses every rename between folders, and a Maildir lives by them. */
        ruleset.files = 0;
        sandbox_missing(report, "Landlock for files (its ABI 1 cannot rename between folders)");
    }
    if (abi >= 4)
        ruleset.net = net_of(sandbox);
    else
        sandbox_missing(report, "Landlock for TCP (ABI %d)", abi);
    if (abi >= 6)
        ruleset.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
    else
        sandbox_missing(report, "Landlock for signals (ABI %d)", abi);
    return ruleset;
}

static int create_ruleset(const struct ruleset *ruleset, int abi)
{
    size_t size = abi < 4 ? 8 : abi < 6 ? 16 : sizeof(*ruleset);
    long fd = syscall(SYS_landlock_create_ruleset, ruleset, size, 0);
    return fd < 0 ? -errno : (int)fd;
}

static int add_path(int ruleset, const struct sandbox_path *path, uint64_t handled_files)
{
    struct stat status;
    int fd = open(path->path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    uint64_t allowed = (path->write ? WRITING : READING) & handled_files;
    if (!fstat(fd, &status) && !S_ISDIR(status.st_mode))
        allowed &= ON_A_FILE;
    struct path_rule rule = {.allowed = allowed, .parent = fd};
    long failed = syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0);
    int number = failed ? errno : 0;
    close(fd);
    return -number;
}

static enum result add_paths(int ruleset, const struct sandbox *sandbox, uint64_t handled_files,
                             struct error *error)
{
    if (sandbox->files != SANDBOX_FILES || !handled_files)
        return OK;
    for (size_t i = 0; i < sandbox->path_count; i++) {
        int failed = add_path(ruleset, &sandbox->paths[i], handled_files);
        if (failed)
            return error_set(error, PERM, "%s: sandbox: %s: %s", sandbox->role,
                             sandbox->paths[i].path, strerror(-failed));
    }
    return OK;
}

static int add_port(int ruleset, uint64_t access, uint16_t port)
{
    struct port_rule rule = {.allowed = access, .port = port};
    return syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &rule, 0) ? -errno : 0;
}

static enum result add_ports(int ruleset, const struct sandbox *sandbox, uint64_t handled_net,
                             struct error *error)
{
    int failed = 0;
    if ((handled_net & BIND_TCP) && sandbox->may_bind_source)
        failed = add_port(ruleset, BIND_TCP, 0); /* 0: a port of the kernel's choice */
    if ((handled_net & CONNECT_TCP) && sandbox->may_connect_network)
        for (size_t i = 0; i < sandbox->connect_port_count && !failed; i++)
            failed = add_port(ruleset, CONNECT_TCP, sandbox->connect_ports[i]);
    /* EAFNOSUPPORT: a kernel without IP, where there is nothing to allow. */
    if (failed && failed != -EAFNOSUPPORT)
        return error_set(error, PERM, "%s: sandbox: Landlock port: %s", sandbox->role,
                         strerror(-failed));
    return OK;
}

enum result sandbox_landlock_prepare(const struct sandbox *sandbox, int *fd,
                                     struct sandbox_report *report, struct error *error)
{
    *fd = -1;
    int abi = kernel_abi();
    if (!abi) {
        sandbox_missing(report, "Landlock");
        return OK;
    }
    struct ruleset ruleset = handled(sandbox, abi, report);
    int created = create_ruleset(&ruleset, abi);
    if (created < 0) {
        sandbox_missing(report, "Landlock (%s)", strerror(-created));
        return OK;
    }
    enum result result = add_paths(created, sandbox, ruleset.files, error);
    if (result == OK)
        result = add_ports(created, sandbox, ruleset.net, error);
    if (result != OK) {
        close(created);
        return result;
    }
    report->landlock_abi = abi;
    *fd = created;
    return OK;
}

int sandbox_landlock_restrict(int fd)
{
    return syscall(SYS_landlock_restrict_self, fd, 0) ? -errno : 0;
}
