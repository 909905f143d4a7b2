/* SPDX-License-Identifier: BSD-2-Clause */
#include "fiber/switch.h"

#include "base/result.h"

#include <string.h>

#ifdef FIBER_UCONTEXT

/* makecontext() passes ints only, so a pointer travels as two. */
struct start {
    void (*entry)(void *);
    void *argument;
};

static void start(unsigned high, unsigned low)
{
    struct start *start = (struct start *)(((uintptr_t)high << 16 << 16) | low);
    start->entry(start->argument);
    panic("a fiber's entry returned");
}

void switch_prepare(struct context *context, uint8_t *low, size_t size, void (*entry)(void *),
                    void *argument)
{
    /* At the lower end, where a stack arrives last; it is read once, at the start. */
    struct start *first = (struct start *)low;
    *first = (struct start){entry, argument};
    if (getcontext(&context->registers))
        panic("getcontext failed");
    context->registers.uc_stack.ss_sp = low + sizeof(*first);
    context->registers.uc_stack.ss_size = size - sizeof(*first);
    context->registers.uc_link = NULL;
    uintptr_t address = (uintptr_t)first;
    makecontext(&context->registers, (void (*)(void))start, 2, (unsigned)(address >> 16 >> 16),
                (unsigned)address);
}

void switch_to(struct context *from, struct context *to)
{
    if (swapcontext(&from->registers, &to->registers))
        panic("swapcontext failed");
}

#else

void switch_stacks(void **save, void *to);
void switch_start(void);

#if defined(__x86_64__)
/* What switch_stacks() takes off a stack, lowest address first. */
struct frame {
    uint32_t mxcsr;
    uint16_t x87_control, unused;
    uint64_t r15, r14, r13, r12, rbx, rbp;
    uint64_t return_address;
};

static void fill(struct frame *frame, void (*entry)(void *), void *argument)
{
    /* The control words that a process starts with (System V ABI 3.4.1). */
    frame->mxcsr = 0x1f80;
    frame->x87_control = 0x037f;
    frame->r12 = (uintptr_t)argument;
    frame->rbx = (uintptr_t)entry;
    frame->return_address = (uintptr_t)switch_start;
}
#else
struct frame {
    uint64_t x29, x30, x19, x20, other_x[8];
    uint64_t d[8];
    uint64_t fpcr, unused;
};

static void fill(struct frame *frame, void (*entry)(void *), void *argument)
{
    frame->x19 = (uintptr_t)entry;
    frame->x20 = (uintptr_t)argument;
    frame->x30 = (uintptr_t)switch_start;
}
#endif

void switch_prepare(struct context *context, uint8_t *low, size_t size, void (*entry)(void *),
                    void *argument)
{
    uint8_t *top = low + size;
    top -= (uintptr_t)top % 16;
    struct frame *frame = (struct frame *)(void *)(top - sizeof(*frame));
    memset(frame, 0, sizeof(*frame));
    fill(frame, entry, argument);
    context->stack_pointer = frame;
}

void switch_to(struct context *from, struct context *to)
{
    switch_stacks(&from->stack_pointer, to->stack_pointer);
}

#endif
