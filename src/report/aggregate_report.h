/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * aggregate_report: what a receiver of mail counted for a domain with a DMARC policy, from its XML form
 * (rfc7489:C, and rfc9990:3.1 in the namespace urn:ietf:params:xml:ns:dmarc-2.0).
 *
 * Everything is copied into the arena; the XML need not outlive the call. What a report of RFC 9990 must
 * have is demanded. Reports of the older format vary, so from them only what gives them meaning is
 * demanded: reporter, period, domain, and for each record its address, its count and what was found.
 * Elements that are not known are passed over. Numbers, addresses and periods must be what they are said
 * to be in either format, or the whole report is refused: who cannot count is not to be counted on.
 */
#ifndef VOUCH_REPORT_AGGREGATE_REPORT_H
#define VOUCH_REPORT_AGGREGATE_REPORT_H

#include "base/arena.h"
#include "base/ip.h"
#include "message/auth_results.h"

enum {
    AGGREGATE_RECORDS_MAX = 100000,
    AGGREGATE_RESULTS_MAX = 200,   /* of DKIM, SPF, or reasons, in one record; rfc9990:3.1.4 wants 100 */
    AGGREGATE_COUNT_MAX = 1000000000 /* messages of one record */
};

enum aggregate_disposition {
    AGGREGATE_NOT_SAID, /* absent, or a word that is not known */
    AGGREGATE_NONE,
    AGGREGATE_PASS,     /* rfc9990: passed, so the policy did not apply */
    AGGREGATE_QUARANTINE,
    AGGREGATE_REJECT
};
const char *aggregate_disposition_name(enum aggregate_disposition disposition); /* "" if not said */

/* Whether an authentication gave an aligned pass. */
enum aggregate_alignment { AGGREGATE_UNKNOWN, AGGREGATE_ALIGNED, AGGREGATE_NOT_ALIGNED };
const char *aggregate_alignment_name(enum aggregate_alignment alignment); /* "pass", "fail", "" */

struct aggregate_policy {
    struct bytes domain;
    enum aggregate_disposition p, sp, np;
    char adkim, aspf;              /* 'r', 's', or 0 */
    int pct;                       /* -1: not said */
    char testing;                  /* 'y', 'n', or 0 */
    struct bytes fo;
    struct bytes discovery_method; /* "psl", "treewalk" */
};

struct aggregate_reason {
    struct bytes type, comment;
};

struct aggregate_auth {
    struct bytes domain;
    struct bytes selector;      /* DKIM */
    struct bytes scope;         /* SPF: "mfrom", "helo" */
    struct bytes result;        /* as written */
    enum auth_result known;     /* what it means, if is_known */
    bool is_known;
    struct bytes human_result;
};

struct aggregate_record {
    struct ip source;
    uint64_t count;
    enum aggregate_disposition disposition;
    enum aggregate_alignment dkim, spf;
    struct bytes header_from, envelope_from, envelope_to;
    bool has_envelope_from;     /* it may be there and empty: the null reverse-path */
    struct aggregate_reason *reasons;
    struct aggregate_auth *dkim_results, *spf_results;
    size_t reason_count, dkim_count, spf_count;
};

struct aggregate_report {
    bool rfc9990;               /* by its namespace */
    struct bytes version;
    struct bytes org_name, email, extra_contact_info, report_id, error, generator;
    int64_t begin, end;         /* epoch seconds; begin <= end */
    struct aggregate_policy policy;
    struct aggregate_record *records;
    size_t record_count;        /* at least 1 */
    uint64_t message_count;     /* the sum of all counts */
};

/* Whether it passed DMARC: one of the two did with alignment. Unknown in reports that do not say. */
enum aggregate_alignment aggregate_dmarc_result(const struct aggregate_record *record);

/* OK; PERM: it is no such report, or breaks what must hold, with the line in the error; TEMP: the arena's
 * cap. An arena of 64 MB is enough for every report. */
enum result aggregate_report_read(struct arena *arena, struct bytes xml, struct aggregate_report *out,
                                  struct error *error) must_check;

#endif
