/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * received: the Received trace field (rfc5321:4.4): ours written, those of others read.
 *
 * Writing trusts nothing that the peer said: octets that the grammar does not have in that place
 * become '?'. Reading is tolerant, as trace fields have many dialects; what is read is a claim of
 * whoever wrote the field and slices point into its value.
 */
#ifndef VOUCH_MESSAGE_RECEIVED_H
#define VOUCH_MESSAGE_RECEIVED_H

#include "base/buf.h"
#include "base/ip.h"
#include "message/date.h"

struct received {
    struct bytes helo;        /* as given; empty for a client that gave none */
    struct bytes client_name; /* verified, or empty; what is no domain name is left out */
    struct ip client;         /* family 0: not over the network */
    struct bytes by;          /* our host name */
    bool extended;            /* EHLO rather than HELO */
    bool tls, authenticated, smtputf8, lmtp;
    struct bytes tls_version, tls_cipher; /* may be empty */
    struct bytes id;
    struct bytes recipient; /* a mailbox as mailbox_parse() takes it; empty when several: then no
                               `for` is written (rfc5321:7.2) */
    int64_t epoch;
    int zone; /* minutes east of UTC */
};

/* The value behind "with": SMTP, ESMTP, ESMTPS, UTF8SMTPSA, LMTPA … (RFC 3848, rfc6531:4.3). */
const char *received_protocol(const struct received *received);
/* Appends the field, folded, with its final CRLF. */
void received_write(struct buf *out, const struct received *received);

struct received_trace {
    struct bytes from, by, via, with, id, recipient; /* recipient without its angle brackets */
    struct bytes client_name; /* first word of the comment behind `from`, when a name */
    struct ip client;         /* the address in that comment, or in `from` as a literal; family 0
                                 if there is none */
    struct bytes date_text;
    bool has_date;
    struct date date;
};

/* Reads a field's value, folded or not. PERM if it has neither a `from` nor a `by`. */
enum result received_parse(struct bytes value, struct received_trace *out,
                           struct error *error) must_check;

#endif
