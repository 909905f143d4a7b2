/* SPDX-License-Identifier: BSD-2-Clause */
/* AUTH (RFC 4954): the exchange of challenges and responses. What they mean only the handler knows. */
#include "smtp/session.h"

#include "base/ascii.h"
#include "base/encode.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    RESPONSE_LINE_MAX = 12288, /* rfc4954:4 */
    CHALLENGES_MAX = 16,
    MECHANISM_MAX = 20 /* rfc4422:3.1 */
};
/* For the whole exchange, in units of the time for a command. */
enum { EXCHANGE_COMMANDS = 2 };

enum ending { GOES_ON, CANCELLED, MISCODED, TOO_LONG, LOST };

struct exchange {
    struct smtp_auth public; /* first */
    struct session *session;
    struct arena *arena; /* of the response that the handler has now */
    struct bytes response;
    unsigned challenges;
    int64_t deadline;
    enum ending ending;
};

/* Slices are read-only by their type; what is behind these belongs to the stream or the arena. */
static void wipe(struct bytes secret)
{
    if (secret.ptr && secret.len)
        explicit_bzero((void *)(uintptr_t)secret.ptr, secret.len);
}

/* ---- what is offered ---- */

static bool has_binding(struct session *s)
{
    uint8_t octets[TLS_BINDING_MAX];
    size_t length;
    struct transport *transport = stream_transport(s->public.stream);
    return tls_channel_binding(transport, TLS_BINDING_EXPORTER, octets, &length) == OK ||
           tls_channel_binding(transport, TLS_BINDING_SERVER_END_POINT, octets, &length) == OK;
}

static bool can_work(struct session *s, struct bytes mechanism)
{
    if (bytes_ends_with(mechanism, BYTES("-PLUS")))
        return s->public.tls && has_binding(s);
    if (bytes_is(mechanism, "EXTERNAL"))
        return s->public.tls_client_verified;
    return true;
}

static bool next_mechanism(struct bytes *rest, struct bytes *mechanism)
{
    while (rest->ptr && bytes_split(rest, ' ', mechanism))
        if (mechanism->len)
            return true;
    return false;
}

static bool is_configured(const struct session *s)
{
    return s->server->handler.auth && s->options.auth_mechanisms && *s->options.auth_mechanisms;
}

/* In the clear nothing is offered, so that no client is led to send a password (rfc4954:4). */
static bool is_private(const struct session *s)
{
    return s->public.tls || s->options.auth_without_tls;
}

SMTP_NOINLINE void session_auth_list(struct session *s, struct buf *out)
{
    if (!is_configured(s) || !is_private(s))
        return;
    struct bytes rest = bytes_of(s->options.auth_mechanisms), mechanism;
    while (next_mechanism(&rest, &mechanism))
        if (can_work(s, mechanism))
            buf_printf(out, " " BYTES_FMT, BYTES_ARG(mechanism));
}

/* The one that the client names, as we write it. */
static bool find_mechanism(struct session *s, struct bytes name, struct bytes *found)
{
    struct bytes rest = bytes_of(s->options.auth_mechanisms);
    while (next_mechanism(&rest, found))
        if (found->len <= MECHANISM_MAX && bytes_equal_nocase(*found, name) && can_work(s, *found))
            return true;
    return false;
}

void session_auth_forget(struct session *s)
{
    if (!s->public.account.len)
        return;
    if (s->server->handler.forget)
        s->server->handler.forget(s->server->handler.context, &s->public);
    s->public.account = (struct bytes){NULL, 0};
    s->public.auth_mechanism = (struct bytes){NULL, 0};
}

/* ---- responses ---- */

/* Not an octet outside of the alphabet is passed over here (rfc4954:4). */
static bool decode(struct arena *arena, struct bytes text, struct bytes *out)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (!ascii_is_alnum(c) && c != '+' && c != '/' && c != '=')
            return false;
    }
    *out = BYTES("");
    return text.len % 4 == 0 && (!text.len || base64_decode(arena, text, out));
}

static enum result end_exchange(struct exchange *e, enum ending ending, enum result result,
                                const char *why, struct error *error)
{
    e->ending = ending;
    return error_set(error, result, "%s", why);
}

static enum result take_response(struct exchange *e, struct bytes line, struct bytes *response,
                                 struct error *error)
{
    struct bytes text = bytes_trim_end(line);
    if (bytes_is(text, "*"))
        return end_exchange(e, CANCELLED, NONE, "the client has cancelled", error);
    bool fine = decode(e->arena, text, &e->response);
    wipe(line);
    if (!fine)
        return end_exchange(e, MISCODED, PERM, "the response is not base64", error);
    *response = e->response;
    return OK;
}

static enum result lost(struct exchange *e, int failed, struct error *error)
{
    session_lost(e->session, failed);
    return end_exchange(e, LOST, TEMP, "the client is gone", error);
}

static enum result read_response(struct exchange *e, struct bytes *response, struct error *error)
{
    struct session *s = e->session;
    struct bytes line;
    int64_t deadline = session_deadline(s, s->server->limits.command_timeout);
    int failed = session_await_line(s, RESPONSE_LINE_MAX,
                                    deadline < e->deadline ? deadline : e->deadline);
    if (!failed)
        failed = stream_read_line(s->public.stream, RESPONSE_LINE_MAX, &line, s->deadline);
    if (failed == -EMSGSIZE || failed == -ENOBUFS) {
        failed = session_skip_line(s);
        if (!failed)
            return end_exchange(e, TOO_LONG, PERM, "the response is too long", error);
    }
    return failed ? lost(e, failed, error) : take_response(e, line, response, error);
}

static int send_challenge(struct session *s, struct bytes challenge)
{
    struct buf out;
    buf_init(&out, RESPONSE_LINE_MAX);
    buf_add_string(&out, "334 "); /* with the blank also where nothing follows */
    base64_encode(&out, challenge);
    buf_add_string(&out, "\r\n");
    int failed = out.failed ? -EMSGSIZE
                            : stream_write(s->public.stream, buf_bytes(&out),
                                           session_deadline(s, s->server->limits.command_timeout));
    buf_free(&out);
    return failed ? failed : session_flush(s);
}

SMTP_NOINLINE enum result smtp_auth_challenge(struct smtp_auth *auth, struct bytes challenge,
                                              struct bytes *response, struct error *error)
{
    struct exchange *e = (struct exchange *)auth;
    *response = (struct bytes){NULL, 0};
    if (e->ending != GOES_ON || e->session->why)
        return end_exchange(e, e->ending == GOES_ON ? LOST : e->ending, TEMP,
                            "the exchange is over", error);
    if (++e->challenges > CHALLENGES_MAX)
        return end_exchange(e, MISCODED, PERM, "the exchange does not end", error);
    /* Who answers before he is asked does not follow the rules (rfc4954:4). */
    if (stream_buffered(e->session->public.stream).len)
        e->session->public.illegal_pipelining = true;
    int failed = send_challenge(e->session, challenge);
    wipe(e->response);
    e->response = auth->initial = (struct bytes){NULL, 0};
    arena_reset(e->arena);
    return failed ? lost(e, failed, error) : read_response(e, response, error);
}

/* ---- the command ---- */

/* "mechanism [initial-response]". False when it has been answered. */
static bool read_command(struct exchange *e, struct bytes argument)
{
    struct session *s = e->session;
    struct smtp_auth *auth = &e->public;
    size_t blank = bytes_find_byte(argument, ' ');
    struct bytes text = bytes_skip(argument, blank == BYTES_NOT_FOUND ? argument.len : blank + 1);
    if (!argument.len) {
        session_bad(s, 501, "5.5.4", "AUTH needs a mechanism");
        return false;
    }
    if (!find_mechanism(s, bytes_first(argument, blank), &auth->mechanism)) {
        session_bad(s, 504, "5.5.4", "This mechanism is not offered");
        return false;
    }
    auth->initial_present = text.len > 0;
    if (!text.len)
        return true;
    /* Here the server begins. */
    if (bytes_is(auth->mechanism, "CRAM-MD5")) {
        session_bad(s, 501, "5.7.0", "This mechanism has no initial response");
        return false;
    }
    bool fine = bytes_is(text, "=") || decode(e->arena, text, &e->response);
    wipe(text);
    if (!fine)
        session_bad(s, 501, "5.5.2", "The response is not base64");
    auth->initial = e->response;
    return fine;
}

/* Counted as bad commands are: who guesses passwords gets few guesses a session. */
static void reply_failure(struct session *s, const struct smtp_reply *reply)
{
    unsigned limit = s->server->limits.bad_commands;
    if (reply->code < 500) {
        if (session_count_junk(s))
            session_reply(s, reply);
        return;
    }
    s->public.bad_commands++;
    session_reply(s, reply);
    if (limit && s->public.bad_commands >= limit)
        session_abort(s, "4.7.0", "Too many errors", "too many errors");
}

static void set_ending_reply(enum ending ending, struct smtp_reply *reply)
{
    if (ending == CANCELLED)
        *reply = (struct smtp_reply){501, "5.7.0", BYTES("Authentication cancelled"), false};
    else if (ending == MISCODED)
        *reply = (struct smtp_reply){501, "5.5.2", BYTES("The response is not base64"), false};
    else if (ending == TOO_LONG)
        *reply = (struct smtp_reply){500, "5.5.6", BYTES("Response line too long"), false};
}

/* All that the session keeps of an AUTH, and it keeps it only here, when all went well. */
static bool log_in(struct session *s, const struct smtp_auth *auth)
{
    struct bytes account = arena_copy(s->public.arena, auth->account);
    struct bytes mechanism = arena_copy(s->public.arena, auth->mechanism);
    if (!account.ptr || !mechanism.ptr) {
        session_abort(s, "4.3.1", "Out of memory for this session", "session memory limit");
        return false;
    }
    s->public.account = account;
    s->public.auth_mechanism = mechanism;
    return true;
}

static void finish(struct exchange *e, struct smtp_reply *reply)
{
    struct session *s = e->session;
    if (s->why)
        return;
    set_ending_reply(e->ending, reply);
    if (e->ending == GOES_ON && reply->code == 235 && e->public.account.len) {
        if (log_in(s, &e->public))
            session_reply(s, reply);
        return;
    }
    /* A positive reply that says nothing of an account is the handler's fault, and no way in. */
    if (smtp_reply_is_positive(reply))
        *reply = (struct smtp_reply){454, "4.7.0", BYTES("Temporary authentication failure"), false};
    reply_failure(s, reply);
}

static bool may_begin(struct session *s)
{
    if (!is_configured(s))
        session_bad(s, 502, "5.5.1", "Authentication is not offered here");
    else if (!s->public.esmtp)
        session_bad(s, 503, "5.5.1", "Say EHLO first");
    else if (s->public.account.len)
        session_bad(s, 503, "5.5.1", "You are authenticated already"); /* rfc4954:4 */
    else if (s->transaction)
        session_bad(s, 503, "5.5.1", "A message is under way; send RSET first");
    else if (!is_private(s))
        session_bad(s, 538, "5.7.11", "Encryption required: send STARTTLS first");
    else
        return true;
    return false;
}

SMTP_NOINLINE static void run(struct session *s, struct bytes argument, struct arena *arena)
{
    struct exchange e = {.session = s, .arena = arena, .ending = GOES_ON};
    struct smtp_reply reply = {454, "4.7.0", BYTES("Temporary authentication failure"), false};
    e.deadline = loop_deadline(EXCHANGE_COMMANDS * s->server->limits.command_timeout);
    if (read_command(&e, argument)) {
        s->server->handler.auth(s->server->handler.context, &s->public, &e.public, &reply);
        /* AUTH is the last of its group (rfc4954:4). */
        if (!s->why && stream_buffered(s->public.stream).len)
            s->public.illegal_pipelining = true;
        finish(&e, &reply);
    }
    wipe(e.response);
}

SMTP_NOINLINE void session_auth(struct session *s, const struct smtp_command *command)
{
    struct arena *arena = NULL;
    if (may_begin(s)) {
        arena = arena_create_child(s->public.arena, s->server->limits.memory_per_session);
        if (arena)
            run(s, command->argument, arena);
        else
            session_say(s, 454, "4.7.0", "Out of memory for this session");
    }
    if (arena)
        arena_destroy(arena);
}
