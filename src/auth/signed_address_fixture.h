/* SPDX-License-Identifier: BSD-2-Clause */
/* signed_address_fixture: what the tests of SRS, BATV and SES share. Included by test programs only. */
#ifndef VOUCH_AUTH_SIGNED_ADDRESS_FIXTURE_H
#define VOUCH_AUTH_SIGNED_ADDRESS_FIXTURE_H

#include "auth/secrets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { NOW = 1577836860, DAY_SECONDS = 86400 }; /* 2020-01-01, which is day 18262 */

static struct arena *arena;
static struct bytes one_secret[] = {BYTES_INIT("tops3cr3t")};

static inline int open_arena(void **state)
{
    arena = arena_create(1 << 20);
    return arena ? 0 : -1;
}

static inline int close_arena(void **state)
{
    arena_destroy(arena);
    return 0;
}

/* What encoding `from` gave: `to` also where nothing was to be done, and else a reason. */
static inline void expect_encoded(const char *from, enum result got, struct bytes out,
                                  const struct error *error, enum result result, const char *to)
{
    if (got != result || (got != PERM && !bytes_is(out, to)) || (got != OK && !error->text[0]))
        fail_msg("%s: %s <" BYTES_FMT "> %s", from, result_name(got), BYTES_ARG(out), error->text);
}

/* What decoding `from` gave: `to` is the address, or else part of the reason. */
static inline void expect_decoded(const char *from, enum result got, struct bytes out,
                                  const struct error *error, enum result result, const char *to)
{
    if (got != result || (got == OK ? !bytes_is(out, to) : !strstr(error->text, to)))
        fail_msg("%s: %s <" BYTES_FMT "> %s", from, result_name(got), BYTES_ARG(out), error->text);
}

#endif
