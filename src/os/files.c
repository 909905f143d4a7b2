/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/files.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static enum result failure(struct error *error, const char *path, int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
        return error_set(error, NONE, "%s: there is no such file", path);
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EIO:
    case ENOSPC:
    case EDQUOT:
    case EINTR:
    case EAGAIN:
        return error_set(error, TEMP, "%s: %s", path, strerror(number));
    default:
        return error_set(error, PERM, "%s: %s", path, strerror(number));
    }
}

/* Reads `fd` to its end into `to`, which has room for one octet more than `max`. */
static int read_all(int fd, struct buf *to, size_t max, size_t guess)
{
    for (;;) {
        size_t left = max + 1 - to->len;
        size_t step = guess > to->len ? guess - to->len : 4096;
        if (step > left)
            step = left;
        if (!step)
            return -EFBIG;
        uint8_t *at = buf_reserve(to, step);
        if (!at)
            return -ENOMEM;
        ssize_t count = pread(fd, at, step, (off_t)to->len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return count ? -errno : 0;
        to->len += (size_t)count;
    }
}

static enum result read_descriptor(struct arena *arena, int fd, const char *name, size_t max,
                                   struct bytes *out, struct error *error)
{
    struct stat status;
    if (fstat(fd, &status))
        return failure(error, name, errno);
    if (!S_ISREG(status.st_mode))
        return error_set(error, PERM, "%s: not a regular file", name);
    if (status.st_size < 0 || (uint64_t)status.st_size > max)
        return error_set(error, PERM, "%s: longer than %zu octets", name, max);
    struct buf content;
    buf_init(&content, max + 1);
    /* One octet beyond the size, so that one read mostly finds the end. Files of /proc say 0. */
    int failed = read_all(fd, &content, max, (size_t)status.st_size + 1);
    enum result result = OK;
    char *copy = NULL;
    if (failed == -EFBIG || content.len > max)
        result = error_set(error, PERM, "%s: longer than %zu octets", name, max);
    else if (failed)
        result = failure(error, name, -failed);
    else if (!(copy = arena_string(arena, buf_bytes(&content))))
        result = error_set(error, TEMP, "%s: no memory", name);
    else
        *out = bytes_from(copy, content.len);
    buf_free(&content);
    return result;
}

enum result files_read_descriptor(struct arena *arena, int fd, size_t max, struct bytes *out,
                                  struct error *error)
{
    require(max < SIZE_MAX / 2);
    return read_descriptor(arena, fd, "descriptor", max, out, error);
}

enum result files_read(struct arena *arena, const char *path, size_t max, struct bytes *out,
                       struct error *error)
{
    require(max < SIZE_MAX / 2);
    /* O_NONBLOCK: a FIFO put in the file's place must not hold us. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return failure(error, path, errno);
    enum result result = read_descriptor(arena, fd, path, max, out, error);
    close(fd);
    return result;
}

/* "path.XXXXXXXXXXXX.tmp": unpredictable, so that nobody can have put something there. */
static bool temporary_name(const char *path, char *out, size_t size)
{
    uint8_t random[6];
    size_t length = strlen(path);
    if (length + 2 * sizeof(random) + 6 > size ||
        getrandom(random, sizeof(random), 0) != sizeof(random))
        return false;
    static const char digits[] = "0123456789abcdef";
    memcpy(out, path, length);
    out[length++] = '.';
    for (size_t i = 0; i < sizeof(random); i++) {
        out[length++] = digits[random[i] >> 4];
        out[length++] = digits[random[i] & 15];
    }
    memcpy(out + length, ".tmp", 5);
    return true;
}

static void folder_of(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    if (!slash)
        path = ".", length = 1;
    else if (!length)
        length = 1; /* the root */
    require(length < size);
    memcpy(out, path, length);
    out[length] = 0;
}

static int write_new(struct durable *durable, const char *path, struct bytes content, mode_t mode)
{
    int fd = durable->create(durable, path, mode);
    if (fd < 0)
        return fd;
    int failed = durable->write(durable, fd, content);
    if (!failed)
        failed = durable->sync(durable, fd);
    int close_failed = durable->close(durable, fd);
    return failed ? failed : close_failed;
}

enum result files_replace(struct durable *durable, const char *path, struct bytes content,
                          mode_t mode, struct error *error)
{
    char temporary[PATH_MAX], folder[PATH_MAX];
    if (!temporary_name(path, temporary, sizeof(temporary)))
        return error_set(error, PERM, "%s: the name is too long", path);
    folder_of(path, folder, sizeof(folder));
    int failed = write_new(durable, temporary, content, mode);
    if (!failed)
        failed = durable->rename(durable, temporary, path);
    if (failed) {
        if (failed != -EEXIST)
            (void)durable->unlink(durable, temporary);
    } else {
        failed = durable->sync_directory(durable, folder);
    }
    if (!failed)
        return OK;
    enum result result = failure(error, path, -failed);
    return result == NONE ? PERM : result;
}

/* One folder of a path; 0 when it is there afterwards. */
static int make_one(const char *path, mode_t mode)
{
    if (!mkdir(path, mode))
        return 0;
    int number = errno;
    struct stat status;
    /* mkdir says EROFS or EACCES too for folders that are there. */
    if (!stat(path, &status))
        return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
    return -number;
}

int files_make_directories(const char *path, mode_t mode)
{
    char part[PATH_MAX];
    size_t length = strlen(path);
    if (!length)
        return -ENOENT;
    if (length >= sizeof(part))
        return -ENAMETOOLONG;
    for (size_t i = 1; i <= length; i++) {
        if (i < length && (path[i] != '/' || path[i - 1] == '/'))
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        int failed = make_one(part, mode);
        if (failed)
            return failed;
    }
    return 0;
}

static bool takes_mode(int flags)
{
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

/* For kernels before 5.6 and sandboxes that refuse openat2: part by part, no link followed. */
static int walk_beneath(int directory, const char *path, int flags, mode_t mode)
{
    int at = directory, next;
    if (*path == '/')
        return -EXDEV;
    for (;;) {
        char part[NAME_MAX + 1];
        size_t length = strcspn(path, "/");
        const char *rest = path + length + strspn(path + length, "/");
        if (length > NAME_MAX)
            next = -ENAMETOOLONG;
        else {
            memcpy(part, path, length);
            part[length] = 0;
            bool last = !*rest;
            if (!length)
                next = -ENOENT;
            else if (!strcmp(part, ".."))
                next = -EXDEV;
            else if (last && path[length] == '/')
                next = openat(at, part, flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, mode);
            else if (last)
                next = openat(at, part, flags | O_NOFOLLOW | O_CLOEXEC, mode);
            else
                next = openat(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            if (next == -1)
                next = -errno;
        }
        if (at != directory)
            close(at);
        if (next < 0 || !*rest)
            return next;
        at = next;
        path = rest;
    }
}

int files_open_beneath(int directory, const char *path, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .mode = takes_mode(flags) ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long fd;
    int tries = 0;
    /* EAGAIN: somebody renamed a folder above during the look-up; the kernel could not be sure. */
    do
        fd = syscall(SYS_openat2, directory, path, &how, sizeof(how));
    while (fd < 0 && (errno == EINTR || (errno == EAGAIN && ++tries < 8)));
    if (fd >= 0)
        return (int)fd;
    if (errno == ENOSYS || errno == EPERM)
        return walk_beneath(directory, path, flags, mode);
    return -errno;
}
