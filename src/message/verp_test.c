/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/verp.h"

#include "message/test.h"

static const struct verp users = {
    .local = BYTES_INIT("bounces"), .domain = BYTES_INIT("lists.example.org"), .delimiter = '+'};

static void assert_round_trip(const char *recipient, const char *expected)
{
    struct bytes out, back;
    assert_int_equal(verp_encode(arena, &users, bytes_of(recipient), &out, NULL), OK);
    assert_bytes(out, expected);
    assert_int_equal(verp_decode(arena, &users, out, &back, NULL), OK);
    assert_bytes(back, recipient);
}

static enum result decode(const char *address, struct bytes *out)
{
    return verp_decode(arena, &users, bytes_of(address), out, NULL);
}

static void the_recipient_stands_behind_the_delimiter_and_comes_back(void **state)
{
    assert_round_trip("user@example.net", "bounces+user=example.net@lists.example.org");
    assert_round_trip("User.Name+x@Example.NET",
                      "bounces+User.Name+x=Example.NET@lists.example.org");
    assert_round_trip("a=b=c@example.net", "bounces+a=b=c=example.net@lists.example.org");
    assert_round_trip("\"a b\"@example.net", "\"bounces+a b=example.net\"@lists.example.org");
    assert_round_trip("caf\xc3\xa9@example.net",
                      "bounces+caf\xc3\xa9=example.net@lists.example.org");
}

static void case_does_not_matter_in_our_own_parts(void **state)
{
    struct bytes out;
    assert_int_equal(decode("BOUNCES+User=example.net@Lists.Example.ORG", &out), OK);
    assert_bytes(out, "User@example.net");
}

static void the_plain_return_path_names_nobody(void **state)
{
    struct bytes out = BYTES("x");
    assert_int_equal(decode("bounces@lists.example.org", &out), OK);
    assert_int_equal(out.len, 0);
}

static void addresses_of_others_are_not_ours(void **state)
{
    struct bytes out;
    assert_int_equal(decode("bounces+user=example.net@example.org", &out), NONE);
    assert_int_equal(decode("bounce+user=example.net@lists.example.org", &out), NONE);
    assert_int_equal(decode("bouncesx+user=example.net@lists.example.org", &out), NONE);
    assert_int_equal(decode("bounces-user=example.net@lists.example.org", &out), NONE);
    assert_int_equal(decode("", &out), NONE);
    assert_int_equal(decode("bounces", &out), NONE);
}

static void what_names_no_mailbox_is_refused(void **state)
{
    struct bytes out;
    assert_int_equal(decode("bounces+@lists.example.org", &out), PERM);
    assert_int_equal(decode("bounces+user@lists.example.org", &out), PERM);
    assert_int_equal(decode("bounces+=example.net@lists.example.org", &out), PERM);
    assert_int_equal(decode("bounces+user=@lists.example.org", &out), PERM);
    assert_int_equal(decode("bounces+user=a..b@lists.example.org", &out), PERM);
    assert_int_equal(decode("\"bounces+user=[192.0.2.1]\"@lists.example.org", &out), PERM);
    assert_int_equal(decode("\"bounces+user=a b\"@lists.example.org", &out), PERM);
    assert_int_equal(out.len, 0);
}

static void recipients_that_do_not_fit_are_refused_rfc5321_4_5_3_1_1(void **state)
{
    struct bytes out;
    struct bytes recipient =
        arena_printf(arena, BYTES_FMT "@example.net", BYTES_ARG(repeat("x", 44)));
    assert_int_equal(verp_encode(arena, &users, recipient, &out, NULL), OK);
    assert_int_equal(bytes_find_byte(out, '@'), VERP_LOCAL_MAX);
    recipient = arena_printf(arena, BYTES_FMT "@example.net", BYTES_ARG(repeat("x", 45)));
    assert_int_equal(verp_encode(arena, &users, recipient, &out, NULL), PERM);
    assert_int_equal(verp_encode(arena, &users, BYTES("u@[192.0.2.1]"), &out, NULL), PERM);
    assert_int_equal(verp_encode(arena, &users, BYTES("u"), &out, NULL), PERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_recipient_stands_behind_the_delimiter_and_comes_back),
        cmocka_unit_test(case_does_not_matter_in_our_own_parts),
        cmocka_unit_test(the_plain_return_path_names_nobody),
        cmocka_unit_test(addresses_of_others_are_not_ours),
        cmocka_unit_test(what_names_no_mailbox_is_refused),
        cmocka_unit_test(recipients_that_do_not_fit_are_refused_rfc5321_4_5_3_1_1),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
