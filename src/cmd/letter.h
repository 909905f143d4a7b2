/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * letter: a message as programs hand it to sendmail, made fit for submission (rfc6409:8).
 *
 * Pure: no clock, no environment. Memory is the arena's; slices may point into the input. PERM with a
 * sentence where it cannot be sent; TEMP at the arena's cap.
 */
#ifndef VOUCH_CMD_LETTER_H
#define VOUCH_CMD_LETTER_H

#include "base/arena.h"
#include "base/buf.h"

enum { LETTER_RECIPIENTS_MAX = 2000 };

struct letter_sender {
    struct bytes address;    /* local@domain of who calls us */
    struct bytes full_name;  /* may be empty; UTF-8 or anything */
    struct bytes domain;     /* for addresses without one */
    struct bytes message_id; /* without brackets */
    int64_t now;             /* epoch seconds */
    int zone;                /* minutes east of UTC */
};

struct letter {
    struct bytes header;     /* with the empty line; CRLF */
    struct bytes body;
    struct bytes *recipients; /* of the header, local@domain; only where they were asked for */
    size_t recipient_count;
};

/*
 * `raw` has CRLF line ends. Adds From, Date and Message-ID where they are missing, takes out Bcc, and
 * completes addresses that have no domain ("From: root (Cron Daemon)"). With `take_recipients`: those
 * of To, Cc and Bcc, or where there are Resent- fields, of those (rfc5322:3.6.6).
 */
enum result letter_prepare(struct arena *arena, struct bytes raw, const struct letter_sender *sender,
                           bool take_recipients, struct letter *out, struct error *error) must_check;

/* Adds the addresses of a list as an address field or a command line has it. */
enum result letter_add_recipients(struct arena *arena, struct bytes list, struct bytes domain,
                                  struct letter *letter, struct error *error) must_check;

/* Writes an address list with "@domain" behind each address that has none. For lists that are no
 * proper ones anyhow; what it does not understand stays as it is. */
void letter_qualify(struct buf *out, struct bytes list, struct bytes domain);

/* What of a program's output is the message: up to a line with a dot alone, if that ends it. */
struct bytes letter_cut_at_dot(struct bytes text);

#endif
