/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A whole SMTP session over a pipe under a fake clock. The first octet sets switches, the second
 * the size of fragments, the rest is what the client sends before it hangs up.
 *
 * What must hold: replies are well-formed lines; no message holds a bare CR or LF; and how the
 * octets were cut into fragments changes neither replies nor messages.
 */
#include "fiber/group.h"
#include "fiber/pipe.h"
#include "smtp/server.h"

#include <stdlib.h>
#include <string.h>

enum { LENIENT = 1, NORMALIZE = 2, DSN = 4, PROXY = 8, DELAY = 16, SUBMITTER = 32, AUTH = 64 };

struct run {
    struct bytes input;
    unsigned switches;
    size_t fragment;
    struct buf replies;  /* all octets from the server */
    struct buf messages; /* all contents and envelopes */
    struct transport *client, *server;
    struct smtp_server settings;
    size_t transactions; /* begun and not ended */
};

static void check(bool condition)
{
    if (!condition)
        abort();
}

static void check_content(struct bytes content)
{
    for (size_t i = 0; i < content.len; i++) {
        if (content.ptr[i] == '\n')
            check(i && content.ptr[i - 1] == '\r');
        if (content.ptr[i] == '\r')
            check(i + 1 < content.len && content.ptr[i + 1] == '\n');
    }
    check(!content.len || bytes_ends_with(content, BYTES("\r\n")));
}

static void check_submitter(const struct smtp_transaction *t, const struct run *run)
{
    check(t->submitter_given == (t->submitter.len > 0));
    check(t->submitter_given == (t->submitter_domain.len > 0));
    check(!t->submitter_given || (run->switches & SUBMITTER));
    for (size_t i = 0; i < t->submitter.len; i++)
        check(t->submitter.ptr[i] >= ' ' && t->submitter.ptr[i] != 0x7f);
}

static void on_mail(void *context, struct smtp_session *session, struct smtp_reply *reply)
{
    ((struct run *)context)->transactions++;
    check(session->helo.len > 0);
    check(!(((struct run *)context)->switches & AUTH) || session->account.len);
    check_submitter(session->transaction, context);
    if (bytes_starts_with(session->transaction->sender_local, BYTES("no")))
        smtp_reply_set(reply, session->transaction->arena, 550, "5.7.1", "Not " BYTES_FMT,
                       BYTES_ARG(session->transaction->sender));
}

/* Two challenges at most; who answers "in" is let in. */
static void on_auth(void *context, struct smtp_session *session, struct smtp_auth *auth,
                    struct smtp_reply *reply)
{
    struct bytes message = auth->initial;
    enum result result = OK;
    check(session->esmtp && !session->transaction && !session->account.len);
    check(reply->code == 454 && !auth->account.len);
    check(auth->initial_present || !auth->initial.len);
    for (int i = 0; i < 2 && result == OK && (i || !auth->initial_present); i++)
        result = smtp_auth_challenge(auth, message, &message, NULL);
    check(result == OK || !message.len);
    auth->account = BYTES("somebody");
    if (bytes_starts_with(message, BYTES("in")) || result != OK)
        smtp_reply_set(reply, session->arena, 235, "2.7.0", "Welcome");
    else
        smtp_reply_set(reply, session->arena, 535, "5.7.8", "Not you");
}

static void on_recipient(void *context, struct smtp_session *session,
                         struct smtp_recipient *recipient, struct smtp_reply *reply)
{
    struct smtp_transaction *t = session->transaction;
    check(recipient == &t->recipients[t->recipient_count - 1]);
    check(recipient->local.len && recipient->mailbox.len);
    if (bytes_starts_with(recipient->local, BYTES("no")))
        smtp_reply_set(reply, t->arena, 450, "4.2.1", "%s", "Not\r\n250 now");
}

static void on_message(void *context, struct smtp_session *session, struct smtp_reply *reply)
{
    struct run *run = context;
    struct smtp_transaction *t = session->transaction;
    check(t->recipient_count > 0);
    check(t->content.len <= run->settings.limits.message_size);
    check_content(t->content);
    buf_add(&run->messages, t->sender);
    for (size_t i = 0; i < t->recipient_count; i++)
        buf_add(&run->messages, t->recipients[i].mailbox);
    buf_add(&run->messages, t->content);
    if (bytes_is(t->sender_local, "slow"))
        fiber_sleep(HOUR);
}

static void on_reset(void *context, struct smtp_session *session)
{
    struct run *run = context;
    /* MAIL was asked unless its parameters were bad, and then there is no reset either. */
    check(run->transactions > 0);
    run->transactions--;
}

static void serve(void *argument)
{
    struct run *run = argument;
    struct stream *stream = stream_create(run->server);
    check(stream != NULL);
    struct ip ip = ip_from_v4((const uint8_t[]){192, 0, 2, 1});
    smtp_serve(&run->settings, stream, ip, 1, ip, 25);
    check(run->transactions == 0);
}

static void send_input(void *argument)
{
    struct run *run = argument;
    struct bytes rest = run->input;
    while (rest.len) {
        ssize_t count = run->client->operations->write(run->client, rest, loop_deadline(DAY));
        if (count <= 0)
            return;
        rest = bytes_skip(rest, (size_t)count);
    }
}

static void client(struct run *run)
{
    uint8_t octets[4096];
    ssize_t count;
    while ((count = run->client->operations->read(run->client, octets, sizeof(octets),
                                                  loop_deadline(DAY))) > 0)
        buf_add(&run->replies, bytes_from(octets, (size_t)count));
}

static void run_scene(void *argument)
{
    struct run *run = argument;
    struct pipe_options options = {.fragment = run->fragment};
    check(pipe_create(&options, &run->client, &run->server));
    struct fiber_group group;
    fiber_group_open(&group);
    check(fiber_group_start(&group, "server", serve, run));
    check(fiber_group_start(&group, "sender", send_input, run));
    client(run);
    run->client->operations->close(run->client);
    check(fiber_group_wait(&group, loop_deadline(DAY)) == 0);
    fiber_group_close(&group);
}

static void run_session(struct run *run, struct bytes input, unsigned switches, size_t fragment)
{
    *run = (struct run){.input = input, .switches = switches, .fragment = fragment};
    buf_init(&run->replies, 1 << 20);
    buf_init(&run->messages, 1 << 20);
    run->settings = (struct smtp_server){
        .hostname = "mx.example",
        .limits = {.message_size = 4000,
                   .recipients = 8,
                   .command_line = 600,
                   .text_line = 300,
                   .memory_per_session = 16 * 1024,
                   .content_in_memory = 1000,
                   .bad_commands = 30,
                   .junk_commands = 30,
                   .received_fields = 3,
                   .greeting_delay = switches & DELAY ? SECOND : 0,
                   .command_timeout = MINUTE,
                   .data_timeout = MINUTE,
                   .session_timeout = HOUR,
                   .finish_timeout = MINUTE},
        .proxy_protocol = switches & PROXY,
        .lenient = switches & LENIENT,
        .offer_dsn = switches & DSN,
        .offer_submitter = switches & SUBMITTER,
        .auth_mechanisms = switches & AUTH ? "PLAIN CRAM-MD5 SCRAM-SHA-256-PLUS" : NULL,
        .auth_without_tls = true,
        .require_auth = switches & AUTH,
        .bare_line_ends = switches & NORMALIZE ? SMTP_BARE_NORMALIZE : SMTP_BARE_REJECT,
        .handler = {.context = run,
                    .auth = on_auth,
                    .mail = on_mail,
                    .recipient = on_recipient,
                    .message = on_message,
                    .reset = on_reset},
    };
    struct loop_options options = {.fake_clock = true};
    struct loop *loop = loop_create(&options);
    check(loop != NULL);
    loop_run(loop, run_scene, run);
    loop_destroy(loop);
}

static void check_replies(struct bytes replies)
{
    while (replies.len) {
        size_t lf = bytes_find_byte(replies, '\n');
        check(lf != BYTES_NOT_FOUND && lf >= 5 && lf < 512 && replies.ptr[lf - 1] == '\r');
        check(replies.ptr[0] >= '2' && replies.ptr[0] <= '5');
        check(replies.ptr[3] == ' ' || replies.ptr[3] == '-');
        for (size_t i = 0; i < lf - 1; i++)
            check(replies.ptr[i] >= 0x20 && replies.ptr[i] < 0x7f);
        replies = bytes_skip(replies, lf + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run whole, cut;
    if (size < 2)
        return 0;
    struct bytes input = bytes_from(data + 2, size - 2);
    run_session(&whole, input, data[0], 0);
    run_session(&cut, input, data[0], data[1] % 61 + 1);
    check_replies(buf_bytes(&whole.replies));
    check(bytes_equal(buf_bytes(&whole.replies), buf_bytes(&cut.replies)));
    check(bytes_equal(buf_bytes(&whole.messages), buf_bytes(&cut.messages)));
    buf_free(&whole.replies);
    buf_free(&whole.messages);
    buf_free(&cut.replies);
    buf_free(&cut.messages);
    return 0;
}
