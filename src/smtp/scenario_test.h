/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scenario_test: a client's end of a pipe and a server on the other, under a fake clock, for the
 * tests of this folder. Everything is static.
 *
 * cmocka's assertions jump to the main stack, which a fiber does not survive: a failure says what
 * is wrong and then ends the whole program.
 */
#ifndef VOUCH_SMTP_SCENARIO_TEST_H
#define VOUCH_SMTP_SCENARIO_TEST_H

#include "fiber/group.h"
#include "fiber/pipe.h"
#include "smtp/server.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define maybe_unused __attribute__((unused)) /* not every test needs every helper */

/* What the handler saw, and how it is to behave. */
struct record {
    char sender[512], recipients[4096], content[70000];
    size_t content_length;
    int content_fd;
    size_t last_octet_in_file;
    struct smtp_session session;         /* as it was at the last call */
    struct smtp_transaction transaction; /* as it was at message(); slices into what follows */
    char auth[64], envelope_id[64], original[64], original_type[16];
    char submitter[512], submitter_local[128], submitter_domain[256];
    unsigned notify;
    unsigned messages, resets;
    char closed[128];
    int message_wait; /* result of the wait in message() */
    /* Behaviour. */
    unsigned refuse_connect;
    bool close_at_connect;
    int64_t message_takes;
    bool message_knows_better;
    bool message_fills_arena;
    bool refuse_data;
    bool skip_delay;
    bool offer_dsn, offer_submitter;
};

struct scenario {
    struct smtp_server server;
    struct record record;
    struct fiber_group group;
    struct transport *client; /* for raw reads */
    struct stream *stream;
    struct transport *server_end;
    volatile bool stopping;
    struct pipe_options pipe;
    bool ended; /* smtp_serve() returned */
};

static void on_connected(void *context, struct smtp_session *session, struct smtp_reply *reply)
{
    struct record *record = context;
    smtp_session_options(session)->skip_greeting_delay = record->skip_delay;
    if (record->offer_dsn)
        smtp_session_options(session)->offer_dsn = true;
    if (record->offer_submitter)
        smtp_session_options(session)->offer_submitter = true;
    if (record->refuse_connect) {
        smtp_reply_set(reply, session->arena, record->refuse_connect, "5.7.1", "No service");
        reply->close = record->close_at_connect;
    }
}

static void on_hello(void *context, struct smtp_session *session, struct smtp_reply *reply)
{
    if (bytes_is(session->helo, "refused.example"))
        smtp_reply_set(reply, session->arena, 550, "5.7.1", "Not you");
}

static void on_mail(void *context, struct smtp_session *session, struct smtp_reply *reply)
{
    if (bytes_is(session->transaction->sender_local, "refused"))
        smtp_reply_set(reply, session->transaction->arena, 550, "5.7.1", "Not he");
}

static void on_recipient(void *context, struct smtp_session *session,
                         struct smtp_recipient *recipient, struct smtp_reply *reply)
{
    if (bytes_is(recipient->local, "unknown"))
        smtp_reply_set(reply, session->transaction->arena, 550, "5.1.1", "No such user");
    if (bytes_is(recipient->local, "full"))
        smtp_reply_set(reply, session->transaction->arena, 452, "4.2.2", "Mailbox full");
    if (bytes_is(recipient->local, "farewell"))
        smtp_reply_set(reply, session->transaction->arena, 421, "4.7.0", "Enough");
    if (bytes_is(recipient->local, "hungry"))
        (void)!arena_alloc(session->transaction->arena, 1 << 30);
}

static void on_data(void *context, struct smtp_session *session, struct smtp_reply *reply)
{
    struct record *record = context;
    if (record->refuse_data)
        smtp_reply_set(reply, session->transaction->arena, 550, "5.7.1", "Not now");
}

static void copy(char *to, size_t size, struct bytes from)
{
    assert_true(bytes_to_cstring(from, to, size));
}

static void on_message(void *context, struct smtp_session *session, struct smtp_reply *reply)
{
    struct record *record = context;
    struct smtp_transaction *t = session->transaction;
    record->session = *session;
    record->transaction = *t;
    record->messages++;
    copy(record->sender, sizeof(record->sender), t->sender);
    record->recipients[0] = '\0';
    for (size_t i = 0, used = 0; i < t->recipient_count && used < sizeof(record->recipients); i++)
        used += (size_t)snprintf(record->recipients + used, sizeof(record->recipients) - used,
                                 BYTES_FMT " ", BYTES_ARG(t->recipients[i].mailbox));
    record->notify = t->recipients[0].notify;
    copy(record->original, sizeof(record->original), t->recipients[0].original);
    copy(record->original_type, sizeof(record->original_type), t->recipients[0].original_type);
    copy(record->auth, sizeof(record->auth), t->auth);
    copy(record->envelope_id, sizeof(record->envelope_id), t->envelope_id);
    copy(record->submitter, sizeof(record->submitter), t->submitter);
    copy(record->submitter_local, sizeof(record->submitter_local), t->submitter_local);
    copy(record->submitter_domain, sizeof(record->submitter_domain), t->submitter_domain);
    record->content_length = t->content.len;
    size_t kept =
        t->content.len < sizeof(record->content) ? t->content.len : sizeof(record->content) - 1;
    if (kept)
        memcpy(record->content, t->content.ptr, kept);
    record->content[kept] = '\0';
    record->content_fd = t->content_fd;
    if (record->message_takes)
        record->message_wait = fiber_sleep(record->message_takes);
    if (record->message_knows_better)
        smtp_reply_set(reply, t->arena, 250, "2.0.0", "Taken, only late");
    if (record->message_fills_arena)
        (void)!arena_alloc(t->arena, 1 << 30);
}

static void on_reset(void *context, struct smtp_session *session)
{
    struct record *record = context;
    assert_non_null(session->transaction);
    record->resets++;
}

static void on_closed(void *context, struct smtp_session *session, const char *why)
{
    struct record *record = context;
    record->session = *session;
    snprintf(record->closed, sizeof(record->closed), "%s", why);
}

static void scenario_defaults(struct scenario *s)
{
    memset(s, 0, sizeof(*s));
    s->server = (struct smtp_server){
        .hostname = "mx.example",
        .greeting = "",
        .limits =
            {
                .message_size = 60000,
                .recipients = 100,
                .command_line = 2048,
                .text_line = 65536,
                .memory_per_session = 256 * 1024,
                .content_in_memory = 32768,
                .bad_commands = 20,
                .junk_commands = 100,
                .received_fields = 100,
                .command_timeout = 5 * MINUTE,
                .data_timeout = 3 * MINUTE,
                .session_timeout = 2 * HOUR,
                .finish_timeout = MINUTE,
            },
        .stopping = &s->stopping,
        .handler =
            {
                .context = &s->record,
                .connected = on_connected,
                .hello = on_hello,
                .mail = on_mail,
                .recipient = on_recipient,
                .data = on_data,
                .message = on_message,
                .reset = on_reset,
                .closed = on_closed,
            },
    };
}

static void serve(void *argument)
{
    struct scenario *s = argument;
    struct ip client, local;
    assert_true(ip_parse(BYTES("192.0.2.1"), &client));
    assert_true(ip_parse(BYTES("198.51.100.2"), &local));
    struct stream *stream = stream_create(s->server_end);
    assert_non_null(stream);
    smtp_serve(&s->server, stream, client, 40000, local, 25);
    s->ended = true;
}

static void scenario_start(struct scenario *s)
{
    assert_true(pipe_create(&s->pipe, &s->client, &s->server_end));
    s->stream = stream_create(s->client);
    assert_non_null(s->stream);
    fiber_group_open(&s->group);
    assert_true(fiber_group_start(&s->group, "server", serve, s));
}

static maybe_unused void scenario_hang_up(struct scenario *s)
{
    stream_close(s->stream);
    s->stream = NULL;
}

static void scenario_end(struct scenario *s)
{
    if (s->stream)
        scenario_hang_up(s);
    assert_int_equal(fiber_group_wait(&s->group, loop_deadline(DAY)), 0);
    fiber_group_close(&s->group);
    assert_true(s->ended);
}

static void put(struct scenario *s, struct bytes octets)
{
    assert_int_equal(stream_write(s->stream, octets, loop_deadline(DAY)), 0);
    assert_int_equal(stream_flush(s->stream, loop_deadline(DAY)), 0);
}

/* One reply, its last line without CRLF; checks that its lines are well-formed and agree. */
static maybe_unused const char *reply(struct scenario *s)
{
    static char last[600];
    char code[4] = "";
    for (;;) {
        struct bytes line;
        int failed = stream_read_line(s->stream, 600, &line, loop_deadline(DAY));
        if (failed) {
            snprintf(last, sizeof(last), "(%s)", failed == -EPIPE ? "closed" : strerror(-failed));
            return last;
        }
        assert_true(line.len >= 6 && line.len <= 512);
        assert_true(bytes_ends_with(line, BYTES("\r\n")));
        if (code[0])
            assert_memory_equal(code, line.ptr, 3);
        memcpy(code, line.ptr, 3);
        assert_true(line.ptr[3] == ' ' || line.ptr[3] == '-');
        bool is_last = line.ptr[3] == ' ';
        if (!is_last)
            continue;
        memcpy(last, line.ptr, line.len - 2);
        last[line.len - 2] = '\0';
        return last;
    }
}

/* Each of the prefixes, separated by "|", must begin the next reply. */
static void expect(struct scenario *s, const char *prefixes)
{
    struct bytes rest = bytes_of(prefixes), prefix;
    while (bytes_split(&rest, '|', &prefix)) {
        const char *got = reply(s);
        if (!bytes_starts_with(bytes_of(got), prefix))
            fail_msg("got \"%s\", expected \"" BYTES_FMT "\"", got, BYTES_ARG(prefix));
    }
}

static maybe_unused void expect_closed(struct scenario *s)
{
    assert_string_equal(reply(s), "(closed)");
}

static void talk_bytes(struct scenario *s, struct bytes octets, const char *prefixes)
{
    put(s, octets);
    expect(s, prefixes);
}

static maybe_unused void talk(struct scenario *s, const char *text, const char *prefixes)
{
    talk_bytes(s, bytes_of(text), prefixes);
}

/* Nothing may come for this long. */
static maybe_unused void expect_silence(struct scenario *s, int64_t duration)
{
    assert_int_equal(stream_buffered(s->stream).len, 0);
    int failed = stream_fill(s->stream, loop_deadline(duration));
    if (failed != -ETIMEDOUT)
        fail_msg("got %d \"" BYTES_FMT "\"", failed, BYTES_ARG(stream_buffered(s->stream)));
}

/* The next reply comes after exactly this time, and is the last. */
static maybe_unused void expect_end(struct scenario *s, int64_t duration, const char *prefix)
{
    int64_t from = loop_now();
    expect(s, prefix);
    assert_int_equal(loop_now() - from, duration);
    expect_closed(s);
    scenario_end(s);
}

/* Up to EHLO. */
static maybe_unused void scenario_greet(struct scenario *s)
{
    scenario_start(s);
    expect(s, "220 mx.example ESMTP");
    talk(s, "EHLO client.example\r\n", "250 ");
}

/* Up to 354. */
static maybe_unused void scenario_data(struct scenario *s)
{
    scenario_greet(s);
    talk(s, "MAIL FROM:<a@sender.example>\r\nRCPT TO:<b@here.example>\r\nDATA\r\n",
         "250 2.1.0|250 2.1.5|354 ");
}

/* Runs a test's function as the first fiber of a loop with a fake clock. */
static void run_under_fake_clock(void (*function)(void *))
{
    struct loop_options options = {.fake_clock = true, .fake_epoch = 1800000000};
    struct loop *loop = loop_create(&options);
    assert_non_null(loop);
    loop_run(loop, function, NULL);
    loop_destroy(loop);
}

static maybe_unused struct scenario s; /* one at a time */

#define scenario_test(name)                                                                        \
    static void name##_body(void *argument);                                                       \
    static void name(void **state)                                                                 \
    {                                                                                              \
        run_under_fake_clock(name##_body);                                                         \
    }                                                                                              \
    static void name##_body(void *argument)

#endif
