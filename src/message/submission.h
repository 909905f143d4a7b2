/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * submission: what is mended in a message that a user of ours submits (rfc6409:8), and what is
 * refused. Relayed mail is never treated so.
 *
 * Mended: a missing (or empty) Date and Message-ID are added; Bcc and Resent-Bcc are removed
 * (rfc5322:3.6.3), and so are Return-Path, Delivered-To and what looks as if we had written it
 * (message/look_alike.h); Sender is set where asked for; header lines of more than 998 octets are
 * folded at their blanks. An empty To or a missing one stays as it is: RFC 5322 wants no recipient
 * field. All other fields and the body keep their octets.
 *
 * Refused: no From field, several, one that cannot be read or has no address; several Sender
 * fields; NUL, or CR and LF other than as CRLF; a header line that is too long and has no blank.
 */
#ifndef VOUCH_MESSAGE_SUBMISSION_H
#define VOUCH_MESSAGE_SUBMISSION_H

#include "base/buf.h"
#include "message/from_field.h"
#include "message/look_alike.h"

struct submission_options {
    struct bytes id;     /* left of the "@" of a Message-ID that is added: unique */
    struct bytes host;   /* right of it */
    int64_t date;        /* epoch */
    int zone;            /* minutes east of UTC */
    struct bytes sender; /* the account's address; empty: there is none */
    bool set_sender;     /* a Sender field with it replaces the one that is there */
    struct look_alike_rules
        look_alikes; /* what is said there about final delivery does not matter */
};

enum submission_change {
    SUBMISSION_DATE = 1 << 0,       /* added */
    SUBMISSION_MESSAGE_ID = 1 << 1, /* added */
    SUBMISSION_SENDER = 1 << 2, /* set, or added since there are several authors (rfc5322:3.6.2) */
    SUBMISSION_BCC = 1 << 3,    /* removed */
    SUBMISSION_LOOK_ALIKE = 1 << 4, /* removed */
    SUBMISSION_FOLDED = 1 << 5      /* lines of the header */
};
const char *submission_change_text(enum submission_change change); /* "Date added", … */

enum submission_note {
    SUBMISSION_HEADER_8BIT = 1 << 0, /* it may only be sent on with SMTPUTF8 (rfc6531:3.6) */
    SUBMISSION_BODY_8BIT = 1 << 1,
    SUBMISSION_LONG_LINES = 1 << 2, /* in the body: message/seven_bit.h mends them */
    SUBMISSION_DUPLICATES = 1 << 3, /* a field that may stand once stands twice (rfc5322:3.6) */
    SUBMISSION_MALFORMED = 1 << 4   /* a line in the header is no field: the body begins there */
};

struct submission {
    unsigned changes; /* of enum submission_change */
    unsigned notes;   /* of enum submission_note */
    struct from_field from;
    struct look_alikes removed;
    struct bytes
        message_id;       /* with its angle brackets, as it will be; may be odd if it was theirs */
    const char *enhanced; /* with PERM: the code for the reply, "5.6.0" */
};

/* Says what is to be changed. PERM: refused, the error is what to tell the user (550, with
 * `enhanced`). TEMP: the arena's cap. The options are needed again for writing. */
enum result submission_check(struct arena *arena, const struct message *message,
                             const struct submission_options *options, struct submission *out,
                             struct error *error) must_check;

/* Appends the header, its empty line included; new fields come first. */
void submission_write_header(struct buf *out, const struct message *message,
                             const struct submission_options *options,
                             const struct submission *submission);
/* The same and the body. */
void submission_write(struct buf *out, const struct message *message,
                      const struct submission_options *options,
                      const struct submission *submission);

#endif
