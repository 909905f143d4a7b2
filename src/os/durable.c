/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/durable.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
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

static int kernel_open(struct durable *durable, const char *path, bool writable)
{
    (void)durable;
    int fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

static int64_t kernel_size(struct durable *durable, int fd)
{
    (void)durable;
    struct stat status;
    return fstat(fd, &status) ? -errno : status.st_size;
}

static int64_t kernel_read_at(struct durable *durable, int fd, void *out, size_t size,
                              uint64_t offset)
{
    (void)durable;
    size_t done = 0;
    while (done < size) {
        ssize_t count = pread(fd, (char *)out + done, size - done, (off_t)(offset + done));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -errno;
        if (count == 0)
            break;
        done += (size_t)count;
    }
    return (int64_t)done;
}

static int kernel_write_at(struct durable *durable, int fd, struct bytes bytes, uint64_t offset)
{
    (void)durable;
    while (bytes.len) {
        ssize_t count = pwrite(fd, bytes.ptr, bytes.len, (off_t)offset);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -errno;
        if (count == 0)
            return -EIO;
        offset += (size_t)count;
        bytes = bytes_skip(bytes, (size_t)count);
    }
    return 0;
}

static int kernel_sync_data(struct durable *durable, int fd)
{
    (void)durable;
    int failed;
    do
        failed = fdatasync(fd);
    while (failed && errno == EINTR);
    return failed ? -errno : 0;
}

static int kernel_allocate(struct durable *durable, int fd, uint64_t octets)
{
    (void)durable;
    int failed;
    do
        failed = fallocate(fd, 0, 0, (off_t)octets);
    while (failed && errno == EINTR);
    return failed ? -errno : 0;
}

static int kernel_lock(struct durable *durable, const char *path)
{
    (void)durable;
    int fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

static int kernel_list(struct durable *durable, const char *path,
                       void (*each)(void *context, const char *name), void *context)
{
    (void)durable;
    DIR *folder = opendir(path);
    if (!folder)
        return -errno;
    errno = 0;
    for (struct dirent *file; (file = readdir(folder)); errno = 0)
        if (file->d_name[0] != '.')
            each(context, file->d_name);
    int error = -errno;
    closedir(folder);
    return error;
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
        .open = kernel_open,
        .size = kernel_size,
        .read_at = kernel_read_at,
        .write_at = kernel_write_at,
        .sync_data = kernel_sync_data,
        .allocate = kernel_allocate,
        .lock = kernel_lock,
        .list = kernel_list,
    };
    return &kernel;
}
