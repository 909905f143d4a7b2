/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/lmtp.h"

#include "fiber/group.h"
#include "fiber/pipe.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/*
 * The server plays a script: "S: text" is sent with CRLF, "C: text" must be the client's next line,
 * "W: seconds" waits, "B: count" sends that many octets of a line without end. Lines are separated
 * by LF. At the end it hangs up.
 */
struct scene {
    const char *script;
    struct stream *server;
    struct transport *client;
    struct fiber_group group;
    struct pipe_options pipe;
    struct arena *arena;
    struct lmtp *lmtp;
    struct lmtp_reply reply, replies[8];
    struct error error;
    bool hold_open; /* at the end of the script */
};

static struct scene s;

static const struct lmtp_timeouts timeouts = {
    .command = 5 * MINUTE, .data = 3 * MINUTE, .finish = 10 * MINUTE};

static void send_junk(unsigned count)
{
    while (count--)
        if (stream_write(s.server, BYTES("x"), loop_deadline(SECOND)) ||
            stream_flush(s.server, loop_deadline(SECOND)))
            return;
}

static bool play(struct bytes step)
{
    struct bytes text = bytes_skip(step, 3), line;
    uint64_t number;
    switch (step.ptr[0]) {
    case 'S':
        return !stream_write(s.server, text, loop_deadline(HOUR)) &&
               !stream_write(s.server, BYTES("\r\n"), loop_deadline(HOUR)) &&
               !stream_flush(s.server, loop_deadline(HOUR));
    case 'C':
        if (stream_read_line(s.server, 4096, &line, loop_deadline(DAY)))
            fail_msg("the client hung up instead of \"" BYTES_FMT "\"", BYTES_ARG(text));
        assert_true(bytes_ends_with(line, BYTES("\r\n")));
        line.len -= 2;
        if (!bytes_equal(line, text))
            fail_msg("got \"" BYTES_FMT "\", expected \"" BYTES_FMT "\"", BYTES_ARG(line),
                     BYTES_ARG(text));
        return true;
    case 'W':
        assert_true(bytes_to_uint(text, 100000, &number));
        fiber_sleep((int64_t)number * SECOND);
        return true;
    case 'B':
        assert_true(bytes_to_uint(text, 100000, &number));
        send_junk((unsigned)number);
        return true;
    default:
        fail_msg("bad script");
        return false;
    }
}

static void run_server(void *argument)
{
    struct bytes rest = bytes_of(s.script), step;
    while (bytes_split(&rest, '\n', &step))
        if (step.len && !play(step))
            break;
    if (s.hold_open)
        fiber_sleep(DAY);
    stream_close(s.server);
}

static void start(const char *script)
{
    struct pipe_options pipe = s.pipe;
    bool hold_open = s.hold_open;
    memset(&s, 0, sizeof(s));
    s.pipe = pipe;
    s.hold_open = hold_open;
    s.script = script;
    s.arena = arena_create(1 << 20);
    struct transport *server;
    assert_true(pipe_create(&s.pipe, &server, &s.client));
    s.server = stream_create(server);
    fiber_group_open(&s.group);
    assert_true(fiber_group_start(&s.group, "server", run_server, NULL));
}

static enum result open_client(void)
{
    return lmtp_open(s.client, "mx.example", &timeouts, s.arena, &s.lmtp, &s.reply, &s.error);
}

static void finish(void)
{
    lmtp_close(s.lmtp);
    s.lmtp = NULL;
    assert_int_equal(fiber_group_wait(&s.group, loop_deadline(2 * DAY)), 0);
    fiber_group_close(&s.group);
    arena_destroy(s.arena);
}

static enum result mail(const char *sender)
{
    struct lmtp_envelope envelope = {.sender = bytes_of(sender), .size = 1000, .eight_bit = true};
    return lmtp_mail(s.lmtp, &envelope, s.arena, &s.reply, &s.error);
}

static enum result recipient(const char *mailbox)
{
    return lmtp_recipient(s.lmtp, bytes_of(mailbox), s.arena, &s.reply, &s.error);
}

static enum result send_text(const char *text)
{
    struct bytes part = bytes_of(text);
    return lmtp_send(s.lmtp, &part, 1, s.arena, s.replies, &s.error);
}

static void run_under_fake_clock(void (*function)(void *))
{
    struct loop_options options = {.fake_clock = true};
    struct loop *loop = loop_create(&options);
    assert_non_null(loop);
    s = (struct scene){0};
    loop_run(loop, function, NULL);
    loop_destroy(loop);
}

#define fiber_test(name)                                                                           \
    static void name##_body(void *argument);                                                       \
    static void name(void **state)                                                                 \
    {                                                                                              \
        run_under_fake_clock(name##_body);                                                         \
    }                                                                                              \
    static void name##_body(void *argument)

#define GREETING "S: 220 store.example LMTP\nC: LHLO mx.example\nS: 250 store.example\n"
#define FULL_GREETING                                                                              \
    "S: 220 store.example LMTP\nC: LHLO mx.example\nS: 250-store.example\nS: 250-8BITMIME\n"       \
    "S: 250-SMTPUTF8\nS: 250-PIPELINING\nS: 250 SIZE 5000\n"
#define ENVELOPE                                                                                   \
    "C: MAIL FROM:<a@b.example>\nS: 250 2.1.0 ok\nC: RCPT TO:<c@d.example>\nS: 250 2.1.5 ok\n"

fiber_test(each_recipient_has_his_own_reply_rfc2033_4_2)
{
    start(FULL_GREETING "C: MAIL FROM:<a@b.example> SIZE=1000 BODY=8BITMIME\nS: 250 2.1.0 ok\n"
                        "C: RCPT TO:<c@d.example>\nS: 250 2.1.5 ok\n"
                        "C: RCPT TO:<no@d.example>\nS: 550-5.1.1 no such\nS: 550 5.1.1 user\n"
                        "C: RCPT TO:<e@d.example>\nS: 250 2.1.5 ok\n"
                        "W: 3000\n"
                        "C: DATA\nS: 354 go\nC: A: b\nC: \nC: ..x\nC: ...\nC: .\n"
                        "S: 250 2.0.0 saved\nS: 452-4.2.2 he is\nS: 452 4.2.2 full\nC: QUIT");
    assert_int_equal(open_client(), OK);
    assert_true(lmtp_extensions(s.lmtp)->smtputf8);
    assert_int_equal(lmtp_extensions(s.lmtp)->size_max, 5000);
    assert_int_equal(mail("a@b.example"), OK);
    assert_int_equal(recipient("c@d.example"), OK);
    assert_int_equal(recipient("no@d.example"), PERM);
    assert_int_equal(s.reply.code, 550);
    assert_string_equal(s.reply.enhanced, "5.1.1");
    assert_true(bytes_is(s.reply.text, "no such user"));
    assert_int_equal(recipient("e@d.example"), OK);
    assert_int_equal(lmtp_recipient_count(s.lmtp), 2);
    fiber_sleep(3000 * SECOND); /* the message comes much later */
    assert_true(lmtp_is_usable(s.lmtp));
    struct bytes parts[] = {BYTES("A: b\r\n"), BYTES("\r\n"), BYTES(".x\r"), BYTES("\n.."),
                            BYTES("\r\n")};
    assert_int_equal(lmtp_send(s.lmtp, parts, countof(parts), s.arena, s.replies, &s.error), OK);
    assert_int_equal(s.replies[0].code, 250);
    assert_int_equal(s.replies[1].code, 452);
    assert_string_equal(s.replies[1].enhanced, "4.2.2");
    assert_true(bytes_is(s.replies[1].text, "he is full"));
    finish();
}

fiber_test(a_connection_is_used_again)
{
    start(GREETING ENVELOPE "C: DATA\nS: 354 go\nC: x\nC: .\nS: 250 ok\n" ENVELOPE
                            "C: RSET\nS: 250 ok\n" ENVELOPE "C: RSET\nS: 250 ok\n" ENVELOPE
                            "C: DATA\nS: 451 4.3.0 later\nC: RSET\nS: 250 ok\n" ENVELOPE "C: QUIT");
    assert_int_equal(open_client(), OK);
    for (int i = 0; i < 5; i++) {
        assert_true(lmtp_is_usable(s.lmtp));
        assert_int_equal(mail("a@b.example"), OK);
        assert_int_equal(recipient("c@d.example"), OK);
        if (i == 0)
            assert_int_equal(send_text("x"), OK);
        if (i == 1)
            assert_int_equal(lmtp_reset(s.lmtp, s.arena, &s.error), OK);
        if (i == 3) {
            assert_int_equal(send_text("x\r\n"), TEMP);
            assert_int_equal(s.replies[0].code, 451);
            assert_true(lmtp_is_usable(s.lmtp));
        }
    }
    finish();
}

fiber_test(replies_that_came_count_when_the_server_hangs_up_rfc2033_5)
{
    start(GREETING
          "C: MAIL FROM:<a@b.example>\nS: 250 ok\nC: RCPT TO:<c@d.example>\nS: 250 ok\n"
          "C: RCPT TO:<e@d.example>\nS: 250 ok\nC: DATA\nS: 354 go\nC: x\nC: .\nS: 250 ok");
    assert_int_equal(open_client(), OK);
    assert_int_equal(mail("a@b.example"), OK);
    assert_int_equal(recipient("c@d.example"), OK);
    assert_int_equal(recipient("e@d.example"), OK);
    assert_int_equal(send_text("x\r\n"), TEMP);
    assert_int_equal(s.replies[0].code, 250);
    assert_int_equal(s.replies[1].code, 0);
    assert_false(lmtp_is_usable(s.lmtp));
    assert_int_equal(mail("a@b.example"), TEMP);
    finish();
}

fiber_test(a_421_ends_the_connection)
{
    start(GREETING "C: MAIL FROM:<a@b.example>\nS: 421 4.3.2 closing");
    assert_int_equal(open_client(), OK);
    assert_int_equal(mail("a@b.example"), TEMP);
    assert_int_equal(s.reply.code, 421);
    assert_false(lmtp_is_usable(s.lmtp));
    finish();
    start(GREETING "W: 10\nS: 421 4.3.2 idle for too long");
    assert_int_equal(open_client(), OK);
    assert_true(lmtp_is_usable(s.lmtp));
    fiber_sleep(MINUTE);
    assert_false(lmtp_is_usable(s.lmtp));
    finish();
}

static void greeting_fails(const char *script, enum result result, const char *text)
{
    start(script);
    assert_int_equal(open_client(), result);
    if (!strstr(s.error.text, text))
        fail_msg("got \"%s\", expected \"%s\"", s.error.text, text);
    finish();
}

fiber_test(a_bad_greeting_is_refused)
{
    greeting_fails("S: 554 5.7.1 no\nC: QUIT", PERM, "554 5.7.1 no");
    greeting_fails("S: 421 4.3.2 no", TEMP, "421");
    greeting_fails("S: 250 hello", TEMP, "no");
    greeting_fails("S: hello", TEMP, "no reply");
    greeting_fails("S: 220_x", TEMP, "no reply");
    greeting_fails("S: 2200 x", TEMP, "no reply");
    greeting_fails("S: 199 x", TEMP, "no reply");
    greeting_fails("S: 220-x\nS: 250 y", TEMP, "different codes");
    greeting_fails("", TEMP, "hung up");
    greeting_fails("S: 220 x\nC: LHLO mx.example\nS: 500 5.5.1 what\nC: QUIT", PERM, "500 5.5.1");
    greeting_fails("S: 220 x\nC: LHLO mx.example\nS: 354 go", TEMP, "does not fit");
}

fiber_test(a_line_without_end_is_bounded)
{
    s.pipe.capacity = 512;
    greeting_fails("B: 5000", TEMP, "too long");
}

static void endless_lines(void *argument)
{
    while (!stream_write(s.server, BYTES("220-again and again\r\n"), loop_deadline(SECOND)))
        ;
    stream_close(s.server);
}

fiber_test(a_reply_without_end_is_bounded)
{
    s.arena = arena_create(1 << 20);
    struct transport *server;
    assert_true(pipe_create(&s.pipe, &server, &s.client));
    s.server = stream_create(server);
    fiber_group_open(&s.group);
    assert_true(fiber_group_start(&s.group, "server", endless_lines, NULL));
    assert_int_equal(open_client(), TEMP);
    assert_non_null(strstr(s.error.text, "too many lines"));
    finish();
}

fiber_test(what_a_server_says_is_cleaned_and_cut)
{
    static char script[4000] = "S: 550 5.1.1 a\x01\xc3\xa9\x7f ";
    size_t length = strlen(script);
    memset(script + length, 'y', 1500);
    start(script);
    assert_int_equal(open_client(), PERM);
    assert_memory_equal(s.reply.text.ptr, "a???? yyy", 9);
    assert_true(s.reply.text.len <= 1024);
    finish();
}

fiber_test(every_step_has_a_deadline)
{
    static const struct {
        const char *script;
        int64_t patience;
    } cases[] = {
        {"", 5 * MINUTE},
        {"S: 220 x\nC: LHLO mx.example", 5 * MINUTE},
        {GREETING "C: MAIL FROM:<a@b.example>", 5 * MINUTE},
        {GREETING "C: MAIL FROM:<a@b.example>\nS: 250 ok\nC: RCPT TO:<c@d.example>", 5 * MINUTE},
        {GREETING ENVELOPE "C: DATA", 5 * MINUTE},
        {GREETING ENVELOPE "C: DATA\nS: 354 go\nC: x\nC: .", 10 * MINUTE},
    };
    for (size_t i = 0; i < countof(cases); i++) {
        s.hold_open = true;
        start(cases[i].script);
        int64_t from = loop_now();
        enum result result = open_client();
        if (result == OK)
            result = mail("a@b.example");
        if (result == OK)
            result = recipient("c@d.example");
        if (result == OK)
            result = send_text("x\r\n");
        assert_int_equal(result, TEMP);
        assert_non_null(strstr(s.error.text, "time-out"));
        assert_int_equal(loop_now() - from, cases[i].patience);
        finish();
    }
}

fiber_test(a_server_that_does_not_read_is_given_up)
{
    static char text[100001];
    memset(text, 'x', 100000);
    s.pipe.capacity = 1024;
    s.hold_open = true;
    start(GREETING ENVELOPE "C: DATA\nS: 354 go");
    assert_int_equal(open_client(), OK);
    assert_int_equal(mail("a@b.example"), OK);
    assert_int_equal(recipient("c@d.example"), OK);
    int64_t from = loop_now();
    assert_int_equal(send_text(text), TEMP);
    assert_int_equal(loop_now() - from, 3 * MINUTE);
    assert_int_equal(s.replies[0].code, 0);
    finish();
}

fiber_test(what_the_server_does_not_take_is_not_sent)
{
    start(GREETING ENVELOPE "C: QUIT");
    assert_int_equal(open_client(), OK);
    assert_int_equal(mail("a@b.example>\r\nDATA"), PERM);
    assert_int_equal(mail("a b@b.example"), PERM);
    assert_int_equal(mail("j\xc3\xb6rg@b.example"), PERM);
    struct lmtp_envelope utf8 = {.sender = BYTES("a@b.example"), .smtputf8 = true};
    assert_int_equal(lmtp_mail(s.lmtp, &utf8, s.arena, &s.reply, &s.error), PERM);
    assert_int_equal(mail("a@b.example"), OK);
    assert_int_equal(recipient("x> y@d.example"), PERM);
    assert_int_equal(send_text("x\r\n"), PERM); /* no recipient yet */
    assert_int_equal(recipient("c@d.example"), OK);
    static const char *const bare[] = {"a\nb\r\n", "a\rb\r\n", "a\r\n.\n",
                                       "a\r",      "\n.\r\n",  "a\r\r\n"};
    for (size_t i = 0; i < countof(bare); i++)
        assert_int_equal(send_text(bare[i]), PERM);
    finish();
}

fiber_test(quoted_local_parts_are_sent_as_they_are)
{
    start(GREETING "C: MAIL FROM:<\"a> \\\"b\"@b.example>\nS: 250 ok\nC: QUIT");
    assert_int_equal(open_client(), OK);
    assert_int_equal(mail("\"a> \\\"b\"@b.example"), OK);
    finish();
}

fiber_test(a_message_larger_than_the_server_takes_is_refused_before)
{
    start(FULL_GREETING "C: QUIT");
    assert_int_equal(open_client(), OK);
    struct lmtp_envelope envelope = {.size = 5001};
    assert_int_equal(lmtp_mail(s.lmtp, &envelope, s.arena, &s.reply, &s.error), PERM);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_recipient_has_his_own_reply_rfc2033_4_2),
        cmocka_unit_test(a_connection_is_used_again),
        cmocka_unit_test(replies_that_came_count_when_the_server_hangs_up_rfc2033_5),
        cmocka_unit_test(a_421_ends_the_connection),
        cmocka_unit_test(a_bad_greeting_is_refused),
        cmocka_unit_test(a_line_without_end_is_bounded),
        cmocka_unit_test(a_reply_without_end_is_bounded),
        cmocka_unit_test(what_a_server_says_is_cleaned_and_cut),
        cmocka_unit_test(every_step_has_a_deadline),
        cmocka_unit_test(a_server_that_does_not_read_is_given_up),
        cmocka_unit_test(what_the_server_does_not_take_is_not_sent),
        cmocka_unit_test(quoted_local_parts_are_sent_as_they_are),
        cmocka_unit_test(a_message_larger_than_the_server_takes_is_refused_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
