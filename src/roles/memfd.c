/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/memfd.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

int memfd_of(struct bytes content)
{
    int fd = memfd_create("message", MFD_CLOEXEC);
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
