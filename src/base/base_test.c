/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of all of base. */
#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void bytes_of_null_is_empty(void **state)
{
    (void)state;
    assert_int_equal(bytes_of(NULL).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_of_null_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
