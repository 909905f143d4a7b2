/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct arena *arena;

static int set_up(void **state)
{
    arena = arena_create(1 << 20);
    return arena ? 0 : -1;
}

static int tear_down(void **state)
{
    arena_destroy(arena);
    return 0;
}

static enum smtp_syntax parse(const char *line, bool lenient, struct smtp_command *out)
{
    struct error error;
    return smtp_command_parse(arena, bytes_of(line), lenient, out, &error);
}

#define strict_gives(line, syntax)                                                                 \
    do {                                                                                           \
        struct smtp_command parsed;                                                                \
        assert_int_equal(parse((line), false, &parsed), (syntax));                                 \
    } while (0)

static void assert_text(struct bytes bytes, const char *expected)
{
    if (!bytes_is(bytes, expected))
        fail_msg("got \"" BYTES_FMT "\", expected \"%s\"", BYTES_ARG(bytes), expected);
}

static void verbs_are_read_in_any_case_rfc5321_2_4(void **state)
{
    struct smtp_command c;
    assert_int_equal(parse("mAiL from:<A@b.example>\r\n", false, &c), SMTP_SYNTAX_GOOD);
    assert_int_equal(c.verb, SMTP_MAIL);
    assert_text(c.path.mailbox.local, "A");
    assert_int_equal(parse("quit\r\n", false, &c), SMTP_SYNTAX_GOOD);
    assert_int_equal(c.verb, SMTP_QUIT);
    assert_int_equal(parse("QUITE\r\n", false, &c), SMTP_SYNTAX_VERB);
    assert_int_equal(parse("\r\n", false, &c), SMTP_SYNTAX_VERB);
}

static void paths_are_read_with_their_parameters(void **state)
{
    struct smtp_command c;
    assert_int_equal(parse("MAIL FROM:<@relay.example:joe@b.example> SIZE=100 body=8BITMIME "
                           "SMTPUTF8  \r\n",
                           false, &c),
                     SMTP_SYNTAX_GOOD);
    assert_text(c.path.text, "joe@b.example");
    assert_text(c.path.mailbox.domain, "b.example");
    assert_int_equal(c.parameter_count, 3);
    assert_text(c.parameters[0].keyword, "SIZE");
    assert_text(c.parameters[0].value, "100");
    assert_text(c.parameters[1].value, "8BITMIME");
    assert_null(c.parameters[2].value.ptr);
    assert_false(c.lenient_used);

    assert_int_equal(parse("MAIL FROM:<>\r\n", false, &c), SMTP_SYNTAX_GOOD);
    assert_true(c.path.null);
    assert_int_equal(parse("RCPT TO:<Postmaster>\r\n", false, &c), SMTP_SYNTAX_GOOD);
    assert_text(c.path.mailbox.local, "Postmaster");
    assert_int_equal(c.path.mailbox.domain.len, 0);
    assert_int_equal(parse("RCPT TO:<\"a> b\"@c.example> NOTIFY=NEVER\r\n", false, &c),
                     SMTP_SYNTAX_GOOD);
    assert_text(c.path.mailbox.local, "a> b");
    assert_int_equal(c.parameter_count, 1);
}

static void strict_syntax_refuses_what_rfc5321_4_1_does_not_have(void **state)
{
    strict_gives("MAIL FROM: <a@b.example>\r\n", SMTP_SYNTAX_PATH);
    strict_gives("MAIL FROM:a@b.example\r\n", SMTP_SYNTAX_PATH);
    strict_gives("MAIL FROM <a@b.example>\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives("MAIL TO:<a@b.example>\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives("MAIL\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives("MAIL FROM:\r\n", SMTP_SYNTAX_PATH);
    strict_gives("MAIL FROM:<postmaster>\r\n", SMTP_SYNTAX_PATH);
    strict_gives("MAIL FROM:<pepe>\r\n", SMTP_SYNTAX_PATH);
    strict_gives("MAIL FROM:<a@b.example>SIZE=1\r\n", SMTP_SYNTAX_PATH);
    strict_gives("MAIL FROM:<a@b.example>  SIZE=1\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives("MAIL FROM:<a@b.example> SIZE=\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives("MAIL FROM:<a@b.example> SIZE=1 size=2\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives("MAIL FROM:<a@b.example> =1\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives("MAIL FROM:<a@b.example> A=1=2\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives("MAIL  FROM:<a@b.example>\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives(" MAIL FROM:<a@b.example>\r\n", SMTP_SYNTAX_VERB);
    strict_gives("RCPT TO:<>\r\n", SMTP_SYNTAX_PATH);
    strict_gives("RCPT TO:<a@-b.example>\r\n", SMTP_SYNTAX_PATH);
    strict_gives("DATA now\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives("VRFY\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives("EHLO\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives("EHLO a b\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives("EHLO <script>\r\n", SMTP_SYNTAX_ARGUMENT);
}

static void lines_end_in_crlf_and_hold_no_control_characters(void **state)
{
    struct smtp_command c;
    struct error error;
    strict_gives("NOOP\n", SMTP_SYNTAX_LINE);
    /* rfc5321:4.1.2 demands 501 where the command is known. */
    strict_gives("NOOP a\rb\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives("RCPT TO:<a\x7f@b.example>\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives("MAIL FROM:<a\xff@b.example>\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives("NOO\xff\r\n", SMTP_SYNTAX_LINE);
    assert_int_equal(smtp_command_parse(arena, BYTES("NO\0OP\r\n"), false, &c, &error),
                     SMTP_SYNTAX_LINE);
    assert_int_equal(smtp_command_parse(arena, BYTES(""), false, &c, &error), SMTP_SYNTAX_LINE);
}

static void lenient_syntax_reads_what_clients_send_and_says_so(void **state)
{
    static const char *const lines[] = {
        "MAIL FROM: <a@b.example>\r\n",        "MAIL FROM:a@b.example\r\n",
        "MAIL  FROM:<a@b.example>\r\n",        "MAIL FROM:<a..b@b.example>\r\n",
        "MAIL FROM:<a@b.example>  SIZE=1\r\n", "MAIL FROM:<a@b.example>\n",
        " MAIL FROM:<a@b.example>\r\n",        "EHLO 12_!\r\n",
    };
    for (size_t i = 0; i < countof(lines); i++) {
        struct smtp_command c;
        assert_int_equal(parse(lines[i], true, &c), SMTP_SYNTAX_GOOD);
        assert_true(c.lenient_used);
    }
    struct smtp_command c;
    assert_int_equal(parse("MAIL FROM:<a@b.example>\r\n", true, &c), SMTP_SYNTAX_GOOD);
    assert_false(c.lenient_used);
    assert_int_equal(parse("RCPT TO: <>\r\n", true, &c), SMTP_SYNTAX_PATH);
}

static void hello_takes_domains_and_literals_rfc5321_4_1_3(void **state)
{
    strict_gives("EHLO mx_1.example.org\r\n", SMTP_SYNTAX_GOOD);
    strict_gives("HELO localhost\r\n", SMTP_SYNTAX_GOOD);
    strict_gives("EHLO [192.0.2.1]\r\n", SMTP_SYNTAX_GOOD);
    strict_gives("EHLO [IPv6:2001:db8::1]\r\n", SMTP_SYNTAX_GOOD);
    strict_gives("EHLO [2001:db8::1]\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives("EHLO [192.0.2.300]\r\n", SMTP_SYNTAX_ARGUMENT);
}

static void bdat_takes_a_size_and_last_rfc3030_2(void **state)
{
    struct smtp_command c;
    assert_int_equal(parse("BDAT 0 LAST\r\n", false, &c), SMTP_SYNTAX_GOOD);
    assert_true(c.last);
    assert_int_equal(parse("bdat 86000 last\r\n", false, &c), SMTP_SYNTAX_GOOD);
    assert_int_equal(c.chunk_size, 86000);
    assert_int_equal(parse("BDAT 7\r\n", false, &c), SMTP_SYNTAX_GOOD);
    assert_false(c.last);
    strict_gives("BDAT\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives("BDAT -1\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives("BDAT +1\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives("BDAT 0x10\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives("BDAT 1 FIRST\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives("BDAT 18446744073709551616 LAST\r\n", SMTP_SYNTAX_ARGUMENT);
    strict_gives("BDAT 99999999999999999999999999999999\r\n", SMTP_SYNTAX_ARGUMENT);
}

static void parameters_are_bounded(void **state)
{
    char line[512] = "MAIL FROM:<a@b.example>";
    for (int i = 0; i < SMTP_PARAMETERS_MAX; i++)
        snprintf(line + strlen(line), sizeof(line) - strlen(line), " P%d=1", i);
    size_t length = strlen(line);
    snprintf(line + length, sizeof(line) - length, "\r\n");
    strict_gives(line, SMTP_SYNTAX_GOOD);
    snprintf(line + length, sizeof(line) - length, " MORE\r\n");
    strict_gives(line, SMTP_SYNTAX_ARGUMENT);
}

static void a_web_browser_is_recognised(void **state)
{
    struct smtp_command c;
    assert_int_equal(parse("POST / HTTP/1.1\r\n", false, &c), SMTP_SYNTAX_GOOD);
    assert_int_equal(c.verb, SMTP_FOREIGN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verbs_are_read_in_any_case_rfc5321_2_4),
        cmocka_unit_test(paths_are_read_with_their_parameters),
        cmocka_unit_test(strict_syntax_refuses_what_rfc5321_4_1_does_not_have),
        cmocka_unit_test(lines_end_in_crlf_and_hold_no_control_characters),
        cmocka_unit_test(lenient_syntax_reads_what_clients_send_and_says_so),
        cmocka_unit_test(hello_takes_domains_and_literals_rfc5321_4_1_3),
        cmocka_unit_test(bdat_takes_a_size_and_last_rfc3030_2),
        cmocka_unit_test(parameters_are_bounded),
        cmocka_unit_test(a_web_browser_is_recognised),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
