/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smime: S/MIME signatures (RFC 8551): recognised, and verified against the system's authorities. What
 * they say is reported (RFC 7281) and never trusted more than that.
 *
 * Everything returned lives in the arena. No network: no revocation lists are fetched. Work is bounded:
 * the first SMIME_SIGNERS_LOOKED_AT signatures of the first S/MIME part outside of forwarded messages.
 * The part's exact octets are verified (rfc8551:3.1.1: CRLF line ends, which a message has here).
 */
#ifndef VOUCH_AUTH_SMIME_H
#define VOUCH_AUTH_SMIME_H

#include "message/auth_results.h"
#include "message/message.h"
#include "message/mime.h"

struct smime_authorities; /* loaded once, before the sandbox closes; read-only afterwards */

/* `file` is a PEM bundle; NULL: the system's. */
enum result smime_authorities_load(const char *file, struct smime_authorities **out,
                                   struct error *error) must_check;
void smime_authorities_free(struct smime_authorities *authorities); /* NULL is fine */

/* What an object may hold beside the content; more is neutral, and not looked into. */
enum {
    SMIME_SIGNERS_LOOKED_AT = 3,
    SMIME_SIGNERS_MAX = 20,
    SMIME_CERTIFICATES_MAX = 20,
    SMIME_DIGESTS_MAX = 20,
    SMIME_OVERHEAD_MAX = 256 * 1024, /* octets */
    SMIME_CHAIN_MAX = 8,             /* certificates between the signer's and the authority's */
    SMIME_KEY_BITS_MAX = 8192
};

struct smime_result {
    /* none       no S/MIME signature
     * pass       the signature is good, its chain leads to a known authority, and an address of the
     *            certificate is the author's
     * fail       the signature does not fit
     * policy     good, but the certificate is unknown, expired, or of another address, the digest too weak,
     *            or only a part of the message is signed
     * neutral    encrypted, or of a kind that is not looked into
     * permerror  malformed */
    enum auth_result result;
    struct bytes identifier; /* address in the certificate (RFC 7281: body.smime-identifier) */
    struct bytes part;       /* body.smime-part, "" for the whole body */
    struct bytes serial, issuer; /* body.smime-serial (hexadecimal), body.smime-issuer (as RFC 4514) */
    bool encrypted;
    bool opaque;           /* application/pkcs7-mime, not multipart/signed */
    struct bytes problem;
};

/* `author` is the author's address. NULL authorities: nothing is known, policy at best. */
enum result smime_check(struct arena *arena, const struct message *message, struct bytes author,
                        const struct smime_authorities *authorities, int64_t now,
                        struct smime_result *result) must_check;
/* The same for a message whose structure is known. */
enum result smime_check_parts(struct arena *arena, const struct mime *mime, struct bytes author,
                              const struct smime_authorities *authorities, int64_t now,
                              struct smime_result *result) must_check;

#endif
