/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/identity.h"

#include "message/test.h"

static const struct bytes own[] = {BYTES_INIT("alice@example.org"), BYTES_INIT("sales@example.net"),
                                   BYTES_INIT("@project.example"),
                                   BYTES_INIT("info@xn--bcher-kva.example")};
static const struct identity alice = {
    .account = BYTES_INIT("alice@example.org"), .entries = own, .entry_count = 4, .delimiter = '+'};
static struct identity_decision decision;

static void decide(const char *sender, const char *header, enum identity_policy policy)
{
    struct message message;
    struct bytes text = arena_printf(arena, "%s\r\n\r\n", header);
    assert_int_equal(message_parse(arena, text, &message, NULL), OK);
    assert_int_equal(
        identity_check(arena, &alice, bytes_of(sender), &message, policy, &decision, NULL), OK);
    assert_true(!decision.refused || decision.text.len);
    assert_true(!decision.refused || !strcmp(decision.enhanced, "5.7.1"));
}

static void assert_allowed(const char *header)
{
    decide("alice@example.org", header, IDENTITY_REFUSE);
    if (decision.refused)
        fail_msg("refused: %s: " BYTES_FMT, header, BYTES_ARG(decision.text));
    assert_false(decision.set_sender);
    assert_true(decision.owns_authors);
}

static void assert_refused(const char *header)
{
    decide("alice@example.org", header, IDENTITY_REFUSE);
    if (!decision.refused)
        fail_msg("allowed: %s", header);
    assert_int_equal(decision.code, 550);
}

static void addresses_of_the_account_may_be_used(void **state)
{
    assert_allowed("From: alice@example.org");
    assert_allowed("From: Alice <ALICE@Example.ORG>");
    assert_allowed("From: sales@example.net (Sales)");
    assert_allowed("From: anybody@project.example");
    assert_allowed("From: alice+shop@example.org");
    assert_allowed("From: \"alice\"@example.org");
    assert_allowed("From: alice@example.org, sales@example.net\r\nSender: alice+x@example.org");
    assert_allowed("From: us: alice@example.org, sales@example.net;");
}

static void addresses_of_others_may_not(void **state)
{
    assert_refused("From: bob@example.org");
    assert_refused("From: alice@sub.example.org");
    assert_refused("From: alice@example.org.evil.example");
    assert_refused("From: x@sub.project.example");
    assert_refused("From: alicex@example.org");
    assert_refused("From: +alice@example.org");
    assert_refused("From: alice-x@example.org");
    assert_refused("From: alice@[192.0.2.1]");
    assert_refused("From: \"alice@example.org\"@evil.example");
    assert_refused("From: \"\"@project.example");
}

static void every_mailbox_of_a_hostile_from_counts_rfc5322_3_6_2(void **state)
{
    assert_refused("From: alice@example.org, boss@example.org");
    assert_refused("From: boss@example.org, alice@example.org");
    assert_refused("From: alice@example.org\r\nFrom: boss@example.org");
    assert_refused("From: boss@example.org\r\nfrom : alice@example.org");
    assert_refused("From: us: boss@example.org;, alice@example.org");
    assert_refused("From: \"alice@example.org\" <boss@example.org>");
    assert_refused("From: alice@example.org <boss@example.org>");
    assert_refused("From: (alice@example.org) boss@example.org");
    assert_refused("From: <alice@example.org>, <boss@example.org");
    assert_refused("From: =?utf-8?q?alice=40example.org?= <boss@example.org>");
    assert_refused("From: =?utf-8?q?alice?=@example.org");
    assert_refused("From: <@example.org:boss@example.org>");
    assert_refused("From: bo\r\n ss@example.org");
    assert_refused("From: boss(alice)@example.org");
    assert_refused("From: alice@exam\xd1\x80le.org");
    assert_refused("From: undisclosed:;");
    assert_refused("From:");
    assert_refused("Subject: none");
}

static void comments_and_folding_do_not_hide_an_own_address(void **state)
{
    assert_allowed("From: (boss@example.org) alice (x) @ (y) example.org (z)");
    assert_allowed("From:\r\n \"boss@example.org\"\r\n <alice@example.org>");
}

static void domains_compare_in_a_label_form_rfc5890_2_3_2_4(void **state)
{
    assert_allowed("From: info@b\xc3\xbc"
                   "cher.example");
    assert_allowed("From: INFO@XN--BCHER-KVA.example");
    assert_refused("From: info@bucher.example");
}

static void many_authors_are_too_many(void **state)
{
    struct bytes list = repeat("alice@example.org, ", IDENTITY_AUTHORS_MAX);
    struct bytes header =
        arena_printf(arena, "From: " BYTES_FMT "alice@example.org", BYTES_ARG(list));
    assert_refused(arena_string(arena, header));
    assert_allowed(arena_string(arena, bytes_first(header, header.len - 19)));
}

static void the_envelope_sender_must_be_the_accounts_or_null(void **state)
{
    decide("", "From: alice@example.org", IDENTITY_REFUSE);
    assert_false(decision.refused);
    decide("", "From: boss@example.org", IDENTITY_REFUSE);
    assert_true(decision.refused);
    for (int policy = IDENTITY_REFUSE; policy <= IDENTITY_ADD_SENDER; policy++) {
        decide("boss@example.org", "From: alice@example.org", (enum identity_policy)policy);
        assert_true(decision.refused);
        assert_int_equal(decision.code, 553);
        assert_bytes(decision.text, "sender address <boss@example.org> is not yours to use");
    }
    decide("not an address", "From: alice@example.org", IDENTITY_ADD_SENDER);
    assert_true(decision.refused);
    decide("alice+x@example.org", "From: alice@example.org", IDENTITY_REFUSE);
    assert_false(decision.refused);
}

static void the_sender_field_must_be_the_accounts(void **state)
{
    assert_refused("From: alice@example.org\r\nSender: boss@example.org");
    assert_refused(
        "From: alice@example.org\r\nSender: alice@example.org\r\nSender: boss@example.org");
    assert_refused("From: alice@example.org\r\nSender: alice@example.org, boss@example.org");
    assert_refused("From: alice@example.org\r\nSender: nobody");
    assert_refused("From: alice@example.org\r\nSender: us: alice@example.org;");
}

static void the_policy_can_add_a_sender_instead_rfc6409_8_1(void **state)
{
    decide("alice@example.org", "From: boss@example.org", IDENTITY_ADD_SENDER);
    assert_false(decision.refused);
    assert_true(decision.set_sender);
    assert_false(decision.owns_authors);
    decide("alice@example.org", "From: alice@example.org\r\nSender: boss@example.org",
           IDENTITY_ADD_SENDER);
    assert_false(decision.refused);
    assert_true(decision.set_sender);
    assert_true(decision.owns_authors);
    decide("alice@example.org", "From: nobody", IDENTITY_ADD_SENDER);
    assert_true(decision.refused);
}

static void a_host_without_an_address_gets_no_sender(void **state)
{
    struct message message;
    const struct bytes entries[] = {BYTES_INIT("printer@example.org")};
    struct identity printer = {.entries = entries, .entry_count = 1};
    assert_int_equal(message_parse(arena, BYTES("From: boss@example.org\r\n\r\n"), &message, NULL),
                     OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(identity_check(arena, &printer, BYTES("printer@example.org"), &message,
                                        IDENTITY_ADD_SENDER, &decision, NULL),
                         OK);
        assert_true(decision.refused);
        printer.account = BYTES("printer");
    }
}

static void a_star_owns_all_and_an_account_name_is_no_pattern(void **state)
{
    const struct bytes star[] = {BYTES_INIT("*")};
    struct identity relay = {.entries = star, .entry_count = 1};
    assert_true(identity_owns(&relay, BYTES("a"), BYTES("b.example")));
    struct identity odd = {.account = BYTES("*")};
    assert_false(identity_owns(&odd, BYTES("a"), BYTES("b.example")));
    odd.account = BYTES("@b.example");
    assert_false(identity_owns(&odd, BYTES("a"), BYTES("b.example")));
    odd.account = BYTES("a@b.example");
    assert_true(identity_owns(&odd, BYTES("a"), BYTES("b.example")));
    assert_false(identity_owns(&odd, BYTES("a+x"), BYTES("b.example")));
}

static void replies_show_no_control_characters(void **state)
{
    decide("alice@example.org", "From: \"b\xc3\xa9\"@example.org", IDENTITY_REFUSE);
    assert_bytes(decision.text, "From address <b??@example.org> is not yours to use");
}

static bool may_sign(const char *from_value, const char *domain)
{
    struct message message;
    struct from_field from;
    struct bytes text = arena_printf(arena, "From: %s\r\n\r\n", from_value);
    assert_int_equal(message_parse(arena, text, &message, NULL), OK);
    assert_int_equal(from_field_read(arena, &message, &from, NULL), OK);
    return identity_may_sign(&alice, &from, bytes_of(domain));
}

static void own_mail_may_be_signed(void **state)
{
    assert_true(may_sign("alice@example.org", "example.org"));
    assert_true(may_sign("x@project.example", "project.example"));
    assert_true(may_sign("alice@example.org, sales@example.net", "example.org"));
    assert_true(may_sign("info@b\xc3\xbc"
                         "cher.example",
                         "xn--bcher-kva.example"));
}

static void mail_in_the_name_of_others_is_never_signed_so_that_it_passes_rfc9989_4_4(void **state)
{
    assert_false(may_sign("boss@example.org", "example.org"));
    assert_false(may_sign("boss@EXAMPLE.org", "Example.ORG"));
    assert_false(may_sign("boss@hq.example.org", "example.org"));
    assert_false(may_sign("boss@example.org", "mail.example.org"));
    assert_false(may_sign("boss@hq.example.org", "mail.example.org"));
    assert_false(may_sign("boss@hq.example.co.uk", "mail.example.co.uk"));
    assert_false(may_sign("alice@example.org, boss@example.org", "example.org"));
    assert_false(may_sign("boss@b\xc3\xbc"
                          "cher.example",
                          "xn--bcher-kva.example"));
    assert_false(may_sign("nobody", "example.org"));
    assert_false(may_sign("us:;", "example.org"));
}

static void mail_of_strangers_may_bear_a_signature_that_says_nothing_of_them(void **state)
{
    assert_true(may_sign("boss@other.example", "example.org"));
    assert_true(may_sign("boss@other.co.uk", "example.co.uk"));
    assert_false(may_sign("boss@other.example, boss@example.org", "example.org"));
}

static void entries_are_of_three_forms(void **state)
{
    static const char *const good[] = {"*", "a@b.example", "@b.example",
                                       "@b\xc3\xbc"
                                       "cher.example"};
    static const char *const bad[] = {"",
                                      "@",
                                      "a@",
                                      "alice",
                                      "*@b.example",
                                      "a@*",
                                      "a b@c.example",
                                      "*@",
                                      "a@b..example",
                                      "a@\xff.example",
                                      "a@b.example\n"};
    for (size_t i = 0; i < countof(good); i++)
        assert_int_equal(identity_check_entry(bytes_of(good[i]), NULL), OK);
    for (size_t i = 0; i < countof(bad); i++)
        if (identity_check_entry(bytes_of(bad[i]), NULL) != PERM)
            fail_msg("taken: %s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_of_the_account_may_be_used),
        cmocka_unit_test(addresses_of_others_may_not),
        cmocka_unit_test(every_mailbox_of_a_hostile_from_counts_rfc5322_3_6_2),
        cmocka_unit_test(comments_and_folding_do_not_hide_an_own_address),
        cmocka_unit_test(domains_compare_in_a_label_form_rfc5890_2_3_2_4),
        cmocka_unit_test(many_authors_are_too_many),
        cmocka_unit_test(the_envelope_sender_must_be_the_accounts_or_null),
        cmocka_unit_test(the_sender_field_must_be_the_accounts),
        cmocka_unit_test(the_policy_can_add_a_sender_instead_rfc6409_8_1),
        cmocka_unit_test(a_host_without_an_address_gets_no_sender),
        cmocka_unit_test(a_star_owns_all_and_an_account_name_is_no_pattern),
        cmocka_unit_test(replies_show_no_control_characters),
        cmocka_unit_test(own_mail_may_be_signed),
        cmocka_unit_test(mail_in_the_name_of_others_is_never_signed_so_that_it_passes_rfc9989_4_4),
        cmocka_unit_test(mail_of_strangers_may_bear_a_signature_that_says_nothing_of_them),
        cmocka_unit_test(entries_are_of_three_forms),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
