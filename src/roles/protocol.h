/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * protocol: what the roles say to each other, as structs and their payloads.
 *
 * Writers append to a buf; readers take a payload of a hostile peer and say false if it is not exactly
 * what it should be (nothing left over, every count bounded). Slices read point into the payload.
 */
#ifndef VOUCH_ROLES_PROTOCOL_H
#define VOUCH_ROLES_PROTOCOL_H

#include "deliver/recipients.h"
#include "os/ipc.h"

enum protocol_type {
    /* master -> role, on the control channel */
    CONTROL_LISTENER = 1, /* u32 index into config.listeners; one descriptor */
    CONTROL_PEER,         /* u8 role, u32 its index; one descriptor: a channel to that role */
    CONTROL_START,        /* all descriptors of the start are there: close the sandbox, begin */
    CONTROL_STOP,         /* finish what is under way, then exit */
    CONTROL_RELOAD,       /* read configuration and files anew */
    /* role -> master */
    CONTROL_READY,        /* the sandbox is closed and work begins */
    /* edge -> store */
    STORE_RECIPIENT,
    STORE_DELIVER,
    STORE_RECORD,         /* a ledger record alone; no reply */
    STORE_ATTEMPT,
    /* store -> courier */
    COURIER_VERIFY,
    COURIER_DELIVER,
    /* edge -> keys (roles/keys_protocol.h) */
    KEYS_SELECTORS,       /* which keys sign for a domain */
    KEYS_SIGN,            /* signatures over hashes */
    KEYS_ADDRESS,         /* a return path made or taken apart with our secrets */
};

enum role_kind { ROLE_MASTER, ROLE_EDGE, ROLE_STORE, ROLE_COURIER, ROLE_KEYS, ROLE_KINDS };
const char *role_kind_name(enum role_kind kind);
bool role_kind_parse(const char *name, enum role_kind *out);

enum {
    PROTOCOL_RECIPIENTS_MAX = 1000,
    PROTOCOL_INLINE_MAX = 96 * 1024,
    PROTOCOL_FINGERPRINT_SIZE = 32,
    PROTOCOL_COUNTED_MAX = 10
};

/* An SMTP reply that one role gives for another to say. */
struct protocol_reply {
    unsigned code;
    struct bytes enhanced, text;
};
void protocol_add_reply(struct buf *out, const struct protocol_reply *reply);
struct protocol_reply protocol_take_reply(struct cursor *cursor);

/* STORE_RECIPIENT: may this recipient get mail? */
struct recipient_question {
    struct bytes sender;        /* MAIL FROM, for the LMTP server that is asked */
    struct bytes local, domain; /* as smtp_recipient has them */
    uint64_t size;              /* declared; 0: unknown */
};
struct recipient_answer {
    struct protocol_reply reply; /* 250, or the refusal */
    struct bytes policy;         /* name of the policy section */
    bool exempt;
};
void recipient_question_write(struct buf *out, const struct recipient_question *question);
bool recipient_question_read(struct bytes payload, struct recipient_question *question);
void recipient_answer_write(struct buf *out, const struct recipient_answer *answer);
bool recipient_answer_read(struct bytes payload, struct recipient_answer *answer);

/* What the ledger gets to know (state/ledger.h: struct ledger_entry without `delivery`). */
struct ledger_record {
    struct bytes id;            /* up to 64 letters and digits */
    int64_t received_at;
    struct bytes client, sender, header_from;
    struct bytes action, trust;
    unsigned code;
    struct bytes policy, evidence, verdict;
    struct bytes *recipients;   /* in the arena given to the reader */
    size_t recipient_count;
    struct bytes *counted;      /* keys to count, PROTOCOL_FINGERPRINT_SIZE octets each */
    size_t counted_count;       /* at most PROTOCOL_COUNTED_MAX */
};
void ledger_record_write(struct buf *out, const struct ledger_record *record);
bool ledger_record_take(struct cursor *cursor, struct arena *arena, struct ledger_record *record);

enum delivery_place { DELIVER_INBOX, DELIVER_JUNK, DELIVER_QUARANTINE };

struct delivery_recipient {
    struct bytes mailbox;       /* as given: "local@domain" */
    struct bytes local, domain;
};

/* STORE_DELIVER: the message with everything that is to be known of it. */
struct delivery_request {
    struct bytes sender;
    bool smtputf8;              /* it came with SMTPUTF8 (rfc6531:3.4) */
    enum delivery_place place;
    struct bytes fingerprint;   /* 32 octets, of client, envelope, Message-ID and body: tells a retry */
    int64_t patience;           /* microseconds until the edge gives up waiting */
    struct delivery_recipient *recipients;
    size_t recipient_count;
    struct bytes prefix;        /* header fields to stand before the message */
    bool in_descriptor;         /* the message is in the descriptor that came along */
    struct bytes content;       /* else here */
    struct ledger_record record;
};
struct delivery_answer {
    struct protocol_reply reply;
    struct bytes summary;       /* for the log: "alice@example.org=delivered …" */
};
void delivery_request_write(struct buf *out, const struct delivery_request *request);
bool delivery_request_read(struct bytes payload, struct arena *arena,
                           struct delivery_request *request);
void delivery_answer_write(struct buf *out, const struct delivery_answer *answer);
bool delivery_answer_read(struct bytes payload, struct delivery_answer *answer);

/* STORE_ATTEMPT: counts this temporary refusal; the answer is a u64, how many there were before. */
struct attempt_question {
    struct bytes key;           /* network, sender, recipient: hashed by the edge */
    int64_t window;             /* microseconds in which attempts count */
};
void attempt_question_write(struct buf *out, const struct attempt_question *question);
bool attempt_question_read(struct bytes payload, struct attempt_question *question);

/* COURIER_VERIFY (no content) and COURIER_DELIVER: LMTP to one endpoint. */
struct courier_request {
    struct config_endpoint endpoint; /* path in the arena */
    struct bytes sender;
    bool smtputf8;              /* the message came with SMTPUTF8 */
    struct bytes *recipients;
    size_t recipient_count;
    bool in_descriptor;
    struct bytes content;
};
bool endpoint_equal(const struct config_endpoint *a, const struct config_endpoint *b);
void courier_request_write(struct buf *out, const struct courier_request *request);
bool courier_request_read(struct bytes payload, struct arena *arena, struct courier_request *request);
/* The answer: one reply a recipient. */
void courier_answer_write(struct buf *out, const struct protocol_reply *replies, size_t count);
bool courier_answer_read(struct bytes payload, struct protocol_reply *replies, size_t count);

#endif
