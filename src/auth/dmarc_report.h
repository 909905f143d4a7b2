/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dmarc_report: whether reports may be sent where a policy record wants them
 * (rfc9990, "Verifying External Destinations"; rfc7489:7.1).
 *
 * Anybody can name anybody's mailbox in rua=. So a destination of another organization must have
 * said in DNS that it takes reports for the domain. Everything lives in the arena. Waits for DNS.
 */
#ifndef VOUCH_AUTH_DMARC_REPORT_H
#define VOUCH_AUTH_DMARC_REPORT_H

#include "auth/dmarc.h"
#include "auth/dmarc_uri.h"

enum dmarc_destination_status {
    DMARC_DESTINATION_OWN,       /* of the same organization: nothing was to be asked */
    DMARC_DESTINATION_CONFIRMED, /* it takes reports for the domain */
    DMARC_DESTINATION_MOVED,     /* and wants them at `replacement` instead */
    DMARC_DESTINATION_REFUSED,   /* nothing must be sent there */
    DMARC_DESTINATION_UNKNOWN    /* DNS failed, or memory ran out: to be asked again later */
};
const char *dmarc_destination_status_name(enum dmarc_destination_status status); /* "own", … */

enum dmarc_report_kind { DMARC_REPORT_AGGREGATE, DMARC_REPORT_FAILURE }; /* rua, ruf */

struct dmarc_destination {
    enum dmarc_destination_status status;
    struct bytes problem;  /* why REFUSED or UNKNOWN, a sentence */
    struct bytes question; /* the name that was asked; empty if none was */
    struct bytes record;   /* what confirmed it */
    struct dmarc_uri_list replacement;
};

/* "blue.example.com._report._dmarc.red.example.net". Empty where it would be too long for DNS or one
 * of the two is no domain name, and at the arena's cap. */
struct bytes dmarc_report_question(struct arena *arena, struct bytes policy_domain,
                                   struct bytes host);

/* `policy_domain` is where the record with the URI was found. */
void dmarc_report_destination_check(struct dns *dns, struct arena *arena,
                                    struct bytes policy_domain, const struct dmarc_uri *uri,
                                    enum dmarc_report_kind kind, enum dmarc_mode mode,
                                    int64_t deadline, struct dmarc_destination *out);

/* The reading of the answer by itself, without DNS: `texts` are the TXT records at the question. */
void dmarc_report_read_answer(struct arena *arena, const struct bytes *texts, size_t count,
                              struct bytes host, enum dmarc_report_kind kind,
                              struct dmarc_destination *out);

#endif
