/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stack: memory for fibers to run on, and a cache of it.
 *
 * Private to src/fiber. A stack is a mapping of 256 KiB with a guard of 64 KiB below it, so that an
 * overflow is a SIGSEGV and not somebody else's data. Pages come as they are touched. What
 * describes a stack lies at its upper end, in the one page that each stack needs anyway.
 */
#ifndef VOUCH_FIBER_STACK_H
#define VOUCH_FIBER_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STACK_SIZE = 256 * 1024, STACK_GUARD = 64 * 1024 };

struct stack {
    struct stack *next; /* in the cache */
    unsigned valgrind_id;
    unsigned colour;
};

/* A zeroed struct is valid. */
struct stack_cache {
    struct stack *hot;  /* as their last users left them: no system call to use one again */
    struct stack *cold; /* all pages but the uppermost returned to the system */
    size_t hot_count, cold_count, made;
};

struct stack *stack_take(struct stack_cache *cache); /* NULL when the system has no more */
void stack_give(struct stack_cache *cache, struct stack *stack);
void stack_cache_clear(struct stack_cache *cache);

static inline uint8_t *stack_low(struct stack *stack)
{
    return (uint8_t *)(stack + 1) - STACK_SIZE;
}

/* Returns the pages wholly below `limit` to the system: nothing of use may lie there. */
void stack_trim(struct stack *stack, const void *limit);

#endif
