/* SPDX-License-Identifier: BSD-2-Clause */
#include "roles/edge_rates_key.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static int open_arena(void **state)
{
    (void)state;
    arena = arena_create(1 << 20);
    return arena ? 0 : -1;
}

static int close_arena(void **state)
{
    (void)state;
    arena_destroy(arena);
    return 0;
}

static struct ip ip_of(const char *text)
{
    struct ip ip;
    assert_true(ip_parse(bytes_of(text), &ip));
    return ip;
}

static bool same_address(const char *a, const char *b)
{
    struct ip one = ip_of(a), other = ip_of(b);
    struct rates_place_key first, second;
    assert_true(rates_address(arena, &one, &first) && rates_address(arena, &other, &second));
    return memcmp(&first, &second, sizeof(first)) == 0;
}

static bool same_network(const char *a, const char *b)
{
    struct ip one = ip_of(a), other = ip_of(b);
    struct rates_place_key first, second;
    assert_true(rates_network(arena, &one, &first) && rates_network(arena, &other, &second));
    return memcmp(&first, &second, sizeof(first)) == 0;
}

static void addresses_and_networks_are_told_apart(void **state)
{
    (void)state;
    assert_true(same_address("192.0.2.1", "192.0.2.1"));
    assert_true(same_address("192.0.2.1", "::ffff:192.0.2.1"));
    assert_false(same_address("192.0.2.1", "192.0.2.2"));
    assert_false(same_address("2001:db8::1", "2001:db8::2"));
    assert_true(same_network("192.0.2.1", "192.0.2.255"));
    assert_false(same_network("192.0.2.1", "192.0.3.1"));
    assert_true(same_network("2001:db8:0:1::1", "2001:db8:0:1:ffff::2"));
    assert_false(same_network("2001:db8:0:1::1", "2001:db8:0:2::1"));
    /* c000:0200:: begins with the octets of 192.0.2. */
    assert_false(same_network("192.0.2.0", "c000:200::"));
    assert_false(same_address("192.0.2.0", "c000:200::"));
}

static void a_network_is_not_one_of_its_addresses(void **state)
{
    (void)state;
    struct ip zero = ip_of("192.0.2.0");
    struct rates_place_key address, network;
    assert_true(rates_address(arena, &zero, &address) && rates_network(arena, &zero, &network));
    assert_memory_not_equal(&address, &network, sizeof(address));
}

static void names_are_the_same_in_either_case_and_of_one_kind_only(void **state)
{
    (void)state;
    struct rates_place_key lower, upper, other;
    assert_true(rates_name(arena, RATES_HELO, BYTES("mail.example"), &lower));
    assert_true(rates_name(arena, RATES_HELO, BYTES("MAIL.Example"), &upper));
    assert_true(rates_name(arena, RATES_DOMAIN, BYTES("mail.example"), &other));
    assert_memory_equal(&lower, &upper, sizeof(lower));
    assert_memory_not_equal(&lower, &other, sizeof(lower));
}

static void counters_and_slots_of_a_place_have_keys_of_their_own(void **state)
{
    (void)state;
    enum { COUNTERS = RATES_TRAPPED + 1, SLOTS = 4 };
    static const uint64_t slots[SLOTS] = {0, 1, 255, 1ULL << 40};
    static uint8_t keys[COUNTERS * SLOTS][RATES_KEY_SIZE];
    struct ip client = ip_of("192.0.2.1");
    struct rates_place_key place;
    assert_true(rates_address(arena, &client, &place));
    for (int i = 0; i < COUNTERS * SLOTS; i++) {
        struct bytes key = rates_key(&place, (enum rates_counter)(i % COUNTERS), slots[i / COUNTERS], keys[i]);
        assert_int_equal(key.len, 32);
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(keys[i], keys[k], RATES_KEY_SIZE);
        /* Most of it is the digest: nobody finds another place with the same. */
        assert_memory_equal(keys[i], place.octets, RATES_KEY_SIZE - 8);
    }
}

/* Whenever it happened, it is found for an hour, and not for more than one and a half. */
static void a_span_is_covered_by_three_slots(void **state)
{
    (void)state;
    for (int64_t then = 1800000000; then < 1800000000 + 7200; then += 61)
        for (int64_t later = 0; later < 3 * 3600; later += 60) {
            uint64_t ago = rates_slot(then + later, HOUR) - rates_slot(then, HOUR);
            if (later <= 3600)
                assert_true(ago < RATES_SLOTS);
            if (later >= 5400)
                assert_true(ago >= RATES_SLOTS);
            /* What is looked for has not expired yet. */
            if (ago < RATES_SLOTS)
                assert_true(later * SECOND < rates_slot_window(HOUR));
        }
    assert_int_equal(rates_slot(-1, HOUR), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_and_networks_are_told_apart),
        cmocka_unit_test(a_network_is_not_one_of_its_addresses),
        cmocka_unit_test(names_are_the_same_in_either_case_and_of_one_kind_only),
        cmocka_unit_test(counters_and_slots_of_a_place_have_keys_of_their_own),
        cmocka_unit_test(a_span_is_covered_by_three_slots),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
