/* SPDX-License-Identifier: BSD-2-Clause */
#include "fiber/stack.h"

#include "fiber/sanitizer.h"

#include <sys/mman.h>
#include <unistd.h>

/*
 * A handful of stacks is kept as it is: fibers that live for one look-up start without a system
 * call. It is a handful because each may have grown large. More are kept as one page each, so that
 * a storm of connections does not map and unmap for every one; what is beyond goes back altogether.
 */
enum { HOT_MAX = 32, COLD_MAX = 1024 };

/* Mappings are aligned alike, so that all stacks would begin in the same few sets of the
 * processor's first-level cache. They begin at different lines instead. */
enum { COLOURS = 16 };

static struct stack *stack_map(struct stack_cache *cache)
{
    uint8_t *memory = mmap(NULL, STACK_GUARD + STACK_SIZE, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    if (mprotect(memory, STACK_GUARD, PROT_NONE)) {
        munmap(memory, STACK_GUARD + STACK_SIZE);
        return NULL;
    }
    uint8_t *low = memory + STACK_GUARD;
    struct stack *stack = (struct stack *)(void *)(low + STACK_SIZE) - 1;
    stack->valgrind_id = VALGRIND_STACK_REGISTER(low, low + STACK_SIZE);
    stack->colour = (unsigned)(cache->made++ % COLOURS);
    return stack;
}

static void stack_unmap(struct stack *stack)
{
    VALGRIND_STACK_DEREGISTER(stack->valgrind_id);
    munmap(stack_low(stack) - STACK_GUARD, STACK_GUARD + STACK_SIZE);
}

void stack_trim(struct stack *stack, const void *limit)
{
    uint8_t *low = stack_low(stack);
    size_t size = (size_t)((const uint8_t *)limit - low);
    size -= size % (size_t)sysconf(_SC_PAGESIZE); /* no system call */
    if (size)
        madvise(low, size, MADV_DONTNEED);
}

struct stack *stack_take(struct stack_cache *cache)
{
    struct stack *stack = cache->hot;
    if (stack) {
        cache->hot = stack->next;
        cache->hot_count--;
    } else if ((stack = cache->cold)) {
        cache->cold = stack->next;
        cache->cold_count--;
    } else {
        return stack_map(cache);
    }
    /* Its last fiber left frames behind that the tools still have marks on. */
    size_t used = STACK_SIZE - sizeof(*stack);
    ASAN_UNPOISON_MEMORY_REGION(stack_low(stack), used);
    VALGRIND_MAKE_MEM_UNDEFINED(stack_low(stack), used);
    return stack;
}

void stack_give(struct stack_cache *cache, struct stack *stack)
{
    if (cache->hot_count < HOT_MAX) {
        stack->next = cache->hot;
        cache->hot = stack;
        cache->hot_count++;
    } else if (cache->cold_count < COLD_MAX) {
        stack_trim(stack, stack);
        stack->next = cache->cold;
        cache->cold = stack;
        cache->cold_count++;
    } else {
        stack_unmap(stack);
    }
}

static void unmap_list(struct stack **list, size_t *count)
{
    while (*list) {
        struct stack *stack = *list;
        *list = stack->next;
        stack_unmap(stack);
    }
    *count = 0;
}

void stack_cache_clear(struct stack_cache *cache)
{
    unmap_list(&cache->hot, &cache->hot_count);
    unmap_list(&cache->cold, &cache->cold_count);
}
