/* SPDX-License-Identifier: BSD-2-Clause */
/* The signatures in here were made by another program (in Python) from the layout in ses.h. */
#include "auth/ses.h"

#include "auth/signed_address_fixture.h"

enum { TICK = SES_TICK_SECONDS };

static struct ses_options usual(uint64_t message_id)
{
    return (struct ses_options){
        .secrets = {one_secret, 1}, .now = NOW, .message_id = message_id};
}

static void encodes(const struct ses_options *options, const char *from, enum result result,
                    const char *to)
{
    struct bytes out;
    struct error error = {""};
    enum result got = ses_encode(arena, options, bytes_of(from), &out, &error);
    expect_encoded(from, got, out, &error, result, to);
}

static struct ses_address decodes(const struct ses_options *options, const char *from,
                                  enum result result, const char *to)
{
    struct ses_address out;
    struct error error = {""};
    enum result got = ses_decode(arena, options, bytes_of(from), &out, &error);
    expect_decoded(from, got, out.address, &error, result, to);
    return out;
}

static void a_signature_is_one_number_in_base_38(void **state)
{
    struct ses_options options = usual(1);
    encodes(&options, "Joe@Example.ORG", OK, "SES=GD5JT8UXB3O4O7YZB=Joe@Example.ORG");
    options = usual(UINT64_MAX);
    encodes(&options, "Joe@Example.ORG", OK, "SES=IMSE7RNDAL9V5761CGGYN5L5-M9QP=Joe@Example.ORG");
    struct ses_address found =
        decodes(&options, "SES=IMSE7RNDAL9V5761CGGYN5L5-M9QP=Joe@Example.ORG", OK, "Joe@Example.ORG");
    assert_true(found.message_id == UINT64_MAX);
    assert_false(found.fixed);
    assert_int_equal(found.tick, NOW / TICK);
}

static void case_of_signature_and_domain_does_not_matter_and_that_of_the_local_part_does(void **state)
{
    struct ses_options options = usual(0);
    struct ses_address found =
        decodes(&options, "ses=gd5jt8uxb3o4o7yzb=Joe@example.org", OK, "Joe@example.org");
    assert_int_equal(found.message_id, 1);
    decodes(&options, "SES=GD5JT8UXB3O4O7YZB=joe@Example.ORG", PERM, "wrong");
}

static void a_fixed_signature_is_verified_and_lives_for_ever(void **state)
{
    struct ses_options options = usual(4711);
    options.fixed = true;
    encodes(&options, "Joe@Example.ORG", OK, "SES=NNUG39GPJRUV6XWMV23=Joe@Example.ORG");
    options.now = NOW + INT64_C(100000) * TICK;
    struct ses_address found =
        decodes(&options, "SES=NNUG39GPJRUV6XWMV23=Joe@Example.ORG", OK, "Joe@Example.ORG");
    assert_true(found.fixed);
    assert_int_equal(found.tick, 0);
    assert_int_equal(found.message_id, 4711);
    decodes(&options, "SES=NNUG39GPJRUV6XWMV22=Joe@Example.ORG", PERM, "wrong");
    decodes(&options, "SES=NNUG39GPJRUV6XWMV23=Jim@Example.ORG", PERM, "wrong");
}

static void a_signature_lives_for_ten_days(void **state)
{
    struct ses_options options = usual(1);
    const char *address = "SES=GD5JT8UXB3O4O7YZB=Joe@Example.ORG";
    options.now = NOW + 39 * TICK;
    assert_int_equal(decodes(&options, address, OK, "Joe@Example.ORG").tick, NOW / TICK);
    options.now = NOW + 40 * TICK;
    decodes(&options, address, PERM, "ran out");
    options.now = NOW + 61 * TICK;
    decodes(&options, address, PERM, "ran out");
    options.now = NOW + 63 * TICK; /* another tick has the same code now */
    decodes(&options, address, PERM, "wrong");
    options.now = NOW - TICK;
    decodes(&options, address, OK, "Joe@Example.ORG");
    options.now = NOW - 2 * TICK;
    decodes(&options, address, PERM, "wrong");
    options.now = 0;
    decodes(&options, address, PERM, "wrong");
}

static void malformed_signatures_are_told_from_none(void **state)
{
    struct ses_options options = usual(1);
    decodes(&options, "Joe@Example.ORG", NONE, "not signed");
    decodes(&options, "SES@Example.ORG", NONE, "not signed");
    decodes(&options, "", NONE, "null");
    decodes(&options, "SES=@Example.ORG", PERM, "lacks");
    decodes(&options, "SES=ABC@Example.ORG", PERM, "lacks");
    decodes(&options, "SES=ABC=@Example.ORG", PERM, "lacks");
    decodes(&options, "SES==joe@Example.ORG", PERM, "malformed");
    decodes(&options, "SES=B+C=joe@Example.ORG", PERM, "malformed");
    decodes(&options, "SES=AGD5JT8UXB3O4O7YZB=Joe@Example.ORG", PERM, "malformed");
    /* 150 bits and a little more; many more digits */
    decodes(&options, "SES=-----------------------------=Joe@Example.ORG", PERM, "malformed");
    decodes(&options, "SES=BAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=Joe@Example.ORG", PERM, "malformed");
    decodes(&options, "SES=B=Joe@Example.ORG", PERM, "wrong");
}

static void what_has_no_sender_or_a_signature_stays(void **state)
{
    struct ses_options options = usual(1);
    encodes(&options, "", NONE, "");
    encodes(&options, "<>", NONE, "<>");
    encodes(&options, "SES=x=joe@Example.ORG", NONE, "SES=x=joe@Example.ORG");
    encodes(&options, "joe", PERM, "");
    encodes(&options, "\"\"@example.com", PERM, "");
}

static void local_parts_with_signs_and_quotes_come_back(void **state)
{
    static const char *const senders[] = {"a=b=c@example.net", "\"a b\"@example.net",
                                          "\"x@y\"@example.net", "joe@[192.0.2.1]"};
    struct ses_options options = usual(77);
    for (size_t i = 0; i < countof(senders); i++) {
        struct bytes out;
        assert_int_equal(ses_encode(arena, &options, bytes_of(senders[i]), &out, NULL), OK);
        assert_int_equal(decodes(&options, arena_string(arena, out), OK, senders[i]).message_id, 77);
    }
}

static void long_local_parts_are_refused_rfc5321_4_5_3_1_1(void **state)
{
    struct ses_options options = usual(1);
    struct bytes out;
    /* 4, 17 and 1 come before. */
    assert_int_equal(ses_encode(arena, &options,
                                BYTES("abcdefghijklmnopqrstuvwxyzabcdefghijklmnop@example.com"), &out,
                                NULL), OK);
    assert_int_equal(out.len, 64 + 12);
    assert_int_equal(ses_encode(arena, &options,
                                BYTES("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq@example.com"),
                                &out, NULL), PERM);
}

static void the_first_secret_signs_and_any_verifies(void **state)
{
    const struct bytes both[] = {BYTES_INIT("new"), BYTES_INIT("tops3cr3t")};
    struct ses_options options = usual(1);
    struct bytes out;
    options.secrets = (struct secrets){both, 2};
    decodes(&options, "SES=GD5JT8UXB3O4O7YZB=Joe@Example.ORG", OK, "Joe@Example.ORG");
    assert_int_equal(ses_encode(arena, &options, BYTES("a@b.example"), &out, NULL), OK);
    options.secrets.count = 1;
    decodes(&options, arena_string(arena, out), OK, "a@b.example");
    decodes(&options, "SES=GD5JT8UXB3O4O7YZB=Joe@Example.ORG", PERM, "wrong");
}

static void without_memory_it_is_temporary(void **state)
{
    struct ses_options options = usual(1);
    struct bytes out;
    struct ses_address found;
    struct arena *small = arena_create(64);
    assert_int_equal(ses_encode(small, &options, BYTES("a@b.example"), &out, NULL), TEMP);
    assert_int_equal(ses_decode(small, &options, BYTES("SES=GD5JT8UXB3O4O7YZB=Joe@Example.ORG"),
                                &found, NULL), TEMP);
    arena_destroy(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_is_one_number_in_base_38),
        cmocka_unit_test(
            case_of_signature_and_domain_does_not_matter_and_that_of_the_local_part_does),
        cmocka_unit_test(a_fixed_signature_is_verified_and_lives_for_ever),
        cmocka_unit_test(a_signature_lives_for_ten_days),
        cmocka_unit_test(malformed_signatures_are_told_from_none),
        cmocka_unit_test(what_has_no_sender_or_a_signature_stays),
        cmocka_unit_test(local_parts_with_signs_and_quotes_come_back),
        cmocka_unit_test(long_local_parts_are_refused_rfc5321_4_5_3_1_1),
        cmocka_unit_test(the_first_secret_signs_and_any_verifies),
        cmocka_unit_test(without_memory_it_is_temporary),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
