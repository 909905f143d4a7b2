/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/arena.h"

#include "base/ascii.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISONS 1
#endif
#endif
#ifdef POISONS
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

enum { FIRST_CHUNK = 512, LARGEST_CHUNK = 64 * 1024, ALIGNMENT = 16 };

/* Chunks double from FIRST_CHUNK, so that ten thousand idle sessions cost little. */
struct chunk {
    struct chunk *previous;
    size_t size, used;
    _Alignas(ALIGNMENT) uint8_t data[];
};

struct defer {
    struct defer *previous;
    void (*function)(void *);
    void *pointer;
};

struct arena {
    struct arena *parent;
    struct arena *children; /* newest first */
    struct arena *sibling;
    struct chunk *chunk;  /* newest first */
    struct defer *defers; /* newest first */
    size_t cap, total;
    uintptr_t births; /* children made so far */
    uintptr_t birth;  /* which of its parent's children this is, from 1 */
    bool exhausted;
};

struct arena *arena_create(size_t cap)
{
    struct arena *arena = calloc(1, sizeof(*arena));
    if (arena)
        arena->cap = cap;
    return arena;
}

struct arena *arena_create_child(struct arena *parent, size_t cap)
{
    struct arena *arena = arena_create(cap);
    if (!arena)
        return NULL;
    arena->parent = parent;
    arena->birth = ++parent->births;
    arena->sibling = parent->children;
    parent->children = arena;
    return arena;
}

static void account(struct arena *arena, size_t size)
{
    for (; arena; arena = arena->parent)
        arena->total += size;
}

static void unaccount(struct arena *arena, size_t size)
{
    for (; arena; arena = arena->parent)
        arena->total -= size;
}

static void run_defers(struct arena *arena, struct defer *until)
{
    while (arena->defers != until) {
        struct defer *defer = arena->defers;
        arena->defers = defer->previous;
        defer->function(defer->pointer);
    }
}

static void free_chunks(struct arena *arena, struct chunk *until)
{
    while (arena->chunk != until) {
        struct chunk *chunk = arena->chunk;
        arena->chunk = chunk->previous;
        unaccount(arena, sizeof(*chunk) + chunk->size);
        ASAN_UNPOISON_MEMORY_REGION(chunk->data, chunk->size);
        free(chunk);
    }
}

/* Those born later than `birth`. A mark holds a number rather than a child, which may be gone. */
static void destroy_children(struct arena *arena, uintptr_t birth)
{
    while (arena->children && arena->children->birth > birth)
        arena_destroy(arena->children);
}

void arena_reset(struct arena *arena)
{
    destroy_children(arena, 0);
    run_defers(arena, NULL);
    free_chunks(arena, NULL);
    arena->exhausted = false;
}

void arena_destroy(struct arena *arena)
{
    if (!arena)
        return;
    arena_reset(arena);
    if (arena->parent) {
        struct arena **link = &arena->parent->children;
        while (*link != arena)
            link = &(*link)->sibling;
        *link = arena->sibling;
    }
    free(arena);
}

static bool has_room(const struct arena *arena, size_t cost)
{
    for (; arena; arena = arena->parent)
        if (cost > arena->cap || arena->total > arena->cap - cost)
            return false;
    return true;
}

static bool grow(struct arena *arena, size_t size)
{
    size_t wanted = arena->chunk ? arena->chunk->size * 2 : FIRST_CHUNK;
    if (wanted > LARGEST_CHUNK)
        wanted = LARGEST_CHUNK;
    if (wanted < size)
        wanted = size;
    /* Near the cap only what is needed. */
    if (!has_room(arena, sizeof(struct chunk) + wanted))
        wanted = size;
    size_t cost = sizeof(struct chunk) + wanted;
    if (!has_room(arena, cost))
        return false;
    struct chunk *chunk = malloc(cost);
    if (!chunk)
        return false;
    chunk->previous = arena->chunk;
    chunk->size = wanted;
    chunk->used = 0;
    ASAN_POISON_MEMORY_REGION(chunk->data, chunk->size);
    arena->chunk = chunk;
    account(arena, cost);
    return true;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        goto exhausted;
    /* At least one octet, so that no two allocations share an address. */
    size_t padded = (size + !size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    struct chunk *chunk = arena->chunk;
    if (!chunk || padded > chunk->size - chunk->used) {
        if (!grow(arena, padded))
            goto exhausted;
        chunk = arena->chunk;
    }
    void *memory = chunk->data + chunk->used;
    chunk->used += padded;
    ASAN_UNPOISON_MEMORY_REGION(memory, size);
    memset(memory, 0, size);
    return memory;
exhausted:
    arena->exhausted = true;
    return NULL;
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size) {
        arena->exhausted = true;
        return NULL;
    }
    return arena_alloc(arena, count * size);
}

struct bytes arena_copy(struct arena *arena, struct bytes bytes)
{
    uint8_t *copy = arena_alloc(arena, bytes.len);
    if (!copy)
        return (struct bytes){NULL, 0};
    if (bytes.len)
        memcpy(copy, bytes.ptr, bytes.len);
    return bytes_from(copy, bytes.len);
}

struct bytes arena_lower(struct arena *arena, struct bytes bytes)
{
    uint8_t *copy = arena_alloc(arena, bytes.len);
    if (!copy)
        return (struct bytes){NULL, 0};
    for (size_t i = 0; i < bytes.len; i++)
        copy[i] = ascii_lower(bytes.ptr[i]);
    return bytes_from(copy, bytes.len);
}

struct bytes arena_concat(struct arena *arena, const struct bytes *parts, size_t count)
{
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > SIZE_MAX - length)
            return (struct bytes){NULL, 0};
        length += parts[i].len;
    }
    uint8_t *copy = arena_alloc(arena, length);
    if (!copy)
        return (struct bytes){NULL, 0};
    for (size_t i = 0, at = 0; i < count; at += parts[i++].len)
        if (parts[i].len)
            memcpy(copy + at, parts[i].ptr, parts[i].len);
    return bytes_from(copy, length);
}

char *arena_string(struct arena *arena, struct bytes bytes)
{
    if (bytes.len == SIZE_MAX)
        return NULL;
    char *copy = arena_alloc(arena, bytes.len + 1);
    if (copy && bytes.len)
        memcpy(copy, bytes.ptr, bytes.len);
    return copy;
}

struct bytes arena_vprintf(struct arena *arena, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    struct bytes result = {NULL, 0};
    char *text = length < 0 ? NULL : arena_alloc(arena, (size_t)length + 1);
    if (text) {
        vsnprintf(text, (size_t)length + 1, format, again);
        result = bytes_from(text, (size_t)length);
    }
    va_end(again);
    return result;
}

struct bytes arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct bytes result = arena_vprintf(arena, format, args);
    va_end(args);
    return result;
}

bool arena_defer(struct arena *arena, void (*function)(void *), void *pointer)
{
    struct defer *defer = arena_new(arena, struct defer);
    if (!defer)
        return false;
    *defer = (struct defer){arena->defers, function, pointer};
    arena->defers = defer;
    return true;
}

struct arena_mark arena_mark(struct arena *arena)
{
    return (struct arena_mark){
        .chunk = arena->chunk,
        .defers = arena->defers,
        .children = (void *)arena->births,
        .used = arena->chunk ? arena->chunk->used : 0,
    };
}

void arena_rewind(struct arena *arena, struct arena_mark mark)
{
    destroy_children(arena, (uintptr_t)mark.children);
    run_defers(arena, mark.defers);
    free_chunks(arena, mark.chunk);
    if (arena->chunk) {
        arena->chunk->used = mark.used;
        ASAN_POISON_MEMORY_REGION(arena->chunk->data + mark.used, arena->chunk->size - mark.used);
    }
    arena->exhausted = false;
}

bool arena_exhausted(const struct arena *arena)
{
    return arena->exhausted;
}

size_t arena_used(const struct arena *arena)
{
    return arena->total;
}
