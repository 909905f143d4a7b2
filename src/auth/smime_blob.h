/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smime_blob: what a CMS object (RFC 5652) holds, counted before any library builds it: a certificate or
 * a digest algorithm costs a sender twenty octets and us a hundred microseconds.
 *
 * Walks BER with definite and indefinite lengths, in one pass, without recursion. Slices point into the
 * object. Nothing is verified here.
 */
#ifndef VOUCH_AUTH_SMIME_BLOB_H
#define VOUCH_AUTH_SMIME_BLOB_H

#include "base/bytes.h"

enum smime_kind {
    SMIME_MALFORMED,
    SMIME_SIGNED,
    SMIME_ENCRYPTED, /* enveloped, encrypted or authenticated-enveloped data */
    SMIME_OTHER      /* compressed data, digests, what is not known */
};

struct smime_blob {
    enum smime_kind kind;
    size_t digest_algorithms, certificates, revocation_lists, signers; /* of signed data */
    size_t content; /* octets of its type and of the content, if that is not detached */
};

struct smime_blob smime_blob_read(struct bytes object);

#endif
