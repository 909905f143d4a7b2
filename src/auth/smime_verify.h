/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smime_verify: the signatures of one CMS object over one content, by OpenSSL.
 *
 * Stateless but for the authorities, which are only read; OpenSSL's queue of errors is left empty.
 */
#ifndef VOUCH_AUTH_SMIME_VERIFY_H
#define VOUCH_AUTH_SMIME_VERIFY_H

#include "auth/smime.h"

struct smime_job {
    struct arena *arena;
    const struct smime_authorities *authorities;
    struct bytes author;
    int64_t now;
    struct bytes object;  /* CMS, decoded */
    struct bytes content; /* what is signed; unused if `opaque`: then it is in the object */
    bool opaque;
};

/* Fills in all but `part`. */
enum result smime_verify(const struct smime_job *job, struct smime_result *result) must_check;

#endif
