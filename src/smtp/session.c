/* SPDX-License-Identifier: BSD-2-Clause */
#include "smtp/session.h"

#include "smtp/reply.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* How long a farewell may take when the peer does not read. */
#define FAREWELL_TIMEOUT (5 * SECOND)
/* A line beyond the limit is skipped to its end, but not for ever. */
enum { SKIPPED_LINE_MAX = 1024 * 1024, REPLY_OCTETS_MAX = 16 * 1024 };

int64_t session_deadline(const struct session *s, int64_t timeout)
{
    int64_t deadline = loop_deadline(timeout);
    return deadline < s->deadline ? deadline : s->deadline;
}

void session_close(struct session *s, const char *why)
{
    if (!s->why)
        s->why = why;
}

void session_shield(struct session *s)
{
    if (!s->shielded)
        fiber_shield();
    s->shielded = true;
}

void session_unshield(struct session *s)
{
    if (s->shielded)
        fiber_unshield();
    s->shielded = false;
}

/* ---- replies ---- */

/* A cancelled fiber can write again behind a shield, and owes the client what is buffered. */
static void write_failed(struct session *s, int failed)
{
    if (failed == -ECANCELED)
        session_lost(s, failed);
    else
        session_close(s, "connection lost");
}

SMTP_NOINLINE void session_reply(struct session *s, const struct smtp_reply *reply)
{
    struct buf out;
    buf_init(&out, REPLY_OCTETS_MAX);
    smtp_reply_write(&out, reply);
    int failed = out.failed ? -ENOMEM
                            : stream_write(s->public.stream, buf_bytes(&out),
                                           session_deadline(s, s->server->limits.command_timeout));
    buf_free(&out);
    s->public.errors += smtp_reply_is_error(reply);
    if (failed)
        write_failed(s, failed);
    else if (reply->close || reply->code == 421)
        session_close(s, "refused");
}

SMTP_NOINLINE void session_say(struct session *s, unsigned code, const char *enhanced,
                               const char *text)
{
    struct smtp_reply reply = {.code = code, .text = bytes_of(text)};
    snprintf(reply.enhanced, sizeof(reply.enhanced), "%s", enhanced);
    session_reply(s, &reply);
}

/* Our name stands first in the replies that open and close the channel (rfc5321:4.2.2). */
static void say_by_name(struct session *s, unsigned code, const char *enhanced, const char *text)
{
    char line[400];
    snprintf(line, sizeof(line), "%s %s", s->server->hostname, text);
    session_say(s, code, enhanced, line);
}

int session_flush(struct session *s)
{
    int failed =
        stream_flush(s->public.stream, session_deadline(s, s->server->limits.command_timeout));
    if (failed)
        write_failed(s, failed);
    return failed;
}

SMTP_NOINLINE void session_abort(struct session *s, const char *enhanced, const char *text,
                                 const char *why)
{
    if (s->why)
        return;
    session_close(s, why);
    /* Also when this fiber was cancelled: the client learns that it may try again. */
    fiber_shield();
    int64_t session_end = s->deadline;
    s->deadline = loop_deadline(FAREWELL_TIMEOUT);
    say_by_name(s, 421, enhanced, text);
    session_flush(s);
    s->deadline = session_end;
    fiber_unshield();
}

void session_lost(struct session *s, int failed)
{
    if (failed == -ECANCELED)
        session_abort(s, "4.3.2", "Shutting down, try again later", "stopping");
    else if (failed == -ETIMEDOUT && loop_now() >= s->deadline)
        session_abort(s, "4.4.2", "This session has taken too long", "session time-out");
    else if (failed == -ETIMEDOUT)
        session_abort(s, "4.4.2", "Timeout waiting for you", "time-out");
    else
        session_close(s, failed == -EPIPE ? "disconnected" : "connection lost");
}

SMTP_NOINLINE void session_bad(struct session *s, unsigned code, const char *enhanced,
                               const char *text)
{
    unsigned limit = s->server->limits.bad_commands;
    s->public.bad_commands++;
    if (limit && s->public.bad_commands >= limit)
        session_abort(s, "4.7.0", "Too many errors", "too many errors");
    else
        session_say(s, code, enhanced, text);
}

bool session_count_junk(struct session *s)
{
    unsigned limit = s->server->limits.junk_commands;
    s->public.junk_commands++;
    if (!limit || s->public.junk_commands < limit)
        return true;
    session_abort(s, "4.7.0", "Too many commands without mail", "too many junk commands");
    return false;
}

/* ---- reading ---- */

int session_fill(struct session *s, int64_t timeout)
{
    /* Whoever waits has sent all that he owes: replies to pipelined commands go out together here.
     */
    int failed = session_flush(s);
    return failed ? failed : stream_fill(s->public.stream, session_deadline(s, timeout));
}

int session_skip_line(struct session *s)
{
    for (size_t skipped = 0; skipped < SKIPPED_LINE_MAX;) {
        struct bytes input = stream_buffered(s->public.stream);
        size_t lf = bytes_find_byte(input, '\n');
        stream_consume(s->public.stream, lf == BYTES_NOT_FOUND ? input.len : lf + 1);
        if (lf != BYTES_NOT_FOUND)
            return 0;
        skipped += input.len;
        int failed = session_fill(s, s->server->limits.command_timeout);
        if (failed)
            return failed;
    }
    return -EMSGSIZE;
}

int session_await_line(struct session *s, size_t max, int64_t deadline)
{
    size_t searched = 0;
    for (;;) {
        struct bytes input = stream_buffered(s->public.stream);
        size_t lf = bytes_find_byte(bytes_skip(input, searched), '\n');
        if (lf != BYTES_NOT_FOUND)
            return searched + lf < max ? 0 : -EMSGSIZE;
        if (input.len >= max)
            return -EMSGSIZE;
        searched = input.len;
        int failed = session_flush(s);
        if (!failed)
            failed = stream_fill(s->public.stream, deadline);
        if (failed)
            return failed;
    }
}

static size_t command_line_max(const struct session *s)
{
    size_t max = s->server->limits.command_line;
    return max < STREAM_BUFFER ? max : STREAM_BUFFER;
}

/* ---- commands ---- */

/* Whether more commands may stand behind it in a group, and its reply wait for theirs
 * (rfc2920:3.1, 3.2). */
static bool may_be_grouped(enum smtp_verb verb)
{
    switch (verb) {
    case SMTP_MAIL:
    case SMTP_RCPT:
    case SMTP_RSET:
    case SMTP_BDAT: /* rfc3030:4.2 */
        return true;
    default:
        return false;
    }
}

/* Input that is there already when a command comes that must be the last of its group, or any in a
 * session without pipelining. */
static void watch_pipelining(struct session *s, enum smtp_verb verb)
{
    bool last = !may_be_grouped(verb) || !s->public.esmtp;
    if (last && stream_buffered(s->public.stream).len)
        s->public.illegal_pipelining = true;
}

static void write_hello_line(struct buf *out, bool last, const char *format, ...) printf_like(3, 4);
static void write_hello_line(struct buf *out, bool last, const char *format, ...)
{
    char text[300];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    size_t have = length < 0                      ? 0
                  : (size_t)length < sizeof(text) ? (size_t)length
                                                  : sizeof(text) - 1;
    smtp_reply_write_line(out, 250, last, bytes_from(text, have));
}

static void write_mechanisms(struct session *s, struct buf *out)
{
    struct buf names;
    buf_init(&names, 256);
    session_auth_list(s, &names);
    if (names.len && !names.failed)
        write_hello_line(out, false, "AUTH" BYTES_FMT, BYTES_ARG(buf_bytes(&names)));
    buf_free(&names);
}

SMTP_NOINLINE static void reply_extensions(struct session *s)
{
    struct buf out;
    buf_init(&out, REPLY_OCTETS_MAX);
    write_hello_line(&out, false, "%s", s->server->hostname);
    write_hello_line(&out, false, "PIPELINING");
    if (s->options.message_size)
        write_hello_line(&out, false, "SIZE %llu", (unsigned long long)s->options.message_size);
    else
        write_hello_line(&out, false, "SIZE");
    write_hello_line(&out, false, "8BITMIME");
    write_hello_line(&out, false, "SMTPUTF8");
    write_hello_line(&out, false, "CHUNKING");
    if (s->server->tls && !s->public.tls)
        write_hello_line(&out, false, "STARTTLS");
    if (s->options.offer_dsn)
        write_hello_line(&out, false, "DSN");
    if (s->options.offer_submitter)
        write_hello_line(&out, false, "SUBMITTER");
    if (s->options.offer_requiretls && s->public.tls)
        write_hello_line(&out, false, "REQUIRETLS");
    write_mechanisms(s, &out);
    if (s->server->limits.recipients)
        write_hello_line(&out, false, "LIMITS RCPTMAX=%zu", s->server->limits.recipients);
    write_hello_line(&out, true, "ENHANCEDSTATUSCODES");
    int failed = out.failed ? -ENOMEM
                            : stream_write(s->public.stream, buf_bytes(&out),
                                           session_deadline(s, s->server->limits.command_timeout));
    buf_free(&out);
    if (failed)
        write_failed(s, failed);
}

SMTP_NOINLINE static void run_hello(struct session *s, const struct smtp_command *command)
{
    /* A second one resets the session (rfc5321:4.1.4). */
    if (s->public.helo.len && !session_count_junk(s))
        return;
    struct bytes name = arena_copy(s->public.arena, command->argument), before = s->public.helo;
    bool extended = s->public.esmtp;
    if (!name.ptr) {
        session_abort(s, "4.3.1", "Out of memory for this session", "session memory limit");
        return;
    }
    s->public.helo = name;
    s->public.esmtp = command->verb == SMTP_EHLO;
    struct smtp_reply reply = {.code = 250, .text = bytes_of(s->server->hostname)};
    if (s->server->handler.hello)
        s->server->handler.hello(s->server->handler.context, &s->public, &reply);
    if (!smtp_reply_is_positive(&reply)) {
        /* All stays as it was (rfc5321:4.1.4). */
        s->public.helo = before;
        s->public.esmtp = extended;
        reply.enhanced[0] = '\0'; /* rfc2034:4 */
        session_reply(s, &reply);
        return;
    }
    s->public.helo_changed |= before.len && !bytes_equal_nocase(before, name);
    transaction_end(s);
    if (s->public.esmtp)
        reply_extensions(s);
    else
        session_reply(s, &reply);
}

SMTP_NOINLINE static void run_starttls(struct session *s)
{
    if (s->public.tls) {
        session_bad(s, 503, "5.5.1", "TLS is on already");
        return;
    }
    if (!s->server->tls) {
        session_bad(s, 502, "5.5.1", "STARTTLS is not offered");
        return;
    }
    /* What is buffered now was sent in the clear and is dropped (rfc3207:4.2, CVE-2011-0411). */
    if (stream_has_input(s->public.stream))
        s->public.illegal_pipelining = true;
    session_say(s, 220, "2.0.0", "Ready to start TLS");
    if (s->why || session_flush(s))
        return;
    transaction_end(s);
    if (!session_start_tls(s))
        return;
    /* What was learned in the clear does not count any more (rfc3207:4.2). */
    session_auth_forget(s);
    s->public.helo = (struct bytes){NULL, 0};
    s->public.esmtp = false;
}

static void run_junk(struct session *s, enum smtp_verb verb)
{
    if (!session_count_junk(s))
        return;
    switch (verb) {
    case SMTP_RSET:
        transaction_end(s);
        session_say(s, 250, "2.0.0", "OK");
        break;
    case SMTP_NOOP:
        session_say(s, 250, "2.0.0", "OK");
        break;
    case SMTP_VRFY:
        session_say(s, 252, "2.0.0", "Cannot verify a user; send the mail and see");
        break;
    case SMTP_EXPN:
        session_say(s, 550, "5.7.2", "Lists are not expanded");
        break;
    default:
        session_say(s, 214, "2.0.0",
                    "See RFC 5321: EHLO MAIL RCPT DATA BDAT RSET NOOP QUIT "
                    "STARTTLS VRFY HELP");
        break;
    }
}

static void run_foreign(struct session *s)
{
    session_say(s, 502, "5.7.0", "This is a mail server");
    session_close(s, "not SMTP");
}

static void run_command(struct session *s, const struct smtp_command *command)
{
    switch (command->verb) {
    case SMTP_HELO:
    case SMTP_EHLO:
        run_hello(s, command);
        break;
    case SMTP_MAIL:
        transaction_mail(s, command);
        break;
    case SMTP_RCPT:
        transaction_recipient(s, command);
        break;
    case SMTP_DATA:
        receive_data(s);
        break;
    case SMTP_BDAT:
        receive_chunk(s, command);
        break;
    case SMTP_STARTTLS:
        run_starttls(s);
        break;
    case SMTP_QUIT:
        say_by_name(s, 221, "2.0.0", "Bye");
        session_close(s, "quit");
        break;
    case SMTP_RSET:
    case SMTP_NOOP:
    case SMTP_HELP:
    case SMTP_VRFY:
    case SMTP_EXPN:
        run_junk(s, command->verb);
        break;
    case SMTP_AUTH:
        session_auth(s, command);
        break;
    case SMTP_FOREIGN:
    case SMTP_UNKNOWN:
        run_foreign(s);
        break;
    }
}

static void reply_syntax(struct session *s, enum smtp_syntax syntax,
                         const struct smtp_command *command, const struct error *error)
{
    switch (syntax) {
    case SMTP_SYNTAX_LINE:
        session_bad(s, 500, "5.5.2", error->text);
        break;
    case SMTP_SYNTAX_VERB:
        session_bad(s, 500, "5.5.1", error->text);
        break;
    case SMTP_SYNTAX_PATH:
        session_bad(s, 501, command->verb == SMTP_MAIL ? "5.1.7" : "5.1.3", error->text);
        break;
    case SMTP_SYNTAX_MEMORY:
        session_say(s, 452, "4.3.1", "Out of memory for this session");
        break;
    default:
        /* Replies to HELO and EHLO have no enhanced code (rfc2034:4). */
        session_bad(s, 501, command->verb == SMTP_HELO || command->verb == SMTP_EHLO ? "" : "5.5.4",
                    error->text);
        break;
    }
    /* What follows a BDAT whose size cannot be read is data of unknown length: reading it as
     * commands would let a message speak (rfc3030:2). */
    if (command->verb == SMTP_BDAT && syntax != SMTP_SYNTAX_LINE)
        session_close(s, "unreadable BDAT");
}

SMTP_NOINLINE static void run_line(struct session *s, struct bytes line)
{
    struct smtp_command command;
    struct error error;
    enum smtp_syntax syntax =
        smtp_command_parse(s->scratch, line, s->options.lenient, &command, &error);
    watch_pipelining(s, command.verb);
    if (s->refused && command.verb != SMTP_QUIT) {
        session_bad(s, 503, "5.5.1", "No service for you here; only QUIT");
        if (command.verb == SMTP_BDAT)
            session_close(s, "refused");
    } else if (syntax != SMTP_SYNTAX_GOOD) {
        reply_syntax(s, syntax, &command, &error);
    } else {
        s->public.lenient_syntax |= command.lenient_used;
        run_command(s, &command);
    }
    arena_reset(s->scratch);
    /* Other replies must not be held back (rfc2920:3.2). */
    if (!s->why && !may_be_grouped(command.verb))
        session_flush(s);
}

/* ---- the loop ---- */

/* Between the chunks of a message it goes on to its end. */
static bool must_stop(const struct session *s)
{
    return s->server->stopping && *s->server->stopping && !s->shielded;
}

SMTP_NOINLINE static void reply_too_long(struct session *s)
{
    int failed = session_skip_line(s);
    if (failed == -EMSGSIZE)
        session_abort(s, "4.7.0", "Line too long", "line too long");
    else if (failed)
        session_lost(s, failed);
    else
        session_bad(s, 500, "5.5.2", "Line too long");
}

static void next_command(struct session *s)
{
    struct bytes line;
    int failed = session_await_line(s, command_line_max(s),
                                    session_deadline(s, s->server->limits.command_timeout));
    if (must_stop(s)) {
        session_lost(s, -ECANCELED);
        return;
    }
    if (!failed)
        failed = stream_read_line(s->public.stream, command_line_max(s), &line, s->deadline);
    if (failed == -EMSGSIZE || failed == -ENOBUFS)
        reply_too_long(s);
    else if (failed)
        session_lost(s, failed);
    else
        run_line(s, line);
}

/* Who talks before the greeting is no mail server that follows the rules (rfc5321:4.3.1). The delay
 * is not cut short for him. */
static void await_greeting(struct session *s)
{
    int64_t until = session_deadline(s, s->options.greeting_delay);
    if (until <= loop_now() || s->options.skip_greeting_delay) {
        s->public.early_talker = stream_has_input(s->public.stream);
        return;
    }
    struct transport *transport = stream_transport(s->public.stream);
    int failed =
        stream_buffered(s->public.stream).len ? 0 : transport->operations->wait(transport, until);
    if (failed == -ETIMEDOUT)
        return;
    if (!failed)
        failed = stream_buffered(s->public.stream).len ? 0 : stream_fill(s->public.stream, until);
    if (failed) {
        session_lost(s, failed);
        return;
    }
    s->public.early_talker = true;
    if (fiber_sleep_until(until) == ECANCELED)
        session_lost(s, -ECANCELED);
}

SMTP_NOINLINE static void greet(struct session *s)
{
    const char *greeting = s->server->greeting ? s->server->greeting : "";
    struct smtp_reply reply = {.code = 220};
    reply.text = arena_printf(s->scratch, "%s ESMTP%s%s", s->server->hostname,
                              greeting[0] ? " " : "", greeting);
    if (s->server->handler.connected)
        s->server->handler.connected(s->server->handler.context, &s->public, &reply);
    if (smtp_reply_is_positive(&reply))
        await_greeting(s);
    else
        s->refused = true;
    if (!s->why)
        session_reply(s, &reply);
    arena_reset(s->scratch);
}

void session_run(struct session *s)
{
    greet(s);
    while (!s->why)
        next_command(s);
    transaction_end(s);
}
