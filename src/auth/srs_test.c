/* SPDX-License-Identifier: BSD-2-Clause */
/* SRS, and the secrets with which it and its relatives sign. */
#include "auth/srs.h"

#include "auth/signed_address_fixture.h"
#include "base/buf.h"

static struct srs_options usual(void)
{
    return (struct srs_options){
        .secrets = {one_secret, 1}, .domain = BYTES("example.com"), .now = NOW};
}

static void encodes(const struct srs_options *options, const char *from, enum result result,
                    const char *to)
{
    struct bytes out;
    struct error error = {""};
    enum result got = srs_encode(arena, options, bytes_of(from), &out, &error);
    expect_encoded(from, got, out, &error, result, to);
}

static void decodes(const struct srs_options *options, const char *from, enum result result,
                    const char *to)
{
    struct bytes out;
    struct error error = {""};
    enum result got = srs_decode(arena, options, bytes_of(from), &out, &error);
    expect_decoded(from, got, out, &error, result, to);
}

static void senders_come_back_whatever_the_separator(void **state)
{
    static const char *const senders[] = {
        "user@domain-with-dash.com",      "user-with-dash@domain.com",
        "user+with+plus@domain.com",      "user%with!everything&more=@domain.example",
        "\"Blah blah\"@orig.com",         "\"a@b\"@orig.com",
        "\"a\\\"b\\\\\"@orig.com",        "user@[192.0.2.1]",
        "a=b=c@example.net",              "SRS0@example.net",
        "srs0user@example.net",           "SRS1=foo@example.net",
    };
    for (const char *separator = "=+-"; *separator; separator++) {
        struct srs_options options = usual();
        options.separator = (uint8_t)*separator;
        for (size_t i = 0; i < countof(senders); i++) {
            struct bytes out;
            assert_int_equal(srs_encode(arena, &options, bytes_of(senders[i]), &out, NULL), OK);
            assert_int_equal(out.ptr[out.ptr[0] == '"' ? 5 : 4], *separator);
            assert_true(bytes_ends_with(out, BYTES("@example.com")));
            decodes(&options, arena_string(arena, out), OK, senders[i]);
        }
    }
}

static void quotes_go_around_the_whole_new_local_part(void **state)
{
    struct srs_options options = usual();
    struct bytes out;
    assert_int_equal(srs_encode(arena, &options, BYTES("\"a b\"@orig.com"), &out, NULL), OK);
    assert_true(bytes_starts_with(out, BYTES("\"SRS0=")));
    assert_true(bytes_ends_with(out, BYTES("=2W=orig.com=a b\"@example.com")));
}

static void null_and_local_senders_stay(void **state)
{
    const struct bytes ours[] = {BYTES_INIT("here.example"), BYTES_INIT("There.Example")};
    struct srs_options options = usual();
    options.local_domains = ours;
    options.local_domain_count = 2;
    encodes(&options, "", NONE, "");
    encodes(&options, "<>", NONE, "<>");
    encodes(&options, "joe@EXAMPLE.com", NONE, "joe@EXAMPLE.com");
    encodes(&options, "joe@there.example", NONE, "joe@there.example");
    encodes(&options, "SRS0=x@there.example", NONE, "SRS0=x@there.example");
    encodes(&options, "joe@sub.there.example", OK,
            "SRS0=T54x=2W=sub.there.example=joe@example.com");
}

static void chains_keep_the_first_forwarder_only(void **state)
{
    struct srs_options here = usual(), there = usual();
    const struct bytes other[] = {BYTES_INIT("other")};
    struct bytes first, second, third;
    there.domain = BYTES("b.example");
    there.secrets = (struct secrets){other, 1};
    there.separator = '+';
    assert_int_equal(srs_encode(arena, &there, BYTES("joe@a.example"), &first, NULL), OK);
    assert_int_equal(srs_encode(arena, &here, first, &second, NULL), OK);
    assert_true(bytes_starts_with(second, BYTES("SRS1=")));
    assert_true(bytes_find(second, BYTES("=b.example=+")) != BYTES_NOT_FOUND);
    here.domain = BYTES("c.example");
    assert_int_equal(srs_encode(arena, &here, second, &third, NULL), OK);
    /* The same hash, for it says nothing about who forwards. */
    assert_true(bytes_ends_with(third, BYTES("@c.example")));
    assert_true(bytes_equal(bytes_first(third, third.len - 9), bytes_first(second, second.len - 11)));
    decodes(&here, arena_string(arena, third), OK, arena_string(arena, first));
    decodes(&there, arena_string(arena, first), OK, "joe@a.example");
}

static void foreign_addresses_of_no_form_are_wrapped_like_any_other(void **state)
{
    static const char *const senders[] = {"SRS0=@b.example", "SRS1=@b.example", "SRS1=a=b@b.example",
                                          "SRS1=h=b=x@b.example", "SRS1=h=b==@b.example",
                                          "SRS1=h=b*c==x@b.example"};
    struct srs_options options = usual();
    for (size_t i = 0; i < countof(senders); i++) {
        struct bytes out;
        assert_int_equal(srs_encode(arena, &options, bytes_of(senders[i]), &out, NULL), OK);
        assert_true(bytes_starts_with(out, BYTES("SRS0=")));
        decodes(&options, arena_string(arena, out), OK, senders[i]);
    }
}

static void an_original_of_51_octets_is_the_longest_rfc5321_4_5_3_1_1(void **state)
{
    struct srs_options options = usual();
    struct bytes out;
    /* 39 and "=" and 11 */
    struct bytes fits = BYTES("abcdefghijklmnopqrstuvwxyzabcdefghijklm@example.org");
    struct bytes longer = BYTES("abcdefghijklmnopqrstuvwxyzabcdefghijklmn@example.org");
    struct error error;
    assert_int_equal(fits.len, 51);
    assert_int_equal(srs_encode(arena, &options, fits, &out, NULL), OK);
    assert_int_equal(out.len, 64 + 12);
    assert_int_equal(srs_encode(arena, &options, longer, &out, &error), PERM);
    assert_non_null(strstr(error.text, "65 octets"));
    options.hash_length = 5;
    assert_int_equal(srs_encode(arena, &options, fits, &out, &error), PERM);
    /* Quotes are sent, too. */
    options.hash_length = 4;
    assert_int_equal(srs_encode(arena, &options,
                                BYTES("\"abcdefghijklmnopqrstuvwxyz bcdefghijklm\"@example.org"),
                                &out, &error), PERM);
}

static void what_is_no_address_is_refused(void **state)
{
    struct srs_options options = usual();
    encodes(&options, "bla", PERM, "");
    encodes(&options, "a@b@c.example", PERM, "");
    encodes(&options, "@c.example", PERM, "");
    encodes(&options, "\"\"@c.example", PERM, "");
    encodes(&options, "\"a@c.example", PERM, "");
    encodes(&options, "SRS0=a=b=c=d@example.com", PERM, ""); /* our own */
    encodes(&options, "srs1-a@EXAMPLE.COM", PERM, "");
}

static void only_srs_addresses_of_our_domain_are_ours_to_refuse(void **state)
{
    struct srs_options options = usual();
    decodes(&options, "SRS0=FAKE=2W=a.example=b@other.example", NONE, "another domain");
    decodes(&options, "SRS0FAKE@example.com", NONE, "no SRS address");
    decodes(&options, "srs0@example.com", NONE, "no SRS address");
    decodes(&options, "joe@example.com", NONE, "no SRS address");
    decodes(&options, "", NONE, "null");
    decodes(&options, "SRS0=FAKE=2W=a.example=b@example.com", PERM, "hash");
    decodes(&options, "SRS1=FAKE=a.example==b@example.com", PERM, "hash");
    decodes(&options, "SRS1=FAKE=a.example=b@example.com", PERM, "SRS1");
    decodes(&options, "SRS1=FAKE==b@example.com", PERM, "SRS1");
    decodes(&options, "bla", PERM, "domain");
}

static void age_is_counted_modulo_1024_days(void **state)
{
    struct srs_options options = usual();
    const char *address = "SRS0=vmyz=2W=otherdomain.com=test@example.com";
    options.now = NOW + 21 * DAY_SECONDS;
    decodes(&options, address, OK, "test@otherdomain.com");
    options.now = NOW + 22 * DAY_SECONDS;
    decodes(&options, address, PERM, "22 days old");
    options.now = NOW + 1024 * DAY_SECONDS;
    decodes(&options, address, OK, "test@otherdomain.com");
    options.age_limit = 3;
    options.now = NOW + 4 * DAY_SECONDS;
    decodes(&options, address, PERM, "valid for 3");
}

static void a_day_of_the_future_is_a_clock_and_two_are_not(void **state)
{
    struct srs_options options = usual();
    const char *address = "SRS0=vmyz=2W=otherdomain.com=test@example.com";
    options.now = NOW - DAY_SECONDS;
    decodes(&options, address, OK, "test@otherdomain.com");
    options.now = NOW - 2 * DAY_SECONDS;
    decodes(&options, address, PERM, "future");
    options.now = NOW - 400 * DAY_SECONDS;
    decodes(&options, address, PERM, "future");
}

static void the_last_day_before_the_count_begins_anew_is_yesterday(void **state)
{
    struct srs_options options = usual();
    struct bytes out;
    options.now = INT64_C(1023) * DAY_SECONDS;
    assert_int_equal(srs_encode(arena, &options, BYTES("a@b.example"), &out, NULL), OK);
    assert_true(bytes_find(out, BYTES("=77=")) != BYTES_NOT_FOUND);
    options.now += DAY_SECONDS;
    decodes(&options, arena_string(arena, out), OK, "a@b.example");
    assert_int_equal(srs_encode(arena, &options, BYTES("a@b.example"), &out, NULL), OK);
    assert_true(bytes_find(out, BYTES("=AA=")) != BYTES_NOT_FOUND);
}

static void no_character_of_the_local_part_can_be_changed(void **state)
{
    struct srs_options options = usual();
    options.hash_length = 10; /* so that chance cannot play along */
    struct bytes made, out;
    assert_int_equal(srs_encode(arena, &options, BYTES("test@otherdomain.com"), &made, NULL), OK);
    char *text = arena_string(arena, made);
    for (size_t i = 5; text[i] != '@'; i++) {
        char kept = text[i];
        text[i] = kept == 'x' ? 'y' : 'x';
        assert_int_equal(srs_decode(arena, &options, bytes_of(text), &out, NULL), PERM);
        text[i] = kept;
    }
    decodes(&options, text, OK, "test@otherdomain.com");
}

static void the_first_secret_signs_and_any_verifies(void **state)
{
    const struct bytes both[] = {BYTES_INIT("new"), BYTES_INIT("tops3cr3t")};
    struct srs_options options = usual();
    options.secrets = (struct secrets){both, 2};
    struct bytes out;
    decodes(&options, "SRS0=vmyz=2W=otherdomain.com=test@example.com", OK, "test@otherdomain.com");
    assert_int_equal(srs_encode(arena, &options, BYTES("test@otherdomain.com"), &out, NULL), OK);
    decodes(&options, arena_string(arena, out), OK, "test@otherdomain.com");
    options.secrets.count = 1;
    decodes(&options, arena_string(arena, out), OK, "test@otherdomain.com");
    decodes(&options, "SRS0=vmyz=2W=otherdomain.com=test@example.com", PERM, "hash");
}

static void longer_hashes_are_taken_and_shorter_ones_only_if_allowed(void **state)
{
    struct srs_options options = usual();
    /* HMAC-SHA1 vmyz7BwaV7BFsJiaZTJeJaQF2Ys= */
    decodes(&options, "SRS0=vmyz7Bwa=2W=otherdomain.com=test@example.com", OK,
            "test@otherdomain.com");
    decodes(&options, "SRS0=vmyz7BwaV7BFsJiaZTJeJaQF2Ys=2W=otherdomain.com=test@example.com", OK,
            "test@otherdomain.com");
    decodes(&options, "SRS0=vmyz7BwaV7BFsJiaZTJeJaQF2YsA=2W=otherdomain.com=test@example.com", PERM,
            "characters");
    decodes(&options, "SRS0=vmyz7Bwb=2W=otherdomain.com=test@example.com", PERM, "wrong");
    options.hash_length = 8;
    encodes(&options, "test@otherdomain.com", OK,
            "SRS0=vmyz7Bwa=2W=otherdomain.com=test@example.com");
    decodes(&options, "SRS0=vmyz=2W=otherdomain.com=test@example.com", PERM, "characters");
    options.hash_least = 4;
    decodes(&options, "SRS0=vmyz=2W=otherdomain.com=test@example.com", OK, "test@otherdomain.com");
    decodes(&options, "SRS0=vmy=2W=otherdomain.com=test@example.com", PERM, "characters");
}

static void options_out_of_bounds_are_named(void **state)
{
    struct srs_options options = usual();
    assert_int_equal(srs_check_options(&options, NULL), OK);
    options.separator = '#';
    assert_int_equal(srs_check_options(&options, NULL), PERM);
    options = usual();
    options.hash_length = 3;
    assert_int_equal(srs_check_options(&options, NULL), PERM);
    options.hash_length = 28;
    assert_int_equal(srs_check_options(&options, NULL), PERM);
    options.hash_length = 5;
    options.hash_least = 6;
    assert_int_equal(srs_check_options(&options, NULL), PERM);
    options = usual();
    options.age_limit = 501;
    assert_int_equal(srs_check_options(&options, NULL), PERM);
    options = usual();
    options.secrets.count = 0;
    assert_int_equal(srs_check_options(&options, NULL), PERM);
    options = usual();
    options.domain = BYTES("");
    assert_int_equal(srs_check_options(&options, NULL), PERM);
}

static void without_memory_it_is_temporary(void **state)
{
    struct srs_options options = usual();
    struct bytes out;
    struct arena *small = arena_create(64);
    assert_int_equal(srs_encode(small, &options, BYTES("joe@a.example"), &out, NULL), TEMP);
    assert_int_equal(srs_decode(small, &options,
                                BYTES("SRS0=vmyz=2W=otherdomain.com=test@example.com"), &out, NULL),
                     TEMP);
    arena_destroy(small);
}

static void a_file_of_secrets_has_one_a_line(void **state)
{
    struct secrets secrets;
    struct error error;
    assert_int_equal(secrets_parse(arena, BYTES("# first\n\n  one \r\ntwo # too\n\nthree"), &secrets,
                                   NULL), OK);
    assert_int_equal(secrets.count, 3);
    assert_true(bytes_is(secrets.items[0], "one"));
    assert_true(bytes_is(secrets.items[1], "two # too"));
    assert_true(bytes_is(secrets.items[2], "three"));
    assert_int_equal(secrets_parse(arena, BYTES("\n#none\n"), &secrets, &error), PERM);
    assert_non_null(strstr(error.text, "no secret"));
    assert_int_equal(secrets_parse(arena, (struct bytes){NULL, 0}, &secrets, NULL), PERM);
    struct buf many;
    buf_init(&many, 1 << 16);
    for (int i = 0; i < SECRETS_MAX; i++)
        buf_printf(&many, "secret%d\n", i);
    assert_int_equal(secrets_parse(arena, buf_bytes(&many), &secrets, NULL), OK);
    buf_printf(&many, "one more\n");
    assert_int_equal(secrets_parse(arena, buf_bytes(&many), &secrets, NULL), PERM);
    buf_free(&many);
}

static void hmac_sha1_is_that_of_rfc2202(void **state)
{
    /* Cases 1 and 2 of its section 3, the data in two parts. */
    static const uint8_t second[] = {0xef, 0xfc, 0xdf, 0x6a, 0xe5, 0xeb, 0x2f, 0xa2, 0xd2, 0x74,
                                     0x16, 0xd5, 0xf1, 0x84, 0xdf, 0x9c, 0x25, 0x9a, 0x7c, 0x79};
    const struct bytes parts[] = {BYTES_INIT("what do ya want "), BYTES_INIT("for nothing?")};
    uint8_t mac[SECRETS_MAC_SIZE];
    assert_true(secrets_mac(BYTES("Jefe"), parts, 2, mac));
    assert_memory_equal(mac, second, sizeof(mac));
    assert_false(secrets_mac(BYTES(""), parts, 2, mac));
    struct bytes secret = BYTES("Jefe");
    struct secrets secrets = {&secret, 1};
    bool good;
    assert_int_equal(secrets_verify(&secrets, parts, 2, bytes_from(second, 3), &good, NULL), OK);
    assert_true(good);
    assert_int_equal(secrets_verify(&secrets, parts, 2, bytes_from(second + 1, 3), &good, NULL), OK);
    assert_false(good);
    assert_int_equal(secrets_verify(&secrets, parts, 2, BYTES(""), &good, NULL), OK);
    assert_false(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(senders_come_back_whatever_the_separator),
        cmocka_unit_test(quotes_go_around_the_whole_new_local_part),
        cmocka_unit_test(null_and_local_senders_stay),
        cmocka_unit_test(chains_keep_the_first_forwarder_only),
        cmocka_unit_test(foreign_addresses_of_no_form_are_wrapped_like_any_other),
        cmocka_unit_test(an_original_of_51_octets_is_the_longest_rfc5321_4_5_3_1_1),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(only_srs_addresses_of_our_domain_are_ours_to_refuse),
        cmocka_unit_test(age_is_counted_modulo_1024_days),
        cmocka_unit_test(a_day_of_the_future_is_a_clock_and_two_are_not),
        cmocka_unit_test(the_last_day_before_the_count_begins_anew_is_yesterday),
        cmocka_unit_test(no_character_of_the_local_part_can_be_changed),
        cmocka_unit_test(the_first_secret_signs_and_any_verifies),
        cmocka_unit_test(longer_hashes_are_taken_and_shorter_ones_only_if_allowed),
        cmocka_unit_test(options_out_of_bounds_are_named),
        cmocka_unit_test(without_memory_it_is_temporary),
        cmocka_unit_test(a_file_of_secrets_has_one_a_line),
        cmocka_unit_test(hmac_sha1_is_that_of_rfc2202),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
