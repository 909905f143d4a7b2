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

#endif
