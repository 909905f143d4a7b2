/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report: what other operators report about mail in our name: aggregate and failure reports of DMARC,
 * and TLS reports; as a file (XML, JSON, either in gzip or zip), or as the mail that brought it.
 *
 * What it is, is decided by its octets, not by names and media types, which reporters get wrong. All that
 * is found is copied into the arena. A report is refused as a whole or read as a whole. That a report
 * came says nothing about who sent it: it is as true as the mail that brought it is authentic.
 */
#ifndef VOUCH_REPORT_REPORT_H
#define VOUCH_REPORT_REPORT_H

#include "report/aggregate_report.h"
#include "report/failure_report.h"
#include "report/tls_report.h"

enum {
    REPORT_SIZE_MAX = 20 * 1024 * 1024, /* of a file or mail */
    REPORT_CANDIDATES_MAX = 5           /* parts of a mail that are tried */
};

enum report_kind { REPORT_AGGREGATE, REPORT_FAILURE, REPORT_TLS };
const char *report_kind_name(enum report_kind kind); /* "aggregate", "failure", "tls" */

struct report {
    enum report_kind kind;
    bool in_mail;
    union {
        struct aggregate_report aggregate;
        struct failure_report failure;
        struct tls_report tls;
    };
};

/* OK; PERM: refused, with the reason; TEMP: the arena's cap, or no memory. An arena of 256 MB is enough
 * for whatever is within the limits. */
enum result report_read(struct arena *arena, struct bytes content, struct report *out,
                        struct error *error) must_check;

#endif
