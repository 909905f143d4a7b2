/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rating: what somebody who rates domains says of one, as a TXT record at DOMAIN.zone, such as
 * "Status: good Rating: 80".
 *
 * The record is a stranger's: reading it is lenient about blanks, order and unknown words, and never fails
 * loudly. Results are values; rating_check() waits for DNS.
 */
#ifndef VOUCH_REPUTATION_RATING_H
#define VOUCH_REPUTATION_RATING_H

#include "dns/dns.h"
#include "message/auth_results.h"

enum rating_status { RATING_UNKNOWN, RATING_GOOD, RATING_BAD };
const char *rating_status_name(enum rating_status status); /* "unknown", "good", "bad" */

enum { RATING_BEST = 100, RATING_TEXT_MAX = 1000, RATING_RECORDS_MAX = 8 };

struct rating {
    enum rating_status status;
    unsigned value; /* 0 to RATING_BEST, the best; without Rating: the best of good, 0 of bad, else the middle */
};

/* False: there is no Status in it that we know, or it says two different ones. Only the first RATING_TEXT_MAX
 * octets are looked at. */
bool rating_parse(struct bytes text, struct rating *out);

struct rating_result {
    /* pass: good; fail: bad; neutral: unknown; none: no record; permerror: none of its records can be read, or
     * they differ; temperror: DNS failed. */
    enum auth_result result;
    struct rating rating; /* of pass, fail and neutral */
    struct bytes problem; /* a sentence; empty for pass, fail and neutral */
    struct bytes name;    /* what was asked, in the arena; empty: nothing, the name is no domain name */
    const struct dns_answer *answer; /* NULL if nothing was asked */
};

void rating_check(struct dns *dns, struct arena *arena, struct bytes zone, struct bytes domain, int64_t deadline,
                  struct rating_result *result);

#endif
