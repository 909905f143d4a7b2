/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/from_field.h"

#include "message/test.h"

static struct from_field read_header(const char *header)
{
    struct message message;
    struct from_field from;
    struct error error = {0};
    assert_int_equal(message_parse(arena, bytes_of(header), &message, &error), OK);
    assert_int_equal(from_field_read(arena, &message, &from, &error), OK);
    assert_int_equal(from.status == FROM_OK, from.problem.len == 0);
    assert_int_equal(from.status == FROM_OK, from.domain.len != 0);
    return from;
}

static void assert_status(const char *header, enum from_status status)
{
    struct from_field from = read_header(header);
    if (from.status != status)
        fail_msg("%s: %s (" BYTES_FMT ")", header, from_status_name(from.status),
                 BYTES_ARG(from.problem));
}

static void one_mailbox_is_the_author(void **state)
{
    struct from_field from = read_header("from : Jo <Jo@Example.ORG>\r\n\r\n");
    assert_int_equal(from.status, FROM_OK);
    assert_bytes(from.domain, "example.org");
    assert_bytes(from.address, "Jo@Example.ORG");
    assert_bytes(from.display_name, "Jo");
    from = read_header("From: \"j o\"@example.org (Jo)\r\n\r\n");
    assert_bytes(from.address, "\"j o\"@example.org");
    assert_bytes(from.display_name, "Jo");
}

static void several_mailboxes_of_one_domain_are_legal_rfc9989_5_3_1(void **state)
{
    struct from_field from = read_header("From: a@x.example, B <b@X.example>\r\n\r\n");
    assert_int_equal(from.status, FROM_OK);
    assert_bytes(from.domain, "x.example");
    assert_int_equal(from.mailboxes.count, 2);
}

static void several_domains_have_no_author_domain_rfc9989_5_3_1(void **state)
{
    struct from_field from = read_header("From: a@x.example, b@y.example, c@x.example\r\n\r\n");
    assert_int_equal(from.status, FROM_SEVERAL_DOMAINS);
    assert_int_equal(from.domain_count, 2);
    assert_bytes(from.domains[1], "y.example");
    /* A subdomain is another domain: alignment is DMARC's matter. */
    assert_status("From: a@x.example, b@sub.x.example\r\n\r\n", FROM_SEVERAL_DOMAINS);
    assert_status("From: a@x.example, b@[192.0.2.1]\r\n\r\n", FROM_SEVERAL_DOMAINS);
}

static void different_domains_are_listed_up_to_a_bound(void **state)
{
    struct from_field from = read_header(
        "From: a@a.example,a@b.example,a@c.example,a@d.example,a@e.example,a@f.example,a@g.example,"
        "a@h.example,a@i.example,a@j.example,a@k.example,a@l.example\r\n\r\n");
    assert_int_equal(from.status, FROM_SEVERAL_DOMAINS);
    assert_int_equal(from.domain_count, FROM_DOMAINS_MAX);
}

static void u_labels_become_a_labels_before_they_are_compared(void **state)
{
    struct from_field from = read_header("From: a@B\xc3\xbc"
                                         "cher.example, b@xn--bcher-kva.EXAMPLE\r\n\r\n");
    assert_int_equal(from.status, FROM_OK);
    assert_bytes(from.domain, "xn--bcher-kva.example");
}

static void absent_and_repeated_fields_are_told_apart(void **state)
{
    assert_status("To: a@x.example\r\n\r\nFrom: a@x.example\r\n", FROM_ABSENT);
    assert_status("From: a@x.example\r\nFROM: a@x.example\r\n\r\n", FROM_SEVERAL_FIELDS);
    assert_status("From: a@x.example\r\nFrom :\r\n\r\n", FROM_SEVERAL_FIELDS);
}

static void what_cannot_be_read_is_malformed(void **state)
{
    static const char *const headers[] = {
        "From:\r\n\r\n",
        "From: \r\n \r\n\r\n",
        "From: nobody\r\n\r\n",
        "From: <>\r\n\r\n",
        "From: a@x.example(.bank.example\r\n\r\n",
        "From: a@bank!x.example\r\n\r\n",
        "From: a@-x.example\r\n\r\n",
        "From: a@x.example.\r\n\r\n",
        "From: a@x.example, b@\r\n\r\n",
        "From: a@b.\xef\xbc\x8f.example\r\n\r\n",
    };
    for (size_t i = 0; i < countof(headers); i++)
        assert_status(headers[i], FROM_MALFORMED);
}

static void a_group_without_members_names_no_domain_rfc6854(void **state)
{
    assert_status("From: Nobody:;\r\n\r\n", FROM_NO_DOMAIN);
    assert_status("From: a@[192.0.2.1]\r\n\r\n", FROM_NO_DOMAIN);
    struct from_field from = read_header("From: Team: a@x.example;\r\n\r\n");
    assert_int_equal(from.status, FROM_OK);
    assert_bytes(from.domain, "x.example");
}

static void the_name_in_front_of_an_address_is_never_the_author(void **state)
{
    struct from_field from = read_header("From: ceo@bank.example <x@evil.example>\r\n\r\n");
    assert_int_equal(from.status, FROM_OK);
    assert_bytes(from.domain, "evil.example");
    assert_bytes(from.display_name, "ceo@bank.example");
}

static void a_full_arena_is_a_temporary_failure(void **state)
{
    struct message message;
    struct from_field from;
    struct bytes text = BYTES("From: Jo <jo@example.org>\r\n\r\n");
    assert_int_equal(message_parse(arena, text, &message, NULL), OK);
    struct arena *small = arena_create(64);
    assert_int_equal(from_field_read(small, &message, &from, NULL), TEMP);
    arena_destroy(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_mailbox_is_the_author),
        cmocka_unit_test(several_mailboxes_of_one_domain_are_legal_rfc9989_5_3_1),
        cmocka_unit_test(several_domains_have_no_author_domain_rfc9989_5_3_1),
        cmocka_unit_test(different_domains_are_listed_up_to_a_bound),
        cmocka_unit_test(u_labels_become_a_labels_before_they_are_compared),
        cmocka_unit_test(absent_and_repeated_fields_are_told_apart),
        cmocka_unit_test(what_cannot_be_read_is_malformed),
        cmocka_unit_test(a_group_without_members_names_no_domain_rfc6854),
        cmocka_unit_test(the_name_in_front_of_an_address_is_never_the_author),
        cmocka_unit_test(a_full_arena_is_a_temporary_failure),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
