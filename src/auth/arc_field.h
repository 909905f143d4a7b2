/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arc_field: what one header field of ARC says (rfc8617:4.1).
 *
 * Decoded values live in the arena, the others point into the field. A field whose instance cannot
 * be read belongs to no set; one that breaks another rule is known by its instance nevertheless.
 */
#ifndef VOUCH_AUTH_ARC_FIELD_H
#define VOUCH_AUTH_ARC_FIELD_H

#include "auth/dkim_signature.h"
#include "message/auth_results.h"

/* In the order in which a seal covers them (rfc8617:5.1.1). */
enum arc_kind { ARC_AUTHENTICATION_RESULTS, ARC_MESSAGE_SIGNATURE, ARC_SEAL, ARC_KINDS };

const char *arc_kind_name(enum arc_kind kind); /* "ARC-Seal", … */
/* Whether a field of that name is one of the three. */
bool arc_kind_of(struct bytes name, enum arc_kind *out);

/* Splits "i=1; results" (rfc8617:4.1.1); `payload` is what auth_results_parse() reads. The instance
 * is 1 or more, and not limited otherwise. PERM: it does not begin so. */
enum result arc_auth_results_split(struct bytes value, unsigned *instance, struct bytes *payload,
                                   struct error *error) must_check;

/* An ARC-Message-Signature or ARC-Seal. */
struct arc_signature {
    unsigned instance; /* 0 if it cannot be read */
    struct dkim_signature signature;
    enum auth_result cv; /* of a seal: none, pass, fail; AUTH_UNKNOWN if it cannot be read */
};

/* OK; PERM: it breaks the rules, with `instance` and `cv` set if these can be read; TEMP: the
 * arena's cap. What merely asks for an unknown algorithm or canonicalization is PERM, too: the
 * chain fails (rfc8617:5.2.1). */
enum result arc_signature_parse(struct arena *arena, enum arc_kind kind, struct bytes value,
                                struct arc_signature *out, struct error *error) must_check;

#endif
