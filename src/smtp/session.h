/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session: one connection's state and what the files of smtp/ do with it. Internal to smtp/: the
 * outside sees smtp/server.h.
 *
 * Everything here runs on the session's fiber. The frames that are live while an idle client is
 * waited for hold no large locals: ten thousand of them wait at a time.
 */
#ifndef VOUCH_SMTP_SESSION_H
#define VOUCH_SMTP_SESSION_H

#include "smtp/command.h"
#include "smtp/content.h"
#include "smtp/data.h"
#include "smtp/server.h"

/* For functions with large locals that are called from the waiting frames. */
#define SMTP_NOINLINE __attribute__((noinline))

struct transaction {
    struct smtp_transaction public; /* first: the handler's view */
    size_t recipient_capacity;
    bool receiving; /* DATA, or BDAT from its first chunk on */
    bool failed;    /* a chunk was refused: only RSET helps (rfc3030:2) */
    bool oversize, out_of_memory;
    struct smtp_data data;
    struct smtp_content content;
};

struct session {
    struct smtp_session public; /* first */
    const struct smtp_server *server;
    struct smtp_session_options options;
    struct arena *scratch; /* emptied after each command */
    struct transaction *transaction;
    int64_t deadline; /* of the whole session */
    size_t deferred;  /* recipients refused for now, since the last message that was taken */
    const char *why;  /* it ended; NULL while it goes on */
    bool refused;     /* at the greeting: nothing but QUIT (rfc5321:3.1) */
    bool shielded;    /* cancelling waits for the end of the message */
};

/* The command loop, from the greeting to the end. session.c */
void session_run(struct session *s);
/* Ends the loop; the first reason counts. */
void session_close(struct session *s, const char *why);
/* 421 with a text, then the end. */
void session_abort(struct session *s, const char *enhanced, const char *text, const char *why);
/* The reply that belongs to a failed read, if any can still be sent, then the end. */
void session_lost(struct session *s, int failed);

/* At least one octet more into the stream's buffer: 0 or -errno. Sends what is owed to the client
 * before it waits. */
int session_fill(struct session *s, int64_t timeout);
/* Waits until a whole line is buffered: 0, -errno, or -EMSGSIZE when it is longer than `max`. All of it
 * must be there by then: octets that drip in do not prolong it. */
int session_await_line(struct session *s, size_t max, int64_t deadline);
/* Takes in the rest of a line that is too long. 0 or -errno; -EMSGSIZE if it does not end. */
int session_skip_line(struct session *s);
/* A deadline that is not after the session's own. */
int64_t session_deadline(const struct session *s, int64_t timeout);

/* Puts the reply into the stream, to be sent before the next wait. */
void session_reply(struct session *s, const struct smtp_reply *reply);
void session_say(struct session *s, unsigned code, const char *enhanced, const char *text);
int session_flush(struct session *s);
/* While it is up a cancelled session goes on: a message that is being received comes to its end. */
void session_shield(struct session *s);
void session_unshield(struct session *s);
/* A reply that counts as a bad command, too many of which end the session. */
void session_bad(struct session *s, unsigned code, const char *enhanced, const char *text);
/* Counts what does nothing for mail: some of it is fine, much is a nuisance. False when it was too
 * much and the session has been ended. */
bool session_count_junk(struct session *s);
static inline bool smtp_reply_is_positive(const struct smtp_reply *reply)
{
    return reply->code < 400;
}

/* MAIL, RCPT and the transaction's end. transaction.c */
void transaction_mail(struct session *s, const struct smtp_command *command);
void transaction_recipient(struct session *s, const struct smtp_command *command);
void transaction_end(struct session *s);
/* 452 if the handler ran into the arena's cap while it prepared a positive reply. */
void transaction_check_memory(struct session *s, struct smtp_reply *reply);

/* DATA and BDAT. receive.c */
void receive_data(struct session *s);
void receive_chunk(struct session *s, const struct smtp_command *command);

/* AUTH. auth.c */
void session_auth(struct session *s, const struct smtp_command *command);
/* The mechanisms that can be used now, for EHLO: in `out`, with a blank before each. */
void session_auth_list(struct session *s, struct buf *out);
/* Nobody is logged in any more. */
void session_auth_forget(struct session *s);

/* STARTTLS and TLS from the start; false, with the session closed, when it fails. server.c */
bool session_start_tls(struct session *s);

#endif
