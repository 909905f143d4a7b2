/* SPDX-License-Identifier: BSD-2-Clause */
/* The stamps in here were made by another program (in Python). */
#include "auth/hashcash.h"
#include "auth/hashcash_mint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define JOE "1:20:261101:joe@example.org::abc:188b68"           /* 21 bits */
#define JOE_SHOUTED "1:20:261101:Joe@Example.ORG::abc:115456"   /* 20 */
#define JOE_12 "1:12:261101:joe@example.org::abc:1824"          /* 14 */
#define JOE_22 "1:22:261101:joe@example.org::abc:333423"        /* 23 */
#define ANN "1:20:261101:ann@example.net::abc:d15e0"            /* 20 */
#define JOE_MINUTE "1:20:2611012359:joe@example.org:a=b:abc:30e29"
#define JOE_SECOND "1:20:261101235958:joe@example.org::abc:1ab163"

enum { DAY_SECONDS = 86400 };
static const int64_t stamped = 1793491200; /* 2026-11-01 */

static struct arena *arena;

static int open_arena(void **state)
{
    arena = arena_create(4 << 20);
    return arena ? 0 : -1;
}

static int close_arena(void **state)
{
    arena_destroy(arena);
    return 0;
}

static struct hashcash_request request_for(const struct bytes *recipient)
{
    return (struct hashcash_request){
        .recipients = recipient, .recipient_count = 1, .now = stamped};
}

static void a_stamp_has_seven_parts(void **state)
{
    struct hashcash_stamp stamp;
    assert_int_equal(hashcash_parse(BYTES(" \t" JOE_MINUTE "\r\n"), &stamp, NULL), OK);
    assert_true(bytes_is(stamp.text, JOE_MINUTE));
    assert_int_equal(stamp.claimed_bits, 20);
    assert_int_equal(stamp.bits, 20);
    assert_true(bytes_is(stamp.resource, "joe@example.org"));
    assert_true(bytes_is(stamp.extension, "a=b"));
    assert_true(bytes_is(stamp.random, "abc"));
    assert_true(bytes_is(stamp.counter, "30e29"));
    assert_true(stamp.date == stamped + 23 * 3600 + 59 * 60);
    assert_int_equal(hashcash_parse(BYTES(JOE), &stamp, NULL), OK);
    assert_int_equal(stamp.bits, 21);
    assert_true(stamp.date == stamped);
    assert_int_equal(hashcash_parse(BYTES(JOE_SECOND), &stamp, NULL), OK);
    assert_true(stamp.date == stamped + DAY_SECONDS - 2);
}

static void what_is_no_stamp_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "0:040404:fred@foo.com:20056ff4e877027ef8ba55eb",
        "2:20:261101:joe@example.org::abc:1",
        "11:20:261101:joe@example.org::abc:1",
        "1:20:261101:joe@example.org::abc",
        "1:20:261101:joe@example.org::abc:1:",
        "1:20:261101:joe@[IPv6:2001:db8::1]::abc:1",
        "1::261101:joe@example.org::abc:1",
        "1:-1:261101:joe@example.org::abc:1",
        "1:161:261101:joe@example.org::abc:1",
        "1:99999999999999999999:261101:joe@example.org::abc:1",
        "1:20:2611:joe@example.org::abc:1",
        "1:20:26110112:joe@example.org::abc:1",
        "1:20:2611011:joe@example.org::abc:1",
        "1:20:26110x:joe@example.org::abc:1",
        "1:20:261301:joe@example.org::abc:1",
        "1:20:260001:joe@example.org::abc:1",
        "1:20:261100:joe@example.org::abc:1",
        "1:20:261131:joe@example.org::abc:1",
        "1:20:260229:joe@example.org::abc:1",
        "1:20:2611012400:joe@example.org::abc:1",
        "1:20:2611012360:joe@example.org::abc:1",
        "1:20:261101235960:joe@example.org::abc:1",
        "1:20:261101:::abc:1",
        "1:20:261101:joe@example.org::abc:",
        "1:20:261101:joe@example.org::a.c:1",
        "1:20:261101:joe@example.org::abc:1 2",
        "1:20:261101:joe@example.org::abc:1\x01",
        "1:20:261101:j\xff@example.org::abc:1",
    };
    struct hashcash_stamp stamp;
    for (size_t i = 0; i < countof(cases); i++) {
        struct error error = {""};
        if (hashcash_parse(bytes_of(cases[i]), &stamp, &error) != PERM || !error.text[0])
            fail_msg("%s", cases[i]);
    }
    assert_int_equal(hashcash_parse(BYTES("1:20:280229:joe@example.org::abc:1"), &stamp, NULL), OK);
}

static void length_is_bounded(void **state)
{
    char text[HASHCASH_STAMP_MAX + 2];
    struct hashcash_stamp stamp;
    int length = snprintf(text, sizeof(text), "1:20:261101:joe@example.org::abc:");
    memset(text + length, 'a', sizeof(text) - (size_t)length);
    assert_int_equal(hashcash_parse(bytes_from(text, HASHCASH_STAMP_MAX), &stamp, NULL), OK);
    assert_int_equal(hashcash_parse(bytes_from(text, HASHCASH_STAMP_MAX + 1), &stamp, NULL), PERM);
}

static void checks(const char *text, const struct hashcash_request *request,
                   enum auth_result expected, const char *why)
{
    struct hashcash_stamp stamp;
    const char *problem;
    assert_int_equal(hashcash_parse(bytes_of(text), &stamp, NULL), OK);
    enum auth_result result = hashcash_check_stamp(&stamp, request, &problem);
    if (result != expected || !strstr(problem, why) || (result == AUTH_PASS) != !problem[0])
        fail_msg("%s: %s %s", text, auth_result_name(result), problem);
}

static void the_recipient_is_compared_with_no_regard_to_the_case_of_its_domain(void **state)
{
    struct bytes recipients[] = {BYTES("ann@example.net"), BYTES("joe@EXAMPLE.org")};
    struct hashcash_request request = request_for(recipients);
    request.recipient_count = 2;
    checks(JOE, &request, AUTH_PASS, "");
    checks(ANN, &request, AUTH_PASS, "");
    checks(JOE_SHOUTED, &request, AUTH_NONE, "not for a recipient");
    request.recipient_count = 1;
    checks(JOE, &request, AUTH_NONE, "not for a recipient");
    request.recipient_count = 0;
    checks(ANN, &request, AUTH_NONE, "not for a recipient");
}

static void bits_must_be_claimed_and_there(void **state)
{
    struct bytes joe = BYTES("joe@example.org");
    struct hashcash_request request = request_for(&joe);
    checks(JOE_12, &request, AUTH_FAIL, "fewer bits than are demanded");
    request.bits = 12;
    checks(JOE_12, &request, AUTH_PASS, "");
    request.bits = 14; /* that it has by luck */
    checks(JOE_12, &request, AUTH_FAIL, "demanded");
    request.bits = 21;
    checks(JOE, &request, AUTH_FAIL, "demanded");
    request.bits = 0;
    checks("1:22:261101:joe@example.org::abc:188b68", &request, AUTH_FAIL, "than it claims");
    request.bits = 22;
    checks(JOE_22, &request, AUTH_PASS, "");
}

static void a_stamp_lives_for_28_days_and_two_of_skew(void **state)
{
    struct bytes joe = BYTES("joe@example.org");
    struct hashcash_request request = request_for(&joe);
    request.now = stamped + 30 * DAY_SECONDS;
    checks(JOE, &request, AUTH_PASS, "");
    request.now++;
    checks(JOE, &request, AUTH_POLICY, "expired");
    request.now = stamped - 2 * DAY_SECONDS;
    checks(JOE, &request, AUTH_PASS, "");
    request.now--;
    checks(JOE, &request, AUTH_POLICY, "future");
    request.validity = DAY_SECONDS;
    request.now = stamped + 3 * DAY_SECONDS + 1;
    checks(JOE, &request, AUTH_POLICY, "expired");
}

/* Of a whole message */

static struct hashcash_result check_message(const char *fields, const struct hashcash_request *request)
{
    struct hashcash_result result;
    struct message message;
    struct bytes text = arena_printf(arena, "From: a@b.example\r\n%s\r\nBody.\r\n", fields);
    assert_int_equal(message_parse(arena, text, &message, NULL), OK);
    assert_int_equal(hashcash_check(arena, &message, request, &result), OK);
    return result;
}

static void the_best_stamp_of_a_message_counts(void **state)
{
    static const struct {
        const char *fields;
        enum auth_result result;
        const char *text;
    } cases[] = {
        {"", AUTH_NONE, ""},
        {"Subject: " JOE "\r\n", AUTH_NONE, ""},
        {"X-Hashcash: " JOE "\r\n", AUTH_PASS, JOE},
        {"hashcash: " JOE "\r\n", AUTH_PASS, JOE},
        {"X-HASHCASH:" JOE "  \r\n", AUTH_PASS, JOE},
        {"X-Hashcash: 1:20:261101:joe@example.org:\r\n :abc:\r\n\t188b68\r\n", AUTH_PASS, JOE},
        {"X-Hashcash: " ANN "\r\n", AUTH_NONE, ANN},
        {"X-Hashcash: rubbish\r\n", AUTH_PERMERROR, ""},
        {"X-Hashcash: " ANN "\r\nX-Hashcash: rubbish\r\n", AUTH_PERMERROR, ""},
        {"X-Hashcash: rubbish\r\nX-Hashcash: " JOE_12 "\r\n", AUTH_FAIL, JOE_12},
        {"X-Hashcash: " JOE_12 "\r\nX-Hashcash: 1:0:260101:joe@example.org::a:a\r\n", AUTH_FAIL,
         JOE_12},
        {"X-Hashcash: " JOE "\r\nX-Hashcash: " JOE_22 "\r\nX-Hashcash: " JOE_MINUTE "\r\n", AUTH_PASS,
         JOE_22},
        {"X-Hashcash: " ANN "\r\nX-Hashcash: " JOE "\r\n", AUTH_PASS, JOE},
    };
    struct bytes joe = BYTES("joe@example.org");
    struct hashcash_request request = request_for(&joe);
    for (size_t i = 0; i < countof(cases); i++) {
        struct hashcash_result result = check_message(cases[i].fields, &request);
        if (result.result != cases[i].result || !bytes_is(result.stamp.text, cases[i].text))
            fail_msg("%zu: %s " BYTES_FMT, i, auth_result_name(result.result),
                     BYTES_ARG(result.stamp.text));
        assert_true(cases[i].fields[0] != 'X' || (result.problem.len == 0) ==
                                                     (result.result == AUTH_PASS));
    }
    request.now = stamped + 40 * DAY_SECONDS;
    struct hashcash_result result =
        check_message("X-Hashcash: " JOE_12 "\r\nX-Hashcash: " JOE "\r\n", &request);
    assert_int_equal(result.result, AUTH_POLICY);
}

static void ten_stamps_are_looked_at(void **state)
{
    struct bytes joe = BYTES("joe@example.org");
    struct hashcash_request request = request_for(&joe);
    struct buf fields;
    buf_init(&fields, 1 << 16);
    for (int i = 0; i < HASHCASH_STAMPS_MAX - 1; i++)
        buf_add_string(&fields, "X-Hashcash: " ANN "\r\n");
    char *nine = arena_string(arena, buf_bytes(&fields));
    struct bytes last = arena_printf(arena, "%sX-Hashcash: " JOE "\r\n", nine);
    struct bytes late = arena_printf(arena, "%sX-Hashcash: " ANN "\r\nX-Hashcash: " JOE "\r\n", nine);
    assert_int_equal(check_message(arena_string(arena, last), &request).result, AUTH_PASS);
    assert_int_equal(check_message(arena_string(arena, late), &request).result, AUTH_NONE);
    buf_free(&fields);
}

static void without_memory_it_is_temporary(void **state)
{
    struct bytes joe = BYTES("joe@example.org");
    struct hashcash_request request = request_for(&joe);
    struct hashcash_result result;
    struct message message;
    struct arena *small = arena_create(64);
    assert_int_equal(message_parse(arena, BYTES("X-Hashcash: " JOE "\r\n\r\n"), &message, NULL), OK);
    assert_int_equal(hashcash_check(small, &message, &request, &result), TEMP);
    arena_destroy(small);
}

/* Minting */

static void what_is_minted_is_what_was_ordered(void **state)
{
    struct hashcash_minting minting = {.resource = BYTES("joe@example.org"),
                                       .extension = BYTES("x=y"),
                                       .bits = 12,
                                       .threads = 3,
                                       .date = stamped + 3723};
    static const struct {
        unsigned digits;
        const char *head;
    } cases[] = {{0, "1:12:261101:joe@example.org:x=y:"},
                 {6, "1:12:261101:joe@example.org:x=y:"},
                 {10, "1:12:2611010102:joe@example.org:x=y:"},
                 {12, "1:12:261101010203:joe@example.org:x=y:"}};
    struct bytes joe = BYTES("joe@example.org");
    struct hashcash_request request = request_for(&joe);
    request.bits = 12;
    for (size_t i = 0; i < countof(cases); i++) {
        struct hashcash_stamp stamp;
        const char *problem;
        uint64_t tried = 0;
        minting.date_digits = cases[i].digits;
        minting.random[0] = (uint8_t)i;
        assert_int_equal(hashcash_mint(arena, &minting, &stamp, &tried, NULL), OK);
        assert_true(bytes_starts_with(stamp.text, bytes_of(cases[i].head)));
        assert_true(stamp.bits >= 12 && stamp.claimed_bits == 12 && tried > 0);
        assert_int_equal(hashcash_check_stamp(&stamp, &request, &problem), AUTH_PASS);
    }
}

/* The head ends at each place of a block, and over one and two blocks. */
static void stamps_of_every_length_hold(void **state)
{
    char resource[200];
    memset(resource, 'r', sizeof(resource));
    for (size_t length = 1; length < 150; length++) {
        struct hashcash_minting minting = {.resource = bytes_from(resource, length),
                                           .bits = 6,
                                           .date = stamped};
        struct hashcash_stamp stamp;
        assert_int_equal(hashcash_mint(arena, &minting, &stamp, NULL, NULL), OK);
        assert_true(stamp.bits >= 6 && stamp.resource.len == length && stamp.random.len >= 16);
    }
}

static bool stop(void *context, uint64_t tried)
{
    *(uint64_t *)context = tried;
    return false;
}

static void work_that_takes_too_long_can_be_ended(void **state)
{
    uint64_t seen = 0;
    struct hashcash_minting minting = {.resource = BYTES("joe@example.org"),
                                       .bits = HASHCASH_MINT_BITS_MAX,
                                       .threads = 2,
                                       .date = stamped,
                                       .progress = stop,
                                       .context = &seen};
    struct hashcash_stamp stamp;
    uint64_t tried;
    assert_int_equal(hashcash_mint(arena, &minting, &stamp, &tried, NULL), NONE);
    assert_true(tried >= seen);
}

static void what_cannot_be_a_stamp_is_not_begun(void **state)
{
    static const struct {
        const char *resource, *extension;
        unsigned bits, digits;
        int64_t date;
    } cases[] = {{"", "", 6, 6, 1793491200},
                 {"a:b", "", 6, 6, 1793491200},
                 {"a b", "", 6, 6, 1793491200},
                 {"a\n", "", 6, 6, 1793491200},
                 {"a\xff", "", 6, 6, 1793491200},
                 {"a", "b:c", 6, 6, 1793491200},
                 {"a", "", HASHCASH_MINT_BITS_MAX + 1, 6, 1793491200},
                 {"a", "", 6, 7, 1793491200},
                 {"a", "", 6, 6, 0},
                 {"a", "", 6, 6, INT64_C(4102444800)},
                 {"a", "", 6, 6, INT64_MAX}};
    for (size_t i = 0; i < countof(cases); i++) {
        struct hashcash_minting minting = {.resource = bytes_of(cases[i].resource),
                                           .extension = bytes_of(cases[i].extension),
                                           .bits = cases[i].bits,
                                           .date_digits = cases[i].digits,
                                           .date = cases[i].date};
        struct hashcash_stamp stamp;
        struct error error = {""};
        if (hashcash_mint(arena, &minting, &stamp, NULL, &error) != PERM || !error.text[0])
            fail_msg("case %zu", i);
    }
    char resource[960];
    memset(resource, 'r', sizeof(resource));
    struct hashcash_minting minting = {
        .resource = bytes_from(resource, sizeof(resource)), .bits = 6, .date = stamped};
    struct hashcash_stamp stamp;
    assert_int_equal(hashcash_mint(arena, &minting, &stamp, NULL, NULL), PERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stamp_has_seven_parts),
        cmocka_unit_test(what_is_no_stamp_is_refused),
        cmocka_unit_test(length_is_bounded),
        cmocka_unit_test(the_recipient_is_compared_with_no_regard_to_the_case_of_its_domain),
        cmocka_unit_test(bits_must_be_claimed_and_there),
        cmocka_unit_test(a_stamp_lives_for_28_days_and_two_of_skew),
        cmocka_unit_test(the_best_stamp_of_a_message_counts),
        cmocka_unit_test(ten_stamps_are_looked_at),
        cmocka_unit_test(without_memory_it_is_temporary),
        cmocka_unit_test(what_is_minted_is_what_was_ordered),
        cmocka_unit_test(stamps_of_every_length_hold),
        cmocka_unit_test(work_that_takes_too_long_can_be_ended),
        cmocka_unit_test(what_cannot_be_a_stamp_is_not_begun),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
