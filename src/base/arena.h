/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arena: memory that is released all at once, with a hard cap.
 *
 * One arena a session, a child a transaction, a mark/rewind pair a command. What is allocated lives
 * until the arena is reset, rewound past it or destroyed; nothing is freed singly. A child's memory
 * counts against its parent's cap and dies with it.
 *
 * When the cap is reached arena_alloc() returns NULL and `arena_exhausted()` stays true until the next
 * reset: the SMTP server turns that into 452 4.3.1 rather than letting the kernel kill the process.
 * Functions that build things in an arena pass the NULL on as TEMP.
 * Under AddressSanitizer released memory is poisoned.
 */
#ifndef VOUCH_BASE_ARENA_H
#define VOUCH_BASE_ARENA_H

#include "base/bytes.h"
#include "base/result.h"

#include <stdarg.h>

struct arena;

/* `cap` in octets. Returns NULL only when the system is out of memory. */
struct arena *arena_create(size_t cap);
struct arena *arena_create_child(struct arena *parent, size_t cap);
/* Runs the deferred functions (last first), then frees everything, children included. NULL is fine. */
void arena_destroy(struct arena *arena);
/* The same, but the arena stays usable. Children are destroyed. */
void arena_reset(struct arena *arena);

/* Zeroed, aligned for any type. Zero octets gives a valid pointer. NULL at the cap. */
void *arena_alloc(struct arena *arena, size_t size) must_check;
/* count * size with overflow check. */
void *arena_alloc_array(struct arena *arena, size_t count, size_t size) must_check;
#define arena_new(arena, type) ((type *)arena_alloc((arena), sizeof(type)))

/* Copies. At the cap: an empty slice with ptr NULL, or NULL. */
struct bytes arena_copy(struct arena *arena, struct bytes bytes);
struct bytes arena_lower(struct arena *arena, struct bytes bytes); /* ASCII lower-cased copy */
/* One behind the other. */
struct bytes arena_concat(struct arena *arena, const struct bytes *parts, size_t count);
char *arena_string(struct arena *arena, struct bytes bytes); /* NUL-terminated copy */
struct bytes arena_printf(struct arena *arena, const char *format, ...) printf_like(2, 3);
struct bytes arena_vprintf(struct arena *arena, const char *format, va_list args);

/* `function(pointer)` runs when the arena is reset, rewound past this point or destroyed.
 * False at the cap (then nothing was registered and the caller must release `pointer` itself). */
bool arena_defer(struct arena *arena, void (*function)(void *), void *pointer) must_check;

/* A savepoint: arena_rewind() releases what was allocated since. Marks nest. */
struct arena_mark {
    void *chunk, *defers, *children;
    size_t used;
};
struct arena_mark arena_mark(struct arena *arena);
void arena_rewind(struct arena *arena, struct arena_mark mark);

bool arena_exhausted(const struct arena *arena);
size_t arena_used(const struct arena *arena); /* octets taken from the system, children included */

#endif
