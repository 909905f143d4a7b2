/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mta_sts: MTA-STS records and policies (rfc8461:3.1, 3.2).
 *
 * Pure functions; what they give points into the text. PERM with the reason for what is malformed.
 */
#ifndef VOUCH_OUTBOUND_MTA_STS_H
#define VOUCH_OUTBOUND_MTA_STS_H

#include "base/bytes.h"
#include "base/result.h"

enum {
    MTA_STS_ID_MAX = 32,
    MTA_STS_POLICY_MAX = 64 * 1024,
    MTA_STS_PATTERNS_MAX = 100,
    MTA_STS_AGE_MAX = 31557600
};

struct mta_sts_record {
    struct bytes id;
};

enum mta_sts_mode { MTA_STS_NONE, MTA_STS_TESTING, MTA_STS_ENFORCE };
const char *mta_sts_mode_name(enum mta_sts_mode mode);

struct mta_sts_policy {
    enum mta_sts_mode mode;
    uint64_t max_age;                            /* seconds, at most MTA_STS_AGE_MAX */
    struct bytes patterns[MTA_STS_PATTERNS_MAX]; /* "mx.example.org", "*.example.org" */
    size_t pattern_count;
};

/* NONE: not an MTA-STS record, to be passed over. */
enum result mta_sts_record_parse(struct bytes text, struct mta_sts_record *out,
                                 struct error *error) must_check;
enum result mta_sts_policy_parse(struct bytes text, struct mta_sts_policy *out,
                                 struct error *error) must_check;

/* Whether a pattern allows the host: "*." stands for exactly one label (rfc8461:4.1). */
bool mta_sts_pattern_matches(struct bytes pattern, struct bytes host);

/*
 * The fields of "v=…; name=value; …" records (rfc8461:3.1, rfc8460:3), the first being the version.
 * Calls back for each field behind it; PERM when the callback says false or a field is malformed.
 */
enum result mta_sts_fields(struct bytes text,
                           bool (*field)(void *context, struct bytes name, struct bytes value),
                           void *context, struct error *error) must_check;

#endif
