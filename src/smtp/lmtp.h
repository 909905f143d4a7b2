/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lmtp: the sending side of LMTP (RFC 2033) over a transport that somebody else has connected.
 *
 * One connection carries one transaction at a time, and any number of them after each other:
 *
 *   lmtp_open(transport, ...)
 *   lmtp_mail(lmtp, ...)             MAIL
 *   lmtp_recipient(lmtp, ...)        RCPT, each with its own reply, whenever it is known
 *   lmtp_send(lmtp, ...)             DATA, perhaps minutes later; a reply for each recipient taken
 *   lmtp_reset(lmtp, ...)            or RSET instead, and the next lmtp_mail()
 *   lmtp_close(lmtp)
 *
 * The server is hostile: what it may send, and for how long, is bounded. Calls return OK for a
 * reply of 2xx, TEMP for 4xx and PERM for 5xx, with the reply in *reply. TEMP with reply->code 0
 * means that there was none: the connection was lost, the deadline passed, or what came was no
 * LMTP; the connection is of no further use then (lmtp_is_usable() is false) and every call returns
 * the same. Texts of replies live in the arena given and hold printable ASCII only.
 */
#ifndef VOUCH_SMTP_LMTP_H
#define VOUCH_SMTP_LMTP_H

#include "base/arena.h"
#include "fiber/stream.h"

struct lmtp;

struct lmtp_reply {
    unsigned code;     /* 0: none */
    char enhanced[12]; /* "5.1.1", or "" */
    struct bytes text; /* without codes; lines joined by a blank */
};

/* Deadlines of single steps, in microseconds from its start (rfc5321:4.5.3.2). */
struct lmtp_timeouts {
    int64_t command; /* greeting, LHLO, MAIL, RCPT, RSET, and the 354 */
    int64_t data;    /* sending one buffer of content */
    int64_t finish;  /* all replies behind the content */
};

/* What the server offered. */
struct lmtp_extensions {
    bool size, eight_bit, smtputf8, pipelining;
    uint64_t size_max; /* 0: not said */
};

struct lmtp_envelope {
    struct bytes sender; /* mailbox; empty for <> */
    uint64_t size;       /* 0: not known yet */
    bool eight_bit;      /* BODY=8BITMIME, where offered */
    bool smtputf8;       /* PERM where it is needed and not offered (rfc6531:3.6) */
};

/* Greeting and LHLO. Takes over the transport, also when it fails. OK: *out is ready for
 * lmtp_mail(). `hostname` is what we call ourselves. */
enum result lmtp_open(struct transport *transport, const char *hostname,
                      const struct lmtp_timeouts *timeouts, struct arena *arena, struct lmtp **out,
                      struct lmtp_reply *reply, struct error *error) must_check;
const struct lmtp_extensions *lmtp_extensions(const struct lmtp *lmtp);

enum result lmtp_mail(struct lmtp *lmtp, const struct lmtp_envelope *envelope, struct arena *arena,
                      struct lmtp_reply *reply, struct error *error) must_check;
enum result lmtp_recipient(struct lmtp *lmtp, struct bytes mailbox, struct arena *arena,
                           struct lmtp_reply *reply, struct error *error) must_check;
/* Recipients taken so far in this transaction: as many replies will lmtp_send() give. */
size_t lmtp_recipient_count(const struct lmtp *lmtp);

/*
 * DATA, the parts one behind the other as the message (lines end in CRLF), and the replies, one for
 * each recipient taken, in their order, into replies[0 .. lmtp_recipient_count()). Dots are stuffed
 * here. OK: all replies are there, whatever they say. TEMP: those behind the loss have code 0 and
 * are temporary failures (rfc2033:5); the message may have been delivered all the same. PERM or
 * TEMP with replies[0].code and DATA itself refused: all replies are that one. The transaction is
 * over afterwards, and the next one may begin with lmtp_mail() (which sends RSET first where the
 * last one was left open).
 */
enum result lmtp_send(struct lmtp *lmtp, const struct bytes *parts, size_t part_count,
                      struct arena *arena, struct lmtp_reply *replies,
                      struct error *error) must_check;

/* RSET. */
enum result lmtp_reset(struct lmtp *lmtp, struct arena *arena, struct error *error) must_check;

/* False when the connection is of no use. Also looks whether the server has said something (its
 * 421) or hung up while nothing was going on; does not wait. */
bool lmtp_is_usable(struct lmtp *lmtp);
/* QUIT if the connection is good, without waiting for the reply. NULL is fine. */
void lmtp_close(struct lmtp *lmtp);

#endif
