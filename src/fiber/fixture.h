/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture: what the tests of this folder (and others that need fibers) begin with.
 *
 *   static void fiber_body(void *argument) { ... assert things ... }
 *   static void name_of_test(void **state) { fixture_run(fiber_body, NULL); }
 */
#ifndef VOUCH_FIBER_FIXTURE_H
#define VOUCH_FIBER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fiber/fiber.h"
#include "fiber/group.h"

static inline void fixture_run_with(struct loop_options options, fiber_function *function,
                                    void *argument)
{
    struct loop *loop = loop_create(&options);
    assert_non_null(loop);
    loop_run(loop, function, argument);
    loop_destroy(loop);
}

/* On a fake clock that starts at 2026-01-01. */
static inline void fixture_run(fiber_function *function, void *argument)
{
    fixture_run_with((struct loop_options){.fake_clock = true, .fake_epoch = 1767225600}, function,
                     argument);
}

static inline void fixture_run_real(fiber_function *function, void *argument)
{
    fixture_run_with((struct loop_options){0}, function, argument);
}

/* Starts a fiber; that it starts is asserted. */
static inline void fixture_start(struct fiber_group *group, const char *name,
                                 fiber_function *function, void *argument)
{
    assert_true(fiber_group_start(group, name, function, argument));
}

#endif
