/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/pra.h"

#include "message/test.h"

static enum result find(struct bytes header, struct pra *pra)
{
    struct message message;
    struct error error = {0};
    assert_int_equal(message_parse(arena, header, &message, &error), OK);
    enum result result = pra_find(arena, &message, pra);
    assert_int_equal(result == OK, pra->reason.len > 0);
    assert_int_equal(result == NONE, pra->problem.len > 0);
    return result;
}

static void expect(const char *header, const char *field, const char *mailbox)
{
    struct pra pra;
    if (find(bytes_of(header), &pra) != OK)
        fail_msg("%s: " BYTES_FMT, header, BYTES_ARG(pra.problem));
    assert_bytes(pra.field, field);
    assert_bytes(pra.mailbox, mailbox);
}

static void expect_none(const char *header, const char *problem)
{
    struct pra pra;
    if (find(bytes_of(header), &pra) != NONE)
        fail_msg("%s: " BYTES_FMT, header, BYTES_ARG(pra.mailbox));
    assert_bytes(pra.problem, problem);
    assert_int_equal(pra.mailbox.len, 0);
    assert_int_equal(pra.local.len, 0);
    assert_int_equal(pra.domain.len, 0);
}

static void the_first_resent_sender_is_taken_rfc4407_2_step_1(void **state)
{
    expect("Resent-Sender: rs@a.example\r\nResent-From: rf@b.example\r\nSender: s@c.example\r\n"
           "From: f@d.example\r\n\r\n",
           "Resent-Sender", "rs@a.example");
    expect("From: f@d.example\r\nRESENT-sender : one@a.example\r\nResent-Sender: two@a.example\r\n"
           "\r\n",
           "Resent-Sender", "one@a.example");
}

static void a_resent_from_above_it_in_the_same_block_changes_nothing_rfc4407_2_step_1(void **state)
{
    expect("Received: x\r\nReturn-Path: <x@y.example>\r\nResent-From: rf@b.example\r\n"
           "Subject: x\r\nResent-Sender: rs@a.example\r\nReceived: y\r\nFrom: f@d.example\r\n\r\n",
           "Resent-Sender", "rs@a.example");
}

static void a_resent_sender_of_an_older_block_gives_way_rfc4407_2_step_1(void **state)
{
    expect("Resent-From: rf@b.example\r\nReceived: x\r\nResent-Sender: rs@a.example\r\n"
           "From: f@d.example\r\n\r\n",
           "Resent-From", "rf@b.example");
    expect("Resent-From: rf@b.example\r\nReturn-Path: <>\r\nResent-Sender: rs@a.example\r\n"
           "From: f@d.example\r\n\r\n",
           "Resent-From", "rf@b.example");
    /* The trace field stands between the first of the Resent-From fields and the Resent-Sender. */
    expect("Resent-From: rf@b.example\r\nReceived: x\r\nResent-From: older@b.example\r\n"
           "Resent-Sender: rs@a.example\r\nFrom: f@d.example\r\n\r\n",
           "Resent-From", "rf@b.example");
}

static void only_what_stands_between_the_two_counts_rfc4407_2_step_1(void **state)
{
    expect("Received: x\r\nResent-From: rf@b.example\r\nResent-Sender: rs@a.example\r\n\r\n",
           "Resent-Sender", "rs@a.example");
    expect("Received: x\r\nResent-Sender: rs@a.example\r\nReceived: x\r\n"
           "Resent-From: rf@b.example\r\n\r\n",
           "Resent-Sender", "rs@a.example");
    /* It is the first Resent-Sender that is looked at: a second one lower down is of no concern. */
    expect("Resent-From: rf@b.example\r\nResent-Sender: rs@a.example\r\nReceived: x\r\n"
           "Resent-Sender: older@a.example\r\n\r\n",
           "Resent-Sender", "rs@a.example");
}

static void the_first_resent_from_is_taken_rfc4407_2_step_2(void **state)
{
    expect("Sender: s@c.example\r\nResent-From: one@b.example\r\nReceived: x\r\n"
           "Resent-From: two@b.example\r\nFrom: f@d.example\r\n\r\n",
           "Resent-From", "one@b.example");
}

static void one_sender_is_taken_rfc4407_2_step_3(void **state)
{
    expect("From: f@d.example\r\nSender: s@c.example\r\n\r\n", "Sender", "s@c.example");
    expect("From: f@d.example\r\nFrom: g@d.example\r\nSender: s@c.example\r\n\r\n", "Sender",
           "s@c.example");
}

static void several_senders_are_ill_formed_rfc4407_2_step_3(void **state)
{
    expect_none("Sender: s@c.example\r\nFrom: f@d.example\r\nSender: s@c.example\r\n\r\n",
                "step 3: there are several Sender fields");
}

static void one_from_is_taken_rfc4407_2_step_4(void **state)
{
    expect("Subject: x\r\nFrom: Jo <f@d.example>\r\n\r\n", "From", "f@d.example");
}

static void several_or_no_from_fields_are_ill_formed_rfc4407_2_step_4(void **state)
{
    expect_none("From: f@d.example\r\nFrom: f@d.example\r\n\r\n",
                "step 4: there are several From fields");
    expect_none("Subject: x\r\n\r\n", "step 4: there is no Resent-Sender, Resent-From, Sender or "
                                      "From field with content");
    expect_none("\r\n", "step 4: there is no Resent-Sender, Resent-From, Sender or From field with "
                        "content");
}

static void a_malformed_field_is_not_replaced_by_another_rfc4407_2_step_5(void **state)
{
    expect_none("Resent-Sender: a@a.example, b@a.example\r\nFrom: f@d.example\r\n\r\n",
                "step 5: the Resent-Sender field names several mailboxes");
    expect_none("Resent-From: nobody\r\nFrom: f@d.example\r\n\r\n",
                "step 5: the Resent-From field is not an address");
    expect_none("Sender: <@>\r\nFrom: f@d.example\r\n\r\n",
                "step 5: the Sender field is not an address");
    expect_none("From: f@d.example, g@d.example\r\n\r\n",
                "step 5: the From field names several mailboxes");
    expect_none("From: friends: f@d.example;\r\n\r\n", "step 5: the From field names a group");
    expect_none("From: undisclosed:;\r\n\r\n", "step 5: the From field names a group");
    expect_none("From: f@[192.0.2.1]\r\n\r\n",
                "step 5: the From field names a mailbox without a domain name");
    expect_none("From: f@d!.example\r\n\r\n",
                "step 5: the From field names a mailbox whose domain is no domain name");
}

static void fields_of_white_space_are_as_if_not_there_rfc4407_2(void **state)
{
    expect(
        "Resent-Sender: \t\r\nResent-From:\r\nSender:  \r\n \t\r\nFrom: \r\nFrom: f@d.example\r\n"
        "Sender:\r\n\r\n",
        "From", "f@d.example");
    expect("Resent-Sender:\r\nResent-Sender: rs@a.example\r\n\r\n", "Resent-Sender",
           "rs@a.example");
    /* Neither an empty Resent-From nor an empty trace field tells blocks apart. */
    expect("Resent-From: \r\nReceived: x\r\nResent-From: rf@b.example\r\nReceived:\r\n"
           "Return-Path: \t\r\nResent-Sender: rs@a.example\r\n\r\n",
           "Resent-Sender", "rs@a.example");
    expect_none("From: ()\r\n\r\n", "step 5: the From field is not an address");
}

static void the_mailbox_is_quoted_where_it_must_be(void **state)
{
    struct pra pra;
    expect("From: \"Jo, with a comma\" <\"a b\"@D.example> (x)\r\n\r\n", "From",
           "\"a b\"@D.example");
    expect("From: \"plain\"@d.example\r\n\r\n", "From", "plain@d.example");
    expect("From:\r\n \"Jo\"\r\n <f@d.example>\r\n\r\n", "From", "f@d.example");
    assert_int_equal(find(BYTES("From: <\"a b\"@B\xc3\xbc"
                                "cher.example>\r\n\r\n"),
                          &pra),
                     OK);
    assert_bytes(pra.local, "a b");
    assert_bytes(pra.domain, "B\xc3\xbc"
                             "cher.example");
}

static void memory_that_runs_out_is_temporary(void **state)
{
    struct message message;
    struct pra pra;
    struct arena *small = arena_create(2048);
    struct bytes header = arena_printf(arena, "From: " BYTES_FMT "f@d.example\r\n\r\n",
                                       BYTES_ARG(repeat("(comment)", 1000)));
    assert_int_equal(message_parse(arena, header, &message, NULL), OK);
    assert_int_equal(pra_find(small, &message, &pra), TEMP);
    arena_destroy(small);
}

static void the_longest_header_is_read(void **state)
{
    struct pra pra;
    assert_int_equal(find(repeat("Resent-From:\r\n", HEADER_FIELDS_MAX), &pra), NONE);
    struct bytes list = repeat("a@b.example,", HEADER_FIELD_MAX / 12 - 2);
    struct bytes header =
        arena_printf(arena, "From: " BYTES_FMT "\r\n\r\n", (int)list.len, (const char *)list.ptr);
    assert_int_equal(find(header, &pra), NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_resent_sender_is_taken_rfc4407_2_step_1),
        cmocka_unit_test(a_resent_from_above_it_in_the_same_block_changes_nothing_rfc4407_2_step_1),
        cmocka_unit_test(a_resent_sender_of_an_older_block_gives_way_rfc4407_2_step_1),
        cmocka_unit_test(only_what_stands_between_the_two_counts_rfc4407_2_step_1),
        cmocka_unit_test(the_first_resent_from_is_taken_rfc4407_2_step_2),
        cmocka_unit_test(one_sender_is_taken_rfc4407_2_step_3),
        cmocka_unit_test(several_senders_are_ill_formed_rfc4407_2_step_3),
        cmocka_unit_test(one_from_is_taken_rfc4407_2_step_4),
        cmocka_unit_test(several_or_no_from_fields_are_ill_formed_rfc4407_2_step_4),
        cmocka_unit_test(a_malformed_field_is_not_replaced_by_another_rfc4407_2_step_5),
        cmocka_unit_test(fields_of_white_space_are_as_if_not_there_rfc4407_2),
        cmocka_unit_test(the_mailbox_is_quoted_where_it_must_be),
        cmocka_unit_test(memory_that_runs_out_is_temporary),
        cmocka_unit_test(the_longest_header_is_read),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
