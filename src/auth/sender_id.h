/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sender_id: Sender ID (RFC 4406): SPF's check_host() over records with scopes.
 *
 * The evaluation and its limits are SPF's (RFC 7208, which replaced the RFC 4408 that Sender ID
 * builds on; so only TXT records are asked for, and step 1 of rfc4406:4.4 has nothing to do).
 * Everything returned lives in the arena. Waits for DNS.
 */
#ifndef VOUCH_AUTH_SENDER_ID_H
#define VOUCH_AUTH_SENDER_ID_H

#include "auth/spf.h"

enum sender_id_scope { SENDER_ID_MFROM, SENDER_ID_PRA };
const char *sender_id_scope_name(enum sender_id_scope scope); /* "mfrom", "pra" */

struct sender_id_result {
    enum auth_result result;  /* as SPF's */
    struct bytes domain;      /* of the identity checked */
    struct bytes record;      /* the one chosen, empty if none */
    bool fell_back;           /* it is a v=spf1 record (rfc4406:3.4) */
    /* As in struct spf_result; but a fail because the domain of a PRA does not exist (rfc4406:4.3)
     * has a problem, too. */
    struct bytes mechanism, problem, explanation;
    unsigned terms, void_lookups; /* what was used of the limits */
    struct spf_step *steps;       /* with request->trace */
    size_t step_count, steps_omitted;
};

/*
 * `mailbox` is the identity: the PRA, or MAIL FROM (request->sender is not looked at). Where it is
 * empty, MAIL FROM is postmaster at the HELO name as in SPF; for a PRA the result is none.
 */
void sender_id_check(struct dns *dns, struct arena *arena, const struct spf_request *request,
                     enum sender_id_scope scope, struct bytes mailbox,
                     struct sender_id_result *result);

#endif
