/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/hop.h"

#include "message/test.h"

static struct arena *arena;
static struct message message;
static struct hop hop;

static int set_up(void **state)
{
    (void)state;
    arena = arena_create(1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_destroy(arena);
    return 0;
}

static void given(const char *text)
{
    assert_int_equal(message_parse(arena, bytes_of(text), &message, NULL), OK);
}

static const char relayed[] =
    "Received: from localhost (localhost [127.0.0.1])\r\n"
    "\tby store.example.org with LMTP id 1; Sat, 21 Nov 2026 10:00:02 +0000\r\n"
    "Received: from relay.example.org (relay.example.org [198.51.100.7])\r\n"
    "\tby mx.example.org with ESMTP id 2; Sat, 21 Nov 2026 10:00:01 +0000\r\n"
    "Received: from mail.sender.example (unknown [192.0.2.1])\r\n"
    "\tby relay.example.org with ESMTP id 3; Sat, 21 Nov 2026 10:00:00 +0000\r\n"
    "Received: by invented.example id 4; Sat, 21 Nov 2026 09:00:00 +0000\r\n"
    "From: a@sender.example\r\n\r\n";

static void found(enum result result, const char *client, const char *helo, unsigned number)
{
    char text[IP_TEXT_SIZE];
    assert_int_equal(result, OK);
    assert_string_equal(ip_format(&hop.client, text), client);
    assert_true(bytes_is(hop.helo, helo));
    assert_int_equal(hop.number, number);
}

static void a_hop_is_counted_from_the_top(void **state)
{
    (void)state;
    given(relayed);
    found(hop_at(&message, 2, &hop), "198.51.100.7", "relay.example.org", 2);
    assert_int_equal(hop.field, 1);
    found(hop_at(&message, 3, &hop), "192.0.2.1", "mail.sender.example", 3);
}

static void a_hop_that_names_nobody_is_none(void **state)
{
    (void)state;
    given(relayed);
    assert_int_equal(hop_at(&message, 4, &hop), NONE);
    assert_int_equal(hop_at(&message, 5, &hop), NONE);
    assert_int_equal(hop_at(&message, 0, &hop), NONE);
}

static void a_hop_is_found_by_the_host_that_wrote_it(void **state)
{
    (void)state;
    given(relayed);
    found(hop_by(&message, BYTES("Relay.Example.ORG"), &hop), "192.0.2.1", "mail.sender.example", 3);
    assert_int_equal(hop_by(&message, BYTES("other.example"), &hop), NONE);
}

static void the_first_from_outside_is_not_loopback(void **state)
{
    (void)state;
    given(relayed);
    found(hop_outside(&message, &hop), "198.51.100.7", "relay.example.org", 2);
    given("Received: from localhost (localhost [127.0.0.1]) by x.example.org; x\r\n\r\n");
    assert_int_equal(hop_outside(&message, &hop), NONE);
}

static void a_field_that_cannot_be_read_still_counts(void **state)
{
    (void)state;
    given("Received: nonsense\r\n"
          "Received: from a.example ([192.0.2.9]) by b.example; Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\n");
    assert_int_equal(hop_at(&message, 1, &hop), NONE);
    found(hop_at(&message, 2, &hop), "192.0.2.9", "a.example", 2);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_hop_is_counted_from_the_top),
        CASE(a_hop_that_names_nobody_is_none),
        CASE(a_hop_is_found_by_the_host_that_wrote_it),
        CASE(the_first_from_outside_is_not_loopback),
        CASE(a_field_that_cannot_be_read_still_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
