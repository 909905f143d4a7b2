/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of `vouch sendmail`: its command line, its configuration, its memory, and what it makes of a
 * message. */
#include "cmd/letter.h"
#include "cmd/sendmail_options.h"
#include "cmd/submit_memory.h"
#include "smtp/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;
static struct buf out;

static int set_up(void **state)
{
    (void)state;
    arena = arena_create(16 << 20);
    buf_init(&out, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_free(&out);
    arena_destroy(arena);
    return 0;
}

#define assert_text(bytes, text) assert_true(bytes_is((bytes), (text)))

static bool options(struct sendmail_options *read, const char *words)
{
    static char *argv[32];
    int argc = 0;
    char *copy = arena_string(arena, bytes_of(words));
    static char name[] = "sendmail";
    argv[argc++] = name;
    for (char *at = strsep(&copy, " "); at; at = strsep(&copy, " "))
        argv[argc++] = at;
    argv[argc] = NULL;
    struct error error;
    return sendmail_options_read(argc, argv, read, &error);
}

static void letters_stand_together_and_values_behind_or_next(void **state)
{
    (void)state;
    struct sendmail_options read;
    assert_true(options(&read, "-tifme@a.example -F Name -oem -odb -B8BITMIME -N never u@b.example"));
    assert_true(read.take_recipients && read.dot_is_text);
    assert_string_equal(read.sender, "me@a.example");
    assert_string_equal(read.full_name, "Name");
    assert_int_equal(read.notify, SMTP_NOTIFY_NEVER);
    assert_int_equal(read.recipient_count, 1);
    assert_true(options(&read, "-oi -bs"));
    assert_true(read.dot_is_text && read.mode == SENDMAIL_SMTP);
    assert_true(options(&read, "-Am -bm -G -U -q30m"));
    assert_int_equal(read.mode, SENDMAIL_NOTHING);
    assert_true(options(&read, "-b p"));
    assert_int_equal(read.mode, SENDMAIL_LIST);
}

static void no_recipient_is_ever_an_option(void **state)
{
    (void)state;
    struct sendmail_options read;
    assert_true(options(&read, "-i -- -bs -fx"));
    assert_int_equal(read.mode, SENDMAIL_DELIVER);
    assert_null(read.sender);
    assert_int_equal(read.recipient_count, 2);
    assert_false(options(&read, "u@b.example -oQ/tmp"));
    assert_false(options(&read, "-bd"));
    assert_false(options(&read, "-f"));
    assert_false(options(&read, "-N never,delay"));
    assert_false(options(&read, "-R some"));
    assert_false(options(&read, "--confg x"));
}

static void check_qualified(const char *list, const char *expected)
{
    buf_clear(&out);
    letter_qualify(&out, bytes_of(list), BYTES("d"));
    if (!bytes_is(buf_bytes(&out), expected))
        fail_msg("%s: " BYTES_FMT, list, BYTES_ARG(buf_bytes(&out)));
}

static void addresses_without_a_domain_get_one(void **state)
{
    (void)state;
    check_qualified("root", "root@d");
    check_qualified("root (Cron Daemon)", "root@d (Cron Daemon)");
    check_qualified("(a, b) root", "(a, b) root@d");
    check_qualified("\"Cron, Daemon\" <root>", "\"Cron, Daemon\" <root@d>");
    check_qualified("a, b@c ,\r\n <e>", "a@d, b@c ,\r\n <e@d>");
    check_qualified("\"a b\"", "\"a b\"@d");
    check_qualified("friends: a, b;, c", "friends: a@d, b@d;, c@d");
    check_qualified("nobody:;", "nobody:;");
    check_qualified("Two Words", "Two Words");
    check_qualified("<>", "<>");
    check_qualified("a \"(\" <b", "a \"(\" <b");
    check_qualified("", "");
}

static struct letter prepare(const char *raw, bool take)
{
    struct letter letter;
    struct error error;
    const struct letter_sender sender = {.address = BYTES("me@d"), .full_name = BYTES("Zo\xc3\xab"),
                                         .domain = BYTES("d"), .message_id = BYTES("id@d"),
                                         .now = 1000000000, .zone = 60};
    assert_int_equal(letter_prepare(arena, bytes_of(raw), &sender, take, &letter, &error), OK);
    return letter;
}

static void what_is_missing_is_added_and_nothing_else(void **state)
{
    (void)state;
    struct letter letter = prepare("To: a@b.example\r\n\r\nx\r\n", false);
    assert_text(letter.header, "From: =?utf-8?B?Wm/Dqw==?= <me@d>\r\n"
                               "Date: Sun, 9 Sep 2001 02:46:40 +0100\r\n"
                               "Message-ID: <id@d>\r\nTo: a@b.example\r\n\r\n");
    const char whole[] = "From: a@b\r\nDate: today\r\nMessage-Id: <x@y>\r\nTo:  A\r\n\t<a@b>\r\n\r\n";
    letter = prepare(whole, false);
    assert_text(letter.header, whole);
    letter = prepare("no header here\r\n", false);
    assert_text(letter.body, "no header here\r\n");
}

static void bcc_is_read_and_gone(void **state)
{
    (void)state;
    struct letter letter = prepare("To: a@b.example, a@b.example\r\nBCC: s@b.example\r\nCc: x:;\r\n\r\n",
                                   true);
    assert_int_equal(letter.recipient_count, 2);
    assert_text(letter.recipients[1], "s@b.example");
    assert_true(bytes_find_nocase(letter.header, BYTES("bcc")) == BYTES_NOT_FOUND);
    /* rfc5322:3.6.6 */
    letter = prepare("To: a@b.example\r\nResent-To: r@b.example\r\nResent-Bcc: q\r\n\r\n", true);
    assert_int_equal(letter.recipient_count, 2);
    assert_text(letter.recipients[0], "r@b.example");
    assert_text(letter.recipients[1], "q@d");
}

static void a_dot_alone_ends_the_input(void **state)
{
    (void)state;
    assert_text(letter_cut_at_dot(BYTES("a\n.b\n..\n.\nc\n")), "a\n.b\n..\n");
    assert_text(letter_cut_at_dot(BYTES(".\r\nc")), "");
    assert_text(letter_cut_at_dot(BYTES("a\n. \n.")), "a\n. \n");
    assert_text(letter_cut_at_dot(BYTES("a")), "a");
}

static void a_configuration_says_where_it_is_wrong(void **state)
{
    (void)state;
    struct submit_config config;
    assert_int_equal(submit_config_parse(arena, BYTES("host = MX.example\nport = [2587, 2465/tls]\n"
                                                      "user = u\npassword-file = p\n"),
                                         &config, &out), OK);
    assert_string_equal(config.host, "mx.example");
    assert_true(config.port_count == 2 && config.ports[1].number == 2465 && config.ports[1].implicit);
    assert_int_equal(config.tls, SUBMIT_TLS_VERIFY);
    assert_int_equal(submit_config_parse(arena, BYTES(""), &config, &out), OK);
    assert_true(config.tls == SUBMIT_TLS_MAY && config.ports[1].implicit && !config.ports[0].implicit);
    static const char *const bad[] = {"port = 0", "port = 25/ssl", "tls = maybe", "host = a b", "x { }",
                                      "user = u", "host = mx.example\nuser = u\npassword-file = p\ntls = none",
                                      "hots = a", "host = [a, b]"};
    for (size_t i = 0; i < countof(bad); i++) {
        buf_clear(&out);
        assert_int_equal(submit_config_parse(arena, bytes_of(bad[i]), &config, &out), PERM);
        assert_true(out.len > 0);
    }
}

static void the_memory_keeps_one_line_a_host(void **state)
{
    (void)state;
    struct submit_port port = {465, true}, found;
    submit_memory_change(&out, BYTES("b 25\nnonsense\na 587\n"), "a", &port);
    assert_text(buf_bytes(&out), "a 465/tls\nb 25\n");
    assert_true(submit_memory_find(buf_bytes(&out), "a", &found) && found.number == 465 && found.implicit);
    assert_false(submit_memory_find(buf_bytes(&out), "c", &found));
    struct bytes text = arena_copy(arena, buf_bytes(&out));
    buf_clear(&out);
    submit_memory_change(&out, text, "a", NULL);
    assert_text(buf_bytes(&out), "b 25\n");
    assert_false(submit_memory_find(BYTES("a 65536\na 0\n a 25\na"), "a", &found));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(letters_stand_together_and_values_behind_or_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_recipient_is_ever_an_option, set_up, tear_down),
        cmocka_unit_test_setup_teardown(addresses_without_a_domain_get_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_missing_is_added_and_nothing_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bcc_is_read_and_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_dot_alone_ends_the_input, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_configuration_says_where_it_is_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_memory_keeps_one_line_a_host, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
