/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * openpgp: OpenPGP signatures (RFC 3156, 9580) recognised: who claims to have signed. Nothing is verified:
 * there are no keys. Everything returned lives in the arena.
 */
#ifndef VOUCH_AUTH_OPENPGP_H
#define VOUCH_AUTH_OPENPGP_H

#include "message/auth_results.h"
#include "message/message.h"
#include "message/mime.h"

struct openpgp_result {
    enum auth_result result;  /* none: nothing there; neutral: signed or encrypted, unverified; permerror: malformed */
    const char *form;         /* "multipart/signed", "multipart/encrypted", "cleartext", "inline" */
    bool encrypted;
    struct bytes key_id;      /* issuer key id or fingerprint in hex, as claimed by the signature packet */
    struct bytes signer;      /* Signer's User ID subpacket, if any */
    struct bytes hash;        /* "SHA256", … */
    int64_t created;          /* of the signature, epoch seconds; 0 unknown */
    struct bytes problem;
};

enum result openpgp_check(struct arena *arena, const struct message *message,
                          struct openpgp_result *result) must_check;
/* The same for a message whose structure is known. What stands in forwarded messages is not looked at. */
enum result openpgp_check_parts(struct arena *arena, const struct mime *mime,
                                struct openpgp_result *result) must_check;

#endif
