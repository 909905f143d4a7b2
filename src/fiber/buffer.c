/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Buffers for streams, kept for the next stream that needs one. While one is kept the tools treat
 * it as freed, so that a slice that outlived its reading call is found.
 */
#include "fiber/private.h"
#include "fiber/sanitizer.h"
#include "fiber/stream.h"

#include <stdlib.h>

enum { KEPT_MAX = 64 };

uint8_t *buffer_take(struct loop *loop)
{
    struct buffer_cache *cache = &loop->buffers;
    struct buffer *buffer = cache->first;
    if (!buffer)
        return malloc(STREAM_BUFFER);
    cache->first = buffer->next;
    cache->count--;
    ASAN_UNPOISON_MEMORY_REGION(buffer, STREAM_BUFFER);
    VALGRIND_MAKE_MEM_UNDEFINED(buffer, STREAM_BUFFER);
    return (uint8_t *)buffer;
}

void buffer_give(struct loop *loop, uint8_t *memory)
{
    struct buffer_cache *cache = &loop->buffers;
    if (cache->count == KEPT_MAX) {
        free(memory);
        return;
    }
    struct buffer *buffer = (struct buffer *)(void *)memory;
    buffer->next = cache->first;
    cache->first = buffer;
    cache->count++;
    /* All but the link. */
    ASAN_POISON_MEMORY_REGION(buffer + 1, STREAM_BUFFER - sizeof(*buffer));
    VALGRIND_MAKE_MEM_NOACCESS(buffer + 1, STREAM_BUFFER - sizeof(*buffer));
}

void buffer_cache_clear(struct loop *loop)
{
    while (loop->buffers.first)
        free(buffer_take(loop)); /* through the front door: it takes the marks off */
}
