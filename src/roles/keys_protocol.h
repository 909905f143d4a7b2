/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keys_protocol: what edges ask the keys role, and its answers, as payloads.
 *
 * As in roles/protocol.h: writers append to a buf; readers take a payload of a hostile peer and say
 * false if it is not exactly what it should be. Slices read point into the payload.
 */
#ifndef VOUCH_ROLES_KEYS_PROTOCOL_H
#define VOUCH_ROLES_KEYS_PROTOCOL_H

#include "auth/dkim_signature.h"
#include "roles/protocol.h"

enum {
    KEYS_SASL_MECHANISM_MAX = 20,  /* rfc4422:3.1 */
    KEYS_SASL_DATA_MAX = 12288,    /* a line of the exchange is no longer (rfc4954:4) */
    KEYS_SASL_NAME_MAX = 512,
    KEYS_SASL_NAMES_MAX = 16,      /* in a client's certificate (tls/tls.h) */
    KEYS_SASL_SEND_AS_MAX = 256,   /* identity entries of an account (auth/identity.h) */
    KEYS_SASL_BINDING_MAX = 64,
    KEYS_CREDENTIAL_MAX = 1024
};
enum { KEYS_SELECTORS_MAX = 8, KEYS_HASH_SIZE = 32, KEYS_SIGNATURE_MAX = 512, KEYS_ADDRESS_MAX = 1024 };

/* KEYS_SELECTORS: a domain; the answer: the keys that sign for it (none: it has no active key). */
struct keys_selector {
    struct bytes selector;
    enum dkim_algorithm algorithm;
};
struct keys_selectors {
    struct keys_selector items[KEYS_SELECTORS_MAX];
    size_t count;
};
void keys_domain_write(struct buf *out, struct bytes domain);
bool keys_domain_read(struct bytes payload, struct bytes *domain);
void keys_selectors_write(struct buf *out, const struct keys_selectors *selectors);
bool keys_selectors_read(struct bytes payload, struct keys_selectors *selectors);

/* KEYS_SIGN: hashes, each to be signed by one key. The answer: a signature each; an empty one where
 * there is no such key any more. */
struct keys_sign_request {
    struct bytes domain;
    struct { struct bytes selector, hash; } items[KEYS_SELECTORS_MAX];
    size_t count;
};
struct keys_signatures {
    struct bytes items[KEYS_SELECTORS_MAX];
    size_t count;
};
void keys_sign_request_write(struct buf *out, const struct keys_sign_request *request);
bool keys_sign_request_read(struct bytes payload, struct keys_sign_request *request);
void keys_signatures_write(struct buf *out, const struct keys_signatures *signatures);
bool keys_signatures_read(struct bytes payload, struct keys_signatures *signatures);

/* KEYS_ADDRESS: a return path made or taken apart with our secrets. */
enum keys_codec { KEYS_SRS, KEYS_BATV, KEYS_SES, KEYS_CODECS };
struct keys_address_request {
    enum keys_codec codec;
    bool decode;
    struct bytes address; /* local@domain */
    int64_t now;          /* epoch seconds */
};
struct keys_address_answer {
    enum result result; /* OK: `text` is the address; NONE: not of this kind or not switched on;
                           else why not, in a sentence */
    struct bytes text;
};
void keys_address_request_write(struct buf *out, const struct keys_address_request *request);
bool keys_address_request_read(struct bytes payload, struct keys_address_request *request);
void keys_address_answer_write(struct buf *out, const struct keys_address_answer *answer);
bool keys_address_answer_read(struct bytes payload, struct keys_address_answer *answer);

/*
 * KEYS_SASL: one step of a SASL exchange, asked of the keys role (accounts of a file) or of the auth role
 * (PAM, Dovecot). A conversation belongs to the channel that began it, and ends with any answer that is no
 * KEYS_SASL_CHALLENGE. Payloads hold passwords: wipe what you copy (explicit_bzero).
 */
struct keys_sasl_question {
    uint64_t conversation;     /* 0: begin one; then mechanism … emails are read, later they are empty */
    bool abandon;              /* the client has cancelled or is gone: forget it (the answer is REFUSED) */
    struct bytes mechanism;    /* upper case */
    bool tls;
    struct bytes exporter;     /* "tls-exporter" (rfc9266), or empty: none */
    struct bytes end_point;    /* "tls-server-end-point" (rfc5929:4), or empty */
    struct bytes client;       /* address of the client, text */
    struct bytes local;        /* our end's, text */
    uint32_t client_port, local_port;
    struct bytes emails[KEYS_SASL_NAMES_MAX]; /* of the client's certificate, which was verified */
    size_t email_count;
    bool data_present;         /* the client sent data: false only at the begin, without initial response */
    struct bytes data;
};
enum keys_sasl_status {
    KEYS_SASL_DONE,      /* he is `account` */
    KEYS_SASL_CHALLENGE, /* `data` goes to the client, his answer comes with the next question */
    KEYS_SASL_REFUSED,   /* wrong name, password, proof or certificate: 535 5.7.8 */
    KEYS_SASL_MALFORMED, /* not what the mechanism demands: 501 5.5.2 */
    KEYS_SASL_TEMPORARY, /* too busy, or the accounts cannot be read now: 454 4.7.0 */
    KEYS_SASL_STATUSES
};
struct keys_sasl_answer {
    enum keys_sasl_status status;
    uint64_t conversation;     /* CHALLENGE: to be given back */
    struct bytes data;         /* CHALLENGE only */
    struct bytes account;      /* DONE: its name in the form that we keep; else the name as the client gave it,
                                  for counting and the log, if it is known */
    struct bytes reason;       /* for the log only; never holds secrets */
    struct bytes send_as[KEYS_SASL_SEND_AS_MAX]; /* DONE: entries of its identity (auth/identity.h) */
    size_t send_as_count;
};
void keys_sasl_question_write(struct buf *out, const struct keys_sasl_question *question);
bool keys_sasl_question_read(struct bytes payload, struct keys_sasl_question *question);
void keys_sasl_answer_write(struct buf *out, const struct keys_sasl_answer *answer);
bool keys_sasl_answer_read(struct bytes payload, struct keys_sasl_answer *answer);

/* KEYS_CREDENTIALS: the name of a route section. The answer: what the courier authenticates with there. */
struct keys_credentials {
    bool found;
    struct bytes user, password;
};
void keys_credentials_question_write(struct buf *out, struct bytes route);
bool keys_credentials_question_read(struct bytes payload, struct bytes *route);
void keys_credentials_answer_write(struct buf *out, const struct keys_credentials *credentials);
bool keys_credentials_answer_read(struct bytes payload, struct keys_credentials *credentials);

#endif
