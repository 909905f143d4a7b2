/* SPDX-License-Identifier: BSD-2-Clause */
/* MTA-STS records and policies, TLSRPT and BIMI records: what is taken for valid is. */
#include "base/ascii.h"
#include "base/domain.h"
#include "lint/bimi.h"
#include "outbound/mta_sts.h"
#include "outbound/tlsrpt.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(struct bytes part, struct bytes text)
{
    return !part.len || (part.ptr >= text.ptr && part.ptr + part.len <= text.ptr + text.len);
}

static void check_record(struct bytes text)
{
    struct mta_sts_record record;
    struct error error = {"unset"};
    enum result result = mta_sts_record_parse(text, &record, &error);
    require(result == OK || strcmp(error.text, "unset") != 0);
    if (result != OK)
        return;
    require(bytes_starts_with(text, BYTES("v=STSv1")) && is_inside(record.id, text));
    require(record.id.len && record.id.len <= MTA_STS_ID_MAX);
    for (size_t i = 0; i < record.id.len; i++)
        require(ascii_is_alnum(record.id.ptr[i]));
}

static void check_policy(struct bytes text)
{
    static struct mta_sts_policy policy;
    struct error error = {"unset"};
    enum result result = mta_sts_policy_parse(text, &policy, &error);
    require(result == OK || strcmp(error.text, "unset") != 0);
    if (result != OK)
        return;
    require(policy.max_age <= MTA_STS_AGE_MAX && policy.pattern_count <= MTA_STS_PATTERNS_MAX);
    require(policy.mode == MTA_STS_NONE || policy.pattern_count);
    for (size_t i = 0; i < policy.pattern_count; i++) {
        struct bytes pattern = policy.patterns[i];
        bool wild = bytes_starts_with(pattern, BYTES("*."));
        require(domain_is_hostname(wild ? bytes_skip(pattern, 2) : pattern));
        require(wild || mta_sts_pattern_matches(pattern, pattern));
        /* A wildcard takes neither the name itself nor two labels. */
        require(!wild || !mta_sts_pattern_matches(pattern, bytes_skip(pattern, 2)));
    }
}

static void check_tlsrpt(struct bytes text)
{
    static struct tlsrpt_record record;
    struct error error = {"unset"};
    enum result result = tlsrpt_record_parse(text, &record, &error);
    require(result == OK || strcmp(error.text, "unset") != 0);
    if (result != OK)
        return;
    require(record.destination_count && record.destination_count <= TLSRPT_DESTINATIONS_MAX);
    for (size_t i = 0; i < record.destination_count; i++)
        require(is_inside(record.destinations[i], text) &&
                bytes_find_byte(record.destinations[i], ';') == BYTES_NOT_FOUND);
}

static void check_bimi(struct bytes text)
{
    struct bimi_record record;
    struct error error = {"unset"};
    enum result result = bimi_record_parse(text, &record, &error);
    require(result == OK || strcmp(error.text, "unset") != 0);
    if (result != OK)
        return;
    require(!record.location.len || bytes_starts_with_nocase(record.location, BYTES("https://")));
    require(is_inside(record.location, text) && is_inside(record.evidence, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_from(size ? data : (const uint8_t *)"", size);
    check_record(text);
    check_policy(text);
    check_tlsrpt(text);
    check_bimi(text);
    return 0;
}
