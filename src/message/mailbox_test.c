/* SPDX-License-Identifier: BSD-2-Clause */
#include "message/mailbox.h"

#include "message/test.h"

static enum result parse(const char *text, unsigned options, struct mailbox *out)
{
    struct error error = {0};
    return mailbox_parse(arena, bytes_of(text), options, out, &error);
}

static void assert_taken(const char *text, unsigned options, const char *local, const char *domain)
{
    struct mailbox mailbox;
    struct error error = {0};
    if (mailbox_parse(arena, bytes_of(text), options, &mailbox, &error) != OK)
        fail_msg("%s: %s", text, error.text);
    assert_bytes(mailbox.local, local);
    assert_bytes(mailbox.domain, domain);
}

static void assert_refused(const char *text, unsigned options)
{
    struct mailbox mailbox;
    if (parse(text, options, &mailbox) != PERM)
        fail_msg("\"%s\" was taken", text);
}

static void mailboxes_are_read_rfc5321_4_1_2(void **state)
{
    assert_taken("a.b+c@Example.ORG", 0, "a.b+c", "Example.ORG");
    assert_taken("\"a b\\\"\\\\c\"@example.org", 0, "a b\"\\c", "example.org");
    assert_taken("\"\"@example.org", 0, "", "example.org");
    assert_taken("a@[192.0.2.1]", 0, "a", "[192.0.2.1]");
    assert_taken("a@[ipv6:2001:DB8::1]", 0, "a", "[ipv6:2001:DB8::1]");
    assert_taken("a@localhost", 0, "a", "localhost");
}

static void the_domain_is_behind_the_last_at_sign_outside_quotes(void **state)
{
    assert_taken("\"a@b\"@c.example", 0, "a@b", "c.example");
    assert_refused("a@b@c.example", 0);
    assert_refused("a@b@c.example", MAILBOX_LENIENT);
}

static void what_is_no_mailbox_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "a",
        "@",
        "a@",
        "@b.example",
        ".a@b.example",
        "a.@b.example",
        "a..b@c.example",
        "a b@c.example",
        "a@b c.example",
        " a@b.example",
        "a@b.example ",
        "a@-b.example",
        "a@b-.example",
        "a@b..example",
        "a@.example",
        "a@b.example.",
        "a@b_c.example",
        "(c)a@b.example",
        "a@(c)b.example",
        "\"a\"b@c.example",
        "\"a@c.example",
        "\"a\\\"@c.example",
        "\"a\x01\"@c.example",
        "a@[192.0.2]",
        "a@[192.0.2.256]",
        "a@[2001:db8::1]",
        "a@[IPv6:192.0.2.1]",
        "a@[IPv6:1::2::3]",
        "a@[x:y]",
        "a@[192.0.2.1",
        "a@[192.0.2.1]x",
        "a@[]",
        "a@]",
        "<a@b.example>",
        "a@b.example>",
        "\"a\r\n\"@b.example",
        "a@b.example\r\n",
        "postmaster",
        "postmaster>",
    };
    for (size_t i = 0; i < countof(texts); i++)
        assert_refused(texts[i], 0);
    struct mailbox mailbox;
    assert_int_equal(mailbox_parse(arena, BYTES("a\0@b.example"), 0, &mailbox, NULL), PERM);
}

static struct bytes join(struct bytes a, const char *at, struct bytes b)
{
    return arena_printf(arena, BYTES_FMT "%s" BYTES_FMT, BYTES_ARG(a), at, BYTES_ARG(b));
}

static void the_limits_are_the_wide_ones(void **state)
{
    struct mailbox mailbox;
    struct bytes domain = repeat("abcdefg.", 32);
    domain.len--; /* 255 octets */
    struct bytes text = join(repeat("a", 255), "@", domain);
    assert_int_equal(mailbox_parse(arena, text, 0, &mailbox, NULL), OK);
    text = join(repeat("a", 256), "@", BYTES("b.example"));
    assert_int_equal(mailbox_parse(arena, text, 0, &mailbox, NULL), PERM);
    text = join(BYTES("a@b"), "", domain);
    assert_int_equal(mailbox_parse(arena, text, 0, &mailbox, NULL), PERM);
    text = join(BYTES("a"), "@", repeat("a", 64));
    assert_int_equal(mailbox_parse(arena, text, 0, &mailbox, NULL), PERM);
    assert_int_equal(mailbox_parse(arena, repeat("a", 100000), 0, &mailbox, NULL), PERM);
}

static void utf8_needs_smtputf8_rfc6531_3_3(void **state)
{
    assert_refused("j\xc3\xb6rg@example.org", 0);
    assert_refused("a@b\xc3\xbc"
                   "cher.example",
                   0);
    assert_taken("j\xc3\xb6rg@b\xc3\xbc"
                 "cher.example",
                 MAILBOX_UTF8, "j\xc3\xb6rg",
                 "b\xc3\xbc"
                 "cher.example");
    assert_taken("\"j \xc3\xb6\"@example.org", MAILBOX_UTF8, "j \xc3\xb6", "example.org");
    assert_refused("j\xf6rg@example.org", MAILBOX_UTF8);
    assert_refused("a@b\xfc.example", MAILBOX_UTF8);
    /* A full-width solidus maps to '/', which no name holds. */
    assert_refused("a@b\xef\xbc\x8f"
                   "c.example",
                   MAILBOX_UTF8);
}

static void the_lenient_switch_takes_what_clients_send(void **state)
{
    assert_taken("a..b.@c.example", MAILBOX_LENIENT, "a..b.", "c.example");
    assert_taken("a@b_c.example", MAILBOX_LENIENT, "a", "b_c.example");
    assert_refused("a b@c.example", MAILBOX_LENIENT);
}

static void assert_path(const char *text, unsigned options, const char *mailbox, const char *rest)
{
    struct path path;
    struct bytes behind;
    struct error error = {0};
    if (path_parse(arena, bytes_of(text), options, &path, &behind, &error) != OK)
        fail_msg("%s: %s", text, error.text);
    assert_bytes(path.text, mailbox);
    assert_bytes(behind, rest);
    assert_int_equal(path.null, mailbox[0] == 0);
}

static void assert_no_path(const char *text, unsigned options)
{
    struct path path;
    struct bytes behind;
    if (path_parse(arena, bytes_of(text), options, &path, &behind, NULL) != PERM)
        fail_msg("\"%s\" was taken", text);
}

static void a_path_ends_at_its_bracket(void **state)
{
    assert_path("<a@b.example>", 0, "a@b.example", "");
    assert_path("<a@b.example> SIZE=1", 0, "a@b.example", " SIZE=1");
    assert_path("<\"> SIZE=2 <\"@b.example> SIZE=1", 0, "\"> SIZE=2 <\"@b.example", " SIZE=1");
    assert_path("<>", 0, "", "");
    assert_path("<> BODY=8BITMIME", 0, "", " BODY=8BITMIME");
    assert_path("<Postmaster>", 0, "Postmaster", "");
}

static void a_source_route_is_dropped_rfc5321_c(void **state)
{
    assert_path("<@a.example,@b.example:c@d.example>", 0, "c@d.example", "");
    assert_no_path("<@a.example,b.example:c@d.example>", 0);
    assert_no_path("<@a.example:>", 0);
    assert_no_path("<@a.example c@d.example>", 0);
    assert_no_path("<@:c@d.example>", 0);
}

static void what_is_no_path_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "<",
        ">",
        "<a>",
        "< a@b.example>",
        "<a@b.example >",
        "<a@b.example",
        "a@b.example",
        " <a@b.example>",
        "<a@b.example>x",
        "<a@b.example>>",
        "<<a@b.example>>",
        "< >",
        "<>x",
        "<postmaster@>",
        "<\"a@b.example>",
    };
    for (size_t i = 0; i < countof(texts); i++)
        assert_no_path(texts[i], 0);
    assert_no_path("<a@b.example>x", MAILBOX_LENIENT);
    assert_no_path("", MAILBOX_LENIENT);
}

static void the_lenient_switch_takes_paths_without_brackets(void **state)
{
    assert_path("  <a@b.example>", MAILBOX_LENIENT, "a@b.example", "");
    assert_path("a@b.example SIZE=1", MAILBOX_LENIENT, "a@b.example", " SIZE=1");
    assert_path("\"a b\"@c.example x", MAILBOX_LENIENT, "\"a b\"@c.example", " x");
}

static void writing_quotes_what_must_be_quoted(void **state)
{
    struct buf out;
    buf_init(&out, 1000);
    mailbox_write(&out, BYTES("a.b"), BYTES("c.example"));
    assert_bytes(buf_bytes(&out), "a.b@c.example");
    buf_clear(&out);
    mailbox_write(&out, BYTES("a \"\\b"), BYTES("c.example"));
    assert_bytes(buf_bytes(&out), "\"a \\\"\\\\b\"@c.example");
    buf_clear(&out);
    mailbox_write(&out, BYTES("a..\r\nb"), BYTES(""));
    assert_bytes(buf_bytes(&out), "\"a..\?\?b\"");
    buf_clear(&out);
    mailbox_write(&out, BYTES(""), BYTES("c.example"));
    assert_bytes(buf_bytes(&out), "\"\"@c.example");
    buf_free(&out);
}

static void a_domain_is_cut_off_behind_the_last_at_sign(void **state)
{
    (void)state;
    assert_bytes(mailbox_domain(BYTES("\"a@b\"@c.example")), "c.example");
    assert_bytes(mailbox_domain(BYTES("a@")), "");
    assert_bytes(mailbox_domain(BYTES("c.example")), "");
    assert_bytes(mailbox_domain_or_all(BYTES("a@c.example")), "c.example");
    assert_bytes(mailbox_domain_or_all(BYTES("c.example")), "c.example");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mailboxes_are_read_rfc5321_4_1_2),
        cmocka_unit_test(the_domain_is_behind_the_last_at_sign_outside_quotes),
        cmocka_unit_test(what_is_no_mailbox_is_refused),
        cmocka_unit_test(the_limits_are_the_wide_ones),
        cmocka_unit_test(utf8_needs_smtputf8_rfc6531_3_3),
        cmocka_unit_test(the_lenient_switch_takes_what_clients_send),
        cmocka_unit_test(a_path_ends_at_its_bracket),
        cmocka_unit_test(a_source_route_is_dropped_rfc5321_c),
        cmocka_unit_test(what_is_no_path_is_refused),
        cmocka_unit_test(the_lenient_switch_takes_paths_without_brackets),
        cmocka_unit_test(writing_quotes_what_must_be_quoted),
        cmocka_unit_test(a_domain_is_cut_off_behind_the_last_at_sign),
    };
    return cmocka_run_group_tests(tests, create_arena, destroy_arena);
}
