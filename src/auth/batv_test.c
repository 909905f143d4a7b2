/* SPDX-License-Identifier: BSD-2-Clause */
/* The hashes in here were made by another program (Python's hmac). */
#include "auth/batv.h"

#include "auth/signed_address_fixture.h"

static struct batv_options usual(void)
{
    return (struct batv_options){.secrets = {one_secret, 1}, .now = NOW};
}

static void encodes(const struct batv_options *options, const char *from, enum result result,
                    const char *to)
{
    struct bytes out;
    struct error error = {""};
    enum result got = batv_encode(arena, options, bytes_of(from), &out, &error);
    expect_encoded(from, got, out, &error, result, to);
}

static void decodes(const struct batv_options *options, const char *from, enum result result,
                    const char *to)
{
    struct bytes out;
    struct error error = {""};
    enum result got = batv_decode(arena, options, bytes_of(from), &out, &error);
    expect_decoded(from, got, out, &error, result, to);
}

static void a_tag_says_key_last_day_and_hash(void **state)
{
    struct batv_options options = usual();
    encodes(&options, "test@example.com", OK, "prvs=026940b835=test@example.com");
    decodes(&options, "prvs=026940b835=test@example.com", OK, "test@example.com");
    options.key = 3;
    options.now = INT64_C(18995) * DAY_SECONDS; /* the day becomes 1002 */
    encodes(&options, "test@example.com", OK, "prvs=3002598eda=test@example.com");
    options.key = 0;
    decodes(&options, "prvs=3002598eda=test@example.com", OK, "test@example.com");
}

static void case_does_not_matter(void **state)
{
    struct batv_options options = usual();
    encodes(&options, "Joe@Example.ORG", OK, "prvs=0269f0b001=Joe@Example.ORG");
    decodes(&options, "prvs=0269f0b001=Joe@Example.ORG", OK, "Joe@Example.ORG");
    decodes(&options, "PRVS=0269F0B001=JOE@EXAMPLE.ORG", OK, "JOE@EXAMPLE.ORG");
    decodes(&options, "prvs=0269f0b001=joe@example.org", OK, "joe@example.org");
    /* As other programs hash it: the address as it is written. */
    decodes(&options, "prvs=02699c1d82=Joe@Example.ORG", OK, "Joe@Example.ORG");
    decodes(&options, "prvs=02699c1d82=joe@example.org", PERM, "wrong");
}

static void a_tag_lives_for_a_week_modulo_1000_days(void **state)
{
    struct batv_options options = usual();
    const char *address = "prvs=026940b835=test@example.com";
    options.now = NOW + 7 * DAY_SECONDS;
    decodes(&options, address, OK, "test@example.com");
    options.now = NOW + 8 * DAY_SECONDS;
    decodes(&options, address, PERM, "ran out 1 days ago");
    options.now = NOW - DAY_SECONDS; /* the clock of the one that signed is ahead */
    decodes(&options, address, OK, "test@example.com");
    options.now = NOW - 2 * DAY_SECONDS;
    decodes(&options, address, PERM, "future");
    options.now = NOW + 1000 * DAY_SECONDS;
    decodes(&options, address, OK, "test@example.com");
}

static void the_day_is_counted_over_the_turn_of_the_thousand(void **state)
{
    struct batv_options options = usual();
    const char *address = "prvs=3002598eda=test@example.com";
    options.now = INT64_C(19002) * DAY_SECONDS;
    decodes(&options, address, OK, "test@example.com");
    options.now = INT64_C(18999) * DAY_SECONDS;
    decodes(&options, address, OK, "test@example.com");
    options.now = INT64_C(19003) * DAY_SECONDS;
    decodes(&options, address, PERM, "ran out");
}

static void nothing_of_it_can_be_changed(void **state)
{
    struct batv_options options = usual();
    decodes(&options, "prvs=126940b835=test@example.com", PERM, "wrong");
    decodes(&options, "prvs=027040b835=test@example.com", PERM, "wrong");
    decodes(&options, "prvs=026940b834=test@example.com", PERM, "wrong");
    decodes(&options, "prvs=026940b835=tess@example.com", PERM, "wrong");
    decodes(&options, "prvs=026940b835=test@example.org", PERM, "wrong");
}

static void malformed_tags_are_told_from_none(void **state)
{
    struct batv_options options = usual();
    decodes(&options, "test@example.com", NONE, "no BATV tag");
    decodes(&options, "prvs@example.com", NONE, "no BATV tag");
    decodes(&options, "", NONE, "null");
    decodes(&options, "prvs=test@example.com", PERM, "malformed");
    decodes(&options, "prvs=026940b835=@example.com", PERM, "malformed");
    decodes(&options, "prvs=026940b835@example.com", PERM, "malformed");
    decodes(&options, "prvs=026940b83=test@example.com", PERM, "malformed");
    decodes(&options, "prvs=026940b83g=test@example.com", PERM, "malformed");
    decodes(&options, "prvs=a26940b835=test@example.com", PERM, "malformed");
    /* The order of early drafts. */
    decodes(&options, "prvs=test/026940b835@example.com", PERM, "malformed");
    decodes(&options, "prvs=test=026940b835@example.com", PERM, "malformed");
}

static void what_has_no_sender_or_a_tag_stays(void **state)
{
    struct batv_options options = usual();
    encodes(&options, "", NONE, "");
    encodes(&options, "<>", NONE, "<>");
    encodes(&options, "prvs=026940b835=test@example.com", NONE, "prvs=026940b835=test@example.com");
    encodes(&options, "test", PERM, "");
    encodes(&options, "\"\"@example.com", PERM, "");
}

static void quoted_and_long_local_parts(void **state)
{
    struct batv_options options = usual();
    struct bytes out;
    assert_int_equal(batv_encode(arena, &options, BYTES("\"a b\"@example.com"), &out, NULL), OK);
    assert_true(bytes_starts_with(out, BYTES("\"prvs=0269")));
    decodes(&options, arena_string(arena, out), OK, "\"a b\"@example.com");
    assert_int_equal(batv_encode(arena, &options,
                                 BYTES("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuv@example.com"),
                                 &out, NULL), OK);
    assert_int_equal(out.len, 64 + 12);
    assert_int_equal(batv_encode(arena, &options,
                                 BYTES("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvw@example.com"),
                                 &out, NULL), PERM);
}

static void the_first_secret_signs_and_any_verifies(void **state)
{
    const struct bytes both[] = {BYTES_INIT("new"), BYTES_INIT("tops3cr3t")};
    struct batv_options options = usual();
    struct bytes out;
    options.secrets = (struct secrets){both, 2};
    decodes(&options, "prvs=026940b835=test@example.com", OK, "test@example.com");
    assert_int_equal(batv_encode(arena, &options, BYTES("test@example.com"), &out, NULL), OK);
    options.secrets.count = 1;
    decodes(&options, arena_string(arena, out), OK, "test@example.com");
    decodes(&options, "prvs=026940b835=test@example.com", PERM, "wrong");
}

static void options_out_of_bounds_are_named(void **state)
{
    struct batv_options options = usual();
    assert_int_equal(batv_check_options(&options, NULL), OK);
    options.key = 10;
    assert_int_equal(batv_check_options(&options, NULL), PERM);
    options = usual();
    options.days = 401;
    assert_int_equal(batv_check_options(&options, NULL), PERM);
    options = usual();
    options.secrets.count = 0;
    assert_int_equal(batv_check_options(&options, NULL), PERM);
}

static void without_memory_it_is_temporary(void **state)
{
    struct batv_options options = usual();
    struct bytes out;
    struct arena *small = arena_create(64);
    assert_int_equal(batv_encode(small, &options, BYTES("test@example.com"), &out, NULL), TEMP);
    assert_int_equal(batv_decode(small, &options, BYTES("prvs=026940b835=test@example.com"), &out,
                                 NULL), TEMP);
    arena_destroy(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tag_says_key_last_day_and_hash),
        cmocka_unit_test(case_does_not_matter),
        cmocka_unit_test(a_tag_lives_for_a_week_modulo_1000_days),
        cmocka_unit_test(the_day_is_counted_over_the_turn_of_the_thousand),
        cmocka_unit_test(nothing_of_it_can_be_changed),
        cmocka_unit_test(malformed_tags_are_told_from_none),
        cmocka_unit_test(what_has_no_sender_or_a_tag_stays),
        cmocka_unit_test(quoted_and_long_local_parts),
        cmocka_unit_test(the_first_secret_signs_and_any_verifies),
        cmocka_unit_test(options_out_of_bounds_are_named),
        cmocka_unit_test(without_memory_it_is_temporary),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
