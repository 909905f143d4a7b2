/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client_fixture: the SMTP client against a server that plays a script, under a fake clock.
 *
 * "S: text" is sent with CRLF, "C: text" must be the client's next line, "Q: seconds" is silence of the
 * client for so long, "W: seconds" waits, "B: count" sends that many octets of a line without end, "D:
 * octets" drips that many octets of a reply, one every ten seconds. Lines are separated by LF. At the end
 * the server hangs up.
 *
 * cmocka's assertions jump to the main stack, which a fiber does not survive: a failure says what
 * is wrong and then ends the whole program.
 */
#ifndef VOUCH_SMTP_CLIENT_FIXTURE_H
#define VOUCH_SMTP_CLIENT_FIXTURE_H

#include "fiber/group.h"
#include "fiber/pipe.h"
#include "smtp/client.h"
#include "smtp/server.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define maybe_unused __attribute__((unused)) /* not every test needs every helper */

enum { SCENE_REPLIES = 1000 };

struct scene {
    const char *script;
    struct stream *server;
    struct transport *transport;
    struct fiber_group group;
    struct arena *arena;
    struct client *client;
    struct client_reply reply, replies[SCENE_REPLIES];
    struct error error;
    /* Set before start(). */
    struct pipe_options pipe;
    struct client_options options;
    bool hold_open; /* at the end of the script */
};

static struct scene s;

static void send_junk(unsigned count)
{
    while (count--)
        if (stream_write(s.server, BYTES("x"), loop_deadline(SECOND)) ||
            stream_flush(s.server, loop_deadline(SECOND)))
            return;
}

static void drip(unsigned count)
{
    while (count--) {
        fiber_sleep(10 * SECOND);
        if (stream_write(s.server, BYTES("2"), loop_deadline(SECOND)) ||
            stream_flush(s.server, loop_deadline(SECOND)))
            return;
    }
}

static bool send_line(struct bytes text)
{
    return !stream_write(s.server, text, loop_deadline(HOUR)) &&
           !stream_write(s.server, BYTES("\r\n"), loop_deadline(HOUR));
}

static void expect_line(struct bytes text)
{
    struct bytes line = {0};
    if (stream_flush(s.server, loop_deadline(HOUR)) ||
        stream_read_line(s.server, STREAM_BUFFER, &line, loop_deadline(DAY)))
        fail_msg("the client hung up instead of \"" BYTES_FMT "\"", BYTES_ARG(text));
    assert_true(bytes_ends_with(line, BYTES("\r\n")));
    line.len -= 2;
    if (!bytes_equal(line, text))
        fail_msg("got \"" BYTES_FMT "\", expected \"" BYTES_FMT "\"", BYTES_ARG(line), BYTES_ARG(text));
}

static void expect_silence(int64_t duration)
{
    assert_int_equal(stream_flush(s.server, loop_deadline(HOUR)), 0);
    if (stream_buffered(s.server).len || stream_fill(s.server, loop_deadline(duration)) != -ETIMEDOUT)
        fail_msg("unexpected: \"" BYTES_FMT "\"", BYTES_ARG(stream_buffered(s.server)));
}

/* What is sent leaves when the next step waits, so that lines one behind the other come together. */
static bool play(struct bytes step)
{
    struct bytes text = bytes_skip(step, 3);
    uint64_t number = 0;
    if (step.ptr[0] == 'S')
        return send_line(text);
    if (step.ptr[0] == 'C') {
        expect_line(text);
        return true;
    }
    assert_true(bytes_to_uint(text, 100000, &number));
    if (stream_flush(s.server, loop_deadline(HOUR)))
        return false;
    switch (step.ptr[0]) {
    case 'Q':
        expect_silence((int64_t)number * SECOND);
        break;
    case 'W':
        fiber_sleep((int64_t)number * SECOND);
        break;
    case 'B':
        send_junk((unsigned)number);
        break;
    case 'D':
        drip((unsigned)number);
        break;
    default:
        fail_msg("bad script");
    }
    return true;
}

static void run_server(void *argument)
{
    struct bytes rest = bytes_of(s.script), step;
    while (bytes_split(&rest, '\n', &step))
        if (step.len && !play(step))
            break;
    if (!stream_flush(s.server, loop_deadline(HOUR)) && s.hold_open)
        fiber_sleep(DAY);
    stream_close(s.server);
}

static void start_with(fiber_function *server)
{
    struct transport *transport;
    s.arena = arena_create(16 << 20);
    s.client = NULL;
    s.error.text[0] = '\0';
    if (!s.options.hostname)
        s.options.hostname = "mx.example";
    assert_true(pipe_create(&s.pipe, &transport, &s.transport));
    s.server = stream_create(transport);
    fiber_group_open(&s.group);
    assert_true(fiber_group_start(&s.group, "server", server, NULL));
}

static void start(const char *script)
{
    s.script = script;
    start_with(run_server);
}

static enum result open_client(void)
{
    return client_open(s.transport, &s.options, s.arena, &s.client, &s.reply, &s.error);
}

/* Up to EHLO's reply, which must be good. */
static maybe_unused void open_with(const char *script)
{
    start(script);
    if (open_client() != OK)
        fail_msg("%s", s.error.text);
}

static void finish(void)
{
    client_close(s.client);
    s.client = NULL;
    assert_int_equal(fiber_group_wait(&s.group, loop_deadline(2 * DAY)), 0);
    fiber_group_close(&s.group);
    arena_destroy(s.arena);
}

static maybe_unused enum result mail(const char *sender)
{
    struct client_envelope envelope = {.sender = bytes_of(sender)};
    return client_mail(s.client, &envelope, s.arena, &s.reply, &s.error);
}

static maybe_unused enum result recipient(const char *mailbox)
{
    struct client_recipient recipient = {.mailbox = bytes_of(mailbox)};
    return client_recipient(s.client, &recipient, s.arena, &s.reply, &s.error);
}

static maybe_unused enum result data(const char *text)
{
    struct bytes part = bytes_of(text);
    return client_data(s.client, &part, 1, s.arena, s.replies, &s.error);
}

/* From a@b.example to the addresses, which blanks separate. */
static maybe_unused enum result send_to(const char *addresses, const struct client_envelope *envelope,
                                        const char *text)
{
    static struct client_recipient recipients[SCENE_REPLIES + 1]; /* the last look finds none */
    static const struct client_envelope plain = {.sender = BYTES_INIT("a@b.example")};
    struct bytes rest = bytes_of(addresses), part = text ? bytes_of(text) : BYTES("");
    size_t count = 0;
    while (bytes_split(&rest, ' ', &recipients[count].mailbox))
        count++;
    if (!envelope)
        envelope = &plain;
    if (!text)
        return client_ask(s.client, envelope, recipients, count, s.arena, s.replies, &s.error);
    return client_send(s.client, envelope, recipients, count, &part, 1, s.arena, s.replies, &s.error);
}

static maybe_unused void expect_reply(size_t index, unsigned code, const char *enhanced, bool local)
{
    struct client_reply *reply = &s.replies[index];
    if (reply->code != code || strcmp(reply->enhanced, enhanced) || reply->local != local)
        fail_msg("reply %zu is %u %s \"" BYTES_FMT "\", expected %u %s (%s)", index, reply->code,
                 reply->enhanced, BYTES_ARG(reply->text), code, enhanced, s.error.text);
}

static void run_under_fake_clock(void (*function)(void *))
{
    struct loop_options options = {.fake_clock = true, .fake_epoch = 1767225600};
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

/* Nothing but EHLO; all that helps. */
#define GREETING "S: 220 mx.test ESMTP\nC: EHLO mx.example\nS: 250 mx.test\n"
#define FULL_GREETING                                                                              \
    "S: 220 mx.test ESMTP\nC: EHLO mx.example\nS: 250-mx.test\nS: 250-8BITMIME\nS: 250-SMTPUTF8\n"  \
    "S: 250-PIPELINING\nS: 250-DSN\nS: 250-AUTH PLAIN\nS: 250-SUBMITTER\nS: 250-STARTTLS\n"          \
    "S: 250 SIZE 5000\n"
#define PIPELINING_GREETING                                                                        \
    "S: 220 mx.test ESMTP\nC: EHLO mx.example\nS: 250-mx.test\nS: 250 PIPELINING\n"
#define CHUNKING_GREETING                                                                          \
    "S: 220 mx.test ESMTP\nC: EHLO mx.example\nS: 250-mx.test\nS: 250-PIPELINING\nS: 250 CHUNKING\n"
#define LMTP_GREETING "S: 220 store.test LMTP\nC: LHLO mx.example\nS: 250 store.test\n"
#define ENVELOPE                                                                                   \
    "C: MAIL FROM:<a@b.example>\nS: 250 2.1.0 ok\nC: RCPT TO:<c@d.example>\nS: 250 2.1.5 ok\n"

#endif
