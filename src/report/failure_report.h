/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * failure_report: a message about one message: the Abuse Reporting Format (RFC 5965) with what RFC 6591
 * (authentication failures), RFC 6692 (port) and RFC 9991 (DMARC) add to it.
 *
 * Everything is copied into the arena. Of fields that may stand once the first counts; numbers and
 * addresses that are none make the report refused, as do more values of one field than are kept. What
 * RFC 9991 demands of a report is not demanded here: genuine reporters leave much of it out. The
 * subject's message is a stranger's, and kept as it is.
 */
#ifndef VOUCH_REPORT_FAILURE_REPORT_H
#define VOUCH_REPORT_FAILURE_REPORT_H

#include "base/ip.h"
#include "message/mime.h"

enum {
    FAILURE_VALUES_MAX = 100,             /* of a field that may stand several times */
    FAILURE_MESSAGE_MAX = 1024 * 1024     /* what is kept of the message that it is about */
};

struct failure_values {
    struct bytes *values; /* unfolded */
    size_t count;
};

struct failure_report {
    struct bytes feedback_type;   /* lower case: "auth-failure", "abuse", … */
    unsigned version;
    struct bytes user_agent;
    struct bytes original_envelope_id, original_mail_from, reporting_mta;
    struct failure_values original_rcpt_to, reported_domain, reported_uri, authentication_results;
    bool has_arrival;
    int64_t arrival;              /* epoch seconds */
    struct bytes arrival_date;    /* as written, also where it is no date */
    struct ip source;             /* family 0: not said */
    unsigned source_port;         /* 0: not said */
    uint64_t incidents;           /* 1 if not said (rfc5965:3.2) */

    /* rfc6591:3.2, rfc9991:4 */
    struct failure_values auth_failure; /* lower case: "dmarc", "bodyhash", "spf", … */
    struct bytes delivery_result, identity_alignment;
    struct bytes dkim_domain, dkim_identity, dkim_selector, dkim_selector_dns, dkim_adsp_dns, spf_dns;
    struct bytes dkim_canonicalized_header, dkim_canonicalized_body; /* base64, as written */

    bool has_message;             /* with the report came the message, or */
    bool headers_only;            /* its header */
    bool message_cut;             /* beyond FAILURE_MESSAGE_MAX */
    struct bytes message;
};

/* Whether the message has the form of such a report (rfc5965:2): a multipart/report with a part of type
 * message/feedback-report. Reporters that forget report-type= are forgiven. */
const struct mime_part *failure_report_part(const struct mime *mime);

/* OK; NONE: failure_report_part() finds none; PERM: it breaks what must hold; TEMP: the arena's cap. */
enum result failure_report_read(struct arena *arena, const struct mime *mime, struct failure_report *out,
                                struct error *error) must_check;

/* The fields of a message/feedback-report by themselves, in CRLF form. */
enum result failure_report_read_fields(struct arena *arena, struct bytes text, struct failure_report *out,
                                       struct error *error) must_check;

#endif
