/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server: the receiving side of one SMTP connection (RFC 5321 and its extensions): protocol, limits
 * and time-outs, and no policy. Who may send what to whom is decided by the handler's functions,
 * which run on the session's fiber and may wait.
 *
 * Memory: the session's arena lives as long as the connection, the transaction's from MAIL to the
 * reply after the data (or RSET). Slices in a transaction live in the transaction's arena.
 */
#ifndef VOUCH_SMTP_SERVER_H
#define VOUCH_SMTP_SERVER_H

#include "base/arena.h"
#include "base/ip.h"
#include "fiber/stream.h"
#include "smtp/content.h"
#include "tls/tls.h"

/* A reply to be. `enhanced` is "" for those that have none (220, 250 EHLO, 354). Long texts are cut
 * into several lines by the writer; control characters and non-ASCII never leave. */
struct smtp_reply {
    unsigned code;
    char enhanced[12]; /* "5.7.26" */
    struct bytes text; /* in any arena that outlives the call */
    bool close;        /* end the connection after it (421, 554 at connect) */
};
void smtp_reply_set(struct smtp_reply *reply, struct arena *arena, unsigned code,
                    const char *enhanced, const char *format, ...) printf_like(5, 6);

/* Whether it counts against the client: all that is refused for good, and what is refused for now because of
 * him. What we cannot do just now (x.3, x.4), do not want to do yet (x.7), or ask for in another transaction
 * (4.5.3) is no fault of his, nor is the end of the service (421). */
bool smtp_reply_is_error(const struct smtp_reply *reply);

enum smtp_body { SMTP_BODY_7BIT, SMTP_BODY_8BITMIME, SMTP_BODY_BINARYMIME };
enum smtp_notify {
    SMTP_NOTIFY_NEVER = 1,
    SMTP_NOTIFY_SUCCESS = 2,
    SMTP_NOTIFY_FAILURE = 4,
    SMTP_NOTIFY_DELAY = 8
};

struct smtp_recipient {
    struct bytes mailbox;   /* "local@domain" as given, "postmaster" alone stays so */
    struct bytes local;     /* as given, quotes and quoted pairs removed */
    struct bytes domain;    /* as given; empty for a bare postmaster; with brackets if a literal */
    unsigned notify;        /* of enum smtp_notify; 0 if not given */
    struct bytes original;  /* ORCPT, decoded address part, or empty */
    struct bytes original_type; /* "rfc822" */
    void *context;          /* the handler's */
};

struct smtp_transaction {
    struct arena *arena;
    struct bytes sender;        /* mailbox; empty for <> */
    struct bytes sender_local, sender_domain;
    uint64_t declared_size;     /* SIZE=, 0 if not given */
    enum smtp_body body;
    bool smtputf8;
    bool null_auth;             /* AUTH=<> or none */
    struct bytes auth;          /* AUTH=, decoded (rfc4954:5), or empty */
    struct bytes envelope_id;   /* ENVID, decoded */
    bool return_full, return_headers; /* RET= */
    bool require_tls;           /* rfc8689 */
    bool submitter_given;
    struct bytes submitter;     /* SUBMITTER=, the decoded mailbox (rfc4405:4), or empty */
    struct bytes submitter_local, submitter_domain; /* quotes removed from the local part */
    struct smtp_recipient *recipients;
    size_t recipient_count;
    struct bytes content;       /* at message(): the data, dot-unstuffed, all lines CRLF */
    int content_fd;             /* a memfd with the same octets when it was large, else -1 */
    bool bare_line_ends;        /* bare CR or LF stood in the data and were normalised */
    bool chunked;               /* came by BDAT */
    void *context;              /* the handler's */
};

struct smtp_session {
    struct arena *arena;
    struct stream *stream;
    struct ip client;          /* after PROXY */
    uint16_t client_port;
    struct ip local;
    uint16_t local_port;
    struct ip proxy;           /* family 0 without PROXY protocol */
    struct bytes helo;         /* as given; empty before HELO/EHLO */
    bool esmtp;                /* EHLO */
    bool tls;
    struct bytes tls_version, tls_cipher; /* "TLSv1.3", "TLS_AES_256_GCM_SHA384" */
    struct bytes tls_server_name;         /* SNI, or empty */
    bool tls_client_verified;  /* its certificate leads to an authority of ours (tls_client_names()) */
    bool submission;           /* as the server's */
    const void *owner;         /* as the server's */
    struct bytes account;      /* who authenticated himself (rfc4954); empty: nobody */
    struct bytes auth_mechanism;
    int64_t started_at;
    /* Behaviour: evidence for the handler. */
    bool early_talker;         /* spoke before the greeting */
    bool illegal_pipelining;   /* sent on without waiting where RFC 2920 forbids it */
    bool lenient_syntax;       /* used a form that only the lenient switch accepts */
    bool helo_changed;         /* gave another name in a later HELO or EHLO */
    unsigned errors;           /* refusals that are the client's own fault (smtp_reply_is_error()) */
    unsigned bad_commands, junk_commands, rejected_recipients, messages;
    struct smtp_transaction *transaction; /* NULL outside */
    void *context;             /* the handler's */
};

/*
 * An AUTH under way (rfc4954:4). The handler runs the whole exchange. To let the client in it sets
 * `account` and a reply of 235; anything else leaves the session as it was.
 */
struct smtp_auth {
    struct bytes mechanism;    /* one of those offered, upper case */
    bool initial_present;      /* an initial response came, which may be empty */
    struct bytes initial;      /* decoded; valid until the first challenge */
    struct bytes account;      /* set by the handler; copied when it returns */
};
/*
 * Sends a challenge and waits for the response, which is decoded into *response: valid until the next
 * challenge or the end, and wiped then. NONE: the client has cancelled; PERM: its response was no base64
 * or too long; TEMP: it is gone or took too long. After any of these the handler just returns: the reply
 * is not its own.
 */
enum result smtp_auth_challenge(struct smtp_auth *auth, struct bytes challenge,
                                struct bytes *response, struct error *error) must_check;

/* Each function finds *reply preset to the positive reply and changes it to refuse. NULL: not asked. */
struct smtp_handler {
    void *context; /* passed to all */
    void (*connected)(void *context, struct smtp_session *session, struct smtp_reply *reply);
    void (*hello)(void *context, struct smtp_session *session, struct smtp_reply *reply);
    /* Here *reply is preset to 454 4.7.0. NULL: AUTH is not offered. */
    void (*auth)(void *context, struct smtp_session *session, struct smtp_auth *auth,
                 struct smtp_reply *reply);
    /* Who has authenticated himself is a stranger again: TLS has begun after AUTH (rfc3207:4.2). */
    void (*forget)(void *context, struct smtp_session *session);
    void (*mail)(void *context, struct smtp_session *session, struct smtp_reply *reply);
    /* The recipient is the last of the transaction's; it is taken off again unless the reply is
     * 2xx. The array may move with the next RCPT: keep its index, not its address. */
    void (*recipient)(void *context, struct smtp_session *session, struct smtp_recipient *recipient,
                      struct smtp_reply *reply);
    void (*data)(void *context, struct smtp_session *session, struct smtp_reply *reply);
    /* The whole message is there. Runs on a fiber of its own. Bounded by limits.finish_timeout,
     * after which *reply becomes 451 and the handler is cancelled (waits return ECANCELED); one
     * that knows that the message was taken all the same may still set a positive reply. */
    void (*message)(void *context, struct smtp_session *session, struct smtp_reply *reply);
    /* The message was refused before message() was asked: too large, bare line ends, a loop … */
    void (*refused)(void *context, struct smtp_session *session, const struct smtp_reply *reply);
    void (*reset)(void *context, struct smtp_session *session); /* the transaction ends, however */
    /* Always, also when PROXY header or TLS failed before connected() was asked. */
    void (*closed)(void *context, struct smtp_session *session, const char *why);
};

struct smtp_limits {
    uint64_t message_size;       /* octets */
    size_t recipients;
    size_t command_line;         /* 512 plus extensions */
    size_t text_line;            /* 64 KiB accepted */
    size_t memory_per_session;   /* arena cap without the content */
    size_t content_in_memory;    /* larger contents go to a memfd */
    unsigned bad_commands;       /* then 421 */
    unsigned junk_commands;      /* NOOP, RSET, HELP, VRFY, refused RCPT and messages …: then 421 */
    unsigned received_fields;    /* more is a loop: 554 5.4.6 */
    int64_t greeting_delay;      /* who talks within it is an early talker; microseconds */
    /* Within data_timeout the next piece of a message must come: all of it, or a kilobyte. */
    int64_t command_timeout, data_timeout, session_timeout, finish_timeout;
};

enum smtp_line_ends { SMTP_BARE_REJECT, SMTP_BARE_NORMALIZE };

struct smtp_server {
    const char *hostname;
    const char *greeting;        /* behind "hostname ESMTP "; may be "" */
    struct smtp_limits limits;
    struct smtp_content_room *content_room; /* of all servers of the process; NULL: no limit */
    struct tls_server *tls;      /* NULL: no STARTTLS */
    bool implicit_tls;
    bool proxy_protocol;         /* the first octets must be a PROXY header */
    bool lenient;                /* the forms real clients send: "MAIL FROM: <a@b>", no brackets */
    bool offer_dsn;              /* may be changed per session in connected() through the next field */
    bool offer_submitter;        /* the same: SUBMITTER (rfc4405) */
    /* The same: names with blanks between them; NULL or "": no AUTH. Of these are offered those that can
     * work: "-PLUS" needs a channel binding, EXTERNAL a client certificate that was verified. */
    const char *auth_mechanisms;
    bool auth_without_tls;       /* the same: passwords in the clear; for tests on loopback */
    bool require_auth;           /* the same: MAIL needs AUTH before */
    bool offer_requiretls;       /* the same: REQUIRETLS (rfc8689), where TLS is on */
    bool submission;             /* for own users; here it is only told to the handler */
    const void *owner;           /* whatever the handler knows the server by; it finds it in the session */
    enum smtp_line_ends bare_line_ends;
    struct smtp_handler handler;
    /* Becomes true at shutdown: 421 in place of the next reply. Cancelling the session's fiber does
     * the same at once for one that waits, while one that receives a message goes on to its end. */
    volatile bool *stopping;
};

/* Per-session switches that connected() may set from the client's address. */
struct smtp_session_options {
    bool offer_dsn;
    bool offer_submitter;
    const char *auth_mechanisms;
    bool auth_without_tls, require_auth, offer_requiretls;
    bool lenient;
    enum smtp_line_ends bare_line_ends;
    bool skip_greeting_delay;
    int64_t greeting_delay;      /* preset to the limits'; who is to wait costs a fiber that is idle */
    uint64_t message_size;
};
struct smtp_session_options *smtp_session_options(struct smtp_session *session);

/* Serves one connection until its end; takes over the stream and closes it. `client` and `local` are
 * the socket's ends (PROXY replaces them). */
void smtp_serve(const struct smtp_server *server, struct stream *stream, struct ip client,
                uint16_t client_port, struct ip local, uint16_t local_port);

#endif
