/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/address.h"

#include "message/test.h"

static struct address_list parse(const char *text)
{
    struct address_list list;
    struct error error = {0};
    if (address_list_parse(arena, bytes_of(text), &list, &error) != OK)
        fail_msg("%s: %s", text, error.text);
    return list;
}

static struct mailbox parse_one(const char *text)
{
    struct address_list list = parse(text);
    assert_int_equal(list.count, 1);
    return list.mailboxes[0];
}

static void assert_mailbox(const char *text, const char *name, const char *local,
                           const char *domain)
{
    struct mailbox mailbox = parse_one(text);
    assert_bytes(mailbox.display_name, name);
    assert_bytes(mailbox.local, local);
    assert_bytes(mailbox.domain, domain);
}

static void assert_refused(const char *text)
{
    struct address_list list;
    struct error error = {0};
    if (address_list_parse(arena, bytes_of(text), &list, &error) != PERM)
        fail_msg("\"%s\" was taken", text);
    assert_int_not_equal(strlen(error.text), 0);
}

static void addresses_with_and_without_names_are_read(void **state)
{
    assert_mailbox("a@example.org", "", "a", "example.org");
    assert_mailbox(" John Q. Public <a.b@example.org> ", "John Q. Public", "a.b", "example.org");
    assert_mailbox("\"Joe \\\"X\\\" B\" <a@example.org>", "Joe \"X\" B", "a", "example.org");
    assert_mailbox("<a@example.org>", "", "a", "example.org");
    assert_mailbox("\"a b\"@example.org", "", "a b", "example.org");
    assert_mailbox("Who\r\n Ever\r\n <a@example.org>", "Who Ever", "a", "example.org");
}

static void comments_are_no_part_of_an_address(void **state)
{
    /* rfc5322:A.5 */
    assert_mailbox("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "Pete", "pete",
                   "silly.test");
    assert_mailbox("(c)a(c)@(c)example(c).(c)org(c)", "", "a", "example.org");
    assert_mailbox("a@example.org (Real (nested) \\(Name\\))", "", "a", "example.org");
    assert_bytes(parse_one("a@example.org (Real Name)").comment, "Real Name");
}

static void a_comment_cannot_hide_the_end_of_a_domain(void **state)
{
    /* What OpenDMARC took for a domain: CVE-2020-12272. */
    assert_refused("<a@example.net(.example.com>");
    assert_refused("a@example.net(.example.com");
    assert_refused("a@example.net)(.example.com");
}

static void obsolete_forms_are_read_rfc5322_4_4(void **state)
{
    assert_mailbox("Joe <@a.example,@b.example:joe@c.example>", "Joe", "joe", "c.example");
    assert_mailbox("joe @ c . example", "", "joe", "c.example");
    assert_mailbox("joe . \"the\" . man@c.example", "", "joe.the.man", "c.example");
    assert_int_equal(parse(" , a@b.example,, ,c@d.example ,").count, 2);
}

static void groups_are_read_rfc6854(void **state)
{
    struct address_list list = parse("Pals: a@x.example, B <b@y.example>;, c@z.example");
    assert_int_equal(list.count, 3);
    assert_int_equal(list.group_count, 1);
    assert_bytes(list.mailboxes[1].group, "Pals");
    assert_true(list.mailboxes[1].in_group);
    assert_false(list.mailboxes[2].in_group);
    list = parse("Undisclosed recipients:;");
    assert_int_equal(list.count, 0);
    assert_int_equal(list.group_count, 1);
    assert_int_equal(parse("A:(none); , B: , ;").group_count, 2);
    assert_refused("A: B: a@x.example;;");
    assert_refused("A: a@x.example");
    assert_refused("a@x.example;");
    assert_refused("A:; b@x.example");
    assert_refused(": a@x.example;");
}

static void domain_literals_keep_their_brackets(void **state)
{
    assert_mailbox("a@[192.0.2.1]", "", "a", "[192.0.2.1]");
    assert_mailbox("A <a@ [ IPv6:2001:db8::1 ] >", "A", "a", "[IPv6:2001:db8::1]");
    assert_refused("a@[192.0.2.1");
    assert_refused("a@[x[y]");
}

static void utf8_is_read_and_other_octets_only_in_names_rfc6532(void **state)
{
    assert_mailbox("J\xc3\xb6rg <j\xc3\xb6rg@b\xc3\xbc"
                   "cher.example>",
                   "J\xc3\xb6rg", "j\xc3\xb6rg",
                   "b\xc3\xbc"
                   "cher.example");
    assert_mailbox("\"J\xf6rg\" <j@b.example>", "J\xf6rg", "j", "b.example");
    assert_refused("j\xf6rg@b.example");
    assert_refused("j@b\xfc.example");
}

static void a_name_that_needed_quotes_is_read_and_marked(void **state)
{
    struct mailbox mailbox = parse_one("a@bank.example <b@evil.example>");
    assert_true(mailbox.irregular);
    assert_bytes(mailbox.display_name, "a@bank.example");
    assert_bytes(mailbox.domain, "evil.example");
    mailbox = parse_one("Foo [Bar] \"x, y\" @ home <b@evil.example>");
    assert_true(mailbox.irregular);
    assert_bytes(mailbox.domain, "evil.example");
    assert_false(parse_one("\"a@bank.example\" <b@evil.example>").irregular);
}

static void what_is_no_address_list_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        ",",
        "(c)",
        "a",
        "a b",
        "@b.example",
        "a@",
        "<>",
        "<a>",
        "<a@b.example",
        "a@b.example>",
        "a@b.example c@d.example",
        "<a@b.example> <c@d.example>",
        "a..b@c.example",
        ".a@c.example",
        "a.@c.example",
        "a@b..example",
        "a@.example",
        "a@b.example.",
        "\"a@b.example",
        "a\"b\"@c.example",
        "a@b@c.example",
        "Foo, Inc. <a@b.example>",
        "a@b.example\nc@d.example",
        "a@b.example\r\n",
        "\"a\\\r\"@b.example",
        "\"a\x01\"@b.example",
        "a@b.example, <",
        "Foo <<a@b.example>>",
        "Foo <a@b.example> bar",
        "Foo <a@b.example>\\",
        "<@b.example a@c.example>",
        "a(@b.example",
    };
    for (size_t i = 0; i < countof(texts); i++)
        assert_refused(texts[i]);
    struct address_list list;
    assert_int_equal(address_list_parse(arena, BYTES("\"a\0\"@b.example"), &list, NULL), PERM);
    assert_int_equal(address_list_parse(arena, BYTES("a@b.example\0"), &list, NULL), PERM);
}

static void comments_nest_to_a_bound(void **state)
{
    struct address_list list;
    char text[256];
    snprintf(text, sizeof(text), "%.*s%.*sa@b.example", 50,
             "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((", 50,
             "))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))");
    assert_int_equal(address_list_parse(arena, bytes_of(text), &list, NULL), OK);
    snprintf(text, sizeof(text), "%.*s%.*sa@b.example", 51,
             "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((", 51,
             "))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))");
    assert_int_equal(address_list_parse(arena, bytes_of(text), &list, NULL), PERM);
}

static void lists_have_a_bound(void **state)
{
    struct address_list list;
    assert_int_equal(
        address_list_parse(arena, repeat("a@b.example,", ADDRESS_LIST_MAX), &list, NULL), OK);
    assert_int_equal(list.count, ADDRESS_LIST_MAX);
    assert_int_equal(
        address_list_parse(arena, repeat("a@b.example,", ADDRESS_LIST_MAX + 1), &list, NULL), PERM);
    assert_int_equal(address_list_parse(arena, repeat("a:;,", ADDRESS_LIST_MAX + 1), &list, NULL),
                     PERM);
}

static void a_full_arena_is_a_temporary_failure(void **state)
{
    struct arena *small = arena_create(600);
    struct address_list list;
    assert_int_equal(address_list_parse(small, repeat("a@b.example,", 10), &list, NULL), TEMP);
    arena_destroy(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_with_and_without_names_are_read),
        cmocka_unit_test(comments_are_no_part_of_an_address),
        cmocka_unit_test(a_comment_cannot_hide_the_end_of_a_domain),
        cmocka_unit_test(obsolete_forms_are_read_rfc5322_4_4),
        cmocka_unit_test(groups_are_read_rfc6854),
        cmocka_unit_test(domain_literals_keep_their_brackets),
        cmocka_unit_test(utf8_is_read_and_other_octets_only_in_names_rfc6532),
        cmocka_unit_test(a_name_that_needed_quotes_is_read_and_marked),
        cmocka_unit_test(what_is_no_address_list_is_refused),
        cmocka_unit_test(comments_nest_to_a_bound),
        cmocka_unit_test(lists_have_a_bound),
        cmocka_unit_test(a_full_arena_is_a_temporary_failure),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
