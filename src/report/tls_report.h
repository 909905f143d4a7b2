/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tls_report: how often senders got a proper TLS session to a domain, from its JSON form (RFC 8460).
 *
 * Everything is copied into the arena. Reporter, period and the list of policies must be there, counts
 * must be numbers and addresses addresses; members that are not known are passed over.
 */
#ifndef VOUCH_REPORT_TLS_REPORT_H
#define VOUCH_REPORT_TLS_REPORT_H

#include "base/arena.h"
#include "base/ip.h"

enum {
    TLS_REPORT_SIZE_MAX = 10 * 1024 * 1024,
    /* What the parser of JSON makes of each takes far more room than its text. */
    TLS_REPORT_CONTAINERS_MAX = 200000, /* objects and arrays */
    TLS_REPORT_VALUES_MAX = 1000000
};

enum tls_report_policy_type {
    TLS_REPORT_POLICY_OTHER, /* absent, or not of RFC 8460 */
    TLS_REPORT_TLSA,
    TLS_REPORT_STS,
    TLS_REPORT_NO_POLICY
};

struct tls_report_failure {
    struct bytes result_type;
    struct ip sending_mta, receiving; /* family 0: not said */
    struct bytes receiving_mx_hostname, receiving_mx_helo;
    uint64_t count;
    struct bytes additional_information, failure_reason_code;
};

struct tls_report_policy {
    enum tls_report_policy_type type;
    struct bytes type_name;
    struct bytes domain;           /* may be empty */
    struct bytes *strings, *mx_hosts;
    size_t string_count, mx_host_count;
    uint64_t successful, failed;   /* sessions */
    struct tls_report_failure *failures;
    size_t failure_count;
};

struct tls_report {
    struct bytes organization_name, contact_info, report_id;
    int64_t begin, end;            /* epoch seconds; begin <= end */
    struct tls_report_policy *policies;
    size_t policy_count;           /* at least 1 */
};

/* OK; PERM: it is no such report, or breaks what must hold; TEMP: the arena's cap, or no memory. */
enum result tls_report_read(struct arena *arena, struct bytes text, struct tls_report *out,
                            struct error *error) must_check;

/* "2016-04-01T23:59:59Z", also with a fraction or an offset (rfc3339:5.6), or with neither: then UTC. */
bool tls_report_read_time(struct bytes text, int64_t *epoch);

#endif
