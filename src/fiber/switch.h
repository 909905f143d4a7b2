/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * switch: leaves one stack and goes on on another.
 *
 * Private to src/fiber. Own assembly on x86-64 and aarch64 (a round trip costs some 10 ns), the C
 * library's ucontext elsewhere or when built with -DFIBER_UCONTEXT (some 500 ns: it makes a system
 * call for the signal mask, which our fibers share). Nothing here fails or allocates.
 */
#ifndef VOUCH_FIBER_SWITCH_H
#define VOUCH_FIBER_SWITCH_H

#include <stddef.h>
#include <stdint.h>

#if !defined(FIBER_UCONTEXT) && !(defined(__x86_64__) && !defined(__ILP32__)) &&                   \
    !(defined(__aarch64__) && !defined(__ILP32__))
#define FIBER_UCONTEXT 1
#endif

#ifdef FIBER_UCONTEXT
#include <ucontext.h>
struct context {
    ucontext_t registers;
};
#else
/* Everything else that must survive lies on the stack itself. */
struct context {
    void *stack_pointer;
};
#endif

/* Makes `context` such that the first switch to it calls `entry(argument)` on the stack from `low`
 * to `low + size`. `entry` must never return. */
void switch_prepare(struct context *context, uint8_t *low, size_t size, void (*entry)(void *),
                    void *argument);
/* Saves where we are in `from` and goes on at `to`; returns when somebody switches to `from`. */
void switch_to(struct context *from, struct context *to);

#endif
