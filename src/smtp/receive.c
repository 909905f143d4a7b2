/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/session.h"

#include "fiber/group.h"

#include <errno.h>
#include <stdio.h>

enum { PIECE_LEAST = 1024 };

/* A declared size says how much memory to take at once; not declaring costs copying only. */
static void begin(struct session *s, bool chunked)
{
    struct transaction *t = s->transaction;
    /* From here on a shutdown waits for the end of this message. */
    session_shield(s);
    t->receiving = true;
    t->public.chunked = chunked;
    smtp_data_start(&t->data, chunked);
    smtp_content_start(&t->content, s->server->content_room, s->server->limits.content_in_memory,
                       t->public.declared_size);
}

static bool refuses_bare(const struct session *s)
{
    return s->options.bare_line_ends == SMTP_BARE_REJECT &&
           smtp_data_has_bare(&s->transaction->data);
}

/* A refused chunk ends the message: nothing of it is kept, and nobody waits for its end. */
static void fail(struct session *s)
{
    s->transaction->failed = true;
    smtp_content_free(&s->transaction->content);
    session_unshield(s);
}

static bool has_long_line(const struct session *s)
{
    const struct smtp_data *data = &s->transaction->data;
    size_t max = s->server->limits.text_line;
    return max && (data->longest_line > max || data->line_length > max);
}

/* A message that is refused already is still read to its true end, but not kept. */
static bool is_lost(const struct session *s)
{
    const struct transaction *t = s->transaction;
    return t->failed || t->oversize || t->out_of_memory || refuses_bare(s) || has_long_line(s);
}

static void keep_text(struct session *s, struct bytes text)
{
    struct transaction *t = s->transaction;
    uint64_t max = s->options.message_size;
    if (text.len == 0)
        return;
    if (max && t->content.length + text.len > max)
        t->oversize = true;
    if (!is_lost(s)) {
        smtp_content_add(&t->content, text);
        t->out_of_memory = t->content.failed;
    }
    if (is_lost(s))
        smtp_content_free(&t->content);
}

/* Feeds what is there, `*input` becoming what follows the end of data, if that was reached. */
static void feed(struct session *s, struct bytes *input)
{
    struct bytes text;
    while (smtp_data_next(&s->transaction->data, input, &text))
        keep_text(s, text);
}

/* ---- the end of the message ---- */

struct finish {
    struct session *session;
    struct smtp_reply *reply;
};

static void run_message(void *argument)
{
    struct finish *finish = argument;
    struct session *s = finish->session;
    s->server->handler.message(s->server->handler.context, &s->public, finish->reply);
}

/* The handler runs on a fiber of its own, so that its time can be cut off, and so that the stack
 * that it needs does not stay with an idle session. */
static void ask_handler(struct session *s, struct smtp_reply *reply)
{
    if (!s->server->handler.message)
        return;
    struct finish finish = {s, reply};
    struct fiber_group group;
    fiber_group_open(&group);
    if (!fiber_group_start(&group, "message", run_message, &finish)) {
        *reply = (struct smtp_reply){451, "4.3.2", BYTES("Too busy, try again later"), false};
        return;
    }
    if (fiber_group_wait(&group, loop_deadline(s->server->limits.finish_timeout)) == ETIMEDOUT) {
        /* Whoever is cancelled and says nothing has not taken the message; a handler that knows
         * better sets the reply after this. */
        *reply = (struct smtp_reply){451, "4.4.7",
                                     BYTES("The message could not be finished in time"), false};
    }
    fiber_group_close(&group);
}

static void set_reply(struct smtp_reply *reply, unsigned code, const char *enhanced,
                      const char *text)
{
    *reply = (struct smtp_reply){.code = code, .text = bytes_of(text)};
    snprintf(reply->enhanced, sizeof(reply->enhanced), "%s", enhanced);
}

/* What is wrong with the message by itself. False with *reply set. */
static bool check_message(struct session *s, struct smtp_reply *reply)
{
    struct transaction *t = s->transaction;
    unsigned received = s->server->limits.received_fields;
    t->public.bare_line_ends = smtp_data_has_bare(&t->data);
    if (refuses_bare(s))
        set_reply(reply, 550, "5.6.11", "Bare CR or LF in the message; lines must end in CRLF");
    else if (t->oversize)
        set_reply(reply, 552, "5.3.4", "Message is larger than we take");
    else if (has_long_line(s))
        set_reply(reply, 554, "5.6.0", "A line of the message is too long");
    else if (t->out_of_memory || !smtp_content_finish(&t->content, &t->public.content))
        set_reply(reply, 452, "4.3.1", "No memory for the message, try again later");
    else if (received && smtp_data_count_received(t->public.content, received + 1) > received)
        set_reply(reply, 554, "5.4.6", "Too many Received fields: the message goes in circles");
    else
        return true;
    return false;
}

static void tell_refused(struct session *s, const struct smtp_reply *reply)
{
    if (s->server->handler.refused)
        s->server->handler.refused(s->server->handler.context, &s->public, reply);
}

/* The whole message is there. */
SMTP_NOINLINE static void finish(struct session *s)
{
    struct transaction *t = s->transaction;
    struct smtp_reply reply;
    if (check_message(s, &reply)) {
        t->public.content_fd = t->content.fd;
        set_reply(&reply, 250, "2.0.0", "Message accepted");
        ask_handler(s, &reply);
        transaction_check_memory(s, &reply);
    } else {
        tell_refused(s, &reply);
    }
    bool enough = false;
    if (smtp_reply_is_positive(&reply)) {
        s->public.messages++;
        s->public.junk_commands = 0;
        s->deferred = 0;
    } else {
        /* One refused message after the other costs us more than it costs him. */
        enough = !session_count_junk(s);
    }
    if (!enough)
        session_reply(s, &reply);
    transaction_end(s);
}

/* ---- DATA ---- */

static const char *not_ready(const struct session *s)
{
    const struct transaction *t = s->transaction;
    if (!t)
        return "Say MAIL first";
    return t->receiving ? "BDAT has begun; DATA cannot follow it" : NULL;
}

/* Whoever sends an octet now and then would hold the session for as long as it may last: in each time-out a
 * piece of some size must come. */
struct pace {
    int64_t deadline;
    size_t octets; /* since it was set */
};

static int fill_at_pace(struct session *s, struct pace *pace, size_t taken)
{
    pace->octets += taken;
    if (!pace->deadline || pace->octets >= PIECE_LEAST) {
        pace->deadline = session_deadline(s, s->server->limits.data_timeout);
        pace->octets = 0;
    }
    int failed = session_flush(s);
    return failed ? failed : stream_fill(s->public.stream, pace->deadline);
}

static void read_data(struct session *s)
{
    struct stream *stream = s->public.stream;
    struct smtp_data *data = &s->transaction->data;
    struct pace pace = {0};
    for (;;) {
        struct bytes input = stream_buffered(stream);
        size_t had = input.len;
        feed(s, &input);
        stream_consume(stream, had - input.len);
        if (data->state == SMTP_DATA_END)
            return;
        int failed = fill_at_pace(s, &pace, had - input.len);
        if (failed) {
            session_lost(s, failed);
            return;
        }
    }
}

static bool ask_data(struct session *s, struct smtp_reply *reply)
{
    set_reply(reply, 354, "", "Send the message; end with a dot alone on a line");
    if (s->server->handler.data)
        s->server->handler.data(s->server->handler.context, &s->public, reply);
    transaction_check_memory(s, reply);
    return smtp_reply_is_positive(reply);
}

SMTP_NOINLINE void receive_data(struct session *s)
{
    const char *wrong = not_ready(s);
    if (wrong) {
        session_bad(s, 503, "5.5.1", wrong);
        return;
    }
    if (!s->transaction->public.recipient_count) {
        if (session_count_junk(s))
            session_say(s, 554, "5.5.1", "No valid recipients"); /* rfc5321:3.3 */
        return;
    }
    /* Who sends the message before the 354 does not know whether we take it: smuggled commands look
     * like that. The rest of it may have come after the line was read. */
    if (stream_has_input(s->public.stream))
        s->public.illegal_pipelining = true;
    struct smtp_reply reply;
    bool wanted = ask_data(s, &reply);
    session_reply(s, &reply);
    if (!wanted || s->why || session_flush(s)) /* rfc2920:3.2: not held back */
        return;
    begin(s, false);
    read_data(s);
    if (!s->why)
        finish(s);
}

/* ---- BDAT ---- */

/* The chunk is taken in whatever becomes of it (rfc3030:2). `wanted`: into the message. */
static bool read_chunk(struct session *s, uint64_t left, bool wanted)
{
    struct stream *stream = s->public.stream;
    struct pace pace = {0};
    while (left) {
        struct bytes input = stream_buffered(stream);
        if (input.len > left)
            input.len = (size_t)left;
        size_t had = input.len;
        if (wanted)
            feed(s, &input);
        stream_consume(stream, had);
        left -= had;
        if (!left)
            break;
        int failed = fill_at_pace(s, &pace, had);
        if (failed) {
            session_lost(s, failed);
            return false;
        }
    }
    return true;
}

static void refuse_chunk(struct session *s, const struct smtp_command *command, unsigned code,
                         const char *text)
{
    if (!read_chunk(s, command->chunk_size, false))
        return;
    if (s->transaction && s->transaction->receiving)
        fail(s);
    /* Chunks behind a refused one may have been under way already (rfc3030:2): no misbehaviour. */
    if (code == 503 && !s->transaction)
        session_bad(s, code, "5.5.1", text);
    else
        session_say(s, code, "5.5.1", text);
}

/* The handler's data() is asked at the first chunk; it can only refuse after the chunk was read. */
static bool begin_chunks(struct session *s, const struct smtp_command *command)
{
    struct smtp_reply reply;
    bool wanted = ask_data(s, &reply);
    begin(s, true);
    if (wanted)
        return true;
    fail(s);
    if (read_chunk(s, command->chunk_size, false))
        session_reply(s, &reply);
    return false;
}

/* A chunk that makes the message impossible is answered so at once: the client need not send on. */
static bool chunk_is_good(struct session *s)
{
    if (!is_lost(s))
        return true;
    struct smtp_reply reply;
    check_message(s, &reply);
    tell_refused(s, &reply);
    fail(s);
    session_reply(s, &reply);
    return false;
}

static void next_chunk(struct session *s, const struct smtp_command *command)
{
    struct transaction *t = s->transaction;
    if (!read_chunk(s, command->chunk_size, true))
        return;
    if (!command->last && !command->chunk_size && !session_count_junk(s))
        return;
    if (!command->last) {
        if (chunk_is_good(s))
            session_say(s, 250, "2.0.0", "Chunk taken");
        return;
    }
    keep_text(s, smtp_data_finish(&t->data));
    finish(s);
}

SMTP_NOINLINE void receive_chunk(struct session *s, const struct smtp_command *command)
{
    struct transaction *t = s->transaction;
    if (!t)
        refuse_chunk(s, command, 503, "Say MAIL first");
    else if (t->failed)
        refuse_chunk(s, command, 503, "A chunk was refused; send RSET");
    else if (!t->public.recipient_count)
        refuse_chunk(s, command, 554, "No valid recipients");
    else if (t->receiving || begin_chunks(s, command))
        next_chunk(s, command);
}
