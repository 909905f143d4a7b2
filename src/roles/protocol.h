/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * protocol: what the roles say to each other, as structs and their payloads.
 *
 * Writers append to a buf; readers take a payload of a hostile peer and say false if it is not exactly
 * what it should be (nothing left over, every count bounded). Slices read point into the payload.
 */
#ifndef VOUCH_ROLES_PROTOCOL_H
#define VOUCH_ROLES_PROTOCOL_H

#include "deliver/mail_folder.h"
#include "deliver/recipients.h"
#include "os/ipc.h"
#include "outbound/send.h"

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
    /* edge -> keys, edge -> auth: one step of a SASL exchange */
    KEYS_SASL,
    /* courier -> keys */
    KEYS_CREDENTIALS,     /* user and password of a route */
    /* edge -> store */
    STORE_COUNT,          /* counters read and added to, several at once */
    STORE_HOLD,           /* an account looks stolen */
    STORE_OWNER,          /* does an address lead to this account's mailbox alone? */
    STORE_MODEL,          /* a model of the filter by its name: a descriptor, if there is one (models.h) */
    TRAIN_WORK,           /* roles/train.h */
    TRAIN_FEATURES,
    /* store -> courier */
    COURIER_SEND,         /* outbound/send.h */
    /* a command -> store, on the control socket */
    CONTROL_COMMAND,
};

enum role_kind { ROLE_MASTER, ROLE_EDGE, ROLE_STORE, ROLE_COURIER, ROLE_KEYS, ROLE_AUTH, ROLE_KINDS };
const char *role_kind_name(enum role_kind kind);
bool role_kind_parse(const char *name, enum role_kind *out);

enum {
    PROTOCOL_RECIPIENTS_MAX = 1000,
    PROTOCOL_INLINE_MAX = 96 * 1024,
    PROTOCOL_FINGERPRINT_SIZE = 32,
    PROTOCOL_COUNTED_MAX = 10,
    PROTOCOL_COUNTS_MAX = 32
};

/* An SMTP reply that one role gives for another to say. */
struct protocol_reply {
    unsigned code;
    struct bytes enhanced, text;
};
void protocol_add_reply(struct buf *out, const struct protocol_reply *reply);
struct protocol_reply protocol_take_reply(struct cursor *cursor);

/* STORE_RECIPIENT: may this recipient get mail? */
enum recipient_kind {
    RECIPIENT_KIND_LOCAL,       /* mailboxes of ours only */
    RECIPIENT_KIND_FORWARD,     /* an alias of ours that leads (also) elsewhere */
    RECIPIENT_KIND_RELAY,       /* a domain that we are backup MX for */
    RECIPIENT_KIND_LIST,        /* a mailing list of ours */
    RECIPIENT_KIND_REMOTE,      /* elsewhere: only for who may submit */
    RECIPIENT_KINDS
};
struct recipient_question {
    struct bytes sender;        /* MAIL FROM, for the LMTP server that is asked */
    struct bytes local, domain; /* as smtp_recipient has them */
    uint64_t size;              /* declared; 0: unknown */
    bool submitted;             /* by an account or machine of ours: it may send anywhere */
};
struct recipient_answer {
    struct protocol_reply reply; /* 250, or the refusal */
    struct bytes policy;         /* name of the policy section */
    bool exempt;
    bool trap;                   /* nobody: what comes here is taken, learned from and thrown away */
    enum recipient_kind kind;
    struct bytes list;           /* RECIPIENT_KIND_LIST: name of the section */
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
    struct bytes outcome;       /* what senders are remembered for (known.h), or empty */
};
void ledger_record_write(struct buf *out, const struct ledger_record *record);
bool ledger_record_take(struct cursor *cursor, struct arena *arena, struct ledger_record *record);

enum delivery_place {
    DELIVER_MAILBOX,
    DELIVER_QUARANTINE,
    DELIVER_NOWHERE             /* its recipients are traps: it is learned as spam, and thrown away */
};

/* How far a message's return path is known (no error mail is ever sent to a stranger). */
enum delivery_origin {
    ORIGIN_STRANGER,            /* not at all: what leaves us is answered 250 only once the next hop took it */
    ORIGIN_VERIFIED,            /* SPF passed for it, or an aligned DKIM signature */
    ORIGIN_OURS,                /* an account or machine of ours submitted it */
    ORIGINS
};

struct delivery_recipient {
    struct bytes mailbox;       /* as given: "local@domain" */
    struct bytes local, domain;
    bool elsewhere;             /* it is no recipient of ours, and may be relayed to */
    unsigned notify;            /* of enum smtp_notify; 0: not asked */
    struct bytes original;      /* ORCPT with its type, "rfc822;…", or empty */
};

/* STORE_DELIVER: the message with everything that is to be known of it. */
struct delivery_request {
    struct bytes sender;
    bool smtputf8;              /* it came with SMTPUTF8 (rfc6531:3.4) */
    enum delivery_place place;
    enum mail_folder folder;    /* DELIVER_MAILBOX */
    struct bytes fingerprint;   /* 32 octets, of client, envelope, Message-ID and body: tells a retry */
    int64_t patience;           /* microseconds until the edge gives up waiting */
    struct delivery_recipient *recipients;
    size_t recipient_count;
    struct bytes prefix;        /* header fields to stand before the message */
    /* For copies that leave us: */
    enum delivery_origin origin;
    struct bytes account;       /* that submitted it, or empty */
    struct bytes remote_sender; /* MAIL FROM for the next hop (SRS, BATV, a list's own) */
    struct bytes remote_prefix; /* header fields for the next hop */
    struct bytes list;          /* name of the list section that it goes to, or empty */
    struct bytes author;        /* of the message, if authenticated; else empty */
    struct bytes envelope_id;
    bool return_full, return_headers, require_tls, tls_optional;
    struct bytes submitter;     /* purported responsible address, or empty */
    bool in_descriptor;         /* the message is in the descriptor that came along */
    struct bytes content;       /* else here */
    struct ledger_record record;
};
/* What is not handed on to others. */
static inline bool delivery_is_junk(const struct delivery_request *request)
{
    return request->place == DELIVER_QUARANTINE || request->folder == FOLDER_JUNK;
}
struct delivery_answer {
    struct protocol_reply reply;
    struct bytes summary;       /* for the log: "alice@example.org=delivered …" */
};
void delivery_request_write(struct buf *out, const struct delivery_request *request);
bool delivery_request_read(struct bytes payload, struct arena *arena,
                           struct delivery_request *request);
void delivery_answer_write(struct buf *out, const struct delivery_answer *answer);
bool delivery_answer_read(struct bytes payload, struct delivery_answer *answer);

/*
 * STORE_COUNT: counters. Keys are digests (PROTOCOL_FINGERPRINT_SIZE octets) made by the edge. ADD adds and
 * says what the value is then; GET only says it; FIRST gives it the value `delta` if it has none, and says
 * which it has; DISTINCT adds 1 to `key` if `member` was not seen within
 * the window, and says how many different ones there are. The answer: one u64 for each.
 * If an ADD or DISTINCT with `most` would come to more, nothing of the question is counted, and the answer is
 * what it would have come to: attempts that are refused do not count, nor fill the store with members.
 */
enum count_kind { COUNT_GET, COUNT_ADD, COUNT_FIRST, COUNT_DISTINCT, COUNT_KINDS };
struct count_item {
    enum count_kind kind;
    struct bytes key, member;
    uint64_t delta;
    int64_t window;             /* microseconds from the first */
    uint64_t most;              /* 0: no limit */
};
struct count_question {
    struct count_item items[PROTOCOL_COUNTS_MAX];
    size_t count;
};
void count_question_write(struct buf *out, const struct count_question *question);
bool count_question_read(struct bytes payload, struct count_question *question);
void count_answer_write(struct buf *out, const uint64_t *values, size_t count);
bool count_answer_read(struct bytes payload, uint64_t *values, size_t count);

/* STORE_HOLD: the account is held from now on, and postmaster told why (once). No reason: is it held? With
 * `tell_only` postmaster is told (once a day), and nothing else. The answer is a u8: whether it is held now,
 * and a u64: when it was released last (account_key.h). */
struct hold_question {
    struct bytes account, reason;
    bool tell_only;
};
void hold_question_write(struct buf *out, const struct hold_question *question);
bool hold_question_read(struct bytes payload, struct hold_question *question);

/* STORE_OWNER: the answer is a u8: whether mail to `address` comes to the account's mailbox alone; or, with a
 * list, whether the author `address` may write to it. */
struct owner_question {
    struct bytes account, address;
    struct bytes list;          /* name of a list section, or empty */
};
void owner_question_write(struct buf *out, const struct owner_question *question);
bool owner_question_read(struct bytes payload, struct owner_question *question);

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

/* COURIER_SEND: the content is in the payload, or in the descriptor that came along. */
void send_request_write(struct buf *out, const struct send_request *request, bool in_descriptor);
bool send_request_read(struct bytes payload, struct arena *arena, struct send_request *request,
                       bool *in_descriptor);
void send_answer_write(struct buf *out, const struct send_answer *answer, size_t recipient_count);
bool send_answer_read(struct bytes payload, struct arena *arena, size_t recipient_count,
                      struct send_answer *answer);

#endif
