/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/content.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FIRST_CAPACITY = 8 * 1024 };

void smtp_content_start(struct smtp_content *content, struct smtp_content_room *room,
                        size_t in_memory, uint64_t expected)
{
    *content = (struct smtp_content){.room = room, .in_memory = in_memory, .fd = -1};
    content->capacity = expected < in_memory ? (size_t)expected : FIRST_CAPACITY;
    if (content->capacity < FIRST_CAPACITY)
        content->capacity = FIRST_CAPACITY;
}

static bool write_all(int fd, struct bytes bytes)
{
    while (bytes.len) {
        ssize_t written = write(fd, bytes.ptr, bytes.len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes = bytes_skip(bytes, (size_t)written);
    }
    return true;
}

static bool take_room(struct smtp_content *content, uint64_t octets)
{
    struct smtp_content_room *room = content->room;
    if (!room)
        return true;
    uint64_t others = room->held - content->held;
    if (room->most && others && room->held + octets > room->most)
        return false;
    room->held += octets;
    content->held += octets;
    return true;
}

static bool move_to_memfd(struct smtp_content *content)
{
    if (!take_room(content, content->length))
        return false;
    content->fd = memfd_create("vouch-content", MFD_CLOEXEC);
    if (content->fd < 0 || !write_all(content->fd, bytes_from(content->heap, content->length)))
        return false;
    free(content->heap);
    content->heap = NULL;
    return true;
}

/* Room on the heap for `needed` octets. */
static bool reserve(struct smtp_content *content, size_t needed)
{
    if (content->heap && needed <= content->capacity)
        return true;
    while (content->capacity < needed)
        content->capacity *= 2;
    uint8_t *heap = realloc(content->heap, content->capacity);
    if (!heap)
        return false;
    content->heap = heap;
    return true;
}

static bool add(struct smtp_content *content, struct bytes bytes)
{
    if (content->fd < 0 && content->length + bytes.len > content->in_memory &&
        !move_to_memfd(content))
        return false;
    if (content->fd >= 0)
        return take_room(content, bytes.len) && write_all(content->fd, bytes);
    if (!reserve(content, (size_t)content->length + bytes.len))
        return false;
    memcpy(content->heap + content->length, bytes.ptr, bytes.len);
    return true;
}

void smtp_content_add(struct smtp_content *content, struct bytes bytes)
{
    if (content->failed || bytes.len == 0)
        return;
    if (add(content, bytes))
        content->length += bytes.len;
    else
        content->failed = true;
}

bool smtp_content_finish(struct smtp_content *content, struct bytes *out)
{
    if (content->failed)
        return false;
    if (content->fd < 0 || content->length == 0) {
        *out = bytes_from(content->heap, (size_t)content->length);
        return true;
    }
    void *mapping = mmap(NULL, (size_t)content->length, PROT_READ, MAP_SHARED, content->fd, 0);
    if (mapping == MAP_FAILED) {
        content->failed = true;
        return false;
    }
    content->mapping = mapping;
    *out = bytes_from(mapping, (size_t)content->length);
    return true;
}

void smtp_content_free(struct smtp_content *content)
{
    if (content->mapping)
        munmap(content->mapping, (size_t)content->length);
    if (content->fd >= 0)
        close(content->fd);
    free(content->heap);
    if (content->room)
        content->room->held -= content->held;
    *content = (struct smtp_content){
        .room = content->room, .in_memory = content->in_memory, .fd = -1};
}
