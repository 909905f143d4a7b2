/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

enum { CREATE_RULESET_VERSION = 1, RULE_PATH_BENEATH = 1, RULE_NET_PORT = 2, NEWEST_ABI = 7 };

struct path_rule {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));
struct port_rule {
    uint64_t allowed, port;
};

static const uint64_t ON_A_FILE = LANDLOCK_EXECUTE | LANDLOCK_WRITE_FILE | LANDLOCK_READ_FILE |
                                  LANDLOCK_TRUNCATE | LANDLOCK_IOCTL_DEV;

int landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
    if (abi <= 0)
        return 0;
    return abi > NEWEST_ABI ? NEWEST_ABI : (int)abi;
}

uint64_t landlock_files_of_abi(int abi)
{
    uint64_t files = LANDLOCK_ALL_OF_ABI_1;
    if (abi >= 2)
        files |= LANDLOCK_REFER;
    if (abi >= 3)
        files |= LANDLOCK_TRUNCATE;
    if (abi >= 5)
        files |= LANDLOCK_IOCTL_DEV;
    return files;
}

int landlock_create(const struct landlock_ruleset *ruleset, int abi)
{
    size_t size = abi < 4 ? 8 : abi < 6 ? 16 : sizeof(*ruleset);
    long fd = syscall(SYS_landlock_create_ruleset, ruleset, size, 0);
    return fd < 0 ? -errno : (int)fd;
}

int landlock_add_path(int fd, const char *path, uint64_t allowed)
{
    struct stat status;
    int parent = open(path, O_PATH | O_CLOEXEC);
    if (parent < 0)
        return -errno;
    if (!fstat(parent, &status) && !S_ISDIR(status.st_mode))
        allowed &= ON_A_FILE;
    struct path_rule rule = {.allowed = allowed, .parent = parent};
    long failed = syscall(SYS_landlock_add_rule, fd, RULE_PATH_BENEATH, &rule, 0);
    int number = failed ? errno : 0;
    close(parent);
    return -number;
}

int landlock_add_port(int fd, uint64_t allowed, uint16_t port)
{
    struct port_rule rule = {.allowed = allowed, .port = port};
    return syscall(SYS_landlock_add_rule, fd, RULE_NET_PORT, &rule, 0) ? -errno : 0;
}

int landlock_restrict(int fd)
{
    return syscall(SYS_landlock_restrict_self, fd, 0) ? -errno : 0;
}
