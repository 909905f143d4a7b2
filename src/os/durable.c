/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/durable.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int kernel_create(struct durable *durable, const char *path, mode_t mode)
{
    (void)durable;
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOCTTY, mode);
    return fd < 0 ? -errno : fd;
}

static int kernel_write(struct durable *durable, int fd, struct bytes bytes)
{
    (void)durable;
    while (bytes.len) {
        ssize_t count = write(fd, bytes.ptr, bytes.len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -errno;
        if (count == 0)
            return -EIO; /* a regular file never says 0; without this the loop would not end */
        bytes = bytes_skip(bytes, (size_t)count);
    }
    return 0;
}

static int kernel_start_sync(struct durable *durable, int fd)
{
    (void)durable;
    /* Only a hint: file systems without it lose speed, not safety. */
    (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    return 0;
}

static int kernel_sync(struct durable *durable, int fd)
{
    (void)durable;
    int failed;
    do
        failed = fsync(fd);
    while (failed && errno == EINTR);
    return failed ? -errno : 0;
}

static int kernel_close(struct durable *durable, int fd)
{
    (void)durable;
    /* Linux has released the descriptor even when close() says EINTR. */
    return close(fd) && errno != EINTR ? -errno : 0;
}

static int kernel_rename(struct durable *durable, const char *from, const char *to)
{
    (void)durable;
    return rename(from, to) ? -errno : 0;
}

static int kernel_unlink(struct durable *durable, const char *path)
{
    (void)durable;
    return unlink(path) ? -errno : 0;
}

static int kernel_make_directory(struct durable *durable, const char *path, mode_t mode)
{
    (void)durable;
    return mkdir(path, mode) ? -errno : 0;
}

static int kernel_sync_directory(struct durable *durable, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int result = kernel_sync(durable, fd);
    close(fd);
    return result;
}

struct durable *durable_kernel(void)
{
    static struct durable kernel = {
        .create = kernel_create,
        .write = kernel_write,
        .start_sync = kernel_start_sync,
        .sync = kernel_sync,
        .close = kernel_close,
        .rename = kernel_rename,
        .unlink = kernel_unlink,
        .make_directory = kernel_make_directory,
        .sync_directory = kernel_sync_directory,
    };
    return &kernel;
}
