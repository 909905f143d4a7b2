/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client_private: what the files of the SMTP client share. Nobody else includes it.
 *
 * client.c             opening, EHLO, STARTTLS, closing
 * client_reply.c       one command and its reply
 * client_extensions.c  what EHLO offered
 * client_envelope.c    MAIL and RCPT as lines, and what is refused before they are sent
 * client_transaction.c a transaction, pipelined
 * client_steps.c       a transaction command by command
 * client_content.c     DATA and BDAT
 * client_auth.c        AUTH; client_scram.c: SCRAM's arithmetic
 */
#ifndef VOUCH_SMTP_CLIENT_PRIVATE_H
#define VOUCH_SMTP_CLIENT_PRIVATE_H

#include "base/buf.h"
#include "smtp/client.h"

enum {
    CLIENT_COMMAND_MAX = 4096,       /* octets of one command line; the longest is MAIL or RCPT */
    CLIENT_REPLY_TEXT_MAX = 1024,    /* kept of a reply */
    CLIENT_REPLY_LINE_MAX = 2048,    /* rfc5321:4.5.3.1.5 says 512; some servers write more */
    CLIENT_AUTH_LINE_MAX = 12288,    /* rfc4954:4 */
    CLIENT_REPLY_LINES_MAX = 128
};

struct client {
    struct stream *stream;
    struct client_timeouts timeouts;
    struct client_extensions extensions;
    int64_t deadline;
    size_t recipients; /* accepted in this transaction */
    uint32_t mails;    /* transactions begun */
    bool lmtp, encrypted, just_send_8bit, without_pipelining, without_chunking;
    bool broken;
    bool in_transaction; /* RSET must come before the next MAIL */
    bool utf8;           /* this transaction's MAIL said SMTPUTF8 */
    bool in_doubt;
    struct bytes greeting;
    uint8_t greeting_text[256];
    char hostname[256];
};

/* The earlier of the step's deadline and the caller's. */
int64_t client_deadline(const struct client *client, int64_t timeout);

/* ---- client_reply.c ---- */

/* TEMP; the connection is of no use any more. */
enum result client_lose(struct client *client, struct error *error, const char *what);
/* The same for -errno. */
enum result client_lose_by(struct client *client, struct error *error, int failed);
enum result client_refuse_use(const struct client *client, struct error *error);
/* A refusal of our own: PERM. `text` lives as long as the program. */
enum result client_refuse(const struct client *client, struct client_reply *reply, unsigned code,
                          const char *enhanced, struct bytes text, struct error *error) must_check;

/* How a reply is read. */
struct client_reading {
    struct arena *arena;
    struct client_reply *reply;
    size_t line_max; /* 0: CLIENT_REPLY_LINE_MAX */
    /* Called for each line behind the first; may be NULL. */
    void (*line)(void *context, struct bytes text);
    void *context;
    /* The text of the last line as it came, when not NULL (AUTH's challenge). */
    struct bytes *raw;
};
/* A whole reply. OK when there is one, whatever it says. */
enum result client_read_reply(struct client *client, const struct client_reading *reading,
                              int64_t deadline, struct error *error) must_check;
/* OK, TEMP or PERM by its code; with the sentence. */
enum result client_result(const struct client *client, const struct client_reply *reply,
                          struct error *error);
/* The same, and a reply that cannot come here ends the connection: 3xx where `go_on` is false, 2xx
 * where it is true. */
enum result client_judge(struct client *client, struct client_reply *reply, bool go_on,
                         struct error *error) must_check;
/* Nothing may have been said before a command: it would be taken for its answer. OK, or TEMP with
 * the 421 in *reply or without one. */
enum result client_check_silence(struct client *client, const struct client_reading *reading,
                                 int64_t deadline, struct error *error) must_check;
/* One command, written, flushed and answered, whatever the answer says. */
enum result client_converse(struct client *client, struct bytes line, int64_t deadline,
                            const struct client_reading *reading, struct error *error) must_check;
/* The same, judged. */
enum result client_command(struct client *client, struct bytes line, bool go_on, int64_t timeout,
                           const struct client_reading *reading, struct error *error) must_check;

/* ---- client_extensions.c ---- */

/* A line of EHLO's reply behind the first; `context` is the struct client_extensions. */
void client_extensions_line(void *context, struct bytes text);

/* ---- client_envelope.c ---- */

/* The envelope with what follows from its recipients and content (SMTPUTF8). OK, or PERM with the
 * refusal. */
enum result client_check_envelope(const struct client *client,
                                  const struct client_envelope *envelope,
                                  struct client_reply *refusal, struct error *error) must_check;
/* `utf8`: MAIL says SMTPUTF8. */
enum result client_check_recipient(const struct client *client,
                                   const struct client_recipient *recipient, bool utf8,
                                   struct client_reply *refusal, struct error *error) must_check;
/* Bare CR or LF in the message. */
enum result client_refuse_bare(const struct client *client, struct client_reply *refusal,
                               struct error *error) must_check;
void client_write_mail(struct buf *out, const struct client *client,
                       const struct client_envelope *envelope);
void client_write_recipient(struct buf *out, const struct client *client,
                            const struct client_recipient *recipient, bool utf8);

/* ---- client_transaction.c ---- */

/* "Too many recipients" was 552 in RFC 821 (rfc5321:4.5.3.1.10): it becomes 452. */
void client_mend_recipient(struct client_reply *reply);
/* A new one begins. */
void client_begin(struct client *client, bool utf8);

/* ---- client_content.c ---- */

struct client_content {
    const struct bytes *parts;
    size_t count;
    uint64_t size; /* with the CRLF that is added at the end where it is missing */
    bool ends_line, eight_bit, bare_line_end;
};
void client_content_look(struct client_content *content, const struct bytes *parts, size_t count);
bool client_uses_chunking(const struct client *client);
/* Behind the 354, or BDAT with its chunk; and the final replies for `count` accepted recipients. */
enum result client_content_send(struct client *client, const struct client_content *content,
                                size_t count, struct arena *arena, struct client_reply *replies,
                                struct error *error) must_check;

/* ---- client_scram.c ---- */

enum { CLIENT_SHA256 = 32, CLIENT_NONCE = 32 };

struct client_scram {
    struct bytes user, password;
    char nonce[CLIENT_NONCE + 1];
    uint8_t server_signature[CLIENT_SHA256];
    struct buf first_bare; /* client-first-message-bare */
};
/* False when memory or random octets are out. */
bool client_scram_start(struct client_scram *scram, struct bytes user, struct bytes password) must_check;
/* The client's first message. */
void client_scram_first(const struct client_scram *scram, struct buf *out);
/* The answer to the server's first message. False when that is none (`why`: a literal). */
bool client_scram_final(struct client_scram *scram, struct arena *arena, struct bytes server_first,
                        struct buf *out, const char **why) must_check;
/* Whether the server's last message proves that it knows the password. */
bool client_scram_verify(const struct client_scram *scram, struct arena *arena,
                         struct bytes server_final) must_check;
void client_scram_end(struct client_scram *scram);

#endif
