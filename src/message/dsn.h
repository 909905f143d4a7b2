/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dsn: delivery status notifications (RFC 3464, 3461:6, 6522, 6533): ours written, those of others
 * read; and which kind of report a message is.
 *
 * What is written has three parts: a text for a person, the fields for programs, and the header of
 * the message that it is about. The body of that message is never in it, for RET=FULL neither:
 * rfc3461:6.2 lets a server return the header only beyond a length of its choice, and ours is
 * nought. A sender has the message already; whoever else gets a report should not get spam or
 * somebody's attachment with it.
 *
 * Every octet of the body is ASCII (what is not is in quoted-printable), so it needs no 8BITMIME,
 * and SMTPUTF8 only if `to` is not ASCII. It goes out with the null sender, NOTIFY=NEVER and
 * without RET (rfc3461:6.1). Whom one may write to is not decided here.
 *
 * All slices of a `struct dsn` that is written may come from a peer. Slices of one that was read
 * live in the message or the arena.
 */
#ifndef VOUCH_MESSAGE_DSN_H
#define VOUCH_MESSAGE_DSN_H

#include "base/buf.h"
#include "message/message.h"

enum dsn_action { DSN_FAILED, DSN_DELAYED, DSN_DELIVERED, DSN_RELAYED, DSN_EXPANDED, DSN_ACTIONS };
const char *dsn_action_name(enum dsn_action action); /* "failed", … as in the Action field */

struct dsn_recipient {
    struct bytes final;    /* local@domain of the envelope, as it was accepted */
    struct bytes original; /* ORCPT with its type, xtext decoded: "rfc822;user@example.org"; empty:
                              none was given, and then none may appear (rfc3461:6.3) */
    enum dsn_action action;
    struct bytes status; /* "5.1.1". Another text is found in the diagnostic, else 4.0.0 or 5.0.0 */
    /* A server's reply, "550 5.1.1 No such user", of several lines perhaps (LF between them, or
     * CRLF); or a sentence of our own; may be empty. */
    struct bytes diagnostic;
    bool smtp;               /* the diagnostic is a server's reply (read: "smtp;") */
    struct bytes remote_mta; /* the server's name; empty: none was involved */
    int64_t last_attempt;    /* epoch; 0: not known */
    int64_t retry_until;     /* DSN_DELAYED only; 0: not known */
};

/* Reading passes over further ones. */
enum { DSN_RECIPIENTS_MAX = 1000 };
/* Of the original header at most so much is returned, in whole fields. */
enum { DSN_HEADER_MAX = 64 * 1024 };

struct dsn {
    struct bytes reporting_mta; /* our host name */
    struct bytes from_name;     /* "Mail Delivery System"; may be empty */
    struct bytes from;          /* postmaster@…, whom a person can answer (rfc3464:2) */
    struct bytes to;            /* the return path that the message came with */
    struct bytes id;          /* unique and not to be guessed: letters, digits, dots, hyphens. Makes
                                 Message-ID and boundary */
    int64_t date;             /* epoch */
    int zone;                 /* minutes east of UTC, of all dates */
    int64_t arrival;          /* when the message came; 0: not known */
    struct bytes envelope_id; /* ENVID, xtext decoded; empty: none */
    struct bytes header;      /* of the message; anything from its empty line on is left out */
    bool smtputf8;            /* the message came with SMTPUTF8: its sender can read RFC 6533 */
    struct dsn_recipient *recipients;
    size_t recipient_count;
};

/* Appends the whole message, lines ending in CRLF. PERM: no recipient, no `to`, or the id, host or
 * From address is not fit for it. TEMP: the arena's cap, or the buffer's maximum. */
enum result dsn_write(struct arena *arena, const struct dsn *dsn, struct buf *out,
                      struct error *error) must_check;

enum message_report {
    REPORT_NONE,
    REPORT_DELIVERY,    /* of delivery status, with a recipient that can be read (RFC 3464) */
    REPORT_DISPOSITION, /* what became of a message at its reader's (RFC 8098) */
    REPORT_FEEDBACK     /* abuse and authentication failure (RFC 5965) */
};
const char *message_report_name(enum message_report kind); /* "none", "delivery", … */

/* By the structure, not by the sender: multipart/report whose report-type and part agree. TEMP at
 * the arena's cap. */
enum result message_report_read(struct arena *arena, const struct message *message,
                                enum message_report *out, struct error *error) must_check;

/* Reads a delivery report: reporting_mta, arrival, envelope_id, header (of the message returned)
 * and recipients, of which `final` has no type and no angle brackets any more. NONE: it is none. A
 * recipient without a Final-Recipient or an Action that is known is passed over. */
enum result dsn_read(struct arena *arena, const struct message *message, struct dsn *out,
                     struct error *error) must_check;

#endif
