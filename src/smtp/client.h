/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client: the sending side of SMTP (RFC 5321) and LMTP (RFC 2033) over a transport that somebody
 * else has connected.
 *
 * One connection carries one transaction at a time, and any number of them after each other:
 *
 *   client_open(transport, ...)          greeting, EHLO (HELO, LHLO)
 *   client_start_tls(client, ...)        STARTTLS and EHLO again, where wanted
 *   client_authenticate(client, ...)     where wanted
 *   client_send(client, ...)             a whole transaction, pipelined; a reply for each recipient
 *   client_close(client)                 QUIT
 *
 * or a transaction in steps, where the recipients are asked long before the content is there:
 *
 *   client_ask(client, ...)              MAIL and all RCPT, pipelined; or one by one:
 *   client_mail(), client_recipient()
 *   client_data(client, ...)             the content, perhaps minutes later; replies
 *   client_reset(client, ...)            or RSET instead
 *
 * The server is hostile: what it may send, and for how long, is bounded. Calls return OK for a
 * reply of 2xx, TEMP for 4xx and PERM for 5xx, with the reply in *reply. Code 0 means that there
 * was none: the connection was lost, the deadline passed, or what came was no SMTP; the result is
 * TEMP then, the connection is of no further use (client_is_usable() is false) and every call
 * returns the same. `local` marks a refusal of our own: what the server did not offer is not sent.
 * A 421 ends the connection, whatever it answers; it is kept as the reply.
 *
 * Texts of replies live in the arena given. They hold printable ASCII only; inside of a transaction
 * with SMTPUTF8 also UTF-8 that can be shown (rfc6531:3.7.4.1). Addresses and parameters that could
 * end their command line are refused, never sent.
 *
 * Memory: the client is on the heap until client_close(); what it is given is not kept.
 */
#ifndef VOUCH_SMTP_CLIENT_H
#define VOUCH_SMTP_CLIENT_H

#include "base/arena.h"
#include "fiber/stream.h"

struct client;

/* What a reply was said to. */
enum client_stage {
    CLIENT_STAGE_OTHER, /* the greeting, EHLO, STARTTLS, AUTH; or nothing: it is our own */
    CLIENT_STAGE_MAIL,
    CLIENT_STAGE_RECIPIENT,
    CLIENT_STAGE_DATA,
    CLIENT_STAGE_CONTENT /* what comes behind it */
};

struct client_reply {
    unsigned code;     /* 200 to 599; 0: none */
    char enhanced[12]; /* "5.1.1" of the code's class, or "" */
    struct bytes text; /* without codes; lines joined by a blank */
    bool local;        /* our own finding, not the server's words */
    enum client_stage stage;
};

/* Microseconds, from the start of each step to its end. 0: what rfc5321:4.5.3.2 asks for. */
struct client_timeouts {
    int64_t greeting;  /* 5 minutes */
    int64_t command;   /* 5 minutes: EHLO, STARTTLS, AUTH, RSET */
    int64_t tls;       /* 2 minutes: the handshake */
    int64_t mail;      /* 5 minutes */
    int64_t recipient; /* 5 minutes */
    int64_t data;      /* 2 minutes: the 354 */
    int64_t block;     /* 3 minutes: sending one buffer of content */
    int64_t finish;    /* 10 minutes: all replies behind the content */
};

struct client_options {
    const char *hostname; /* what we call ourselves in EHLO */
    bool lmtp;
    bool encrypted;        /* the transport is TLS already */
    bool just_send_8bit;   /* 8-bit content also where 8BITMIME is not offered (our own servers) */
    bool without_pipelining, without_chunking; /* do not use what the server offers */
    struct client_timeouts timeouts;
    int64_t deadline;      /* as by client_set_deadline(), from the start; 0: none */
};

enum client_mechanism {
    CLIENT_PLAIN = 1,
    CLIENT_LOGIN = 2,
    CLIENT_CRAM_MD5 = 4,
    CLIENT_SCRAM_SHA_256 = 8,
    CLIENT_EXTERNAL = 16
};

/* What the server offered last: after STARTTLS what it offered then (rfc3207:4.2). */
struct client_extensions {
    bool esmtp; /* it took EHLO (LHLO); without, nothing below is offered */
    bool size, eight_bit, smtputf8, pipelining, chunking, dsn, starttls, require_tls, submitter;
    bool enhanced_status_codes;
    bool auth;
    unsigned mechanisms;        /* of enum client_mechanism */
    uint64_t size_max;          /* 0: not said */
    uint32_t mail_max;          /* LIMITS (rfc9422): transactions a connection; 0: not said */
    uint32_t recipient_max;     /* recipients a transaction; 0: not said */
    uint32_t domain_max;        /* domains among them; 0: not said */
};

struct client_envelope {
    struct bytes sender; /* mailbox; empty for <> */
    uint64_t size;       /* 0: not known (client_send() counts for itself) */
    bool eight_bit;      /* the content has octets above 127 (client_send() looks for itself) */
    bool smtputf8;       /* it is needed: an address (then it need not be said) or the header is
                            not ASCII */
    bool require_tls;    /* rfc8689 */
    bool return_full, return_headers; /* RET= */
    bool auth_unknown;                /* AUTH=<> (rfc4954:5) */
    struct bytes envelope_id;         /* ENVID, decoded; empty: none */
    struct bytes submitter;           /* mailbox (rfc4405); empty: none */
};

struct client_recipient {
    struct bytes mailbox;
    unsigned notify;       /* of enum smtp_notify (smtp/server.h); 0: nothing said */
    struct bytes original; /* ORCPT with its type, "rfc822;…", without xtext; empty: none */
};

/* Greeting and EHLO, HELO where the server does not know that (rfc5321:3.2). Takes over the
 * transport, also when it fails (*out is NULL then). *reply is the greeting's if that was not 220
 * (554: no service here; 421: not now), else that to EHLO. */
enum result client_open(struct transport *transport, const struct client_options *options,
                        struct arena *arena, struct client **out, struct client_reply *reply,
                        struct error *error) must_check;
const struct client_extensions *client_extensions(const struct client *client);
/* The greeting's text, "mx.example ESMTP"; printable; valid as long as the client. */
struct bytes client_greeting(const struct client *client);
/* No step goes on beyond this moment (loop_now() time), whatever its own deadline. NO_DEADLINE at
 * first. */
void client_set_deadline(struct client *client, int64_t deadline);

/* Makes TLS over `plain`: takes it over, also when it fails (it is closed then). tls_connect() with a
 * context is meant. */
typedef enum result client_upgrade(void *context, struct transport *plain, int64_t deadline,
                                   struct transport **out, struct error *error);
/*
 * STARTTLS, handshake, and EHLO again. With reply->code 4xx or 5xx to STARTTLS itself (or PERM and
 * `local` where it is not offered) the connection goes on without TLS if the caller likes. All else
 * ends it: octets behind the 220 were not the server's (CVE-2011-0411); after a failed handshake
 * reply->code is 0 and the result is what `upgrade` returned.
 */
enum result client_start_tls(struct client *client, client_upgrade *upgrade, void *context,
                             struct arena *arena, struct client_reply *reply,
                             struct error *error) must_check;
bool client_is_encrypted(const struct client *client);

struct client_credentials {
    struct bytes user, password; /* at most 1024 octets each, no NUL */
    unsigned mechanisms; /* allowed, of enum client_mechanism; 0: all except EXTERNAL */
};
/* AUTH by the best mechanism that is allowed and offered: EXTERNAL (`user` may be empty then),
 * SCRAM-SHA-256, PLAIN, LOGIN, CRAM-MD5; PLAIN and LOGIN only over TLS. SCRAM is for ASCII, which
 * needs no preparation (RFC 4013). PERM with 535: wrong; PERM and `local`: no mechanism for it, or
 * the server could not prove that it knows the password either (rfc5802:5; the connection is over
 * then). */
enum result client_authenticate(struct client *client, const struct client_credentials *credentials,
                                struct arena *arena, struct client_reply *reply,
                                struct error *error) must_check;

/*
 * A whole transaction. The parts one behind the other are the message; lines end in CRLF (a bare
 * CR or LF anywhere: all is refused, since servers disagree where such a line ends), and go out as
 * they are however long they are. Dots are stuffed here; BDAT is used where it is offered.
 *
 * replies[0 .. recipient_count) are the last words to each recipient: of MAIL, of his RCPT, of DATA,
 * or behind the content (in SMTP the same for all accepted; in LMTP his own). OK: each recipient
 * has one, whatever it says. TEMP: those with code 0 have none, `error` says why; they are
 * temporary failures. A 421 is the reply to all that had no last word. A 552 to RCPT that means
 * "too many recipients" is given as 452 (rfc5321:4.5.3.1.10).
 *
 * Refused locally, with nothing sent: SMTPUTF8 needed and not offered (553 5.6.7 an address, 554
 * 5.6.9 the header; rfc6531:3.6); 8-bit content and no 8BITMIME (554 5.6.3; nothing is converted);
 * larger than SIZE allows (552 5.3.4); REQUIRETLS without the server's or without TLS (550 5.7.30).
 * RCPTMAX (recipient_max) is the caller's to keep.
 */
enum result client_send(struct client *client, const struct client_envelope *envelope,
                        const struct client_recipient *recipients, size_t recipient_count,
                        const struct bytes *parts, size_t part_count, struct arena *arena,
                        struct client_reply *replies, struct error *error) must_check;

/* ---- in steps ---- */

/* MAIL and RCPT without content; replies as above. client_data(), client_reset() or the next
 * transaction follows. */
enum result client_ask(struct client *client, const struct client_envelope *envelope,
                       const struct client_recipient *recipients, size_t recipient_count,
                       struct arena *arena, struct client_reply *replies,
                       struct error *error) must_check;
enum result client_mail(struct client *client, const struct client_envelope *envelope,
                        struct arena *arena, struct client_reply *reply,
                        struct error *error) must_check;
enum result client_recipient(struct client *client, const struct client_recipient *recipient,
                             struct arena *arena, struct client_reply *reply,
                             struct error *error) must_check;
/* Recipients accepted so far in this transaction: as many replies will client_data() give. */
size_t client_recipient_count(const struct client *client);
/* The content, and replies[0 .. client_recipient_count()) in the order in which the recipients were
 * accepted. OK and TEMP as for client_send(); PERM: no recipient was accepted (nothing is sent and
 * *replies is not touched). The transaction is over afterwards. */
enum result client_data(struct client *client, const struct bytes *parts, size_t part_count,
                        struct arena *arena, struct client_reply *replies,
                        struct error *error) must_check;

/* RSET; a server that refuses it is left (TEMP). Needless before the next transaction, which sends one itself
 * where it must. */
enum result client_reset(struct client *client, struct arena *arena, struct error *error) must_check;

/* False when the connection is of no use for a further transaction, also because the server's
 * MAILMAX (rfc9422) is used up. Looks whether the server has said something (its 421) or hung up
 * while nothing was going on; does not wait. */
bool client_is_usable(struct client *client);
/* The last content was sent to its end and the connection was lost before all replies were there:
 * it may have been delivered all the same. */
bool client_is_in_doubt(const struct client *client);
/* QUIT if the connection is good, without waiting for the reply. NULL is fine. */
void client_close(struct client *client);

#endif
