/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MEMFD_SEALS = F_SEAL_SHRINK | F_SEAL_WRITE };

static int make(struct bytes content, unsigned flags)
{
    int fd = memfd_create("message", MFD_CLOEXEC | flags);
    if (fd < 0)
        return -errno;
    while (content.len) {
        ssize_t written = write(fd, content.ptr, content.len);
        if (written <= 0) {
            int error = written < 0 ? errno : EIO;
            close(fd);
            return -error;
        }
        content = bytes_skip(content, (size_t)written);
    }
    return fd;
}

int memfd_of(struct bytes content)
{
    return make(content, 0);
}

int memfd_of_sealed(struct bytes content)
{
    int fd = make(content, MFD_ALLOW_SEALING);
    if (fd >= 0 && fcntl(fd, F_ADD_SEALS, MEMFD_SEALS | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

bool memfd_is_sealed(int fd)
{
    int seals = fcntl(fd, F_GET_SEALS);
    return seals >= 0 && (seals & MEMFD_SEALS) == MEMFD_SEALS;
}
