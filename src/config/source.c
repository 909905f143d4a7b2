/* SPDX-License-Identifier: BSD-2-Clause */
#include "config/syntax.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum result read_all(struct arena *arena, int fd, const char *path, struct bytes *text,
                            struct error *error)
{
    struct buf content;
    buf_init(&content, CONFIG_FILE_SIZE);
    ssize_t count;
    do {
        uint8_t *room = buf_reserve(&content, 65536);
        if (!room) {
            buf_free(&content);
            return error_set(error, PERM, "%s is larger than a configuration may be (16M)", path);
        }
        count = read(fd, room, 65536);
        if (count > 0)
            content.len += (size_t)count;
    } while (count > 0 || (count < 0 && errno == EINTR));
    enum result result = OK;
    if (count < 0)
        result = error_set(error, PERM, "cannot read %s: %s", path, strerror(errno));
    else if (content.len)
        *text = arena_copy(arena, buf_bytes(&content));
    if (result == OK && content.len && !text->ptr)
        result = error_set(error, TEMP, "not enough memory for %s", path);
    buf_free(&content);
    return result;
}

enum result config_source_read(struct arena *arena, const char *path, struct bytes *text,
                               struct error *error)
{
    *text = BYTES("");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return error_set(error, PERM, "cannot read %s: %s", path, strerror(errno));
    enum result result = read_all(arena, fd, path, text, error);
    close(fd);
    return result;
}

bool config_source_is_open(const struct config_source *source, const char *path)
{
    struct stat wanted, other;
    if (stat(path, &wanted) != 0)
        return false;
    for (; source; source = source->parent)
        if (stat(source->name, &other) == 0 && other.st_dev == wanted.st_dev &&
            other.st_ino == wanted.st_ino)
            return true;
    return false;
}

char *config_source_path(struct arena *arena, const struct config_source *source, struct bytes path)
{
    struct bytes name = bytes_of(source->name);
    size_t slash = bytes_rfind_byte(name, '/');
    if (source->nameless || slash == BYTES_NOT_FOUND || path.len == 0 || path.ptr[0] == '/')
        return arena_string(arena, path);
    struct buf joined;
    buf_init(&joined, slash + 1 + path.len);
    buf_add(&joined, bytes_first(name, slash + 1));
    buf_add(&joined, path);
    char *result = joined.failed ? NULL : arena_string(arena, buf_bytes(&joined));
    buf_free(&joined);
    return result;
}
