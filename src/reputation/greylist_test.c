/* SPDX-License-Identifier: BSD-2-Clause */
/* Greylist and contacts. */
#include "reputation/contact.h"
#include "reputation/greylist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define DAYS INT64_C(86400)
#define START INT64_C(1795297381)
#define DELAY 300

static const struct greylist_rules rules = {.window = 2 * DAYS, .keep = 36 * DAYS, .pass = 5};

static char folder[64];
static struct counters *counters;
static struct arena *arena;

static int set_up(void **state)
{
    struct error error;
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/vouch-greylist-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(counters_open(folder, 64 << 20, &counters, &error), OK);
    arena = arena_create(64 << 20);
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    char path[128];
    (void)state;
    counters_close(counters);
    arena_destroy(arena);
    for (size_t i = 0; i < countof(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
    return 0;
}

static struct greylist_try try_from(const char *client, const char *sender, const char *recipient)
{
    struct greylist_try attempt = {.sender = bytes_of(sender), .recipient = bytes_of(recipient)};
    assert_true(ip_parse(bytes_of(client), &attempt.client));
    return attempt;
}

static enum greylist_state state_of(const struct greylist_try *attempt, int64_t now)
{
    struct batch batch = batch_in(arena);
    int64_t age;
    size_t index = greylist_ask(&batch, attempt);
    assert_int_equal(batch_run(&batch, counters, now, NULL), OK);
    return greylist_read(&batch, index, &rules, DELAY, now, &age);
}

static void put_off(const struct greylist_try *attempt, int64_t now)
{
    struct batch batch = batch_in(arena);
    greylist_write_try(&batch, &rules, attempt, now);
    assert_int_equal(batch_run(&batch, counters, now, NULL), OK);
}

static void pass(const struct greylist_try *attempt, bool counts, int64_t now)
{
    struct batch batch = batch_in(arena);
    greylist_write_pass(&batch, &rules, attempt, counts, now);
    assert_int_equal(batch_run(&batch, counters, now, NULL), OK);
}

static void a_retry_passes_only_within_its_window(void **state)
{
    (void)state;
    static const struct { int64_t later; enum greylist_state is; } cases[] = {
        {1, GREYLIST_WAITING}, {DELAY - 1, GREYLIST_WAITING}, {DELAY, GREYLIST_PASSED},
        {2 * DAYS - 1, GREYLIST_PASSED}, {2 * DAYS, GREYLIST_NEW}, {3 * DAYS, GREYLIST_NEW}};
    struct greylist_try attempt = try_from("192.0.2.1", "a@x.example", "b@here.example");
    assert_int_equal(state_of(&attempt, START), GREYLIST_NEW);
    put_off(&attempt, START);
    /* A second try too early does not begin the time anew. */
    put_off(&attempt, START + 100);
    for (size_t i = 0; i < countof(cases); i++)
        assert_int_equal(state_of(&attempt, START + cases[i].later), cases[i].is);
}

static void a_neighbour_may_retry_and_others_may_not(void **state)
{
    (void)state;
    static const struct { const char *client, *sender, *recipient; enum greylist_state is; } cases[] = {
        {"192.0.2.200", "a@x.example", "b@here.example", GREYLIST_PASSED},
        {"192.0.2.1", "A@X.example", "B@Here.example", GREYLIST_PASSED},
        {"192.0.3.1", "a@x.example", "b@here.example", GREYLIST_NEW},
        {"192.0.2.1", "c@x.example", "b@here.example", GREYLIST_NEW},
        {"192.0.2.1", "a@x.example", "c@here.example", GREYLIST_NEW},
        {"192.0.2.1", "", "b@here.example", GREYLIST_NEW},
    };
    struct greylist_try attempt = try_from("192.0.2.1", "a@x.example", "b@here.example");
    put_off(&attempt, START);
    for (size_t i = 0; i < countof(cases); i++) {
        struct greylist_try other = try_from(cases[i].client, cases[i].sender, cases[i].recipient);
        assert_int_equal(state_of(&other, START + DELAY), cases[i].is);
    }
}

static void an_ipv6_client_is_known_by_its_64(void **state)
{
    (void)state;
    struct greylist_try attempt = try_from("2001:db8::1", "a@x.example", "b@here.example");
    struct greylist_try near = try_from("2001:db8::ffff:1", "a@x.example", "b@here.example");
    struct greylist_try far = try_from("2001:db8:0:1::1", "a@x.example", "b@here.example");
    put_off(&attempt, START);
    assert_int_equal(state_of(&near, START + DELAY), GREYLIST_PASSED);
    assert_int_equal(state_of(&far, START + DELAY), GREYLIST_NEW);
}

static void who_passed_is_known_until_he_is_silent_for_long(void **state)
{
    (void)state;
    struct greylist_try attempt = try_from("192.0.2.1", "a@x.example", "b@here.example");
    put_off(&attempt, START);
    pass(&attempt, true, START + DELAY);
    assert_int_equal(state_of(&attempt, START + 35 * DAYS), GREYLIST_PASSED);
    pass(&attempt, true, START + 35 * DAYS);
    assert_int_equal(state_of(&attempt, START + 70 * DAYS), GREYLIST_PASSED);
    assert_int_equal(state_of(&attempt, START + 72 * DAYS), GREYLIST_NEW);
}

static void a_network_becomes_white_by_messages_that_passed(void **state)
{
    (void)state;
    struct greylist_try stranger = try_from("192.0.2.9", "new@y.example", "other@here.example");
    struct greylist_try elsewhere = try_from("198.51.100.9", "new@y.example", "other@here.example");
    for (int i = 0; i < 5; i++) {
        char sender[32];
        assert_int_equal(state_of(&stranger, START + i), GREYLIST_NEW);
        snprintf(sender, sizeof(sender), "%c@x.example", 'a' + i);
        struct greylist_try attempt = try_from("192.0.2.1", sender, "b@here.example");
        pass(&attempt, true, START + i);
    }
    assert_int_equal(state_of(&stranger, START + 10), GREYLIST_WHITE);
    assert_int_equal(state_of(&elsewhere, START + 10), GREYLIST_NEW);
    assert_int_equal(state_of(&stranger, START + 40 * DAYS), GREYLIST_NEW);
}

static void junk_makes_nobody_white(void **state)
{
    (void)state;
    struct greylist_try attempt = try_from("192.0.2.1", "a@x.example", "b@here.example");
    struct greylist_try other = try_from("192.0.2.1", "b@x.example", "b@here.example");
    for (int i = 0; i < 50; i++)
        pass(&attempt, false, START + i);
    assert_int_equal(state_of(&other, START + 60), GREYLIST_NEW);
}

static void an_authenticated_domain_is_its_own_key(void **state)
{
    (void)state;
    struct greylist_try attempt = try_from("192.0.2.1", "a@x.example", "b@here.example");
    attempt.domain = BYTES("x.example");
    struct greylist_try again = try_from("203.0.113.5", "z@x.example", "y@here.example");
    again.domain = BYTES("x.example");
    assert_string_equal(greylist_kind(&again), "domain");
    put_off(&attempt, START);
    assert_int_equal(state_of(&again, START + DELAY), GREYLIST_PASSED);
    again.domain = BYTES("");
    assert_string_equal(greylist_kind(&again), "triplet");
    assert_int_equal(state_of(&again, START + DELAY), GREYLIST_NEW);
}

static void what_changes_between_tries_is_not_part_of_the_sender(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"prvs=1234abcdef=anna@x.example", "anna@x.example"},
        {"prvs=anna=1234abcdef@x.example", "anna@x.example"},
        {"btv1==123abcdef==anna@x.example", "anna@x.example"},
        {"SRS0=abcd=EF=x.example=anna@fwd.example", "SRS0=ghij=KL=x.example=anna@fwd.example"},
        {"srs1=abcd=b.example==hhhh=TT=x.example=anna@fwd.example",
         "SRS1=zzzz=b.example==jjjj=AA=x.example=anna@fwd.example"},
        {"SES=QWERTZUI=anna@x.example", "anna@x.example"},
        {"bounce-12345-user=here.example@l.example", "bounce-678-user=here.example@l.example"},
        {"b+a1b2c3d4e5f6@l.example", "b+f6e5d4c3b2a1@l.example"},
        {"Anna@X.Example", "anna@x.example"},
    };
    static const char *const different[][2] = {
        {"anna@x.example", "bert@x.example"}, {"anna@x.example", "anna@y.example"},
        {"prvs=1234abcdef=anna@x.example", "prvs=1234abcdef=bert@x.example"},
        {"SRS0=abcd=EF=x.example=anna@fwd.example", "SRS0=abcd=EF=y.example=anna@fwd.example"},
        {"", "anna@x.example"},
    };
    for (size_t i = 0; i < countof(pairs); i++)
        if (!bytes_equal(greylist_sender(arena, bytes_of(pairs[i][0])), greylist_sender(arena, bytes_of(pairs[i][1]))))
            fail_msg("%s and %s", pairs[i][0], pairs[i][1]);
    for (size_t i = 0; i < countof(different); i++)
        if (bytes_equal(greylist_sender(arena, bytes_of(different[i][0])),
                        greylist_sender(arena, bytes_of(different[i][1]))))
            fail_msg("%s and %s", different[i][0], different[i][1]);
    assert_non_null(greylist_sender(arena, BYTES("")).ptr);
}

struct listed {
    struct greylist_entry entry;
    unsigned count;
    struct bytes key;
};

static bool list(void *context, struct bytes key, uint64_t value, int64_t expires_at)
{
    struct listed *listed = context;
    listed->key = arena_copy(arena, key);
    listed->count += greylist_read_key(listed->key, value, expires_at, &rules, &listed->entry);
    return true;
}

static void what_waits_can_be_listed_and_released(void **state)
{
    (void)state;
    char longer[300];
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    memcpy(longer + 280, "@long.example", 13);
    static const char *const senders[] = {"a@x.example", NULL};
    for (size_t i = 0; i < 2; i++) {
        struct greylist_try attempt = try_from("192.0.2.1", senders[i] ? senders[i] : longer,
                                               i ? longer : "b@here.example");
        struct listed listed = {.count = 0};
        put_off(&attempt, START);
        assert_int_equal(counters_scan(counters, BYTES("greylist:try:"), BYTES(""), 100, START, list, &listed, NULL),
                         OK);
        assert_int_equal(listed.count, 1);
        assert_int_equal(listed.entry.state, GREYLIST_WAITING);
        assert_true(bytes_is(listed.entry.domain, "192.0.2.0/24"));
        if (!i) {
            assert_true(bytes_is(listed.entry.sender, "a@x.example"));
            assert_true(bytes_is(listed.entry.recipient, "b@here.example"));
        }
        struct batch batch = batch_in(arena);
        assert_true(greylist_release_key(&batch, &rules, listed.key, START));
        assert_int_equal(batch_run(&batch, counters, START, NULL), OK);
        assert_int_equal(state_of(&attempt, START + 1), GREYLIST_PASSED);
    }
    struct greylist_try other = try_from("198.51.100.1", "q@x.example", "b@here.example");
    struct batch batch = batch_in(arena);
    greylist_release(&batch, &rules, BYTES("198.51.100.0/24"), START);
    assert_int_equal(batch_run(&batch, counters, START, NULL), OK);
    assert_int_equal(state_of(&other, START + 1), GREYLIST_WHITE);
}

/* Contacts */

static struct bytes normal(const char *address)
{
    struct bytes out;
    assert_int_equal(contact_address(arena, bytes_of(address), &out), OK);
    return out;
}

static void addresses_compare_without_case_and_by_a_labels(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"Anna@Example.ORG", "anna@example.org"}, {"anna@b\xc3\xbc" "cher.example", "ANNA@xn--bcher-kva.example"}};
    static const char *const none[] = {"", "anna", "@example.org", "anna@", "anna@[192.0.2.1]", "anna@b..c",
                                       "an\tna@example.org"};
    struct bytes out;
    for (size_t i = 0; i < countof(pairs); i++)
        assert_true(bytes_equal(normal(pairs[i][0]), normal(pairs[i][1])));
    for (size_t i = 0; i < countof(none); i++)
        assert_int_equal(contact_address(arena, bytes_of(none[i]), &out), NONE);
}

static bool find(const char *owner, const char *address, int64_t now, struct contact *out)
{
    struct batch batch = batch_in(arena);
    size_t index = contact_ask(&batch, bytes_of(owner), bytes_of(address));
    assert_int_equal(batch_run(&batch, counters, now, NULL), OK);
    return contact_read(&batch, index, out);
}

static bool learn(const char *owner, const char *address, int64_t now)
{
    struct batch asked = batch_in(arena), batch = batch_in(arena);
    struct contact known;
    size_t room = contact_learn_ask(&asked, bytes_of(owner), now);
    size_t index = contact_ask(&asked, bytes_of(owner), bytes_of(address));
    assert_int_equal(batch_run(&asked, counters, now, NULL), OK);
    bool is_new = !contact_read(&asked, index, &known);
    if (is_new && !contact_learn_room(&asked, room))
        return false;
    contact_learn(&batch, bytes_of(owner), bytes_of(address), is_new, now, 730 * DAYS);
    assert_int_equal(batch_run(&batch, counters, now, NULL), OK);
    return true;
}

static void what_one_writes_to_is_known_to_him_and_to_the_site(void **state)
{
    (void)state;
    struct contact found;
    assert_false(find("anna@here.example", "carl@x.example", START, &found));
    learn("anna@here.example", "carl@x.example", START);
    learn("anna@here.example", "carl@x.example", START + 1);
    learn("bert@here.example", "carl@x.example", START + 2);
    assert_true(find("anna@here.example", "carl@x.example", START + 3, &found));
    assert_int_equal(found.count, 2);
    assert_false(found.manual);
    assert_true(find("*", "carl@x.example", START + 3, &found));
    assert_int_equal(found.count, 2);
    assert_false(find("dora@here.example", "carl@x.example", START + 3, &found));
    assert_false(find("anna@here.example", "carl@x.example", START + 731 * DAYS, &found));
}

static void an_answer_is_remembered_of_the_owner_and_the_site(void **state)
{
    (void)state;
    struct batch batch = batch_in(arena);
    struct contact found;
    learn("anna@here.example", "carl@x.example", START);
    contact_answer(&batch, BYTES("anna@here.example"), BYTES("carl@x.example"), START, 730 * DAYS);
    assert_int_equal(batch_run(&batch, counters, START, NULL), OK);
    assert_true(find("anna@here.example", "carl@x.example", START, &found));
    assert_int_equal(found.count, 1);
    assert_int_equal(found.answers, 1);
    assert_true(find("*", "carl@x.example", START, &found));
    assert_int_equal(found.answers, 1);
}

static void a_stolen_account_makes_only_so_many_known_in_a_day(void **state)
{
    (void)state;
    struct contact found;
    char address[64];
    unsigned learned = 0;
    for (int i = 0; i < CONTACT_DAY_MOST + 50; i++) {
        snprintf(address, sizeof(address), "n%d@x.example", i);
        learned += learn("anna@here.example", address, START);
    }
    assert_int_equal(learned, CONTACT_DAY_MOST);
    /* Those it knew it may go on writing to, and others may learn. */
    assert_true(learn("anna@here.example", "n0@x.example", START));
    assert_true(learn("bert@here.example", "n149@x.example", START));
    assert_false(find("anna@here.example", "n149@x.example", START, &found));
    assert_true(learn("anna@here.example", "n149@x.example", START + DAYS));
}

static void removing_takes_an_accounts_word_from_the_site(void **state)
{
    (void)state;
    struct batch batch = batch_in(arena);
    struct contact found;
    learn("anna@here.example", "carl@x.example", START);
    learn("bert@here.example", "carl@x.example", START);
    assert_true(find("anna@here.example", "carl@x.example", START, &found));
    contact_remove(&batch, BYTES("anna@here.example"), BYTES("carl@x.example"), &found);
    assert_int_equal(batch_run(&batch, counters, START, NULL), OK);
    assert_false(find("anna@here.example", "carl@x.example", START, &found));
    assert_true(find("*", "carl@x.example", START, &found));
    batch = batch_in(arena);
    assert_true(find("bert@here.example", "carl@x.example", START, &found));
    contact_remove(&batch, BYTES("bert@here.example"), BYTES("carl@x.example"), &found);
    assert_int_equal(batch_run(&batch, counters, START, NULL), OK);
    assert_false(find("*", "carl@x.example", START, &found));
}

static void what_was_written_by_hand_stays(void **state)
{
    (void)state;
    struct batch batch = batch_in(arena);
    struct contact found;
    contact_add(&batch, CONTACT_SITE, BYTES("carl@x.example"), START);
    assert_int_equal(batch_run(&batch, counters, START, NULL), OK);
    assert_true(find("*", "carl@x.example", START + 5000 * DAYS, &found));
    assert_true(found.manual);
    assert_false(found.written);
}

static void keys_say_whose_contact_it_is(void **state)
{
    (void)state;
    struct bytes owner, address;
    struct contact found;
    static const char key[] = "contact:anna@here.example\0carl@x.example";
    static const char manual[] = "contact-manual:*\0carl@x.example";
    assert_true(contact_read_key(bytes_from(key, sizeof(key) - 1), (1 << 24) + 3, 99, &owner, &address, &found));
    assert_true(bytes_is(owner, "anna@here.example") && bytes_is(address, "carl@x.example"));
    assert_int_equal(found.count, 3);
    assert_int_equal(found.answers, 1);
    assert_true(contact_read_key(bytes_from(manual, sizeof(manual) - 1), 1, 99, &owner, &address, &found));
    assert_true(found.manual && bytes_is(owner, "*"));
    assert_false(contact_read_key(BYTES("contact:anna@here.example"), 1, 99, &owner, &address, &found));
    assert_false(contact_read_key(BYTES("history:dkim:x"), 1, 99, &owner, &address, &found));
}

#define with_counters(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_counters(a_retry_passes_only_within_its_window),
        with_counters(a_neighbour_may_retry_and_others_may_not),
        with_counters(an_ipv6_client_is_known_by_its_64),
        with_counters(who_passed_is_known_until_he_is_silent_for_long),
        with_counters(a_network_becomes_white_by_messages_that_passed),
        with_counters(junk_makes_nobody_white),
        with_counters(an_authenticated_domain_is_its_own_key),
        with_counters(what_changes_between_tries_is_not_part_of_the_sender),
        with_counters(what_waits_can_be_listed_and_released),
        with_counters(addresses_compare_without_case_and_by_a_labels),
        with_counters(what_one_writes_to_is_known_to_him_and_to_the_site),
        with_counters(an_answer_is_remembered_of_the_owner_and_the_site),
        with_counters(a_stolen_account_makes_only_so_many_known_in_a_day),
        with_counters(removing_takes_an_accounts_word_from_the_site),
        with_counters(what_was_written_by_hand_stays),
        with_counters(keys_say_whose_contact_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
