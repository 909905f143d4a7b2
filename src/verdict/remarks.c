/* SPDX-License-Identifier: BSD-2-Clause */
#include "verdict/court.h"

void court_remarks(struct court *court)
{
    for (size_t i = 0; i < court->evidence->item_count; i++) {
        const struct evidence_item *item = &court->evidence->items[i];
        struct bytes domain;
        switch (item->check) {
        case CHECK_DKIM:
            if (item->result == AUTH_NONE)
                break;
            if (item->property_count == 0) { /* of those beyond the limit */
                court_reason(court, CHECK_DKIM, REASON_AGAINST, BYTES_FMT, BYTES_ARG(item->reason));
                break;
            }
            domain = evidence_value(item, "header", "d");
            court_reason(court, CHECK_DKIM, item->result == AUTH_PASS ? REASON_FOR : REASON_NOTES,
                         "DKIM signature of " BYTES_FMT ": %s" BYTES_FMT BYTES_FMT,
                         BYTES_ARG(domain), auth_result_name(item->result),
                         BYTES_ARG(item->reason.len ? BYTES(", ") : BYTES("")),
                         BYTES_ARG(item->reason));
            break;
        case CHECK_SPF:
            domain = evidence_value(item, "vouch", "domain");
            court_reason(court, CHECK_SPF, item->result == AUTH_PASS ? REASON_FOR : REASON_NOTES,
                         "SPF for " BYTES_FMT ": %s", BYTES_ARG(domain),
                         auth_result_name(item->result));
            break;
        case CHECK_SESSION:
            court_reason(court, CHECK_SESSION, REASON_AGAINST, BYTES_FMT, BYTES_ARG(item->reason));
            break;
        case CHECK_IPREV:
            if (item->result != AUTH_PASS)
                court_reason(court, CHECK_IPREV, REASON_NOTES, "reverse DNS: %s",
                             auth_result_name(item->result));
            break;
        case CHECK_SPF_HELO:
            if (item->result == AUTH_FAIL)
                court_reason(court, CHECK_SPF_HELO, REASON_AGAINST, "SPF fails for the HELO name");
            break;
        case CHECK_HELO:
            if (item->result == AUTH_FAIL || item->result == AUTH_PERMERROR)
                court_reason(court, CHECK_HELO, REASON_AGAINST, BYTES_FMT, BYTES_ARG(item->reason));
            break;
        case CHECK_SPF_GUESS:
            court_reason(court, CHECK_SPF_GUESS, REASON_NOTES,
                         "guess, as there is no SPF record: %s", auth_result_name(item->result));
            break;
        case CHECK_SENDER_ID:
            if (item->result != AUTH_FAIL)
                court_reason(court, CHECK_SENDER_ID, REASON_NOTES,
                             "Sender ID for " BYTES_FMT ": %s",
                             BYTES_ARG(evidence_value(item, "vouch", "domain")),
                             auth_result_name(item->result));
            break;
        case CHECK_SUBMITTER:
            if (item->result == AUTH_FAIL)
                court_reason(court, CHECK_SUBMITTER, REASON_AGAINST, BYTES_FMT,
                             BYTES_ARG(item->reason));
            break;
        case CHECK_VBR:
            if (item->result == AUTH_PASS)
                court_reason(court, CHECK_VBR, REASON_FOR, BYTES_FMT " vouches for " BYTES_FMT,
                             BYTES_ARG(evidence_value(item, "header", "mv")),
                             BYTES_ARG(evidence_value(item, "header", "md")));
            break;
        case CHECK_HASHCASH:
            if (item->result != AUTH_NONE)
                court_reason(
                    court, CHECK_HASHCASH, item->result == AUTH_PASS ? REASON_FOR : REASON_NOTES,
                    "hashcash stamp: %s" BYTES_FMT BYTES_FMT, auth_result_name(item->result),
                    BYTES_ARG(item->reason.len ? BYTES(", ") : BYTES("")), BYTES_ARG(item->reason));
            break;
        case CHECK_ARC:
            if (item->result == AUTH_FAIL)
                court_reason(court, CHECK_ARC, REASON_NOTES, "the ARC chain is broken: " BYTES_FMT,
                             BYTES_ARG(item->reason));
            break;
        default:
            break;
        }
    }
}
