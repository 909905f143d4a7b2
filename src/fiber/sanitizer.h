/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sanitizer: what AddressSanitizer and valgrind must be told about our stacks and buffers.
 *
 * Private to src/fiber. Without those tools everything here is nothing (valgrind's requests cost a
 * few instructions, and only where stacks and buffers are taken or given back).
 */
#ifndef VOUCH_FIBER_SANITIZER_H
#define VOUCH_FIBER_SANITIZER_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#endif

#ifdef FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
/* Announces that we go to another stack. `save` NULL: and never come back to this one. */
#define SANITIZER_LEAVE(save, low, size) __sanitizer_start_switch_fiber(save, low, size)
/* Has arrived; `from_low` and `from_size` (or NULL) receive the stack that was left. */
#define SANITIZER_ARRIVE(saved, from_low, from_size)                                               \
    __sanitizer_finish_switch_fiber(saved, from_low, from_size)
#else
#define SANITIZER_LEAVE(save, low, size) ((void)(save), (void)(low), (void)(size))
#define SANITIZER_ARRIVE(saved, from_low, from_size)                                               \
    ((void)(saved), (void)(from_low), (void)(from_size))
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define FIBER_VALGRIND 1
#endif
#endif
#ifndef FIBER_VALGRIND
#define RUNNING_ON_VALGRIND 0
#define VALGRIND_STACK_REGISTER(low, high) ((void)(low), (void)(high), 0u)
#define VALGRIND_STACK_DEREGISTER(id) ((void)(id))
#define VALGRIND_MAKE_MEM_UNDEFINED(address, size) ((void)(address), (void)(size))
#define VALGRIND_MAKE_MEM_NOACCESS(address, size) ((void)(address), (void)(size))
#endif

#endif
