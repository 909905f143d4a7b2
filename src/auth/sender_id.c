/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth/sender_id.h"

#include "auth/spf_check.h"
#include "message/mailbox.h"

const char *sender_id_scope_name(enum sender_id_scope scope)
{
    return scope == SENDER_ID_PRA ? "pra" : "mfrom";
}

void sender_id_check(struct dns *dns, struct arena *arena, const struct spf_request *request,
                     enum sender_id_scope scope, struct bytes mailbox,
                     struct sender_id_result *result)
{
    bool pra = scope == SENDER_ID_PRA, spf2;
    struct spf_result spf;
    *result = (struct sender_id_result){.result = AUTH_NONE};
    if (pra && mailbox.len == 0) {
        result->problem = BYTES("the message has no Purported Responsible Address");
        return;
    }
    /* rfc4406:4, step 1: without a reverse-path as SPF does it. A helo with '@' is no domain. */
    struct bytes sender = mailbox.len ? mailbox : request->helo;
    struct bytes domain = mailbox.len ? mailbox_domain_or_all(mailbox) : request->helo;
    spf_check_in_scope(dns, arena, request, pra ? SPF_SCOPE_PRA : SPF_SCOPE_MFROM, domain, sender,
                       &spf, &spf2);
    *result = (struct sender_id_result){
        .result = spf.result,
        .domain = spf.domain,
        .record = spf.record,
        .fell_back = spf.record.len && !spf2,
        .mechanism = spf.mechanism,
        .problem = spf.problem,
        .explanation = spf.explanation,
        .terms = spf.terms,
        .void_lookups = spf.void_lookups,
        .steps = spf.steps,
        .step_count = spf.step_count,
        .steps_omitted = spf.steps_omitted,
    };
}
