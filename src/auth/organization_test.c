/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/organization.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void assert_organization(const char *name, const char *expected)
{
    struct bytes out = BYTES("");
    enum result result = organization_domain(bytes_of(name), &out);
    assert_int_equal(result, expected ? OK : NONE);
    if (expected) {
        assert_int_equal(out.len, strlen(expected));
        assert_memory_equal(out.ptr, expected, out.len);
    }
}

static void one_label_below_the_longest_suffix_rfc7489_3_2(void **state)
{
    assert_organization("example.com", "example.com");
    assert_organization("a.b.c.example.com", "example.com");
    assert_organization("a.example.co.uk", "example.co.uk");
    assert_organization("a.b.unlisted-tld", "b.unlisted-tld");
    assert_organization("A.Example.COM", "Example.COM");
}

static void a_suffix_itself_has_none(void **state)
{
    assert_organization("com", NULL);
    assert_organization("co.uk", NULL);
}

static void what_is_no_name_has_none(void **state)
{
    static char longest[2000];
    memset(longest, 'a', sizeof(longest) - 1);
    assert_organization("", NULL);
    assert_organization(".", NULL);
    assert_organization(".example.com", NULL);
    assert_organization("example.com.", NULL);
    assert_organization("example..com", NULL);
    assert_organization(longest, NULL);
    struct bytes out;
    assert_int_equal(organization_domain(BYTES("exam\0ple.com"), &out), NONE);
}

static void a_list_of_ones_own_replaces_the_built_in_one(void **state)
{
    char path[] = "/tmp/vouch-organization-XXXXXX";
    struct error error;
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, "example.com\n", 12), 12);
    close(descriptor);
    assert_int_equal(organization_load(path, &error), OK);
    assert_organization("a.b.example.com", "b.example.com");
    assert_int_equal(organization_load("/nonexistent/list", &error), PERM);
    assert_organization("a.b.example.com", "b.example.com");
    organization_unload();
    assert_organization("a.b.example.com", "example.com");
    unlink(path);
}

static void the_newest_list_can_be_loaded(void **state)
{
    struct error error;
    assert_int_equal(organization_load(NULL, &error), OK);
    assert_organization("a.example.com", "example.com");
    organization_unload();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_label_below_the_longest_suffix_rfc7489_3_2),
        cmocka_unit_test(a_suffix_itself_has_none),
        cmocka_unit_test(what_is_no_name_has_none),
        cmocka_unit_test(a_list_of_ones_own_replaces_the_built_in_one),
        cmocka_unit_test(the_newest_list_can_be_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
