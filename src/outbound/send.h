/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * send: one message to one destination, as the store asks the courier for it, and what came of it.
 *
 * Plain structs: roles/protocol.h carries them between the two processes, outbound/deliver.h does the
 * work. Slices are the caller's.
 */
#ifndef VOUCH_OUTBOUND_SEND_H
#define VOUCH_OUTBOUND_SEND_H

#include "base/arena.h"

enum { SEND_RECIPIENTS_MAX = 1000, SEND_EVENTS_MAX = 20 };

struct send_recipient {
    struct bytes address;     /* local@domain, as MAIL and RCPT have it, without brackets */
    unsigned notify;          /* of enum smtp_notify (smtp/server.h); 0: none asked for */
    struct bytes original;    /* ORCPT with its type, "rfc822;…", decoded; empty: none */
};

/* The MTA-STS policy of the request's domain (rfc8461:10.2: it must outlive who fetched it). */
struct send_policy {
    struct bytes id;          /* of the record under which it was fetched; may be empty */
    struct bytes text;        /* lines joined by LF; empty: there is none */
    int64_t expires_at;       /* seconds since 1970 */
};

struct send_request {
    struct bytes domain;      /* where it goes: lower case, A-labels; or "[192.0.2.1]" */
    struct bytes sender;      /* MAIL FROM; empty: <> */
    struct send_recipient *recipients;
    size_t recipient_count;
    struct bytes envelope_id; /* ENVID, decoded; empty: none */
    bool return_full, return_headers; /* RET= */
    bool smtputf8;            /* it came with SMTPUTF8: needed if an address or the header is not ASCII */
    bool require_tls;         /* rfc8689 */
    bool tls_optional;        /* TLS-Required: No (rfc8689:5): delivery before security */
    struct bytes submitter;   /* purported responsible address (rfc4405); empty: none */
    bool fallback;            /* by the fallback relay: an earlier attempt failed */
    bool verify_only;         /* RCPT, then RSET: are the recipients welcome? There is no content */
    struct send_policy policy; /* what is known of earlier couriers */
    int64_t patience;         /* microseconds in which an answer is of use */
    struct bytes content;     /* lines end in CRLF */
};

enum send_status {
    SEND_ANSWERED,     /* the replies are the servers' own words to each recipient */
    SEND_BUSY,         /* 421, or 4xx before any recipient: there is too much of us now */
    SEND_UNREACHABLE,  /* no server answers: DNS, connection, time-out. All replies say so */
    SEND_INSECURE,     /* no server is secure enough (DANE, MTA-STS, REQUIRETLS, route): as above */
    SEND_STATUSES
};

struct send_reply {
    unsigned code;            /* 2xx, 4xx, 5xx; never 0 */
    struct bytes enhanced;    /* "5.1.1"; may be empty in what servers say */
    struct bytes text;        /* printable ASCII or UTF-8 without control characters */
    bool local;               /* our own finding, not a server's words (rfc3464:2.3.6) */
    bool relayed_without_dsn; /* taken by a server that does not know DSN (rfc3461:5.2.2) */
};

/* What TLSRPT counts (rfc8460:4.3): a session with a host under a policy. */
struct send_event {
    struct bytes policy_type; /* "tlsa", "sts", "no-policy-found" */
    struct bytes policy_domain, policy_text; /* the policy as applied: lines joined by LF */
    struct bytes host;        /* of the MX */
    struct bytes address;     /* its address as text; may be empty */
    struct bytes result;      /* result type of rfc8460:4.3, or empty: success */
    struct bytes reason;      /* failure-reason-code: ours */
};

struct send_answer {
    enum send_status status;
    struct send_reply *replies; /* one a recipient, in their order */
    struct bytes host;        /* who answered: "mx.example.org", may be empty */
    struct bytes address;     /* "192.0.2.1:25", may be empty */
    struct bytes tls;         /* "TLSv1.3", empty: not encrypted */
    struct bytes security;    /* "dane", "mta-sts", "verified", "opportunistic", "none" */
    struct send_policy policy; /* if it was fetched just now: to be kept for the couriers to come */
    struct send_event *events;
    size_t event_count;
};

#endif
