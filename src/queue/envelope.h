/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * envelope: what the queue knows of a message besides its content, and how that is written down.
 *
 * The written form is compact (variable-length numbers, empty fields cost one octet) and begins with
 * a version. It is read as hostile: a damaged disk gives PERM, never a wrong access or an endless
 * loop. Slices of an envelope that was read point into the octets it was read from; the array of
 * recipients lies in the arena.
 */
#ifndef VOUCH_QUEUE_ENVELOPE_H
#define VOUCH_QUEUE_ENVELOPE_H

#include "base/arena.h"
#include "base/buf.h"

enum {
    QUEUE_RECIPIENTS_MAX = 50000,     /* of one message */
    QUEUE_ENVELOPE_MAX = 32 << 20,    /* octets as written */
    QUEUE_ID_MAX = 64
};

/* Who may be told that a message did not arrive. */
enum queue_origin {
    QUEUE_ORIGIN_STRANGER, /* nobody vouches for the return path: nothing is ever sent to it */
    QUEUE_ORIGIN_VERIFIED, /* SPF or aligned DKIM passed for the return path */
    QUEUE_ORIGIN_OURS,     /* an account or a host of ours sent it, or we made it ourselves */
    QUEUE_ORIGINS
};

/* What became of a message for a recipient whose sender wants to hear of success. */
enum queue_success {
    QUEUE_RELAYED,         /* it went where no notification comes from */
    QUEUE_DELIVERED,       /* it is in the mailbox, or with the list */
    QUEUE_EXPANDED,        /* the address stands for several, to which it went on */
    QUEUE_SUCCESSES
};

struct queue_recipient {
    struct bytes address;      /* local@domain */
    unsigned notify;           /* of enum smtp_notify (smtp/server.h); 0: none asked for */
    struct bytes original;     /* ORCPT with its type, "rfc822;...", decoded; empty: none */
    uint32_t attempts;
    int64_t next_try;          /* epoch seconds; 0: at once */
    unsigned code;             /* of the last reply; 0: not tried yet */
    struct bytes enhanced;     /* "4.2.1" */
    struct bytes text;         /* of the last reply or our own finding */
    struct bytes host;         /* who said it; empty: ourselves */
    int64_t tried_at;          /* epoch seconds of the last attempt; 0: not tried yet */
    bool delay_told;           /* a warning of the delay was sent */
    bool bounce_wanted;        /* it failed for good, and the report has not been queued yet */
    bool relayed;              /* it arrived, and a report of success has not been queued yet */
    enum queue_success success; /* … which one */
    bool expired;              /* given up for its age: the last reply was a temporary one */
};

struct queue_envelope {
    struct bytes id;           /* 1 to QUEUE_ID_MAX letters and digits */
    int64_t queued_at;         /* epoch seconds */
    int64_t expires_at;        /* epoch seconds */
    struct bytes sender;       /* MAIL FROM; empty: <> */
    struct bytes account;      /* who submitted it; empty: nobody's */
    enum queue_origin origin;
    struct bytes envelope_id;  /* ENVID, decoded */
    bool return_full, return_headers; /* RET= */
    bool smtputf8;
    bool eight_bit;            /* the content is not 7bit */
    bool require_tls;          /* rfc8689 */
    bool tls_optional;         /* TLS-Required: No */
    bool verp;                 /* a list's: each recipient gets it with a return path of his own (VERP) */
    bool held;
    struct bytes submitter;    /* rfc4405 */
    struct bytes held_reason;
    uint64_t size;             /* octets of content: set by the queue */
    struct queue_recipient *recipients; /* those that are not done */
    size_t recipient_count;
};

/* 1 to QUEUE_ID_MAX letters and digits of ASCII. */
bool queue_id_is_valid(struct bytes id);

/* Appends the written form. A field over QUEUE_ENVELOPE_MAX or a bad id shows as out->failed. */
void queue_envelope_write(struct buf *out, const struct queue_envelope *envelope);
/* PERM: it is not one, or damaged. TEMP: the arena is full. `size` is not in it and stays 0. */
enum result queue_envelope_read(struct arena *arena, struct bytes written,
                                struct queue_envelope *envelope, struct error *error) must_check;
/* Everything but the recipients and without an arena (recipients is NULL, recipient_count right):
 * for going through a million. */
enum result queue_envelope_peek(struct bytes written, struct queue_envelope *envelope) must_check;

#endif
